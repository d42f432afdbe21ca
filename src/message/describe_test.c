#include "message/datagram_format.h"
#include "message/option.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { LINE_SIZE = 4096 };

static void assert_line(const struct coax_message *message, const char *expected) {
    char line[LINE_SIZE];
    size_t size = coax_message_describe(message, line, sizeof line);
    assert_string_equal(line, expected);
    assert_int_equal(size, strlen(expected));
}

/* A request with one option. */
static void assert_option(uint16_t number, const void *value, size_t size, const char *expected) {
    uint8_t buffer[512];
    char line[LINE_SIZE + 64];
    struct option_writer writer = option_writer_on(buffer, sizeof buffer);
    assert_int_equal(coax_option_write(&writer, number, value, size), COAX_OK);
    struct coax_message message = {.code = COAX_GET, .options = option_writer_bytes(&writer)};
    snprintf(line, sizeof line, "CON 0000 GET %s", expected);
    assert_line(&message, line);
}

static void assert_payload(const char *payload, size_t size, const char *expected) {
    char line[LINE_SIZE + 64];
    struct coax_message message = {.code = COAX_PUT, .payload = bytes_of(payload, size)};
    snprintf(line, sizeof line, "CON 0000 PUT payload %s", expected);
    assert_line(&message, line);
}

static void describes_the_examples_of_rfc7252(void **state) {
    (void)state;
    struct coax_message message;
    static const uint8_t request[] = "\x41\x01\x7d\x35\x20\xbbtemperature";
    static const uint8_t response[] = "\x61\x45\x7d\x35\x20\xff"
                                      "22.3 C";
    assert_int_equal(coax_datagram_decode(&message, request, sizeof request - 1, 8, NULL, NULL), COAX_OK);
    assert_line(&message, "CON 7d35 token 20 GET Uri-Path=\"temperature\"");
    assert_int_equal(coax_datagram_decode(&message, response, sizeof response - 1, 8, NULL, NULL), COAX_OK);
    assert_line(&message, "ACK 7d35 token 20 2.05 Content payload 6 bytes \"22.3 C\"");
}

static void describes_types_and_codes(void **state) {
    (void)state;
    assert_line(&(struct coax_message){.type = COAX_CON, .id = 1}, "CON 0001 Empty");
    assert_line(&(struct coax_message){.type = COAX_ACK, .id = 0xad7b}, "ACK ad7b Empty");
    assert_line(&(struct coax_message){.type = COAX_RST, .id = 0xffff}, "RST ffff Empty");
    assert_line(&(struct coax_message){.type = COAX_NON, .code = COAX_IPATCH}, "NON 0000 iPATCH");
    assert_line(&(struct coax_message){.type = COAX_NON, .code = COAX_NOT_FOUND}, "NON 0000 4.04 Not Found");
    assert_line(&(struct coax_message){.type = COAX_NON, .code = COAX_CODE(4, 31)}, "NON 0000 4.31");
    assert_line(&(struct coax_message){.type = COAX_NON, .code = COAX_CODE(0, 31)}, "NON 0000 0.31");
}

static void describes_tokens(void **state) {
    (void)state;
    struct coax_message message = {.code = COAX_GET, .token = bytes_of("\x00\x01\xab\xcd\xef\xff\x10\x20", 8)};
    assert_line(&message, "CON 0000 token 0001abcdefff1020 GET");
    char token[300] = {0};
    message.token = bytes_of(token, sizeof token);
    assert_line(&message, "CON 0000 token 0000000000000000000000000000000000000000000000000000000000000000... (300 "
                          "bytes) GET");
}

static void describes_options_by_their_format(void **state) {
    (void)state;
    assert_option(COAX_OPTION_IF_MATCH, "\x01\xff", 2, "If-Match=01ff");
    assert_option(COAX_OPTION_IF_MATCH, "", 0, "If-Match=(empty)");
    assert_option(COAX_OPTION_IF_NONE_MATCH, "", 0, "If-None-Match");
    assert_option(COAX_OPTION_URI_HOST, "example.com", 11, "Uri-Host=\"example.com\"");
    assert_option(COAX_OPTION_URI_PATH, "", 0, "Uri-Path=\"\"");
    assert_option(COAX_OPTION_URI_PORT, "\x16\x33", 2, "Uri-Port=5683");
    assert_option(COAX_OPTION_OBSERVE, "", 0, "Observe=0");
    assert_option(COAX_OPTION_MAX_AGE, "\xff\xff\xff\xff", 4, "Max-Age=4294967295");
    assert_option(COAX_OPTION_ECHO, "\x0a", 1, "Echo=0a");
}

