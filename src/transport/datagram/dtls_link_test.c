/* Peers with DTLS sessions, real ones, between layers: how they begin, what waits for them, what ends and replaces
 * them. */
#include "dtls_link_fixture.h"
#include "security/dtls_record.h"

static void messages_wait_for_the_handshake(void **state) {
    (void)state;
    struct world world;
    struct watched_delivery con, non;
    start(&world, NULL, right_key);
    struct datagram_fixture *client = &world.clients[0];
    struct coax_remote *remote = connect_client(&world, 0);
    assert_ptr_equal(connect_client(&world, 0), remote);
    assert_int_equal(fixture_send_get(client, remote, true, 1, &con, NULL), COAX_OK);
    assert_int_equal(fixture_send_get(client, remote, false, 2, &non, NULL), COAX_OK);
    assert_int_equal(remote->transport->stage(&con.delivery), DELIVERY_CONNECTING);
    assert_int_equal(client->wire.sent, 1); /* the ClientHello alone */
    assert_int_equal(client->wire.datagrams[0].data[0], 22);
    assert_null(coax_remote_claim(remote)); /* nothing is proved yet */
    pass_ms(&world, 100);
    assert_int_equal(world.server.request_count, 2);
    assert_int_equal(client->response_count, 2);
    assert_null(con.delivery.carrier);
    assert_non_null(non.delivery.carrier); /* it may be rejected yet */
    struct peer *peer = server_peer(&world, 0);
    assert_string_equal(coax_remote_claim(&peer->remote), ":device");
    assert_int_equal(coax_remote_scheme(&peer->remote), COAX_SCHEME_COAPS);
    assert_int_equal(world.server.layer.handshake_count, 0);
    assert_int_equal(world.server.layer.session_count, 1);
    /* nothing of it was readable on the way */
    for (unsigned i = 0; i < client->wire.sent; i++) {
        assert_in_range(client->wire.datagrams[i].data[0], DTLS_CONTENT_CHANGE_CIPHER_SPEC, DTLS_CONTENT_CID);
    }
    stop(&world);
}

static void another_identity_needs_another_path(void **state) {
    (void)state;
    struct world world;
    struct path path = path_of_server();
    struct coax_remote *remote;
    start(&world, NULL, right_key);
    coax_credentials *others = new_credentials("coaps://*", "another key 0123");
    struct credential *other = NULL;
    coax_credentials_each(others, take_any, &other);
    (void)connect_client(&world, 0);
    struct datagram_layer *layer = &world.clients[0].layer;
    assert_int_equal(coax_datagram_secure_remote(layer, &path, other, NULL, &remote, NULL), COAX_E_EXISTS);
    assert_int_equal(coax_datagram_secure_remote(layer, &path, world.credential, "host", &remote, NULL), COAX_E_EXISTS);
    path.channel = 7;
    assert_int_equal(coax_datagram_secure_remote(layer, &path, other, "host", &remote, NULL), COAX_OK);
    assert_string_equal(remote->host, "host");
    assert_int_equal(layer->session_count, 2);
    stop(&world);
    coax_credentials_free(others);
}

static void a_silent_server_ends_at_the_deadline(void **state) {
    (void)state;
    struct world world;
    struct watched_delivery watched;
    start(&world, NULL, right_key);
    world.is_cut[0] = true;
    struct datagram_fixture *client = &world.clients[0];
    struct coax_remote *remote = connect_client(&world, 0);
    assert_int_equal(fixture_send_get(client, remote, true, 1, &watched, NULL), COAX_OK);
    pass_ms(&world, 29000);
    assert_int_equal(client->lost_count, 0);
    assert_true(client->wire.sent >= 4); /* the hello, repeated at doubling intervals */
    pass_ms(&world, 2000);
    assert_int_equal(client->lost_count, 1);
    assert_int_equal(client->lost_error.status, COAX_E_HANDSHAKE_TIMEOUT);
    assert_null(watched.delivery.carrier);
    assert_int_equal(client->layer.secure_peer_pool.in_use, 0);
    assert_int_equal(coax_timer_heap_next(&client->timers), COAX_NEVER);
    stop(&world);
}

