/* A load generator: so many peers (endpoints with sockets of their own), each with so many requests under way, for a
   fixed number of requests. Prints one JSON line: requests, failures, seconds. The server's CPU is measured by who runs
   it (bench/run).

   load URI PEERS WINDOW REQUESTS [CREDENTIALS-FILE] */
#include <coax/coax.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { PEERS_MAXIMUM = 1000, WINDOW_MAXIMUM = 1000 };

struct load {
    const char *uri;
    unsigned long left, done, failed;
    coax_error first_error;
};

struct peer {
    struct load *load;
    coax_endpoint *endpoint;
};

static void answered(coax_request *request, const coax_message *response, const coax_error *error, void *user);

static void send_next(struct peer *peer) {
    struct load *load = peer->load;
    coax_request *request;
    coax_error error;
    if (load->left == 0) {
        return;
    }
    load->left--;
    if (coax_request_new(&request, peer->endpoint, COAX_GET, load->uri, &error) != COAX_OK
        || coax_request_send(request, answered, peer, &error) != COAX_OK) {
        fprintf(stderr, "load: %s\n", error.text);
        exit(1);
    }
}

static void answered(coax_request *request, const coax_message *response, const coax_error *error, void *user) {
    struct peer *peer = user;
    struct load *load = peer->load;
    (void)request;
    load->done++;
    if (response == NULL || coax_message_code(response) != COAX_CONTENT) {
        if (load->failed++ == 0 && error != NULL) {
            load->first_error = *error;
        }
    }
    send_next(peer);
}

static double now_s(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void drive(const struct load *load, unsigned long total, struct peer *peers, unsigned count) {
    static struct pollfd waits[PEERS_MAXIMUM];
    enum { PATIENCE_MS = 100 };
    for (unsigned i = 0; i < count; i++) {
        waits[i] = (struct pollfd){.fd = coax_endpoint_fd(peers[i].endpoint), .events = POLLIN};
        (void)coax_endpoint_process(peers[i].endpoint, NULL); /* the first requests go out */
    }
    while (load->done < total) {
        int ready = poll(waits, count, PATIENCE_MS);
        for (unsigned i = 0; i < count; i++) {
            if (ready == 0 || waits[i].revents != 0) {
                (void)coax_endpoint_process(peers[i].endpoint, NULL);
            }
        }
    }
}

int main(int count, char **arguments) {
    static struct peer peers[PEERS_MAXIMUM];
    if (count < 5) {
        fprintf(stderr, "usage: load URI PEERS WINDOW REQUESTS [CREDENTIALS-FILE]\n");
        return 2;
    }
    struct load load = {.uri = arguments[1], .left = strtoul(arguments[4], NULL, 10)};
    unsigned long peer_count = strtoul(arguments[2], NULL, 10);
    unsigned long window = strtoul(arguments[3], NULL, 10);
    unsigned long total = load.left;
    if (peer_count < 1 || peer_count > PEERS_MAXIMUM || window < 1 || window > WINDOW_MAXIMUM) {
        fprintf(stderr, "load: 1 to %d peers, a window of 1 to %d\n", PEERS_MAXIMUM, WINDOW_MAXIMUM);
        return 2;
    }
    coax_endpoint_config config = COAX_ENDPOINT_CONFIG_INIT;
    config.nstart = (uint32_t)window;
    config.max_queue_per_peer = (uint32_t)window;
    for (unsigned i = 0; i < peer_count; i++) {
        coax_error error;
        peers[i].load = &load;
        if (coax_endpoint_new(&peers[i].endpoint, &config, &error) != COAX_OK
            || (count > 5
                && coax_credentials_load_file(coax_endpoint_credentials(peers[i].endpoint), arguments[5], NULL, &error)
                       != COAX_OK)) {
            fprintf(stderr, "load: %s\n", error.text);
            return 1;
        }
    }
    double start = now_s();
    for (unsigned i = 0; i < peer_count; i++) {
        for (unsigned long k = 0; k < window; k++) {
            send_next(&peers[i]);
        }
    }
    drive(&load, total, peers, (unsigned)peer_count);
    double seconds = now_s() - start;
    for (unsigned i = 0; i < peer_count; i++) {
        coax_endpoint_free(peers[i].endpoint);
    }
    printf("{\"requests\": %lu, \"answered\": %lu, \"failed\": %lu, \"seconds\": %.3f}\n", total,
           load.done - load.failed, load.failed, seconds);
    if (load.failed > 0) {
        fprintf(stderr, "load: %s\n", load.first_error.text);
    }
    return load.done == total && load.failed == 0 ? 0 : 1;
}
