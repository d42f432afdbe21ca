#include "cli/arguments.h"

#include "cli/capture.h"
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

struct settings {
    bool flag;
    unsigned verbose;
    const char *text;
    struct argument_texts texts;
    uint32_t timeout_ms;
    int port;
};

static const struct argument table[] = {
    {"flag", 'f', NULL, "a flag", argument_flag, offsetof(struct settings, flag)},
    {"verbose", 'v', NULL, "say more", argument_count, offsetof(struct settings, verbose)},
    {"text", 't', "TEXT", "a text", argument_text, offsetof(struct settings, text)},
    {"texts", 0, "TEXT", "texts", argument_texts, offsetof(struct settings, texts)},
    {"timeout", 0, "SECONDS", "how long", argument_seconds, offsetof(struct settings, timeout_ms)},
    {"port", 0, "P", "where", argument_port, offsetof(struct settings, port)},
    {"hidden", 0, NULL, NULL, argument_flag, offsetof(struct settings, flag)},
};
enum { TABLE_SIZE = sizeof table / sizeof table[0], WORDS_MAXIMUM = 128 };

static struct settings settings;
static struct argument_texts others;
static char said[1024]; /* what came on stderr */

/* Reads "coax test" with these words, up to NULL. */
#define read_words(...) read_words_list((const char *const[]){__VA_ARGS__})

static bool read_words_list(const char *const *list) {
    char *words[WORDS_MAXIMUM] = {(char *)(uintptr_t) "test"};
    int count = 1;
    for (; *list != NULL; list++) {
        words[count++] = (char *)(uintptr_t)*list;
    }
    settings = (struct settings){.port = -1};
    others.count = 0;
    struct capture capture = capture_begin(stderr);
    bool good = arguments_read(table, TABLE_SIZE, &settings, &others, "coax test", count, words);
    capture_end(&capture, said, sizeof said);
    return good;
}

static void values_come_joined_or_apart(void **state) {
    (void)state;
    assert_true(read_words("--text=one", "--port", "5683", NULL));
    assert_string_equal(settings.text, "one");
    assert_int_equal(settings.port, 5683);
    assert_true(read_words("--text", "two", "--text=", NULL)); /* the last one counts */
    assert_string_equal(settings.text, "");
    assert_true(read_words("--text=a=b", NULL));
    assert_string_equal(settings.text, "a=b");
    assert_string_equal(said, "");
}

static void options_stand_anywhere(void **state) {
    (void)state;
    assert_true(read_words("one", "--flag", "two", "-v", "-", NULL));
    assert_true(settings.flag);
    assert_int_equal(settings.verbose, 1);
    assert_int_equal(others.count, 3);
    assert_string_equal(others.items[0], "one");
    assert_string_equal(others.items[1], "two");
    assert_string_equal(others.items[2], "-");
}

static void two_dashes_end_the_options(void **state) {
    (void)state;
    assert_true(read_words("--flag", "--", "--verbose", "-v", "--", NULL));
    assert_int_equal(settings.verbose, 0);
    assert_int_equal(others.count, 3);
    assert_string_equal(others.items[2], "--");
}

static void letters_may_be_joined(void **state) {
    (void)state;
    assert_true(read_words("-vfv", "-tx", NULL));
    assert_int_equal(settings.verbose, 2);
    assert_true(settings.flag);
    assert_string_equal(settings.text, "x");
    assert_true(read_words("-vt", "y", NULL));
    assert_int_equal(settings.verbose, 1);
    assert_string_equal(settings.text, "y");
}

static void no_words_are_fine(void **state) {
    (void)state;
    assert_true(read_words(NULL, NULL));
    assert_int_equal(others.count, 0);
    char *none[] = {NULL};
    assert_true(arguments_read(table, TABLE_SIZE, &settings, &others, "coax", 0, none));
}

static void an_unknown_option_is_named_with_the_nearest_one(void **state) {
    (void)state;
    assert_false(read_words("--tiemout=3", NULL));
    assert_non_null(strstr(said, "no option --tiemout; did you mean --timeout?"));
    assert_non_null(strstr(said, "'coax test --help'"));
    assert_false(read_words("--frobnicate", NULL));
    assert_non_null(strstr(said, "no option --frobnicate ("));
    assert_false(read_words("--time", "3", NULL)); /* no abbreviations: they break when options are added */
    assert_false(read_words("-z", NULL));
    assert_non_null(strstr(said, "no option -z"));
    assert_false(read_words("-port", "3", NULL));
    assert_non_null(strstr(said, "did you mean --port?"));
    assert_false(read_words("--=x", NULL));
}

