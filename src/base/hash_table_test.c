#include "base/hash_table.h"
#include "base/list.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

/* The 64 published SipHash-2-4 vectors: key 00..0f, and of each length 0 to 63 the input 00, 01, 02 ... */
static const uint64_t vectors[64] = {
    0x726fdb47dd0e0e31, 0x74f839c593dc67fd, 0x0d6c8009d9a94f5a, 0x85676696d7fb7e2d, 0xcf2794e0277187b7,
    0x18765564cd99a68d, 0xcbc9466e58fee3ce, 0xab0200f58b01d137, 0x93f5f5799a932462, 0x9e0082df0ba9e4b0,
    0x7a5dbbc594ddb9f3, 0xf4b32f46226bada7, 0x751e8fbc860ee5fb, 0x14ea5627c0843d90, 0xf723ca908e7af2ee,
    0xa129ca6149be45e5, 0x3f2acc7f57c29bdb, 0x699ae9f52cbe4794, 0x4bc1b3f0968dd39c, 0xbb6dc91da77961bd,
    0xbed65cf21aa2ee98, 0xd0f2cbb02e3b67c7, 0x93536795e3a33e88, 0xa80c038ccd5ccec8, 0xb8ad50c6f649af94,
    0xbce192de8a85b8ea, 0x17d835b85bbb15f3, 0x2f2e6163076bcfad, 0xde4daaaca71dc9a5, 0xa6a2506687956571,
    0xad87a3535c49ef28, 0x32d892fad841c342, 0x7127512f72f27cce, 0xa7f32346f95978e3, 0x12e0b01abb051238,
    0x15e034d40fa197ae, 0x314dffbe0815a3b4, 0x027990f029623981, 0xcadcd4e59ef40c4d, 0x9abfd8766a33735c,
    0x0e3ea96b5304a7d0, 0xad0c42d6fc585992, 0x187306c89bc215a9, 0xd4a60abcf3792b95, 0xf935451de4f21df2,
    0xa9538f0419755787, 0xdb9acddff56ca510, 0xd06c98cd5c0975eb, 0xe612a3cb9ecba951, 0xc766e62cfcadaf96,
    0xee64435a9752fe72, 0xa192d576b245165a, 0x0a8787bf8ecb74b2, 0x81b3e73d20b49b6f, 0x7fa8220ba3b2ecea,
    0x245731c13ca42499, 0xb78dbfaf3a8d83bd, 0xea1ad565322a1a0b, 0x60e61c23a3795013, 0x6606d7e446282b93,
    0x6ca4ecb15c5f91e1, 0x9f626da15c9625f3, 0xe51b38608ef25f57, 0x958a324ceb064572,
};

static void siphash_gives_the_published_vectors(void **state) {
    (void)state;
    uint8_t key[16], input[64];
    for (uint8_t i = 0; i < 16; i++) {
        key[i] = i;
    }
    for (uint8_t i = 0; i < 64; i++) {
        input[i] = i;
        assert_true(coax_siphash(key, input, i) == vectors[i]);
    }
    assert_true(coax_siphash(key, NULL, 0) == vectors[0]);
}

static void siphash_reads_unaligned_data(void **state) {
    (void)state;
    uint8_t key[17], input[65];
    for (uint8_t i = 0; i < 16; i++) {
        key[i + 1] = i;
    }
    for (uint8_t i = 0; i < 64; i++) {
        input[i + 1] = i;
    }
    assert_true(coax_siphash(key + 1, input + 1, 63) == vectors[63]);
}

/* The example of the paper's appendix A: key 00..0f, input 00..0e. */
static void siphash_gives_the_example_of_the_paper(void **state) {
    (void)state;
    static const uint8_t key[16] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
    assert_true(coax_siphash(key, key, 15) == UINT64_C(0xa129ca6149be45e5));
}

struct entry {
    uint32_t key;
    struct hash_node node;
    int visits;
};

static bool equal(const struct hash_node *node, const void *key) {
    return COAX_CONTAINER(node, const struct entry, node)->key == *(const uint32_t *)key;
}

