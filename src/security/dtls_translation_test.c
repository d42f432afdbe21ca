/* Connection IDs as they are negotiated while GnuTLS shakes hands (RFC 9146 section 3), and what becomes of the last
   flight. */
#include "security/dtls_test_pair.h"

static void start(struct pair *pair, uint8_t cid_size) {
    pair_start(pair);
    pair_set_psk(pair, PAIR_CLIENT, "me", "secretPSK");
    pair_set_psk(pair, PAIR_SERVER, "me", "secretPSK");
    pair->cid_size = cid_size;
    memset(pair->cid, 0xc1, sizeof pair->cid);
}

static void shake_hands(struct pair *pair) {
    assert_int_equal(pair_connect(pair, "server", NULL), COAX_OK);
    assert_true(pair_run(pair, 29000));
    assert_true(pair_is_up(pair));
}

static void without_ids(struct pair *pair, int side) {
    struct dtls_settings settings = pair_settings;
    settings.without_cids = true;
    struct pair_side *one = &pair->sides[side];
    coax_dtls_context_free(one->context);
    assert_int_equal(coax_dtls_context_new(&one->context, one->credentials, &settings, NULL), COAX_OK);
}

static void speak(struct pair *pair) {
    for (int i = 0; i < 2; i++) {
        assert_int_equal(coax_dtls_session_send(pair->sides[i].session, (const uint8_t *)"hello", 5), COAX_OK);
        assert_true(pair_run(pair, 100));
        assert_int_equal(pair->sides[1 - i].messages, 1);
        assert_int_equal(pair->sides[1 - i].message_size, 5);
    }
}

static void the_servers_id_is_in_every_protected_record_of_the_client(void **state) {
    (void)state;
    for (uint8_t size = 1; size <= DTLS_CID_MAXIMUM; size += 31) {
        struct pair pair;
        start(&pair, size);
        pair.record = true;
        shake_hands(&pair);
        assert_int_equal(coax_dtls_session_cid(pair.sides[PAIR_SERVER].session).size, size);
        assert_int_equal(coax_dtls_session_cid(pair.sides[PAIR_CLIENT].session).size, 0);
        speak(&pair);
        unsigned protected = 0;
        for (size_t i = 0; i < pair.recorded_count; i++) {
            const struct pair_packet *packet = pair.recorded[i];
            struct bytes rest = bytes_of(packet->data, packet->size);
            struct dtls_record record;
            while (coax_dtls_next_record(&rest, size, &record)) {
                bool has_cid = record.content_type == DTLS_CONTENT_CID;
                assert_int_equal(has_cid, record.epoch == 1 && packet->from == PAIR_CLIENT);
                assert_true(!has_cid || memcmp(record.cid.data, pair.cid, size) == 0);
                protected += has_cid;
            }
        }
        assert_int_equal(protected, 2); /* Finished and hello */
        pair_end(&pair);
    }
}

static void both_must_want_them(void **state) {
    (void)state;
    for (int unwilling = 0; unwilling < 3; unwilling++) {
        struct pair pair;
        start(&pair, unwilling == 2 ? 0 : 8); /* the client, the server's settings, the server that gives none */
        if (unwilling < 2) {
            without_ids(&pair, unwilling);
        }
        shake_hands(&pair);
        for (int i = 0; i < 2; i++) {
            assert_int_equal(pair.sides[i].session->protection.read_cid_size, 0);
            assert_int_equal(pair.sides[i].session->protection.write_cid_size, 0);
        }
        speak(&pair);
        pair_end(&pair);
    }
}

static void they_survive_loss_duplicates_and_reordering(void **state) {
    (void)state;
    for (uint32_t seed = 1; seed <= 20; seed++) {
        struct pair pair;
        start(&pair, 8);
        pair.seed = seed * 2654435761U;
        pair.fate = pair_bad_network;
        assert_int_equal(pair_connect(&pair, "server", NULL), COAX_OK);
        assert_true(pair_run(&pair, 60000));
        const struct pair_side *client = &pair.sides[PAIR_CLIENT];
        assert_int_equal(client->established + client->closed, 1);
        if (client->established == 1) {
            pair.fate = NULL;
            speak(&pair);
        }
        pair_end(&pair);
    }
}

/* --- the last flight --- */

static unsigned flights;

