#include "base/hash_table.h"

#include <stdlib.h>
#include <string.h>

enum { FIRST_SLOT_COUNT = 16 };

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
    free(table->nodes);
    table->nodes = NULL;
    table->tags = NULL;
    table->slot_count = 0;
    table->count = 0;
}

uint64_t coax_hash_table_hash(const struct hash_table *table, const void *data, size_t size) {
    return coax_siphash(table->key, data, size);
}

/* Never 0; its other bits say where a node would like to be. */
static uint32_t tag_of(uint64_t hash) {
    return (uint32_t)hash | UINT32_C(0x80000000);
}

static size_t home_of(const struct hash_table *table, uint32_t tag) {
    return tag & (table->slot_count - 1);
}

static size_t next_of(const struct hash_table *table, size_t slot) {
    return (slot + 1) & (table->slot_count - 1);
}

/* Linear probing: in the first slot from its home on that is free. */
static void put(struct hash_table *table, struct hash_node *node, uint32_t tag) {
    size_t slot = home_of(table, tag);
    while (table->tags[slot] != 0) {
        slot = next_of(table, slot);
    }
    table->tags[slot] = tag;
    table->nodes[slot] = node;
}

/* False if memory ran out; the table is as before then. */
static bool grow(struct hash_table *table) {
    const struct hash_table old = *table;
    size_t count = old.slot_count == 0 ? FIRST_SLOT_COUNT : old.slot_count * 2;
    if (count > UINT32_C(1) << 31) {
        return false;
    }
    struct hash_node **nodes = calloc(count, sizeof *nodes + sizeof *table->tags);
    if (nodes == NULL) {
        return false;
    }
    table->nodes = nodes;
    table->tags = (uint32_t *)(void *)(nodes + count);
    table->slot_count = count;
    for (size_t i = 0; i < old.slot_count; i++) {
        if (old.tags[i] != 0) {
            put(table, old.nodes[i], old.tags[i]);
        }
    }
    free(old.nodes);
    return true;
}

struct hash_node *coax_hash_table_find(const struct hash_table *table, uint64_t hash, const void *key) {
    if (table->slot_count == 0) {
        return NULL;
    }
    uint32_t tag = tag_of(hash);
    for (size_t slot = home_of(table, tag); table->tags[slot] != 0; slot = next_of(table, slot)) {
        struct hash_node *node = table->tags[slot] == tag ? table->nodes[slot] : NULL;
        if (node != NULL && node->hash == hash && table->equal(node, key)) {
            return node;
        }
    }
    return NULL;
}

enum coax_status coax_hash_table_insert(struct hash_table *table, struct hash_node *node, uint64_t hash) {
    /* A table that should grow and cannot goes on until one slot is left, at which searches end. */
    if ((table->count + 1) * 3 > table->slot_count * 2 && !grow(table) && table->count + 1 >= table->slot_count) {
        return COAX_E_NO_MEMORY;
    }
    node->hash = hash;
    put(table, node, tag_of(hash));
    table->count++;
    return COAX_OK;
}

/* Those behind a slot that becomes free move up, unless that is before their home. */
static void close_gap(struct hash_table *table, size_t gap) {
    size_t mask = table->slot_count - 1;
    for (size_t slot = next_of(table, gap); table->tags[slot] != 0; slot = next_of(table, slot)) {
        size_t distance = (slot - home_of(table, table->tags[slot])) & mask;
        if (distance >= ((slot - gap) & mask)) {
            table->tags[gap] = table->tags[slot];
            table->nodes[gap] = table->nodes[slot];
            gap = slot;
        }
    }
    table->tags[gap] = 0;
}

void coax_hash_table_remove(struct hash_table *table, struct hash_node *node) {
    uint32_t tag = tag_of(node->hash);
    size_t slot = home_of(table, tag);
    while (table->tags[slot] != tag || table->nodes[slot] != node) {
        slot = next_of(table, slot);
    }
    close_gap(table, slot);
    table->count--;
}

void coax_hash_table_prefetch(const struct hash_table *table, const struct hash_node *node) {
    size_t home = home_of(table, tag_of(node->hash));
    __builtin_prefetch(&table->tags[home]);
    __builtin_prefetch(&table->nodes[home]);
}

void coax_hash_table_each(struct hash_table *table, void (*visit)(struct hash_node *node, void *user), void *user) {
    for (size_t i = 0; i < table->slot_count; i++) {
        size_t before = table->count + 1;
        while (table->tags[i] != 0 && table->count < before) { /* one that is removed lets another move up */
            before = table->count;
            visit(table->nodes[i], user);
        }
    }
}
