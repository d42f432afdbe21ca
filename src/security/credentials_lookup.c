#include "security/credentials_store.h"

#include "base/error.h"
#include <gnutls/gnutls.h>
#include <stdlib.h>
#include <string.h>

/* --- references --- */

enum mark { MARK_UNSEEN, MARK_UNDER_WAY, MARK_UNUSABLE };

/* One search through references. The marks, one for each entry, end circles and keep the search from looking at an
   entry twice, however the references branch. */
struct search {
    const coax_credentials *credentials;
    bool (*usable)(const struct credential *credential, void *user);
    void *user;
    uint8_t *marks;
    coax_error *error;
};

/* The index of a label, or the number of entries. */
static size_t find_label(const coax_credentials *credentials, const char *label) {
    size_t size = strlen(label);
    for (size_t i = 0; i < credentials->count; i++) {
        const struct credential *entry = credentials->entries[i];
        if (entry->normal_size == size && memcmp(entry->normal_key, label, size) == 0) {
            return i;
        }
    }
    return credentials->count;
}

static enum coax_status search_entry(struct search *search, struct credential *entry, unsigned depth,
                                     struct credential **found);

/* *found stays NULL if what the label leads to is not usable. */
static enum coax_status search_label(struct search *search, const struct credential *from, const char *label,
                                     unsigned depth, struct credential **found) {
    size_t index = find_label(search->credentials, label);
    if (index == search->credentials->count) {
        return coax_fail(search->error, COAX_E_NOT_FOUND,
                         "the entry \"%.80s\"%s%s refers to \"%.80s\", which does not exist; expected an entry with "
                         "that label",
                         from->key, from->source[0] == '\0' ? "" : " at ", from->source, label);
    }
    if (search->marks[index] == MARK_UNUSABLE) {
        return COAX_OK;
    }
    if (search->marks[index] == MARK_UNDER_WAY || depth == CREDENTIAL_REFERENCE_DEPTH_MAXIMUM) {
        return coax_fail(search->error, COAX_E_INVALID,
                         "the entry \"%.80s\"%s%s refers to \"%.80s\", and %s; expected references to end at a key",
                         from->key, from->source[0] == '\0' ? "" : " at ", from->source, label,
                         search->marks[index] == MARK_UNDER_WAY ? "that leads back to it, in a circle"
                                                                : "that is one reference too many in a row");
    }
    search->marks[index] = MARK_UNDER_WAY;
    enum coax_status status = search_entry(search, search->credentials->entries[index], depth + 1, found);
    search->marks[index] = MARK_UNUSABLE;
    return status;
}

static enum coax_status search_entry(struct search *search, struct credential *entry, unsigned depth,
                                     struct credential **found) {
    if (entry->kind != CREDENTIAL_ANY_OF) {
        *found = search->usable(entry, search->user) ? entry : NULL;
        return COAX_OK;
    }
    enum coax_status status = COAX_OK;
    for (size_t i = 0; i < entry->reference_count && status == COAX_OK && *found == NULL; i++) {
        status = search_label(search, entry, entry->references_to[i], depth, found);
    }
    return status;
}

/* The entry itself, or what it refers to; NULL in *found if that is not usable. */
static enum coax_status resolve(const coax_credentials *credentials, struct credential *entry,
                                bool (*usable)(const struct credential *credential, void *user), void *user,
                                struct credential **found, coax_error *error) {
    struct search search = {credentials, usable, user, NULL, error};
    *found = NULL;
    if (entry->kind != CREDENTIAL_ANY_OF) {
        return search_entry(&search, entry, 0, found);
    }
    search.marks = calloc(credentials->count, 1);
    if (search.marks == NULL) {
        return coax_fail_memory(error);
    }
    enum coax_status status = search_entry(&search, entry, 0, found);
    free(search.marks);
    return status;
}

/* --- by URI --- */

/* The entry with the longest pattern that matches, the first of equally long ones; NULL if none. */
static struct credential *best_match(const coax_credentials *credentials, const struct uri_spellings *spellings) {
    struct credential *best = NULL;
    for (size_t i = 0; i < credentials->count; i++) {
        struct credential *entry = credentials->entries[i];
        if (!coax_credentials_is_label(entry->key) && (best == NULL || entry->normal_size > best->normal_size)
            && coax_credentials_pattern_matches(entry->key, spellings)) {
            best = entry;
        }
    }
    return best;
}

static enum coax_status fail_missing(const char *uri, coax_error *error) {
    size_t scheme = strcspn(uri, ":");
    size_t host = strncmp(uri + scheme, "://", 3) == 0 ? scheme + 3 : scheme;
    size_t origin = host + strcspn(uri + host, "/?");
    return coax_fail(error, COAX_E_NO_CREDENTIALS,
                     "no credentials for \"%.150s\"; expected an entry such as \"%.*s/*\": {\"dtls\": {\"psk\": "
                     "{\"ascii\": \"KEY\"}, \"client-identity\": {\"ascii\": \"NAME\"}}}",
                     uri, (int)(origin < 100 ? origin : 100), uri);
}

