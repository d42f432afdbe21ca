/* The program that tests/fuzz/bodies_fuzz.c drives: a server and a client, whose functions do whatever they may. */
#ifndef COAX_FUZZ_BODIES_PROGRAM_H
#define COAX_FUZZ_BODIES_PROGRAM_H

#include "request/collection.h"
#include "request/observation.h"
#include "stack/stack.h"

#include <stdlib.h>
#include <string.h>

enum {
    PEERS = 3,
    REQUESTS = 4,
    OBSERVATIONS = 2,
    DEFERRED = 3,
    SENT = 8,
    RESOURCES = 5,
    BODY_MAXIMUM = 2048,
    MEMORY_MAXIMUM = 4096,
    BODIES_MAXIMUM = 3,
    STEPS_MAXIMUM = 400
};

/* A body that the program hands over, or takes. */
struct user_body {
    struct world *world;
    uint64_t size;
    bool is_open;
};

struct world {
    const uint8_t *data;
    size_t size;
    struct stack *stack;
    coax_instant now;
    uint64_t random;
    uint16_t next_id;
    uint8_t echo[40];
    uint8_t echo_size;
    struct sent {
        uint8_t data[1400];
        size_t size;
        struct address to;
    } sent[SENT];
    unsigned sent_count;
    coax_request *requests[REQUESTS];
    coax_observation *observations[OBSERVATIONS];
    coax_exchange *deferred[DEFERRED];
    coax_resource *resources[RESOURCES];
    size_t state_size;
    uint8_t reaction;         /* what the next callback does, once */
    enum coax_status verdict; /* of sinks and sources */
    bool is_over, is_in_callback;
    int open_bodies;
};

static void require(bool holds) {
    if (!holds) {
        abort();
    }
}

static uint8_t take(struct world *world) {
    if (world->size == 0) {
        return 0;
    }
    world->size--;
    return *world->data++;
}

/* --- the program --- */

static void answer_deferred(struct world *world, unsigned which);
static void add_resource(struct world *world, unsigned which);

static void cancel_request(struct world *world, unsigned which) {
    coax_request *request = world->requests[which];
    world->requests[which] = NULL;
    coax_request_cancel(request);
}

static void cancel_observation(struct world *world, unsigned which) {
    coax_observation *observation = world->observations[which];
    world->observations[which] = NULL;
    coax_observation_cancel(observation);
}

static void change(struct world *world, unsigned which) {
    static const uint8_t state[1200];
    if (world->resources[which % 2] == NULL) {
        return;
    }
    if (which < 2) {
        coax_resource_changed(world->resources[which]);
    } else {
        (void)coax_resource_publish(world->resources[which % 2], 0, state, world->state_size % sizeof state);
    }
}

static void remove_resource(struct world *world, unsigned which) {
    coax_resource *resource = world->resources[which];
    world->resources[which] = NULL;
    if (resource != NULL) {
        coax_site_remove(world->stack->site, resource);
    }
}

/* What programs do inside callbacks. */
static void react(struct world *world) {
    unsigned what = world->reaction >> 3, which = world->reaction & 7U;
    world->reaction = 0;
    switch (what) {
    case 1:
        cancel_request(world, which % REQUESTS);
        break;
    case 2:
        cancel_observation(world, which % OBSERVATIONS);
        break;
    case 3:
        change(world, which % 4);
        break;
    case 4:
        remove_resource(world, which % RESOURCES);
        break;
    case 5:
        answer_deferred(world, which % DEFERRED);
        break;
    case 6:
        for (unsigned i = 0; i < RESOURCES; i++) {
            remove_resource(world, i);
        }
        break;
    default:
        break;
    }
}

static enum coax_status verdict_of(struct world *world) {
    enum coax_status verdict = world->verdict;
    world->verdict = COAX_OK;
    return verdict;
}

