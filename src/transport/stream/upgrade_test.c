#include "transport/stream/upgrade.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define KEY "dGhlIHNhbXBsZSBub25jZQ=="
#define ACCEPT "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" /* RFC 6455 section 1.3 */
#define GET "GET /.well-known/coap HTTP/1.1\r\n"
#define HOST "Host: h.example:8683\r\n"
#define WANTS "Connection: Upgrade\r\nUpgrade: websocket\r\n"
#define SOCKET "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: " KEY "\r\n"
#define COAP "Sec-WebSocket-Protocol: coap\r\n"
#define REST HOST WANTS SOCKET COAP
#define END "\r\n"
#define AGREED                                                                                                         \
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: " ACCEPT   \
    "\r\nSec-WebSocket-Protocol: coap\r\n\r\n"

static const struct upgrade_policy same_host = {NULL, 0};

struct sample {
    unsigned status;
    const char *head;
    const char *contains; /* what the answer has, apart from its status; NULL: anything */
};

static const struct sample samples[] = {
    /* what is legal */
    {101, GET REST END, AGREED},
    {101, "\r\n" GET REST END, AGREED},
    {101, GET COAP SOCKET WANTS HOST END, AGREED},
    {101,
     GET "host:h\r\nconnection:upgrade\r\nupgrade:websocket\r\nsec-websocket-version:13\r\nsec-websocket-key:" KEY
         "\r\nsec-websocket-protocol:coap\r\n" END,
     AGREED},
    {101,
     GET "HOST: h\r\nCONNECTION: UPGRADE\r\nUPGRADE: WEBSOCKET\r\nSEC-WEBSOCKET-VERSION: 13\r\nSEC-WEBSOCKET-KEY: " KEY
         "\r\nSEC-WEBSOCKET-PROTOCOL: coap\r\n" END,
     AGREED},
    {101, GET HOST "Connection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n" SOCKET COAP END, AGREED},
    {101, GET HOST "Connection: Upgrade,keep-alive\r\nUpgrade: WebSocket\r\n" SOCKET COAP END, AGREED},
    {101, GET HOST "Connection: keep-alive\r\nConnection: uPGRADE\r\nUpgrade: websocket\r\n" SOCKET COAP END, AGREED},
    {101, GET HOST "Connection: , ,\tupgrade ,\r\nUpgrade: h2c, websocket\r\n" SOCKET COAP END, AGREED},
    {101, GET HOST WANTS SOCKET "Sec-WebSocket-Protocol: chat, coap\r\n" END, AGREED},
    {101, GET HOST WANTS SOCKET "Sec-WebSocket-Protocol: coap,chat\r\n" END, AGREED},
    {101, GET HOST WANTS SOCKET "Sec-WebSocket-Protocol: chat\r\nSec-WebSocket-Protocol: coap\r\n" END, AGREED},
    {101, GET REST "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n" END, AGREED},
    {101, GET REST "Cookie:\r\nX-Empty: \t \r\nAccept:*/*\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64) \"q\"\r\n" END,
     AGREED},
    {101, GET REST "X-Name: sch\xc3\xb6n \xff\r\nPragma: no-cache\r\nDNT:1\r\n" END, AGREED},
    {101, GET REST "Content-Length: 0\r\n" END, AGREED},
    {101, "GET /.well-known/coap? HTTP/1.1\r\n" REST END, AGREED},
    {101, "GET /.well-known/coap?token=a/b%20c HTTP/1.1\r\n" REST END, AGREED},
    {101, "GET /%2Ewell-known/co%61%70 HTTP/1.1\r\n" REST END, AGREED},
    {101, "GET http://h.example:8683/.well-known/coap HTTP/1.1\r\n" REST END, AGREED},
    {101, "GET WSS://other/.well-known/coap?q HTTP/1.1\r\n" REST END, AGREED},
    {101, "GET /.well-known/coap HTTP/1.2\r\n" REST END, AGREED},
    {101, GET "Host: [2001:db8::1]:8683\r\n" WANTS SOCKET COAP END, AGREED},
    {101, GET "Host: 192.0.2.1\r\n" WANTS SOCKET COAP END, AGREED},
    {101, GET "Host: h:\r\n" WANTS SOCKET COAP END, AGREED},
    {101, GET HOST WANTS COAP "Sec-WebSocket-Version:\t13 \r\nSec-WebSocket-Key:   " KEY " \t\r\n" END, AGREED},
    {101, GET HOST WANTS COAP "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AQIDBAUGBwgJCgsMDQ4PEC==\r\n" END,
     "Sec-WebSocket-Accept: "},
    /* origins */
    {101, GET REST "Origin: http://h.example:8683\r\n" END, AGREED},
    {101, GET REST "Origin: https://H.Example\r\n" END, AGREED},
    {101, GET REST "Origin: http://h.example:3000\r\n" END, AGREED},
    {101, GET "Host: [::1]:8683\r\n" WANTS SOCKET COAP "Origin: http://[::1]\r\n" END, AGREED},
    {101, "GET http://other/.well-known/coap HTTP/1.1\r\n" REST "Origin: http://other\r\n" END, AGREED},
    {403, "GET http://other/.well-known/coap HTTP/1.1\r\n" REST "Origin: http://h.example\r\n" END, NULL},
    {403, GET REST "Origin: http://evil.example\r\n" END, "not allowed"},
    {403, GET REST "Origin: http://h.example.evil\r\n" END, NULL},
    {403, GET REST "Origin: http://evil.h.example\r\n" END, NULL},
    {403, GET REST "Origin: http://h.example@evil.example\r\n" END, NULL},
    {403, GET REST "Origin: http://h.example/\r\n" END, NULL},
    {403, GET REST "Origin: http://h.example http://evil\r\n" END, NULL},
    {403, GET REST "Origin: h.example\r\n" END, NULL},
    {403, GET REST "Origin: ://h.example\r\n" END, NULL},
    {403, GET REST "Origin: null\r\n" END, NULL},
    {403, GET REST "Origin:\r\n" END, NULL},
    {400, GET REST "Origin: http://h.example\r\nOrigin: http://h.example\r\n" END, "Origin"},
    /* paths and methods */
    {404, "GET / HTTP/1.1\r\n" REST END, "/.well-known/coap"},
    {404, "GET /.well-known/coap/ HTTP/1.1\r\n" REST END, NULL},
    {404, "GET /.well-known/coapx HTTP/1.1\r\n" REST END, NULL},
    {404, "GET /.well-known/coa HTTP/1.1\r\n" REST END, NULL},
    {404, "GET /.well-known/CoAP HTTP/1.1\r\n" REST END, NULL},
    {404, "GET /.well-known%2Fcoap HTTP/1.1\r\n" REST END, NULL},
    {404, "GET /.well-known/coa%7 HTTP/1.1\r\n" REST END, NULL},
    {404, "GET //.well-known/coap HTTP/1.1\r\n" REST END, NULL},
    {404, "GET /.well-known/coap#f HTTP/1.1\r\n" REST END, NULL},
    {404, "GET http://h HTTP/1.1\r\n" REST END, NULL},
    {404, "GET http://h?/.well-known/coap HTTP/1.1\r\n" REST END, NULL},
    {404, "POST /other HTTP/1.1\r\n" REST END, NULL},
    {404, "GET / HTTP/1.0\r\n" END, NULL},
    {405, "POST /.well-known/coap HTTP/1.1\r\n" REST END, "\r\nAllow: GET\r\n"},
    {405, "HEAD /.well-known/coap HTTP/1.1\r\n" REST END, NULL},
    {405, "get /.well-known/coap HTTP/1.1\r\n" REST END, NULL},
    {400, "OPTIONS * HTTP/1.1\r\n" REST END, NULL},
    {400, "CONNECT h.example:443 HTTP/1.1\r\n" REST END, NULL},
    {400, "GET coap://h/.well-known/coap HTTP/1.1\r\n" REST END, NULL},
    {400, "GET http:///.well-known/coap HTTP/1.1\r\n" REST END, NULL},
    {400, "GET http://a@h/.well-known/coap HTTP/1.1\r\n" REST END, "Host"},
    /* hosts */
    {400, GET WANTS SOCKET COAP END, "Host"},
    {400, GET REST HOST END, "Host"},
    {400, GET "Host:\r\n" WANTS SOCKET COAP END, "Host"},
    {400, GET "Host: a b\r\n" WANTS SOCKET COAP END, "Host"},
    {400, GET "Host: a/b\r\n" WANTS SOCKET COAP END, "Host"},
    {400, GET "Host: a:b\r\n" WANTS SOCKET COAP END, "Host"},
    {400, GET "Host: a:123456\r\n" WANTS SOCKET COAP END, "Host"},
    {400, GET "Host: [::1\r\n" WANTS SOCKET COAP END, "Host"},
    {400, GET "Host: [::1]x\r\n" WANTS SOCKET COAP END, "Host"},
    /* no handshake, or another */
    {426, GET HOST END, "\r\nUpgrade: websocket\r\nConnection: Upgrade, close\r\nSec-WebSocket-Version: 13\r\n"},
    {426, GET HOST "Connection: close\r\nUpgrade: websocket\r\n" SOCKET COAP END, "proxy"},
    {426, GET HOST "Connection: Upgrade\r\n" SOCKET COAP END, NULL},
    {426, GET HOST "Connection: Upgrade\r\nUpgrade: websockets\r\n" SOCKET COAP END, NULL},
    {426, GET HOST "Connection: Up grade\r\nUpgrade: websocket\r\n" SOCKET COAP END, NULL},
    {426, "GET /.well-known/coap HTTP/1.0\r\n" REST END, "HTTP/1.1"},
    {426, "GET /.well-known/coap HTTP/1.0\r\n" END, NULL},
    {426, GET HOST WANTS COAP "Sec-WebSocket-Key: " KEY "\r\n" END, "13"},
    {426, GET HOST WANTS COAP "Sec-WebSocket-Version: 8\r\nSec-WebSocket-Key: " KEY "\r\n" END,
     "\r\nSec-WebSocket-Version: 13\r\n"},
    {426, GET HOST WANTS COAP "Sec-WebSocket-Version: 13, 8\r\nSec-WebSocket-Key: " KEY "\r\n" END, NULL},
    {426, GET HOST WANTS COAP "Sec-WebSocket-Version:\r\nSec-WebSocket-Key: " KEY "\r\n" END, NULL},
    {400, GET REST "Sec-WebSocket-Version: 13\r\n" END, "Sec-WebSocket-Version"},
    {400, GET HOST WANTS COAP "Sec-WebSocket-Version: 13\r\n" END, "Sec-WebSocket-Key"},
    {400, GET REST "Sec-WebSocket-Key: " KEY "\r\n" END, "Sec-WebSocket-Key"},
    {400, GET HOST WANTS COAP "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: " KEY "=\r\n" END, NULL},
    {400, GET HOST WANTS COAP "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=A\r\n" END, NULL},
    {400, GET HOST WANTS COAP "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZS-ub25jZQ==\r\n" END, NULL},
    {400, GET HOST WANTS COAP "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key:\r\n" END, NULL},
    {400, GET HOST WANTS SOCKET END, "coap"},
    {400, GET HOST WANTS SOCKET "Sec-WebSocket-Protocol: chat\r\n" END, "coap"},
    {400, GET HOST WANTS SOCKET "Sec-WebSocket-Protocol: COAP\r\n" END, NULL},
    {400, GET HOST WANTS SOCKET "Sec-WebSocket-Protocol: coap chat\r\n" END, NULL},
    {400, GET HOST WANTS SOCKET "Sec-WebSocket-Protocol:\r\n" END, NULL},
    {400, GET REST "Content-Length: 5\r\n" END, "body"},
    {400, GET REST "Content-Length: 0\r\nContent-Length: 0\r\n" END, "body"},
    {400, GET REST "Transfer-Encoding: chunked\r\n" END, "body"},
    {505, "GET /.well-known/coap HTTP/2.0\r\n" REST END, NULL},
    {505, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", NULL},
    {505, "GET /.well-known/coap HTTP/0.9\r\n" REST END, NULL},
    /* no heads at all */
    {400, GET REST "X : y\r\n" END, "not an HTTP/1.1 request"},
    {400, GET HOST WANTS " folded: a\r\n" SOCKET COAP END, NULL},
    {400, GET REST "X: a\nY: b\r\n" END, NULL},
    {400, "GET /.well-known/coap\r\n" REST END, NULL},
    {400, "GET /.well-known/coap FTP/1.1\r\n" REST END, NULL},
    {400, "\x16\x03\x01\x02", NULL},
    {400, "\x70\xe1", NULL},
};

static bool has(const struct upgrade_answer *answer, const char *text) {
    return memmem(answer->bytes, answer->size, text, strlen(text)) != NULL;
}

/* What a server does with the first `size` bytes; 0 if it waits for more. */
static unsigned serve(struct http_head_parser *parser, const char *text, size_t size,
                      const struct upgrade_policy *policy, struct upgrade_answer *answer) {
    uint8_t *copy = malloc(size + 1);
    assert_non_null(copy);
    memcpy(copy, text, size);
    struct http_head head;
    enum http_head_progress progress = coax_http_head_feed(parser, copy, size);
    if (progress == HTTP_HEAD_DONE) {
        coax_http_head_read(parser, copy, &head);
        coax_upgrade_answer(&head, policy, answer);
    } else if (progress != HTTP_HEAD_MORE) {
        coax_upgrade_answer_unread(progress, answer);
    }
    free(copy);
    return progress == HTTP_HEAD_MORE ? 0 : answer->status;
}

/* A refusal is a whole HTTP response that closes the connection. */
static void assert_response(const struct upgrade_answer *answer, unsigned status) {
    struct http_head_parser parser;
    struct http_head head;
    coax_http_head_start(&parser, HTTP_HEAD_RESPONSE);
    assert_int_equal(coax_http_head_feed(&parser, (const uint8_t *)answer->bytes, answer->size), HTTP_HEAD_DONE);
    coax_http_head_read(&parser, (const uint8_t *)answer->bytes, &head);
    assert_int_equal(head.status, status);
    struct bytes value;
    if (status == 101) {
        assert_int_equal(parser.position, answer->size);
        assert_false(coax_http_head_find(&head, "Sec-WebSocket-Extensions", &value));
        return;
    }
    assert_true(coax_http_head_find(&head, "Content-Length", &value));
    assert_int_equal(strtoul((const char *)value.data, NULL, 10), answer->size - parser.position);
    assert_true(has(answer, "close\r\n"));
    assert_false(has(answer, "Sec-WebSocket-Accept"));
}

static void check_sample(const struct sample *sample, const struct upgrade_policy *policy) {
    struct http_head_parser parser;
    struct upgrade_answer answer = {0}, again;
    size_t size = strlen(sample->head);
    coax_http_head_start(&parser, HTTP_HEAD_REQUEST);
    unsigned status = serve(&parser, sample->head, size, policy, &answer);
    if (status != sample->status || (sample->contains != NULL && !has(&answer, sample->contains))) {
        fail_msg("%s gave %u: %.*s", sample->head, status, (int)answer.size, answer.bytes);
    }
    assert_response(&answer, status);
    size_t end = parser.position;
    for (size_t cut = 0; cut <= size; cut++) {
        coax_http_head_start(&parser, HTTP_HEAD_REQUEST);
        unsigned early = serve(&parser, sample->head, cut, policy, &again);
        assert_int_equal(early, cut < end ? 0 : status);
        assert_int_equal(serve(&parser, sample->head, size, policy, &again), status);
        assert_int_equal(parser.position, end);
        assert_int_equal(again.size, answer.size);
        assert_memory_equal(again.bytes, answer.bytes, answer.size);
    }
}

static void heads_are_answered_however_they_are_cut(void **state) {
    (void)state;
    assert_true(sizeof samples / sizeof samples[0] >= 40);
    for (size_t i = 0; i < sizeof samples / sizeof samples[0]; i++) {
        check_sample(&samples[i], &same_host);
    }
}

static void bytes_after_the_head_belong_to_the_first_frame(void **state) {
    (void)state;
    static const char head[] = GET REST END "\x82\x80GET";
    struct http_head_parser parser;
    struct upgrade_answer answer;
    coax_http_head_start(&parser, HTTP_HEAD_REQUEST);
    assert_int_equal(serve(&parser, head, sizeof head - 1, &same_host, &answer), 101);
    assert_int_equal(parser.position, sizeof head - 1 - 5);
}

/* `size`: of the whole head. */
static unsigned serve_long_cookie(size_t size) {
    static const char start[] = GET REST "Cookie: ";
    struct http_head_parser parser;
    struct upgrade_answer answer;
    char *head = malloc(size);
    assert_non_null(head);
    memset(head, 'c', size);
    memcpy(head, start, sizeof start - 1);
    memcpy(head + size - 4, "\r\n\r\n", 4);
    coax_http_head_start(&parser, HTTP_HEAD_REQUEST);
    unsigned status = serve(&parser, head, size, &same_host, &answer);
    assert_response(&answer, status);
    free(head);
    return status;
}

static void cookies_may_be_long_but_not_too_long(void **state) {
    (void)state;
    assert_int_equal(serve_long_cookie(4096), 101);
    assert_int_equal(serve_long_cookie(HTTP_HEAD_MAXIMUM), 101);
    assert_int_equal(serve_long_cookie(HTTP_HEAD_MAXIMUM + 1), 431);
    assert_int_equal(serve_long_cookie(65536), 431);
}

static void listed_origins_are_let_in(void **state) {
    (void)state;
    static const char *const origins[] = {"https://a.example", "http://b.example:3000", "null"};
    static const char *const all[] = {"*"};
    static const struct upgrade_policy listed = {origins, 3}, everyone = {all, 1};
    static const struct sample cases[] = {
        {101, GET REST END, NULL},
        {101, GET REST "Origin: https://a.example\r\n" END, NULL},
        {101, GET REST "Origin: HTTPS://A.example\r\n" END, NULL},
        {101, GET REST "Origin: http://b.example:3000\r\n" END, NULL},
        {101, GET REST "Origin: null\r\n" END, NULL},
        {403, GET REST "Origin: http://a.example\r\n" END, NULL},
        {403, GET REST "Origin: https://a.example:444\r\n" END, NULL},
        {403, GET REST "Origin: http://b.example\r\n" END, NULL},
        {403, GET REST "Origin: http://h.example:8683\r\n" END, NULL},
        {403, GET REST "Origin: *\r\n" END, NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        check_sample(&cases[i], &listed);
    }
    static const struct sample anyone = {101, GET REST "Origin: http://evil.example\r\n" END, NULL};
    check_sample(&anyone, &everyone);
}

static void read_head(enum http_head_kind kind, const char *text, struct http_head *head) {
    struct http_head_parser parser;
    coax_http_head_start(&parser, kind);
    assert_int_equal(coax_http_head_feed(&parser, (const uint8_t *)text, strlen(text)), HTTP_HEAD_DONE);
    coax_http_head_read(&parser, (const uint8_t *)text, head);
}

static void the_host_is_told(void **state) {
    (void)state;
    static const char *const cases[][2] = {
        {GET REST END, "h.example:8683"},
        {"GET http://a:1/.well-known/coap HTTP/1.1\r\n" REST END, "a:1"},
        {"GET /.well-known/coap HTTP/1.0\r\n" END, NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct http_head head;
        struct bytes host;
        read_head(HTTP_HEAD_REQUEST, cases[i][0], &head);
        bool is_told = coax_upgrade_host(&head, &host);
        assert_int_equal(is_told, cases[i][1] != NULL);
        assert_true(!is_told || bytes_equal(host, bytes_of(cases[i][1], strlen(cases[i][1]))));
    }
}

/* --- the client --- */

static void a_client_asks_as_the_protocol_says(void **state) {
    (void)state;
    static const char expected[] =
        "GET /.well-known/coap HTTP/1.1\r\nHost: [2001:db8::1]:8683\r\nUpgrade: websocket\r\n"
        "Connection: Upgrade\r\nSec-WebSocket-Key: " KEY "\r\n"
        "Sec-WebSocket-Protocol: coap\r\nSec-WebSocket-Version: 13\r\n\r\n";
    char key[UPGRADE_KEY_SIZE], out[512];
    size_t size = 0;
    coax_upgrade_make_key((const uint8_t *)"the sample nonce", key); /* RFC 6455 section 1.3 */
    assert_string_equal(key, KEY);
    assert_int_equal(coax_upgrade_write_request("[2001:db8::1]:8683", key, out, sizeof out, &size), COAX_OK);
    assert_int_equal(size, sizeof expected - 1);
    assert_memory_equal(out, expected, size);
    const struct sample sample = {101, out, AGREED};
    check_sample(&sample, &same_host);
    assert_int_equal(coax_upgrade_write_request("[2001:db8::1]:8683", key, out, size, &size), COAX_E_TOO_LARGE);
    assert_int_equal(coax_upgrade_write_request("[2001:db8::1]:8683", key, out, size + 1, &size), COAX_OK);
}

static void no_host_smuggles_a_line_in(void **state) {
    (void)state;
    static const char *const hosts[] = {"", "a\r\nX: y", "a b", "a/b", "u@a", "a:b", "[::1", "a\n", "\xc3\xb6"};
    char out[512];
    size_t size;
    for (size_t i = 0; i < sizeof hosts / sizeof hosts[0]; i++) {
        assert_int_equal(coax_upgrade_write_request(hosts[i], KEY, out, sizeof out, &size), COAX_E_INVALID);
    }
    assert_int_equal(coax_upgrade_write_request("a", "short", out, sizeof out, &size), COAX_E_INVALID);
}

#define SWITCH "HTTP/1.1 101 Switching Protocols\r\n"
#define CHOSE WANTS "Sec-WebSocket-Accept: " ACCEPT "\r\n" COAP

static const struct answer_sample {
    const char *head;
    const char *error; /* NULL: it agrees */
} answers[] = {
    {AGREED, NULL},
    {"HTTP/1.1 101\r\n" CHOSE END, NULL},
    {SWITCH "upgrade:WebSocket\r\nconnection:keep-alive, UPGRADE\r\nserver:\r\nsec-websocket-accept:" ACCEPT
            "\r\nsec-websocket-protocol:coap\r\n" END,
     NULL},
    {"HTTP/1.1 404 Not Found\r\n\r\n", "HTTP status 404: no CoAP over WebSockets is at that host and port"},
    {"HTTP/1.1 200 OK\r\n" CHOSE END, "HTTP status 200: a web server answered that does not offer CoAP"},
    {"HTTP/1.1 302 Found\r\nLocation: /x\r\n\r\n", "HTTP status 302: it sends clients elsewhere"},
    {"HTTP/1.1 400 Bad\r\n\r\n", "HTTP status 400"},
    {"HTTP/1.1 401 \x1b[31mRed\r\n\r\n", "not an HTTP server"},
    {"HTTP/1.1 403 No\r\n\r\n", "HTTP status 403: it does not let this client in"},
    {"HTTP/1.1 418 evil %s\r\n\r\n", "HTTP status 418: no CoAP"},
    {"HTTP/1.1 426 Upgrade\r\n\r\n", "HTTP status 426: a proxy"},
    {"HTTP/1.1 503 Busy\r\n\r\n", "HTTP status 503: the web server there does not reach the CoAP server"},
    {"HTTP/1.1 999 Odd\r\n\r\n", "HTTP status 999: no CoAP"},
    {"HTTP/1.1 100 Continue\r\n\r\n", "HTTP status 100"},
    {"HTTP/1.0 101 Switching\r\n" CHOSE END, "not HTTP/1.1"},
    {"HTTP/2.0 101 Switching\r\n" CHOSE END, "not HTTP/1.1"},
    {SWITCH END, "upgrades to websocket"},
    {SWITCH "Connection: Upgrade\r\nSec-WebSocket-Accept: " ACCEPT "\r\n" COAP END, "upgrades to websocket"},
    {SWITCH "Upgrade: websocket\r\nSec-WebSocket-Accept: " ACCEPT "\r\n" COAP END, "upgrades to websocket"},
    {SWITCH WANTS COAP END, "Sec-WebSocket-Accept"},
    {SWITCH WANTS COAP "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOO=\r\n" END, "Sec-WebSocket-Accept"},
    {SWITCH WANTS COAP "Sec-WebSocket-Accept: S3PPLMBITXAQ9KYGZZHZRBK+XOO=\r\n" END, "Sec-WebSocket-Accept"},
    {SWITCH CHOSE "Sec-WebSocket-Accept: " ACCEPT "\r\n" END, "Sec-WebSocket-Accept"},
    {SWITCH WANTS "Sec-WebSocket-Accept: " ACCEPT "\r\n" END, "subprotocol coap"},
    {SWITCH WANTS "Sec-WebSocket-Accept: " ACCEPT "\r\nSec-WebSocket-Protocol: chat\r\n" END, "subprotocol coap"},
    {SWITCH WANTS "Sec-WebSocket-Accept: " ACCEPT "\r\nSec-WebSocket-Protocol: coap, chat\r\n" END, "subprotocol coap"},
    {SWITCH CHOSE COAP END, "subprotocol coap"},
    {SWITCH CHOSE "Sec-WebSocket-Extensions: permessage-deflate\r\n" END, "extension"},
    {"SSH-2.0-OpenSSH_9.2\r\n", "not an HTTP server"},
    {"\x15\x03\x01", "not an HTTP server"},
};

/* In two pieces, cut at `cut`. */
static enum coax_status check_answer(const char *text, size_t cut, coax_error *error) {
    struct http_head_parser parser;
    struct http_head head;
    coax_http_head_start(&parser, HTTP_HEAD_RESPONSE);
    coax_http_head_feed(&parser, (const uint8_t *)text, cut);
    enum http_head_progress progress = coax_http_head_feed(&parser, (const uint8_t *)text, strlen(text));
    if (progress != HTTP_HEAD_DONE) {
        assert_int_not_equal(progress, HTTP_HEAD_MORE);
        return coax_upgrade_fail_unread(progress, error);
    }
    coax_http_head_read(&parser, (const uint8_t *)text, &head);
    return coax_upgrade_check_response(&head, KEY, error);
}

static void a_client_says_what_is_wrong_with_an_answer(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof answers / sizeof answers[0]; i++) {
        for (size_t cut = 0; cut <= strlen(answers[i].head); cut++) {
            coax_error error = {.text = ""};
            enum coax_status status = check_answer(answers[i].head, cut, &error);
            if ((status == COAX_OK) != (answers[i].error == NULL)
                || strstr(error.text, answers[i].error == NULL ? "" : answers[i].error) == NULL) {
                fail_msg("%s gave %s", answers[i].head, error.text);
            }
            assert_int_equal(status, answers[i].error == NULL ? COAX_OK : COAX_E_UPGRADE);
            assert_true(status == COAX_OK || error.status == status);
        }
    }
    coax_error error;
    assert_int_equal(coax_upgrade_fail_unread(HTTP_HEAD_TOO_LARGE, &error), COAX_E_UPGRADE);
    assert_non_null(strstr(error.text, "8192"));
    assert_int_equal(coax_upgrade_fail_unread(HTTP_HEAD_TOO_LARGE, NULL), COAX_E_UPGRADE);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(heads_are_answered_however_they_are_cut),
        cmocka_unit_test(bytes_after_the_head_belong_to_the_first_frame),
        cmocka_unit_test(cookies_may_be_long_but_not_too_long),
        cmocka_unit_test(listed_origins_are_let_in),
        cmocka_unit_test(the_host_is_told),
        cmocka_unit_test(a_client_asks_as_the_protocol_says),
        cmocka_unit_test(no_host_smuggles_a_line_in),
        cmocka_unit_test(a_client_says_what_is_wrong_with_an_answer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
