#include "cli/store.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const uint8_t seed[16] = "0123456789abcde";

static int set_up(void **state) {
    *state = store_new(seed);
    return *state == NULL;
}

static int tear_down(void **state) {
    store_free(*state);
    return 0;
}

static void keeps_what_is_put(void **state) {
    struct store *store = *state;
    struct stored stored;
    assert_false(store_find(store, "a", &stored));
    char data[] = "hello";
    assert_int_equal(store_put(store, "a", 50, data, 5), STORE_CREATED);
    data[0] = 'j';
    assert_true(store_find(store, "a", &stored));
    assert_string_equal(stored.name, "a");
    assert_int_equal(stored.format, 50);
    assert_int_equal(stored.size, 5);
    assert_memory_equal(stored.data, "hello", 5);
    assert_false(store_find(store, "", &stored));
    assert_false(store_find(store, "a/", &stored));
}

static void replaces(void **state) {
    struct store *store = *state;
    struct stored stored;
    assert_int_equal(store_put(store, "a", -1, "one", 3), STORE_CREATED);
    assert_int_equal(store_put(store, "a", 0, "", 0), STORE_CHANGED);
    assert_true(store_find(store, "a", &stored));
    assert_int_equal(stored.size, 0);
    assert_int_equal(stored.format, 0);
    assert_int_equal(store_count(store), 1);
    assert_int_equal(store_put(store, "b", 0, NULL, 0), STORE_CREATED);
}

static void removes(void **state) {
    struct store *store = *state;
    struct stored stored;
    assert_false(store_remove(store, "a"));
    assert_int_equal(store_put(store, "a", 0, "x", 1), STORE_CREATED);
    assert_int_equal(store_put(store, "b", 0, "y", 1), STORE_CREATED);
    assert_true(store_remove(store, "a"));
    assert_false(store_find(store, "a", &stored));
    assert_true(store_find(store, "b", &stored));
    assert_int_equal(store_count(store), 1);
}

static void etags_tell_contents_apart(void **state) {
    struct store *store = *state;
    static const struct {
        int format;
        const char *text;
    } contents[] = {{-1, "a"}, {0, "a"}, {256, "a"}, {0, "b"}, {0, ""}, {0, "aa"}};
    struct stored all[6];
    for (size_t i = 0; i < 6; i++) {
        store_put(store, "x", contents[i].format, contents[i].text, strlen(contents[i].text));
        assert_true(store_find(store, "x", &all[i]));
        for (size_t k = 0; k < i; k++) {
            assert_memory_not_equal(all[i].etag, all[k].etag, STORE_ETAG_SIZE);
        }
    }
    struct stored again;
    store_put(store, "y", 0, "b", 1);
    assert_true(store_find(store, "y", &again));
    assert_memory_equal(again.etag, all[3].etag, STORE_ETAG_SIZE);
}

static void one_entry_is_bounded(void **state) {
    struct store *store = *state;
    char *data = calloc(1, STORE_ENTRY_MAXIMUM + 1);
    assert_int_equal(store_put(store, "a", 0, data, STORE_ENTRY_MAXIMUM + 1), STORE_TOO_LARGE);
    assert_int_equal(store_count(store), 0);
    assert_int_equal(store_put(store, "a", 0, data, STORE_ENTRY_MAXIMUM), STORE_CREATED);
    assert_int_equal(store_put(store, "a", 0, data, STORE_ENTRY_MAXIMUM + 1), STORE_TOO_LARGE);
    struct stored stored;
    assert_true(store_find(store, "a", &stored));
    assert_int_equal(stored.size, STORE_ENTRY_MAXIMUM);
    free(data);
}

