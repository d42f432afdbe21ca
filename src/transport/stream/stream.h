/* CoAP over connections (RFC 8323): coap+tcp, coaps+tcp, coap+ws, coaps+ws, both roles on each. Signaling, the pool of
   connections that requests share, deadlines, bounds. No sockets: the owner opens streams, feeds bytes, takes bytes.

   A connection of ours exists from the first request to it: while it is being opened, requests wait in it. It leaves
   the pool the moment it is lost or being released; the next request opens another. */
#ifndef COAX_TRANSPORT_STREAM_STREAM_H
#define COAX_TRANSPORT_STREAM_STREAM_H

#include "base/clock.h"
#include "base/hash_table.h"
#include "base/timer_heap.h"
#include "transport/stream/filter_chain.h"
#include "transport/transport.h"

/* The settings of coax_endpoint_config that this room obeys; the same names. */
struct stream_settings {
    uint32_t max_connections, max_connection_openings, max_queue_per_peer, max_requests_per_connection;
    uint32_t max_stream_message_size, max_stream_output, max_stream_memory;
    uint32_t handshake_timeout_ms, message_timeout_ms, ping_interval_ms, ping_timeout_ms, release_timeout_ms;
    uint32_t session_idle_ms;
    uint32_t max_token_size;
    const char *const *origins;
    uint32_t origin_count;
    bool trust_forwarded;
};

struct connection;

/* What the owner does for the layer. `link` is the owner's name for the stream of a connection. */
struct stream_output {
    /* Opens a stream for a connection of ours: look the name up, connect, then coax_connection_opened or
       coax_connection_failed; neither within this call. What to dial is coax_connection_target's. On an error (told to
       whoever asks) nothing has begun. */
    enum coax_status (*open)(void *user, struct connection *connection, coax_error *error);
    /* The connection does not want it any more: no call for it may follow. Legal while nothing is being opened. */
    void (*cancel_open)(void *user, struct connection *connection);
    /* Bytes for the stream; returns how many were taken. If not all, coax_connection_writable when there is room. */
    size_t (*write)(void *user, void *link, const uint8_t *data, size_t size);
    /* Whether bytes are to be read from the stream from now on. They are at first. */
    void (*want_input)(void *user, void *link, bool wanted);
    /* The connection is over: close the stream, and forget the link. `reset` says that it is not worth waiting for what
       was written to arrive. */
    void (*close)(void *user, void *link, bool reset);
    void (*random)(void *user, void *out, size_t size);
    void *user;
};

struct stream_layer {
    struct stream_settings settings;
    struct stream_output output;
    struct transport_events events;
    struct timer_heap *timers;
    coax_instant now; /* of the call under way */
    struct filter_setup filters;

    struct hash_table
        origins; /* ours, by (scheme, hostinfo, credential): the pool, and what servers asked us to keep to */
    struct list_node connections;  /* all, for tearing down only */
    struct list_node idle;         /* open, nothing under way, nobody references them; the longest idle first */
    struct list_node openings;     /* accepted ones that have not sent their CSM, the oldest first */
    struct list_node dirty;        /* with output to flush at the end of the turn */
    struct list_node held_origins; /* without a connection, kept for their Hold-Off, the oldest first */
    uint32_t connection_count, opening_count, held_origin_count;
    size_t memory; /* bytes that all connections hold beside themselves */
};

enum coax_status coax_stream_layer_init(struct stream_layer *layer, const struct stream_settings *settings,
                                        const struct stream_output *output, const struct transport_events *events,
                                        struct timer_heap *timers);

/* Sends Release (and the goodbyes of TLS and WebSocket) on every connection without waiting for anything, ends them all
   with COAX_E_SHUT_DOWN, frees. References must have been given back before. */
void coax_stream_layer_free(struct stream_layer *layer);

/* What to connect to, in normal form. */
struct stream_target {
    enum coax_scheme scheme;
    const char *host; /* a name, or an IP literal without brackets */
    const char *zone; /* "" or the interface of an IPv6 literal */
    uint16_t port;
    struct credential *credential; /* for a secure scheme, else NULL; a reference is taken */
};

/* The remote for requests to a target: the open or opening connection of the pool, else a new one, whose opening
   begins. No new reference. COAX_E_LIMIT, COAX_E_NO_MEMORY, the errors of `open`. */
enum coax_status coax_stream_remote(struct stream_layer *layer, const struct stream_target *target,
                                    struct coax_remote **remote, coax_error *error);

/* For `open`: what to dial. Another host or port than asked for if the server released the last connection with an
   Alternative-Address. Valid until the connection was opened or has failed. */
void coax_connection_target(const struct connection *connection, struct stream_target *target);

/* The owner's stream for the connection; NULL before it is opened. And one pointer for the owner while it is being
   opened. */
void *coax_connection_link(const struct connection *connection);
void coax_connection_set_opener(struct connection *connection, void *opener);
void *coax_connection_opener(const struct connection *connection);

/* A connection of ours is connected / could not be. After _failed it is gone; all that waited fails with `error`. */
void coax_connection_opened(struct connection *connection, void *link, const struct address *remote,
                            const struct address *local);
void coax_connection_failed(struct connection *connection, const coax_error *error);

/* A client connected. COAX_E_LIMIT: all connections are busy, COAX_E_HANDSHAKE, COAX_E_NO_MEMORY: close the stream. */
enum coax_status coax_stream_accept(struct stream_layer *layer, enum coax_scheme scheme, void *link,
                                    const struct address *remote, const struct address *local,
                                    struct connection **accepted, coax_error *error);

/* --- what happens to a stream. After each of these the connection may be gone, `close` having been called. --- */

void coax_connection_receive(struct connection *connection, const uint8_t *data, size_t size);
/* The peer ended its half. */
void coax_connection_receive_end(struct connection *connection);
/* Reset, unreachable: why, as COAX_E_LOST or COAX_E_UNREACHABLE. */
void coax_connection_broken(struct connection *connection, const coax_error *error);
/* There is room again. */
void coax_connection_writable(struct connection *connection);

/* Writes what connections want to send: at the end of each turn of the loop. */
void coax_stream_flush(struct stream_layer *layer);
static inline bool stream_wants_flush(const struct stream_layer *layer) {
    return !list_is_empty(&layer->dirty);
}

/* --- ending in order --- */

/* Sends Release (RFC 8323 section 5.5): nothing new is sent or taken from the pool, what is under way goes on, until
   the peer closes, at the latest after release_timeout_ms. `wait` (may be NULL) is told then. COAX_E_STATE: it is being
   released already; COAX_E_DROPPED: it is gone; COAX_E_TOO_LARGE, COAX_E_NO_MEMORY. A connection that is not open yet
   is just given up. */
enum coax_status coax_connection_release(struct coax_remote *remote, const coax_release_terms *terms,
                                         struct release_wait *wait, coax_error *error);

/* The connections that there are; for waiting until all are released. */
static inline uint32_t stream_connection_count(const struct stream_layer *layer) {
    return layer->connection_count;
}

/* Releases every connection, each as coax_connection_release without a wait. */
void coax_stream_release_all(struct stream_layer *layer);

extern const struct transport coax_stream_transport;

#endif
