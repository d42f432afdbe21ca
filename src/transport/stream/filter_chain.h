/* What lies between the bytes of a connection and the messages on it: tcp -> [tls] -> [websocket] -> frames, composed
   as the scheme says, client or server. It knows nothing of signaling: CSM, Release and the rest are messages like
   others. No I/O, no clock, nothing that blocks.

   A chain begins with coax_filter_chain_start_client or _server, tells `opened` once when messages can be sent, hands
   up `message`s, and ends with `ended`, once, which is the last call. */
#ifndef COAX_TRANSPORT_STREAM_FILTER_CHAIN_H
#define COAX_TRANSPORT_STREAM_FILTER_CHAIN_H

#include "base/address.h"
#include "base/byte_queue.h"
#include "message/frame_format.h"
#include "security/tls.h"
#include "transport/stream/frame_reader.h"
#include "transport/stream/upgrade.h"
#include "transport/stream/websocket.h"
#include <coax/uri.h>

/* Why this end closes; over WebSocket the code that is said (RFC 6455 section 7.4.1). */
enum filter_farewell {
    FAREWELL_NORMAL,         /* 1000: in order */
    FAREWELL_PROTOCOL_ERROR, /* 1002 */
    FAREWELL_BAD_DATA,       /* 1007: bytes that are no message */
    FAREWELL_TOO_LARGE,      /* 1009 */
};

/* What the chains of a layer share; lives as long as they do. */
struct filter_setup {
    struct frame_limits limits;
    struct tls_context *tls;             /* NULL until a secure chain is started */
    struct upgrade_policy origins;       /* server: which pages may connect over WebSocket */
    bool trust_forwarded;                /* server: believe Forwarded and X-Forwarded-For of the upgrade */
    struct websocket_setup websocket[2]; /* of servers, of clients; filled by coax_filter_setup_init */

    /* Bytes for the peer. Returns how many were taken, 0 if the system takes none now: coax_filter_chain_flush offers
       them again. Nothing of the chain may be called within. */
    size_t (*write)(void *user, const uint8_t *data, size_t size);
    /* Messages can be sent: the peer is authenticated, the upgrade agreed. Within _start_ for a scheme with neither. */
    void (*opened)(void *user);
    /* A message, a view. Returns false to pause: no more come until coax_filter_chain_resume. */
    bool (*message)(void *user, const struct coax_message *message);
    /* Bytes came that are no message, or one that is too large, in a chain that otherwise works: the owner may still
       send (an Abort) and must call coax_filter_chain_close with `farewell`, at once or in `ended`'s stead. */
    void (*unreadable)(void *user, const coax_error *error, enum filter_farewell farewell);
    /* The chain is over; coax_filter_chain_pending() bytes may still be worth flushing before the socket is closed.
       COAX_E_CLOSE_NOTIFY: the peer closed its TLS session in order; COAX_E_LOST: the stream or the WebSocket ended
       (the text names the latter's code), which to CoAP is no goodbye; COAX_E_UPGRADE; what tls.h says of `closed`;
       COAX_E_FORMAT or COAX_E_TOO_LARGE for a violation of WebSocket; COAX_E_NO_MEMORY. */
    void (*ended)(void *user, const coax_error *error);
    void (*random)(void *user, void *out, size_t size); /* same `user` as the others: the chain's */
};

/* Fills the parts that follow from the others. */
void coax_filter_setup_init(struct filter_setup *setup);

struct filter_opening; /* what only an upgrade needs */

struct filter_chain {
    const struct filter_setup *setup;
    void *user;
    enum coax_scheme scheme;
    bool is_server, is_open, is_paused, is_closing, is_over;
    bool is_broken;                 /* something that was to be sent is lost */
    bool input_ended;               /* the peer's half of the stream has */
    coax_error *timed_out;          /* where TLS explains a timeout, while it is asked to */
    struct filter_opening *opening; /* NULL without WebSocket, and once open */
    struct tls_session *tls;        /* NULL in the clear */
    union {
        struct frame_reader frames;
        struct websocket websocket;
    } reader;
    struct byte_queue out;    /* for the peer */
    struct byte_queue sealed; /* from the peer, before TLS: what a pause left */
    struct byte_queue plain;  /* from the peer, before the reader: the same */
};

