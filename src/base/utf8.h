/* Characters in UTF-8 (RFC 3629), strictly: no overlong forms, no surrogates, nothing over U+10FFFF. */
#ifndef COAX_BASE_UTF8_H
#define COAX_BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The bytes of the character that `data` starts with, 0 if it starts with none; *character gets its code point. */
size_t coax_utf8_read(const uint8_t *data, size_t size, uint32_t *character);

bool coax_utf8_is_valid(const uint8_t *data, size_t size);

#endif
