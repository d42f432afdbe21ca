/* CoAP over datagrams (RFC 7252 section 4): reliability, duplicates, peers; over UDP and over DTLS. No sockets:
   datagrams come in as arguments and go out through a callback.

   A peer is found by its path: the channel (the owner's name for a socket), the remote address and, on a listening
   channel, the local one. */
#ifndef COAX_TRANSPORT_DATAGRAM_DATAGRAM_H
#define COAX_TRANSPORT_DATAGRAM_DATAGRAM_H

#include "base/clock.h"
#include "base/hash_table.h"
#include "base/timer_heap.h"
#include "security/dtls.h"
#include "transport/datagram/packet_store.h"
#include "transport/transport.h"
#include <coax/endpoint.h>

/* The settings of coax_endpoint_config that this room obeys; the same names. */
struct datagram_settings {
    uint32_t ack_timeout_ms, ack_random_percent, max_retransmit, nstart, default_leisure_ms, exchange_lifetime_ms;
    uint32_t empty_ack_delay_ms;
    enum coax_congestion_control congestion_control;
    uint32_t max_peers, max_sessions, max_handshakes, max_requests, max_queue_per_peer, max_replies;
    uint32_t max_replies_per_peer, max_message_size, max_token_size;
    uint32_t session_idle_ms;
    bool connection_ids;
};

struct path {
    struct address remote;
    struct address local; /* all zero on a client's channel */
    uint32_t channel;
    uint32_t reserved; /* 0: hashed as bytes */
};

struct peer;

struct datagram_output {
    /* Sends one datagram. */
    void (*transmit)(void *user, const struct path *path, const uint8_t *data, size_t size);
    /* Fills `out` with unpredictable bytes. */
    void (*random)(void *user, void *out, size_t size);
    void *user;
};

/* Gives a datagram of DTLS to the shard whose session it is for; `user` is the output's. */
typedef void hand_over_callback(void *user, uint32_t shard, const struct path *path, const uint8_t *data, size_t size);

struct datagram_layer {
    struct datagram_settings settings;
    struct datagram_output output;
    struct transport_events events;
    struct timer_heap *timers;
    coax_instant now;              /* of the call under way */
    uint32_t shard, shard_count;   /* this layer is number `shard` of so many that share their addresses [0 of 1] */
    hand_over_callback *hand_over; /* to the others; NULL if there are none */

    struct hash_table peers;
    struct hash_table cids;         /* sessions by the Connection IDs that they were given */
    struct list_node idle_peers;    /* without anything under way, the longest idle first */
    struct list_node idle_sessions; /* the same, of those with a DTLS session */
    struct list_node handshakes;    /* server handshakes under way, the oldest first */
    uint32_t peer_count, session_count, handshake_count;
    struct pool peer_pool, secure_peer_pool;
    struct pool cocoa_pool; /* of peers whose round trips were measured */

    struct hash_table transmissions; /* messages sent, by peer and message ID */
    struct pool transmission_pool;

    struct hash_table replies;     /* messages received, by peer and message ID */
    struct list_node done_replies; /* answered ones, the oldest first */
    struct timer reply_timer;
    struct pool reply_pool;

    struct packet_store packets;
    struct dtls_context *dtls; /* NULL until somebody wants DTLS; the owner's */
    uint8_t *scratch;          /* max_message_size bytes: a message on its way out */
    size_t scratch_size;
    size_t token_maximum; /* of a message that is well-formed */
};

enum coax_status coax_datagram_layer_init(struct datagram_layer *layer, const struct datagram_settings *settings,
                                          const struct datagram_output *output, const struct transport_events *events,
                                          struct timer_heap *timers);

/* Sends close_notify on every session, frees everything, the remotes too: references must have been given back before.
 */
void coax_datagram_layer_free(struct datagram_layer *layer);

/* Feeds one datagram. `secure` says that the channel carries DTLS; `listening` that it serves. */
void coax_datagram_receive(struct datagram_layer *layer, const struct path *path, bool secure, bool listening,
                           const uint8_t *data, size_t size);

/* The network said that nothing reaches the remote (ICMP): COAX_E_REFUSED or COAX_E_UNREACHABLE. */
void coax_datagram_unreachable(struct datagram_layer *layer, const struct path *path, const coax_error *error);

/* The remote for sending to a path in the clear; made if there is none. No new reference. COAX_E_LIMIT,
 * COAX_E_NO_MEMORY. */
enum coax_status coax_datagram_remote(struct datagram_layer *layer, const struct path *path,
                                      struct coax_remote **remote, coax_error *error);

/* The remote for sending over DTLS; its handshake is started if there is none. COAX_E_EXISTS: the path is taken by a
   session of another identity, use another channel. */
enum coax_status coax_datagram_secure_remote(struct datagram_layer *layer, const struct path *path,
                                             struct credential *credential, const char *host,
                                             struct coax_remote **remote, coax_error *error);

/* Ends the peer of a path, in order, if it is idle: nothing under way, no references. False if there is none or it is
 * busy. */
bool coax_datagram_drop_idle(struct datagram_layer *layer, const struct path *path);

#endif
