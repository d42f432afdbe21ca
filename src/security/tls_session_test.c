#include "security/tls_test_pair.h"
#include "thorough.h"

static const char *const versions[] = {"NONE:+VERS-TLS1.2", "NONE:+VERS-TLS1.3"};
enum { VERSIONS = 2 };

static void start(struct tls_pair *pair, size_t version) {
    pair_start(pair);
    pair_set_psk(pair, PAIR_CLIENT, "me", "secretPSK");
    pair_set_psk(pair, PAIR_SERVER, "me", "secretPSK");
    pair_speak(&pair->sides[PAIR_CLIENT], versions[version]);
}

static void start_established(struct tls_pair *pair, size_t version) {
    start(pair, version);
    pair_shake_hands(pair, "server");
    assert_true(pair_is_up(pair));
}

static void fill(uint8_t *data, size_t size) {
    for (size_t i = 0; i < size; i++) {
        data[i] = (uint8_t)(i * 7 + i / 251);
    }
}

/* --- plaintext --- */

static void carries_bytes_both_ways_in_any_segments(void **state) {
    (void)state;
    enum { SIZE = 50000 };
    static uint8_t data[SIZE];
    static const size_t segments[] = {1, 3, 999, 20000};
    fill(data, SIZE);
    for (size_t i = 0; i < (size_t)VERSIONS * 4; i++) {
        struct tls_pair pair;
        start_established(&pair, i % VERSIONS);
        size_t sent[2] = {0};
        for (int side = 0; side < 2; side++) {
            pair.sides[side].segment = segments[i / VERSIONS];
        }
        while (sent[0] < SIZE || sent[1] < SIZE) {
            for (int side = 0; side < 2; side++) {
                size_t left = SIZE - sent[side];
                sent[side] += pair_send(&pair, side, data + sent[side], left < 17001 ? left : 17001);
            }
            pair_run(&pair);
        }
        for (int side = 0; side < 2; side++) {
            assert_int_equal(pair.sides[side].received_size, SIZE);
            assert_memory_equal(pair.sides[side].received, data, SIZE);
        }
        assert_true(pair_is_up(&pair));
        pair_end(&pair);
    }
}

static void knows_whether_it_stands_within_a_record(void **state) {
    (void)state;
    static const uint8_t data[600];
    for (size_t i = 0; i < VERSIONS; i++) {
        struct tls_pair pair;
        start_established(&pair, i);
        struct pair_side *client = &pair.sides[PAIR_CLIENT], *server = &pair.sides[PAIR_SERVER];
        assert_false(coax_tls_session_is_within_record(server->session));
        assert_int_equal(coax_tls_session_held(server->session), 0);
        assert_int_equal(pair_send(&pair, PAIR_CLIENT, data, sizeof data), sizeof data);
        size_t size = client->pipe_end - client->pipe_start;
        for (size_t sent = 1; sent <= size; sent++) {
            (void)coax_tls_session_receive(server->session, client->pipe + client->pipe_start++, 1);
            assert_int_equal(coax_tls_session_is_within_record(server->session), sent < size);
            assert_int_equal(coax_tls_session_held(server->session), sent < size ? sent : 0);
        }
        assert_int_equal(server->received_size, sizeof data);
        pair_end(&pair);
    }
}

static void refuses_to_send_too_early_or_too_late(void **state) {
    (void)state;
    struct tls_pair pair;
    start(&pair, 0);
    size_t taken = 9;
    assert_int_equal(pair_listen(&pair, NULL), COAX_OK);
    assert_int_equal(pair_connect(&pair, "server", NULL), COAX_OK);
    struct tls_session *client = pair.sides[PAIR_CLIENT].session;
    assert_false(coax_tls_session_is_established(client));
    assert_string_equal(coax_tls_session_protocol(client), "");
    assert_null(coax_tls_session_credential(pair.sides[PAIR_SERVER].session));
    assert_int_equal(coax_tls_session_send(client, (const uint8_t *)"a", 1, &taken), COAX_E_STATE);
    assert_int_equal(taken, 0);
    pair_run(&pair);
    assert_true(coax_tls_session_is_established(client));
    assert_int_equal(pair_send(&pair, PAIR_CLIENT, NULL, 0), 0);
    coax_tls_session_close(client);
    assert_int_equal(coax_tls_session_send(client, (const uint8_t *)"a", 1, &taken), COAX_E_STATE);
    pair_end(&pair);
}

