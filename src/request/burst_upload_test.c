#include "request/burst_upload.h"

#include "serve_fixture.h"

enum { UNIT = 64, EXPONENT = 2, SIZE = 11 * UNIT + 5 };

static int set_up(void **state) {
    static struct served served;
    coax_endpoint_config config = COAX_ENDPOINT_CONFIG_INIT;
    config.q_block = true;
    served_start(&served, &config, false);
    served.answer_code = COAX_CHANGED;
    served.data_size = 0;
    *state = &served;
    return 0;
}

static int tear_down(void **state) {
    served_stop(*state);
    return 0;
}

static struct ask block(unsigned number) {
    bool more = number < SIZE / UNIT;
    return ASK(.code = COAX_PUT, .q_block1 = BLOCK((int)number, more, EXPONENT), .offset = number * UNIT,
               .size = more ? UNIT : SIZE % UNIT, .tag = "t", .size1 = SIZE, .non_confirmable = true);
}

static void put(struct served *served, unsigned number) {
    struct ask ask = block(number);
    served_send(served, &ask);
}

static void put_from_to(struct served *served, unsigned from, unsigned to) {
    for (unsigned number = from; number < to; number++) {
        put(served, number);
        wire_expect_nothing(&served->fixture.wire);
    }
}

static void expect_continue(struct served *served, unsigned number) {
    struct coax_message answer = wire_expect_message(&served->fixture.wire);
    struct block got;
    assert_int_equal(answer.code, COAX_CONTINUE);
    assert_int_equal(coax_block_read(&answer, COAX_OPTION_Q_BLOCK1, false, &got), BLOCK_PRESENT);
    assert_int_equal(got.number, number);
    assert_true(got.more);
    wire_expect_nothing(&served->fixture.wire);
}

static void expect_missing(struct served *served, const char *list) {
    struct coax_message answer = wire_expect_message(&served->fixture.wire);
    assert_int_equal(answer.code, COAX_REQUEST_ENTITY_INCOMPLETE);
    assert_int_equal(coax_message_content_format(&answer), 272);
    assert_int_equal(answer.payload.size, strlen(list));
    assert_memory_equal(answer.payload.data, list, strlen(list));
    wire_expect_nothing(&served->fixture.wire);
}

static void expect_code(struct served *served, uint8_t code) {
    assert_int_equal(wire_expect_message(&served->fixture.wire).code, code);
    wire_expect_nothing(&served->fixture.wire);
}

static void expect_whole(struct served *served) {
    expect_code(served, COAX_CHANGED);
    assert_int_equal(served->handled, 1);
    assert_int_equal(served->got_size, SIZE);
    assert_memory_equal(served->got, served->data, SIZE);
}

static void sets_are_acknowledged(void **state) {
    struct served *served = *state;
    put_from_to(served, 0, 9);
    put(served, 9);
    expect_continue(served, 9);
    put_from_to(served, 10, 11);
    put(served, 11);
    expect_whole(served);
}

static void the_order_does_not_matter(void **state) {
    struct served *served = *state;
    for (unsigned number = 9; number > 0; number--) {
        struct ask ask = block(number);
        served_send(served, &ask);
        if (number == 9) {
            struct coax_message answer = wire_expect_message(&served->fixture.wire);
            assert_int_equal(answer.payload.size, 9); /* the end of the set came, and what is missing is said once */
        }
    }
    put(served, 0);
    expect_continue(served, 9);
    put(served, 11);
    expect_missing(served, "\x0a");
    put(served, 10);
    expect_whole(served);
}

static void what_is_missing_is_said(void **state) {
    struct served *served = *state;
    put_from_to(served, 0, 3);
    put_from_to(served, 4, 9);
    put(served, 9);
    expect_missing(served, "\3");
    put(served, 9); /* asked again: still missing */
    expect_missing(served, "\3");
    put(served, 3);
    expect_continue(served, 9);
    put(served, 9); /* that was lost */
    expect_continue(served, 9);
}

static void after_a_silence_it_asks(void **state) {
    struct served *served = *state;
    put_from_to(served, 1, 5);
    for (unsigned i = 0; i < 4; i++) {
        stack_fixture_pass_ms(&served->fixture, (UINT64_C(4000) << i) - 1);
        wire_expect_nothing(&served->fixture.wire);
        stack_fixture_pass_ms(&served->fixture, 1);
        struct coax_message answer = wire_expect_message(&served->fixture.wire);
        assert_int_equal(answer.type, COAX_NON);
        assert_int_equal(answer.payload.size, 6); /* 0 and 5 to 9 */
        assert_int_equal(answer.payload.data[1], 5);
        assert_true(bytes_equal(answer.token, bytes_of("tk", 2)));
    }
    stack_fixture_pass_ms(&served->fixture, 64000);
    wire_expect_nothing(&served->fixture.wire);
}

