#include "sim/network.h"

#include "sim/random.h"
#include "virtual_clock.h"
#include <assert.h>
#include <stdlib.h>
#include <string.h>

struct network_datagram {
    coax_instant arrival;
    uint64_t sequence; /* the order of those that arrive together */
    struct address from, to;
    size_t size;
    uint8_t *data;
};

uint64_t network_random(struct network *network) {
    return sim_random(&network->random_state);
}

static bool happens(struct network *network, unsigned percent) {
    return network_random(network) % 100 < percent;
}

static bool is_before(const struct network_datagram *a, const struct network_datagram *b) {
    return a->arrival < b->arrival || (a->arrival == b->arrival && a->sequence < b->sequence);
}

static void swap(struct network_datagram *a, struct network_datagram *b) {
    struct network_datagram copy = *a;
    *a = *b;
    *b = copy;
}

static void push(struct network *network, const struct network_datagram *datagram) {
    if (network->datagram_count == network->datagram_capacity) {
        network->datagram_capacity = network->datagram_capacity * 2 + 16;
        network->datagrams = realloc(network->datagrams, network->datagram_capacity * sizeof *network->datagrams);
        assert(network->datagrams != NULL);
    }
    size_t i = network->datagram_count++;
    network->datagrams[i] = *datagram;
    while (i > 0 && is_before(&network->datagrams[i], &network->datagrams[(i - 1) / 2])) {
        swap(&network->datagrams[i], &network->datagrams[(i - 1) / 2]);
        i = (i - 1) / 2;
    }
}

static struct network_datagram pop(struct network *network) {
    struct network_datagram first = network->datagrams[0];
    size_t count = --network->datagram_count;
    network->datagrams[0] = network->datagrams[count];
    for (size_t i = 0;;) {
        size_t child = 2 * i + 1;
        if (child + 1 < count && is_before(&network->datagrams[child + 1], &network->datagrams[child])) {
            child++;
        }
        if (child >= count || !is_before(&network->datagrams[child], &network->datagrams[i])) {
            return first;
        }
        swap(&network->datagrams[i], &network->datagrams[child]);
        i = child;
    }
}

void network_inject(struct network *network, const struct address *from, const struct address *to, const uint8_t *data,
                    size_t size) {
    const struct network_conditions *conditions = &network->conditions;
    uint64_t range_ms = conditions->delay_maximum_ms - conditions->delay_minimum_ms + 1;
    uint64_t delay_ms = conditions->delay_minimum_ms + network_random(network) % range_ms;
    struct network_datagram datagram = {
        .arrival = coax_instant_after_ms(network->now, delay_ms),
        .sequence = network->sequence++,
        .from = *from,
        .to = *to,
        .size = size,
        .data = malloc(size + 1),
    };
    assert(datagram.data != NULL);
    memcpy(datagram.data, data, size);
    if (size > 0 && happens(network, conditions->corrupt_percent)) {
        datagram.data[network_random(network) % size] ^= (uint8_t)(1U << network_random(network) % 8);
    }
    push(network, &datagram);
}

static void transmit(void *user, const struct path *path, const uint8_t *data, size_t size) {
    struct network_node *node = user;
    struct network *network = node->network;
    network->sent++;
    if (network->tap != NULL) {
        network->tap(network->tap_user, &node->address, &path->remote, data, size);
    }
    if (happens(network, network->conditions.loss_percent)) {
        network->lost++;
    } else {
        network_inject(network, &node->address, &path->remote, data, size);
    }
    if (happens(network, network->conditions.duplicate_percent)) {
        network_inject(network, &node->address, &path->remote, data, size);
    }
}

static void fill_random(void *user, void *out, size_t size) {
    struct network_node *node = user;
    sim_random_fill(&node->network->random_state, out, size);
}

void network_init(struct network *network, uint64_t seed, const struct network_conditions *conditions) {
    *network = (struct network){.random_state = seed, .now = 1000 * COAX_SECOND, .conditions = *conditions};
    coax_virtual_clock_set(network->now);
}

