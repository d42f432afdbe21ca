/* Freshness, and no amplification for forged addresses (RFC 9175 section 2). */
#include "request/echo.h"

#include "serve_fixture.h"

static struct coax_message with_echo(struct option_writer *options, const uint8_t *value, size_t size) {
    assert_int_equal(coax_option_write(options, COAX_OPTION_ECHO, value, size), COAX_OK);
    return (struct coax_message){.code = COAX_GET, .options = option_writer_bytes(options)};
}

static void a_value_is_for_one_remote_and_a_while(void **state) {
    (void)state;
    struct served served;
    uint8_t value[ECHO_SIZE], room[64];
    served_start(&served, NULL, false);
    struct request_layer *layer = &served.fixture.stack->requests;
    struct coax_remote *remote = stack_fixture_remote(&served.fixture, client_path(9));
    struct coax_remote *other = stack_fixture_remote(&served.fixture, client_path(10));
    coax_echo_make(layer, remote, value);
    struct option_writer options = option_writer_on(room, sizeof room);
    struct coax_message request = with_echo(&options, value, sizeof value);
    assert_true(coax_echo_is_valid(layer, remote, &request));
    assert_false(coax_echo_is_valid(layer, other, &request));
    stack_fixture_pass_ms(&served.fixture, ECHO_LIFETIME_S * 1000);
    assert_true(coax_echo_is_valid(layer, remote, &request));
    stack_fixture_pass_ms(&served.fixture, 1);
    assert_false(coax_echo_is_valid(layer, remote, &request));
    served_stop(&served);
}

static void no_changed_value_is_valid(void **state) {
    (void)state;
    struct served served;
    uint8_t value[ECHO_SIZE], room[64];
    served_start(&served, NULL, false);
    struct request_layer *layer = &served.fixture.stack->requests;
    struct coax_remote *remote = stack_fixture_remote(&served.fixture, client_path(9));
    coax_echo_make(layer, remote, value);
    for (size_t bit = 0; bit < 8 * sizeof value; bit++) {
        struct option_writer options = option_writer_on(room, sizeof room);
        value[bit / 8] ^= (uint8_t)(1U << bit % 8);
        struct coax_message request = with_echo(&options, value, sizeof value);
        assert_false(coax_echo_is_valid(layer, remote, &request));
        value[bit / 8] ^= (uint8_t)(1U << bit % 8);
    }
    for (size_t size = 1; size < sizeof value; size++) {
        struct option_writer options = option_writer_on(room, sizeof room);
        struct coax_message request = with_echo(&options, value, size);
        assert_false(coax_echo_is_valid(layer, remote, &request));
    }
    served_stop(&served);
}

/* The Echo that an answer asks for. */
static void take_echo(const struct coax_message *answer, struct ask *ask, uint8_t value[ECHO_SIZE]) {
    struct coax_option echo;
    assert_int_equal(answer->code, COAX_UNAUTHORIZED);
    assert_int_equal(answer->payload.size, 0);
    assert_true(coax_message_option(answer, COAX_OPTION_ECHO, &echo));
    assert_int_equal(echo.size, ECHO_SIZE);
    memcpy(value, echo.value, ECHO_SIZE);
    ask->echo = value;
}

static void much_is_for_verified_addresses(void **state) {
    (void)state;
    struct served served;
    uint8_t value[ECHO_SIZE];
    struct ask ask = {.code = COAX_GET};
    coax_endpoint_config config = COAX_ENDPOINT_CONFIG_INIT;
    config.echo_amplified = true;
    served_start(&served, &config, false);
    served.data_size = 8; /* little: a GET of "r" takes 9 bytes */
    assert_int_equal(served_ask(&served, ask).code, COAX_CONTENT);
    served.data_size = 2000;
    struct coax_message answer = served_ask(&served, ask);
    take_echo(&answer, &ask, value);
    struct ask elsewhere = ask;
    elsewhere.client = 8;
    assert_int_equal(served_ask(&served, elsewhere).code, COAX_UNAUTHORIZED);
    served_expect(&served, ask, COAX_CONTENT, 0, BLOCK(0, 1, 6), 0, 1024);
    ask.echo = NULL; /* from now on it is known */
    served_expect(&served, ask, COAX_CONTENT, 0, BLOCK(0, 1, 6), 0, 1024);
    served_stop(&served);
}

static void no_observer_at_a_forged_address(void **state) {
    (void)state;
    struct served served;
    coax_endpoint_config config = COAX_ENDPOINT_CONFIG_INIT;
    config.echo_amplified = true;
    served_start(&served, &config, false);
    served.data_size = 500;
    assert_int_equal(served_ask(&served, ASK(.code = COAX_GET, .observe = 1)).code, COAX_UNAUTHORIZED);
    assert_int_equal(coax_resource_observer_count(served.resource), 0);
    served_stop(&served);
}

static void only_fresh(coax_exchange *exchange, const coax_message *request, void *user) {
    struct served *served = user;
    (void)request;
    if (coax_exchange_is_fresh(exchange)) {
        served->handled++;
        (void)coax_respond(exchange, COAX_CHANGED, COAX_NO_FORMAT, NULL, 0);
    }
}

static void a_handler_may_demand_freshness(void **state) {
    (void)state;
    struct served served;
    uint8_t value[ECHO_SIZE];
    struct ask ask = {.code = COAX_PUT, .size = 3};
    served_start(&served, NULL, false);
    coax_resource_config resource = COAX_RESOURCE_CONFIG_INIT;
    coax_site_remove(served.fixture.stack->site, served.resource);
    resource.put = only_fresh;
    resource.user = &served;
    assert_non_null(coax_site_add(served.fixture.stack->site, "r", &resource, NULL));
    struct coax_message answer = served_ask(&served, ask);
    take_echo(&answer, &ask, value);
    assert_int_equal(served.handled, 0);
    assert_int_equal(served_ask(&served, ask).code, COAX_CHANGED);
    assert_int_equal(served.handled, 1);
    stack_fixture_pass_ms(&served.fixture, 61000);
    assert_int_equal(served_ask(&served, ask).code, COAX_UNAUTHORIZED);
    assert_int_equal(served.handled, 1);
    served_stop(&served);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_value_is_for_one_remote_and_a_while), cmocka_unit_test(no_changed_value_is_valid),
        cmocka_unit_test(much_is_for_verified_addresses),        cmocka_unit_test(no_observer_at_a_forged_address),
        cmocka_unit_test(a_handler_may_demand_freshness),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
