#include "cli/printable.h"

#include "cli/capture.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void well_formed_characters_have_a_size(void **state) {
    (void)state;
    assert_int_equal(utf8_character("a", 1), 1);
    assert_int_equal(utf8_character("", 1), 1); /* NUL is a character */
    assert_int_equal(utf8_character("°", 2), 2);
    assert_int_equal(utf8_character("€uro", 6), 3);
    assert_int_equal(utf8_character("\xf0\x9f\x8c\xa1", 4), 4);
    assert_int_equal(utf8_character("\xf4\x8f\xbf\xbf", 4), 4); /* U+10FFFF, the last one */
}

static void ill_formed_characters_have_none(void **state) {
    (void)state;
    static const char *const bad[] = {
        "\x80",             /* continuation without a start */
        "\xc0\x80",         /* overlong NUL */
        "\xc1\xbf",         /* overlong */
        "\xe0\x9f\xbf",     /* overlong */
        "\xed\xa0\x80",     /* surrogate */
        "\xf0\x8f\xbf\xbf", /* overlong */
        "\xf4\x90\x80\x80", /* beyond U+10FFFF */
        "\xf5\x80\x80\x80",
        "\xff",
        "\xe2\x82",
        "\xe2\x28\xa1",
        "\xe2\x82\x28",
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(utf8_character(bad[i], strlen(bad[i])), 0);
        assert_false(is_printable(bad[i], strlen(bad[i])));
    }
    assert_int_equal(utf8_character("", 0), 0);
}

static void text_without_control_characters_is_printable(void **state) {
    (void)state;
    assert_true(is_printable("", 0));
    assert_true(is_printable("21.5 °C\r\n\tok", 13));
    assert_false(is_printable("a\033[2J", 5));
    assert_false(is_printable("a\0b", 3));
    assert_false(is_printable("\x7f", 1));
    assert_false(is_printable("\xc2\x9b", 2)); /* CSI as one character */
    assert_true(is_printable("\xc2\xa0", 2));
}

static void control_characters_are_escaped(void **state) {
    (void)state;
    char out[256];
    struct capture capture = capture_begin(stderr);
    const char text[] = "a\tb\n\033[31mé\x7f\xc2\x9b\xff\r\0z";
    print_printable(stderr, text, sizeof text - 1);
    assert_string_equal(capture_end(&capture, out, sizeof out), "a\tb\n\\x1b[31mé\\x7f\\xc2\\x9b\\xff\\x0d\\x00z");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(well_formed_characters_have_a_size),
        cmocka_unit_test(ill_formed_characters_have_none),
        cmocka_unit_test(text_without_control_characters_is_printable),
        cmocka_unit_test(control_characters_are_escaped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
