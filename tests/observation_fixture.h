/* An observation and the server that the test plays, over datagrams, or over a stream that keeps what is written. */
#ifndef COAX_TESTS_OBSERVATION_FIXTURE_H
#define COAX_TESTS_OBSERVATION_FIXTURE_H

#include "request/observation.h"

#include "base/error.h"
#include "stack_fixture.h"

enum { NO_SEQUENCE = -1, NO_MAX_AGE = -1, SCENE_BODY = 4096, STREAM_MESSAGES = 8 };

/* A reliable transport of one remote. */
struct scene_stream {
    struct coax_remote remote;
    struct {
        uint8_t code, token_size, token[8];
        int64_t observe;
        bool confirmable;
    } written[STREAM_MESSAGES];
    unsigned count;
    enum delivery_stage stage;
    unsigned released;
};

struct scene {
    struct stack_fixture fixture;
    struct coax_remote *remote; /* NULL: the datagram remote at 10.0.0.9 */
    struct scene_stream stream;
    coax_observation *observation; /* NULL once it is over */
    unsigned sends;
    enum coax_status send_status; /* what sending fails with; COAX_OK: it works */
    struct wire_datagram asked;   /* the registration that was sent last */

    unsigned states, endings;
    uint8_t code;
    char state[SCENE_BODY];
    coax_error error;
    uint8_t ending_code;   /* of the response that ended it; 0: none */
    coax_remote *ended_at; /* as the last callback saw it */
    unsigned cancel_at;    /* the number of the state at which the program cancels */
};

static const struct transport scene_stream_transport;

static inline enum coax_status scene_send(coax_request *request, coax_response_callback *callback, void *user,
                                          coax_error *error) {
    struct scene *scene = request->owner;
    struct coax_remote *remote =
        scene->remote != NULL ? scene->remote : stack_fixture_remote(&scene->fixture, client_path(9));
    scene->sends++;
    if (scene->send_status != COAX_OK) {
        return coax_fail(error, scene->send_status, "not today");
    }
    enum coax_status status = coax_request_start(request, callback, user, error);
    if (status == COAX_OK) {
        status = coax_request_submit(request, remote, error);
        if (status != COAX_OK) {
            coax_request_unstart(request);
        }
    }
    return status;
}

static inline void scene_told(coax_observation *observation, const coax_message *state, const coax_error *error,
                              void *user) {
    struct scene *scene = user;
    assert_true(scene->observation == NULL || scene->observation == observation);
    if (error != NULL) {
        scene->endings++;
        scene->error = *error;
        scene->ending_code = state == NULL ? 0 : coax_message_code(state);
        scene->ended_at = coax_observation_remote(observation);
        coax_observation_cancel(observation); /* legal, and without effect */
        scene->observation = NULL;
        return;
    }
    size_t size = coax_message_payload_size(state);
    assert_true(size < sizeof scene->state);
    memcpy(scene->state, size == 0 ? (const uint8_t *)"" : coax_message_payload(state), size);
    scene->state[size] = '\0';
    scene->code = coax_message_code(state);
    if (++scene->states == scene->cancel_at) {
        coax_observation_cancel(observation);
        scene->observation = NULL;
    }
}

/* A GET for "/t" with the token 4a. */
static inline coax_request *scene_request(struct scene *scene) {
    coax_request *request = coax_request_create(&scene->fixture.stack->requests, COAX_GET, "/t");
    assert_non_null(request);
    assert_int_equal(coax_request_add_option(request, COAX_OPTION_URI_PATH, "t", 1), COAX_OK);
    assert_int_equal(coax_request_set_token(request, "\x4a", 1), COAX_OK);
    request->owner = scene;
    return request;
}

/* All randomness is zero, so that every byte and every time is known. */
static inline void scene_start(struct scene *scene) {
    memset(scene, 0, sizeof *scene);
    stack_fixture_start(&scene->fixture, NULL);
    scene->fixture.wire.random_byte = 0;
    scene->stream.remote.transport = &scene_stream_transport;
    scene->stream.remote.scheme = COAX_SCHEME_COAP_TCP;
    scene->stream.stage = DELIVERY_SENT;
    list_init(&scene->stream.remote.requests);
    list_init(&scene->stream.remote.exchanges);
}

