/* The pool: one connection at most for each origin (scheme, host, port, credentials), and what servers that released
   one asked to be kept to (RFC 8323 section 5.5). */
#include "base/error.h"
#include "transport/stream/connection.h"
#include <stdlib.h>
#include <string.h>

enum {
    HELD_MAXIMUM = 1000, /* origins kept for their terms alone */
    KEY_MAXIMUM = 1 + 2 + sizeof(void *) + COAX_HOST_MAXIMUM + 1 + COAX_ZONE_MAXIMUM + 1
};

struct origin {
    struct hash_node node;
    struct list_node held; /* in held_origins: no connection, but terms */
    struct connection *connection;
    struct origin_terms terms;
    struct stream_target target; /* its texts and credential are the origin's */
    struct bytes key;
    uint8_t bytes[]; /* key, host, zone */
};

static bool origin_has_key(const struct hash_node *node, const void *key) {
    return bytes_equal(COAX_CONTAINER(node, struct origin, node)->key, *(const struct bytes *)key);
}

static size_t append(uint8_t *out, size_t size, const void *data, size_t data_size) {
    memcpy(out + size, data, data_size);
    return size + data_size;
}

static size_t write_key(uint8_t out[KEY_MAXIMUM], const struct stream_target *target) {
    uint8_t scheme = (uint8_t)target->scheme;
    size_t size = append(out, 0, &scheme, sizeof scheme);
    size = append(out, size, &target->port, sizeof target->port);
    size = append(out, size, &target->credential, sizeof target->credential);
    size = append(out, size, target->host, strlen(target->host) + 1);
    return append(out, size, target->zone, strlen(target->zone) + 1);
}

static void free_origin(struct origin *origin) {
    coax_credential_unref(origin->target.credential);
    free(origin->terms.alternative);
    free(origin);
}

static struct origin *new_origin(const struct stream_target *target, struct bytes key) {
    size_t host_size = strlen(target->host) + 1, zone_size = strlen(target->zone) + 1;
    struct origin *origin = calloc(1, sizeof *origin + key.size + host_size + zone_size);
    if (origin == NULL) {
        return NULL;
    }
    uint8_t *bytes = origin->bytes;
    memcpy(bytes, key.data, key.size);
    memcpy(bytes + key.size, target->host, host_size);
    memcpy(bytes + key.size + host_size, target->zone, zone_size);
    origin->key = bytes_of(bytes, key.size);
    origin->target = *target;
    origin->target.host = (const char *)bytes + key.size;
    origin->target.zone = (const char *)bytes + key.size + host_size;
    if (target->credential != NULL) {
        coax_credential_ref(target->credential);
    }
    list_init(&origin->held);
    return origin;
}

static struct origin *find_origin(struct stream_layer *layer, struct bytes key) {
    uint64_t hash = coax_hash_table_hash(&layer->origins, key.data, key.size);
    struct hash_node *node = coax_hash_table_find(&layer->origins, hash, &key);
    return node == NULL ? NULL : COAX_CONTAINER(node, struct origin, node);
}

void coax_origins_init(struct stream_layer *layer, const uint8_t seed[16]) {
    coax_hash_table_init(&layer->origins, seed, origin_has_key);
}

struct origin *coax_origin_get(struct stream_layer *layer, const struct stream_target *target) {
    uint8_t bytes[KEY_MAXIMUM];
    struct bytes key = bytes_of(bytes, write_key(bytes, target));
    struct origin *origin = find_origin(layer, key);
    if (origin != NULL) {
        return origin;
    }
    origin = new_origin(target, key);
    uint64_t hash = coax_hash_table_hash(&layer->origins, key.data, key.size);
    if (origin != NULL && coax_hash_table_insert(&layer->origins, &origin->node, hash) != COAX_OK) {
        free_origin(origin);
        return NULL;
    }
    return origin;
}

struct connection *coax_origin_connection(const struct origin *origin) {
    return origin->connection;
}

enum coax_status coax_origin_check(const struct origin *origin, coax_instant now, coax_error *error) {
    if (origin->terms.alternative != NULL || origin->terms.hold_off_until <= now) {
        return COAX_OK;
    }
    coax_instant left = (origin->terms.hold_off_until - now + COAX_SECOND - 1) / COAX_SECOND;
    return coax_fail(error, COAX_E_RELEASED,
                     "The server released the last connection and asked not to be connected to for a while (Hold-Off); "
                     "%llu s of that are left",
                     (unsigned long long)left);
}

static void unhold(struct stream_layer *layer, struct origin *origin) {
    if (list_contains_node(&origin->held)) {
        list_remove(&origin->held);
        layer->held_origin_count--;
    }
}

static void remove_origin(struct stream_layer *layer, struct origin *origin) {
    unhold(layer, origin);
    coax_hash_table_remove(&layer->origins, &origin->node);
    free_origin(origin);
}

void coax_origin_join(struct origin *origin, struct connection *connection) {
    unhold(connection->layer, origin);
    origin->connection = connection;
    origin->terms.hold_off_until = 0;
    connection->origin = origin;
}

static void hold(struct stream_layer *layer, struct origin *origin) {
    if (layer->held_origin_count >= HELD_MAXIMUM) {
        remove_origin(layer, COAX_CONTAINER(list_first(&layer->held_origins), struct origin, held));
    }
    list_append(&layer->held_origins, &origin->held);
    layer->held_origin_count++;
}

void coax_origin_leave(struct connection *connection, const struct origin_terms *terms) {
    static const struct origin_terms none = {.alternative = NULL};
    struct stream_layer *layer = connection->layer;
    struct origin *origin = connection->origin;
    if (origin == NULL) {
        return;
    }
    connection->origin = NULL;
    origin->connection = NULL;
    free(origin->terms.alternative); /* it served once, or did not serve */
    origin->terms = terms == NULL ? none : *terms;
    if (origin->terms.alternative != NULL || origin->terms.hold_off_until > layer->now) {
        hold(layer, origin);
    } else {
        remove_origin(layer, origin);
    }
}

void coax_origin_forget_unused(struct stream_layer *layer, const struct stream_target *target) {
    uint8_t bytes[KEY_MAXIMUM];
    struct origin *origin = find_origin(layer, bytes_of(bytes, write_key(bytes, target)));
    if (origin != NULL && origin->connection == NULL && !list_contains_node(&origin->held)) {
        remove_origin(layer, origin);
    }
}

static void free_node(struct hash_node *node, void *user) {
    (void)user;
    free_origin(COAX_CONTAINER(node, struct origin, node));
}

void coax_origins_free(struct stream_layer *layer) {
    coax_hash_table_each(&layer->origins, free_node, NULL);
    coax_hash_table_free(&layer->origins);
}

void coax_connection_target(const struct connection *connection, struct stream_target *target) {
    const struct origin *origin = connection->origin;
    *target = origin->target;
    if (origin->terms.alternative != NULL) {
        target->host = origin->terms.alternative->host;
        target->zone = origin->terms.alternative->zone;
        target->port = origin->terms.alternative->port;
    }
}
