/* The transport that the request layer sees: what goes out at once, what waits, what fails alone. */
#include "../../../tests/stream_fixture.h"

static void requests_wait_for_the_connection(void **state) {
    struct stream_fixture *fixture = *state;
    struct connection *connection = fixture_dial(fixture);
    struct fixture_delivery first, second;
    assert_int_equal(fixture_send(connection, &first, COAX_GET, "1", 0, NULL), COAX_OK);
    assert_int_equal(fixture_send(connection, &second, COAX_GET, "2", 0, NULL), COAX_OK);
    assert_int_equal(coax_stream_transport.stage(&first.delivery), DELIVERY_CONNECTING);
    fixture_connected(fixture, connection);
    struct fixture_link *link = fixture_link_of(connection);
    struct coax_message sent;
    assert_int_equal(fixture_next_code(fixture, link), COAX_CSM);
    assert_true(fixture_next(fixture, link, &sent));
    assert_true(bytes_equal(sent.token, bytes_of("1", 1)));
    assert_true(fixture_next(fixture, link, &sent));
    assert_true(bytes_equal(sent.token, bytes_of("2", 1)));
    assert_int_equal(coax_stream_transport.stage(&first.delivery), DELIVERY_SENT);
    assert_int_equal(first.failed_count + second.failed_count, 0);
}

static void one_that_is_cancelled_is_not_sent(void **state) {
    struct stream_fixture *fixture = *state;
    struct connection *connection = fixture_dial(fixture);
    struct fixture_delivery first, second;
    assert_int_equal(fixture_send(connection, &first, COAX_GET, "1", 0, NULL), COAX_OK);
    assert_int_equal(fixture_send(connection, &second, COAX_GET, "2", 0, NULL), COAX_OK);
    coax_stream_transport.cancel(&first.delivery);
    coax_stream_transport.cancel(&first.delivery);
    fixture_connected(fixture, connection);
    struct coax_message sent;
    assert_int_equal(fixture_next_code(fixture, fixture_link_of(connection)), COAX_CSM);
    assert_true(fixture_next(fixture, fixture_link_of(connection), &sent));
    assert_true(bytes_equal(sent.token, bytes_of("2", 1)));
    fixture_expect_nothing(fixture, fixture_link_of(connection));
    coax_stream_transport.cancel(&second.delivery);
}

static void nobody_has_to_care_what_becomes_of_one(void **state) {
    struct stream_fixture *fixture = *state;
    const struct coax_message message = {.code = COAX_NOT_FOUND, .token = bytes_of("1", 1)};
    struct connection *connection = fixture_dial(fixture);
    assert_int_equal(coax_stream_transport.send(&connection->remote, &message, true, NULL, NULL), COAX_OK); /* waits */
    fixture_connected(fixture, connection);
    assert_int_equal(coax_stream_transport.send(&connection->remote, &message, true, NULL, NULL), COAX_OK);
    struct fixture_link *link = fixture_link_of(connection);
    coax_stream_flush(&fixture->layer);
    assert_int_equal(fixture_next_code(fixture, link), COAX_CSM);
    assert_int_equal(fixture_next_code(fixture, link), COAX_NOT_FOUND);
    assert_int_equal(fixture_next_code(fixture, link), COAX_NOT_FOUND);
}

static void the_queue_has_a_bound(void **state) {
    struct stream_fixture *fixture = *state;
    struct connection *connection = fixture_dial(fixture);
    struct fixture_delivery deliveries[5];
    coax_error error;
    for (size_t i = 0; i < fixture_settings.max_queue_per_peer; i++) {
        assert_int_equal(fixture_send(connection, &deliveries[i], COAX_GET, "", 0, &error), COAX_OK);
    }
    assert_int_equal(fixture_send(connection, &deliveries[4], COAX_GET, "", 0, &error), COAX_E_LIMIT);
    assert_int_equal(connection->queued, fixture_settings.max_queue_per_peer);
    for (size_t i = 0; i < fixture_settings.max_queue_per_peer; i++) {
        coax_stream_transport.cancel(&deliveries[i].delivery);
    }
    assert_int_equal(connection->queued, 0);
}

