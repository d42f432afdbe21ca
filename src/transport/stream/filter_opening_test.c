/* The way to an open WebSocket, of both roles. */
#include "transport/stream/filter_opening.h"
#include "transport/stream/filter_test_pair.h"

#define GET "GET /.well-known/coap HTTP/1.1\r\n"
#define REST                                                                                                           \
    "Host: h.example\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"                    \
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: coap\r\n"

/* --- servers --- */

struct refusal {
    const char *request;
    const char *answer; /* its start */
    const char *text;
};

static const struct refusal refusals[] = {
    {"hello\r\n\r\n", "HTTP/1.1 400 Bad Request\r\n",
     "A client that wanted CoAP over WebSockets was refused with HTTP status 400: This is not an HTTP/1.1 request."},
    {GET "Host: h.example\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
         "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
     "HTTP/1.1 400 Bad Request\r\n",
     "status 400: Sec-WebSocket-Protocol must offer coap. It asked for \"/.well-known/coap\""},
    {GET REST "Origin: https://evil.example\r\n\r\n", "HTTP/1.1 403 Forbidden\r\n",
     "status 403: Pages of this origin are not allowed to connect. The page is from \"https://evil.example\""},
    {"GET /elsewhere HTTP/1.1\r\n" REST "\r\n", "HTTP/1.1 404 Not Found\r\n",
     "status 404: CoAP over WebSockets is at /.well-known/coap. It asked for \"/elsewhere\""},
    {"POST /.well-known/coap HTTP/1.1\r\n" REST "\r\n", "HTTP/1.1 405 Method Not Allowed\r\n", "status 405"},
    {GET "Host: h.example\r\n\r\n", "HTTP/1.1 426 Upgrade Required\r\n", "status 426"},
    {"GET /.well-known/coap HTTP/2.0\r\n" REST "\r\n", "HTTP/1.1 505 HTTP Version Not Supported\r\n", "status 505"},
};

static void expect_refusal(const struct refusal *refusal, size_t piece) {
    struct chain_pair pair;
    struct chain_side *server = chain_pair_serve(&pair, COAX_SCHEME_COAP_WS);
    size_t size = strlen(refusal->request);
    for (size_t start = 0; start < size; start += piece) {
        chain_feed(server, refusal->request + start, size - start < piece ? size - start : piece);
    }
    chain_assert_end(server, COAX_E_UPGRADE, refusal->text);
    const char *answer = chain_written(server);
    assert_int_equal(strncmp(answer, refusal->answer, strlen(refusal->answer)), 0);
    assert_non_null(strstr(answer, "close\r\n"));
    chain_feed(server, UPGRADE, sizeof UPGRADE - 1); /* there is no second try */
    coax_filter_chain_receive_end(server->chain);
    assert_string_equal(chain_written(server), "");
    assert_int_equal(server->opened, 0);
    chain_pair_free(&pair);
}

static void refuses_with_an_answer_and_a_reason(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof refusals / sizeof refusals[0]; i++) {
        expect_refusal(&refusals[i], SIZE_MAX / 2);
        expect_refusal(&refusals[i], 1);
    }
}

/* Before it holds more than that, and whatever it is. */
static void refuses_a_head_that_does_not_end(void **state) {
    (void)state;
    static char request[3 * HTTP_HEAD_MAXIMUM];
    memset(request, 'x', sizeof request);
    memcpy(request, GET "X: ", sizeof GET "X: " - 1);
    static const size_t pieces[] = {1, 100, 9000, sizeof request};
    for (size_t i = 0; i < sizeof pieces / sizeof pieces[0]; i++) {
        const size_t piece = pieces[i];
        struct chain_pair pair;
        struct chain_side *server = chain_pair_serve(&pair, COAX_SCHEME_COAP_WS);
        for (size_t start = 0; start < sizeof request; start += piece) {
            size_t left = sizeof request - start;
            chain_feed(server, request + start, left < piece ? left : piece);
            assert_in_range(coax_filter_chain_held(server->chain), 0, 2 * HTTP_HEAD_MAXIMUM + 512);
        }
        chain_assert_end(server, COAX_E_UPGRADE, "status 431");
        assert_int_equal(strncmp(chain_written(server), "HTTP/1.1 431 ", 13), 0);
        chain_pair_free(&pair);
    }
}

static void what_a_peer_says_is_quoted(void **state) {
    (void)state;
    struct chain_pair pair;
    struct chain_side *server = chain_pair_serve(&pair, COAX_SCHEME_COAP_WS);
    static const char request[] = GET REST "Origin: \xc2\x9b"
                                           "31m\r\n\r\n";
    chain_feed(server, request, sizeof request - 1);
    chain_assert_end(server, COAX_E_UPGRADE, "The page is from \"");
    assert_null(strstr(server->error.text, "\xc2\x9b"));
    chain_pair_free(&pair);
}

