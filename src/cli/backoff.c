#include "cli/backoff.h"

enum { DOUBLINGS = 5 };

/* Between half of a span and all of it; the span is 2 s, 4 s, … 60 s. */
uint32_t backoff_next_ms(struct backoff *backoff, uint32_t random) {
    uint32_t span = 2U * BACKOFF_MINIMUM_MS << backoff->failures;
    if (backoff->failures < DOUBLINGS) {
        backoff->failures++;
    }
    span = span < BACKOFF_MAXIMUM_MS ? span : BACKOFF_MAXIMUM_MS;
    return span / 2 + random % (span / 2 + 1);
}

void backoff_stood(struct backoff *backoff, uint64_t milliseconds) {
    if (milliseconds > BACKOFF_MAXIMUM_MS) {
        backoff->failures = 0;
    }
}
