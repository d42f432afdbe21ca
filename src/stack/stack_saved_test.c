/* A server that is started again with what it saved, on a network in memory: its clients go on, and go on observing. */
#include "request/observation.h"
#include "sim/exchange.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const uint8_t key[STACK_SAVED_KEY_SIZE] = "0123456789abcdef0123456789abcde";
static const struct network_conditions good = {.delay_minimum_ms = 1, .delay_maximum_ms = 5};

struct world {
    struct network network;
    struct network_node *client, *server;
    coax_resource *resource;
    unsigned value, states, last, handshakes;
    coax_observation *observation;
    coax_error error;
};

static void serve_value(coax_exchange *exchange, const coax_message *request, void *user) {
    (void)request;
    (void)coax_respond_text(exchange, COAX_CONTENT, "%u", ((struct world *)user)->value);
}

static void watch(void *user, const struct address *from, const struct address *to, const uint8_t *data, size_t size) {
    (void)from;
    (void)to;
    ((struct world *)user)->handshakes += size > 0 && data[0] == 22;
}

static void prepare_server(struct world *world) {
    coax_resource_config config = COAX_RESOURCE_CONFIG_INIT;
    config.get = serve_value;
    config.observable = true;
    config.user = world;
    sim_set_psk(world->server, "device", "0123456789abcdef");
    sim_add_hello(world->server);
    world->resource = coax_site_add(world->server->stack->site, "value", &config, NULL);
}

static void start(struct world *world) {
    memset(world, 0, sizeof *world);
    network_init(&world->network, 1, &good);
    world->client = network_add(&world->network, NULL, true, false);
    world->server = network_add(&world->network, NULL, true, true);
    world->network.tap = watch;
    world->network.tap_user = world;
    sim_set_psk(world->client, "device", "0123456789abcdef");
    prepare_server(world);
}

static void expect_hello(struct world *world) {
    struct outcome outcome;
    assert_int_equal(sim_ask_node(world->client, world->server, COAX_GET, "hello", &outcome), COAX_OK);
    sim_pass(&world->network, 20000);
    assert_string_equal(outcome.error.text, "");
    assert_int_equal(outcome.code, COAX_CONTENT);
}

static void told(coax_observation *observation, const coax_message *state, const coax_error *error, void *user) {
    struct world *world = user;
    (void)observation;
    if (error != NULL) {
        world->error = *error;
        world->observation = NULL;
        return;
    }
    world->states++;
    char text[16];
    snprintf(text, sizeof text, "%.*s", (int)coax_message_payload_size(state),
             (const char *)coax_message_payload(state));
    world->last = (unsigned)strtoul(text, NULL, 10);
}

static enum coax_status send_request(coax_request *request, coax_response_callback *callback, void *user,
                                     coax_error *error) {
    struct world *world = request->owner;
    struct coax_remote *remote = network_remote(world->client, world->server, "coaps://10.0.0.1/", error);
    enum coax_status status = remote == NULL ? error->status : coax_request_start(request, callback, user, error);
    return status == COAX_OK ? coax_request_submit(request, remote, error) : status;
}

static void observe(struct world *world) {
    coax_stack_set_time(world->client->stack, world->network.now);
    coax_request *request = coax_request_create(&world->client->stack->requests, COAX_GET, "/value");
    request->owner = world;
    assert_int_equal(coax_request_add_option(request, COAX_OPTION_URI_PATH, "value", 5), COAX_OK);
    assert_int_equal(coax_observation_new(request, NULL, send_request, told, world, &world->observation, &world->error),
                     COAX_OK);
    sim_pass(&world->network, 5000);
    assert_int_equal(world->states, 1);
}

static bool find_channel(void *user, const struct address *local, uint32_t *channel) {
    (void)user;
    *channel = 0;
    return local->port == 5684;
}

