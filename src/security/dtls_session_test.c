#include "security/dtls_test_pair.h"
#include "thorough.h"

static void start_psk(struct pair *pair, const char *client_key, const char *server_key) {
    pair_start(pair);
    pair_set_psk(pair, PAIR_CLIENT, "me", client_key);
    pair_set_psk(pair, PAIR_SERVER, "me", server_key);
}

static void start_established(struct pair *pair) {
    start_psk(pair, "secretPSK", "secretPSK");
    assert_int_equal(pair_connect(pair, "server", NULL), COAX_OK);
    assert_true(pair_run(pair, 5000));
    assert_true(pair_is_up(pair));
}

static void assert_text(const coax_error *error, const char *part) {
    if (strstr(error->text, part) == NULL) {
        fail_msg("\"%s\" does not say \"%s\"", error->text, part);
    }
}

/* --- in peace --- */

static void shakes_hands_with_a_pre_shared_key(void **state) {
    (void)state;
    struct pair pair;
    start_established(&pair);
    assert_int_equal(pair.sent[PAIR_CLIENT], 3); /* hello, hello with cookie, the rest: one datagram a flight */
    assert_int_equal(pair.sent[PAIR_SERVER], 3);
    struct dtls_session *server = pair.sides[PAIR_SERVER].session;
    assert_int_equal(server->protection.cipher, DTLS_AES_128_CCM_8);
    assert_null(server->secure.tls);
    assert_string_equal(coax_dtls_session_server_name(server), "server");
    assert_string_equal(coax_dtls_session_credential(server)->key, "coaps://server/*");
    assert_true(coax_dtls_session_deadline(server, pair.now) == COAX_NEVER);
    assert_true(coax_dtls_session_deadline(pair.sides[PAIR_CLIENT].session, pair.now) == COAX_NEVER);
    pair_end(&pair);
}

static void carries_messages_both_ways(void **state) {
    (void)state;
    struct pair pair;
    start_established(&pair);
    static const uint8_t large[1280] = {1, 2, 3};
    for (int i = 0; i < 2; i++) {
        struct pair_side *to = &pair.sides[1 - i];
        assert_int_equal(coax_dtls_session_send(pair.sides[i].session, large, 5), COAX_OK);
        assert_true(pair_run(&pair, 100));
        assert_int_equal(to->message_size, 5);
        assert_int_equal(coax_dtls_session_send(pair.sides[i].session, large, sizeof large), COAX_OK);
        assert_true(pair_run(&pair, 100));
        assert_int_equal(to->message_size, sizeof large);
        assert_memory_equal(to->message, large, sizeof large);
    }
    pair_end(&pair);
}

static void refuses_to_send_what_does_not_fit_or_too_early(void **state) {
    (void)state;
    struct pair pair;
    static const uint8_t large[1281] = {0};
    start_psk(&pair, "key", "key");
    assert_int_equal(pair_connect(&pair, "server", NULL), COAX_OK);
    struct dtls_session *client = pair.sides[PAIR_CLIENT].session;
    assert_int_equal(coax_dtls_session_send(client, large, 1), COAX_E_STATE);
    assert_true(pair_run(&pair, 1000));
    assert_int_equal(coax_dtls_session_send(client, large, sizeof large), COAX_E_TOO_LARGE);
    assert_int_equal(coax_dtls_session_send(client, large, 0), COAX_E_STATE);
    pair_end(&pair);
}

static void carries_more_messages_than_sixteen_bits_count(void **state) {
    (void)state;
    struct pair pair;
    start_established(&pair);
    for (unsigned i = 0; i < 70000; i++) {
        assert_int_equal(coax_dtls_session_send(pair.sides[PAIR_CLIENT].session, (const uint8_t *)&i, sizeof i),
                         COAX_OK);
        struct pair_packet *packet = pair.queue[--pair.queued];
        pair_deliver(&pair, packet->from, packet->data, packet->size);
        free(packet);
    }
    assert_int_equal(pair.sides[PAIR_SERVER].messages, 70000);
    pair_end(&pair);
}

/* --- loss --- */

/* One datagram in five is lost: few handshakes have so bad luck that half a minute is not enough for them, and those
   end by their deadline. */
