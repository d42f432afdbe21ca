#include "security/credentials_store.h"

#include "base/error.h"
#include "base/wipe.h"
#include "message/uri_text.h"
#include "security/credentials_pem.h"
#include <stdlib.h>
#include <string.h>

/* --- making and freeing --- */

struct credential *coax_credential_ref(struct credential *credential) {
    credential->references++;
    return credential;
}

static void wipe_bytes(struct bytes *bytes) {
    coax_wipe_free((void *)bytes->data, bytes->size);
    *bytes = bytes_of(NULL, 0);
}

void coax_credential_unref(struct credential *credential) {
    if (credential == NULL || --credential->references > 0) {
        return;
    }
    wipe_bytes(&credential->psk);
    wipe_bytes(&credential->identity);
    wipe_bytes(&credential->private_key);
    wipe_bytes(&credential->public_key);
    wipe_bytes(&credential->peer_public_key);
    wipe_bytes(&credential->certificate);
    wipe_bytes(&credential->trust);
    free((void *)credential->allow);
    free((void *)credential->references_to);
    free((void *)credential->source);
    free(credential->normal_key);
    free(credential->key);
    free(credential);
}

/* Copies into memory of at least `room` bytes, zeros and a NUL behind. Nothing to copy stays NULL. */
static bool copy_bytes(struct bytes *out, struct bytes in, size_t room) {
    *out = bytes_of(NULL, 0);
    if (in.size == 0 && room == 0) {
        return true;
    }
    uint8_t *copy = calloc(1, (in.size > room ? in.size : room) + 1);
    if (copy == NULL) {
        return false;
    }
    if (in.size > 0) {
        memcpy(copy, in.data, in.size);
    }
    *out = bytes_of(copy, in.size);
    return true;
}

static bool copy_parts(struct credential *credential, const struct credential_parts *parts) {
    size_t identity_room = credential->kind == CREDENTIAL_PSK ? COAX_PSK_IDENTITY_MAXIMUM : 0;
    return copy_bytes(&credential->psk, parts->psk, 0)
           && copy_bytes(&credential->identity, parts->identity, identity_room)
           && copy_bytes(&credential->private_key, parts->private_key, 0)
           && copy_bytes(&credential->peer_public_key, parts->peer_public_key, 0)
           && copy_bytes(&credential->certificate, parts->certificate, 0)
           && copy_bytes(&credential->trust, parts->trust, 0);
}

/* An entry without anything that belongs to its kind. */
static struct credential *allocate(enum credential_kind kind, const char *key, const char *source) {
    struct credential *credential = calloc(1, sizeof *credential);
    if (credential == NULL) {
        return NULL;
    }
    credential->references = 1;
    credential->kind = kind;
    credential->key = strdup(key);
    credential->normal_key = coax_credentials_normal_key(key);
    credential->source = strdup(source == NULL ? "" : source);
    if (credential->key == NULL || credential->normal_key == NULL || credential->source == NULL) {
        coax_credential_unref(credential);
        return NULL;
    }
    credential->normal_size = strlen(credential->normal_key);
    return credential;
}

/* --- what each kind needs --- */

static enum coax_status check_psk(const struct credential_parts *parts, coax_error *error) {
    if (parts->psk.size == 0) {
        return coax_fail(error, COAX_E_CREDENTIALS_SIZE, "the pre-shared key is empty; expected 1 to %d bytes",
                         COAX_PSK_KEY_MAXIMUM);
    }
    if (parts->psk.size > COAX_PSK_KEY_MAXIMUM) {
        return coax_fail(error, COAX_E_CREDENTIALS_SIZE, "the pre-shared key has %zu bytes; at most %d are possible",
                         parts->psk.size, COAX_PSK_KEY_MAXIMUM);
    }
    if (parts->identity.size > COAX_PSK_IDENTITY_MAXIMUM) {
        return coax_fail(error, COAX_E_CREDENTIALS_SIZE, "the client identity has %zu bytes; at most %d are possible",
                         parts->identity.size, COAX_PSK_IDENTITY_MAXIMUM);
    }
    return COAX_OK;
}

static enum coax_status check_rpk(const struct credential_parts *parts, coax_error *error) {
    if (parts->private_key.size == 0 && parts->peer_public_key.size == 0) {
        return coax_fail(error, COAX_E_SYNTAX,
                         "an entry for raw public keys without a key; expected a private key, the peer's public key, "
                         "or both");
    }
    return COAX_OK;
}