/* The CSM that an end sends when it is established goes out with the end of its flight. */
static void puts_the_first_bytes_behind_the_flight(void **state) {
    (void)state;
    for (size_t version = 0; version < VERSIONS; version++) {
        struct tls_pair pair;
        start(&pair, version);
        pair.sides[PAIR_CLIENT].on_established = PAIR_SEND;
        pair.sides[PAIR_SERVER].on_established = PAIR_SEND;
        pair_shake_hands(&pair, "server");
        assert_int_equal(pair.sides[PAIR_CLIENT].received_size, 6);
        assert_int_equal(pair.sides[PAIR_SERVER].received_size, 6);
        assert_int_equal(pair.sides[PAIR_CLIENT].transmits, version == 0 ? 3 : 2);
        assert_int_equal(pair.sides[PAIR_SERVER].transmits, 2);
        pair_end(&pair);
    }
}

/* --- back-pressure --- */

static void takes_no_more_than_its_maximum(void **state) {
    (void)state;
    static uint8_t data[8 * PAIR_OUTPUT];
    fill(data, sizeof data);
    struct tls_pair pair;
    start_established(&pair, 1);
    struct pair_side *client = &pair.sides[PAIR_CLIENT];
    client->window = 0;
    size_t taken = pair_send(&pair, PAIR_CLIENT, data, sizeof data);
    size_t pending = coax_tls_session_pending(client->session);
    assert_in_range(taken, PAIR_OUTPUT - TLS_PLAINTEXT_MAXIMUM, PAIR_OUTPUT);
    assert_in_range(pending, PAIR_OUTPUT, PAIR_OUTPUT + TLS_PLAINTEXT_MAXIMUM + 64);
    assert_int_equal(pair_send(&pair, PAIR_CLIENT, data, 1), 0);
    assert_int_equal(coax_tls_session_pending(client->session), pending);
    /* What comes in waits too: an answer to it would have no room. */
    assert_int_equal(pair_send(&pair, PAIR_SERVER, "question", 8), 8);
    assert_int_equal(coax_tls_session_receive(client->session, pair.sides[PAIR_SERVER].pipe, 8), 0);
    /* A peer that reads slowly gets all of it, in order. */
    client->window = 1000;
    while (taken < sizeof data) {
        pair_run(&pair);
        taken += pair_send(&pair, PAIR_CLIENT, data + taken, sizeof data - taken);
    }
    pair_run(&pair);
    assert_int_equal(coax_tls_session_pending(client->session), 0);
    assert_null(client->session->output.data);
    assert_int_equal(pair.sides[PAIR_SERVER].received_size, sizeof data);
    assert_memory_equal(pair.sides[PAIR_SERVER].received, data, sizeof data);
    assert_int_equal(client->received_size, 8);
    pair_end(&pair);
}

static void pauses_when_its_owner_does(void **state) {
    (void)state;
    for (size_t version = 0; version < VERSIONS; version++) {
        struct tls_pair pair;
        start_established(&pair, version);
        struct pair_side *server = &pair.sides[PAIR_SERVER];
        server->pauses = true;
        for (unsigned i = 0; i < 3; i++) {
            assert_int_equal(pair_send(&pair, PAIR_CLIENT, "abc", 3), 3);
        }
        const struct pair_side *client = &pair.sides[PAIR_CLIENT];
        const uint8_t *bytes = client->pipe + client->pipe_start;
        size_t size = client->pipe_end - client->pipe_start;
        for (unsigned i = 1; i <= 3; i++) {
            size_t taken = coax_tls_session_receive(server->session, bytes, size);
            assert_int_equal(taken, (client->pipe_end - client->pipe_start) / 3);
            assert_int_equal(server->pieces, i);
            bytes += taken;
            size -= taken;
        }
        assert_int_equal(size, 0);
        pair_end(&pair);
    }
}

static void shakes_hands_through_a_narrow_pipe(void **state) {
    (void)state;
    for (size_t version = 0; version < VERSIONS; version++) {
        struct tls_pair pair;
        start(&pair, version);
        pair.sides[0].window = pair.sides[1].window = 1;
        pair_shake_hands(&pair, "server");
        assert_true(pair_is_up(&pair));
        pair_end(&pair);
    }
}

