#include <coax/sessions.h>

#include "endpoint/endpoint.h"

enum coax_status coax_endpoint_save_sessions(coax_endpoint *endpoint, const uint8_t key[32], uint8_t **saved,
                                             size_t *size, coax_error *error) {
    coax_endpoint_set_time(endpoint);
    return coax_stack_save(endpoint->stack, key, saved, size, error);
}

/* Of several that fit, one that is bound to that very address. */
static bool find_channel(void *user, const struct address *local, uint32_t *channel) {
    const coax_endpoint *endpoint = user;
    bool is_found = false;
    for (uint32_t i = 0; i < endpoint->listener_count; i++) {
        const struct listener *listener = &endpoint->listeners[i];
        struct address bound = listener->bound;
        bool is_wide = coax_address_is_unspecified(&bound);
        if (listener->scheme == COAX_SCHEME_COAPS && bound.port == local->port
            && ((is_wide && !is_found) || memcmp(bound.ip, local->ip, sizeof bound.ip) == 0)) {
            *channel = listener->channel;
            is_found = true;
        }
    }
    return is_found;
}

enum coax_status coax_endpoint_restore_sessions(coax_endpoint *endpoint, const uint8_t key[32], const void *saved,
                                                size_t size, size_t *count, coax_error *error) {
    size_t restored = 0;
    coax_endpoint_set_time(endpoint);
    enum coax_status status =
        coax_stack_restore(endpoint->stack, key, bytes_of(saved, size), find_channel, endpoint, &restored, error);
    if (count != NULL) {
        *count = restored;
    }
    return status;
}