static void a_large_one_waits_for_the_peers_csm(void **state) {
    struct stream_fixture *fixture = *state;
    struct connection *connection = fixture_dial(fixture);
    struct fixture_delivery large, after;
    const uint8_t csm[] = {0x30, 0xe1, 0x22, 0x08, 0x00}; /* 2048 bytes */
    fixture_connected(fixture, connection);
    struct fixture_link *link = fixture_link_of(connection);
    assert_int_equal(fixture_next_code(fixture, link), COAX_CSM);
    assert_int_equal(fixture_send(connection, &large, COAX_PUT, "1", 1500, NULL), COAX_OK);
    assert_int_equal(fixture_send(connection, &after, COAX_GET, "2", 0, NULL), COAX_OK);
    fixture_expect_nothing(fixture, link);
    coax_connection_receive(connection, csm, sizeof csm);
    assert_int_equal(fixture_next_code(fixture, link), COAX_PUT);
    assert_int_equal(fixture_next_code(fixture, link), COAX_GET);
}

static void one_too_large_for_the_peer_fails_alone(void **state) {
    struct stream_fixture *fixture = *state;
    struct connection *connection = fixture_dial(fixture);
    struct fixture_delivery large, after;
    coax_error error;
    fixture_connected(fixture, connection);
    struct fixture_link *link = fixture_link_of(connection);
    assert_int_equal(fixture_send(connection, &large, COAX_PUT, "1", 1500, NULL), COAX_OK);
    assert_int_equal(fixture_send(connection, &after, COAX_GET, "2", 0, NULL), COAX_OK);
    assert_int_equal(fixture_next_code(fixture, link), COAX_CSM);
    fixture_feed_code(fixture, connection, COAX_CSM, "");
    assert_int_equal(large.failed_count, 1);
    assert_int_equal(large.error.status, COAX_E_TOO_LARGE);
    assert_int_equal(fixture_next_code(fixture, link), COAX_GET);
    assert_int_equal(fixture_send(connection, &large, COAX_PUT, "1", 1500, &error), COAX_E_TOO_LARGE);
    assert_non_null(strstr(error.text, "1152"));
    assert_int_equal(fixture->lost_count, 0);
}

/* The bound holds for whole frames: the largest that fits goes, one byte more does not. A Max-Message-Size below the
   base value holds, too. */
static void the_peers_maximum_is_exact(void **state) {
    struct stream_fixture *fixture = *state;
    struct connection *connection = fixture_connect(fixture);
    struct fixture_delivery delivery;
    const uint8_t small_csm[] = {0x20, 0xe1, 0x21, 64};
    coax_connection_receive(connection, small_csm, sizeof small_csm);
    size_t overhead = 1 + 1 + 1 + 1 + 1; /* length nibble, extended length, code, token, marker */
    assert_int_equal(fixture_send(connection, &delivery, COAX_PUT, "t", 64 - overhead, NULL), COAX_OK);
    assert_int_equal(fixture_send(connection, &delivery, COAX_PUT, "t", 65 - overhead, NULL), COAX_E_TOO_LARGE);
    fixture_feed_code(fixture, connection, COAX_GET, "a");
    assert_int_equal(fixture_respond(&fixture->requests[0], COAX_CONTENT, 100), COAX_E_TOO_LARGE);
    assert_int_equal(connection_open_requests(connection), 1);
    assert_int_equal(fixture_respond(&fixture->requests[0], COAX_INTERNAL_SERVER_ERROR, 0), COAX_OK);
    assert_int_equal(connection_open_requests(connection), 0);
}

