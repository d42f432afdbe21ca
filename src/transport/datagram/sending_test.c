/* Messages on their way out: retransmission, NSTART, the queue, acknowledgement and Reset (RFC 7252 section 4). */
#include "datagram_fixture.h"

enum { TOKEN_OFFSET = 4 };

static coax_instant sent_at(struct datagram_fixture *fixture, unsigned number) {
    return fixture->wire.datagrams[number].when;
}

/* Answers the message that was sent last with an empty ACK or RST. */
static void answer_last(struct datagram_fixture *fixture, struct path path, enum coax_type type) {
    const struct wire_datagram *last = &fixture->wire.datagrams[(fixture->wire.sent - 1) % WIRE_DATAGRAMS];
    const uint8_t bytes[] = {(uint8_t)(0x40 | type << 4), 0, last->data[2], last->data[3]};
    fixture_receive_bytes(fixture, path, false, bytes, sizeof bytes);
}

/* The five times of sending and the time of giving up, for the least and the greatest random factor. */
static void retransmits_at_doubling_intervals(void **state) {
    (void)state;
    static const struct {
        int random_byte;
        uint64_t first_ms;
    } cases[] = {{0x00, 2000}, {0xff, 3000}};
    for (size_t i = 0; i < 2; i++) {
        struct datagram_fixture fixture;
        struct watched_delivery watched;
        fixture_start(&fixture, NULL);
        fixture.wire.random_byte = cases[i].random_byte;
        coax_instant start = fixture.now;
        struct coax_remote *remote = fixture_remote(&fixture, client_path(9));
        assert_int_equal(fixture_send_get(&fixture, remote, true, 0x71, &watched, NULL), COAX_OK);
        fixture_pass_ms(&fixture, 31 * cases[i].first_ms - 1);
        assert_int_equal(fixture.wire.sent, 5);
        assert_int_equal(watched.failed, 0);
        for (unsigned n = 0; n < 5; n++) {
            assert_int_equal(sent_at(&fixture, n) - start, ((1U << n) - 1) * cases[i].first_ms * COAX_MILLISECOND);
            assert_int_equal(fixture.wire.datagrams[n].size, 5);
            assert_memory_equal(fixture.wire.datagrams[n].data, fixture.wire.datagrams[0].data, 5);
        }
        fixture_pass_ms(&fixture, 1000000);
        assert_int_equal(fixture.wire.sent, 5);
        assert_int_equal(watched.failed, 1);
        assert_int_equal(watched.acknowledged, 0);
        assert_int_equal(watched.error.status, COAX_E_TIMEOUT);
        assert_non_null(strstr(watched.error.text, "coap://10.0.0.9"));
        assert_non_null(strstr(watched.error.text, "5 times"));
        assert_int_equal(watched.when - start, 31 * cases[i].first_ms * COAX_MILLISECOND);
        assert_null(watched.delivery.carrier);
        fixture_stop(&fixture);
    }
}

static void the_first_timeout_is_spread_over_its_range(void **state) {
    (void)state;
    struct datagram_fixture fixture;
    fixture_start(&fixture, NULL);
    uint64_t least = UINT64_MAX, most = 0;
    for (unsigned i = 0; i < 200; i++) {
        struct watched_delivery watched;
        struct coax_remote *remote = fixture_remote(&fixture, numbered_path(client_path(1), i));
        assert_int_equal(fixture_send_get(&fixture, remote, true, 1, &watched, NULL), COAX_OK);
        uint64_t wait = coax_timer_heap_next(&fixture.timers) - fixture.now;
        assert_in_range(wait, 2 * COAX_SECOND, 3 * COAX_SECOND);
        least = wait < least ? wait : least;
        most = wait > most ? wait : most;
        remote->transport->cancel(&watched.delivery);
    }
    assert_true(least < 2100 * COAX_MILLISECOND && most > 2900 * COAX_MILLISECOND);
    fixture_stop(&fixture);
}

