/* The life of DTLS sessions between whole stacks: how they begin, what ends them, and what a restart, a wrong key or a
 * forger does. */
#include "sim/exchange.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const struct network_conditions good = {.delay_minimum_ms = 5, .delay_maximum_ms = 5};
static const char right_key[] = "0123456789abcdef";

struct world {
    struct network network;
    struct network_node *client, *server;
    unsigned records[256]; /* datagrams sent, by the content type of their first record */
};

enum { RECORD_ALERT = 21, RECORD_HANDSHAKE = 22, RECORD_APPLICATION = 23 };

static void count_records(void *user, const struct address *from, const struct address *to, const uint8_t *data,
                          size_t size) {
    struct world *world = user;
    (void)from;
    (void)to;
    if (size > 0) {
        world->records[data[0]]++;
    }
}

static void begin(struct world *world, const struct network_conditions *conditions, const coax_endpoint_config *config,
                  const char *client_key) {
    memset(world, 0, sizeof *world);
    network_init(&world->network, 1, conditions);
    world->network.tap = count_records;
    world->network.tap_user = world;
    world->client = network_add(&world->network, config, true, false);
    world->server = network_add(&world->network, config, true, true);
    sim_set_psk(world->client, "device", client_key);
    sim_set_psk(world->server, "device", right_key);
    sim_add_hello(world->server);
}

static void expect_hello(struct world *world) {
    struct outcome outcome;
    assert_int_equal(sim_ask_node(world->client, world->server, COAX_GET, "hello", &outcome), COAX_OK);
    sim_pass(&world->network, 20000);
    assert_int_equal(outcome.callbacks, 1);
    assert_string_equal(outcome.error.text, "");
    assert_int_equal(outcome.code, COAX_CONTENT);
    assert_string_equal(outcome.payload, "coaps://*");
}

static void one_session_for_all_requests(void **state) {
    (void)state;
    struct world world;
    begin(&world, &good, NULL, right_key);
    expect_hello(&world);
    unsigned handshakes = world.records[RECORD_HANDSHAKE];
    for (int i = 0; i < 10; i++) {
        expect_hello(&world);
    }
    assert_int_equal(world.records[RECORD_HANDSHAKE], handshakes);
    assert_int_equal(world.server->stack->datagrams.session_count, 1);
    network_free(&world.network);
}

/* The handshake takes longer than CoAP's first timeout: still each message goes out once, when the session is up. */
static void messages_wait_for_the_handshake_once(void **state) {
    (void)state;
    static const struct network_conditions slow = {.delay_minimum_ms = 900, .delay_maximum_ms = 900};
    coax_endpoint_config config = COAX_ENDPOINT_CONFIG_INIT;
    config.nstart = 4;
    config.connection_ids = false; /* with them records do not show what they are */
    struct world world;
    struct outcome outcomes[3];
    begin(&world, &slow, &config, right_key);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(sim_ask_node(world.client, world.server, COAX_GET, "hello", &outcomes[i]), COAX_OK);
    }
    sim_pass(&world.network, 25000);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(outcomes[i].code, COAX_CONTENT);
    }
    assert_int_equal(world.records[RECORD_APPLICATION], 2 * 3); /* three requests, three answers */
    network_free(&world.network);
}

static void wrong_key_is_named_within_5_s(void **state) {
    (void)state;
    struct world world;
    struct outcome outcome;
    begin(&world, &good, NULL, "another key 1234");
    coax_instant start = world.network.now;
    assert_int_equal(sim_ask_node(world.client, world.server, COAX_GET, "hello", &outcome), COAX_OK);
    sim_pass(&world.network, 30000);
    assert_int_equal(outcome.callbacks, 1);
    assert_int_equal(outcome.error.status, COAX_E_TLS_ALERT);
    assert_non_null(strstr(outcome.error.text, "key"));
    assert_null(strstr(outcome.error.text, "another key"));
    assert_true(outcome.when - start <= 5 * COAX_SECOND);
    network_free(&world.network);
}

static void unknown_identity_is_named(void **state) {
    (void)state;
    struct world world;
    struct outcome outcome;
    begin(&world, &good, NULL, right_key);
    sim_set_psk(world.client, "stranger", right_key);
    assert_int_equal(sim_ask_node(world.client, world.server, COAX_GET, "hello", &outcome), COAX_OK);
    sim_pass(&world.network, 30000);
    assert_int_equal(outcome.error.status, COAX_E_TLS_ALERT);
    assert_int_equal(outcome.error.alert, 115);
    assert_non_null(strstr(outcome.error.text, "identity"));
    network_free(&world.network);
}

