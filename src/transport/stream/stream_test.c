/* The layer: connections shared by requests, bounds, the end of all. */
#include "../../../tests/stream_fixture.h"

static void concurrent_first_requests_open_one_connection(void **state) {
    struct stream_fixture *fixture = *state;
    struct connection *connection = fixture_dial(fixture);
    assert_ptr_equal(fixture_dial(fixture), connection);
    fixture_connected(fixture, connection);
    assert_ptr_equal(fixture_dial(fixture), connection);
    assert_int_equal(fixture->open_count, 1);
}

static void another_port_or_host_or_scheme_or_identity_is_another_connection(void **state) {
    struct stream_fixture *fixture = *state;
    struct coax_remote *remotes[4];
    struct stream_target targets[4] = {fixture_target(), fixture_target(), fixture_target(), fixture_target()};
    targets[1].port = 5684;
    targets[2].host = "other.example";
    targets[3].scheme = COAX_SCHEME_COAP_WS;
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(coax_stream_remote(&fixture->layer, &targets[i], &remotes[i], NULL), COAX_OK);
        for (size_t k = 0; k < i; k++) {
            assert_ptr_not_equal(remotes[i], remotes[k]);
        }
    }
}

static void a_lost_connection_leaves_the_pool_at_once(void **state) {
    struct stream_fixture *fixture = *state;
    struct connection *connection = fixture_connect(fixture);
    coax_connection_receive_end(connection);
    assert_int_equal(fixture->lost_count, 1);
    assert_int_equal(fixture->lost.status, COAX_E_LOST);
    (void)fixture_dial(fixture);
    assert_int_equal(fixture->open_count, 2);
}

static void a_failed_opening_fails_once_and_may_be_tried_again(void **state) {
    struct stream_fixture *fixture = *state;
    coax_error error;
    coax_fail(&error, COAX_E_REFUSED, "nobody there");
    coax_connection_failed(fixture_dial(fixture), &error);
    assert_int_equal(fixture->lost_count, 1);
    assert_int_equal(fixture->lost.status, COAX_E_REFUSED);
    assert_int_equal(fixture->cancel_count, 0);
    (void)fixture_dial(fixture);
    assert_int_equal(fixture->open_count, 2);
}

static void an_opening_that_cannot_begin_leaves_nothing(void **state) {
    struct stream_fixture *fixture = *state;
    const struct stream_target target = fixture_target();
    struct coax_remote *remote;
    coax_error error;
    fixture->open_status = COAX_E_IO;
    assert_int_equal(coax_stream_remote(&fixture->layer, &target, &remote, &error), COAX_E_IO);
    assert_int_equal(fixture->lost_count, 0);
    assert_int_equal(fixture->layer.connection_count, 0);
    assert_int_equal(fixture->layer.origins.count, 0);
}

static void the_longest_idle_makes_room(void **state) {
    struct stream_fixture *fixture = *state;
    struct connection *first = fixture_accept(fixture);
    struct fixture_link *link = fixture_link_of(first);
    for (uint32_t i = 1; i < fixture_settings.max_connections; i++) {
        fixture_wait_ms(fixture, 1);
        (void)fixture_accept(fixture);
    }
    (void)fixture_accept(fixture);
    assert_int_equal(fixture->lost_count, 1);
    assert_int_equal(fixture->lost.status, COAX_E_DROPPED);
    assert_int_equal(fixture_next_code(fixture, link), COAX_RELEASE);
    assert_true(link->is_closed);
    assert_int_equal(fixture->layer.connection_count, fixture_settings.max_connections);
}

static void one_that_is_kept_is_not_dropped_for_room(void **state) {
    struct stream_fixture *fixture = *state;
    struct connection *kept = fixture_accept(fixture);
    struct fixture_link *link = fixture_link_of(kept);
    coax_remote_ref(&kept->remote);
    for (uint32_t i = 0; i < fixture_settings.max_connections; i++) {
        (void)fixture_accept(fixture);
    }
    assert_int_equal(fixture->lost_count, 1);
    assert_false(link->is_closed);
    coax_remote_unref(&kept->remote);
}

static void busy_ones_stay_and_a_new_one_is_refused(void **state) {
    struct stream_fixture *fixture = *state;
    for (uint32_t i = 0; i < fixture_settings.max_connections; i++) {
        fixture_feed_code(fixture, fixture_accept(fixture), COAX_GET, "t");
    }
    struct address address = coax_address_ip4(192, 0, 2, 9, 1);
    struct fixture_link *link = fixture_new_link(fixture);
    struct connection *connection;
    coax_error error;
    assert_int_equal(
        coax_stream_accept(&fixture->layer, COAX_SCHEME_COAP_TCP, link, &address, &address, &connection, &error),
        COAX_E_LIMIT);
    assert_int_equal(fixture->lost_count, 0);
    assert_false(link->is_closed); /* the owner's to close */
    link->is_closed = true;
}

static void the_oldest_opening_makes_room(void **state) {
    struct stream_fixture *fixture = *state;
    struct fixture_link *first = fixture_link_of(fixture_accept_scheme(fixture, COAX_SCHEME_COAP_WS));
    for (uint32_t i = 1; i < fixture_settings.max_connection_openings; i++) {
        (void)fixture_accept_scheme(fixture, COAX_SCHEME_COAP_WS);
    }
    assert_false(first->is_closed);
    (void)fixture_accept_scheme(fixture, COAX_SCHEME_COAP_WS);
    assert_true(first->is_closed);
    assert_int_equal(fixture->layer.opening_count, fixture_settings.max_connection_openings);
}

static const uint8_t long_put[] = {0xe0, 0x0e, 0x00, COAX_PUT, 0xff}; /* the start of a frame of some 3,850 bytes */