static void names_content_formats(void **state) {
    (void)state;
    assert_option(COAX_OPTION_CONTENT_FORMAT, "", 0, "Content-Format=0 (text/plain; charset=utf-8)");
    assert_option(COAX_OPTION_ACCEPT, "\x32", 1, "Accept=50 (application/json)");
    assert_option(COAX_OPTION_ACCEPT, "\xff\xff", 2, "Accept=65535");
}

/* NUM/M/SIZE, as in the examples of RFC 7959 section 3. */
static void describes_blocks_as_rfc7959_does(void **state) {
    (void)state;
    assert_option(COAX_OPTION_BLOCK2, "\x0b", 1, "Block2=0/1/128");
    assert_option(COAX_OPTION_BLOCK2, "\x26", 1, "Block2=2/0/1024");
    assert_option(COAX_OPTION_BLOCK1, "", 0, "Block1=0/0/16");
    assert_option(COAX_OPTION_Q_BLOCK1, "\x18", 1, "Q-Block1=1/1/16");
    assert_option(COAX_OPTION_Q_BLOCK2, "\xff\xff\xfe", 3, "Q-Block2=1048575/1/1024");
    assert_option(COAX_OPTION_BLOCK2, "\x1f", 1, "Block2=31"); /* size 7 is reserved */
}

static void describes_unknown_and_odd_options(void **state) {
    (void)state;
    assert_option(2, "\xca\xfe", 2, "Option-2=cafe");
    assert_option(65535, "", 0, "Option-65535=(empty)");
    /* Sizes that a writer would refuse but a peer can send. */
    struct coax_message message = {.code = COAX_GET,
                                   .options = bytes_of("\x51x\x79"
                                                       "123456789",
                                                       12)};
    assert_line(&message, "CON 0000 GET If-None-Match=78 Content-Format=313233343536373839");
}

static void escapes_what_would_act_on_a_terminal(void **state) {
    (void)state;
    assert_option(COAX_OPTION_URI_PATH, "a\x1b[2J\r\n\t\x7f\0", 10, "Uri-Path=\"a\\u001b[2J\\r\\n\\t\\u007f\\u0000\"");
    assert_option(COAX_OPTION_URI_PATH, "\"\\", 2, "Uri-Path=\"\\\"\\\\\"");
    assert_option(COAX_OPTION_URI_PATH,
                  "\xc2\x9b"
                  "31m",
                  5, "Uri-Path=\"\\u009b31m\""); /* C1: CSI */
    assert_option(COAX_OPTION_URI_PATH,
                  "\xe2\x80\xae"
                  "evil",
                  7, "Uri-Path=\"\\u202eevil\""); /* right to left */
    assert_option(COAX_OPTION_URI_PATH, "\xe2\x80\xa8\xe2\x81\xa6", 6, "Uri-Path=\"\\u2028\\u2066\"");
    assert_option(COAX_OPTION_URI_PATH, "\xff\xc3(", 3, "Uri-Path=\"\\xff\\xc3(\"");
    assert_option(COAX_OPTION_URI_PATH, "caf\xc3\xa9 \xf0\x9f\x98\x80", 10,
                  "Uri-Path=\"caf\xc3\xa9 \xf0\x9f\x98\x80\"");
}

static void shows_text_payloads_quoted_and_others_in_hex(void **state) {
    (void)state;
    assert_payload("x", 1, "1 byte \"x\"");
    assert_payload("{\"a\":\n1}", 8, "8 bytes \"{\\\"a\\\":\\n1}\"");
    assert_payload("\xa1\x61\x61\x01", 4, "4 bytes a1616101");
    assert_payload("ab\0", 3, "3 bytes 616200");
    assert_payload("ab\x1b", 3, "3 bytes 61621b");
    assert_payload("ab\xc3", 3, "3 bytes 6162c3");
}

static void shows_an_excerpt_of_long_payloads(void **state) {
    (void)state;
    char text[2000], expected[LINE_SIZE];
    memset(text, 'a', sizeof text);
    snprintf(expected, sizeof expected, "64 bytes \"%.64s\"", text);
    assert_payload(text, 64, expected);
    snprintf(expected, sizeof expected, "65 bytes \"%.64s\"...", text);
    assert_payload(text, 65, expected);
    snprintf(expected, sizeof expected, "2000 bytes \"%.64s\"...", text);
    assert_payload(text, 2000, expected);
    /* A character that would be cut in two is left out. */
    memcpy(text + 63, "\xc3\xa9", 2);
    snprintf(expected, sizeof expected, "2000 bytes \"%.63s\"...", text);
    assert_payload(text, 2000, expected);
    /* Binary data behind the excerpt does not matter. */
    memset(text, 0x80, sizeof text);
    assert_payload(text, 33, "33 bytes 8080808080808080808080808080808080808080808080808080808080808080...");
}

