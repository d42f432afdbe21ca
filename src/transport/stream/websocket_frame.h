/* The header of a WebSocket frame (RFC 6455 section 5.2) and its masking. */
#ifndef COAX_TRANSPORT_STREAM_WEBSOCKET_FRAME_H
#define COAX_TRANSPORT_STREAM_WEBSOCKET_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { WEBSOCKET_HEADER_MAXIMUM = 14, WEBSOCKET_MASK_SIZE = 4, WEBSOCKET_CONTROL_MAXIMUM = 125 };

enum websocket_opcode {
    WEBSOCKET_CONTINUATION = 0x0,
    WEBSOCKET_TEXT = 0x1,
    WEBSOCKET_BINARY = 0x2,
    WEBSOCKET_CLOSE = 0x8,
    WEBSOCKET_PING = 0x9,
    WEBSOCKET_PONG = 0xa,
};

/* The first byte: opcode, and whether the message ends with this frame. */
enum {
    WEBSOCKET_OPCODE_BITS = 0x0f,
    WEBSOCKET_CONTROL_BIT = 0x08,
    WEBSOCKET_RESERVED_BITS = 0x70,
    WEBSOCKET_FINAL_BIT = 0x80
};
/* The second. */
enum { WEBSOCKET_LENGTH_BITS = 0x7f, WEBSOCKET_MASKED_BIT = 0x80 };

/* How many bytes a header has up to its length and in all, from its first two. */
size_t coax_websocket_header_to_length(const uint8_t header[2]);
size_t coax_websocket_header_size(const uint8_t header[2]);

/* The length that a header says that is here up to it; false if it is not in the shortest form, or over 63 bits. */
bool coax_websocket_header_length(const uint8_t *header, uint64_t *length);

/* Writes the header of an unfragmented frame; a mask of NULL is none. Returns its size. */
size_t coax_websocket_header_write(uint8_t *header, enum websocket_opcode opcode, uint64_t length, const uint8_t *mask);

/* Masks, or unmasks; `out` may be `in`. The mask is left as what goes on with the next piece. */
void coax_websocket_mask(uint8_t *out, const uint8_t *in, size_t size, uint8_t mask[WEBSOCKET_MASK_SIZE]);

#endif
