/* Options on the wire (RFC 7252 section 3.1): walking well-formed ones, and writing them in any order. */
#ifndef COAX_MESSAGE_OPTION_H
#define COAX_MESSAGE_OPTION_H

#include "base/bytes.h"
#include <coax/message.h>
#include <string.h>

/* A message's options take less than this, so that number and offset of a walk fit one size_t. */
#define OPTIONS_MAXIMUM (SIZE_MAX >> 16)

/* Reads the option that `data` starts with; `previous` is the number of the option before it, or 0. Returns the bytes
   that it takes; 0 at a payload marker, at the end, or, with *problem (static) set, if it is malformed. */
size_t coax_option_read(struct bytes data, uint16_t previous, coax_option *option, const char **problem);

/* Checks that `data` starts with well-formed options and finds their end: the payload marker or the end of the data. On
   success *options_size is the size without the marker and *payload the rest after it (size 0 without marker).
   COAX_E_FORMAT: nibble 15, an option that runs past the end, a number over 65535, a marker without payload. The error
   counts offsets from `message`, the start of the message that `data` belongs to (data itself if there is none). */
enum coax_status coax_options_scan_in(const uint8_t *message, const uint8_t *data, size_t size, size_t *options_size,
                                      struct bytes *payload, coax_error *error);
enum coax_status coax_options_scan(const uint8_t *data, size_t size, size_t *options_size, struct bytes *payload,
                                   coax_error *error);

/* Collects options in wire form in a caller's buffer, kept in order whatever the order of the calls; equal numbers stay
 * in call order. */
struct option_writer {
    uint8_t *data;
    size_t capacity;
    size_t size;
    uint16_t last; /* number of the last option */
    uint8_t code;  /* of the message, if it is a signaling message: their options are others */
};

static inline struct option_writer option_writer_on(void *buffer, size_t capacity) {
    return (struct option_writer){buffer, capacity, 0, 0, COAX_EMPTY};
}

/* COAX_E_TOO_LARGE: no room, or `size` outside the limits of a known option. Nothing is changed then. */
enum coax_status coax_option_write(struct option_writer *writer, uint16_t number, const void *value, size_t size);

/* In the shortest form (RFC 7252 section 3.2): 0 is empty. */
enum coax_status coax_option_write_uint(struct option_writer *writer, uint16_t number, uint64_t value);

/* Takes out every option with this number. */
void coax_option_erase(struct option_writer *writer, uint16_t number);

/* What `from` has, for a writer with as much room. */
static inline void option_writer_copy(struct option_writer *to, const struct option_writer *from) {
    if (from->size > 0) {
        memcpy(to->data, from->data, from->size);
    }
    to->size = from->size;
    to->last = from->last;
}

/* A view for a message. */
static inline struct bytes option_writer_bytes(const struct option_writer *writer) {
    return bytes_of(writer->data, writer->size);
}

#endif
