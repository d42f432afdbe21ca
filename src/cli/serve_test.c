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

/* `coax serve` in a process of its own. */
struct server {
    pid_t process;
    FILE *out, *err;
    char text[4096]; /* of a stream, as far as it was read */
};

#define start(server, ...) start_list(server, (const char *const[]){"serve", __VA_ARGS__, NULL})

static void start_list(struct server *server, const char *const *list) {
    int out[2];
    int err[2];
    char *words[32];
    int count = 0;
    for (; *list != NULL; list++) {
        words[count++] = (char *)(uintptr_t)*list;
    }
    assert_int_equal(pipe2(out, O_CLOEXEC), 0);
    assert_int_equal(pipe2(err, O_CLOEXEC), 0);
    fflush(NULL);
    server->process = fork();
    assert_true(server->process >= 0);
    if (server->process == 0) {
        dup2(out[1], STDOUT_FILENO);
        dup2(err[1], STDERR_FILENO);
        close(out[0]);
        close(err[0]);
        int code = command_serve(count, words);
        fflush(NULL);
        _exit(code);
    }
    close(out[1]);
    close(err[1]);
    server->out = fdopen(out[0], "r");
    server->err = fdopen(err[0], "r");
}

static const char *next_line(struct server *server, FILE *stream) {
    assert_non_null(fgets(server->text, sizeof server->text, stream));
    server->text[strcspn(server->text, "\n")] = '\0';
    return server->text;
}

/* The exit code; the stream must have ended, apart from what `rest` is to get. */
static int end(struct server *server, char *rest, size_t capacity) {
    int status = 0;
    assert_int_equal(waitpid(server->process, &status, 0), server->process);
    size_t size = fread(rest, 1, capacity - 1, server->err);
    rest[size] = '\0';
    assert_int_equal(fgetc(server->out), EOF);
    fclose(server->out);
    fclose(server->err);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

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
    "{\"coaps://*\": {\"dtls\": {\"psk\": {\"ascii\": \"" key "\"}, \"client-identity\": {\"ascii\": \"me\"}}}}"

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
        struct server server;
        char rest[1024];
        char uri[1024];
        start(&server, "--bind", "127.0.0.1", "--port", "0");
        snprintf(uri, sizeof uri, "%.900s/time", next_line(&server, server.out));
        assert_int_equal(code_of(uri, NULL), COAX_CONTENT);
        assert_int_equal(kill(server.process, signals[i]), 0);
        assert_int_equal(end(&server, rest, sizeof rest), EXIT_OK);
        assert_string_equal(rest, "");
    }
}

static void serves_securely_with_credentials(void **state) {
    (void)state;
    struct server server;
    char rest[1024];
    char uri[1024];
    start(&server, "--bind=127.0.0.1", "--port=0", "--credentials", server_file);
    assert_ptr_equal(strstr(next_line(&server, server.out), "coap://127.0.0.1:"), server.text);
    snprintf(uri, sizeof uri, "%.900s/whoami", next_line(&server, server.out));
    assert_ptr_equal(strstr(uri, "coaps://127.0.0.1:"), uri);
    assert_int_equal(code_of(uri, client_file), COAX_CONTENT);
    kill(server.process, SIGTERM);
    assert_int_equal(end(&server, rest, sizeof rest), EXIT_OK);
    assert_string_equal(rest, "");
}

static void loads_credentials_again(void **state) {
    (void)state;
    struct server server;
    char rest[1024];
    char uri[1024];
    start(&server, "coaps://127.0.0.1:0", "--credentials", server_file);
    snprintf(uri, sizeof uri, "%.900s/time", next_line(&server, server.out));
    write_credentials(server_file, "{");
    kill(server.process, SIGHUP);
    assert_non_null(strstr(next_line(&server, server.err), "the credentials stay as they were"));
    assert_int_equal(code_of(uri, client_file), COAX_CONTENT);
    write_credentials(server_file, ENTRY("two"));
    kill(server.process, SIGHUP);
    assert_string_equal(next_line(&server, server.err), "coax: credentials loaded again");
    assert_int_equal(code_of(uri, client_file), 0);
    write_credentials(client_file, ENTRY("two"));
    assert_int_equal(code_of(uri, client_file), COAX_CONTENT);
    kill(server.process, SIGTERM);
    assert_int_equal(end(&server, rest, sizeof rest), EXIT_OK);
    assert_string_equal(rest, "");
}

static void without_credentials_there_is_nothing_to_load(void **state) {
    (void)state;
    struct server server;
    char rest[1024];
    start(&server, "coap://127.0.0.1:0");
    next_line(&server, server.out);
    kill(server.process, SIGHUP);
    assert_non_null(strstr(next_line(&server, server.err), "--credentials FILE was not given"));
    kill(server.process, SIGTERM);
    assert_int_equal(end(&server, rest, sizeof rest), EXIT_OK);
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
        struct server server;
        char rest[1024];
        start_list(&server, cases[i].words);
        int code = end(&server, rest, sizeof rest);
        if (code != cases[i].code || strstr(rest, cases[i].expected) == NULL) {
            fail_msg("%s: %d, %s", cases[i].words[1], code, rest);
        }
    }
}

static void credentials_that_serve_nobody_are_told(void **state) {
    (void)state;
    struct server server;
    char rest[1024];
    write_credentials(server_file, "{}");
    start(&server, "--bind", "127.0.0.1", "--port", "0", "--credentials", server_file);
    assert_ptr_equal(strstr(next_line(&server, server.out), "coap://"), server.text);
    kill(server.process, SIGTERM);
    assert_int_equal(end(&server, rest, sizeof rest), EXIT_OK);
    assert_non_null(strstr(rest, "no coaps"));
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
