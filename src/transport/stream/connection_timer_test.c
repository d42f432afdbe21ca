/* The deadlines of a connection: each state that a peer can stall in ends. */
#include "../../../tests/stream_fixture.h"

static void expect_lost(const struct stream_fixture *fixture, const struct fixture_link *link, enum coax_status status,
                        const char *words) {
    assert_int_equal(fixture->lost_count, 1);
    assert_int_equal(fixture->lost.status, status);
    assert_non_null(strstr(fixture->lost.text, words));
    assert_int_equal(fixture->layer.connection_count, 0);
    if (link != NULL) {
        assert_true(link->is_closed);
    }
}

static void a_host_that_does_not_answer(void **state) {
    struct stream_fixture *fixture = *state;
    (void)fixture_dial(fixture);
    fixture_wait_ms(fixture, fixture_settings.handshake_timeout_ms - 1);
    assert_int_equal(fixture->lost_count, 0);
    fixture_wait_ms(fixture, 1);
    expect_lost(fixture, NULL, COAX_E_TIMEOUT, "does not answer");
    assert_int_equal(fixture->cancel_count, 1);
}

static void an_upgrade_that_does_not_come(void **state) {
    struct stream_fixture *fixture = *state;
    struct connection *connection = fixture_accept_scheme(fixture, COAX_SCHEME_COAP_WS);
    struct fixture_link *link = fixture_link_of(connection);
    const uint8_t head[] = "GET /.well-known/coap HTTP/1.1\r\nHost: a";
    for (size_t i = 0; i < 9; i++) { /* a byte a second does not help */
        coax_connection_receive(connection, head + i, 1);
        fixture_wait_ms(fixture, 1000);
    }
    assert_int_equal(fixture->lost_count, 0);
    fixture_wait_ms(fixture, 1000);
    assert_int_equal(fixture->lost_count, 1);
    assert_true(link->is_closed);
    assert_int_equal(fixture->layer.opening_count, 0);
}

static void a_csm_that_does_not_come(void **state) {
    struct stream_fixture *fixture = *state;
    struct connection *connection = fixture_accept_scheme(fixture, COAX_SCHEME_COAP_TCP);
    struct fixture_link *link = fixture_link_of(connection);
    fixture_wait_ms(fixture, fixture_settings.handshake_timeout_ms);
    expect_lost(fixture, link, COAX_E_TIMEOUT, "CSM");
    assert_int_equal(fixture_next_code(fixture, link), COAX_CSM);
    assert_int_equal(fixture_next_code(fixture, link), COAX_ABORT);
}

static void a_message_that_trickles(void **state) {
    struct stream_fixture *fixture = *state;
    struct connection *connection = fixture_accept(fixture);
    struct fixture_link *link = fixture_link_of(connection);
    const uint8_t start[] = {0xd0, 100, COAX_PUT, 0xff}, byte = 'x';
    coax_connection_receive(connection, start, sizeof start);
    for (int i = 0; i < 4; i++) {
        fixture_wait_ms(fixture, 1000);
        coax_connection_receive(connection, &byte, 1);
    }
    assert_int_equal(fixture->lost_count, 0);
    fixture_wait_ms(fixture, 1000);
    expect_lost(fixture, link, COAX_E_TIMEOUT, "A message took longer");
}

static void a_large_message_has_time_for_its_size(void **state) {
    struct stream_fixture *fixture = *state;
    struct connection *connection = fixture_accept(fixture);
    const uint8_t start[] = {0xe0, 0x08, 0x00, COAX_PUT, 0xff}; /* 269 + 2048 bytes */
    static const uint8_t payload[2316];
    coax_connection_receive(connection, start, sizeof start);
    fixture_wait_ms(fixture, 4000);
    coax_connection_receive(connection, payload, 2048);
    fixture_wait_ms(fixture, 2500); /* past the five seconds, within those of two KiB */
    assert_int_equal(fixture->lost_count, 0);
    coax_connection_receive(connection, payload, sizeof payload - 2048);
    assert_int_equal(fixture->request_count, 1);
    fixture_wait_ms(fixture, 10000);
    assert_int_equal(fixture->lost_count, 0);
}

static void messages_one_after_the_other_are_no_trickle(void **state) {
    struct stream_fixture *fixture = *state;
    struct connection *connection = fixture_accept(fixture);
    /* The end of one message and the beginning of the next, every four seconds. */
    const uint8_t begin[] = {0x00}, turn[] = {COAX_EMPTY, 0x00};
    coax_connection_receive(connection, begin, sizeof begin);
    for (int i = 0; i < 5; i++) {
        fixture_wait_ms(fixture, 4000);
        coax_connection_receive(connection, turn, sizeof turn);
    }
    assert_int_equal(fixture->lost_count, 0);
}

