/* A network in memory under a virtual clock: it loses, repeats, delays and so reorders datagrams, from one seed, so
   that every run can be replayed. On each node runs a whole stack. */
#ifndef COAX_TESTS_SIM_NETWORK_H
#define COAX_TESTS_SIM_NETWORK_H

#include "stack/stack.h"

enum { NETWORK_NODES = 8 };

struct network_conditions {
    unsigned loss_percent, duplicate_percent, corrupt_percent;
    uint32_t delay_minimum_ms, delay_maximum_ms; /* uniform; a wide range reorders */
};

struct network;

/* A node: a stack at an address. */
struct network_node {
    struct network *network;
    struct stack *stack;
    struct address address; /* datagrams to it come in here */
    bool secure, listening;
};

struct network {
    uint64_t random_state;
    coax_instant now;
    struct network_conditions conditions;
    struct network_node nodes[NETWORK_NODES];
    unsigned node_count;
    struct network_datagram *datagrams; /* a heap by arrival */
    size_t datagram_count, datagram_capacity;
    uint64_t sequence;
    uint64_t sent, lost;
    /* Sees every datagram that is sent; may be NULL. */
    void (*tap)(void *user, const struct address *from, const struct address *to, const uint8_t *data, size_t size);
    void *tap_user;
};

void network_init(struct network *network, uint64_t seed, const struct network_conditions *conditions);
void network_free(struct network *network);

uint64_t network_random(struct network *network);

/* Adds a node at 10.0.0.(number + 1):5683 (5684 if secure). */
struct network_node *network_add(struct network *network, const coax_endpoint_config *config, bool secure,
                                 bool listening);

/* Makes the node begin anew, as a program that was killed and started again: nothing is said to anybody. */
void network_restart(struct network_node *node, const coax_endpoint_config *config);

/* Stops a node in order, its last words included. It must be the last that was added. */
void network_stop(struct network_node *node);

/* The remote object for asking `to` from `from`. */
struct coax_remote *network_remote(struct network_node *from, const struct network_node *to, const char *uri,
                                   coax_error *error);

/* Puts a datagram on the way, from an address of one's choice. */
void network_inject(struct network *network, const struct address *from, const struct address *to, const uint8_t *data,
                    size_t size);

/* Lets time pass until `until`, or until nothing is left to happen. Returns whether anything is left. */
bool network_run(struct network *network, coax_instant until);

#endif