static struct user_body *open_body(struct world *world, uint64_t size) {
    struct user_body *body = malloc(sizeof *body);
    require(body != NULL);
    *body = (struct user_body){world, size, true};
    world->open_bodies++;
    return body;
}

static void close_body(struct user_body *body) {
    struct world *world = body->world;
    require(body->is_open);
    body->is_open = false;
    world->open_bodies--;
    react(world);
    free(body);
}

static enum coax_status read_body(void *user, uint64_t offset, void *out, size_t capacity, size_t *size) {
    struct user_body *body = user;
    struct world *world = body->world;
    require(body->is_open);
    react(world);
    uint64_t left = offset < body->size ? body->size - offset : 0;
    *size = left < capacity ? (size_t)left : capacity;
    if (*size > 0) {
        memset(out, 'x', *size);
    }
    return verdict_of(world);
}

static void close_source(void *user) {
    close_body(user);
}

static enum coax_status write_body(void *user, uint64_t offset, const void *piece, size_t size) {
    struct user_body *body = user;
    struct world *world = body->world;
    require(body->is_open && (offset == 0 || offset == body->size));
    body->size = offset + size;
    uint8_t sum = 0;
    for (size_t i = 0; i < size; i++) {
        sum = (uint8_t)(sum + ((const uint8_t *)piece)[i]);
    }
    world->random += sum;
    react(world);
    return verdict_of(world);
}

static void close_sink(void *user, bool complete) {
    (void)complete;
    close_body(user);
}

static enum coax_status begin_body(void *user, const coax_message *response) {
    struct user_body *body = user;
    struct world *world = body->world;
    require(body->is_open && coax_message_code(response) / 32 == 2);
    react(world);
    return verdict_of(world);
}

static const coax_body_source source = {read_body, close_source};
static const coax_body_sink sink = {write_body, close_sink, begin_body};

/* --- the server --- */

static void read_all(struct world *world, const coax_message *message) {
    size_t position = 0;
    coax_option option;
    while (coax_message_next_option(message, &position, &option)) {
        world->random += option.number + (option.size > 0 ? option.value[option.size - 1] : 0U);
    }
    const uint8_t *payload = coax_message_payload(message);
    size_t size = coax_message_payload_size(message);
    world->random += size > 0 ? payload[size - 1] + payload[0] : 0U;
}

static void respond(struct world *world, coax_exchange *exchange, unsigned how) {
    static const uint8_t state[BODY_MAXIMUM + 2];
    size_t size = world->state_size;
    if (how % 8 == 1) {
        struct user_body *body = open_body(world, size);
        (void)coax_respond_source(exchange, COAX_CONTENT, 0, (how & 8U) != 0 ? COAX_SIZE_UNKNOWN : size, &source, body);
    } else if (how % 8 == 2) {
        (void)coax_respond(exchange, COAX_NOT_FOUND, COAX_NO_FORMAT, state, size);
    } else if (how % 8 == 3) {
        if (coax_exchange_is_fresh(exchange)) {
            (void)coax_respond(exchange, COAX_CHANGED, COAX_NO_FORMAT, NULL, 0);
        }
    } else if (how % 8 != 4) {
        (void)coax_respond(exchange, COAX_CONTENT, 0, state, size);
    }
}

static void answer_deferred(struct world *world, unsigned which) {
    coax_exchange *exchange = world->deferred[which];
    world->deferred[which] = NULL;
    if (exchange != NULL) {
        respond(world, exchange, which == 2 ? 1 : 0);
    }
}

static bool defer(struct world *world, coax_exchange *exchange) {
    for (unsigned i = 0; i < DEFERRED; i++) {
        if (world->deferred[i] == NULL) {
            world->deferred[i] = coax_exchange_defer(exchange);
            return true;
        }
    }
    return false;
}

