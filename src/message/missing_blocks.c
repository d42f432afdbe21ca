#include "message/missing_blocks.h"

/* RFC 8949 section 3: major type 0, with the value in the first byte or in the 1, 2 or 4 bytes behind it. */
enum { VALUE_MAXIMUM = 23, IN_1_BYTE = 24, IN_2_BYTES = 25, IN_4_BYTES = 26 };

size_t coax_missing_blocks_write(uint8_t *out, const uint32_t *numbers, size_t count) {
    size_t size = 0;
    for (size_t i = 0; i < count; i++) {
        uint32_t number = numbers[i];
        int bytes = number <= VALUE_MAXIMUM ? 0 : number <= UINT8_MAX ? 1 : number <= UINT16_MAX ? 2 : 4;
        static const uint8_t heads[] = {0, IN_1_BYTE, IN_2_BYTES, 0, IN_4_BYTES};
        out[size++] = bytes == 0 ? (uint8_t)number : heads[bytes];
        while (bytes > 0) {
            out[size++] = (uint8_t)(number >> (8 * --bytes));
        }
    }
    return size;
}

bool coax_missing_blocks_next(struct bytes list, size_t *position, uint32_t *number) {
    if (*position >= list.size) {
        return false;
    }
    uint8_t head = list.data[*position];
    size_t bytes = head <= VALUE_MAXIMUM ? 0 : head > IN_4_BYTES ? SIZE_MAX : (size_t)1 << (head - IN_1_BYTE);
    if (list.size - *position - 1 < bytes) {
        *position = SIZE_MAX;
        return false;
    }
    *number = head <= VALUE_MAXIMUM ? head : 0;
    for (size_t i = 1; i <= bytes; i++) {
        *number = *number << 8 | list.data[*position + i];
    }
    *position += 1 + bytes;
    return true;
}
