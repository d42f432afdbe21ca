/* Bodies in blocks and bursts, observers, observations, collections and their programs: a stack that serves and asks at
   once, and peers, time and a program that the fuzzer drives. Whatever happens: no crash, no leak, bounds kept, each
   callback called once, and each sink and source closed once.

   Input: two bytes of settings, then steps. Each begins with a byte that chooses it (`steps`), and takes the bytes that
   it needs from those that follow; what runs out reads as 0. */
#include "request/bodies.h"
#include "request/collection.h"
#include "request/observation.h"
#include "stack/stack.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

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

/* --- the network --- */

static void transmit(void *user, const struct path *path, const uint8_t *data, size_t size) {
    struct world *world = user;
    struct sent *sent = &world->sent[world->sent_count % SENT];
    struct coax_message message;
    coax_option echo;
    sent->size = size < sizeof sent->data ? size : sizeof sent->data;
    memcpy(sent->data, data, sent->size);
    sent->to = path->remote;
    if (coax_datagram_decode(&message, sent->data, sent->size, 64, NULL, NULL) != COAX_OK) {
        require(size > sizeof sent->data);
        return;
    }
    world->sent_count++;
    if (coax_message_option(&message, COAX_OPTION_ECHO, &echo) && echo.size <= sizeof world->echo) {
        memcpy(world->echo, echo.value, echo.size);
        world->echo_size = (uint8_t)echo.size;
    }
}

static void next_random(void *user, void *out, size_t size) {
    struct world *world = user;
    for (size_t i = 0; i < size; i++) {
        world->random = world->random * UINT64_C(6364136223846793005) + 1442695040888963407U;
        ((uint8_t *)out)[i] = (uint8_t)(world->random >> 33);
    }
}

static void deliver(struct world *world, const struct path *path, const struct coax_message *message) {
    uint8_t data[2000];
    size_t size;
    if (coax_datagram_encode(message, data, sizeof data, &size) == COAX_OK) {
        uint8_t *exact = malloc(size);
        require(exact != NULL);
        memcpy(exact, data, size);
        coax_stack_receive(world->stack, path, false, true, exact, size);
        free(exact);
    }
}

static void write_number(struct option_writer *options, uint16_t number, uint64_t value) {
    (void)coax_option_write_uint(options, number, value);
}

/* One byte for the usual blocks, three more for the others. */
static uint32_t take_block(struct world *world) {
    uint8_t byte = take(world);
    if ((byte & 0xf0U) != 0xf0) {
        return byte; /* number up to 14, more, exponent */
    }
    return (uint32_t)take(world) << 16 | (uint32_t)take(world) << 8 | take(world);
}

/* The options that matter here, by the bits of a byte. */
static void write_options(struct world *world, struct option_writer *options, unsigned which, bool bursts) {
    static const char *const tags[] = {"", "a", "etag", "12345678"};
    if ((which & 1U) != 0) {
        write_number(options, bursts ? COAX_OPTION_Q_BLOCK1 : COAX_OPTION_BLOCK1, take_block(world));
    }
    if ((which & 2U) != 0) {
        write_number(options, bursts ? COAX_OPTION_Q_BLOCK2 : COAX_OPTION_BLOCK2, take_block(world));
    }
    if ((which & 4U) != 0) {
        write_number(options, COAX_OPTION_OBSERVE, take(world));
    }
    if ((which & 8U) != 0) {
        const char *tag = tags[take(world) & 3U];
        (void)coax_option_write(options, COAX_OPTION_ETAG, tag, strlen(tag));
    }
    if ((which & 16U) != 0) {
        unsigned shift = take(world) % 32;
        write_number(options, (shift & 1U) != 0 ? COAX_OPTION_SIZE1 : COAX_OPTION_SIZE2, UINT64_C(1) << shift);
    }
    if ((which & 32U) != 0) {
        write_number(options, COAX_OPTION_REQUEST_TAG, take(world) & 3U);
    }
    if ((which & 64U) != 0) {
        (void)coax_option_write(options, COAX_OPTION_ECHO, world->echo, world->echo_size);
    }
    if ((which & 128U) != 0) {
        unsigned rare = take(world);
        (void)((rare & 1U) != 0 ? coax_option_write(options, COAX_OPTION_IF_NONE_MATCH, NULL, 0) : COAX_OK);
        if ((rare & 2U) != 0) {
            write_number(options, COAX_OPTION_MAX_AGE, rare >> 3);
        }
        if ((rare & 4U) != 0) {
            write_number(options, COAX_OPTION_CONTENT_FORMAT, 272);
        }
    }
}

static struct bytes take_payload(struct world *world) {
    static const uint8_t zeros[1280];
    static const uint16_t sizes[] = {0, 1, 15, 16, 17, 32, 64, 128, 256, 512, 1024, 1025, 1279};
    uint8_t choice = take(world);
    if ((choice & 0xf0U) == 0xf0 && world->size >= (choice & 0xfU)) { /* bytes of the input's own */
        struct bytes own = bytes_of(world->data, choice & 0xfU);
        world->data += own.size;
        world->size -= own.size;
        return own;
    }
    return bytes_of(zeros, sizes[(choice & 0xfU) % (sizeof sizes / sizeof *sizes)]);
}

