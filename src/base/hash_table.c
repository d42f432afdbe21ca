#include "base/hash_table.h"

#include <stdlib.h>
#include <string.h>

enum { FIRST_BUCKET_COUNT = 16 };

struct siphash {
    uint64_t v0, v1, v2, v3;
};

static inline uint64_t rotate_left(uint64_t value, unsigned bits) {
    return value << bits | value >> (64 - bits);
}

/* Fewer than 8 bytes. */
static inline uint64_t read_rest(const uint8_t *bytes, size_t size) {
    uint64_t value = 0;
    for (size_t i = 0; i < size; i++) {
        value |= (uint64_t)bytes[i] << (8 * i);
    }
    return value;
}

/* Spelled out, because compilers then make one load of it. */
static inline uint64_t read_word(const uint8_t *b) {
    return (uint64_t)b[0] | (uint64_t)b[1] << 8 | (uint64_t)b[2] << 16 | (uint64_t)b[3] << 24 | (uint64_t)b[4] << 32
           | (uint64_t)b[5] << 40 | (uint64_t)b[6] << 48 | (uint64_t)b[7] << 56;
}

static inline void siphash_round(struct siphash *s) {
    s->v0 += s->v1;
    s->v2 += s->v3;
    s->v1 = rotate_left(s->v1, 13) ^ s->v0;
    s->v3 = rotate_left(s->v3, 16) ^ s->v2;
    s->v0 = rotate_left(s->v0, 32);
    s->v2 += s->v1;
    s->v0 += s->v3;
    s->v1 = rotate_left(s->v1, 17) ^ s->v2;
    s->v3 = rotate_left(s->v3, 21) ^ s->v0;
    s->v2 = rotate_left(s->v2, 32);
}

static inline void siphash_compress(struct siphash *s, uint64_t word) {
    s->v3 ^= word;
    siphash_round(s);
    siphash_round(s);
    s->v0 ^= word;
}

/* Aumasson and Bernstein, "SipHash: a fast short-input PRF" (2012), section 2. */
uint64_t coax_siphash(const uint8_t key[16], const void *data, size_t size) {
    uint64_t k0 = read_word(key);
    uint64_t k1 = read_word(key + 8);
    struct siphash s = {
        k0 ^ UINT64_C(0x736f6d6570736575),
        k1 ^ UINT64_C(0x646f72616e646f6d),
        k0 ^ UINT64_C(0x6c7967656e657261),
        k1 ^ UINT64_C(0x7465646279746573),
    };
    const uint8_t *bytes = data;
    size_t whole = size - size % 8;
    for (size_t i = 0; i < whole; i += 8) {
        siphash_compress(&s, read_word(bytes + i));
    }
    uint64_t last = (uint64_t)(size & 0xff) << 56;
    if (size != whole) {
        last |= read_rest(bytes + whole, size - whole);
    }
    siphash_compress(&s, last);
    s.v2 ^= 0xff;
    for (int i = 0; i < 4; i++) {
        siphash_round(&s);
    }
    return s.v0 ^ s.v1 ^ s.v2 ^ s.v3;
}

void coax_hash_table_init(struct hash_table *table, const uint8_t seed[16],
                          bool (*equal)(const struct hash_node *node, const void *key)) {
    *table = (struct hash_table){.equal = equal};
    memcpy(table->key, seed, sizeof table->key);
}

void coax_hash_table_free(struct hash_table *table) {
    free(table->buckets);
    table->buckets = NULL;
    table->bucket_count = 0;
    table->count = 0;
}

uint64_t coax_hash_table_hash(const struct hash_table *table, const void *data, size_t size) {
    return coax_siphash(table->key, data, size);
}

static struct hash_node **bucket_of(const struct hash_table *table, uint64_t hash) {
    return &table->buckets[hash & (table->bucket_count - 1)];
}

static void push(struct hash_table *table, struct hash_node *node) {
    struct hash_node **bucket = bucket_of(table, node->hash);
    node->next = *bucket;
    *bucket = node;
}

static void move_nodes(struct hash_table *table, struct hash_node **buckets, size_t bucket_count) {
    for (size_t i = 0; i < bucket_count; i++) {
        struct hash_node *next = NULL;
        for (struct hash_node *node = buckets[i]; node != NULL; node = next) {
            next = node->next;
            push(table, node);
        }
    }
}

/* False if memory ran out; the table is as before then. */
static bool grow(struct hash_table *table) {
    struct hash_node **old = table->buckets;
    size_t old_count = table->bucket_count;
    if (old_count > SIZE_MAX / 2) {
        return false;
    }
    size_t count = old_count == 0 ? FIRST_BUCKET_COUNT : old_count * 2;
    struct hash_node **buckets = calloc(count, sizeof *buckets);
    if (buckets == NULL) {
        return false;
    }
    table->buckets = buckets;
    table->bucket_count = count;
    move_nodes(table, old, old_count);
    free(old);
    return true;
}

struct hash_node *coax_hash_table_find(const struct hash_table *table, uint64_t hash, const void *key) {
    if (table->bucket_count == 0) {
        return NULL;
    }
    struct hash_node *node = *bucket_of(table, hash);
    while (node != NULL && !(node->hash == hash && table->equal(node, key))) {
        node = node->next;
    }
    return node;
}

enum coax_status coax_hash_table_insert(struct hash_table *table, struct hash_node *node, uint64_t hash) {
    /* A full table that cannot grow goes on with longer chains. */
    if (table->count >= table->bucket_count && !grow(table) && table->bucket_count == 0) {
        return COAX_E_NO_MEMORY;
    }
    node->hash = hash;
    push(table, node);
    table->count++;
    return COAX_OK;
}

void coax_hash_table_remove(struct hash_table *table, struct hash_node *node) {
    struct hash_node **link = bucket_of(table, node->hash);
    while (*link != node) {
        link = &(*link)->next;
    }
    *link = node->next;
    node->next = NULL;
    table->count--;
}

void coax_hash_table_each(struct hash_table *table, void (*visit)(struct hash_node *node, void *user), void *user) {
    for (size_t i = 0; i < table->bucket_count; i++) {
        struct hash_node *next = NULL;
        for (struct hash_node *node = table->buckets[i]; node != NULL; node = next) {
            next = node->next;
            visit(node, user);
        }
    }
}
