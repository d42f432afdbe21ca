/* Numbers that start in a nibble (RFC 7252 section 3.1, RFC 8323 section 3.2, RFC 8974 section 2.1): 0 to 12 stand for
   themselves; 13, 14 and 15 say that one, two or four more bytes follow. The length of a frame alone uses 15. */
#ifndef COAX_MESSAGE_NIBBLE_H
#define COAX_MESSAGE_NIBBLE_H

#include <stddef.h>
#include <stdint.h>

enum {
    NIBBLE_ONE_BYTE = 13,
    NIBBLE_TWO_BYTES = 14,
    NIBBLE_FOUR_BYTES = 15,
    NIBBLE_RESERVED = 15, /* where there is no four-byte form */
};

/* What the first number of each form is. */
#define ONE_BYTE_OFFSET UINT64_C(13)
#define TWO_BYTES_OFFSET UINT64_C(269)
#define FOUR_BYTES_OFFSET UINT64_C(65805)

/* The bytes that follow a nibble. */
static inline size_t nibble_extension(unsigned nibble) {
    return nibble < NIBBLE_ONE_BYTE ? 0 : nibble == NIBBLE_FOUR_BYTES ? 4 : nibble - NIBBLE_ONE_BYTE + 1;
}

/* The number that a nibble and the bytes after it stand for. */
static inline uint64_t nibble_value(unsigned nibble, const uint8_t *extension) {
    static const uint64_t offsets[] = {ONE_BYTE_OFFSET, TWO_BYTES_OFFSET, FOUR_BYTES_OFFSET};
    if (nibble < NIBBLE_ONE_BYTE) {
        return nibble;
    }
    uint64_t value = 0;
    for (size_t i = 0; i < nibble_extension(nibble); i++) {
        value = value << 8 | extension[i];
    }
    return value + offsets[nibble - NIBBLE_ONE_BYTE];
}

/* The nibble that starts a number. */
static inline unsigned nibble_of(uint64_t value) {
    return value < ONE_BYTE_OFFSET     ? (unsigned)value
           : value < TWO_BYTES_OFFSET  ? NIBBLE_ONE_BYTE
           : value < FOUR_BYTES_OFFSET ? NIBBLE_TWO_BYTES
                                       : NIBBLE_FOUR_BYTES;
}

/* Writes the bytes that follow the nibble; returns their end. */
static inline uint8_t *nibble_extend(uint8_t *out, uint64_t value) {
    static const uint64_t offsets[] = {ONE_BYTE_OFFSET, TWO_BYTES_OFFSET, FOUR_BYTES_OFFSET};
    unsigned nibble = nibble_of(value);
    if (nibble < NIBBLE_ONE_BYTE) {
        return out;
    }
    uint64_t rest = value - offsets[nibble - NIBBLE_ONE_BYTE];
    for (size_t left = nibble_extension(nibble); left-- > 0;) {
        *out++ = (uint8_t)(rest >> 8 * left);
    }
    return out;
}

#endif
