#include "base/pool.h"

#include <stdalign.h>
#include <stdlib.h>
#include <string.h>

void coax_pool_init(struct pool *pool, size_t object_size, size_t limit) {
    *pool = (struct pool){.object_size = object_size, .limit = limit};
}

#ifdef COAX_POOL_PLAIN

static void *take_memory(struct pool *pool) {
    return calloc(1, pool->object_size == 0 ? 1 : pool->object_size);
}

static void give_memory(struct pool *pool, void *object) {
    (void)pool;
    free(object);
}

static void free_slabs(struct pool *pool) {
    (void)pool;
}

#else

enum { SLAB_MINIMUM_OBJECTS = 8, SLAB_MAXIMUM_BYTES = 64 * 1024 };

struct free_object {
    struct free_object *next;
};

struct slab {
    struct slab *next;
    alignas(max_align_t) unsigned char objects[];
};

/* The distance of two objects: each is aligned for anything and can hold the link of the free list. */
static size_t stride_of(const struct pool *pool) {
    const size_t alignment = alignof(max_align_t);
    size_t size = pool->object_size < sizeof(struct free_object) ? sizeof(struct free_object) : pool->object_size;
    return (size + alignment - 1) / alignment * alignment;
}

/* Doubles what the pool has, within the limit and the size of a slab: a pool of which little is used stays small. Runs
   only when every object is in use. */
static size_t objects_of_next_slab(const struct pool *pool, size_t stride) {
    size_t count = pool->in_use < SLAB_MINIMUM_OBJECTS ? SLAB_MINIMUM_OBJECTS : pool->in_use;
    if (count > SLAB_MAXIMUM_BYTES / stride) {
        count = SLAB_MAXIMUM_BYTES / stride;
    }
    if (count > pool->limit - pool->in_use) {
        count = pool->limit - pool->in_use;
    }
    return count == 0 ? 1 : count;
}

static void add_slab(struct pool *pool) {
    size_t stride = stride_of(pool);
    size_t count = objects_of_next_slab(pool, stride);
    struct slab *slab = malloc(sizeof *slab + count * stride);
    if (slab == NULL) {
        return;
    }
    slab->next = pool->slabs;
    pool->slabs = slab;
    for (size_t i = count; i-- > 0;) {
        struct free_object *object = (struct free_object *)(void *)(slab->objects + i * stride);
        object->next = pool->free_list;
        pool->free_list = object;
    }
}

static void *take_memory(struct pool *pool) {
    if (pool->free_list == NULL) {
        add_slab(pool);
    }
    struct free_object *object = pool->free_list;
    if (object == NULL) {
        return NULL;
    }
    pool->free_list = object->next;
    return memset(object, 0, pool->object_size);
}

static void give_memory(struct pool *pool, void *object) {
    struct free_object *freed = object;
    freed->next = pool->free_list;
    pool->free_list = freed;
}

static void free_slabs(struct pool *pool) {
    struct slab *slab = pool->slabs;
    while (slab != NULL) {
        struct slab *next = slab->next;
        free(slab);
        slab = next;
    }
}

#endif

void *coax_pool_take(struct pool *pool) {
    if (pool->in_use >= pool->limit) {
        return NULL;
    }
    void *object = take_memory(pool);
    if (object != NULL) {
        pool->in_use++;
    }
    return object;
}

void coax_pool_give(struct pool *pool, void *object) {
    if (object == NULL) {
        return;
    }
    give_memory(pool, object);
    pool->in_use--;
}

void coax_pool_free(struct pool *pool) {
    free_slabs(pool);
    coax_pool_init(pool, pool->object_size, pool->limit);
}