static void their_number_is_bounded(void **state) {
    struct store *store = *state;
    char name[16];
    for (int i = 0; i < STORE_ENTRIES_MAXIMUM; i++) {
        snprintf(name, sizeof name, "%d", i);
        assert_int_equal(store_put(store, name, 0, "x", 1), STORE_CREATED);
    }
    assert_int_equal(store_put(store, "more", 0, "x", 1), STORE_FULL);
    assert_int_equal(store_put(store, "0", 0, "xyz", 3), STORE_CHANGED);
    assert_true(store_remove(store, "0"));
    assert_int_equal(store_put(store, "more", 0, "x", 1), STORE_CREATED);
    assert_int_equal(store_put(store, "0", 0, "x", 1), STORE_FULL);
}

static void their_size_is_bounded(void **state) {
    struct store *store = *state;
    char *data = calloc(1, STORE_ENTRY_MAXIMUM);
    char name[16];
    int count = 0;
    do {
        snprintf(name, sizeof name, "%d", count++);
    } while (store_put(store, name, 0, data, STORE_ENTRY_MAXIMUM) == STORE_CREATED);
    assert_int_equal(count, STORE_SIZE_MAXIMUM / STORE_ENTRY_MAXIMUM); /* names count, too */
    assert_int_equal(store_put(store, "0", 0, data, STORE_ENTRY_MAXIMUM), STORE_CHANGED);
    assert_int_equal(store_put(store, "0", 0, data, 1), STORE_CHANGED);
    assert_int_equal(store_put(store, "other", 0, data, STORE_ENTRY_MAXIMUM - 100), STORE_CREATED);
    assert_int_equal(store_put(store, name, 0, data, STORE_ENTRY_MAXIMUM), STORE_FULL);
    assert_true(store_remove(store, "1"));
    assert_int_equal(store_put(store, name, 0, data, STORE_ENTRY_MAXIMUM), STORE_CREATED);
    free(data);
}

struct visit {
    char names[64];
    size_t left;
};

static bool note(const struct stored *stored, void *user) {
    struct visit *visit = user;
    strcat(visit->names, stored->name);
    return --visit->left > 0;
}

static void lists_in_order(void **state) {
    struct store *store = *state;
    static const char *const names[] = {"c", "a", "d", "b"};
    for (size_t i = 0; i < 4; i++) {
        store_put(store, names[i], 0, "x", 1);
    }
    store_put(store, "c", 0, "y", 1);
    store_remove(store, "d");
    struct visit all = {"", 9};
    store_each(store, note, &all);
    assert_string_equal(all.names, "cab");
    struct visit two = {"", 2};
    store_each(store, note, &two);
    assert_string_equal(two.names, "ca");
}

struct note_taker {
    struct store_watcher watcher;
    char names[16];
};

static void note_name(const char *name, struct store_watcher *watcher) {
    strcat(COAX_CONTAINER(watcher, struct note_taker, watcher)->names, name);
}

static void says_what_changed(void **state) {
    struct store *store = *state;
    struct note_taker takers[2] = {{.watcher.changed = note_name}, {.watcher.changed = note_name}};
    store_watch(store, &takers[0].watcher);
    store_put(store, "a", 0, "x", 1);
    store_put(store, "a", 0, "y", 1);
    store_put(store, "b", 0, "y", STORE_ENTRY_MAXIMUM + 1); /* refused */
    assert_false(store_remove(store, "b"));
    store_watch(store, &takers[1].watcher);
    store_put(store, "c", 0, "y", 1);
    assert_true(store_remove(store, "a"));
    assert_string_equal(takers[0].names, "aaca");
    assert_string_equal(takers[1].names, "ca");
}

static void free_of_null_is_allowed(void **state) {
    (void)state;
    store_free(NULL);
}

#define ON_STORE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        ON_STORE(keeps_what_is_put),
        ON_STORE(replaces),
        ON_STORE(removes),
        ON_STORE(etags_tell_contents_apart),
        ON_STORE(one_entry_is_bounded),
        ON_STORE(their_number_is_bounded),
        ON_STORE(their_size_is_bounded),
        ON_STORE(lists_in_order),
        ON_STORE(says_what_changed),
        cmocka_unit_test(free_of_null_is_allowed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
