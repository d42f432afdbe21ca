/* Clients that come from another address (RFC 9146 section 6): who is believed, and how much goes where nobody has
   answered yet. */
#include "dtls_link_fixture.h"
#include "security/dtls_record.h"

static struct peer *peer_at(struct world *world, uint8_t host) {
    return fixture_peer(&world->server, server_path(host));
}

static void without_ids(struct datagram_settings *settings) {
    *settings = fixture_settings();
    settings->connection_ids = false;
}

static void a_client_that_moves_keeps_its_session(void **state) {
    (void)state;
    struct world world;
    start(&world, NULL, right_key);
    expect_answer(&world, 0);
    struct peer *peer = peer_at(&world, 2);
    assert_true(peer->link->has_cid);
    for (uint8_t host = 50; host < 60; host++) {
        world.hosts[0] = host;
        expect_answer(&world, 0);
        assert_ptr_equal(peer_at(&world, host), peer);
        assert_int_equal(peer->remote.address.ip[15], host);
        assert_null(peer_at(&world, host == 50 ? 2 : (uint8_t)(host - 1)));
        assert_false(peer->link->is_unproven); /* the ping was answered */
    }
    assert_int_equal(world.server.layer.session_count, 1);
    assert_int_equal(world.server.lost_count, 0);
    stop(&world);
}

static void without_an_id_it_is_a_stranger(void **state) {
    (void)state;
    struct world world;
    struct datagram_settings settings;
    without_ids(&settings);
    start(&world, &settings, right_key);
    expect_answer(&world, 0);
    assert_false(peer_at(&world, 2)->link->has_cid);
    assert_int_equal(world.server.layer.cids.count, 0);
    world.hosts[0] = 50;
    struct watched_delivery watched;
    assert_int_equal(fixture_send_get(&world.clients[0], connect_client(&world, 0), true, 1, &watched, NULL), COAX_OK);
    pass_ms(&world, 1000);
    assert_int_equal(watched.acknowledged, 0);
    assert_null(peer_at(&world, 50));
    stop(&world);
}

/* The datagram that the client sent last, as the server would get it from that host. */
static void forge(struct world *world, const struct wire_datagram *datagram, uint8_t host) {
    struct path path = server_path(host);
    struct wire_datagram copy = *datagram;
    coax_datagram_receive(&world->server.layer, &path, true, true, copy.data, copy.size);
}

static const struct wire_datagram *last_of(const struct datagram_fixture *client) {
    return &client->wire.datagrams[(client->wire.sent - 1) % WIRE_DATAGRAMS];
}

static void copies_and_forgeries_move_nobody(void **state) {
    (void)state;
    struct world world;
    start(&world, NULL, right_key);
    expect_answer(&world, 0);
    struct wire_datagram old = *last_of(&world.clients[0]);
    expect_answer(&world, 0);
    struct wire_datagram newest = *last_of(&world.clients[0]), changed = newest;
    changed.data[changed.size - 1] ^= 1;
    struct wire_datagram later = newest; /* a sequence number to come, but not sealed with it */
    later.data[10] = 200;
    const struct wire_datagram *const tries[] = {&old, &newest, &changed, &later};
    for (size_t i = 0; i < sizeof tries / sizeof *tries; i++) {
        unsigned sent = world.server.wire.sent;
        forge(&world, tries[i], 66);
        assert_int_equal(world.server.wire.sent, sent);
        assert_null(peer_at(&world, 66));
    }
    expect_answer(&world, 0);
    stop(&world);
}

/* Somebody on the path sends the newest record on, from an address of his choice, before it arrives. */
static void an_address_that_does_not_answer_gets_little(void **state) {
    (void)state;
    struct world world;
    start(&world, NULL, right_key);
    expect_answer(&world, 0);
    struct peer *peer = peer_at(&world, 2);
    struct watched_delivery watched, said[20];
    world.is_cut[0] = true;
    unsigned first = world.server.wire.sent;
    assert_int_equal(fixture_send_get(&world.clients[0], connect_client(&world, 0), true, 1, &watched, NULL), COAX_OK);
    struct wire_datagram stolen = *last_of(&world.clients[0]);
    forge(&world, &stolen, 66);
    assert_ptr_equal(peer_at(&world, 66), peer);
    assert_true(peer->link->is_unproven);
    for (int i = 0; i < 20; i++) { /* what the server has to say, and its pings */
        (void)fixture_send_get(&world.server, &peer->remote, false, (uint8_t)(100 + i), &said[i], NULL);
        set_time(&world, world.server.now + COAX_SECOND);
        coax_timer_heap_run(&world.server.timers, world.server.now);
    }
    size_t bytes = 0;
    for (unsigned i = first; i < world.server.wire.sent; i++) {
        bytes += world.server.wire.datagrams[i % WIRE_DATAGRAMS].size;
    }
    assert_in_range(bytes, 1, 3 * stolen.size);
    /* The client, where it was all the time, has a newer one. */
    world.server.wire.seen = world.server.wire.sent;
    world.is_cut[0] = false;
    pass_ms(&world, 40000);
    assert_int_equal(watched.acknowledged, 1);
    assert_ptr_equal(peer_at(&world, 2), peer);
    assert_null(peer_at(&world, 66));
    assert_false(peer->link->is_unproven);
    stop(&world);
}

