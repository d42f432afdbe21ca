/* A pool of objects of one size with a bound: freed objects are kept for reuse, so that the steady state allocates
   nothing. Under COAX_POOL_PLAIN (set for sanitizer builds) every object is its own malloc, so that ASan sees each
   one's life. */
#ifndef COAX_BASE_POOL_H
#define COAX_BASE_POOL_H

#include <stddef.h>

struct pool {
    size_t object_size;
    size_t limit; /* objects in use at most */
    size_t in_use;
    void *free_list;
    void *slabs;
};

void coax_pool_init(struct pool *pool, size_t object_size, size_t limit);

/* A zeroed object; NULL at the limit or if memory ran out. */
void *coax_pool_take(struct pool *pool);

/* Wipes nothing: secrets are the owner's business. NULL is allowed. */
void coax_pool_give(struct pool *pool, void *object);

/* Frees the memory of the pool. Objects still in use become invalid (in plain mode they leak, so that the sanitizer
 * tells). */
void coax_pool_free(struct pool *pool);

#endif
