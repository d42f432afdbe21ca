#include "cli/output.h"

#include "cli/message_sample.h"
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static struct message_sample sample;

static int setup(void **state) {
    (void)state;
    sample_begin(&sample, COAX_CREATED, NULL, 0);
    return 0;
}

static void assert_location(const char *expected) {
    char *location = location_of(&sample.message);
    assert_non_null(location);
    assert_string_equal(location, expected);
    free(location);
}

static void segments_and_arguments_are_joined(void **state) {
    (void)state;
    sample_option_text(&sample, COAX_OPTION_LOCATION_PATH, "store");
    sample_option_text(&sample, COAX_OPTION_LOCATION_PATH, "a");
    assert_location("/store/a");
    sample_option_text(&sample, COAX_OPTION_LOCATION_QUERY, "v=1");
    sample_option_text(&sample, COAX_OPTION_LOCATION_QUERY, "w");
    assert_location("/store/a?v=1&w");
}

static void what_would_change_the_meaning_is_encoded(void **state) {
    (void)state;
    sample_option_text(&sample, COAX_OPTION_LOCATION_PATH, "a/b c?&\xc3\xa9%\n");
    sample_option_text(&sample, COAX_OPTION_LOCATION_PATH, "");
    sample_option_text(&sample, COAX_OPTION_LOCATION_QUERY, "q=/?&#");
    assert_location("/a%2Fb%20c%3F&%C3%A9%25%0A/?q=/?%26%23");
}

static void zero_bytes_do_not_end_it(void **state) {
    (void)state;
    sample_option(&sample, COAX_OPTION_LOCATION_PATH, "a\0b", 3);
    assert_location("/a%00b");
}

static void without_a_path_there_is_none(void **state) {
    (void)state;
    assert_null(location_of(&sample.message));
    sample_option_text(&sample, COAX_OPTION_URI_PATH, "not-this");
    assert_null(location_of(&sample.message));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(segments_and_arguments_are_joined, setup),
        cmocka_unit_test_setup(what_would_change_the_meaning_is_encoded, setup),
        cmocka_unit_test_setup(zero_bytes_do_not_end_it, setup),
        cmocka_unit_test_setup(without_a_path_there_is_none, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
