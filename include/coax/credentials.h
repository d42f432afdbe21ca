/* Credentials: which secrets prove what to whom. One store serves client and server, filled from JSON or by the typed
   calls.

   An entry's key is a URI pattern ("coaps://host/" and '*' for any run of characters; the longest pattern that matches
   the whole request URI wins; scheme and host in any case; the default port written or not is the same) or a label that
   starts with ':'. See docs/credentials.md for the JSON. */
#ifndef COAX_CREDENTIALS_H
#define COAX_CREDENTIALS_H

#include <coax/export.h>
#include <coax/status.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct coax_credentials coax_credentials;

/* The longest pre-shared key and identity that are accepted, in bytes. */
enum { COAX_PSK_KEY_MAXIMUM = 64, COAX_PSK_IDENTITY_MAXIMUM = 128 };

/* Makes an empty store; NULL if memory ran out. An endpoint has one of its own: coax_endpoint_credentials(). */
COAX_API coax_credentials *coax_credentials_new(void);

/* Wipes and frees the store. Sessions that use an entry keep it until they end. NULL is allowed. */
COAX_API void coax_credentials_free(coax_credentials *credentials);

/* Merges a JSON file into the store: later entries replace earlier ones with the same key, null deletes. Either all of
   the file is taken or, on an error, nothing. Files that it names are read relative to its folder. COAX_E_IO if a file
   can't be read or is larger than 1 MiB; COAX_E_SYNTAX with "file:line:column: what, and what was expected";
   COAX_E_CREDENTIALS_SIZE; COAX_E_UNSUPPORTED for all-of; COAX_E_LIMIT over 10000 entries in the store, or 64
   references or paths in an entry. When the file, or a private key that it names, can be read by everyone, `*warning`
   (may be NULL) gets a sentence that says so, else an empty text. */
COAX_API enum coax_status coax_credentials_load_file(coax_credentials *credentials, const char *path,
                                                     coax_error *warning, coax_error *error);

/* The same from memory; `name` stands for the file in errors. Entries that name files are refused with
 * COAX_E_UNSUPPORTED. */
COAX_API enum coax_status coax_credentials_load(coax_credentials *credentials, const char *json, size_t size,
                                                const char *name, coax_error *error);

/* Replaces everything in `credentials` by what `source` holds, at once, and empties `source`. Live sessions go on. */
COAX_API void coax_credentials_replace(coax_credentials *credentials, coax_credentials *source);

/* Sets the entry `key` to a pre-shared key (RFC 4279); raw bytes, copied. It replaces an entry with the same key and
   its list of allowed paths, as the other calls do. COAX_E_CREDENTIALS_SIZE if one is empty (the key) or over the
   maximum, COAX_E_INVALID for a malformed entry key, COAX_E_LIMIT over 10000 entries. */
COAX_API enum coax_status coax_credentials_set_psk(coax_credentials *credentials, const char *key, const void *identity,
                                                   size_t identity_size, const void *psk, size_t psk_size,
                                                   coax_error *error);

/* A raw public key (RFC 7250): PEM texts. `private_key` is PKCS #8 or SEC1; `peer_public_key` is the peer's
   SubjectPublicKeyInfo, NULL to hold only one's own key (a server's). COAX_E_SYNTAX if a PEM text cannot be read. */
typedef struct coax_rpk {
    size_t size;             /* sizeof(coax_rpk), set by COAX_RPK_INIT */
    const char *private_key; /* one's own key; NULL for an entry that only names a peer */
    const char *peer_public_key;
} coax_rpk;
#define COAX_RPK_INIT                                                                                                  \
    { sizeof(coax_rpk), NULL, NULL }
COAX_API enum coax_status coax_credentials_set_rpk(coax_credentials *credentials, const char *key, const coax_rpk *rpk,
                                                   coax_error *error);

/* X.509 certificates (RFC 5280): PEM texts. `certificate` is the chain, leaf first; `trust` the authorities that the
   peer's must lead to. A server with `trust` asks its clients for certificates. COAX_E_SYNTAX if a PEM text cannot be
   read, or the key does not fit the certificate. */
typedef struct coax_x509 {
    size_t size; /* sizeof(coax_x509), set by COAX_X509_INIT */
    const char *certificate;
    const char *private_key;
    const char *trust;
} coax_x509;
#define COAX_X509_INIT                                                                                                 \
    { sizeof(coax_x509), NULL, NULL, NULL }
COAX_API enum coax_status coax_credentials_set_x509(coax_credentials *credentials, const char *key,
                                                    const coax_x509 *x509, coax_error *error);

/* Restricts what the entry's identity may ask of this server: paths such as "/store" or "/store" followed by "/" and
   '*' for all below. The list replaces an earlier one; `count` 0 allows everything again. COAX_E_NOT_FOUND if there is
   no such entry, COAX_E_INVALID for a malformed path or an entry of references, COAX_E_LIMIT over 64 paths. */
COAX_API enum coax_status coax_credentials_set_allow(coax_credentials *credentials, const char *key,
                                                     const char *const *paths, size_t count, coax_error *error);

/* Removes an entry. COAX_E_NOT_FOUND if there is none. */
COAX_API enum coax_status coax_credentials_remove(coax_credentials *credentials, const char *key, coax_error *error);

#ifdef __cplusplus
}
#endif
#endif
