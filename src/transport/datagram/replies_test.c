/* Requests that came in: acknowledgements, answers, duplicates, and what is remembered of them (RFC 7252 section 4.2,
   4.5, 5.2 and 8.2). */
#include "datagram_fixture.h"

#define REQUEST "\x41\x01\x12\x34\x7a"
#define ANSWER "\x61\x45\x12\x34\x7a\xffhi"
#define EMPTY_ACK "\x60\x00\x12\x34"

static void a_duplicate_gets_the_kept_answer(void **state) {
    (void)state;
    struct datagram_fixture fixture;
    fixture_start(&fixture, NULL);
    fixture.serve = fixture_serve_hi;
    for (int i = 0; i < 4; i++) {
        FIXTURE_RECEIVE(&fixture, server_path(9), REQUEST);
        WIRE_EXPECT(&fixture.wire, ANSWER);
        fixture_pass_ms(&fixture, 5000);
    }
    FIXTURE_RECEIVE(&fixture, server_path(9),
                    "\x41\x03\x12\x34\x01\xff!"); /* another message by content: the ID rules */
    WIRE_EXPECT(&fixture.wire, ANSWER);
    assert_int_equal(fixture.request_count, 1);
    FIXTURE_RECEIVE(&fixture, server_path(8), REQUEST); /* another peer's is another message */
    assert_int_equal(fixture.request_count, 2);
    fixture_stop(&fixture);
}

static void the_answer_is_piggybacked_until_the_delay_is_over(void **state) {
    (void)state;
    struct datagram_fixture fixture;
    fixture_start(&fixture, NULL);
    FIXTURE_RECEIVE(&fixture, server_path(9), REQUEST);
    fixture_pass_ms(&fixture, 99);
    wire_expect_nothing(&fixture.wire);
    FIXTURE_RECEIVE(&fixture, server_path(9), REQUEST); /* a duplicate finds nothing to say yet */
    wire_expect_nothing(&fixture.wire);
    assert_int_equal(fixture_respond(&fixture.requests[0], COAX_CONTENT, "hi"), COAX_OK);
    WIRE_EXPECT(&fixture.wire, ANSWER);
    fixture_pass_ms(&fixture, 1000);
    wire_expect_nothing(&fixture.wire);
    assert_int_equal(fixture.request_count, 1);
    fixture_stop(&fixture);
}

/* RFC 7252 section 5.2.2: the empty acknowledgement, then the response in a message of its own. */
static void a_late_answer_is_separate(void **state) {
    (void)state;
    struct datagram_fixture fixture;
    fixture_start(&fixture, NULL);
    coax_instant start = fixture.now;
    FIXTURE_RECEIVE(&fixture, server_path(9), REQUEST);
    fixture_pass_ms(&fixture, 3000);
    WIRE_EXPECT(&fixture.wire, EMPTY_ACK);
    assert_int_equal(fixture.wire.datagrams[0].when - start, 100 * COAX_MILLISECOND);
    FIXTURE_RECEIVE(&fixture, server_path(9), REQUEST); /* while the handler works */
    WIRE_EXPECT(&fixture.wire, EMPTY_ACK);
    assert_int_equal(fixture_respond(&fixture.requests[0], COAX_CONTENT, "hi"), COAX_OK);
    const struct wire_datagram *sent = wire_next(&fixture.wire);
    assert_non_null(sent);
    const uint8_t response[] = {0x41, 0x45, sent->data[2], sent->data[3], 0x7a, 0xff, 'h', 'i'};
    assert_int_equal(sent->size, sizeof response);
    assert_memory_equal(sent->data, response, sizeof response);
    FIXTURE_RECEIVE(&fixture, server_path(9), REQUEST); /* after the answer */
    WIRE_EXPECT(&fixture.wire, EMPTY_ACK);
    fixture_pass_ms(&fixture, 3000);
    wire_expect_bytes(&fixture.wire, response, sizeof response); /* it is confirmable: once more */
    const uint8_t acknowledgement[] = {0x60, 0, response[2], response[3]};
    fixture_receive_bytes(&fixture, server_path(9), true, acknowledgement, sizeof acknowledgement);
    fixture_pass_ms(&fixture, 100000);
    wire_expect_nothing(&fixture.wire);
    FIXTURE_RECEIVE(&fixture, server_path(9), REQUEST); /* whose acknowledgement was lost all the time */
    WIRE_EXPECT(&fixture.wire, EMPTY_ACK);
    assert_int_equal(fixture.request_count, 1);
    fixture_stop(&fixture);
}

