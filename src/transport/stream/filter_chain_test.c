#include "transport/stream/filter_test_pair.h"

#include "test_certificates.h"
#include "thorough.h"

static const enum coax_scheme schemes[] = {COAX_SCHEME_COAP_TCP, COAX_SCHEME_COAP_WS, COAX_SCHEME_COAPS_TCP,
                                           COAX_SCHEME_COAPS_WS};
enum { SCHEMES = sizeof schemes / sizeof schemes[0], IN_THE_CLEAR = 2 };

static bool is_websocket(enum coax_scheme scheme) {
    return scheme == COAX_SCHEME_COAP_WS || scheme == COAX_SCHEME_COAPS_WS;
}

/* --- messages --- */

static void speaks_every_scheme_however_it_is_cut(void **state) {
    (void)state;
    static const size_t segments[] = {1, 2, 7, 1000, 16 * 1024, SIZE_MAX};
    enum { MESSAGES = 13 };
    for (size_t i = 0; i < SCHEMES * (sizeof segments / sizeof segments[0]); i++) {
        struct chain_pair pair;
        chain_pair_start(&pair, schemes[i % SCHEMES]);
        pair.segment = segments[i / SCHEMES];
        chain_run(&pair);
        for (int side = 0; side < 2; side++) {
            assert_int_equal(pair.sides[side].opened, 1);
            assert_null(pair.sides[side].chain->opening);
            chain_assert_holds_nothing(&pair.sides[side]);
            chain_send_all(&pair.sides[side], MESSAGES);
        }
        chain_run(&pair);
        for (int side = 0; side < 2; side++) {
            assert_int_equal(pair.sides[side].messages, MESSAGES);
            assert_int_equal(pair.sides[side].sum, chain_sum(MESSAGES));
            assert_int_equal(pair.sides[side].ended + pair.sides[side].unreadable, 0);
            chain_assert_holds_nothing(&pair.sides[side]);
        }
        chain_pair_free(&pair);
    }
}

/* What a client sends from its first byte on, to be played to other servers. */
static size_t record(enum coax_scheme scheme, unsigned count, uint8_t **stream) {
    struct chain_pair pair;
    chain_pair_open(&pair, scheme);
    struct chain_side *client = &pair.sides[CHAIN_CLIENT];
    chain_send_all(client, count);
    coax_filter_chain_flush(client->chain);
    *stream = client->pipe;
    size_t size = client->pipe_end;
    client->pipe = NULL;
    chain_pair_free(&pair);
    return size;
}

static void reads_the_same_cut_in_two_anywhere(void **state) {
    (void)state;
    for (size_t i = 0; i < IN_THE_CLEAR; i++) {
        uint8_t *stream;
        size_t size = record(schemes[i], 10, &stream);
        for (size_t cut = 0; cut <= size; cut += thorough_step(1, 29)) {
            struct chain_pair pair;
            struct chain_side *server = chain_pair_serve(&pair, schemes[i]);
            chain_feed(server, stream, cut);
            chain_feed(server, stream + cut, size - cut);
            assert_int_equal(server->messages, 10);
            assert_int_equal(server->sum, chain_sum(10));
            coax_filter_chain_flush(server->chain);
            chain_assert_holds_nothing(server);
            chain_pair_free(&pair);
        }
        free(stream);
    }
}

static void knows_whether_it_is_within_a_message(void **state) {
    (void)state;
    for (size_t i = 0; i < SCHEMES; i++) {
        struct chain_pair pair;
        chain_pair_start(&pair, schemes[i]);
        assert_false(coax_filter_chain_is_within_message(pair.sides[CHAIN_SERVER].chain) && is_websocket(schemes[i]));
        chain_run(&pair);
        struct chain_side *server = &pair.sides[CHAIN_SERVER];
        assert_int_equal(chain_send(&pair.sides[CHAIN_CLIENT], 12), COAX_OK); /* 70,000 bytes: five records */
        pair.segment = 40000;
        (void)chain_move(&pair, CHAIN_CLIENT);
        assert_int_equal(server->messages, 0);
        assert_true(coax_filter_chain_is_within_message(server->chain));
        assert_in_range(coax_filter_chain_held(server->chain), 16 * 1024, 80 * 1024);
        chain_run(&pair);
        assert_int_equal(server->messages, 1);
        chain_assert_holds_nothing(server);
        chain_pair_free(&pair);
    }
}

