/* Messages that come in: what is a request, a response, a duplicate, a ping, and what is rejected (RFC 7252 section 4).
 */
#include "datagram_fixture.h"

/* RFC 7252 appendix A, figure 16: a request and its piggybacked response. */
static void a_request_is_told_once_and_answered(void **state) {
    (void)state;
    struct datagram_fixture fixture;
    fixture_start(&fixture, NULL);
    fixture.serve = fixture_serve_hi;
    FIXTURE_RECEIVE(&fixture, server_path(9), "\x41\x01\x7d\x34\x7a\xbbtemperature");
    assert_int_equal(fixture.request_count, 1);
    assert_int_equal(fixture.requests[0].id, 0x7d34);
    assert_int_equal(fixture.requests[0].code, COAX_GET);
    WIRE_EXPECT(&fixture.wire, "\x61\x45\x7d\x34\x7a\xffhi");
    assert_int_equal(fixture.traced_received, 1);
    assert_int_equal(fixture.traced_sent, 1);
    fixture_stop(&fixture);
}

/* The answer goes where the request came from: same channel, same local address. */
static void answers_take_the_way_of_the_request(void **state) {
    (void)state;
    struct datagram_fixture fixture;
    fixture_start(&fixture, NULL);
    fixture.serve = fixture_serve_hi;
    for (uint8_t host = 20; host < 25; host++) {
        struct path path = server_path(host);
        path.channel = host;
        FIXTURE_RECEIVE(&fixture, path, "\x40\x01\x00\x01");
        const struct wire_datagram *datagram = wire_next(&fixture.wire);
        assert_non_null(datagram);
        assert_memory_equal(&datagram->path, &path, sizeof path);
    }
    fixture_stop(&fixture);
}

static void a_ping_is_answered_by_a_reset(void **state) {
    (void)state;
    struct datagram_fixture fixture;
    fixture_start(&fixture, NULL);
    FIXTURE_RECEIVE(&fixture, server_path(9), "\x40\x00\x12\x34"); /* from a stranger */
    WIRE_EXPECT(&fixture.wire, "\x70\x00\x12\x34");
    FIXTURE_RECEIVE(&fixture, server_path(8), "\x50\x01\x00\x01"); /* from a known peer */
    FIXTURE_RECEIVE(&fixture, server_path(8), "\x40\x00\x12\x35");
    WIRE_EXPECT(&fixture.wire, "\x70\x00\x12\x35");
    FIXTURE_RECEIVE_AS_CLIENT(&fixture, client_path(7), "\x40\x00\x12\x36");
    WIRE_EXPECT(&fixture.wire, "\x70\x00\x12\x36");
    FIXTURE_RECEIVE(&fixture, server_path(9), "\x50\x00\x12\x37"); /* an Empty NON means nothing */
    FIXTURE_RECEIVE(&fixture, server_path(8), "\x50\x00\x12\x37");
    wire_expect_nothing(&fixture.wire);
    fixture_stop(&fixture);
}

struct malformed {
    const char *bytes; /* confirmable, with the ID 0x1234 */
    size_t size;
};

/* RFC 7252 section 3 and 4.1: message format errors. */
static const struct malformed malformed_messages[] = {
    {"\x49\x01\x12\x34", 4}, /* reserved token length */
    {"\x4f\x01\x12\x34", 4},
    {"\x44\x01\x12\x34\x01", 5}, /* token past the end */
    {"\x40\x01\x12\x34\xff", 5}, /* marker without payload */
    {"\x40\x01\x12\x34\xf0", 5}, /* option delta 15 */
    {"\x40\x01\x12\x34\x0f", 5}, /* option length 15 */
    {"\x40\x01\x12\x34\xb5"
     "ab",
     7},                                 /* option past the end */
    {"\x40\x01\x12\x34\xe0\xff\xff", 7}, /* option number over 65535 */
    {"\x41\x00\x12\x34\x01", 5},         /* Empty with a token */
    {"\x40\x00\x12\x34\xff\x01", 6},     /* Empty with a payload */
    {"\x40\x21\x12\x34", 4},             /* reserved code classes */
    {"\x40\xc1\x12\x34", 4},
    {"\x40\xe1\x12\x34", 4},
};