/* Section 5.2.2: whatever else an acknowledgement carries. */
static void any_acknowledgement_ends_a_separate_response(void **state) {
    (void)state;
    struct datagram_fixture fixture;
    fixture_start(&fixture, NULL);
    FIXTURE_RECEIVE(&fixture, server_path(9), REQUEST);
    fixture_pass_ms(&fixture, 200);
    WIRE_EXPECT(&fixture.wire, EMPTY_ACK);
    assert_int_equal(fixture_respond(&fixture.requests[0], COAX_CONTENT, "hi"), COAX_OK);
    const struct wire_datagram *sent = wire_next(&fixture.wire);
    assert_non_null(sent);
    const uint8_t acknowledgement[] = {0x61, 0x44, sent->data[2], sent->data[3], 0x7a, 0xff, '!'};
    fixture_receive_bytes(&fixture, server_path(9), true, acknowledgement, sizeof acknowledgement);
    fixture_pass_ms(&fixture, 100000);
    wire_expect_nothing(&fixture.wire);
    fixture_stop(&fixture);
}

static void without_delay_the_acknowledgement_comes_with_the_next_run(void **state) {
    (void)state;
    struct datagram_settings settings = fixture_settings();
    settings.empty_ack_delay_ms = 0;
    struct datagram_fixture fixture;
    fixture_start(&fixture, &settings);
    FIXTURE_RECEIVE(&fixture, server_path(9), REQUEST);
    wire_expect_nothing(&fixture.wire);
    fixture_pass_ms(&fixture, 0);
    WIRE_EXPECT(&fixture.wire, EMPTY_ACK);
    fixture_stop(&fixture);
}

/* Nobody acknowledges the separate response, or the client has forgotten: that ends it too. */
static void a_separate_response_gives_up(void **state) {
    (void)state;
    for (int reset = 0; reset < 2; reset++) {
        struct datagram_fixture fixture;
        fixture_start(&fixture, NULL);
        FIXTURE_RECEIVE(&fixture, server_path(9), REQUEST);
        fixture_pass_ms(&fixture, 200);
        (void)wire_next(&fixture.wire);
        assert_int_equal(fixture_respond(&fixture.requests[0], COAX_CONTENT, "hi"), COAX_OK);
        const struct wire_datagram *sent = wire_next(&fixture.wire);
        if (reset != 0) {
            const uint8_t bytes[] = {0x70, 0, sent->data[2], sent->data[3]};
            fixture_receive_bytes(&fixture, server_path(9), true, bytes, sizeof bytes);
        }
        fixture_pass_ms(&fixture, 94000);
        assert_int_equal(fixture.wire.sent, reset != 0 ? 2 : 1 + 5);
        const struct peer *peer = fixture_peer(&fixture, server_path(9));
        assert_int_equal(peer->unconfirmed, 0);
        assert_true(list_contains_node(&peer->idle));
        fixture_stop(&fixture);
    }
}