/* Many small ones in one piece, and an owner that can only do one at a time. */
static void stops_after_every_message_if_it_is_asked_to(void **state) {
    (void)state;
    const unsigned count = thorough_step(5000, 500);
    for (size_t i = 0; i < SCHEMES; i++) {
        struct chain_pair pair;
        chain_pair_open(&pair, schemes[i]);
        struct chain_side *client = &pair.sides[CHAIN_CLIENT], *server = &pair.sides[CHAIN_SERVER];
        server->pauses = true;
        server->on_message = CHAIN_SEND;
        for (unsigned n = 0; n < count; n++) {
            assert_int_equal(chain_send(client, 13 * n), COAX_OK); /* without a payload */
        }
        (void)chain_move(&pair, CHAIN_CLIENT);
        (void)chain_move(&pair, CHAIN_CLIENT); /* nothing comes by itself */
        assert_int_equal(server->messages, 1);
        assert_true(coax_filter_chain_held(server->chain) > count);
        if (coax_scheme_is_secure(schemes[i])) { /* what is sealed stays so */
            assert_int_equal(byte_queue_size(&server->chain->plain), 0);
        }
        for (unsigned n = 2; n <= count; n++) {
            coax_filter_chain_resume(server->chain);
            assert_int_equal(server->messages, n);
        }
        coax_filter_chain_resume(server->chain);
        chain_run(&pair);
        assert_int_equal(client->messages, count);
        assert_int_equal(server->ended, 0);
        chain_assert_holds_nothing(server);
        chain_pair_free(&pair);
    }
}

/* What a pause has left is read before the end of the stream is told. */
static void the_end_waits_for_a_pause(void **state) {
    (void)state;
    for (size_t i = 0; i < SCHEMES; i++) {
        struct chain_pair pair;
        chain_pair_open(&pair, schemes[i]);
        struct chain_side *server = &pair.sides[CHAIN_SERVER];
        server->pauses = true;
        chain_send_all(&pair.sides[CHAIN_CLIENT], 10);
        coax_filter_chain_flush(pair.sides[CHAIN_CLIENT].chain);
        (void)chain_move(&pair, CHAIN_CLIENT);
        coax_filter_chain_receive_end(server->chain);
        for (unsigned n = 1; n <= 10; n++) {
            assert_int_equal(server->messages, n);
            assert_int_equal(server->ended, 0);
            coax_filter_chain_resume(server->chain);
        }
        assert_int_equal(server->sum, chain_sum(10));
        chain_assert_end(server, COAX_E_LOST, "ended");
        coax_filter_chain_resume(server->chain); /* it is over: nothing happens */
        chain_pair_free(&pair);
    }
}

static void sends_within_callbacks(void **state) {
    (void)state;
    for (size_t i = 0; i < SCHEMES; i++) {
        struct chain_pair pair;
        chain_pair_init(&pair, schemes[i]);
        struct chain_side *client = &pair.sides[CHAIN_CLIENT], *server = &pair.sides[CHAIN_SERVER];
        chain_set_psk(client, "secretPSK");
        chain_set_psk(server, "secretPSK");
        client->on_opened = server->on_opened = server->on_message = CHAIN_SEND;
        assert_int_equal(chain_listen(&pair, NULL), COAX_OK);
        assert_int_equal(chain_connect(&pair, "h", NULL), COAX_OK);
        chain_run(&pair);
        assert_int_equal(server->messages, 1);
        assert_int_equal(client->messages, 2);
        assert_string_equal(client->log, "0.02 4 0\n0.02 4 0\n");
        chain_pair_free(&pair);
    }
}

