#include "sim/stream_network.h"

#include "base/error.h"
#include "transport/stream/connection.h"
#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { PIECE_MAXIMUM = 16384, STEP_NS = 1000 };

static void must(bool is_so) {
    assert(is_so);
    if (!is_so) {
        abort();
    }
}

/* splitmix64 */
uint64_t stream_network_random(struct stream_network *network) {
    uint64_t z = network->random_state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

static size_t up_to(struct stream_network *network, size_t maximum) {
    return (size_t)(stream_network_random(network) % (maximum + 1));
}

static size_t smaller(size_t a, size_t b) {
    return a < b ? a : b;
}

struct stack *stream_network_stack(struct stream_network *network, int side) {
    struct stack *stack = network->nodes[side].stack;
    coax_stack_set_time(stack, network->now);
    return stack;
}

struct stream_pair *stream_network_pair(struct coax_remote *remote) {
    const struct connection *connection = connection_of(remote);
    struct stream_end *end = coax_connection_link(connection);
    return end == NULL ? coax_connection_opener(connection) : end->pair;
}

/* --- what can happen --- */

static struct stream_end *other_of(struct stream_end *end) {
    return &end->pair->ends[STREAM_SERVER - end->side];
}

static size_t room_of(struct stream_end *end) {
    size_t on_the_way = byte_queue_size(&other_of(end)->in);
    return on_the_way < end->pair->plan.room ? end->pair->plan.room - on_the_way : 0;
}

static bool is_stuck(const struct stream_pair *pair) {
    return pair->was_cut && pair->plan.cut == CUT_STALL;
}

static bool has_input(const struct stream_end *end) {
    return end->wants_input && !is_stuck(end->pair)
           && (byte_queue_size(&end->in) > 0 || (end->gets_end && !end->has_ended));
}

static bool has_room(struct stream_end *end) {
    return end->is_blocked && !is_stuck(end->pair) && room_of(end) > 0;
}

static bool is_ready(struct stream_end *end) {
    if (end->is_closed || end->connection == NULL) {
        return false;
    }
    if (end->pair->is_dialling) {
        return !is_stuck(end->pair);
    }
    return end->gets_reset || has_input(end) || has_room(end);
}

static void add_ready(struct stream_network *network, struct stream_end *end) {
    if (network->ready_count == network->ready_capacity) {
        network->ready_capacity = network->ready_capacity * 2 + 64;
        network->ready = realloc(network->ready, network->ready_capacity * sizeof *network->ready);
        must(network->ready != NULL);
    }
    network->ready[network->ready_count++] = end;
    end->ready_place = network->ready_count;
}

static void remove_ready(struct stream_network *network, struct stream_end *end) {
    struct stream_end *last = network->ready[--network->ready_count];
    network->ready[end->ready_place - 1] = last;
    last->ready_place = end->ready_place;
    end->ready_place = 0;
}

static void refresh(struct stream_end *end) {
    struct stream_network *network = end->pair->network;
    bool is_listed = end->ready_place != 0, ready = is_ready(end);
    if (ready && !is_listed) {
        add_ready(network, end);
    } else if (!ready && is_listed) {
        remove_ready(network, end);
    }
}

static void refresh_both(struct stream_pair *pair) {
    refresh(&pair->ends[STREAM_CLIENT]);
    refresh(&pair->ends[STREAM_SERVER]);
}

/* --- what the stacks want of their streams --- */

static enum coax_status node_open(void *user, struct connection *connection, coax_error *error) {
    struct stream_network *network = ((struct stream_node *)user)->network;
    struct stream_pair *pair = calloc(1, sizeof *pair);
    (void)error;
    must(pair != NULL);
    pair->network = network;
    pair->next = network->pairs;
    network->pairs = pair;
    for (int side = 0; side < STREAM_ENDS; side++) {
        pair->ends[side] = (struct stream_end){.pair = pair, .side = side, .wants_input = true};
    }
    struct stream_target target;
    coax_connection_target(connection, &target);
    pair->number = network->plan(network->user, &target, &pair->plan);
    pair->is_dialling = true;
    pair->ends[STREAM_CLIENT].connection = connection;
    coax_connection_set_opener(connection, pair);
    network->dial_count++;
    refresh(&pair->ends[STREAM_CLIENT]);
    return COAX_OK;
}

static void node_cancel_open(void *user, struct connection *connection) {
    struct stream_pair *pair = coax_connection_opener(connection);
    (void)user;
    if (pair != NULL) {
        pair->ends[STREAM_CLIENT].connection = NULL;
        refresh(&pair->ends[STREAM_CLIENT]);
    }
}

static size_t node_write(void *user, void *link, const uint8_t *data, size_t size) {
    struct stream_network *network = ((struct stream_node *)user)->network;
    struct stream_end *end = link, *other = other_of(end);
    must(!end->is_closed);
    if (other->is_closed || end->pair->was_cut) {
        return size; /* into the void */
    }
    size_t taken = smaller(smaller(size, room_of(end)), up_to(network, end->pair->plan.write_maximum));
    must(coax_byte_queue_append(&other->in, data, taken));
    end->is_blocked = taken < size;
    refresh_both(end->pair);
    return taken;
}

static void node_want_input(void *user, void *link, bool wanted) {
    struct stream_end *end = link;
    (void)user;
    end->wants_input = wanted;
    refresh(end);
}

static void node_close(void *user, void *link, bool reset) {
    struct stream_end *end = link, *other = other_of(end);
    (void)user;
    must(!end->is_closed); /* once */
    end->is_closed = true;
    end->connection = NULL;
    other->gets_reset |= reset;
    other->gets_end = true;
    coax_byte_queue_clear(&end->in);
    refresh_both(end->pair);
}

static void node_random(void *user, void *out, size_t size) {
    struct stream_network *network = ((struct stream_node *)user)->network;
    for (size_t i = 0; i < size; i++) {
        ((uint8_t *)out)[i] = (uint8_t)stream_network_random(network);
    }
}

static void no_datagrams(void *user, const struct path *path, const uint8_t *data, size_t size) {
    (void)user;
    (void)path;
    (void)data;
    (void)size;
}

/* --- what happens --- */

static void cut(struct stream_pair *pair) {
    pair->was_cut = true;
    for (int side = 0; side < STREAM_ENDS; side++) {
        struct stream_end *end = &pair->ends[side];
        coax_byte_queue_clear(&end->in);
        end->gets_end = pair->plan.cut == CUT_END;
        end->gets_reset = pair->plan.cut == CUT_RESET;
    }
}

static void dial(struct stream_pair *pair) {
    struct stream_network *network = pair->network;
    const struct address client = coax_address_ip4(10, 0, 0, 1, 40000), server = coax_address_ip4(10, 0, 0, 2, 5683);
    struct stream_end *ends = pair->ends;
    struct connection *connection = ends[STREAM_CLIENT].connection;
    struct stream_target target;
    coax_error error;
    if (pair->plan.cut == CUT_STALL && pair->plan.cut_after == 0) {
        pair->was_cut = true;
        return;
    }
    pair->is_dialling = false;
    if (pair->plan.cut == CUT_REFUSED) {
        pair->was_cut = true;
        ends[STREAM_CLIENT].connection = NULL;
        coax_fail(&error, COAX_E_REFUSED, "nobody listens there");
        coax_connection_failed(connection, &error);
        return;
    }
    coax_connection_target(connection, &target);
    must(coax_stream_accept(&stream_network_stack(network, STREAM_SERVER)->streams, target.scheme, &ends[STREAM_SERVER],
                            &client, &server, &ends[STREAM_SERVER].connection, &error)
         == COAX_OK);
    coax_connection_opened(connection, &ends[STREAM_CLIENT], &server, &client);
}

static void reset(struct stream_end *end) {
    coax_error error;
    coax_fail(&error, COAX_E_LOST, "The connection was reset");
    coax_connection_broken(end->connection, &error);
}

static void deliver(struct stream_end *end) {
    struct stream_pair *pair = end->pair;
    const struct stream_plan *plan = &pair->plan;
    uint8_t piece[PIECE_MAXIMUM];
    if (byte_queue_size(&end->in) == 0) {
        end->has_ended = true;
        coax_connection_receive_end(end->connection);
        return;
    }
    size_t size = smaller(1 + up_to(pair->network, plan->segment_maximum - 1), byte_queue_size(&end->in));
    size = smaller(size, sizeof piece);
    memcpy(piece, end->in.data + end->in.start, size);
    coax_byte_queue_consume(&end->in, size);
    pair->arrived += size;
    if (plan->cut != CUT_NEVER && pair->arrived >= plan->cut_after && !pair->was_cut) {
        cut(pair);
    }
    coax_connection_receive(end->connection, piece, size);
}

static void happen(struct stream_end *end) {
    if (end->pair->is_dialling) {
        dial(end->pair);
    } else if (end->gets_reset) {
        reset(end);
    } else if (has_room(end) && (!has_input(end) || up_to(end->pair->network, 1) == 0)) {
        end->is_blocked = false;
        coax_connection_writable(end->connection);
    } else {
        deliver(end);
    }
}

static void flush_all(struct stream_network *network) {
    for (int side = 0; side < STREAM_ENDS; side++) {
        coax_stack_flush(stream_network_stack(network, side));
    }
}

bool stream_network_step(struct stream_network *network) {
    network->now += STEP_NS;
    if (network->ready_count == 0) {
        flush_all(network);
    }
    if (network->ready_count == 0) {
        return false;
    }
    struct stream_end *end = network->ready[stream_network_random(network) % network->ready_count];
    struct stream_pair *pair = end->pair;
    struct stack *stack = stream_network_stack(network, end->side);
    happen(end);
    refresh_both(pair);
    if (up_to(network, 3) > 0) { /* else the turn of its loop goes on */
        coax_stack_flush(stack);
    }
    return true;
}

bool stream_network_wait(struct stream_network *network) {
    coax_instant next = COAX_NEVER;
    for (int side = 0; side < STREAM_ENDS; side++) {
        coax_instant own = coax_stack_deadline(network->nodes[side].stack);
        next = own < next ? own : next;
    }
    if (next == COAX_NEVER) {
        return false;
    }
    network->now = next > network->now ? next : network->now;
    for (int side = 0; side < STREAM_ENDS; side++) {
        coax_stack_run(stream_network_stack(network, side));
    }
    flush_all(network);
    return true;
}

/* --- life --- */

static void start(struct stream_network *network, int side, const coax_endpoint_config *config) {
    static const char *const keys[] = {"coaps+tcp://*", "coaps+ws://*"};
    struct stream_node *node = &network->nodes[side];
    *node = (struct stream_node){.network = network, .side = side};
    const struct datagram_output datagrams = {no_datagrams, node_random, node};
    const struct stream_output streams = {node_open,  node_cancel_open, node_write, node_want_input,
                                          node_close, node_random,      node};
    must(coax_stack_new(&node->stack, config, &datagrams, &streams, network->now, NULL) == COAX_OK);
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        must(coax_credentials_set_psk(node->stack->credentials, keys[i], "sim", 3, "0123456789abcdef", 16, NULL)
             == COAX_OK);
    }
    must(coax_stack_enable_tls(node->stack, NULL) == COAX_OK);
}

void stream_network_init(struct stream_network *network, uint64_t seed, const coax_endpoint_config *client,
                         const coax_endpoint_config *server) {
    *network = (struct stream_network){.random_state = seed, .now = 1000 * COAX_SECOND};
    start(network, STREAM_CLIENT, client);
    start(network, STREAM_SERVER, server);
}

void stream_network_free(struct stream_network *network) {
    for (int side = 0; side < STREAM_ENDS; side++) {
        coax_stack_free(stream_network_stack(network, side));
    }
    while (network->pairs != NULL) {
        struct stream_pair *pair = network->pairs;
        network->pairs = pair->next;
        for (int side = 0; side < STREAM_ENDS; side++) {
            must(pair->ends[side].connection == NULL);
            coax_byte_queue_clear(&pair->ends[side].in);
        }
        free(pair);
    }
    free(network->ready);
}
