/* Any bytes as a list of missing blocks: reading ends, and what is read and written again reads the same. */
#include "message/missing_blocks.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { NUMBERS_MAXIMUM = 1000 };

static size_t read_all(struct bytes list, uint32_t numbers[NUMBERS_MAXIMUM]) {
    size_t position = 0;
    size_t count = 0;
    while (count < NUMBERS_MAXIMUM && coax_missing_blocks_next(list, &position, &numbers[count])) {
        count++;
    }
    return count;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static uint32_t numbers[NUMBERS_MAXIMUM], again[NUMBERS_MAXIMUM];
    static uint8_t out[NUMBERS_MAXIMUM * MISSING_BLOCK_SIZE];
    size_t count = read_all(bytes_of(data, size), numbers);
    size_t written = coax_missing_blocks_write(out, numbers, count);
    if (written > sizeof out || read_all(bytes_of(out, written), again) != count
        || memcmp(numbers, again, count * sizeof *numbers) != 0) {
        abort();
    }
    return 0;
}
