/* A thousand connections at once over the four schemes, their bytes cut anywhere, some of them lost anywhere; requests
   in both directions, answered late and in another order. Each request has one outcome, the right one.

   A failure names its seed: COAX_SIM_SEED=n COAX_SIM_STREAMS=m replays that run alone. */
#include "base/error.h"
#include "sim/stream_network.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum {
    ASKS_PER_STREAM = 4,       /* of the client's, before the losses are over; and one afterwards */
    ANSWERS_ASKED_MAXIMUM = 2, /* by the server, on each connection */
    PAYLOAD_MAXIMUM = 4000,
    DEFERRED_MAXIMUM = 16384,
    URI_MAXIMUM = 64,
};

struct run;

/* One request and its outcome. */
struct ask {
    struct run *run;
    unsigned number, stream, callbacks;
    int side;
    const struct stream_pair *pair; /* on which it goes */
    size_t size;
};

struct stream {
    enum coax_scheme scheme;
    unsigned dials, asked;
};

/* A request that is answered later. */
struct late {
    coax_exchange *exchange;
    size_t size;
    uint8_t *payload;
};

struct run {
    struct stream_network network;
    uint64_t seed;
    bool failed;
    unsigned stream_count, ask_count, open_asks, answered, lost, asked_back, answered_back;
    struct stream *streams;
    struct ask *asks;
    struct late late[DEFERRED_MAXIMUM];
    unsigned late_count;
};

static unsigned below(struct run *run, unsigned bound) {
    return (unsigned)(stream_network_random(&run->network) % bound);
}

static void complain(struct run *run, const struct ask *ask, const char *what, const char *detail) {
    run->failed = true;
    fprintf(stderr, "COAX_SIM_SEED=%llu COAX_SIM_STREAMS=%u: request %u of the %s on stream %u (%s): %s%s%s\n",
            (unsigned long long)run->seed, run->stream_count, ask->number,
            ask->side == STREAM_CLIENT ? "client" : "server", ask->stream,
            coax_scheme_name(run->streams[ask->stream].scheme), what, *detail == '\0' ? "" : ": ", detail);
}

/* --- what is asked --- */

static void fill_payload(const struct ask *ask, uint8_t *payload) {
    for (size_t i = 0; i < ask->size; i++) {
        payload[i] = (uint8_t)((ask->number * 2654435761U + i * 40503U) >> 7);
    }
}

static bool is_right_answer(const struct ask *ask, const coax_message *response) {
    uint8_t payload[PAYLOAD_MAXIMUM];
    fill_payload(ask, payload);
    return coax_message_code(response) == COAX_CHANGED && coax_message_payload_size(response) == ask->size
           && (ask->size == 0 || memcmp(coax_message_payload(response), payload, ask->size) == 0);
}

/* What a lost connection is called, by how it was lost. */
static bool is_right_error(enum stream_cut how, enum coax_status status) {
    static const enum coax_status losses[STREAM_CUTS] = {
        [CUT_REFUSED] = COAX_E_REFUSED,
        [CUT_END] = COAX_E_LOST,
        [CUT_RESET] = COAX_E_LOST,
        [CUT_STALL] = COAX_E_LOST, /* no Pong */
    };
    bool is_late = status == COAX_E_TIMEOUT || status == COAX_E_HANDSHAKE_TIMEOUT;
    return status == losses[how] || (how == CUT_STALL && is_late);
}

static void note_outcome(coax_request *request, const coax_message *response, const coax_error *error, void *user) {
    struct ask *ask = user;
    struct run *run = ask->run;
    (void)request;
    run->open_asks--;
    if (++ask->callbacks > 1) {
        complain(run, ask, "was called back twice", "");
    }
    if (response != NULL) {
        run->answered += ask->side == STREAM_CLIENT;
        run->answered_back += ask->side == STREAM_SERVER;
        if (!is_right_answer(ask, response)) {
            complain(run, ask, "got a wrong answer", "");
        }
        return;
    }
    run->lost++;
    if (!ask->pair->was_cut || !is_right_error(ask->pair->plan.cut, error->status)) {
        complain(run, ask, "failed without reason", error->text);
    }
}

