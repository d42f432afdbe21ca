#include "cli/store.h"

#include "base/hash_table.h"
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

struct entry {
    struct hash_node by_name;
    struct list_node in_order;
    int format;
    size_t size;
    uint8_t *data;
    uint8_t etag[STORE_ETAG_SIZE];
    char name[];
};

struct store {
    struct hash_table entries;
    struct list_node order;
    size_t size; /* of all entries */
    struct list_node watchers;
    pthread_mutex_t lock;
};

static bool has_name(const struct hash_node *node, const void *key) {
    return strcmp(COAX_CONTAINER(node, struct entry, by_name)->name, key) == 0;
}

static void init_lock(pthread_mutex_t *lock) {
    pthread_mutexattr_t kind;
    pthread_mutexattr_init(&kind);
    pthread_mutexattr_settype(&kind, PTHREAD_MUTEX_RECURSIVE);
    pthread_mutex_init(lock, &kind);
    pthread_mutexattr_destroy(&kind);
}

struct store *store_new(const uint8_t seed[16]) {
    struct store *store = calloc(1, sizeof *store);
    if (store != NULL) {
        coax_hash_table_init(&store->entries, seed, has_name);
        list_init(&store->order);
        list_init(&store->watchers);
        init_lock(&store->lock);
    }
    return store;
}

void store_lock(struct store *store) {
    pthread_mutex_lock(&store->lock);
}

void store_unlock(struct store *store) {
    pthread_mutex_unlock(&store->lock);
}

void store_watch(struct store *store, struct store_watcher *watcher) {
    list_append(&store->watchers, &watcher->node);
}

static void tell(const struct store *store, const char *name) {
    for (struct list_node *at = store->watchers.next; at != &store->watchers; at = at->next) {
        struct store_watcher *watcher = COAX_CONTAINER(at, struct store_watcher, node);
        watcher->changed(name, watcher);
    }
}

static size_t footprint(const char *name, size_t size) {
    return sizeof(struct entry) + strlen(name) + 1 + size;
}

static void remove_entry(struct store *store, struct entry *entry) {
    coax_hash_table_remove(&store->entries, &entry->by_name);
    list_remove(&entry->in_order);
    store->size -= footprint(entry->name, entry->size);
    free(entry->data);
    free(entry);
}

void store_free(struct store *store) {
    if (store == NULL) {
        return;
    }
    while (!list_is_empty(&store->order)) {
        remove_entry(store, COAX_CONTAINER(list_first(&store->order), struct entry, in_order));
    }
    coax_hash_table_free(&store->entries);
    pthread_mutex_destroy(&store->lock);
    free(store);
}

static uint64_t hash_of(const struct store *store, const char *name) {
    return coax_hash_table_hash(&store->entries, name, strlen(name));
}

static struct entry *find(const struct store *store, const char *name) {
    struct hash_node *node = coax_hash_table_find(&store->entries, hash_of(store, name), name);
    return node != NULL ? COAX_CONTAINER(node, struct entry, by_name) : NULL;
}

static struct stored view_of(const struct entry *entry) {
    struct stored stored = {.name = entry->name, .format = entry->format, .data = entry->data, .size = entry->size};
    memcpy(stored.etag, entry->etag, sizeof stored.etag);
    return stored;
}

bool store_find(const struct store *store, const char *name, struct stored *stored) {
    const struct entry *entry = find(store, name);
    if (entry != NULL) {
        *stored = view_of(entry);
    }
    return entry != NULL;
}

/* A hash of what a client sees, so that the same contents have the same ETag, also after a restart. */
static void set_etag(struct entry *entry) {
    uint8_t key[16] = "store ETag";
    key[14] = (uint8_t)(entry->format & 0xff);
    key[15] = (uint8_t)(entry->format >> 8 & 0xff);
    uint64_t hash = coax_siphash(key, entry->data, entry->size);
    memcpy(entry->etag, &hash, sizeof entry->etag);
}

static struct entry *make_entry(struct store *store, const char *name) {
    size_t name_size = strlen(name) + 1;
    struct entry *entry = calloc(1, sizeof *entry + name_size);
    if (entry == NULL) {
        return NULL;
    }
    memcpy(entry->name, name, name_size);
    if (coax_hash_table_insert(&store->entries, &entry->by_name, hash_of(store, name)) != COAX_OK) {
        free(entry);
        return NULL;
    }
    list_append(&store->order, &entry->in_order);
    store->size += footprint(name, 0);
    return entry;
}

enum store_outcome store_put(struct store *store, const char *name, int format, const void *data, size_t size) {
    struct entry *entry = find(store, name);
    enum store_outcome outcome = entry != NULL ? STORE_CHANGED : STORE_CREATED;
    size_t freed = entry != NULL ? footprint(name, entry->size) : 0;
    if (size > STORE_ENTRY_MAXIMUM) {
        return STORE_TOO_LARGE;
    }
    if (store->size - freed + footprint(name, size) > STORE_SIZE_MAXIMUM
        || (entry == NULL && store->entries.count == STORE_ENTRIES_MAXIMUM)) {
        return STORE_FULL;
    }
    uint8_t *copy = malloc(size + 1);
    if (copy != NULL && entry == NULL) {
        entry = make_entry(store, name);
    }
    if (copy == NULL || entry == NULL) {
        free(copy);
        return STORE_NO_MEMORY;
    }
    if (size > 0) {
        memcpy(copy, data, size);
    }
    free(entry->data);
    store->size += size - entry->size;
    entry->data = copy;
    entry->size = size;
    entry->format = format;
    set_etag(entry);
    tell(store, name);
    return outcome;
}

bool store_remove(struct store *store, const char *name) {
    struct entry *entry = find(store, name);
    if (entry != NULL) {
        remove_entry(store, entry);
        tell(store, name);
    }
    return entry != NULL;
}

void store_each(const struct store *store, bool (*visit)(const struct stored *stored, void *user), void *user) {
    for (const struct list_node *at = store->order.next; at != &store->order; at = at->next) {
        struct stored stored = view_of(COAX_CONTAINER(at, struct entry, in_order));
        if (!visit(&stored, user)) {
            break;
        }
    }
}

size_t store_count(const struct store *store) {
    return store->entries.count;
}
