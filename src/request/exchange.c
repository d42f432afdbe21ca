/* Incoming requests: one exchange each, from the transport to the handler and back. */
#include "request/burst_upload.h"
#include "request/downloads.h"
#include "request/echo.h"
#include "request/observers.h"
#include "request/tokens.h"
#include "request/uploads.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TEXT_MAXIMUM = 1024, OVERLOAD_MAX_AGE_S = 5 };

static void free_exchange(struct coax_exchange *exchange) {
    coax_remote *remote = exchange->remote;
    coax_message_free(exchange->kept_request);
    free(exchange->kept_rest);
    coax_observer_leave_exchange(exchange);
    list_remove(&exchange->of_remote);
    coax_pool_give(&exchange->layer->exchanges, exchange);
    coax_remote_unref(remote);
}

static int no_response_of(const struct coax_message *message) {
    uint64_t value = coax_message_option_uint(message, COAX_OPTION_NO_RESPONSE, UINT64_MAX);
    return value > UINT8_MAX ? -1 : (int)value;
}

/* RFC 7967 section 2.1: the bit of the response's class. Without the option, errors are not sent in answer to a
 * multicast (RFC 7252 section 8.2). */
static bool is_suppressed(const struct coax_remote *remote, int no_response, uint8_t code) {
    unsigned class = coax_code_class(code);
    if (no_response < 0) {
        return coax_address_is_multicast(&remote->local) && class != 2;
    }
    return class > 0 && ((unsigned)no_response >> (class - 1) & 1U) != 0;
}

/* An answer without an exchange. One that the peer would not take goes without its text. */
static void refuse(struct coax_remote *remote, const struct coax_message *request, struct incoming *incoming,
                   uint8_t code, const struct option_writer *options, const char *text) {
    if (is_suppressed(remote, no_response_of(request), code)) {
        remote->transport->decline(remote, incoming);
        return;
    }
    struct coax_message response = {
        .code = code,
        .token = request->token,
        .options = option_writer_bytes(options),
        .payload = bytes_of(text, strlen(text)),
    };
    if (remote->transport->respond(remote, incoming, &response) == COAX_E_TOO_LARGE) {
        response.payload.size = 0;
        (void)remote->transport->respond(remote, incoming, &response);
    }
}

/* More requests wait for answers than the settings allow: to be tried again soon (RFC 7252 section 5.9.3.4). */
static void refuse_for_now(struct coax_remote *remote, const struct coax_message *request, struct incoming *incoming) {
    uint8_t bytes[8];
    struct option_writer options = option_writer_on(bytes, sizeof bytes);
    (void)coax_option_write_uint(&options, COAX_OPTION_MAX_AGE, OVERLOAD_MAX_AGE_S);
    refuse(remote, request, incoming, COAX_SERVICE_UNAVAILABLE, &options, "");
}

/* RFC 8974 section 2.2.2: what will never be handled is 4.00, under the very token. */
static void refuse_token(struct coax_remote *remote, const struct coax_message *request, struct incoming *incoming) {
    struct option_writer none = option_writer_on(NULL, 0);
    refuse(remote, request, incoming, COAX_BAD_REQUEST, &none, "The token is too long");
}

static coax_exchange *new_exchange(struct request_layer *layer, coax_remote *remote) {
    coax_exchange *exchange = layer->is_shut_down ? NULL : coax_pool_take(&layer->exchanges);
    if (exchange != NULL) {
        exchange->layer = layer;
        exchange->remote = coax_remote_ref(remote);
        exchange->no_response = -1;
        exchange->rest = "";
        exchange->options = option_writer_on(exchange->option_bytes, sizeof exchange->option_bytes);
        list_append(&remote->exchanges, &exchange->of_remote);
    }
    return exchange;
}

static void begin_handling(coax_exchange *exchange, const struct coax_message *request) {
    exchange->is_in_handler = true;
    exchange->request = request;
}

