#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "security/json_position.h"

static struct json_position start(const char *text) {
    struct json_position position;
    coax_json_position_start(&position, text, strlen(text));
    return position;
}

static void assert_at(const struct json_position *position, size_t line, size_t column, char character) {
    assert_int_equal(position->line, line);
    assert_int_equal(position->column, column);
    assert_true(position->offset < position->size);
    assert_int_equal(position->text[position->offset], character);
}

static void root_is_found_behind_blanks(void **state) {
    (void)state;
    struct json_position position = start("\n\t {}");
    assert_at(&position, 2, 3, '{');
    assert_true(coax_json_position_at_object(&position));
    position = start("[]");
    assert_at(&position, 1, 1, '[');
    assert_false(coax_json_position_at_object(&position));
}

static void members_of_objects_are_found_by_ordinal(void **state) {
    (void)state;
    struct json_position root = start("{\"a\": 1,\n \"b\" :\n  {\"c\": [1, 2], \"d\": true}}");
    struct json_position position = root;
    coax_json_position_enter(&position, 0);
    assert_at(&position, 1, 2, '"');
    coax_json_position_value(&position);
    assert_at(&position, 1, 7, '1');

    position = root;
    coax_json_position_enter(&position, 1);
    assert_at(&position, 2, 2, '"');
    coax_json_position_value(&position);
    assert_at(&position, 3, 3, '{');
    coax_json_position_enter(&position, 1);
    assert_at(&position, 3, 17, '"');
    coax_json_position_value(&position);
    assert_at(&position, 3, 22, 't');
}

static void elements_of_lists_are_found_by_ordinal(void **state) {
    (void)state;
    struct json_position position = start("[[1,2],{\"x\":[3,4]}, 5]");
    struct json_position second = position;
    coax_json_position_enter(&second, 1);
    assert_at(&second, 1, 8, '{');
    coax_json_position_next(&second);
    assert_at(&second, 1, 21, '5');
    coax_json_position_enter(&position, 0);
    coax_json_position_enter(&position, 1);
    assert_at(&position, 1, 5, '2');
}

static void brackets_and_quotes_in_strings_do_not_count(void **state) {
    (void)state;
    struct json_position position = start("{\"a\\\\\\\"}],{\": \"]}\\\\\", \"b\": 2}");
    coax_json_position_enter(&position, 1);
    coax_json_position_value(&position);
    assert_at(&position, 1, 28, '2');
}

static void columns_count_characters(void **state) {
    (void)state;
    struct json_position position = start("{\"\xC3\xBC\xE2\x82\xAC\": \"\xF0\x9F\x98\x80\", \"b\": 2}");
    coax_json_position_enter(&position, 1);
    assert_at(&position, 1, 13, '"');
}

static void next_stops_at_the_end(void **state) {
    (void)state;
    struct json_position position = start("{\"a\": 1}");
    coax_json_position_enter(&position, 0);
    coax_json_position_next(&position);
    assert_at(&position, 1, 8, '}');
    coax_json_position_next(&position);
    assert_at(&position, 1, 8, '}');
}

/* It is only used on valid JSON, but must not run off the end of anything. */
static void broken_text_is_not_left(void **state) {
    (void)state;
    static const char text[] = "{\"a\": [1, {\"b\\\\\": \"\xC3\xBC\"}], \"c\": null}";
    for (size_t size = 0; size < sizeof text; size++) {
        char *copy = malloc(size + 1);
        assert_non_null(copy);
        memcpy(copy, text, size);
        struct json_position position;
        coax_json_position_start(&position, copy, size);
        for (size_t ordinal = 0; ordinal < 3; ordinal++) {
            struct json_position member = position;
            coax_json_position_enter(&member, ordinal);
            coax_json_position_value(&member);
            coax_json_position_enter(&member, ordinal);
            coax_json_position_next(&member);
            assert_true(member.offset <= size);
        }
        free(copy);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(root_is_found_behind_blanks),
        cmocka_unit_test(members_of_objects_are_found_by_ordinal),
        cmocka_unit_test(elements_of_lists_are_found_by_ordinal),
        cmocka_unit_test(brackets_and_quotes_in_strings_do_not_count),
        cmocka_unit_test(columns_count_characters),
        cmocka_unit_test(next_stops_at_the_end),
        cmocka_unit_test(broken_text_is_not_left),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
