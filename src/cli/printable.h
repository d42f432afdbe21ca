/* Text that is safe to show: bytes from the network may hold anything, also what drives a terminal. */
#ifndef COAX_CLI_PRINTABLE_H
#define COAX_CLI_PRINTABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/* The size in bytes of the UTF-8 character (RFC 3629) at the start of `data`; 0 if there is no well-formed one. */
size_t utf8_character(const void *data, size_t size);

/* True if all of it is UTF-8 without control characters other than tab, newline and carriage return. */
bool is_printable(const void *data, size_t size);

/* Writes it with control characters (all but tab and newline) and bytes that are no UTF-8 as "\xNN". */
void print_printable(FILE *file, const void *data, size_t size);

#endif