static void sends_only_what_can_be_sent(void **state) {
    (void)state;
    for (size_t i = 0; i < SCHEMES; i++) {
        static uint8_t token[66000];
        const struct coax_message impossible = {.code = COAX_GET, .token = bytes_of(token, sizeof token)};
        const struct coax_message ping = {.code = COAX_PING};
        struct chain_pair pair;
        chain_pair_start(&pair, schemes[i]);
        struct chain_side *client = &pair.sides[CHAIN_CLIENT];
        coax_error error;
        if (schemes[i] != COAX_SCHEME_COAP_TCP) { /* there is nothing to wait for on that */
            assert_int_equal(coax_filter_chain_send(client->chain, &ping, &error), COAX_E_STATE);
            assert_string_equal(error.text, "The connection is not open");
        }
        chain_run(&pair);
        assert_int_equal(coax_filter_chain_send(client->chain, &impossible, &error), COAX_E_TOO_LARGE);
        assert_int_equal(coax_filter_chain_pending(client->chain), 0);
        assert_int_equal(coax_filter_chain_send(client->chain, &ping, NULL), COAX_OK);
        coax_filter_chain_close(client->chain, FAREWELL_NORMAL);
        assert_int_equal(coax_filter_chain_send(client->chain, &ping, NULL), COAX_E_STATE);
        chain_run(&pair);
        assert_string_equal(pair.sides[CHAIN_SERVER].log, "7.02 0 0\n");
        chain_pair_free(&pair);
    }
}

/* A system that takes a byte, and then nothing for a while. */
static void what_is_not_taken_waits(void **state) {
    (void)state;
    for (size_t i = 0; i < SCHEMES; i++) {
        struct chain_pair pair;
        chain_pair_open(&pair, schemes[i]);
        struct chain_side *client = &pair.sides[CHAIN_CLIENT];
        client->room = 0;
        chain_send_all(client, 11);
        size_t waits = coax_filter_chain_pending(client->chain);
        assert_in_range(waits, 3000, 6000);
        assert_true(coax_filter_chain_held(client->chain) >= waits);
        for (; waits > 0; waits--) {
            coax_filter_chain_flush(client->chain);
            assert_int_equal(coax_filter_chain_pending(client->chain), waits);
            client->room = 1;
            coax_filter_chain_flush(client->chain);
        }
        chain_assert_holds_nothing(client);
        chain_run(&pair);
        assert_int_equal(pair.sides[CHAIN_SERVER].sum, chain_sum(11));
        chain_pair_free(&pair);
    }
}

/* --- goodbye --- */

static bool is_closed(struct tls_session *session) {
    size_t taken;
    return coax_tls_session_send(session, (const uint8_t *)"x", 1, &taken) == COAX_E_STATE;
}

static void a_goodbye_reaches_the_peer_behind_what_was_sent(void **state) {
    (void)state;
    static const char *const texts[SCHEMES] = {"", "code 1000", "", "code 1000"};
    for (size_t i = 0; i < SCHEMES * 2; i++) {
        struct chain_pair pair;
        chain_pair_open(&pair, schemes[i % SCHEMES]);
        struct chain_side *from = &pair.sides[i / SCHEMES], *to = &pair.sides[1 - i / SCHEMES];
        chain_send_all(from, 13);
        coax_filter_chain_close(from->chain, FAREWELL_NORMAL);
        coax_filter_chain_close(from->chain, FAREWELL_BAD_DATA); /* once is enough */
        chain_run(&pair);
        assert_int_equal(to->sum, chain_sum(13));
        if (schemes[i % SCHEMES] == COAX_SCHEME_COAP_TCP) {
            assert_int_equal(to->ended, 0);
            coax_filter_chain_receive_end(to->chain);
            chain_assert_end(to, COAX_E_LOST, "The peer ended the connection");
        } else {
            bool is_tls = schemes[i % SCHEMES] == COAX_SCHEME_COAPS_TCP;
            chain_assert_end(to, is_tls ? COAX_E_CLOSE_NOTIFY : COAX_E_LOST, texts[i % SCHEMES]);
            assert_true(to->chain->tls == NULL || is_closed(to->chain->tls));
        }
        assert_int_equal(from->ended, 0);
        assert_int_equal(coax_filter_chain_pending(from->chain), 0);
        coax_filter_chain_receive_end(from->chain);
        assert_int_equal(from->ended, 0);
        chain_pair_free(&pair);
    }
}

