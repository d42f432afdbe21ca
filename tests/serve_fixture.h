/* A server's stack that the test asks as clients would, datagram by datagram, and its one resource "r". */
#ifndef COAX_TESTS_SERVE_FIXTURE_H
#define COAX_TESTS_SERVE_FIXTURE_H

#include "message/block.h"
#include "request/bodies.h"
#include "stack_fixture.h"

enum { SERVED_MAXIMUM = 70000, ASK_ROOM = 4096 };

enum served_place { IN_NONE, IN_READ, IN_CLOSE_SOURCE, IN_OPEN_SINK, IN_WRITE, IN_CLOSE_SINK, SERVED_PLACES };

struct served {
    struct stack_fixture fixture;
    coax_resource *resource;
    uint16_t next_id;
    unsigned handled; /* calls of the handler */
    /* what the handler got */
    uint8_t code, got[SERVED_MAXIMUM];
    size_t got_size;
    bool got_if_none_match;
    void *got_body;
    /* what it answers */
    uint8_t answer_code;
    uint8_t data[SERVED_MAXIMUM]; /* a pattern */
    size_t data_size;
    const char *etag; /* may be NULL */
    bool by_source, size_unknown, defers;
    coax_exchange *kept;
    enum coax_status status; /* of its answer */
    /* sources and sinks */
    unsigned source_opened, source_closed, sink_opened, sink_complete, sink_incomplete;
    enum coax_status source_status, sink_status;
    uint8_t refusal; /* of opening the sink */
    uint8_t sunk[SERVED_MAXIMUM];
    size_t sunk_size;
    /* what the program does in the function at this place, once */
    enum served_place place;
    void (*then)(struct served *served);
};

static inline void served_is_in(struct served *served, enum served_place place) {
    if (place == served->place) {
        served->place = IN_NONE;
        served->then(served);
    }
}

static inline enum coax_status served_read(void *body, uint64_t offset, void *out, size_t capacity, size_t *size) {
    struct served *served = body;
    size_t left = offset < served->data_size ? served->data_size - (size_t)offset : 0;
    *size = left < capacity ? left : capacity;
    memcpy(out, served->data + (left > 0 ? offset : 0), *size);
    served_is_in(served, IN_READ);
    return served->source_status;
}

static inline void served_close_source(void *body) {
    struct served *served = body;
    served->source_closed++;
    served_is_in(served, IN_CLOSE_SOURCE);
}

static const coax_body_source served_source = {served_read, served_close_source};

static inline enum coax_status served_write(void *body, uint64_t offset, const void *piece, size_t size) {
    struct served *served = body;
    assert_true(offset == 0 || offset == served->sunk_size);
    assert_true(offset + size <= SERVED_MAXIMUM);
    memcpy(served->sunk + offset, piece, size);
    served->sunk_size = (size_t)offset + size;
    served_is_in(served, IN_WRITE);
    return served->sink_status;
}

static inline void served_close_sink(void *body, bool complete) {
    struct served *served = body;
    served->sink_complete += complete;
    served->sink_incomplete += !complete;
    served_is_in(served, IN_CLOSE_SINK);
}

static const coax_body_sink served_sink = {.write = served_write, .close = served_close_sink};

static inline uint8_t served_open_sink(coax_exchange *exchange, const coax_message *request,
                                       const coax_body_sink **sink, void **body, void *user) {
    struct served *served = user;
    (void)exchange;
    assert_int_equal(coax_message_payload_size(request), 0);
    served->sink_opened += served->refusal == 0;
    *sink = &served_sink;
    *body = served;
    served_is_in(served, IN_OPEN_SINK);
    return served->refusal;
}

static inline enum coax_status served_respond(struct served *served, coax_exchange *exchange) {
    if (served->etag != NULL) {
        assert_int_equal(coax_exchange_add_option(exchange, COAX_OPTION_ETAG, served->etag, strlen(served->etag)),
                         COAX_OK);
    }
    if (!served->by_source) {
        return coax_respond(exchange, served->answer_code, COAX_FORMAT_TEXT, served->data, served->data_size);
    }
    served->source_opened++;
    return coax_respond_source(exchange, served->answer_code, COAX_FORMAT_TEXT,
                               served->size_unknown ? COAX_SIZE_UNKNOWN : served->data_size, &served_source, served);
}

static inline void served_handler(coax_exchange *exchange, const coax_message *request, void *user) {
    struct served *served = user;
    served->handled++;
    served->code = coax_message_code(request);
    served->got_size = coax_message_payload_size(request);
    served->got_body = coax_exchange_body(exchange);
    coax_option option;
    served->got_if_none_match = coax_message_option(request, COAX_OPTION_IF_NONE_MATCH, &option);
    if (served->got_size > 0) {
        memcpy(served->got, coax_message_payload(request), served->got_size);
    }
    if (served->defers) {
        served->kept = coax_exchange_defer(exchange);
    } else {
        served->status = served_respond(served, exchange);
    }
}

static inline void served_start(struct served *served, const coax_endpoint_config *config, bool has_sink) {
    memset(served, 0, sizeof *served);
    stack_fixture_start(&served->fixture, config);
    coax_resource_config resource = COAX_RESOURCE_CONFIG_INIT;
    resource.get = resource.put = resource.post = resource.fetch = served_handler;
    resource.open_sink = has_sink ? served_open_sink : NULL;
    resource.user = served;
    resource.observable = resource.subtree = true;
    served->resource = coax_site_add(served->fixture.stack->site, "r", &resource, NULL);
    assert_non_null(served->resource);
    served->next_id = 1;
    served->answer_code = COAX_CONTENT;
    for (size_t i = 0; i < SERVED_MAXIMUM; i++) {
        served->data[i] = (uint8_t)(i % 251);
    }
}