/* As snprintf: the length is always that of the whole line, and what fits is its beginning, in whole characters. */
static void writes_what_fits(void **state) {
    (void)state;
    struct coax_message message = {.code = COAX_GET,
                                   .id = 0x1234,
                                   .options = bytes_of("\xb6"
                                                       "caf\xc3\xa9!",
                                                       7)};
    const char whole[] = "CON 1234 GET Uri-Path=\"caf\xc3\xa9!\"";
    for (size_t capacity = 1; capacity <= sizeof whole; capacity++) {
        char *out = malloc(capacity);
        assert_non_null(out);
        assert_int_equal(coax_message_describe(&message, out, capacity), sizeof whole - 1);
        size_t length = strlen(out);
        assert_memory_equal(out, whole, length);
        bool cuts_a_character = (unsigned char)whole[capacity - 1] == 0xa9;
        assert_int_equal(length, cuts_a_character ? capacity - 2 : capacity - 1);
        free(out);
    }
    assert_int_equal(coax_message_describe(&message, NULL, 0), sizeof whole - 1);
}

/* Over reliable transports there is neither type nor message ID. */
static void leaves_out_the_type_that_a_message_does_not_have(void **state) {
    (void)state;
    struct coax_message message = {.type = COAX_NO_TYPE, .code = COAX_GET, .token = bytes_of("\x20", 1)};
    assert_line(&message, "token 20 GET");
    message.token.size = 0;
    assert_line(&message, "GET");
    message.code = COAX_CONTENT;
    message.payload = bytes_of("x", 1);
    assert_line(&message, "2.05 Content payload 1 byte \"x\"");
    assert_line(&(struct coax_message){.type = COAX_CON, .code = COAX_PONG}, "7.03 Pong");
    assert_line(&(struct coax_message){.code = COAX_CODE(7, 31)}, "7.31");
}

static void names_signaling_options_by_code(void **state) {
    (void)state;
    struct coax_message message = {.type = COAX_NO_TYPE, .code = COAX_CSM};
    message.options = bytes_of("\x22\x08\x00\x20\x21\x20\x11x", 8);
    assert_line(&message, "7.01 CSM Max-Message-Size=2048 Block-Wise-Transfer Extended-Token-Length=32 Option-7=78");
    message.options = bytes_of("\x20", 1);
    message.code = COAX_PING;
    assert_line(&message, "7.02 Ping Custody");
    message.code = COAX_ABORT;
    assert_line(&message, "7.05 Abort Bad-CSM-Option=0");
}

static void quotes_a_text_alone(void **state) {
    (void)state;
    char out[16];
    assert_int_equal(coax_text_quote(bytes_of("a\nb", 3), out, sizeof out), 6);
    assert_string_equal(out, "\"a\\nb\"");
    assert_int_equal(coax_text_quote(bytes_of("", 0), out, sizeof out), 2);
    assert_string_equal(out, "\"\"");
    assert_int_equal(coax_text_quote(bytes_of("0123456789abcdef", 16), out, sizeof out), 18);
    assert_string_equal(out, "\"0123456789abcd");
    assert_int_equal(coax_text_quote(bytes_of("a", 1), NULL, 0), 3);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(describes_the_examples_of_rfc7252),
        cmocka_unit_test(describes_types_and_codes),
        cmocka_unit_test(describes_tokens),
        cmocka_unit_test(describes_options_by_their_format),
        cmocka_unit_test(names_content_formats),
        cmocka_unit_test(describes_blocks_as_rfc7959_does),
        cmocka_unit_test(describes_unknown_and_odd_options),
        cmocka_unit_test(escapes_what_would_act_on_a_terminal),
        cmocka_unit_test(shows_text_payloads_quoted_and_others_in_hex),
        cmocka_unit_test(shows_an_excerpt_of_long_payloads),
        cmocka_unit_test(writes_what_fits),
        cmocka_unit_test(leaves_out_the_type_that_a_message_does_not_have),
        cmocka_unit_test(names_signaling_options_by_code),
        cmocka_unit_test(quotes_a_text_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
