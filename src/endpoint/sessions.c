#include <coax/sessions.h>

#include "endpoint/shards.h"

enum coax_status coax_endpoint_save_sessions(coax_endpoint *endpoint, const uint8_t key[32], uint8_t **saved,
                                             size_t *size, coax_error *error) {
    coax_endpoint_set_time(endpoint);
    return coax_stack_save(&endpoint->stack, 1, key, saved, size, error);
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

static enum coax_status restore(struct stack *const *stacks, size_t stack_count, const uint8_t key[32],
                                struct bytes saved, size_t *count, coax_error *error) {
    size_t restored = 0;
    enum coax_status status = coax_stack_restore(stacks, stack_count, key, saved, find_channel, &restored, error);
    if (count != NULL) {
        *count = restored;
    }
    return status;
}

enum coax_status coax_endpoint_restore_sessions(coax_endpoint *endpoint, const uint8_t key[32], const void *saved,
                                                size_t size, size_t *count, coax_error *error) {
    coax_endpoint_set_time(endpoint);
    return restore(&endpoint->stack, 1, key, bytes_of(saved, size), count, error);
}

/* --- of several shards --- */

static void set_time(const coax_shards *shards) {
    for (uint32_t i = 0; i < shards->count; i++) {
        coax_endpoint_set_time(shards->endpoints[i]);
    }
}

enum coax_status coax_shards_save_sessions(coax_shards *shards, const uint8_t key[32], uint8_t **saved, size_t *size,
                                           coax_error *error) {
    set_time(shards);
    return coax_stack_save(shards->stacks, shards->count, key, saved, size, error);
}

enum coax_status coax_shards_restore_sessions(coax_shards *shards, const uint8_t key[32], const void *saved,
                                              size_t size, size_t *count, coax_error *error) {
    set_time(shards);
    return restore(shards->stacks, shards->count, key, bytes_of(saved, size), count, error);
}
