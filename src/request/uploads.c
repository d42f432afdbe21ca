#include "request/uploads.h"

#include <stdlib.h>
#include <string.h>

static struct body *refuse(coax_exchange *exchange, uint8_t code, const char *text) {
    (void)coax_respond_text(exchange, code, "%s", text);
    return NULL;
}

static struct body *refuse_memory(coax_exchange *exchange) {
    return refuse(exchange, COAX_SERVICE_UNAVAILABLE, "There is no memory for the body");
}

/* RFC 7959 section 2.9.3: with the size that would be taken. */
static struct body *refuse_size(coax_exchange *exchange) {
    uint32_t maximum = exchange->layer->settings.max_body_size;
    (void)coax_exchange_add_option_uint(exchange, COAX_OPTION_SIZE1, maximum);
    (void)coax_respond_text(exchange, COAX_REQUEST_ENTITY_TOO_LARGE, "The body may have %u bytes", (unsigned)maximum);
    return NULL;
}

/* False if it refuses: the exchange is answered. */
static bool open_sink(coax_exchange *exchange, const struct coax_message *request, const struct serving *serving,
                      const coax_body_sink **sink, void **user_body) {
    struct coax_message head = *request;
    head.payload = bytes_of(NULL, 0);
    uint8_t code = serving->open_sink(exchange, &head, sink, user_body, serving->user);
    if (code != COAX_EMPTY && !exchange->is_answered) {
        (void)coax_respond(exchange, code, COAX_NO_FORMAT, NULL, 0);
    }
    return code == COAX_EMPTY;
}

struct body *coax_upload_begin(coax_exchange *exchange, const struct coax_message *request,
                               const struct serving *serving, const struct body_key *key) {
    struct request_layer *layer = exchange->layer;
    uint64_t announced = coax_message_option_uint(request, COAX_OPTION_SIZE1, 0);
    if (serving->open_sink == NULL && announced > layer->settings.max_body_size) {
        return refuse_size(exchange);
    }
    struct body *body = coax_body_new(layer, exchange->remote, key);
    if (body == NULL) {
        return refuse_memory(exchange);
    }
    const coax_body_sink *sink = NULL;
    void *user_body = NULL;
    if (serving->open_sink != NULL && !open_sink(exchange, request, serving, &sink, &user_body)) {
        coax_body_free(body);
        return NULL;
    }
    coax_option condition;
    body->if_none_match = coax_message_option(request, COAX_OPTION_IF_NONE_MATCH, &condition);
    body->sink = sink;
    body->user_body = user_body;
    return body;
}

/* RFC 7959 section 2.10: a client says If-None-Match with the first block only. The handler is told. */
static bool restore_condition(struct body *body, struct coax_message *whole) {
    struct coax_option option;
    if (!body->if_none_match || coax_message_option(whole, COAX_OPTION_IF_NONE_MATCH, &option)) {
        return true;
    }
    size_t room = whole->options.size + 1; /* it has no value, and what follows needs no more for its delta */
    body->options = option_writer_on(malloc(room), room);
    if (body->options.data == NULL) {
        return false;
    }
    for (size_t position = 0; coax_message_next_option(whole, &position, &option);) {
        (void)coax_option_write(&body->options, option.number, option.value, option.size);
    }
    (void)coax_option_write(&body->options, COAX_OPTION_IF_NONE_MATCH, NULL, 0);
    whole->options = option_writer_bytes(&body->options);
    return true;
}

static enum coax_status gather(struct body *body, struct bytes piece) {
    enum coax_status status = coax_body_reserve(body, body->size + piece.size);
    if (status == COAX_OK && piece.size > 0) {
        memcpy(body->data + body->size, piece.data, piece.size);
        body->size += piece.size;
    }
    return status;
}

