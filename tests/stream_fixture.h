/* A stream layer with an owner that keeps what is written, and a request layer that notes what it is told. Connections
   are coap+tcp unless a test says otherwise, so that bytes can be written down. */
#ifndef COAX_TESTS_STREAM_FIXTURE_H
#define COAX_TESTS_STREAM_FIXTURE_H

#include "base/error.h"
#include "message/signaling.h"
#include "transport/stream/connection.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { FIXTURE_LINKS = 8, FIXTURE_OUTPUT = 1 << 18, FIXTURE_NOTES = 64 };

/* A stream, as its owner sees it. */
struct fixture_link {
    uint8_t output[FIXTURE_OUTPUT];
    size_t size, read; /* what was written, and how much of it the test has looked at */
    size_t room;       /* how much more the system takes */
    bool is_closed, is_reset, wants_input;
};

struct fixture_note {
    struct coax_remote *remote;
    struct incoming *incoming;
    uint8_t code, token_size, token[TOKEN_ROOM];
};

struct stream_fixture {
    struct stream_layer layer;
    struct timer_heap timers;
    struct fixture_link *links[FIXTURE_LINKS];
    size_t link_count;
    struct connection *dialling; /* what `open` was last called for */
    enum coax_status open_status;
    unsigned open_count, cancel_count, opened_count, lost_count, response_count, request_count;
    coax_error lost;
    struct fixture_note requests[FIXTURE_NOTES], responses[FIXTURE_NOTES];
    void (*on_request)(struct stream_fixture *fixture, struct fixture_note *note); /* NULL: kept unanswered */
};

static enum coax_status fixture_open(void *user, struct connection *connection, coax_error *error) {
    struct stream_fixture *fixture = user;
    if (fixture->open_status != COAX_OK) {
        return coax_fail(error, fixture->open_status, "no stream today");
    }
    fixture->open_count++;
    fixture->dialling = connection;
    return COAX_OK;
}

static void fixture_cancel_open(void *user, struct connection *connection) {
    struct stream_fixture *fixture = user;
    fixture->cancel_count++;
    fixture->dialling = fixture->dialling == connection ? NULL : fixture->dialling;
}

static size_t fixture_write(void *user, void *link, const uint8_t *data, size_t size) {
    (void)user;
    struct fixture_link *to = link;
    assert_false(to->is_closed);
    size_t taken = size < to->room ? size : to->room;
    assert_true(to->size + taken <= sizeof to->output);
    memcpy(to->output + to->size, data, taken);
    to->size += taken;
    to->room -= taken;
    return taken;
}

static void fixture_want_input(void *user, void *link, bool wanted) {
    (void)user;
    ((struct fixture_link *)link)->wants_input = wanted;
}

static void fixture_close(void *user, void *link, bool reset) {
    (void)user;
    struct fixture_link *closed = link;
    assert_false(closed->is_closed);
    closed->is_closed = true;
    closed->is_reset = reset;
}

static void fixture_random(void *user, void *out, size_t size) {
    (void)user;
    memset(out, 0x5a, size);
}

static void note(struct fixture_note *note, struct coax_remote *remote, const struct coax_message *message,
                 struct incoming *incoming) {
    *note = (struct fixture_note){remote, incoming, message->code, (uint8_t)message->token.size, {0}};
    if (message->token.size > 0) {
        memcpy(note->token, message->token.data, message->token.size);
    }
}

static void fixture_request(void *user, struct coax_remote *remote, const struct coax_message *message,
                            struct incoming *incoming) {
    struct stream_fixture *fixture = user;
    struct fixture_note *kept = &fixture->requests[fixture->request_count++ % FIXTURE_NOTES];
    note(kept, remote, message, incoming);
    if (fixture->on_request != NULL) {
        fixture->on_request(fixture, kept);
    }
}

static bool fixture_response(void *user, struct coax_remote *remote, const struct coax_message *message) {
    struct stream_fixture *fixture = user;
    note(&fixture->responses[fixture->response_count++ % FIXTURE_NOTES], remote, message, NULL);
    return true;
}

static void fixture_lost(void *user, struct coax_remote *remote, const coax_error *error) {
    struct stream_fixture *fixture = user;
    assert_true(remote->is_gone);
    fixture->lost_count++;
    fixture->lost = *error;
}

static void fixture_opened(void *user, struct coax_remote *remote) {
    (void)remote;
    ((struct stream_fixture *)user)->opened_count++;
}

