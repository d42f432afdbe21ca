/* For tests: two endpoints in one process, and a connection between them. */
#ifndef COAX_CLI_CONNECTED_H
#define COAX_CLI_CONNECTED_H

#include <coax/coax.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

struct connected {
    coax_endpoint *server, *client;
    coax_remote *at_server, *at_client; /* references; at_server is NULL until the connection is open */
};

static inline void connected_noted(coax_remote *remote, const coax_error *error, void *user) {
    struct connected *connected = user;
    if (error == NULL && connected->at_server == NULL) {
        connected->at_server = coax_remote_ref(remote);
    }
}

/* Waits for both ends, and does what is due. */
static inline void connected_turn(const struct connected *connected) {
    struct pollfd waits[] = {{coax_endpoint_fd(connected->server), POLLIN, 0},
                             {coax_endpoint_fd(connected->client), POLLIN, 0}};
    int limit = coax_endpoint_timeout_ms(connected->server);
    int other = coax_endpoint_timeout_ms(connected->client);
    limit = limit < 0 || (other >= 0 && other < limit) ? other : limit;
    poll(waits, 2, limit);
    assert_int_equal(coax_endpoint_process(connected->server, NULL), COAX_OK);
    assert_int_equal(coax_endpoint_process(connected->client, NULL), COAX_OK);
}

/* `config` is the server's; with observers of its own it has to wait itself until the connection is open. */
static inline void connected_begin(struct connected *connected, const char *scheme, coax_endpoint_config *config) {
    char uri[128];
    memset(connected, 0, sizeof *connected);
    if (config->connections == NULL) {
        config->connections = connected_noted;
        config->user = connected;
    }
    assert_int_equal(coax_endpoint_new(&connected->server, config, NULL), COAX_OK);
    assert_int_equal(coax_endpoint_new(&connected->client, NULL, NULL), COAX_OK);
    snprintf(uri, sizeof uri, "%s://127.0.0.1:0", scheme);
    assert_int_equal(coax_endpoint_listen(connected->server, uri, NULL), COAX_OK);
    assert_int_equal(coax_endpoint_listening_uri(connected->server, 0, uri, sizeof uri), COAX_OK);
    assert_int_equal(coax_endpoint_connect(connected->client, uri, &connected->at_client, NULL), COAX_OK);
}

static inline void connected_open(struct connected *connected, const char *scheme) {
    coax_endpoint_config config = COAX_ENDPOINT_CONFIG_INIT;
    connected_begin(connected, scheme, &config);
    while (connected->at_server == NULL) {
        connected_turn(connected);
    }
}

static inline void connected_close(struct connected *connected) {
    if (connected->at_server != NULL) {
        coax_remote_unref(connected->at_server);
    }
    coax_remote_unref(connected->at_client);
    coax_endpoint_free(connected->client);
    coax_endpoint_free(connected->server);
}

#endif
