/* A UDP server in its steady state allocates nothing: not per request, not per peer that it knows. Not built with the
   sanitizers, under which each pooled object is an allocation of its own. */
#include "stack/stack.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *memory, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *memory, size_t size);
char *__real_strdup(const char *text);
char *__wrap_strdup(const char *text);

static uint64_t allocations;

void *__wrap_malloc(size_t size) {
    allocations++;
    return __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size) {
    allocations++;
    return __real_calloc(count, size);
}

void *__wrap_realloc(void *memory, size_t size) {
    allocations++;
    return __real_realloc(memory, size);
}

char *__wrap_strdup(const char *text) {
    allocations++;
    return __real_strdup(text);
}

static uint64_t answers, random_state;

static void transmit(void *user, const struct path *path, const uint8_t *data, size_t size) {
    (void)user;
    (void)path;
    answers += size > 4 && data[1] == COAX_CONTENT;
}

static void fill_random(void *user, void *out, size_t size) {
    (void)user;
    for (size_t i = 0; i < size; i++) {
        random_state = random_state * UINT64_C(6364136223846793005) + 1442695040888963407U;
        ((uint8_t *)out)[i] = (uint8_t)(random_state >> 33);
    }
}

static void hello(coax_exchange *exchange, const coax_message *request, void *user) {
    (void)request;
    (void)user;
    (void)coax_exchange_add_option_uint(exchange, COAX_OPTION_MAX_AGE, 5);
    (void)coax_respond_text(exchange, COAX_CONTENT, "hello, %d", 42);
}

enum { PEERS = 100, STEP_MS = 100 };

static void ask(struct stack *stack, unsigned number) {
    uint8_t get[] = {0x44, 1, (uint8_t)(number >> 8), (uint8_t)number, 1, 2, 3, 4, 0xb5, 'h', 'e', 'l', 'l', 'o'};
    struct path path = {.channel = 0};
    path.remote = coax_address_ip4(10, 0, 0, (uint8_t)(number % PEERS), 40000);
    path.local = coax_address_ip4(10, 0, 1, 1, 5683);
    get[0] = number % 3 == 0 ? 0x54 : 0x44; /* some are non-confirmable */
    coax_stack_set_time(stack, stack->now + STEP_MS * COAX_MILLISECOND);
    coax_stack_run(stack);
    coax_stack_receive(stack, &path, false, true, get, sizeof get);
}

static void requests_allocate_nothing(void **state) {
    (void)state;
    enum { WARM_UP = 20000, MEASURED = 20000 };
    const struct datagram_output output = {transmit, fill_random, NULL};
    struct stack *stack;
    coax_resource_config config = COAX_RESOURCE_CONFIG_INIT;
    config.get = hello;
    assert_int_equal(coax_stack_new(&stack, NULL, &output, NULL, COAX_SECOND, NULL), COAX_OK);
    assert_non_null(coax_site_add(stack->site, "hello", &config, NULL));
    for (unsigned i = 0; i < WARM_UP; i++) {
        ask(stack, i);
    }
    assert_true(allocations > 0); /* the counting works */
    allocations = 0;
    for (unsigned i = WARM_UP; i < WARM_UP + MEASURED; i++) {
        ask(stack, i);
    }
    assert_int_equal(allocations, 0);
    assert_int_equal(answers, WARM_UP + MEASURED);
    coax_stack_free(stack);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(requests_allocate_nothing)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