static void a_missing_value_is_asked_for(void **state) {
    (void)state;
    assert_false(read_words("--text", NULL));
    assert_non_null(strstr(said, "--text needs a value: --text TEXT"));
    assert_false(read_words("-t", NULL));
    assert_false(read_words("--text", "--flag", NULL));
    assert_non_null(strstr(said, "'--flag' is an option; to mean it as the value, write --text=--flag"));
    assert_false(read_words("--text", "--port=3", NULL));
    assert_true(read_words("--text", "--other", NULL)); /* no option of ours */
    assert_string_equal(settings.text, "--other");
    assert_true(read_words("--text", "-v", NULL));
    assert_true(read_words("--text=--flag", NULL));
}

static void a_value_too_many_is_refused(void **state) {
    (void)state;
    assert_false(read_words("--flag=yes", NULL));
    assert_non_null(strstr(said, "--flag takes no value, and 'yes' was given"));
}

static void seconds_become_milliseconds(void **state) {
    (void)state;
    static const struct {
        const char *text;
        uint32_t milliseconds;
    } good[] = {{"1", 1000}, {"0.5", 500}, {".25", 250}, {"2.0", 2000}, {"0.0019", 1}, {"90.123456", 90123}};
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        assert_true(read_words("--timeout", good[i].text, NULL));
        assert_int_equal(settings.timeout_ms, good[i].milliseconds);
    }
    static const char *const bad[] = {"",   "0",   "0.0",  ".",  "1.",  "-1",       "1s",   "1e3",
                                      " 1", "1,5", "0x10", "..", "inf", "99999999", "1.2.3"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_false(read_words("--timeout", bad[i], NULL));
        assert_non_null(strstr(said, "is no number of seconds"));
    }
}

static void ports_are_numbers_of_two_bytes(void **state) {
    (void)state;
    assert_true(read_words("--port=0", NULL));
    assert_int_equal(settings.port, 0);
    assert_true(read_words("--port=65535", NULL));
    assert_int_equal(settings.port, 65535);
    static const char *const bad[] = {"", "65536", "99999999999999999999999", "-1", "80a", "coap", "0x50"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_false(read_words("--port", bad[i], NULL));
        assert_non_null(strstr(said, "is no port"));
    }
}

static void lists_are_bounded(void **state) {
    (void)state;
    char *words[ARGUMENT_TEXTS_MAXIMUM + 2];
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        words[i] = (char *)(uintptr_t) "word";
    }
    struct capture capture = capture_begin(stderr);
    others.count = 0;
    bool most = arguments_read(table, TABLE_SIZE, &settings, &others, "coax", ARGUMENT_TEXTS_MAXIMUM + 1, words);
    size_t count = others.count;
    others.count = 0;
    bool more = arguments_read(table, TABLE_SIZE, &settings, &others, "coax", ARGUMENT_TEXTS_MAXIMUM + 2, words);
    capture_end(&capture, said, sizeof said);
    assert_true(most);
    assert_int_equal(count, ARGUMENT_TEXTS_MAXIMUM);
    assert_false(more);
    assert_non_null(strstr(said, "one too many"));
    assert_true(read_words("--texts", "a", "--texts=b", NULL));
    assert_int_equal(settings.texts.count, 2);
    assert_string_equal(settings.texts.items[1], "b");
}

static void the_help_is_aligned_and_hides_what_has_no_text(void **state) {
    (void)state;
    char text[1024];
    struct capture capture = capture_begin(stdout);
    arguments_print(stdout, table, TABLE_SIZE);
    capture_end(&capture, text, sizeof text);
    assert_non_null(strstr(text, "  -f, --flag             a flag\n"));
    assert_non_null(strstr(text, "      --timeout SECONDS  how long\n"));
    assert_null(strstr(text, "hidden"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_come_joined_or_apart),
        cmocka_unit_test(options_stand_anywhere),
        cmocka_unit_test(two_dashes_end_the_options),
        cmocka_unit_test(letters_may_be_joined),
        cmocka_unit_test(no_words_are_fine),
        cmocka_unit_test(an_unknown_option_is_named_with_the_nearest_one),
        cmocka_unit_test(a_missing_value_is_asked_for),
        cmocka_unit_test(a_value_too_many_is_refused),
        cmocka_unit_test(seconds_become_milliseconds),
        cmocka_unit_test(ports_are_numbers_of_two_bytes),
        cmocka_unit_test(lists_are_bounded),
        cmocka_unit_test(the_help_is_aligned_and_hides_what_has_no_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