static void non_confirmable_requests_get_such_answers(void **state) {
    (void)state;
    struct datagram_fixture fixture;
    fixture_start(&fixture, NULL);
    fixture.serve = fixture_serve_hi;
    FIXTURE_RECEIVE(&fixture, server_path(9), "\x51\x01\x12\x34\x7a");
    struct coax_message response = wire_expect_message(&fixture.wire);
    assert_int_equal(response.type, COAX_NON);
    assert_int_equal(response.code, COAX_CONTENT);
    FIXTURE_RECEIVE(&fixture, server_path(9), "\x51\x01\x12\x34\x7a"); /* a duplicate: silence */
    wire_expect_nothing(&fixture.wire);
    assert_int_equal(fixture.request_count, 1);
    fixture.serve = NULL; /* late: without an empty acknowledgement */
    FIXTURE_RECEIVE(&fixture, server_path(9), "\x51\x01\x12\x35\x7a");
    fixture_pass_ms(&fixture, 10000);
    wire_expect_nothing(&fixture.wire);
    assert_int_equal(fixture_respond(&fixture.requests[1], COAX_CONTENT, "hi"), COAX_OK);
    struct coax_message late = wire_expect_message(&fixture.wire);
    assert_int_equal(late.type, COAX_NON);
    assert_int_equal(late.id, response.id + 1);
    assert_true(list_contains_node(&fixture_peer(&fixture, server_path(9))->idle));
    fixture_pass_ms(&fixture, 100000);
    wire_expect_nothing(&fixture.wire);
    fixture_stop(&fixture);
}

static void declined_requests_are_acknowledged_at_most(void **state) {
    (void)state;
    struct datagram_fixture fixture;
    fixture_start(&fixture, NULL);
    FIXTURE_RECEIVE(&fixture, server_path(9), REQUEST);
    struct told_request *request = &fixture.requests[0];
    request->remote->transport->decline(request->remote, request->incoming);
    WIRE_EXPECT(&fixture.wire, EMPTY_ACK);
    FIXTURE_RECEIVE(&fixture, server_path(9), REQUEST);
    WIRE_EXPECT(&fixture.wire, EMPTY_ACK);
    FIXTURE_RECEIVE(&fixture, server_path(9), "\x41\x01\x12\x35\x7a"); /* acknowledged long ago: nothing more */
    fixture_pass_ms(&fixture, 200);
    WIRE_EXPECT(&fixture.wire, "\x60\x00\x12\x35");
    request = &fixture.requests[1];
    request->remote->transport->decline(request->remote, request->incoming);
    FIXTURE_RECEIVE(&fixture, server_path(9), "\x51\x01\x12\x36\x7a");
    request = &fixture.requests[2];
    request->remote->transport->decline(request->remote, request->incoming);
    fixture_pass_ms(&fixture, 100000);
    wire_expect_nothing(&fixture.wire);
    assert_int_equal(fixture_peer(&fixture, server_path(9))->pending_incoming, 0);
    fixture_stop(&fixture);
}

/* RFC 7252 section 4.4: an ID may come again after EXCHANGE_LIFETIME, and is a new message then. */
static void an_id_is_remembered_for_its_lifetime(void **state) {
    (void)state;
    struct datagram_fixture fixture;
    fixture_start(&fixture, NULL);
    fixture.serve = fixture_serve_hi;
    FIXTURE_RECEIVE(&fixture, server_path(9), REQUEST);
    fixture_pass_ms(&fixture, 100000);
    FIXTURE_RECEIVE(&fixture, server_path(8), REQUEST);
    fixture_pass_ms(&fixture, 146999);
    FIXTURE_RECEIVE(&fixture, server_path(9), REQUEST);
    assert_int_equal(fixture.request_count, 2);
    fixture_pass_ms(&fixture, 1);
    assert_int_equal(fixture.layer.reply_pool.in_use, 1); /* the younger one stays */
    FIXTURE_RECEIVE(&fixture, server_path(9), REQUEST);
    FIXTURE_RECEIVE(&fixture, server_path(8), REQUEST);
    assert_int_equal(fixture.request_count, 3);
    fixture_pass_ms(&fixture, 247000);
    assert_int_equal(fixture.layer.reply_pool.in_use, 0);
    assert_int_equal(coax_timer_heap_next(&fixture.timers), COAX_NEVER); /* nothing ticks for nothing */
    fixture_stop(&fixture);
}

