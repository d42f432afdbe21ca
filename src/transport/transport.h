/* What every transport offers to the request layer, as a table of functions, and what it tells it. */
#ifndef COAX_TRANSPORT_TRANSPORT_H
#define COAX_TRANSPORT_TRANSPORT_H

#include "base/timer_heap.h"
#include "message/message.h"
#include "transport/remote.h"

/* How far a message has come; for the sentence that names what was waited for. */
enum delivery_stage {
    DELIVERY_QUEUED,       /* behind other messages (NSTART) */
    DELIVERY_CONNECTING,   /* behind a connection that is being opened, or a handshake */
    DELIVERY_UNCONFIRMED,  /* sent, not acknowledged */
    DELIVERY_ACKNOWLEDGED, /* acknowledged, or of a kind that never is */
    DELIVERY_SENT,         /* on a reliable transport: it arrives, or the connection is lost */
};

/* One message on its way, embedded in its sender. After `failed`, after a cancel, and after the remote was lost the
   transport has forgotten it. */
struct delivery {
    /* The peer acknowledged it: an answer in the same message is told next. On a reliable transport: it had to wait,
       and is written now (one whose `carrier` is NULL after `send` did not have to wait: nothing is told of it). */
    void (*acknowledged)(struct delivery *delivery);
    /* The peer rejected it with a Reset, or never acknowledged it. At most once. */
    void (*failed)(struct delivery *delivery, const coax_error *error);
    void *carrier; /* the transport's; NULL when it does not know the delivery */
};

/* Who waits for a connection to end: told once, with NULL if the peer closed it in order. Never within the call that
   asked for it: where there is nothing to wait for, the transport arms the timer for now, whose `fire` tells. */
struct release_wait {
    struct timer timer;
    void (*done)(struct release_wait *wait, struct coax_remote *remote, const coax_error *error);
};

/* An incoming request that the transport remembers until it is answered; NULL where it has nothing to remember. */
struct incoming;

struct transport {
    /* Messages are neither lost nor acknowledged one by one (RFC 8323), and an Empty message with a token is a Ping
     * (section 5.4), answered by a response of code 7.03 with that token. */
    bool is_reliable;

    /* Sends a message whose type, ID and token the caller leaves to the transport, but for the token. The bytes are
       copied. Without a delivery nobody hears what becomes of it. COAX_E_LIMIT: the peer's queue is full;
       COAX_E_TOO_LARGE; COAX_E_NO_MEMORY; the status that ended a remote that is gone. */
    enum coax_status (*send)(struct coax_remote *remote, const struct coax_message *message, bool confirmable,
                             struct delivery *delivery, coax_error *error);

    /* Forgets a delivery: no more retransmissions, no more calls. Legal when the transport does not know it. */
    void (*cancel)(struct delivery *delivery);

    enum delivery_stage (*stage)(const struct delivery *delivery);

    /* How many bytes of a body one block in a message to this remote may have: 1024 over datagrams, a multiple of it on
       a connection whose peer can take that (BERT, RFC 8323 section 6). */
    uint32_t (*block_maximum)(const struct coax_remote *remote);

    /* How long the token of a request to this remote may be, as far as it has said (RFC 8974 section 2.2.1). NULL where
       only trial shows it. */
    uint32_t (*token_maximum)(const struct coax_remote *remote);

    /* Answers a request, once. `response` has code, token, options and payload. After COAX_E_TOO_LARGE nothing was
       sent, and the request wants another answer; whatever else comes back, it is over. */
    enum coax_status (*respond)(struct coax_remote *remote, struct incoming *incoming,
                                const struct coax_message *response);

    /* Ends a request that gets no answer (RFC 7967): where the protocol wants one, an acknowledgement goes out. */
    void (*decline)(struct coax_remote *remote, struct incoming *incoming);

    /* Ends the connection with a remote in order (coax_remote_release); `wait` may be NULL. */
    enum coax_status (*release)(struct coax_remote *remote, const coax_release_terms *terms, struct release_wait *wait,
                                coax_error *error);

    /* The last reference is gone: the transport may keep the remote, or free it. */
    void (*released)(struct coax_remote *remote);
};

/* What a transport tells the layer above. */
struct transport_events {
    /* A request, never a duplicate. It must be answered or declined once, now or later, unless the remote is gone by
       then. */
    void (*request)(void *user, struct coax_remote *remote, const struct coax_message *message,
                    struct incoming *incoming);

    /* A response; false if nobody waits for it (RFC 7252 section 4.2: it will be rejected). */
    bool (*response)(void *user, struct coax_remote *remote, const struct coax_message *message);

    /* Everything that waits for this remote has failed. The remote is gone if `remote->is_gone`. */
    void (*lost)(void *user, struct coax_remote *remote, const coax_error *error);

    /* A connection or session is open: the peer is known, and can be sent requests. `lost` ends it. May be NULL. */
    void (*opened)(void *user, struct coax_remote *remote);

    /* A message was sent or received, for logs. May be NULL. */
    void (*trace)(void *user, struct coax_remote *remote, const struct coax_message *message, bool sent);

    void *user;
};

#endif
