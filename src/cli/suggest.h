/* "Did you mean …?" */
#ifndef COAX_CLI_SUGGEST_H
#define COAX_CLI_SUGGEST_H

#include <stddef.h>

/* How many letters must be added, removed, exchanged or swapped with their neighbour to make one word of the other,
   letter case aside. Words of over 63 bytes are as far as can be: SIZE_MAX. */
size_t word_distance(const char *one, const char *other);

/* The best of `candidates` for what was typed; NULL if none is near (about a third of the letters may be wrong).
   `stride` is the size of one candidate, an object that starts with a `const char *`. */
const char *suggest(const char *typed, const void *candidates, size_t count, size_t stride);

#endif