static size_t draw_size(struct run *run) {
    unsigned kind = below(run, 32);
    return kind == 0 ? below(run, PAYLOAD_MAXIMUM + 1) : kind < 8 ? 0 : below(run, 100);
}

static struct ask *new_ask(struct run *run, int side, unsigned stream) {
    struct ask *ask = &run->asks[run->ask_count];
    *ask = (struct ask){.run = run, .number = run->ask_count, .stream = stream, .side = side, .size = draw_size(run)};
    run->ask_count++;
    return ask;
}

/* False if the remote is over already. */
static bool submit(struct run *run, struct ask *ask, struct coax_remote *remote) {
    uint8_t payload[PAYLOAD_MAXIMUM];
    coax_error error = {.text = ""};
    struct stack *stack = stream_network_stack(&run->network, ask->side);
    struct coax_request *request = coax_request_create(&stack->requests, COAX_POST, "echo");
    assert_non_null(request);
    fill_payload(ask, payload);
    assert_int_equal(coax_request_add_option(request, COAX_OPTION_URI_PATH, "echo", 4), COAX_OK);
    assert_int_equal(coax_request_set_payload(request, COAX_NO_FORMAT, payload, ask->size), COAX_OK);
    assert_int_equal(coax_request_start(request, note_outcome, ask, &error), COAX_OK);
    ask->pair = stream_network_pair(remote);
    run->open_asks++;
    if (coax_request_submit(request, remote, &error) == COAX_OK) {
        return true;
    }
    run->open_asks--;
    coax_request_cancel(request);
    if (error.status != COAX_E_DROPPED) {
        complain(run, ask, "could not be sent", error.text);
    }
    return false;
}

static void ask_server(struct run *run, unsigned stream) {
    char text[URI_MAXIMUM];
    coax_uri uri;
    coax_error error;
    struct coax_remote *remote;
    int size = snprintf(text, sizeof text, "%s://s%u.example/", coax_scheme_name(run->streams[stream].scheme), stream);
    assert_in_range(size, 1, sizeof text - 1);
    assert_int_equal(coax_uri_parse(&uri, text, &error), COAX_OK);
    struct stack *client = stream_network_stack(&run->network, STREAM_CLIENT);
    assert_int_equal(coax_stack_connection(client, &uri, text, &remote, &error), COAX_OK);
    struct ask *ask = new_ask(run, STREAM_CLIENT, stream);
    if (!submit(run, ask, remote)) {
        complain(run, ask, "the pool gave a connection that is over", "");
    }
}

/* --- what is answered --- */

static void keep_for_later(struct run *run, coax_exchange *exchange, const coax_message *request) {
    struct late *late = &run->late[run->late_count++];
    late->size = coax_message_payload_size(request);
    late->payload = malloc(late->size + 1);
    assert_non_null(late->payload);
    if (late->size > 0) {
        memcpy(late->payload, coax_message_payload(request), late->size);
    }
    late->exchange = coax_exchange_defer(exchange);
}

static void echo(coax_exchange *exchange, const coax_message *request, void *user) {
    struct run *run = user;
    if (below(run, 2) == 0 && run->late_count < DEFERRED_MAXIMUM) {
        keep_for_later(run, exchange, request);
        return;
    }
    (void)coax_respond(exchange, COAX_CHANGED, COAX_NO_FORMAT, coax_message_payload(request),
                       coax_message_payload_size(request));
}

/* Any of them, not the oldest. */
static bool answer_one_late(struct run *run) {
    if (run->late_count == 0) {
        return false;
    }
    unsigned index = below(run, run->late_count);
    struct late late = run->late[index];
    run->late[index] = run->late[--run->late_count];
    (void)stream_network_stack(&run->network, STREAM_CLIENT); /* both clocks */
    (void)stream_network_stack(&run->network, STREAM_SERVER);
    (void)coax_respond(late.exchange, COAX_CHANGED, COAX_NO_FORMAT, late.payload, late.size);
    free(late.payload);
    return true;
}

