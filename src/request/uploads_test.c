/* Bodies that come in block by block, from the server's side (RFC 7959 sections 2.5 and 3.2). */
#include "request/uploads.h"

#include "serve_fixture.h"

/* A PUT of a block, and its answer. */
static void put(struct served *served, int asked, size_t offset, size_t size, uint8_t code, int answered) {
    served_expect(served, ASK(.code = COAX_PUT, .block1 = asked, .offset = offset, .size = size), code, answered, 0, 0,
                  served->data_size);
}

static void go_on(struct served *served, int number, size_t offset, size_t size) {
    struct coax_message response =
        served_ask(served, ASK(.code = COAX_PUT, .block1 = BLOCK(number, 1, 6), .offset = offset, .size = size));
    assert_int_equal(response.code, COAX_CONTINUE);
    assert_int_equal(coax_message_option_uint(&response, COAX_OPTION_BLOCK1, 0), number << 4 | 8 | 6);
    assert_int_equal(coax_message_option_uint(&response, COAX_OPTION_BLOCK2, 999), 999); /* there is none */
    assert_int_equal(response.payload.size, 0);
}

static void expect_got(struct served *served, unsigned handled, size_t size) {
    assert_int_equal(served->handled, handled);
    assert_int_equal(served->code, COAX_PUT);
    assert_int_equal(served->got_size, size);
    assert_memory_equal(served->got, served->data, size);
    assert_int_equal(served->fixture.stack->requests.body_count, 0);
    assert_int_equal(served->fixture.stack->requests.body_memory, 0);
}

/* Figure 7 */
static void the_handler_gets_the_whole(void **state) {
    struct served *served = *state;
    go_on(served, 0, 0, 1024);
    go_on(served, 1, 1024, 1024);
    assert_int_equal(served->handled, 0);
    put(served, BLOCK(2, 0, 6), 2048, 52, COAX_CHANGED, BLOCK(2, 0, 6));
    expect_got(served, 1, 2100);
}

static void sizes_around_a_block(void **state) {
    struct served *served = *state;
    put(served, BLOCK(0, 0, 6), 0, 0, COAX_CHANGED, BLOCK(0, 0, 6));
    expect_got(served, 1, 0);
    put(served, BLOCK(0, 0, 6), 0, 1024, COAX_CHANGED, BLOCK(0, 0, 6));
    expect_got(served, 2, 1024);
    go_on(served, 0, 0, 1024);
    put(served, BLOCK(1, 0, 6), 1024, 1024, COAX_CHANGED, BLOCK(1, 0, 6));
    expect_got(served, 3, 2048);
    go_on(served, 0, 0, 1024);
    put(served, BLOCK(1, 0, 6), 1024, 1, COAX_CHANGED, BLOCK(1, 0, 6));
    expect_got(served, 4, 1025);
}

/* Figure 9: this end wants smaller blocks, and counts what came in the large one. */
static void smaller_blocks_are_asked_for(void **state) {
    (void)state;
    struct served served;
    coax_endpoint_config config = COAX_ENDPOINT_CONFIG_INIT;
    config.block_size = 256;
    served_start(&served, &config, false);
    served.answer_code = COAX_CHANGED;
    struct coax_message response = served_ask(&served, ASK(.code = COAX_PUT, .block1 = BLOCK(0, 1, 6), .size = 1024));
    assert_int_equal(response.code, COAX_CONTINUE);
    assert_int_equal(coax_message_option_uint(&response, COAX_OPTION_BLOCK1, 0), 8 | 4);
    served_expect(&served, ASK(.code = COAX_PUT, .block1 = BLOCK(4, 0, 4), .offset = 1024, .size = 100), COAX_CHANGED,
                  BLOCK(4, 0, 4), 0, 0, 0);
    expect_got(&served, 1, 1124);
    served_stop(&served);
}

/* Figures 10 and 11: with a large response */
static void large_both_ways(void **state) {
    struct served *served = *state;
    served->data_size = 1500;
    go_on(served, 0, 0, 1024);
    served_expect(served, ASK(.code = COAX_PUT, .block1 = BLOCK(1, 0, 6), .offset = 1024, .size = 76), COAX_CHANGED,
                  BLOCK(1, 0, 6), BLOCK(0, 1, 6), 0, 1024);
    served_expect(served, ASK(.code = COAX_PUT, .block2 = BLOCK(1, 0, 6)), COAX_CHANGED, 0, BLOCK(1, 0, 6), 1024, 476);
    expect_got(served, 1, 1100);
    go_on(served, 0, 0, 1024);
    served_expect(served,
                  ASK(.code = COAX_PUT, .block1 = BLOCK(1, 0, 6), .block2 = BLOCK(0, 0, 2), .offset = 1024, .size = 76),
                  COAX_CHANGED, BLOCK(1, 0, 6), BLOCK(0, 1, 2), 0, 64);
}

