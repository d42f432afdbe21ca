#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "security/credentials_store.h"

typedef enum coax_status decoder(const char *text, size_t size, uint8_t *out, size_t *out_size, coax_error *error);

static void assert_decodes(decoder *decode, const char *text, const void *expected, size_t size) {
    uint8_t *out = malloc(strlen(text) + 1);
    assert_non_null(out);
    size_t out_size = 99;
    coax_error error = {.text = ""};
    assert_int_equal(decode(text, strlen(text), out, &out_size, &error), COAX_OK);
    assert_int_equal(out_size, size);
    if (size > 0) {
        assert_memory_equal(out, expected, size);
    }
    free(out);
}

static void assert_refuses(decoder *decode, const char *text, const char *expected) {
    uint8_t *out = malloc(strlen(text) + 1);
    assert_non_null(out);
    size_t out_size = 0;
    coax_error error = {.text = ""};
    assert_int_equal(decode(text, strlen(text), out, &out_size, &error), COAX_E_SYNTAX);
    assert_non_null(strstr(error.text, expected));
    free(out);
}

static void ascii_is_taken_as_it_is(void **state) {
    (void)state;
    assert_decodes(coax_credentials_decode_ascii, "", NULL, 0);
    assert_decodes(coax_credentials_decode_ascii, "secretPSK \x7F", "secretPSK \x7F", 11);
    assert_refuses(coax_credentials_decode_ascii, "ab\xC3\xBC", "byte 3 ");
}

static void hex_skips_dashes_colons_and_blanks(void **state) {
    (void)state;
    assert_decodes(coax_credentials_decode_hex, "", NULL, 0);
    assert_decodes(coax_credentials_decode_hex, "30-38:31 35", "0815", 4);
    assert_decodes(coax_credentials_decode_hex, "DEADbeef", "\xDE\xAD\xBE\xEF", 4);
    assert_decodes(coax_credentials_decode_hex, "0-0", "\0", 1);
    assert_refuses(coax_credentials_decode_hex, "00 0g", "character 5 ");
    assert_refuses(coax_credentials_decode_hex, "0x00", "character 2 ");
    assert_refuses(coax_credentials_decode_hex, "000", "odd");
    assert_refuses(coax_credentials_decode_hex, "00\n", "character 3 ");
}

/* RFC 4648 section 10. */
static void base64_follows_its_vectors(void **state) {
    (void)state;
    static const char *const vectors[][2] = {{"", ""},
                                             {"f", "Zg=="},
                                             {"fo", "Zm8="},
                                             {"foo", "Zm9v"},
                                             {"foob", "Zm9vYg=="},
                                             {"fooba", "Zm9vYmE="},
                                             {"foobar", "Zm9vYmFy"}};
    for (size_t i = 0; i < sizeof vectors / sizeof vectors[0]; i++) {
        assert_decodes(coax_credentials_decode_base64, vectors[i][1], vectors[i][0], strlen(vectors[i][0]));
    }
    assert_decodes(coax_credentials_decode_base64, "Zm9vYg", "foob", 4);
    assert_decodes(coax_credentials_decode_base64, "+/+/", "\xFB\xFF\xBF", 3);
    assert_decodes(coax_credentials_decode_base64, "-_-_", "\xFB\xFF\xBF", 3);
}

static void broken_base64_is_refused(void **state) {
    (void)state;
    assert_refuses(coax_credentials_decode_base64, "Z", "length");
    assert_refuses(coax_credentials_decode_base64, "Zg=", "length");
    assert_refuses(coax_credentials_decode_base64, "Z===", "length");
    assert_refuses(coax_credentials_decode_base64, "====", "length");
    assert_refuses(coax_credentials_decode_base64, "Zm9vYg=", "length");
    assert_refuses(coax_credentials_decode_base64, "Zm=v", "character 3 ");
    assert_refuses(coax_credentials_decode_base64, "Zm 9", "character 3 ");
    assert_refuses(coax_credentials_decode_base64, "Zh==", "bits");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ascii_is_taken_as_it_is),
        cmocka_unit_test(hex_skips_dashes_colons_and_blanks),
        cmocka_unit_test(base64_follows_its_vectors),
        cmocka_unit_test(broken_base64_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
