#include "cli/base_uri.h"

#include "cli/capture.h"
#include "cli/commands.h"
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static char err[4096];

static int read_uri(const char *text, coax_uri *uri) {
    struct capture capture = capture_begin(stderr);
    int code = base_uri_read(text, "dance with", uri);
    capture_end(&capture, err, sizeof err);
    return code;
}

static void takes_scheme_host_and_port(void **state) {
    (void)state;
    static const char *const texts[] = {"coap://h", "coaps+tcp://[::1]:5/", "coap+ws://h:8683"};
    coax_uri uri;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        assert_int_equal(read_uri(texts[i], &uri), EXIT_OK);
        assert_string_equal(err, "");
    }
    assert_int_equal(uri.scheme, COAX_SCHEME_COAP_WS);
    assert_int_equal(uri.port, 8683);
}

static void says_what_is_too_much_or_wrong(void **state) {
    (void)state;
    coax_uri uri;
    assert_int_equal(read_uri("coap://h/a", &uri), EXIT_USAGE);
    assert_non_null(strstr(err, "'coap://h/a' names a resource; to dance with it"));
    assert_int_equal(read_uri("coap://h?a", &uri), EXIT_USAGE);
    assert_int_equal(read_uri("h", &uri), EXIT_USAGE);
    assert_non_null(strstr(err, "'h' is no URI to dance with: "));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_scheme_host_and_port),
        cmocka_unit_test(says_what_is_too_much_or_wrong),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
