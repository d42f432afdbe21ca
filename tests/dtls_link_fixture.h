/* Datagram layers with DTLS sessions, real ones: a server and its clients, and a network that the test holds. */
#ifndef COAX_TESTS_DTLS_LINK_FIXTURE_H
#define COAX_TESTS_DTLS_LINK_FIXTURE_H

#include "datagram_fixture.h"
#include "virtual_clock.h"

enum { CLIENTS = 6, PATIENCE = 200 };

/* A server at 10.0.0.1 and clients from 10.0.0.2 on. */
struct world {
    struct datagram_fixture server, clients[CLIENTS];
    coax_credentials *server_credentials, *client_credentials;
    struct dtls_context *server_context, *client_context;
    struct credential *credential; /* the clients' */
    bool is_cut[CLIENTS];          /* what this client sends and is sent gets lost */
    uint8_t hosts[CLIENTS];        /* where they are */
};

static const char right_key[] = "0123456789abcdef";

static inline void set_time(struct world *world, coax_instant now) {
    coax_virtual_clock_set(now);
    world->server.now = world->server.layer.now = now;
    for (unsigned i = 0; i < CLIENTS; i++) {
        world->clients[i].now = world->clients[i].layer.now = now;
    }
}

static inline bool take_any(struct credential *credential, void *user) {
    *(struct credential **)user = credential;
    return false;
}

static inline struct dtls_context *new_context(const coax_credentials *credentials) {
    const struct dtls_settings settings = {30000, 1000, 1232, 2048, false};
    struct dtls_context *context = NULL;
    assert_int_equal(coax_dtls_context_new(&context, credentials, &settings, NULL), COAX_OK);
    return context;
}

static inline coax_credentials *new_credentials(const char *name, const char *key) {
    coax_credentials *credentials = coax_credentials_new();
    assert_int_equal(coax_credentials_set_psk(credentials, name, "device", 6, key, strlen(key), NULL), COAX_OK);
    return credentials;
}

static inline void start_client(struct world *world, unsigned number, const struct datagram_settings *settings) {
    struct datagram_fixture *client = &world->clients[number];
    fixture_start(client, settings);
    client->wire.random_state = number + 7;
    world->hosts[number] = (uint8_t)(number + 2);
    client->layer.dtls = world->client_context;
    client->awaits_responses = true;
    client->now = client->layer.now = world->server.now;
}

static inline void start(struct world *world, const struct datagram_settings *settings, const char *client_key) {
    memset(world, 0, sizeof *world);
    world->server_credentials = new_credentials(":device", right_key);
    world->client_credentials = new_credentials("coaps://*", client_key);
    world->server_context = new_context(world->server_credentials);
    world->client_context = new_context(world->client_credentials);
    coax_credentials_each(world->client_credentials, take_any, &world->credential);
    fixture_start(&world->server, settings);
    world->server.layer.dtls = world->server_context;
    world->server.serve = fixture_serve_hi;
    for (unsigned i = 0; i < CLIENTS; i++) {
        start_client(world, i, settings);
    }
    set_time(world, 1000 * COAX_SECOND);
}

static inline void stop(struct world *world) {
    for (unsigned i = 0; i < CLIENTS; i++) {
        fixture_stop(&world->clients[i]);
    }
    fixture_stop(&world->server);
    coax_dtls_context_free(world->client_context);
    coax_dtls_context_free(world->server_context);
    coax_credentials_free(world->client_credentials);
    coax_credentials_free(world->server_credentials);
    coax_virtual_clock_off();
}

static inline struct path path_of_client(unsigned number) {
    return server_path((uint8_t)(number + 2));
}

static inline struct path path_of_server(void) {
    return client_path(1);
}

static inline void to_server(struct world *world, unsigned from, const struct wire_datagram *datagram) {
    struct path path = server_path(world->hosts[from]);
    coax_datagram_receive(&world->server.layer, &path, true, true, datagram->data, datagram->size);
}

/* Carries datagrams over until there are none. */
static inline void carry(struct world *world) {
    bool carried = true;
    for (unsigned turns = 0; carried; turns++) {
        assert_true(turns < PATIENCE);
        carried = false;
        for (unsigned i = 0; i < CLIENTS; i++) {
            const struct wire_datagram *datagram;
            while ((datagram = wire_next(&world->clients[i].wire)) != NULL) {
                if (!world->is_cut[i]) {
                    struct wire_datagram copy = *datagram;
                    to_server(world, i, &copy);
                    carried = true;
                }
            }
        }
        const struct wire_datagram *datagram;
        while ((datagram = wire_next(&world->server.wire)) != NULL) {
            unsigned to = 0;
            while (to < CLIENTS && world->hosts[to] != datagram->path.remote.ip[15]) {
                to++;
            }
            if (to < CLIENTS && !world->is_cut[to]) {
                struct wire_datagram copy = *datagram;
                struct path path = path_of_server();
                coax_datagram_receive(&world->clients[to].layer, &path, true, false, copy.data, copy.size);
                carried = true;
            }
        }
    }
}

static inline coax_instant next_deadline(const struct world *world) {
    coax_instant next = coax_timer_heap_next(&world->server.timers);
    for (unsigned i = 0; i < CLIENTS; i++) {
        coax_instant deadline = coax_timer_heap_next(&world->clients[i].timers);
        next = deadline < next ? deadline : next;
    }
    return next;
}

static inline void pass_ms(struct world *world, uint64_t ms) {
    coax_instant until = coax_instant_after_ms(world->server.now, ms);
    carry(world);
    for (unsigned turns = 0; next_deadline(world) <= until; turns++) {
        assert_true(turns < 10000);
        coax_instant next = next_deadline(world);
        set_time(world, next > world->server.now ? next : world->server.now);
        coax_timer_heap_run(&world->server.timers, world->server.now);
        for (unsigned i = 0; i < CLIENTS; i++) {
            coax_timer_heap_run(&world->clients[i].timers, world->server.now);
        }
        carry(world);
    }
    set_time(world, until);
}

static inline struct coax_remote *connect_client(struct world *world, unsigned number) {
    struct path path = path_of_server();
    struct coax_remote *remote = NULL;
    assert_int_equal(
        coax_datagram_secure_remote(&world->clients[number].layer, &path, world->credential, NULL, &remote, NULL),
        COAX_OK);
    return remote;
}

/* Asks and sees that the answer comes. */
static inline void expect_answer(struct world *world, unsigned number) {
    struct datagram_fixture *client = &world->clients[number];
    struct watched_delivery watched;
    unsigned before = client->response_count;
    struct coax_remote *remote = connect_client(world, number);
    assert_int_equal(fixture_send_get(client, remote, true, 0x7a, &watched, NULL), COAX_OK);
    pass_ms(world, 1000);
    assert_int_equal(client->response_count, before + 1);
    assert_int_equal(watched.acknowledged, 1);
}

static inline struct peer *server_peer(struct world *world, unsigned number) {
    return fixture_peer(&world->server, path_of_client(number));
}

#endif