/* --- the end --- */

static void tells_the_peer_that_it_closes(void **state) {
    (void)state;
    for (size_t i = 0; i < (size_t)VERSIONS * 2; i++) {
        struct tls_pair pair;
        start_established(&pair, i % VERSIONS);
        int closing = i / VERSIONS == 0 ? PAIR_CLIENT : PAIR_SERVER;
        /* What the other end had sent before still arrives. */
        assert_int_equal(pair_send(&pair, 1 - closing, "late", 4), 4);
        coax_tls_session_close(pair.sides[closing].session);
        coax_tls_session_close(pair.sides[closing].session);
        pair_run(&pair);
        for (int side = 0; side < 2; side++) {
            assert_int_equal(pair.sides[side].closed, 1);
            pair_assert_text(&pair.sides[side].error, COAX_E_CLOSE_NOTIFY, -1, "The peer closed the TLS session");
        }
        assert_int_equal(pair.sides[closing].received_size, 4);
        pair_end(&pair);
    }
}

static void tells_a_truncation_from_an_end(void **state) {
    (void)state;
    for (size_t i = 0; i < (size_t)VERSIONS * 2; i++) {
        struct tls_pair pair;
        start_established(&pair, i % VERSIONS);
        struct pair_side *server = &pair.sides[PAIR_SERVER];
        struct pair_side *client = &pair.sides[PAIR_CLIENT];
        assert_int_equal(pair_send(&pair, PAIR_CLIENT, "whole", 5), 5);
        size_t cut = i / VERSIONS; /* within a record, or between two */
        size_t size = client->pipe_end - client->pipe_start - cut;
        assert_int_equal(coax_tls_session_receive(server->session, client->pipe + client->pipe_start, size), size);
        assert_int_equal(server->pieces, cut == 0);
        coax_tls_session_receive_end(server->session);
        assert_int_equal(server->closed, 1);
        pair_assert_text(&server->error, COAX_E_LOST, -1, "without TLS's close_notify");
        pair_end(&pair);
    }
}

static void tells_an_end_during_the_handshake(void **state) {
    (void)state;
    struct tls_pair pair;
    start(&pair, 1);
    assert_int_equal(pair_listen(&pair, NULL), COAX_OK);
    assert_int_equal(pair_connect(&pair, "server", NULL), COAX_OK);
    coax_tls_session_receive_end(pair.sides[PAIR_CLIENT].session);
    pair_assert_text(&pair.sides[PAIR_CLIENT].error, COAX_E_LOST, -1, "credentials of entry \"coaps+tcp://server/*\"");
    coax_tls_session_receive_end(pair.sides[PAIR_SERVER].session);
    pair_assert_text(&pair.sides[PAIR_SERVER].error, COAX_E_LOST, -1, "The client ended the connection");
    pair_end(&pair);
}

static void tells_a_close_notify_during_the_handshake(void **state) {
    (void)state;
    static const uint8_t close_notify[] = {21, 3, 3, 0, 2, 1, 0};
    for (size_t i = 0; i < (size_t)VERSIONS * 2; i++) {
        struct tls_pair pair;
        start(&pair, i % VERSIONS);
        assert_int_equal(pair_listen(&pair, NULL), COAX_OK);
        assert_int_equal(pair_connect(&pair, "server", NULL), COAX_OK);
        struct pair_side *side = &pair.sides[i / VERSIONS];
        (void)coax_tls_session_receive(side->session, close_notify, sizeof close_notify);
        assert_int_equal(side->closed, 1);
        pair_assert_text(&side->error, COAX_E_CLOSE_NOTIFY, -1, "closed the TLS session during the handshake");
        bool is_key_blamed = strstr(side->error.text, "pre-shared key of entry \"coaps+tcp://server/*\"") != NULL;
        assert_int_equal(is_key_blamed, side->index == PAIR_CLIENT);
        pair_end(&pair);
    }
}

