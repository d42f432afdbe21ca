#include "cli/attach_settings.h"

#include "cli/capture.h"
#include "cli/commands.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static char err[4096];
static struct attach_settings settings;

#define read_words(...) read_list((const char *const[]){"attach", __VA_ARGS__, NULL})

static int read_list(const char *const *list) {
    char *words[16];
    int count = 0;
    for (; *list != NULL; list++) {
        words[count++] = (char *)(uintptr_t)*list;
    }
    struct capture capture = capture_begin(stderr);
    int code = attach_settings_read(&settings, count, words);
    capture_end(&capture, err, sizeof err);
    return code;
}

static void reads_all_options(void **state) {
    (void)state;
    assert_int_equal(read_words("coaps+ws://h", "--credentials", "a", "--credentials=b", "--files", "dir", "-v"),
                     EXIT_OK);
    assert_string_equal(settings.uri, "coaps+ws://h");
    assert_int_equal(settings.service.credentials.count, 2);
    assert_string_equal(settings.service.files, "dir");
    assert_int_equal(settings.service.verbose, 1);
    assert_int_equal(settings.ping_interval_ms, 0);
    assert_int_equal(read_words("coaps://h", "--ping-interval", "2.5"), EXIT_OK);
    assert_int_equal(settings.ping_interval_ms, 2500);
    assert_string_equal(err, "");
}

static void takes_every_scheme_with_connections(void **state) {
    (void)state;
    static const char *const uris[] = {"coaps://h", "coap+tcp://h", "coaps+tcp://h", "coap+ws://h:1/",
                                       "coaps+ws://[::1]"};
    for (size_t i = 0; i < sizeof uris / sizeof *uris; i++) {
        assert_int_equal(read_words(uris[i]), EXIT_OK);
    }
}

static void refuses_what_does_not_fit(void **state) {
    (void)state;
    static const struct {
        const char *words[4];
        const char *expected;
    } cases[] = {
        {{"attach"}, "needs a URI"},
        {{"attach", "coap+tcp://a", "coap+tcp://b"}, "'coap+tcp://b' is one word too many"},
        {{"attach", "coap://h"}, "coap has no connections"},
        {{"attach", "coap+tcp://h/a"}, "names a resource; to attach to it"},
        {{"attach", "h"}, "'h' is no URI to attach to"},
        {{"attach", "coap+tcp://h", "--file=a"}, "did you mean --files"},
        {{"attach", "coaps://h", "--ping-interval=0"}, "is no number of seconds"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(read_list(cases[i].words), EXIT_USAGE);
        if (strstr(err, cases[i].expected) == NULL) {
            fail_msg("%s: %s", cases[i].expected, err);
        }
    }
}

static void help_comes_first_and_shows_every_option(void **state) {
    (void)state;
    char help[4096];
    assert_int_equal(read_words("nonsense", "--help"), EXIT_OK);
    assert_true(settings.help);
    assert_int_equal(read_words("--version"), EXIT_OK);
    assert_true(settings.version);
    struct capture capture = capture_begin(stdout);
    attach_help_print(stdout);
    capture_end(&capture, help, sizeof help);
    static const char *const options[] = {"--credentials FILE", "--files DIR", "--ping-interval SECONDS",
                                          "-v, --verbose", "Exit codes"};
    for (size_t i = 0; i < sizeof options / sizeof *options; i++) {
        assert_non_null(strstr(help, options[i]));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_all_options),
        cmocka_unit_test(takes_every_scheme_with_connections),
        cmocka_unit_test(refuses_what_does_not_fit),
        cmocka_unit_test(help_comes_first_and_shows_every_option),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