static void the_settings_rule_the_times(void **state) {
    (void)state;
    struct datagram_settings settings = fixture_settings();
    settings.ack_timeout_ms = 100;
    settings.ack_random_percent = 100;
    settings.max_retransmit = 1;
    struct datagram_fixture fixture;
    struct watched_delivery watched;
    fixture_start(&fixture, &settings);
    coax_instant start = fixture.now;
    assert_int_equal(fixture_send_get(&fixture, fixture_remote(&fixture, client_path(9)), true, 1, &watched, NULL),
                     COAX_OK);
    fixture_pass_ms(&fixture, 10000);
    assert_int_equal(fixture.wire.sent, 2);
    assert_int_equal(watched.when - start, 300 * COAX_MILLISECOND);
    fixture_stop(&fixture);

    settings.max_retransmit = 0;
    fixture_start(&fixture, &settings);
    assert_int_equal(fixture_send_get(&fixture, fixture_remote(&fixture, client_path(9)), true, 1, &watched, NULL),
                     COAX_OK);
    fixture_pass_ms(&fixture, 100);
    assert_int_equal(fixture.wire.sent, 1);
    assert_int_equal(watched.failed, 1);
    fixture_stop(&fixture);
}

/* The largest settings that an endpoint takes: intervals only grow. */
static void large_timeouts_do_not_wrap_around(void **state) {
    (void)state;
    struct datagram_settings settings = fixture_settings();
    settings.ack_timeout_ms = 86400000;
    settings.ack_random_percent = 1000;
    settings.max_retransmit = 20;
    struct datagram_fixture fixture;
    struct watched_delivery watched;
    fixture_start(&fixture, &settings);
    fixture.wire.random_byte = 0xff;
    assert_int_equal(fixture_send_get(&fixture, fixture_remote(&fixture, client_path(9)), true, 1, &watched, NULL),
                     COAX_OK);
    coax_instant interval = 0;
    while (watched.failed == 0) {
        coax_instant wait = coax_timer_heap_next(&fixture.timers) - fixture.now;
        assert_true(wait >= interval);
        interval = wait;
        fixture_pass_ms(&fixture, wait / COAX_MILLISECOND);
    }
    assert_int_equal(fixture.wire.sent, 21);
    fixture_stop(&fixture);
}

static uint64_t wait_ms(const struct datagram_fixture *fixture) {
    return (coax_timer_heap_next(&fixture->timers) - fixture->now) / COAX_MILLISECOND;
}

/* What a peer's round trips took decides when it is told again, and nobody else. */
static void round_trips_are_measured_for_each_peer(void **state) {
    (void)state;
    struct datagram_settings settings = fixture_settings();
    settings.congestion_control = COAX_CONGESTION_COCOA;
    settings.ack_random_percent = 100;
    struct datagram_fixture fixture;
    struct watched_delivery watched;
    fixture_start(&fixture, &settings);
    struct coax_remote *remote = fixture_remote(&fixture, client_path(9));
    for (unsigned i = 0; i < 20; i++) {
        assert_int_equal(fixture_send_get(&fixture, remote, true, 1, &watched, NULL), COAX_OK);
        fixture_pass_ms(&fixture, 40);
        answer_last(&fixture, client_path(9), i % 2 == 0 ? COAX_ACK : COAX_RST);
    }
    assert_int_equal(fixture_send_get(&fixture, remote, true, 1, &watched, NULL), COAX_OK);
    coax_instant start = fixture.now;
    unsigned before = fixture.wire.sent;
    assert_in_range(wait_ms(&fixture), 140, 145);
    fixture_pass_ms(&fixture, 145 + 3 * 145);
    assert_int_equal(fixture.wire.sent, before + 2);
    assert_in_range(sent_at(&fixture, before) - start, 140 * COAX_MILLISECOND, 145 * COAX_MILLISECOND);
    assert_in_range(sent_at(&fixture, before + 1) - start, 560 * COAX_MILLISECOND, 580 * COAX_MILLISECOND);
    remote->transport->cancel(&watched.delivery);

    struct coax_remote *stranger = fixture_remote(&fixture, client_path(10));
    assert_int_equal(fixture_send_get(&fixture, stranger, true, 1, &watched, NULL), COAX_OK);
    assert_int_equal(wait_ms(&fixture), 2000);
    fixture_stop(&fixture);
}

