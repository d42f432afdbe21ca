#include "cli/service.h"

#include "cli/capture.h"
#include "cli/commands.h"
#include "cli/interrupt.h"
#include <coax/coax.h>
#include <poll.h>
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

/* Each client may meet another thread: what was put is there for all. */
static void threads_serve_the_same(void **state) {
    (void)state;
    enum { THREADS = 4 };
    struct service_settings settings = {.threads = THREADS};
    struct service service;
    assert_int_equal(open_service(&service, &settings), EXIT_OK);
    assert_int_equal(service.worker_count, THREADS);
    char uri[128];
    for (unsigned i = 0; i < THREADS; i++) {
        assert_int_equal(coax_endpoint_listen(service.workers[i].endpoint, "coap://127.0.0.1:0", NULL), COAX_OK);
    }
    assert_int_equal(coax_endpoint_listening_uri(service.endpoint, 0, uri, sizeof uri), COAX_OK);
    assert_int_equal(service_start(&service), EXIT_OK);
    for (unsigned i = 0; i < 8; i++) {
        coax_endpoint *client;
        char path[160];
        assert_int_equal(coax_endpoint_new(&client, NULL, NULL), COAX_OK);
        snprintf(path, sizeof path, "%s/store/a", uri);
        struct answered answered = {.endpoint = client};
        coax_request *request;
        assert_int_equal(coax_request_new(&request, client, COAX_PUT, path, NULL), COAX_OK);
        assert_int_equal(coax_request_set_payload(request, COAX_FORMAT_TEXT, "x", 1), COAX_OK);
        assert_int_equal(coax_request_send(request, take_answer, &answered, NULL), COAX_OK);
        bool readable;
        while (answered.count == 0) { /* the first endpoint's turns are this thread's */
            struct pollfd wait = {.fd = coax_endpoint_fd(client), .events = POLLIN};
            assert_int_equal(service_turn(&service, coax_endpoint_fd(client), 100, &readable), EXIT_OK);
            (void)poll(&wait, 1, 0);
            assert_int_equal(coax_endpoint_process(client, NULL), COAX_OK);
        }
        assert_int_equal(answered.code, i == 0 ? COAX_CREATED : COAX_CHANGED);
        coax_endpoint_free(client);
    }
    service_stop(&service);
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
        cmocka_unit_test(threads_serve_the_same),
        cmocka_unit_test(a_signal_ends_the_turn), /* the last: nothing takes a signal back */
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
