#include "security/credentials_store.h"

#include "base/error.h"
#include <stdlib.h>
#include <string.h>

/* --- the store --- */

coax_credentials *coax_credentials_new(void) {
    return calloc(1, sizeof(coax_credentials));
}

static void drop_entries(struct credential **entries, size_t count) {
    for (size_t i = 0; i < count; i++) {
        coax_credential_unref(entries[i]);
    }
    free(entries);
}

void coax_credentials_free(coax_credentials *credentials) {
    if (credentials != NULL) {
        drop_entries(credentials->entries, credentials->count);
        free(credentials);
    }
}

void coax_credentials_replace(coax_credentials *credentials, coax_credentials *source) {
    if (credentials == source) {
        return;
    }
    drop_entries(credentials->entries, credentials->count);
    credentials->entries = source->entries;
    credentials->count = source->count;
    credentials->generation++;
    source->entries = NULL;
    source->count = 0;
    source->generation++;
}

void coax_credentials_each(const coax_credentials *credentials,
                           bool (*visit)(struct credential *credential, void *user), void *user) {
    for (size_t i = 0; i < credentials->count; i++) {
        if (!visit(credentials->entries[i], user)) {
            return;
        }
    }
}

uint64_t coax_credentials_generation(const coax_credentials *credentials) {
    return credentials->generation;
}

bool coax_credentials_can_serve(const coax_credentials *credentials) {
    for (size_t i = 0; i < credentials->count; i++) {
        const struct credential *credential = credentials->entries[i];
        if (credential->kind == CREDENTIAL_PSK || coax_credential_is_own_key(credential)) {
            return true;
        }
    }
    return false;
}

/* --- changes --- */

/* A change in the order of keys, and whether its entry has found its place. */
struct sorted_change {
    const struct credential_change *change;
    const char *key;
    bool placed;
};

static int compare_changes(const void *left, const void *right) {
    const struct sorted_change *a = left;
    const struct sorted_change *b = right;
    int order = strcmp(a->key, b->key);
    if (order != 0) {
        return order;
    }
    return (a->change > b->change) - (a->change < b->change);
}

static struct sorted_change *sort_changes(const struct credential_change *changes, size_t count) {
    struct sorted_change *sorted = calloc(count + 1, sizeof *sorted);
    if (sorted == NULL) {
        return NULL;
    }
    for (size_t i = 0; i < count; i++) {
        const struct credential *credential = changes[i].credential;
        sorted[i].change = &changes[i];
        sorted[i].key = credential != NULL ? credential->normal_key : changes[i].normal_key;
    }
    qsort(sorted, count, sizeof *sorted, compare_changes);
    return sorted;
}

