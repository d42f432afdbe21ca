#include "transport/stream/websocket_frame.h"

#include <string.h>

/* Lengths that stand for a longer one behind them. */
enum { LENGTH_16 = 126, LENGTH_64 = 127 };

static size_t extended_size(unsigned length) {
    return length == LENGTH_64 ? 8 : length == LENGTH_16 ? 2 : 0;
}

size_t coax_websocket_header_to_length(const uint8_t header[2]) {
    return 2 + extended_size(header[1] & WEBSOCKET_LENGTH_BITS);
}

size_t coax_websocket_header_size(const uint8_t header[2]) {
    size_t mask = (header[1] & WEBSOCKET_MASKED_BIT) != 0 ? WEBSOCKET_MASK_SIZE : 0;
    return coax_websocket_header_to_length(header) + mask;
}

bool coax_websocket_header_length(const uint8_t *header, uint64_t *length) {
    unsigned first = header[1] & WEBSOCKET_LENGTH_BITS;
    size_t extended = extended_size(first);
    uint64_t value = extended == 0 ? first : 0;
    for (size_t i = 0; i < extended; i++) {
        value = value << 8 | header[2 + i];
    }
    *length = value;
    uint64_t lowest = extended == 8 ? UINT16_MAX + 1U : extended == 2 ? LENGTH_16 : 0;
    return value >= lowest && value <= INT64_MAX;
}

size_t coax_websocket_header_write(uint8_t *header, enum websocket_opcode opcode, uint64_t length,
                                   const uint8_t *mask) {
    unsigned first = length < LENGTH_16 ? (unsigned)length : length <= UINT16_MAX ? LENGTH_16 : LENGTH_64;
    size_t extended = extended_size(first);
    header[0] = (uint8_t)(WEBSOCKET_FINAL_BIT | (unsigned)opcode);
    header[1] = (uint8_t)(first | (mask == NULL ? 0U : WEBSOCKET_MASKED_BIT));
    for (size_t i = 0; i < extended; i++) {
        header[2 + i] = (uint8_t)(length >> (8 * (extended - 1 - i)));
    }
    if (mask != NULL) {
        memcpy(header + 2 + extended, mask, WEBSOCKET_MASK_SIZE);
    }
    return coax_websocket_header_size(header);
}

void coax_websocket_mask(uint8_t *out, const uint8_t *in, size_t size, uint8_t mask[WEBSOCKET_MASK_SIZE]) {
    uint8_t twice[2 * WEBSOCKET_MASK_SIZE];
    memcpy(twice, mask, WEBSOCKET_MASK_SIZE);
    memcpy(twice + WEBSOCKET_MASK_SIZE, mask, WEBSOCKET_MASK_SIZE);
    uint64_t wide_mask;
    memcpy(&wide_mask, twice, sizeof wide_mask);
    size_t i = 0;
    for (; size - i >= sizeof wide_mask; i += sizeof wide_mask) {
        uint64_t wide;
        memcpy(&wide, in + i, sizeof wide);
        wide ^= wide_mask;
        memcpy(out + i, &wide, sizeof wide);
    }
    for (; i < size; i++) {
        out[i] = in[i] ^ mask[i % WEBSOCKET_MASK_SIZE];
    }
    memcpy(mask, twice + size % WEBSOCKET_MASK_SIZE, WEBSOCKET_MASK_SIZE);
}
