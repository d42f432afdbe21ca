/* One request, and the server that the test plays: what goes out is described, what comes in is made of blocks. */
#ifndef COAX_TESTS_TRANSFER_FIXTURE_H
#define COAX_TESTS_TRANSFER_FIXTURE_H

#include "request/transfer.h"

#include "stack_fixture.h"
#include <stdio.h>

enum { BODY_MAXIMUM = 8192, ROOM = 4096 };

enum scene_place { IN_NONE, IN_READ, IN_CLOSE_SOURCE, IN_BEGIN, IN_WRITE, IN_CLOSE_SINK, SCENE_PLACES };

/* One request, and the server that the test plays. */
struct scene {
    struct stack_fixture fixture;
    struct coax_remote *remote;
    struct coax_request *request;
    unsigned callbacks, closed_complete, closed_incomplete, source_closed;
    uint8_t code;
    coax_error error;
    uint8_t body[BODY_MAXIMUM];
    size_t body_size;
    char line[1024]; /* the message that was sent last */
    struct wire_datagram last;
    coax_progress progress;
    unsigned progresses, cancel_at;
    uint8_t source_data[BODY_MAXIMUM];
    size_t source_size;
    enum coax_status sink_status, begin_status, source_status;
    unsigned begun;
    char begun_etag[9]; /* of the body that begins */
    enum scene_place cancel_in;
};

/* What a program may do in any of its functions. */
static inline void is_in(struct scene *scene, enum scene_place place) {
    if (place == scene->cancel_in) {
        scene->cancel_in = IN_NONE;
        coax_request_cancel(scene->request);
    }
}

static inline void ended(coax_request *request, const coax_message *response, const coax_error *error, void *user) {
    struct scene *scene = user;
    (void)request;
    scene->callbacks++;
    scene->request = NULL;
    if (response == NULL) {
        scene->error = *error;
        return;
    }
    scene->code = coax_message_code(response);
    if (coax_message_payload_size(response) > 0) {
        scene->body_size = coax_message_payload_size(response);
        assert_true(scene->body_size <= BODY_MAXIMUM);
        memcpy(scene->body, coax_message_payload(response), scene->body_size);
    }
    coax_option option;
    assert_false(coax_message_option(response, COAX_OPTION_SIZE2, &option) && scene->progresses > 0);
}

static inline void begin(struct scene *scene, uint8_t code, size_t payload_size, const coax_endpoint_config *config) {
    memset(scene, 0, sizeof *scene);
    stack_fixture_start(&scene->fixture, config);
    scene->remote = stack_fixture_remote(&scene->fixture, client_path(9));
    scene->request = coax_request_create(&scene->fixture.stack->requests, code, "/status");
    assert_non_null(scene->request);
    assert_int_equal(coax_request_add_option(scene->request, COAX_OPTION_URI_PATH, "status", 6), COAX_OK);
    for (size_t i = 0; i < BODY_MAXIMUM; i++) {
        scene->source_data[i] = (uint8_t)(i % 251);
    }
    if (payload_size > 0) {
        assert_int_equal(coax_request_set_payload(scene->request, COAX_NO_FORMAT, scene->source_data, payload_size),
                         COAX_OK);
    }
}

static inline enum coax_status send_it(struct scene *scene) {
    assert_int_equal(coax_request_start(scene->request, ended, scene, NULL), COAX_OK);
    return coax_request_submit(scene->request, scene->remote, &scene->error);
}

static inline void end(struct scene *scene) {
    assert_int_equal(scene->fixture.stack->requests.request_count, 0);
    stack_fixture_stop(&scene->fixture);
}

/* The next message that goes out has these words in its description (with '!' before them: has them not). */
static inline void expect_next(struct scene *scene, const char *words, size_t payload_size) {
    const struct wire_datagram *sent = wire_next(&scene->fixture.wire);
    struct coax_message message;
    char copy[200], *rest = copy;
    assert_non_null(sent);
    scene->last = *sent;
    assert_int_equal(coax_datagram_decode(&message, scene->last.data, sent->size, TOKEN_MAXIMUM, NULL, NULL), COAX_OK);
    (void)coax_message_describe(&message, scene->line, sizeof scene->line);
    (void)snprintf(copy, sizeof copy, "%s", words);
    for (const char *word; (word = strsep(&rest, " ")) != NULL;) {
        bool absent = *word == '!';
        if ((strstr(scene->line, word + absent) != NULL) == absent) {
            fail_msg("%s: %s", word, scene->line);
        }
    }
    assert_int_equal(message.payload.size, payload_size);
}

/* The same, and it is the only one. */
static inline void expect(struct scene *scene, const char *words, size_t payload_size) {
    expect_next(scene, words, payload_size);
    wire_expect_nothing(&scene->fixture.wire);
}

struct reply {
    uint8_t code;
    int block1, block2; /* as BLOCK makes it; 0: none */
    const char *etag;   /* may be NULL */
    size_t size;        /* of the payload, which is cut from the pattern at `offset` */
    size_t offset;
    uint16_t option; /* and one more, 0: none */
    const char *value;
    int q_block1, q_block2; /* as the others */
    bool has_list;          /* Content-Format 272, and `value` is the payload */
};

