#include "cli/serve_log.h"

#include "cli/capture.h"
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "cli/serve_ask.h"

static char err[8192];

static const char *logged(unsigned verbose, enum coax_log_level level) {
    coax_endpoint_config config = COAX_ENDPOINT_CONFIG_INIT;
    serve_log_setup(&config, verbose);
    struct capture capture = capture_begin(stderr);
    config.log(level, "a \033line", NULL);
    return capture_end(&capture, err, sizeof err);
}

static void levels_follow_the_letters(void **state) {
    (void)state;
    static const bool shown[3][4] = {{true, false, false, false}, {true, true, false, false}, {true, true, true, true}};
    static const enum coax_log_level levels[] = {COAX_LOG_ERROR, COAX_LOG_WARNING, COAX_LOG_INFO, COAX_LOG_DEBUG};
    for (unsigned verbose = 0; verbose < 3; verbose++) {
        for (size_t i = 0; i < 4; i++) {
            assert_string_equal(logged(verbose, levels[i]), shown[verbose][i] ? "coax: a \\x1bline\n" : "");
        }
    }
}

static void messages_are_shown_on_demand(void **state) {
    (void)state;
    for (unsigned verbose = 0; verbose < 2; verbose++) {
        coax_endpoint_config config = COAX_ENDPOINT_CONFIG_INIT;
        serve_log_setup(&config, verbose);
        coax_endpoint *endpoint = NULL;
        assert_int_equal(coax_endpoint_new(&endpoint, &config, NULL), COAX_OK);
        assert_int_equal(coax_endpoint_listen(endpoint, "coap://127.0.0.1:0", NULL), COAX_OK);
        struct capture capture = capture_begin(stderr);
        (void)ask_for(endpoint, COAX_GET, "/not/here");
        capture_end(&capture, err, sizeof err);
        coax_endpoint_free(endpoint);
        if (verbose == 0) {
            assert_string_equal(err, "");
            continue;
        }
        assert_non_null(strstr(err, " -> coap://127.0.0.1:"));
        assert_non_null(strstr(err, " <- coap://127.0.0.1:"));
        assert_non_null(strstr(err, "4.04"));
        assert_int_equal(err[2], ':');
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(levels_follow_the_letters),
        cmocka_unit_test(messages_are_shown_on_demand),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
