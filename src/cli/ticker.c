#include "cli/ticker.h"

#include <assert.h>

enum { SECOND_MS = 1000 };

void ticker_add(struct ticker *ticker, coax_resource *resource) {
    assert(ticker->count < TICKER_MAXIMUM);
    ticker->ticks[ticker->count++] = (struct tick){.resource = resource};
}

int ticker_turn(struct ticker *ticker, uint64_t now_ms) {
    uint64_t second = now_ms / SECOND_MS;
    bool any = false;
    for (unsigned i = 0; i < ticker->count; i++) {
        struct tick *tick = &ticker->ticks[i];
        bool knew = tick->observed; /* who has just come knows this second */
        tick->observed = coax_resource_observer_count(tick->resource) > 0;
        if (tick->observed && knew && tick->told != second) {
            coax_resource_changed(tick->resource);
        }
        tick->told = second;
        any = any || tick->observed;
    }
    return any ? (int)(SECOND_MS - now_ms % SECOND_MS) : -1;
}