static const uint8_t seed[16] = "an unlikely key";

static struct entry *find(const struct hash_table *table, uint32_t key) {
    struct hash_node *node = coax_hash_table_find(table, coax_hash_table_hash(table, &key, sizeof key), &key);
    return node == NULL ? NULL : COAX_CONTAINER(node, struct entry, node);
}

static void insert(struct hash_table *table, struct entry *entry) {
    uint64_t hash = coax_hash_table_hash(table, &entry->key, sizeof entry->key);
    assert_int_equal(coax_hash_table_insert(table, &entry->node, hash), COAX_OK);
}

static void visit(struct hash_node *node, void *user) {
    COAX_CONTAINER(node, struct entry, node)->visits++;
    ++*(size_t *)user;
}

static void an_empty_table_finds_nothing(void **state) {
    (void)state;
    struct hash_table table;
    size_t visits = 0;
    coax_hash_table_init(&table, seed, equal);
    assert_null(find(&table, 1));
    coax_hash_table_each(&table, visit, &visits);
    assert_int_equal(visits, 0);
    coax_hash_table_free(&table);
}

static void finds_what_was_inserted_and_not_what_was_removed(void **state) {
    (void)state;
    enum { COUNT = 5000 };
    static struct entry entries[COUNT];
    struct hash_table table;
    coax_hash_table_init(&table, seed, equal);
    for (uint32_t i = 0; i < COUNT; i++) {
        entries[i].key = i * 3;
        insert(&table, &entries[i]);
    }
    assert_int_equal(table.count, COUNT);
    assert_true(table.slot_count >= COUNT);
    for (uint32_t i = 0; i < COUNT; i++) {
        assert_ptr_equal(find(&table, i * 3), &entries[i]);
        assert_null(find(&table, i * 3 + 1));
    }
    for (uint32_t i = 0; i < COUNT; i += 2) {
        coax_hash_table_remove(&table, &entries[i].node);
    }
    assert_int_equal(table.count, COUNT / 2);
    for (uint32_t i = 0; i < COUNT; i++) {
        assert_ptr_equal(find(&table, i * 3), i % 2 == 0 ? NULL : &entries[i]);
    }
    coax_hash_table_free(&table);
}

static void nodes_of_one_hash_are_told_apart(void **state) {
    (void)state;
    struct hash_table table;
    struct entry entries[4] = {{.key = 1}, {.key = 2}, {.key = 3}, {.key = 4}};
    coax_hash_table_init(&table, seed, equal);
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(coax_hash_table_insert(&table, &entries[i].node, 42), COAX_OK);
    }
    coax_hash_table_remove(&table, &entries[1].node); /* from the middle */
    for (size_t i = 0; i < 4; i++) {
        struct hash_node *expected = i == 1 ? NULL : &entries[i].node;
        assert_ptr_equal(coax_hash_table_find(&table, 42, &entries[i].key), expected);
    }
    assert_null(coax_hash_table_find(&table, 42 + table.slot_count, &entries[0].key));
    coax_hash_table_free(&table);
}

/* Beside a list of what is in it: many runs of slots that begin, meet, wrap around and close again. */
static void slots_that_become_free_are_closed(void **state) {
    (void)state;
    enum { KEYS = 300, STEPS = 200000 };
    static struct entry entries[KEYS];
    static bool is_in[KEYS];
    struct hash_table table;
    uint32_t random = 1;
    size_t count = 0;
    coax_hash_table_init(&table, seed, equal);
    for (int step = 0; step < STEPS; step++) {
        random = random * 1664525 + 1013904223;
        uint32_t key = (random >> 8) % KEYS;
        struct entry *entry = &entries[key];
        entry->key = key;
        uint64_t hash = key / 3 * UINT64_C(0x100000007) + 250; /* three of each, in neighbourhoods */
        if (is_in[key]) {
            coax_hash_table_remove(&table, &entry->node);
        } else {
            assert_int_equal(coax_hash_table_insert(&table, &entry->node, hash), COAX_OK);
        }
        is_in[key] = !is_in[key];
        count = is_in[key] ? count + 1 : count - 1;
        assert_int_equal(table.count, count);
        uint32_t other = (random >> 4) % KEYS;
        struct hash_node *found = coax_hash_table_find(&table, other / 3 * UINT64_C(0x100000007) + 250, &other);
        assert_ptr_equal(found, is_in[other] ? &entries[other].node : NULL);
    }
    coax_hash_table_free(&table);
}