static void survives_loss_duplicates_and_reordering(void **state) {
    (void)state;
    const unsigned runs = 300 / thorough_step(1, 15);
    unsigned up = 0;
    for (uint32_t seed = 1; seed <= runs; seed++) {
        struct pair pair;
        start_psk(&pair, "secretPSK", "secretPSK");
        pair.seed = seed * 2654435761U;
        pair.fate = pair_bad_network;
        assert_int_equal(pair_connect(&pair, "server", NULL), COAX_OK);
        assert_true(pair_run(&pair, 29000));
        up += pair_is_up(&pair);
        assert_true(pair_run(&pair, 32000));
        const struct pair_side *client = &pair.sides[PAIR_CLIENT];
        if (client->established + client->closed != 1 || (client->closed != 0) != (client->session == NULL)) {
            fail_msg("seed %u: %u, %u", seed, client->established, client->closed);
        }
        assert_true(client->closed == 0 || client->error.status == COAX_E_HANDSHAKE_TIMEOUT);
        pair_end(&pair);
    }
    assert_in_range(up, runs * 9 / 10, runs);
}

static coax_instant lost_at[16];
static unsigned lost;

static struct pair_fate lose_client(struct pair *pair, int from, const uint8_t *data, size_t size) {
    (void)data;
    (void)size;
    if (from == PAIR_CLIENT && lost < 16) {
        lost_at[lost++] = pair->now;
    }
    return (struct pair_fate){from == PAIR_CLIENT ? 0 : 1, 0};
}

static void repeats_the_first_flight_with_doubled_waits(void **state) {
    (void)state;
    struct pair pair;
    start_psk(&pair, "secretPSK", "secretPSK");
    pair.fate = lose_client;
    lost = 0;
    assert_int_equal(pair_connect(&pair, "server", NULL), COAX_OK);
    coax_instant begin = pair.now;
    assert_true(pair_run(&pair, 31000));
    static const unsigned seconds[] = {0, 1, 3, 7, 15};
    assert_int_equal(lost, 5);
    for (unsigned i = 0; i < lost; i++) {
        assert_true(lost_at[i] - begin == seconds[i] * COAX_SECOND);
    }
    assert_int_equal(pair.sides[PAIR_CLIENT].closed, 1);
    assert_int_equal(pair.sides[PAIR_CLIENT].error.status, COAX_E_HANDSHAKE_TIMEOUT);
    assert_text(&pair.sides[PAIR_CLIENT].error, "Nobody answered");
    pair_end(&pair);
}

static struct pair_fate lose_protected_of_server_once(struct pair *pair, int from, const uint8_t *data, size_t size) {
    (void)pair;
    bool is_last_flight = from == PAIR_SERVER && size > 0 && data[0] == DTLS_CONTENT_CHANGE_CIPHER_SPEC;
    if (is_last_flight && lost++ == 0) {
        return (struct pair_fate){0, 0};
    }
    return (struct pair_fate){1, 0};
}

static void repeats_the_last_flight_of_an_established_server(void **state) {
    (void)state;
    struct pair pair;
    start_psk(&pair, "secretPSK", "secretPSK");
    pair.fate = lose_protected_of_server_once;
    lost = 0;
    assert_int_equal(pair_connect(&pair, "server", NULL), COAX_OK);
    assert_true(pair_run(&pair, 900));
    assert_int_equal(pair.sides[PAIR_SERVER].established, 1);
    assert_int_equal(pair.sides[PAIR_CLIENT].established, 0);
    assert_true(pair_run(&pair, 5000));
    assert_true(lost >= 2);
    assert_true(pair_is_up(&pair));
    assert_int_equal(coax_dtls_session_send(pair.sides[PAIR_SERVER].session, (const uint8_t *)"hello", 5), COAX_OK);
    assert_true(pair_run(&pair, 100));
    assert_int_equal(pair.sides[PAIR_CLIENT].messages, 1);
    pair_end(&pair);
}

/* --- wrong keys --- */

static void a_server_notices_a_wrong_key(void **state) {
    (void)state;
    struct pair pair;
    start_psk(&pair, "wrong", "secretPSK");
    assert_int_equal(pair_connect(&pair, "server", NULL), COAX_OK);
    assert_true(pair_run(&pair, 1500));
    assert_int_equal(pair.sides[PAIR_SERVER].closed, 0);
    assert_true(pair_run(&pair, 1500));
    const struct pair_side *server = &pair.sides[PAIR_SERVER];
    const struct pair_side *client = &pair.sides[PAIR_CLIENT];
    assert_int_equal(server->closed, 1);
    assert_int_equal(server->error.status, COAX_E_HANDSHAKE);
    assert_text(&server->error, "wrong key");
    assert_text(&server->error, "coaps://server/*");
    assert_int_equal(client->closed, 1);
    assert_int_equal(client->error.status, COAX_E_TLS_ALERT);
    assert_int_equal(client->error.alert, 51);
    assert_text(&client->error, "decrypt_error (51)");
    assert_text(&client->error, "pre-shared key of entry \"coaps://server/*\" is likely wrong");
    assert_null(strstr(client->error.text, "secretPSK"));
    pair_end(&pair);
}

