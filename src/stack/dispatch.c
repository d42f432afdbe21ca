#include "stack/dispatch.h"

#include "stack/stack.h"
#include <stdlib.h>

/* The buffer grows with the list, and stays. */
static bool write_core(struct stack *stack, const struct coax_message *request, size_t *size) {
    while (coax_site_write_core(stack->site, request, stack->text, stack->text_capacity, size) != COAX_OK) {
        size_t capacity = stack->text_capacity * 2;
        char *larger = capacity > stack->config.max_body_size ? NULL : malloc(capacity);
        if (larger == NULL) {
            return false;
        }
        free(stack->text);
        stack->text = larger;
        stack->text_capacity = capacity;
    }
    return true;
}

static void respond_core(coax_exchange *exchange, const struct coax_message *request, void *user) {
    struct stack *stack = user;
    size_t size;
    struct coax_option query;
    bool has_filter = coax_message_option(request, COAX_OPTION_URI_QUERY, &query);
    if (!write_core(stack, request, &size)) {
        (void)coax_respond_text(exchange, COAX_INTERNAL_SERVER_ERROR, "The list of resources is too large");
    } else if (size == 0 && has_filter && coax_remote_is_multicast(exchange->remote)) {
        /* RFC 6690 section 4.1: nothing that matches is no answer to a multicast */
        exchange->no_response = 2;
        (void)coax_respond(exchange, COAX_CONTENT, COAX_FORMAT_LINK, NULL, 0);
    } else {
        (void)coax_respond(exchange, COAX_CONTENT, COAX_FORMAT_LINK, stack->text, size);
    }
}

void coax_stack_serve(void *user, coax_exchange *exchange, const struct coax_message *request) {
    struct stack *stack = user;
    struct site_route route;
    coax_site_route(stack->site, request, coax_remote_claim(exchange->remote), coax_remote_credential(exchange->remote),
                    &route);
    if (route.well_known_core) {
        route.handler = respond_core;
        route.user = stack;
    }
    if (route.handler != NULL) {
        const struct serving serving = {route.handler, route.observed, route.open_sink, route.user};
        exchange->rest = route.rest;
        coax_exchange_serve(exchange, request, &serving);
    } else {
        (void)coax_respond(exchange, route.code, COAX_NO_FORMAT, route.diagnostic, strlen(route.diagnostic));
    }
}
