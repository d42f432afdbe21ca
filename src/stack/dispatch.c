#include "stack/dispatch.h"

#include "stack/stack.h"

static void respond_core(struct stack *stack, coax_exchange *exchange, const struct coax_message *request) {
    size_t size;
    enum coax_status status =
        coax_site_write_core(stack->site, request, stack->text, stack->config.max_message_size, &size);
    struct coax_option query;
    bool has_filter = coax_message_option(request, COAX_OPTION_URI_QUERY, &query);
    if (status != COAX_OK) {
        (void)coax_respond_text(exchange, COAX_NOT_IMPLEMENTED, "The list of resources is too large for one message");
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
    if (route.handler != NULL) {
        exchange->rest = route.rest;
        route.handler(exchange, request, route.user);
    } else if (route.well_known_core) {
        respond_core(stack, exchange, request);
    } else {
        (void)coax_respond(exchange, route.code, COAX_NO_FORMAT, route.diagnostic, strlen(route.diagnostic));
    }
}
