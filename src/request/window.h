/* Blocks that come in a burst, perhaps in another order and with gaps, and go on in theirs (RFC 9177). */
#ifndef COAX_REQUEST_WINDOW_H
#define COAX_REQUEST_WINDOW_H

#include "message/block.h"

enum {
    SET_MAXIMUM = 10, /* blocks of a set: MAX_PAYLOADS (RFC 9177 section 7.2) */
    WINDOW_BLOCKS = 4 * SET_MAXIMUM,
};

struct window {
    uint32_t next; /* the first one that has not gone on */
    uint32_t seen; /* one behind the highest that came */
    uint32_t end;  /* one behind the last of the body; UINT32_MAX: not known */
    uint8_t exponent;
    bool is_here[WINDOW_BLOCKS]; /* by the number's remainder */
    uint16_t sizes[WINDOW_BLOCKS];
    uint8_t data[WINDOW_BLOCKS * BLOCK_SIZE_MAXIMUM];
};

/* A body that begins; of `size` bytes, or UINT64_MAX. */
void coax_window_init(struct window *window, uint8_t exponent, uint64_t size);

/* Takes a block; one that was here, or is too far ahead, is left out. False if it cannot be of this body: another size
   of blocks, a wrong size of the payload, or a place behind the last one. */
bool coax_window_take(struct window *window, const struct block *block, struct bytes payload);

/* The piece that goes on now; false if it has not come. It stays until coax_window_step(). */
bool coax_window_piece(const struct window *window, struct bytes *piece, bool *is_last);
void coax_window_step(struct window *window);

/* One behind the last block of the set that `next` belongs to, or the body's end. */
uint32_t coax_window_set_end(const struct window *window);

/* Those that have not come, from `next` on and before `end`; returns how many, SET_MAXIMUM at most. */
size_t coax_window_missing(const struct window *window, uint32_t end, uint32_t missing[SET_MAXIMUM]);

#endif