/* With more in the same piece, which is ignored. */
static void nothing_comes_after_a_goodbye_in_a_callback(void **state) {
    (void)state;
    for (size_t i = 0; i < SCHEMES * 2; i++) {
        struct chain_pair pair;
        chain_pair_open(&pair, schemes[i / 2]);
        struct chain_side *server = &pair.sides[CHAIN_SERVER];
        server->on_message = CHAIN_CLOSE;
        server->pauses = i % 2 == 1;
        chain_send_all(&pair.sides[CHAIN_CLIENT], 10);
        chain_run(&pair);
        assert_int_equal(server->messages, 1);
        chain_send_all(&pair.sides[CHAIN_CLIENT], schemes[i / 2] == COAX_SCHEME_COAP_TCP ? 10 : 0);
        chain_run(&pair);
        coax_filter_chain_resume(server->chain);
        coax_filter_chain_receive_end(server->chain);
        assert_int_equal(server->messages, 1);
        assert_int_equal(server->ended + server->unreadable, 0);
        assert_int_equal(coax_filter_chain_pending(server->chain), 0);
        chain_pair_free(&pair);
    }
}

static void a_goodbye_in_opened_is_one(void **state) {
    (void)state;
    for (size_t i = 0; i < SCHEMES; i++) {
        struct chain_pair pair;
        chain_pair_init(&pair, schemes[i]);
        chain_set_psk(&pair.sides[CHAIN_CLIENT], "secretPSK");
        chain_set_psk(&pair.sides[CHAIN_SERVER], "secretPSK");
        struct chain_side *client = &pair.sides[CHAIN_CLIENT], *server = &pair.sides[CHAIN_SERVER];
        server->on_opened = CHAIN_CLOSE;
        client->on_opened = CHAIN_SEND;
        assert_int_equal(chain_listen(&pair, NULL), COAX_OK);
        assert_int_equal(chain_connect(&pair, "h", NULL), COAX_OK);
        chain_run(&pair);
        assert_int_equal(server->opened, 1);
        assert_int_equal(server->messages + server->ended, 0);
        assert_int_equal(client->ended, schemes[i] != COAX_SCHEME_COAP_TCP);
        chain_pair_free(&pair);
    }
}

static void is_freed_at_any_time(void **state) {
    (void)state;
    struct filter_chain never = {0};
    coax_filter_chain_free(&never);
    assert_int_equal(coax_filter_chain_pending(&never), 0);
    for (size_t i = 0; i < SCHEMES; i++) {
        bool goes_on = true;
        for (unsigned turns = 0; goes_on; turns++) {
            struct chain_pair pair;
            chain_pair_start(&pair, schemes[i]);
            pair.segment = 100;
            for (unsigned turn = 0; turn < turns; turn++) {
                bool went = chain_move(&pair, CHAIN_CLIENT), came = chain_move(&pair, CHAIN_SERVER);
                goes_on = went || came;
            }
            chain_drop(&pair.sides[turns % 2]);
            chain_pair_free(&pair);
        }
    }
}

/* --- who the peer is --- */

static void knows_who_is_there(void **state) {
    (void)state;
    for (size_t i = 0; i < SCHEMES; i++) {
        static const char *const hosts[SCHEMES] = {"", "server.example:1234", "server.example", "server.example:1234"};
        struct chain_pair pair;
        chain_pair_open(&pair, schemes[i]);
        bool is_secure = coax_scheme_is_secure(schemes[i]);
        assert_string_equal(pair.sides[CHAIN_SERVER].asked_host, hosts[i]);
        assert_int_equal(pair.sides[CHAIN_SERVER].has_credential, is_secure);
        assert_int_equal(pair.sides[CHAIN_CLIENT].has_credential, is_secure);
        assert_false(pair.sides[CHAIN_SERVER].is_forwarded);
        if (is_secure) {
            const char *protocol = coax_tls_session_protocol(pair.sides[CHAIN_SERVER].chain->tls);
            assert_string_equal(protocol, is_websocket(schemes[i]) ? "http/1.1" : "coap");
        }
        chain_pair_free(&pair);
    }
}

