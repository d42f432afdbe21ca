#include "cli/printable.h"

#include <stdint.h>

/* RFC 3629 section 4, by the first byte: the size, and the range of the second byte (which excludes overlong forms,
   surrogates and what lies beyond U+10FFFF). */
struct utf8_lead {
    uint8_t first, last;
    uint8_t size;
    uint8_t second_first, second_last;
};

static const struct utf8_lead leads[] = {
    {0x00, 0x7f, 1, 0, 0},       {0xc2, 0xdf, 2, 0x80, 0xbf}, {0xe0, 0xe0, 3, 0xa0, 0xbf},
    {0xe1, 0xec, 3, 0x80, 0xbf}, {0xed, 0xed, 3, 0x80, 0x9f}, {0xee, 0xef, 3, 0x80, 0xbf},
    {0xf0, 0xf0, 4, 0x90, 0xbf}, {0xf1, 0xf3, 4, 0x80, 0xbf}, {0xf4, 0xf4, 4, 0x80, 0x8f},
};

static const struct utf8_lead *lead_of(uint8_t byte) {
    for (size_t i = 0; i < sizeof leads / sizeof leads[0]; i++) {
        if (byte >= leads[i].first && byte <= leads[i].last) {
            return &leads[i];
        }
    }
    return NULL;
}

size_t utf8_character(const void *data, size_t size) {
    const uint8_t *bytes = data;
    const struct utf8_lead *lead = size > 0 ? lead_of(bytes[0]) : NULL;
    if (lead == NULL || size < lead->size) {
        return 0;
    }
    if (lead->size > 1 && (bytes[1] < lead->second_first || bytes[1] > lead->second_last)) {
        return 0;
    }
    for (size_t i = 2; i < lead->size; i++) {
        if ((bytes[i] & 0xc0U) != 0x80) {
            return 0;
        }
    }
    return lead->size;
}

/* C0, DEL, and C1 in UTF-8: terminals take orders from all three. */
static bool is_control(const uint8_t *character, size_t size) {
    return (size == 1 && (character[0] < 0x20 || character[0] == 0x7f))
           || (size == 2 && character[0] == 0xc2 && character[1] < 0xa0);
}

bool is_printable(const void *data, size_t size) {
    const uint8_t *bytes = data;
    for (size_t i = 0; i < size;) {
        size_t step = utf8_character(bytes + i, size - i);
        bool blank = bytes[i] == '\t' || bytes[i] == '\n' || bytes[i] == '\r';
        if (step == 0 || (is_control(bytes + i, step) && !blank)) {
            return false;
        }
        i += step;
    }
    return true;
}

void print_printable(FILE *file, const void *data, size_t size) {
    const uint8_t *bytes = data;
    for (size_t i = 0; i < size;) {
        size_t step = utf8_character(bytes + i, size - i);
        bool blank = bytes[i] == '\t' || bytes[i] == '\n';
        if (step == 0 || (is_control(bytes + i, step) && !blank)) {
            fprintf(file, "\\x%02x", bytes[i]);
            i++;
            continue;
        }
        fwrite(bytes + i, 1, step, file);
        i += step;
    }
}
