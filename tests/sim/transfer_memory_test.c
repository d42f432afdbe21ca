/* Bodies in blocks and in bursts, and an observed one, client and server, with the n-th allocation of our own code
   failing, for every n: an error, a 5.xx or success each time, never a crash or a leak; one callback for a request, one
   end for each source and sink. */
#include "failing_allocations.h"
#include "request/observation.h"
#include "stack/stack.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { CLIENT, SERVER, BODY = 5000, QUEUE = 64 };

struct world {
    struct stack *stacks[2];
    struct queue {
        struct world *world;
        struct {
            uint8_t data[1500];
            size_t size;
        } datagrams[QUEUE];
        unsigned head, tail;
    } queues[2]; /* what goes to the node */
    uint64_t random;
    coax_instant now;
    bool by_pieces, bursts, observes; /* the scenario */
    coax_resource *resource;
    coax_observation *observation;
    unsigned requests, answers, states; /* states: that were seen whole */
    bool is_whole;
    int open_bodies;
};

static uint8_t pattern(uint64_t offset) {
    return (uint8_t)(offset % 251);
}

static bool is_pattern(const uint8_t *data, uint64_t offset, size_t size) {
    for (size_t i = 0; i < size; i++) {
        if (data[i] != pattern(offset + i)) {
            return false;
        }
    }
    return true;
}

/* --- bodies --- */

static enum coax_status read_body(void *body, uint64_t offset, void *out, size_t capacity, size_t *size) {
    (void)body;
    *size = capacity < BODY - offset ? capacity : (size_t)(BODY - offset);
    for (size_t i = 0; i < *size; i++) {
        ((uint8_t *)out)[i] = pattern(offset + i);
    }
    return COAX_OK;
}

static void close_source(void *body) {
    ((struct world *)body)->open_bodies--;
}

static enum coax_status write_body(void *body, uint64_t offset, const void *piece, size_t size) {
    struct world *world = body;
    assert_true(is_pattern(piece, offset, size));
    world->is_whole = offset + size == BODY;
    return COAX_OK;
}

static void close_sink(void *body, bool complete) {
    (void)complete;
    ((struct world *)body)->open_bodies--;
}

static const coax_body_source source = {read_body, close_source};
static const coax_body_sink sink = {.write = write_body, .close = close_sink};

/* --- the server --- */

static uint8_t open_sink(coax_exchange *exchange, const coax_message *request, const coax_body_sink **taken,
                         void **body, void *user) {
    (void)exchange;
    (void)request;
    ((struct world *)user)->open_bodies++;
    *taken = &sink;
    *body = user;
    return COAX_EMPTY;
}

static void handle(coax_exchange *exchange, const coax_message *request, void *user) {
    struct world *world = user;
    uint8_t body[BODY];
    size_t size;
    if (coax_message_code(request) == COAX_POST && !world->by_pieces) {
        assert_int_equal(coax_message_payload_size(request), BODY);
        assert_true(is_pattern(coax_message_payload(request), 0, BODY));
    }
    if (world->by_pieces) {
        world->open_bodies++;
        (void)coax_respond_source(exchange, COAX_CONTENT, COAX_FORMAT_TEXT, BODY, &source, world);
    } else {
        (void)read_body(NULL, 0, body, sizeof body, &size);
        (void)coax_respond(exchange, COAX_CONTENT, COAX_FORMAT_TEXT, body, size);
    }
}

/* --- the client --- */

static bool is_whole(const struct world *world, const coax_message *response) {
    if (coax_message_code(response) != COAX_CONTENT) {
        return false;
    }
    return world->by_pieces
               ? world->is_whole
               : coax_message_payload_size(response) == BODY && is_pattern(coax_message_payload(response), 0, BODY);
}

static void answered(coax_request *request, const coax_message *response, const coax_error *error, void *user) {
    struct world *world = user;
    (void)request;
    world->answers++;
    if (response == NULL) {
        assert_true(error->text[0] != '\0');
    } else if (is_whole(world, response)) {
        world->states++;
    } else {
        assert_int_equal(coax_message_code(response) >> 5, 5);
    }
}

static void told(coax_observation *observation, const coax_message *state, const coax_error *error, void *user) {
    struct world *world = user;
    (void)observation;
    if (state != NULL && is_whole(world, state)) {
        world->states++;
    } else if (error != NULL) {
        world->observation = NULL;
    }
}

static enum coax_status send_request(coax_request *request, coax_response_callback *callback, void *user,
                                     coax_error *error) {
    struct world *world = request->owner;
    const struct path path = {.remote = coax_address_ip4(10, 0, 0, SERVER, 5683)};
    struct coax_remote *remote;
    enum coax_status status = coax_stack_remote(world->stacks[CLIENT], &path, false, NULL, NULL, &remote, error);
    status = status == COAX_OK ? coax_request_start(request, callback, user, error) : status;
    if (status == COAX_OK) {
        status = coax_request_submit(request, remote, error);
        if (status != COAX_OK) {
            coax_request_unstart(request);
        }
    }
    return status;
}

static enum coax_status set_bodies(struct world *world, coax_request *request) {
    uint8_t body[BODY];
    size_t size;
    (void)read_body(NULL, 0, body, sizeof body, &size);
    if (!world->by_pieces) {
        return coax_request_set_payload(request, COAX_NO_FORMAT, body, size);
    }
    world->open_bodies += 2;
    enum coax_status status = coax_request_set_source(request, COAX_NO_FORMAT, BODY, &source, world);
    enum coax_status sink_status = coax_request_set_sink(request, &sink, world);
    return status != COAX_OK ? status : sink_status;
}

