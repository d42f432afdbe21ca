/* 1,000 connections over the four schemes between a few whole stacks, in pieces of any size, with requests in both
   directions on each, answered at once or later and out of order, and connections that are lost, refused or released
   anywhere: each request has one outcome, the right answer or the error of what happened to its connection; the next
   one connects again; in the end nothing is left.

   COAX_SIM_RUNS sets the number of runs, COAX_SIM_SEED the first seed; a failure prints its seed. */
#include "sim/random.h"
#include "sim/stream_mesh.h"
#include "thorough.h"
#include "transport/stream/connection.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum {
    SLOTS = 1000, /* each a client, a server and a scheme */
    QUESTIONS = 10000,
    PAYLOAD = 3000,
    STEP_MS = 20,
    STEPS = 1000,
    DEFERRED_MS = 1500,
    QUIET_MS = 120000,
};

struct run;

struct question {
    struct run *run;
    struct stream *stream; /* on which it went */
    unsigned slot, callbacks, executions;
    size_t size; /* of its payload, and of the answer's */
    enum coax_status status;
};

struct slot {
    unsigned client, server;
    char uri[64];
    coax_remote *peer; /* the client as the server knows it; a reference */
};

struct deferred {
    coax_exchange *exchange;
    coax_instant since;
    unsigned number;
};

struct run {
    struct stream_mesh mesh;
    uint64_t seed;
    unsigned slot_count, question_count, answered, lost, released, refused, deferred_count, peak;
    bool is_restless; /* connections ping often, and are released as soon as they are idle */
    bool failed;
    struct slot slots[SLOTS];
    struct question questions[QUESTIONS + 100];
    struct deferred deferred[QUESTIONS + 100];
};

static void report_failure(struct run *run, const char *what, const struct question *question) {
    run->failed = true;
    fprintf(stderr, "seed %llu: request %u over %s: %s\n", (unsigned long long)run->seed,
            (unsigned)(question - run->questions), run->slots[question->slot].uri, what);
}

static uint64_t draw(struct run *run, uint64_t bound) {
    return sim_random(&run->mesh.random_state) % bound;
}

/* What belongs to a question: its number, then bytes that differ from question to question. */
static void write_payload(unsigned number, uint8_t *out, size_t size) {
    uint64_t state = number;
    sim_random_fill(&state, out, size);
    memcpy(out, &number, sizeof number);
}

static bool is_payload(const coax_message *message, unsigned number, size_t size) {
    uint8_t expected[PAYLOAD];
    write_payload(number, expected, size);
    return coax_message_payload_size(message) == size && memcmp(coax_message_payload(message), expected, size) == 0;
}

/* --- being asked --- */

static void answer(coax_exchange *exchange, const struct question *question) {
    uint8_t payload[PAYLOAD];
    write_payload((unsigned)(question - question->run->questions), payload, question->size);
    (void)coax_respond(exchange, COAX_CHANGED, COAX_NO_FORMAT, payload, question->size);
}

/* The server of a slot keeps its client, to ask it in turn. */
static void keep_peer(struct slot *slot, coax_remote *remote) {
    if (slot->peer == NULL && !connection_of(remote)->is_ours) {
        slot->peer = coax_remote_ref(remote);
    }
}

static void serve(coax_exchange *exchange, const coax_message *request, void *user) {
    struct run *run = user;
    unsigned number;
    assert_true(coax_message_payload_size(request) >= sizeof number);
    memcpy(&number, coax_message_payload(request), sizeof number);
    assert_true(number < run->question_count);
    struct question *question = &run->questions[number];
    if (!is_payload(request, number, question->size)) {
        report_failure(run, "it came changed", question);
    }
    if (++question->executions > 1) {
        report_failure(run, "it was executed twice", question);
    }
    keep_peer(&run->slots[question->slot], coax_exchange_remote(exchange));
    if (number % 3 == 2) {
        run->deferred[run->deferred_count++] = (struct deferred){coax_exchange_defer(exchange), run->mesh.now, number};
    } else {
        answer(exchange, question);
    }
}

