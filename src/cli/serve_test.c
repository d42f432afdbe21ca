#include "cli/commands.h"

#include <coax/coax.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "cli/verb_process.h"

#define start(server, ...) verb_start(server, command_serve, (const char *const[]){"serve", __VA_ARGS__, NULL})

static uint8_t code_of(const char *uri, const char *credentials) {
    coax_fetch_options options = COAX_FETCH_OPTIONS_INIT;
    coax_message *response = NULL;
    coax_error error;
    options.credentials_file = credentials;
    options.timeout_ms = 20000;
    if (coax_fetch(COAX_GET, uri, &options, &response, &error) != COAX_OK) {
        print_message("%s: %s\n", uri, error.text);
        return 0;
    }
    uint8_t code = coax_message_code(response);
    coax_message_free(response);
    return code;
}

static void write_credentials(const char *path, const char *text) {
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
}

#define ENTRY(key)                                                                                                     \
    "{\"coaps*\": {\"dtls\": {\"psk\": {\"ascii\": \"" key "\"}, \"client-identity\": {\"ascii\": \"me\"}}}}"

/* Two files of one test. */
static char server_file[64], client_file[64];

static int set_up(void **state) {
    (void)state;
    snprintf(server_file, sizeof server_file, "/tmp/serve_test.%d.server.json", (int)getpid());
    snprintf(client_file, sizeof client_file, "/tmp/serve_test.%d.client.json", (int)getpid());
    write_credentials(server_file, ENTRY("one"));
    write_credentials(client_file, ENTRY("one"));
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    unlink(server_file);
    unlink(client_file);
    return 0;
}

static void serves_until_a_signal(void **state) {
    (void)state;
    static const int signals[] = {SIGTERM, SIGINT};
    for (size_t i = 0; i < 2; i++) {
        struct verb_process server;
        char rest[1024];
        char uri[1024];
        start(&server, "--bind", "127.0.0.1", "--port", "0");
        for (size_t scheme = 0; scheme < 3; scheme++) {
            snprintf(uri, sizeof uri, "%.900s/time", verb_line(&server, server.out));
            assert_int_equal(code_of(uri, NULL), COAX_CONTENT);
        }
        assert_int_equal(kill(server.process, signals[i]), 0);
        assert_int_equal(verb_end(&server, rest, sizeof rest), EXIT_OK);
        assert_string_equal(rest, "");
    }
}

static void serves_securely_with_credentials(void **state) {
    (void)state;
    struct verb_process server;
    char rest[1024];
    char uri[1024];
    start(&server, "--bind=127.0.0.1", "--port=0", "--credentials", server_file);
    for (enum coax_scheme scheme = COAX_SCHEME_COAP; scheme < COAX_SCHEMES; scheme++) {
        snprintf(uri, sizeof uri, "%.900s/whoami", verb_line(&server, server.out));
        size_t size = strlen(coax_scheme_name(scheme));
        assert_memory_equal(uri, coax_scheme_name(scheme), size);
        assert_int_equal(uri[size], ':');
        assert_int_equal(code_of(uri, client_file), COAX_CONTENT);
    }
    kill(server.process, SIGTERM);
    assert_int_equal(verb_end(&server, rest, sizeof rest), EXIT_OK);
    assert_string_equal(rest, "");
}

static void loads_credentials_again(void **state) {
    (void)state;
    struct verb_process server;
    char rest[1024];
    char uri[1024];
    start(&server, "coaps://127.0.0.1:0", "--credentials", server_file);
    snprintf(uri, sizeof uri, "%.900s/time", verb_line(&server, server.out));
    write_credentials(server_file, "{");
    kill(server.process, SIGHUP);
    assert_non_null(strstr(verb_line(&server, server.err), "the credentials stay as they were"));
    assert_int_equal(code_of(uri, client_file), COAX_CONTENT);
    write_credentials(server_file, ENTRY("two"));
    kill(server.process, SIGHUP);
    assert_string_equal(verb_line(&server, server.err), "coax: credentials loaded again");
    assert_int_equal(code_of(uri, client_file), 0);
    write_credentials(client_file, ENTRY("two"));
    assert_int_equal(code_of(uri, client_file), COAX_CONTENT);
    kill(server.process, SIGTERM);
    assert_int_equal(verb_end(&server, rest, sizeof rest), EXIT_OK);
    assert_string_equal(rest, "");
}

static void without_credentials_there_is_nothing_to_load(void **state) {
    (void)state;
    struct verb_process server;
    char rest[1024];
    start(&server, "coap://127.0.0.1:0");
    verb_line(&server, server.out);
    kill(server.process, SIGHUP);
    assert_non_null(strstr(verb_line(&server, server.err), "--credentials FILE was not given"));
    kill(server.process, SIGTERM);
    assert_int_equal(verb_end(&server, rest, sizeof rest), EXIT_OK);
}

static void says_why_it_cannot_start(void **state) {
    (void)state;
    static const struct {
        const char *words[5];
        int code;
        const char *expected;
    } cases[] = {
        {{"serve", "coaps://127.0.0.1:0"}, EXIT_SECURITY, "--credentials FILE"},
        {{"serve", "http://127.0.0.1"}, EXIT_USAGE, "http"},
        {{"serve", "coap://192.0.2.1:0"}, EXIT_ERROR, "192.0.2.1"},
        {{"serve", "--credentials", "/nonexistent"}, EXIT_USAGE, "/nonexistent"},
        {{"serve", "--files", "/nonexistent"}, EXIT_USAGE, "--files '/nonexistent': No such file"},
        {{"serve", "--port", "x"}, EXIT_USAGE, "--port"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct verb_process server;
        char rest[1024];
        verb_start(&server, command_serve, cases[i].words);
        int code = verb_end(&server, rest, sizeof rest);
        if (code != cases[i].code || strstr(rest, cases[i].expected) == NULL) {
            fail_msg("%s: %d, %s", cases[i].words[1], code, rest);
        }
    }
}

static void credentials_that_serve_nobody_are_told(void **state) {
    (void)state;
    struct verb_process server;
    char rest[1024];
    write_credentials(server_file, "{}");
    start(&server, "--bind", "127.0.0.1", "--port", "0", "--credentials", server_file);
    static const char *const schemes[] = {"coap://", "coap+tcp://", "coap+ws://"};
    for (size_t i = 0; i < 3; i++) {
        assert_ptr_equal(strstr(verb_line(&server, server.out), schemes[i]), server.text);
    }
    kill(server.process, SIGTERM);
    assert_int_equal(verb_end(&server, rest, sizeof rest), EXIT_OK);
    assert_non_null(strstr(rest, "no coaps, coaps+tcp and coaps+ws"));
}

#define WITH_FILES(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(serves_until_a_signal),    WITH_FILES(serves_securely_with_credentials),
        WITH_FILES(loads_credentials_again),        cmocka_unit_test(without_credentials_there_is_nothing_to_load),
        cmocka_unit_test(says_why_it_cannot_start), WITH_FILES(credentials_that_serve_nobody_are_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
