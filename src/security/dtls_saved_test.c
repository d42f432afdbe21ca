/* Sessions that are saved and restored go on where they were. */
#include "security/dtls_test_pair.h"

static void start(struct pair *pair, uint8_t cid_size) {
    pair_start(pair);
    pair_set_psk(pair, PAIR_CLIENT, "me", "secretPSK");
    pair_set_psk(pair, PAIR_SERVER, "me", "secretPSK");
    pair->cid_size = cid_size;
    assert_int_equal(pair_connect(pair, "server", NULL), COAX_OK);
    assert_true(pair_run(pair, 5000));
    assert_true(pair_is_up(pair));
}

static void save(struct pair *pair, struct pack *pack) {
    *pack = (struct pack){.data = NULL};
    assert_true(coax_dtls_session_save(pair->sides[PAIR_SERVER].session, pack));
    pair_drop(&pair->sides[PAIR_SERVER]);
}

static enum coax_status restore(struct pair *pair, struct bytes *from) {
    struct pair_side *server = &pair->sides[PAIR_SERVER];
    return coax_dtls_session_restore(&server->session, server->context, from, &pair_events, server);
}

static void speak(struct pair *pair) {
    for (int i = 0; i < 2; i++) {
        unsigned before = pair->sides[1 - i].messages;
        assert_int_equal(coax_dtls_session_send(pair->sides[i].session, (const uint8_t *)"hello", 5), COAX_OK);
        assert_true(pair_run(pair, 100));
        assert_int_equal(pair->sides[1 - i].messages, before + 1);
    }
}

static void a_restored_session_goes_on(void **state) {
    (void)state;
    for (uint8_t cid_size = 0; cid_size <= 8; cid_size += 8) {
        struct pair pair;
        struct pack pack;
        start(&pair, cid_size);
        speak(&pair);
        for (int i = 0; i < 3; i++) {
            uint64_t next = pair.sides[PAIR_SERVER].session->protection.write_next;
            save(&pair, &pack);
            struct bytes from = bytes_of(pack.data, pack.size);
            assert_int_equal(restore(&pair, &from), COAX_OK);
            assert_int_equal(from.size, 0);
            const struct dtls_session *server = pair.sides[PAIR_SERVER].session;
            assert_int_equal(server->protection.write_next, next);
            assert_true(coax_dtls_session_is_established(server));
            assert_int_equal(coax_dtls_session_cid(server).size, cid_size);
            assert_string_equal(coax_dtls_session_credential(server)->key, "coaps://server/*");
            coax_pack_drop(&pack);
            speak(&pair);
        }
        pair_end(&pair);
    }
}

/* Before the client has said anything, its Finished may come again. */
static void the_last_flight_is_saved_too(void **state) {
    (void)state;
    struct pair pair;
    struct pack pack;
    start(&pair, 8);
    save(&pair, &pack);
    struct bytes from = bytes_of(pack.data, pack.size);
    assert_int_equal(restore(&pair, &from), COAX_OK);
    assert_int_equal(pair.sides[PAIR_SERVER].session->finished_size, DTLS_FINISHED_MAXIMUM);
    coax_pack_drop(&pack);
    pair_end(&pair);
}

static void only_what_stands_is_saved(void **state) {
    (void)state;
    struct pair pair;
    struct pack pack = {.data = NULL};
    start(&pair, 8);
    assert_false(coax_dtls_session_save(pair.sides[PAIR_CLIENT].session, &pack));
    coax_dtls_session_close(pair.sides[PAIR_SERVER].session);
    assert_false(coax_dtls_session_save(pair.sides[PAIR_SERVER].session, &pack));
    assert_int_equal(pack.size, 0);
    pair_end(&pair);
}

static void a_client_that_is_not_let_in_any_more_is_left_out(void **state) {
    (void)state;
    for (int how = 0; how < 2; how++) {
        struct pair pair;
        struct pack pack;
        start(&pair, 8);
        save(&pair, &pack);
        coax_credentials *credentials = pair.sides[PAIR_SERVER].credentials;
        if (how == 0) {
            assert_int_equal(coax_credentials_remove(credentials, "coaps://server/*", NULL), COAX_OK);
        } else {
            pair_set_psk(&pair, PAIR_SERVER, "me", "another key");
        }
        struct bytes from = bytes_of(pack.data, pack.size);
        assert_int_equal(restore(&pair, &from), COAX_E_NO_CREDENTIALS);
        assert_int_equal(from.size, 0); /* what follows can be read */
        coax_pack_drop(&pack);
        pair_end(&pair);
    }
}

static void what_is_cut_is_refused(void **state) {
    (void)state;
    struct pair pair;
    struct pack pack;
    start(&pair, 8);
    save(&pair, &pack);
    for (size_t size = 0; size < pack.size; size++) {
        struct bytes from = bytes_of(pack.data, size);
        enum coax_status status = restore(&pair, &from);
        assert_true(status == COAX_E_FORMAT || status == COAX_E_NO_CREDENTIALS);
    }
    coax_pack_drop(&pack);
    pair_end(&pair);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_restored_session_goes_on),
        cmocka_unit_test(the_last_flight_is_saved_too),
        cmocka_unit_test(only_what_stands_is_saved),
        cmocka_unit_test(a_client_that_is_not_let_in_any_more_is_left_out),
        cmocka_unit_test(what_is_cut_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