/* Section 2.9.2 */
static void a_gap_is_incomplete(void **state) {
    struct served *served = *state;
    put(served, BLOCK(1, 1, 6), 1024, 1024, COAX_REQUEST_ENTITY_INCOMPLETE, 0);
    put(served, BLOCK(1, 0, 6), 1024, 10, COAX_REQUEST_ENTITY_INCOMPLETE, 0);
    go_on(served, 0, 0, 1024);
    put(served, BLOCK(2, 1, 6), 2048, 1024, COAX_REQUEST_ENTITY_INCOMPLETE, 0);
    go_on(served, 1, 1024, 1024); /* it is not lost */
    go_on(served, 1, 1024, 1024); /* the client did not get the answer, and has another message ID */
    put(served, BLOCK(2, 0, 6), 2048, 10, COAX_CHANGED, BLOCK(2, 0, 6));
    expect_got(served, 1, 2058);
    put(served, BLOCK(2, 0, 6), 2048, 10, COAX_REQUEST_ENTITY_INCOMPLETE, 0); /* not twice */
    assert_int_equal(served->handled, 1);
}

static void block_0_begins_anew(void **state) {
    struct served *served = *state;
    go_on(served, 0, 500, 1024);
    go_on(served, 1, 1524, 1024);
    go_on(served, 0, 0, 1024);
    put(served, BLOCK(1, 0, 6), 1024, 10, COAX_CHANGED, BLOCK(1, 0, 6));
    expect_got(served, 1, 1034);
}

/* Section 2.10: clients say If-None-Match with the first block; some say it with each. */
static void a_condition_of_the_first_block_counts(void **state) {
    struct served *served = *state;
    for (int with_last = 0; with_last < 2; with_last++) {
        struct coax_message first =
            served_ask(served, ASK(.code = COAX_PUT, .block1 = BLOCK(0, 1, 6), .size = 1024, .if_none_match = true));
        assert_int_equal(first.code, COAX_CONTINUE);
        served_expect(served,
                      ASK(.code = COAX_PUT, .block1 = BLOCK(1, 0, 6), .offset = 1024, .size = 9, .tag = NULL,
                          .if_none_match = with_last != 0),
                      COAX_CHANGED, BLOCK(1, 0, 6), 0, 0, 0);
        assert_true(served->got_if_none_match);
        expect_got(served, (unsigned)with_last + 1, 1033);
    }
    go_on(served, 0, 0, 1024);
    put(served, BLOCK(1, 0, 6), 1024, 9, COAX_CHANGED, BLOCK(1, 0, 6));
    assert_false(served->got_if_none_match);
}

/* RFC 9175 section 3: two bodies at once from one client; and two clients. */
static void bodies_are_told_apart(void **state) {
    struct served *served = *state;
    static const struct ask whose[] = {{.tag = NULL}, {.tag = "a"}, {.tag = "b"}, {.tag = "a", .client = 9}};
    enum { BODIES = sizeof whose / sizeof *whose };
    for (size_t number = 0; number < 2; number++) {
        for (size_t i = 0; i < BODIES; i++) {
            struct ask ask = whose[i];
            ask.code = COAX_PUT;
            ask.block1 = BLOCK((int)number, 1, 6);
            ask.offset = i + number * 1024;
            ask.size = 1024;
            assert_int_equal(served_ask(served, ask).code, COAX_CONTINUE);
        }
    }
    assert_int_equal(served->fixture.stack->requests.body_count, BODIES);
    for (size_t i = 0; i < BODIES; i++) {
        struct ask ask = whose[i];
        ask.code = COAX_PUT;
        ask.block1 = BLOCK(2, 0, 6);
        ask.offset = i + 2048;
        ask.size = 3;
        assert_int_equal(served_ask(served, ask).code, COAX_CHANGED);
        assert_int_equal(served->got_size, 2051);
        assert_memory_equal(served->got, served->data + i, 2051);
    }
}