static void set_x509(struct chain_side *side, const struct test_certificate *own,
                     const struct test_certificate *trust) {
    coax_x509 x509 = COAX_X509_INIT;
    x509.certificate = own == NULL ? NULL : own->certificate_pem;
    x509.private_key = own == NULL ? NULL : own->private_pem;
    x509.trust = trust == NULL ? NULL : trust->certificate_pem;
    assert_int_equal(coax_credentials_set_x509(side->credentials, own == NULL ? ":client" : ":server", &x509, NULL),
                     COAX_OK);
}

/* The server's certificate is checked for the name before anything of CoAP is said. */
static void certificates_are_checked(void **state) {
    (void)state;
    struct test_certificate authority, good, other;
    test_certificate_make(&authority, &(struct test_certificate_options){.name = "authority", .is_authority = true});
    test_certificate_make(
        &good, &(struct test_certificate_options){.name = "good", .host = "server.example", .issuer = &authority});
    test_certificate_make(
        &other, &(struct test_certificate_options){.name = "other", .host = "other.example", .issuer = &authority});
    for (size_t i = 0; i < 4; i++) {
        struct chain_pair pair;
        chain_pair_init(&pair, i < 2 ? COAX_SCHEME_COAPS_TCP : COAX_SCHEME_COAPS_WS);
        struct chain_side *client = &pair.sides[CHAIN_CLIENT], *server = &pair.sides[CHAIN_SERVER];
        set_x509(client, NULL, &authority);
        set_x509(server, i % 2 == 0 ? &good : &other, NULL);
        client->on_opened = CHAIN_SEND;
        assert_int_equal(chain_listen(&pair, NULL), COAX_OK);
        assert_int_equal(chain_connect(&pair, "server.example", NULL), COAX_OK);
        chain_run(&pair);
        assert_int_equal(client->opened + server->opened, i % 2 == 0 ? 2 : 0);
        assert_int_equal(server->messages, i % 2 == 0);
        assert_false(server->has_credential); /* the client showed none */
        if (i % 2 == 1) {
            chain_assert_end(client, COAX_E_HOST_NAME, "other.example");
            chain_assert_end(server, COAX_E_TLS_ALERT, "");
        }
        chain_pair_free(&pair);
    }
    test_certificate_free(&authority);
    test_certificate_free(&good);
    test_certificate_free(&other);
}

static void needs_credentials_to_start(void **state) {
    (void)state;
    struct chain_pair pair;
    coax_error error;
    chain_pair_init(&pair, COAX_SCHEME_COAPS_WS);
    assert_int_equal(chain_listen(&pair, &error), COAX_E_HANDSHAKE);
    assert_null(pair.sides[CHAIN_SERVER].chain->opening);
    chain_pair_free(&pair);
}

/* Idle connections are many. */
static void is_small_while_idle(void **state) {
    (void)state;
    print_message("an idle chain: %zu bytes\n", sizeof(struct filter_chain));
    assert_in_range(sizeof(struct filter_chain), 1, 256);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(speaks_every_scheme_however_it_is_cut),
        cmocka_unit_test(reads_the_same_cut_in_two_anywhere),
        cmocka_unit_test(knows_whether_it_is_within_a_message),
        cmocka_unit_test(stops_after_every_message_if_it_is_asked_to),
        cmocka_unit_test(the_end_waits_for_a_pause),
        cmocka_unit_test(sends_within_callbacks),
        cmocka_unit_test(sends_only_what_can_be_sent),
        cmocka_unit_test(what_is_not_taken_waits),
        cmocka_unit_test(a_goodbye_reaches_the_peer_behind_what_was_sent),
        cmocka_unit_test(nothing_comes_after_a_goodbye_in_a_callback),
        cmocka_unit_test(a_goodbye_in_opened_is_one),
        cmocka_unit_test(is_freed_at_any_time),
        cmocka_unit_test(knows_who_is_there),
        cmocka_unit_test(certificates_are_checked),
        cmocka_unit_test(needs_credentials_to_start),
        cmocka_unit_test(is_small_while_idle),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
