/* CoCoA: estimators, backoff, aging; and the draft's own examples. */
#include "transport/datagram/cocoa.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { BLIND_MS = 2000 };

static const coax_instant start = 1000 * COAX_SECOND;

static uint32_t timeout_at(struct cocoa *cocoa, uint64_t ms) {
    return coax_cocoa_timeout_ms(cocoa, coax_instant_after_ms(start, ms), BLIND_MS, 0);
}

/* It took so long since the first and since the last sending. */
static void measure_both(struct cocoa *cocoa, uint64_t first_ms, uint64_t last_ms, unsigned retransmissions) {
    coax_cocoa_measured(cocoa, start, start - first_ms * COAX_MILLISECOND, start - last_ms * COAX_MILLISECOND,
                        retransmissions, BLIND_MS);
}

static void measure(struct cocoa *cocoa, uint64_t rtt_ms, unsigned retransmissions) {
    measure_both(cocoa, rtt_ms, rtt_ms, retransmissions);
}

/* A peer whose RTO is exactly this one. */
static struct cocoa with_rto(uint32_t ms) {
    return (struct cocoa){.rto = ms * 1000, .updated = start};
}

/* Section 4.1: "if two exchanges are already running, the initial RTO estimate for an additional exchange is 6
   seconds". */
static void who_is_unknown_gets_the_default(void **state) {
    (void)state;
    struct cocoa cocoa = {.rto = 0};
    for (uint32_t unconfirmed = 0; unconfirmed < 3; unconfirmed++) {
        assert_int_equal(coax_cocoa_timeout_ms(&cocoa, start, BLIND_MS, unconfirmed), 2000 * (unconfirmed + 1));
    }
    assert_int_equal(coax_cocoa_timeout_ms(&cocoa, start, BLIND_MS, 9999), 32000);
    assert_int_equal(coax_cocoa_timeout_ms(&cocoa, start, 86400000, UINT32_MAX), 86400000);
    assert_int_equal(coax_cocoa_timeout_ms(&cocoa, start, 5, 1), 10);
}

/* RFC 6298 section 2.2: RTO = R + K * R/2; half of it, and half of what it was. */
static void one_strong_measurement(void **state) {
    (void)state;
    struct cocoa cocoa = {.rto = 0};
    measure(&cocoa, 400, 0);
    assert_int_equal(timeout_at(&cocoa, 0), (400 + 4 * 200 + 2000) / 2);
    measure(&cocoa, 400, 0); /* the variation shrinks by a quarter */
    assert_int_equal(timeout_at(&cocoa, 0), (400 + 4 * 150 + 1600) / 2);
    assert_int_equal(coax_cocoa_timeout_ms(&cocoa, start, BLIND_MS, 5), 1300); /* however many are under way */
}

static void one_weak_measurement(void **state) {
    (void)state;
    for (unsigned retransmissions = 1; retransmissions <= 2; retransmissions++) {
        struct cocoa cocoa = {.rto = 0};
        measure(&cocoa, 4000, retransmissions);
        assert_int_equal(timeout_at(&cocoa, 0), (4000 + 2000 + 3 * 2000) / 4);
    }
}

static void after_three_retransmissions_nothing_is_measured(void **state) {
    (void)state;
    struct cocoa cocoa = {.rto = 0};
    measure(&cocoa, 9000, 3);
    measure(&cocoa, 9000, 20);
    assert_int_equal(cocoa.rto, 0);
    assert_int_equal(timeout_at(&cocoa, 0), 2000);
}

/* Example A.1: an RTO of 1.5 s, and weak measurements whose estimate is 3 s. */
static void weak_measurements_of_the_example(void **state) {
    (void)state;
    struct cocoa cocoa = with_rto(1500);
    cocoa.weak = (struct rtt_estimator){2000000, 1000000};
    measure(&cocoa, 2000, 1);
    /* the measurement is as expected, so the variation shrinks to 0.75 s: 0.25 * 2.75 s + 0.75 * 1.5 s */
    assert_int_equal(timeout_at(&cocoa, 0), 1813);
    cocoa = with_rto(1500);
    measure(&cocoa, 2000, 1); /* the first: 2 s + 1 s, as in the example */
    assert_int_equal(timeout_at(&cocoa, 0), 1875);
}

/* A steady path's RTO comes close to its RTT, but not closer than an answer that takes the peer a moment. */
static void a_steady_path_converges(void **state) {
    (void)state;
    static const struct {
        uint32_t rtt_ms, rto_ms;
    } cases[] = {{0, 101}, {1, 101}, {20, 120}, {500, 600}, {5000, 5100}, {31990, 32000}, {90000, 32000}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct cocoa cocoa = {.rto = 0};
        for (int n = 0; n < 100; n++) {
            measure(&cocoa, cases[i].rtt_ms, 0);
        }
        assert_in_range(timeout_at(&cocoa, 0), cases[i].rto_ms - 1, cases[i].rto_ms + 1);
    }
}

