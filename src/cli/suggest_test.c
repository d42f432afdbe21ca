#include "cli/suggest.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void distances_count_letters(void **state) {
    (void)state;
    assert_int_equal(word_distance("", ""), 0);
    assert_int_equal(word_distance("payload", "payload"), 0);
    assert_int_equal(word_distance("", "abc"), 3);
    assert_int_equal(word_distance("abc", ""), 3);
    assert_int_equal(word_distance("kitten", "sitting"), 3);
    assert_int_equal(word_distance("acept", "accept"), 1);
    assert_int_equal(word_distance("accceptt", "accept"), 2);
}

static void swapped_neighbours_are_one_mistake(void **state) {
    (void)state;
    assert_int_equal(word_distance("gte", "get"), 1);
    assert_int_equal(word_distance("paylaod", "payload"), 1);
    assert_int_equal(word_distance("ab", "ba"), 1);
}

static void letter_case_is_no_mistake(void **state) {
    (void)state;
    assert_int_equal(word_distance("uri-PATH", "Uri-Path"), 0);
}

static void long_words_are_far_away(void **state) {
    (void)state;
    char longest[65];
    memset(longest, 'x', sizeof longest);
    longest[63] = '\0';
    assert_int_equal(word_distance(longest, longest), 0);
    longest[63] = 'x';
    longest[64] = '\0';
    assert_true(word_distance(longest, "x") == SIZE_MAX);
    assert_true(word_distance("x", longest) == SIZE_MAX);
}

static void the_nearest_is_suggested(void **state) {
    (void)state;
    static const char *const words[] = {"payload", "payload-file", "content-format", "accept", "token", "non"};
    size_t count = sizeof words / sizeof words[0];
    assert_string_equal(suggest("paylod", words, count, sizeof words[0]), "payload");
    assert_string_equal(suggest("payload-fle", words, count, sizeof words[0]), "payload-file");
    assert_string_equal(suggest("contnet-formt", words, count, sizeof words[0]), "content-format");
    assert_string_equal(suggest("acccept", words, count, sizeof words[0]), "accept");
    assert_null(suggest("frobnicate", words, count, sizeof words[0]));
    assert_null(suggest("xy", words, count, sizeof words[0]));
    assert_null(suggest("", words, count, sizeof words[0]));
}

static void candidates_may_be_larger_objects(void **state) {
    (void)state;
    static const struct {
        const char *name;
        int number;
    } objects[] = {{"get", 1}, {"put", 2}, {"delete", 3}};
    assert_string_equal(suggest("delte", objects, 3, sizeof objects[0]), "delete");
    assert_string_equal(suggest("putt", objects, 3, sizeof objects[0]), "put");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(distances_count_letters),   cmocka_unit_test(swapped_neighbours_are_one_mistake),
        cmocka_unit_test(letter_case_is_no_mistake), cmocka_unit_test(long_words_are_far_away),
        cmocka_unit_test(the_nearest_is_suggested),  cmocka_unit_test(candidates_may_be_larger_objects),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