static void a_silent_peer_ends_at_the_deadline(void **state) {
    (void)state;
    static const struct network_conditions dead = {.loss_percent = 100};
    struct world world;
    struct outcome outcome;
    begin(&world, &dead, NULL, right_key);
    coax_instant start = world.network.now;
    assert_int_equal(sim_ask_node(world.client, world.server, COAX_GET, "hello", &outcome), COAX_OK);
    sim_pass(&world.network, 60000);
    assert_int_equal(outcome.callbacks, 1);
    assert_int_equal(outcome.error.status, COAX_E_HANDSHAKE_TIMEOUT);
    assert_true(outcome.when - start <= 31 * COAX_SECOND);
    network_free(&world.network);
}

/* A client that was killed begins anew from the same address (RFC 6347 section 4.2.8). */
static void a_restarted_client_is_served(void **state) {
    (void)state;
    struct world world;
    begin(&world, &good, NULL, right_key);
    expect_hello(&world);
    network_restart(world.client, NULL);
    sim_set_psk(world.client, "device", right_key);
    expect_hello(&world);
    assert_int_equal(world.server->stack->datagrams.session_count, 1);
    assert_int_equal(world.server->stack->datagrams.peer_count, 1);
    network_free(&world.network);
}

/* Whoever can forge the client's address but not read its mail does not harm the session. */
static void a_forged_hello_does_not_end_the_session(void **state) {
    (void)state;
    struct world world;
    begin(&world, &good, NULL, right_key);
    expect_hello(&world);
    unsigned handshakes = world.records[RECORD_HANDSHAKE];
    uint8_t hello[80] = {22, 0xfe, 0xff, 0, 0, 0, 0, 0, 0, 0, 9,  0,    67,  1,
                         0,  0,    55,   0, 0, 0, 0, 0, 0, 0, 55, 0xfe, 0xfd};
    hello[60] = 0; /* session ID */
    hello[61] = 2;
    for (int i = 0; i < 20; i++) {
        hello[30] = (uint8_t)i;
        network_inject(&world.network, &world.client->address, &world.server->address, hello, sizeof hello);
    }
    sim_pass(&world.network, 1000);
    assert_int_equal(world.server->stack->datagrams.session_count, 1);
    handshakes = world.records[RECORD_HANDSHAKE];
    expect_hello(&world);
    assert_int_equal(world.records[RECORD_HANDSHAKE], handshakes);
    network_free(&world.network);
}

static void a_restarted_server_is_found_again(void **state) {
    (void)state;
    struct world world;
    struct outcome outcome;
    begin(&world, &good, NULL, right_key);
    expect_hello(&world);
    network_restart(world.server, NULL); /* without a close_notify: the client cannot know */
    sim_set_psk(world.server, "device", right_key);
    sim_add_hello(world.server);
    assert_int_equal(sim_ask_node(world.client, world.server, COAX_GET, "hello", &outcome), COAX_OK);
    sim_pass(&world.network, 120000);
    assert_int_equal(outcome.error.status, COAX_E_TIMEOUT);
    expect_hello(&world); /* by a handshake */
    network_free(&world.network);
}

/* Acknowledges, and never answers. */
static void never(coax_exchange *exchange, const coax_message *request, void *user) {
    (void)request;
    (void)user;
    enum { NO_SUCCESS = 2 };
    (void)coax_exchange_add_option_uint(exchange, COAX_OPTION_NO_RESPONSE, NO_SUCCESS);
    (void)coax_respond(exchange, COAX_CONTENT, COAX_NO_FORMAT, NULL, 0);
}

static void close_notify_ends_what_is_pending(void **state) {
    (void)state;
    struct world world;
    struct outcome outcome;
    begin(&world, &good, NULL, right_key);
    expect_hello(&world);
    coax_resource_config config = COAX_RESOURCE_CONFIG_INIT;
    config.get = never;
    assert_non_null(coax_site_add(world.server->stack->site, "never", &config, NULL));
    assert_int_equal(sim_ask_node(world.client, world.server, COAX_GET, "never", &outcome), COAX_OK);
    sim_pass(&world.network, 1000);
    assert_int_equal(outcome.callbacks, 0);
    coax_instant before = world.network.now;
    network_stop(world.server);
    sim_pass(&world.network, 1000);
    assert_int_equal(outcome.callbacks, 1);
    assert_int_equal(outcome.error.status, COAX_E_CLOSE_NOTIFY);
    assert_true(outcome.when - before < COAX_SECOND);
    assert_int_equal(world.client->stack->datagrams.peer_count, 0);
    network_free(&world.network);
}

static void an_idle_session_is_closed(void **state) {
    (void)state;
    coax_endpoint_config config = COAX_ENDPOINT_CONFIG_INIT;
    config.session_idle_ms = 60000;
    struct world world;
    begin(&world, &good, &config, right_key);
    expect_hello(&world);
    assert_int_equal(world.records[RECORD_ALERT], 0);
    sim_pass(&world.network, 200000);
    assert_true(world.records[RECORD_ALERT] >= 1);
    assert_int_equal(world.client->stack->datagrams.peer_count, 0);
    assert_int_equal(world.server->stack->datagrams.peer_count, 0);
    unsigned handshakes = world.records[RECORD_HANDSHAKE];
    expect_hello(&world);
    assert_true(world.records[RECORD_HANDSHAKE] > handshakes);
    network_free(&world.network);
}

