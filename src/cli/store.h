/* What clients put on the server: representations by name, in memory, bounded in number and size. Threads share it:
   whoever uses it from several holds its lock meanwhile. */
#ifndef COAX_CLI_STORE_H
#define COAX_CLI_STORE_H

#include "base/list.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    STORE_ENTRIES_MAXIMUM = 1000,
    STORE_ENTRY_MAXIMUM = 8 * 1024 * 1024, /* bytes of one representation */
    STORE_SIZE_MAXIMUM = 32 * 1024 * 1024, /* bytes of all, with their names and the store's own */
    STORE_ETAG_SIZE = 8,
};

struct store;

/* A view that is valid until the store changes. */
struct stored {
    const char *name;
    int format; /* a Content-Format or COAX_NO_FORMAT */
    const uint8_t *data;
    size_t size;
    uint8_t etag[STORE_ETAG_SIZE]; /* equal for equal contents */
};

enum store_outcome { STORE_CREATED, STORE_CHANGED, STORE_TOO_LARGE, STORE_FULL, STORE_NO_MEMORY };

/* `seed` is 16 random bytes: clients choose the names. NULL if memory ran out. */
struct store *store_new(const uint8_t seed[16]);
void store_free(struct store *store); /* NULL is allowed */

/* The same thread may lock it again. */
void store_lock(struct store *store);
void store_unlock(struct store *store);

/* From now on `changed` hears the name of each entry that is put or removed, afterwards, in the thread that did it. The
   watcher outlives the store. */
struct store_watcher {
    struct list_node node;
    void (*changed)(const char *name, struct store_watcher *watcher);
};
void store_watch(struct store *store, struct store_watcher *watcher);

/* False if there is no such entry. */
bool store_find(const struct store *store, const char *name, struct stored *stored);

/* Copies. An entry that is too large, and any when the store is full, leaves the store as it was. */
enum store_outcome store_put(struct store *store, const char *name, int format, const void *data, size_t size);

/* False if there was none. */
bool store_remove(struct store *store, const char *name);

/* Calls `visit` for every entry, in the order in which they were made, until it returns false. */
void store_each(const struct store *store, bool (*visit)(const struct stored *stored, void *user), void *user);

size_t store_count(const struct store *store);

#endif