static struct pair_fate lose_alerts(struct pair *pair, int from, const uint8_t *data, size_t size) {
    (void)pair;
    (void)from;
    return (struct pair_fate){size > 0 && data[0] == DTLS_CONTENT_ALERT ? 0 : 1, 0};
}

static void a_client_suspects_its_key_when_the_server_falls_silent(void **state) {
    (void)state;
    struct pair pair;
    start_psk(&pair, "wrong", "secretPSK");
    pair.fate = lose_alerts;
    assert_int_equal(pair_connect(&pair, "server", NULL), COAX_OK);
    assert_true(pair_run(&pair, 31000));
    assert_int_equal(pair.sides[PAIR_CLIENT].error.status, COAX_E_HANDSHAKE_TIMEOUT);
    assert_text(&pair.sides[PAIR_CLIENT].error, "likely wrong");
    pair_end(&pair);
}

/* Records of epoch 1 that nobody with the key has made. */
static void post_forged_finished(struct pair *pair) {
    uint8_t forged[DTLS_RECORD_HEADER_SIZE + 40] = {DTLS_CONTENT_HANDSHAKE, 0xfe, 0xfd, 0, 1, 0, 0, 0, 0, 0, 0, 0, 40};
    pair_deliver(pair, PAIR_CLIENT, forged, sizeof forged);
}

static struct pair_fate forge_behind_change_cipher_spec(struct pair *pair, int from, const uint8_t *data, size_t size) {
    struct bytes rest = bytes_of(data, size);
    struct dtls_record record;
    bool has_finished = false;
    while (coax_dtls_next_record(&rest, 0, &record)) {
        has_finished = has_finished || (from == PAIR_CLIENT && record.epoch == 1);
    }
    if (!has_finished || lost++ > 0) {
        return (struct pair_fate){1, 0};
    }
    /* All but the Finished arrives, then a forged one. */
    struct bytes all = bytes_of(data, size);
    while (coax_dtls_next_record(&all, 0, &record) && record.epoch == 0) {
        pair_deliver(pair, PAIR_CLIENT, record.whole.data, record.whole.size);
    }
    post_forged_finished(pair);
    return (struct pair_fate){0, 0};
}

static void a_forged_finished_does_not_end_a_handshake(void **state) {
    (void)state;
    struct pair pair;
    start_psk(&pair, "secretPSK", "secretPSK");
    lost = 0;
    pair.fate = forge_behind_change_cipher_spec;
    assert_int_equal(pair_connect(&pair, "server", NULL), COAX_OK);
    assert_true(pair_run(&pair, 900));
    assert_int_equal(pair.sides[PAIR_SERVER].established, 0);
    assert_true(pair.sides[PAIR_SERVER].session->handshake->doubt != COAX_NEVER);
    assert_true(pair_run(&pair, 5000));
    assert_true(pair_is_up(&pair));
    assert_int_equal(pair.sides[PAIR_SERVER].closed, 0);
    pair_end(&pair);
}

/* --- the end --- */

static void tells_the_peer_that_it_closes(void **state) {
    (void)state;
    for (int closing = 0; closing < 2; closing++) {
        struct pair pair;
        start_established(&pair);
        coax_dtls_session_close(pair.sides[closing].session);
        pair_drop(&pair.sides[closing]);
        unsigned sent = pair.sent[1 - closing];
        assert_true(pair_run(&pair, 100));
        assert_int_equal(pair.sides[1 - closing].closed, 1);
        assert_int_equal(pair.sides[1 - closing].error.status, COAX_E_CLOSE_NOTIFY);
        assert_int_equal(pair.sent[1 - closing], sent + 1); /* its own close_notify */
        assert_int_equal(pair.sides[closing].closed, 0);
        pair_end(&pair);
    }
}

static void takes_a_fatal_close_notify_for_what_it_is(void **state) {
    (void)state;
    struct pair pair;
    start_established(&pair);
    pair_post_alert(&pair, PAIR_CLIENT, GNUTLS_AL_FATAL, GNUTLS_A_CLOSE_NOTIFY);
    unsigned sent = pair.sent[PAIR_SERVER];
    assert_true(pair_run(&pair, 100));
    assert_int_equal(pair.sides[PAIR_SERVER].error.status, COAX_E_CLOSE_NOTIFY);
    assert_int_equal(pair.sent[PAIR_SERVER], sent + 1);
    /* The answer is a record that the client can read. */
    assert_int_equal(pair.sides[PAIR_CLIENT].closed, 1);
    assert_int_equal(pair.sides[PAIR_CLIENT].error.status, COAX_E_CLOSE_NOTIFY);
    pair_end(&pair);
}