/* RFC 8974 section 2.2.1: of requests; a response has the token that the peer chose. */
static void tokens_are_as_long_as_the_peer_takes(void **state) {
    struct stream_fixture *fixture = *state;
    struct connection *connection = fixture_connect(fixture);
    struct fixture_delivery delivery;
    coax_error error;
    assert_int_equal(coax_stream_transport.token_maximum(&connection->remote), 8);
    assert_int_equal(fixture_send(connection, &delivery, COAX_GET, "nine byte", 0, &error), COAX_E_TOO_LARGE);
    assert_non_null(strstr(error.text, "Extended-Token-Length"));
    const uint8_t csm[] = {0x20, 0xe1, 0x61, 12};
    coax_connection_receive(connection, csm, sizeof csm);
    assert_int_equal(coax_stream_transport.token_maximum(&connection->remote), 12);
    assert_int_equal(fixture_send(connection, &delivery, COAX_GET, "twelve bytes", 0, NULL), COAX_OK);
    assert_int_equal(fixture_send(connection, &delivery, COAX_GET, "thirteen byte", 0, NULL), COAX_E_TOO_LARGE);
    fixture_feed_code(fixture, connection, COAX_GET, "sixteen bytes...");
    assert_int_equal(fixture_respond(&fixture->requests[0], COAX_CONTENT, 0), COAX_OK);
}

/* Before the peer's CSM nobody knows whether it takes an extended one. */
static void an_extended_token_waits_for_the_csm(void **state) {
    struct stream_fixture *fixture = *state;
    const uint8_t csms[][4] = {{0x20, 0xe1, 0x61, 16}, {0x20, 0xe1, 0x61, 8}};
    for (size_t i = 0; i < 2; i++) {
        struct connection *connection = fixture_dial(fixture);
        struct fixture_delivery delivery;
        fixture_connected(fixture, connection);
        assert_int_equal(fixture_next_code(fixture, fixture_link_of(connection)), COAX_CSM);
        assert_int_equal(fixture_send(connection, &delivery, COAX_GET, "twelve bytes", 0, NULL), COAX_OK);
        fixture_expect_nothing(fixture, fixture_link_of(connection));
        coax_connection_receive(connection, csms[i], sizeof csms[i]);
        struct coax_message sent;
        assert_int_equal(fixture_next(fixture, fixture_link_of(connection), &sent), i == 0);
        assert_int_equal(delivery.written, i == 0);
        assert_int_equal(delivery.failed_count, i == 1);
        coax_connection_end(connection, &(coax_error){COAX_E_LOST, -1, "over"});
    }
}

static void a_peer_that_does_not_read_makes_requests_wait(void **state) {
    struct stream_fixture *fixture = *state;
    struct connection *connection = fixture_connect(fixture);
    struct fixture_link *link = fixture_link_of(connection);
    struct fixture_delivery deliveries[4];
    link->room = 0;
    assert_int_equal(fixture_send(connection, &deliveries[0], COAX_PUT, "1", 1100, NULL), COAX_OK);
    assert_int_equal(fixture_send(connection, &deliveries[1], COAX_PUT, "2", 10, NULL), COAX_OK);
    coax_stream_flush(&fixture->layer);
    assert_int_equal(coax_stream_transport.stage(&deliveries[0].delivery), DELIVERY_SENT);
    assert_int_equal(coax_stream_transport.stage(&deliveries[1].delivery), DELIVERY_QUEUED);
    link->room = SIZE_MAX;
    assert_int_equal(deliveries[1].written, 0);
    coax_connection_writable(connection);
    assert_int_equal(coax_stream_transport.stage(&deliveries[1].delivery), DELIVERY_SENT);
    assert_int_equal(deliveries[0].written, 0); /* it did not wait */
    assert_int_equal(deliveries[1].written, 1);
    assert_int_equal(fixture_next_code(fixture, link), COAX_PUT);
    assert_int_equal(fixture_next_code(fixture, link), COAX_PUT);
}

