#include "transport/datagram/cocoa.h"

#include <stdbool.h>
#include <stddef.h>

enum {
    SECOND_US = 1000000,
    RTO_MAXIMUM_MS = 32000,
    RTO_MAXIMUM_US = RTO_MAXIMUM_MS * 1000,
    /* RFC 6298's clock granularity. It is as long as servers commonly wait for an answer before they acknowledge: a
       peer that has answered at once so far is not to be told twice when it has to think once. */
    VARIATION_MINIMUM_US = 100000,
    WEAK_RETRANSMISSIONS = 2,
    STRONG_K = 4, /* weighs the variation */
    WEAK_K = 1,
};

/* Section 4.3; cumulative, for all of the time without measurements. */
static void age(struct cocoa *cocoa, coax_instant now) {
    for (;;) {
        coax_instant span = (coax_instant)cocoa->rto * 1000;
        uint32_t aged;
        if (cocoa->rto < SECOND_US) {
            span *= 16;
            aged = cocoa->rto * 2;
        } else if (cocoa->rto > 3 * SECOND_US) {
            span *= 4;
            aged = SECOND_US + cocoa->rto / 2;
        } else {
            return;
        }
        if (now - cocoa->updated <= span) {
            return;
        }
        cocoa->rto = aged;
        cocoa->updated += span;
    }
}

static uint32_t at_most(uint64_t value, uint32_t maximum) {
    return value < maximum ? (uint32_t)value : maximum;
}

uint32_t coax_cocoa_timeout_ms(struct cocoa *cocoa, coax_instant now, uint32_t blind_ms, uint32_t unconfirmed) {
    if (cocoa == NULL || cocoa->rto == 0) {
        uint32_t maximum = blind_ms > RTO_MAXIMUM_MS ? blind_ms : RTO_MAXIMUM_MS;
        return at_most(blind_ms * ((uint64_t)unconfirmed + 1), maximum);
    }
    age(cocoa, now);
    return (cocoa->rto + 999) / 1000;
}

uint32_t coax_cocoa_next_timeout_ms(uint32_t timeout_ms) {
    uint64_t next = (uint64_t)timeout_ms * 2;
    if (timeout_ms < 1000) {
        next = (uint64_t)timeout_ms * 3;
    } else if (timeout_ms > 3000) {
        next = (uint64_t)timeout_ms * 3 / 2;
    }
    return at_most(next, timeout_ms > RTO_MAXIMUM_MS ? timeout_ms : RTO_MAXIMUM_MS);
}

/* RFC 6298 section 2, with alpha = 1/8 and beta = 1/4. */
static void update(struct rtt_estimator *estimator, uint32_t rtt) {
    if (estimator->smoothed == 0) {
        *estimator = (struct rtt_estimator){rtt, rtt / 2};
        return;
    }
    uint32_t distance = estimator->smoothed > rtt ? estimator->smoothed - rtt : rtt - estimator->smoothed;
    estimator->variation = (uint32_t)(((uint64_t)estimator->variation * 3 + distance) / 4);
    estimator->smoothed = (uint32_t)(((uint64_t)estimator->smoothed * 7 + rtt) / 8);
}

static uint32_t estimate_of(const struct rtt_estimator *estimator, unsigned k) {
    uint64_t spread = (uint64_t)estimator->variation * k;
    return at_most(estimator->smoothed + (spread > VARIATION_MINIMUM_US ? spread : VARIATION_MINIMUM_US),
                   RTO_MAXIMUM_US);
}

static uint32_t microseconds_between(coax_instant from, coax_instant to) {
    uint32_t between = at_most((to - from) / 1000, RTO_MAXIMUM_US);
    return between == 0 ? 1 : between;
}

/* The last retransmission is what was answered, as far as the peer's round trips are known. */
static bool is_due(const struct cocoa *cocoa, uint32_t since_last) {
    const struct rtt_estimator *strong = &cocoa->strong;
    return strong->smoothed != 0 && since_last >= strong->smoothed / 2 && since_last <= estimate_of(strong, STRONG_K);
}

void coax_cocoa_measured(struct cocoa *cocoa, coax_instant now, coax_instant first, coax_instant last,
                         unsigned retransmissions, uint32_t blind_ms) {
    bool is_strong = retransmissions == 0;
    if (!is_strong && (retransmissions > WEAK_RETRANSMISSIONS || is_due(cocoa, microseconds_between(last, now)))) {
        return;
    }
    uint32_t rtt = microseconds_between(first, now);
    uint64_t rto = cocoa->rto != 0 ? cocoa->rto : at_most((uint64_t)blind_ms * 1000, RTO_MAXIMUM_US);
    if (is_strong) {
        update(&cocoa->strong, rtt);
        rto = (estimate_of(&cocoa->strong, STRONG_K) + rto) / 2;
    } else {
        update(&cocoa->weak, rtt);
        rto = (estimate_of(&cocoa->weak, WEAK_K) + rto * 3) / 4;
    }
    cocoa->rto = (uint32_t)rto;
    cocoa->updated = now;
}
