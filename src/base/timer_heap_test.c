#include "base/list.h"
#include "base/timer_heap.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* The address sanitizer is to let an allocation fail, as the system does. */
const char *__asan_default_options(void);
const char *__asan_default_options(void) {
    return "allocator_may_return_null=1";
}

enum { LOG_SIZE = 4096 };

struct alarm {
    struct timer timer;
    struct timer_heap *heap;
    int number;
    coax_instant again;   /* armed for this by its own `fire`, unless 0 */
    struct alarm *disarm; /* disarmed by its `fire` */
    struct alarm *arm;    /* armed for arm_for by its `fire` */
    coax_instant arm_for;
};

static int fired[LOG_SIZE];
static coax_instant fired_at[LOG_SIZE];
static size_t fired_count;

static void fire(struct timer *timer, coax_instant now) {
    struct alarm *alarm = COAX_CONTAINER(timer, struct alarm, timer);
    assert_false(coax_timer_is_armed(timer));
    assert_true(fired_count < LOG_SIZE);
    fired[fired_count] = alarm->number;
    fired_at[fired_count++] = now;
    if (alarm->again != 0) {
        assert_int_equal(coax_timer_arm(alarm->heap, timer, alarm->again), COAX_OK);
    }
    if (alarm->disarm != NULL) {
        coax_timer_disarm(alarm->heap, &alarm->disarm->timer);
    }
    if (alarm->arm != NULL) {
        assert_int_equal(coax_timer_arm(alarm->heap, &alarm->arm->timer, alarm->arm_for), COAX_OK);
    }
}

static struct alarm alarm_on(struct timer_heap *heap, int number) {
    return (struct alarm){.timer = {.fire = fire}, .heap = heap, .number = number};
}

static void assert_fired(const int *numbers, size_t count) {
    assert_int_equal(fired_count, count);
    assert_memory_equal(fired, numbers, count * sizeof *numbers);
    fired_count = 0;
}

static int reset_log(void **state) {
    (void)state;
    fired_count = 0;
    return 0;
}

static void an_empty_heap_has_no_deadline(void **state) {
    (void)state;
    struct timer_heap heap = {0};
    assert_int_equal(coax_timer_heap_next(&heap), COAX_NEVER);
    coax_timer_heap_run(&heap, 1000);
    coax_timer_heap_free(&heap);
    assert_fired(NULL, 0);
}

static void fires_in_the_order_of_deadlines(void **state) {
    (void)state;
    struct timer_heap heap = {0};
    struct alarm a = alarm_on(&heap, 1), b = alarm_on(&heap, 2), c = alarm_on(&heap, 3);
    coax_timer_arm(&heap, &a.timer, 30);
    coax_timer_arm(&heap, &b.timer, 10);
    coax_timer_arm(&heap, &c.timer, 20);
    assert_int_equal(coax_timer_heap_next(&heap), 10);
    coax_timer_heap_run(&heap, 9);
    assert_fired(NULL, 0);
    coax_timer_heap_run(&heap, 20);
    assert_fired((const int[]){2, 3}, 2);
    assert_int_equal(fired_at[0], 20);
    assert_int_equal(coax_timer_heap_next(&heap), 30);
    coax_timer_heap_run(&heap, 1000);
    assert_fired((const int[]){1}, 1);
    assert_int_equal(coax_timer_heap_next(&heap), COAX_NEVER);
    coax_timer_heap_free(&heap);
}

static void moves_an_armed_timer_both_ways(void **state) {
    (void)state;
    struct timer_heap heap = {0};
    struct alarm a = alarm_on(&heap, 1), b = alarm_on(&heap, 2);
    coax_timer_arm(&heap, &a.timer, 10);
    coax_timer_arm(&heap, &b.timer, 20);
    coax_timer_arm(&heap, &a.timer, 30);
    assert_int_equal(heap.count, 2);
    assert_int_equal(coax_timer_heap_next(&heap), 20);
    coax_timer_arm(&heap, &a.timer, 5);
    assert_int_equal(coax_timer_heap_next(&heap), 5);
    coax_timer_heap_run(&heap, 40);
    assert_fired((const int[]){1, 2}, 2);
    coax_timer_heap_free(&heap);
}

static void disarming_is_legal_at_any_time(void **state) {
    (void)state;
    struct timer_heap heap = {0};
    struct alarm a = alarm_on(&heap, 1);
    coax_timer_disarm(&heap, &a.timer);
    coax_timer_arm(&heap, &a.timer, 10);
    assert_true(coax_timer_is_armed(&a.timer));
    coax_timer_disarm(&heap, &a.timer);
    coax_timer_disarm(&heap, &a.timer);
    assert_false(coax_timer_is_armed(&a.timer));
    coax_timer_heap_run(&heap, 100);
    assert_fired(NULL, 0);
    coax_timer_heap_free(&heap);
}