static void request_number(struct datagram_fixture *fixture, struct path path, unsigned id) {
    const uint8_t bytes[] = {0x41, 0x01, (uint8_t)(id >> 8), (uint8_t)id, 0x7a};
    fixture_receive_bytes(fixture, path, true, bytes, sizeof bytes);
}

static void a_peer_is_remembered_so_many_ids(void **state) {
    (void)state;
    struct datagram_settings settings = fixture_settings();
    settings.max_replies_per_peer = 4;
    struct datagram_fixture fixture;
    fixture_start(&fixture, &settings);
    fixture.serve = fixture_serve_hi;
    request_number(&fixture, server_path(8), 1);
    for (unsigned id = 1; id <= 6; id++) {
        request_number(&fixture, server_path(9), id);
    }
    assert_int_equal(fixture.request_count, 7);
    assert_int_equal(fixture_peer(&fixture, server_path(9))->reply_count, 4);
    for (unsigned id = 3; id <= 6; id++) { /* the youngest four */
        request_number(&fixture, server_path(9), id);
    }
    request_number(&fixture, server_path(8), 1); /* others are not touched */
    assert_int_equal(fixture.request_count, 7);
    request_number(&fixture, server_path(9), 2);
    assert_int_equal(fixture.request_count, 8);
    fixture_stop(&fixture);
}

/* What is not answered yet cannot make room: a peer that fills its table so is not heard until something is. */
static void unanswered_requests_make_no_room(void **state) {
    (void)state;
    struct datagram_settings settings = fixture_settings();
    settings.max_replies_per_peer = 3;
    struct datagram_fixture fixture;
    fixture_start(&fixture, &settings);
    for (unsigned id = 1; id <= 5; id++) {
        request_number(&fixture, server_path(9), id);
    }
    assert_int_equal(fixture.request_count, 3);
    assert_int_equal(fixture_respond(&fixture.requests[1], COAX_CONTENT, "hi"), COAX_OK);
    request_number(&fixture, server_path(9), 5);
    assert_int_equal(fixture.request_count, 4);
    request_number(&fixture, server_path(9), 6);
    assert_int_equal(fixture.request_count, 4);
    fixture_stop(&fixture);
}

static void the_table_of_all_is_bounded_too(void **state) {
    (void)state;
    struct datagram_settings settings = fixture_settings();
    settings.max_replies = 8;
    struct datagram_fixture fixture;
    fixture_start(&fixture, &settings);
    fixture.serve = fixture_serve_hi;
    for (uint8_t host = 1; host <= 12; host++) {
        request_number(&fixture, server_path(host), 7);
        assert_true(fixture.layer.reply_pool.in_use <= 8);
    }
    assert_int_equal(fixture.request_count, 12);
    for (uint8_t host = 5; host <= 12; host++) { /* the youngest eight */
        request_number(&fixture, server_path(host), 7);
    }
    assert_int_equal(fixture.request_count, 12);
    request_number(&fixture, server_path(4), 7);
    assert_int_equal(fixture.request_count, 13);
    fixture_stop(&fixture);
}

