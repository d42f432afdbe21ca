#include "message/message.h"
#include "message/option.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static struct coax_message message_with_options(const char *options, size_t size) {
    return (struct coax_message){.code = COAX_GET, .options = bytes_of(options, size)};
}

static void gives_header_token_and_payload(void **state) {
    (void)state;
    struct coax_message message = {COAX_ACK,           COAX_CONTENT,      0x7d34,
                                   bytes_of("tok", 3), bytes_of(NULL, 0), bytes_of("22.3 C", 6)};
    size_t size = 0;
    assert_int_equal(coax_message_type(&message), COAX_ACK);
    assert_int_equal(coax_message_code(&message), COAX_CONTENT);
    assert_int_equal(coax_message_id(&message), 0x7d34);
    assert_memory_equal(coax_message_token(&message, &size), "tok", 3);
    assert_int_equal(size, 3);
    assert_memory_equal(coax_message_payload(&message), "22.3 C", 6);
    assert_int_equal(coax_message_payload_size(&message), 6);
}

static void a_payload_of_size_0_is_null(void **state) {
    (void)state;
    struct coax_message message = {.payload = bytes_of("x", 0)};
    assert_null(coax_message_payload(&message));
    assert_int_equal(coax_message_payload_size(&message), 0);
}

static void reads_uints_of_every_size(void **state) {
    (void)state;
    static const uint8_t bytes[] = {1, 2, 3, 4, 5, 6, 7, 8, 9};
    static const uint8_t zeros[] = {0, 0, 5};
    static const uint64_t values[] = {
        0,
        0x01,
        0x0102,
        0x010203,
        0x01020304,
        UINT64_C(0x0102030405),
        UINT64_C(0x010203040506),
        UINT64_C(0x01020304050607),
        UINT64_C(0x0102030405060708),
        UINT64_MAX,
    };
    for (size_t size = 0; size < sizeof values / sizeof values[0]; size++) {
        coax_option option = {14, bytes, size};
        assert_true(coax_option_uint(&option) == values[size]);
    }
    coax_option padded = {14, zeros, sizeof zeros};
    assert_int_equal(coax_option_uint(&padded), 5);
}

static void walks_options_in_order(void **state) {
    (void)state;
    /* Uri-Path "a", Uri-Path "", Content-Format 0, Request-Tag "zz", 65535 */
    static const char wire[] = "\xb1"
                               "a\x00\x10\xe2\x00\x0b"
                               "zz\xe0\xfd\xce";
    static const struct {
        uint16_t number;
        size_t size;
    } expected[] = {{11, 1}, {11, 0}, {12, 0}, {292, 2}, {65535, 0}};
    struct coax_message message = message_with_options(wire, sizeof wire - 1);
    size_t position = 0;
    coax_option option;
    for (size_t i = 0; i < 5; i++) {
        assert_true(coax_message_next_option(&message, &position, &option));
        assert_int_equal(option.number, expected[i].number);
        assert_int_equal(option.size, expected[i].size);
    }
    assert_false(coax_message_next_option(&message, &position, &option));
    assert_false(coax_message_next_option(&message, &position, &option));
    assert_int_equal(option.number, 65535);
}

static void a_message_without_options_has_none(void **state) {
    (void)state;
    struct coax_message message = message_with_options(NULL, 0);
    size_t position = 0;
    coax_option option = {.number = 9};
    assert_false(coax_message_next_option(&message, &position, &option));
    assert_false(coax_message_option(&message, 0, &option));
    assert_int_equal(option.number, 9);
    assert_int_equal(coax_message_content_format(&message), -1);
    assert_int_equal(coax_message_max_age(&message), 60);
}

static void finds_the_first_option_of_a_number(void **state) {
    (void)state;
    static const char wire[] = "\xb1"
                               "a\x01"
                               "b\x41"
                               "q";
    struct coax_message message = message_with_options(wire, sizeof wire - 1);
    coax_option option;
    assert_true(coax_message_option(&message, COAX_OPTION_URI_PATH, &option));
    assert_memory_equal(option.value, "a", 1);
    assert_true(coax_message_option(&message, COAX_OPTION_URI_QUERY, &option));
    assert_memory_equal(option.value, "q", 1);
    assert_false(coax_message_option(&message, COAX_OPTION_URI_HOST, &option));
    assert_false(coax_message_option(&message, COAX_OPTION_CONTENT_FORMAT, &option));
    assert_false(coax_message_option(&message, 60, &option));
}

static void reads_an_option_as_a_number_or_else(void **state) {
    (void)state;
    static const char wire[] = "\x62\x01\x02\x82\x12\x34\xd1\x01\x05"; /* Observe 258, Max-Age 4660, 28 */
    struct coax_message message = message_with_options(wire, sizeof wire - 1);
    assert_int_equal(coax_message_option_uint(&message, COAX_OPTION_OBSERVE, 7), 258);
    assert_int_equal(coax_message_option_uint(&message, COAX_OPTION_SIZE2, 7), 5);
    assert_int_equal(coax_message_option_uint(&message, COAX_OPTION_SIZE1, 7), 7);
    assert_int_equal(coax_message_max_age(&message), 4660);
}

