#include "cli/release.h"

#include "cli/interrupt.h"
#include <coax/coax.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "cli/connected.h"

static uint64_t now_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static void *serve(void *user) {
    (void)coax_endpoint_run(user, NULL);
    return NULL;
}

static void a_peer_that_closes_ends_the_wait(void **state) {
    (void)state;
    struct connected connected;
    pthread_t thread;
    connected_open(&connected, "coap+tcp");
    assert_int_equal(pthread_create(&thread, NULL, serve, connected.server), 0);
    uint64_t start = now_ms();
    release_connections(connected.client);
    assert_true(now_ms() - start < 1500);
    assert_int_equal(coax_endpoint_release(connected.client, 0, NULL), COAX_OK); /* there is none left */
    coax_endpoint_stop(connected.server);
    pthread_join(thread, NULL);
    connected_close(&connected);
}

static void a_peer_that_does_not_is_waited_for_a_while(void **state) {
    (void)state;
    struct connected connected;
    connected_open(&connected, "coap+tcp");
    uint64_t start = now_ms();
    release_connections_at_the_end(connected.client);
    assert_in_range(now_ms() - start, 1990, 10000);
    connected_close(&connected);
}

static void *interrupt_soon(void *user) {
    const struct timespec soon = {.tv_nsec = 100000000};
    (void)user;
    nanosleep(&soon, NULL); /* the other thread is in its wait then, or has not begun: both end it */
    raise(SIGINT);
    return NULL;
}

static void a_signal_ends_the_wait(void **state) {
    (void)state;
    struct connected connected;
    pthread_t thread;
    connected_open(&connected, "coap+tcp");
    interrupt_watch();
    assert_int_equal(pthread_create(&thread, NULL, interrupt_soon, NULL), 0);
    uint64_t start = now_ms();
    release_connections(connected.client);
    assert_true(now_ms() - start < 1500);
    pthread_join(thread, NULL);
    assert_true(interrupted());
    connected_close(&connected);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_peer_that_closes_ends_the_wait),
        cmocka_unit_test(a_peer_that_does_not_is_waited_for_a_while),
        cmocka_unit_test(a_signal_ends_the_wait), /* the last: nothing takes a signal back */
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
