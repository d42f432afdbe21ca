/* The numbers of blocks that have not come, as a CBOR sequence of unsigned integers: the Content-Format
   application/missing-blocks+cbor-seq (RFC 9177 section 5). */
#ifndef COAX_MESSAGE_MISSING_BLOCKS_H
#define COAX_MESSAGE_MISSING_BLOCKS_H

#include "base/bytes.h"
#include <stdbool.h>
#include <stdint.h>

enum { MISSING_BLOCK_SIZE = 5 /* of a number, at most */, COAX_FORMAT_MISSING_BLOCKS = 272 };

/* Writes numbers of 20 bits; `out` has MISSING_BLOCK_SIZE bytes for each. Returns the size. */
size_t coax_missing_blocks_write(uint8_t *out, const uint32_t *numbers, size_t count);

/* Reads the number at *position (start with 0) and moves *position behind it; false at the end. With something that is
   no number of 32 bits *position is SIZE_MAX then. */
bool coax_missing_blocks_next(struct bytes list, size_t *position, uint32_t *number);

#endif