/* Over TLS the session is closed in order behind the answer. */
static void refuses_over_tls(void **state) {
    (void)state;
    static const char request[] = "GET / HTTP/1.1\r\n" REST "\r\n";
    struct chain_pair pair;
    chain_pair_start(&pair, COAX_SCHEME_COAPS_WS);
    struct chain_side *client = &pair.sides[CHAIN_CLIENT], *server = &pair.sides[CHAIN_SERVER];
    memcpy(client->chain->opening->host, "h\r", 3); /* no request is made of that */
    chain_run(&pair);
    size_t taken;
    assert_int_equal(coax_tls_session_send(client->chain->tls, (const uint8_t *)request, sizeof request - 1, &taken),
                     COAX_OK);
    chain_run(&pair);
    chain_assert_end(server, COAX_E_UPGRADE, "404");
    assert_int_equal(coax_tls_session_send(server->chain->tls, (const uint8_t *)"x", 1, &taken), COAX_E_STATE);
    chain_assert_end(client, COAX_E_UPGRADE, "HTTP status 404");
    chain_pair_free(&pair);
}

/* Frames may stand behind the head in the same piece. */
static void what_follows_a_head_belongs_to_frames(void **state) {
    (void)state;
    static const char stream[] = UPGRADE "\x82\x82\0\0\0\0\0\x01\x82\x83\0\0\0\0\x01\x02t";
    for (size_t cut = 0; cut < sizeof stream; cut++) {
        struct chain_pair pair;
        struct chain_side *server = chain_pair_serve(&pair, COAX_SCHEME_COAP_WS);
        chain_feed(server, stream, cut);
        chain_feed(server, stream + cut, sizeof stream - 1 - cut);
        assert_string_equal(server->log, "0.01 0 0\n0.02 1 0\n");
        assert_string_equal(chain_written(server), UPGRADED);
        chain_assert_holds_nothing(server);
        chain_pair_free(&pair);
    }
}

static void knows_the_host_that_was_asked(void **state) {
    (void)state;
    static char request[1024];
    static const struct {
        const char *target, *host, *asked;
    } rows[] = {
        {"/.well-known/coap", "h.example", "h.example"},
        {"/.well-known/coap", "h.example:8683", "h.example:8683"},
        {"/.well-known/coap", "[2001:db8::1]:1", "[2001:db8::1]:1"},
        {"ws://other.example/.well-known/coap", "h.example", "other.example"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct chain_pair pair;
        struct chain_side *server = chain_pair_serve(&pair, COAX_SCHEME_COAP_WS);
        int size = snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: %s\r\n%s\r\n", rows[i].target,
                            rows[i].host, strchr(REST, '\n') + 1);
        chain_feed(server, request, (size_t)size);
        assert_int_equal(server->opened, 1);
        assert_string_equal(server->asked_host, rows[i].asked);
        assert_string_equal(coax_filter_chain_asked_host(server->chain), ""); /* it is kept no longer */
        chain_pair_free(&pair);
    }
}

static void a_host_too_long_for_any_is_none(void **state) {
    (void)state;
    char host[600], request[1024];
    memset(host, 'h', sizeof host - 1);
    host[sizeof host - 1] = '\0';
    struct chain_pair pair;
    struct chain_side *server = chain_pair_serve(&pair, COAX_SCHEME_COAP_WS);
    int size = snprintf(request, sizeof request, GET "Host: %s\r\n%s\r\n", host, strchr(REST, '\n') + 1);
    chain_feed(server, request, (size_t)size);
    assert_int_equal(server->opened, 1);
    assert_string_equal(server->asked_host, "");
    chain_pair_free(&pair);
}

/* --- proxies --- */

static const struct forwarding {
    const char *fields;
    const char *address; /* NULL: none */
} forwardings[] = {
    {"", NULL},
    {"Forwarded: for=192.0.2.1\r\n", "192.0.2.1"},
    {"X-Forwarded-For: 198.51.100.1, 192.0.2.1\r\n", "192.0.2.1"},
    {"forwarded: for=\"[2001:db8::1]:99\"\r\n", "[2001:db8::1]:99"},
    /* A proxy that adds a line of its own adds it behind the client's. */
    {"Forwarded: for=198.51.100.1\r\nForwarded: for=192.0.2.1\r\n", "192.0.2.1"},
    {"X-Forwarded-For: 198.51.100.1\r\nX-Other: a\r\nX-FORWARDED-FOR: 192.0.2.1\r\n", "192.0.2.1"},
    {"X-Forwarded-For: 198.51.100.1\r\nForwarded: for=192.0.2.1\r\n", "192.0.2.1"},
    {"X-Forwarded-For: 198.51.100.1\r\nForwarded: for=unknown\r\n", NULL},
    {"X-Forwarded-For:\r\n", NULL},
};

