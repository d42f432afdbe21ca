#include "cli/ticker.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "cli/serve_ask.h"

static void serve_number(coax_exchange *exchange, const coax_message *request, void *user) {
    (void)request;
    (void)coax_respond_text(exchange, COAX_CONTENT, "%u", ++*(unsigned *)user);
}

static coax_resource *add(coax_endpoint *endpoint, const char *path, unsigned *asked) {
    coax_resource_config config = COAX_RESOURCE_CONFIG_INIT;
    config.get = serve_number;
    config.user = asked;
    config.observable = true;
    coax_resource *resource = coax_site_add(coax_endpoint_site(endpoint), path, &config, NULL);
    assert_non_null(resource);
    return resource;
}

static void nothing_runs_while_nobody_observes(void **state) {
    (void)state;
    coax_endpoint *endpoint = ask_set_up();
    struct ticker ticker = {0};
    unsigned asked = 0;
    assert_int_equal(ticker_turn(&ticker, 999), -1);
    ticker_add(&ticker, add(endpoint, "a", &asked));
    assert_int_equal(ticker_turn(&ticker, 1000), -1);
    assert_int_equal(ticker_turn(&ticker, 2000), -1);
    assert_int_equal(asked, 0);
    coax_endpoint_free(endpoint);
}

static void each_second_is_told(void **state) {
    (void)state;
    coax_endpoint *endpoint = ask_set_up();
    struct ticker ticker = {0};
    struct watched watched;
    unsigned asked = 0;
    unsigned other = 0;
    ticker_add(&ticker, add(endpoint, "a", &asked));
    ticker_add(&ticker, add(endpoint, "b", &other));
    watch_path(endpoint, "/a", &watched);
    assert_int_equal(ticker_turn(&ticker, 7900), 100); /* it has just been told */
    assert_int_equal(ticker_turn(&ticker, 7999), 1);
    assert_int_equal(ticker_turn(&ticker, 8000), 1000);
    await_states(&watched, 2);
    assert_string_equal(watched.payload, "2");
    assert_int_equal(ticker_turn(&ticker, 8001), 999);
    assert_int_equal(ticker_turn(&ticker, 3500), 500); /* the clock was set */
    await_states(&watched, 3);
    assert_int_equal(asked, 3);
    assert_int_equal(other, 0);
    coax_observation_cancel(watched.observation);
    ask_for(endpoint, COAX_GET, "/b"); /* goes out behind the end of observing */
    assert_int_equal(ticker_turn(&ticker, 4500), -1);
    coax_endpoint_free(endpoint);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_runs_while_nobody_observes),
        cmocka_unit_test(each_second_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
