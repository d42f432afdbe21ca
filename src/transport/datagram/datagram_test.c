/* The layer: who becomes a peer, what the network reports, many peers, beginning and end. */
#include "datagram_fixture.h"

/* Only what can start something makes a peer. */
static void strangers_become_peers_by_requests(void **state) {
    (void)state;
    static const struct {
        const char *bytes;
        bool listening, makes_peer;
    } cases[] = {
        {"\x40\x01\x12\x34", true, true},   {"\x50\x01\x12\x34", true, true},
        {"\x60\x01\x12\x34", true, false},  {"\x70\x01\x12\x34", true, false},
        {"\x40\x45\x12\x34", true, false},  {"\x50\x45\x12\x34", true, false},
        {"\x60\x45\x12\x34", true, false},  {"\x70\x45\x12\x34", true, false},
        {"\x40\x01\x12\x34", false, true}, /* a server that asks its client */
        {"\x50\x45\x12\x34", false, true}, /* an answer to a multicast request */
        {"\x40\x45\x12\x34", false, true},  {"\x60\x45\x12\x34", false, false},
        {"\x70\x45\x12\x34", false, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct datagram_fixture fixture;
        fixture_start(&fixture, NULL);
        fixture_receive_bytes(&fixture, server_path(9), cases[i].listening, cases[i].bytes, 4);
        assert_int_equal(fixture.layer.peer_count, cases[i].makes_peer);
        fixture_stop(&fixture);
    }
    struct datagram_fixture fixture;
    fixture_start(&fixture, NULL);
    for (unsigned type = 0; type < 4; type++) { /* Empty messages never do */
        const uint8_t empty[] = {(uint8_t)(0x40 | type << 4), 0, 0x12, 0x34};
        fixture_receive_bytes(&fixture, server_path(9), true, empty, sizeof empty);
        fixture_receive_bytes(&fixture, client_path(9), false, empty, sizeof empty);
    }
    assert_int_equal(fixture.layer.peer_count, 0);
    fixture_stop(&fixture);
}

static void a_path_is_one_peer(void **state) {
    (void)state;
    struct datagram_fixture fixture;
    fixture_start(&fixture, NULL);
    struct coax_remote *remote = fixture_remote(&fixture, server_path(9));
    assert_ptr_equal(fixture_remote(&fixture, server_path(9)), remote);
    struct path others[] = {server_path(9), server_path(9), server_path(9), server_path(9), server_path(8)};
    others[0].remote.port++;
    others[1].remote.zone++;
    others[2].local.port++;
    others[3].channel++;
    for (size_t i = 0; i < 5; i++) {
        assert_ptr_not_equal(fixture_remote(&fixture, others[i]), remote);
    }
    assert_int_equal(fixture.layer.peer_count, 6);
    fixture_stop(&fixture);
}

static const coax_error refused = {COAX_E_REFUSED, -1, "nobody listens there"};

/* An ICMP error fails all that waits, once; the remote itself can be asked again. */
static void unreachable_forgets_all_messages(void **state) {
    (void)state;
    struct datagram_fixture fixture;
    struct watched_delivery watched[3], again;
    fixture_start(&fixture, NULL);
    struct coax_remote *remote = fixture_remote(&fixture, client_path(9));
    for (uint8_t i = 0; i < 3; i++) {
        assert_int_equal(fixture_send_get(&fixture, remote, i != 2, i, &watched[i], NULL), COAX_OK);
    }
    struct path path = client_path(8);
    coax_datagram_unreachable(&fixture.layer, &path, &refused); /* a stranger */
    assert_int_equal(fixture.lost_count, 0);
    path = client_path(9);
    coax_datagram_unreachable(&fixture.layer, &path, &refused);
    assert_int_equal(fixture.lost_count, 1);
    assert_int_equal(fixture.lost_error.status, COAX_E_REFUSED);
    assert_false(remote->is_gone);
    for (int i = 0; i < 3; i++) {
        assert_null(watched[i].delivery.carrier);
    }
    const struct peer *peer = fixture_peer(&fixture, client_path(9));
    assert_int_equal(peer->unconfirmed + peer->queued + peer->id_count, 0);
    assert_true(list_contains_node(&peer->idle));
    fixture_pass_ms(&fixture, 100000);
    assert_int_equal(fixture.wire.sent, 2);
    assert_int_equal(fixture_send_get(&fixture, remote, true, 1, &again, NULL), COAX_OK);
    fixture_pass_ms(&fixture, 100000);
    assert_int_equal(fixture.wire.sent, 7);
    fixture_stop(&fixture);
}

static struct watched_delivery second_try;

static void try_again(struct datagram_fixture *fixture, struct coax_remote *remote) {
    assert_int_equal(fixture_send_get(fixture, remote, true, 1, &second_try, NULL), COAX_OK);
}

static void what_is_sent_inside_lost_stays(void **state) {
    (void)state;
    struct datagram_fixture fixture;
    struct watched_delivery watched;
    fixture_start(&fixture, NULL);
    fixture.when_lost = try_again;
    struct coax_remote *remote = fixture_remote(&fixture, client_path(9));
    assert_int_equal(fixture_send_get(&fixture, remote, true, 1, &watched, NULL), COAX_OK);
    struct path path = client_path(9);
    coax_datagram_unreachable(&fixture.layer, &path, &refused);
    fixture.when_lost = NULL;
    assert_non_null(second_try.delivery.carrier);
    fixture_pass_ms(&fixture, 100000);
    assert_int_equal(second_try.failed, 1);
    assert_int_equal(watched.failed, 0);
    assert_int_equal(fixture.wire.sent, 1 + 5);
    fixture_stop(&fixture);
}

/* Requests of the peer stay open: the answer may get through. */
static void unreachable_leaves_incoming_requests(void **state) {
    (void)state;
    struct datagram_fixture fixture;
    fixture_start(&fixture, NULL);
    FIXTURE_RECEIVE(&fixture, server_path(9), "\x41\x01\x12\x34\x7a");
    struct path path = server_path(9);
    coax_datagram_unreachable(&fixture.layer, &path, &refused);
    assert_int_equal(fixture_respond(&fixture.requests[0], COAX_CONTENT, "hi"), COAX_OK);
    WIRE_EXPECT(&fixture.wire, "\x61\x45\x12\x34\x7a\xffhi");
    fixture_stop(&fixture);
}

/* The end tells everybody, whatever is under way: nothing leaks (the sanitizer looks), nothing is sent in the clear. */
static void freeing_ends_all_peers(void **state) {
    (void)state;
    struct datagram_fixture fixture;
    struct watched_delivery watched[2];
    fixture_start(&fixture, NULL);
    for (uint8_t i = 1; i <= 20; i++) {
        (void)fixture_remote(&fixture, client_path(i));
        FIXTURE_RECEIVE(&fixture, server_path(i), "\x41\x01\x12\x34\x7a");
        FIXTURE_RECEIVE(&fixture, multicast_path(i), "\x51\x01\x12\x34\x7a");
    }
    assert_int_equal(fixture_respond(&fixture.requests[0], COAX_CONTENT, "hi"), COAX_OK);
    assert_int_equal(fixture_respond(&fixture.requests[1], COAX_CONTENT, "hi"), COAX_OK);
    for (int i = 0; i < 2; i++) {
        struct coax_remote *remote = fixture_remote(&fixture, client_path(1));
        assert_int_equal(fixture_send_get(&fixture, remote, true, 1, &watched[i], NULL), COAX_OK);
    }
    unsigned sent = fixture.wire.sent;
    fixture_stop(&fixture);
    assert_int_equal(fixture.lost_count, 60);
    assert_int_equal(fixture.lost_error.status, COAX_E_SHUT_DOWN);
    assert_int_equal(fixture.wire.sent, sent);
    assert_null(watched[0].delivery.carrier);
    assert_null(watched[1].delivery.carrier);
}

static void without_dtls_secure_channels_are_deaf(void **state) {
    (void)state;
    struct datagram_fixture fixture;
    fixture_start(&fixture, NULL);
    struct path path = server_path(9);
    coax_datagram_receive(&fixture.layer, &path, true, true, (const uint8_t *)"\x40\x01\x12\x34", 4);
    assert_int_equal(fixture.layer.peer_count, 0);
    wire_expect_nothing(&fixture.wire);
    fixture_stop(&fixture);
}

/* Bytes at random, of known peers and strangers: nothing but what the bounds allow comes of it. */
static void noise_is_survived(void **state) {
    (void)state;
    struct datagram_settings settings = fixture_settings();
    settings.max_peers = 8;
    settings.max_replies = 32;
    struct datagram_fixture fixture;
    fixture_start(&fixture, &settings);
    fixture.serve = fixture_serve_hi;
    for (unsigned i = 0; i < 50000; i++) {
        uint8_t bytes[24], size;
        wire_random(&fixture.wire, bytes, sizeof bytes);
        wire_random(&fixture.wire, &size, 1);
        bytes[0] = (uint8_t)(0x40 | (bytes[0] & 0x3f));
        bytes[1] &= 0x5f; /* often a request or a response */
        struct path path = i % 3 == 0 ? multicast_path(bytes[23] % 16) : server_path(bytes[23] % 16);
        fixture_receive_bytes(&fixture, path, i % 5 != 0, bytes, size % 23);
        if (i % 16 == 0) {
            fixture_pass_ms(&fixture, bytes[22]);
        }
        assert_true(fixture.layer.peer_count <= 8 && fixture.layer.reply_pool.in_use <= 32);
    }
    assert_true(fixture.request_count > 100);
    fixture_stop(&fixture);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(strangers_become_peers_by_requests),    cmocka_unit_test(a_path_is_one_peer),
        cmocka_unit_test(unreachable_forgets_all_messages),      cmocka_unit_test(what_is_sent_inside_lost_stays),
        cmocka_unit_test(unreachable_leaves_incoming_requests),  cmocka_unit_test(freeing_ends_all_peers),
        cmocka_unit_test(without_dtls_secure_channels_are_deaf), cmocka_unit_test(noise_is_survived),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
