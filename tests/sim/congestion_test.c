/* What CoCoA costs and gains beside RFC 7252's own timeouts: the same requests, from the same seeds, over short and
   long paths that lose datagrams; in virtual time, so that each number is the same in every run. Printed as the table
   of docs/congestion.md.

   COAX_SIM_RUNS sets the number of runs of each kind, COAX_SIM_SEED the first seed. */
#include "sim/network.h"
#include "sim/random.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { REQUESTS = 24, IDS = 65536, DRAIN_MS = 60000 };

static const struct {
    const char *name;
    uint32_t delay_minimum_ms, delay_maximum_ms; /* one way */
    uint32_t ack_timeout_ms;
    bool is_fitting; /* the timeout is longer than the round trip, as it should be */
} paths[] = {
    {"20 to 60 ms", 10, 30, 2000, true},
    {"0.5 to 1 s", 250, 500, 2000, true},
    {"2.4 to 3.6 s", 1200, 1800, 2000, false},
    {"2.4 to 3.6 s", 1200, 1800, 4000, true},
};

static const unsigned losses[] = {0, 5, 20};
static const uint32_t nstarts[] = {1, 4};

/* The totals of all runs of a kind. */
struct totals {
    uint64_t milliseconds; /* until the last answer */
    uint64_t sent;         /* messages of the client, but for acknowledgements */
    uint64_t needless;     /* answers that came once more: to retransmissions that nobody needed */
    uint64_t failed;       /* requests that were given up, and asked again */
};

struct run {
    struct network network;
    struct network_node *client;
    struct coax_remote *remote;
    unsigned asked, answered;
    coax_instant end;
    struct totals *totals;
    bool seen[IDS]; /* message IDs that were acknowledged */
};

static void watch(coax_remote *remote, const coax_message *message, bool sent, void *user) {
    (void)remote;
    struct run *run = user;
    if (sent) {
        run->totals->sent += message->type == COAX_CON;
    } else if (message->type == COAX_ACK) {
        run->totals->needless += run->seen[message->id];
        run->seen[message->id] = true;
    }
}

static void hello(coax_exchange *exchange, const coax_message *request, void *user) {
    (void)request;
    (void)user;
    (void)coax_respond_text(exchange, COAX_CONTENT, "hello");
}

static void ask(struct run *run);

/* A request that was given up is asked again: giving up early is no gain. */
static void answered(coax_request *request, const coax_message *response, const coax_error *error, void *user) {
    struct run *run = user;
    (void)request;
    if (response == NULL) {
        assert_int_equal(error->status, COAX_E_TIMEOUT);
        run->totals->failed++;
        run->asked--;
    } else {
        run->answered++;
        run->end = run->network.now;
    }
    if (run->asked < REQUESTS) {
        ask(run);
    }
}

static void ask(struct run *run) {
    coax_error error = {.text = ""};
    coax_stack_set_time(run->client->stack, run->network.now);
    struct coax_request *request = coax_request_create(&run->client->stack->requests, COAX_GET, "/hello");
    assert_non_null(request);
    run->asked++;
    assert_int_equal(coax_request_add_option(request, COAX_OPTION_URI_PATH, "hello", 5), COAX_OK);
    assert_int_equal(coax_request_start(request, answered, run, &error), COAX_OK);
    assert_int_equal(coax_request_submit(request, run->remote, &error), COAX_OK);
}

/* NSTART requests are always under way, until all are answered. */
static void run_once(uint64_t seed, const struct network_conditions *conditions, const coax_endpoint_config *settings,
                     struct totals *totals) {
    static struct run run;
    coax_endpoint_config config = *settings;
    coax_resource_config resource = COAX_RESOURCE_CONFIG_INIT;
    coax_error error = {.text = ""};
    memset(&run, 0, sizeof run);
    run.totals = totals;
    config.observer = watch;
    config.user = &run;
    network_init(&run.network, seed, conditions);
    run.client = network_add(&run.network, &config, false, false);
    struct network_node *server = network_add(&run.network, NULL, false, true);
    resource.get = hello;
    assert_non_null(coax_site_add(server->stack->site, "hello", &resource, NULL));
    run.remote = network_remote(run.client, server, "coap://10.0.0.2/hello", &error);
    assert_non_null(run.remote);
    coax_remote_ref(run.remote);
    coax_instant start = run.network.now;
    for (uint32_t i = 0; i < config.nstart; i++) {
        ask(&run);
    }
    while (run.answered < REQUESTS) {
        assert_true(network_run(&run.network, coax_instant_after_ms(run.network.now, 10000)));
    }
    (void)network_run(&run.network, coax_instant_after_ms(run.network.now, DRAIN_MS));
    totals->milliseconds += (run.end - start) / COAX_MILLISECOND;
    coax_remote_unref(run.remote);
    network_free(&run.network);
}