static enum coax_status fail_kind(const struct credential *entry, const char *uri, coax_error *error) {
    return coax_fail(error, COAX_E_CREDENTIALS_KIND,
                     "the credentials for \"%.100s\" are the entry \"%.80s\"%s%s, which holds %s that this transport "
                     "cannot use; expected an entry of a kind that it can",
                     uri, entry->key, entry->source[0] == '\0' ? "" : " at ", entry->source,
                     coax_credential_kind_text(entry->kind));
}

/* The caller's question, in the shape of the search's. */
struct usable_question {
    bool (*usable)(const struct credential *credential);
};

static bool ask_usable(const struct credential *credential, void *user) {
    const struct usable_question *question = user;
    return question->usable == NULL || question->usable(credential);
}

enum coax_status coax_credentials_for_uri(const coax_credentials *credentials, const char *uri,
                                          bool (*usable)(const struct credential *credential),
                                          struct credential **credential, coax_error *error) {
    struct uri_spellings spellings;
    if (!coax_credentials_spell_uri(&spellings, uri)) {
        return coax_fail_memory(error);
    }
    struct credential *entry = best_match(credentials, &spellings);
    coax_credentials_free_spellings(&spellings);
    if (entry == NULL) {
        return fail_missing(uri, error);
    }
    struct usable_question question = {usable};
    struct credential *found;
    enum coax_status status = resolve(credentials, entry, ask_usable, &question, &found, error);
    if (status != COAX_OK) {
        return status;
    }
    if (found == NULL) {
        return fail_kind(entry, uri, error);
    }
    *credential = coax_credential_ref(found);
    return COAX_OK;
}

/* --- by what a peer shows --- */

/* Takes as long for every entry: an entry's identity has zeros behind it up to the maximum. */
static bool same_identity(const struct credential *entry, const uint8_t identity[COAX_PSK_IDENTITY_MAXIMUM],
                          size_t size) {
    int different = gnutls_memcmp(entry->identity.data, identity, COAX_PSK_IDENTITY_MAXIMUM);
    return (different | (int)(entry->identity.size ^ size)) == 0;
}

struct credential *coax_credentials_for_identity(const coax_credentials *credentials, struct bytes identity) {
    if (identity.size > COAX_PSK_IDENTITY_MAXIMUM) {
        return NULL;
    }
    uint8_t padded[COAX_PSK_IDENTITY_MAXIMUM] = {0};
    if (identity.size > 0) {
        memcpy(padded, identity.data, identity.size);
    }
    struct credential *found = NULL;
    for (size_t i = 0; i < credentials->count; i++) {
        struct credential *entry = credentials->entries[i];
        if (entry->kind == CREDENTIAL_PSK) {
            bool same = same_identity(entry, padded, identity.size);
            found = same && found == NULL ? entry : found;
        }
    }
    return found == NULL ? NULL : coax_credential_ref(found);
}

struct credential *coax_credentials_for_public_key(const coax_credentials *credentials, struct bytes spki) {
    for (size_t i = 0; i < credentials->count && spki.size > 0; i++) {
        struct credential *entry = credentials->entries[i];
        if (entry->kind == CREDENTIAL_RPK && bytes_equal(entry->peer_public_key, spki)) {
            return coax_credential_ref(entry);
        }
    }
    return NULL;
}

/* --- what a server shows --- */

static bool is_own_key_of_kind(const struct credential *credential, void *user) {
    const enum credential_kind *kind = user;
    return credential->kind == *kind && coax_credential_is_own_key(credential);
}

/* What the entry gives a server: itself, or what it refers to; NULL if nothing of this kind. A broken reference counts
   as nothing: other entries may do, and who asks by URI is told. */
static struct credential *own_key_of(const coax_credentials *credentials, struct credential *entry,
                                     enum credential_kind kind) {
    struct credential *found = NULL;
    enum coax_status status = resolve(credentials, entry, is_own_key_of_kind, &kind, &found, NULL);
    return status == COAX_OK ? found : NULL;
}

static struct credential *own_key_named(const coax_credentials *credentials, enum credential_kind kind,
                                        const char *server_name) {
    struct credential *best = NULL;
    size_t best_size = 0;
    for (size_t i = 0; i < credentials->count; i++) {
        struct credential *entry = credentials->entries[i];
        if (entry->normal_size <= best_size || coax_credentials_is_label(entry->key)
            || !coax_credentials_pattern_names_host(entry->key, server_name)) {
            continue;
        }
        struct credential *found = own_key_of(credentials, entry, kind);
        if (found != NULL) {
            best = found;
            best_size = entry->normal_size;
        }
    }
    return best;
}

struct credential *coax_credentials_for_server(const coax_credentials *credentials, enum credential_kind kind,
                                               const char *server_name) {
    struct credential *found = NULL;
    if (server_name != NULL && server_name[0] != '\0') {
        found = own_key_named(credentials, kind, server_name);
    }
    for (size_t i = 0; i < credentials->count && found == NULL; i++) {
        if (is_own_key_of_kind(credentials->entries[i], &kind)) {
            found = credentials->entries[i];
        }
    }
    return found == NULL ? NULL : coax_credential_ref(found);
}
