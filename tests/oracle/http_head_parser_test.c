/* The parser of HTTP heads against http-parser: what we take it takes too and reads the same in it; what we refuse it
   refuses, but where we are stricter on purpose. */
#include "transport/stream/http_head.h"

#include "thorough.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>
#include <http_parser.h>

enum { TEXT_SIZE = 4096 };

/* What was read, as a text: the start line's parts, then "name=value;" for each field. */
struct reading {
    char text[TEXT_SIZE];
    size_t size;
    bool in_value, is_done;
    enum http_errno error;
};

static void append(struct reading *reading, const void *data, size_t size) {
    if (size > 0 && reading->size + size < sizeof reading->text) {
        memcpy(reading->text + reading->size, data, size);
        reading->size += size;
    }
}

/* --- the oracle's --- */

/* http-parser leaves the blanks at the end of a value in it. */
static void end_value(struct reading *reading) {
    while (reading->in_value && (reading->text[reading->size - 1] == ' ' || reading->text[reading->size - 1] == '\t')) {
        reading->size--;
    }
    append(reading, ";", reading->in_value ? 1 : 0);
    reading->in_value = false;
}

static int on_url(http_parser *parser, const char *data, size_t size) {
    append(parser->data, data, size);
    return 0;
}

static int on_field(http_parser *parser, const char *data, size_t size) {
    end_value(parser->data);
    append(parser->data, data, size);
    return 0;
}

static int on_value(http_parser *parser, const char *data, size_t size) {
    struct reading *reading = parser->data;
    append(reading, "=", reading->in_value ? 0 : 1);
    reading->in_value = true;
    append(reading, data, size);
    return 0;
}

/* The head ends here, whatever http-parser would do with a body. */
static int on_end(http_parser *parser) {
    struct reading *reading = parser->data;
    end_value(reading);
    reading->is_done = true;
    http_parser_pause(parser, 1);
    return 0;
}

static void oracle_read(struct reading *reading, enum http_head_kind kind, const char *data, size_t size) {
    static const http_parser_settings settings = {
        .on_url = on_url, .on_header_field = on_field, .on_header_value = on_value, .on_headers_complete = on_end};
    http_parser parser;
    http_parser_init(&parser, kind == HTTP_HEAD_REQUEST ? HTTP_REQUEST : HTTP_RESPONSE);
    parser.data = reading;
    http_parser_execute(&parser, &settings, data, size);
    reading->error = reading->is_done ? HPE_OK : HTTP_PARSER_ERRNO(&parser);
    char start[64];
    const char *method = kind == HTTP_HEAD_REQUEST ? http_method_str((enum http_method)parser.method) : "";
    int length = snprintf(start, sizeof start, " %s %u %u.%u", method,
                          kind == HTTP_HEAD_REQUEST ? 0U : parser.status_code, parser.http_major, parser.http_minor);
    append(reading, start, (size_t)length);
}

/* --- ours --- */

static enum http_head_progress our_read(struct reading *reading, enum http_head_kind kind, const char *data,
                                        size_t size) {
    struct http_head_parser parser;
    struct http_head head;
    struct http_field field;
    coax_http_head_start(&parser, kind);
    enum http_head_progress progress = coax_http_head_feed(&parser, (const uint8_t *)data, size);
    if (progress != HTTP_HEAD_DONE) {
        return progress;
    }
    coax_http_head_read(&parser, (const uint8_t *)data, &head);
    append(reading, head.target.data, head.target.size);
    for (size_t position = 0; coax_http_head_next(&head, &position, &field);) {
        append(reading, field.name.data, field.name.size);
        append(reading, "=", 1);
        append(reading, field.value.data, field.value.size);
        append(reading, ";", 1);
    }
    char start[64];
    int length = snprintf(start, sizeof start, " %.*s %u %u.%u", (int)head.method.size, (const char *)head.method.data,
                          head.status, head.major, head.minor);
    append(reading, start, (size_t)length < sizeof start ? (size_t)length : sizeof start - 1);
    return progress;
}

/* --- both --- */

/* http-parser knows a list of methods, versions and forms of targets; to us these are for others to judge. It judges
   bodies, which a head does not have. */
static bool is_stricter_oracle(enum http_errno error) {
    static const enum http_errno errors[] = {HPE_INVALID_METHOD,
                                             HPE_INVALID_URL,
                                             HPE_INVALID_VERSION,
                                             HPE_INVALID_CONTENT_LENGTH,
                                             HPE_UNEXPECTED_CONTENT_LENGTH,
                                             HPE_INVALID_TRANSFER_ENCODING};
    for (size_t i = 0; i < sizeof errors / sizeof errors[0]; i++) {
        if (errors[i] == error) {
            return true;
        }
    }
    return false;
}

/* Where we are stricter: bare LF and CR, folded lines (RFC 9112 section 5.2), blanks in the start line and in names,
   empty lines before a response, foreign characters in a target, what "HTTP/" is spelled with, control characters in
   values. */
static bool is_stricter_we(enum http_head_kind kind, const char *data, size_t size) {
    struct http_head_parser parser;
    coax_http_head_start(&parser, kind);
    coax_http_head_feed(&parser, (const uint8_t *)data, size);
    size_t at = parser.position - 1U; /* the byte that we refused */
    bool in_start_line = memchr(data + parser.start, '\n', at - parser.start) == NULL;
    bool ends_line = data[at] == '\n' || (at > 0 && data[at - 1] == '\r');
    bool is_foreign = in_start_line && ((data[at] & 0x80) != 0 || data[at] == ':');
    bool is_control = (uint8_t)data[at] < ' ' || data[at] == 0x7f;
    return ends_line || is_foreign || is_control || data[at] == ' ';
}

