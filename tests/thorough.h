/* How much of an exhaustive test is done: all of it, but under valgrind, which is some fifty times slower and sees the
   same code, a sample. */
#ifndef COAX_TESTS_THOROUGH_H
#define COAX_TESTS_THOROUGH_H

#include <stdlib.h>

/* The step of a loop; tools/valgrind-tests says where it runs. */
static inline unsigned thorough_step(unsigned usual, unsigned under_valgrind) {
    return getenv("UNDER_VALGRIND") == NULL ? usual : under_valgrind;
}

#endif