static void answer_one(struct run *run, unsigned place) {
    struct deferred picked = run->deferred[place];
    run->deferred[place] = run->deferred[--run->deferred_count];
    answer(picked.exchange, &run->questions[picked.number]);
}

/* Any of those that wait. */
static void answer_deferred(struct run *run) {
    if (run->deferred_count > 0) {
        answer_one(run, (unsigned)draw(run, run->deferred_count));
    }
}

/* Sooner than a released connection is given up. */
static void answer_overdue(struct run *run) {
    for (unsigned i = run->deferred_count; i-- > 0;) {
        if (run->mesh.now - run->deferred[i].since > DEFERRED_MS * COAX_MILLISECOND) {
            answer_one(run, i);
        }
    }
}

/* --- asking --- */

/* What may have happened to a request whose stream had this fate. */
static bool is_explained(const struct question *question, enum coax_status status) {
    const struct stream *stream = question->stream;
    if ((stream->is_released || question->run->is_restless) && status == COAX_E_RELEASED) {
        return true; /* it waited for the connection, or for the peer to read, or crossed the peer's Release */
    }
    static const enum coax_status of_fate[] = {
        [STREAM_LIVES] = COAX_OK,
        [STREAM_REFUSED] = COAX_E_REFUSED,
        [STREAM_ENDED] = COAX_E_LOST,
        [STREAM_RESET] = COAX_E_LOST,
    };
    return status == of_fate[stream->fate];
}

static void note_outcome(coax_request *request, const coax_message *response, const coax_error *error, void *user) {
    struct question *question = user;
    struct run *run = question->run;
    (void)request;
    if (++question->callbacks > 1) {
        report_failure(run, "it was called back twice", question);
    }
    question->status = response != NULL ? COAX_OK : error->status;
    if (response == NULL) {
        run->refused += error->status == COAX_E_REFUSED;
        run->released += error->status == COAX_E_RELEASED;
        run->lost += error->status == COAX_E_LOST;
        if (!is_explained(question, error->status)) {
            report_failure(run, error->text, question);
        }
        return;
    }
    run->answered++;
    if (coax_message_code(response) != COAX_CHANGED
        || !is_payload(response, (unsigned)(question - run->questions), question->size)) {
        report_failure(run, "it got another answer", question);
    }
}

static struct question *new_question(struct run *run, unsigned slot) {
    struct question *question = &run->questions[run->question_count++];
    size_t size = draw(run, 8) > 0 ? draw(run, 64) : draw(run, PAYLOAD - sizeof(unsigned));
    *question = (struct question){.run = run, .slot = slot, .size = size + sizeof(unsigned)};
    return question;
}

static enum coax_status submit(struct question *question, struct stream_node *from, struct coax_remote *remote,
                               coax_error *error) {
    uint8_t payload[PAYLOAD];
    struct coax_request *request = stream_mesh_request(from, "q");
    write_payload((unsigned)(question - question->run->questions), payload, question->size);
    assert_int_equal(coax_request_set_payload(request, COAX_NO_FORMAT, payload, question->size), COAX_OK);
    question->stream = stream_mesh_stream(connection_of(remote));
    enum coax_status status = coax_request_start(request, note_outcome, question, error);
    if (status == COAX_OK) {
        status = coax_request_submit(request, remote, error);
    }
    if (status != COAX_OK) {
        coax_request_cancel(request);
    }
    return status;
}

static struct coax_remote *remote_of(struct run *run, unsigned slot) {
    coax_error error = {.text = ""};
    struct coax_remote *remote = NULL;
    struct stream_node *client = &run->mesh.nodes[run->slots[slot].client];
    enum coax_status status = stream_mesh_connect(client, run->slots[slot].uri, &remote, &error);
    assert_string_equal(error.text, "");
    assert_int_equal(status, COAX_OK);
    return remote;
}

