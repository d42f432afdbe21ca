/* Many DTLS sessions of one client: with a server on all addresses, one session with each of so many of loopback's.

   sessions PORT CREDENTIALS-FILE COUNT

   Each asks for /value once. Then a line of JSON says how many have their answer, and the sessions stay, idle, until
   standard input ends. */
#include <coax/coax.h>
#include <stdio.h>
#include <stdlib.h>

enum { FIRST = 0x7f010001, UNDER_WAY = 64 };

static struct sessions {
    coax_endpoint *endpoint;
    const char *port;
    unsigned count, begun, answered, failed;
} sessions;

static void begin(void);

static void on_response(coax_request *request, const coax_message *response, const coax_error *error, void *user) {
    (void)request;
    (void)user;
    if (response == NULL) {
        fprintf(stderr, "sessions: %s\n", error->text);
        sessions.failed++;
    } else {
        sessions.answered++;
    }
    begin();
    if (sessions.answered + sessions.failed == sessions.count) {
        coax_endpoint_stop(sessions.endpoint);
    }
}

/* One more, if there is one. */
static void begin(void) {
    if (sessions.begun == sessions.count) {
        return;
    }
    unsigned address = FIRST + sessions.begun++;
    coax_request *request;
    coax_error error;
    char uri[64];
    (void)snprintf(uri, sizeof uri, "coaps://%u.%u.%u.%u:%s/value", address >> 24, address >> 16 & 255,
                   address >> 8 & 255, address & 255, sessions.port);
    if (coax_request_new(&request, sessions.endpoint, COAX_GET, uri, &error) != COAX_OK
        || coax_request_send(request, on_response, NULL, &error) != COAX_OK) {
        fprintf(stderr, "sessions: %s\n", error.text);
        exit(1);
    }
}

int main(int count, char **words) {
    if (count < 4) {
        fprintf(stderr, "usage: sessions PORT CREDENTIALS-FILE COUNT\n");
        return 2;
    }
    coax_endpoint_config settings = COAX_ENDPOINT_CONFIG_INIT;
    coax_error error;
    sessions.port = words[1];
    sessions.count = (unsigned)strtoul(words[3], NULL, 10);
    settings.max_peers = settings.max_sessions = sessions.count + 1000;
    settings.session_idle_ms = 0;
    if (coax_endpoint_new(&sessions.endpoint, &settings, &error) != COAX_OK
        || coax_credentials_load_file(coax_endpoint_credentials(sessions.endpoint), words[2], NULL, &error)
               != COAX_OK) {
        fprintf(stderr, "sessions: %s\n", error.text);
        return 1;
    }
    for (unsigned i = 0; i < UNDER_WAY; i++) {
        begin();
    }
    (void)coax_endpoint_run(sessions.endpoint, NULL);
    printf("{\"answered\": %u, \"failed\": %u}\n", sessions.answered, sessions.failed);
    fflush(stdout);
    while (getchar() != EOF) {
    }
    coax_endpoint_free(sessions.endpoint);
    return sessions.failed > 0;
}