static inline void scene_observe(struct scene *scene, const coax_observe_options *options) {
    assert_int_equal(coax_observation_new(scene_request(scene), options, scene_send, scene_told, scene,
                                          &scene->observation, &scene->error),
                     COAX_OK);
}

static inline void scene_stop(struct scene *scene) {
    coax_observation_cancel(scene->observation);
    scene->observation = NULL;
    stack_fixture_stop(&scene->fixture);
    assert_int_equal(scene->stream.remote.references, 0);
}

/* The next datagram is a GET with this value of Observe; -1: without. It is remembered, to be answered. */
static inline void scene_expect_get(struct scene *scene, int observe) {
    struct coax_message message;
    const struct wire_datagram *sent = wire_next(&scene->fixture.wire);
    assert_non_null(sent);
    scene->asked = *sent;
    assert_int_equal(coax_datagram_decode(&message, scene->asked.data, scene->asked.size, TOKEN_MAXIMUM, NULL, NULL),
                     COAX_OK);
    assert_int_equal(message.code, COAX_GET);
    struct coax_option option;
    assert_int_equal(coax_message_option(&message, COAX_OPTION_OBSERVE, &option), observe >= 0);
    if (observe >= 0) {
        assert_true(coax_option_uint(&option) == (uint64_t)observe);
        assert_memory_equal(message.token.data, "\x4a", 1);
    }
}

struct notice {
    enum coax_type type;
    uint8_t code;
    int sequence, max_age; /* NO_SEQUENCE, NO_MAX_AGE */
    const char *payload;
    int block2;          /* the option's value plus one; 0: none */
    const char *observe; /* if not NULL: bytes instead of the sequence */
};

static inline struct coax_message notice_message(const struct notice *notice, uint8_t room[64]) {
    struct option_writer options = option_writer_on(room, 64);
    if (notice->observe != NULL) {
        (void)coax_option_write(&options, COAX_OPTION_OBSERVE, notice->observe, strlen(notice->observe));
        /* the writer keeps to the limits; a hostile server does not */
        if (strlen(notice->observe) > 3) {
            room[0] = (uint8_t)(COAX_OPTION_OBSERVE << 4 | strlen(notice->observe));
            memcpy(room + 1, notice->observe, strlen(notice->observe));
            options.size = 1 + strlen(notice->observe);
            options.last = COAX_OPTION_OBSERVE;
        }
    } else if (notice->sequence >= 0) {
        assert_int_equal(coax_option_write_uint(&options, COAX_OPTION_OBSERVE, (uint64_t)notice->sequence), COAX_OK);
    }
    if (notice->max_age >= 0) {
        assert_int_equal(coax_option_write_uint(&options, COAX_OPTION_MAX_AGE, (uint64_t)notice->max_age), COAX_OK);
    }
    if (notice->block2 > 0) {
        assert_int_equal(coax_option_write_uint(&options, COAX_OPTION_BLOCK2, (uint64_t)notice->block2 - 1), COAX_OK);
    }
    return (struct coax_message){
        .type = notice->type,
        .code = notice->code,
        .options = option_writer_bytes(&options),
        .payload = bytes_of(notice->payload, strlen(notice->payload)),
    };
}

/* The server at 10.0.0.9 says something to who asked last; an ACK has the request's ID, others their own. */
static inline void scene_say(struct scene *scene, const struct notice *notice) {
    static uint16_t id = 0x7000;
    uint8_t room[64], data[2048];
    size_t size;
    struct coax_message asked, message = notice_message(notice, room);
    assert_int_equal(coax_datagram_decode(&asked, scene->asked.data, scene->asked.size, TOKEN_MAXIMUM, NULL, NULL),
                     COAX_OK);
    message.token = asked.token;
    message.id = notice->type == COAX_ACK || notice->type == COAX_RST ? asked.id : id++;
    if (notice->code == COAX_EMPTY) {
        message.token.size = message.options.size = message.payload.size = 0;
    }
    assert_int_equal(coax_datagram_encode(&message, data, sizeof data, &size), COAX_OK);
    stack_fixture_receive(&scene->fixture, client_path(9), data, size);
    const uint8_t ack[4] = {0x60, 0, (uint8_t)(message.id >> 8), (uint8_t)message.id};
    if (notice->type == COAX_CON) { /* acknowledged, after whatever else it led to; taken from what was sent */
        struct wire *wire = &scene->fixture.wire;
        assert_true(wire->sent > wire->seen);
        const struct wire_datagram *sent = &wire->datagrams[--wire->sent % WIRE_DATAGRAMS];
        assert_int_equal(sent->size, sizeof ack);
        assert_memory_equal(sent->data, ack, sizeof ack);
    }
}

