#include "cli/line_input.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static int ends[2];
static struct line_input input;

static int set_up(void **state) {
    (void)state;
    int failed = pipe(ends);
    line_input_init(&input, ends[0]);
    return failed;
}

static int tear_down(void **state) {
    (void)state;
    close(ends[0]);
    close(ends[1]);
    return 0;
}

static void feed(const char *text) {
    assert_int_equal(write(ends[1], text, strlen(text)), (ssize_t)strlen(text));
    line_input_fill(&input);
}

static void end_input(void) {
    close(ends[1]);
    line_input_fill(&input);
}

static void expect_line(const char *text) {
    char *line;
    assert_int_equal(line_input_next(&input, &line), LINE_READ);
    assert_string_equal(line, text);
}

static void expect_none(void) {
    char *line;
    assert_int_equal(line_input_next(&input, &line), LINE_NONE);
}

static void lines_come_whole(void **state) {
    (void)state;
    feed("one\ntwo\n\nthr");
    expect_line("one");
    expect_line("two");
    expect_line("");
    expect_none();
    feed("e");
    expect_none();
    feed("e\nfo");
    expect_line("three");
    expect_none();
    assert_int_equal(input.fd, ends[0]);
    end_input();
    assert_int_equal(input.fd, -1);
    expect_line("fo");
    expect_none();
}

static void an_end_after_a_newline_is_no_line(void **state) {
    (void)state;
    feed("one\n");
    expect_line("one");
    end_input();
    expect_none();
}

static void fill_to_the_brim(void) {
    static char text[LINE_MAXIMUM + 1];
    memset(text, 'x', LINE_MAXIMUM);
    feed(text);
}

static void a_long_line_is_dropped_whole(void **state) {
    (void)state;
    char *line;
    fill_to_the_brim();
    assert_int_equal(line_input_next(&input, &line), LINE_TOO_LONG);
    expect_none();
    fill_to_the_brim();
    expect_none();
    feed("more\nnext\n");
    expect_line("next");
    expect_none();
    fill_to_the_brim();
    assert_int_equal(line_input_next(&input, &line), LINE_TOO_LONG);
    end_input();
    expect_none();
}

static void the_longest_line_fits(void **state) {
    (void)state;
    static char text[LINE_MAXIMUM + 1];
    memset(text, 'x', LINE_MAXIMUM);
    text[LINE_MAXIMUM - 1] = '\n';
    feed(text);
    text[LINE_MAXIMUM - 1] = '\0';
    expect_line(text);
}

static void a_descriptor_that_is_none_has_ended(void **state) {
    (void)state;
    line_input_init(&input, -5);
    line_input_fill(&input);
    assert_int_equal(input.fd, -1);
    expect_none();
}

#define WITH_PIPE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        WITH_PIPE(lines_come_whole),
        WITH_PIPE(an_end_after_a_newline_is_no_line),
        WITH_PIPE(a_long_line_is_dropped_whole),
        WITH_PIPE(the_longest_line_fits),
        WITH_PIPE(a_descriptor_that_is_none_has_ended),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