/* Saved, killed, started again. */
static void restart(struct world *world, uint8_t **saved, size_t *size) {
    coax_stack_set_time(world->server->stack, world->network.now);
    assert_int_equal(coax_stack_save(&world->server->stack, 1, key, saved, size, NULL), COAX_OK);
    network_restart(world->server, NULL);
    prepare_server(world);
    coax_stack_set_time(world->server->stack, world->network.now);
}

static enum coax_status restore(struct world *world, const uint8_t *saved, size_t size, size_t *count,
                                coax_error *error) {
    return coax_stack_restore(&world->server->stack, 1, key, bytes_of(saved, size), find_channel, count, error);
}

static void sessions_and_observations_go_on(void **state) {
    (void)state;
    struct world world;
    start(&world);
    expect_hello(&world);
    observe(&world);
    for (unsigned round = 1; round < 4; round++) {
        uint8_t *saved;
        size_t size, count;
        unsigned handshakes = world.handshakes, states = world.states;
        restart(&world, &saved, &size);
        world.value = round * 100;
        assert_int_equal(restore(&world, saved, size, &count, NULL), COAX_OK);
        free(saved);
        assert_int_equal(count, 1);
        sim_pass(&world.network, 10000);
        assert_true(world.states > states); /* the present state, at once */
        assert_int_equal(world.last, round * 100);
        world.value++;
        coax_resource_changed(world.resource);
        sim_pass(&world.network, 10000);
        assert_int_equal(world.last, round * 100 + 1);
        expect_hello(&world);
        assert_int_equal(world.handshakes, handshakes);
        assert_non_null(world.observation);
    }
    network_free(&world.network);
}

static void what_was_observed_may_be_gone(void **state) {
    (void)state;
    struct world world;
    uint8_t *saved;
    size_t size, count;
    start(&world);
    expect_hello(&world);
    observe(&world);
    restart(&world, &saved, &size);
    coax_site_remove(world.server->stack->site, world.resource);
    assert_int_equal(restore(&world, saved, size, &count, NULL), COAX_OK);
    assert_int_equal(count, 1);
    assert_int_equal(world.server->stack->requests.observer_count, 0);
    free(saved);
    network_free(&world.network);
}

static void nothing_but_what_was_saved_is_taken(void **state) {
    (void)state;
    struct world world;
    uint8_t *saved;
    size_t size, count;
    coax_error error;
    start(&world);
    expect_hello(&world);
    restart(&world, &saved, &size);
    for (size_t i = 0; i < size; i++) {
        saved[i] ^= 1;
        assert_int_equal(restore(&world, saved, size, &count, &error), COAX_E_FORMAT);
        assert_true(strstr(error.text, "saved sessions") != NULL);
        saved[i] ^= 1;
        assert_int_equal(restore(&world, saved, i, &count, &error), COAX_E_FORMAT);
    }
    assert_int_equal(world.server->stack->datagrams.session_count, 0);
    assert_int_equal(restore(&world, saved, size, &count, &error), COAX_OK);
    assert_int_equal(count, 1);
    assert_int_equal(restore(&world, saved, size, &count, &error), COAX_OK); /* it is there: not twice */
    assert_int_equal(count, 0);
    expect_hello(&world);
    free(saved);
    network_free(&world.network);
}

/* What is sealed shows no key. */
static void no_secret_is_in_the_clear(void **state) {
    (void)state;
    struct world world;
    uint8_t *saved;
    size_t size;
    start(&world);
    expect_hello(&world);
    restart(&world, &saved, &size);
    static const char *const words[] = {"coaps", "value", "10.0.0", "device"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        assert_null(memmem(saved, size, words[i], strlen(words[i])));
    }
    free(saved);
    network_free(&world.network);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sessions_and_observations_go_on),
        cmocka_unit_test(what_was_observed_may_be_gone),
        cmocka_unit_test(nothing_but_what_was_saved_is_taken),
        cmocka_unit_test(no_secret_is_in_the_clear),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