/* A ServerHello of TLS 1.3 says that the key is right, one of TLS 1.2 nothing yet. */
static void blames_no_key_after_a_server_hello(void **state) {
    (void)state;
    static const uint8_t close_notify[] = {21, 3, 3, 0, 2, 1, 0};
    for (size_t i = 0; i < VERSIONS; i++) {
        struct tls_pair pair;
        start(&pair, i);
        assert_int_equal(pair_listen(&pair, NULL), COAX_OK);
        assert_int_equal(pair_connect(&pair, "server", NULL), COAX_OK);
        struct pair_side *client = &pair.sides[PAIR_CLIENT];
        assert_true(pair_move(&pair, PAIR_CLIENT));
        struct pair_side *server = &pair.sides[PAIR_SERVER];
        server->segment = TLS_RECORD_HEADER_SIZE + ((size_t)server->pipe[3] << 8) + server->pipe[4];
        assert_true(pair_move(&pair, PAIR_SERVER)); /* the first record: the ServerHello */
        (void)coax_tls_session_receive(client->session, close_notify, sizeof close_notify);
        assert_int_equal(client->closed, 1);
        assert_null(strstr(client->error.text, "pre-shared key"));
        pair_end(&pair);
    }
}

static void tells_fatal_alerts_from_warnings(void **state) {
    (void)state;
    for (size_t i = 0; i < (size_t)VERSIONS * 2; i++) {
        struct tls_pair pair;
        start_established(&pair, i % VERSIONS);
        int from = i / VERSIONS == 0 ? PAIR_CLIENT : PAIR_SERVER;
        /* Else the client would take it for the answer to its proof. */
        assert_int_equal(pair_send(&pair, from, "x", 1), 1);
        gnutls_session_t tls = pair.sides[from].session->secure.tls;
        if (i % VERSIONS == 0) { /* TLS 1.3 has no warnings */
            gnutls_alert_send(tls, GNUTLS_AL_WARNING, GNUTLS_A_USER_CANCELED);
        }
        pair_run(&pair);
        assert_int_equal(pair.sides[1 - from].closed, 0);
        gnutls_alert_send(tls, GNUTLS_AL_FATAL, GNUTLS_A_INTERNAL_ERROR);
        pair_run(&pair);
        assert_int_equal(pair.sides[1 - from].closed, 1);
        pair_assert_text(&pair.sides[1 - from].error, COAX_E_TLS_ALERT, 80,
                         "The peer ended the TLS session with the alert internal_error (80)");
        pair_end(&pair);
    }
}

static void ends_at_its_deadline(void **state) {
    (void)state;
    static const char *const texts[] = {
        "whether a TLS server runs there, and the pre-shared key of entry \"coaps+tcp://server/*\": some servers fall",
        "The client did not finish the TLS handshake within 30 seconds"};
    struct tls_pair pair;
    start(&pair, 1);
    assert_int_equal(pair_listen(&pair, NULL), COAX_OK);
    assert_int_equal(pair_connect(&pair, "server", NULL), COAX_OK);
    for (int i = 0; i < 2; i++) {
        struct pair_side *side = &pair.sides[i];
        coax_instant deadline = coax_tls_session_deadline(side->session);
        assert_true(deadline == PAIR_NOW + PAIR_TIMEOUT_MS * COAX_MILLISECOND);
        coax_tls_session_expire(side->session, deadline - 1);
        assert_int_equal(side->closed, 0);
        coax_tls_session_expire(side->session, deadline);
        assert_int_equal(side->closed, 1);
        pair_assert_text(&side->error, COAX_E_HANDSHAKE_TIMEOUT, -1, texts[i]);
    }
    pair_end(&pair);
}

static void an_established_session_does_not_expire(void **state) {
    (void)state;
    struct tls_pair pair;
    start_established(&pair, 1);
    coax_tls_session_expire(pair.sides[PAIR_CLIENT].session, COAX_NEVER);
    assert_true(pair_is_up(&pair));
    pair_end(&pair);
}

static void a_close_in_the_handshake_says_nothing(void **state) {
    (void)state;
    struct tls_pair pair;
    start(&pair, 1);
    assert_int_equal(pair_connect(&pair, "server", NULL), COAX_OK);
    struct pair_side *client = &pair.sides[PAIR_CLIENT];
    coax_tls_session_close(client->session);
    assert_int_equal(client->transmits, 1);
    assert_int_equal(coax_tls_session_receive(client->session, (const uint8_t *)"x", 1), 0);
    coax_tls_session_receive_end(client->session);
    assert_true(coax_tls_session_deadline(client->session) == COAX_NEVER);
    assert_int_equal(client->closed, 0);
    pair_end(&pair);
}

