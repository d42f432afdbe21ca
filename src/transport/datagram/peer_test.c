/* Peers: the bound on them, who makes room, and how one ends. */
#include "datagram_fixture.h"

static struct datagram_settings few_peers(uint32_t max_peers) {
    struct datagram_settings settings = fixture_settings();
    settings.max_peers = max_peers;
    return settings;
}

static bool is_known(struct datagram_fixture *fixture, uint8_t host) {
    return fixture_peer(fixture, server_path(host)) != NULL;
}

static void the_longest_idle_makes_room(void **state) {
    (void)state;
    struct datagram_settings settings = few_peers(3);
    struct datagram_fixture fixture;
    fixture_start(&fixture, &settings);
    fixture.serve = fixture_serve_hi;
    for (uint8_t host = 1; host <= 3; host++) {
        FIXTURE_RECEIVE(&fixture, server_path(host), "\x40\x01\x00\x01");
    }
    FIXTURE_RECEIVE(&fixture, server_path(1), "\x40\x01\x00\x02"); /* 2 is the longest idle now */
    FIXTURE_RECEIVE(&fixture, server_path(4), "\x40\x01\x00\x01");
    assert_true(is_known(&fixture, 1) && !is_known(&fixture, 2) && is_known(&fixture, 3) && is_known(&fixture, 4));
    FIXTURE_RECEIVE(&fixture, server_path(3), "\x40\x01\x00\x01"); /* a duplicate is a sign of life too */
    FIXTURE_RECEIVE(&fixture, server_path(5), "\x40\x01\x00\x01");
    assert_true(!is_known(&fixture, 1) && is_known(&fixture, 3) && is_known(&fixture, 4) && is_known(&fixture, 5));
    assert_int_equal(fixture.layer.peer_count, 3);
    assert_int_equal(fixture.layer.peer_pool.in_use, 3);
    assert_int_equal(fixture.lost_count, 2);
    assert_int_equal(fixture.lost_error.status, COAX_E_DROPPED);
    assert_int_equal(fixture.layer.reply_pool.in_use, 3); /* what was remembered of them went along */
    fixture_stop(&fixture);
}

static void a_flood_of_peers_is_bounded(void **state) {
    (void)state;
    struct datagram_settings settings = few_peers(50);
    struct datagram_fixture fixture;
    fixture_start(&fixture, &settings);
    fixture.serve = fixture_serve_hi;
    for (unsigned i = 0; i < 20000; i++) {
        fixture_receive_bytes(&fixture, numbered_path(server_path(1), i), true, "\x40\x01\x00\x01", 4);
        assert_true(fixture.layer.peer_count <= 50);
    }
    assert_int_equal(fixture.request_count, 20000);
    assert_int_equal(fixture.layer.peers.count, 50);
    assert_int_equal(fixture.layer.peer_pool.in_use, 50);
    assert_int_equal(fixture.layer.replies.count, 50);
    fixture_stop(&fixture);
}