static void begin(struct world *world) {
    uint8_t code = world->observes ? COAX_GET : COAX_POST;
    coax_request *request = coax_request_create(&world->stacks[CLIENT]->requests, code, "/r");
    if (request == NULL) {
        return;
    }
    request->owner = world;
    enum coax_status status = coax_request_add_option(request, COAX_OPTION_URI_PATH, "r", 1);
    if (status == COAX_OK && !world->observes) {
        status = set_bodies(world, request);
    }
    if (status == COAX_OK) {
        status = world->observes
                     ? coax_observation_new(request, NULL, send_request, told, world, &world->observation, NULL)
                     : send_request(request, answered, world, NULL);
    }
    if (status == COAX_OK) {
        world->requests++;
    } else {
        world->observation = NULL;
        coax_request_cancel(request);
    }
}

/* --- the network, and time --- */

static void transmit(void *user, const struct path *path, const uint8_t *data, size_t size) {
    struct queue *own = user;
    struct queue *to = &own->world->queues[own == own->world->queues];
    (void)path;
    assert_true(size <= sizeof to->datagrams[0].data);
    if (to->tail - to->head < QUEUE) {
        memcpy(to->datagrams[to->tail % QUEUE].data, data, size);
        to->datagrams[to->tail++ % QUEUE].size = size;
    }
}

static void fill_random(void *user, void *out, size_t size) {
    struct world *world = ((struct queue *)user)->world;
    for (size_t i = 0; i < size; i++) {
        world->random = world->random * UINT64_C(6364136223846793005) + 1442695040888963407U;
        ((uint8_t *)out)[i] = (uint8_t)(world->random >> 33);
    }
}

static void deliver(struct world *world, unsigned node) {
    struct queue *queue = &world->queues[node];
    struct path path = {.remote = coax_address_ip4(10, 0, 0, (uint8_t)(1 - node), 5683)};
    path.local = node == SERVER ? coax_address_ip4(10, 0, 0, SERVER, 5683) : path.local;
    while (queue->head != queue->tail) {
        uint8_t data[sizeof queue->datagrams[0].data];
        size_t size = queue->datagrams[queue->head % QUEUE].size;
        memcpy(data, queue->datagrams[queue->head++ % QUEUE].data, size);
        coax_stack_receive(world->stacks[node], &path, false, node == SERVER, data, size);
    }
}

static void pass_seconds(struct world *world, unsigned seconds) {
    coax_instant until = world->now + seconds * COAX_SECOND;
    for (; world->now < until; world->now += COAX_SECOND / 4) {
        for (unsigned node = CLIENT; node <= SERVER; node++) {
            coax_stack_set_time(world->stacks[node], world->now);
            coax_stack_run(world->stacks[node]);
            deliver(world, node);
        }
    }
}

static bool make_stacks(struct world *world) {
    coax_endpoint_config config = COAX_ENDPOINT_CONFIG_INIT;
    config.q_block = world->bursts;
    for (unsigned node = CLIENT; node <= SERVER; node++) {
        world->queues[node].world = world;
        const struct datagram_output output = {transmit, fill_random, &world->queues[node]};
        if (coax_stack_new(&world->stacks[node], &config, &output, NULL, world->now, NULL) != COAX_OK) {
            return false;
        }
    }
    coax_resource_config resource = COAX_RESOURCE_CONFIG_INIT;
    resource.get = resource.post = handle;
    resource.observable = true;
    resource.open_sink = world->by_pieces ? open_sink : NULL;
    resource.user = world;
    world->resource = coax_site_add(world->stacks[SERVER]->site, "r", &resource, NULL);
    return world->resource != NULL;
}

static void run(struct world *world) {
    if (make_stacks(world)) {
        begin(world);
        pass_seconds(world, 30);
        for (int i = 0; i < 2 && world->observes; i++) {
            coax_resource_changed(world->resource);
            pass_seconds(world, 120);
        }
        coax_observation_cancel(world->observation);
        pass_seconds(world, 300);
    }
    coax_stack_free(world->stacks[CLIENT]);
    coax_stack_free(world->stacks[SERVER]);
    assert_int_equal(world->open_bodies, 0);
    assert_int_equal(world->answers, world->observes ? 0 : world->requests);
}

static void every_allocation_may_fail(struct world scenario, unsigned states) {
    static struct world world;
    bool has_failed = true;
    unsigned survived = 0;
    uint64_t n;
    for (n = 1; has_failed; n++) {
        world = scenario;
        world.now = COAX_SECOND;
        fail_allocation(n);
        run(&world);
        has_failed = allocation_count >= n;
        survived += world.states >= states;
    }
    is_counting = false;
    assert_true(world.states >= states);
    assert_true(n > 20);
    printf("%u allocations, %u of which were made up for\n", (unsigned)n - 2, survived - 1);
}

static void of_blocks(void **state) {
    (void)state;
    every_allocation_may_fail((struct world){.bursts = false}, 1);
}

static void of_bursts(void **state) {
    (void)state;
    every_allocation_may_fail((struct world){.bursts = true}, 1);
}

static void of_pieces_in_blocks(void **state) {
    (void)state;
    every_allocation_may_fail((struct world){.by_pieces = true}, 1);
}

static void of_pieces_in_bursts(void **state) {
    (void)state;
    every_allocation_may_fail((struct world){.by_pieces = true, .bursts = true}, 1);
}

static void of_an_observed_body(void **state) {
    (void)state;
    every_allocation_may_fail((struct world){.observes = true}, 3);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(of_blocks),           cmocka_unit_test(of_bursts),
        cmocka_unit_test(of_pieces_in_blocks), cmocka_unit_test(of_pieces_in_bursts),
        cmocka_unit_test(of_an_observed_body),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
