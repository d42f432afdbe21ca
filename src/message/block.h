/* The value of the options Block1, Block2, Q-Block1 and Q-Block2 (RFC 7959 section 2.2, RFC 8323 section 6, RFC 9177
   section 4.2): which piece of a body a message carries, or asks for. */
#ifndef COAX_MESSAGE_BLOCK_H
#define COAX_MESSAGE_BLOCK_H

#include "message/message.h"
#include "message/option.h"

enum {
    BLOCK_SIZE_MAXIMUM = 1024,
    BLOCK_EXPONENT_MAXIMUM = 6, /* of 1024 bytes */
    BLOCK_EXPONENT_BERT = 7,    /* numbers count units of 1024 bytes, a message has one or more of them */
    BLOCK_NUMBER_MAXIMUM = 0xfffff,
};

struct block {
    uint32_t number;
    bool more;
    uint8_t exponent; /* SZX: 0 to 7 */
};

enum block_presence { BLOCK_ABSENT, BLOCK_PRESENT, BLOCK_MALFORMED };

/* Reads the option `number` of a message. Malformed is a value of more than 3 bytes, and an exponent of 7 unless `bert`
   says that it has a meaning here. */
enum block_presence coax_block_read(const struct coax_message *message, uint16_t number, bool bert,
                                    struct block *block);

/* Replaces it. COAX_E_TOO_LARGE: no room, or a block number over 20 bits. */
enum coax_status coax_block_write(struct option_writer *writer, uint16_t number, const struct block *block);

/* The bytes of one unit of the block's number: 16 to 1024. */
static inline uint32_t block_unit(const struct block *block) {
    unsigned exponent = block->exponent > BLOCK_EXPONENT_MAXIMUM ? BLOCK_EXPONENT_MAXIMUM : block->exponent;
    return (uint32_t)16 << exponent;
}

/* Where it begins in the body. */
static inline uint64_t block_offset(const struct block *block) {
    return (uint64_t)block->number * block_unit(block);
}

/* The exponent for blocks of at most `size` bytes, which is 16 or more; never that of BERT. */
uint8_t coax_block_exponent(uint32_t size);

/* Whether a message with this block may carry a payload of `size` bytes: with `more`, a whole unit, or with BERT one or
   more of them; without, at most a unit, or with BERT any size (RFC 7959 section 2.2, RFC 8323 section 6). */
bool coax_block_fits(const struct block *block, size_t size);

/* Whether a response has less than the whole of its body, by its Block2 option; with a malformed one, too. */
bool coax_block_is_part(const struct coax_message *response);

#endif