static void end_handling(coax_exchange *exchange) {
    exchange->request = NULL;
    exchange->is_in_handler = false;
    exchange->rest = exchange->kept_rest != NULL ? exchange->kept_rest : "";
    if (!exchange->is_answered && !exchange->is_deferred) {
        (void)coax_respond(exchange, COAX_INTERNAL_SERVER_ERROR, COAX_NO_FORMAT, NULL, 0);
    } else if (exchange->is_answered) {
        free_exchange(exchange);
    }
}

/* About what a message takes on the wire; exact enough for a limit. */
static size_t size_of(const struct coax_message *message) {
    enum { HEADER_AND_MARKER = 5 };
    return HEADER_AND_MARKER + message->token.size + message->options.size + message->payload.size;
}

void coax_request_layer_request(void *user, struct coax_remote *remote, const struct coax_message *message,
                                struct incoming *incoming) {
    struct request_layer *layer = user;
    if (message->token.size > coax_token_maximum(layer)) {
        refuse_token(remote, message, incoming);
        return;
    }
    coax_exchange *exchange = new_exchange(layer, remote);
    if (exchange == NULL) {
        refuse_for_now(remote, message, incoming);
        return;
    }
    exchange->incoming = incoming;
    exchange->token_size = (uint8_t)message->token.size;
    if (message->token.size > 0) {
        memcpy(exchange->token, message->token.data, message->token.size);
    }
    exchange->no_response = no_response_of(message);
    exchange->request_size = (uint32_t)size_of(message);
    remote->is_verified = remote->is_verified || coax_echo_is_valid(layer, remote, message);
    coax_exchange_ask(exchange, message);
}

coax_exchange *coax_exchange_for_observer(struct request_layer *layer, coax_remote *remote) {
    return new_exchange(layer, remote);
}

void coax_exchange_ask(coax_exchange *exchange, const struct coax_message *request) {
    begin_handling(exchange, request);
    exchange->layer->serve(exchange->layer->user, exchange, request);
    end_handling(exchange);
}

static bool is_open(const coax_exchange *exchange) {
    return exchange->incoming != NULL || exchange->observer != NULL;
}

/* 4.01 with an Echo, instead of whatever the answer was to be. */
static enum coax_status challenge(coax_exchange *exchange) {
    uint8_t value[ECHO_SIZE];
    coax_echo_make(exchange->layer, exchange->remote, value);
    exchange->is_challenged = true;
    exchange->options.size = 0;
    exchange->options.last = 0;
    enum coax_status status = coax_option_write(&exchange->options, COAX_OPTION_ECHO, value, sizeof value);
    return status == COAX_OK ? coax_exchange_put(exchange, COAX_UNAUTHORIZED, bytes_of(NULL, 0)) : status;
}

/* RFC 9177: understood over datagrams, if the settings allow it. What a burst would add to the traffic is for addresses
   that are not forged. */
static bool read_q_blocks(coax_exchange *exchange, const struct coax_message *request) {
    enum block_presence block1 = coax_block_read(request, COAX_OPTION_Q_BLOCK1, false, &exchange->block1);
    enum block_presence block2 = coax_block_read(request, COAX_OPTION_Q_BLOCK2, false, &exchange->block2);
    exchange->has_q_block1 = block1 == BLOCK_PRESENT;
    exchange->has_q_block2 = exchange->has_block2 = block2 == BLOCK_PRESENT;
    if (block1 == BLOCK_ABSENT && block2 == BLOCK_ABSENT) {
        return true;
    }
    bool is_taken = exchange->layer->settings.q_block && !exchange->remote->transport->is_reliable;
    if (!is_taken) {
        (void)coax_respond_text(exchange, COAX_BAD_OPTION, "Option %s is not taken here",
                                block1 != BLOCK_ABSENT ? "19 Q-Block1" : "31 Q-Block2");
    } else if (block1 == BLOCK_MALFORMED || block2 == BLOCK_MALFORMED) {
        (void)coax_respond_text(exchange, COAX_BAD_REQUEST, "The option %s says no size of a block",
                                block1 == BLOCK_MALFORMED ? "Q-Block1" : "Q-Block2");
    } else if (exchange->has_q_block2 && exchange->remote->scheme == COAX_SCHEME_COAP
               && !exchange->remote->is_verified) {
        coax_exchange_answer(exchange, challenge(exchange));
    } else {
        return true;
    }
    return false;
}

