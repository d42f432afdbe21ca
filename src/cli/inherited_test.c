#include "cli/inherited.h"

#include "cli/capture.h"
#include "cli/commands.h"
#include <fcntl.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <cmocka.h>

static void kind_and_port_say_the_scheme(void **state) {
    (void)state;
    static const struct {
        bool is_stream;
        uint16_t port;
        enum coax_scheme scheme;
    } cases[] = {
        {false, 5683, COAX_SCHEME_COAP},     {false, 5684, COAX_SCHEME_COAPS},    {false, 8683, COAX_SCHEME_COAP},
        {true, 5683, COAX_SCHEME_COAP_TCP},  {true, 5684, COAX_SCHEME_COAPS_TCP}, {true, 8683, COAX_SCHEME_COAP_WS},
        {true, 8684, COAX_SCHEME_COAPS_WS},  {true, 80, COAX_SCHEME_COAP_WS},     {true, 443, COAX_SCHEME_COAPS_WS},
        {true, 12345, COAX_SCHEME_COAP_TCP}, {false, 0, COAX_SCHEME_COAP},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(inherited_scheme(cases[i].is_stream, cases[i].port), cases[i].scheme);
    }
}

/* What a process sees that is given a datagram socket and two stream sockets. NULL: a variable that is not set. */
struct given {
    const char *pid; /* "": its own */
    const char *count, *names;
};

struct seen {
    int code;
    struct inherited inherited;
    bool is_unset, is_closed_on_exec;
    char err[512];
};

static void set(const char *name, const char *value) {
    if (value != NULL) {
        setenv(name, value, 1);
    } else {
        unsetenv(name);
    }
}

static void see(const struct given *given, struct seen *seen) {
    char own[16];
    snprintf(own, sizeof own, "%d", (int)getpid());
    set("LISTEN_PID", given->pid != NULL && given->pid[0] == '\0' ? own : given->pid);
    set("LISTEN_FDS", given->count);
    set("LISTEN_FDNAMES", given->names);
    struct capture capture = capture_begin(stderr);
    seen->code = inherited_read(&seen->inherited);
    capture_end(&capture, seen->err, sizeof seen->err);
    seen->is_unset = getenv("LISTEN_PID") == NULL && getenv("LISTEN_FDS") == NULL && getenv("LISTEN_FDNAMES") == NULL;
    seen->is_closed_on_exec = (fcntl(INHERITED_FIRST, F_GETFD) & FD_CLOEXEC) != 0;
}

static struct seen seen_by_a_child(const struct given *given) {
    static const int kinds[] = {SOCK_DGRAM, SOCK_STREAM, SOCK_STREAM};
    struct seen seen;
    int ends[2], status;
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        int out = fcntl(ends[1], F_DUPFD, 20);
        for (int i = 0; i < 3; i++) {
            int fd = socket(AF_INET, kinds[i], 0);
            if (fd != INHERITED_FIRST + i) {
                dup2(fd, INHERITED_FIRST + i);
            }
        }
        close(INHERITED_FIRST + 3);
        memset(&seen, 0, sizeof seen);
        see(given, &seen);
        _exit(write(out, &seen, sizeof seen) != (ssize_t)sizeof seen);
    }
    close(ends[1]);
    assert_int_equal(read(ends[0], &seen, sizeof seen), (ssize_t)sizeof seen);
    close(ends[0]);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    return seen;
}

static void names_are_schemes(void **state) {
    (void)state;
    const struct given given = {"", "3", "coaps:coap+ws:coaps+tcp"};
    struct seen seen = seen_by_a_child(&given);
    assert_int_equal(seen.code, EXIT_OK);
    assert_int_equal(seen.inherited.count, 3);
    assert_int_equal(seen.inherited.sockets[0].scheme, COAX_SCHEME_COAPS);
    assert_int_equal(seen.inherited.sockets[1].scheme, COAX_SCHEME_COAP_WS);
    assert_int_equal(seen.inherited.sockets[2].scheme, COAX_SCHEME_COAPS_TCP);
    assert_int_equal(seen.inherited.sockets[2].fd, 5);
    assert_true(seen.is_unset);
    assert_true(seen.is_closed_on_exec);
}

static void other_names_leave_it_to_the_socket(void **state) {
    (void)state;
    static const char *const names[] = {
        NULL, "", "coax.socket:coax.socket:coax.socket", "coap", "unknown::coap+tcp:more", "coapsx:coap+:"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const struct given given = {"", "3", names[i]};
        struct seen seen = seen_by_a_child(&given);
        assert_int_equal(seen.code, EXIT_OK);
        assert_int_equal(seen.inherited.sockets[0].scheme, COAX_SCHEME_COAP);
        assert_int_equal(seen.inherited.sockets[1].scheme, COAX_SCHEME_COAP_TCP);
        assert_int_equal(seen.inherited.sockets[2].scheme, COAX_SCHEME_COAP_TCP);
    }
}

static void what_is_for_another_process_is_left_alone(void **state) {
    (void)state;
    static const char *const pids[] = {NULL, "1", "x"};
    for (size_t i = 0; i < sizeof pids / sizeof *pids; i++) {
        const struct given given = {pids[i], "3", "coap"};
        struct seen seen = seen_by_a_child(&given);
        assert_int_equal(seen.code, EXIT_OK);
        assert_int_equal(seen.inherited.count, 0);
        assert_true(seen.is_unset);
        assert_false(seen.is_closed_on_exec);
    }
}

static void what_cannot_be_is_told(void **state) {
    (void)state;
    static const struct {
        const char *count, *expected;
    } cases[] = {{"x", "LISTEN_FDS is 'x'"}, {"-1", "LISTEN_FDS"}, {"65", "0 to 64"},
                 {"", "LISTEN_FDS"},         {NULL, "LISTEN_FDS"}, {"4", "descriptor 6 is no socket"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct given given = {"", cases[i].count, NULL};
        struct seen seen = seen_by_a_child(&given);
        assert_int_equal(seen.code, EXIT_ERROR);
        if (strstr(seen.err, cases[i].expected) == NULL) {
            fail_msg("%s: %s", cases[i].expected, seen.err);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(kind_and_port_say_the_scheme),
        cmocka_unit_test(names_are_schemes),
        cmocka_unit_test(other_names_leave_it_to_the_socket),
        cmocka_unit_test(what_is_for_another_process_is_left_alone),
        cmocka_unit_test(what_cannot_be_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
