#include "base/pack.h"

#include "base/wipe.h"
#include <stdlib.h>

enum { CAPACITY_FIRST = 1024, BLOCK_SIZE_WIDTH = 4 };

/* Not by realloc, which may leave a copy behind. */
static bool reserve(struct pack *pack, size_t more) {
    size_t capacity = pack->capacity == 0 ? CAPACITY_FIRST : pack->capacity;
    while (capacity - pack->size < more) {
        capacity *= 2;
    }
    if (capacity == pack->capacity) {
        return true;
    }
    uint8_t *larger = malloc(capacity);
    if (larger == NULL) {
        return false;
    }
    if (pack->size > 0) {
        memcpy(larger, pack->data, pack->size);
    }
    coax_wipe_free(pack->data, pack->capacity);
    pack->data = larger;
    pack->capacity = capacity;
    return true;
}

void coax_pack_bytes(struct pack *pack, struct bytes bytes) {
    if (pack->has_failed || !reserve(pack, bytes.size)) {
        pack->has_failed = true;
    } else if (bytes.size > 0) {
        memcpy(pack->data + pack->size, bytes.data, bytes.size);
        pack->size += bytes.size;
    }
}

void coax_pack_uint(struct pack *pack, uint64_t value, size_t width) {
    uint8_t bytes[8];
    for (size_t i = 0; i < width; i++) {
        bytes[i] = (uint8_t)(value >> (8 * (width - 1 - i)));
    }
    coax_pack_bytes(pack, bytes_of(bytes, width));
}

void coax_pack_block(struct pack *pack, struct bytes block) {
    coax_pack_uint(pack, block.size, BLOCK_SIZE_WIDTH);
    coax_pack_bytes(pack, block);
}

void coax_pack_text(struct pack *pack, const char *text) {
    coax_pack_block(pack, bytes_of(text, text == NULL ? 0 : strlen(text)));
}

void coax_pack_drop(struct pack *pack) {
    coax_wipe_free(pack->data, pack->capacity);
    *pack = (struct pack){.data = NULL};
}

bool coax_unpack_bytes(struct bytes *from, size_t size, struct bytes *bytes) {
    if (from->size < size) {
        return false;
    }
    *bytes = bytes_of(from->data, size);
    *from = bytes_of(from->data + size, from->size - size);
    return true;
}

bool coax_unpack_uint(struct bytes *from, size_t width, uint64_t *value) {
    struct bytes bytes;
    if (!coax_unpack_bytes(from, width, &bytes)) {
        return false;
    }
    *value = 0;
    for (size_t i = 0; i < width; i++) {
        *value = *value << 8 | bytes.data[i];
    }
    return true;
}

bool coax_unpack_block(struct bytes *from, struct bytes *block) {
    struct bytes rest = *from;
    uint64_t size;
    if (!coax_unpack_uint(&rest, BLOCK_SIZE_WIDTH, &size) || !coax_unpack_bytes(&rest, (size_t)size, block)) {
        return false;
    }
    *from = rest;
    return true;
}