static void an_acknowledgement_ends_it(void **state) {
    (void)state;
    struct datagram_fixture fixture;
    struct watched_delivery watched;
    fixture_start(&fixture, NULL);
    struct coax_remote *remote = fixture_remote(&fixture, client_path(9));
    assert_int_equal(fixture_send_get(&fixture, remote, true, 1, &watched, NULL), COAX_OK);
    assert_int_equal(remote->transport->stage(&watched.delivery), DELIVERY_UNCONFIRMED);
    fixture_pass_ms(&fixture, 4000);
    answer_last(&fixture, client_path(9), COAX_ACK);
    answer_last(&fixture, client_path(9), COAX_ACK); /* once more */
    answer_last(&fixture, client_path(9), COAX_RST); /* too late */
    assert_int_equal(remote->transport->stage(&watched.delivery), DELIVERY_ACKNOWLEDGED);
    fixture_pass_ms(&fixture, 1000000);
    assert_int_equal(watched.acknowledged, 1);
    assert_int_equal(watched.failed, 0);
    assert_int_equal(fixture.wire.sent, 2);
    fixture_stop(&fixture);
}

static void a_reset_fails_it(void **state) {
    (void)state;
    for (int confirmable = 0; confirmable < 2; confirmable++) {
        struct datagram_fixture fixture;
        struct watched_delivery watched;
        fixture_start(&fixture, NULL);
        struct coax_remote *remote = fixture_remote(&fixture, client_path(9));
        assert_int_equal(fixture_send_get(&fixture, remote, confirmable != 0, 1, &watched, NULL), COAX_OK);
        answer_last(&fixture, client_path(9), COAX_RST);
        answer_last(&fixture, client_path(9), COAX_RST);
        assert_int_equal(watched.failed, 1);
        assert_int_equal(watched.error.status, COAX_E_RESET);
        fixture_pass_ms(&fixture, 1000000);
        assert_int_equal(fixture.wire.sent, 1);
        fixture_stop(&fixture);
    }
}

/* Matched by message ID and peer: nothing else ends a transmission. */
static void foreign_acknowledgements_are_ignored(void **state) {
    (void)state;
    struct datagram_fixture fixture;
    struct watched_delivery watched, non;
    fixture_start(&fixture, NULL);
    struct coax_remote *remote = fixture_remote(&fixture, client_path(9));
    assert_int_equal(fixture_send_get(&fixture, remote, false, 1, &non, NULL), COAX_OK);
    answer_last(&fixture, client_path(9), COAX_ACK); /* a NON is not acknowledged */
    assert_int_equal(non.acknowledged, 0);
    assert_int_equal(fixture_send_get(&fixture, remote, true, 1, &watched, NULL), COAX_OK);
    const struct wire_datagram *sent = &fixture.wire.datagrams[1];
    uint8_t other_id[] = {0x60, 0, sent->data[2], (uint8_t)(sent->data[3] + 1)};
    fixture_receive_bytes(&fixture, client_path(9), false, other_id, sizeof other_id);
    answer_last(&fixture, client_path(8), COAX_ACK); /* another peer */
    struct path other_port = client_path(9);
    other_port.remote.port++;
    answer_last(&fixture, other_port, COAX_RST);
    struct path other_channel = client_path(9);
    other_channel.channel++;
    answer_last(&fixture, other_channel, COAX_RST);
    uint8_t request_as_ack[] = {0x60, 1, sent->data[2], sent->data[3]};
    fixture_receive_bytes(&fixture, client_path(9), false, request_as_ack, sizeof request_as_ack);
    uint8_t response_as_reset[] = {0x70, 0x45, sent->data[2], sent->data[3]};
    fixture_receive_bytes(&fixture, client_path(9), false, response_as_reset, sizeof response_as_reset);
    assert_int_equal(watched.acknowledged + watched.failed, 0);
    assert_int_equal(fixture.wire.sent, 2);
    answer_last(&fixture, client_path(9), COAX_ACK);
    assert_int_equal(watched.acknowledged, 1);
    fixture_stop(&fixture);
}