static void content_format_and_max_age_of_every_size(void **state) {
    (void)state;
    static const struct {
        const char *wire;
        size_t size;
        int content_format;
        uint32_t max_age;
    } cases[] = {
        {"\xc0", 1, 0, 60},
        {"\xc1\x32", 2, 50, 60},
        {"\xc2\xff\xff", 3, 65535, 60},
        {"\xc2\x00\x32", 3, 50, 60},     /* leading zeros are legal (RFC 7252 section 3.2) */
        {"\xc3\x00\x00\x32", 4, -1, 60}, /* too long: elective, so ignored (section 5.4.3) */
        {"\xc1\x32\x00", 3, 50, 60},     /* repeated: the second one is ignored (section 5.4.5) */
        {"\xd0\x01", 2, -1, 0},
        {"\xd4\x01\xff\xff\xff\xff", 6, -1, UINT32_MAX},
        {"\xd5\x01\x00\x00\x00\x00\x07", 7, -1, 60},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct coax_message message = message_with_options(cases[i].wire, cases[i].size);
        assert_int_equal(coax_message_content_format(&message), cases[i].content_format);
        assert_int_equal(coax_message_max_age(&message), cases[i].max_age);
    }
}

static void a_copy_outlives_what_it_was_made_of(void **state) {
    (void)state;
    char token[] = "tok",
         options[] = "\xb1"
                     "a",
         payload[] = "payload";
    struct coax_message message = {
        COAX_NON, COAX_PUT, 77, bytes_of(token, 3), bytes_of(options, 2), bytes_of(payload, 7)};
    coax_message *copy = coax_message_copy(&message);
    assert_non_null(copy);
    memset(token, 0, sizeof token);
    memset(options, 0, sizeof options);
    memset(payload, 0, sizeof payload);
    memset(&message, 0, sizeof message);
    size_t size = 0;
    coax_option option;
    assert_int_equal(coax_message_type(copy), COAX_NON);
    assert_int_equal(coax_message_code(copy), COAX_PUT);
    assert_int_equal(coax_message_id(copy), 77);
    assert_memory_equal(coax_message_token(copy, &size), "tok", 3);
    assert_true(coax_message_option(copy, COAX_OPTION_URI_PATH, &option));
    assert_memory_equal(option.value, "a", 1);
    assert_memory_equal(coax_message_payload(copy), "payload", 7);
    coax_message *second = coax_message_copy(copy);
    coax_message_free(copy);
    assert_non_null(second);
    assert_memory_equal(coax_message_payload(second), "payload", 7);
    coax_message_free(second);
}

static void an_empty_message_can_be_copied(void **state) {
    (void)state;
    struct coax_message message = {.type = COAX_RST};
    coax_message *copy = coax_message_copy(&message);
    assert_non_null(copy);
    assert_int_equal(coax_message_type(copy), COAX_RST);
    assert_null(coax_message_payload(copy));
    coax_message_free(copy);
    coax_message_free(NULL);
}

static void assert_problem(const char *wire, size_t size, uint16_t number, const char *reason) {
    struct coax_message message = message_with_options(wire, size);
    struct option_problem problem = {0, NULL};
    assert_false(coax_message_options_understood(&message, NULL, &problem));
    assert_int_equal(problem.number, number);
    assert_string_equal(problem.reason, reason);
}

static void assert_understood(const char *wire, size_t size) {
    struct coax_message message = message_with_options(wire, size);
    struct option_problem problem = {1, "untouched"};
    assert_true(coax_message_options_understood(&message, NULL, &problem));
    assert_string_equal(problem.reason, "untouched");
}

/* RFC 7252 section 5.4.1 */
static void unknown_critical_options_are_not_understood(void **state) {
    (void)state;
    assert_problem("\xd0\x00", 2, 13, "is critical and unknown");
    assert_problem("\xe0\xfe\xf2", 3, 65535, "is critical and unknown");
    assert_problem("\xb1"
                   "a\xd0\x01",
                   4, 25, "is critical and unknown");
    assert_understood("\x20", 1); /* 2: elective */
    assert_understood("\xe0\xfe\xf1", 3);
    assert_understood(NULL, 0);
}

/* RFC 7252 section 5.4.3 */
static void critical_options_of_a_wrong_size_are_not_understood(void **state) {
    (void)state;
    assert_problem("\x19"
                   "123456789",
                   10, COAX_OPTION_IF_MATCH, "is too long");
    assert_problem("\x30", 1, COAX_OPTION_URI_HOST, "is too short");
    assert_problem("\x51x", 2, COAX_OPTION_IF_NONE_MATCH, "is too long");
    assert_problem("\x73\x00\x16\x33", 4, COAX_OPTION_URI_PORT, "is too long");
    assert_problem("\xd3\x04\x00\x00\x32", 5, COAX_OPTION_ACCEPT, "is too long");
    char path[258] = "\xbd\xf3"; /* Uri-Path of 256 bytes */
    memset(path + 2, 'a', 256);
    assert_problem(path, sizeof path, COAX_OPTION_URI_PATH, "is too long");
    path[1] = '\xf2';
    assert_understood(path, sizeof path - 1);
}