static inline void served_stop(struct served *served) {
    stack_fixture_stop(&served->fixture);
    assert_int_equal(served->source_opened, served->source_closed);
    assert_int_equal(served->sink_opened, served->sink_complete + served->sink_incomplete);
}

/* One message of a client. */
struct ask {
    uint8_t code;
    int block1, block2;  /* as BLOCK makes it; 0: none */
    size_t offset, size; /* of the payload, in the pattern */
    const char *tag;     /* Request-Tag, may be NULL */
    const char *token;   /* may be NULL */
    const char *below;   /* a segment behind "r", may be NULL */
    const uint8_t *echo; /* 16 bytes, may be NULL */
    int observe;         /* the option's value plus 1; 0: none */
    uint32_t size1;
    bool if_none_match;
    uint8_t client;                        /* whose; 0 is as 7 */
    int q_block1, q_block2, also_q_block2; /* as the others */
    bool non_confirmable;
};

#define BLOCK(number, more, exponent) (((number) << 4 | (more) << 3 | (exponent)) + 1)
#define ASK(...) ((struct ask){__VA_ARGS__})

static inline void served_send(struct served *served, const struct ask *ask) {
    uint8_t room[100], data[ASK_ROOM];
    struct option_writer options = option_writer_on(room, sizeof room);
    size_t size;
    assert_int_equal(coax_option_write(&options, COAX_OPTION_URI_PATH, "r", 1), COAX_OK);
    if (ask->below != NULL) {
        assert_int_equal(coax_option_write(&options, COAX_OPTION_URI_PATH, ask->below, strlen(ask->below)), COAX_OK);
    }
    if (ask->observe != 0) {
        assert_int_equal(coax_option_write_uint(&options, COAX_OPTION_OBSERVE, (uint64_t)(ask->observe - 1)), COAX_OK);
    }
    if (ask->echo != NULL) {
        assert_int_equal(coax_option_write(&options, COAX_OPTION_ECHO, ask->echo, 16), COAX_OK);
    }
    if (ask->block1 != 0) {
        assert_int_equal(coax_option_write_uint(&options, COAX_OPTION_BLOCK1, (uint64_t)(ask->block1 - 1)), COAX_OK);
    }
    if (ask->block2 != 0) {
        assert_int_equal(coax_option_write_uint(&options, COAX_OPTION_BLOCK2, (uint64_t)(ask->block2 - 1)), COAX_OK);
    }
    const struct {
        uint16_t number;
        int value;
    } bursts[] = {{COAX_OPTION_Q_BLOCK1, ask->q_block1},
                  {COAX_OPTION_Q_BLOCK2, ask->q_block2},
                  {COAX_OPTION_Q_BLOCK2, ask->also_q_block2}};
    for (size_t i = 0; i < sizeof bursts / sizeof *bursts; i++) {
        if (bursts[i].value != 0) {
            assert_int_equal(coax_option_write_uint(&options, bursts[i].number, (uint64_t)(bursts[i].value - 1)),
                             COAX_OK);
        }
    }
    if (ask->tag != NULL) {
        assert_int_equal(coax_option_write(&options, COAX_OPTION_REQUEST_TAG, ask->tag, strlen(ask->tag)), COAX_OK);
    }
    if (ask->if_none_match) {
        assert_int_equal(coax_option_write(&options, COAX_OPTION_IF_NONE_MATCH, NULL, 0), COAX_OK);
    }
    if (ask->size1 != 0) {
        assert_int_equal(coax_option_write_uint(&options, COAX_OPTION_SIZE1, ask->size1), COAX_OK);
    }
    const struct coax_message message = {
        .type = ask->non_confirmable ? COAX_NON : COAX_CON,
        .code = ask->code,
        .id = served->next_id++,
        .token = ask->token == NULL ? bytes_of("tk", 2) : bytes_of(ask->token, strlen(ask->token)),
        .options = option_writer_bytes(&options),
        .payload = bytes_of(served->data + ask->offset, ask->size),
    };
    assert_int_equal(coax_datagram_encode(&message, data, sizeof data, &size), COAX_OK);
    stack_fixture_receive(&served->fixture, server_path(ask->client == 0 ? 7 : ask->client), data, size);
}

/* The response, a view into the datagram. */
static inline struct coax_message served_ask(struct served *served, struct ask ask) {
    served_send(served, &ask);
    struct coax_message response = wire_expect_message(&served->fixture.wire);
    wire_expect_nothing(&served->fixture.wire);
    return response;
}

/* A response with this code and these blocks, and the pattern's bytes as payload (errors have a text instead). */
static inline void served_expect(struct served *served, struct ask ask, uint8_t code, int block1, int block2,
                                 size_t offset, size_t size) {
    struct coax_message response = served_ask(served, ask);
    struct block block = {0};
    assert_int_equal(response.code, code);
    assert_int_equal(coax_block_read(&response, COAX_OPTION_BLOCK1, true, &block),
                     block1 == 0 ? BLOCK_ABSENT : BLOCK_PRESENT);
    assert_int_equal(block1 == 0 ? 0 : BLOCK((int)block.number, block.more, block.exponent), block1);
    assert_int_equal(coax_block_read(&response, COAX_OPTION_BLOCK2, true, &block),
                     block2 == 0 ? BLOCK_ABSENT : BLOCK_PRESENT);
    assert_int_equal(block2 == 0 ? 0 : BLOCK((int)block.number, block.more, block.exponent), block2);
    if (coax_code_class(code) == 2) {
        assert_int_equal(response.payload.size, size);
        assert_memory_equal(response.payload.data, served->data + offset, size);
    } else {
        assert_true(response.payload.size > 0);
    }
}

#endif