static struct pair_fate lose_the_first_last_flights(struct pair *pair, int from, const uint8_t *data, size_t size) {
    (void)pair;
    bool is_last_flight = from == PAIR_SERVER && size > 0 && data[0] == DTLS_CONTENT_CHANGE_CIPHER_SPEC;
    flights += is_last_flight;
    return (struct pair_fate){is_last_flight && flights < 3 ? 0 : 1, 0};
}

/* Each copy in records of its own (RFC 6347 section 4.1: no number is used twice), until the client speaks. */
static void the_last_flight_is_repeated_until_the_client_speaks(void **state) {
    (void)state;
    for (uint8_t size = 0; size <= 8; size += 8) {
        struct pair pair;
        start(&pair, size);
        pair.fate = lose_the_first_last_flights;
        pair.record = true;
        flights = 0;
        shake_hands(&pair);
        assert_int_equal(flights, 3);
        uint64_t clear = 0, sealed = 0;
        const struct pair_packet *finished = NULL;
        for (size_t i = 0; i < pair.recorded_count; i++) {
            const struct pair_packet *packet = pair.recorded[i];
            struct bytes rest = bytes_of(packet->data, packet->size);
            struct dtls_record record;
            while (packet->from == PAIR_SERVER && coax_dtls_next_record(&rest, 0, &record)) {
                uint64_t *last = record.epoch == 0 ? &clear : &sealed;
                assert_true(*last == 0 || record.sequence > *last);
                *last = record.sequence;
            }
            finished = packet->from == PAIR_CLIENT ? packet : finished; /* the last that the client sent */
        }
        speak(&pair);
        assert_int_equal(pair.sides[PAIR_SERVER].session->finished_size, 0);
        unsigned sent = pair.sent[PAIR_SERVER];
        pair_deliver(&pair, PAIR_CLIENT, finished->data, finished->size);
        assert_int_equal(pair.sent[PAIR_SERVER], sent);
        pair_end(&pair);
    }
}

/* A client that repeats its flight byte by byte is answered too. */
static void a_copy_of_the_finished_is_answered_as_well(void **state) {
    (void)state;
    struct pair pair;
    start(&pair, 8);
    pair.record = true;
    shake_hands(&pair);
    const struct pair_packet *flight = NULL;
    for (size_t i = 0; i < pair.recorded_count; i++) {
        flight = pair.recorded[i]->from == PAIR_CLIENT ? pair.recorded[i] : flight;
    }
    unsigned sent = pair.sent[PAIR_SERVER];
    pair_deliver(&pair, PAIR_CLIENT, flight->data, flight->size);
    assert_int_equal(pair.sent[PAIR_SERVER], sent + 1);
    assert_true(pair_run(&pair, 100));
    assert_int_equal(pair.sides[PAIR_CLIENT].closed, 0);
    speak(&pair);
    pair_end(&pair);
}

/* --- who is where --- */

static void only_the_newest_record_shows_where_the_peer_is(void **state) {
    (void)state;
    struct pair pair;
    start(&pair, 8);
    shake_hands(&pair);
    struct pair_side *server = &pair.sides[PAIR_SERVER];
    pair.record = true;
    for (int i = 0; i < 3; i++) {
        assert_int_equal(coax_dtls_session_send(pair.sides[PAIR_CLIENT].session, (const uint8_t *)"hello", 5), COAX_OK);
    }
    static const struct {
        size_t packet;
        unsigned newer, messages;
    } steps[] = {{1, 1, 1}, {0, 1, 2}, {1, 1, 2}, {2, 2, 3}, {0, 2, 3}};
    server->newer = 0;
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        const struct pair_packet *packet = pair.recorded[steps[i].packet];
        pair_deliver(&pair, PAIR_CLIENT, packet->data, packet->size);
        assert_int_equal(server->newer, steps[i].newer);
        assert_int_equal(server->messages, steps[i].messages);
    }
    pair_end(&pair);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_servers_id_is_in_every_protected_record_of_the_client),
        cmocka_unit_test(both_must_want_them),
        cmocka_unit_test(they_survive_loss_duplicates_and_reordering),
        cmocka_unit_test(the_last_flight_is_repeated_until_the_client_speaks),
        cmocka_unit_test(a_copy_of_the_finished_is_answered_as_well),
        cmocka_unit_test(only_the_newest_record_shows_where_the_peer_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
