#include "cli/serve_reply.h"

#include <string.h>

static bool is_etag(const coax_option *option, const uint8_t *etag) {
    return option->size == REPLY_ETAG_SIZE && memcmp(option->value, etag, REPLY_ETAG_SIZE) == 0;
}

/* Whether one of the request's options with this number is the ETag. */
static bool names_etag(const coax_message *request, uint16_t number, const uint8_t *etag) {
    coax_option option;
    for (size_t position = 0; coax_message_next_option(request, &position, &option);) {
        if (option.number == number && is_etag(&option, etag)) {
            return true;
        }
    }
    return false;
}

bool reply_is_wanted(coax_exchange *exchange, const coax_message *request,
                     const struct representation *representation) {
    uint64_t accept = coax_message_option_uint(request, COAX_OPTION_ACCEPT, UINT64_MAX);
    if (accept != UINT64_MAX && representation->format != COAX_NO_FORMAT
        && accept != (uint64_t)representation->format) {
        const char *name = coax_content_format_name(representation->format);
        (void)coax_respond_text(exchange, COAX_NOT_ACCEPTABLE, "%s is %d %s", representation->what,
                                representation->format, name != NULL ? name : "(no registered format)");
        return false;
    }
    if (representation->etag == NULL) {
        return true;
    }
    (void)coax_exchange_add_option(exchange, COAX_OPTION_ETAG, representation->etag, REPLY_ETAG_SIZE);
    if (names_etag(request, COAX_OPTION_ETAG, representation->etag)) {
        (void)coax_respond(exchange, COAX_VALID, COAX_NO_FORMAT, NULL, 0);
        return false;
    }
    return true;
}

void reply_representation(coax_exchange *exchange, const coax_message *request,
                          const struct representation *representation) {
    if (reply_is_wanted(exchange, request, representation)) {
        (void)coax_respond(exchange, COAX_CONTENT, representation->format, representation->data, representation->size);
    }
}

bool reply_may_go_on(const coax_message *request, const uint8_t *etag) {
    coax_option option;
    if (coax_message_option(request, COAX_OPTION_IF_NONE_MATCH, &option) && etag != NULL) {
        return false;
    }
    if (!coax_message_option(request, COAX_OPTION_IF_MATCH, &option)) {
        return true;
    }
    /* An empty If-Match asks for the existence of anything; it comes first or not, so all are looked at. */
    bool any = false;
    for (size_t position = 0; coax_message_next_option(request, &position, &option);) {
        any = any || (option.number == COAX_OPTION_IF_MATCH && option.size == 0);
    }
    return etag != NULL && (any || names_etag(request, COAX_OPTION_IF_MATCH, etag));
}