static void cancelled_is_forgotten(void **state) {
    (void)state;
    struct datagram_fixture fixture;
    struct watched_delivery watched;
    fixture_start(&fixture, NULL);
    struct coax_remote *remote = fixture_remote(&fixture, client_path(9));
    assert_int_equal(fixture_send_get(&fixture, remote, true, 1, &watched, NULL), COAX_OK);
    remote->transport->cancel(&watched.delivery);
    remote->transport->cancel(&watched.delivery); /* legal */
    answer_last(&fixture, client_path(9), COAX_RST);
    fixture_pass_ms(&fixture, 1000000);
    assert_int_equal(watched.acknowledged + watched.failed, 0);
    assert_int_equal(fixture.wire.sent, 1);
    fixture_stop(&fixture);
}

static uint8_t next_token(struct wire *wire) {
    const struct wire_datagram *datagram = wire_next(wire);
    assert_non_null(datagram);
    return datagram->data[TOKEN_OFFSET];
}

static void nstart_bounds_what_is_unconfirmed(void **state) {
    (void)state;
    for (unsigned nstart = 1; nstart <= 3; nstart += 2) {
        enum { MESSAGES = 6 };
        struct datagram_settings settings = fixture_settings();
        settings.nstart = nstart;
        struct datagram_fixture fixture;
        struct watched_delivery watched[MESSAGES], other;
        fixture_start(&fixture, &settings);
        struct coax_remote *remote = fixture_remote(&fixture, client_path(9));
        for (unsigned i = 0; i < MESSAGES; i++) {
            assert_int_equal(fixture_send_get(&fixture, remote, true, (uint8_t)i, &watched[i], NULL), COAX_OK);
        }
        for (unsigned i = 0; i < nstart; i++) {
            assert_int_equal(next_token(&fixture.wire), i);
        }
        wire_expect_nothing(&fixture.wire);
        assert_int_equal(remote->transport->stage(&watched[MESSAGES - 1].delivery), DELIVERY_QUEUED);
        /* neither non-confirmable messages nor other peers wait for it */
        assert_int_equal(fixture_send_get(&fixture, remote, false, 0xee, &other, NULL), COAX_OK);
        assert_int_equal(next_token(&fixture.wire), 0xee);
        remote->transport->cancel(&other.delivery);
        assert_int_equal(fixture_send_get(&fixture, fixture_remote(&fixture, client_path(8)), true, 0xef, &other, NULL),
                         COAX_OK);
        assert_int_equal(next_token(&fixture.wire), 0xef);
        remote->transport->cancel(&other.delivery);
        for (unsigned i = 0; i < MESSAGES; i++) { /* in order, one for each that ends, however it ends */
            if (i == 1) {
                remote->transport->cancel(&watched[i].delivery);
            } else {
                const struct transmission *transmission = watched[i].delivery.carrier;
                const uint8_t answer[] = {i == 2 ? 0x70 : 0x60, 0, (uint8_t)(transmission->id >> 8),
                                          (uint8_t)transmission->id};
                fixture_receive_bytes(&fixture, client_path(9), false, answer, sizeof answer);
            }
            if (i + nstart < MESSAGES) {
                assert_int_equal(next_token(&fixture.wire), i + nstart);
            }
            wire_expect_nothing(&fixture.wire);
        }
        assert_int_equal(fixture_peer(&fixture, client_path(9))->unconfirmed, 0);
        fixture_stop(&fixture);
    }
}

static void a_timeout_lets_the_next_one_go(void **state) {
    (void)state;
    struct datagram_fixture fixture;
    struct watched_delivery first, second;
    fixture_start(&fixture, NULL);
    struct coax_remote *remote = fixture_remote(&fixture, client_path(9));
    assert_int_equal(fixture_send_get(&fixture, remote, true, 1, &first, NULL), COAX_OK);
    assert_int_equal(fixture_send_get(&fixture, remote, true, 2, &second, NULL), COAX_OK);
    fixture_pass_ms(&fixture, 93000);
    assert_int_equal(first.failed, 1);
    assert_true(fixture.wire.sent >= 6);
    assert_int_equal(fixture.wire.datagrams[5].data[TOKEN_OFFSET], 2);
    assert_int_equal(fixture.wire.datagrams[5].when, first.when);
    fixture_pass_ms(&fixture, 93000);
    assert_int_equal(second.failed, 1);
    assert_int_equal(fixture.wire.sent, 10);
    fixture_stop(&fixture);
}

