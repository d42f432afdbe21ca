/* Eventual consistency (RFC 7641 section 1.2): many seeded runs of clients that observe a server's state, on a network
   that loses, repeats and reorders, while either end is started again and changes its address. Each client ends with
   the latest state, and none ever sees an older one after a newer one. Over UDP and over DTLS.

   COAX_SIM_RUNS sets the number of observations over UDP, a tenth of which are made over DTLS; COAX_SIM_SEED the first
   seed; a failure prints its seed. */
#include "request/observation.h"
#include "sim/exchange.h"
#include "sim/random.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum {
    SERVER,
    CLIENTS = 2,
    EACH = 2, /* observations of a client */
    WATCHERS = CLIENTS * EACH,
    ROUGH_MS = 120000,
    PATIENCE_MS = 1200000,
    LARGE = 1500,
};

struct watcher {
    struct run *run;
    struct network_node *node;
    coax_observation *observation;
    uint32_t value; /* that it saw last */
    unsigned states;
};

struct run {
    struct network network;
    struct network_node *server;
    coax_resource *resource;
    coax_resource_config config;
    uint32_t value, max_age_s;
    bool is_large, failed;
    uint64_t seed;
    struct watcher watchers[WATCHERS];
    unsigned changes, restarts, moves;
};

static void report_failure(struct run *run, const char *what) {
    run->failed = true;
    fprintf(stderr, "seed %llu: %s\n", (unsigned long long)run->seed, what);
}

/* The state is a number; a large one is padded by what follows from it. */
static size_t write_state(const struct run *run, char text[LARGE]) {
    int size = snprintf(text, LARGE, "%u ", (unsigned)run->value);
    if (run->is_large) {
        memset(text + size, 'a' + (int)(run->value % 26), (size_t)(LARGE - size));
    }
    return run->is_large ? LARGE : (size_t)size;
}

static void serve_state(coax_exchange *exchange, const coax_message *request, void *user) {
    const struct run *run = user;
    char text[LARGE];
    (void)request;
    size_t size = write_state(run, text);
    (void)coax_exchange_add_option_uint(exchange, COAX_OPTION_MAX_AGE, run->max_age_s);
    (void)coax_respond(exchange, COAX_CONTENT, COAX_NO_FORMAT, text, size);
}

static void check_state(struct run *run, const coax_message *state, uint32_t value) {
    struct run then = {.value = value, .is_large = run->is_large};
    char text[LARGE];
    size_t size = write_state(&then, text);
    if (coax_message_payload_size(state) != size || memcmp(coax_message_payload(state), text, size) != 0) {
        report_failure(run, "a state that the server never had");
    }
}

static void told(coax_observation *observation, const coax_message *state, const coax_error *error, void *user) {
    struct watcher *watcher = user;
    (void)observation;
    if (error != NULL) {
        watcher->observation = NULL;
        if (error->status != COAX_E_SHUT_DOWN && watcher->states > 0) {
            report_failure(watcher->run, error->text);
        }
        return;
    }
    uint32_t value = (uint32_t)strtoul((const char *)coax_message_payload(state), NULL, 10);
    check_state(watcher->run, state, value);
    if (value < watcher->value) {
        report_failure(watcher->run, "an older state after a newer one");
    }
    watcher->value = value;
    watcher->states++;
}

/* As the endpoint does it: to wherever the server's name leads now. */
static enum coax_status send_request(coax_request *request, coax_response_callback *callback, void *user,
                                     coax_error *error) {
    struct watcher *watcher = request->owner;
    struct coax_remote *remote = network_remote(watcher->node, watcher->run->server, "coaps://10.0.0.1/state", error);
    if (remote == NULL) {
        return error->status;
    }
    enum coax_status status = coax_request_start(request, callback, user, error);
    if (status == COAX_OK) {
        status = coax_request_submit(request, remote, error);
        if (status != COAX_OK) {
            coax_request_unstart(request);
        }
    }
    return status;
}

/* What fails before it ever stood is begun again. */
static void watch(struct watcher *watcher) {
    coax_error error = {.text = ""};
    if (watcher->observation != NULL) {
        return;
    }
    coax_stack_set_time(watcher->node->stack, watcher->run->network.now);
    coax_request *request = coax_request_create(&watcher->node->stack->requests, COAX_GET, "/state");
    assert_non_null(request);
    request->owner = watcher;
    assert_int_equal(coax_request_add_option(request, COAX_OPTION_URI_PATH, "state", 5), COAX_OK);
    watcher->states = 0;
    if (coax_observation_new(request, NULL, send_request, told, watcher, &watcher->observation, &error) != COAX_OK) {
        report_failure(watcher->run, error.text);
        coax_request_cancel(request);
    }
}

static void prepare(struct network_node *node) {
    if (node->secure) {
        sim_set_psk(node, "sim", "0123456789abcdef");
    }
}

static void prepare_server(struct run *run) {
    prepare(run->server);
    run->resource = coax_site_add(run->server->stack->site, "state", &run->config, NULL);
    assert_non_null(run->resource);
}

/* --- what happens --- */

static void change(struct run *run) {
    run->value++;
    run->changes++;
    coax_stack_set_time(run->server->stack, run->network.now);
    coax_resource_changed(run->resource);
}

static void change_often(struct run *run) {
    for (int i = 0; i < 8; i++) {
        change(run);
        sim_pass(&run->network, network_random(&run->network) % 50);
    }
}