static void tells_fatal_alerts_from_warnings(void **state) {
    (void)state;
    struct pair pair;
    start_established(&pair);
    pair_post_alert(&pair, PAIR_CLIENT, GNUTLS_AL_WARNING, GNUTLS_A_NO_RENEGOTIATION);
    pair_post_alert(&pair, PAIR_CLIENT, GNUTLS_AL_WARNING, GNUTLS_A_USER_CANCELED);
    assert_true(pair_run(&pair, 100));
    assert_int_equal(pair.sides[PAIR_SERVER].closed, 0);
    pair_post_alert(&pair, PAIR_CLIENT, GNUTLS_AL_FATAL, GNUTLS_A_INTERNAL_ERROR);
    assert_true(pair_run(&pair, 100));
    assert_int_equal(pair.sides[PAIR_SERVER].closed, 1);
    assert_int_equal(pair.sides[PAIR_SERVER].error.status, COAX_E_TLS_ALERT);
    assert_int_equal(pair.sides[PAIR_SERVER].error.alert, 80);
    assert_text(&pair.sides[PAIR_SERVER].error, "internal_error (80)");
    pair_end(&pair);
}

static void refuses_to_renegotiate(void **state) {
    (void)state;
    for (int asking = 0; asking < 2; asking++) {
        struct pair pair;
        start_established(&pair);
        static const uint8_t client_hello[12 + 2] = {1, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 2}, hello_request[12] = {0};
        for (int i = 0; i < 3; i++) {
            if (asking == PAIR_CLIENT) {
                pair_post_record(&pair, asking, DTLS_CONTENT_HANDSHAKE, client_hello, sizeof client_hello);
            } else {
                pair_post_record(&pair, asking, DTLS_CONTENT_HANDSHAKE, hello_request, sizeof hello_request);
            }
            unsigned sent = pair.sent[1 - asking];
            assert_true(pair_run(&pair, 100));
            assert_int_equal(pair.sent[1 - asking] - sent, asking == PAIR_CLIENT); /* no_renegotiation */
        }
        assert_int_equal(pair.sides[1 - asking].closed, 0);
        assert_int_equal(pair.sides[1 - asking].established, 1);
        assert_int_equal(coax_dtls_session_send(pair.sides[1 - asking].session, (const uint8_t *)"still", 5), COAX_OK);
        assert_true(pair_run(&pair, 100));
        pair_end(&pair);
    }
}

static void can_be_freed_inside_its_callbacks(void **state) {
    (void)state;
    for (int which = 0; which < 8; which++) {
        struct pair pair;
        start_psk(&pair, "secretPSK", "secretPSK");
        struct pair_side *side = &pair.sides[which % 2];
        side->free_when_established = which / 2 == 0;
        side->free_on_message = which / 2 == 1;
        side->close_on_message = which / 2 == 2;
        assert_int_equal(pair_connect(&pair, "server", NULL), COAX_OK);
        assert_true(pair_run(&pair, 1000));
        struct pair_side *other = &pair.sides[1 - which % 2];
        if (which / 2 > 0) {
            assert_true(pair_is_up(&pair));
            assert_int_equal(coax_dtls_session_send(other->session, (const uint8_t *)"a", 1), COAX_OK);
            assert_int_equal(coax_dtls_session_send(other->session, (const uint8_t *)"b", 1), COAX_OK);
            assert_true(pair_run(&pair, 1000));
            assert_int_equal(side->messages, which / 2 == 3 ? 2 : 1);
        }
        assert_int_equal(other->closed, which / 2 == 2);
        pair_end(&pair);
    }
}

/* --- hostile bytes --- */

static void no_changed_datagram_breaks_a_handshake_badly(void **state) {
    (void)state;
    struct pair_mutation mutation;
    for (unsigned target = 0; target < 6; target++) {
        for (unsigned kind = 0; kind < PAIR_MUTATIONS; kind++) {
            mutation = (struct pair_mutation){.target = target, .kind = kind};
            for (; !mutation.is_over; mutation.position += thorough_step(1, 29)) {
                struct pair pair;
                start_psk(&pair, "secretPSK", "secretPSK");
                pair_run_mutated(&pair, &mutation, "server");
                pair_end(&pair);
            }
        }
    }
}

