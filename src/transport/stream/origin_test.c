/* The pool's places: who shares one, and how long a server's terms are kept. */
#include "../../../tests/stream_fixture.h"
#include <stdio.h>

static void equal_targets_share_a_place(void **state) {
    struct stream_fixture *fixture = *state;
    const struct stream_target target = fixture_target();
    char host[] = "server.example";
    struct stream_target same = target;
    same.host = host; /* by its text, not by its address */
    struct origin *origin = coax_origin_get(&fixture->layer, &target);
    assert_ptr_equal(coax_origin_get(&fixture->layer, &same), origin);
    assert_int_equal(fixture->layer.origins.count, 1);
    coax_origin_forget_unused(&fixture->layer, &target);
    assert_int_equal(fixture->layer.origins.count, 0);
    coax_origin_forget_unused(&fixture->layer, &target);
}

static void host_and_zone_do_not_run_together(void **state) {
    struct stream_fixture *fixture = *state;
    struct stream_target one = fixture_target(), other = fixture_target();
    one.host = "ab";
    one.zone = "c";
    other.host = "a";
    other.zone = "bc";
    assert_ptr_not_equal(coax_origin_get(&fixture->layer, &one), coax_origin_get(&fixture->layer, &other));
    coax_origin_forget_unused(&fixture->layer, &one);
    coax_origin_forget_unused(&fixture->layer, &other);
}

static void a_place_with_a_connection_is_not_forgotten(void **state) {
    struct stream_fixture *fixture = *state;
    const struct stream_target target = fixture_target();
    struct connection *connection = fixture_dial(fixture);
    coax_origin_forget_unused(&fixture->layer, &target);
    assert_ptr_equal(fixture_dial(fixture), connection);
}

static void terms_outlive_the_connection(void **state) {
    struct stream_fixture *fixture = *state;
    const struct stream_target target = fixture_target();
    struct connection *connection = fixture_dial(fixture);
    const struct origin_terms terms = {.hold_off_until = fixture->layer.now + 5 * COAX_SECOND};
    coax_origin_leave(connection, &terms);
    assert_int_equal(fixture->layer.held_origin_count, 1);
    coax_error error;
    struct origin *origin = coax_origin_get(&fixture->layer, &target);
    assert_int_equal(coax_origin_check(origin, fixture->layer.now, &error), COAX_E_RELEASED);
    assert_int_equal(coax_origin_check(origin, fixture->layer.now + 5 * COAX_SECOND, &error), COAX_OK);
    coax_origin_leave(connection, NULL); /* it has left already */
    assert_int_equal(fixture->layer.held_origin_count, 1);
}

static void an_alternative_serves_once(void **state) {
    struct stream_fixture *fixture = *state;
    struct connection *connection = fixture_dial(fixture);
    struct origin_terms terms = {.hold_off_until = fixture->layer.now + 5 * COAX_SECOND,
                                 .alternative = calloc(1, sizeof *terms.alternative)};
    struct stream_target dialled;
    coax_error error;
    assert_non_null(terms.alternative);
    assert_int_equal(coax_uri_parse(terms.alternative, "coap+tcp://b.example:7000", NULL), COAX_OK);
    coax_origin_leave(connection, &terms);
    connection = fixture_dial(fixture); /* at once: the hold-off is the old server's */
    coax_connection_target(connection, &dialled);
    assert_string_equal(dialled.host, "b.example");
    assert_int_equal(dialled.port, 7000);
    assert_int_equal(connection->remote.address.port, 5683); /* the URI's */
    coax_fail(&error, COAX_E_REFUSED, "not there either");
    coax_connection_failed(connection, &error);
    coax_connection_target(fixture_dial(fixture), &dialled);
    assert_string_equal(dialled.host, "server.example");
}

static void terms_kept_have_a_bound(void **state) {
    struct stream_fixture *fixture = *state;
    enum { MANY = 1100, BOUND = 1000 };
    for (unsigned i = 0; i < MANY; i++) {
        char host[32];
        struct stream_target target = fixture_target();
        struct coax_remote *remote;
        const struct origin_terms terms = {.hold_off_until = fixture->layer.now + COAX_SECOND};
        coax_error error;
        (void)snprintf(host, sizeof host, "host%u", i);
        target.host = host;
        assert_int_equal(coax_stream_remote(&fixture->layer, &target, &remote, &error), COAX_OK);
        coax_origin_leave(connection_of(remote), &terms);
        coax_fail(&error, COAX_E_REFUSED, "gone");
        coax_connection_failed(connection_of(remote), &error);
    }
    assert_int_equal(fixture->layer.held_origin_count, BOUND);
    assert_int_equal(fixture->layer.origins.count, BOUND);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, stream_fixture_set_up, stream_fixture_tear_down)
    const struct CMUnitTest tests[] = {
        TEST(equal_targets_share_a_place),
        TEST(host_and_zone_do_not_run_together),
        TEST(a_place_with_a_connection_is_not_forgotten),
        TEST(terms_outlive_the_connection),
        TEST(an_alternative_serves_once),
        TEST(terms_kept_have_a_bound),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
