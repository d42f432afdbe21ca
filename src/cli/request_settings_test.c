#include "cli/request_settings.h"

#include "cli/capture.h"
#include "cli/commands.h"
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define A_TOKEN_OF_16_BYTES "000102030405060708090a0b0c0d0e0f"
#define A_TOKEN_OF_64_BYTES A_TOKEN_OF_16_BYTES A_TOKEN_OF_16_BYTES A_TOKEN_OF_16_BYTES A_TOKEN_OF_16_BYTES

static struct request_settings settings;
static char said[2048];

/* Reads a command line, words up to NULL; the first is the verb. */
#define read_words(...) read_words_list((const char *const[]){__VA_ARGS__})

static int read_words_list(const char *const *list) {
    char *words[64];
    int count = 0;
    for (; *list != NULL; list++) {
        words[count++] = (char *)(uintptr_t)*list;
    }
    struct capture capture = capture_begin(stderr);
    int code = request_settings_read(&settings, count, words);
    capture_end(&capture, said, sizeof said);
    return code;
}

static void a_uri_is_enough(void **state) {
    (void)state;
    assert_int_equal(read_words("get", "coap://localhost/", NULL), EXIT_OK);
    assert_int_equal(settings.code, COAX_GET);
    assert_string_equal(settings.uri, "coap://localhost/");
    assert_int_equal(settings.content_format, COAX_NO_FORMAT);
    assert_int_equal(settings.accept, COAX_NO_FORMAT);
    assert_int_equal(settings.timeout_ms, 0);
    assert_false(settings.token.given);
    assert_false(settings.json);
    assert_null(settings.payload);
    assert_string_equal(said, "");
}

static void everything_can_be_said_at_once(void **state) {
    (void)state;
    assert_int_equal(read_words("iPATCH", "--payload", "x", "--content-format=cbor", "--accept", "40", "--option",
                                "Uri-Query=a", "coap://h/", "--option=If-None-Match", "--credentials", "a.json",
                                "--credentials=b.json", "--non", "--timeout=0.5", "--token", "01ff", "-o", "out", "-vv",
                                "--format", "json", NULL),
                     EXIT_OK);
    assert_int_equal(settings.code, COAX_IPATCH);
    assert_string_equal(settings.uri, "coap://h/");
    assert_string_equal(settings.payload, "x");
    assert_int_equal(settings.content_format, COAX_FORMAT_CBOR);
    assert_int_equal(settings.accept, COAX_FORMAT_LINK);
    assert_int_equal(settings.options.count, 2);
    assert_int_equal(settings.options.items[0].number, COAX_OPTION_URI_QUERY);
    assert_int_equal(settings.options.items[1].number, COAX_OPTION_IF_NONE_MATCH);
    assert_int_equal(settings.credentials.count, 2);
    assert_string_equal(settings.credentials.items[1], "b.json");
    assert_true(settings.non_confirmable);
    assert_int_equal(settings.timeout_ms, 500);
    assert_true(settings.token.given);
    assert_int_equal(settings.token.size, 2);
    assert_memory_equal(settings.token.bytes, "\x01\xff", 2);
    assert_string_equal(settings.output, "out");
    assert_int_equal(settings.verbose, 2);
    assert_true(settings.json);
}

static void one_uri_is_wanted(void **state) {
    (void)state;
    assert_int_equal(read_words("put", NULL), EXIT_USAGE);
    assert_non_null(strstr(said, "coax put needs a URI"));
    assert_int_equal(read_words("get", "coap://a", "coap://b", NULL), EXIT_USAGE);
    assert_non_null(strstr(said, "'coap://b' is one word too many"));
    assert_int_equal(read_words("get", "-v", "put", "coap://b", NULL), EXIT_USAGE);
    assert_non_null(strstr(said, "the method has to come first"));
}

static void payloads_go_with_methods_that_carry_one(void **state) {
    (void)state;
    assert_int_equal(read_words("get", "coap://h", "--payload", "x", NULL), EXIT_USAGE);
    assert_non_null(strstr(said, "a GET request carries no payload; fetch, post and put do"));
    assert_int_equal(read_words("delete", "coap://h", "--payload-file", "x", NULL), EXIT_USAGE);
    assert_int_equal(read_words("put", "coap://h", "--payload-file", "x", "--payload", "", NULL), EXIT_USAGE);
    assert_non_null(strstr(said, "both given"));
    assert_int_equal(read_words("fetch", "coap://h", "--payload", "", NULL), EXIT_OK);
    assert_true(method_has_payload(COAX_POST));
    assert_true(method_has_payload(COAX_FETCH));
    assert_false(method_has_payload(COAX_GET));
    assert_false(method_has_payload(COAX_DELETE));
}

