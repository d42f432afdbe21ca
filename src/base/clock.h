/* Time is an argument: nanoseconds of a monotonic clock that the caller reads. */
#ifndef COAX_BASE_CLOCK_H
#define COAX_BASE_CLOCK_H

#include <stdint.h>

typedef uint64_t coax_instant;

#define COAX_NEVER UINT64_MAX
#define COAX_MILLISECOND UINT64_C(1000000)
#define COAX_SECOND UINT64_C(1000000000)

static inline coax_instant coax_instant_after_ms(coax_instant now, uint64_t ms) {
    return now + ms * COAX_MILLISECOND;
}

#endif