/* What is sent from a callback takes its turn behind what waits. */
struct chain {
    struct watched_delivery first, from_callback;
    struct coax_remote *remote;
};
static struct chain *chain_under_way;

static void send_another(struct watched_delivery *watched) {
    struct chain *chain = chain_under_way;
    assert_int_equal(fixture_send_get(watched->fixture, chain->remote, true, 3, &chain->from_callback, NULL), COAX_OK);
}

static void the_queue_goes_before_what_a_callback_sends(void **state) {
    (void)state;
    static const enum coax_type endings[] = {COAX_ACK, COAX_RST, COAX_CON /* the timeout */};
    for (size_t i = 0; i < 3; i++) {
        struct datagram_fixture fixture;
        struct chain chain;
        struct watched_delivery second;
        fixture_start(&fixture, NULL);
        chain_under_way = &chain;
        chain.remote = fixture_remote(&fixture, client_path(9));
        assert_int_equal(fixture_send_get(&fixture, chain.remote, true, 1, &chain.first, NULL), COAX_OK);
        assert_int_equal(fixture_send_get(&fixture, chain.remote, true, 2, &second, NULL), COAX_OK);
        chain.first.then = send_another;
        if (endings[i] == COAX_CON) {
            while (chain.first.failed == 0) {
                fixture_pass_ms(&fixture, 100);
            }
        } else {
            answer_last(&fixture, client_path(9), endings[i]);
        }
        const struct wire_datagram *last = &fixture.wire.datagrams[fixture.wire.sent - 1];
        assert_int_equal(last->data[TOKEN_OFFSET], 2);
        answer_last(&fixture, client_path(9), COAX_ACK);
        assert_int_equal(fixture.wire.datagrams[fixture.wire.sent - 1].data[TOKEN_OFFSET], 3);
        fixture_stop(&fixture);
    }
}

static void the_queue_is_bounded(void **state) {
    (void)state;
    struct datagram_settings settings = fixture_settings();
    settings.max_queue_per_peer = 2;
    struct datagram_fixture fixture;
    struct watched_delivery watched[3], refused;
    coax_error error;
    fixture_start(&fixture, &settings);
    struct coax_remote *remote = fixture_remote(&fixture, client_path(9));
    struct peer *peer = fixture_peer(&fixture, client_path(9));
    for (uint8_t i = 0; i < 3; i++) {
        assert_int_equal(fixture_send_get(&fixture, remote, true, i, &watched[i], NULL), COAX_OK);
    }
    for (int i = 0; i < 5; i++) {
        assert_int_equal(fixture_send_get(&fixture, remote, true, 9, &refused, &error), COAX_E_LIMIT);
        assert_non_null(strstr(error.text, "max_queue_per_peer"));
        assert_null(refused.delivery.carrier);
        assert_int_equal(peer->unconfirmed, 1);
        assert_int_equal(peer->queued, 2);
    }
    assert_int_equal(fixture.wire.sent, 1);
    answer_last(&fixture, client_path(9), COAX_ACK);
    assert_int_equal(fixture.wire.sent, 2);
    assert_int_equal(fixture_send_get(&fixture, remote, true, 9, &refused, NULL), COAX_OK);
    assert_int_equal(fixture.wire.sent, 2); /* NSTART holds as before */
    fixture_stop(&fixture);
}

