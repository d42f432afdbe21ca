/* Bodies in blocks and bursts, observers, observations, collections and their programs: a stack that serves and asks at
   once, and peers, time and a program that the fuzzer drives. Whatever happens: no crash, no leak, bounds kept, each
   callback called once, and each sink and source closed once.

   Input: two bytes of settings, then steps. Each begins with a byte that chooses it (`steps`), and takes the bytes that
   it needs from those that follow; what runs out reads as 0. */
#include "request/bodies.h"

#include "bodies_program.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

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
