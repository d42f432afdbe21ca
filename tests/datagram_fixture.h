/* A datagram layer without a network: what it sends is kept, its time is a number, its randomness has a seed, and what
   it tells the layer above is written down. */
#ifndef COAX_TESTS_DATAGRAM_FIXTURE_H
#define COAX_TESTS_DATAGRAM_FIXTURE_H

#include "transport/datagram/peer.h"
#include "wire_fixture.h"
#include <coax/endpoint.h>

enum { FIXTURE_REQUESTS = 64 };

struct told_request {
    struct coax_remote *remote;
    struct incoming *incoming;
    uint16_t id;
    uint8_t code;
};

struct datagram_fixture {
    struct wire wire;
    struct timer_heap timers;
    struct datagram_layer layer;
    coax_instant now;

    struct told_request requests[FIXTURE_REQUESTS];
    unsigned request_count;
    /* Called for each request, after it was written down; NULL: it stays unanswered. */
    void (*serve)(struct datagram_fixture *fixture, struct told_request *request);

    bool awaits_responses;
    unsigned response_count;
    uint8_t response_code;

    unsigned lost_count;
    struct coax_remote *lost;
    coax_error lost_error;
    void (*when_lost)(struct datagram_fixture *fixture, struct coax_remote *remote);

    unsigned traced_sent, traced_received;
};

/* A message that was sent, as its sender hears of it. */
struct watched_delivery {
    struct delivery delivery;
    struct datagram_fixture *fixture;
    unsigned acknowledged, failed;
    coax_instant when;
    coax_error error;
    void (*then)(struct watched_delivery *watched);
};

static inline void fixture_note_request(void *user, struct coax_remote *remote, const struct coax_message *message,
                                        struct incoming *incoming) {
    struct datagram_fixture *fixture = user;
    struct told_request *request = &fixture->requests[fixture->request_count++ % FIXTURE_REQUESTS];
    *request = (struct told_request){remote, incoming, message->id, message->code};
    if (fixture->serve != NULL) {
        fixture->serve(fixture, request);
    }
}

static inline bool fixture_note_response(void *user, struct coax_remote *remote, const struct coax_message *message) {
    struct datagram_fixture *fixture = user;
    (void)remote;
    fixture->response_count++;
    fixture->response_code = message->code;
    return fixture->awaits_responses;
}

static inline void fixture_note_lost(void *user, struct coax_remote *remote, const coax_error *error) {
    struct datagram_fixture *fixture = user;
    fixture->lost_count++;
    fixture->lost = remote;
    fixture->lost_error = *error;
    if (fixture->when_lost != NULL) {
        fixture->when_lost(fixture, remote);
    }
}

static inline void fixture_note_trace(void *user, struct coax_remote *remote, const struct coax_message *message,
                                      bool sent) {
    struct datagram_fixture *fixture = user;
    (void)remote;
    (void)message;
    fixture->traced_sent += sent;
    fixture->traced_received += !sent;
}

/* The settings that an endpoint has by default. */
static inline struct datagram_settings fixture_settings(void) {
    const coax_endpoint_config config = COAX_ENDPOINT_CONFIG_INIT;
    return (struct datagram_settings){
        .ack_timeout_ms = config.ack_timeout_ms,
        .ack_random_percent = config.ack_random_percent,
        .max_retransmit = config.max_retransmit,
        .nstart = config.nstart,
        .congestion_control = config.congestion_control,
        .default_leisure_ms = config.default_leisure_ms,
        .exchange_lifetime_ms = config.exchange_lifetime_ms,
        .empty_ack_delay_ms = config.empty_ack_delay_ms,
        .max_peers = config.max_peers,
        .max_sessions = config.max_sessions,
        .max_handshakes = config.max_handshakes,
        .max_requests = config.max_requests,
        .max_queue_per_peer = config.max_queue_per_peer,
        .max_replies = config.max_replies,
        .max_replies_per_peer = config.max_replies_per_peer,
        .max_message_size = config.max_message_size,
        .max_token_size = config.max_token_size,
        .session_idle_ms = config.session_idle_ms,
        .connection_ids = config.connection_ids,
    };
}