static void believes_proxies_only_where_it_is_told_to(void **state) {
    (void)state;
    for (size_t i = 0; i < 2 * sizeof forwardings / sizeof forwardings[0]; i++) {
        const struct forwarding *row = &forwardings[i / 2];
        char request[1024], text[80];
        struct chain_pair pair;
        struct chain_side *server = chain_pair_serve(&pair, COAX_SCHEME_COAP_WS);
        server->setup.trust_forwarded = i % 2 == 1;
        int size = snprintf(request, sizeof request, GET REST "%s\r\n", row->fields);
        chain_feed(server, request, (size_t)size);
        assert_int_equal(server->opened, 1);
        assert_int_equal(server->is_forwarded, i % 2 == 1 && row->address != NULL);
        if (server->is_forwarded) {
            coax_address_write(&server->client, 0, text, sizeof text);
            assert_string_equal(text, row->address);
        }
        assert_false(coax_filter_chain_forwarded(server->chain, &server->client)); /* within `opened` only */
        chain_pair_free(&pair);
    }
}

static void believes_pages_that_are_listed(void **state) {
    (void)state;
    static const char *const origins[] = {"https://evil.example"};
    struct chain_pair pair;
    struct chain_side *server = chain_pair_serve(&pair, COAX_SCHEME_COAP_WS);
    server->setup.origins = (struct upgrade_policy){origins, 1};
    chain_feed(server, UPGRADE_WITH("Origin: https://evil.example\r\n"),
               sizeof UPGRADE_WITH("Origin: https://evil.example\r\n") - 1);
    assert_int_equal(server->opened, 1);
    chain_pair_free(&pair);
}

/* --- clients --- */

static const struct answer {
    const char *bytes;
    const char *text;
} answers[] = {
    {"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", "HTTP status 404: no CoAP over WebSockets is at"},
    {"HTTP/1.1 403 Forbidden\r\n\r\n", "HTTP status 403"},
    {"HTTP/1.1 502 Bad Gateway\r\n\r\nbody", "HTTP status 502"},
    {"HTTP/1.1 301 Moved\r\nLocation: /\r\n\r\n", "HTTP status 301"},
    {"HTTP/1.1 200 OK\r\n\r\n<html>", "HTTP status 200"},
    {"HTTP/1.1 101 Switching Protocols\r\n\r\n", "does not say that it upgrades"},
    {"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
     "Sec-WebSocket-Accept: AAAAAAAAAAAAAAAAAAAAAAAAAAA=\r\nSec-WebSocket-Protocol: coap\r\n\r\n",
     "Sec-WebSocket-Accept does not belong"},
    {"SSH-2.0-OpenSSH_9.2p1\r\n\r\n", "not an HTTP server"},
    {"\x15\x03\x01\x00\x02\x02\x46\r\n\r\n", "not an HTTP server"},
};

static void a_client_says_what_is_wrong(void **state) {
    (void)state;
    for (size_t i = 0; i < 2 * sizeof answers / sizeof answers[0]; i++) {
        const struct answer *row = &answers[i / 2];
        struct chain_pair pair;
        chain_pair_start(&pair, COAX_SCHEME_COAP_WS);
        struct chain_side *client = &pair.sides[CHAIN_CLIENT];
        size_t piece = i % 2 == 0 ? strlen(row->bytes) : 1;
        for (size_t start = 0; start < strlen(row->bytes); start += piece) {
            chain_feed(client, row->bytes + start, piece);
        }
        chain_assert_end(client, COAX_E_UPGRADE, row->text);
        assert_int_equal(client->opened, 0);
        chain_pair_free(&pair);
    }
}

static void a_client_reads_no_head_without_end(void **state) {
    (void)state;
    static const char line[] = "X-Padding: xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\r\n";
    struct chain_pair pair;
    chain_pair_start(&pair, COAX_SCHEME_COAP_WS);
    struct chain_side *client = &pair.sides[CHAIN_CLIENT];
    chain_feed(client, "HTTP/1.1 101 Switching Protocols\r\n", 34);
    for (size_t fed = 34; fed < HTTP_HEAD_MAXIMUM + sizeof line; fed += sizeof line - 1) {
        chain_feed(client, line, sizeof line - 1);
    }
    chain_assert_end(client, COAX_E_UPGRADE, "longer than 8192 bytes");
    chain_pair_free(&pair);
}