static void malformed_messages_are_rejected_or_ignored(void **state) {
    (void)state;
    struct datagram_fixture fixture;
    fixture_start(&fixture, NULL);
    fixture.serve = fixture_serve_hi;
    FIXTURE_RECEIVE(&fixture, server_path(8), "\x50\x01\x00\x01");
    (void)wire_next(&fixture.wire);
    uint32_t peers = fixture.layer.peer_count;
    for (size_t i = 0; i < sizeof malformed_messages / sizeof *malformed_messages; i++) {
        const struct malformed *malformed = &malformed_messages[i];
        for (unsigned type = COAX_CON; type <= COAX_RST; type++) {
            uint8_t bytes[16];
            memcpy(bytes, malformed->bytes, malformed->size);
            bytes[0] = (uint8_t)((bytes[0] & 0xcf) | type << 4);
            fixture_receive_bytes(&fixture, server_path(8), true, bytes, malformed->size); /* a known peer */
            fixture_receive_bytes(&fixture, server_path(9), true, bytes, malformed->size); /* a stranger */
            fixture_receive_bytes(&fixture, multicast_path(8), true, bytes, malformed->size);
            fixture_receive_bytes(&fixture, client_path(7), false, bytes, malformed->size);
            if (type == COAX_CON) {
                for (int n = 0; n < 3; n++) {
                    WIRE_EXPECT(&fixture.wire, "\x70\x00\x12\x34");
                }
            }
            wire_expect_nothing(&fixture.wire);
        }
    }
    assert_int_equal(fixture.request_count, 1);
    assert_int_equal(fixture.layer.peer_count, peers); /* nothing was made for them */
    fixture_stop(&fixture);
}

/* Less than a header, or another version (RFC 7252 section 3): nothing can be said, not even an ID. */
static void what_is_no_coap_is_ignored(void **state) {
    (void)state;
    struct datagram_fixture fixture;
    fixture_start(&fixture, NULL);
    static const char *const versions[] = {"\x01\x01\x12\x34", "\x81\x01\x12\x34", "\xc1\x01\x12\x34"};
    for (size_t i = 0; i < 3; i++) {
        fixture_receive_bytes(&fixture, server_path(9), true, versions[i], 4);
    }
    for (size_t size = 0; size < 4; size++) {
        fixture_receive_bytes(&fixture, server_path(9), true, "\x40\x01\x12\x34", size);
    }
    wire_expect_nothing(&fixture.wire);
    assert_int_equal(fixture.layer.peer_count, 0);
    fixture_stop(&fixture);
}

/* RFC 7252 section 8.1: nothing that came by multicast is rejected, a ping among it. */
static void nothing_that_came_by_multicast_is_rejected(void **state) {
    (void)state;
    struct datagram_fixture fixture;
    fixture_start(&fixture, NULL);
    fixture.serve = fixture_serve_hi;
    fixture.awaits_responses = true;
    for (int known = 0; known < 2; known++) {
        FIXTURE_RECEIVE(&fixture, multicast_path(9), "\x40\x00\x12\x34"); /* a ping */
        FIXTURE_RECEIVE(&fixture, multicast_path(9), "\x49\x01\x12\x35"); /* malformed */
        FIXTURE_RECEIVE(&fixture, multicast_path(9), "\x40\x01\x12\x36"); /* a confirmable request */
        FIXTURE_RECEIVE(&fixture, multicast_path(9), "\x40\x45\x12\x37"); /* a response */
        wire_expect_nothing(&fixture.wire);
        assert_int_equal(fixture.request_count, known);
        if (known == 0) {
            FIXTURE_RECEIVE(&fixture, multicast_path(9), "\x50\x01\x00\x01");
            assert_int_equal(fixture.request_count, 1);
            fixture_pass_ms(&fixture, 5000);
            assert_int_equal(wire_expect_message(&fixture.wire).type, COAX_NON);
        }
    }
    fixture_stop(&fixture);
}

