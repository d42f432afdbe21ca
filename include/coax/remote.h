/* A remote: a peer as an object, made of transport, address and security identity. It is what requests are sent to and
   what requests come from. */
#ifndef COAX_REMOTE_H
#define COAX_REMOTE_H

#include <coax/export.h>
#include <coax/status.h>
#include <coax/uri.h>
#include <stdbool.h>
#include <stddef.h>

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

/* Two remotes with equal keys may share one block-wise transfer: address and security identity, as text. The same
 * errors. */
COAX_API enum coax_status coax_remote_blockwise_key(const coax_remote *remote, char *out, size_t capacity);

#ifdef __cplusplus
}
#endif
#endif