static void what_cannot_be_sent_is_refused(void **state) {
    (void)state;
    struct datagram_fixture fixture;
    struct watched_delivery watched;
    coax_error error;
    fixture_start(&fixture, NULL);
    static uint8_t payload[3000];
    struct coax_message message = {.code = COAX_PUT, .payload = bytes_of(payload, 2044)};
    struct coax_remote *remote = fixture_remote(&fixture, client_path(9));
    assert_int_equal(remote->transport->send(remote, &message, true, NULL, &error), COAX_E_TOO_LARGE);
    assert_non_null(strstr(error.text, "2048"));
    message.payload.size = 2043;
    assert_int_equal(remote->transport->send(remote, &message, false, NULL, &error), COAX_OK);
    assert_int_equal(wire_expect_message(&fixture.wire).payload.size, 2043);
    /* RFC 7252 section 8.1: nothing confirmable goes to a group */
    struct path group = client_path(9);
    group.remote = coax_address_ip4(224, 0, 1, 187, 5683);
    remote = fixture_remote(&fixture, group);
    assert_int_equal(fixture_send_get(&fixture, remote, true, 1, &watched, &error), COAX_E_INVALID);
    assert_int_equal(fixture_send_get(&fixture, remote, false, 1, &watched, &error), COAX_OK);
    assert_int_equal(fixture.wire.sent, 2);
    fixture_stop(&fixture);
}

/* IDs go up by one from a random start, and around; those under way are passed over. */
static void message_ids_go_around(void **state) {
    (void)state;
    struct datagram_fixture fixture;
    struct watched_delivery held;
    fixture_start(&fixture, NULL);
    struct coax_remote *remote = fixture_remote(&fixture, client_path(9));
    assert_int_equal(fixture_send_get(&fixture, remote, true, 1, &held, NULL), COAX_OK);
    struct coax_message first = wire_expect_message(&fixture.wire);
    const struct coax_message get = {.code = COAX_GET};
    uint16_t expected = first.id;
    for (unsigned i = 0; i < 70000; i++) {
        assert_int_equal(remote->transport->send(remote, &get, false, NULL, NULL), COAX_OK);
        expected = (uint16_t)(expected + 1);
        expected = (uint16_t)(expected + (expected == first.id));
        assert_int_equal(wire_expect_message(&fixture.wire).id, expected);
    }
    remote = fixture_remote(&fixture, client_path(8));
    assert_int_equal(remote->transport->send(remote, &get, false, NULL, NULL), COAX_OK);
    struct coax_message other = wire_expect_message(&fixture.wire);
    assert_int_not_equal(other.id, (uint16_t)(first.id + 1)); /* of a start of its own */
    fixture_stop(&fixture);
}

static void message_ids_do_not_run_out(void **state) {
    (void)state;
    enum { MANY = 66000 };
    struct datagram_settings settings = fixture_settings();
    settings.max_requests = MANY;
    struct datagram_fixture fixture;
    coax_error error;
    struct watched_delivery *watched = calloc(MANY, sizeof *watched);
    assert_non_null(watched);
    fixture_start(&fixture, &settings);
    struct coax_remote *remote = fixture_remote(&fixture, client_path(9));
    unsigned sent = 0;
    while (sent < MANY && fixture_send_get(&fixture, remote, false, 1, &watched[sent], &error) == COAX_OK) {
        sent++;
    }
    assert_int_equal(sent, PEER_IDS_MAXIMUM);
    assert_int_equal(error.status, COAX_E_LIMIT);
    remote->transport->cancel(&watched[0].delivery);
    assert_int_equal(fixture_send_get(&fixture, remote, true, 1, &watched[0], &error), COAX_OK);
    fixture_stop(&fixture);
    free(watched);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(retransmits_at_doubling_intervals),
        cmocka_unit_test(the_first_timeout_is_spread_over_its_range),
        cmocka_unit_test(the_settings_rule_the_times),
        cmocka_unit_test(large_timeouts_do_not_wrap_around),
        cmocka_unit_test(round_trips_are_measured_for_each_peer),
        cmocka_unit_test(an_acknowledgement_ends_it),
        cmocka_unit_test(a_reset_fails_it),
        cmocka_unit_test(foreign_acknowledgements_are_ignored),
        cmocka_unit_test(cancelled_is_forgotten),
        cmocka_unit_test(nstart_bounds_what_is_unconfirmed),
        cmocka_unit_test(a_timeout_lets_the_next_one_go),
        cmocka_unit_test(the_queue_goes_before_what_a_callback_sends),
        cmocka_unit_test(the_queue_is_bounded),
        cmocka_unit_test(what_cannot_be_sent_is_refused),
        cmocka_unit_test(message_ids_go_around),
        cmocka_unit_test(message_ids_do_not_run_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
