#include "cli/encoding.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void hex_is_read_with_and_without_its_mark(void **state) {
    (void)state;
    uint8_t out[4];
    size_t size = 9;
    assert_true(hex_read("0x01fF", out, sizeof out, &size));
    assert_int_equal(size, 2);
    assert_memory_equal(out, "\x01\xff", 2);
    assert_true(hex_read("00aBcDeF", out, sizeof out, &size));
    assert_int_equal(size, 4);
    assert_memory_equal(out, "\x00\xab\xcd\xef", 4);
    assert_true(hex_read("", out, sizeof out, &size));
    assert_int_equal(size, 0);
    assert_true(hex_read("0X", out, sizeof out, &size));
    assert_int_equal(size, 0);
}

static void what_is_no_hex_is_refused(void **state) {
    (void)state;
    static const char *const bad[] = {"0", "0x1", "0xgg", "1 23", "zz", "-1", "0x0x01", "a\xc3\xa4z"};
    uint8_t out[8];
    size_t size = 0;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_false(hex_read(bad[i], out, sizeof out, &size));
    }
    assert_false(hex_read("010203", out, 2, &size));
}

static void hex_is_written(void **state) {
    (void)state;
    char *text = hex_write("\x00\x9f\xff", 3);
    assert_string_equal(text, "0x009fff");
    free(text);
    text = hex_write(NULL, 0);
    assert_string_equal(text, "0x");
    free(text);
}

/* RFC 4648 section 10. */
static void base64_follows_the_vectors_of_its_rfc(void **state) {
    (void)state;
    static const char *const vectors[][2] = {
        {"", ""},
        {"f", "Zg=="},
        {"fo", "Zm8="},
        {"foo", "Zm9v"},
        {"foob", "Zm9vYg=="},
        {"fooba", "Zm9vYmE="},
        {"foobar", "Zm9vYmFy"},
    };
    for (size_t i = 0; i < sizeof vectors / sizeof vectors[0]; i++) {
        char *text = base64_write(vectors[i][0], strlen(vectors[i][0]));
        assert_string_equal(text, vectors[i][1]);
        free(text);
    }
    char *text = base64_write("\xfb\xff\xfe", 3);
    assert_string_equal(text, "+//+");
    free(text);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hex_is_read_with_and_without_its_mark),
        cmocka_unit_test(what_is_no_hex_is_refused),
        cmocka_unit_test(hex_is_written),
        cmocka_unit_test(base64_follows_the_vectors_of_its_rfc),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
