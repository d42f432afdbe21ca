/* Each allocation of our own code fails in turn. The linker turns our calls of malloc, calloc, realloc and strdup into
   the functions below (cmake/tests.cmake); those of the libraries stay as they are. */
#ifndef COAX_TESTS_FAILING_ALLOCATIONS_H
#define COAX_TESTS_FAILING_ALLOCATIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *memory, size_t size);
char *__real_strdup(const char *text);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *memory, size_t size);
char *__wrap_strdup(const char *text);

static bool is_counting;
static uint64_t allocation_count, failing_allocation; /* from 1; 0: none fails */

static bool fails_now(void) {
    return is_counting && ++allocation_count == failing_allocation;
}

void *__wrap_malloc(size_t size) {
    return fails_now() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size) {
    return fails_now() ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *memory, size_t size) {
    return fails_now() ? NULL : __real_realloc(memory, size);
}

char *__wrap_strdup(const char *text) {
    return fails_now() ? NULL : __real_strdup(text);
}

/* The n-th from now fails; 0: none does, and they are counted. */
static inline void fail_allocation(uint64_t n) {
    is_counting = true;
    allocation_count = 0;
    failing_allocation = n;
}

#endif
