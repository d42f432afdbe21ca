#include "message/block.h"

enum { VALUE_MAXIMUM = 3, MORE_BIT = 8, EXPONENT_MASK = 7, NUMBER_SHIFT = 4 };

enum block_presence coax_block_read(const struct coax_message *message, uint16_t number, bool bert,
                                    struct block *block) {
    struct coax_option option;
    if (!coax_message_option(message, number, &option)) {
        return BLOCK_ABSENT;
    }
    if (option.size > VALUE_MAXIMUM) {
        return BLOCK_MALFORMED;
    }
    uint32_t value = (uint32_t)coax_option_uint(&option);
    *block = (struct block){
        .number = value >> NUMBER_SHIFT,
        .more = (value & MORE_BIT) != 0,
        .exponent = (uint8_t)(value & EXPONENT_MASK),
    };
    return block->exponent == BLOCK_EXPONENT_BERT && !bert ? BLOCK_MALFORMED : BLOCK_PRESENT;
}

enum coax_status coax_block_write(struct option_writer *writer, uint16_t number, const struct block *block) {
    if (block->number > BLOCK_NUMBER_MAXIMUM) {
        return COAX_E_TOO_LARGE;
    }
    uint32_t value = block->number << NUMBER_SHIFT | (block->more ? MORE_BIT : 0U) | block->exponent;
    coax_option_erase(writer, number);
    return coax_option_write_uint(writer, number, value);
}

uint8_t coax_block_exponent(uint32_t size) {
    uint8_t exponent = 0;
    while (exponent < BLOCK_EXPONENT_MAXIMUM && (UINT32_C(32) << exponent) <= size) {
        exponent++;
    }
    return exponent;
}

bool coax_block_fits(const struct block *block, size_t size) {
    uint32_t unit = block_unit(block);
    if (block->exponent == BLOCK_EXPONENT_BERT) {
        return !block->more || (size > 0 && size % unit == 0);
    }
    return block->more ? size == unit : size <= unit;
}

bool coax_block_is_part(const struct coax_message *response) {
    struct block block;
    enum block_presence presence = coax_block_read(response, COAX_OPTION_BLOCK2, true, &block);
    return presence != BLOCK_ABSENT && (presence == BLOCK_MALFORMED || block.number != 0 || block.more);
}
