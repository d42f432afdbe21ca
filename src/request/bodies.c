#include "request/bodies.h"

#include "base/wipe.h"
#include "request/burst_upload.h"
#include <stdlib.h>
#include <string.h>

static bool has_key(const struct hash_node *node, const void *key) {
    const struct body *body = COAX_CONTAINER(node, struct body, node);
    return bytes_equal(bytes_of(body->key, body->key_size), *(const struct bytes *)key);
}

static bool write_key(struct body_key *key, const void *bytes, size_t size) {
    if (size > sizeof key->bytes - key->size) {
        return false;
    }
    if (size > 0) {
        memcpy(key->bytes + key->size, bytes, size);
    }
    key->size += size;
    return true;
}

/* The options that say which block, and those that are no part of a cache's key (RFC 7252 section 5.4.2). An Observe
   stays out so that the rest of a notification is found by a plain request (RFC 7959 section 2.6), an If-None-Match
   because it comes with the first block only (section 2.10). */
static bool counts(uint16_t number, enum body_direction direction) {
    if (number == COAX_OPTION_REQUEST_TAG) {
        return direction == BODY_UPLOAD;
    }
    return number != COAX_OPTION_BLOCK1 && number != COAX_OPTION_BLOCK2 && number != COAX_OPTION_Q_BLOCK1
           && number != COAX_OPTION_Q_BLOCK2 && number != COAX_OPTION_OBSERVE && number != COAX_OPTION_IF_NONE_MATCH
           && !coax_option_is_no_cache_key(number);
}

bool coax_body_key_make(struct body_key *key, const struct coax_remote *remote, enum body_direction direction,
                        const struct coax_message *request) {
    const uint8_t what[] = {(uint8_t)direction, request->code};
    size_t position = 0;
    struct coax_option option;
    key->size = 0;
    bool fits = write_key(key, &remote, sizeof remote) && write_key(key, what, sizeof what);
    while (fits && coax_message_next_option(request, &position, &option)) {
        if (counts(option.number, direction)) {
            fits = write_key(key, &option.number, sizeof option.number)
                   && write_key(key, &option.size, sizeof option.size) && write_key(key, option.value, option.size);
        }
    }
    return fits;
}

static void schedule(struct request_layer *layer) {
    struct list_node *oldest = list_first(&layer->bodies_by_age);
    if (oldest == NULL) {
        coax_timer_disarm(layer->timers, &layer->body_timer);
    } else if (!coax_timer_is_armed(&layer->body_timer)) {
        /* Without memory the next one that is used arms it. */
        (void)coax_timer_arm(layer->timers, &layer->body_timer, COAX_CONTAINER(oldest, struct body, by_age)->deadline);
    }
}

static void fire(struct timer *timer, coax_instant now) {
    struct request_layer *layer = COAX_CONTAINER(timer, struct request_layer, body_timer);
    struct list_node *oldest;
    while ((oldest = list_first(&layer->bodies_by_age)) != NULL
           && COAX_CONTAINER(oldest, struct body, by_age)->deadline <= now) {
        coax_body_free(COAX_CONTAINER(oldest, struct body, by_age));
    }
    schedule(layer);
}

void coax_bodies_init(struct request_layer *layer, const uint8_t seed[16]) {
    coax_hash_table_init(&layer->bodies, seed, has_key);
    list_init(&layer->bodies_by_age);
    layer->body_timer.fire = fire;
}

void coax_bodies_drop(struct request_layer *layer) {
    struct list_node *node;
    while ((node = list_first(&layer->bodies_by_age)) != NULL) {
        coax_body_free(COAX_CONTAINER(node, struct body, by_age));
    }
    coax_timer_disarm(layer->timers, &layer->body_timer);
}

void coax_bodies_free(struct request_layer *layer) {
    coax_hash_table_free(&layer->bodies);
}

void coax_bodies_drop_remote(struct coax_remote *remote) {
    struct list_node *node;
    while ((node = list_first(&remote->bodies)) != NULL) {
        coax_body_free(COAX_CONTAINER(node, struct body, of_remote));
    }
}

static uint64_t hash_of(const struct request_layer *layer, struct bytes key) {
    return coax_hash_table_hash(&layer->bodies, key.data, key.size);
}

