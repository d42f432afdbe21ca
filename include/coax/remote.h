/* A remote: a peer as an object, made of transport, address and security identity. It is what requests are sent to and
   what requests come from. */
#ifndef COAX_REMOTE_H
#define COAX_REMOTE_H

#include <coax/export.h>
#include <coax/status.h>
#include <coax/uri.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct coax_remote coax_remote;

/* Keeps a remote beyond the callback that showed it. Returns its argument. Each ref needs one unref, before
 * coax_endpoint_free. */
COAX_API coax_remote *coax_remote_ref(coax_remote *remote);
COAX_API void coax_remote_unref(coax_remote *remote);

/* The scheme that a URI of this remote has. */
COAX_API enum coax_scheme coax_remote_scheme(const coax_remote *remote);

/* The base of URIs on this remote, such as "coap://[2001:db8::1]:61616", NUL-terminated. COAX_E_ANONYMOUS if no URI can
   express it; COAX_E_TOO_LARGE if it does not fit. */
COAX_API enum coax_status coax_remote_uri(const coax_remote *remote, char *out, size_t capacity);

/* The base of URIs on this side as the remote sees it; the same errors. */
COAX_API enum coax_status coax_remote_local_uri(const coax_remote *remote, char *out, size_t capacity);

/* Host and port as they stand in the remote's URI, such as "localhost" or "[::1]:61616"; the same errors. */
COAX_API enum coax_status coax_remote_hostinfo(const coax_remote *remote, char *out, size_t capacity);

/* The request went to a multicast address (RFC 7252 section 8). */
COAX_API bool coax_remote_is_multicast(const coax_remote *remote);

/* The label or pattern of the credentials entry by which the remote proved who it is; NULL if it proved nothing.
   Valid as long as the remote. */
COAX_API const char *coax_remote_claim(const coax_remote *remote);

/* Tells the peer of a connection, in order, that it ends (RFC 8323 section 5.5): nothing new is sent on it, what is
   under way goes on, until the peer closes it or release_timeout_ms has passed. `callback` (may be NULL) is then called
   once, never within this call: COAX_OK and NULL if the peer closed, COAX_E_TIMEOUT if it did not, or how the
   connection was lost. `terms` (may be NULL) is what the peer is asked to keep to. A DTLS session is closed at once.
   COAX_E_UNSUPPORTED: a remote over UDP has no connection; COAX_E_STATE: it is being released; COAX_E_DROPPED: it is
   gone; COAX_E_TOO_LARGE (terms), COAX_E_NO_MEMORY. */
typedef struct coax_release_terms {
    size_t size;                              /* sizeof(coax_release_terms), set by COAX_RELEASE_TERMS_INIT */
    const char *const *alternative_addresses; /* where to connect instead: "b.example.org:5683" */
    size_t alternative_address_count;
    uint32_t hold_off_s; /* not to connect again for so many seconds; 0: no matter */
} coax_release_terms;
#define COAX_RELEASE_TERMS_INIT                                                                                        \
    { sizeof(coax_release_terms), NULL, 0, 0 }
typedef void coax_release_callback(coax_remote *remote, enum coax_status status, const coax_error *error, void *user);
COAX_API enum coax_status coax_remote_release(coax_remote *remote, const coax_release_terms *terms,
                                              coax_release_callback *callback, void *user, coax_error *error);

/* Two remotes with equal keys may share one block-wise transfer: address and security identity, as text. The same
 * errors. */
COAX_API enum coax_status coax_remote_blockwise_key(const coax_remote *remote, char *out, size_t capacity);

#ifdef __cplusplus
}
#endif
#endif
