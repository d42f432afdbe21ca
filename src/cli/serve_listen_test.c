#include "cli/serve_listen.h"

#include "cli/capture.h"
#include "cli/commands.h"
#include <coax/coax.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

static char out[4096], err[4096];
static const struct inherited nothing = {.count = 0};

static int listen_with(const struct serve_settings *settings, const struct inherited *inherited) {
    coax_shards *shards;
    unsigned count = settings->service.threads > 1 ? settings->service.threads : 1;
    assert_int_equal(coax_shards_new(&shards, count, NULL, NULL), COAX_OK);
    struct capture capture_out = capture_begin(stdout);
    struct capture capture_err = capture_begin(stderr);
    int code = serve_listen(shards, settings, inherited);
    capture_end(&capture_err, err, sizeof err);
    capture_end(&capture_out, out, sizeof out);
    coax_shards_free(shards);
    return code;
}

/* The schemes of the URIs that were printed, in order. */
static const char *schemes(void) {
    static char names[512];
    size_t size = 0;
    names[0] = '\0';
    for (const char *line = out; *line != '\0'; line += strcspn(line, "\n") + 1) {
        size += (size_t)snprintf(names + size, sizeof names - size, "%.*s ", (int)strcspn(line, ":"), line);
    }
    return names;
}

static void by_default_all_that_needs_no_credentials(void **state) {
    (void)state;
    const struct serve_settings settings = {.bind = "127.0.0.1", .port = 0};
    assert_int_equal(listen_with(&settings, &nothing), EXIT_OK);
    assert_string_equal(schemes(), "coap coap+tcp coap+ws ");
    assert_null(strstr(out, ":0\n"));
    assert_string_equal(err, "");
}

static void on_all_addresses_when_none_is_bound(void **state) {
    (void)state;
    const struct serve_settings settings = {.port = 0};
    assert_int_equal(listen_with(&settings, &nothing), EXIT_OK);
    assert_true(strstr(out, "coap+ws://[::]:") != NULL || strstr(out, "coap+ws://0.0.0.0:") != NULL);
}

static void credentials_that_serve_nobody_are_told_once(void **state) {
    (void)state;
    const struct serve_settings settings = {
        .bind = "127.0.0.1", .port = 0, .service.credentials = {.items = {"loaded by others"}, .count = 1}};
    assert_int_equal(listen_with(&settings, &nothing), EXIT_OK);
    assert_string_equal(schemes(), "coap coap+tcp coap+ws ");
    assert_string_equal(err,
                        "coax: no coaps, coaps+tcp and coaps+ws: the credentials hold nothing that a server can use\n");
}

static void uris_say_exactly_what(void **state) {
    (void)state;
    const struct serve_settings settings = {
        .port = -1, .uris = {.items = {"coap+ws://127.0.0.1:0", "coap+tcp://localhost:0"}, .count = 2}};
    assert_int_equal(listen_with(&settings, &nothing), EXIT_OK);
    assert_string_equal(schemes(), "coap+ws coap+tcp ");
    assert_non_null(strstr(out, "coap+tcp://localhost:"));
}

static void what_goes_wrong_is_told(void **state) {
    (void)state;
    struct serve_settings settings = {.port = -1, .uris = {.items = {"coaps+tcp://127.0.0.1:0"}, .count = 1}};
    assert_int_equal(listen_with(&settings, &nothing), EXIT_SECURITY);
    assert_non_null(strstr(err, "--credentials FILE"));
    settings.uris.items[0] = "coap+tcp://192.0.2.1:0";
    assert_int_equal(listen_with(&settings, &nothing), EXIT_ERROR);
    settings.uris.items[0] = "coap://127.0.0.1:0";
    settings.groups = (struct argument_texts){.items = {"127.0.0.1"}, .count = 1};
    assert_int_equal(listen_with(&settings, &nothing), EXIT_USAGE);
    assert_non_null(strstr(err, "--join 127.0.0.1: "));
    assert_string_equal(out, "");
}

static int socket_of(int kind) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, kind, 0);
    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    if (kind == SOCK_STREAM) {
        assert_int_equal(listen(fd, 5), 0);
    }
    return fd;
}

static void sockets_that_were_handed_over_come_in_place_of_the_defaults(void **state) {
    (void)state;
    struct serve_settings settings = {.port = -1};
    const struct inherited inherited = {
        .sockets = {{socket_of(SOCK_STREAM), COAX_SCHEME_COAP_WS}, {socket_of(SOCK_DGRAM), COAX_SCHEME_COAP}},
        .count = 2};
    assert_int_equal(listen_with(&settings, &inherited), EXIT_OK);
    assert_string_equal(schemes(), "coap+ws coap ");
    assert_non_null(strstr(out, "coap+ws://127.0.0.1:"));
    settings.uris = (struct argument_texts){.items = {"coap+tcp://127.0.0.1:0"}, .count = 1};
    const struct inherited another = {.sockets = {{socket_of(SOCK_DGRAM), COAX_SCHEME_COAP}}, .count = 1};
    assert_int_equal(listen_with(&settings, &another), EXIT_OK);
    assert_string_equal(schemes(), "coap coap+tcp ");
}

static void sockets_that_cannot_be_used_are_told(void **state) {
    (void)state;
    struct serve_settings settings = {.port = -1};
    int fd = socket_of(SOCK_DGRAM);
    const struct inherited wrong = {.sockets = {{fd, COAX_SCHEME_COAP_TCP}}, .count = 1};
    assert_int_equal(listen_with(&settings, &wrong), EXIT_USAGE);
    assert_non_null(strstr(err, "number 1 is taken for coap+tcp"));
    const struct inherited secure = {.sockets = {{fd, COAX_SCHEME_COAPS}}, .count = 1};
    assert_int_equal(listen_with(&settings, &secure), EXIT_SECURITY);
    settings.port = 7000;
    assert_int_equal(listen_with(&settings, &secure), EXIT_USAGE);
    assert_non_null(strstr(err, "leave --port out"));
    settings.bind = "::1";
    assert_int_equal(listen_with(&settings, &secure), EXIT_USAGE);
    assert_non_null(strstr(err, "leave --bind out"));
    close(fd);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(by_default_all_that_needs_no_credentials),
        cmocka_unit_test(on_all_addresses_when_none_is_bound),
        cmocka_unit_test(credentials_that_serve_nobody_are_told_once),
        cmocka_unit_test(uris_say_exactly_what),
        cmocka_unit_test(what_goes_wrong_is_told),
        cmocka_unit_test(sockets_that_were_handed_over_come_in_place_of_the_defaults),
        cmocka_unit_test(sockets_that_cannot_be_used_are_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