/* A server may speak as soon as it has agreed. */
static void what_comes_with_the_answer_belongs_to_frames(void **state) {
    (void)state;
    static const char frames[] = "\x82\x02\x00\xe1\x82\x03\x01\x45t";
    for (size_t cut = 0; cut < sizeof frames; cut++) {
        struct chain_pair pair;
        char stream[1024];
        chain_pair_start(&pair, COAX_SCHEME_COAP_WS);
        struct chain_side *client = &pair.sides[CHAIN_CLIENT], *server = &pair.sides[CHAIN_SERVER];
        (void)chain_move(&pair, CHAIN_CLIENT);
        coax_filter_chain_flush(server->chain);
        size_t head = server->pipe_end;
        memcpy(stream, server->pipe, head);
        memcpy(stream + head, frames, sizeof frames - 1);
        chain_feed(client, stream, head + cut);
        chain_feed(client, frames + cut, sizeof frames - 1 - cut);
        assert_string_equal(client->log, "7.01 0 0\n2.05 1 0\n");
        chain_pair_free(&pair);
    }
}

static void a_client_asks_only_for_hosts(void **state) {
    (void)state;
    static const char *const hosts[] = {"", "a b", "h\r\nX: y", "[::1", "h:99999999"};
    for (size_t i = 0; i < 2 * sizeof hosts / sizeof hosts[0]; i++) {
        struct chain_pair pair;
        coax_error error;
        chain_pair_init(&pair, i % 2 == 0 ? COAX_SCHEME_COAP_WS : COAX_SCHEME_COAPS_WS);
        chain_set_psk(&pair.sides[CHAIN_CLIENT], "secretPSK");
        assert_int_equal(chain_connect(&pair, hosts[i / 2], &error), COAX_E_INVALID);
        assert_string_equal(error.text, "The host cannot stand in an HTTP request");
        assert_null(pair.sides[CHAIN_CLIENT].chain->opening);
        chain_pair_free(&pair);
    }
}

/* --- deadlines --- */

static void explain(struct chain_side *side, const char *text) {
    bool is_handshake = strstr(text, "TLS") != NULL;
    coax_error error;
    coax_filter_chain_explain_timeout(side->chain, CHAIN_NOW + 5 * COAX_SECOND, &error);
    assert_int_equal(error.status, is_handshake ? COAX_E_HANDSHAKE_TIMEOUT : COAX_E_TIMEOUT);
    if (strstr(error.text, text) == NULL) {
        fail_msg("\"%s\" is not \"%s\"", error.text, text);
    }
    chain_feed(side, "x", 1);
    coax_filter_chain_receive_end(side->chain);
    assert_int_equal(side->opened + side->ended + side->unreadable, 0);
}

static void says_where_an_opening_stood(void **state) {
    (void)state;
    struct chain_pair pair;
    chain_pair_start(&pair, COAX_SCHEME_COAP_WS);
    explain(&pair.sides[CHAIN_CLIENT], "The server did not answer the request to upgrade");
    explain(&pair.sides[CHAIN_SERVER], "The client did not send a whole HTTP request in time");
    chain_pair_free(&pair);
    for (int i = 0; i < 2; i++) {
        chain_pair_start(&pair, i == 0 ? COAX_SCHEME_COAPS_TCP : COAX_SCHEME_COAPS_WS);
        explain(&pair.sides[CHAIN_CLIENT], "TLS");
        explain(&pair.sides[CHAIN_SERVER], "TLS");
        chain_pair_free(&pair);
    }
}

/* Behind the handshake a session is closed with the word for it. */
static void closes_the_session_of_one_that_took_too_long(void **state) {
    (void)state;
    struct chain_pair pair;
    chain_pair_start(&pair, COAX_SCHEME_COAPS_WS);
    struct chain_side *client = &pair.sides[CHAIN_CLIENT], *server = &pair.sides[CHAIN_SERVER];
    memcpy(client->chain->opening->host, "h\r", 3); /* no request is made of that */
    chain_run(&pair);
    assert_true(coax_tls_session_is_established(server->chain->tls));
    explain(server, "The client did not send a whole HTTP request in time");
    chain_run(&pair);
    chain_assert_end(client, COAX_E_CLOSE_NOTIFY, "");
    chain_pair_free(&pair);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refuses_with_an_answer_and_a_reason),
        cmocka_unit_test(refuses_a_head_that_does_not_end),
        cmocka_unit_test(what_a_peer_says_is_quoted),
        cmocka_unit_test(refuses_over_tls),
        cmocka_unit_test(what_follows_a_head_belongs_to_frames),
        cmocka_unit_test(knows_the_host_that_was_asked),
        cmocka_unit_test(a_host_too_long_for_any_is_none),
        cmocka_unit_test(believes_proxies_only_where_it_is_told_to),
        cmocka_unit_test(believes_pages_that_are_listed),
        cmocka_unit_test(a_client_says_what_is_wrong),
        cmocka_unit_test(a_client_reads_no_head_without_end),
        cmocka_unit_test(what_comes_with_the_answer_belongs_to_frames),
        cmocka_unit_test(a_client_asks_only_for_hosts),
        cmocka_unit_test(says_where_an_opening_stood),
        cmocka_unit_test(closes_the_session_of_one_that_took_too_long),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
