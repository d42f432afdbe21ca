/* How long to wait before the next attempt: longer after each failure, from 1 to 60 s, and by chance, so that the
   clients of a server that comes back do not come back all at once. */
#ifndef COAX_CLI_BACKOFF_H
#define COAX_CLI_BACKOFF_H

#include <stdint.h>

enum { BACKOFF_MINIMUM_MS = 1000, BACKOFF_MAXIMUM_MS = 60000 };

struct backoff {
    unsigned failures; /* in a row */
};

/* After a failure; `random` is any number. */
uint32_t backoff_next_ms(struct backoff *backoff, uint32_t random);

/* After what stood for so long: only if that was longer than the longest wait is it a success, and the next wait short.
 */
void backoff_stood(struct backoff *backoff, uint64_t milliseconds);

#endif
