/* One endpoint's protocol rooms wired together, without I/O: datagrams, time and random bytes are arguments. The
   endpoint puts sockets around it, a simulation a network of its own. */
#ifndef COAX_STACK_STACK_H
#define COAX_STACK_STACK_H

#include "request/request_layer.h"
#include "server/site.h"
#include "transport/datagram/datagram.h"
#include "transport/stream/stream.h"
#include <coax/endpoint.h>

struct stack {
    coax_endpoint_config config;
    struct datagram_output output;
    struct stream_output stream_output;
    struct timer_heap timers;
    struct datagram_layer datagrams;
    struct stream_layer streams;
    struct request_layer requests;
    coax_credentials *credentials;
    coax_site *site;
    struct dtls_context *dtls; /* made when a channel or a request first needs it */
    struct tls_context *tls;   /* the same */
    char *text;                /* for generated representations */
    size_t text_capacity;
    coax_instant now;
};

/* `config` is checked: COAX_E_INVALID names the setting. `output` sends datagrams and gives random bytes; `streams`
   opens connections and carries their bytes, and may be NULL where there are none. */
enum coax_status coax_stack_new(struct stack **result, const coax_endpoint_config *config,
                                const struct datagram_output *output, const struct stream_output *streams,
                                coax_instant now, coax_error *error);

/* Fails what is under way, closes every session with close_notify and every connection with Release (through the
   outputs), frees. */
void coax_stack_free(struct stack *stack);

/* Makes it number `shard` of `count` that share their addresses. Before anything comes in. */
void coax_stack_set_shard(struct stack *stack, uint32_t shard, uint32_t count, hand_over_callback *hand_over);

/* Makes DTLS available, for a channel that is secure; and TLS, for connections. */
enum coax_status coax_stack_enable_dtls(struct stack *stack, coax_error *error);
enum coax_status coax_stack_enable_tls(struct stack *stack, coax_error *error);

/* Time passes: to be called with the current time before anything else is, in each turn of the loop. */
void coax_stack_set_time(struct stack *stack, coax_instant now);

/* `enter` is called when the program comes in by a call without a time (an answer after its handler, a cancel), so that
   the owner can call coax_stack_set_time. */
void coax_stack_on_entry(struct stack *stack, void (*enter)(void *user), void *user);

/* One datagram came in. */
void coax_stack_receive(struct stack *stack, const struct path *path, bool secure, bool listening, const uint8_t *data,
                        size_t size);

/* The network reported an error for datagrams sent to the path. */
void coax_stack_unreachable(struct stack *stack, const struct path *path, const coax_error *error);

/* The next moment at which coax_stack_run must be called; COAX_NEVER. */
coax_instant coax_stack_deadline(const struct stack *stack);

/* Does what is due. */
void coax_stack_run(struct stack *stack);

/* The remote for a request to `path`: in the clear, or over DTLS with the credentials for `uri` (a full URI in normal
   form) and `host` (a name or an IP literal, for SNI and the check of certificates). No new reference. The errors of
   coax_credentials_for_uri, coax_datagram_remote and coax_datagram_secure_remote. */
enum coax_status coax_stack_remote(struct stack *stack, const struct path *path, bool secure, const char *uri,
                                   const char *host, struct coax_remote **remote, coax_error *error);

/* The remote for requests to a URI (and its normal form) over a connection, which is begun if there is none. No new
   reference. The errors of coax_tls_credential_for_uri and coax_stream_remote. */
enum coax_status coax_stack_connection(struct stack *stack, const coax_uri *uri, const char *normal_uri,
                                       struct coax_remote **remote, coax_error *error);

/* Writes what connections want to send: at the end of each turn. */
void coax_stack_flush(struct stack *stack);

/* Ends the session with a path, in order, if nothing is under way there and nobody references it; false if it is busy,
 * or there is none. */
bool coax_stack_drop_idle(struct stack *stack, const struct path *path);

/* --- for a server that is started again (stack_saved.c) --- */

enum { STACK_SAVED_KEY_SIZE = 32 };

/* All DTLS sessions of clients of these stacks, which are one server's shards in their order, with what they observe,
   sealed with the key; they are over here, without a word to the clients. *saved is the caller's to free.
   COAX_E_NO_MEMORY. */
enum coax_status coax_stack_save(struct stack *const *stacks, size_t stack_count,
                                 const uint8_t key[STACK_SAVED_KEY_SIZE], uint8_t **saved, size_t *size,
                                 coax_error *error);

/* Takes them up again, each by its shard, of which there may be more or fewer now; `find_channel` says which channel of
   the owner of `datagrams.output` has a local address. *count gets how many. COAX_E_FORMAT: they are none, or were
   sealed with another key; COAX_E_LIMIT, COAX_E_NO_MEMORY: some had no room. */
enum coax_status coax_stack_restore(struct stack *const *stacks, size_t stack_count,
                                    const uint8_t key[STACK_SAVED_KEY_SIZE], struct bytes saved,
                                    bool (*find_channel)(void *user, const struct address *local, uint32_t *channel),
                                    size_t *count, coax_error *error);

#endif