static void elective_options_of_a_wrong_size_are_ignored(void **state) {
    (void)state;
    assert_understood("\x40", 1);                         /* ETag of 0 bytes */
    assert_understood("\xc3\x00\x00\x32", 4);             /* Content-Format of 3 */
    assert_understood("\xd5\x01\x01\x02\x03\x04\x05", 7); /* Max-Age of 5 */
}

/* RFC 7252 section 5.4.5 */
static void options_that_must_not_be_repeated(void **state) {
    (void)state;
    assert_problem("\x31h\x01i", 4, COAX_OPTION_URI_HOST, "is repeated");
    assert_problem("\xd1\x04\x00\x00", 4, COAX_OPTION_ACCEPT, "is repeated");
    assert_problem("\x50\x00", 2, COAX_OPTION_IF_NONE_MATCH, "is repeated");
    assert_understood("\xb1"
                      "a\x01"
                      "a\x41q\x01q",
                      8); /* Uri-Path and Uri-Query may be */
    assert_understood("\x11"
                      "a\x01"
                      "b",
                      4);                     /* If-Match may be */
    assert_understood("\xc0\x00", 2);         /* Content-Format is elective */
    assert_understood("\x61\x01\x01\x02", 4); /* Observe is elective */
}

/* RFC 7252 section 3.2 */
static void critical_strings_are_utf8(void **state) {
    (void)state;
    assert_problem("\xb1\xff", 2, COAX_OPTION_URI_PATH, "is not UTF-8");
    assert_problem("\xb2\xc0\x80", 3, COAX_OPTION_URI_PATH, "is not UTF-8");
    assert_problem("\x31\x80", 2, COAX_OPTION_URI_HOST, "is not UTF-8");
    assert_understood("\xb2\xc3\xa9", 3);
    assert_understood("\x12\xff\xfe", 3); /* If-Match is opaque */
    assert_understood("\x81\xff", 2);     /* Location-Path is elective */
}

static void uints_with_leading_zeros_are_understood(void **state) {
    (void)state;
    assert_understood("\x72\x00\x05", 3);
    assert_understood("\xd2\x04\x00\x32", 4);
}

static bool supports_only_uri_path(uint16_t number) {
    return number == COAX_OPTION_URI_PATH;
}

static void options_that_are_not_supported_here(void **state) {
    (void)state;
    struct option_problem problem = {0, NULL};
    struct coax_message path = message_with_options("\xb1"
                                                    "a",
                                                    2);
    assert_true(coax_message_options_understood(&path, supports_only_uri_path, &problem));
    struct coax_message proxy = message_with_options("\xb1"
                                                     "a\xd1\x0bx",
                                                     5);
    assert_false(coax_message_options_understood(&proxy, supports_only_uri_path, &problem));
    assert_int_equal(problem.number, COAX_OPTION_PROXY_URI);
    assert_string_equal(problem.reason, "is critical and not supported here");
    /* Elective ones are not asked for. */
    struct coax_message elective = message_with_options("\x41"
                                                        "e",
                                                        2);
    assert_true(coax_message_options_understood(&elective, supports_only_uri_path, &problem));
}

static void the_first_problem_is_reported(void **state) {
    (void)state;
    assert_problem("\x30\xa0\x0f", 3, COAX_OPTION_URI_HOST, "is too short");
    assert_problem("\xb1\xff\x01"
                   "a\x20",
                   5, COAX_OPTION_URI_PATH, "is not UTF-8");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gives_header_token_and_payload),
        cmocka_unit_test(a_payload_of_size_0_is_null),
        cmocka_unit_test(reads_uints_of_every_size),
        cmocka_unit_test(walks_options_in_order),
        cmocka_unit_test(a_message_without_options_has_none),
        cmocka_unit_test(finds_the_first_option_of_a_number),
        cmocka_unit_test(reads_an_option_as_a_number_or_else),
        cmocka_unit_test(content_format_and_max_age_of_every_size),
        cmocka_unit_test(a_copy_outlives_what_it_was_made_of),
        cmocka_unit_test(an_empty_message_can_be_copied),
        cmocka_unit_test(unknown_critical_options_are_not_understood),
        cmocka_unit_test(critical_options_of_a_wrong_size_are_not_understood),
        cmocka_unit_test(elective_options_of_a_wrong_size_are_ignored),
        cmocka_unit_test(options_that_must_not_be_repeated),
        cmocka_unit_test(critical_strings_are_utf8),
        cmocka_unit_test(uints_with_leading_zeros_are_understood),
        cmocka_unit_test(options_that_are_not_supported_here),
        cmocka_unit_test(the_first_problem_is_reported),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