static void a_wrong_key_ends_both_sides(void **state) {
    (void)state;
    struct world world;
    start(&world, NULL, "not the right one");
    (void)connect_client(&world, 0);
    pass_ms(&world, 40000);
    assert_int_equal(world.clients[0].lost_count, 1);
    assert_true(world.clients[0].lost_error.status < COAX_E_FATAL);
    assert_int_equal(world.server.layer.peer_count, 0);
    assert_int_equal(world.server.layer.handshake_count, 0);
    assert_int_equal(world.server.request_count, 0);
    stop(&world);
}

static void the_end_of_a_side_is_told_to_the_other(void **state) {
    (void)state;
    struct world world;
    struct watched_delivery watched;
    start(&world, NULL, right_key);
    expect_answer(&world, 0);
    world.server.serve = NULL;
    struct datagram_fixture *client = &world.clients[0];
    struct coax_remote *remote = coax_remote_ref(connect_client(&world, 0));
    assert_int_equal(fixture_send_get(client, remote, true, 1, &watched, NULL), COAX_OK);
    carry(&world);
    struct peer *peer = server_peer(&world, 0);
    const coax_error shut_down = {COAX_E_SHUT_DOWN, -1, "for the test"};
    coax_peer_end(peer, &shut_down);
    carry(&world);
    assert_int_equal(client->lost_count, 1);
    assert_int_equal(client->lost_error.status, COAX_E_CLOSE_NOTIFY);
    assert_true(remote->is_gone);
    coax_remote_unref(remote);
    assert_int_equal(client->layer.secure_peer_pool.in_use, 0);
    world.server.serve = fixture_serve_hi;
    expect_answer(&world, 1); /* others are not touched */
    expect_answer(&world, 0); /* and a new session is a new remote */
    stop(&world);
}

/* Forgets the client's state, as if its program had been killed, and starts it anew. */
static void restart(struct world *world, unsigned number) {
    world->clients[number].wire.seen = world->clients[number].wire.sent;
    unsigned sent = world->clients[number].wire.sent;
    coax_datagram_layer_free(&world->clients[number].layer); /* its close_notify is lost */
    assert_true(world->clients[number].wire.sent > sent);
    coax_timer_heap_free(&world->clients[number].timers);
    wire_free(&world->clients[number].wire);
    start_client(world, number, NULL);
}

/* RFC 6347 section 4.2.8: the old session goes when the new one has proved itself, not before. */
static void a_restarted_client_replaces_its_session(void **state) {
    (void)state;
    struct world world;
    start(&world, NULL, right_key);
    expect_answer(&world, 0);
    struct peer *old = server_peer(&world, 0);
    coax_remote_ref(&old->remote);
    restart(&world, 0);
    expect_answer(&world, 0);
    assert_true(old->remote.is_gone);
    assert_int_equal(world.server.lost_count, 1);
    assert_int_equal(world.server.lost_error.status, COAX_E_DROPPED);
    assert_ptr_not_equal(server_peer(&world, 0), old);
    assert_null(server_peer(&world, 0)->link->predecessor);
    coax_remote_unref(&old->remote);
    assert_int_equal(world.server.layer.peer_count, 1);
    assert_int_equal(world.server.layer.session_count, 1);
    assert_int_equal(world.server.layer.secure_peer_pool.in_use, 1);
    stop(&world);
}

/* Carries the client's two hellos and the server's cookie over, and no more: the server has begun a handshake. For the
   server they come from the address of client `seen_as`. */
static struct wire_datagram begin_handshake(struct world *world, unsigned number, unsigned seen_as) {
    struct datagram_fixture *client = &world->clients[number];
    (void)connect_client(world, number);
    world->server.wire.seen = world->server.wire.sent;
    struct wire_datagram hello = *wire_next(&client->wire);
    to_server(world, seen_as, &hello);
    struct wire_datagram verify = *wire_next(&world->server.wire);
    struct path path = path_of_server();
    coax_datagram_receive(&client->layer, &path, true, false, verify.data, verify.size);
    hello = *wire_next(&client->wire);
    to_server(world, seen_as, &hello);
    return hello;
}