static void receive_part(struct connection *connection, size_t size) {
    static const uint8_t payload[3000];
    coax_connection_receive(connection, long_put, sizeof long_put);
    coax_connection_receive(connection, payload, size);
}

static void too_much_memory_ends_who_holds_most(void **state) {
    struct stream_fixture *fixture = *state;
    struct connection *modest = fixture_accept(fixture), *greedy = fixture_accept(fixture);
    struct fixture_link *link = fixture_link_of(greedy);
    fixture->layer.settings.max_stream_memory = 3500;
    receive_part(modest, 1000);
    assert_true(fixture->layer.memory >= 1000);
    receive_part(greedy, 3000);
    assert_int_equal(fixture->lost_count, 1);
    assert_int_equal(fixture->lost.status, COAX_E_LIMIT);
    assert_true(link->is_closed);
    assert_false(link->is_reset);
    assert_int_equal(fixture_next_code(fixture, link), COAX_CSM + 4); /* Abort */
    assert_int_equal(modest->phase, CONNECTION_OPEN);
}

/* Its peer reads nothing, so that there is no farewell. Returns its stream. */
static struct fixture_link *make_deaf(struct stream_fixture *fixture, struct connection *connection, size_t size) {
    struct fixture_link *link = fixture_link_of(connection);
    link->room = 0;
    connection->peer.max_message_size = FIXTURE_OUTPUT;
    fixture_feed_code(fixture, connection, COAX_GET, "d");
    struct fixture_note *last = &fixture->requests[fixture->request_count - 1];
    assert_int_equal(fixture_respond(last, COAX_CONTENT, size), COAX_OK);
    coax_stream_flush(&fixture->layer);
    return link;
}

static void a_little_more_is_had_from_who_does_not_read(void **state) {
    struct stream_fixture *fixture = *state;
    struct connection *modest = fixture_accept(fixture);
    fixture->layer.settings.max_stream_memory = 6500;
    struct fixture_link *deaf[] = {make_deaf(fixture, fixture_accept(fixture), 2000),
                                   make_deaf(fixture, fixture_accept(fixture), 3000)};
    assert_int_equal(fixture->lost_count, 0);
    receive_part(modest, 1000);
    assert_int_equal(fixture->lost_count, 1);
    assert_true(deaf[1]->is_closed && deaf[1]->is_reset);
    assert_false(deaf[0]->is_closed);
    assert_int_equal(modest->phase, CONNECTION_OPEN);
    assert_true(fixture->layer.memory < 4096);
}

static void what_is_closing_gives_way_too(void **state) {
    struct stream_fixture *fixture = *state;
    struct connection *modest = fixture_accept(fixture), *deaf = fixture_accept(fixture);
    fixture->layer.settings.max_stream_memory = 4500;
    struct fixture_link *link = make_deaf(fixture, deaf, 3000);
    fixture_feed_code(fixture, deaf, COAX_RELEASE, "");
    assert_int_equal(fixture->lost_count, 1);
    assert_false(link->is_closed);
    receive_part(modest, 1000);
    assert_int_equal(fixture->lost_count, 1);
    assert_true(link->is_reset);
    assert_int_equal(modest->phase, CONNECTION_OPEN);
}

static void its_end_says_release_on_every_open_connection(void **state) {
    struct stream_fixture *fixture = *state;
    struct fixture_link *open = fixture_link_of(fixture_accept(fixture));
    struct fixture_link *opening = fixture_link_of(fixture_accept_scheme(fixture, COAX_SCHEME_COAP_WS));
    (void)fixture_dial(fixture);
    coax_stream_layer_free(&fixture->layer);
    assert_int_equal(fixture->lost_count, 3);
    assert_int_equal(fixture->lost.status, COAX_E_SHUT_DOWN);
    assert_int_equal(fixture->cancel_count, 1);
    assert_true(open->is_closed && opening->is_closed);
    assert_int_equal(open->output[open->size - 1], COAX_RELEASE);
    assert_int_equal(opening->size, 0);
    uint8_t seed[16] = {0};
    coax_origins_init(&fixture->layer, seed); /* for the tear-down */
}

static void all_are_released(void **state) {
    struct stream_fixture *fixture = *state;
    struct fixture_link *first = fixture_link_of(fixture_accept(fixture));
    struct fixture_link *second = fixture_link_of(fixture_connect(fixture));
    coax_stream_release_all(&fixture->layer);
    assert_int_equal(fixture_next_code(fixture, first), COAX_RELEASE);
    assert_int_equal(fixture_next_code(fixture, second), COAX_RELEASE);
    assert_int_equal(fixture->layer.connection_count, 2);
    fixture_wait_ms(fixture, fixture_settings.release_timeout_ms);
    assert_int_equal(fixture->layer.connection_count, 0);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, stream_fixture_set_up, stream_fixture_tear_down)
    const struct CMUnitTest tests[] = {
        TEST(concurrent_first_requests_open_one_connection),
        TEST(another_port_or_host_or_scheme_or_identity_is_another_connection),
        TEST(a_lost_connection_leaves_the_pool_at_once),
        TEST(a_failed_opening_fails_once_and_may_be_tried_again),
        TEST(an_opening_that_cannot_begin_leaves_nothing),
        TEST(the_longest_idle_makes_room),
        TEST(one_that_is_kept_is_not_dropped_for_room),
        TEST(busy_ones_stay_and_a_new_one_is_refused),
        TEST(the_oldest_opening_makes_room),
        TEST(too_much_memory_ends_who_holds_most),
        TEST(a_little_more_is_had_from_who_does_not_read),
        TEST(what_is_closing_gives_way_too),
        TEST(its_end_says_release_on_every_open_connection),
        TEST(all_are_released),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