/* Two clients behind one NAT, which gives the second the first one's place; then the first speaks from another. */
static void a_place_that_is_taken_changes_hands(void **state) {
    (void)state;
    struct world world;
    start(&world, NULL, right_key);
    expect_answer(&world, 0);
    expect_answer(&world, 1);
    struct peer *first = peer_at(&world, 2), *second = peer_at(&world, 3);
    world.hosts[0] = 99; /* nobody knows yet */
    world.hosts[1] = 2;
    expect_answer(&world, 1);
    assert_ptr_equal(peer_at(&world, 2), second);
    assert_null(peer_at(&world, 3));
    expect_answer(&world, 0);
    assert_ptr_equal(peer_at(&world, 99), first);
    expect_answer(&world, 1);
    assert_int_equal(world.server.layer.session_count, 2);
    assert_int_equal(world.server.lost_count, 0);
    stop(&world);
}

/* One whose place was taken is freed with the layer, and makes room like others. */
static void who_has_no_place_is_not_forgotten(void **state) {
    (void)state;
    struct world world;
    struct datagram_settings settings = fixture_settings();
    settings.max_sessions = 2;
    start(&world, &settings, right_key);
    expect_answer(&world, 0);
    expect_answer(&world, 1);
    world.hosts[0] = 99;
    world.hosts[1] = 2;
    expect_answer(&world, 1);
    expect_answer(&world, 2); /* in the place of the first, who was idle longest */
    assert_int_equal(world.server.layer.session_count, 2);
    assert_int_equal(world.server.lost_count, 1);
    assert_int_equal(world.server.layer.cids.count, 2);
    world.hosts[1] = 98;
    world.hosts[2] = 2;
    expect_answer(&world, 2);
    stop(&world);
}

/* Its Connection ID finds a session whose handshake stands beside the old one of that address. */
static void a_restarted_client_finds_its_new_session(void **state) {
    (void)state;
    struct world world;
    start(&world, NULL, right_key);
    expect_answer(&world, 0);
    fixture_stop(&world.clients[0]);
    world.server.wire.seen = world.server.wire.sent;
    start_client(&world, 0, NULL);
    world.clients[0].wire.random_state = 1234;
    expect_answer(&world, 0);
    assert_int_equal(world.server.layer.session_count, 1);
    assert_int_equal(world.server.layer.cids.count, 1);
    stop(&world);
}

/* The client's last flight, as somebody else sent it first. */
static void a_handshake_ends_where_it_began(void **state) {
    (void)state;
    struct world world;
    start(&world, NULL, right_key);
    (void)connect_client(&world, 0);
    for (int flight = 0; flight < 3; flight++) {
        const struct wire_datagram *sent;
        while ((sent = wire_next(&world.clients[0].wire)) != NULL) {
            struct wire_datagram copy = *sent;
            if (flight == 2) {
                const struct peer *handshaking = peer_at(&world, 2);
                assert_false(handshaking->is_ready);
                copy.data[0] = DTLS_CONTENT_CID;
                memcpy(copy.data + 11, handshaking->link->cid, sizeof handshaking->link->cid);
                forge(&world, &copy, 66);
                assert_null(handshaking->link->arrival);
                copy = *sent;
            }
            to_server(&world, 0, &copy);
        }
        while ((sent = wire_next(&world.server.wire)) != NULL) {
            struct wire_datagram copy = *sent;
            struct path path = path_of_server();
            coax_datagram_receive(&world.clients[0].layer, &path, true, false, copy.data, copy.size);
        }
    }
    expect_answer(&world, 0);
    assert_non_null(peer_at(&world, 2));
    assert_null(peer_at(&world, 66));
    stop(&world);
}

