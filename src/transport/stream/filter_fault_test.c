/* Chains whose peer breaks the rules, or off: what is told, once, and what the peer is told. */
#include "transport/stream/filter_test_pair.h"

#include "thorough.h"

static const enum coax_scheme schemes[] = {COAX_SCHEME_COAP_TCP, COAX_SCHEME_COAP_WS, COAX_SCHEME_COAPS_TCP,
                                           COAX_SCHEME_COAPS_WS};
enum { SCHEMES = sizeof schemes / sizeof schemes[0] };

static bool is_websocket(enum coax_scheme scheme) {
    return scheme == COAX_SCHEME_COAP_WS || scheme == COAX_SCHEME_COAPS_WS;
}

/* An open chain's own sealing, put to wrong use: bytes that are no frame go out as one. */
static void send_bytes(struct chain_side *side, const uint8_t *data, size_t size) {
    struct filter_chain *chain = side->chain;
    uint8_t frame[WEBSOCKET_HEADER_MAXIMUM + 64];
    size_t room = 0, taken = 0;
    if (is_websocket(chain->scheme)) {
        room = coax_websocket_header_room(&chain->reader.websocket, size);
        memcpy(frame + room, data, size);
        coax_websocket_seal(&chain->reader.websocket, frame, size);
    } else {
        memcpy(frame, data, size);
    }
    if (chain->tls != NULL) {
        assert_int_equal(coax_tls_session_send(chain->tls, frame, room + size, &taken), COAX_OK);
    } else {
        assert_true(coax_byte_queue_append(&chain->out, frame, room + size));
    }
}

/* --- messages --- */

struct broken {
    const char *bytes;
    size_t size;
    const char *text;
};

static const struct broken broken_frames[] = {
    {"\x0f\x01", 2, "The token length 15"},
    {"\x10\x01\x55", 3, "runs past the end"},
    {"\x00\xc0", 2, "reserved class"},
};
/* A frame over WebSocket says no length. */
static const struct broken broken_messages[] = {
    {"\x0f\x01", 2, "token length"},
    {"\x00\x01\x55", 3, "runs past the end"},
    {"\x00\xc0", 2, "reserved class"},
    {"\x10\x01", 2, ""},
    {"\x00", 1, ""},
};

static void expect_unreadable(enum coax_scheme scheme, const struct broken *broken, enum chain_deed deed) {
    struct chain_pair pair;
    chain_pair_open(&pair, scheme);
    struct chain_side *client = &pair.sides[CHAIN_CLIENT], *server = &pair.sides[CHAIN_SERVER];
    server->on_unreadable = deed;
    chain_send_all(client, 3);
    send_bytes(client, (const uint8_t *)broken->bytes, broken->size);
    (void)chain_send(client, 0);
    chain_run(&pair);
    assert_int_equal(server->messages, 3);
    assert_int_equal(server->unreadable, 1);
    assert_int_equal(server->farewell, is_websocket(scheme) ? FAREWELL_BAD_DATA : FAREWELL_PROTOCOL_ERROR);
    chain_assert_end(server, COAX_E_FORMAT, broken->text);
    if (deed == CHAIN_NOTHING) { /* the owner takes its time */
        chain_feed(server, "more", scheme == COAX_SCHEME_COAP_TCP ? 4 : 0);
        assert_int_equal(server->unreadable + server->ended, 1);
    }
    if (deed == CHAIN_SEND) {
        assert_string_equal(client->log, "7.05 0 3\n");
    }
    if (deed != CHAIN_NOTHING && scheme != COAX_SCHEME_COAP_TCP) {
        chain_assert_end(client, is_websocket(scheme) ? COAX_E_LOST : COAX_E_CLOSE_NOTIFY,
                         is_websocket(scheme) ? "code 1007" : "");
    }
    chain_pair_free(&pair);
}

