#include "endpoint/resolver.h"

#include <dlfcn.h>
#include <netdb.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cmocka.h>

/* Look-ups are counted, and wait while a test holds the gate. */
static pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;
static atomic_uint looked_up;
static sigset_t mask_of_worker;

int getaddrinfo(const char *name, const char *service, const struct addrinfo *hints, struct addrinfo **list) {
    int (*real)(const char *, const char *, const struct addrinfo *, struct addrinfo **);
    *(void **)&real = dlsym(RTLD_NEXT, "getaddrinfo");
    pthread_sigmask(SIG_BLOCK, NULL, &mask_of_worker);
    looked_up++;
    pthread_mutex_lock(&gate);
    pthread_mutex_unlock(&gate);
    return real(name, service, hints, list);
}

struct fixture {
    struct resolver *resolver;
    int wake_fd;
    unsigned answers;
    struct resolver_answer last;
};

static int set_up(void **state) {
    static struct fixture fixture;
    memset(&fixture, 0, sizeof fixture);
    fixture.wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    fixture.resolver = coax_resolver_new(fixture.wake_fd);
    *state = &fixture;
    return fixture.resolver == NULL ? -1 : 0;
}

static int tear_down(void **state) {
    struct fixture *fixture = *state;
    coax_resolver_free(fixture->resolver);
    close(fixture->wake_fd);
    return 0;
}

static void note_answer(void *user, const struct resolver_answer *answer) {
    struct fixture *fixture = user;
    fixture->answers++;
    fixture->last = *answer;
}

static void take_one(struct fixture *fixture) {
    struct pollfd wait = {.fd = fixture->wake_fd, .events = POLLIN};
    uint64_t count;
    assert_int_equal(poll(&wait, 1, 20000), 1);
    assert_int_equal(read(fixture->wake_fd, &count, sizeof count), sizeof count);
    coax_resolver_take_answers(fixture->resolver);
}

static void a_name_is_found_without_blocking(void **state) {
    struct fixture *fixture = *state;
    uint64_t ticket;
    assert_int_equal(coax_resolver_ask(fixture->resolver, "localhost", 5683, note_answer, fixture, &ticket, NULL),
                     COAX_OK);
    assert_int_equal(fixture->answers, 0);
    take_one(fixture);
    assert_int_equal(fixture->answers, 1);
    assert_true(fixture->last.count >= 1);
    for (unsigned i = 0; i < fixture->last.count; i++) {
        assert_int_equal(fixture->last.addresses[i].port, 5683);
    }
}

static void a_name_that_does_not_exist_says_so(void **state) {
    (void)state;
    struct resolver_answer answer;
    coax_resolve("host.invalid", 5683, &answer);
    assert_int_equal(answer.count, 0);
    assert_int_equal(answer.error.status, COAX_E_RESOLVE);
    assert_non_null(strstr(answer.error.text, "host.invalid"));
}

static void a_cancelled_look_up_calls_nobody(void **state) {
    struct fixture *fixture = *state;
    uint64_t first, second;
    assert_int_equal(coax_resolver_ask(fixture->resolver, "localhost", 1, note_answer, fixture, &first, NULL), COAX_OK);
    coax_resolver_cancel(fixture->resolver, first);
    assert_int_equal(coax_resolver_ask(fixture->resolver, "127.0.0.1", 2, note_answer, fixture, &second, NULL),
                     COAX_OK);
    while (fixture->answers == 0) {
        take_one(fixture);
    }
    assert_int_equal(fixture->answers, 1);
    assert_int_equal(fixture->last.addresses[0].port, 2);
}

static void the_number_of_look_ups_is_bounded(void **state) {
    struct fixture *fixture = *state;
    uint64_t ticket;
    coax_error error;
    for (unsigned i = 0; i < RESOLVER_WAITING; i++) {
        assert_int_equal(coax_resolver_ask(fixture->resolver, "127.0.0.1", 1, note_answer, fixture, &ticket, &error),
                         COAX_OK);
    }
    assert_int_equal(coax_resolver_ask(fixture->resolver, "127.0.0.1", 1, note_answer, fixture, &ticket, &error),
                     COAX_E_LIMIT);
    while (fixture->answers < RESOLVER_WAITING) {
        take_one(fixture);
    }
}

