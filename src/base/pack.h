/* Values packed one behind the other, and taken out in the same order; integers big-endian. */
#ifndef COAX_BASE_PACK_H
#define COAX_BASE_PACK_H

#include "base/bytes.h"

/* Grows as it is written; all zero at first. */
struct pack {
    uint8_t *data;
    size_t size, capacity;
    bool has_failed; /* memory ran out: what is there is not all */
};

void coax_pack_bytes(struct pack *pack, struct bytes bytes);
void coax_pack_uint(struct pack *pack, uint64_t value, size_t width);
/* Its size first, in four bytes. */
void coax_pack_block(struct pack *pack, struct bytes block);
/* A text, as a block; NULL as "". */
void coax_pack_text(struct pack *pack, const char *text);
/* Wipes and frees it. */
void coax_pack_drop(struct pack *pack);

/* Take from the front of *from; false, and nothing is taken, if there is too little. What comes out are views. */
bool coax_unpack_bytes(struct bytes *from, size_t size, struct bytes *bytes);
bool coax_unpack_uint(struct bytes *from, size_t width, uint64_t *value);
bool coax_unpack_block(struct bytes *from, struct bytes *block);

#endif
