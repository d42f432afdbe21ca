/* Chains while memory runs out: each allocation in turn fails, and what was begun ends in order. */
#include "transport/stream/filter_test_pair.h"

#include "thorough.h"

/* The linker turns the calls of both into these (cmake/tests.cmake). GnuTLS keeps its own. */
void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);

static unsigned failing_allocation; /* counted down to 0, which none is */
static bool is_within;              /* a call into a chain: a test's own memory does not fail */

static bool fails(void) {
    return is_within && failing_allocation > 0 && --failing_allocation == 0;
}

void *__wrap_malloc(size_t size) {
    return fails() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size) {
    return fails() ? NULL : __real_calloc(count, size);
}

static const enum coax_scheme schemes[] = {COAX_SCHEME_COAP_TCP, COAX_SCHEME_COAP_WS, COAX_SCHEME_COAPS_TCP,
                                           COAX_SCHEME_COAPS_WS};
enum { SCHEMES = sizeof schemes / sizeof schemes[0], MESSAGES = 13 };

/* Everything that an owner does, with the segments of the pair. */
static void run(struct chain_pair *pair) {
    bool moved = true;
    while (moved) {
        moved = false;
        for (int i = 0; i < 2; i++) {
            struct chain_side *side = &pair->sides[i], *to = &pair->sides[1 - i];
            uint8_t piece[3000];
            is_within = true;
            coax_filter_chain_flush(side->chain);
            is_within = false;
            size_t size = side->pipe_end - side->pipe_start;
            size = size < sizeof piece ? size : sizeof piece;
            if (size > 0) {
                memcpy(piece, side->pipe + side->pipe_start, size);
                side->pipe_start += size;
                is_within = true;
                coax_filter_chain_receive(to->chain, piece, size);
                coax_filter_chain_resume(to->chain);
                is_within = false;
                moved = true;
            }
        }
    }
}

/* Whether all went well in spite of it. */
static bool went_well(const struct chain_pair *pair) {
    for (int i = 0; i < 2; i++) {
        if (pair->sides[i].ended > 0 || pair->sides[i].messages != MESSAGES
            || pair->sides[i].sum != chain_sum(MESSAGES)) {
            return false;
        }
    }
    return true;
}

static bool says_no_memory(const struct chain_side *side) {
    return side->ended == 1 && side->error.status == COAX_E_NO_MEMORY && strstr(side->error.text, "peer") == NULL;
}

static enum coax_status start(struct chain_pair *pair) {
    is_within = true;
    enum coax_status status = chain_listen(pair, NULL);
    if (status == COAX_OK) {
        status = chain_connect(pair, "h", NULL);
    }
    is_within = false;
    return status;
}

/* Returns whether a send was refused for lack of memory. */
static bool send_all(struct chain_pair *pair) {
    bool is_refused = false;
    for (unsigned n = 0; n < 2 * MESSAGES; n++) {
        struct chain_side *side = &pair->sides[n % 2];
        is_within = true;
        enum coax_status status = chain_send(side, n / 2);
        is_within = false;
        if (status == COAX_E_NO_MEMORY) {
            is_refused = true;
            assert_int_equal(chain_send(side, 0), COAX_E_STATE); /* behind a gap nothing goes out */
        }
    }
    return is_refused;
}

/* False once the allocation was never reached. */
static bool try_without(enum coax_scheme scheme, unsigned allocation) {
    struct chain_pair pair;
    chain_pair_init(&pair, scheme);
    chain_set_psk(&pair.sides[CHAIN_CLIENT], "secretPSK");
    chain_set_psk(&pair.sides[CHAIN_SERVER], "secretPSK");
    pair.sides[CHAIN_SERVER].pauses = true;
    failing_allocation = allocation;
    enum coax_status status = start(&pair);
    bool is_refused = false;
    if (status == COAX_OK) {
        run(&pair);
        is_refused = send_all(&pair);
        run(&pair);
    }
    bool has_failed = failing_allocation == 0;
    if (status != COAX_OK) {
        assert_int_equal(status, COAX_E_NO_MEMORY);
    } else if (!went_well(&pair)) {
        assert_true(has_failed);
        assert_true(says_no_memory(&pair.sides[0]) || says_no_memory(&pair.sides[1]));
    }
    assert_false(is_refused && went_well(&pair));
    for (int i = 0; i < 2; i++) { /* an owner that waits for this to be written is done */
        assert_int_equal(coax_filter_chain_pending(pair.sides[i].chain), 0);
    }
    failing_allocation = 0;
    chain_pair_free(&pair);
    return has_failed;
}

static void every_allocation_may_fail(void **state) {
    (void)state;
    for (size_t i = 0; i < SCHEMES; i++) {
        unsigned allocation = 1;
        while (try_without(schemes[i], allocation)) {
            allocation += thorough_step(1, 5);
        }
        assert_true(allocation > 20);
    }
}

/* A server whose answer to the first of two messages is lost. */
static struct chain_side *lose_an_answer(struct chain_pair *pair, enum coax_scheme scheme) {
    chain_pair_start(pair, scheme);
    chain_run(pair);
    struct chain_side *client = &pair->sides[CHAIN_CLIENT], *server = &pair->sides[CHAIN_SERVER];
    server->on_message = CHAIN_SEND;
    assert_int_equal(chain_send(client, 0), COAX_OK);
    assert_int_equal(chain_send(client, 0), COAX_OK);
    coax_filter_chain_flush(client->chain);
    is_within = true;
    failing_allocation = 1;
    coax_filter_chain_receive(server->chain, client->pipe + client->pipe_start, client->pipe_end - client->pipe_start);
    is_within = false;
    client->pipe_start = client->pipe_end;
    assert_int_equal(failing_allocation, 0);
    assert_int_equal(server->messages, 1);
    return server;
}

static void nothing_goes_on_behind_a_gap(void **state) {
    (void)state;
    for (size_t i = 0; i < 2; i++) { /* of TLS an allocation before that would fail */
        struct chain_pair pair;
        struct chain_side *server = lose_an_answer(&pair, schemes[i]);
        assert_true(says_no_memory(server));
        coax_filter_chain_close(server->chain, FAREWELL_NORMAL);
        assert_string_equal(chain_written(server), "");
        chain_pair_free(&pair);
    }
}

/* An owner that says goodbye when it cannot send. */
static void no_goodbye_goes_out_behind_a_gap(void **state) {
    (void)state;
    for (size_t i = 0; i < SCHEMES; i++) {
        struct chain_pair pair;
        chain_pair_start(&pair, schemes[i]);
        chain_run(&pair);
        struct chain_side *client = &pair.sides[CHAIN_CLIENT];
        is_within = true;
        failing_allocation = 1;
        assert_int_equal(chain_send(client, 11), COAX_E_NO_MEMORY); /* over TLS more than fits its scratch */
        is_within = false;
        coax_filter_chain_close(client->chain, FAREWELL_NORMAL);
        assert_string_equal(chain_written(client), "");
        chain_pair_free(&pair);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_allocation_may_fail),
        cmocka_unit_test(nothing_goes_on_behind_a_gap),
        cmocka_unit_test(no_goodbye_goes_out_behind_a_gap),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
