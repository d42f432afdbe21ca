#include "cli/service.h"

#include "cli/capture.h"
#include "cli/commands.h"
#include "cli/interrupt.h"
#include <coax/coax.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "cli/serve_ask.h"

static char err[4096];

static int open_service(struct service *service, const struct service_settings *settings) {
    coax_endpoint_config config = COAX_ENDPOINT_CONFIG_INIT;
    struct capture capture = capture_begin(stderr);
    int code = service_open(service, settings, &config);
    capture_end(&capture, err, sizeof err);
    return code;
}

static void it_has_the_resources(void **state) {
    (void)state;
    struct service_settings settings = {.files = NULL};
    struct service service;
    for (int with_files = 0; with_files < 2; with_files++) {
        settings.files = with_files ? "/" : NULL;
        assert_int_equal(open_service(&service, &settings), EXIT_OK);
        assert_string_equal(err, "");
        assert_int_equal(coax_endpoint_listen(service.endpoint, "coap://127.0.0.1:0", NULL), COAX_OK);
        assert_int_equal(ask_for(service.endpoint, COAX_GET, "/time").code, COAX_CONTENT);
        assert_int_equal(ask_for(service.endpoint, COAX_GET, "/host/uptime").code, COAX_CONTENT);
        assert_int_equal(ask_to_put(service.endpoint, COAX_PUT, "/store/a", "x").code, COAX_CREATED);
        assert_int_equal(ask_for(service.endpoint, COAX_GET, "/files/nowhere/at/all").code, COAX_NOT_FOUND);
        bool names_files = strstr(ask_for(service.endpoint, COAX_GET, "/").payload, "/files") != NULL;
        assert_int_equal(names_files, with_files);
        service_close(&service);
    }
}

static void it_says_what_is_wrong(void **state) {
    (void)state;
    static const struct {
        struct service_settings settings;
        const char *expected;
    } cases[] = {
        {{.files = "/nonexistent"}, "--files '/nonexistent': No such file"},
        {{.credentials = {.items = {"/nonexistent"}, .count = 1}}, "/nonexistent"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct service service;
        assert_int_equal(open_service(&service, &cases[i].settings), EXIT_USAGE);
        assert_non_null(strstr(err, cases[i].expected));
        service_close(&service);
    }
}

static int turn(struct service *service, int fd, int limit_ms, bool *readable) {
    struct capture capture = capture_begin(stderr);
    int code = service_turn(service, fd, limit_ms, readable);
    capture_end(&capture, err, sizeof err);
    return code;
}

static void a_turn_ends_with_its_limit_or_with_input(void **state) {
    (void)state;
    const struct service_settings settings = {.files = NULL};
    struct service service;
    int ends[2];
    bool readable = true;
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(open_service(&service, &settings), EXIT_OK);
    assert_int_equal(turn(&service, ends[0], 1, &readable), EXIT_OK);
    assert_false(readable);
    assert_int_equal(write(ends[1], "x", 1), 1);
    assert_int_equal(turn(&service, ends[0], -1, &readable), EXIT_OK);
    assert_true(readable);
    assert_int_equal(turn(&service, -1, 0, &readable), EXIT_OK);
    assert_false(readable);
    close(ends[0]);
    close(ends[1]);
    service_close(&service);
}

static void a_hangup_loads_the_credentials_again(void **state) {
    (void)state;
    struct service_settings settings = {.files = NULL};
    struct service service;
    bool readable;
    assert_int_equal(open_service(&service, &settings), EXIT_OK);
    raise(SIGHUP);
    assert_int_equal(turn(&service, -1, -1, &readable), EXIT_OK);
    assert_non_null(strstr(err, "--credentials FILE was not given"));
    settings.credentials = (struct argument_texts){.items = {"/nonexistent"}, .count = 1};
    raise(SIGHUP);
    assert_int_equal(turn(&service, -1, -1, &readable), EXIT_OK);
    assert_non_null(strstr(err, "/nonexistent"));
    assert_non_null(strstr(err, "the credentials stay as they were"));
    service_close(&service);
}

static void a_signal_ends_the_turn(void **state) {
    (void)state;
    const struct service_settings settings = {.files = NULL};
    struct service service;
    bool readable;
    assert_int_equal(open_service(&service, &settings), EXIT_OK);
    raise(SIGTERM);
    assert_int_equal(turn(&service, -1, -1, &readable), EXIT_OK);
    assert_true(interrupted());
    service_close(&service);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_has_the_resources),
        cmocka_unit_test(it_says_what_is_wrong),
        cmocka_unit_test(a_turn_ends_with_its_limit_or_with_input),
        cmocka_unit_test(a_hangup_loads_the_credentials_again),
        cmocka_unit_test(a_signal_ends_the_turn), /* the last: nothing takes a signal back */
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
