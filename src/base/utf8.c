#include "base/utf8.h"

struct form {
    uint8_t mask, lead; /* the first byte, and which of its bits tell the form */
    uint8_t size;
    uint32_t first; /* the first code point that needs this form */
};

static const struct form forms[] = {
    {0x80, 0x00, 1, 0},
    {0xe0, 0xc0, 2, 0x80},
    {0xf0, 0xe0, 3, 0x800},
    {0xf8, 0xf0, 4, 0x10000},
};

static const struct form *form_of(uint8_t lead) {
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
        if ((lead & forms[i].mask) == forms[i].lead) {
            return &forms[i];
        }
    }
    return NULL;
}

size_t coax_utf8_read(const uint8_t *data, size_t size, uint32_t *character) {
    const struct form *form = size == 0 ? NULL : form_of(data[0]);
    if (form == NULL || size < form->size) {
        return 0;
    }
    uint32_t value = data[0] & (uint8_t)~form->mask;
    for (size_t i = 1; i < form->size; i++) {
        if ((data[i] & 0xc0) != 0x80) {
            return 0;
        }
        value = value << 6 | (data[i] & 0x3fU);
    }
    if (value < form->first || value > 0x10ffff || (value >= 0xd800 && value <= 0xdfff)) {
        return 0;
    }
    *character = value;
    return form->size;
}

bool coax_utf8_is_valid(const uint8_t *data, size_t size) {
    uint32_t character = 0;
    size_t offset = 0;
    while (offset < size) {
        size_t taken = coax_utf8_read(data + offset, size - offset, &character);
        if (taken == 0) {
            return false;
        }
        offset += taken;
    }
    return true;
}
