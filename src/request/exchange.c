/* Incoming requests: one exchange each, from the transport to the handler and back. */
#include "request/request_layer.h"

#include <stdarg.h>
#include <stdio.h>

enum { TEXT_MAXIMUM = 1024, OVERLOAD_MAX_AGE_S = 5 };

static void free_exchange(struct coax_exchange *exchange) {
    coax_remote *remote = exchange->remote;
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

/* More requests wait for answers than the settings allow: 5.03, to be tried again soon (RFC 7252 section 5.9.3.4). */
static void refuse(struct coax_remote *remote, const struct coax_message *request, struct incoming *incoming) {
    if (is_suppressed(remote, no_response_of(request), COAX_SERVICE_UNAVAILABLE)) {
        remote->transport->decline(remote, incoming);
        return;
    }
    uint8_t options[8];
    struct option_writer writer = option_writer_on(options, sizeof options);
    (void)coax_option_write_uint(&writer, COAX_OPTION_MAX_AGE, OVERLOAD_MAX_AGE_S);
    struct coax_message response = {
        .code = COAX_SERVICE_UNAVAILABLE, .token = request->token, .options = option_writer_bytes(&writer)};
    (void)remote->transport->respond(remote, incoming, &response);
}

void coax_request_layer_request(void *user, struct coax_remote *remote, const struct coax_message *message,
                                struct incoming *incoming) {
    struct request_layer *layer = user;
    struct coax_exchange *exchange = layer->is_shut_down ? NULL : coax_pool_take(&layer->exchanges);
    if (exchange == NULL) {
        refuse(remote, message, incoming);
        return;
    }
    exchange->layer = layer;
    exchange->remote = coax_remote_ref(remote);
    exchange->incoming = incoming;
    exchange->token_size = (uint8_t)message->token.size;
    if (message->token.size > 0) {
        memcpy(exchange->token, message->token.data, message->token.size);
    }
    exchange->no_response = no_response_of(message);
    exchange->rest = "";
    exchange->options = option_writer_on(exchange->option_bytes, sizeof exchange->option_bytes);
    list_append(&remote->exchanges, &exchange->of_remote);
    exchange->is_in_handler = true;
    layer->serve(layer->user, exchange, message);
    exchange->is_in_handler = false;
    exchange->rest = "";
    if (!exchange->is_answered && !exchange->is_deferred) {
        (void)coax_respond(exchange, COAX_INTERNAL_SERVER_ERROR, COAX_NO_FORMAT, NULL, 0);
    } else if (exchange->is_answered) {
        free_exchange(exchange);
    }
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

coax_exchange *coax_exchange_defer(coax_exchange *exchange) {
    exchange->is_deferred = true;
    return exchange;
}

/* The handler's own No-Response goes before the request's, and is not sent itself. */
static void take_no_response(struct coax_exchange *exchange) {
    struct coax_message own = {.options = option_writer_bytes(&exchange->options)};
    int by_handler = no_response_of(&own);
    coax_option_erase(&exchange->options, COAX_OPTION_NO_RESPONSE);
    exchange->no_response = by_handler >= 0 ? by_handler : exchange->no_response;
}

static enum coax_status send_or_decline(struct coax_exchange *exchange, uint8_t code, struct bytes options,
                                        struct bytes payload) {
    struct coax_remote *remote = exchange->remote;
    if (is_suppressed(remote, exchange->no_response, code)) {
        remote->transport->decline(remote, exchange->incoming);
        return COAX_OK;
    }
    struct coax_message response = {
        .code = code,
        .token = bytes_of(exchange->token, exchange->token_size),
        .options = options,
        .payload = payload,
    };
    return remote->transport->respond(remote, exchange->incoming, &response);
}

static enum coax_status send_response(struct coax_exchange *exchange, uint8_t code, int format, struct bytes payload) {
    enum coax_status status = COAX_OK;
    take_no_response(exchange);
    if (format != COAX_NO_FORMAT) {
        status = coax_option_write_uint(&exchange->options, COAX_OPTION_CONTENT_FORMAT, (uint64_t)format);
    }
    if (status == COAX_OK) {
        status = send_or_decline(exchange, code, option_writer_bytes(&exchange->options), payload);
    }
    if (status == COAX_E_TOO_LARGE) { /* of the options, or of the whole */
        const struct bytes nothing = {NULL, 0};
        (void)send_or_decline(exchange, COAX_INTERNAL_SERVER_ERROR, nothing, nothing);
    }
    return status;
}

enum coax_status coax_respond(coax_exchange *exchange, uint8_t code, int format, const void *payload, size_t size) {
    if (exchange->is_answered) {
        return COAX_E_STATE;
    }
    exchange->is_answered = true;
    enum coax_status status = COAX_OK;
    if (!exchange->is_in_handler) {
        request_layer_enter(exchange->layer);
    }
    if (exchange->incoming == NULL) {
        status = COAX_E_DROPPED;
    } else {
        status = send_response(exchange, code, format, bytes_of(payload, size));
    }
    exchange->incoming = NULL;
    if (!exchange->is_in_handler) {
        free_exchange(exchange);
    }
    return status;
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
