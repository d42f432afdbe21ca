/* A stack under test and the other ends of its connections, which a test drives by hand: the same filters, but no
   signaling on top, so that a peer says only what the test wants and falls silent where it wants. Pipes in memory. */
#ifndef COAX_TESTS_SIM_STREAM_PEER_H
#define COAX_TESTS_SIM_STREAM_PEER_H

#include "stack/stack.h"

/* PEER_LARGE: bytes, such that a message of them is one that every peer takes. */
enum { STREAM_PEERS = 4, PEER_LARGE = 1100 };

/* What of the peer's last bytes does not arrive. */
enum peer_hold {
    HOLD_NOTHING,
    HOLD_UPGRADE, /* the end of what follows the TLS handshake, if there is one */
    HOLD_ALL,     /* the end of everything */
};

struct peer_world;

struct stream_peer {
    struct peer_world *world;
    struct filter_chain chain;
    struct connection *connection; /* the stack's; NULL before and after */
    struct byte_queue to_peer, to_stack;
    enum peer_hold hold;
    bool is_deaf;    /* what comes for it is not read */
    bool is_blocked; /* the system takes no more for it */
    bool is_silent;  /* what it says does not arrive */
    bool is_mute;    /* it answers nothing */
    bool has_no_csm;
    bool is_dialled, is_closed, wants_input; /* as the stack asked for */
    unsigned received[256];                  /* messages, by code */
};

/* The outcome of one request of the stack's. */
struct peer_answer {
    unsigned callbacks;
    uint8_t code;
    coax_error error;
    void (*then)(struct peer_answer *answer); /* within the callback; to be set after asking; may be NULL */
};

struct peer_world {
    struct stack *stack;
    struct filter_setup setup;
    coax_credentials *credentials;
    struct tls_context *tls;
    struct stream_peer peers[STREAM_PEERS];
    unsigned peer_count;
    coax_instant now;
    uint64_t random_state;
    struct coax_remote *opened; /* the last that was told as open; a reference */
    unsigned lost_count;
    coax_error lost;
    coax_exchange *deferred; /* of a request to "slow" */
};

/* The stack serves "hello", "large" and, late, "slow". */
void peer_world_init(struct peer_world *world, const coax_endpoint_config *config);
void peer_world_free(struct peer_world *world);

/* The stack sends a POST; dials if there is no connection. */
enum coax_status peer_world_ask(struct peer_world *world, enum coax_scheme scheme, struct peer_answer *answer);
enum coax_status peer_world_ask_remote(struct peer_world *world, struct coax_remote *remote,
                                       struct peer_answer *answer);

/* The peer that the stack dialled last. */
struct stream_peer *peer_world_dialled(struct peer_world *world);
/* It is connected. */
void peer_accept(struct stream_peer *peer);
/* Another that connects to the stack; `settings` (may be NULL) are those flags that matter from the start. */
struct stream_peer *peer_world_dial(struct peer_world *world, enum coax_scheme scheme,
                                    const struct stream_peer *settings);

/* The peer sends a message. */
void peer_send(struct stream_peer *peer, uint8_t code, const char *path);

/* Carries bytes until nothing moves any more. */
void peer_world_settle(struct peer_world *world);
/* The same, while time passes. */
void peer_world_pass_ms(struct peer_world *world, uint64_t ms);

#endif