static void a_handshake_that_dies_leaves_the_old_session(void **state) {
    (void)state;
    struct datagram_settings settings = fixture_settings();
    settings.max_sessions = 2;
    struct world world;
    struct watched_delivery watched;
    start(&world, &settings, right_key);
    expect_answer(&world, 0);
    struct peer *old = server_peer(&world, 0);
    /* another program at the client's address begins, and vanishes */
    struct wire_datagram hello = begin_handshake(&world, 1, 0);
    assert_non_null(old->link->successor);
    assert_int_equal(world.server.layer.handshake_count, 1);
    to_server(&world, 0, &hello); /* a copy is the same handshake */
    assert_int_equal(world.server.layer.peer_count, 2);
    assert_int_equal(world.server.lost_count, 0);
    (void)begin_handshake(&world, 2, 2); /* neither of the two makes room */
    assert_null(server_peer(&world, 2));
    world.is_cut[2] = true;
    world.is_cut[1] = true;
    /* the old session serves meanwhile, and after it has been given up */
    for (int i = 0; i < 2; i++) {
        struct coax_remote *remote = connect_client(&world, 0);
        unsigned before = world.clients[0].response_count;
        assert_int_equal(fixture_send_get(&world.clients[0], remote, true, 1, &watched, NULL), COAX_OK);
        carry(&world);
        assert_int_equal(world.clients[0].response_count, before + 1);
        assert_ptr_equal(server_peer(&world, 0), old);
        pass_ms(&world, 31000);
        assert_null(old->link->successor);
    }
    assert_int_equal(world.server.layer.peer_count, 1);
    assert_int_equal(world.server.layer.handshake_count, 0);
    stop(&world);
}

/* The old session is the only one that can make room for its own successor. */
static void a_session_may_make_room_for_its_successor(void **state) {
    (void)state;
    struct datagram_settings settings = fixture_settings();
    settings.max_sessions = 1;
    struct world world;
    start(&world, &settings, right_key);
    expect_answer(&world, 0);
    restart(&world, 0);
    expect_answer(&world, 0);
    assert_int_equal(world.server.layer.session_count, 1);
    assert_int_equal(world.server.layer.secure_peer_pool.in_use, 1);
    assert_null(server_peer(&world, 0)->link->predecessor);
    expect_answer(&world, 0);
    stop(&world);
}

static void late_copies_of_the_hello_are_ignored(void **state) {
    (void)state;
    struct world world;
    start(&world, NULL, right_key);
    struct wire_datagram hello = begin_handshake(&world, 0, 0);
    expect_answer(&world, 0);
    struct peer *peer = server_peer(&world, 0);
    unsigned sent = world.server.wire.sent;
    to_server(&world, 0, &hello);
    assert_int_equal(world.server.wire.sent, sent);
    assert_ptr_equal(server_peer(&world, 0), peer);
    assert_null(peer->link->successor);
    stop(&world);
}

static void the_oldest_handshake_makes_room(void **state) {
    (void)state;
    struct datagram_settings settings = fixture_settings();
    settings.max_handshakes = 2;
    struct world world;
    start(&world, &settings, right_key);
    for (unsigned i = 0; i < 4; i++) {
        (void)begin_handshake(&world, i, i);
        assert_true(world.server.layer.handshake_count <= 2);
        world.server.wire.seen = world.server.wire.sent;
    }
    assert_null(server_peer(&world, 0));
    assert_null(server_peer(&world, 1));
    assert_non_null(server_peer(&world, 2));
    assert_non_null(server_peer(&world, 3));
    expect_answer(&world, 5); /* who completes is served */
    pass_ms(&world, 31000);
    assert_int_equal(world.server.layer.handshake_count, 0);
    stop(&world);
}

/* The longest idle session makes room, with a close_notify; busy ones never do. */
static void sessions_are_bounded(void **state) {
    (void)state;
    struct datagram_settings settings = fixture_settings();
    settings.max_sessions = 2;
    struct world world;
    start(&world, &settings, right_key);
    expect_answer(&world, 0);
    expect_answer(&world, 1);
    expect_answer(&world, 0);
    expect_answer(&world, 2);
    assert_non_null(server_peer(&world, 0));
    assert_null(server_peer(&world, 1));
    assert_int_equal(world.clients[1].lost_count, 1);
    assert_int_equal(world.clients[1].lost_error.status, COAX_E_CLOSE_NOTIFY);
    coax_remote_ref(&server_peer(&world, 0)->remote);
    struct coax_remote *second = coax_remote_ref(&server_peer(&world, 2)->remote);
    (void)connect_client(&world, 3); /* no room at all */
    pass_ms(&world, 1000);
    assert_null(server_peer(&world, 3));
    assert_int_equal(world.server.layer.session_count, 2);
    coax_remote_unref(second);
    pass_ms(&world, 5000); /* its hello is repeated */
    assert_non_null(server_peer(&world, 3));
    assert_null(server_peer(&world, 2));
    assert_non_null(server_peer(&world, 0));
    coax_remote_unref(&server_peer(&world, 0)->remote);
    stop(&world);
}

