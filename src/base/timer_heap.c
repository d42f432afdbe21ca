#include "base/timer_heap.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { FIRST_CAPACITY = 16 };

static void place(struct timer_heap *heap, size_t index, struct timer *timer) {
    heap->timers[index] = timer;
    timer->position = index + 1;
}

static void sift_up(struct timer_heap *heap, size_t index, struct timer *timer) {
    while (index > 0) {
        size_t parent = (index - 1) / 2;
        if (heap->timers[parent]->deadline <= timer->deadline) {
            break;
        }
        place(heap, index, heap->timers[parent]);
        index = parent;
    }
    place(heap, index, timer);
}

static void sift_down(struct timer_heap *heap, size_t index, struct timer *timer) {
    for (;;) {
        size_t child = 2 * index + 1;
        if (child >= heap->count) {
            break;
        }
        if (child + 1 < heap->count && heap->timers[child + 1]->deadline < heap->timers[child]->deadline) {
            child++;
        }
        if (heap->timers[child]->deadline >= timer->deadline) {
            break;
        }
        place(heap, index, heap->timers[child]);
        index = child;
    }
    place(heap, index, timer);
}

/* Puts a timer where its deadline belongs, starting from a free or its own place. */
static void settle(struct timer_heap *heap, size_t index, struct timer *timer) {
    if (index > 0 && heap->timers[(index - 1) / 2]->deadline > timer->deadline) {
        sift_up(heap, index, timer);
    } else {
        sift_down(heap, index, timer);
    }
}

static void heap_insert(struct timer_heap *heap, struct timer *timer) {
    sift_up(heap, heap->count++, timer);
}

static void heap_remove(struct timer_heap *heap, struct timer *timer) {
    size_t index = timer->position - 1;
    struct timer *last = heap->timers[--heap->count];
    timer->position = 0;
    if (last != timer) {
        settle(heap, index, last);
    }
}

/* Late timers stand at the end of the array, unordered, so that they share its room with the heap. */
static bool is_late(const struct timer_heap *heap, const struct timer *timer) {
    return timer->position > heap->capacity - heap->late;
}

static void late_insert(struct timer_heap *heap, struct timer *timer) {
    place(heap, heap->capacity - ++heap->late, timer);
}

static void late_remove(struct timer_heap *heap, struct timer *timer) {
    size_t index = timer->position - 1;
    struct timer *first = heap->timers[heap->capacity - heap->late--];
    timer->position = 0;
    if (first != timer) {
        place(heap, index, first);
    }
}

void coax_timer_heap_free(struct timer_heap *heap) {
    free(heap->timers);
    *heap = (struct timer_heap){0};
}

enum coax_status coax_timer_heap_reserve(struct timer_heap *heap, size_t count) {
    if (count <= heap->capacity) {
        return COAX_OK;
    }
    if (count > SIZE_MAX / sizeof *heap->timers) {
        return COAX_E_NO_MEMORY;
    }
    struct timer **timers = realloc(heap->timers, count * sizeof *timers);
    if (timers == NULL) {
        return COAX_E_NO_MEMORY;
    }
    heap->timers = timers;
    for (size_t i = 1; i <= heap->late; i++) {
        place(heap, count - i, timers[heap->capacity - i]);
    }
    heap->capacity = count;
    return COAX_OK;
}

static enum coax_status make_room(struct timer_heap *heap) {
    if (heap->count + heap->late < heap->capacity) {
        return COAX_OK;
    }
    return coax_timer_heap_reserve(heap, heap->capacity == 0 ? FIRST_CAPACITY : heap->capacity * 2);
}

enum coax_status coax_timer_arm(struct timer_heap *heap, struct timer *timer, coax_instant deadline) {
    if (coax_timer_is_armed(timer)) {
        coax_timer_disarm(heap, timer);
    } else {
        enum coax_status status = make_room(heap);
        if (status != COAX_OK) {
            return status;
        }
    }
    timer->deadline = deadline;
    if (heap->running && deadline <= heap->now) {
        late_insert(heap, timer);
    } else {
        heap_insert(heap, timer);
    }
    return COAX_OK;
}

void coax_timer_disarm(struct timer_heap *heap, struct timer *timer) {
    if (!coax_timer_is_armed(timer)) {
        return;
    }
    if (is_late(heap, timer)) {
        late_remove(heap, timer);
    } else {
        heap_remove(heap, timer);
    }
}

coax_instant coax_timer_heap_next(const struct timer_heap *heap) {
    coax_instant next = heap->count == 0 ? COAX_NEVER : heap->timers[0]->deadline;
    for (size_t i = heap->capacity - heap->late; i < heap->capacity; i++) {
        if (heap->timers[i]->deadline < next) {
            next = heap->timers[i]->deadline;
        }
    }
    return next;
}

static void take_in_late(struct timer_heap *heap) {
    while (heap->late > 0) {
        struct timer *timer = heap->timers[heap->capacity - heap->late--];
        heap_insert(heap, timer);
    }
}

void coax_timer_heap_run(struct timer_heap *heap, coax_instant now) {
    heap->running = true;
    heap->now = now;
    while (heap->count > 0 && heap->timers[0]->deadline <= now) {
        struct timer *timer = heap->timers[0];
        heap_remove(heap, timer);
        timer->fire(timer, now);
    }
    heap->running = false;
    take_in_late(heap);
}
