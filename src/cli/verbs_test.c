#include "cli/verbs.h"

#include "cli/capture.h"
#include "cli/commands.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static char out[8192];
static char err[8192];

/* Runs "coax" with these words, up to NULL. */
#define run(...) run_list((const char *const[]){__VA_ARGS__})

static int run_list(const char *const *list) {
    char *words[16];
    int count = 0;
    for (; *list != NULL; list++) {
        words[count++] = (char *)(uintptr_t)*list;
    }
    struct capture capture_out = capture_begin(stdout);
    struct capture capture_err = capture_begin(stderr);
    int code = verbs_run(count, words);
    capture_end(&capture_err, err, sizeof err);
    capture_end(&capture_out, out, sizeof out);
    return code;
}

static void without_words_there_is_help_and_a_failure(void **state) {
    (void)state;
    assert_int_equal(run(NULL, NULL), EXIT_USAGE);
    assert_string_equal(out, "");
    assert_non_null(strstr(err, "coax get URI"));
}

static void help_is_for_standard_output(void **state) {
    (void)state;
    static const char *const ways[] = {"--help", "-h", "help"};
    for (size_t i = 0; i < sizeof ways / sizeof ways[0]; i++) {
        assert_int_equal(run(ways[i], NULL), EXIT_OK);
        assert_string_equal(err, "");
        assert_non_null(strstr(out, "coax serve [URI"));
        assert_non_null(strstr(out, "Examples"));
        assert_non_null(strstr(out, "Exit codes"));
    }
    unsigned lines = 0;
    for (const char *at = out; (at = strchr(at, '\n')) != NULL; at++) {
        lines++;
    }
    assert_true(lines <= 32);
}

static void help_of_a_verb_is_its_own(void **state) {
    (void)state;
    assert_int_equal(run("help", "put", NULL), EXIT_OK);
    assert_memory_equal(out, "coax put URI [options]\n", 23);
    assert_int_equal(run("put", "--help", NULL), EXIT_OK);
    assert_memory_equal(out, "coax put URI [options]\n", 23);
    assert_int_equal(run("help", "nothing", NULL), EXIT_OK);
    assert_non_null(strstr(out, "coax get URI"));
}

static void the_version_is_told(void **state) {
    (void)state;
    static const char *const ways[] = {"--version", "version"};
    for (size_t i = 0; i < sizeof ways / sizeof ways[0]; i++) {
        assert_int_equal(run(ways[i], NULL), EXIT_OK);
        assert_string_equal(out, "coax " COAX_VERSION "\n");
    }
    assert_int_equal(run("get", "--version", NULL), EXIT_OK);
    assert_string_equal(out, "coax " COAX_VERSION "\n");
}

static void an_unknown_verb_is_named_with_the_nearest_one(void **state) {
    (void)state;
    assert_int_equal(run("gte", "coap://localhost/", NULL), EXIT_USAGE);
    assert_string_equal(err, "coax: there is no command 'gte'; did you mean get? ('coax --help' lists them)\n");
    assert_int_equal(run("frobnicate", NULL), EXIT_USAGE);
    assert_string_equal(err, "coax: there is no command 'frobnicate' ('coax --help' lists them)\n");
    assert_string_equal(out, "");
}

static void a_uri_without_a_scheme_is_recognized(void **state) {
    (void)state;
    assert_int_equal(run("sensor.example/temperature", NULL), EXIT_USAGE);
    assert_non_null(strstr(err, "as in coap://sensor.example/temperature"));
    assert_int_equal(run("/time", NULL), EXIT_USAGE);
    assert_non_null(strstr(err, "as in coap://localhost/time"));
}

static void get_is_the_default(void **state) {
    (void)state;
    assert_int_equal(run("nonsense://localhost/", NULL), EXIT_USAGE); /* read as a URI, and refused as one */
    assert_null(strstr(err, "there is no command"));
    assert_int_equal(run("--non", "nonsense://localhost/", NULL), EXIT_USAGE);
    assert_null(strstr(err, "there is no"));
    assert_int_equal(run("--nonn", "coap://localhost/", NULL), EXIT_USAGE);
    assert_non_null(strstr(err, "did you mean --non?"));
    assert_int_equal(run("-v", "put", "coap://localhost/", NULL), EXIT_USAGE);
    assert_non_null(strstr(err, "the method has to come first"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_words_there_is_help_and_a_failure),
        cmocka_unit_test(help_is_for_standard_output),
        cmocka_unit_test(help_of_a_verb_is_its_own),
        cmocka_unit_test(the_version_is_told),
        cmocka_unit_test(an_unknown_verb_is_named_with_the_nearest_one),
        cmocka_unit_test(a_uri_without_a_scheme_is_recognized),
        cmocka_unit_test(get_is_the_default),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