/* The first change of this key, or `count`. */
static size_t find_change(const struct sorted_change *sorted, size_t count, const char *key) {
    size_t low = 0;
    size_t high = count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (strcmp(sorted[middle].key, key) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low < count && strcmp(sorted[low].key, key) == 0 ? low : count;
}

/* Entries being put together: pointers without references of their own. */
struct merge {
    struct credential **entries;
    size_t count;
    struct sorted_change *sorted;
    size_t change_count;
};

/* Places what has this key, from `first` on, unless it has been. */
static void place(struct merge *merge, size_t first) {
    const char *key = merge->sorted[first].key;
    for (size_t i = first; i < merge->change_count && strcmp(merge->sorted[i].key, key) == 0; i++) {
        struct sorted_change *sorted = &merge->sorted[i];
        if (!sorted->placed && sorted->change->credential != NULL) {
            merge->entries[merge->count++] = sorted->change->credential;
        }
        sorted->placed = true;
    }
}

static void merge_entries(struct merge *merge, const coax_credentials *credentials,
                          const struct credential_change *changes) {
    for (size_t i = 0; i < credentials->count; i++) {
        size_t first = find_change(merge->sorted, merge->change_count, credentials->entries[i]->normal_key);
        if (first == merge->change_count) {
            merge->entries[merge->count++] = credentials->entries[i];
        } else {
            place(merge, first);
        }
    }
    for (size_t i = 0; i < merge->change_count; i++) {
        if (changes[i].credential != NULL) {
            place(merge, find_change(merge->sorted, merge->change_count, changes[i].credential->normal_key));
        }
    }
}

static void commit(coax_credentials *credentials, struct merge *merge) {
    for (size_t i = 0; i < merge->count; i++) {
        coax_credential_ref(merge->entries[i]);
    }
    drop_entries(credentials->entries, credentials->count);
    credentials->entries = merge->entries;
    credentials->count = merge->count;
    credentials->generation++;
}

enum coax_status coax_credentials_apply(coax_credentials *credentials, const struct credential_change *changes,
                                        size_t count, coax_error *error) {
    struct merge merge = {.change_count = count, .sorted = sort_changes(changes, count)};
    merge.entries = calloc(credentials->count + count + 1, sizeof(void *));
    enum coax_status status = COAX_OK;
    if (merge.sorted == NULL || merge.entries == NULL) {
        status = coax_fail_memory(error);
    } else {
        merge_entries(&merge, credentials, changes);
        if (merge.count > CREDENTIAL_ENTRIES_MAXIMUM) {
            status = coax_fail(error, COAX_E_LIMIT, "the store would hold %zu entries; at most %d are accepted",
                               merge.count, CREDENTIAL_ENTRIES_MAXIMUM);
        }
    }
    if (status == COAX_OK) {
        commit(credentials, &merge);
    } else {
        free(merge.entries);
    }
    free(merge.sorted);
    return status;
}

/* --- by program --- */

/* Makes an entry of the parts and sets it. */
static enum coax_status set(coax_credentials *credentials, enum credential_kind kind, const char *key,
                            const struct credential_parts *parts, coax_error *error) {
    if (key == NULL) {
        return coax_fail(error, COAX_E_INVALID, "the entry has no key; expected a URI pattern or a label");
    }
    struct credential_change change = {NULL, NULL};
    enum coax_status status = coax_credential_new(&change.credential, kind, key, parts, NULL, error);
    if (status != COAX_OK) {
        return status;
    }
    status = coax_credentials_apply(credentials, &change, 1, error);
    coax_credential_unref(change.credential);
    return status;
}

enum coax_status coax_credentials_set_psk(coax_credentials *credentials, const char *key, const void *identity,
                                          size_t identity_size, const void *psk, size_t psk_size, coax_error *error) {
    struct credential_parts parts = {.psk = bytes_of(psk, psk_size), .identity = bytes_of(identity, identity_size)};
    return set(credentials, CREDENTIAL_PSK, key, &parts, error);
}

static struct bytes bytes_of_text(const char *text) {
    return text == NULL ? bytes_of(NULL, 0) : bytes_of(text, strlen(text));
}

static enum coax_status check_struct(size_t size, size_t expected, const char *initializer, coax_error *error) {
    return size >= expected
               ? COAX_OK
               : coax_fail(error, COAX_E_INVALID, "the structure was not initialized with %s", initializer);
}

enum coax_status coax_credentials_set_rpk(coax_credentials *credentials, const char *key, const coax_rpk *rpk,
                                          coax_error *error) {
    enum coax_status status = check_struct(rpk->size, sizeof *rpk, "COAX_RPK_INIT", error);
    if (status != COAX_OK) {
        return status;
    }
    struct credential_parts parts = {.private_key = bytes_of_text(rpk->private_key),
                                     .peer_public_key = bytes_of_text(rpk->peer_public_key)};
    return set(credentials, CREDENTIAL_RPK, key, &parts, error);
}

enum coax_status coax_credentials_set_x509(coax_credentials *credentials, const char *key, const coax_x509 *x509,
                                           coax_error *error) {
    enum coax_status status = check_struct(x509->size, sizeof *x509, "COAX_X509_INIT", error);
    if (status != COAX_OK) {
        return status;
    }
    struct credential_parts parts = {.certificate = bytes_of_text(x509->certificate),
                                     .private_key = bytes_of_text(x509->private_key),
                                     .trust = bytes_of_text(x509->trust)};
    return set(credentials, CREDENTIAL_X509, key, &parts, error);
}

/* The entry whose key means the same as `key`; of several the one that is written the same, else the first. */
static enum coax_status find(const coax_credentials *credentials, const char *key, struct credential **found,
                             char **normal_key, coax_error *error) {
    *found = NULL;
    *normal_key = key == NULL ? NULL : coax_credentials_normal_key(key);
    if (key != NULL && *normal_key == NULL) {
        return coax_fail_memory(error);
    }
    for (size_t i = 0; i < credentials->count && key != NULL; i++) {
        struct credential *entry = credentials->entries[i];
        if (strcmp(entry->normal_key, *normal_key) == 0 && (*found == NULL || strcmp(entry->key, key) == 0)) {
            *found = entry;
        }
    }
    if (*found == NULL) {
        free(*normal_key);
        *normal_key = NULL;
        return coax_fail(error, COAX_E_NOT_FOUND, "the store has no entry \"%.80s\"", key == NULL ? "" : key);
    }
    return COAX_OK;
}

/* Puts `copy` where `old` stands. */
static void exchange(coax_credentials *credentials, const struct credential *old, struct credential *copy) {
    for (size_t i = 0; i < credentials->count; i++) {
        if (credentials->entries[i] == old) {
            coax_credential_unref(credentials->entries[i]);
            credentials->entries[i] = copy;
            credentials->generation++;
            return;
        }
    }
}

enum coax_status coax_credentials_set_allow(coax_credentials *credentials, const char *key, const char *const *paths,
                                            size_t count, coax_error *error) {
    struct credential *entry;
    char *normal_key;
    enum coax_status status = find(credentials, key, &entry, &normal_key, error);
    if (status != COAX_OK || entry == NULL) {
        return status;
    }
    free(normal_key);
    if (entry->kind == CREDENTIAL_ANY_OF) {
        return coax_fail(error, COAX_E_INVALID,
                         "\"%.80s\" only refers to other entries; expected the paths at those, which prove an identity",
                         entry->key);
    }
    struct credential *copy = coax_credential_copy(entry);
    if (copy == NULL) {
        return coax_fail_memory(error);
    }
    if (count == 0) {
        free((void *)copy->allow);
        copy->allow = NULL;
        copy->allow_count = 0;
    } else {
        status = coax_credential_set_allow(copy, paths, count, error);
    }
    if (status != COAX_OK) {
        coax_credential_unref(copy);
        return status;
    }
    exchange(credentials, entry, copy);
    return COAX_OK;
}

enum coax_status coax_credentials_remove(coax_credentials *credentials, const char *key, coax_error *error) {
    struct credential *entry;
    struct credential_change change = {NULL, NULL};
    enum coax_status status = find(credentials, key, &entry, &change.normal_key, error);
    if (status != COAX_OK) {
        return status;
    }
    status = coax_credentials_apply(credentials, &change, 1, error);
    free(change.normal_key);
    return status;
}
