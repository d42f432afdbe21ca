/* Hexadecimal and base64 (RFC 4648). */
#ifndef COAX_CLI_ENCODING_H
#define COAX_CLI_ENCODING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Reads pairs of hexadecimal digits, with or without "0x" before them. False if the text is something else or is more
   than `capacity` bytes. */
bool hex_read(const char *text, uint8_t *out, size_t capacity, size_t *size);

/* "0x0a0b" in fresh memory; NULL if there is none. */
char *hex_write(const void *data, size_t size);

/* Base64 with padding, in fresh memory; NULL if there is none. */
char *base64_write(const void *data, size_t size);

#endif