static void values_that_mean_nothing_are_refused(void **state) {
    (void)state;
    static const struct {
        const char *option, *value, *said;
    } bad[] = {
        {"--accept", "jsn", "is no Content-Format; did you mean json?"},
        {"--content-format", "70000", "is no Content-Format"},
        {"--token", A_TOKEN_OF_64_BYTES "09", "is no token"},
        {"--token", "0", "is no token"},
        {"--format", "yaml", "raw (the payload as it came) or json"},
        {"--timeout", "soon", "is no number of seconds"},
        {"--option", "Nothing=1", "names no option"},
        {"--option", "ETag=", "takes 1 to 8"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(read_words("get", "coap://h", bad[i].option, bad[i].value, NULL), EXIT_USAGE);
        assert_non_null(strstr(said, bad[i].said));
    }
    assert_int_equal(read_words("get", "coap://h", "--quiet", "--verbose", NULL), EXIT_USAGE);
}

static void an_empty_token_is_one(void **state) {
    (void)state;
    assert_int_equal(read_words("get", "coap://h", "--token=", "--format=raw", NULL), EXIT_OK);
    assert_true(settings.token.given);
    assert_int_equal(settings.token.size, 0);
    assert_int_equal(read_words("get", "coap://h", "--token", A_TOKEN_OF_64_BYTES, "--format=raw", NULL), EXIT_OK);
    assert_int_equal(settings.token.size, 64);
    assert_false(settings.json);
}

static void options_are_bounded(void **state) {
    (void)state;
    char *words[2 + TYPED_OPTIONS_MAXIMUM + 1] = {(char *)(uintptr_t) "get", (char *)(uintptr_t) "coap://h"};
    for (size_t i = 2; i < sizeof words / sizeof words[0]; i++) {
        words[i] = (char *)(uintptr_t) "--option=Uri-Query=a";
    }
    struct capture capture = capture_begin(stderr);
    int most = request_settings_read(&settings, 2 + TYPED_OPTIONS_MAXIMUM, words);
    int more = request_settings_read(&settings, 2 + TYPED_OPTIONS_MAXIMUM + 1, words);
    capture_end(&capture, said, sizeof said);
    assert_int_equal(most, EXIT_OK);
    assert_int_equal(more, EXIT_USAGE);
    assert_non_null(strstr(said, "is one too many: 32 are the most"));
}

static void help_needs_nothing_else(void **state) {
    (void)state;
    assert_int_equal(read_words("get", "--help", NULL), EXIT_OK);
    assert_true(settings.help);
    assert_int_equal(read_words("get", "-h", "coap://a", "coap://b", NULL), EXIT_OK);
    assert_true(settings.help);
    assert_int_equal(read_words("get", "--version", NULL), EXIT_OK);
    assert_true(settings.version);
}

static void the_help_of_each_method_fits_one_screen(void **state) {
    (void)state;
    static const char *const methods[] = {"get", "post", "put", "delete", "fetch", "patch", "ipatch"};
    for (size_t i = 0; i < sizeof methods / sizeof methods[0]; i++) {
        char text[8192];
        struct capture capture = capture_begin(stdout);
        request_help_print(stdout, methods[i], coax_code_method(methods[i]));
        capture_end(&capture, text, sizeof text);
        char first[64];
        snprintf(first, sizeof first, "coax %s URI [options]\n", methods[i]);
        assert_memory_equal(text, first, strlen(first));
        assert_non_null(strstr(text, "\nExamples\n  coax "));
        assert_non_null(strstr(text, "Exit codes: 0 for 2.xx"));
        assert_int_equal(strstr(text, "--payload ") != NULL, method_has_payload(coax_code_method(methods[i])));
        unsigned lines = 0;
        for (const char *line = text; *line != '\0'; line = strchr(line, '\n') + 1) {
            assert_true(strcspn(line, "\n") <= 100);
            lines++;
        }
        assert_true(lines <= 32);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_uri_is_enough),
        cmocka_unit_test(everything_can_be_said_at_once),
        cmocka_unit_test(one_uri_is_wanted),
        cmocka_unit_test(payloads_go_with_methods_that_carry_one),
        cmocka_unit_test(values_that_mean_nothing_are_refused),
        cmocka_unit_test(an_empty_token_is_one),
        cmocka_unit_test(options_are_bounded),
        cmocka_unit_test(help_needs_nothing_else),
        cmocka_unit_test(the_help_of_each_method_fits_one_screen),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