void network_free(struct network *network) {
    for (unsigned i = 0; i < network->node_count; i++) {
        coax_stack_free(network->nodes[i].stack);
    }
    for (size_t i = 0; i < network->datagram_count; i++) {
        free(network->datagrams[i].data);
    }
    free(network->datagrams);
}

static void start(struct network_node *node, const coax_endpoint_config *config) {
    const struct datagram_output output = {transmit, fill_random, node};
    coax_error error = {.text = ""};
    enum coax_status status = coax_stack_new(&node->stack, config, &output, NULL, node->network->now, &error);
    assert(status == COAX_OK);
    (void)status;
}

struct network_node *network_add(struct network *network, const coax_endpoint_config *config, bool secure,
                                 bool listening) {
    assert(network->node_count < NETWORK_NODES);
    struct network_node *node = &network->nodes[network->node_count++];
    *node = (struct network_node){.network = network, .secure = secure, .listening = listening};
    node->address = coax_address_ip4(10, 0, 0, (uint8_t)network->node_count, secure ? 5684 : 5683);
    start(node, config);
    return node;
}

void network_restart(struct network_node *node, const coax_endpoint_config *config) {
    struct network_conditions conditions = node->network->conditions;
    node->network->conditions.loss_percent = 100; /* its last words are not heard */
    coax_stack_free(node->stack);
    node->network->conditions = conditions;
    start(node, config);
}

void network_stop(struct network_node *node) {
    struct network *network = node->network;
    assert(node == &network->nodes[network->node_count - 1]);
    coax_stack_set_time(node->stack, network->now);
    coax_stack_free(node->stack);
    network->node_count--;
}

struct coax_remote *network_remote(struct network_node *from, const struct network_node *to, const char *uri,
                                   coax_error *error) {
    struct path path = {.remote = to->address};
    struct coax_remote *remote = NULL;
    if (from->listening) {
        path.local = from->address;
    }
    coax_stack_set_time(from->stack, from->network->now);
    return coax_stack_remote(from->stack, &path, to->secure, uri, NULL, &remote, error) == COAX_OK ? remote : NULL;
}

static void deliver(struct network *network, const struct network_datagram *datagram) {
    for (unsigned i = 0; i < network->node_count; i++) {
        struct network_node *node = &network->nodes[i];
        if (coax_address_equal(&node->address, &datagram->to)) {
            struct path path = {.remote = datagram->from};
            if (node->listening) {
                path.local = node->address;
            }
            coax_stack_set_time(node->stack, network->now);
            coax_stack_receive(node->stack, &path, node->secure, node->listening, datagram->data, datagram->size);
        }
    }
}

/* The node whose deadline is earliest, and that deadline. */
static struct network_node *next_node(struct network *network, coax_instant *deadline) {
    struct network_node *first = NULL;
    *deadline = COAX_NEVER;
    for (unsigned i = 0; i < network->node_count; i++) {
        coax_instant own = coax_stack_deadline(network->nodes[i].stack);
        if (own < *deadline) {
            *deadline = own;
            first = &network->nodes[i];
        }
    }
    return first;
}

static void pass_to(struct network *network, coax_instant moment) {
    if (moment > network->now) {
        network->now = moment;
        coax_virtual_clock_set(moment);
    }
}

bool network_run(struct network *network, coax_instant until) {
    for (;;) {
        coax_instant deadline;
        struct network_node *node = next_node(network, &deadline);
        coax_instant arrival = network->datagram_count > 0 ? network->datagrams[0].arrival : COAX_NEVER;
        coax_instant next = arrival <= deadline ? arrival : deadline;
        if (next > until) {
            pass_to(network, until == COAX_NEVER ? network->now : until);
            return next != COAX_NEVER;
        }
        if (next == COAX_NEVER) {
            return false;
        }
        pass_to(network, next);
        if (arrival <= deadline) {
            struct network_datagram datagram = pop(network);
            deliver(network, &datagram);
            free(datagram.data);
        } else {
            coax_stack_set_time(node->stack, network->now);
            coax_stack_run(node->stack);
        }
    }
}