/* `settings` may be NULL. */
static inline void fixture_start(struct datagram_fixture *fixture, const struct datagram_settings *settings) {
    const struct datagram_settings defaults = fixture_settings();
    memset(fixture, 0, sizeof *fixture);
    wire_init(&fixture->wire, 1, &fixture->now);
    const struct datagram_output output = wire_output(&fixture->wire);
    const struct transport_events events = {
        fixture_note_request, fixture_note_response, fixture_note_lost, NULL, fixture_note_trace, fixture};
    assert_int_equal(coax_datagram_layer_init(&fixture->layer, settings == NULL ? &defaults : settings, &output,
                                              &events, &fixture->timers),
                     COAX_OK);
    fixture->now = fixture->layer.now = 1000 * COAX_SECOND;
}

static inline void fixture_stop(struct datagram_fixture *fixture) {
    coax_datagram_layer_free(&fixture->layer);
    assert_int_equal(coax_timer_heap_next(&fixture->timers), COAX_NEVER);
    coax_timer_heap_free(&fixture->timers);
    wire_free(&fixture->wire);
}

/* Lets time pass, from one deadline to the next. */
static inline void fixture_pass_ms(struct datagram_fixture *fixture, uint64_t ms) {
    coax_instant until = coax_instant_after_ms(fixture->now, ms);
    coax_instant next;
    while ((next = coax_timer_heap_next(&fixture->timers)) <= until) {
        fixture->now = fixture->layer.now = next > fixture->now ? next : fixture->now;
        coax_timer_heap_run(&fixture->timers, fixture->now);
    }
    fixture->now = fixture->layer.now = until;
}

static inline void fixture_receive_bytes(struct datagram_fixture *fixture, struct path path, bool listening,
                                         const void *bytes, size_t size) {
    /* Exactly as large as the datagram, so that a sanitizer sees a read past its end. */
    uint8_t *copy = malloc(size == 0 ? 1 : size);
    assert_non_null(copy);
    memcpy(copy, bytes, size);
    coax_datagram_receive(&fixture->layer, &path, false, listening, copy, size);
    free(copy);
}

/* A datagram, as a string literal, for a listening channel. */
#define FIXTURE_RECEIVE(fixture, path, literal)                                                                        \
    fixture_receive_bytes((fixture), (path), true, (literal), sizeof(literal) - 1)
/* The same for a client's. */
#define FIXTURE_RECEIVE_AS_CLIENT(fixture, path, literal)                                                              \
    fixture_receive_bytes((fixture), (path), false, (literal), sizeof(literal) - 1)

static inline struct coax_remote *fixture_remote(struct datagram_fixture *fixture, struct path path) {
    struct coax_remote *remote = NULL;
    assert_int_equal(coax_datagram_remote(&fixture->layer, &path, &remote, NULL), COAX_OK);
    return remote;
}

static inline struct peer *fixture_peer(struct datagram_fixture *fixture, struct path path) {
    return coax_peer_find(&fixture->layer, &path);
}

static inline void watched_acknowledged(struct delivery *delivery) {
    struct watched_delivery *watched = COAX_CONTAINER(delivery, struct watched_delivery, delivery);
    watched->acknowledged++;
    watched->when = watched->fixture->now;
    if (watched->then != NULL) {
        watched->then(watched);
    }
}

static inline void watched_failed(struct delivery *delivery, const coax_error *error) {
    struct watched_delivery *watched = COAX_CONTAINER(delivery, struct watched_delivery, delivery);
    watched->failed++;
    watched->when = watched->fixture->now;
    watched->error = *error;
    if (watched->then != NULL) {
        watched->then(watched);
    }
}

/* Sends a GET with a token of one byte. */
static inline enum coax_status fixture_send_get(struct datagram_fixture *fixture, struct coax_remote *remote,
                                                bool confirmable, uint8_t token, struct watched_delivery *watched,
                                                coax_error *error) {
    const struct coax_message get = {.code = COAX_GET, .token = bytes_of(&token, 1)};
    *watched = (struct watched_delivery){.delivery = {watched_acknowledged, watched_failed, NULL}, .fixture = fixture};
    return remote->transport->send(remote, &get, confirmable, &watched->delivery, error);
}

static inline enum coax_status fixture_respond(struct told_request *request, uint8_t code, const char *payload) {
    const struct coax_message response = {
        .code = code, .token = bytes_of("\x7a", 1), .payload = bytes_of(payload, strlen(payload))};
    return request->remote->transport->respond(request->remote, request->incoming, &response);
}

/* For `serve`: 2.05 with "hi" at once. */
static inline void fixture_serve_hi(struct datagram_fixture *fixture, struct told_request *request) {
    (void)fixture;
    assert_int_equal(fixture_respond(request, COAX_CONTENT, "hi"), COAX_OK);
}

#endif
