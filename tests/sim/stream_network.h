/* Streams in memory between two stacks: they carry bytes in pieces of any size, take what is written only partly, and
   are cut, all drawn from one seed, so that every run can be replayed. */
#ifndef COAX_TESTS_SIM_STREAM_NETWORK_H
#define COAX_TESTS_SIM_STREAM_NETWORK_H

#include "stack/stack.h"

enum { STREAM_CLIENT, STREAM_SERVER, STREAM_ENDS };

enum stream_cut {
    CUT_NEVER,
    CUT_REFUSED, /* it never comes about */
    CUT_END,     /* both ends see the other's FIN */
    CUT_RESET,
    CUT_STALL, /* nothing arrives any more, and nobody says so */
    STREAM_CUTS,
};

/* How one stream behaves. */
struct stream_plan {
    size_t segment_maximum; /* bytes that arrive at once: 1 to this */
    size_t write_maximum;   /* bytes that are taken at once: 0 to this */
    size_t room;            /* bytes on the way in each direction */
    enum stream_cut cut;
    size_t cut_after; /* bytes have arrived, in both directions together */
};

struct stream_pair;
struct stream_network;

/* One end of a stream: the `link` of a connection. */
struct stream_end {
    struct stream_pair *pair;
    int side;
    struct connection *connection; /* NULL before and after */
    struct byte_queue in;          /* on the way to it */
    bool wants_input, is_blocked, is_closed;
    bool gets_end, gets_reset, has_ended;
    size_t ready_place; /* in the network's list, from 1; 0: nothing can happen to it */
};

struct stream_pair {
    struct stream_network *network;
    struct stream_pair *next;
    struct stream_end ends[STREAM_ENDS];
    struct stream_plan plan;
    unsigned number; /* as `plan` says: which stream of the test's it is */
    size_t arrived;
    bool is_dialling, was_cut;
};

/* A stack of the two. */
struct stream_node {
    struct stream_network *network;
    struct stack *stack;
    int side;
};

struct stream_network {
    uint64_t random_state;
    coax_instant now;
    struct stream_node nodes[STREAM_ENDS];
    struct stream_pair *pairs;
    struct stream_end **ready;
    size_t ready_count, ready_capacity;
    unsigned dial_count;
    /* Decides about a stream that the client dials; returns its number. */
    unsigned (*plan)(void *user, const struct stream_target *target, struct stream_plan *plan);
    void *user;
};

/* The client and the server with these settings, both with the same key for secure schemes. */
void stream_network_init(struct stream_network *network, uint64_t seed, const coax_endpoint_config *client,
                         const coax_endpoint_config *server);
void stream_network_free(struct stream_network *network);

uint64_t stream_network_random(struct stream_network *network);

/* Something happens to one of the streams; false if nothing can without time passing. */
bool stream_network_step(struct stream_network *network);
/* Time passes until something is due; false if nothing is. */
bool stream_network_wait(struct stream_network *network);

/* The stack, to be called now. */
struct stack *stream_network_stack(struct stream_network *network, int side);

/* The stream that carries a connection, or is to. */
struct stream_pair *stream_network_pair(struct coax_remote *remote);

#endif
