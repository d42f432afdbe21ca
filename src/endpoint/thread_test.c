#include "endpoint/thread.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

static const int some[] = {SIGINT, SIGTERM, SIGHUP, SIGUSR1, SIGALRM};

static unsigned count_blocked(void) {
    sigset_t blocked;
    unsigned count = 0;
    assert_int_equal(pthread_sigmask(SIG_SETMASK, NULL, &blocked), 0);
    for (size_t i = 0; i < sizeof some / sizeof *some; i++) {
        count += sigismember(&blocked, some[i]) == 1;
    }
    return count;
}

static void *note_blocked(void *user) {
    *(unsigned *)user = count_blocked();
    return NULL;
}

static void signals_are_the_programs(void **state) {
    (void)state;
    pthread_t thread;
    unsigned blocked = 0;
    assert_true(coax_thread_start(&thread, note_blocked, &blocked));
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(blocked, sizeof some / sizeof *some);
    assert_int_equal(count_blocked(), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(signals_are_the_programs)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
