/* Many seeded runs of a client and a server on a bad network: each request is answered exactly once or fails with a
   timeout, and no handler runs twice for one request. Over UDP and over DTLS.

   COAX_SIM_RUNS sets the number of runs of each kind, COAX_SIM_SEED the first seed; a failure prints its seed. */
#include "sim/network.h"
#include "sim/random.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { REQUESTS = 6, LONG_MS = 400000 };

struct run {
    struct network network;
    unsigned executed[REQUESTS]; /* how often the handler ran for it */
    unsigned callbacks[REQUESTS];
    unsigned answered, timed_out;
    uint64_t seed;
    bool failed;
    coax_exchange *deferred[REQUESTS * 2];
    unsigned deferred_count;
};

struct question {
    struct run *run;
    unsigned number;
};

static void report_failure(struct run *run, const char *what, unsigned number) {
    run->failed = true;
    fprintf(stderr, "seed %llu: request %u: %s\n", (unsigned long long)run->seed, number, what);
}

static bool read_number(const coax_message *message, unsigned *number) {
    char text[16] = "";
    size_t size = coax_message_payload_size(message);
    if (size == 0 || size >= sizeof text) {
        return false;
    }
    memcpy(text, coax_message_payload(message), size);
    *number = (unsigned)strtoul(text, NULL, 10);
    return *number < REQUESTS;
}

/* Not idempotent: it counts. Some requests are answered late, in a message of their own. */
static void count(coax_exchange *exchange, const coax_message *request, void *user) {
    struct run *run = user;
    unsigned number;
    if (!read_number(request, &number)) {
        report_failure(run, "the server got a payload that nobody sent", 0);
        return;
    }
    if (++run->executed[number] > 1) {
        report_failure(run, "was executed twice", number);
    }
    if (number % 3 == 2) {
        run->deferred[run->deferred_count++] = coax_exchange_defer(exchange);
    }
    if (number % 3 != 2) {
        (void)coax_respond(exchange, COAX_CHANGED, COAX_NO_FORMAT, coax_message_payload(request),
                           coax_message_payload_size(request));
    }
}

static void answered(coax_request *request, const coax_message *response, const coax_error *error, void *user) {
    struct question *question = user;
    struct run *run = question->run;
    unsigned number;
    (void)request;
    if (++run->callbacks[question->number] > 1) {
        report_failure(run, "was called back twice", question->number);
    }
    if (response != NULL) {
        run->answered++;
        bool late = question->number % 3 == 2;
        if (coax_message_code(response) != COAX_CHANGED
            || (!late && (!read_number(response, &number) || number != question->number))) {
            report_failure(run, "got another request's answer", question->number);
        }
    } else if (error->status == COAX_E_TIMEOUT || error->status == COAX_E_HANDSHAKE_TIMEOUT) {
        run->timed_out++;
    } else {
        report_failure(run, error->text, question->number);
    }
}

static void add_credentials(struct network_node *node) {
    coax_error error;
    assert_int_equal(
        coax_credentials_set_psk(node->stack->credentials, "coaps://*", "sim", 3, "0123456789abcdef", 16, &error),
        COAX_OK);
    assert_int_equal(coax_stack_enable_dtls(node->stack, &error), COAX_OK);
}

static void answer_deferred(struct run *run, struct network_node *server) {
    coax_stack_set_time(server->stack, run->network.now);
    for (unsigned i = 0; i < run->deferred_count; i++) {
        (void)coax_respond(run->deferred[i], COAX_CHANGED, COAX_NO_FORMAT, NULL, 0);
    }
    run->deferred_count = 0;
}

static void send_questions(struct run *run, struct network_node *client, struct network_node *server,
                           struct question *questions) {
    for (unsigned i = 0; i < REQUESTS; i++) {
        coax_error error = {.text = ""};
        char text[16];
        questions[i] = (struct question){run, i};
        struct coax_remote *remote = network_remote(client, server, "coaps://10.0.0.2/count", &error);
        struct coax_request *request = coax_request_create(&client->stack->requests, COAX_POST, "/count");
        assert_non_null(remote);
        assert_non_null(request);
        int size = snprintf(text, sizeof text, "%u", i);
        assert_int_equal(coax_request_add_option(request, COAX_OPTION_URI_PATH, "count", 5), COAX_OK);
        assert_int_equal(coax_request_set_payload(request, COAX_NO_FORMAT, text, (size_t)size), COAX_OK);
        coax_request_set_non_confirmable(request, i == 1);
        assert_int_equal(coax_request_start(request, answered, &questions[i], &error), COAX_OK);
        assert_int_equal(coax_request_submit(request, remote, &error), COAX_OK);
    }
}

static void run_once(struct run *run, uint64_t seed, bool secure) {
    static const struct network_conditions bad = {
        .loss_percent = 20, .duplicate_percent = 10, .delay_minimum_ms = 1, .delay_maximum_ms = 300};
    struct question questions[REQUESTS];
    *run = (struct run){.seed = seed};
    network_init(&run->network, seed, &bad);
    struct network_node *client = network_add(&run->network, NULL, secure, false);
    struct network_node *server = network_add(&run->network, NULL, secure, true);
    if (secure) {
        add_credentials(client);
        add_credentials(server);
    }
    coax_resource_config config = COAX_RESOURCE_CONFIG_INIT;
    config.post = count;
    config.user = run;
    assert_non_null(coax_site_add(server->stack->site, "count", &config, NULL));
    send_questions(run, client, server, questions);
    coax_instant end = coax_instant_after_ms(run->network.now, LONG_MS);
    while (run->network.now < end) {
        (void)network_run(&run->network, coax_instant_after_ms(run->network.now, 500));
        answer_deferred(run, server);
    }
    for (unsigned i = 0; i < REQUESTS; i++) {
        if (run->callbacks[i] != 1) {
            report_failure(run, "was never called back", i);
        }
    }
    network_free(&run->network);
}

static void run_many(bool secure) {
    uint64_t runs = sim_setting("COAX_SIM_RUNS", 10000);
    uint64_t first = sim_setting("COAX_SIM_SEED", 1);
    uint64_t answered_count = 0, timed_out = 0, lost = 0, sent = 0;
    for (uint64_t seed = first; seed < first + runs; seed++) {
        struct run run;
        run_once(&run, seed, secure);
        assert_false(run.failed);
        answered_count += run.answered;
        timed_out += run.timed_out;
        lost += run.network.lost;
        sent += run.network.sent;
    }
    printf("%s: %llu runs, %llu datagrams, %llu lost; %llu requests answered, %llu timed out\n",
           secure ? "DTLS" : "UDP", (unsigned long long)runs, (unsigned long long)sent, (unsigned long long)lost,
           (unsigned long long)answered_count, (unsigned long long)timed_out);
    /* The retransmissions work: by the odds (RFC 7252's five tries at 36 % loss of a round trip) few confirmable ones
     * fail. */
    assert_true(answered_count > timed_out * 4);
}

static void udp(void **state) {
    (void)state;
    run_many(false);
}

static void dtls(void **state) {
    (void)state;
    run_many(true);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(udp), cmocka_unit_test(dtls)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
