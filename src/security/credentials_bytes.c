#include "security/credentials_store.h"

#include "base/error.h"

enum coax_status coax_credentials_decode_ascii(const char *text, size_t size, uint8_t *out, size_t *out_size,
                                               coax_error *error) {
    for (size_t i = 0; i < size; i++) {
        if ((uint8_t)text[i] > 0x7F) {
            return coax_fail(error, COAX_E_SYNTAX,
                             "byte %zu of the text is not ASCII; \"hex\" or \"base64\" can hold any byte", i + 1);
        }
        out[i] = (uint8_t)text[i];
    }
    *out_size = size;
    return COAX_OK;
}

/* The value of a hexadecimal digit, or -1. */
static int hex_digit(char character) {
    if (character >= '0' && character <= '9') {
        return character - '0';
    }
    if (character >= 'a' && character <= 'f') {
        return character - 'a' + 10;
    }
    if (character >= 'A' && character <= 'F') {
        return character - 'A' + 10;
    }
    return -1;
}

static bool is_hex_filler(char character) {
    return character == '-' || character == ':' || character == ' ';
}

enum coax_status coax_credentials_decode_hex(const char *text, size_t size, uint8_t *out, size_t *out_size,
                                             coax_error *error) {
    size_t digits = 0;
    for (size_t i = 0; i < size; i++) {
        if (is_hex_filler(text[i])) {
            continue;
        }
        int digit = hex_digit(text[i]);
        if (digit < 0) {
            return coax_fail(error, COAX_E_SYNTAX,
                             "character %zu is not a hexadecimal digit; expected 0-9, a-f, and '-', ':' or blanks "
                             "between them",
                             i + 1);
        }
        out[digits / 2] = (uint8_t)(digits % 2 == 0 ? digit << 4 : out[digits / 2] | digit);
        digits++;
    }
    if (digits % 2 != 0) {
        return coax_fail(error, COAX_E_SYNTAX, "an odd number of hexadecimal digits; expected two for each byte");
    }
    *out_size = digits / 2;
    return COAX_OK;
}

/* The value of a base64 digit in either alphabet of RFC 4648, or -1. */
static int base64_digit(char character) {
    if (character >= 'A' && character <= 'Z') {
        return character - 'A';
    }
    if (character >= 'a' && character <= 'z') {
        return character - 'a' + 26;
    }
    if (character >= '0' && character <= '9') {
        return character - '0' + 52;
    }
    if (character == '+' || character == '-') {
        return 62;
    }
    return character == '/' || character == '_' ? 63 : -1;
}

/* `size` without the padding; SIZE_MAX if there is padding and it is not what the size asks for. */
static size_t without_padding(const char *text, size_t size) {
    size_t bare = size;
    while (bare > 0 && text[bare - 1] == '=') {
        bare--;
    }
    bool fits = bare == size || (size % 4 == 0 && size - bare <= 2);
    return fits ? bare : SIZE_MAX;
}

enum coax_status coax_credentials_decode_base64(const char *text, size_t size, uint8_t *out, size_t *out_size,
                                                coax_error *error) {
    size_t bare = without_padding(text, size);
    if (bare == SIZE_MAX || bare % 4 == 1) {
        return coax_fail(error, COAX_E_SYNTAX,
                         "base64 of a wrong length; expected groups of four characters, the last padded with '='");
    }
    uint32_t bits = 0;
    unsigned bit_count = 0;
    size_t written = 0;
    for (size_t i = 0; i < bare; i++) {
        int digit = base64_digit(text[i]);
        if (digit < 0) {
            return coax_fail(error, COAX_E_SYNTAX,
                             "character %zu is not a base64 digit; expected A-Z, a-z, 0-9, '+', '/'", i + 1);
        }
        bits = (bits << 6) | (uint32_t)digit;
        bit_count += 6;
        if (bit_count >= 8) {
            bit_count -= 8;
            out[written++] = (uint8_t)(bits >> bit_count);
            bits &= (1U << bit_count) - 1;
        }
    }
    if (bits != 0) {
        return coax_fail(error, COAX_E_SYNTAX,
                         "the last base64 character has bits that belong to no byte; it is cut "
                         "off, or damaged");
    }
    *out_size = written;
    return COAX_OK;
}
