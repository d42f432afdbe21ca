/* A server and a client endpoint on loopback, driven together in one thread. */
#ifndef COAX_TESTS_ENDPOINT_FIXTURE_H
#define COAX_TESTS_ENDPOINT_FIXTURE_H

#include <coax/coax.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

struct endpoint_pair {
    coax_endpoint *server, *client;
    char uri[128]; /* what the server's first listener serves */
};

struct answer {
    unsigned count;
    uint8_t code;
    char payload[256];
    coax_error error;
};

static inline void note_answer(coax_request *request, const coax_message *response, const coax_error *error,
                               void *user) {
    struct answer *answer = user;
    (void)request;
    answer->count++;
    if (response != NULL) {
        size_t size = coax_message_payload_size(response);
        size = size < sizeof answer->payload ? size : sizeof answer->payload - 1;
        answer->code = coax_message_code(response);
        if (size > 0) {
            memcpy(answer->payload, coax_message_payload(response), size);
        }
        answer->payload[size] = '\0';
    } else {
        answer->error = *error;
    }
}

/* What the callback for connections was told. */
struct connection_log {
    unsigned opened, ended;
    coax_remote *last_opened; /* not a reference */
    coax_error error;
};

static inline void note_connection(coax_remote *remote, const coax_error *error, void *user) {
    struct connection_log *log = user;
    if (error == NULL) {
        log->opened++;
        log->last_opened = remote;
    } else {
        log->ended++;
        log->error = *error;
    }
}

static inline int sooner(int a_ms, int b_ms) {
    return a_ms < 0 ? b_ms : b_ms < 0 || a_ms < b_ms ? a_ms : b_ms;
}

/* Drives both until *count is not 0; false if nothing happens for 20 s. */
static inline bool drive(struct endpoint_pair *pair, const unsigned *count) {
    coax_endpoint *endpoints[2] = {pair->client, pair->server};
    enum { PATIENCE_MS = 20000 };
    while (*count == 0) {
        struct pollfd waits[2];
        int timeout_ms = PATIENCE_MS;
        nfds_t used = 0;
        for (int i = 0; i < 2; i++) {
            if (endpoints[i] != NULL) {
                waits[used++] = (struct pollfd){.fd = coax_endpoint_fd(endpoints[i]), .events = POLLIN};
                timeout_ms = sooner(timeout_ms, coax_endpoint_timeout_ms(endpoints[i]));
            }
        }
        if (poll(waits, used, timeout_ms) == 0 && timeout_ms == PATIENCE_MS) {
            return false;
        }
        for (int i = 0; i < 2; i++) {
            if (endpoints[i] != NULL && coax_endpoint_process(endpoints[i], NULL) != COAX_OK) {
                return false;
            }
        }
    }
    return true;
}

static inline void serve_hello(coax_exchange *exchange, const coax_message *request, void *user) {
    (void)request;
    (void)user;
    const char *claim = coax_remote_claim(coax_exchange_remote(exchange));
    (void)coax_respond_text(exchange, COAX_CONTENT, "hello %s", claim == NULL ? "nobody" : claim);
}

/* Makes a server of one endpoint, with the resource "hello", that listens on `listen`, and the other one its client;
 * both know the keys of every coaps, coaps+tcp and coaps+ws URI. False if something failed. */
static inline bool fill_pair(struct endpoint_pair *pair, const char *listen) {
    static const char key[] = "0123456789abcdef";
    coax_endpoint *endpoints[2] = {pair->client, pair->server};
    static const char *const entries[3] = {"coaps://*", "coaps+tcp://*", "coaps+ws://*"};
    static const char *const identities[3] = {"device", "device-tcp", "device-web"};
    for (int i = 0; i < 6; i++) {
        if (coax_credentials_set_psk(coax_endpoint_credentials(endpoints[i % 2]), entries[i / 2], identities[i / 2],
                                     strlen(identities[i / 2]), key, sizeof key - 1, NULL)
            != COAX_OK) {
            return false;
        }
    }
    coax_resource_config config = COAX_RESOURCE_CONFIG_INIT;
    config.get = serve_hello;
    return coax_site_add(coax_endpoint_site(pair->server), "hello", &config, NULL) != NULL
           && coax_endpoint_listen(pair->server, listen, NULL) == COAX_OK
           && coax_endpoint_listening_uri(pair->server, 0, pair->uri, sizeof pair->uri) == COAX_OK;
}

/* Both are made here. */
static inline bool make_pair_of(struct endpoint_pair *pair, const char *listen, const coax_endpoint_config *settings) {
    *pair = (struct endpoint_pair){NULL, NULL, ""};
    return coax_endpoint_new(&pair->server, settings, NULL) == COAX_OK
           && coax_endpoint_new(&pair->client, settings, NULL) == COAX_OK && fill_pair(pair, listen);
}

/* Puts another client into a pair, with settings of its own. */
static inline bool replace_client(struct endpoint_pair *pair, const coax_endpoint_config *settings) {
    coax_endpoint_free(pair->client);
    pair->client = NULL;
    return coax_endpoint_new(&pair->client, settings, NULL) == COAX_OK;
}

static inline bool make_pair(struct endpoint_pair *pair, const char *listen) {
    return make_pair_of(pair, listen, NULL);
}

static inline void free_pair(struct endpoint_pair *pair) {
    coax_endpoint_free(pair->client);
    coax_endpoint_free(pair->server);
}

/* Sends a GET for "hello" at `uri` (the server's own if NULL), without waiting. */
static inline enum coax_status begin_hello(struct endpoint_pair *pair, const char *uri, struct answer *answer) {
    char text[192];
    coax_request *request;
    *answer = (struct answer){0};
    (void)snprintf(text, sizeof text, "%s/hello", uri == NULL ? pair->uri : uri);
    enum coax_status status = coax_request_new(&request, pair->client, COAX_GET, text, &answer->error);
    if (status == COAX_OK) {
        status = coax_request_send(request, note_answer, answer, &answer->error);
        if (status != COAX_OK) {
            coax_request_cancel(request);
        }
    }
    return status;
}

/* GETs "hello" from `uri` (the server's own if NULL) and waits. */
static inline enum coax_status ask_hello(struct endpoint_pair *pair, const char *uri, struct answer *answer) {
    enum coax_status status = begin_hello(pair, uri, answer);
    return status != COAX_OK ? status : drive(pair, &answer->count) ? COAX_OK : COAX_E_TIMEOUT;
}

#endif