static void the_longest_idle_session_makes_room(void **state) {
    (void)state;
    coax_endpoint_config config = COAX_ENDPOINT_CONFIG_INIT;
    config.max_sessions = 2;
    struct world world;
    begin(&world, &good, &config, right_key);
    expect_hello(&world);
    for (int i = 0; i < 3; i++) {
        struct network_node *other = network_add(&world.network, NULL, true, false);
        struct outcome outcome;
        sim_set_psk(other, "device", right_key);
        assert_int_equal(sim_ask_node(other, world.server, COAX_GET, "hello", &outcome), COAX_OK);
        sim_pass(&world.network, 1000);
        assert_int_equal(outcome.code, COAX_CONTENT);
        assert_true(world.server->stack->datagrams.session_count <= 2);
    }
    assert_int_equal(world.client->stack->datagrams.peer_count, 0); /* it was told */
    expect_hello(&world);
    network_free(&world.network);
}

/* Role reversal: the server asks over the session that the client began. */
struct reversal {
    coax_remote *device;
};

static void register_device(coax_exchange *exchange, const coax_message *request, void *user) {
    (void)request;
    ((struct reversal *)user)->device = coax_remote_ref(coax_exchange_remote(exchange));
    (void)coax_respond(exchange, COAX_CREATED, COAX_NO_FORMAT, NULL, 0);
}

static void the_server_asks_its_client(void **state) {
    (void)state;
    struct world world;
    struct reversal reversal = {NULL};
    struct outcome outcome;
    begin(&world, &good, NULL, right_key);
    sim_add_hello(world.client);
    coax_resource_config config = COAX_RESOURCE_CONFIG_INIT;
    config.post = register_device;
    config.user = &reversal;
    assert_non_null(coax_site_add(world.server->stack->site, "register", &config, NULL));
    assert_int_equal(sim_ask_node(world.client, world.server, COAX_POST, "register", &outcome), COAX_OK);
    sim_pass(&world.network, 1000);
    assert_int_equal(outcome.code, COAX_CREATED);
    assert_non_null(reversal.device);
    assert_int_equal(sim_ask(world.server, reversal.device, COAX_GET, "hello", &outcome), COAX_OK);
    sim_pass(&world.network, 1000);
    assert_int_equal(outcome.code, COAX_CONTENT);
    assert_string_equal(outcome.payload, "coaps://*");
    coax_remote_unref(reversal.device);
    network_free(&world.network);
}

static void requests_go_on_past_65536_messages(void **state) {
    (void)state;
    enum { REQUESTS = 70000 };
    static const struct network_conditions fast = {0};
    struct world world;
    begin(&world, &fast, NULL, right_key);
    for (unsigned i = 0; i < REQUESTS; i++) {
        struct outcome outcome;
        assert_int_equal(sim_ask_node(world.client, world.server, COAX_GET, "hello", &outcome), COAX_OK);
        sim_pass(&world.network, 1);
        assert_int_equal(outcome.code, COAX_CONTENT);
    }
    network_free(&world.network);
}

/* GnuTLS hears the virtual clock: a lost first flight is repeated after 1 s of it. */
static void the_handshake_keeps_virtual_time(void **state) {
    (void)state;
    static const struct network_conditions dead = {.loss_percent = 100};
    struct world world;
    struct outcome outcome;
    begin(&world, &dead, NULL, right_key);
    assert_int_equal(sim_ask_node(world.client, world.server, COAX_GET, "hello", &outcome), COAX_OK);
    assert_int_equal(world.records[RECORD_HANDSHAKE], 1);
    sim_pass(&world.network, 900);
    assert_int_equal(world.records[RECORD_HANDSHAKE], 1);
    sim_pass(&world.network, 200);
    assert_int_equal(world.records[RECORD_HANDSHAKE], 2);
    network_free(&world.network);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_handshake_keeps_virtual_time),
        cmocka_unit_test(one_session_for_all_requests),
        cmocka_unit_test(messages_wait_for_the_handshake_once),
        cmocka_unit_test(wrong_key_is_named_within_5_s),
        cmocka_unit_test(unknown_identity_is_named),
        cmocka_unit_test(a_silent_peer_ends_at_the_deadline),
        cmocka_unit_test(a_restarted_client_is_served),
        cmocka_unit_test(a_forged_hello_does_not_end_the_session),
        cmocka_unit_test(a_restarted_server_is_found_again),
        cmocka_unit_test(close_notify_ends_what_is_pending),
        cmocka_unit_test(an_idle_session_is_closed),
        cmocka_unit_test(the_longest_idle_session_makes_room),
        cmocka_unit_test(the_server_asks_its_client),
        cmocka_unit_test(requests_go_on_past_65536_messages),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