/* Where it fails the body is lost, and the exchange answered. */
bool coax_upload_keep(coax_exchange *exchange, struct body *body, struct bytes piece) {
    enum coax_status status =
        body->sink != NULL ? body_sink_write(body->sink, body->user_body, body->total, piece) : gather(body, piece);
    body->total += piece.size;
    if (status == COAX_OK) {
        return true;
    }
    bool was_sink = body->sink != NULL;
    coax_body_free(body);
    if (status == COAX_E_TOO_LARGE) {
        (void)refuse_size(exchange);
    } else if (was_sink) {
        (void)refuse(exchange, COAX_INTERNAL_SERVER_ERROR, coax_status_text(status));
    } else {
        (void)refuse_memory(exchange);
    }
    return false;
}

/* Section 2.5: blocks come in order; the last one again is acknowledged again. */
static bool is_next(const struct body *body, const struct block *block) {
    return block_offset(block) == body->total;
}

static bool is_repeated(const struct body *body, const struct block *block) {
    return body->total > 0 && block->number == body->block.number && block->exponent == body->block.exponent;
}

static void acknowledge(coax_exchange *exchange) {
    (void)coax_respond(exchange, COAX_CONTINUE, COAX_NO_FORMAT, NULL, 0);
}

/* The body that the block goes to, out of the table; NULL: the exchange is answered. */
static struct body *find(coax_exchange *exchange, const struct coax_message *request, const struct serving *serving,
                         const struct body_key *key) {
    const struct block *block = &exchange->block1;
    if (block->number == 0) {
        return coax_upload_begin(exchange, request, serving, key);
    }
    struct body *body = coax_body_find(exchange->layer, key);
    if (body != NULL && block->more && is_repeated(body, block)) {
        acknowledge(exchange);
        return NULL;
    }
    if (body == NULL || !is_next(body, block)) {
        return refuse(exchange, COAX_REQUEST_ENTITY_INCOMPLETE,
                      body == NULL ? "No block came before this one; begin with block 0"
                                   : "A block before this one did not come; begin with block 0");
    }
    coax_body_take_out(body);
    return body;
}

void coax_upload_finish(coax_exchange *exchange, struct body *body, struct coax_message *whole) {
    whole->payload = bytes_of(body->data, body->size);
    exchange->body = body->user_body;
    const coax_body_sink *sink = body->sink;
    body->sink = NULL;
    if (sink != NULL && sink->close != NULL) {
        sink->close(body->user_body, true);
    }
}

struct body *coax_upload_take(coax_exchange *exchange, const struct coax_message *request,
                              const struct serving *serving, struct coax_message *whole) {
    const struct block *block = &exchange->block1;
    struct body_key key;
    if (!coax_block_fits(block, request->payload.size)) {
        return refuse(exchange, COAX_BAD_REQUEST, "The payload is not of the size that Block1 says");
    }
    if (!coax_body_key_make(&key, exchange->remote, BODY_UPLOAD, request)) {
        return refuse(exchange, COAX_BAD_OPTION, "The options are too many for a body in blocks");
    }
    struct body *body = find(exchange, request, serving, &key);
    if (body == NULL || !coax_upload_keep(exchange, body, request->payload)) {
        return NULL;
    }
    body->block = *block;
    if (block->more && !coax_body_put_in(body)) {
        return refuse_memory(exchange);
    }
    if (block->more) {
        acknowledge(exchange);
        return NULL;
    }
    *whole = *request;
    if (!restore_condition(body, whole)) {
        coax_body_free(body);
        return refuse_memory(exchange);
    }
    coax_upload_finish(exchange, body, whole);
    return body;
}

bool coax_upload_single(coax_exchange *exchange, const struct coax_message *request, const struct serving *serving,
                        struct coax_message *whole) {
    const coax_body_sink *sink = NULL;
    if (!open_sink(exchange, request, serving, &sink, &exchange->body)) {
        return false;
    }
    enum coax_status status = body_sink_write(sink, exchange->body, 0, request->payload);
    if (sink->close != NULL) {
        sink->close(exchange->body, status == COAX_OK);
    }
    if (status != COAX_OK) {
        (void)refuse(exchange, COAX_INTERNAL_SERVER_ERROR, coax_status_text(status));
        return false;
    }
    *whole = *request;
    whole->payload = bytes_of(NULL, 0);
    return true;
}