/* RFC 7252 section 8.2: within the leisure, each at a time of its own, as a NON from the one ID space of the peer. */
static void answers_to_multicast_wait_for_their_leisure(void **state) {
    (void)state;
    struct datagram_fixture fixture;
    fixture_start(&fixture, NULL);
    fixture.serve = fixture_serve_hi;
    coax_instant start = fixture.now;
    for (uint8_t host = 1; host <= 40; host++) {
        FIXTURE_RECEIVE(&fixture, multicast_path(host), "\x51\x01\x12\x34\x7a");
        FIXTURE_RECEIVE(&fixture, multicast_path(host), "\x51\x01\x12\x34\x7a"); /* a duplicate */
    }
    wire_expect_nothing(&fixture.wire);
    fixture_pass_ms(&fixture, 5000);
    assert_int_equal(fixture.wire.sent, 40);
    assert_true(fixture.wire.datagrams[0].when - start < 500 * COAX_MILLISECOND);
    assert_true(fixture.wire.datagrams[20].when - start > 1500 * COAX_MILLISECOND);
    assert_true(fixture.wire.datagrams[20].when - start < 3500 * COAX_MILLISECOND);
    assert_true(fixture.wire.datagrams[39].when - start > 4500 * COAX_MILLISECOND);
    struct coax_message response = wire_expect_message(&fixture.wire);
    assert_int_equal(response.type, COAX_NON);
    assert_int_equal(response.payload.size, 2);
    FIXTURE_RECEIVE(&fixture, multicast_path(1), "\x51\x01\x12\x34\x7a"); /* still a duplicate */
    fixture_pass_ms(&fixture, 5000);
    assert_int_equal(fixture.wire.sent, 40);
    assert_int_equal(fixture.layer.packets.pools[0].in_use, 0);
    fixture_stop(&fixture);
}

static void the_leisure_is_a_setting(void **state) {
    (void)state;
    struct datagram_settings settings = fixture_settings();
    settings.default_leisure_ms = 0;
    struct datagram_fixture fixture;
    fixture_start(&fixture, &settings);
    fixture.serve = fixture_serve_hi;
    FIXTURE_RECEIVE(&fixture, multicast_path(9), "\x51\x01\x12\x34\x7a");
    fixture_pass_ms(&fixture, 0);
    assert_int_equal(wire_expect_message(&fixture.wire).code, COAX_CONTENT);
    fixture_stop(&fixture);
}

/* An answer that does not fit may be replaced by another one, piggybacked or separate. */
static void an_answer_too_large_leaves_the_request_open(void **state) {
    (void)state;
    char large[2102];
    memset(large, 120, sizeof large - 1);
    large[sizeof large - 1] = 0;
    for (int separate = 0; separate < 2; separate++) {
        struct datagram_fixture fixture;
        fixture_start(&fixture, NULL);
        FIXTURE_RECEIVE(&fixture, server_path(9), REQUEST);
        fixture_pass_ms(&fixture, separate != 0 ? 200 : 0);
        fixture.wire.seen = fixture.wire.sent;
        assert_int_equal(fixture_respond(&fixture.requests[0], COAX_CONTENT, large), COAX_E_TOO_LARGE);
        wire_expect_nothing(&fixture.wire);
        assert_int_equal(fixture_respond(&fixture.requests[0], COAX_INTERNAL_SERVER_ERROR, ""), COAX_OK);
        struct coax_message response = wire_expect_message(&fixture.wire);
        assert_int_equal(response.code, COAX_INTERNAL_SERVER_ERROR);
        assert_int_equal(response.type, separate != 0 ? COAX_CON : COAX_ACK);
        assert_int_equal(fixture_peer(&fixture, server_path(9))->pending_incoming, 0);
        fixture_stop(&fixture);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_duplicate_gets_the_kept_answer),
        cmocka_unit_test(the_answer_is_piggybacked_until_the_delay_is_over),
        cmocka_unit_test(a_late_answer_is_separate),
        cmocka_unit_test(any_acknowledgement_ends_a_separate_response),
        cmocka_unit_test(without_delay_the_acknowledgement_comes_with_the_next_run),
        cmocka_unit_test(a_separate_response_gives_up),
        cmocka_unit_test(non_confirmable_requests_get_such_answers),
        cmocka_unit_test(declined_requests_are_acknowledged_at_most),
        cmocka_unit_test(an_id_is_remembered_for_its_lifetime),
        cmocka_unit_test(a_peer_is_remembered_so_many_ids),
        cmocka_unit_test(unanswered_requests_make_no_room),
        cmocka_unit_test(the_table_of_all_is_bounded_too),
        cmocka_unit_test(answers_to_multicast_wait_for_their_leisure),
        cmocka_unit_test(the_leisure_is_a_setting),
        cmocka_unit_test(an_answer_too_large_leaves_the_request_open),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