/* The server asks its clients as soon as they are there. */
static void ask_back(coax_remote *remote, const coax_error *error, void *user) {
    struct run *run = user;
    if (error != NULL) {
        return;
    }
    unsigned count = below(run, ANSWERS_ASKED_MAXIMUM + 1);
    const struct stream_pair *pair = stream_network_pair(remote);
    assert_non_null(pair);
    for (unsigned i = 0; i < count; i++) {
        run->asked_back++;
        assert_true(submit(run, new_ask(run, STREAM_SERVER, pair->number), remote));
    }
}

/* --- how streams behave --- */

static const enum coax_scheme schemes[] = {COAX_SCHEME_COAP_TCP, COAX_SCHEME_COAPS_TCP, COAX_SCHEME_COAP_WS,
                                           COAX_SCHEME_COAPS_WS};

/* Every third stream is lost once: in its opening, or later. */
static void draw_cut(struct run *run, struct stream_plan *plan) {
    if (below(run, 3) == 0) {
        plan->cut = (enum stream_cut)(CUT_REFUSED + below(run, CUT_STALL));
        plan->cut_after = below(run, 2) == 0 ? below(run, 1000) : below(run, 6000);
    }
}

static unsigned plan_stream(void *user, const struct stream_target *target, struct stream_plan *plan) {
    static const size_t segments[] = {1, 2, 100, 300, 1000, 4096}, writes[] = {1, 50, 300, 1000, 5000, 5000};
    static const size_t rooms[] = {1, 100, 500, 2000, 65536, 65536};
    struct run *run = user;
    unsigned number = (unsigned)strtoul(target->host + 1, NULL, 10);
    *plan = (struct stream_plan){
        .segment_maximum = segments[below(run, 6)],
        .write_maximum = writes[below(run, 6)],
        .room = rooms[below(run, 6)],
    };
    assert_true(number < run->stream_count);
    if (run->streams[number].dials++ == 0) {
        draw_cut(run, plan);
    }
    return number;
}

/* --- one run --- */

static void add_echo(struct run *run, int side) {
    coax_resource_config config = COAX_RESOURCE_CONFIG_INIT;
    config.post = echo;
    config.user = run;
    assert_non_null(coax_site_add(run->network.nodes[side].stack->site, "echo", &config, NULL));
}

static void begin(struct run *run, uint64_t seed, unsigned stream_count) {
    coax_endpoint_config client = COAX_ENDPOINT_CONFIG_INIT, server = COAX_ENDPOINT_CONFIG_INIT;
    server.connections = ask_back;
    server.user = run;
    *run = (struct run){.seed = seed, .stream_count = stream_count};
    run->streams = calloc(stream_count, sizeof *run->streams);
    run->asks = calloc(stream_count * (ASKS_PER_STREAM + 2 + 2U * ANSWERS_ASKED_MAXIMUM), sizeof *run->asks);
    assert_true(run->streams != NULL && run->asks != NULL);
    stream_network_init(&run->network, seed, &client, &server);
    run->network.plan = plan_stream;
    run->network.user = run;
    add_echo(run, STREAM_CLIENT);
    add_echo(run, STREAM_SERVER);
    for (unsigned i = 0; i < stream_count; i++) {
        run->streams[i].scheme = schemes[below(run, 4)];
    }
}

/* Until every request has its outcome. `left`: how many are still to be sent, each on any stream that wants one. */
static void go_on(struct run *run, unsigned per_stream, unsigned left) {
    unsigned pace = 1 + below(run, 60);
    while (left > 0 || run->open_asks > 0 || run->late_count > 0) {
        bool is_time = below(run, pace) == 0;
        if (left > 0 && is_time) {
            unsigned stream = below(run, run->stream_count);
            while (run->streams[stream].asked >= per_stream) {
                stream = (stream + 1) % run->stream_count;
            }
            run->streams[stream].asked++;
            ask_server(run, stream);
            left--;
        }
        bool has_answered = is_time && answer_one_late(run);
        bool has_moved = stream_network_step(&run->network);
        if (!has_moved && !has_answered && left == 0 && !answer_one_late(run) && run->open_asks > 0) {
            assert_true(stream_network_wait(&run->network));
        }
    }
}

