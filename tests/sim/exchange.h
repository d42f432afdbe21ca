/* Asking and being asked on the simulated network. */
#ifndef COAX_TESTS_SIM_EXCHANGE_H
#define COAX_TESTS_SIM_EXCHANGE_H

#include "sim/network.h"

/* The outcome of one request. */
struct outcome {
    unsigned callbacks;
    uint8_t code; /* of the response, 0 if it failed */
    char payload[64];
    coax_error error;
    coax_instant when;
    struct network *network;
};

/* Gives the node a pre-shared key for every coaps URI. */
void sim_set_psk(struct network_node *node, const char *identity, const char *key);

/* Sends a request to a remote; the outcome fills in as the network runs. Returns the status of sending. */
enum coax_status sim_ask(struct network_node *from, struct coax_remote *remote, uint8_t code, const char *path,
                         struct outcome *outcome);

/* The same to a node, over whatever its scheme is. */
enum coax_status sim_ask_node(struct network_node *from, struct network_node *to, uint8_t code, const char *path,
                              struct outcome *outcome);

/* A resource "hello" that answers with the claim of who asks ("nobody" without one). */
void sim_add_hello(struct network_node *node);

/* Runs the network for so many milliseconds. */
void sim_pass(struct network *network, uint64_t ms);

#endif