static void a_response_that_nobody_awaits_is_rejected(void **state) {
    (void)state;
    struct datagram_fixture fixture;
    fixture_start(&fixture, NULL);
    (void)fixture_remote(&fixture, client_path(9));
    FIXTURE_RECEIVE_AS_CLIENT(&fixture, client_path(9), "\x41\x45\x12\x34\x01");
    WIRE_EXPECT(&fixture.wire, "\x70\x00\x12\x34");
    FIXTURE_RECEIVE_AS_CLIENT(&fixture, client_path(9), "\x41\x45\x12\x34\x01"); /* and its duplicate */
    WIRE_EXPECT(&fixture.wire, "\x70\x00\x12\x34");
    FIXTURE_RECEIVE_AS_CLIENT(&fixture, client_path(9), "\x51\x45\x12\x35\x01");
    FIXTURE_RECEIVE_AS_CLIENT(&fixture, client_path(9), "\x61\x45\x12\x36\x01");
    assert_int_equal(fixture.response_count, 4);
    FIXTURE_RECEIVE(&fixture, server_path(8), "\x41\x45\x12\x37\x01"); /* to a server, from a stranger */
    WIRE_EXPECT(&fixture.wire, "\x70\x00\x12\x37");
    wire_expect_nothing(&fixture.wire);
    fixture_stop(&fixture);
}

/* RFC 7252 section 4.2, figure 19: each copy of a separate response is acknowledged, the first alone is told. */
static void a_separate_response_is_acknowledged_each_time(void **state) {
    (void)state;
    struct datagram_fixture fixture;
    fixture_start(&fixture, NULL);
    fixture.awaits_responses = true;
    (void)fixture_remote(&fixture, client_path(9));
    FIXTURE_RECEIVE_AS_CLIENT(&fixture, client_path(9),
                              "\x41\x45\xad\x7b\x53\xff"
                              "22.3 C");
    fixture.awaits_responses = false; /* it has been answered */
    for (int i = 0; i < 3; i++) {
        WIRE_EXPECT(&fixture.wire, "\x60\x00\xad\x7b");
        assert_int_equal(fixture.response_count, 1);
        fixture_pass_ms(&fixture, 10000);
        FIXTURE_RECEIVE_AS_CLIENT(&fixture, client_path(9),
                                  "\x41\x45\xad\x7b\x53\xff"
                                  "22.3 C");
    }
    WIRE_EXPECT(&fixture.wire, "\x60\x00\xad\x7b");
    assert_int_equal(fixture.response_code, COAX_CONTENT);
    /* after its lifetime the ID may belong to another message */
    fixture_pass_ms(&fixture, 247000);
    FIXTURE_RECEIVE_AS_CLIENT(&fixture, client_path(9), "\x41\x45\xad\x7b\x53");
    assert_int_equal(fixture.response_count, 2);
    fixture_stop(&fixture);
}

/* Without room to remember it a response is acknowledged all the same. */
static void a_response_is_acknowledged_when_the_table_is_full(void **state) {
    (void)state;
    struct datagram_settings settings = fixture_settings();
    settings.max_replies_per_peer = 1;
    struct datagram_fixture fixture;
    fixture_start(&fixture, &settings);
    fixture.awaits_responses = true;
    FIXTURE_RECEIVE(&fixture, server_path(9), "\x40\x01\x00\x01"); /* a request that stays open */
    FIXTURE_RECEIVE(&fixture, server_path(9), "\x41\x45\x12\x34\x53");
    WIRE_EXPECT(&fixture.wire, "\x60\x00\x12\x34");
    fixture_stop(&fixture);
}