/* How it answers is in the method and the path below. */
static void handle(coax_exchange *exchange, const coax_message *request, void *user) {
    struct world *world = user;
    const char *rest = coax_exchange_rest(exchange);
    read_all(world, request);
    react(world);
    read_all(world, request);
    unsigned how = *rest == '\0' ? 0 : (unsigned)*rest;
    if (how % 8 == 5 && defer(world, exchange)) {
        return;
    }
    respond(world, exchange, how);
}

static uint8_t open_sink(coax_exchange *exchange, const coax_message *request, const coax_body_sink **taken,
                         void **body, void *user) {
    struct world *world = user;
    (void)exchange;
    require(coax_message_payload_size(request) == 0);
    react(world);
    if (verdict_of(world) != COAX_OK) {
        return COAX_FORBIDDEN;
    }
    *taken = &sink;
    *body = open_body(world, 0);
    return COAX_EMPTY;
}

static void add_resource(struct world *world, unsigned which) {
    static const char *const paths[RESOURCES] = {"o", "n", "s", "b", "*"};
    coax_resource_config config = COAX_RESOURCE_CONFIG_INIT;
    if (world->resources[which] != NULL) {
        return;
    }
    config.get = config.post = config.put = config.fetch = handle;
    config.user = world;
    config.observable = which < 2;
    config.confirm_every = which == 1 ? 2 : 0;
    config.open_sink = which == 2 || which == 4 ? open_sink : NULL;
    config.subtree = true;
    world->resources[which] = coax_site_add(world->stack->site, paths[which], &config, NULL);
}

/* --- the client --- */

static void answered(coax_request *request, const coax_message *response, const coax_error *error, void *user) {
    struct world *world = user;
    unsigned which = REQUESTS;
    for (unsigned i = 0; i < REQUESTS; i++) {
        which = world->requests[i] == request ? i : which;
    }
    require(which < REQUESTS && (response == NULL || error == NULL));
    if (error != NULL) {
        require(error->status != COAX_OK && memchr(error->text, 0, sizeof error->text) != NULL);
    }
    world->requests[which] = NULL;
    if (response != NULL) {
        read_all(world, response);
    }
    react(world);
}

static void each(coax_request *request, const coax_message *response, const coax_error *error, void *user) {
    struct world *world = user;
    (void)request;
    require((response == NULL) != (error == NULL));
    if (response != NULL) {
        read_all(world, response);
    }
    react(world);
    if (response != NULL) {
        read_all(world, response);
    }
}

static void progressed(coax_request *request, const coax_progress *progress, void *user) {
    (void)request;
    require(progress->sent == COAX_SIZE_UNKNOWN || progress->sent < (uint64_t)1 << 40);
    react(user);
}

static void observed(coax_observation *observation, const coax_message *state, const coax_error *error, void *user) {
    struct world *world = user;
    if (error != NULL) {
        for (unsigned i = 0; i < OBSERVATIONS; i++) {
            world->observations[i] = world->observations[i] == observation ? NULL : world->observations[i];
        }
    }
    react(world);
    if (state != NULL) {
        read_all(world, state);
    }
}

static struct path path_of(unsigned peer) {
    struct path path = {.channel = 0};
    path.remote = coax_address_ip4(10, 0, 0, (uint8_t)(peer % PEERS), 5683);
    path.local = coax_address_ip4(10, 0, 0, 200, 5683);
    return path;
}

static struct coax_remote *remote_of(struct world *world, unsigned peer) {
    struct path path = path_of(peer);
    struct coax_remote *remote = NULL;
    if (peer % 8 == 7) {
        path = (struct path){.remote = coax_address_ip4(224, 0, 1, 187, 5683), .channel = 1};
    }
    return coax_stack_remote(world->stack, &path, false, NULL, NULL, &remote, NULL) == COAX_OK ? remote : NULL;
}

