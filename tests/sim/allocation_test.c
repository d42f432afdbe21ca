/* One request over DTLS, client and server, with the n-th allocation of our own code failing, for every n: an error
   each time or success, never a crash, a leak or a request without its one callback.

   The linker turns our calls of malloc, calloc, realloc and strdup into the functions below (cmake/tests.cmake); GnuTLS
   and Jansson allocate as ever. */
#include "sim/exchange.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *memory, size_t size);
char *__real_strdup(const char *text);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *memory, size_t size);
char *__wrap_strdup(const char *text);

static bool is_counting;
static uint64_t allocation_count, failing_allocation; /* from 1; 0: none fails */

static bool fails_now(void) {
    return is_counting && ++allocation_count == failing_allocation;
}

void *__wrap_malloc(size_t size) {
    return fails_now() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size) {
    return fails_now() ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *memory, size_t size) {
    return fails_now() ? NULL : __real_realloc(memory, size);
}

char *__wrap_strdup(const char *text) {
    return fails_now() ? NULL : __real_strdup(text);
}

enum { CLIENT, SERVER };

struct world {
    struct stack *stacks[2];
    struct address addresses[2];
    struct datagram {
        uint8_t data[2048];
        size_t size;
    } queues[2][64]; /* to the node */
    unsigned heads[2], tails[2];
    uint64_t random;
    struct sender {
        struct world *world;
        int node;
    } senders[2];
    unsigned callbacks;
    uint8_t code;
    coax_error error;
};

static void transmit(void *user, const struct path *path, const uint8_t *data, size_t size) {
    struct sender *sender = user;
    struct world *world = sender->world;
    int to = 1 - sender->node;
    (void)path;
    if (world->tails[to] - world->heads[to] < 64 && size <= sizeof world->queues[to][0].data) {
        struct datagram *datagram = &world->queues[to][world->tails[to]++ % 64];
        memcpy(datagram->data, data, size);
        datagram->size = size;
    }
}

static void fill_random(void *user, void *out, size_t size) {
    struct world *world = ((struct sender *)user)->world;
    for (size_t i = 0; i < size; i++) {
        world->random = world->random * UINT64_C(6364136223846793005) + 1442695040888963407U;
        ((uint8_t *)out)[i] = (uint8_t)(world->random >> 33);
    }
}

static void answered(coax_request *request, const coax_message *response, const coax_error *error, void *user) {
    struct world *world = user;
    (void)request;
    world->callbacks++;
    if (response != NULL) {
        world->code = coax_message_code(response);
    } else {
        world->error = *error;
    }
}

static void hello(coax_exchange *exchange, const coax_message *request, void *user) {
    (void)request;
    (void)user;
    (void)coax_respond_text(exchange, COAX_CONTENT, "hello");
}

static enum coax_status make_stack(struct world *world, int node) {
    static const char key[] = "0123456789abcdef";
    world->senders[node] = (struct sender){world, node};
    const struct datagram_output output = {transmit, fill_random, &world->senders[node]};
    enum coax_status status = coax_stack_new(&world->stacks[node], NULL, &output, NULL, COAX_SECOND, NULL);
    if (status == COAX_OK) {
        status = coax_credentials_set_psk(world->stacks[node]->credentials, "coaps://*", "device", 6, key, 16, NULL);
    }
    return status == COAX_OK ? coax_stack_enable_dtls(world->stacks[node], NULL) : status;
}

static struct path path_to(const struct world *world, int to) {
    struct path path = {.remote = world->addresses[to]};
    if (to == CLIENT) {
        path.local = world->addresses[SERVER];
    }
    return path;
}

static enum coax_status ask(struct world *world) {
    struct stack *client = world->stacks[CLIENT];
    struct path path = path_to(world, SERVER);
    struct coax_remote *remote;
    enum coax_status status = coax_stack_remote(client, &path, true, "coaps://10.0.0.2/", NULL, &remote, NULL);
    if (status != COAX_OK) {
        return status;
    }
    struct coax_request *request = coax_request_create(&client->requests, COAX_POST, "coaps://10.0.0.2/hello");
    if (request == NULL) {
        return COAX_E_NO_MEMORY;
    }
    status = coax_request_set_payload(request, COAX_FORMAT_TEXT, "body", 4);
    if (status == COAX_OK) {
        status = coax_request_add_option(request, COAX_OPTION_URI_PATH, "hello", 5);
    }
    if (status == COAX_OK) {
        status = coax_request_start(request, answered, world, NULL);
    }
    if (status == COAX_OK) {
        status = coax_request_submit(request, remote, NULL);
    }
    if (status != COAX_OK) {
        coax_request_cancel(request);
    }
    return status;
}

static void deliver_all(struct world *world) {
    for (int node = CLIENT; node <= SERVER; node++) {
        while (world->heads[node] != world->tails[node]) {
            struct datagram datagram = world->queues[node][world->heads[node]++ % 64];
            struct path path = path_to(world, node == SERVER ? CLIENT : SERVER);
            coax_stack_receive(world->stacks[node], &path, true, node == SERVER, datagram.data, datagram.size);
        }
    }
}

static void pass_time(struct world *world) {
    for (coax_instant now = COAX_SECOND; now < 400 * COAX_SECOND; now += COAX_SECOND / 4) {
        for (int node = CLIENT; node <= SERVER; node++) {
            coax_stack_set_time(world->stacks[node], now);
            coax_stack_run(world->stacks[node]);
        }
        deliver_all(world);
    }
}

/* The whole scenario. Returns whether everything that could fail at once succeeded; then there is a callback. */
static bool run_scenario(struct world *world) {
    memset(world, 0, sizeof *world);
    world->addresses[CLIENT] = coax_address_ip4(10, 0, 0, 1, 40000);
    world->addresses[SERVER] = coax_address_ip4(10, 0, 0, 2, 5684);
    coax_resource_config config = COAX_RESOURCE_CONFIG_INIT;
    config.post = hello;
    bool is_sent = make_stack(world, SERVER) == COAX_OK && make_stack(world, CLIENT) == COAX_OK
                   && coax_site_add(world->stacks[SERVER]->site, "hello", &config, NULL) != NULL
                   && ask(world) == COAX_OK;
    if (is_sent) {
        pass_time(world);
    }
    coax_stack_free(world->stacks[CLIENT]);
    coax_stack_free(world->stacks[SERVER]);
    return is_sent;
}

static void every_allocation_may_fail(void **state) {
    (void)state;
    static struct world world;
    is_counting = true;
    failing_allocation = 0;
    assert_true(run_scenario(&world));
    assert_int_equal(world.callbacks, 1);
    assert_int_equal(world.code, COAX_CONTENT);
    uint64_t total = allocation_count;
    unsigned refused = 0, failed = 0, survived = 0;
    assert_true(total > 20);
    for (failing_allocation = 1; failing_allocation <= total; failing_allocation++) {
        allocation_count = 0;
        bool is_sent = run_scenario(&world);
        assert_int_equal(world.callbacks, is_sent ? 1 : 0);
        if (!is_sent) {
            refused++;
        } else if (world.code == COAX_CONTENT) {
            survived++;
        } else {
            /* The callback's error, or the server's own 5.03. */
            assert_true(world.code == COAX_SERVICE_UNAVAILABLE || world.error.text[0] != '\0');
            failed++;
        }
    }
    is_counting = false;
    printf("%llu allocations: %u failed at once, %u by an error or 5.03, %u were made up for\n",
           (unsigned long long)total, refused, failed, survived);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_allocation_may_fail)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