static struct totals run_many(const struct network_conditions *conditions, const coax_endpoint_config *config) {
    uint64_t runs = sim_setting("COAX_SIM_RUNS", 100);
    uint64_t first = sim_setting("COAX_SIM_SEED", 1);
    struct totals totals = {0};
    for (uint64_t seed = first; seed < first + runs; seed++) {
        run_once(seed, conditions, config, &totals);
    }
    return totals;
}

static double each(uint64_t total) {
    return (double)total / ((double)sim_setting("COAX_SIM_RUNS", 100) * REQUESTS);
}

static void print_row(size_t path, unsigned loss, uint32_t nstart, const struct totals *own,
                      const struct totals *cocoa) {
    printf("| %s | %u ms | %u %% | %u | %.2f | %.2f | %.3f | %.3f | %.3f | %.3f | %llu | %llu |\n", paths[path].name,
           (unsigned)paths[path].ack_timeout_ms, loss, (unsigned)nstart, each(own->milliseconds) / 1000,
           each(cocoa->milliseconds) / 1000, each(own->sent), each(cocoa->sent), each(own->needless),
           each(cocoa->needless), (unsigned long long)own->failed, (unsigned long long)cocoa->failed);
}

static void add(struct totals *sum, const struct totals *totals) {
    sum->milliseconds += totals->milliseconds;
    sum->sent += totals->sent;
    sum->needless += totals->needless;
}

static void expect_at_most(uint64_t value, uint64_t reference, unsigned percent) {
    assert_in_range(value, 0, reference * percent / 100);
}

/* Where the default's timeout is shorter than the round trip, each message goes out twice: that is faster where some
   are lost, and half of the network's work is for nothing. There the messages are compared, not the time. */
static void compare(size_t path, unsigned loss, uint32_t nstart, struct totals *own_sum, struct totals *cocoa_sum) {
    const struct network_conditions conditions = {
        .loss_percent = loss,
        .delay_minimum_ms = paths[path].delay_minimum_ms,
        .delay_maximum_ms = paths[path].delay_maximum_ms,
    };
    coax_endpoint_config config = COAX_ENDPOINT_CONFIG_INIT;
    config.ack_timeout_ms = paths[path].ack_timeout_ms;
    config.nstart = nstart;
    struct totals own = run_many(&conditions, &config);
    config.congestion_control = COAX_CONGESTION_COCOA;
    struct totals cocoa = run_many(&conditions, &config);
    print_row(path, loss, nstart, &own, &cocoa);
    if (paths[path].is_fitting) {
        expect_at_most(cocoa.milliseconds, own.milliseconds, 110);
        expect_at_most(cocoa.sent, own.sent, 110);
        add(own_sum, &own);
        add(cocoa_sum, &cocoa);
    } else {
        expect_at_most(cocoa.sent, own.sent, 80);
        expect_at_most(cocoa.needless, own.needless, 10);
    }
}

static void no_worse_under_loss(void **state) {
    (void)state;
    struct totals own = {0}, cocoa = {0};
    printf("| Round trip | `ack_timeout_ms` | Loss | NSTART | Time: default | CoCoA | Sent: default | CoCoA "
           "| Needless: default | CoCoA | Given up: default | CoCoA "
           "|\n|---|---|---|---|---|---|---|---|---|---|---|---|\n");
    for (size_t path = 0; path < sizeof paths / sizeof *paths; path++) {
        for (size_t i = 0; i < sizeof losses / sizeof *losses; i++) {
            for (size_t n = 0; n < sizeof nstarts / sizeof *nstarts; n++) {
                compare(path, losses[i], nstarts[n], &own, &cocoa);
            }
        }
    }
    expect_at_most(cocoa.milliseconds, own.milliseconds, 100);
    expect_at_most(cocoa.sent, own.sent, 102);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(no_worse_under_loss)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