/* A closed session that is kept still gives away what it had to say. */
static void gives_its_last_words_after_the_end(void **state) {
    (void)state;
    struct tls_pair pair;
    start_established(&pair, 1);
    struct pair_side *server = &pair.sides[PAIR_SERVER];
    server->on_closed = PAIR_SEND; /* it is not freed */
    server->window = 0;
    coax_tls_session_close(pair.sides[PAIR_CLIENT].session);
    (void)pair_move(&pair, PAIR_CLIENT);
    assert_int_equal(server->closed, 1);
    assert_true(coax_tls_session_pending(server->session) > 0);
    server->window = PAIR_PIPE;
    coax_tls_session_flush(server->session);
    assert_int_equal(coax_tls_session_pending(server->session), 0);
    (void)pair_move(&pair, PAIR_SERVER);
    assert_int_equal(pair.sides[PAIR_CLIENT].error.status, COAX_E_CLOSE_NOTIFY);
    assert_int_equal(server->closed, 1);
    pair_end(&pair);
}

/* --- what is refused --- */

static void refuses_to_renegotiate(void **state) {
    (void)state;
    for (int asking = 0; asking < 2; asking++) {
        struct tls_pair pair;
        start_established(&pair, 0);
        struct pair_side *asked = &pair.sides[1 - asking];
        gnutls_session_t tls = pair.sides[asking].session->secure.tls;
        for (unsigned i = 1; i <= 3; i++) {
            (void)(asking == PAIR_CLIENT ? gnutls_handshake(tls) : gnutls_rehandshake(tls));
            pair_run(&pair);
            assert_int_equal(asked->closed, 0);
            assert_int_equal(asked->established, 1);
            assert_int_equal(pair_send(&pair, asking, "still", 5), 5);
            pair_run(&pair);
            assert_int_equal(asked->received_size, 5 * i);
            assert_int_equal(pair_send(&pair, 1 - asking, "here", 4), 4);
            pair_run(&pair);
            assert_int_equal(pair.sides[asking].received_size, 4 * i);
        }
        assert_true(pair_is_up(&pair));
        pair_end(&pair);
    }
}

static void takes_new_keys(void **state) {
    (void)state;
    struct tls_pair pair;
    start_established(&pair, 1);
    for (unsigned i = 1; i <= 3; i++) {
        assert_int_equal(gnutls_session_key_update(pair.sides[PAIR_CLIENT].session->secure.tls, GNUTLS_KU_PEER), 0);
        assert_int_equal(pair_send(&pair, PAIR_CLIENT, "a", 1), 1);
        pair_run(&pair);
        assert_int_equal(pair_send(&pair, PAIR_SERVER, "b", 1), 1);
        pair_run(&pair);
        assert_int_equal(pair.sides[PAIR_CLIENT].received_size, i);
        assert_int_equal(pair.sides[PAIR_SERVER].received_size, i);
    }
    pair_end(&pair);
}

static void gives_no_tickets(void **state) {
    (void)state;
    struct tls_pair pair;
    start_established(&pair, 1);
    assert_int_equal(gnutls_session_get_flags(pair.sides[PAIR_CLIENT].session->secure.tls)
                         & (GNUTLS_SFLAGS_SESSION_TICKET | GNUTLS_SFLAGS_EARLY_DATA),
                     0);
    pair_end(&pair);
}

/* --- freeing --- */

static void can_be_freed_inside_its_callbacks(void **state) {
    (void)state;
    for (unsigned i = 0; i < 4 * 3 * VERSIONS; i++) {
        unsigned where = i / 2 % 3;
        enum pair_deed deed = i / 12 == 0 ? PAIR_FREE : PAIR_CLOSE;
        struct tls_pair pair;
        start(&pair, i / 6 % VERSIONS);
        struct pair_side *side = &pair.sides[i % 2];
        side->on_established = where == 0 ? deed : PAIR_NOTHING;
        side->on_data = where == 1 ? deed : PAIR_NOTHING;
        pair_shake_hands(&pair, "server");
        if (where > 0) {
            assert_true(pair_is_up(&pair));
            side->on_transmit = where == 2 ? PAIR_FREE : PAIR_NOTHING;
            for (int end = 0; end < 2; end++) {
                assert_int_equal(pair_send(&pair, end, "a", 1), 1);
                pair.sides[end].on_transmit = PAIR_NOTHING;
            }
            pair_run(&pair);
        }
        assert_null(side->session);
        assert_int_equal(side->closed, 0);
        assert_int_equal(pair.sides[1 - i % 2].closed, deed == PAIR_CLOSE && where < 2);
        pair_end(&pair);
    }
}