static void freeing_does_not_wait_for_answers(void **state) {
    struct fixture *fixture = *state;
    uint64_t ticket;
    for (int i = 0; i < 20; i++) {
        assert_int_equal(coax_resolver_ask(fixture->resolver, "localhost", 1, note_answer, fixture, &ticket, NULL),
                         COAX_OK);
    }
    coax_resolver_free(fixture->resolver);
    fixture->resolver = NULL;
    assert_int_equal(fixture->answers, 0);
}

static void zones_are_names_or_numbers(void **state) {
    (void)state;
    assert_int_equal(coax_resolve_zone("lo"), 1);
    assert_int_equal(coax_resolve_zone("7"), 7);
    assert_int_equal(coax_resolve_zone("no-such-if"), 0);
    assert_int_equal(coax_resolve_zone(""), 0);
}

/* The first one holds the worker up: what is cancelled behind it takes no place any more, and is not looked up. */
static void a_cancelled_look_up_gives_its_place_back(void **state) {
    struct fixture *fixture = *state;
    uint64_t tickets[RESOLVER_WAITING];
    unsigned looked_up_before = looked_up;
    pthread_mutex_lock(&gate);
    for (int turn = 0; turn < 3; turn++) {
        for (unsigned i = turn == 0 ? 0 : 1; i < RESOLVER_WAITING; i++) {
            assert_int_equal(
                coax_resolver_ask(fixture->resolver, "127.0.0.1", 1, note_answer, fixture, &tickets[i], NULL), COAX_OK);
        }
        uint64_t one_more;
        assert_int_equal(coax_resolver_ask(fixture->resolver, "h", 1, note_answer, fixture, &one_more, NULL),
                         COAX_E_LIMIT);
        for (unsigned i = 1; i < RESOLVER_WAITING; i++) {
            coax_resolver_cancel(fixture->resolver, tickets[i]);
        }
        while (looked_up
               == looked_up_before) { /* the first one is under way: from now on it is not among the waiting */
            sched_yield();
        }
    }
    pthread_mutex_unlock(&gate);
    take_one(fixture);
    assert_int_equal(fixture->answers, 1);
    assert_int_equal(looked_up, looked_up_before + 1);
}

/* No handler of the program runs in a thread of the library: the call that the signal is to interrupt is elsewhere. */
static void signals_are_left_to_the_program(void **state) {
    struct fixture *fixture = *state;
    sigset_t ours;
    uint64_t ticket;
    sigemptyset(&mask_of_worker);
    assert_int_equal(coax_resolver_ask(fixture->resolver, "127.0.0.1", 1, note_answer, fixture, &ticket, NULL),
                     COAX_OK);
    take_one(fixture);
    assert_int_equal(sigismember(&mask_of_worker, SIGINT), 1);
    assert_int_equal(sigismember(&mask_of_worker, SIGTERM), 1);
    assert_int_equal(sigismember(&mask_of_worker, SIGUSR1), 1);
    pthread_sigmask(SIG_BLOCK, NULL, &ours);
    assert_int_equal(sigismember(&ours, SIGINT), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_name_is_found_without_blocking, set_up, tear_down),
        cmocka_unit_test(a_name_that_does_not_exist_says_so),
        cmocka_unit_test_setup_teardown(a_cancelled_look_up_calls_nobody, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_cancelled_look_up_gives_its_place_back, set_up, tear_down),
        cmocka_unit_test_setup_teardown(signals_are_left_to_the_program, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_number_of_look_ups_is_bounded, set_up, tear_down),
        cmocka_unit_test_setup_teardown(freeing_does_not_wait_for_answers, set_up, tear_down),
        cmocka_unit_test(zones_are_names_or_numbers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