static void answer_large(struct stream_fixture *fixture, struct fixture_note *note) {
    (void)fixture;
    assert_int_equal(fixture_respond(note, COAX_CONTENT, 1000), COAX_OK);
}

/* Thousands of requests in one piece, each with a large answer: what waits stays within the bound and one answer. */
static void a_peer_that_only_asks_is_not_read(void **state) {
    struct stream_fixture *fixture = *state;
    struct connection *connection = fixture_accept(fixture);
    struct fixture_link *link = fixture_link_of(connection);
    static uint8_t requests[16000];
    for (size_t i = 0; i < sizeof requests; i += 2) {
        requests[i] = 0;
        requests[i + 1] = COAX_GET;
    }
    fixture->on_request = answer_large;
    link->room = 0;
    coax_connection_receive(connection, requests, sizeof requests);
    coax_stream_flush(&fixture->layer);
    assert_false(link->wants_input);
    assert_true(coax_filter_chain_pending(&connection->chain) < fixture_settings.max_stream_output + 1100);
    unsigned first = fixture->request_count;
    assert_true(first < 8);
    link->room = 100000;
    coax_connection_writable(connection);
    coax_stream_flush(&fixture->layer);
    assert_true(fixture->request_count > first);
    for (unsigned i = 0; i < 10000 && !link->wants_input; i++) {
        link->size = link->read = 0;
        link->room = 200000;
        coax_connection_writable(connection);
        coax_stream_flush(&fixture->layer);
    }
    assert_int_equal(fixture->request_count, sizeof requests / 2);
    assert_true(link->wants_input);
    assert_int_equal(fixture->lost_count, 0);
}

/* Two ends that ask each other for much must not both wait until the other has read. */
static void an_end_that_waits_for_answers_reads_on_for_longer(void **state) {
    struct stream_fixture *fixture = *state;
    struct connection *connection = fixture_connect(fixture);
    struct fixture_link *link = fixture_link_of(connection);
    struct list_node request; /* of the request layer's */
    fixture->on_request = answer_large;
    list_append(&connection->remote.requests, &request);
    link->room = 0;
    for (size_t i = 0; i < 3; i++) {
        fixture_feed_code(fixture, connection, COAX_GET, "a");
    }
    assert_true(coax_filter_chain_pending(&connection->chain) > fixture_settings.max_stream_output);
    assert_true(link->wants_input);
    fixture_feed_code(fixture, connection, COAX_CONTENT, "b");
    assert_int_equal(fixture->response_count, 1);
    for (size_t i = 0; i < 5 && link->wants_input; i++) {
        fixture_feed_code(fixture, connection, COAX_GET, "a");
    }
    assert_false(link->wants_input);
    assert_true(coax_filter_chain_pending(&connection->chain) < fixture_settings.max_stream_memory / 16 + 1100);
    list_remove(&request);
}

/* They are answered below the level of messages. */
static void a_peer_that_only_pings_its_websocket_is_not_read(void **state) {
    struct stream_fixture *fixture = *state;
    struct connection *connection = fixture_accept_scheme(fixture, COAX_SCHEME_COAP_WS);
    struct fixture_link *link = fixture_link_of(connection);
    static const char head[] =
        "GET /.well-known/coap HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
        "Sec-WebSocket-Protocol: coap\r\n\r\n";
    static const uint8_t csm[] = {0x82, 0x82, 0, 0, 0, 0, 0, COAX_CSM};
    uint8_t ping[131] = {0x89, 0xfd};
    coax_connection_receive(connection, (const uint8_t *)head, sizeof head - 1);
    coax_connection_receive(connection, csm, sizeof csm);
    coax_stream_flush(&fixture->layer);
    assert_true(connection->csm_received);
    link->room = 0;
    for (size_t i = 0; i < 100 && link->wants_input; i++) {
        coax_connection_receive(connection, ping, sizeof ping);
        coax_stream_flush(&fixture->layer);
    }
    assert_false(link->wants_input);
    assert_true(coax_filter_chain_pending(&connection->chain) < fixture_settings.max_stream_output + sizeof ping);
    link->room = SIZE_MAX;
    coax_connection_writable(connection);
    assert_true(link->wants_input);
}

