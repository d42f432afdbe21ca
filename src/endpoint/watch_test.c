#include "endpoint/endpoint.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cmocka.h>

struct owner {
    struct watch watch;
    int fd;
    unsigned calls, *total;
    uint32_t events;
    struct owner **survivor;
    struct owner *victim; /* buried by the first call */
};

static void called(coax_endpoint *endpoint, struct watch *watch, uint32_t events) {
    struct owner *owner = COAX_CONTAINER(watch, struct owner, watch);
    owner->calls++;
    owner->events = events;
    if (owner->total != NULL) {
        *owner->total += 1;
    }
    if (owner->victim != NULL) {
        *owner->survivor = owner;
        close(owner->victim->fd);
        coax_watch_bury(endpoint, &owner->victim->watch);
        owner->victim->victim = NULL;
        owner->victim = NULL;
    }
}

static struct owner *make_owner(coax_endpoint *endpoint, int fd) {
    struct owner *owner = calloc(1, sizeof *owner);
    assert_non_null(owner);
    owner->watch.ready = called;
    owner->fd = fd >= 0 ? fd : eventfd(1, EFD_NONBLOCK | EFD_CLOEXEC); /* readable at once */
    assert_int_equal(coax_watch_start(endpoint, &owner->watch, owner->fd, EPOLLIN, NULL), COAX_OK);
    return owner;
}

static void an_owner_hears_of_what_it_watches_for(void **state) {
    coax_endpoint *endpoint = *state;
    struct owner *owner = make_owner(endpoint, -1);
    assert_int_equal(coax_endpoint_process(endpoint, NULL), COAX_OK);
    assert_int_equal(owner->calls, 1);
    assert_int_equal(owner->events, EPOLLIN);
    coax_watch_change(endpoint, &owner->watch, owner->fd, 0);
    assert_int_equal(coax_endpoint_process(endpoint, NULL), COAX_OK);
    assert_int_equal(owner->calls, 1);
    coax_watch_change(endpoint, &owner->watch, owner->fd, EPOLLOUT);
    assert_int_equal(coax_endpoint_process(endpoint, NULL), COAX_OK);
    assert_int_equal(owner->events, EPOLLOUT);
    close(owner->fd);
    free(owner);
}

static void a_descriptor_can_change_its_owner(void **state) {
    coax_endpoint *endpoint = *state;
    struct owner *first = make_owner(endpoint, -1), *second = make_owner(endpoint, first->fd);
    assert_int_equal(coax_endpoint_process(endpoint, NULL), COAX_OK);
    assert_int_equal(first->calls, 0);
    assert_int_equal(second->calls, 1);
    close(first->fd);
    free(first);
    free(second);
}

/* Both are ready in one turn; whoever is called first closes the other one. */
static void who_was_closed_in_a_turn_is_not_called_in_it(void **state) {
    coax_endpoint *endpoint = *state;
    struct owner *first = make_owner(endpoint, -1), *second = make_owner(endpoint, -1);
    struct owner *survivor = NULL;
    first->victim = second;
    second->victim = first;
    first->survivor = second->survivor = &survivor;
    unsigned calls = 0;
    first->total = second->total = &calls;
    assert_int_equal(coax_endpoint_process(endpoint, NULL), COAX_OK);
    assert_int_equal(calls, 1);
    assert_null(endpoint->buried);
    close(survivor->fd);
    free(survivor);
}

static void what_cannot_be_watched_is_an_error(void **state) {
    coax_endpoint *endpoint = *state;
    struct watch watch = {.ready = called};
    coax_error error;
    assert_int_equal(coax_watch_start(endpoint, &watch, -1, EPOLLIN, &error), COAX_E_IO);
}

static int set_up(void **state) {
    return coax_endpoint_new((coax_endpoint **)state, NULL, NULL) == COAX_OK ? 0 : -1;
}

static int tear_down(void **state) {
    coax_endpoint_free(*state);
    return 0;
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(an_owner_hears_of_what_it_watches_for),
        TEST(a_descriptor_can_change_its_owner),
        TEST(who_was_closed_in_a_turn_is_not_called_in_it),
        TEST(what_cannot_be_watched_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