/* Without a number of its own a session gets none. */
static void an_id_is_given_once(void **state) {
    (void)state;
    struct world world;
    start(&world, NULL, right_key);
    world.server.wire.random_byte = 7;
    for (unsigned i = 0; i < 2; i++) {
        expect_answer(&world, i);
        assert_int_equal(peer_at(&world, (uint8_t)(i + 2))->link->has_cid, i == 0);
    }
    stop(&world);
}

static void datagrams_of_nobody_are_dropped(void **state) {
    (void)state;
    struct world world;
    start(&world, NULL, right_key);
    expect_answer(&world, 0);
    struct wire_datagram datagram = *last_of(&world.clients[0]);
    assert_int_equal(datagram.data[0], DTLS_CONTENT_CID);
    unsigned sent = world.server.wire.sent;
    for (size_t size = 0; size < datagram.size; size++) {
        datagram.size = size;
        forge(&world, &datagram, 66);
    }
    datagram = *last_of(&world.clients[0]);
    datagram.data[11] ^= 1;
    forge(&world, &datagram, 2);
    assert_int_equal(world.server.wire.sent, sent);
    stop(&world);
}

/* --- shards --- */

static struct {
    unsigned count;
    uint32_t shard;
    struct path path;
    struct wire_datagram datagram;
} handed_over;

static void note_hand_over(void *user, uint32_t shard, const struct path *path, const uint8_t *data, size_t size) {
    (void)user;
    handed_over.count++;
    handed_over.shard = shard;
    handed_over.path = *path;
    handed_over.datagram.size = size;
    memcpy(handed_over.datagram.data, data, size);
}

static void make_shard(struct world *world, uint32_t shard, uint32_t count) {
    world->server.layer.shard = shard;
    world->server.layer.shard_count = count;
    world->server.layer.hand_over = note_hand_over;
    handed_over.count = 0;
}

static void an_id_names_its_shard(void **state) {
    (void)state;
    static const uint32_t counts[] = {1, 2, 3, 5, 63, 64};
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        struct world world;
        start(&world, NULL, right_key);
        for (uint32_t client = 0; client < CLIENTS; client++) {
            make_shard(&world, (client * 17) % counts[i], counts[i]);
            expect_answer(&world, client);
            assert_int_equal(server_peer(&world, client)->link->cid[0] % counts[i], world.server.layer.shard);
        }
        stop(&world);
    }
}

static void records_of_another_shard_are_handed_over(void **state) {
    (void)state;
    struct world world;
    start(&world, NULL, right_key);
    make_shard(&world, 2, 4);
    expect_answer(&world, 0);
    assert_int_equal(handed_over.count, 0);
    /* The same layer as if it were another shard, to which the system gives the client since it has moved. */
    struct wire_datagram newest = *last_of(&world.clients[0]);
    unsigned sent = world.server.wire.sent;
    make_shard(&world, 1, 4);
    forge(&world, &newest, 50);
    assert_int_equal(handed_over.count, 1);
    assert_int_equal(handed_over.shard, 2);
    assert_int_equal(handed_over.path.remote.ip[15], 50);
    assert_int_equal(handed_over.datagram.size, newest.size);
    assert_memory_equal(handed_over.datagram.data, newest.data, newest.size);
    assert_int_equal(world.server.wire.sent, sent);
    /* Too short to name one: nobody's. */
    newest.size = DTLS_CID_OFFSET;
    forge(&world, &newest, 50);
    assert_int_equal(handed_over.count, 1);
    make_shard(&world, 2, 4);
    expect_answer(&world, 0);
    stop(&world);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_client_that_moves_keeps_its_session),
        cmocka_unit_test(without_an_id_it_is_a_stranger),
        cmocka_unit_test(copies_and_forgeries_move_nobody),
        cmocka_unit_test(an_address_that_does_not_answer_gets_little),
        cmocka_unit_test(a_place_that_is_taken_changes_hands),
        cmocka_unit_test(who_has_no_place_is_not_forgotten),
        cmocka_unit_test(a_restarted_client_finds_its_new_session),
        cmocka_unit_test(a_handshake_ends_where_it_began),
        cmocka_unit_test(an_id_is_given_once),
        cmocka_unit_test(datagrams_of_nobody_are_dropped),
        cmocka_unit_test(an_id_names_its_shard),
        cmocka_unit_test(records_of_another_shard_are_handed_over),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