static void answers_inside_its_callback_and_not_inside_transmit(void **state) {
    (void)state;
    struct tls_pair pair;
    start_established(&pair, 1);
    pair.sides[PAIR_SERVER].on_data = PAIR_SEND;
    pair.sides[PAIR_SERVER].on_transmit = PAIR_SEND; /* refused */
    assert_int_equal(pair_send(&pair, PAIR_CLIENT, "a", 1), 1);
    pair_run(&pair);
    assert_int_equal(pair.sides[PAIR_CLIENT].received_size, 6);
    assert_memory_equal(pair.sides[PAIR_CLIENT].received, "answer", 6);
    pair_end(&pair);
}

/* --- hostile bytes --- */

static void says_that_a_peer_does_not_speak_tls(void **state) {
    (void)state;
    static const char *const texts[] = {"HTTP/1.1 400 Bad Request\r\n\r\n", "\x01\xe1\x21", "\x80\x2e\x01"};
    for (size_t i = 0; i < 6; i++) {
        struct tls_pair pair;
        start(&pair, 1);
        assert_int_equal(pair_listen(&pair, NULL), COAX_OK);
        assert_int_equal(pair_connect(&pair, "server", NULL), COAX_OK);
        struct pair_side *side = &pair.sides[i % 2];
        (void)coax_tls_session_receive(side->session, (const uint8_t *)texts[i / 2], strlen(texts[i / 2]));
        pair_assert_text(&side->error, COAX_E_HANDSHAKE, -1, "does not speak TLS");
        pair_end(&pair);
    }
}

static void garbage_ends_it_with_a_sentence(void **state) {
    (void)state;
    uint32_t seed = 1;
    for (unsigned round = 0; round < 400; round++) {
        struct tls_pair pair;
        start(&pair, round % VERSIONS);
        assert_int_equal(pair_listen(&pair, NULL), COAX_OK);
        assert_int_equal(pair_connect(&pair, "server", NULL), COAX_OK);
        if (round % 3 == 0) {
            pair_run(&pair);
        }
        struct pair_side *side = &pair.sides[round / 2 % 2];
        uint8_t bytes[200];
        for (size_t i = 0; i < sizeof bytes; i++) {
            seed = seed * 1664525U + 1013904223U;
            bytes[i] = (uint8_t)(seed >> 16);
        }
        /* A record's header, so that it is read at all. */
        bytes[0] = (uint8_t)(20 + round % 5);
        bytes[1] = 3;
        bytes[2] = 3;
        bytes[3] = 0;
        bytes[4] = (uint8_t)(round % 190);
        (void)coax_tls_session_receive(side->session, bytes, sizeof bytes);
        if (side->closed == 0) {
            coax_tls_session_receive_end(side->session);
        }
        assert_int_equal(side->closed, 1);
        assert_int_equal(side->received_size, 0);
        assert_in_range(strlen(side->error.text), 20, 480);
        pair_end(&pair);
    }
}

/* Runs a handshake with one byte changed, or cut there; false if there is no such byte. */
static bool run_mutated(size_t version, struct pair_mutation mutation) {
    struct tls_pair pair;
    start(&pair, version);
    mutation.is_over = true;
    pair.mutation = &mutation;
    pair_shake_hands(&pair, "server");
    bool happened = !mutation.is_over;
    for (int i = 0; i < 2; i++) {
        struct pair_side *side = &pair.sides[i];
        if (side->session != NULL && happened) {
            coax_tls_session_receive_end(side->session);
        }
        assert_true(!happened || side->closed == 1);
        assert_true(!happened || side->error.text[0] != '\0');
    }
    pair_end(&pair);
    return happened;
}

static void every_truncation_of_a_handshake_is_survived(void **state) {
    (void)state;
    for (size_t version = 0; version < VERSIONS; version++) {
        for (int from = 0; from < 2; from++) {
            size_t position = 0;
            while (run_mutated(version, (struct pair_mutation){.from = from, .position = position})) {
                position += thorough_step(1, 17);
            }
            assert_in_range(position, 100, 2000);
        }
    }
}