static const struct stream_settings fixture_settings = {
    .max_connections = 4,
    .max_connection_openings = 3,
    .max_queue_per_peer = 4,
    .max_requests_per_connection = 4,
    .max_stream_message_size = 4096,
    .max_stream_output = 1024,
    .max_stream_memory = 65536,
    .handshake_timeout_ms = 10000,
    .message_timeout_ms = 5000,
    .ping_interval_ms = 60000,
    .ping_timeout_ms = 20000,
    .release_timeout_ms = 3000,
    .session_idle_ms = 300000,
    .max_token_size = 16,
};

static int stream_fixture_set_up(void **state) {
    struct stream_fixture *fixture = calloc(1, sizeof *fixture);
    assert_non_null(fixture);
    const struct stream_output output = {fixture_open,  fixture_cancel_open, fixture_write, fixture_want_input,
                                         fixture_close, fixture_random,      fixture};
    const struct transport_events events = {fixture_request, fixture_response, fixture_lost, fixture_opened, NULL,
                                            fixture};
    assert_int_equal(coax_stream_layer_init(&fixture->layer, &fixture_settings, &output, &events, &fixture->timers),
                     COAX_OK);
    fixture->layer.now = COAX_SECOND;
    *state = fixture;
    return 0;
}

static int stream_fixture_tear_down(void **state) {
    struct stream_fixture *fixture = *state;
    coax_stream_layer_free(&fixture->layer);
    assert_int_equal(fixture->layer.connection_count, 0);
    assert_int_equal(fixture->layer.opening_count, 0);
    assert_int_equal(fixture->layer.memory, 0);
    for (size_t i = 0; i < fixture->link_count; i++) {
        assert_true(fixture->links[i]->is_closed);
        free(fixture->links[i]);
    }
    coax_timer_heap_free(&fixture->timers);
    free(fixture);
    return 0;
}

static struct fixture_link *fixture_new_link(struct stream_fixture *fixture) {
    assert_true(fixture->link_count < FIXTURE_LINKS);
    struct fixture_link *link = calloc(1, sizeof *link);
    assert_non_null(link);
    link->room = SIZE_MAX;
    link->wants_input = true;
    fixture->links[fixture->link_count++] = link;
    return link;
}

/* A client connected, over whichever scheme. */
static inline struct connection *fixture_accept_scheme(struct stream_fixture *fixture, enum coax_scheme scheme) {
    struct address remote = coax_address_ip4(192, 0, 2, 7, 40000), local = coax_address_ip4(192, 0, 2, 1, 5683);
    struct connection *connection;
    coax_error error;
    assert_int_equal(
        coax_stream_accept(&fixture->layer, scheme, fixture_new_link(fixture), &remote, &local, &connection, &error),
        COAX_OK);
    coax_stream_flush(&fixture->layer);
    return connection;
}

static inline struct fixture_link *fixture_link_of(const struct connection *connection) {
    return coax_connection_link(connection);
}

/* The next message that was written; false if there is none. */
static inline bool fixture_next(struct stream_fixture *fixture, struct fixture_link *link,
                                struct coax_message *message) {
    static const struct frame_limits limits = {FIXTURE_OUTPUT, TOKEN_ROOM};
    size_t size = 0;
    coax_stream_flush(&fixture->layer);
    if (link->read == link->size) {
        return false;
    }
    assert_int_equal(coax_frame_peek(link->output + link->read, link->size - link->read, &limits, &size, NULL),
                     COAX_OK);
    assert_true(size > 0 && size <= link->size - link->read);
    assert_int_equal(coax_frame_decode(FRAME_STREAM, message, link->output + link->read, size, TOKEN_ROOM, NULL),
                     COAX_OK);
    link->read += size;
    return true;
}

static inline uint8_t fixture_next_code(struct stream_fixture *fixture, struct fixture_link *link) {
    struct coax_message message;
    assert_true(fixture_next(fixture, link, &message));
    return message.code;
}

static inline void fixture_expect_nothing(struct stream_fixture *fixture, struct fixture_link *link) {
    struct coax_message message;
    assert_false(fixture_next(fixture, link, &message));
}