static inline void scene_notify(struct scene *scene, enum coax_type type, int sequence, int max_age,
                                const char *payload) {
    scene_say(scene,
              &(struct notice){
                  .type = type, .code = COAX_CONTENT, .sequence = sequence, .max_age = max_age, .payload = payload});
}

static inline void scene_expect_state(struct scene *scene, unsigned count, const char *state) {
    assert_int_equal(scene->states, count);
    assert_string_equal(scene->state, state);
    wire_expect_nothing(&scene->fixture.wire);
}

/* Registers, and has the first state. */
static inline void scene_stand(struct scene *scene, int sequence, int max_age) {
    scene_start(scene);
    scene_observe(scene, NULL);
    scene_expect_get(scene, 0);
    scene_notify(scene, COAX_ACK, sequence, max_age, "first");
    scene_expect_state(scene, 1, "first");
}

static inline void scene_pass_ms(struct scene *scene, uint64_t ms) {
    stack_fixture_pass_ms(&scene->fixture, ms);
}

/* Nothing goes out until so many milliseconds from now, and then a GET with Observe 0. */
static inline void scene_expect_registration_at(struct scene *scene, uint64_t ms) {
    scene_pass_ms(scene, ms - 1);
    wire_expect_nothing(&scene->fixture.wire);
    scene_pass_ms(scene, 1);
    scene_expect_get(scene, 0);
}

/* --- the stream --- */

static inline enum coax_status scene_stream_send(struct coax_remote *remote, const struct coax_message *message,
                                                 bool confirmable, struct delivery *delivery, coax_error *error) {
    struct scene_stream *stream = COAX_CONTAINER(remote, struct scene_stream, remote);
    struct coax_option option;
    delivery->carrier = NULL;
    if (remote->is_gone) {
        return coax_fail(error, COAX_E_DROPPED, "the connection is over");
    }
    assert_true(stream->count < STREAM_MESSAGES);
    stream->written[stream->count].code = message->code;
    stream->written[stream->count].confirmable = confirmable;
    stream->written[stream->count].token_size = (uint8_t)message->token.size;
    memcpy(stream->written[stream->count].token, message->token.data, message->token.size);
    stream->written[stream->count].observe =
        coax_message_option(message, COAX_OPTION_OBSERVE, &option) ? (int64_t)coax_option_uint(&option) : -1;
    stream->count++;
    return COAX_OK;
}

static inline void scene_stream_cancel(struct delivery *delivery) {
    (void)delivery;
}

static inline enum delivery_stage scene_stream_stage(const struct delivery *delivery) {
    const struct coax_request *request = COAX_CONTAINER(delivery, const struct coax_request, delivery);
    return COAX_CONTAINER(request->remote, const struct scene_stream, remote)->stage;
}

static inline uint32_t scene_stream_block_maximum(const struct coax_remote *remote) {
    (void)remote;
    return 1024;
}

static inline void scene_stream_released(struct coax_remote *remote) {
    COAX_CONTAINER(remote, struct scene_stream, remote)->released++;
}

static const struct transport scene_stream_transport = {
    .is_reliable = true,
    .send = scene_stream_send,
    .cancel = scene_stream_cancel,
    .stage = scene_stream_stage,
    .block_maximum = scene_stream_block_maximum,
    .released = scene_stream_released,
};

/* The server at the other end of the stream says something. */
static inline bool scene_stream_say(struct scene *scene, const struct notice *notice) {
    uint8_t room[64];
    struct coax_message message = notice_message(notice, room);
    message.type = COAX_NO_TYPE;
    message.token = bytes_of("\x4a", 1);
    return coax_request_layer_response(&scene->fixture.stack->requests, &scene->stream.remote, &message);
}

/* The connection is lost. */
static inline void scene_stream_lose(struct scene *scene, enum coax_status status) {
    coax_error error;
    coax_fail(&error, status, "the connection is over");
    scene->stream.remote.is_gone = true;
    coax_request_layer_lost(&scene->fixture.stack->requests, &scene->stream.remote, &error);
    scene->stream.remote.is_gone = false; /* what is dialled next */
}

#endif
