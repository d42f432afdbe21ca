/* Many clients in one process, each with a DTLS session of its own to the same server, which it observes.
   Usage: many_clients URI CREDENTIALS-FILE COUNT

   Says "ready" when all observe, and answers lines on its input: "ask" has each ask once more and says "answered N
   failed M" when all have heard; "report" says "opened N lost N current N", the handshakes and sessions that ended so
   far, and how many have seen the state that was seen last. */
#include <coax/coax.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

struct client {
    coax_endpoint *endpoint;
    coax_observation *observation;
    char state[64];
};

static struct client *clients;
static size_t client_count, ready, opened, lost, answered, failed;
static char latest[64];

static void note_connection(coax_remote *remote, const coax_error *error, void *user) {
    (void)remote;
    (void)user;
    opened += error == NULL;
    lost += error != NULL;
}

static void told(coax_observation *observation, const coax_message *state, const coax_error *error, void *user) {
    struct client *client = user;
    (void)observation;
    if (error != NULL) {
        fprintf(stderr, "an observation ended: %s\n", error->text);
        client->observation = NULL;
        return;
    }
    ready += client->state[0] == '\0';
    (void)snprintf(client->state, sizeof client->state, "%.*s", (int)coax_message_payload_size(state),
                   (const char *)coax_message_payload(state));
    memcpy(latest, client->state, sizeof latest);
    if (ready == client_count) {
        ready++;
        puts("ready");
    }
}

static void answer(coax_request *request, const coax_message *response, const coax_error *error, void *user) {
    (void)request;
    (void)user;
    if (error != NULL && failed == 0) {
        fprintf(stderr, "a request failed: %s\n", error->text);
    }
    answered += response != NULL;
    failed += response == NULL;
    if (answered + failed == client_count) {
        printf("answered %zu failed %zu\n", answered, failed);
    }
}

static int complain(const coax_error *error) {
    fprintf(stderr, "%s\n", error->text);
    return 1;
}

static int ask_all(const char *uri) {
    coax_error error;
    answered = failed = 0;
    for (size_t i = 0; i < client_count; i++) {
        coax_request *request;
        if (coax_request_new(&request, clients[i].endpoint, COAX_GET, uri, &error) != COAX_OK
            || coax_request_send(request, answer, NULL, &error) != COAX_OK) {
            return complain(&error);
        }
    }
    return 0;
}

static void report(void) {
    size_t current = 0;
    for (size_t i = 0; i < client_count; i++) {
        current += strcmp(clients[i].state, latest) == 0;
    }
    printf("opened %zu lost %zu current %zu\n", opened, lost, current);
}

static int start(struct client *client, const char *uri, const char *credentials) {
    coax_endpoint_config config = COAX_ENDPOINT_CONFIG_INIT;
    coax_error error;
    config.connections = note_connection;
    config.ack_timeout_ms = 500; /* so that a server that is gone is noticed in seconds */
    config.max_peers = 4;        /* pools are made for as many as there may be */
    config.max_requests = config.max_replies = 16;
    bool good =
        coax_endpoint_new(&client->endpoint, &config, &error) == COAX_OK
        && coax_credentials_load_file(coax_endpoint_credentials(client->endpoint), credentials, NULL, &error) == COAX_OK
        && coax_observe(client->endpoint, uri, NULL, told, client, &client->observation, &error) == COAX_OK;
    return good ? 0 : complain(&error);
}

/* Until the input ends. */
static int run(const char *uri) {
    struct pollfd *waits = calloc(client_count + 1, sizeof *waits);
    char line[32];
    int code = waits == NULL;
    while (code == 0) {
        int timeout_ms = 1000;
        for (size_t i = 0; i < client_count; i++) {
            int next_ms = coax_endpoint_timeout_ms(clients[i].endpoint);
            timeout_ms = next_ms >= 0 && next_ms < timeout_ms ? next_ms : timeout_ms;
            waits[i] = (struct pollfd){.fd = coax_endpoint_fd(clients[i].endpoint), .events = POLLIN};
        }
        waits[client_count] = (struct pollfd){.fd = 0, .events = POLLIN};
        (void)poll(waits, client_count + 1, timeout_ms);
        for (size_t i = 0; i < client_count; i++) {
            if (waits[i].revents != 0 || coax_endpoint_timeout_ms(clients[i].endpoint) == 0) {
                (void)coax_endpoint_process(clients[i].endpoint, NULL);
            }
        }
        if (waits[client_count].revents != 0) {
            if (fgets(line, sizeof line, stdin) == NULL) {
                break;
            }
            if (strcmp(line, "ask\n") == 0) {
                code = ask_all(uri);
            } else {
                report();
            }
        }
    }
    free(waits);
    return code;
}

int main(int count, char **arguments) {
    struct rlimit limit;
    int code = count == 4 ? 0 : 1;
    setvbuf(stdout, NULL, _IOLBF, 0);
    setvbuf(stdin, NULL, _IONBF, 0); /* a line that is read ahead would not be polled for */
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &limit);
    }
    client_count = code == 0 ? (size_t)strtoul(arguments[3], NULL, 10) : 0;
    clients = calloc(client_count + 1, sizeof *clients);
    for (size_t i = 0; i < client_count && code == 0; i++) {
        code = start(&clients[i], arguments[1], arguments[2]);
    }
    code = code == 0 ? run(arguments[1]) : code;
    for (size_t i = 0; i < client_count; i++) {
        coax_observation_cancel(clients[i].observation);
        coax_endpoint_free(clients[i].endpoint);
    }
    free(clients);
    return code;
}