/* A request of a peer. */
static void step_ask(struct world *world) {
    static const uint8_t codes[] = {COAX_GET, COAX_PUT, COAX_FETCH, COAX_POST};
    static const char *const paths[] = {"o", "n", "s", "b", "other"};
    static const char below[] = {0, '1', '2', '3', '4', '5', '9', 0};
    uint8_t what = take(world), where = take(world), which = take(world);
    uint8_t room[200], token[2] = {(uint8_t)(where >> 6), 0x77};
    struct option_writer options = option_writer_on(room, sizeof room);
    const char *path = paths[(where & 7U) % 5];
    const char rest = below[where >> 3 & 7U];
    (void)coax_option_write(&options, COAX_OPTION_URI_PATH, path, strlen(path));
    if (rest != 0) {
        (void)coax_option_write(&options, COAX_OPTION_URI_PATH, &rest, 1);
    }
    write_options(world, &options, which, (what & 32U) != 0);
    const struct coax_message message = {
        .type = (what & 4U) != 0 ? COAX_NON : COAX_CON,
        .code = codes[what & 3U],
        .id = world->next_id++,
        .token = bytes_of(token, 2),
        .options = option_writer_bytes(&options),
        .payload = take_payload(world),
    };
    struct path from = path_of(what >> 3 & 3U);
    deliver(world, &from, &message);
}

static const struct sent *take_sent(struct world *world, struct coax_message *message, unsigned back) {
    if (world->sent_count == 0) {
        return NULL;
    }
    unsigned known = world->sent_count < SENT ? world->sent_count : SENT;
    const struct sent *sent = &world->sent[(world->sent_count - 1 - back % known) % SENT];
    return coax_datagram_decode(message, sent->data, sent->size, 64, NULL, NULL) == COAX_OK ? sent : NULL;
}

/* A peer's answer to what was sent: the newest, or one before it. Its blocks are the asked-for ones, if it has some and
   no other ones are said. */
static void step_answer(struct world *world) {
    static const uint8_t codes[] = {COAX_CONTENT,      COAX_CONTINUE,
                                    COAX_CHANGED,      COAX_REQUEST_ENTITY_INCOMPLETE,
                                    COAX_NOT_FOUND,    COAX_REQUEST_ENTITY_TOO_LARGE,
                                    COAX_UNAUTHORIZED, COAX_SERVICE_UNAVAILABLE,
                                    COAX_BAD_OPTION,   COAX_VALID,
                                    COAX_BAD_REQUEST};
    uint8_t how = take(world), which = take(world), code = take(world);
    struct coax_message asked;
    uint8_t data[1400], room[200];
    struct option_writer options = option_writer_on(room, sizeof room);
    const struct sent *sent = take_sent(world, &asked, how & 7U);
    if (sent == NULL) {
        return;
    }
    struct path path = {.remote = sent->to, .local = path_of(0).local};
    if (coax_address_is_multicast(&sent->to) || (how & 64U) != 0) {
        path.remote = path_of(how >> 3 & 3U).remote;
    }
    memcpy(data, sent->data, sent->size);
    require(coax_datagram_decode(&asked, data, sent->size, 64, NULL, NULL) == COAX_OK);
    static const uint16_t same[] = {COAX_OPTION_BLOCK1, COAX_OPTION_BLOCK2, COAX_OPTION_Q_BLOCK1, COAX_OPTION_Q_BLOCK2};
    for (size_t i = 0; i < sizeof same / sizeof *same && (which & 3U) == 0; i++) {
        coax_option option;
        if (coax_message_option(&asked, same[i], &option)) {
            uint64_t more = (code & 16U) != 0 && (same[i] & 4U) != 0 ? 8 : 0;
            write_number(&options, same[i], coax_option_uint(&option) | more);
        }
    }
    write_options(world, &options, which, (how & 32U) != 0);
    struct coax_message answer = {
        .type = (how & 128U) != 0        ? COAX_NON
                : asked.type == COAX_CON ? COAX_ACK
                                         : COAX_CON,
        .code = codes[(code & 15U) % sizeof codes],
        .id = asked.id,
        .token = asked.token,
        .options = option_writer_bytes(&options),
        .payload = take_payload(world),
    };
    answer.id = answer.type == COAX_ACK ? asked.id : world->next_id++;
    deliver(world, &path, &answer);
}

/* A Reset, or an empty acknowledgement. */
static void step_empty(struct world *world) {
    uint8_t how = take(world);
    struct coax_message sent_message;
    const struct sent *sent = take_sent(world, &sent_message, how & 7U);
    if (sent != NULL) {
        const struct coax_message empty = {.type = (how & 8U) != 0 ? COAX_RST : COAX_ACK, .id = sent_message.id};
        struct path path = {.remote = sent->to, .local = path_of(0).local};
        deliver(world, &path, &empty);
    }
}