/* The peer sends a message. */
static inline void fixture_feed(struct stream_fixture *fixture, struct connection *connection,
                                const struct coax_message *message) {
    uint8_t frame[8192];
    size_t size;
    assert_int_equal(coax_frame_encode(FRAME_STREAM, message, frame, sizeof frame, &size), COAX_OK);
    coax_connection_receive(connection, frame, size);
    coax_stream_flush(&fixture->layer);
}

static inline void fixture_feed_code(struct stream_fixture *fixture, struct connection *connection, uint8_t code,
                                     const char *token) {
    const struct coax_message message = {.code = code, .token = bytes_of(token, strlen(token))};
    fixture_feed(fixture, connection, &message);
}

/* Both CSMs have passed. */
static inline struct connection *fixture_accept(struct stream_fixture *fixture) {
    struct connection *connection = fixture_accept_scheme(fixture, COAX_SCHEME_COAP_TCP);
    assert_int_equal(fixture_next_code(fixture, fixture_link_of(connection)), COAX_CSM);
    fixture_feed_code(fixture, connection, COAX_CSM, "");
    return connection;
}

static inline struct stream_target fixture_target(void) {
    return (struct stream_target){.scheme = COAX_SCHEME_COAP_TCP, .host = "server.example", .zone = "", .port = 5683};
}

static inline struct connection *fixture_dial(struct stream_fixture *fixture) {
    const struct stream_target target = fixture_target();
    struct coax_remote *remote;
    coax_error error;
    assert_int_equal(coax_stream_remote(&fixture->layer, &target, &remote, &error), COAX_OK);
    return connection_of(remote);
}

static inline void fixture_connected(struct stream_fixture *fixture, struct connection *connection) {
    struct address remote = coax_address_ip4(192, 0, 2, 1, 5683), local = coax_address_ip4(192, 0, 2, 7, 40000);
    coax_connection_opened(connection, fixture_new_link(fixture), &remote, &local);
    coax_stream_flush(&fixture->layer);
}

/* A connection of ours, open, both CSMs passed. */
static inline struct connection *fixture_connect(struct stream_fixture *fixture) {
    struct connection *connection = fixture_dial(fixture);
    fixture_connected(fixture, connection);
    assert_int_equal(fixture_next_code(fixture, fixture_link_of(connection)), COAX_CSM);
    fixture_feed_code(fixture, connection, COAX_CSM, "");
    return connection;
}

/* Time passes: what is due is done. */
static inline void fixture_wait_ms(struct stream_fixture *fixture, uint32_t ms) {
    coax_instant end = coax_instant_after_ms(fixture->layer.now, ms);
    for (;;) {
        coax_instant next = coax_timer_heap_next(&fixture->timers);
        if (next > end) {
            break;
        }
        fixture->layer.now = next > fixture->layer.now ? next : fixture->layer.now;
        coax_timer_heap_run(&fixture->timers, fixture->layer.now);
        coax_stream_flush(&fixture->layer);
    }
    fixture->layer.now = end;
}

/* A request of ours. */
struct fixture_delivery {
    struct delivery delivery;
    unsigned written, failed_count;
    coax_error error;
};

static inline void fixture_delivery_failed(struct delivery *delivery, const coax_error *error) {
    struct fixture_delivery *own = COAX_CONTAINER(delivery, struct fixture_delivery, delivery);
    own->failed_count++;
    own->error = *error;
}

static inline void fixture_delivery_written(struct delivery *delivery) {
    struct fixture_delivery *own = COAX_CONTAINER(delivery, struct fixture_delivery, delivery);
    own->written++;
}

static inline enum coax_status fixture_send(struct connection *connection, struct fixture_delivery *own, uint8_t code,
                                            const char *token, size_t payload_size, coax_error *error) {
    static const uint8_t payload[8192];
    *own = (struct fixture_delivery){
        .delivery = {.acknowledged = fixture_delivery_written, .failed = fixture_delivery_failed}};
    const struct coax_message message = {
        .code = code, .token = bytes_of(token, strlen(token)), .payload = bytes_of(payload, payload_size)};
    return coax_stream_transport.send(&connection->remote, &message, true, &own->delivery, error);
}

static inline enum coax_status fixture_respond(struct fixture_note *note, uint8_t code, size_t payload_size) {
    static const uint8_t payload[8192];
    const struct coax_message message = {
        .code = code, .token = bytes_of(note->token, note->token_size), .payload = bytes_of(payload, payload_size)};
    return coax_stream_transport.respond(note->remote, note->incoming, &message);
}

#endif
