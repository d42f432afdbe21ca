/* A load generator: so many peers (endpoints with sockets, sessions or connections of their own), each with so many
   requests under way, for a fixed number of requests.

   load URI PEERS WINDOW REQUESTS [CREDENTIALS-FILE]

   The peers begin, 32 at a time, with a request each, and a line of JSON says how that went. Then it waits for a
   line on standard input, sends the requests, and reports again. The peers stay, idle, until standard input ends. So
   who runs it (bench/run) can measure the server at each of these moments. */
#include <coax/coax.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { PEERS_MAXIMUM = 2000, WINDOW_MAXIMUM = 1000, BEGINNING = 32 };

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

/* Ends the program if it cannot. */
static void open_peers(struct load *load, struct peer *peers, unsigned count, unsigned long window,
                       const char *credentials) {
    coax_endpoint_config config = COAX_ENDPOINT_CONFIG_INIT;
    config.nstart = (uint32_t)window;
    config.max_queue_per_peer = (uint32_t)window;
    for (unsigned i = 0; i < count; i++) {
        coax_error error;
        peers[i].load = load;
        if (coax_endpoint_new(&peers[i].endpoint, &config, &error) != COAX_OK
            || (credentials != NULL
                && coax_credentials_load_file(coax_endpoint_credentials(peers[i].endpoint), credentials, NULL, &error)
                       != COAX_OK)) {
            fprintf(stderr, "load: %s\n", error.text);
            exit(1);
        }
    }
}

/* So many requests of these peers; how many of them failed. */
static unsigned long ask(struct load *load, struct peer *peers, unsigned count, unsigned long window,
                         unsigned long total) {
    load->left = total;
    load->done = load->failed = 0;
    for (unsigned i = 0; i < count; i++) {
        for (unsigned long k = 0; k < window; k++) {
            send_next(&peers[i]);
        }
    }
    drive(load, total, peers, count);
    if (load->failed > 0) {
        fprintf(stderr, "load: %s\n", load->first_error.text);
    }
    return load->failed;
}

static void report(unsigned long requests, unsigned long failed, double since) {
    printf("{\"requests\": %lu, \"failed\": %lu, \"seconds\": %.6f}\n", requests, failed, now_s() - since);
    (void)fflush(stdout);
}

static unsigned long begin(struct load *load, struct peer *peers, unsigned count) {
    unsigned long failed = 0;
    double start = now_s();
    for (unsigned i = 0; i < count && failed == 0; i += BEGINNING) {
        unsigned some = count - i < BEGINNING ? count - i : BEGINNING;
        failed += ask(load, &peers[i], some, 1, some);
    }
    report(count, failed, start);
    return failed;
}

/* False at the end of standard input. */
static bool wait_for_line(void) {
    int character;
    while ((character = getchar()) != EOF && character != '\n') {
    }
    return character != EOF;
}

int main(int count, char **words) {
    static struct peer peers[PEERS_MAXIMUM];
    if (count < 5) {
        fprintf(stderr, "usage: load URI PEERS WINDOW REQUESTS [CREDENTIALS-FILE]\n");
        return 2;
    }
    struct load load = {.uri = words[1]};
    unsigned peer_count = (unsigned)strtoul(words[2], NULL, 10);
    unsigned long window = strtoul(words[3], NULL, 10), requests = strtoul(words[4], NULL, 10);
    if (peer_count < 1 || peer_count > PEERS_MAXIMUM || window < 1 || window > WINDOW_MAXIMUM) {
        fprintf(stderr, "load: 1 to %d peers, a window of 1 to %d\n", PEERS_MAXIMUM, WINDOW_MAXIMUM);
        return 2;
    }
    open_peers(&load, peers, peer_count, window, count > 5 ? words[5] : NULL);
    unsigned long failed = begin(&load, peers, peer_count);
    if (failed == 0 && wait_for_line()) {
        double start = now_s();
        failed = ask(&load, peers, peer_count, window, requests);
        report(requests, failed, start);
        while (wait_for_line()) {
        }
    }
    for (unsigned i = 0; i < peer_count; i++) {
        coax_endpoint_free(peers[i].endpoint);
    }
    return failed == 0 ? 0 : 1;
}
