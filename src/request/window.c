#include "request/window.h"

#include <string.h>

void coax_window_init(struct window *window, uint8_t exponent, uint64_t size) {
    uint32_t unit = block_unit(&(const struct block){.exponent = exponent});
    uint64_t end = size == UINT64_MAX || size == 0 ? UINT32_MAX : (size + unit - 1) / unit;
    memset(window->is_here, 0, sizeof window->is_here);
    window->next = 0;
    window->seen = 0;
    window->end = end < UINT32_MAX ? (uint32_t)end : UINT32_MAX;
    window->exponent = exponent;
}

static bool fits(const struct window *window, const struct block *block, size_t size) {
    bool is_behind = window->end != UINT32_MAX && block->number + (block->more ? 1 : 0) >= window->end;
    bool is_no_end = !block->more && window->seen > block->number + 1; /* others came that are behind it */
    return block->exponent == window->exponent && coax_block_fits(block, size) && !is_behind && !is_no_end;
}

bool coax_window_take(struct window *window, const struct block *block, struct bytes payload) {
    if (!fits(window, block, payload.size)) {
        return false;
    }
    size_t place = block->number % WINDOW_BLOCKS;
    bool is_new =
        block->number >= window->next && block->number - window->next < WINDOW_BLOCKS && !window->is_here[place];
    if (!is_new) {
        return true;
    }
    if (payload.size > 0) {
        memcpy(window->data + place * BLOCK_SIZE_MAXIMUM, payload.data, payload.size);
    }
    window->sizes[place] = (uint16_t)payload.size;
    window->is_here[place] = true;
    window->seen = block->number + 1 > window->seen ? block->number + 1 : window->seen;
    window->end = block->more ? window->end : block->number + 1;
    return true;
}

bool coax_window_piece(const struct window *window, struct bytes *piece, bool *is_last) {
    size_t place = window->next % WINDOW_BLOCKS;
    if (!window->is_here[place]) {
        return false;
    }
    *piece = bytes_of(window->data + place * BLOCK_SIZE_MAXIMUM, window->sizes[place]);
    *is_last = window->next + 1 == window->end;
    return true;
}

void coax_window_step(struct window *window) {
    window->is_here[window->next % WINDOW_BLOCKS] = false;
    window->next++;
}

uint32_t coax_window_set_end(const struct window *window) {
    uint32_t end = (window->next / SET_MAXIMUM + 1) * SET_MAXIMUM;
    return end < window->end ? end : window->end;
}

size_t coax_window_missing(const struct window *window, uint32_t end, uint32_t missing[SET_MAXIMUM]) {
    size_t count = 0;
    for (uint32_t number = window->next; number < end && count < SET_MAXIMUM; number++) {
        if (number - window->next >= WINDOW_BLOCKS || !window->is_here[number % WINDOW_BLOCKS]) {
            missing[count++] = number;
        }
    }
    return count;
}
