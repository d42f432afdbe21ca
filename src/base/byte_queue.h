/* Bytes that wait in order: appended at the end, taken from the start. Nothing is allocated while nothing waits, and
   what was in it is wiped when its memory goes. */
#ifndef COAX_BASE_BYTE_QUEUE_H
#define COAX_BASE_BYTE_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Zero-initialized is empty. The bytes are those from `start` to before `end`. */
struct byte_queue {
    uint8_t *data;
    size_t start, end, capacity;
};

static inline size_t byte_queue_size(const struct byte_queue *queue) {
    return queue->end - queue->start;
}

/* Keeps a copy; false if memory ran out. */
bool coax_byte_queue_append(struct byte_queue *queue, const uint8_t *data, size_t size);

/* Room for `size` bytes at the end, to be filled, which are then in the queue; NULL if memory ran out. */
uint8_t *coax_byte_queue_extend(struct byte_queue *queue, size_t size);

/* Takes `size` bytes off its start; with the last one its memory goes. */
void coax_byte_queue_consume(struct byte_queue *queue, size_t size);
void coax_byte_queue_clear(struct byte_queue *queue);

#endif