static void each_visits_every_node_once(void **state) {
    (void)state;
    static struct entry entries[100];
    struct hash_table table;
    size_t visits = 0;
    coax_hash_table_init(&table, seed, equal);
    for (uint32_t i = 0; i < 100; i++) {
        entries[i].key = i;
        insert(&table, &entries[i]);
    }
    coax_hash_table_each(&table, visit, &visits);
    assert_int_equal(visits, 100);
    for (size_t i = 0; i < 100; i++) {
        assert_int_equal(entries[i].visits, 1);
    }
    coax_hash_table_free(&table);
}

static void free_entry(struct hash_node *node, void *user) {
    (void)user;
    free(COAX_CONTAINER(node, struct entry, node));
}

static void each_may_free_the_nodes(void **state) {
    (void)state;
    struct hash_table table;
    coax_hash_table_init(&table, seed, equal);
    for (uint32_t i = 0; i < 100; i++) {
        struct entry *entry = calloc(1, sizeof *entry);
        assert_non_null(entry);
        entry->key = i;
        insert(&table, entry);
    }
    coax_hash_table_each(&table, free_entry, NULL);
    coax_hash_table_free(&table);
    assert_int_equal(table.count, 0);
}

struct removal {
    struct hash_table *table;
    size_t count;
};

static void remove_and_free(struct hash_node *node, void *user) {
    struct removal *removal = user;
    removal->count++;
    coax_hash_table_remove(removal->table, node);
    free(COAX_CONTAINER(node, struct entry, node));
}

static void each_may_remove_the_nodes(void **state) {
    (void)state;
    for (uint32_t count = 0; count < 300; count += 7) {
        struct hash_table table;
        struct removal removal = {&table, 0};
        coax_hash_table_init(&table, seed, equal);
        for (uint32_t i = 0; i < count; i++) {
            struct entry *entry = calloc(1, sizeof *entry);
            assert_non_null(entry);
            entry->key = i;
            /* Some have their home in the last slots, and wrap around. */
            uint64_t hash = i % 3 == 0 ? UINT64_MAX - i % 5 : coax_hash_table_hash(&table, &i, sizeof i);
            assert_int_equal(coax_hash_table_insert(&table, &entry->node, hash), COAX_OK);
        }
        coax_hash_table_each(&table, remove_and_free, &removal);
        assert_int_equal(removal.count, count);
        assert_int_equal(table.count, 0);
        coax_hash_table_free(&table);
    }
}

static void another_key_gives_other_hashes(void **state) {
    (void)state;
    static const uint8_t other_seed[16] = "another key....";
    struct hash_table a, b;
    coax_hash_table_init(&a, seed, equal);
    coax_hash_table_init(&b, other_seed, equal);
    assert_true(coax_hash_table_hash(&a, "x", 1) != coax_hash_table_hash(&b, "x", 1));
    assert_true(coax_hash_table_hash(&a, "x", 1) == coax_siphash(seed, "x", 1));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(siphash_gives_the_published_vectors),
        cmocka_unit_test(siphash_reads_unaligned_data),
        cmocka_unit_test(siphash_gives_the_example_of_the_paper),
        cmocka_unit_test(an_empty_table_finds_nothing),
        cmocka_unit_test(finds_what_was_inserted_and_not_what_was_removed),
        cmocka_unit_test(nodes_of_one_hash_are_told_apart),
        cmocka_unit_test(slots_that_become_free_are_closed),
        cmocka_unit_test(each_visits_every_node_once),
        cmocka_unit_test(each_may_free_the_nodes),
        cmocka_unit_test(each_may_remove_the_nodes),
        cmocka_unit_test(another_key_gives_other_hashes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
