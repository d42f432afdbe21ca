#include "security/tls_private.h"

#include <stdlib.h>

enum { CAPACITY_MINIMUM = 512 };

/* Moves what waits to the start, and makes room behind it. */
static bool make_room(struct tls_output *output, size_t size) {
    size_t pending = coax_tls_output_pending(output);
    size_t capacity = output->capacity < CAPACITY_MINIMUM ? CAPACITY_MINIMUM : output->capacity;
    while (capacity - pending < size) {
        if (capacity > SIZE_MAX / 2) {
            return false;
        }
        capacity *= 2;
    }
    if (output->start > 0) {
        memmove(output->data, output->data + output->start, pending);
        output->start = 0;
        output->end = pending;
    }
    if (capacity > output->capacity) {
        uint8_t *data = realloc(output->data, capacity);
        if (data == NULL) {
            return false;
        }
        output->data = data;
        output->capacity = capacity;
    }
    return true;
}

bool coax_tls_output_append(struct tls_output *output, const uint8_t *data, size_t size) {
    if (output->capacity - output->end < size && !make_room(output, size)) {
        return false;
    }
    if (size > 0) {
        memcpy(output->data + output->end, data, size);
        output->end += size;
    }
    return true;
}

void coax_tls_output_consume(struct tls_output *output, size_t size) {
    output->start += size;
    if (output->start == output->end) {
        coax_tls_output_clear(output);
    }
}

/* What is in it was sealed, or is a handshake's: there is nothing to wipe. */
void coax_tls_output_clear(struct tls_output *output) {
    free(output->data);
    *output = (struct tls_output){0};
}