static void ask(struct run *run, unsigned slot) {
    coax_error error = {.text = ""};
    struct question *question = new_question(run, slot);
    if (submit(question, &run->mesh.nodes[run->slots[slot].client], remote_of(run, slot), &error) != COAX_OK) {
        report_failure(run, error.text, question);
    }
}

/* The server asks its client, if there is a connection. */
static void ask_back(struct run *run, unsigned slot) {
    coax_error error = {.text = ""};
    coax_remote *peer = run->slots[slot].peer;
    if (peer == NULL) {
        return;
    }
    if (peer->is_gone) {
        run->slots[slot].peer = NULL;
        coax_remote_unref(peer);
        return;
    }
    struct question *question = new_question(run, slot);
    enum coax_status status = submit(question, &run->mesh.nodes[run->slots[slot].server], peer, &error);
    if (status != COAX_OK) {
        if (status != COAX_E_RELEASED || !(run->is_restless || question->stream->is_released)) {
            report_failure(run, error.text, question);
        }
        run->question_count--;
    }
}

static void release(struct run *run, unsigned slot) {
    coax_remote *peer = run->slots[slot].peer;
    coax_remote *remote = peer != NULL && !peer->is_gone && draw(run, 2) == 0 ? peer : remote_of(run, slot);
    stream_mesh_stream(connection_of(remote))->is_released = true;
    enum coax_status status = coax_stream_transport.release(remote, NULL, NULL, NULL);
    assert_true(status == COAX_OK || status == COAX_E_STATE);
}

/* --- a run --- */

static void make_slots(struct run *run) {
    /* Handshakes cost much more than messages do. */
    static const char *const schemes[] = {"coaps+tcp", "coaps+ws", "coap+tcp", "coap+ws",  "coap+tcp",
                                          "coap+ws",   "coap+tcp", "coap+ws",  "coap+tcp", "coap+ws"};
    for (unsigned i = 0; i < run->slot_count; i++) {
        struct slot *slot = &run->slots[i];
        slot->client = i / 10 % STREAM_NODES;
        slot->server = (slot->client + 1 + (unsigned)draw(run, STREAM_NODES - 1)) % STREAM_NODES;
        (void)snprintf(slot->uri, sizeof slot->uri, "%s://n%u-%u.example/q", schemes[i % 10], slot->server, i);
    }
}

/* Bounds and times that are reached, which ones depends on the seed. */
static coax_endpoint_config config_of(const struct run *run) {
    coax_endpoint_config config = COAX_ENDPOINT_CONFIG_INIT;
    config.max_requests_per_connection = 4;
    config.max_stream_output = 2048;
    config.ping_interval_ms = run->is_restless ? 1000 : 60000;
    config.session_idle_ms = run->is_restless ? 1500 : 300000;
    return config;
}

static void begin(struct run *run, uint64_t seed) {
    *run = (struct run){.seed = seed, .slot_count = SLOTS / thorough_step(1, 10), .is_restless = seed % 2 == 0};
    const coax_endpoint_config config = config_of(run);
    stream_mesh_init(&run->mesh, seed);
    /* A byte at a time, an answer still takes less than a release may. */
    run->mesh.delay_maximum_us = (uint32_t)draw(run, 5) * 100;
    run->mesh.fate_percent = 40;
    run->mesh.fate_bytes = 3000;
    for (unsigned i = 0; i < STREAM_NODES; i++) {
        struct stream_node *node = stream_mesh_add(&run->mesh, &config);
        coax_resource_config resource = COAX_RESOURCE_CONFIG_INIT;
        resource.post = serve;
        resource.user = run;
        assert_non_null(coax_site_add(node->stack->site, "q", &resource, NULL));
    }
    make_slots(run);
}

