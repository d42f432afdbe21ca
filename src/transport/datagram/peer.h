/* What the files of this folder share: the peer, and the messages that it sent and was sent. */
#ifndef COAX_TRANSPORT_DATAGRAM_PEER_H
#define COAX_TRANSPORT_DATAGRAM_PEER_H

#include "transport/datagram/cocoa.h"
#include "transport/datagram/datagram.h"

/* Of the Connection IDs that this side hands out. */
enum { DTLS_OWN_CID_SIZE = 8 };

/* What a peer with a DTLS session has beside. */
struct dtls_link {
    struct hash_node cid_node; /* in layer->cids: a server's, by what its client sends */
    uint8_t cid[DTLS_OWN_CID_SIZE];
    bool has_cid, has_moved;
    bool is_unproven;           /* it has moved to another address, where nothing shows yet that it receives */
    coax_instant moved_at;      /* when; */
    uint64_t credit;            /* so many bytes may go there meanwhile */
    const struct path *arrival; /* of the datagram that is being looked at, if it is another than its own */
    uint64_t arrival_credit;    /* what that one is good for */
    struct peer *successor;     /* a new handshake from the same address (RFC 6347 section 4.2.8), not in the table */
    struct peer *predecessor;
    struct list_node handshake; /* in layer->handshakes */
    uint8_t hello_random[8];    /* of the ClientHello that began it, the end: tells a repeated one from a new one */
    struct timer session_timer;
};

/* A peer on a path. Without anything under way it waits in an idle list, to be dropped when room is needed. */
struct peer {
    struct coax_remote remote; /* with both addresses of the path */
    struct datagram_layer *layer;
    struct hash_node node;
    uint32_t channel;        /* the rest of the path */
    struct list_node idle;   /* in idle_peers or idle_sessions */
    bool in_table, is_ready; /* ready: messages can go out (a session's handshake is over) */
    uint16_t next_id;
    uint32_t unconfirmed; /* confirmable messages under way; NSTART bounds them */
    uint32_t queued;
    uint32_t id_count;         /* message IDs that transmissions hold */
    uint32_t pending_incoming; /* requests that wait for an answer */
    uint32_t reply_count;
    struct list_node queue; /* transmissions that wait for NSTART or the handshake */
    struct list_node sent;  /* transmissions under way */
    struct list_node done_replies;
    struct list_node open_replies; /* requests not yet answered */
    struct cocoa *cocoa;           /* NULL: nothing was measured; so it stays without COAX_CONGESTION_COCOA */
    coax_instant last_activity;
    coax_instant last_heard;      /* of it */
    struct dtls_session *session; /* NULL: it has not begun, or is over */
    struct dtls_link link[];      /* one, if the scheme is coaps; else there is none */
};

/* A message sent: in the queue, or under way. */
struct transmission {
    struct hash_node node;
    struct list_node link;
    struct timer timer;
    struct peer *peer;
    struct delivery *delivery;
    struct packet *packet;
    coax_instant first_sent, last_sent;
    uint32_t timeout_ms;
    uint16_t id;
    uint8_t retransmissions;
    bool confirmable, is_queued;
};

/* A message received: kept until its ID may be used again (RFC 7252 section 4.5). */
struct incoming {
    struct hash_node node;
    struct list_node of_peer;
    struct list_node by_age; /* in layer->done_replies */
    struct timer timer;      /* until the empty ACK goes out, or a multicast answer's leisure ends */
    struct peer *peer;
    struct packet *reply; /* resent to duplicates; NULL: an empty ACK if `is_acknowledged`, else nothing */
    coax_instant expires;
    uint16_t id;
    bool confirmable, is_acknowledged, is_done, is_multicast;
};

/* Of the 2^16, so that a free one is found soon. */
enum { PEER_IDS_MAXIMUM = 60000 };

/* The key of transmissions and replies: it is hashed as bytes, so it must have no padding. */
struct message_key {
    const struct peer *peer;
    uintptr_t id;
};

static inline bool peer_is_secure(const struct peer *peer) {
    return peer->remote.scheme == COAX_SCHEME_COAPS;
}

static inline struct path peer_path(const struct peer *peer) {
    return (struct path){.remote = peer->remote.address, .local = peer->remote.local, .channel = peer->channel};
}

static inline bool peer_is_on(const struct peer *peer, const struct path *path) {
    return peer->channel == path->channel && memcmp(&peer->remote.address, &path->remote, sizeof path->remote) == 0
           && memcmp(&peer->remote.local, &path->local, sizeof path->local) == 0;
}

/* NULL if there is none. */
static inline struct peer *peer_successor(const struct peer *peer) {
    return peer_is_secure(peer) ? peer->link->successor : NULL;
}

