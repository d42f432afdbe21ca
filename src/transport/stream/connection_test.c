/* A connection's life beside signaling: who the peer is, and what becomes of it when it is not spoken to nicely. */
#include "../../../tests/stream_fixture.h"
#include <stdio.h>

static const char upgrade[] =
    "GET /.well-known/coap HTTP/1.1\r\nHost: %s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Protocol: coap\r\n%s\r\n";

static struct connection *upgraded(struct stream_fixture *fixture, const char *host, const char *fields) {
    struct connection *connection = fixture_accept_scheme(fixture, COAX_SCHEME_COAP_WS);
    char head[1024];
    int size = snprintf(head, sizeof head, upgrade, host, fields);
    assert_true(size > 0 && (size_t)size < sizeof head);
    coax_connection_receive(connection, (const uint8_t *)head, (size_t)size);
    coax_stream_flush(&fixture->layer);
    return connection;
}

static void expect_local_uri(struct stream_fixture *fixture, const char *host, const char *expected) {
    char uri[300];
    struct connection *connection = upgraded(fixture, host, "");
    assert_int_equal(connection->phase, CONNECTION_OPEN);
    assert_int_equal(coax_remote_local_uri(&connection->remote, uri, sizeof uri), COAX_OK);
    assert_string_equal(uri, expected);
    coax_error error;
    coax_fail(&error, COAX_E_LOST, "enough");
    coax_connection_broken(connection, &error);
}

static void this_side_is_called_as_the_client_called_it(void **state) {
    struct stream_fixture *fixture = *state;
    expect_local_uri(fixture, "Example.ORG:8683", "coap+ws://example.org:8683");
    expect_local_uri(fixture, "example.org:80", "coap+ws://example.org");
    expect_local_uri(fixture, "[2001:DB8::1]", "coap+ws://[2001:db8::1]");
}

static void a_name_that_no_uri_can_hold_is_not_used(void **state) {
    struct stream_fixture *fixture = *state;
    expect_local_uri(fixture, "example.org:99999", "coap+ws://192.0.2.1:5683");
}

static void a_clients_end_is_anonymous(void **state) {
    struct stream_fixture *fixture = *state;
    struct connection *connection = fixture_accept(fixture);
    char text[200];
    assert_int_equal(coax_remote_uri(&connection->remote, text, sizeof text), COAX_E_ANONYMOUS);
    assert_int_equal(coax_remote_hostinfo(&connection->remote, text, sizeof text), COAX_E_ANONYMOUS);
    assert_int_equal(coax_remote_local_uri(&connection->remote, text, sizeof text), COAX_OK);
    assert_string_equal(text, "coap+tcp://192.0.2.1");
    coax_remote_describe(&connection->remote, text, sizeof text);
    assert_string_equal(text, "coap+tcp client at 192.0.2.7:40000");
    struct connection *ours = fixture_connect(fixture);
    assert_int_equal(coax_remote_uri(&ours->remote, text, sizeof text), COAX_OK);
    assert_string_equal(text, "coap+tcp://server.example");
    assert_int_equal(coax_remote_local_uri(&ours->remote, text, sizeof text), COAX_E_ANONYMOUS);
}

static void a_proxy_is_believed_only_where_asked_for(void **state) {
    struct stream_fixture *fixture = *state;
    static const char field[] = "X-Forwarded-For: 198.51.100.9, 203.0.113.77\r\n";
    struct address forwarded = coax_address_ip4(203, 0, 113, 77, 0), peer = coax_address_ip4(192, 0, 2, 7, 40000);
    struct connection *connection = upgraded(fixture, "a", field);
    assert_true(coax_address_equal(&connection->remote.address, &peer));
    fixture->layer.filters.trust_forwarded = true;
    connection = upgraded(fixture, "a", field);
    assert_memory_equal(connection->remote.address.ip, forwarded.ip, sizeof forwarded.ip);
}

static void a_refused_upgrade_is_answered_and_told(void **state) {
    struct stream_fixture *fixture = *state;
    struct connection *connection = fixture_accept_scheme(fixture, COAX_SCHEME_COAP_WS);
    struct fixture_link *link = fixture_link_of(connection);
    static const char head[] = "GET /elsewhere HTTP/1.1\r\nHost: a\r\n\r\n";
    coax_connection_receive(connection, (const uint8_t *)head, sizeof head - 1);
    coax_stream_flush(&fixture->layer);
    assert_int_equal(fixture->lost.status, COAX_E_UPGRADE);
    assert_memory_equal(link->output, "HTTP/1.1 404", 12);
    assert_true(link->is_closed);
    assert_false(link->is_reset);
    assert_int_equal(fixture->opened_count, 0);
}

static void end_inside(struct stream_fixture *fixture, struct fixture_note *note) {
    coax_error error;
    (void)fixture;
    coax_fail(&error, COAX_E_LOST, "enough");
    coax_connection_broken(connection_of(note->remote), &error);
}

static void it_may_end_inside_its_own_message(void **state) {
    struct stream_fixture *fixture = *state;
    struct connection *connection = fixture_accept(fixture);
    const uint8_t requests[] = {0, COAX_GET, 0, COAX_GET};
    fixture->on_request = end_inside;
    coax_connection_receive(connection, requests, sizeof requests);
    assert_int_equal(fixture->request_count, 1);
    assert_int_equal(fixture->lost_count, 1);
    assert_int_equal(fixture->layer.connection_count, 0);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, stream_fixture_set_up, stream_fixture_tear_down)
    const struct CMUnitTest tests[] = {
        TEST(this_side_is_called_as_the_client_called_it),
        TEST(a_name_that_no_uri_can_hold_is_not_used),
        TEST(a_clients_end_is_anonymous),
        TEST(a_proxy_is_believed_only_where_asked_for),
        TEST(a_refused_upgrade_is_answered_and_told),
        TEST(it_may_end_inside_its_own_message),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