/* Each of the reasons not to be idle: nobody with one is dropped, whoever asks. */
static void the_busy_are_never_dropped(void **state) {
    (void)state;
    struct datagram_settings settings = few_peers(5);
    struct datagram_fixture fixture;
    struct watched_delivery unconfirmed, queued, non;
    coax_error error;
    fixture_start(&fixture, &settings);
    FIXTURE_RECEIVE(&fixture, server_path(1), "\x40\x01\x00\x01"); /* waits for an answer */
    struct coax_remote *second = fixture_remote(&fixture, server_path(2));
    assert_int_equal(fixture_send_get(&fixture, second, true, 1, &unconfirmed, NULL), COAX_OK);
    assert_int_equal(fixture_send_get(&fixture, second, true, 1, &queued, NULL), COAX_OK);
    struct coax_remote *third = fixture_remote(&fixture, server_path(3));
    assert_int_equal(fixture_send_get(&fixture, third, false, 1, &non, NULL), COAX_OK);     /* may be rejected yet */
    struct coax_remote *fourth = coax_remote_ref(fixture_remote(&fixture, server_path(4))); /* the program's */
    FIXTURE_RECEIVE(&fixture, multicast_path(5), "\x50\x01\x00\x01");
    assert_int_equal(fixture_respond(&fixture.requests[1], COAX_CONTENT, "hi"), COAX_OK); /* leisure */
    struct path path = server_path(6);
    struct coax_remote *remote;
    assert_int_equal(coax_datagram_remote(&fixture.layer, &path, &remote, &error), COAX_E_LIMIT);
    assert_non_null(strstr(error.text, "max_peers"));
    FIXTURE_RECEIVE(&fixture, server_path(6), "\x40\x01\x00\x01");
    assert_int_equal(fixture.request_count, 2);
    assert_int_equal(fixture.lost_count, 0);
    /* as soon as one has nothing to do any more, it makes room */
    coax_remote_unref(fourth);
    FIXTURE_RECEIVE(&fixture, server_path(6), "\x40\x01\x00\x01");
    assert_int_equal(fixture.request_count, 3);
    assert_false(is_known(&fixture, 4));
    second->transport->cancel(&unconfirmed.delivery);
    assert_int_equal(coax_datagram_remote(&fixture.layer, &path, &remote, &error), COAX_OK); /* it is known */
    path = server_path(7);
    assert_int_equal(coax_datagram_remote(&fixture.layer, &path, &remote, &error), COAX_E_LIMIT);
    second->transport->cancel(&queued.delivery);
    assert_int_equal(coax_datagram_remote(&fixture.layer, &path, &remote, &error), COAX_OK);
    assert_false(is_known(&fixture, 2));
    fixture_stop(&fixture);
}

static void idle_ones_become_busy_again(void **state) {
    (void)state;
    struct datagram_settings settings = few_peers(2);
    struct datagram_fixture fixture;
    fixture_start(&fixture, &settings);
    struct coax_remote *first = fixture_remote(&fixture, server_path(1));
    coax_remote_ref(first); /* while it stands in the list of the idle */
    (void)fixture_remote(&fixture, server_path(2));
    (void)fixture_remote(&fixture, server_path(3));
    assert_true(is_known(&fixture, 1) && !is_known(&fixture, 2) && is_known(&fixture, 3));
    coax_remote_unref(first);
    (void)fixture_remote(&fixture, server_path(4)); /* 3 is longer idle than 1 */
    assert_true(is_known(&fixture, 1) && !is_known(&fixture, 3) && is_known(&fixture, 4));
    fixture_stop(&fixture);
}

static void end(struct datagram_fixture *fixture, struct coax_remote *remote, enum coax_status status) {
    coax_error error = {status, -1, "for the test"};
    (void)fixture;
    coax_peer_end(COAX_CONTAINER(remote, struct peer, remote), &error);
}

/* A reference keeps the memory, not the peer: everything that is tried with it says so. */
static void a_referenced_remote_lives_on_gone(void **state) {
    (void)state;
    struct datagram_fixture fixture;
    struct watched_delivery watched, late;
    coax_error error;
    fixture_start(&fixture, NULL);
    FIXTURE_RECEIVE(&fixture, server_path(9), "\x41\x01\x12\x34\x7a");
    struct told_request request = fixture.requests[0];
    struct coax_remote *remote = coax_remote_ref(request.remote);
    assert_int_equal(fixture_send_get(&fixture, remote, true, 1, &watched, NULL), COAX_OK);
    end(&fixture, remote, COAX_E_REFUSED);
    assert_int_equal(fixture.lost_count, 1);
    assert_ptr_equal(fixture.lost, remote);
    assert_int_equal(fixture.lost_error.status, COAX_E_REFUSED);
    assert_true(remote->is_gone);
    assert_null(watched.delivery.carrier);
    assert_int_equal(watched.failed, 0); /* `lost` told it */
    assert_false(is_known(&fixture, 9));
    assert_int_equal(fixture.layer.peer_count, 0);
    assert_int_equal(fixture.layer.reply_pool.in_use, 0);
    char uri[64];
    assert_int_equal(coax_remote_uri(remote, uri, sizeof uri), COAX_OK);
    assert_string_equal(uri, "coap://10.0.0.9:40000");
    assert_int_equal(fixture_send_get(&fixture, remote, true, 1, &late, &error), COAX_E_DROPPED);
    assert_int_equal(fixture_send_get(&fixture, remote, false, 1, &late, &error), COAX_E_DROPPED);
    assert_int_equal(fixture_respond(&request, COAX_CONTENT, "hi"), COAX_E_DROPPED);
    remote->transport->decline(remote, request.incoming);
    end(&fixture, remote, COAX_E_REFUSED); /* only once */
    assert_int_equal(fixture.lost_count, 1);
    fixture_pass_ms(&fixture, 1000000);
    assert_int_equal(fixture.wire.sent, 1);
    /* the address is another peer from now on */
    assert_ptr_not_equal(fixture_remote(&fixture, server_path(9)), remote);
    assert_int_equal(fixture.layer.peer_pool.in_use, 2);
    coax_remote_unref(remote);
    assert_int_equal(fixture.layer.peer_pool.in_use, 1);
    fixture_stop(&fixture);
}