static void idle_sessions_are_closed_in_order(void **state) {
    (void)state;
    struct datagram_settings settings = fixture_settings();
    settings.session_idle_ms = 60000;
    struct world world;
    start(&world, &settings, right_key);
    expect_answer(&world, 0);
    expect_answer(&world, 1);
    coax_remote_ref(&server_peer(&world, 1)->remote); /* somebody on each side holds on to this one */
    coax_remote_ref(&fixture_peer(&world.clients[1], path_of_server())->remote);
    pass_ms(&world, 50000);
    expect_answer(&world, 0); /* not idle */
    pass_ms(&world, 50000);
    assert_non_null(server_peer(&world, 0));
    pass_ms(&world, 15000);
    assert_null(server_peer(&world, 0));
    assert_int_equal(world.clients[0].layer.peer_count, 0);
    assert_int_equal(world.clients[0].lost_count, 1);
    pass_ms(&world, 1000000);
    assert_non_null(server_peer(&world, 1));
    coax_remote_unref(&server_peer(&world, 1)->remote);
    coax_remote_unref(&fixture_peer(&world.clients[1], path_of_server())->remote);
    pass_ms(&world, 120000);
    assert_null(server_peer(&world, 1));
    expect_answer(&world, 0);
    stop(&world);
}

static void never_idle_when_the_setting_says_so(void **state) {
    (void)state;
    struct datagram_settings settings = fixture_settings();
    settings.session_idle_ms = 0;
    settings.exchange_lifetime_ms = 1000;
    struct world world;
    start(&world, &settings, right_key);
    expect_answer(&world, 0);
    pass_ms(&world, 86400000);
    assert_int_equal(next_deadline(&world), COAX_NEVER);
    expect_answer(&world, 0);
    assert_int_equal(world.server.lost_count, 0);
    stop(&world);
}

/* A session whose other end is not there any more is over. */
static void an_unreachable_session_is_gone(void **state) {
    (void)state;
    static const coax_error refused = {COAX_E_REFUSED, -1, "nobody listens there"};
    struct world world;
    struct watched_delivery watched;
    for (int established = 0; established < 2; established++) {
        start(&world, NULL, right_key);
        struct datagram_fixture *client = &world.clients[0];
        if (established != 0) {
            expect_answer(&world, 0);
        }
        struct path path = path_of_server();
        struct coax_remote *remote = coax_remote_ref(connect_client(&world, 0));
        assert_int_equal(fixture_send_get(client, remote, true, 1, &watched, NULL), COAX_OK);
        coax_datagram_unreachable(&client->layer, &path, &refused);
        coax_datagram_unreachable(&client->layer, &path, &refused);
        assert_int_equal(client->lost_count, 1);
        assert_int_equal(client->lost_error.status, COAX_E_REFUSED);
        assert_true(remote->is_gone);
        coax_remote_unref(remote);
        assert_int_equal(client->layer.secure_peer_pool.in_use, 0);
        stop(&world);
    }
}

/* But nobody authenticates what the network says: a server's session is not ended by it, what waits for it fails. */
static void an_unreachable_client_keeps_its_session(void **state) {
    (void)state;
    static const coax_error refused = {COAX_E_REFUSED, -1, "nobody listens there"};
    struct world world;
    struct watched_delivery watched;
    start(&world, NULL, right_key);
    expect_answer(&world, 0);
    struct peer *peer = server_peer(&world, 0);
    struct path path = path_of_client(0);
    assert_int_equal(fixture_send_get(&world.server, &peer->remote, true, 1, &watched, NULL), COAX_OK);
    coax_datagram_unreachable(&world.server.layer, &path, &refused);
    assert_int_equal(world.server.lost_count, 1);
    assert_null(watched.delivery.carrier);
    assert_ptr_equal(server_peer(&world, 0), peer);
    expect_answer(&world, 0);
    stop(&world);
}