static void step_time(struct world *world) {
    unsigned amount = take(world);
    coax_instant until = coax_instant_after_ms(world->now, UINT64_C(1) << (amount % 18));
    coax_instant next;
    for (int i = 0; i < 50 && (next = coax_stack_deadline(world->stack)) <= until; i++) {
        world->now = next > world->now ? next : world->now;
        coax_stack_set_time(world->stack, world->now);
        coax_stack_run(world->stack);
    }
    world->now = until;
    coax_stack_set_time(world->stack, until);
    coax_stack_run(world->stack);
}

static void step_raw(struct world *world) {
    struct path path = path_of(take(world));
    size_t size = take(world);
    size = size < world->size ? size : world->size;
    uint8_t *exact = malloc(size + 1);
    require(exact != NULL);
    memcpy(exact, world->data, size);
    world->data += size;
    world->size -= size;
    coax_stack_receive(world->stack, &path, false, true, exact, size);
    free(exact);
}

static void step_lost(struct world *world) {
    struct path path = path_of(take(world));
    coax_error error = {.status = COAX_E_REFUSED};
    coax_stack_unreachable(world->stack, &path, &error);
}

static void step_program(struct world *world) {
    uint8_t saved = world->reaction;
    world->reaction = take(world);
    react(world);
    world->reaction = saved;
}

static void step_mood(struct world *world) {
    static const enum coax_status verdicts[] = {COAX_OK, COAX_E_IO, COAX_E_TOO_LARGE, COAX_E_NO_MEMORY};
    world->reaction = take(world);
    world->verdict = verdicts[take(world) & 3U];
}

static void step_size(struct world *world) {
    static const uint16_t sizes[] = {0, 1, 16, 17, 100, 1024, 1025, BODY_MAXIMUM, BODY_MAXIMUM + 1};
    world->state_size = sizes[take(world) % (sizeof sizes / sizeof *sizes)];
}

static void step_add(struct world *world) {
    add_resource(world, take(world) % RESOURCES);
}

static void check(const struct world *world) {
    const struct request_layer *layer = &world->stack->requests;
    size_t count = 0, memory = 0;
    for (const struct list_node *at = layer->bodies_by_age.next; at != &layer->bodies_by_age; at = at->next) {
        memory += COAX_CONTAINER(at, const struct body, by_age)->capacity;
        count++;
    }
    require(count == layer->body_count && layer->body_count <= BODIES_MAXIMUM);
    require(memory <= layer->body_memory && layer->body_memory <= MEMORY_MAXIMUM);
    require(layer->observer_count <= 4 && layer->request_count <= 16);
}

static void start(struct world *world) {
    coax_endpoint_config config = COAX_ENDPOINT_CONFIG_INIT;
    uint8_t first = take(world), second = take(world);
    config.max_peers = 16;
    config.max_requests = 16;
    config.max_exchanges = 6;
    config.max_body_size = BODY_MAXIMUM;
    config.max_body_memory = MEMORY_MAXIMUM;
    config.max_bodies = BODIES_MAXIMUM;
    config.body_timeout_ms = 30000;
    config.max_observers = 4;
    config.max_observers_per_peer = 3;
    config.block_size = 16U << (first % 7);
    config.q_block = (first & 8U) != 0;
    config.echo_amplified = (first & 16U) != 0;
    config.max_bodies = (first & 32U) != 0 ? 1 : BODIES_MAXIMUM;
    const struct datagram_output output = {transmit, next_random, world};
    require(coax_stack_new(&world->stack, &config, &output, NULL, world->now, NULL) == COAX_OK);
    for (unsigned i = 0; i < RESOURCES; i++) {
        add_resource(world, i);
    }
    world->state_size = second * 8U;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static void (*const steps[])(struct world *) = {
        step_ask,   step_answer, step_answer, step_request, step_observe, step_time, step_program, step_mood,
        step_empty, step_size,   step_add,    step_lost,    step_raw,     step_ask,  step_answer,  step_time,
    };
    struct world world = {.data = data, .size = size, .now = 1000 * COAX_SECOND, .random = 1};
    start(&world);
    for (unsigned i = 0; i < STEPS_MAXIMUM && world.size > 0; i++) {
        steps[take(&world) & 15U](&world);
        check(&world);
    }
    world.reaction = 0;
    for (unsigned i = 0; i < DEFERRED; i++) {
        answer_deferred(&world, i);
    }
    coax_stack_free(world.stack);
    for (unsigned i = 0; i < REQUESTS; i++) {
        require(world.requests[i] == NULL);
    }
    for (unsigned i = 0; i < OBSERVATIONS; i++) {
        require(world.observations[i] == NULL);
    }
    require(world.open_bodies == 0);
    return 0;
}