static struct coax_remote *begun_anew;

static void ask_anew(struct datagram_fixture *fixture, struct coax_remote *remote) {
    static struct watched_delivery watched;
    begun_anew = fixture_remote(fixture, server_path(9));
    assert_ptr_not_equal(begun_anew, remote);
    assert_int_equal(fixture_send_get(fixture, remote, true, 1, &watched, NULL), COAX_E_DROPPED);
    assert_int_equal(fixture_send_get(fixture, begun_anew, true, 1, &watched, NULL), COAX_OK);
}

static void inside_lost_the_address_can_be_asked_again(void **state) {
    (void)state;
    struct datagram_fixture fixture;
    fixture_start(&fixture, NULL);
    fixture.when_lost = ask_anew;
    end(&fixture, fixture_remote(&fixture, server_path(9)), COAX_E_TLS_ALERT);
    fixture.when_lost = NULL;
    assert_ptr_equal(fixture_remote(&fixture, server_path(9)), begun_anew);
    assert_int_equal(fixture.layer.peer_pool.in_use, 1);
    fixture_pass_ms(&fixture, 10000);
    assert_int_equal(fixture.wire.sent, 3); /* it is repeated as any other */
    fixture_stop(&fixture);
}

static void end_on_failure(struct watched_delivery *watched) {
    end(watched->fixture, fixture_remote(watched->fixture, client_path(9)), COAX_E_SHUT_DOWN);
}

/* The peer goes from under the message that is being worked on. */
static void a_peer_can_end_inside_its_own_callbacks(void **state) {
    (void)state;
    for (int by_timeout = 0; by_timeout < 2; by_timeout++) {
        struct datagram_fixture fixture;
        struct watched_delivery first, second;
        fixture_start(&fixture, NULL);
        struct coax_remote *remote = fixture_remote(&fixture, client_path(9));
        assert_int_equal(fixture_send_get(&fixture, remote, true, 1, &first, NULL), COAX_OK);
        assert_int_equal(fixture_send_get(&fixture, remote, true, 2, &second, NULL), COAX_OK);
        first.then = end_on_failure;
        const uint8_t *sent = fixture.wire.datagrams[0].data;
        const uint8_t reset[] = {0x70, 0, sent[2], sent[3]};
        if (by_timeout != 0) {
            fixture_pass_ms(&fixture, 100000);
        } else {
            fixture_receive_bytes(&fixture, client_path(9), false, reset, sizeof reset);
        }
        assert_int_equal(first.failed, 1);
        assert_int_equal(fixture.lost_count, 1);
        assert_int_equal(fixture.layer.peer_pool.in_use, 0);
        assert_int_equal(fixture.layer.transmission_pool.in_use, 0);
        fixture_stop(&fixture);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_longest_idle_makes_room),
        cmocka_unit_test(a_flood_of_peers_is_bounded),
        cmocka_unit_test(the_busy_are_never_dropped),
        cmocka_unit_test(idle_ones_become_busy_again),
        cmocka_unit_test(a_referenced_remote_lives_on_gone),
        cmocka_unit_test(inside_lost_the_address_can_be_asked_again),
        cmocka_unit_test(a_peer_can_end_inside_its_own_callbacks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
