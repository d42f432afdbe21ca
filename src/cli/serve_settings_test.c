#include "cli/serve_settings.h"

#include "cli/capture.h"
#include "cli/commands.h"
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static char err[4096];
static struct serve_settings settings;

#define read_words(...) read_list((const char *const[]){"serve", __VA_ARGS__, NULL})

static int read_list(const char *const *list) {
    char *words[32];
    int count = 0;
    for (; *list != NULL; list++) {
        words[count++] = (char *)(uintptr_t)*list;
    }
    struct capture capture = capture_begin(stderr);
    int code = serve_settings_read(&settings, count, words);
    capture_end(&capture, err, sizeof err);
    return code;
}

static void reads_all_options(void **state) {
    (void)state;
    assert_int_equal(read_words("--bind", "::1", "--port=7000", "--credentials", "a", "--credentials", "b", "--files",
                                "dir", "--join", "ff02::fd%lo", "-vv", "--origin", "*", "--origin=https://a:1",
                                "--trust-forwarded", "--call", "--threads", "1"),
                     EXIT_OK);
    assert_string_equal(settings.bind, "::1");
    assert_int_equal(settings.port, 7000);
    assert_int_equal(settings.service.credentials.count, 2);
    assert_string_equal(settings.service.files, "dir");
    assert_int_equal(settings.groups.count, 1);
    assert_string_equal(settings.groups.items[0], "ff02::fd%lo");
    assert_int_equal(settings.service.verbose, 2);
    assert_int_equal(settings.origins.count, 2);
    assert_string_equal(settings.origins.items[1], "https://a:1");
    assert_true(settings.trust_forwarded);
    assert_true(settings.call);
    assert_int_equal(settings.service.threads, 1);
    assert_int_equal(settings.uris.count, 0);
    assert_string_equal(err, "");
}

static void reads_uris(void **state) {
    (void)state;
    assert_int_equal(read_words("coap://[::]:5683", "coaps://127.0.0.1:0/", "coap://localhost"), EXIT_OK);
    assert_int_equal(settings.uris.count, 3);
    assert_string_equal(settings.uris.items[1], "coaps://127.0.0.1:0/");
}