static enum coax_status check_x509(const struct credential_parts *parts, coax_error *error) {
    if ((parts->certificate.size == 0) != (parts->private_key.size == 0)) {
        return coax_fail(error, COAX_E_SYNTAX, "a %s without its %s; expected both or neither",
                         parts->certificate.size == 0 ? "private key" : "certificate",
                         parts->certificate.size == 0 ? "certificate" : "private key");
    }
    if (parts->certificate.size == 0 && parts->trust.size == 0) {
        return coax_fail(error, COAX_E_SYNTAX,
                         "an entry for certificates without any; expected a certificate and its private key, "
                         "authorities to trust, or all three");
    }
    if (parts->trust.size > 0) {
        enum coax_status status = coax_pem_check_certificates(parts->trust, error);
        if (status != COAX_OK) {
            return status;
        }
    }
    return parts->certificate.size == 0 ? COAX_OK : coax_pem_check_pair(parts->certificate, parts->private_key, error);
}

static enum coax_status check_trust(const struct credential_parts *parts, coax_error *error) {
    return coax_pem_check_certificates(parts->trust, error);
}

static enum coax_status check_nothing(const struct credential_parts *parts, coax_error *error) {
    (void)parts;
    (void)error;
    return COAX_OK;
}

static const struct {
    const char *text;
    enum coax_status (*check)(const struct credential_parts *parts, coax_error *error);
} kinds[] = {
    [CREDENTIAL_PSK] = {"a pre-shared key", check_psk},
    [CREDENTIAL_RPK] = {"raw public keys", check_rpk},
    [CREDENTIAL_X509] = {"certificates", check_x509},
    [CREDENTIAL_TRUST] = {"authorities to trust", check_trust},
    [CREDENTIAL_ANY_OF] = {"references", check_nothing},
    [CREDENTIAL_OTHER] = {"object security (OSCORE)", check_nothing},
};

const char *coax_credential_kind_text(enum credential_kind kind) {
    return kinds[kind].text;
}

/* The keys of an RPK entry as SubjectPublicKeyInfo: one's own derived, the peer's out of its PEM. */
static enum coax_status derive_keys(struct credential *credential, coax_error *error) {
    enum coax_status status = COAX_OK;
    if (credential->private_key.size > 0) {
        status = coax_pem_public_key_of(credential->private_key, &credential->public_key, error);
    }
    if (status != COAX_OK || credential->peer_public_key.size == 0) {
        return status;
    }
    struct bytes spki = {NULL, 0};
    status = coax_pem_public_key(credential->peer_public_key, &spki, error);
    if (status == COAX_OK) {
        wipe_bytes(&credential->peer_public_key);
        credential->peer_public_key = spki;
    }
    return status;
}

enum coax_status coax_credential_new(struct credential **credential, enum credential_kind kind, const char *key,
                                     const struct credential_parts *parts, const char *source, coax_error *error) {
    enum coax_status status = coax_credentials_check_key(key, error);
    if (status == COAX_OK) {
        status = kinds[kind].check(parts, error);
    }
    if (status != COAX_OK) {
        return status;
    }
    struct credential *made = allocate(kind, key, source);
    if (made == NULL || !copy_parts(made, parts)) {
        coax_credential_unref(made);
        return coax_fail_memory(error);
    }
    if (kind == CREDENTIAL_RPK) {
        status = derive_keys(made, error);
    }
    if (status != COAX_OK) {
        coax_credential_unref(made);
        return status;
    }
    *credential = made;
    return COAX_OK;
}

/* --- lists --- */

/* A copy of the strings in one block, so that one free() frees all. Never NULL for an empty list. */
static const char *const *copy_list(const char *const *items, size_t count) {
    size_t head = (count + 1) * sizeof(char *);
    size_t size = head;
    for (size_t i = 0; i < count; i++) {
        size += strlen(items[i]) + 1;
    }
    char **list = malloc(size);
    if (list == NULL) {
        return NULL;
    }
    char *next = (char *)list + head;
    for (size_t i = 0; i < count; i++) {
        size_t length = strlen(items[i]) + 1;
        list[i] = memcpy(next, items[i], length);
        next += length;
    }
    list[count] = NULL;
    return (const char *const *)list;
}

static enum coax_status check_list(size_t count, size_t maximum, const char *what, coax_error *error) {
    return count <= maximum
               ? COAX_OK
               : coax_fail(error, COAX_E_LIMIT, "%zu %s in one entry; at most %zu are accepted", count, what, maximum);
}

enum coax_status coax_credential_set_references(struct credential *credential, const char *const *labels, size_t count,
                                                coax_error *error) {
    enum coax_status status = check_list(count, CREDENTIAL_REFERENCES_MAXIMUM, "references", error);
    if (status != COAX_OK) {
        return status;
    }
    const char *const *list = copy_list(labels, count);
    if (list == NULL) {
        return coax_fail_memory(error);
    }
    free((void *)credential->references_to);
    credential->references_to = list;
    credential->reference_count = count;
    return COAX_OK;
}

/* Whether a pattern's only '*' is its last segment. */
static bool star_is_last_segment(const char *path) {
    const char *star = strchr(path, '*');
    return star == NULL || (star[1] == '\0' && star > path && star[-1] == '/');
}

