/* The opening of a WebSocket as a chain needs it: collected from pieces, what follows it left alone. */
#include "transport/stream/filter_opening.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const struct filter_setup setup = {.trust_forwarded = true};

#define HEAD(target, fields)                                                                                           \
    "GET " target " HTTP/1.1\r\nHost: h:1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"                            \
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"                                     \
    "Sec-WebSocket-Protocol: coap\r\n" fields "\r\n"

static void a_request_is_found_however_it_is_cut(void **state) {
    (void)state;
    static const char head[] = HEAD("/.well-known/coap", "X-Forwarded-For: 192.0.2.9\r\n");
    static const char rest[] = "frames";
    size_t size = sizeof head - 1;
    char both[sizeof head + sizeof rest];
    memcpy(both, head, size);
    memcpy(both + size, rest, sizeof rest);
    for (size_t cut = 1; cut < size + sizeof rest; cut++) {
        struct filter_opening *opening = coax_filter_opening_new(true);
        struct upgrade_answer answer = {.size = 0};
        size_t first = 0, second = 0;
        coax_error error;
        assert_non_null(opening);
        enum opening_progress progress =
            coax_filter_opening_serve(opening, &setup, (const uint8_t *)both, cut, &first, &answer, &error);
        if (cut < size) {
            assert_int_equal(progress, OPENING_MORE);
            assert_int_equal(first, cut);
            progress = coax_filter_opening_serve(opening, &setup, (const uint8_t *)both + cut, size + sizeof rest - cut,
                                                 &second, &answer, &error);
        }
        assert_int_equal(progress, OPENING_AGREED);
        assert_int_equal(first + second, size);
        assert_int_equal(answer.status, UPGRADE_AGREED);
        assert_string_equal(opening->host, "h:1");
        assert_true(opening->is_forwarded);
        coax_filter_opening_free(opening);
    }
}

static void refusals_have_their_status_and_a_text(void **state) {
    (void)state;
    static const struct {
        const char *head;
        enum upgrade_status status;
        const char *text;
    } rows[] = {
        {HEAD("/elsewhere", ""), UPGRADE_NOT_FOUND, "/elsewhere"},
        {HEAD("/.well-known/coap", "Origin: http://evil.example\r\n"), UPGRADE_FORBIDDEN, "403"},
        {"GET /.well-known/coap HTTP/1.1\r\nHost: h\r\n\r\n", UPGRADE_REQUIRED, "426"},
        {"nonsense\r\n\r\n", UPGRADE_BAD_REQUEST, "400"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct filter_opening *opening = coax_filter_opening_new(true);
        struct upgrade_answer answer;
        size_t taken;
        coax_error error;
        assert_non_null(opening);
        assert_int_equal(coax_filter_opening_serve(opening, &setup, (const uint8_t *)rows[i].head, strlen(rows[i].head),
                                                   &taken, &answer, &error),
                         OPENING_REFUSED);
        assert_int_equal(answer.status, rows[i].status);
        assert_int_equal(error.status, COAX_E_UPGRADE);
        assert_non_null(strstr(error.text, rows[i].text));
        coax_filter_opening_free(opening);
    }
}

static void a_head_has_a_bound(void **state) {
    (void)state;
    struct filter_opening *opening = coax_filter_opening_new(true);
    struct upgrade_answer answer = {.size = 0};
    static const char start[] = "GET /.well-known/coap HTTP/1.1\r\nX: ";
    enum opening_progress progress = OPENING_MORE;
    size_t total = 0, taken;
    coax_error error;
    assert_non_null(opening);
    for (size_t i = 0; progress == OPENING_MORE && i < 10000; i++) {
        uint8_t byte = i < sizeof start - 1 ? (uint8_t)start[i] : 'x';
        progress = coax_filter_opening_serve(opening, &setup, &byte, 1, &taken, &answer, &error);
        total += taken;
    }
    assert_int_equal(progress, OPENING_REFUSED);
    assert_int_equal(answer.status, UPGRADE_HEAD_TOO_LARGE);
    assert_true(total <= HTTP_HEAD_MAXIMUM + 1);
    assert_true(opening->head.capacity <= 2 * HTTP_HEAD_MAXIMUM);
    coax_filter_opening_free(opening);
}

static void a_client_checks_what_comes_back(void **state) {
    (void)state;
    static const struct {
        const char *head, *text; /* text NULL: agreed */
    } rows[] = {
        {"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
         "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nSec-WebSocket-Protocol: coap\r\n\r\n",
         NULL},
        {"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", "404"},
        {"SSH-2.0-OpenSSH_9.2p1\r\n\r\n", "HTTP"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct filter_opening *opening = coax_filter_opening_new(false);
        size_t taken;
        coax_error error = {.text = ""};
        assert_non_null(opening);
        memcpy(opening->key, "dGhlIHNhbXBsZSBub25jZQ==", UPGRADE_KEY_SIZE);
        enum opening_progress progress =
            coax_filter_opening_check(opening, (const uint8_t *)rows[i].head, strlen(rows[i].head), &taken, &error);
        assert_int_equal(progress, rows[i].text == NULL ? OPENING_AGREED : OPENING_REFUSED);
        assert_true(rows[i].text == NULL || strstr(error.text, rows[i].text) != NULL);
        coax_filter_opening_free(opening);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_request_is_found_however_it_is_cut),
        cmocka_unit_test(refusals_have_their_status_and_a_text),
        cmocka_unit_test(a_head_has_a_bound),
        cmocka_unit_test(a_client_checks_what_comes_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