static void refuses_what_does_not_fit(void **state) {
    (void)state;
    static const struct {
        const char *words[5];
        const char *expected;
    } cases[] = {
        {{"serve", "coap://h", "--port", "1"}, "leave --port out"},
        {{"serve", "coap://h", "--bind", "h"}, "leave --bind out"},
        {{"serve", "localhost"}, "no URI to listen on"},
        {{"serve", "http://localhost"}, "no URI to listen on"},
        {{"serve", "coap://h/time"}, "names a resource"},
        {{"serve", "coap://h?a"}, "names a resource"},
        {{"serve", "--port", "65536"}, "65536"},
        {{"serve", "--port", "62535", "--credentials=a"}, "coaps+ws, which gets 3001 more; 62534 is the highest"},
        {{"serve", "--port", "62536"}, "coap+ws, which gets 3000 more; 62535 is the highest"},
        {{"serve", "--origin", "example.org"}, "https://example.org:8443"},
        {{"serve", "--origin", "https://example.org/"}, "without a path"},
        {{"serve", "--origin", "https://"}, "no origin"},
        {{"serve", "--origin", "://a"}, "no origin"},
        {{"serve", "--bind", "127.0.0.1:80"}, "--port names the port"},
        {{"serve", "--bind", "a b"}, "no address"},
        {{"serve", "--bind", "h/x"}, "no address"},
        {{"serve", "--bind", ""}, "no address"},
        {{"serve", "--prot", "1"}, "--port"},
        {{"serve", "--threads", "0"}, "no number from 1"},
        {{"serve", "--threads", "65"}, "more than the 64"},
        {{"serve", "--threads", "2", "--call"}, "leave --threads out"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(read_list(cases[i].words), EXIT_USAGE);
        if (strstr(err, cases[i].expected) == NULL) {
            fail_msg("%s %s: %s", cases[i].words[1], cases[i].expected, err);
        }
    }
    assert_int_equal(read_words("--port", "62535"), EXIT_OK);
    assert_int_equal(read_words("--port", "62534", "--credentials=a"), EXIT_OK);
}

static void help_and_version_come_first(void **state) {
    (void)state;
    assert_int_equal(read_words("nonsense", "--help"), EXIT_OK);
    assert_true(settings.help);
    assert_int_equal(read_words("--version"), EXIT_OK);
    assert_true(settings.version);
}

static void makes_uris(void **state) {
    (void)state;
    static const struct {
        const char *bind;
        int port;
        enum coax_scheme scheme;
        const char *expected;
    } cases[] = {
        {NULL, -1, COAX_SCHEME_COAP, "coap://[::]:5683"},
        {NULL, -1, COAX_SCHEME_COAPS, "coaps://[::]:5684"},
        {NULL, -1, COAX_SCHEME_COAP_TCP, "coap+tcp://[::]:5683"},
        {NULL, -1, COAX_SCHEME_COAPS_TCP, "coaps+tcp://[::]:5684"},
        {NULL, -1, COAX_SCHEME_COAP_WS, "coap+ws://[::]:8683"},
        {NULL, -1, COAX_SCHEME_COAPS_WS, "coaps+ws://[::]:8684"},
        {NULL, 7000, COAX_SCHEME_COAP, "coap://[::]:7000"},
        {NULL, 7000, COAX_SCHEME_COAPS, "coaps://[::]:7001"},
        {NULL, 7000, COAX_SCHEME_COAP_TCP, "coap+tcp://[::]:7000"},
        {NULL, 7000, COAX_SCHEME_COAPS_TCP, "coaps+tcp://[::]:7001"},
        {NULL, 7000, COAX_SCHEME_COAP_WS, "coap+ws://[::]:10000"},
        {NULL, 7000, COAX_SCHEME_COAPS_WS, "coaps+ws://[::]:10001"},
        {NULL, 0, COAX_SCHEME_COAP_TCP, "coap+tcp://[::]:0"},
        {NULL, 0, COAX_SCHEME_COAPS, "coaps://[::]:0"},
        {NULL, 0, COAX_SCHEME_COAPS_WS, "coaps+ws://[::]:0"},
        {"127.0.0.1", 1, COAX_SCHEME_COAP, "coap://127.0.0.1:1"},
        {"::1", -1, COAX_SCHEME_COAPS, "coaps://[::1]:5684"},
        {"[::1]", -1, COAX_SCHEME_COAP, "coap://[::1]:5683"},
        {"localhost", 0, COAX_SCHEME_COAP, "coap://localhost:0"},
        {"fe80::1%eth0", 5, COAX_SCHEME_COAP, "coap://[fe80::1%eth0]:5"},
    };
    char uri[SERVE_URI_CAPACITY];
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct serve_settings own = {.bind = cases[i].bind, .port = cases[i].port};
        assert_true(serve_settings_uri(&own, cases[i].scheme, "[::]", uri));
        assert_string_equal(uri, cases[i].expected);
    }
    char name[SERVE_URI_CAPACITY];
    memset(name, 'a', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    const struct serve_settings own = {.bind = name, .port = -1};
    assert_false(serve_settings_uri(&own, COAX_SCHEME_COAP, "[::]", uri));
    assert_int_equal(read_words("--bind", name), EXIT_USAGE);
}

static void help_shows_every_option(void **state) {
    (void)state;
    char help[4096];
    struct capture capture = capture_begin(stdout);
    serve_help_print(stdout);
    capture_end(&capture, help, sizeof help);
    static const char *const options[] = {
        "--bind ADDR", "--port P",     "--credentials FILE", "--files DIR", "--join GROUP", "-v, --verbose", "SIGHUP",
        "--threads N", "--origin URL", "--trust-forwarded",  "--call",      "P + 3001",     "Exit codes"};
    for (size_t i = 0; i < sizeof options / sizeof *options; i++) {
        assert_non_null(strstr(help, options[i]));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_all_options),
        cmocka_unit_test(reads_uris),
        cmocka_unit_test(refuses_what_does_not_fit),
        cmocka_unit_test(help_and_version_come_first),
        cmocka_unit_test(makes_uris),
        cmocka_unit_test(help_shows_every_option),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