/* What a client needs to know of the server. */
struct filter_target {
    enum coax_scheme scheme;
    const char *hostinfo;          /* for the Host field: "example.org:8683", the scheme's default port left out */
    const char *server_name;       /* the host alone, for SNI and the check of the certificate */
    struct credential *credential; /* for secure schemes */
};

/* Starts a chain over a connected stream; the chain's memory is the caller's and zeroed. After an error nothing is
   held. COAX_E_CREDENTIALS_KIND, COAX_E_CREDENTIALS_SIZE, COAX_E_HANDSHAKE, COAX_E_INVALID (hostinfo),
   COAX_E_NO_MEMORY. `opened` or `ended` may be called within. */
enum coax_status coax_filter_chain_start_client(struct filter_chain *chain, const struct filter_setup *setup,
                                                void *user, const struct filter_target *target, coax_instant now,
                                                coax_error *error);
enum coax_status coax_filter_chain_start_server(struct filter_chain *chain, const struct filter_setup *setup,
                                                void *user, enum coax_scheme scheme, coax_instant now,
                                                coax_error *error);

/* Bytes came from the peer. All of them are taken; what a pause leaves over is kept, so while it is paused (or its own
   output waits, coax_filter_chain_pending) the owner does not read the socket. */
void coax_filter_chain_receive(struct filter_chain *chain, const uint8_t *data, size_t size);

/* The peer's half of the stream has ended (FIN): what was kept is still read, then the chain ends. */
void coax_filter_chain_receive_end(struct filter_chain *chain);

/* Goes on after a pause. As _receive and _receive_end not within a callback. */
void coax_filter_chain_resume(struct filter_chain *chain);

/* Sends a message as one frame. COAX_E_STATE before `opened` and after a close; COAX_E_TOO_LARGE if no frame can hold
   it; COAX_E_NO_MEMORY: the chain cannot go on then, and ends with the next coax_filter_chain_flush. The peer's
   Max-Message-Size and bounds of the output are the caller's business. */
enum coax_status coax_filter_chain_send(struct filter_chain *chain, const struct coax_message *message,
                                        coax_error *error);

/* Bytes that wait for the system to take them. */
size_t coax_filter_chain_pending(const struct filter_chain *chain);

/* Bytes that the chain holds in all buffers: of the peer's unfinished message, kept input, output. */
size_t coax_filter_chain_held(const struct filter_chain *chain);

/* Whether a message has begun and is not whole: how a deadline for messages is kept. */
bool coax_filter_chain_is_within_message(const struct filter_chain *chain);

/* Offers what waits to `write`. Frees the buffer once it is empty. */
void coax_filter_chain_flush(struct filter_chain *chain);

/* Says goodbye on each level: WebSocket's close with the code, TLS's close_notify. Nothing can be sent any more, what
   the peer still sends is ignored, and `ended` is not called: once nothing is pending the owner closes the stream. */
void coax_filter_chain_close(struct filter_chain *chain, enum filter_farewell farewell);

/* The owner's deadline for the opening has come: fills *error with what it stood at (TLS handshake, upgrade), which for
   TLS also ends the session in order. `ended` is not called. */
void coax_filter_chain_explain_timeout(struct filter_chain *chain, coax_instant now, coax_error *error);

/* Frees without a word. Not within a callback of the chain. Legal on a zeroed one. */
void coax_filter_chain_free(struct filter_chain *chain);

/* --- who the peer is; after `opened` --- */

/* The entry that names the peer (tls.h), NULL if none. Not a new reference. */
struct credential *coax_filter_chain_credential(const struct filter_chain *chain);

/* Server: the host (and port) that the client asked for: the upgrade's Host, else TLS's server name, else "". Only
   within `opened`. */
const char *coax_filter_chain_asked_host(const struct filter_chain *chain);

/* Server with trust_forwarded: the client's address as the proxy before us says (RFC 7239's last `for`, else the last
   X-Forwarded-For); false if it says none that is an address. Port 0 if it says none. Only within `opened`. */
bool coax_filter_chain_forwarded(const struct filter_chain *chain, struct address *address);

#endif
