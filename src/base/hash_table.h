/* A hash table of intrusive nodes with a secret key (SipHash-2-4), so that a peer cannot choose colliding keys. It
   grows in one step by doubling, never shrinks. Nodes are looked at only when they are found: who is not in the table
   costs one cache line. */
#ifndef COAX_BASE_HASH_TABLE_H
#define COAX_BASE_HASH_TABLE_H

#include "base/bytes.h"
#include <coax/status.h>

/* SipHash-2-4 of `data` under a 16-byte key. */
uint64_t coax_siphash(const uint8_t key[16], const void *data, size_t size);

/* Embedded in what is stored. */
struct hash_node {
    uint64_t hash;
};

struct hash_table {
    struct hash_node **nodes; /* `slot_count` of them, and as many tags behind them */
    uint32_t *tags;           /* of the nodes' hashes; 0: the slot is free */
    size_t slot_count;        /* a power of two, or 0 */
    size_t count;
    uint8_t key[16];
    /* Whether a node's key equals `key`. */
    bool (*equal)(const struct hash_node *node, const void *key);
};

/* `seed` is 16 random bytes. */
void coax_hash_table_init(struct hash_table *table, const uint8_t seed[16],
                          bool (*equal)(const struct hash_node *node, const void *key));

/* Frees the slots, not the nodes. */
void coax_hash_table_free(struct hash_table *table);

/* The hash of key bytes, for the functions below: keys that are equal must have equal bytes. */
uint64_t coax_hash_table_hash(const struct hash_table *table, const void *data, size_t size);

struct hash_node *coax_hash_table_find(const struct hash_table *table, uint64_t hash, const void *key);

/* Inserts a node (not yet in the table; equal keys are not looked for). COAX_E_NO_MEMORY when the table is full and
 * cannot grow. */
enum coax_status coax_hash_table_insert(struct hash_table *table, struct hash_node *node, uint64_t hash);

/* Removes a node that is in the table. */
void coax_hash_table_remove(struct hash_table *table, struct hash_node *node);

/* Has what a removal of the node will look at brought into the cache. */
void coax_hash_table_prefetch(const struct hash_table *table, const struct hash_node *node);

/* Calls `visit` for every node. For tearing down `visit` may free all of them, and may remove each that it is called
 * for, or none; it may not touch the table otherwise. */
void coax_hash_table_each(struct hash_table *table, void (*visit)(struct hash_node *node, void *user), void *user);

#endif
