#include "base/utf8.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

struct example {
    const char *bytes;
    size_t size;
    uint32_t character;
};

/* The first and last of each form, and the examples of RFC 3629 section 7. */
static const struct example characters[] = {
    {"\0", 1, 0},
    {"A", 1, 'A'},
    {"\x7f", 1, 0x7f},
    {"\xc2\x80", 2, 0x80},
    {"\xdf\xbf", 2, 0x7ff},
    {"\xe0\xa0\x80", 3, 0x800},
    {"\xe2\x89\xa2", 3, 0x2262},
    {"\xed\x9f\xbf", 3, 0xd7ff},
    {"\xee\x80\x80", 3, 0xe000},
    {"\xef\xbf\xbf", 3, 0xffff},
    {"\xf0\x90\x80\x80", 4, 0x10000},
    {"\xf0\xa3\x8e\xb4", 4, 0x233b4},
    {"\xf4\x8f\xbf\xbf", 4, 0x10ffff},
};

static const struct example refused[] = {
    {"\x80", 1, 0},             /* begins in the middle */
    {"\xbf", 1, 0},             /* the same */
    {"\xc0\x80", 2, 0},         /* overlong */
    {"\xc1\xbf", 2, 0},         /* overlong */
    {"\xe0\x9f\xbf", 3, 0},     /* overlong */
    {"\xf0\x8f\xbf\xbf", 4, 0}, /* overlong */
    {"\xed\xa0\x80", 3, 0},     /* surrogate */
    {"\xed\xbf\xbf", 3, 0},     /* surrogate */
    {"\xf4\x90\x80\x80", 4, 0}, /* over U+10FFFF */
    {"\xf5\x80\x80\x80", 4, 0},
    {"\xf8\x88\x80\x80\x80", 5, 0},
    {"\xff", 1, 0},
    {"\xc3"
     "A",
     2, 0},
    {"\xe2\x89"
     "A",
     3, 0},
    {"\xf0\xa3\x8e"
     "A",
     4, 0},
};

static void reads_characters_of_every_length(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof characters / sizeof characters[0]; i++) {
        uint32_t character = UINT32_MAX;
        const uint8_t *bytes = (const uint8_t *)characters[i].bytes;
        assert_int_equal(coax_utf8_read(bytes, characters[i].size, &character), characters[i].size);
        assert_int_equal(character, characters[i].character);
        assert_true(coax_utf8_is_valid(bytes, characters[i].size));
    }
}

static void refuses_characters_that_are_cut(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof characters / sizeof characters[0]; i++) {
        for (size_t size = 0; size < characters[i].size; size++) {
            uint32_t character = 7;
            assert_int_equal(coax_utf8_read((const uint8_t *)characters[i].bytes, size, &character), 0);
            assert_int_equal(character, 7);
        }
    }
}

static void refuses_what_is_no_character(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        uint32_t character = 0;
        const uint8_t *bytes = (const uint8_t *)refused[i].bytes;
        assert_int_equal(coax_utf8_read(bytes, refused[i].size, &character), 0);
        assert_false(coax_utf8_is_valid(bytes, refused[i].size));
    }
}

static void checks_whole_texts(void **state) {
    (void)state;
    assert_true(coax_utf8_is_valid(NULL, 0));
    assert_true(coax_utf8_is_valid((const uint8_t *)"gr\xc3\xbc\xc3\x9f", 6));
    assert_false(coax_utf8_is_valid((const uint8_t *)"gr\xc3\xbc\xc3", 5));
    assert_false(coax_utf8_is_valid((const uint8_t *)"a\xff"
                                                     "b",
                                    3));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_characters_of_every_length),
        cmocka_unit_test(refuses_characters_that_are_cut),
        cmocka_unit_test(refuses_what_is_no_character),
        cmocka_unit_test(checks_whole_texts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
