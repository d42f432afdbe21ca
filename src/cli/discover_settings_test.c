#include "cli/discover_settings.h"

#include "cli/capture.h"
#include "cli/commands.h"
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static char err[4096];
static struct discover_settings settings;

#define read_words(...) read_list((const char *const[]){"discover", __VA_ARGS__, NULL})

static int read_list(const char *const *list) {
    char *words[16];
    int count = 0;
    for (; *list != NULL; list++) {
        words[count++] = (char *)(uintptr_t)*list;
    }
    struct capture capture = capture_begin(stderr);
    int code = discover_settings_read(&settings, count, words);
    capture_end(&capture, err, sizeof err);
    return code;
}

static void nothing_is_enough(void **state) {
    (void)state;
    assert_int_equal(read_words(NULL), EXIT_OK);
    assert_null(settings.address);
    assert_int_equal(settings.timeout_ms, 0);
    assert_false(settings.json);
}

static void reads_all_options(void **state) {
    (void)state;
    assert_int_equal(read_words("-v", "localhost", "--timeout=2", "--format", "json", "--credentials", "a"), EXIT_OK);
    assert_string_equal(settings.address, "localhost");
    assert_int_equal(settings.timeout_ms, 2000);
    assert_true(settings.json);
    assert_int_equal(settings.credentials.count, 1);
    assert_int_equal(settings.verbose, 1);
    assert_int_equal(read_words("--format=table", NULL), EXIT_OK);
    assert_false(settings.json);
}

static void refuses_what_it_cannot_use(void **state) {
    (void)state;
    assert_int_equal(read_words("a", "b"), EXIT_USAGE);
    assert_non_null(strstr(err, "takes one address, and 'b' is one word too many"));
    assert_int_equal(read_words("--format", "raw"), EXIT_USAGE);
    assert_non_null(strstr(err, "table or json"));
    assert_int_equal(read_words("a", "b", "--help"), EXIT_OK);
    assert_true(settings.help);
}

static void the_help_fits_a_screen(void **state) {
    (void)state;
    char text[4096];
    struct capture capture = capture_begin(stdout);
    discover_help_print(stdout);
    capture_end(&capture, text, sizeof text);
    unsigned lines = 0;
    for (const char *line = text; *line != '\0'; line = strchr(line, '\n') + 1) {
        assert_true(strcspn(line, "\n") <= 110);
        lines++;
    }
    assert_in_range(lines, 10, 30);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_enough),
        cmocka_unit_test(reads_all_options),
        cmocka_unit_test(refuses_what_it_cannot_use),
        cmocka_unit_test(the_help_fits_a_screen),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