static void a_piggybacked_response_is_acknowledgement_and_response(void **state) {
    (void)state;
    for (int awaited = 0; awaited < 2; awaited++) { /* also if the token is nobody's */
        struct datagram_fixture fixture;
        struct watched_delivery watched;
        fixture_start(&fixture, NULL);
        fixture.awaits_responses = awaited != 0;
        struct coax_remote *remote = fixture_remote(&fixture, client_path(9));
        assert_int_equal(fixture_send_get(&fixture, remote, true, 0x33, &watched, NULL), COAX_OK);
        const uint8_t *sent = fixture.wire.datagrams[0].data;
        const uint8_t response[] = {0x61, 0x45, sent[2], sent[3], 0x33, 0xff, 'x'};
        fixture_receive_bytes(&fixture, client_path(9), false, response, sizeof response);
        assert_int_equal(fixture.response_count, 1);
        assert_int_equal(watched.acknowledged, 1);
        fixture_pass_ms(&fixture, 1000000);
        assert_int_equal(fixture.wire.sent, 1);
        fixture_stop(&fixture);
    }
}

/* A message that is still queued was not sent: nothing can acknowledge it. */
static void a_queued_message_cannot_be_acknowledged(void **state) {
    (void)state;
    struct datagram_fixture fixture;
    struct watched_delivery first, second;
    fixture_start(&fixture, NULL);
    struct coax_remote *remote = fixture_remote(&fixture, client_path(9));
    assert_int_equal(fixture_send_get(&fixture, remote, true, 1, &first, NULL), COAX_OK);
    assert_int_equal(fixture_send_get(&fixture, remote, true, 2, &second, NULL), COAX_OK);
    const struct transmission *queued = second.delivery.carrier;
    uint8_t answer[] = {0x60, 0, (uint8_t)(queued->id >> 8), (uint8_t)queued->id};
    fixture_receive_bytes(&fixture, client_path(9), false, answer, sizeof answer);
    answer[0] = 0x70;
    fixture_receive_bytes(&fixture, client_path(9), false, answer, sizeof answer);
    assert_int_equal(second.acknowledged + second.failed, 0);
    assert_ptr_equal(second.delivery.carrier, queued);
    fixture_stop(&fixture);
}

/* Both sides may use the same ID: their messages are told apart by who sent them. */
static void both_sides_may_use_the_same_id(void **state) {
    (void)state;
    struct datagram_fixture fixture;
    struct watched_delivery watched;
    fixture_start(&fixture, NULL);
    fixture.serve = fixture_serve_hi;
    struct coax_remote *remote = fixture_remote(&fixture, server_path(9));
    assert_int_equal(fixture_send_get(&fixture, remote, true, 1, &watched, NULL), COAX_OK);
    const struct wire_datagram *sent = wire_next(&fixture.wire);
    const uint8_t request[] = {0x41, 0x01, sent->data[2], sent->data[3], 0x7a};
    fixture_receive_bytes(&fixture, server_path(9), true, request, sizeof request);
    assert_int_equal(fixture.request_count, 1);
    const uint8_t response[] = {0x61, 0x45, sent->data[2], sent->data[3], 0x7a, 0xff, 'h', 'i'};
    wire_expect_bytes(&fixture.wire, response, sizeof response);
    assert_int_equal(watched.acknowledged, 0);
    fixture_stop(&fixture);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_request_is_told_once_and_answered),
        cmocka_unit_test(answers_take_the_way_of_the_request),
        cmocka_unit_test(a_ping_is_answered_by_a_reset),
        cmocka_unit_test(malformed_messages_are_rejected_or_ignored),
        cmocka_unit_test(what_is_no_coap_is_ignored),
        cmocka_unit_test(nothing_that_came_by_multicast_is_rejected),
        cmocka_unit_test(a_response_that_nobody_awaits_is_rejected),
        cmocka_unit_test(a_separate_response_is_acknowledged_each_time),
        cmocka_unit_test(a_response_is_acknowledged_when_the_table_is_full),
        cmocka_unit_test(a_piggybacked_response_is_acknowledgement_and_response),
        cmocka_unit_test(a_queued_message_cannot_be_acknowledged),
        cmocka_unit_test(both_sides_may_use_the_same_id),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