/* Whether every '%' has its two digits. */
static bool is_percent_encoded(const char *path) {
    struct bytes text = bytes_of(path, strlen(path));
    size_t position = 0;
    int byte = 0;
    while (position < text.size && byte >= 0) {
        byte = coax_uri_next_byte(text, &position);
    }
    return byte >= 0;
}

enum coax_status coax_credential_check_path(const char *path, coax_error *error) {
    size_t size = strlen(path);
    if (path[0] != '/' || size > CREDENTIAL_KEY_SIZE_MAXIMUM || strcspn(path, "?#") < size
        || !star_is_last_segment(path) || !is_percent_encoded(path)) {
        return coax_fail(
            error, COAX_E_INVALID,
            "not a path that can be allowed; expected one such as \"/store\", or \"/store/*\" for all below "
            "it");
    }
    return COAX_OK;
}

/* Writes the path as request paths are written: percent-encoded where needed, and only there. `out` holds three bytes
   for each of `path` and a NUL. */
static void write_normal_path(const char *path, char *out) {
    static const char digits[] = "0123456789ABCDEF";
    struct bytes text = bytes_of(path, strlen(path));
    size_t position = 0;
    while (position < text.size) {
        bool written_plainly = path[position] != '%';
        uint8_t byte = (uint8_t)coax_uri_next_byte(text, &position);
        /* An encoded '*' is a character of the path; written plainly it would stand for all below. */
        if (coax_uri_allows(URI_PART_SEGMENT, byte) ? byte != '*' || written_plainly : byte == '/' && written_plainly) {
            *out++ = (char)byte;
        } else {
            *out++ = '%';
            *out++ = digits[byte >> 4];
            *out++ = digits[byte & 15];
        }
    }
    *out = '\0';
}

/* A list as copy_list makes it, of the paths in their normal form. */
static const char *const *copy_normal_paths(const char *const *paths, size_t count) {
    char *normal[CREDENTIAL_ALLOW_MAXIMUM] = {NULL};
    size_t made = 0;
    while (made < count && (normal[made] = malloc(3 * strlen(paths[made]) + 1)) != NULL) {
        write_normal_path(paths[made], normal[made]);
        made++;
    }
    const char *const *list = made == count ? copy_list((const char *const *)normal, count) : NULL;
    for (size_t i = 0; i < made; i++) {
        free(normal[i]);
    }
    return list;
}

enum coax_status coax_credential_set_allow(struct credential *credential, const char *const *paths, size_t count,
                                           coax_error *error) {
    enum coax_status status = check_list(count, CREDENTIAL_ALLOW_MAXIMUM, "paths", error);
    for (size_t i = 0; i < count && status == COAX_OK; i++) {
        status = coax_credential_check_path(paths[i], error);
    }
    if (status != COAX_OK) {
        return status;
    }
    const char *const *list = copy_normal_paths(paths, count);
    if (list == NULL) {
        return coax_fail_memory(error);
    }
    free((void *)credential->allow);
    credential->allow = list;
    credential->allow_count = count;
    return COAX_OK;
}

static bool copy_lists(struct credential *copy, const struct credential *credential) {
    if (credential->allow != NULL) {
        copy->allow = copy_list(credential->allow, credential->allow_count);
        copy->allow_count = credential->allow_count;
    }
    if (credential->references_to != NULL) {
        copy->references_to = copy_list(credential->references_to, credential->reference_count);
        copy->reference_count = credential->reference_count;
    }
    return (copy->allow != NULL) == (credential->allow != NULL)
           && (copy->references_to != NULL) == (credential->references_to != NULL);
}

struct credential *coax_credential_copy(const struct credential *credential) {
    struct credential_parts parts = {credential->psk,         credential->identity,
                                     credential->private_key, credential->peer_public_key,
                                     credential->certificate, credential->trust};
    struct credential *copy = allocate(credential->kind, credential->key, credential->source);
    if (copy == NULL || !copy_parts(copy, &parts) || !copy_bytes(&copy->public_key, credential->public_key, 0)
        || !copy_lists(copy, credential)) {
        coax_credential_unref(copy);
        return NULL;
    }
    return copy;
}

/* --- questions --- */

static bool path_matches(const char *pattern, const char *path) {
    size_t size = strlen(pattern);
    if (size > 0 && pattern[size - 1] == '*') {
        return strncmp(pattern, path, size - 1) == 0;
    }
    return strcmp(pattern, path) == 0;
}

bool coax_credential_allows(const struct credential *credential, const char *path) {
    if (credential->allow == NULL) {
        return true;
    }
    const char *asked = path[0] == '\0' ? "/" : path;
    for (size_t i = 0; i < credential->allow_count; i++) {
        if (path_matches(credential->allow[i], asked)) {
            return true;
        }
    }
    return false;
}

bool coax_credential_is_own_key(const struct credential *credential) {
    return credential->private_key.size > 0
           && (credential->kind == CREDENTIAL_RPK
               || (credential->kind == CREDENTIAL_X509 && credential->certificate.size > 0));
}