static void silence_is_asked_about(void **state) {
    struct stream_fixture *fixture = *state;
    struct connection *connection = fixture_accept(fixture);
    struct fixture_link *link = fixture_link_of(connection);
    struct coax_message ping;
    fixture_wait_ms(fixture, fixture_settings.ping_interval_ms - 1);
    fixture_expect_nothing(fixture, link);
    fixture_wait_ms(fixture, 1);
    assert_true(fixture_next(fixture, link, &ping));
    assert_int_equal(ping.code, COAX_PING);
    fixture_wait_ms(fixture, fixture_settings.ping_timeout_ms - 1);
    fixture_feed_code(fixture, connection, COAX_PONG, "");
    fixture_wait_ms(fixture, fixture_settings.ping_interval_ms - 1);
    assert_int_equal(fixture->lost_count, 0);
    fixture_expect_nothing(fixture, link);
    fixture_wait_ms(fixture, 1);
    assert_int_equal(fixture_next_code(fixture, link), COAX_PING);
    fixture_wait_ms(fixture, fixture_settings.ping_timeout_ms);
    expect_lost(fixture, link, COAX_E_LOST, "Ping");
    assert_true(link->is_reset);
}

static void a_peer_that_does_not_read(void **state) {
    struct stream_fixture *fixture = *state;
    struct connection *connection = fixture_accept(fixture);
    struct fixture_link *link = fixture_link_of(connection);
    link->room = 0;
    fixture_feed_code(fixture, connection, COAX_GET, "a");
    assert_int_equal(fixture_respond(&fixture->requests[0], COAX_CONTENT, 500), COAX_OK);
    coax_stream_flush(&fixture->layer);
    fixture_wait_ms(fixture, fixture_settings.message_timeout_ms - 1);
    link->room = 100; /* it took a little: it is not deaf */
    coax_connection_writable(connection);
    fixture_wait_ms(fixture, fixture_settings.message_timeout_ms - 1);
    assert_int_equal(fixture->lost_count, 0);
    fixture_wait_ms(fixture, 1);
    expect_lost(fixture, link, COAX_E_LOST, "has not read");
}

static void an_idle_connection_of_ours_is_released(void **state) {
    struct stream_fixture *fixture = *state;
    struct connection *connection = fixture_connect(fixture);
    struct fixture_link *link = fixture_link_of(connection);
    for (uint32_t ms = 0; ms < fixture_settings.session_idle_ms - 10000; ms += 10000) {
        fixture_wait_ms(fixture, 10000);
        fixture_feed_code(fixture, connection, COAX_EMPTY, ""); /* life, but no use */
    }
    fixture_expect_nothing(fixture, link);
    fixture_wait_ms(fixture, 10000);
    assert_int_equal(fixture_next_code(fixture, link), COAX_RELEASE);
    assert_int_equal(connection->phase, CONNECTION_RELEASING);
}

static void one_that_is_held_or_a_clients_is_not(void **state) {
    struct stream_fixture *fixture = *state;
    struct connection *held = fixture_connect(fixture), *accepted = fixture_accept(fixture);
    struct fixture_link *link = fixture_link_of(held);
    coax_remote_ref(&held->remote);
    for (uint32_t ms = 0; ms < 2 * fixture_settings.session_idle_ms; ms += 10000) {
        fixture_wait_ms(fixture, 10000);
        fixture_feed_code(fixture, held, COAX_EMPTY, "");
        fixture_feed_code(fixture, accepted, COAX_EMPTY, "");
    }
    fixture_expect_nothing(fixture, link);
    fixture_expect_nothing(fixture, fixture_link_of(accepted));
    coax_remote_unref(&held->remote); /* from now on it is idle */
    for (uint32_t ms = 0; ms < fixture_settings.session_idle_ms; ms += 10000) {
        fixture_expect_nothing(fixture, link);
        fixture_feed_code(fixture, held, COAX_EMPTY, "");
        fixture_feed_code(fixture, accepted, COAX_EMPTY, "");
        fixture_wait_ms(fixture, 10000);
    }
    assert_int_equal(fixture_next_code(fixture, link), COAX_RELEASE);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, stream_fixture_set_up, stream_fixture_tear_down)
    const struct CMUnitTest tests[] = {
        TEST(a_host_that_does_not_answer),
        TEST(an_upgrade_that_does_not_come),
        TEST(a_csm_that_does_not_come),
        TEST(a_message_that_trickles),
        TEST(a_large_message_has_time_for_its_size),
        TEST(messages_one_after_the_other_are_no_trickle),
        TEST(silence_is_asked_about),
        TEST(a_peer_that_does_not_read),
        TEST(an_idle_connection_of_ours_is_released),
        TEST(one_that_is_held_or_a_clients_is_not),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