static void what_makes_no_sense_is_refused(void **state) {
    struct served *served = *state;
    put(served, BLOCK(0, 1, 6), 0, 1023, COAX_BAD_REQUEST, 0);
    put(served, BLOCK(0, 1, 6), 0, 1025, COAX_BAD_REQUEST, 0);
    put(served, BLOCK(0, 1, 7), 0, 1024, COAX_BAD_REQUEST, 0); /* BERT is of connections */
    put(served, BLOCK(0, 1, 0), 0, 0, COAX_BAD_REQUEST, 0);
    assert_int_equal(served->handled, 0);
    assert_int_equal(served->fixture.stack->requests.body_count, 0);
}

/* What has no handler is told at once, and nothing is gathered for it. */
static void errors_come_with_the_first_block(void **state) {
    struct served *served = *state;
    served_expect(served, ASK(.code = COAX_DELETE, .block1 = BLOCK(0, 1, 6), .size = 1024), COAX_METHOD_NOT_ALLOWED, 0,
                  0, 0, 0);
    assert_int_equal(served->fixture.stack->requests.body_count, 0);
}

/* --- bounds --- */

static void too_large_is_told_with_the_limit(void **state) {
    (void)state;
    struct served served;
    coax_endpoint_config config = COAX_ENDPOINT_CONFIG_INIT;
    config.max_body_size = 2000;
    served_start(&served, &config, false);
    struct coax_message response =
        served_ask(&served, ASK(.code = COAX_PUT, .block1 = BLOCK(0, 1, 6), .size = 1024, .size1 = 2001));
    assert_int_equal(response.code, COAX_REQUEST_ENTITY_TOO_LARGE);
    assert_int_equal(coax_message_option_uint(&response, COAX_OPTION_SIZE1, 0), 2000);
    assert_int_equal(served.fixture.stack->requests.body_count, 0);
    go_on(&served, 0, 0, 1024); /* who does not say is told later */
    put(&served, BLOCK(1, 1, 6), 1024, 1024, COAX_REQUEST_ENTITY_TOO_LARGE, 0);
    assert_int_equal(served.fixture.stack->requests.body_count, 0);
    assert_int_equal(served.fixture.stack->requests.body_memory, 0);
    served_stop(&served);
}

static void one_that_does_not_go_on_is_forgotten(void **state) {
    struct served *served = *state;
    go_on(served, 0, 0, 1024);
    stack_fixture_pass_ms(&served->fixture, 246999);
    go_on(served, 1, 1024, 1024);
    stack_fixture_pass_ms(&served->fixture, 246999);
    assert_int_equal(served->fixture.stack->requests.body_count, 1);
    stack_fixture_pass_ms(&served->fixture, 1);
    assert_int_equal(served->fixture.stack->requests.body_count, 0);
    put(served, BLOCK(2, 0, 6), 2048, 10, COAX_REQUEST_ENTITY_INCOMPLETE, 0);
}

static void the_longest_idle_gives_way(void **state) {
    (void)state;
    struct served served;
    coax_endpoint_config config = COAX_ENDPOINT_CONFIG_INIT;
    config.max_bodies = 2;
    served_start(&served, &config, false);
    for (int i = 0; i < 3; i++) {
        const char tag[2] = {(char)('a' + i), '\0'};
        assert_int_equal(
            served_ask(&served, ASK(.code = COAX_PUT, .block1 = BLOCK(0, 1, 6), .size = 1024, .tag = tag)).code,
            COAX_CONTINUE);
    }
    assert_int_equal(served.fixture.stack->requests.body_count, 2);
    assert_int_equal(
        served_ask(&served, ASK(.code = COAX_PUT, .block1 = BLOCK(1, 1, 6), .size = 1024, .tag = "a")).code,
        COAX_REQUEST_ENTITY_INCOMPLETE);
    served_stop(&served);
}

static void a_client_that_goes_takes_its_bodies_with_it(void **state) {
    struct served *served = *state;
    go_on(served, 0, 0, 1024);
    served->data_size = 3000;
    served_expect(served, ASK(.code = COAX_GET), COAX_CHANGED, 0, BLOCK(0, 1, 6), 0, 1024);
    struct request_layer *layer = &served->fixture.stack->requests;
    assert_int_equal(layer->body_count, 2);
    struct coax_remote *remote = COAX_CONTAINER(list_first(&layer->bodies_by_age), struct body, by_age)->remote;
    coax_error error = {.status = COAX_E_CLOSE_NOTIFY};
    remote->is_gone = true;
    coax_remote_ref(remote);
    coax_request_layer_lost(layer, remote, &error);
    assert_int_equal(layer->body_count, 0);
    assert_int_equal(layer->body_memory, 0);
    remote->is_gone = false;
    coax_remote_unref(remote);
}

