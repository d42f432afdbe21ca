#include <coax/content_format.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void names_what_is_registered(void **state) {
    (void)state;
    assert_string_equal(coax_content_format_name(0), "text/plain; charset=utf-8");
    assert_string_equal(coax_content_format_name(18), "application/cose; cose-type=\"cose-sign1\"");
    assert_string_equal(coax_content_format_name(40), "application/link-format");
    assert_string_equal(coax_content_format_name(60), "application/cbor");
    assert_string_equal(coax_content_format_name(112), "application/senml+cbor");
    assert_string_equal(coax_content_format_name(272), "application/missing-blocks+cbor-seq");
    assert_string_equal(coax_content_format_name(11542), "application/vnd.oma.lwm2m+tlv");
    assert_string_equal(coax_content_format_name(30000), "image/svg+xml");
}

static void names_every_format_of_the_rfcs(void **state) {
    (void)state;
    static const int numbers[] = {0,     16,    17,    18,    19,    21,    22,    23,    40,    41,   42,  47,  50,
                                  51,    52,    60,    61,    62,    63,    96,    97,    98,    101,  102, 110, 111,
                                  112,   113,   114,   115,   140,   256,   257,   258,   271,   272,  280, 281, 284,
                                  285,   286,   287,   290,   291,   310,   311,   320,   322,   340,  341, 432, 836,
                                  10000, 10001, 10002, 11050, 11060, 11542, 11543, 11544, 20000, 30000};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        assert_non_null(coax_content_format_name(numbers[i]));
    }
}

static void has_no_name_for_the_rest(void **state) {
    (void)state;
    static const int numbers[] = {-1, -2, 1, 15, 20, 24, 43, 61000, 64999, 65000, 65535, 65536, 1542, 1543};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        assert_null(coax_content_format_name(numbers[i]));
    }
}

static void finds_every_name_again(void **state) {
    (void)state;
    int count = 0;
    for (int number = 0; number <= 65535; number++) {
        const char *name = coax_content_format_name(number);
        if (name != NULL) {
            assert_int_equal(coax_content_format_number(name), number);
            count++;
        }
    }
    assert_in_range(count, 80, 200);
}

static void ignores_case_blanks_and_quotes(void **state) {
    (void)state;
    assert_int_equal(coax_content_format_number("Application/JSON"), 50);
    assert_int_equal(coax_content_format_number("text/plain;charset=UTF-8"), 0);
    assert_int_equal(coax_content_format_number("text/plain;  charset=utf-8"), 0);
    assert_int_equal(coax_content_format_number("text/plain;\tcharset=utf-8"), 0);
    assert_int_equal(coax_content_format_number("application/cose;cose-type=\"cose-sign1\""), 18);
    assert_int_equal(coax_content_format_number("application/cose; cose-type=cose-sign1"), 18);
}

static void tells_codings_and_parameters_apart(void **state) {
    (void)state;
    assert_int_equal(coax_content_format_number("application/json (deflate)"), 11050);
    assert_int_equal(coax_content_format_number("application/cbor (deflate)"), 11060);
    assert_int_equal(coax_content_format_number("application/yang-data+cbor"), 340);
    assert_int_equal(coax_content_format_number("application/yang-data+cbor;id=name"), 341);
    assert_int_equal(coax_content_format_number("application/yang-data+cbor;id=sid"), 140);
    assert_int_equal(coax_content_format_number("application/cose"), COAX_NO_FORMAT);
}

static void finds_short_names(void **state) {
    (void)state;
    assert_int_equal(coax_content_format_number("text/plain"), COAX_FORMAT_TEXT);
    assert_int_equal(coax_content_format_number("text"), COAX_FORMAT_TEXT);
    assert_int_equal(coax_content_format_number("JSON"), COAX_FORMAT_JSON);
    assert_int_equal(coax_content_format_number("cbor"), COAX_FORMAT_CBOR);
    assert_int_equal(coax_content_format_number("link"), COAX_FORMAT_LINK);
    assert_int_equal(coax_content_format_number("xml"), COAX_FORMAT_XML);
    assert_int_equal(coax_content_format_number("octets"), COAX_FORMAT_OCTET_STREAM);
    assert_int_equal(coax_content_format_number("senml+json"), COAX_FORMAT_SENML_JSON);
    assert_int_equal(coax_content_format_number("senml+cbor"), COAX_FORMAT_SENML_CBOR);
}

static void takes_decimal_numbers(void **state) {
    (void)state;
    assert_int_equal(coax_content_format_number("0"), 0);
    assert_int_equal(coax_content_format_number("50"), 50);
    assert_int_equal(coax_content_format_number("65535"), 65535);
    assert_int_equal(coax_content_format_number("00050"), 50);
}

static void refuses_the_rest(void **state) {
    (void)state;
    static const char *const names[] = {"",
                                        " ",
                                        "65536",
                                        "99999999999999999999",
                                        "-1",
                                        "+5",
                                        "5 ",
                                        " 5",
                                        "0x10",
                                        "application",
                                        "application/",
                                        "json2",
                                        "text/html",
                                        "jso",
                                        " application/json",
                                        "application/json ",
                                        "text/plain; charset=latin1",
                                        "application / json"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        assert_int_equal(coax_content_format_number(names[i]), COAX_NO_FORMAT);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_what_is_registered),
        cmocka_unit_test(names_every_format_of_the_rfcs),
        cmocka_unit_test(has_no_name_for_the_rest),
        cmocka_unit_test(finds_every_name_again),
        cmocka_unit_test(ignores_case_blanks_and_quotes),
        cmocka_unit_test(tells_codings_and_parameters_apart),
        cmocka_unit_test(finds_short_names),
        cmocka_unit_test(takes_decimal_numbers),
        cmocka_unit_test(refuses_the_rest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