static void compare(enum http_head_kind kind, const char *data, size_t size) {
    struct reading ours = {.size = 0}, oracle = {.size = 0};
    enum http_head_progress progress = our_read(&ours, kind, data, size);
    oracle_read(&oracle, kind, data, size);
    bool is_same = false;
    if (progress == HTTP_HEAD_DONE) {
        is_same = is_stricter_oracle(oracle.error)
                  || (oracle.is_done && ours.size == oracle.size && memcmp(ours.text, oracle.text, ours.size) == 0);
    } else if (progress == HTTP_HEAD_MALFORMED) {
        is_same = oracle.error != HPE_OK || is_stricter_we(kind, data, size);
    } else {
        is_same = !oracle.is_done && (oracle.error == HPE_OK || is_stricter_oracle(oracle.error));
    }
    if (!is_same) {
        fail_msg("%.*s\nwe: %d, %.*s\nhttp-parser: %s, %.*s", (int)size, data, (int)progress, (int)ours.size, ours.text,
                 http_errno_name(oracle.error), (int)oracle.size, oracle.text);
    }
}

static const struct {
    enum http_head_kind kind;
    const char *text;
} heads[] = {
    {HTTP_HEAD_REQUEST, "GET /.well-known/coap HTTP/1.1\r\nHost: h:8683\r\nConnection: keep-alive, Upgrade\r\nUpgrade: "
                        "websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
                        "Sec-WebSocket-Protocol: chat, coap\r\nOrigin: http://h\r\n\r\n\x82\x80"},
    {HTTP_HEAD_REQUEST, "\r\nPUT http://h:1/a?b=c HTTP/1.1\r\nA:\r\nB:b\r\nC: \t c d\t \r\nE:\xff\x80;\"x\"\r\n\r\n"},
    {HTTP_HEAD_REQUEST, "OPTIONS * HTTP/1.0\r\n\r\n"},
    {HTTP_HEAD_RESPONSE, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                         "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nSec-WebSocket-Protocol: coap\r\n\r\n"},
    {HTTP_HEAD_RESPONSE, "HTTP/1.0 404\r\nServer:\r\nX: y\r\n\r\n"},
    {HTTP_HEAD_RESPONSE, "HTTP/1.1 200 \r\nA: b\r\n\r\n"},
};
enum { HEAD_COUNT = sizeof heads / sizeof heads[0] };

static void whole_heads_and_all_their_beginnings(void **state) {
    (void)state;
    for (size_t i = 0; i < HEAD_COUNT; i++) {
        struct reading reading = {.size = 0};
        size_t size = strlen(heads[i].text);
        assert_int_equal(our_read(&reading, heads[i].kind, heads[i].text, size), HTTP_HEAD_DONE);
        oracle_read(&reading, heads[i].kind, heads[i].text, size);
        assert_int_equal(reading.error, HPE_OK);
        for (size_t end = 0; end <= size; end++) {
            compare(heads[i].kind, heads[i].text, end);
        }
    }
}

/* Every byte everywhere, put in the place of another, put in between, and left out. */
static void heads_with_one_byte_changed(void **state) {
    (void)state;
    unsigned step = thorough_step(1, 17);
    for (size_t i = 0; i < HEAD_COUNT; i++) {
        char changed[TEXT_SIZE];
        size_t size = strlen(heads[i].text);
        for (size_t at = 0; at < size; at++) {
            memcpy(changed, heads[i].text, at);
            memcpy(changed + at, heads[i].text + at + 1, size - at - 1);
            compare(heads[i].kind, changed, size - 1);
            for (unsigned byte = 0; byte < 256; byte += step) {
                memcpy(changed, heads[i].text, size);
                changed[at] = (char)byte;
                compare(heads[i].kind, changed, size);
                memcpy(changed + at + 1, heads[i].text + at, size - at);
                compare(heads[i].kind, changed, size + 1);
            }
        }
    }
}

/* Heads put together from pieces that are mostly right. */
static void heads_of_random_pieces(void **state) {
    (void)state;
    static const char *const pieces[] = {"Host: a\r\n",
                                         "X:\r\n",
                                         "Y: b, c \r\n",
                                         " fold\r\n",
                                         "A b: c\r\n",
                                         ": x\r\n",
                                         "Z:\t\"q\"\t\r\n",
                                         "\r\n",
                                         "\n",
                                         "N: a\rb\r\n",
                                         "Upgrade: websocket\r\n",
                                         "Connection: Upgrade\r\n",
                                         "\x80: a\r\n",
                                         "B: \x01\r\n",
                                         "plain\r\n"};
    unsigned random = 1, count = 50000 / thorough_step(1, 50);
    for (unsigned run = 0; run < count; run++) {
        char text[TEXT_SIZE] = "GET /a HTTP/1.1\r\n";
        for (unsigned i = 0; i < 6; i++) {
            random = random * 1664525U + 1013904223U;
            strcat(text, pieces[(random >> 8) % (i < 3 ? 3 : sizeof pieces / sizeof pieces[0])]);
        }
        strcat(text, "\r\n");
        compare(HTTP_HEAD_REQUEST, text, strlen(text));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whole_heads_and_all_their_beginnings),
        cmocka_unit_test(heads_with_one_byte_changed),
        cmocka_unit_test(heads_of_random_pieces),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