/* False if the exchange is answered: the options make no sense. */
static bool read_blocks(coax_exchange *exchange, const struct coax_message *request) {
    bool bert = exchange->remote->transport->is_reliable;
    enum block_presence block1 = coax_block_read(request, COAX_OPTION_BLOCK1, bert, &exchange->block1);
    enum block_presence block2 = coax_block_read(request, COAX_OPTION_BLOCK2, bert, &exchange->block2);
    exchange->has_block1 = block1 == BLOCK_PRESENT;
    exchange->has_block2 = block2 == BLOCK_PRESENT;
    if (block1 == BLOCK_ABSENT && block2 == BLOCK_ABSENT && !read_q_blocks(exchange, request)) {
        return false;
    }
    if (block1 == BLOCK_MALFORMED || block2 == BLOCK_MALFORMED) {
        (void)coax_respond_text(exchange, COAX_BAD_REQUEST, "The option %s says no size of a block",
                                block1 == BLOCK_MALFORMED ? "Block1" : "Block2");
        return false;
    }
    return true;
}

/* In blocks of the size that the observer wants. */
void coax_exchange_tell(coax_exchange *exchange, const struct coax_message *request, int format, struct bytes state) {
    begin_handling(exchange, request);
    if (read_blocks(exchange, request)) {
        (void)coax_respond(exchange, COAX_CONTENT, format, state.data, state.size);
    }
    end_handling(exchange);
}

/* A block of the response that is not the first: from what is kept, or of a representation that is made again. */
static bool is_block_answered(coax_exchange *exchange, const struct coax_message *request) {
    bool is_first = exchange->block2.number == 0 && (!exchange->has_q_block2 || exchange->block2.more);
    if (!exchange->has_block2 || is_first) {
        return false;
    }
    if (coax_download_answer(exchange, request)) {
        return true;
    }
    if (request->code == COAX_GET) {
        return false;
    }
    (void)coax_respond_text(exchange, COAX_REQUEST_ENTITY_INCOMPLETE,
                            "The response is not kept any more; begin with the request");
    return true;
}

void coax_exchange_serve(coax_exchange *exchange, const struct coax_message *request, const struct serving *serving) {
    struct coax_message whole = *request;
    struct body *body = NULL;
    if (!read_blocks(exchange, request)) {
        return;
    }
    exchange->observed = serving->observed;
    coax_observer_read(exchange, request);
    bool is_split = exchange->has_block1 && (exchange->block1.number > 0 || exchange->block1.more);
    bool has_body = request->code != COAX_GET && request->code != COAX_DELETE;
    bool is_burst = exchange->has_q_block1 && (exchange->block1.number > 0 || exchange->block1.more);
    if ((is_split || is_burst) && !has_body) { /* and no sink may be opened for it */
        (void)coax_respond_text(exchange, COAX_BAD_OPTION, "A request of this method has no body to be sent in blocks");
        return;
    }
    if (is_burst) {
        body = coax_burst_upload_take(exchange, request, serving, &whole);
    } else if (is_split) {
        body = coax_upload_take(exchange, request, serving, &whole);
    }
    is_split = is_split || is_burst;
    if (is_split && body == NULL) {
        return;
    }
    if (!is_split && is_block_answered(exchange, request)) {
        return;
    }
    exchange->request = &whole; /* which may be observed, and is asked again then */
    if (is_split || !has_body || serving->open_sink == NULL || coax_upload_single(exchange, request, serving, &whole)) {
        serving->handler(exchange, &whole, serving->user);
    }
    exchange->body = NULL;
    exchange->request = request;
    if (body != NULL) {
        coax_body_free(body);
    }
    if (is_burst) {
        coax_burst_upload_done(exchange, request);
    }
}

void *coax_exchange_body(const coax_exchange *exchange) {
    return exchange->body;
}

coax_remote *coax_exchange_remote(const coax_exchange *exchange) {
    return exchange->remote;
}

const char *coax_exchange_rest(const coax_exchange *exchange) {
    return exchange->rest;
}

