#include "base/byte_queue.h"

#include "base/wipe.h"

#include <stdlib.h>
#include <string.h>

enum { CAPACITY_MINIMUM = 512, DOUBLING_MAXIMUM = 64 * 1024, STEP_MINIMUM = 16 * 1024 };

/* Small ones double; of large ones, many of which may wait for peers that do not read, little is to lie idle. */
static size_t larger(size_t capacity) {
    size_t step = capacity / 8 > STEP_MINIMUM ? capacity / 8 : STEP_MINIMUM;
    return capacity + (capacity < DOUBLING_MAXIMUM ? capacity : step);
}

/* Moves what waits to the start of memory that has room for `size` bytes more; the old memory is wiped. */
static bool make_room(struct byte_queue *queue, size_t size) {
    size_t waiting = byte_queue_size(queue);
    size_t capacity = queue->capacity < CAPACITY_MINIMUM ? CAPACITY_MINIMUM : queue->capacity;
    while (capacity - waiting < size) {
        if (capacity > SIZE_MAX / 2) {
            return false;
        }
        capacity = larger(capacity);
    }
    if (capacity == queue->capacity) {
        memmove(queue->data, queue->data + queue->start, waiting);
        *queue = (struct byte_queue){queue->data, 0, waiting, capacity};
        return true;
    }
    uint8_t *data = malloc(capacity);
    if (data == NULL) {
        return false;
    }
    if (waiting > 0) {
        memcpy(data, queue->data + queue->start, waiting);
    }
    coax_wipe_free(queue->data, queue->end);
    *queue = (struct byte_queue){data, 0, waiting, capacity};
    return true;
}

uint8_t *coax_byte_queue_extend(struct byte_queue *queue, size_t size) {
    if (queue->capacity - queue->end < size && !make_room(queue, size)) {
        return NULL;
    }
    uint8_t *room = queue->data + queue->end;
    queue->end += size;
    return room;
}

bool coax_byte_queue_append(struct byte_queue *queue, const uint8_t *data, size_t size) {
    if (size == 0) {
        return true;
    }
    uint8_t *room = coax_byte_queue_extend(queue, size);
    if (room != NULL) {
        memcpy(room, data, size);
    }
    return room != NULL;
}

void coax_byte_queue_consume(struct byte_queue *queue, size_t size) {
    queue->start += size;
    if (queue->start == queue->end) {
        coax_byte_queue_clear(queue);
    }
}

void coax_byte_queue_clear(struct byte_queue *queue) {
    coax_wipe_free(queue->data, queue->end);
    *queue = (struct byte_queue){0};
}
