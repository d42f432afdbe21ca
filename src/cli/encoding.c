#include "cli/encoding.h"

#include <stdlib.h>
#include <string.h>

static int digit(char character) {
    static const char digits[] = "0123456789abcdef";
    char lower = character >= 'A' && character <= 'F' ? (char)(character - 'A' + 'a') : character;
    const char *found = lower != '\0' ? strchr(digits, lower) : NULL;
    return found != NULL ? (int)(found - digits) : -1;
}

bool hex_read(const char *text, uint8_t *out, size_t capacity, size_t *size) {
    if (text[0] == '0' && (text[1] == 'x' || text[1] == 'X')) {
        text += 2;
    }
    size_t length = strlen(text);
    if (length % 2 != 0 || length / 2 > capacity) {
        return false;
    }
    for (size_t i = 0; i < length / 2; i++) {
        int high = digit(text[2 * i]);
        int low = digit(text[2 * i + 1]);
        if (high < 0 || low < 0) {
            return false;
        }
        out[i] = (uint8_t)(high * 16 + low);
    }
    *size = length / 2;
    return true;
}

char *hex_write(const void *data, size_t size) {
    static const char digits[] = "0123456789abcdef";
    const uint8_t *bytes = data;
    char *text = malloc(2 * size + 3);
    if (text == NULL) {
        return NULL;
    }
    memcpy(text, "0x", 2);
    for (size_t i = 0; i < size; i++) {
        text[2 * i + 2] = digits[bytes[i] >> 4];
        text[2 * i + 3] = digits[bytes[i] & 0x0fU];
    }
    text[2 * size + 2] = '\0';
    return text;
}

char *base64_write(const void *data, size_t size) {
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const uint8_t *bytes = data;
    char *text = malloc((size + 2) / 3 * 4 + 1);
    if (text == NULL) {
        return NULL;
    }
    char *at = text;
    for (size_t i = 0; i < size; i += 3) {
        size_t left = size - i;
        unsigned group = (unsigned)bytes[i] << 16;
        group |= left > 1 ? (unsigned)bytes[i + 1] << 8 : 0;
        group |= left > 2 ? (unsigned)bytes[i + 2] : 0;
        *at++ = digits[group >> 18];
        *at++ = digits[(group >> 12) & 63U];
        *at++ = '=';
        *at++ = '=';
        if (left > 1) {
            at[-2] = digits[(group >> 6) & 63U];
        }
        if (left > 2) {
            at[-1] = digits[group & 63U];
        }
    }
    *at = '\0';
    return text;
}
