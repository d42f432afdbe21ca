/* What the files of the credentials store share among themselves. */
#ifndef COAX_SECURITY_CREDENTIALS_STORE_H
#define COAX_SECURITY_CREDENTIALS_STORE_H

#include "security/credentials.h"

/* The bounds of a store. */
enum {
    CREDENTIAL_ENTRIES_MAXIMUM = 10000,
    CREDENTIAL_REFERENCES_MAXIMUM = 64,       /* of one any-of */
    CREDENTIAL_ALLOW_MAXIMUM = 64,            /* paths of one entry */
    CREDENTIAL_KEY_SIZE_MAXIMUM = 1024,       /* bytes of a pattern, a label or a path */
    CREDENTIAL_REFERENCE_DEPTH_MAXIMUM = 16,  /* references that refer to references */
    CREDENTIAL_PEM_SIZE_MAXIMUM = 1024 * 1024 /* bytes of one PEM text */
};

struct coax_credentials {
    struct credential **entries; /* in the order of definition */
    size_t count;
    uint64_t generation;
};

/* A change of a store: an entry that is set, or a key that is deleted. */
struct credential_change {
    struct credential *credential; /* NULL: delete */
    char *normal_key;              /* what is deleted; NULL if `credential` is set */
};

/* What an entry is made of; what its kind does not need stays empty. */
struct credential_parts {
    struct bytes psk, identity, private_key, peer_public_key /* PEM */, certificate, trust;
};

/* --- one entry (credentials_entry.c) --- */

/* Makes an entry with one reference; copies all. `source` may be NULL. COAX_E_INVALID for a malformed key,
   COAX_E_CREDENTIALS_SIZE, COAX_E_SYNTAX for PEM that cannot be read, COAX_E_NO_MEMORY. */
enum coax_status coax_credential_new(struct credential **credential, enum credential_kind kind, const char *key,
                                     const struct credential_parts *parts, const char *source, coax_error *error);

/* A copy with one reference, for changing what others hold unchanged. NULL if memory ran out. */
struct credential *coax_credential_copy(const struct credential *credential);

/* Sets the list of labels (each starts with ':'), on an entry that nobody else holds yet. COAX_E_LIMIT. */
enum coax_status coax_credential_set_references(struct credential *credential, const char *const *labels, size_t count,
                                                coax_error *error);

/* Sets the list of paths, on an entry that nobody else holds yet; an empty list allows nothing. COAX_E_LIMIT,
 * COAX_E_INVALID for a path that is malformed. */
enum coax_status coax_credential_set_allow(struct credential *credential, const char *const *paths, size_t count,
                                           coax_error *error);

/* Whether a string can be a path of `allow`: COAX_E_INVALID says what is wrong. */
enum coax_status coax_credential_check_path(const char *path, coax_error *error);

/* What the entry holds, in words: "a pre-shared key". */
const char *coax_credential_kind_text(enum credential_kind kind);

/* Whether a server can present it: RPK with a private key, X509 with certificate and private key. */
bool coax_credential_is_own_key(const struct credential *credential);

/* --- the store (credentials.c) --- */

/* Makes all of the changes, or none: an entry that replaces one keeps its place. Two entries of one call may have keys
   that mean the same; both are kept. Takes its own references. COAX_E_LIMIT, COAX_E_NO_MEMORY. */
enum coax_status coax_credentials_apply(coax_credentials *credentials, const struct credential_change *changes,
                                        size_t count, coax_error *error);

/* --- keys (credentials_pattern.c) --- */

/* Whether a string can be the key of an entry: COAX_E_INVALID says what is wrong. */
enum coax_status coax_credentials_check_key(const char *key, coax_error *error);

/* Whether a string can be a label: ':' and at least one character, no control characters. */
bool coax_credentials_is_label(const char *key);

/* The key with what does not matter taken out: scheme and host in lower case, no default port, "/" for an empty path.
 * malloc'ed; NULL if memory ran out. */
char *coax_credentials_normal_key(const char *key);

/* A request URI made ready to be matched: as it is without the default port, and with it. */
struct uri_spellings {
    char *text[2];
    size_t size[2];
    size_t authority_end[2]; /* up to here case does not matter */
    size_t count;
};

/* False if memory ran out. */
bool coax_credentials_spell_uri(struct uri_spellings *spellings, const char *uri);
void coax_credentials_free_spellings(struct uri_spellings *spellings);

bool coax_credentials_pattern_matches(const char *pattern, const struct uri_spellings *spellings);

/* Whether the pattern's host part names this host: matches it, and is more than '*'. */
bool coax_credentials_pattern_names_host(const char *pattern, const char *host);

/* --- byte strings of the JSON (credentials_bytes.c) --- */

/* Decodes `text` into `out`, which holds at least `size` bytes. COAX_E_SYNTAX without a word of the text itself, which
 * may be a secret. */
enum coax_status coax_credentials_decode_ascii(const char *text, size_t size, uint8_t *out, size_t *out_size,
                                               coax_error *error);
/* Hexadecimal; '-', ':' and blanks are skipped. */
enum coax_status coax_credentials_decode_hex(const char *text, size_t size, uint8_t *out, size_t *out_size,
                                             coax_error *error);
/* Base64 (RFC 4648 section 4 or 5), padded or not. */
enum coax_status coax_credentials_decode_base64(const char *text, size_t size, uint8_t *out, size_t *out_size,
                                                coax_error *error);

#endif