static struct body *find(struct request_layer *layer, struct bytes key) {
    struct hash_node *node = coax_hash_table_find(&layer->bodies, hash_of(layer, key), &key);
    return node == NULL ? NULL : COAX_CONTAINER(node, struct body, node);
}

struct body *coax_body_find(struct request_layer *layer, const struct body_key *key) {
    return find(layer, bytes_of(key->bytes, key->size));
}

static void free_all_like(struct request_layer *layer, struct bytes key) {
    struct body *body;
    while ((body = find(layer, key)) != NULL) {
        coax_body_free(body);
    }
}

struct body *coax_body_new(struct request_layer *layer, coax_remote *remote, const struct body_key *key) {
    free_all_like(layer, bytes_of(key->bytes, key->size));
    struct body *body = calloc(1, sizeof *body + key->size);
    if (body == NULL) {
        return NULL;
    }
    body->layer = layer;
    body->remote = coax_remote_ref(remote);
    body->key_size = key->size;
    memcpy(body->key, key->bytes, key->size);
    return body;
}

/* What is freed on the way calls the program, which may put in others. */
bool coax_body_put_in(struct body *body) {
    struct request_layer *layer = body->layer;
    struct bytes key = bytes_of(body->key, body->key_size);
    free_all_like(layer, key);
    while (layer->body_count >= layer->settings.max_bodies) {
        coax_body_free(COAX_CONTAINER(list_first(&layer->bodies_by_age), struct body, by_age));
    }
    if (body->remote->is_gone || layer->is_shut_down || find(layer, key) != NULL
        || coax_hash_table_insert(&layer->bodies, &body->node, hash_of(layer, key)) != COAX_OK) {
        coax_body_free(body);
        return false;
    }
    layer->body_count++;
    body->deadline = coax_instant_after_ms(layer->now, layer->settings.body_timeout_ms);
    list_append(&body->remote->bodies, &body->of_remote);
    list_append(&layer->bodies_by_age, &body->by_age);
    schedule(layer);
    return true;
}

bool coax_body_make_room(struct body *body, size_t more) {
    struct request_layer *layer = body->layer;
    while (more > layer->settings.max_body_memory - layer->body_memory) {
        struct list_node *oldest = list_first(&layer->bodies_by_age);
        if (oldest == NULL) {
            return false;
        }
        coax_body_free(COAX_CONTAINER(oldest, struct body, by_age));
    }
    return true;
}

static size_t capacity_for(const struct body *body, size_t size) {
    size_t maximum = body->layer->settings.max_body_size;
    size_t capacity = body->capacity == 0 ? size : body->capacity;
    while (capacity < size) {
        capacity *= 2;
    }
    return capacity < maximum ? capacity : maximum;
}

enum coax_status coax_body_reserve(struct body *body, size_t size) {
    if (size > body->layer->settings.max_body_size) {
        return COAX_E_TOO_LARGE;
    }
    if (size <= body->capacity) {
        return COAX_OK;
    }
    size_t capacity = capacity_for(body, size);
    if (!coax_body_make_room(body, capacity - body->capacity)) {
        return COAX_E_NO_MEMORY;
    }
    uint8_t *larger = malloc(capacity);
    if (larger == NULL) {
        return COAX_E_NO_MEMORY;
    }
    if (body->size > 0) {
        memcpy(larger, body->data, body->size);
    }
    coax_wipe_free(body->data, body->capacity);
    body->layer->body_memory += capacity - body->capacity;
    body->data = larger;
    body->capacity = capacity;
    return COAX_OK;
}

void coax_body_take_out(struct body *body) {
    if (list_contains_node(&body->of_remote)) {
        coax_hash_table_remove(&body->layer->bodies, &body->node);
        list_remove(&body->by_age);
        list_remove(&body->of_remote);
        body->layer->body_count--;
    }
}

void coax_body_free(struct body *body) {
    const coax_body_sink *sink = body->sink;
    const coax_body_source *source = body->source;
    void *user_body = body->user_body;
    coax_remote *remote = body->remote;
    coax_body_take_out(body);
    coax_burst_upload_forget(body);
    body->layer->body_memory -= body->capacity;
    coax_wipe_free(body->data, body->capacity);
    free(body->options.data);
    free(body);
    if (sink != NULL && sink->close != NULL) {
        sink->close(user_body, false);
    }
    if (source != NULL && source->close != NULL) {
        source->close(user_body);
    }
    coax_remote_unref(remote);
}