static inline size_t encode_reply(struct scene *scene, const struct reply *reply, uint8_t out[ROOM]) {
    uint8_t room[100];
    struct option_writer options = option_writer_on(room, sizeof room);
    struct coax_message message;
    size_t size;
    assert_int_equal(coax_datagram_decode(&message, scene->last.data, scene->last.size, TOKEN_MAXIMUM, NULL, NULL),
                     COAX_OK);
    message.type = COAX_ACK;
    message.code = reply->code;
    if (reply->block1 != 0) {
        assert_int_equal(coax_option_write_uint(&options, COAX_OPTION_BLOCK1, (uint64_t)(reply->block1 - 1)), COAX_OK);
    }
    if (reply->block2 != 0) {
        assert_int_equal(coax_option_write_uint(&options, COAX_OPTION_BLOCK2, (uint64_t)(reply->block2 - 1)), COAX_OK);
    }
    if (reply->etag != NULL) {
        assert_int_equal(coax_option_write(&options, COAX_OPTION_ETAG, reply->etag, strlen(reply->etag)), COAX_OK);
    }
    if (reply->option != 0 && !reply->has_list) {
        assert_int_equal(coax_option_write(&options, reply->option, reply->value, strlen(reply->value)), COAX_OK);
    }
    if (reply->q_block1 != 0) {
        assert_int_equal(coax_option_write_uint(&options, COAX_OPTION_Q_BLOCK1, (uint64_t)(reply->q_block1 - 1)),
                         COAX_OK);
    }
    if (reply->q_block2 != 0) {
        assert_int_equal(coax_option_write_uint(&options, COAX_OPTION_Q_BLOCK2, (uint64_t)(reply->q_block2 - 1)),
                         COAX_OK);
    }
    if (reply->has_list) {
        assert_int_equal(coax_option_write_uint(&options, COAX_OPTION_CONTENT_FORMAT, 272), COAX_OK);
    }
    message.options = option_writer_bytes(&options);
    message.payload = reply->has_list ? bytes_of(reply->value, reply->size)
                                      : bytes_of(scene->source_data + reply->offset, reply->size);
    assert_int_equal(coax_datagram_encode(&message, out, ROOM, &size), COAX_OK);
    return size;
}

static inline void reply(struct scene *scene, struct reply answer) {
    uint8_t data[ROOM];
    size_t size = encode_reply(scene, &answer, data);
    stack_fixture_receive(&scene->fixture, client_path(9), data, size);
}

#define BLOCK(number, more, exponent) (((number) << 4 | (more) << 3 | (exponent)) + 1)
#define REPLY(...) ((struct reply){__VA_ARGS__})

static inline void expect_done(struct scene *scene, uint8_t code, size_t body_size) {
    wire_expect_nothing(&scene->fixture.wire);
    assert_int_equal(scene->callbacks, 1);
    assert_int_equal(scene->code, code);
    assert_int_equal(scene->body_size, body_size);
    assert_memory_equal(scene->body, scene->source_data, body_size);
}

static inline void expect_failed(struct scene *scene, enum coax_status status) {
    wire_expect_nothing(&scene->fixture.wire);
    assert_int_equal(scene->callbacks, 1);
    assert_int_equal(scene->error.status, status);
}

static inline void expect_upload(struct scene *scene, unsigned number, bool more, unsigned block_size, size_t size) {
    char wanted[60];
    (void)snprintf(wanted, sizeof wanted, "PUT Block1=%u/%d/%u Request-Tag%s", number, more, block_size,
                   number == 0 ? " Size1=" : " !Size1");
    expect(scene, wanted, size);
    struct coax_message message;
    assert_int_equal(coax_datagram_decode(&message, scene->last.data, scene->last.size, TOKEN_MAXIMUM, NULL, NULL),
                     COAX_OK);
    assert_memory_equal(message.payload.data, scene->source_data + (size_t)number * block_size, size);
}

/* A source and a sink of the scene. */
static inline enum coax_status read_body(void *body, uint64_t offset, void *out, size_t capacity, size_t *size) {
    struct scene *scene = body;
    size_t left = offset < scene->source_size ? scene->source_size - (size_t)offset : 0;
    *size = left < capacity ? left : capacity;
    memcpy(out, scene->source_data + offset, *size);
    is_in(scene, IN_READ);
    return scene->source_status;
}

static inline void close_source(void *body) {
    struct scene *scene = body;
    scene->source_closed++;
    is_in(scene, IN_CLOSE_SOURCE);
}

static const coax_body_source source = {read_body, close_source};

static inline enum coax_status begin_body(void *body, const coax_message *response) {
    struct scene *scene = body;
    coax_option etag = {.size = 0};
    if (coax_message_option(response, COAX_OPTION_ETAG, &etag)) {
        memcpy(scene->begun_etag, etag.value, etag.size);
    }
    scene->begun_etag[etag.size] = '\0';
    scene->begun++;
    is_in(scene, IN_BEGIN);
    return scene->begin_status;
}

static inline enum coax_status write_body(void *body, uint64_t offset, const void *piece, size_t size) {
    struct scene *scene = body;
    assert_true(scene->begun > 0);
    assert_true(offset == 0 || offset == scene->body_size);
    assert_true(offset + size <= BODY_MAXIMUM);
    memcpy(scene->body + offset, piece, size);
    scene->body_size = (size_t)offset + size;
    is_in(scene, IN_WRITE);
    return scene->sink_status;
}

static inline void close_sink(void *body, bool complete) {
    struct scene *scene = body;
    scene->closed_complete += complete;
    scene->closed_incomplete += !complete;
    assert_int_equal(scene->callbacks, 0);
    is_in(scene, IN_CLOSE_SINK);
}

static const coax_body_sink sink = {write_body, close_sink, begin_body};

static inline void note_progress(coax_request *request, const coax_progress *progress, void *user) {
    struct scene *scene = user;
    scene->progress = *progress;
    if (++scene->progresses == scene->cancel_at) {
        coax_request_cancel(request);
    }
}

#endif