static void corruptions_of_a_handshake_are_survived(void **state) {
    (void)state;
    static const uint8_t changes[] = {0x01, 0x80, 0xff};
    for (size_t i = 0; i < (size_t)VERSIONS * 2 * 3; i++) {
        struct pair_mutation mutation = {.from = (int)(i % 2), .change = changes[i / 2 % 3]};
        while (run_mutated(i / 6, mutation)) {
            mutation.position += thorough_step(1, 29);
        }
    }
}

/* No changed byte of a record passes for what was sent, and the session ends there. */
static void changed_records_end_the_session(void **state) {
    (void)state;
    for (size_t position = 0; position < 60; position++) {
        struct tls_pair pair;
        start_established(&pair, position % VERSIONS);
        struct pair_side *client = &pair.sides[PAIR_CLIENT];
        struct pair_side *server = &pair.sides[PAIR_SERVER];
        assert_int_equal(pair_send(&pair, PAIR_CLIENT, "hello", 5), 5);
        size_t size = client->pipe_end - client->pipe_start;
        if (position / 2 < size) {
            client->pipe[client->pipe_start + position / 2] ^= 1;
            pair_run(&pair);
            if (server->closed == 0) { /* it waits for a longer record */
                coax_tls_session_receive_end(server->session);
            }
            assert_int_equal(server->closed, 1);
            /* Type and version of a record mean nothing in TLS 1.3 (RFC 8446 section 5.2). */
            bool means_nothing = position % VERSIONS == 1 && position / 2 <= 2;
            assert_true(server->received_size == 0 || means_nothing);
        }
        pair_end(&pair);
    }
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
        struct tls_pair pair;
        start(&pair, n % VERSIONS);
        allocations_left = n;
        gnutls_malloc = failing_malloc;
        gnutls_calloc = failing_calloc;
        coax_error error = {0};
        enum coax_status listening = pair_listen(&pair, &error);
        enum coax_status connecting = pair_connect(&pair, "server", &error);
        assert_true(listening == COAX_OK || pair.sides[PAIR_SERVER].session == NULL);
        assert_true(connecting == COAX_OK || pair.sides[PAIR_CLIENT].session == NULL);
        pair_run(&pair);
        gnutls_malloc = real_malloc;
        gnutls_calloc = real_calloc;
        pair_end(&pair);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(carries_bytes_both_ways_in_any_segments),
        cmocka_unit_test(knows_whether_it_stands_within_a_record),
        cmocka_unit_test(refuses_to_send_too_early_or_too_late),
        cmocka_unit_test(puts_the_first_bytes_behind_the_flight),
        cmocka_unit_test(takes_no_more_than_its_maximum),
        cmocka_unit_test(pauses_when_its_owner_does),
        cmocka_unit_test(shakes_hands_through_a_narrow_pipe),
        cmocka_unit_test(tells_the_peer_that_it_closes),
        cmocka_unit_test(tells_a_truncation_from_an_end),
        cmocka_unit_test(tells_an_end_during_the_handshake),
        cmocka_unit_test(tells_a_close_notify_during_the_handshake),
        cmocka_unit_test(blames_no_key_after_a_server_hello),
        cmocka_unit_test(tells_fatal_alerts_from_warnings),
        cmocka_unit_test(ends_at_its_deadline),
        cmocka_unit_test(an_established_session_does_not_expire),
        cmocka_unit_test(a_close_in_the_handshake_says_nothing),
        cmocka_unit_test(gives_its_last_words_after_the_end),
        cmocka_unit_test(refuses_to_renegotiate),
        cmocka_unit_test(takes_new_keys),
        cmocka_unit_test(gives_no_tickets),
        cmocka_unit_test(can_be_freed_inside_its_callbacks),
        cmocka_unit_test(answers_inside_its_callback_and_not_inside_transmit),
        cmocka_unit_test(says_that_a_peer_does_not_speak_tls),
        cmocka_unit_test(garbage_ends_it_with_a_sentence),
        cmocka_unit_test(every_truncation_of_a_handshake_is_survived),
        cmocka_unit_test(corruptions_of_a_handshake_are_survived),
        cmocka_unit_test(changed_records_end_the_session),
        cmocka_unit_test(survives_failing_allocations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