static void a_timer_armed_for_now_fires_in_the_next_run(void **state) {
    (void)state;
    struct timer_heap heap = {0};
    struct alarm a = alarm_on(&heap, 1), b = alarm_on(&heap, 2);
    a.again = 50;
    coax_timer_arm(&heap, &a.timer, 10);
    coax_timer_arm(&heap, &b.timer, 60);
    coax_timer_heap_run(&heap, 60);
    assert_fired((const int[]){1, 2}, 2);
    assert_int_equal(coax_timer_heap_next(&heap), 50);
    a.again = 70;
    coax_timer_heap_run(&heap, 60);
    assert_fired((const int[]){1}, 1);
    assert_int_equal(coax_timer_heap_next(&heap), 70);
    coax_timer_heap_free(&heap);
}

static void a_fire_can_disarm_others_due_or_late(void **state) {
    (void)state;
    struct timer_heap heap = {0};
    struct alarm a = alarm_on(&heap, 1), b = alarm_on(&heap, 2), c = alarm_on(&heap, 3);
    a.again = 5; /* late */
    a.disarm = &c;
    b.disarm = &a; /* b takes the late one out again */
    coax_timer_arm(&heap, &a.timer, 10);
    coax_timer_arm(&heap, &b.timer, 20);
    coax_timer_arm(&heap, &c.timer, 20);
    coax_timer_heap_run(&heap, 30);
    assert_fired((const int[]){1, 2}, 2);
    assert_int_equal(coax_timer_heap_next(&heap), COAX_NEVER);
    coax_timer_heap_run(&heap, 40);
    assert_fired(NULL, 0);
    coax_timer_heap_free(&heap);
}

static void a_fire_can_move_others_from_due_to_late_and_to_the_future(void **state) {
    (void)state;
    struct timer_heap heap = {0};
    struct alarm a = alarm_on(&heap, 1), b = alarm_on(&heap, 2), c = alarm_on(&heap, 3), d = alarm_on(&heap, 4);
    a.arm = &d; /* due at 25, becomes late */
    a.arm_for = 7;
    b.arm = &a; /* fired already, becomes late */
    b.arm_for = 8;
    c.arm = &d; /* late, becomes a future one */
    c.arm_for = 100;
    coax_timer_arm(&heap, &a.timer, 10);
    coax_timer_arm(&heap, &b.timer, 15);
    coax_timer_arm(&heap, &c.timer, 20);
    coax_timer_arm(&heap, &d.timer, 25);
    coax_timer_heap_run(&heap, 30);
    assert_fired((const int[]){1, 2, 3}, 3);
    assert_int_equal(coax_timer_heap_next(&heap), 8);
    a.arm = NULL;
    coax_timer_heap_run(&heap, 30);
    assert_fired((const int[]){1}, 1);
    assert_int_equal(coax_timer_heap_next(&heap), 100);
    coax_timer_heap_free(&heap);
}

/* More late timers than the first capacity, so that the array grows while some wait at its end. */
static void grows_while_late_timers_wait(void **state) {
    (void)state;
    enum { COUNT = 100 };
    struct timer_heap heap = {0};
    struct alarm first[COUNT], second[COUNT];
    for (int i = 0; i < COUNT; i++) {
        first[i] = alarm_on(&heap, i);
        second[i] = alarm_on(&heap, COUNT + i);
        first[i].again = (coax_instant)(i + 1);
        first[i].arm = &second[i];
        first[i].arm_for = i % 2 == 0 ? 500 : (coax_instant)(i + 1);
        coax_timer_arm(&heap, &first[i].timer, (coax_instant)(i + 1));
    }
    coax_timer_heap_run(&heap, COUNT);
    assert_int_equal(fired_count, COUNT);
    fired_count = 0;
    for (int i = 0; i < COUNT; i++) {
        first[i].again = 0;
        first[i].arm = NULL;
        assert_true(coax_timer_is_armed(&first[i].timer));
        assert_true(coax_timer_is_armed(&second[i].timer));
    }
    assert_int_equal(coax_timer_heap_next(&heap), 1);
    coax_timer_heap_run(&heap, COUNT);
    assert_int_equal(fired_count, COUNT + COUNT / 2);
    fired_count = 0;
    coax_timer_heap_run(&heap, 500);
    assert_int_equal(fired_count, COUNT / 2);
    coax_timer_heap_free(&heap);
}

static void free_owner(struct timer *timer, coax_instant now) {
    (void)now;
    free(COAX_CONTAINER(timer, struct alarm, timer));
    fired[fired_count++] = 0;
}

