/* DTLS sessions that outlive their endpoint: a server is stopped and started again, and its clients need no new
   handshake. */
#ifndef COAX_SESSIONS_H
#define COAX_SESSIONS_H

#include <coax/endpoint.h>
#include <coax/export.h>
#include <coax/shards.h>
#include <coax/status.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum { COAX_SESSIONS_KEY_SIZE = 32 };

/* Ends the DTLS sessions of all clients without telling them, and gives what is needed to go on with them: keys,
   sequence numbers, addresses, Connection IDs, and what the clients observe. It is sealed with `key`, 32 random bytes
   that the program keeps. *saved is to be freed with free(). What is under way with a client is lost as a datagram is:
   it asks again. COAX_E_NO_MEMORY: the sessions are over, and lost. */
COAX_API enum coax_status coax_endpoint_save_sessions(coax_endpoint *endpoint, const uint8_t key[32], uint8_t **saved,
                                                      size_t *size, coax_error *error);

/* Takes them up, in an endpoint that listens already, on the same port; who observes gets the present state. *count
   (may be NULL) gets how many. A session whose credentials are gone or were changed is left out.
   Once only: restored a second time, a session would use its nonces again (RFC 6347 section 4.1.2.6, RFC 6655), which
   gives its secrets away. So forget the bytes, for good, before you call this: remove the file first.
   COAX_E_FORMAT (no such bytes, or another key), COAX_E_LIMIT (max_peers, max_sessions), COAX_E_NO_MEMORY. */
COAX_API enum coax_status coax_endpoint_restore_sessions(coax_endpoint *endpoint, const uint8_t key[32],
                                                         const void *saved, size_t size, size_t *count,
                                                         coax_error *error);

/* The same of all shards, while none of them runs. There may be more or fewer of them the next time, and one endpoint
   alone takes what several have saved, and the other way round. A client without a Connection ID (RFC 9146) can go on
   only if the system gives it to the shard that it had: then their number has to be the same, and the system still up.
 */
COAX_API enum coax_status coax_shards_save_sessions(coax_shards *shards, const uint8_t key[32], uint8_t **saved,
                                                    size_t *size, coax_error *error);
COAX_API enum coax_status coax_shards_restore_sessions(coax_shards *shards, const uint8_t key[32], const void *saved,
                                                       size_t size, size_t *count, coax_error *error);

#ifdef __cplusplus
}
#endif

#endif