static coax_request *make_request(struct world *world) {
    static const uint8_t codes[] = {COAX_GET, COAX_PUT, COAX_FETCH, COAX_POST};
    static const uint8_t body[BODY_MAXIMUM];
    uint8_t what = take(world), bodies = take(world);
    coax_request *request = coax_request_create(&world->stack->requests, codes[what & 3U], "coap://x/t");
    require(request != NULL);
    request->owner = world;
    (void)coax_request_add_option(request, COAX_OPTION_URI_PATH, "t", 1);
    coax_request_set_non_confirmable(request, (what & 4U) != 0);
    if ((what & 3U) != 0 && (what & 8U) != 0) {
        (void)coax_request_set_payload(request, COAX_NO_FORMAT, body, (size_t)take(world) * 8);
    } else if ((what & 3U) != 0 && (what & 16U) != 0) {
        uint64_t size = (uint64_t)take(world) * 8;
        (void)coax_request_set_source(request, 0, (bodies & 1U) != 0 ? COAX_SIZE_UNKNOWN : size, &source,
                                      open_body(world, size));
    }
    struct user_body *kept = NULL;
    if ((bodies & 2U) != 0) {
        kept = open_body(world, 0);
        (void)coax_request_set_sink(request, &sink, kept);
    }
    if ((bodies & 4U) != 0) {
        (void)coax_request_set_block_size(request, 16U << (take(world) % 7));
    }
    if ((bodies & 8U) != 0) {
        (void)coax_request_set_progress(request, progressed, world);
    }
    if ((bodies & 16U) != 0) {
        (void)coax_request_set_retries(request, 2);
    }
    if ((bodies & 32U) != 0) {
        (void)coax_request_set_token(request, "\x42", 1);
    }
    uint64_t offset = (uint64_t)1024 << (take(world) % 21);
    if ((bodies & 6U) == 2 && (bodies & 64U) != 0 && coax_request_resume(request, offset, "etag", 4) == COAX_OK) {
        kept->size = offset;
    }
    if ((bodies & 128U) != 0) {
        coax_request_set_timeout(request, 20000);
    }
    return request;
}

static enum coax_status send_request(coax_request *request, coax_response_callback *callback, void *user,
                                     struct coax_remote *remote) {
    enum coax_status status = coax_request_start(request, callback, user, NULL);
    if (status == COAX_OK) {
        status = coax_request_submit(request, remote, NULL);
        if (status != COAX_OK) {
            coax_request_unstart(request);
        }
    }
    return status;
}

static void step_request(struct world *world) {
    unsigned which = take(world), peer = take(world);
    struct coax_remote *remote = remote_of(world, peer);
    coax_request **place = &world->requests[which % REQUESTS];
    if (*place != NULL || remote == NULL) {
        return;
    }
    *place = make_request(world);
    if (coax_address_is_multicast(&remote->address)) {
        coax_request_set_non_confirmable(*place, true);
        coax_request_set_timeout(*place, 20000);
        if ((which & 128U) != 0) {
            coax_request_collect(*place, each);
        }
    }
    if (send_request(*place, answered, world, remote) != COAX_OK) {
        cancel_request(world, which % REQUESTS);
    }
}

static enum coax_status send_observation(coax_request *request, coax_response_callback *callback, void *user,
                                         coax_error *error) {
    struct world *world = request->owner;
    struct coax_remote *remote = remote_of(world, 0);
    if (remote == NULL) {
        error->status = COAX_E_LIMIT;
        error->text[0] = '\0';
        return COAX_E_LIMIT;
    }
    enum coax_status status = coax_request_start(request, callback, user, error);
    if (status == COAX_OK) {
        status = coax_request_submit(request, remote, error);
        if (status != COAX_OK) {
            coax_request_unstart(request);
        }
    }
    return status;
}

static void step_observe(struct world *world) {
    coax_observation **place = &world->observations[take(world) % OBSERVATIONS];
    if (*place != NULL) {
        return;
    }
    coax_request *request = make_request(world);
    if (coax_observation_new(request, NULL, send_observation, observed, world, place, NULL) != COAX_OK) {
        *place = NULL;
        coax_request_cancel(request);
    }
}

#endif
