/* Bodies of 64 KiB, down and up, on a path of 200 ms there and back that loses datagrams: every byte arrives, and the
   time that it takes is printed in round trips, as docs/block-wise.md has it.

   COAX_SIM_RUNS sets the number of transfers in a cell of the table, COAX_SIM_SEED the first seed. */
#include "sim/exchange.h"
#include "sim/random.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum {
    BODY = 65536,
    ROUND_TRIP_MS = 200,
    RETRANSMISSIONS = 10, /* of 64 exchanges, at a loss of 20 % one in 160 each would fail with 4 */
    RUNS = 20,
    PATIENCE_MS = 3600 * 1000,
};

static const unsigned losses[] = {0, 5, 20};
enum { LOSSES = sizeof losses / sizeof *losses };

struct transfer {
    struct network network;
    struct network_node *server, *client;
    uint64_t seed;
    bool done, failed;
    coax_instant when;
    uint8_t served[BODY]; /* what the server gives and has got */
};

/* No two blocks are alike. */
static void fill(uint8_t body[BODY], uint64_t seed) {
    sim_random_fill(&seed, body, BODY);
}

static void check_body(const uint8_t *data, size_t size, uint64_t seed) {
    static uint8_t expected[BODY];
    fill(expected, seed);
    assert_int_equal(size, BODY);
    assert_memory_equal(data, expected, BODY);
}

static void give(coax_exchange *exchange, const coax_message *request, void *user) {
    const struct transfer *transfer = user;
    (void)request;
    (void)coax_respond(exchange, COAX_CONTENT, COAX_NO_FORMAT, transfer->served, BODY);
}

static void take(coax_exchange *exchange, const coax_message *request, void *user) {
    const struct transfer *transfer = user;
    check_body(coax_message_payload(request), coax_message_payload_size(request), transfer->seed);
    (void)coax_respond(exchange, COAX_CHANGED, COAX_NO_FORMAT, NULL, 0);
}

static void note(coax_request *request, const coax_message *response, const coax_error *error, void *user) {
    struct transfer *transfer = user;
    (void)request;
    if (response == NULL) {
        fprintf(stderr, "seed %llu: %s\n", (unsigned long long)transfer->seed, error->text);
        transfer->failed = true;
        return;
    }
    if (coax_message_code(response) == COAX_CONTENT) {
        check_body(coax_message_payload(response), coax_message_payload_size(response), transfer->seed);
    } else {
        assert_int_equal(coax_message_code(response), COAX_CHANGED);
    }
    transfer->done = true;
    transfer->when = transfer->network.now;
}

static void ask(struct transfer *transfer, uint8_t code) {
    coax_error error = {.text = ""};
    struct stack *stack = transfer->client->stack;
    struct coax_remote *remote = network_remote(transfer->client, transfer->server, "coaps://10.0.0.1/body", &error);
    assert_non_null(remote);
    coax_stack_set_time(stack, transfer->network.now);
    coax_request *request = coax_request_create(&stack->requests, code, "/body");
    assert_non_null(request);
    assert_int_equal(coax_request_add_option(request, COAX_OPTION_URI_PATH, "body", 4), COAX_OK);
    if (code == COAX_PUT) {
        assert_int_equal(coax_request_set_payload(request, COAX_NO_FORMAT, transfer->served, BODY), COAX_OK);
    }
    assert_int_equal(coax_request_start(request, note, transfer, &error), COAX_OK);
    assert_int_equal(coax_request_submit(request, remote, &error), COAX_OK);
}

/* How bodies travel. */
struct way {
    uint8_t code;
    bool q_block, secure;
};

static struct network_node *add_node(struct transfer *transfer, const struct way *way) {
    coax_endpoint_config config = COAX_ENDPOINT_CONFIG_INIT;
    config.q_block = way->q_block;
    config.max_retransmit = RETRANSMISSIONS;
    struct network_node *node = network_add(&transfer->network, &config, way->secure, true);
    if (way->secure) {
        sim_set_psk(node, "sim", "0123456789abcdef");
    }
    return node;
}

