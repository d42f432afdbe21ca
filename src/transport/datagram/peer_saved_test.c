/* Clients whose server is saved and restored. */
#include "transport/datagram/peer_saved.h"

#include "dtls_link_fixture.h"

static unsigned extras;

static void write_extra(struct coax_remote *remote, struct pack *pack) {
    assert_int_equal(remote->scheme, COAX_SCHEME_COAPS);
    extras++;
    coax_pack_uint(pack, 7, 1);
}

static bool find_channel(void *user, const struct address *local, uint32_t *channel) {
    *channel = path_of_client(0).channel;
    return *(const bool *)user && local->port == path_of_client(0).local.port;
}

static void save(struct world *world, struct pack *pack) {
    *pack = (struct pack){.data = NULL};
    extras = 0;
    unsigned sent = world->server.wire.sent;
    assert_int_equal(coax_datagram_save(&world->server.layer, pack, write_extra), COAX_OK);
    assert_int_equal(world->server.wire.sent, sent); /* nobody is told */
    assert_int_equal(world->server.layer.session_count, 0);
    assert_int_equal(world->server.layer.cids.count, 0);
}

/* Returns how many were taken up. */
static unsigned restore(struct world *world, const struct pack *pack, bool is_served) {
    struct bytes from = bytes_of(pack->data, pack->size);
    unsigned count = 0;
    while (from.size > 0) {
        struct coax_remote *remote = NULL;
        uint64_t extra;
        enum coax_status status = coax_datagram_restore(&world->server.layer, &from, find_channel, &is_served, &remote);
        assert_true(status == COAX_OK || status == COAX_E_NOT_FOUND || status == COAX_E_NO_CREDENTIALS);
        assert_true(coax_unpack_uint(&from, 1, &extra));
        assert_int_equal(extra, 7);
        count += remote != NULL;
    }
    return count;
}

static void clients_go_on_without_a_handshake(void **state) {
    (void)state;
    struct world world;
    struct pack pack;
    start(&world, NULL, right_key);
    for (unsigned i = 0; i < CLIENTS; i++) {
        expect_answer(&world, i);
    }
    struct coax_remote *asked = connect_client(&world, 0);
    save(&world, &pack);
    assert_int_equal(extras, CLIENTS);
    assert_int_equal(world.server.lost_count, CLIENTS);
    world.hosts[1] = 77; /* and one is elsewhere by now */
    assert_int_equal(restore(&world, &pack, true), CLIENTS);
    for (unsigned i = 0; i < CLIENTS; i++) {
        expect_answer(&world, i);
    }
    assert_ptr_equal(connect_client(&world, 0), asked);
    assert_int_equal(world.server.layer.session_count, CLIENTS);
    assert_string_equal(coax_remote_claim(&server_peer(&world, 0)->remote), ":device");
    coax_pack_drop(&pack);
    stop(&world);
}

static void what_has_no_place_is_left_out(void **state) {
    (void)state;
    struct world world;
    struct pack pack;
    start(&world, NULL, right_key);
    expect_answer(&world, 0);
    expect_answer(&world, 1);
    save(&world, &pack);
    assert_int_equal(restore(&world, &pack, false), 0);
    assert_int_equal(restore(&world, &pack, true), 2);
    assert_int_equal(restore(&world, &pack, true), 0); /* they are there already */
    assert_int_equal(world.server.layer.session_count, 2);
    assert_int_equal(world.server.layer.cids.count, 2);
    expect_answer(&world, 0);
    expect_answer(&world, 1);
    coax_pack_drop(&pack);
    stop(&world);
}

static void what_is_cut_is_refused(void **state) {
    (void)state;
    struct world world;
    struct pack pack;
    bool is_served = true;
    start(&world, NULL, right_key);
    expect_answer(&world, 0);
    save(&world, &pack);
    for (size_t size = 0; size < pack.size - 1; size++) {
        struct bytes from = bytes_of(pack.data, size);
        struct coax_remote *remote = NULL;
        enum coax_status status = coax_datagram_restore(&world.server.layer, &from, find_channel, &is_served, &remote);
        assert_true(status == COAX_E_FORMAT || status == COAX_E_NO_CREDENTIALS);
        assert_null(remote);
    }
    assert_int_equal(world.server.layer.session_count, 0);
    coax_pack_drop(&pack);
    stop(&world);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(clients_go_on_without_a_handshake),
        cmocka_unit_test(what_has_no_place_is_left_out),
        cmocka_unit_test(what_is_cut_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
