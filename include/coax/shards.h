/* Many cores: several endpoints, the shards, that listen on the same addresses and share nothing else. Each belongs to
   a thread of its own. The system gives each peer to one of them, by its address; a DTLS client that comes from another
   address is found again by its Connection ID (RFC 9146), in which the shard is named.

   What the program's handlers share, it has to guard. Bounds, such as max_peers, are each endpoint's. A multicast group
   is for one shard to join: each that does answers. */
#ifndef COAX_SHARDS_H
#define COAX_SHARDS_H

#include <coax/endpoint.h>
#include <coax/export.h>
#include <coax/status.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum { COAX_SHARDS_MAXIMUM = 64 };

typedef struct coax_shards coax_shards;

/* Makes `count` endpoints, 1 to COAX_SHARDS_MAXIMUM, all of the same settings; `config` may be NULL. COAX_E_INVALID,
   and the errors of coax_endpoint_new(). */
COAX_API enum coax_status coax_shards_new(coax_shards **shards, unsigned count, const coax_endpoint_config *config,
                                          coax_error *error);

/* Frees all of them, as coax_endpoint_free() does. Not while a thread uses one. NULL is allowed. */
COAX_API void coax_shards_free(coax_shards *shards);

/* The endpoint number `index`, from 0; NULL beyond the last. It is set up like any other, before its thread begins:
   credentials, resources, and coax_endpoint_listen(). That is first called for shard 0, and for the others with the
   same URIs in the same order (else COAX_E_STATE): they get shard 0's ports. It is freed with the shards alone. */
COAX_API coax_endpoint *coax_shards_endpoint(const coax_shards *shards, unsigned index);

/* Starts a thread for each endpoint, which runs it (coax_endpoint_run) until one of them is stopped or fails, and then
   releases its connections (coax_endpoint_release), for 2 s at most. They take no signals. A program that has threads
   of its own runs the endpoints there instead. COAX_E_IO: there can be no more threads. */
COAX_API enum coax_status coax_shards_start(coax_shards *shards, coax_error *error);

/* Stops every endpoint, as coax_endpoint_stop(): async-signal-safe, from any thread. */
COAX_API void coax_shards_stop(coax_shards *shards);

/* Waits for the threads of coax_shards_start(). COAX_OK after a stop, else the error of an endpoint that failed. */
COAX_API enum coax_status coax_shards_join(coax_shards *shards, coax_error *error);

/* Sets up one shard. Called for each, in their order, before any thread begins. COAX_OK, or what
   coax_shards_run() then returns, with *error. */
typedef enum coax_status coax_shard_setup(coax_endpoint *endpoint, void *user, coax_error *error);

/* All of it in one call: makes `count` shards of the default settings, sets them up, runs them until one of them is
   stopped (coax_endpoint_stop), and frees them. The errors of these. */
COAX_API enum coax_status coax_shards_run(unsigned count, coax_shard_setup *setup, void *user, coax_error *error);

#ifdef __cplusplus
}
#endif
#endif