static void tells_what_is_no_message(void **state) {
    (void)state;
    for (size_t i = 0; i < SCHEMES * 3; i++) {
        enum coax_scheme scheme = schemes[i % SCHEMES];
        const struct broken *rows = is_websocket(scheme) ? broken_messages : broken_frames;
        size_t count = is_websocket(scheme) ? sizeof broken_messages / sizeof *broken_messages
                                            : sizeof broken_frames / sizeof *broken_frames;
        for (size_t row = 0; row < count; row++) {
            expect_unreadable(scheme, &rows[row], (enum chain_deed)(i / SCHEMES));
        }
    }
}

/* On a stream the owner has to say so, on a WebSocket the code of its close does. */
static void tells_what_is_too_large(void **state) {
    (void)state;
    for (size_t i = 0; i < SCHEMES; i++) {
        struct chain_pair pair;
        chain_pair_init(&pair, schemes[i]);
        struct chain_side *client = &pair.sides[CHAIN_CLIENT], *server = &pair.sides[CHAIN_SERVER];
        server->setup.limits.message_maximum = 1000;
        coax_filter_setup_init(&server->setup);
        chain_set_psk(client, "secretPSK");
        chain_set_psk(server, "secretPSK");
        assert_int_equal(chain_listen(&pair, NULL), COAX_OK);
        assert_int_equal(chain_connect(&pair, "h", NULL), COAX_OK);
        server->on_unreadable = CHAIN_SEND;
        chain_run(&pair);
        assert_int_equal(chain_send(client, 0), COAX_OK);
        assert_int_equal(chain_send(client, 10), COAX_OK);
        chain_run(&pair);
        assert_int_equal(server->messages, 1);
        assert_int_equal(server->unreadable, !is_websocket(schemes[i]));
        assert_int_equal(server->farewell, is_websocket(schemes[i]) ? FAREWELL_NORMAL : FAREWELL_TOO_LARGE);
        chain_assert_end(server, COAX_E_TOO_LARGE, is_websocket(schemes[i]) ? "code 1009" : "2109 bytes");
        if (is_websocket(schemes[i])) {
            chain_assert_end(client, COAX_E_LOST, "code 1009: \"message over the maximum size\"");
        } else {
            assert_string_equal(client->log, "7.05 0 3\n");
        }
        chain_pair_free(&pair);
    }
}

/* --- WebSocket --- */

