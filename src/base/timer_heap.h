/* An intrusive binary heap of timers: the next deadline is one number, arming and disarming cost O(log n), nothing
 * walks it. */
#ifndef COAX_BASE_TIMER_HEAP_H
#define COAX_BASE_TIMER_HEAP_H

#include "base/clock.h"
#include <coax/status.h>
#include <stdbool.h>
#include <stddef.h>

/* Embedded in what waits. Zero-initialized it is disarmed. `fire` runs after the timer was disarmed and may arm it
 * again or free its owner. */
struct timer {
    coax_instant deadline;
    size_t position; /* index in the heap plus one; 0 when disarmed */
    void (*fire)(struct timer *timer, coax_instant now);
};

struct timer_heap {
    struct timer **timers; /* the heap from the start, late timers at the end */
    size_t count, capacity;
    size_t late;      /* timers that wait for the next run */
    coax_instant now; /* of the run under way */
    bool running;
};

/* Zero-initialized is empty and ready. */
void coax_timer_heap_free(struct timer_heap *heap);

/* Makes room for `count` timers in all, so that arming up to that many cannot fail. */
enum coax_status coax_timer_heap_reserve(struct timer_heap *heap, size_t count);

/* Arms, or moves an armed timer. COAX_E_NO_MEMORY only when the heap has to grow. */
enum coax_status coax_timer_arm(struct timer_heap *heap, struct timer *timer, coax_instant deadline);

/* Legal on a disarmed timer. */
void coax_timer_disarm(struct timer_heap *heap, struct timer *timer);

static inline bool coax_timer_is_armed(const struct timer *timer) {
    return timer->position != 0;
}

/* The earliest deadline, COAX_NEVER if none. */
coax_instant coax_timer_heap_next(const struct timer_heap *heap);

/* Fires, earliest first, every timer whose deadline is at or before `now`. A timer that a `fire` arms for `now` or
 * before fires in the next run, so that a run always ends. `fire` may arm and disarm any timer, but not run the heap.
 */
void coax_timer_heap_run(struct timer_heap *heap, coax_instant now);

#endif
