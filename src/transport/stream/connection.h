/* What the files of this folder share about connections; the owner's view is stream.h. */
#ifndef COAX_TRANSPORT_STREAM_CONNECTION_H
#define COAX_TRANSPORT_STREAM_CONNECTION_H

#include "message/signaling.h"
#include "transport/stream/stream.h"

/* In this order. */
enum connection_phase {
    CONNECTION_DIALLING,  /* ours: the owner opens a stream */
    CONNECTION_OPENING,   /* TLS handshake, upgrade */
    CONNECTION_OPEN,      /* our CSM is sent */
    CONNECTION_RELEASING, /* and our Release: the peer is to close */
    CONNECTION_RELEASED,  /* the peer's Release came: this end closes when nothing is under way */
    CONNECTION_CLOSING,   /* gone for everybody; what was said last is still being written */
    CONNECTION_OVER,
};

/* A peer's requests that are not answered yet; what the request layer knows as `struct incoming` is one of these two. A
   Ping with Custody is answered when those from before it are done: they are counted apart from those after it. */
struct request_epoch {
    uint32_t open;
};

struct origin;

struct connection {
    struct coax_remote remote;
    struct stream_layer *layer;
    void *link;            /* the owner's stream; NULL before and after */
    void *opener;          /* the owner's, while dialling */
    struct origin *origin; /* its place in the pool; NULL outside */
    struct list_node all, idle, opening, dirty;
    struct list_node queue; /* messages that cannot be sent yet */
    struct filter_chain chain;
    struct timer timer;
    struct release_wait *wait;
    coax_error *release; /* what the peer's Release said; NULL: none came */
    struct capabilities peer;
    struct request_epoch epochs[2];
    uint8_t epoch; /* of the requests that come now */
    uint8_t phase;
    uint8_t calls;          /* into this connection under way: its chain is freed after the last */
    uint8_t owed_pong_size; /* with Custody, once the other epoch is done */
    uint8_t owed_pong[TOKEN_MAXIMUM];
    bool is_ours, csm_received, owes_pong, is_pinged, wants_input, has_ended;
    uint32_t queued;
    size_t queued_bytes, memory /* counted in the layer's */, message_bytes /* since message_began */, unwritten;
    coax_instant opening_deadline, end_deadline;
    coax_instant heard, used, written; /* when something came, a request or response went, the system took something */
    coax_instant message_began;        /* the message that is not whole yet; 0: none */
    coax_instant pinged;
};

static inline struct connection *connection_of(struct coax_remote *remote) {
    return COAX_CONTAINER(remote, struct connection, remote);
}

static inline bool connection_is_secure(const struct connection *connection) {
    return coax_scheme_is_secure(connection->remote.scheme);
}

static inline uint32_t connection_open_requests(const struct connection *connection) {
    return connection->epochs[0].open + connection->epochs[1].open;
}

/* Nobody waits for anything on it. */
static inline bool connection_is_unused(const struct connection *connection) {
    return connection_open_requests(connection) == 0 && list_is_empty(&connection->remote.requests)
           && list_is_empty(&connection->queue);
}

/* Open, without anything under way, and referenced by nobody: who keeps a remote keeps its connection. */
static inline bool connection_is_idle(const struct connection *connection) {
    return connection->phase == CONNECTION_OPEN && connection->csm_received
           && connection->remote.references == connection->calls && connection_is_unused(connection);
}

/* --- the layer (stream.c) --- */

/* Drops the longest idle connection where there are too many; false if all are busy. */
bool coax_stream_make_room(struct stream_layer *layer);
/* Ends those that hold most while all hold too much together. */
void coax_stream_make_memory(struct stream_layer *layer);

/* --- life (connection.c) --- */

void coax_connection_set_up_filters(struct stream_layer *layer);

/* A connection in the layer, entered. COAX_E_LIMIT, COAX_E_NO_MEMORY. */
enum coax_status coax_connection_new(struct stream_layer *layer, enum coax_scheme scheme, bool is_ours,
                                     struct connection **result, coax_error *error);

/* Around every way in from outside: between the two neither the connection nor its chain is freed. */
void coax_connection_enter(struct connection *connection);
void coax_connection_leave(struct connection *connection);

/* One that never was: nobody is told, its stream stays the owner's. */
void coax_connection_discard(struct connection *connection);
/* Its opening is over: it counts no more towards max_connection_openings. */
void coax_connection_leave_openings(struct connection *connection);

/* It is over for everybody: out of the pool, everything that waits is told `error`. What is to be written still is, if
   there is a stream, then it is closed. */
void coax_connection_end(struct connection *connection, const coax_error *error);
/* The same, with nothing more to be written. */
void coax_connection_break(struct connection *connection, const coax_error *error);

/* Has the end of the turn look at it: output, pauses, whether it can be closed. */
void coax_connection_mark(struct connection *connection);
/* What that look does. */
void coax_connection_settle(struct connection *connection);
/* Counts what it holds, and makes room if that is too much: the connection may be over after it. */
void coax_connection_weigh(struct connection *connection);
void coax_connection_released(struct coax_remote *remote);

/* --- deadlines (connection_timer.c) --- */

void coax_connection_schedule(struct connection *connection);
void coax_connection_fire(struct timer *timer, coax_instant now);

/* --- signaling (connection_signaling.c) --- */

void coax_connection_send_csm(struct connection *connection);
void coax_connection_send_ping(struct connection *connection);
/* A whole message came. */
void coax_connection_take_message(struct connection *connection, const struct coax_message *message);
/* Says Abort, with `error`'s text, and ends. `bad_csm_option` may be NULL. */
void coax_connection_abort(struct connection *connection, const uint16_t *bad_csm_option, enum filter_farewell farewell,
                           const coax_error *error);
/* A request of the peer's is done: perhaps a Pong is due. */
void coax_connection_request_done(struct connection *connection, struct incoming *incoming);

/* --- ending in order (connection_release.c) --- */

void coax_connection_take_release(struct connection *connection, const struct coax_message *message);

/* --- sending (stream_transport.c) --- */

/* Writes a message at once. Ends the connection where that fails for good. */
enum coax_status coax_connection_write(struct connection *connection, const struct coax_message *message,
                                       coax_error *error);
void coax_connection_send_queued(struct connection *connection);
/* Forgets what waits; `error` goes to who sent it, NULL: nobody is told. */
void coax_connection_drop_queue(struct connection *connection, const coax_error *error);

/* --- the pool (origin.c) --- */

/* What the last server at an origin asked for in its Release. */
struct origin_terms {
    coax_instant hold_off_until; /* 0: none */
    coax_uri *alternative;       /* malloc'ed, taken over; NULL: none */
};

/* The origin of a target, made if there is none. NULL if memory ran out. */
struct origin *coax_origin_get(struct stream_layer *layer, const struct stream_target *target);
struct connection *coax_origin_connection(const struct origin *origin);
/* COAX_E_RELEASED while the server wants to be left alone. */
enum coax_status coax_origin_check(const struct origin *origin, coax_instant now, coax_error *error);
void coax_origin_join(struct origin *origin, struct connection *connection);
/* The connection leaves the pool; its origin goes unless terms keep it. */
void coax_origin_leave(struct connection *connection, const struct origin_terms *terms);
/* Frees an origin without a connection and without terms. */
void coax_origin_forget_unused(struct stream_layer *layer, const struct stream_target *target);
void coax_origins_init(struct stream_layer *layer, const uint8_t seed[16]);
void coax_origins_free(struct stream_layer *layer);

#endif
