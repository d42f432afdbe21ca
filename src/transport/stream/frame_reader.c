#include "transport/stream/frame_reader.h"
#include "base/error.h"
#include "base/wipe.h"

#include <stdlib.h>
#include <string.h>

enum { FIRST_CAPACITY = 48 };

/* What has come of a frame. */
struct frame_part {
    size_t size, capacity;
    size_t frame_size; /* 0: not known yet */
    uint8_t bytes[];
};

static void free_part(struct frame_part *part) {
    if (part != NULL) {
        coax_wipe_free(part, sizeof *part + part->size);
    }
}

void coax_frame_reader_free(struct frame_reader *reader) {
    free_part(reader->part);
    reader->part = NULL;
}

/* Doubled while the frame comes, so that what is held follows what was received, not what was announced. */
static size_t grown_capacity(const struct frame_part *part, size_t needed, size_t frame_size) {
    size_t capacity = part == NULL ? FIRST_CAPACITY : part->capacity;
    while (capacity < needed) {
        capacity = capacity > SIZE_MAX / 2 ? needed : capacity * 2;
    }
    return frame_size != 0 && capacity > frame_size ? frame_size : capacity;
}

/* Makes room for `needed` bytes in all, which are no more than the frame has. */
static bool reserve(struct frame_reader *reader, size_t needed, size_t frame_size) {
    struct frame_part *old = reader->part;
    if (old != NULL && needed <= old->capacity) {
        return true;
    }
    size_t capacity = grown_capacity(old, needed, frame_size);
    struct frame_part *part = capacity > SIZE_MAX - sizeof *part ? NULL : malloc(sizeof *part + capacity);
    if (part == NULL) {
        return false;
    }
    *part = (struct frame_part){.capacity = capacity};
    if (old != NULL) {
        part->size = old->size;
        memcpy(part->bytes, old->bytes, old->size);
        free_part(old);
    }
    reader->part = part;
    return true;
}

/* Keeps bytes of a frame that is not whole yet. */
static enum coax_status keep(struct frame_reader *reader, struct bytes bytes, size_t frame_size, coax_error *error) {
    size_t kept = reader->part == NULL ? 0 : reader->part->size;
    if (!reserve(reader, kept + bytes.size, frame_size)) {
        return coax_fail_memory(error);
    }
    memcpy(reader->part->bytes + kept, bytes.data, bytes.size);
    reader->part->size = kept + bytes.size;
    reader->part->frame_size = frame_size;
    return COAX_OK;
}

/* How long the frame is that the kept bytes start and `next` goes on with; 0 if more bytes are needed to tell. */
static enum coax_status measure(const struct frame_part *part, const struct frame_limits *limits, struct bytes next,
                                size_t *frame_size, coax_error *error) {
    if (part == NULL) {
        return coax_frame_peek(next.data, next.size, limits, frame_size, error);
    }
    if (part->frame_size != 0) {
        *frame_size = part->frame_size;
        return COAX_OK;
    }
    uint8_t header[FRAME_PEEK_MAXIMUM];
    size_t room = sizeof header - part->size;
    size_t added = next.size < room ? next.size : room;
    memcpy(header, part->bytes, part->size);
    memcpy(header + part->size, next.data, added);
    return coax_frame_peek(header, part->size + added, limits, frame_size, error);
}

struct visitor {
    frame_visit *visit;
    void *user;
    size_t token_maximum;
};

static enum coax_status visit_frame(const struct visitor *visitor, const uint8_t *data, size_t size,
                                    coax_error *error) {
    struct coax_message message;
    enum coax_status status = coax_frame_decode(FRAME_STREAM, &message, data, size, visitor->token_maximum, error);
    return status != COAX_OK ? status : visitor->visit(visitor->user, &message);
}

/* The frame leaves the reader first, so that the visitor may free the reader. */
static enum coax_status visit_part(struct frame_reader *reader, const struct visitor *visitor, coax_error *error) {
    struct frame_part *part = reader->part;
    reader->part = NULL;
    enum coax_status status = visit_frame(visitor, part->bytes, part->size, error);
    free_part(part);
    return status;
}

/* Takes what belongs to one frame; *taken says how much that is. */
static enum coax_status take(struct frame_reader *reader, const struct frame_limits *limits,
                             const struct visitor *visitor, struct bytes next, size_t *taken, coax_error *error) {
    size_t frame_size = 0, kept = reader->part == NULL ? 0 : reader->part->size;
    enum coax_status status = measure(reader->part, limits, next, &frame_size, error);
    if (status != COAX_OK) {
        return status;
    }
    bool is_whole = frame_size != 0 && frame_size - kept <= next.size;
    *taken = is_whole ? frame_size - kept : next.size;
    if (is_whole && kept == 0) {
        return visit_frame(visitor, next.data, frame_size, error);
    }
    status = keep(reader, bytes_of(next.data, *taken), frame_size, error);
    return status == COAX_OK && is_whole ? visit_part(reader, visitor, error) : status;
}

enum coax_status coax_frame_reader_feed(struct frame_reader *reader, const struct frame_limits *limits,
                                        const uint8_t *data, size_t size, size_t *taken, frame_visit *visit, void *user,
                                        coax_error *error) {
    const struct visitor visitor = {visit, user, limits->token_maximum};
    enum coax_status status = COAX_OK;
    *taken = 0;
    while (*taken < size && status == COAX_OK) {
        size_t part = 0;
        status = take(reader, limits, &visitor, bytes_of(data + *taken, size - *taken), &part, error);
        *taken += part;
    }
    return status;
}

size_t coax_frame_reader_held(const struct frame_reader *reader) {
    return reader->part == NULL ? 0 : reader->part->capacity;
}