static uint8_t noise_byte(struct datagram_fixture *fixture) {
    uint8_t byte;
    wire_random(&fixture->wire, &byte, 1);
    return byte;
}

/* What does not authenticate changes nothing: messages in the clear, broken records, noise. */
static void foreign_datagrams_are_ignored(void **state) {
    (void)state;
    struct world world;
    start(&world, NULL, right_key);
    expect_answer(&world, 0);
    struct peer *peer = server_peer(&world, 0);
    struct path path = path_of_client(0);
    unsigned sent = world.server.wire.sent, requests = world.server.request_count;
    coax_datagram_receive(&world.server.layer, &path, true, true, (const uint8_t *)"\x40\x01\x12\x34", 4);
    coax_datagram_receive(&world.server.layer, &path, true, true, (const uint8_t *)"\x40\x00\x12\x34", 4);
    struct wire_datagram record = world.clients[0].wire.datagrams[world.clients[0].wire.sent - 1];
    for (size_t i = 0; i < record.size; i++) {
        struct wire_datagram broken = record;
        broken.data[i] ^= 0x10;
        to_server(&world, 0, &broken);
    }
    to_server(&world, 0, &record); /* replayed */
    for (unsigned i = 0; i < 5000; i++) {
        uint8_t bytes[64];
        wire_random(&world.server.wire, bytes, sizeof bytes);
        bytes[0] = (uint8_t)(20 + bytes[0] % 5);
        bytes[1] = 0xfe;
        bytes[2] = 0xfd;
        bytes[3] = 0;
        bytes[4] = i % 2;
        bytes[11] = 0;
        bytes[12] = 51;
        bytes[13] |= 2; /* no ClientHello: that is answered, with a cookie */
        struct path from = path_of_client(noise_byte(&world.server) % CLIENTS);
        coax_datagram_receive(&world.server.layer, &from, true, true, bytes, sizeof bytes);
    }
    assert_int_equal(world.server.request_count, requests);
    assert_int_equal(world.server.wire.sent, sent);
    assert_int_equal(world.server.layer.peer_count, 1);
    assert_ptr_equal(server_peer(&world, 0), peer);
    expect_answer(&world, 0);
    stop(&world);
}

static void freeing_says_goodbye(void **state) {
    (void)state;
    struct world world;
    start(&world, NULL, right_key);
    expect_answer(&world, 0);
    expect_answer(&world, 1);
    (void)begin_handshake(&world, 2, 2); /* and one that is not finished */
    unsigned sent = world.clients[0].wire.sent;
    stop(&world);
    assert_int_equal(world.clients[0].wire.sent, sent + 1);
    assert_int_equal(world.clients[0].lost_error.status, COAX_E_SHUT_DOWN);
    assert_int_equal(world.server.lost_count, 3);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(messages_wait_for_the_handshake),
        cmocka_unit_test(another_identity_needs_another_path),
        cmocka_unit_test(a_silent_server_ends_at_the_deadline),
        cmocka_unit_test(a_wrong_key_ends_both_sides),
        cmocka_unit_test(the_end_of_a_side_is_told_to_the_other),
        cmocka_unit_test(a_restarted_client_replaces_its_session),
        cmocka_unit_test(a_handshake_that_dies_leaves_the_old_session),
        cmocka_unit_test(a_session_may_make_room_for_its_successor),
        cmocka_unit_test(late_copies_of_the_hello_are_ignored),
        cmocka_unit_test(the_oldest_handshake_makes_room),
        cmocka_unit_test(sessions_are_bounded),
        cmocka_unit_test(idle_sessions_are_closed_in_order),
        cmocka_unit_test(never_idle_when_the_setting_says_so),
        cmocka_unit_test(an_unreachable_session_is_gone),
        cmocka_unit_test(an_unreachable_client_keeps_its_session),
        cmocka_unit_test(foreign_datagrams_are_ignored),
        cmocka_unit_test(freeing_says_goodbye),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
