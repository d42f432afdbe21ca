/* The credentials store, as the rest of the library sees it: entries, found by URI, by identity, by public key. */
#ifndef COAX_SECURITY_CREDENTIALS_H
#define COAX_SECURITY_CREDENTIALS_H

#include "base/bytes.h"
#include <coax/credentials.h>

enum credential_kind {
    CREDENTIAL_PSK,
    CREDENTIAL_RPK,
    CREDENTIAL_X509,
    CREDENTIAL_TRUST /* `tlscert`: authorities only */,
    CREDENTIAL_ANY_OF,
    CREDENTIAL_OTHER /* of a kind that no transport uses yet: oscore, edhoc-oscore */
};

/* One entry, reference-counted and immutable: sessions hold on to the entries that they use, whatever becomes of the
 * store. Wiped when the last reference goes. */
struct credential {
    unsigned references;
    enum credential_kind kind;
    bool is_system;             /* TRUST: the system's authorities, in no store (coax_tls_credential_for_uri) */
    char *key;                  /* label or URI pattern, as written */
    struct bytes psk, identity; /* CREDENTIAL_PSK; behind the identity zeros up to its maximum */
    struct bytes private_key, public_key; /* RPK, X509: PEM, with a NUL behind the size; public_key of an RPK is one's
                                             own SubjectPublicKeyInfo as DER */
    struct bytes peer_public_key;         /* RPK: the peer's SubjectPublicKeyInfo as DER, or empty */
    struct bytes certificate, trust;      /* X509, TRUST: PEM with a NUL behind the size, or empty */
    const char *const *allow;             /* NULL: everything; else `allow_count` path patterns */
    size_t allow_count;
    const char *const *references_to; /* ANY_OF: labels */
    size_t reference_count;
    const char *source; /* "file:line:column" where it was defined, "" if set by program */
    char *normal_key;   /* scheme and host in lower case, no default port: equal for keys that mean the same */
    size_t normal_size;
};

struct credential *coax_credential_ref(struct credential *credential);
void coax_credential_unref(struct credential *credential); /* NULL is allowed */

/* Whether the entry's `allow` lets its identity use `path` ("/a/b", percent-encoded normal form). */
bool coax_credential_allows(const struct credential *credential, const char *path);

/* The entry for a request to `uri` (full, as coax_uri_write gives it): the longest matching pattern, references
   followed, of any-of the first that `usable` accepts. A new reference in *credential. COAX_E_NO_CREDENTIALS if nothing
   matches (the text names the URI and says how an entry for it would be written); COAX_E_CREDENTIALS_KIND if the entry
   that matches is not accepted by `usable` (NULL accepts all): the text names entry, kind and place; COAX_E_NOT_FOUND
   for a reference to a missing label; COAX_E_INVALID for a circle of references. */
enum coax_status coax_credentials_for_uri(const coax_credentials *credentials, const char *uri,
                                          bool (*usable)(const struct credential *credential),
                                          struct credential **credential, coax_error *error);

/* The PSK entry with this identity, compared with every entry in constant time. A new reference, or NULL. */
struct credential *coax_credentials_for_identity(const coax_credentials *credentials, struct bytes identity);

/* The RPK entry whose peer_public_key is this SubjectPublicKeyInfo (DER). A new reference, or NULL. */
struct credential *coax_credentials_for_public_key(const coax_credentials *credentials, struct bytes spki);

/* What a server presents: the RPK entry with a private key, or the X509 entry with certificate and private key; among
   several the one whose pattern names the host `server_name` (may be NULL or ""), else the first in the order of
   definition. A new reference, or NULL. */
struct credential *coax_credentials_for_server(const coax_credentials *credentials, enum credential_kind kind,
                                               const char *server_name);

/* Calls `visit` for each entry in the order of definition until it returns false. For building trust lists. */
void coax_credentials_each(const coax_credentials *credentials,
                           bool (*visit)(struct credential *credential, void *user), void *user);

/* Counts up with every change of the store: who caches what it built from the store compares this. */
uint64_t coax_credentials_generation(const coax_credentials *credentials);

/* Whether the store holds anything that a DTLS server can use. */
bool coax_credentials_can_serve(const coax_credentials *credentials);

/* How the JSON loader gets the files that entries name: `read` returns malloc'ed bytes with a NUL behind them in *data,
 * *size without it; the loader wipes and frees them. There is no file access in this room. */
struct file_reader {
    enum coax_status (*read)(void *user, const char *path, char **data, size_t *size, coax_error *error);
    void *user;
};

/* coax_credentials_load with files: `reader` NULL refuses entries that name files. */
enum coax_status coax_credentials_parse(coax_credentials *credentials, const char *json, size_t size, const char *name,
                                        const struct file_reader *reader, coax_error *error);

#endif
