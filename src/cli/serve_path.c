#include "cli/serve_path.h"

#include <stdio.h>
#include <string.h>

/* Unreserved, sub-delims, ':' and '@' (RFC 3986 section 3.3). */
static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~!$&'()*+,;=:@";

/* Adds `text`; what is neither plain nor in `kept` percent-encoded. */
static bool put(char *out, size_t capacity, size_t *size, const char *text, const char *kept) {
    for (; *text != '\0'; text++) {
        bool stands = strchr(plain, *text) != NULL || strchr(kept, *text) != NULL;
        size_t needed = stands ? 1 : 3;
        if (*size + needed >= capacity) {
            return false;
        }
        snprintf(out + *size, capacity - *size, stands ? "%c" : "%%%02X", (unsigned char)*text);
        *size += needed;
    }
    return true;
}

bool serve_path_to_target(const char *prefix, const char *rest, char *out, size_t capacity) {
    size_t size = strlen(prefix);
    if (size >= capacity) {
        return false;
    }
    memcpy(out, prefix, size + 1);
    return put(out, capacity, &size, rest, "/%");
}

bool serve_path_encode_name(const char *name, char *out, size_t capacity) {
    size_t size = 0;
    if (capacity > 0) {
        out[0] = '\0';
    }
    return capacity > 0 && put(out, capacity, &size, name, "");
}

/* The escapes of coax_exchange_rest: always two upper-case digits. */
static int hex_digit(char digit) {
    return digit >= '0' && digit <= '9' ? digit - '0' : digit >= 'A' && digit <= 'F' ? digit - 'A' + 10 : -1;
}

/* The next byte of `rest`, -1 for a broken escape; moves *rest past it. */
static int take_byte(const char **rest) {
    const char *at = *rest;
    if (*at != '%') {
        *rest = at + 1;
        return (unsigned char)*at;
    }
    int high = hex_digit(at[1]);
    int low = high < 0 ? -1 : hex_digit(at[2]);
    *rest = low < 0 ? at : at + 3;
    return low < 0 ? -1 : high * 16 + low;
}

/* One segment, up to '/' or the end. */
static bool take_segment(const char **rest, char *out, size_t capacity, size_t *size) {
    size_t start = *size;
    while (**rest != '/' && **rest != '\0') {
        int byte = take_byte(rest);
        if (byte <= 0 || byte == '/' || *size + 1 >= capacity) {
            return false;
        }
        out[(*size)++] = (char)byte;
    }
    return *size > start && out[start] != '.';
}

bool serve_path_to_name(const char *rest, char *out, size_t capacity) {
    size_t size = 0;
    if (capacity == 0) {
        return false;
    }
    while (*rest != '\0') {
        if (!take_segment(&rest, out, capacity, &size)) {
            return false;
        }
        rest += *rest == '/';
        if (*rest != '\0') {
            if (size + 1 >= capacity) {
                return false;
            }
            out[size++] = '/';
        }
    }
    out[size] = '\0';
    return true;
}