enum coax_status coax_exchange_add_option(coax_exchange *exchange, uint16_t number, const void *value, size_t size) {
    return coax_option_write(&exchange->options, number, value, size);
}

enum coax_status coax_exchange_add_option_uint(coax_exchange *exchange, uint16_t number, uint64_t value) {
    return coax_option_write_uint(&exchange->options, number, value);
}

/* Without memory for the copy a large response will be 5.00, and nobody observes. */
coax_exchange *coax_exchange_defer(coax_exchange *exchange) {
    exchange->is_deferred = true;
    if (exchange->request != NULL && exchange->kept_request == NULL) {
        struct coax_message head = *exchange->request;
        bool is_fetch = head.code == COAX_FETCH; /* which asks with its payload, if it is to observe */
        head.payload = is_fetch ? head.payload : bytes_of(NULL, 0);
        exchange->kept_rest = *exchange->rest == '\0' ? NULL : strdup(exchange->rest);
        bool has_rest = exchange->kept_rest != NULL || *exchange->rest == '\0';
        exchange->kept_request = has_rest ? coax_message_copy(&head) : NULL;
    }
    return exchange;
}

/* The handler's own No-Response goes before the request's, and is not sent itself. */
static void take_no_response(struct coax_exchange *exchange) {
    struct coax_message own = {.options = option_writer_bytes(&exchange->options)};
    int by_handler = no_response_of(&own);
    coax_option_erase(&exchange->options, COAX_OPTION_NO_RESPONSE);
    exchange->no_response = by_handler >= 0 ? by_handler : exchange->no_response;
}

/* RFC 7959 section 2.3: which block of the request this is about. */
static enum coax_status write_block1(coax_exchange *exchange, uint8_t code) {
    if (!exchange->has_block1 || coax_code_class(code) != 2) {
        return COAX_OK;
    }
    struct block block = exchange->block1;
    uint8_t maximum = coax_block_exponent(exchange->layer->settings.block_size);
    block.more = code == COAX_CONTINUE;
    if (!exchange->remote->transport->is_reliable && maximum < block.exponent) {
        block.exponent = maximum; /* late negotiation (section 2.5) */
        block.number = (uint32_t)(block_offset(&exchange->block1) / block_unit(&block));
    }
    return coax_block_write(&exchange->options, COAX_OPTION_BLOCK1, &block);
}

bool coax_exchange_is_fresh(coax_exchange *exchange) {
    if (exchange->request == NULL || exchange->observer != NULL) {
        return exchange->observer != NULL; /* who observes was fresh when that began */
    }
    if (coax_echo_is_valid(exchange->layer, exchange->remote, exchange->request)) {
        return true;
    }
    if (!exchange->is_answered) {
        coax_exchange_answer(exchange, challenge(exchange));
    }
    return false;
}

enum coax_status coax_exchange_put(coax_exchange *exchange, uint8_t code, struct bytes payload) {
    struct coax_remote *remote = exchange->remote;
    if (!is_open(exchange)) {
        return COAX_E_DROPPED; /* by what the program did in its source */
    }
    if (exchange->observer != NULL) {
        return coax_observer_notify(exchange, code, payload);
    }
    size_t size = exchange->token_size + exchange->options.size + payload.size;
    if (!exchange->is_challenged && coax_echo_is_needed(exchange, size)) {
        return challenge(exchange);
    }
    if (is_suppressed(remote, exchange->no_response, code)) {
        remote->transport->decline(remote, exchange->incoming);
        exchange->incoming = NULL;
        return COAX_OK;
    }
    enum coax_status status = write_block1(exchange, code);
    if (status == COAX_OK && coax_code_class(code) == 2 && code != COAX_CONTINUE) {
        status = coax_observer_register(exchange);
    }
    if (status != COAX_OK) {
        return status;
    }
    exchange->answer = code;
    struct coax_message response = {
        .code = code,
        .token = bytes_of(exchange->token, exchange->token_size),
        .options = option_writer_bytes(&exchange->options),
        .payload = payload,
    };
    status = remote->transport->respond(remote, exchange->incoming, &response);
    if (status != COAX_E_TOO_LARGE) {
        exchange->incoming = NULL; /* the transport is done with it */
    }
    return status;
}