static void restart_server(struct run *run) {
    run->restarts++;
    network_restart(run->server, NULL);
    prepare_server(run);
    run->value += (uint32_t)(network_random(&run->network) % 2); /* it may have changed meanwhile */
}

static struct network_node *some_client(struct run *run) {
    return run->watchers[network_random(&run->network) % WATCHERS].node;
}

static void restart_client(struct run *run) {
    struct network_node *client = some_client(run);
    run->restarts++;
    network_restart(client, NULL);
    prepare(client);
}

static void move(struct run *run, struct network_node *node) {
    run->moves++;
    node->address.ip[14] = (uint8_t)run->moves;
}

static void move_client(struct run *run) {
    move(run, some_client(run));
}

static void move_server(struct run *run) {
    move(run, run->server);
}

static void cut(struct run *run) {
    struct network_conditions conditions = run->network.conditions;
    run->network.conditions.loss_percent = 100;
    sim_pass(&run->network, network_random(&run->network) % 30000);
    run->network.conditions = conditions;
}

static void let_something_happen(struct run *run) {
    static void (*const events[])(struct run * run) = {
        change,       change, change,      change,      change,         change,         change_often,
        change_often, cut,    move_client, move_server, restart_client, restart_server,
    };
    events[network_random(&run->network) % (sizeof events / sizeof *events)](run);
}

/* --- a run --- */

static void begin(struct run *run, uint64_t seed, bool secure) {
    static const struct network_conditions rough = {
        .loss_percent = 15, .duplicate_percent = 10, .delay_minimum_ms = 1, .delay_maximum_ms = 400};
    *run = (struct run){.seed = seed};
    network_init(&run->network, seed, &rough);
    run->max_age_s = (uint32_t)(network_random(&run->network) % 20);
    run->is_large = network_random(&run->network) % 4 == 0;
    run->config = (coax_resource_config)COAX_RESOURCE_CONFIG_INIT;
    run->config.get = serve_state;
    run->config.user = run;
    run->config.observable = true;
    run->config.confirm_every = (uint32_t)(network_random(&run->network) % 5);
    run->server = network_add(&run->network, NULL, secure, true);
    prepare_server(run);
    for (unsigned i = 0; i < WATCHERS; i++) {
        struct watcher *watcher = &run->watchers[i];
        *watcher = (struct watcher){.run = run};
        watcher->node = i % EACH == 0 ? network_add(&run->network, NULL, secure, true) : run->watchers[i - 1].node;
        if (i % EACH == 0) {
            prepare(watcher->node);
        }
    }
}

/* An observation that stands, and knows. One that does not stand yet may still fail, though its client knows from an
   earlier one. */
static bool all_are_right(const struct run *run) {
    bool are_right = true;
    for (unsigned i = 0; i < WATCHERS; i++) {
        const struct watcher *watcher = &run->watchers[i];
        are_right = are_right && watcher->observation != NULL && watcher->states > 0 && watcher->value == run->value;
    }
    return are_right;
}

static void watch_all(struct run *run) {
    for (unsigned i = 0; i < WATCHERS; i++) {
        watch(&run->watchers[i]);
    }
}

static void run_once(struct run *run, uint64_t seed, bool secure) {
    begin(run, seed, secure);
    coax_instant calm = coax_instant_after_ms(run->network.now, ROUGH_MS);
    while (run->network.now < calm) {
        watch_all(run);
        sim_pass(&run->network, network_random(&run->network) % 8000);
        let_something_happen(run);
    }
    coax_instant end = coax_instant_after_ms(run->network.now, PATIENCE_MS);
    while (run->network.now < end && !all_are_right(run)) { /* it goes on losing, but nothing changes */
        watch_all(run);
        sim_pass(&run->network, 1000);
    }
    sim_pass(&run->network, 5000); /* and it stays so */
    if (!all_are_right(run)) {
        report_failure(run, "a client does not have the latest state");
    }
    for (unsigned i = 0; i < WATCHERS; i++) {
        coax_observation_cancel(run->watchers[i].observation);
    }
    network_free(&run->network);
}

static void run_many(bool secure, uint64_t observations) {
    uint64_t first = sim_setting("COAX_SIM_SEED", 1);
    uint64_t runs = (observations + WATCHERS - 1) / WATCHERS;
    uint64_t states = 0, changes = 0, restarts = 0, moves = 0, sent = 0, lost = 0;
    for (uint64_t seed = first; seed < first + runs; seed++) {
        struct run run;
        run_once(&run, seed, secure);
        assert_false(run.failed);
        for (unsigned i = 0; i < WATCHERS; i++) {
            states += run.watchers[i].states;
        }
        changes += run.changes;
        restarts += run.restarts;
        moves += run.moves;
        sent += run.network.sent;
        lost += run.network.lost;
    }
    printf("%s: %llu observations, %llu changes, %llu restarts, %llu changes of address; %llu states seen; "
           "%llu datagrams, %llu lost\n",
           secure ? "DTLS" : "UDP", (unsigned long long)(runs * WATCHERS), (unsigned long long)changes,
           (unsigned long long)restarts, (unsigned long long)moves, (unsigned long long)states,
           (unsigned long long)sent, (unsigned long long)lost);
    assert_true(states > runs * WATCHERS);
}

static void udp(void **state) {
    (void)state;
    run_many(false, sim_setting("COAX_SIM_RUNS", 10000));
}

static void dtls(void **state) {
    (void)state;
    run_many(true, sim_setting("COAX_SIM_RUNS", 10000) / 10 + 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(udp), cmocka_unit_test(dtls)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