static void act(struct run *run) {
    unsigned slot = (unsigned)draw(run, run->slot_count);
    uint64_t choice = draw(run, 100);
    if (choice < 40) {
        ask(run, slot);
    } else if (choice < 70) {
        ask_back(run, slot);
    } else if (choice < 98) {
        answer_deferred(run);
    } else {
        release(run, slot);
    }
}

static uint32_t connection_count(const struct run *run) {
    uint32_t count = 0;
    for (unsigned i = 0; i < STREAM_NODES; i++) {
        count += stream_connection_count(&run->mesh.nodes[i].stack->streams);
    }
    return count;
}

static void let_things_happen(struct run *run) {
    for (unsigned i = 0; i < run->slot_count; i++) {
        ask(run, i);
    }
    for (unsigned i = 0; i < STEPS; i++) {
        for (unsigned n = 0; n < run->slot_count / 100 && run->question_count < QUESTIONS; n++) {
            act(run);
        }
        answer_overdue(run);
        stream_mesh_pass_ms(&run->mesh, STEP_MS);
        run->peak = connection_count(run) / 2 > run->peak ? connection_count(run) / 2 : run->peak;
    }
}

static void finish_questions(struct run *run) {
    for (uint64_t ms = 0; ms < QUIET_MS; ms += 1000) {
        while (run->deferred_count > 0) {
            answer_deferred(run);
        }
        stream_mesh_pass_ms(&run->mesh, 1000);
    }
    for (unsigned i = 0; i < run->question_count; i++) {
        if (run->questions[i].callbacks != 1) {
            report_failure(run, "it was never called back", &run->questions[i]);
        }
    }
}

/* Whatever happened before: over every kind of slot a request is answered. */
static void expect_service(struct run *run) {
    unsigned first = run->question_count, answered = run->answered;
    run->mesh.fate_percent = 0;
    for (unsigned i = 0; i < 40; i++) {
        if (stream_mesh_stream(connection_of(remote_of(run, i)))->fate == STREAM_LIVES) {
            ask(run, i);
        }
    }
    finish_questions(run);
    assert_int_equal(run->answered - answered, run->question_count - first);
    assert_true(run->question_count > first);
}

static void expect_nothing_left(struct run *run) {
    for (unsigned i = 0; i < run->slot_count; i++) {
        if (run->slots[i].peer != NULL) {
            coax_remote_unref(run->slots[i].peer);
        }
    }
    for (unsigned i = 0; i < STREAM_NODES; i++) {
        coax_stream_release_all(&run->mesh.nodes[i].stack->streams);
    }
    stream_mesh_pass_ms(&run->mesh, 20000);
    for (unsigned i = 0; i < STREAM_NODES; i++) {
        const struct stack *stack = run->mesh.nodes[i].stack;
        assert_int_equal(stack->streams.connection_count, 0);
        assert_int_equal(stack->streams.opening_count, 0);
        assert_int_equal(stack->streams.memory, 0);
        assert_int_equal(stack->streams.origins.count, 0);
        assert_int_equal(stack->requests.request_count, 0);
        assert_true(list_is_empty(&stack->streams.dirty));
    }
}

static void run_once(uint64_t seed) {
    static struct run run;
    begin(&run, seed);
    let_things_happen(&run);
    finish_questions(&run);
    assert_false(run.failed);
    expect_service(&run);
    expect_nothing_left(&run);
    printf(
        "seed %llu: %u streams, %u connections at once; %u requests: %u answered, %u lost, %u refused, %u released\n",
        (unsigned long long)seed, run.mesh.stream_count, run.peak, run.question_count, run.answered, run.lost,
        run.refused, run.released);
    assert_true(run.peak > run.slot_count / 2);
    stream_mesh_free(&run.mesh);
    assert_false(run.failed);
}

static void a_thousand_streams(void **state) {
    (void)state;
    uint64_t runs = sim_setting("COAX_SIM_RUNS", 2), first = sim_setting("COAX_SIM_SEED", 1);
    for (uint64_t seed = first; seed < first + runs; seed++) {
        run_once(seed);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_thousand_streams)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
