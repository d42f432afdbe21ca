#include "cli/option_text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static struct typed_option option;
static struct argument_problem problem;

static bool reads(const char *text) {
    memset(&option, 0x5a, sizeof option);
    problem.text[0] = '\0';
    return typed_option_read(text, &option, &problem);
}

static void assert_option(const char *text, uint16_t number, const void *value, size_t size) {
    assert_true(reads(text));
    assert_int_equal(option.number, number);
    assert_int_equal(option.size, size);
    assert_memory_equal(option.value, value, size);
}

static void names_are_found_in_any_letter_case_and_as_numbers(void **state) {
    (void)state;
    assert_option("Uri-Query=a=1", COAX_OPTION_URI_QUERY, "a=1", 3);
    assert_option("uri-query=b", COAX_OPTION_URI_QUERY, "b", 1);
    assert_option("15=c", COAX_OPTION_URI_QUERY, "c", 1);
    assert_option("65000=x", 65000, "x", 1);
    assert_option("0=", 0, "", 0);
}

static void text_is_taken_as_it_is(void **state) {
    (void)state;
    assert_option("Uri-Path=0x01", COAX_OPTION_URI_PATH, "0x01", 4);
    assert_option("Uri-Path=", COAX_OPTION_URI_PATH, "", 0);
    assert_option("Uri-Path=gr\xc3\xbc\xc3\x9f", COAX_OPTION_URI_PATH, "gr\xc3\xbc\xc3\x9f", 6);
}

/* RFC 7252 section 3.2: as few bytes as possible, none for 0. */
static void numbers_have_no_leading_zeros(void **state) {
    (void)state;
    assert_option("Max-Age=0", COAX_OPTION_MAX_AGE, "", 0);
    assert_option("Max-Age=60", COAX_OPTION_MAX_AGE, "\x3c", 1);
    assert_option("Max-Age=256", COAX_OPTION_MAX_AGE, "\x01\x00", 2);
    assert_option("Max-Age=0x10000", COAX_OPTION_MAX_AGE, "\x01\x00\x00", 3);
    assert_option("Max-Age=4294967295", COAX_OPTION_MAX_AGE, "\xff\xff\xff\xff", 4);
    assert_option("Max-Age=010", COAX_OPTION_MAX_AGE, "\x0a", 1);
    static const char *const bad[] = {"Max-Age",    "Max-Age=",   "Max-Age=ten", "Max-Age=-1",
                                      "Max-Age= 1", "Max-Age=1s", "Max-Age=0x",  "Max-Age=99999999999999999999999"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_false(reads(bad[i]));
        assert_non_null(strstr(problem.text, "has no number as its value"));
    }
}

static void content_formats_may_be_names(void **state) {
    (void)state;
    assert_option("Accept=json", COAX_OPTION_ACCEPT, "\x32", 1);
    assert_option("Content-Format=application/cbor", COAX_OPTION_CONTENT_FORMAT, "\x3c", 1);
    assert_option("Accept=112", COAX_OPTION_ACCEPT, "\x70", 1);
    assert_false(reads("Accept=jsn"));
    assert_false(reads("Max-Age=json"));
}

static void bytes_are_hex_or_text(void **state) {
    (void)state;
    assert_option("ETag=0x00ff", COAX_OPTION_ETAG, "\x00\xff", 2);
    assert_option("ETag=abc", COAX_OPTION_ETAG, "abc", 3);
    assert_option("If-Match=", COAX_OPTION_IF_MATCH, "", 0);
    assert_option("65001=0xFf", 65001, "\xff", 1);
    assert_option("65001", 65001, "", 0);
    assert_false(reads("ETag=0x0"));
    assert_non_null(strstr(problem.text, "pairs of hexadecimal digits"));
    assert_false(reads("ETag=0xgg"));
}

static void options_without_a_value_take_none(void **state) {
    (void)state;
    assert_option("If-None-Match", COAX_OPTION_IF_NONE_MATCH, "", 0);
    assert_option("If-None-Match=", COAX_OPTION_IF_NONE_MATCH, "", 0);
    assert_false(reads("If-None-Match=1"));
    assert_non_null(strstr(problem.text, "takes none"));
}

static void sizes_are_those_of_the_definition(void **state) {
    (void)state;
    assert_true(reads("ETag=12345678"));
    assert_false(reads("ETag=123456789"));
    assert_non_null(strstr(problem.text, "9 bytes, and ETag takes 1 to 8"));
    assert_false(reads("ETag="));
    assert_false(reads("Max-Age=4294967296"));
    assert_option("hop-limit=255", COAX_OPTION_HOP_LIMIT, "\xff", 1);
    assert_false(reads("Hop-Limit=0")); /* RFC 8768 section 3 */
    assert_false(reads("Hop-Limit=256"));
    assert_non_null(strstr(problem.text, "2 bytes, and Hop-Limit takes 1"));
    char text[OPTION_VALUE_MAXIMUM + 16] = "65001=";
    memset(text + 6, 'x', OPTION_VALUE_MAXIMUM);
    assert_true(reads(text));
    assert_int_equal(option.size, OPTION_VALUE_MAXIMUM);
    text[6 + OPTION_VALUE_MAXIMUM] = 'x';
    assert_false(reads(text));
    assert_non_null(strstr(problem.text, "1035 bytes, and 1034 are the most"));
}

static void unknown_names_get_the_nearest_one(void **state) {
    (void)state;
    assert_false(reads("Uri-Qeury=a"));
    assert_non_null(strstr(problem.text, "did you mean Uri-Query?"));
    assert_false(reads("frobnicate=1"));
    assert_null(strstr(problem.text, "did you mean"));
    assert_false(reads("65536=x"));
    assert_non_null(strstr(problem.text, "numbers end at 65535"));
    assert_false(reads("99999999999999999999=x"));
    assert_false(reads("-1=x"));
}

static void what_is_no_option_at_all_is_refused(void **state) {
    (void)state;
    static const char *const bad[] = {"", "=", "=x",
                                      "a-name-of-more-than-sixty-three-letters-which-no-option-of-the-registry-has=1"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_false(reads(bad[i]));
        assert_non_null(strstr(problem.text, "is not of the form NAME=VALUE"));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_found_in_any_letter_case_and_as_numbers),
        cmocka_unit_test(text_is_taken_as_it_is),
        cmocka_unit_test(numbers_have_no_leading_zeros),
        cmocka_unit_test(content_formats_may_be_names),
        cmocka_unit_test(bytes_are_hex_or_text),
        cmocka_unit_test(options_without_a_value_take_none),
        cmocka_unit_test(sizes_are_those_of_the_definition),
        cmocka_unit_test(unknown_names_get_the_nearest_one),
        cmocka_unit_test(what_is_no_option_at_all_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
