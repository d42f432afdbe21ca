#include "cli/interrupt.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

/* Each runs in a process of its own, because signals and their handlers belong to the process. */
static int status_of(int (*run)(void)) {
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        _exit(run());
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    return status;
}

static int first_signal(void) {
    interrupt_watch();
    if (interrupted()) {
        return 1;
    }
    raise(SIGINT);
    return interrupted() ? 42 : 2;
}

static int second_signal(void) {
    interrupt_watch();
    raise(SIGINT);
    raise(SIGINT);
    return 1;
}

static int termination(void) {
    interrupt_watch();
    raise(SIGTERM);
    return interrupted() ? 42 : 2;
}

static int reader_gone(void) {
    interrupt_watch();
    int ends[2];
    if (pipe(ends) != 0) {
        return 1;
    }
    close(ends[0]);
    return write(ends[1], "x", 1) < 0 && !interrupted() ? 42 : 2;
}

/* Input that is there is told, input that never comes is not waited for once a signal came. */
static int input_is_interrupted(void) {
    int ends[2];
    alarm(20); /* instead of waiting for ever */
    interrupt_watch();
    if (pipe(ends) != 0 || write(ends[1], "x", 1) != 1 || !interrupt_wait_for_input(ends[0])) {
        return 1;
    }
    char byte;
    if (read(ends[0], &byte, 1) != 1) {
        return 2;
    }
    raise(SIGTERM);
    return interrupt_wait_for_input(ends[0]) ? 3 : 42;
}

/* The loop of the endpoint that was named returns. */
static int endpoint_stops(void) {
    coax_endpoint *endpoint = NULL;
    if (coax_endpoint_new(&endpoint, NULL, NULL) != COAX_OK) {
        return 1;
    }
    interrupt_watch();
    interrupt_stops(endpoint);
    alarm(20); /* instead of waiting for ever */
    raise(SIGINT);
    enum coax_status status = coax_endpoint_run(endpoint, NULL);
    interrupt_stops(NULL);
    coax_endpoint_free(endpoint);
    return status == COAX_OK && interrupted() ? 42 : 2;
}

static void the_first_signal_is_remembered(void **state) {
    (void)state;
    int status = status_of(first_signal);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 42);
    status = status_of(termination);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 42);
}

static void the_second_signal_kills(void **state) {
    (void)state;
    int status = status_of(second_signal);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGINT);
}

static void a_reader_that_went_away_does_not_kill(void **state) {
    (void)state;
    int status = status_of(reader_gone);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 42);
}

static void a_signal_ends_the_wait_for_input(void **state) {
    (void)state;
    int status = status_of(input_is_interrupted);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 42);
}

static void a_signal_stops_the_loop(void **state) {
    (void)state;
    int status = status_of(endpoint_stops);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 42);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_signal_is_remembered),
        cmocka_unit_test(the_second_signal_kills),
        cmocka_unit_test(a_reader_that_went_away_does_not_kill),
        cmocka_unit_test(a_signal_ends_the_wait_for_input),
        cmocka_unit_test(a_signal_stops_the_loop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