/* peer.c */
struct peer *coax_peer_find(struct datagram_layer *layer, const struct path *path);
enum coax_status coax_peer_new(struct datagram_layer *layer, const struct path *path, bool secure, struct peer **result,
                               coax_error *error);
enum coax_status coax_peer_insert(struct peer *peer);
/* Puts the peer into its idle list if nothing is under way, else takes it out; an idle one becomes the youngest. */
void coax_peer_touch(struct peer *peer);
/* The peer is over: out of the table, its deliveries forgotten; `error` (may be NULL) goes to all that waits. Freed if
 * nobody references it. */
void coax_peer_end(struct peer *peer, const coax_error *error);
void coax_peer_released(struct coax_remote *remote);
/* Forgets every message under way or waiting. */
void coax_peer_forget_messages(struct peer *peer);
extern const struct transport coax_datagram_transport;

/* sending.c */
enum coax_status coax_transmit_message(struct coax_remote *remote, const struct coax_message *message, bool confirmable,
                                       struct delivery *delivery, coax_error *error);
void coax_transmission_cancel(struct delivery *delivery);
enum delivery_stage coax_transmission_stage(const struct delivery *delivery);
struct transmission *coax_transmission_find(struct peer *peer, uint16_t id);
void coax_transmission_free(struct transmission *transmission);
/* The peer answered a confirmable message with an acknowledgement or a Reset: a round trip was measured. */
void coax_transmission_measured(const struct transmission *transmission);
/* Sends what waited, as far as NSTART allows. */
void coax_peer_send_queued(struct peer *peer);
/* Puts bytes on the wire: a datagram, or a record of the session. */
void coax_peer_put(struct peer *peer, const uint8_t *data, size_t size);
/* An Empty message (RFC 7252 section 4.1). */
void coax_peer_put_empty(struct peer *peer, enum coax_type type, uint16_t id);
/* The largest message that can go out: over DTLS it must fit one record too. */
size_t coax_peer_capacity(const struct peer *peer);
uint16_t coax_peer_next_id(struct peer *peer);
void coax_peer_trace(struct peer *peer, const struct coax_message *message, bool sent);

/* receiving.c */
void coax_peer_receive(struct peer *peer, const uint8_t *data, size_t size);

/* replies.c */
struct incoming *coax_incoming_find(struct peer *peer, uint16_t id);
struct incoming *coax_incoming_new(struct peer *peer, const struct coax_message *message);
/* Answers a duplicate from what was kept. */
void coax_incoming_repeat(struct incoming *incoming);
/* No answer is to come any more: kept for duplicates until its lifetime ends. */
void coax_incoming_finish(struct incoming *incoming);
void coax_incoming_free(struct incoming *incoming);
void coax_incoming_acknowledge(struct incoming *incoming);
enum coax_status coax_respond_datagram(struct coax_remote *remote, struct incoming *incoming,
                                       const struct coax_message *response);
void coax_decline_datagram(struct coax_remote *remote, struct incoming *incoming);
void coax_replies_expire(struct timer *timer, coax_instant now);

/* dtls_link.c */
void coax_dtls_link_receive(struct datagram_layer *layer, const struct path *path, bool listening, const uint8_t *data,
                            size_t size);
enum coax_status coax_dtls_link_connect(struct peer *peer, struct credential *credential, const char *host,
                                        coax_error *error);
/* Ends the session's part of a peer: close_notify if `in_order`. */
void coax_dtls_link_end(struct peer *peer, bool in_order);
/* What sessions tell their peers. */
const struct dtls_events *coax_dtls_link_events(void);
/* Asks the session for its next deadline. */
void coax_dtls_link_schedule(struct peer *peer);

/* cid.c */
/* Whose record it is that has a Connection ID; NULL if nobody's. */
struct peer *coax_peer_find_by_cid(const struct datagram_layer *layer, const uint8_t *datagram, size_t size);

/* And which shard's. */
uint32_t coax_peer_cid_shard(const struct datagram_layer *layer, const uint8_t *datagram, size_t size);
/* One for the peer's session; empty if it gets none. */
struct bytes coax_peer_give_cid(struct peer *peer);
/* The one that it had; false if another has it, or without memory. */
bool coax_peer_keep_cid(struct peer *peer, struct bytes cid);
void coax_peer_take_cid(struct peer *peer);
/* Before and after a datagram of so many bytes is looked at; false if it must not be. */
bool coax_peer_comes_from(struct peer *peer, const struct path *path, size_t size);
void coax_peer_has_come(struct peer *peer);
/* In between: something in it is newer than all before. */
void coax_peer_arrived(struct peer *peer);
/* Whether so many bytes may go out: to an address that is unproven, three times what came from there. */
bool coax_peer_may_send(struct peer *peer, size_t size);
/* Something was answered that was sent at that time. */
void coax_peer_proven(struct peer *peer, coax_instant sent);

#endif