/* Returns the round trips that it took. */
static double transfer_on(const struct way *way, const struct network_conditions *path, uint64_t seed) {
    static struct transfer transfer;
    coax_resource_config config = COAX_RESOURCE_CONFIG_INIT;
    transfer = (struct transfer){.seed = seed};
    network_init(&transfer.network, seed, path);
    fill(transfer.served, seed);
    transfer.server = add_node(&transfer, way);
    transfer.client = add_node(&transfer, way);
    config.get = give;
    config.put = take;
    config.user = &transfer;
    assert_non_null(coax_site_add(transfer.server->stack->site, "body", &config, NULL));
    coax_instant begin = transfer.network.now;
    ask(&transfer, way->code);
    while (!transfer.done && !transfer.failed && transfer.network.now < coax_instant_after_ms(begin, PATIENCE_MS)) {
        sim_pass(&transfer.network, ROUND_TRIP_MS);
    }
    assert_true(transfer.done);
    double taken_ms = (double)(transfer.when - begin) / (double)(coax_instant_after_ms(0, 1));
    network_free(&transfer.network);
    return taken_ms / ROUND_TRIP_MS;
}

static double transfer_once(uint8_t code, bool q_block, unsigned loss, uint64_t seed) {
    const struct network_conditions path = {
        .loss_percent = loss, .delay_minimum_ms = ROUND_TRIP_MS / 2, .delay_maximum_ms = ROUND_TRIP_MS / 2};
    return transfer_on(&(const struct way){.code = code, .q_block = q_block}, &path, seed);
}

static int compare(const void *one, const void *other) {
    double a = *(const double *)one;
    double b = *(const double *)other;
    return (a > b) - (a < b);
}

struct cell {
    double median, worst;
};

static struct cell transfer_often(uint8_t code, bool q_block, unsigned loss) {
    double taken[200];
    uint64_t first = sim_setting("COAX_SIM_SEED", 1);
    size_t runs = (size_t)sim_setting("COAX_SIM_RUNS", RUNS);
    runs = runs < 1 ? 1 : runs > sizeof taken / sizeof *taken ? sizeof taken / sizeof *taken : runs;
    for (size_t i = 0; i < runs; i++) {
        taken[i] = transfer_once(code, q_block, loss, first + i);
    }
    qsort(taken, runs, sizeof *taken, compare);
    return (struct cell){taken[runs / 2], taken[runs - 1]};
}

static void bodies_arrive_whole(void **state) {
    static const struct {
        const char *name;
        uint8_t code;
        bool q_block;
    } rows[] = {
        {"down, Block2", COAX_GET, false},
        {"down, Q-Block2", COAX_GET, true},
        {"up, Block1", COAX_PUT, false},
        {"up, Q-Block1", COAX_PUT, true},
    };
    double medians[sizeof rows / sizeof *rows][LOSSES];
    (void)state;
    printf("| 64 KiB, round trips: median (worst) | 0 %% lost | 5 %% lost | 20 %% lost |\n|---|---|---|---|\n");
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        printf("| %s |", rows[i].name);
        double before = 0;
        for (size_t j = 0; j < LOSSES; j++) {
            struct cell cell = transfer_often(rows[i].code, rows[i].q_block, losses[j]);
            medians[i][j] = cell.median;
            printf(" %.0f (%.0f) |", cell.median, cell.worst);
            assert_true(cell.median > before); /* loss costs time: the network does lose */
            before = cell.median;
        }
        printf("\n");
    }
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i += 2) {
        for (size_t j = 0; j < LOSSES; j++) {
            assert_true(medians[i + 1][j] < medians[i][j]); /* what bursts are for */
        }
    }
}

static void without_loss_a_block_takes_a_round_trip(void **state) {
    (void)state;
    double down = transfer_once(COAX_GET, false, 0, 1);
    double up = transfer_once(COAX_PUT, false, 0, 1);
    assert_true(down >= 64 && down < 65);
    assert_true(up >= 64 && up < 65);
}

/* Lost, repeated and in another order, also within DTLS. */
static void rough_paths_change_nothing(void **state) {
    static const struct network_conditions rough = {
        .loss_percent = 10, .duplicate_percent = 10, .delay_minimum_ms = 1, .delay_maximum_ms = 400};
    uint64_t first = sim_setting("COAX_SIM_SEED", 1);
    uint64_t runs = sim_setting("COAX_SIM_RUNS", RUNS);
    (void)state;
    for (uint64_t seed = first; seed < first + runs; seed++) {
        for (unsigned i = 0; i < 8; i++) {
            const struct way way = {(i & 1) != 0 ? COAX_GET : COAX_PUT, (i & 2) != 0, (i & 4) != 0};
            (void)transfer_on(&way, &rough, seed);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_loss_a_block_takes_a_round_trip),
        cmocka_unit_test(bodies_arrive_whole),
        cmocka_unit_test(rough_paths_change_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