static void a_peer_with_many_unanswered_requests_is_not_read(void **state) {
    struct stream_fixture *fixture = *state;
    struct connection *connection = fixture_accept(fixture);
    struct fixture_link *link = fixture_link_of(connection);
    const uint8_t requests[] = {0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1};
    coax_connection_receive(connection, requests, sizeof requests);
    coax_stream_flush(&fixture->layer);
    assert_int_equal(fixture->request_count, fixture_settings.max_requests_per_connection);
    assert_false(link->wants_input);
    assert_int_equal(fixture_respond(&fixture->requests[0], COAX_CONTENT, 0), COAX_OK);
    assert_int_equal(fixture->request_count, fixture_settings.max_requests_per_connection); /* not within that call */
    coax_stream_flush(&fixture->layer);
    assert_int_equal(fixture->request_count, fixture_settings.max_requests_per_connection + 1);
    assert_false(link->wants_input);
}

static void after_the_end_nothing_is_sent(void **state) {
    struct stream_fixture *fixture = *state;
    struct connection *connection = fixture_accept(fixture);
    struct fixture_delivery delivery;
    coax_error error;
    fixture_feed_code(fixture, connection, COAX_GET, "a");
    coax_remote_ref(&connection->remote);
    coax_connection_receive_end(connection);
    coax_stream_flush(&fixture->layer);
    assert_int_equal(fixture_send(connection, &delivery, COAX_GET, "t", 0, &error), COAX_E_DROPPED);
    assert_int_equal(fixture_respond(&fixture->requests[0], COAX_CONTENT, 0), COAX_E_DROPPED);
    assert_int_equal(coax_connection_release(&connection->remote, NULL, NULL, &error), COAX_E_DROPPED);
    coax_remote_unref(&connection->remote);
}

static void an_answer_written_before_the_peers_end_still_goes_out(void **state) {
    struct stream_fixture *fixture = *state;
    struct connection *connection = fixture_accept(fixture);
    struct fixture_link *link = fixture_link_of(connection);
    const uint8_t get[] = {0x00, COAX_GET};
    fixture->on_request = answer_large;
    link->room = 10;
    coax_connection_receive(connection, get, sizeof get);
    coax_connection_receive_end(connection);
    coax_stream_flush(&fixture->layer);
    assert_false(link->is_closed);
    link->room = SIZE_MAX;
    coax_connection_writable(connection);
    assert_true(link->is_closed);
    assert_false(link->is_reset);
    assert_int_equal(fixture_next_code(fixture, link), COAX_CONTENT);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, stream_fixture_set_up, stream_fixture_tear_down)
    const struct CMUnitTest tests[] = {
        TEST(requests_wait_for_the_connection),
        TEST(one_that_is_cancelled_is_not_sent),
        TEST(nobody_has_to_care_what_becomes_of_one),
        TEST(the_queue_has_a_bound),
        TEST(a_large_one_waits_for_the_peers_csm),
        TEST(one_too_large_for_the_peer_fails_alone),
        TEST(the_peers_maximum_is_exact),
        TEST(tokens_are_as_long_as_the_peer_takes),
        TEST(an_extended_token_waits_for_the_csm),
        TEST(a_peer_that_does_not_read_makes_requests_wait),
        TEST(a_peer_that_only_asks_is_not_read),
        TEST(an_end_that_waits_for_answers_reads_on_for_longer),
        TEST(a_peer_that_only_pings_its_websocket_is_not_read),
        TEST(a_peer_with_many_unanswered_requests_is_not_read),
        TEST(after_the_end_nothing_is_sent),
        TEST(an_answer_written_before_the_peers_end_still_goes_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