static void a_path_that_gets_slower_is_followed(void **state) {
    (void)state;
    struct cocoa cocoa = {.rto = 0};
    for (int n = 0; n < 50; n++) {
        measure(&cocoa, 50, 0);
    }
    assert_true(timeout_at(&cocoa, 0) < 200);
    unsigned needed = 0;
    while (timeout_at(&cocoa, 0) * 3 / 2 <= 1500 && needed < 20) { /* until some random factor waits long enough */
        measure_both(&cocoa, 1500, 1500 - timeout_at(&cocoa, 0), 1);
        needed++;
    }
    assert_in_range(needed, 1, 10);
}

/* The departure from the draft: the retransmission was answered, after a round trip as all the others. */
static void a_loss_is_no_slow_path(void **state) {
    (void)state;
    static const struct {
        uint64_t last_ms;
        bool counts;
    } cases[] = {{1000, false}, {600, false}, {1090, false}, {10, true}, {490, true}, {1200, true}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct cocoa cocoa = {.rto = 0};
        for (int n = 0; n < 100; n++) {
            measure(&cocoa, 1000, 0);
        }
        uint32_t before = timeout_at(&cocoa, 0);
        measure_both(&cocoa, 1100 + cases[i].last_ms, cases[i].last_ms, 1);
        assert_int_equal(timeout_at(&cocoa, 0) > before, cases[i].counts);
    }
}

static void measurements_never_overflow(void **state) {
    (void)state;
    static const uint64_t rtts[] = {0, 1000 * COAX_SECOND, 1, 1000 * COAX_SECOND, 0, 0};
    struct cocoa cocoa = {.rto = 0};
    for (int n = 0; n < 100; n++) {
        for (size_t i = 0; i < sizeof rtts / sizeof *rtts; i++) {
            coax_cocoa_measured(&cocoa, start, start - rtts[i], start, (unsigned)i % 3, UINT32_MAX);
            assert_in_range(timeout_at(&cocoa, 0), 1, 32000);
        }
    }
}

/* Section 4.2.1, and example B: 0.3 s, 0.9 s, 2.7 s. */
static void the_backoff_depends_on_the_timeout(void **state) {
    (void)state;
    static const struct {
        uint32_t timeout_ms, next_ms;
    } cases[] = {
        {1, 3},
        {300, 900},
        {900, 2700},
        {999, 2997},
        {1000, 2000},
        {2000, 4000},
        {3000, 6000},
        {3001, 4501},
        {4000, 6000},
        {21333, 31999},
        {21334, 32000},
        {32000, 32000},
        {48000, 48000},
        {0, 0},
        {40000, 40000},
        {86400000, 86400000},
        {UINT32_MAX, UINT32_MAX},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(coax_cocoa_next_timeout_ms(cases[i].timeout_ms), cases[i].next_ms);
    }
}

/* Section 4.3; examples A.2 (4 s become 3 s after 16 s) and B (0.3 s are doubled after 16 times as long). */
static void what_is_not_confirmed_ages(void **state) {
    (void)state;
    static const struct {
        uint32_t rto_ms, after_ms, aged_ms;
    } cases[] = {
        {4000, 16000, 4000},
        {4000, 16001, 3000},
        {4000, 100000000, 3000},
        {300, 4800, 300},
        {300, 4801, 600},
        {300, 14400, 600},
        {300, 14401, 1200},
        {300, 100000000, 1200},
        {1000, 100000000, 1000},
        {3000, 100000000, 3000},
        /* 32 s, 17 s after 128 s, 9.5 s after 68 s more, 5.75 s after 38 s more, 3.875 s, 2.9375 s */
        {32000, 128001, 17000},
        {32000, 196001, 9500},
        {32000, 234001, 5750},
        {32000, 100000000, 2938},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct cocoa cocoa = with_rto(cases[i].rto_ms);
        assert_int_equal(timeout_at(&cocoa, cases[i].after_ms), cases[i].aged_ms);
        assert_int_equal(timeout_at(&cocoa, cases[i].after_ms), cases[i].aged_ms); /* once */
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_is_unknown_gets_the_default),
        cmocka_unit_test(one_strong_measurement),
        cmocka_unit_test(one_weak_measurement),
        cmocka_unit_test(after_three_retransmissions_nothing_is_measured),
        cmocka_unit_test(weak_measurements_of_the_example),
        cmocka_unit_test(a_steady_path_converges),
        cmocka_unit_test(a_path_that_gets_slower_is_followed),
        cmocka_unit_test(a_loss_is_no_slow_path),
        cmocka_unit_test(measurements_never_overflow),
        cmocka_unit_test(the_backoff_depends_on_the_timeout),
        cmocka_unit_test(what_is_not_confirmed_ages),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