/* From now on nothing is lost any more. */
static void end_losses(struct run *run) {
    for (struct stream_pair *pair = run->network.pairs; pair != NULL; pair = pair->next) {
        pair->plan.cut = pair->was_cut ? pair->plan.cut : CUT_NEVER;
    }
}

static void drain(struct run *run) {
    while (stream_network_step(&run->network)) {
    }
}

/* Long enough for those to be noticed that fell silent. */
static void pass_100_s(struct run *run) {
    coax_instant end = run->network.now + 100 * COAX_SECOND;
    while (run->network.now < end && stream_network_wait(&run->network)) {
        drain(run);
    }
}

/* The pool dialled once for each stream, and once more after its loss. */
static void check_dials(struct run *run) {
    unsigned cuts = 0;
    for (struct stream_pair *pair = run->network.pairs; pair != NULL; pair = pair->next) {
        cuts += pair->was_cut;
    }
    assert_int_equal(run->network.dial_count, run->stream_count + cuts);
}

static void check_nothing_is_left(struct run *run, int side) {
    const struct stream_layer *layer = &run->network.nodes[side].stack->streams;
    assert_int_equal(layer->connection_count, 0);
    assert_int_equal(layer->opening_count, 0);
    assert_int_equal(layer->memory, 0);
}

static void end(struct run *run) {
    stream_network_free(&run->network);
    free(run->streams);
    free(run->asks);
}

/* Returns how many requests were lost with their connections. */
static unsigned run_once(uint64_t seed, unsigned stream_count, unsigned *answered) {
    static struct run run;
    begin(&run, seed, stream_count);
    go_on(&run, ASKS_PER_STREAM, stream_count * ASKS_PER_STREAM);
    drain(&run);
    end_losses(&run);
    pass_100_s(&run);
    go_on(&run, ASKS_PER_STREAM + 1, stream_count); /* what was lost is connected to again */
    drain(&run);
    for (unsigned i = 0; i < run.ask_count; i++) {
        if (run.asks[i].callbacks != 1) {
            complain(&run, &run.asks[i], "was never called back", "");
        }
    }
    check_dials(&run);
    coax_stream_release_all(&stream_network_stack(&run.network, STREAM_CLIENT)->streams);
    drain(&run);
    check_nothing_is_left(&run, STREAM_CLIENT);
    check_nothing_is_left(&run, STREAM_SERVER);
    ask_server(&run, 0); /* and the endpoint lives on */
    go_on(&run, 0, 0);
    assert_false(run.failed);
    assert_true(run.answered + run.answered_back + run.lost == run.ask_count);
    *answered += run.answered + run.answered_back;
    end(&run);
    return run.lost;
}

static uint64_t setting(const char *name, uint64_t otherwise) {
    const char *text = getenv(name);
    return text == NULL ? otherwise : strtoull(text, NULL, 10);
}

static void a_thousand_at_once(void **state) {
    (void)state;
    unsigned answered = 0;
    unsigned lost = run_once(setting("COAX_SIM_SEED", 1), (unsigned)setting("COAX_SIM_STREAMS", 1000), &answered);
    printf("%u requests answered, %u lost with their connections\n", answered, lost);
}

static void a_few_at_once_many_times(void **state) {
    (void)state;
    unsigned answered = 0, lost = 0;
    for (uint64_t seed = 2; seed < 2 + setting("COAX_SIM_RUNS", 200); seed++) {
        lost += run_once(seed, 5, &answered);
    }
    printf("%u requests answered, %u lost with their connections\n", answered, lost);
    assert_true(answered > lost && lost > 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_thousand_at_once),
                                       cmocka_unit_test(a_few_at_once_many_times)};
    bool replays = getenv("COAX_SIM_STREAMS") != NULL;
    return replays ? cmocka_run_group_tests_name("replay", ((const struct CMUnitTest[]){tests[0]}), NULL, NULL)
                   : cmocka_run_group_tests(tests, NULL, NULL);
}
