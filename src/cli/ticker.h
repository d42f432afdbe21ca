/* Resources whose state changes with time: those who observe them are told at each whole second, and while nobody
   observes nothing runs. */
#ifndef COAX_CLI_TICKER_H
#define COAX_CLI_TICKER_H

#include <coax/site.h>

enum { TICKER_MAXIMUM = 8 };

struct ticker {
    unsigned count;
    struct tick {
        coax_resource *resource;
        bool observed;
        uint64_t told; /* the second that they know */
    } ticks[TICKER_MAXIMUM];
};

/* At most TICKER_MAXIMUM. The resource outlives the ticker. */
void ticker_add(struct ticker *ticker, coax_resource *resource);

/* Tells what is due at `now_ms`, by the clock that people read. Returns the milliseconds until more is; -1: nobody
   observes. */
int ticker_turn(struct ticker *ticker, uint64_t now_ms);

#endif