static void drops_changed_records_of_a_session_without_a_trace(void **state) {
    (void)state;
    struct pair pair;
    start_established(&pair);
    pair.record = true;
    assert_int_equal(coax_dtls_session_send(pair.sides[PAIR_CLIENT].session, (const uint8_t *)"hello", 5), COAX_OK);
    struct pair_packet *packet = pair.recorded[0];
    unsigned sent = pair.sent[PAIR_SERVER];
    for (size_t i = 0; i < packet->size; i++) {
        pair_deliver(&pair, PAIR_CLIENT, packet->data, i);
        for (unsigned bit = 0; bit < 8; bit++) {
            packet->data[i] ^= (uint8_t)(1U << bit);
            pair_deliver(&pair, PAIR_CLIENT, packet->data, packet->size);
            packet->data[i] ^= (uint8_t)(1U << bit);
        }
    }
    assert_int_equal(pair.sides[PAIR_SERVER].messages, 0);
    assert_int_equal(pair.sides[PAIR_SERVER].closed, 0);
    assert_int_equal(pair.sent[PAIR_SERVER], sent);
    /* The true one still counts, once: it is not a replay of the changed ones. */
    pair_deliver(&pair, PAIR_CLIENT, packet->data, packet->size);
    pair_deliver(&pair, PAIR_CLIENT, packet->data, packet->size);
    assert_int_equal(pair.sides[PAIR_SERVER].messages, 1);
    pair_end(&pair);
}

static void clear_records_cannot_end_a_session(void **state) {
    (void)state;
    struct pair pair;
    start_established(&pair);
    static const uint8_t alert[] = {21, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 99, 0, 2, 2, 40};
    static const uint8_t close_notify[] = {21, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 98, 0, 2, 1, 0};
    pair_deliver(&pair, PAIR_CLIENT, alert, sizeof alert);
    pair_deliver(&pair, PAIR_CLIENT, close_notify, sizeof close_notify);
    pair_deliver(&pair, PAIR_SERVER, alert, sizeof alert);
    assert_int_equal(pair.sides[PAIR_SERVER].closed + pair.sides[PAIR_CLIENT].closed, 0);
    pair_end(&pair);
}

/* --- memory --- */

static unsigned allocations_left;

static void *failing_malloc(size_t size) {
    return allocations_left > 0 && --allocations_left > 0 ? malloc(size) : NULL;
}

static void *failing_calloc(size_t count, size_t size) {
    return allocations_left > 0 && --allocations_left > 0 ? calloc(count, size) : NULL;
}

/* From the n-th on, GnuTLS's allocations fail for a while; later there is memory again. */
static void survives_failing_allocations(void **state) {
    (void)state;
    gnutls_alloc_function real_malloc = gnutls_malloc;
    gnutls_calloc_function real_calloc = gnutls_calloc;
    for (unsigned n = 1; n < 400; n += thorough_step(1, 19)) {
        struct pair pair;
        start_psk(&pair, "secretPSK", "secretPSK");
        allocations_left = n;
        gnutls_malloc = failing_malloc;
        gnutls_calloc = failing_calloc;
        coax_error error = {0};
        enum coax_status status = pair_connect(&pair, "server", &error);
        if (status == COAX_OK) {
            (void)pair_run(&pair, 31000);
        } else {
            assert_int_equal(status, error.status);
            assert_null(pair.sides[PAIR_CLIENT].session);
        }
        gnutls_malloc = real_malloc;
        gnutls_calloc = real_calloc;
        pair_end(&pair);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shakes_hands_with_a_pre_shared_key),
        cmocka_unit_test(carries_messages_both_ways),
        cmocka_unit_test(refuses_to_send_what_does_not_fit_or_too_early),
        cmocka_unit_test(carries_more_messages_than_sixteen_bits_count),
        cmocka_unit_test(survives_loss_duplicates_and_reordering),
        cmocka_unit_test(repeats_the_first_flight_with_doubled_waits),
        cmocka_unit_test(repeats_the_last_flight_of_an_established_server),
        cmocka_unit_test(a_server_notices_a_wrong_key),
        cmocka_unit_test(a_client_suspects_its_key_when_the_server_falls_silent),
        cmocka_unit_test(a_forged_finished_does_not_end_a_handshake),
        cmocka_unit_test(tells_the_peer_that_it_closes),
        cmocka_unit_test(takes_a_fatal_close_notify_for_what_it_is),
        cmocka_unit_test(tells_fatal_alerts_from_warnings),
        cmocka_unit_test(refuses_to_renegotiate),
        cmocka_unit_test(can_be_freed_inside_its_callbacks),
        cmocka_unit_test(no_changed_datagram_breaks_a_handshake_badly),
        cmocka_unit_test(drops_changed_records_of_a_session_without_a_trace),
        cmocka_unit_test(clear_records_cannot_end_a_session),
        cmocka_unit_test(survives_failing_allocations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