/* --- sinks --- */

static void a_sink_takes_the_pieces(void **state) {
    (void)state;
    struct served served;
    served_start(&served, NULL, true);
    served.answer_code = COAX_CHANGED;
    go_on(&served, 0, 0, 1024);
    assert_int_equal(served.sunk_size, 1024);
    assert_int_equal(served.fixture.stack->requests.body_memory, 0); /* nothing is gathered */
    go_on(&served, 1, 1024, 1024);
    put(&served, BLOCK(2, 0, 6), 2048, 10, COAX_CHANGED, BLOCK(2, 0, 6));
    assert_int_equal(served.handled, 1);
    assert_int_equal(served.got_size, 0);
    assert_ptr_equal(served.got_body, &served);
    assert_int_equal(served.sunk_size, 2058);
    assert_memory_equal(served.sunk, served.data, 2058);
    assert_int_equal(served.sink_complete, 1);
    put(&served, 0, 0, 20, COAX_CHANGED, 0); /* in one message */
    assert_int_equal(served.sunk_size, 20);
    assert_int_equal(served.sink_complete, 2);
    served_expect(&served, ASK(.code = COAX_GET), COAX_CHANGED, 0, 0, 0, 0);
    assert_int_equal(served.sink_opened, 2); /* there is nothing to take */
    served_stop(&served);
}

static void a_sink_is_closed_whatever_comes(void **state) {
    (void)state;
    enum { REFUSED, FAILED, FAILED_LATER, BEGUN_ANEW, FORGOTTEN, SHUT_DOWN, CASES };
    static const unsigned incomplete[] = {0, 1, 1, 1, 1, 1};
    for (int i = 0; i < CASES; i++) {
        struct served served;
        served_start(&served, NULL, true);
        served.refusal = i == REFUSED ? COAX_FORBIDDEN : 0;
        served.sink_status = i == FAILED ? COAX_E_IO : COAX_OK;
        struct coax_message response =
            served_ask(&served, ASK(.code = COAX_PUT, .block1 = BLOCK(0, 1, 6), .size = 1024));
        assert_int_equal(response.code, i == REFUSED  ? COAX_FORBIDDEN
                                        : i == FAILED ? COAX_INTERNAL_SERVER_ERROR
                                                      : COAX_CONTINUE);
        if (i == FAILED_LATER) {
            served.sink_status = COAX_E_IO;
            put(&served, BLOCK(1, 1, 6), 1024, 1024, COAX_INTERNAL_SERVER_ERROR, 0);
        } else if (i == BEGUN_ANEW) {
            go_on(&served, 0, 0, 1024);
            put(&served, BLOCK(1, 0, 6), 1024, 0, COAX_CONTENT, BLOCK(1, 0, 6));
        } else if (i == FORGOTTEN) {
            stack_fixture_pass_ms(&served.fixture, 247000);
        }
        if (i != SHUT_DOWN) {
            assert_int_equal(served.sink_incomplete, incomplete[i]);
            assert_int_equal(served.fixture.stack->requests.body_count, 0);
        }
        served_stop(&served);
        assert_int_equal(served.sink_incomplete, incomplete[i]);
        assert_int_equal(served.handled, i == BEGUN_ANEW);
    }
}

static int set_up(void **state) {
    struct served *served = malloc(sizeof *served);
    assert_non_null(served);
    served_start(served, NULL, false);
    served->answer_code = COAX_CHANGED;
    *state = served;
    return 0;
}

static int tear_down(void **state) {
    served_stop(*state);
    free(*state);
    return 0;
}

#define SERVED(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        SERVED(the_handler_gets_the_whole),
        SERVED(sizes_around_a_block),
        cmocka_unit_test(smaller_blocks_are_asked_for),
        SERVED(large_both_ways),
        SERVED(a_gap_is_incomplete),
        SERVED(block_0_begins_anew),
        SERVED(a_condition_of_the_first_block_counts),
        SERVED(bodies_are_told_apart),
        SERVED(what_makes_no_sense_is_refused),
        SERVED(errors_come_with_the_first_block),
        cmocka_unit_test(too_large_is_told_with_the_limit),
        SERVED(one_that_does_not_go_on_is_forgotten),
        cmocka_unit_test(the_longest_idle_gives_way),
        SERVED(a_client_that_goes_takes_its_bodies_with_it),
        cmocka_unit_test(a_sink_takes_the_pieces),
        cmocka_unit_test(a_sink_is_closed_whatever_comes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