static void fire_may_free_its_owner(void **state) {
    (void)state;
    struct timer_heap heap = {0};
    for (int i = 0; i < 5; i++) {
        struct alarm *alarm = calloc(1, sizeof *alarm);
        assert_non_null(alarm);
        alarm->timer.fire = free_owner;
        coax_timer_arm(&heap, &alarm->timer, 10);
    }
    coax_timer_heap_run(&heap, 10);
    assert_int_equal(fired_count, 5);
    coax_timer_heap_free(&heap);
}

static void reserved_room_is_not_outgrown(void **state) {
    (void)state;
    struct timer_heap heap = {0};
    struct alarm alarms[40];
    assert_int_equal(coax_timer_heap_reserve(&heap, 40), COAX_OK);
    assert_int_equal(coax_timer_heap_reserve(&heap, 3), COAX_OK);
    struct timer **timers = heap.timers;
    for (int i = 0; i < 40; i++) {
        alarms[i] = alarm_on(&heap, i);
        assert_int_equal(coax_timer_arm(&heap, &alarms[i].timer, 1), COAX_OK);
        assert_int_equal(coax_timer_arm(&heap, &alarms[i].timer, 2), COAX_OK);
    }
    assert_ptr_equal(heap.timers, timers);
    assert_int_equal(heap.capacity, 40);
    coax_timer_heap_free(&heap);
}

static void a_reservation_that_cannot_be_met_changes_nothing(void **state) {
    (void)state;
    struct timer_heap heap = {0};
    struct alarm a = alarm_on(&heap, 1);
    coax_timer_arm(&heap, &a.timer, 10);
    assert_int_equal(coax_timer_heap_reserve(&heap, SIZE_MAX), COAX_E_NO_MEMORY);
    assert_int_equal(coax_timer_heap_reserve(&heap, SIZE_MAX / 32), COAX_E_NO_MEMORY);
    assert_int_equal(coax_timer_heap_next(&heap), 10);
    coax_timer_heap_free(&heap);
}

static uint32_t next_random(uint32_t *seed) {
    *seed = *seed * 1664525 + 1013904223;
    return *seed >> 8;
}

static coax_instant earliest_of(const struct alarm *alarms, size_t count) {
    coax_instant earliest = COAX_NEVER;
    for (size_t i = 0; i < count; i++) {
        if (coax_timer_is_armed(&alarms[i].timer) && alarms[i].timer.deadline < earliest) {
            earliest = alarms[i].timer.deadline;
        }
    }
    return earliest;
}

/* Random arming, moving, disarming and running, compared with a plain walk over all timers. */
static void agrees_with_a_plain_list(void **state) {
    (void)state;
    enum { COUNT = 200 };
    static struct alarm alarms[COUNT];
    struct timer_heap heap = {0};
    uint32_t seed = 7;
    coax_instant now = 0;
    for (int i = 0; i < COUNT; i++) {
        alarms[i] = alarm_on(&heap, i);
    }
    for (int step = 0; step < 20000; step++) {
        struct alarm *alarm = &alarms[next_random(&seed) % COUNT];
        uint32_t action = next_random(&seed) % 8;
        if (action < 5) {
            assert_int_equal(coax_timer_arm(&heap, &alarm->timer, now + next_random(&seed) % 1000), COAX_OK);
        } else if (action < 7) {
            coax_timer_disarm(&heap, &alarm->timer);
        } else {
            now += next_random(&seed) % 50;
            fired_count = 0;
            coax_timer_heap_run(&heap, now);
            for (size_t i = 1; i < fired_count; i++) {
                assert_true(alarms[fired[i - 1]].timer.deadline <= alarms[fired[i]].timer.deadline);
            }
            assert_true(coax_timer_heap_next(&heap) > now);
        }
        assert_int_equal(coax_timer_heap_next(&heap), earliest_of(alarms, COUNT));
    }
    coax_timer_heap_free(&heap);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(an_empty_heap_has_no_deadline, reset_log),
        cmocka_unit_test_setup(fires_in_the_order_of_deadlines, reset_log),
        cmocka_unit_test_setup(moves_an_armed_timer_both_ways, reset_log),
        cmocka_unit_test_setup(disarming_is_legal_at_any_time, reset_log),
        cmocka_unit_test_setup(a_timer_armed_for_now_fires_in_the_next_run, reset_log),
        cmocka_unit_test_setup(a_fire_can_disarm_others_due_or_late, reset_log),
        cmocka_unit_test_setup(a_fire_can_move_others_from_due_to_late_and_to_the_future, reset_log),
        cmocka_unit_test_setup(grows_while_late_timers_wait, reset_log),
        cmocka_unit_test_setup(fire_may_free_its_owner, reset_log),
        cmocka_unit_test_setup(reserved_room_is_not_outgrown, reset_log),
        cmocka_unit_test_setup(a_reservation_that_cannot_be_met_changes_nothing, reset_log),
        cmocka_unit_test_setup(agrees_with_a_plain_list, reset_log),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