/* What could not be answered is 5.00: options, or a whole, that are too large, or a body that cannot be kept or read.
 */
static void or_5_00(coax_exchange *exchange, enum coax_status status) {
    if (status != COAX_OK && is_open(exchange)) {
        coax_observer_forget(exchange);
        exchange->options.size = 0;
        exchange->options.last = 0;
        (void)coax_exchange_put(exchange, COAX_INTERNAL_SERVER_ERROR, bytes_of(NULL, 0));
    }
    exchange->incoming = NULL;
}

void coax_exchange_answer(coax_exchange *exchange, enum coax_status status) {
    exchange->is_answered = true;
    or_5_00(exchange, status);
}

static enum coax_status write_format(coax_exchange *exchange, int format) {
    take_no_response(exchange);
    return format == COAX_NO_FORMAT
               ? COAX_OK
               : coax_option_write_uint(&exchange->options, COAX_OPTION_CONTENT_FORMAT, (uint64_t)format);
}

/* On a connection the whole is tried first: how much the peer takes, only the transport knows. */
static enum coax_status send_response(coax_exchange *exchange, uint8_t code, struct bytes payload) {
    bool is_asked_for = coax_code_class(code) == 2; /* an error is not */
    exchange->has_block2 = exchange->has_block2 && is_asked_for;
    exchange->has_q_block2 = exchange->has_q_block2 && is_asked_for;
    if (coax_download_is_needed(exchange, payload.size)) {
        return coax_download_begin(exchange, code, payload);
    }
    enum coax_status status = coax_exchange_put(exchange, code, payload);
    bool can_split =
        status == COAX_E_TOO_LARGE && exchange->remote->transport->is_reliable && payload.size > BLOCK_SIZE_MAXIMUM;
    return can_split ? coax_download_begin(exchange, code, payload) : status;
}

/* False if there is nothing to be answered: *status says why. */
static bool begin_response(coax_exchange *exchange, enum coax_status *status) {
    if (exchange->is_answered) {
        *status = COAX_E_STATE;
        return false;
    }
    exchange->is_answered = true;
    if (!exchange->is_in_handler) {
        request_layer_enter(exchange->layer);
    }
    *status = is_open(exchange) ? COAX_OK : COAX_E_DROPPED;
    return *status == COAX_OK;
}

static enum coax_status end_response(coax_exchange *exchange, enum coax_status status) {
    if (status != COAX_E_STATE) {
        or_5_00(exchange, status);
        if (!exchange->is_in_handler) {
            free_exchange(exchange);
        }
    }
    return status;
}

enum coax_status coax_respond(coax_exchange *exchange, uint8_t code, int format, const void *payload, size_t size) {
    enum coax_status status;
    if (begin_response(exchange, &status)) {
        status = write_format(exchange, format);
        status = status != COAX_OK ? status : send_response(exchange, code, bytes_of(payload, size));
    }
    return end_response(exchange, status);
}

enum coax_status coax_respond_source(coax_exchange *exchange, uint8_t code, int format, uint64_t size,
                                     const coax_body_source *source, void *body) {
    enum coax_status status;
    bool is_closed = false;
    if (begin_response(exchange, &status)) {
        status = write_format(exchange, format);
        if (status == COAX_OK) {
            is_closed = true;
            status = coax_download_source(exchange, code, size, source, body);
        }
    }
    if (!is_closed && source->close != NULL) {
        source->close(body);
    }
    return end_response(exchange, status);
}

enum coax_status coax_respond_text(coax_exchange *exchange, uint8_t code, const char *format, ...) {
    char text[TEXT_MAXIMUM + 1];
    va_list arguments;
    va_start(arguments, format);
    int size = vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    size_t length = size < 0 ? 0 : (size_t)size < sizeof text ? (size_t)size : sizeof text - 1;
    /* A diagnostic payload has no Content-Format (RFC 7252 section 5.5.2). */
    int content_format = coax_code_class(code) == 2 ? COAX_FORMAT_TEXT : COAX_NO_FORMAT;
    return coax_respond(exchange, code, content_format, text, length);
}
