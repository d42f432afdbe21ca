/* A whole stack without a network: bytes in, bytes out, time as a number. Requests are written down as they end. */
#ifndef COAX_TESTS_STACK_FIXTURE_H
#define COAX_TESTS_STACK_FIXTURE_H

#include "stack/stack.h"
#include "wire_fixture.h"

struct stack_fixture {
    struct wire wire;
    struct stack *stack;
    coax_instant now;
};

/* A request of this side, and what became of it. */
struct asked {
    struct stack_fixture *fixture;
    struct coax_request *request; /* NULL once it has ended */
    struct coax_remote *remote;   /* that answered, as the callback saw it */
    unsigned callbacks;
    uint8_t code; /* of the response; 0 after an error */
    char payload[64];
    coax_error error;
    coax_instant when;
    void (*then)(struct asked *asked); /* inside the callback */
    void *then_user;
};

/* `config` may be NULL. */
static inline void stack_fixture_start(struct stack_fixture *fixture, const coax_endpoint_config *config) {
    memset(fixture, 0, sizeof *fixture);
    wire_init(&fixture->wire, 1, &fixture->now);
    const struct datagram_output output = wire_output(&fixture->wire);
    fixture->now = 1000 * COAX_SECOND;
    assert_int_equal(coax_stack_new(&fixture->stack, config, &output, NULL, fixture->now, NULL), COAX_OK);
}

static inline void stack_fixture_stop(struct stack_fixture *fixture) {
    coax_stack_free(fixture->stack);
    wire_free(&fixture->wire);
}

static inline void stack_fixture_pass_ms(struct stack_fixture *fixture, uint64_t ms) {
    coax_instant until = coax_instant_after_ms(fixture->now, ms);
    coax_instant next;
    while ((next = coax_stack_deadline(fixture->stack)) <= until) {
        fixture->now = next > fixture->now ? next : fixture->now;
        coax_stack_set_time(fixture->stack, fixture->now);
        coax_stack_run(fixture->stack);
    }
    fixture->now = until;
    coax_stack_set_time(fixture->stack, until);
}

/* A channel with a local address listens. */
static inline void stack_fixture_receive(struct stack_fixture *fixture, struct path path, const void *bytes,
                                         size_t size) {
    uint8_t *copy = malloc(size == 0 ? 1 : size);
    assert_non_null(copy);
    memcpy(copy, bytes, size);
    coax_stack_receive(fixture->stack, &path, false, path.local.port != 0, copy, size);
    free(copy);
}

#define STACK_RECEIVE(fixture, path, literal) stack_fixture_receive((fixture), (path), (literal), sizeof(literal) - 1)

static inline struct coax_remote *stack_fixture_remote(struct stack_fixture *fixture, struct path path) {
    struct coax_remote *remote = NULL;
    assert_int_equal(coax_stack_remote(fixture->stack, &path, false, NULL, NULL, &remote, NULL), COAX_OK);
    return remote;
}

static inline void asked_ended(coax_request *request, const coax_message *response, const coax_error *error,
                               void *user) {
    struct asked *asked = user;
    assert_ptr_equal(request, asked->request);
    assert_int_equal(response == NULL, error != NULL);
    asked->callbacks++;
    asked->when = asked->fixture->now;
    asked->remote = coax_request_remote(request);
    if (response != NULL) {
        size_t size = coax_message_payload_size(response);
        assert_true(size < sizeof asked->payload);
        memcpy(asked->payload, size == 0 ? (const uint8_t *)"" : coax_message_payload(response), size);
        asked->code = coax_message_code(response);
    } else {
        asked->error = *error;
    }
    if (asked->then != NULL) {
        asked->then(asked);
    }
    asked->request = NULL;
}

/* Makes a GET for "/t" that stays with the caller. */
static inline struct coax_request *asked_make(struct stack_fixture *fixture, struct asked *asked) {
    *asked = (struct asked){.fixture = fixture, .error.text = ""};
    asked->request = coax_request_create(&fixture->stack->requests, COAX_GET, "/t");
    assert_non_null(asked->request);
    assert_int_equal(coax_request_add_option(asked->request, COAX_OPTION_URI_PATH, "t", 1), COAX_OK);
    return asked->request;
}

/* Starts and submits it; frees it if that fails. */
static inline enum coax_status asked_send(struct asked *asked, struct coax_remote *remote) {
    enum coax_status status = coax_request_start(asked->request, asked_ended, asked, &asked->error);
    if (status == COAX_OK) {
        status = coax_request_submit(asked->request, remote, &asked->error);
    }
    if (status != COAX_OK) {
        coax_request_cancel(asked->request);
        asked->request = NULL;
    }
    return status;
}

/* A GET for "/t" on its way. */
static inline void ask(struct stack_fixture *fixture, struct asked *asked, struct coax_remote *remote) {
    (void)asked_make(fixture, asked);
    assert_int_equal(asked_send(asked, remote), COAX_OK);
}

/* Answers `request`, a datagram that was sent, with the token that it has: an ACK with its ID, others with `id`.
   `options` is in wire form. */
static inline void answer_with(struct stack_fixture *fixture, struct path from, const struct wire_datagram *request,
                               enum coax_type type, uint16_t id, uint8_t code, struct bytes options,
                               const char *payload) {
    struct coax_message message;
    uint8_t data[512];
    size_t size;
    assert_non_null(request);
    assert_int_equal(coax_datagram_decode(&message, request->data, request->size, EXTENDED_TOKEN_MAXIMUM, NULL, NULL),
                     COAX_OK);
    message.id = type == COAX_ACK || type == COAX_RST ? message.id : id;
    message.type = type;
    message.code = code;
    message.options = options;
    message.payload = bytes_of(payload, strlen(payload));
    message.token.size = code == COAX_EMPTY ? 0 : message.token.size;
    assert_int_equal(coax_datagram_encode(&message, data, sizeof data, &size), COAX_OK);
    stack_fixture_receive(fixture, from, data, size);
}

static inline void answer(struct stack_fixture *fixture, struct path from, const struct wire_datagram *request,
                          enum coax_type type, uint16_t id, uint8_t code, const char *payload) {
    answer_with(fixture, from, request, type, id, code, bytes_of(NULL, 0), payload);
}

#endif