static void a_block_that_comes_again_does_nothing_twice(void **state) {
    struct served *served = *state;
    sets_are_acknowledged(state);
    put(served, 11); /* the answer was lost */
    expect_code(served, COAX_CHANGED);
    assert_int_equal(served->handled, 1);
    stack_fixture_pass_ms(&served->fixture, 300000); /* long after it is another body */
    put(served, 11);
    struct coax_message answer = wire_expect_message(&served->fixture.wire);
    assert_int_equal(answer.code, COAX_REQUEST_ENTITY_INCOMPLETE);
    assert_int_equal(answer.payload.size, 10);
}

static void bodies_are_told_apart_by_their_tags(void **state) {
    struct served *served = *state;
    struct ask other = block(9);
    other.tag = "u";
    put_from_to(served, 0, 9);
    served_send(served, &other);
    struct coax_message answer = wire_expect_message(&served->fixture.wire);
    assert_int_equal(answer.payload.size, 9);
    put(served, 9);
    expect_continue(served, 9);
}

static void what_makes_no_sense_is_refused(void **state) {
    struct served *served = *state;
    static const struct {
        struct ask ask;
        uint8_t code;
    } rows[] = {
        {{.code = COAX_PUT, .q_block1 = BLOCK(0, 1, EXPONENT), .size = UNIT, .size1 = SIZE}, COAX_BAD_REQUEST},
        {{.code = COAX_PUT, .q_block1 = BLOCK(0, 1, EXPONENT), .size = UNIT, .tag = "t"}, COAX_BAD_REQUEST},
        {{.code = COAX_PUT, .q_block1 = BLOCK(0, 1, 7), .size = UNIT, .tag = "t", .size1 = SIZE}, COAX_BAD_REQUEST},
        {{.code = COAX_PUT, .q_block1 = BLOCK(0, 1, EXPONENT), .size = 1, .tag = "t", .size1 = SIZE}, COAX_BAD_REQUEST},
        {{.code = COAX_PUT, .q_block1 = BLOCK(12, 1, EXPONENT), .size = UNIT, .tag = "t", .size1 = SIZE},
         COAX_BAD_REQUEST},
        {{.code = COAX_PUT, .q_block1 = BLOCK(0, 1, EXPONENT), .size = UNIT, .tag = "x", .size1 = UINT32_MAX},
         COAX_REQUEST_ENTITY_TOO_LARGE},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_int_equal(served_ask(served, rows[i].ask).code, rows[i].code);
    }
    assert_int_equal(served->handled, 0);
}

static void it_is_a_setting(void **state) {
    struct served *served = *state;
    served_stop(served);
    served_start(served, NULL, false);
    struct ask ask = block(0);
    assert_int_equal(served_ask(served, ask).code, COAX_BAD_OPTION);
    ask = ASK(.code = COAX_GET, .q_block2 = BLOCK(0, 1, EXPONENT));
    assert_int_equal(served_ask(served, ask).code, COAX_BAD_OPTION);
}

static void a_sink_takes_the_pieces_in_order(void **state) {
    struct served *served = *state;
    coax_endpoint_config config = COAX_ENDPOINT_CONFIG_INIT;
    config.q_block = true;
    served_stop(served);
    served_start(served, &config, true);
    served->answer_code = COAX_CHANGED;
    put_from_to(served, 1, 4);
    assert_int_equal(served->sunk_size, 0);
    put(served, 0);
    assert_int_equal(served->sunk_size, 4 * UNIT);
    put_from_to(served, 4, 9);
    put(served, 9);
    expect_continue(served, 9);
    put_from_to(served, 10, 11);
    put(served, 11);
    expect_code(served, COAX_CHANGED);
    assert_int_equal(served->sink_complete, 1);
    assert_int_equal(served->sunk_size, SIZE);
    assert_memory_equal(served->sunk, served->data, SIZE);
}

#define SERVED(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        SERVED(sets_are_acknowledged),
        SERVED(the_order_does_not_matter),
        SERVED(what_is_missing_is_said),
        SERVED(after_a_silence_it_asks),
        SERVED(a_block_that_comes_again_does_nothing_twice),
        SERVED(bodies_are_told_apart_by_their_tags),
        SERVED(what_makes_no_sense_is_refused),
        SERVED(it_is_a_setting),
        SERVED(a_sink_takes_the_pieces_in_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
