#include "cli/backoff.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void waits_grow_to_a_minute(void **state) {
    (void)state;
    static const uint32_t spans[] = {2000, 4000, 8000, 16000, 32000, 60000, 60000, 60000};
    struct backoff low = {0};
    struct backoff high = {0};
    for (size_t i = 0; i < sizeof spans / sizeof *spans; i++) {
        assert_int_equal(backoff_next_ms(&low, 0), spans[i] / 2);
        assert_int_equal(backoff_next_ms(&high, spans[i] / 2), spans[i]);
    }
}

static void any_number_keeps_to_the_bounds(void **state) {
    (void)state;
    struct backoff backoff = {0};
    uint32_t random = 1;
    for (int i = 0; i < 10000; i++) {
        assert_in_range(backoff_next_ms(&backoff, random), BACKOFF_MINIMUM_MS, BACKOFF_MAXIMUM_MS);
        random = random * 1664525 + 1013904223;
    }
    assert_in_range(backoff_next_ms(&backoff, UINT32_MAX), BACKOFF_MINIMUM_MS, BACKOFF_MAXIMUM_MS);
}

static void what_stood_long_begins_anew(void **state) {
    (void)state;
    struct backoff backoff = {0};
    (void)backoff_next_ms(&backoff, 0);
    (void)backoff_next_ms(&backoff, 0);
    backoff_stood(&backoff, BACKOFF_MAXIMUM_MS);
    assert_int_equal(backoff_next_ms(&backoff, 0), 4000);
    backoff_stood(&backoff, BACKOFF_MAXIMUM_MS + 1);
    assert_int_equal(backoff_next_ms(&backoff, 0), 1000);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(waits_grow_to_a_minute),
        cmocka_unit_test(any_number_keeps_to_the_bounds),
        cmocka_unit_test(what_stood_long_begins_anew),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