static void violations_of_websocket_end_it(void **state) {
    (void)state;
    static const struct {
        const char *bytes;
        size_t size;
        const char *text, *answer; /* the start of the close frame's payload */
    } rows[] = {
        {"\x81\x80mask", 6, "code 1003", "\x03\xeb"},
        {"\x82\x02\x00\x01", 4, "code 1002", "\x03\xea"},
        {"\xc2\x80mask", 6, "code 1002", "\x03\xea"},
        {"\x82\xff\x00\x00\x00\x00\x7f\xff\xff\xffmask", 14, "code 1009", "\x03\xf1"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct chain_pair pair;
        struct chain_side *server = chain_pair_serve(&pair, COAX_SCHEME_COAP_WS);
        chain_feed(server, UPGRADE, sizeof UPGRADE - 1);
        assert_string_equal(chain_written(server), UPGRADED);
        chain_feed(server, rows[i].bytes, rows[i].size);
        assert_int_equal(server->unreadable, 0);
        chain_assert_end(server, i == 3 ? COAX_E_TOO_LARGE : COAX_E_FORMAT, rows[i].text);
        const char *answer = chain_written(server);
        assert_int_equal((uint8_t)answer[0], 0x88);
        assert_memory_equal(answer + 2, rows[i].answer, 2);
        chain_feed(server,
                   "\x82\x82"
                   "abcd\x00\x01",
                   8); /* it is over: nothing comes any more */
        chain_pair_free(&pair);
    }
}

static void pings_are_answered_and_pause_nothing(void **state) {
    (void)state;
    struct chain_pair pair;
    struct chain_side *server = chain_pair_serve(&pair, COAX_SCHEME_COAP_WS);
    chain_feed(server, UPGRADE, sizeof UPGRADE - 1);
    (void)chain_written(server);
    chain_feed(server, "\x89\x82\0\0\0\0ab\x82\x82\0\0\0\0\0\x01\x8a\x80\0\0\0\0\x82\x82\0\0\0\0\0\x01", 30);
    assert_string_equal(chain_written(server), "\x8a\x02"
                                               "ab");
    assert_string_equal(server->log, "0.01 0 0\n0.01 0 0\n");
    chain_pair_free(&pair);
}

/* Told by its own words, which are quoted. */
static void a_peers_close_is_told_and_answered(void **state) {
    (void)state;
    struct chain_pair pair;
    struct chain_side *server = chain_pair_serve(&pair, COAX_SCHEME_COAP_WS);
    chain_feed(server, UPGRADE, sizeof UPGRADE - 1);
    (void)chain_written(server);
    chain_feed(server,
               "\x88\x86\0\0\0\0\x03\xe9"
               "by\x1b!",
               12);
    chain_assert_end(server, COAX_E_LOST, "The peer closed the WebSocket with code 1001: \"by");
    assert_null(strchr(server->error.text, '\x1b'));
    assert_memory_equal(chain_written(server), "\x88\x02\x03\xe9", 4);
    chain_pair_free(&pair);
}

/* --- the end of the stream --- */

/* The bytes of `from` stop after `size` of them; false if that was all of them. */
static bool run_until(struct chain_pair *pair, int from, size_t size) {
    struct chain_side *side = &pair->sides[from];
    bool moved = true;
    while (moved) {
        coax_filter_chain_flush(side->chain);
        size_t left = size - side->pipe_start, waits = side->pipe_end - side->pipe_start;
        pair->segment = left < waits ? left : SIZE_MAX;
        moved = left > 0 && chain_move(pair, from);
        pair->segment = SIZE_MAX;
        moved = chain_move(pair, 1 - from) || moved;
        if (side->pipe_start == size) {
            return true;
        }
    }
    return false;
}

/* What `other` is told when the stream ends after `size` bytes of its peer's opening. */
static bool expect_lost(enum coax_scheme scheme, int from, size_t size) {
    struct chain_pair pair;
    chain_pair_init(&pair, scheme);
    struct chain_side *other = &pair.sides[1 - from];
    chain_set_psk(&pair.sides[CHAIN_CLIENT], "secretPSK");
    chain_set_psk(&pair.sides[CHAIN_SERVER], "secretPSK");
    pair.sides[from].on_opened = CHAIN_SEND;
    assert_int_equal(chain_listen(&pair, NULL), COAX_OK);
    assert_int_equal(chain_connect(&pair, "h", NULL), COAX_OK);
    bool is_cut = run_until(&pair, from, size);
    assert_int_equal(other->ended, 0);
    coax_filter_chain_receive_end(other->chain);
    const char *text = other->opened == 0 ? "before it was upgraded" : "ended";
    text = coax_filter_chain_is_within_message(other->chain) ? "within a message" : text;
    text = other->chain->tls != NULL ? "TLS" : text;
    chain_assert_end(other, COAX_E_LOST, text);
    coax_filter_chain_receive_end(other->chain); /* once is enough */
    coax_filter_chain_flush(other->chain);
    assert_int_equal(coax_filter_chain_pending(other->chain), 0);
    chain_pair_free(&pair);
    return is_cut;
}

static void an_end_of_the_stream_is_told_at_every_stage(void **state) {
    (void)state;
    for (size_t i = 0; i < SCHEMES * 2; i++) {
        size_t step = coax_scheme_is_secure(schemes[i / 2]) ? thorough_step(23, 300) : thorough_step(1, 20);
        for (size_t size = 0; expect_lost(schemes[i / 2], (int)(i % 2), size); size += step) {
        }
    }
}

/* --- bytes that are something else --- */

static const char tls_hello[] = "\x16\x03\x01\x00\x05\x01\x00\x00\x01\x03";
static const char http_request[] = "GET / HTTP/1.1\r\nHost: h\r\n\r\n";

struct garbage {
    const char *bytes;
    size_t size;
};

static const struct garbage garbage[] = {
    {tls_hello, sizeof tls_hello - 1}, {http_request, sizeof http_request - 1},
    {"SSH-2.0-OpenSSH_9.2p1\r\n", 23}, {"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", 16},
    {"\0\0\0\0\0\0\0\0", 8},           {"\x60\xe1", 2}, /* on a stream a frame whose token has not come */
};

static void feed_garbage(struct chain_side *side, const struct garbage *row) {
    for (size_t i = 0; i < row->size; i++) {
        chain_feed(side, row->bytes + i, 1);
    }
    if (side->ended + side->unreadable == 0) {
        coax_filter_chain_receive_end(side->chain);
    }
}

static void other_protocols_end_an_opening(void **state) {
    (void)state;
    for (size_t i = 0; i < SCHEMES * 2; i++) {
        for (size_t row = 0; row < sizeof garbage / sizeof garbage[0]; row++) {
            enum coax_scheme scheme = schemes[i / 2];
            struct chain_pair pair;
            chain_pair_start(&pair, scheme);
            struct chain_side *side = &pair.sides[i % 2];
            feed_garbage(side, &garbage[row]);
            assert_int_equal(side->ended + side->unreadable, 1);
            if (scheme == COAX_SCHEME_COAP_WS) {
                assert_true(side->error.status == COAX_E_UPGRADE || side->error.status == COAX_E_LOST);
            } else if (scheme == COAX_SCHEME_COAP_TCP) {
                assert_true(side->error.status == COAX_E_FORMAT || side->error.status == COAX_E_TOO_LARGE
                            || side->error.status == COAX_E_LOST);
            } else {
                assert_true(side->error.status == COAX_E_HANDSHAKE || row == 0);
            }
            assert_int_equal(side->opened, scheme == COAX_SCHEME_COAP_TCP);
            chain_pair_free(&pair);
        }
    }
}

/* Behind a handshake that went well. */
static void changed_records_end_a_session(void **state) {
    (void)state;
    for (size_t i = 0; i < 4; i++) {
        struct chain_pair pair;
        chain_pair_open(&pair, schemes[2 + i / 2]);
        struct chain_side *from = &pair.sides[i % 2], *to = &pair.sides[1 - i % 2];
        chain_send_all(from, 3);
        coax_filter_chain_flush(from->chain);
        from->pipe[from->pipe_end - 1] ^= 1;
        chain_run(&pair);
        assert_int_equal(to->messages, 2);
        chain_assert_end(to, COAX_E_HANDSHAKE, "broke");
        chain_assert_end(from, COAX_E_TLS_ALERT, "");
        chain_pair_free(&pair);
    }
}

static void a_wrong_key_ends_a_handshake(void **state) {
    (void)state;
    for (size_t i = 2; i < SCHEMES; i++) {
        struct chain_pair pair;
        chain_pair_init(&pair, schemes[i]);
        chain_set_psk(&pair.sides[CHAIN_CLIENT], "wrong");
        chain_set_psk(&pair.sides[CHAIN_SERVER], "secretPSK");
        assert_int_equal(chain_listen(&pair, NULL), COAX_OK);
        assert_int_equal(chain_connect(&pair, "h", NULL), COAX_OK);
        chain_run(&pair);
        chain_assert_end(&pair.sides[CHAIN_SERVER], COAX_E_HANDSHAKE, "wrong key");
        chain_assert_end(&pair.sides[CHAIN_CLIENT], COAX_E_TLS_ALERT, "");
        assert_int_equal(pair.sides[0].opened + pair.sides[1].opened, 0);
        chain_pair_free(&pair);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tells_what_is_no_message),
        cmocka_unit_test(tells_what_is_too_large),
        cmocka_unit_test(violations_of_websocket_end_it),
        cmocka_unit_test(pings_are_answered_and_pause_nothing),
        cmocka_unit_test(a_peers_close_is_told_and_answered),
        cmocka_unit_test(an_end_of_the_stream_is_told_at_every_stage),
        cmocka_unit_test(other_protocols_end_an_opening),
        cmocka_unit_test(changed_records_end_a_session),
        cmocka_unit_test(a_wrong_key_ends_a_handshake),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
