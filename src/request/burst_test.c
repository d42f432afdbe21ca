#include "request/burst.h"

#include "transfer_fixture.h"

enum { UNIT = 64, EXPONENT = 2 };

static coax_endpoint_config with_bursts(void) {
    coax_endpoint_config config = COAX_ENDPOINT_CONFIG_INIT;
    config.q_block = true;
    config.block_size = UNIT;
    return config;
}

static void begin_burst(struct scene *scene, uint8_t code, size_t payload_size) {
    coax_endpoint_config config = with_bursts();
    begin(scene, code, payload_size, &config);
}

/* --- down --- */

static void give_sized(struct scene *scene, unsigned number, bool more, const char *etag, size_t size) {
    reply(scene, REPLY(.code = COAX_CONTENT, .q_block2 = BLOCK((int)number, more, EXPONENT), .etag = etag, .size = size,
                       .offset = number * UNIT));
}

static void give(struct scene *scene, unsigned number) {
    give_sized(scene, number, true, "1", UNIT);
}

static void give_from_to(struct scene *scene, unsigned from, unsigned to) {
    for (unsigned number = from; number < to; number++) {
        give(scene, number);
    }
}

static void ask_and_get(struct scene *scene) {
    begin_burst(scene, COAX_GET, 0);
    assert_int_equal(send_it(scene), COAX_OK);
    expect(scene, "CON GET Q-Block2=0/1/64 !Block2=0/0", 0);
}

static void a_body_comes_in_sets(void **state) {
    (void)state;
    struct scene scene;
    uint8_t token[8];
    ask_and_get(&scene);
    memcpy(token, scene.last.data + 4, sizeof token);
    give_from_to(&scene, 0, 9);
    wire_expect_nothing(&scene.fixture.wire);
    give(&scene, 9);
    expect(&scene, "NON GET Q-Block2=10/1/64", 0);
    assert_memory_equal(scene.last.data + 4, token, sizeof token);
    give(&scene, 10);
    give(&scene, 10); /* again */
    give_sized(&scene, 11, false, "1", 5);
    expect_done(&scene, COAX_CONTENT, 11 * UNIT + 5);
    end(&scene);
}

static void what_is_missing_is_asked_for(void **state) {
    (void)state;
    struct scene scene;
    ask_and_get(&scene);
    give_from_to(&scene, 0, 2);
    give_from_to(&scene, 3, 7);
    give(&scene, 8);
    wire_expect_nothing(&scene.fixture.wire);
    give(&scene, 9); /* the end of the set */
    expect(&scene, "NON GET Q-Block2=2/0/64 Q-Block2=7/0/64 !Q-Block2=9", 0);
    give(&scene, 7);
    wire_expect_nothing(&scene.fixture.wire); /* the other one is on its way */
    give(&scene, 2);
    expect(&scene, "Q-Block2=10/1/64", 0);
    give_sized(&scene, 10, false, "1", 0);
    expect_done(&scene, COAX_CONTENT, 10 * UNIT);
    end(&scene);
}

static void after_a_silence_it_asks_again(void **state) {
    (void)state;
    struct scene scene;
    ask_and_get(&scene);
    give_from_to(&scene, 0, 4);
    stack_fixture_pass_ms(&scene.fixture, 3999);
    wire_expect_nothing(&scene.fixture.wire);
    stack_fixture_pass_ms(&scene.fixture, 1);
    expect(&scene, "NON GET Q-Block2=4/0/64 Q-Block2=9/0/64 !Q-Block2=3/ !Q-Block2=10/", 0);
    give_from_to(&scene, 4, 10);
    expect(&scene, "Q-Block2=10/1/64", 0);
    for (unsigned i = 0; i < 4; i++) {
        stack_fixture_pass_ms(&scene.fixture, (UINT64_C(4000) << i) - 1);
        wire_expect_nothing(&scene.fixture.wire);
        stack_fixture_pass_ms(&scene.fixture, 1);
        expect(&scene, "Q-Block2=10/1/64", 0);
    }
    stack_fixture_pass_ms(&scene.fixture, 4000 << 4);
    expect_failed(&scene, COAX_E_TIMEOUT);
    end(&scene);
}

static void another_body_begins_anew(void **state) {
    (void)state;
    struct scene scene;
    ask_and_get(&scene);
    give_from_to(&scene, 0, 3);
    give_sized(&scene, 3, true, "2", UNIT);
    expect(&scene, "Q-Block2=0/1/64", 0);
    give_sized(&scene, 0, true, "2", UNIT);
    give_sized(&scene, 1, false, "2", 1);
    expect_done(&scene, COAX_CONTENT, UNIT + 1);
    end(&scene);
}

static void who_takes_no_bursts_is_asked_block_by_block(void **state) {
    (void)state;
    struct scene scene;
    ask_and_get(&scene);
    reply(&scene, REPLY(.code = COAX_BAD_OPTION));
    expect(&scene, "GET !Q-Block2 Block2=0/0/64", 0);
    reply(&scene, REPLY(.code = COAX_CONTENT, .block2 = BLOCK(0, 1, EXPONENT), .size = UNIT));
    expect(&scene, "Block2=1/0/64", 0);
    reply(&scene, REPLY(.code = COAX_CONTENT, .block2 = BLOCK(1, 0, EXPONENT), .size = 1, .offset = UNIT));
    expect_done(&scene, COAX_CONTENT, UNIT + 1);
    end(&scene);
}

static void other_answers_are_as_ever(void **state) {
    (void)state;
    static const struct reply answers[] = {
        {.code = COAX_CONTENT, .size = 5},
        {.code = COAX_CONTENT, .block2 = BLOCK(0, 0, EXPONENT), .size = 5},
        {.code = COAX_NOT_FOUND, .size = 5},
        {.code = COAX_CONTENT, .q_block2 = BLOCK(0, 0, EXPONENT), .size = 5},
    };
    for (size_t i = 0; i < sizeof answers / sizeof *answers; i++) {
        struct scene scene;
        ask_and_get(&scene);
        reply(&scene, answers[i]);
        expect_done(&scene, answers[i].code, 5);
        end(&scene);
    }
}

static void blocks_that_make_no_sense_fail(void **state) {
    (void)state;
    static const struct reply answers[] = {
        {.code = COAX_CONTENT, .q_block2 = BLOCK(0, 1, 7), .size = UNIT},
        {.code = COAX_CONTENT, .q_block2 = BLOCK(0, 1, EXPONENT), .size = UNIT - 1},
        {.code = COAX_CONTENT,
         .q_block2 = BLOCK(2, 1, EXPONENT),
         .size = UNIT,
         .option = COAX_OPTION_SIZE2,
         .value = "\x50"},
    };
    for (size_t i = 0; i < sizeof answers / sizeof *answers; i++) {
        struct scene scene;
        ask_and_get(&scene);
        reply(&scene, answers[i]);
        expect_failed(&scene, COAX_E_FORMAT);
        end(&scene);
    }
}

static void a_sink_takes_the_pieces_in_order(void **state) {
    (void)state;
    struct scene scene;
    begin_burst(&scene, COAX_GET, 0);
    assert_int_equal(coax_request_set_sink(scene.request, &sink, &scene), COAX_OK);
    assert_int_equal(send_it(&scene), COAX_OK);
    expect(&scene, "Q-Block2=0/1/64", 0);
    give(&scene, 1);
    assert_int_equal(scene.body_size, 0);
    give(&scene, 0);
    assert_int_equal(scene.body_size, 2 * UNIT);
    give_sized(&scene, 2, false, "1", 7);
    expect_done(&scene, COAX_CONTENT, 2 * UNIT + 7);
    assert_int_equal(scene.closed_complete, 1);
    end(&scene);
}

/* --- up --- */

static void expect_block(struct scene *scene, unsigned number, bool more, size_t size) {
    char words[80];
    (void)snprintf(words, sizeof words, "NON PUT Q-Block1=%u/%d/64 Request-Tag Size1=709 !=Block1", number, more);
    expect_next(scene, words, size);
    struct coax_message message;
    assert_int_equal(coax_datagram_decode(&message, scene->last.data, scene->last.size, TOKEN_MAXIMUM, NULL, NULL),
                     COAX_OK);
    assert_memory_equal(message.payload.data, scene->source_data + number * UNIT, size);
}

enum { PUT_SIZE = 11 * UNIT + 5 };

static void begin_put(struct scene *scene) {
    begin_burst(scene, COAX_PUT, PUT_SIZE);
    assert_int_equal(send_it(scene), COAX_OK);
    for (unsigned number = 0; number < 10; number++) {
        expect_block(scene, number, true, UNIT);
    }
    wire_expect_nothing(&scene->fixture.wire);
}

static void continue_behind(struct scene *scene, unsigned number) {
    reply(scene, REPLY(.code = COAX_CONTINUE, .q_block1 = BLOCK((int)number, 1, EXPONENT)));
}

static void a_body_goes_in_sets(void **state) {
    (void)state;
    struct scene scene;
    begin_put(&scene);
    continue_behind(&scene, 9);
    expect_block(&scene, 10, true, UNIT);
    expect_block(&scene, 11, false, 5);
    wire_expect_nothing(&scene.fixture.wire);
    continue_behind(&scene, 9); /* late */
    wire_expect_nothing(&scene.fixture.wire);
    reply(&scene, REPLY(.code = COAX_CHANGED));
    expect_done(&scene, COAX_CHANGED, 0);
    end(&scene);
}

static void what_the_server_misses_is_sent_again(void **state) {
    (void)state;
    struct scene scene;
    begin_put(&scene);
    reply(&scene,
          REPLY(.code = COAX_REQUEST_ENTITY_INCOMPLETE, .has_list = true, .value = "\x02\x07\x18\x1e", .size = 4));
    expect_block(&scene, 2, true, UNIT);
    expect_block(&scene, 7, true, UNIT); /* not 30, which never was sent */
    wire_expect_nothing(&scene.fixture.wire);
    continue_behind(&scene, 9);
    expect_block(&scene, 10, true, UNIT);
    expect_block(&scene, 11, false, 5);
    reply(&scene, REPLY(.code = COAX_REQUEST_ENTITY_INCOMPLETE, .has_list = true, .value = "\x0b", .size = 1));
    expect_block(&scene, 11, false, 5);
    wire_expect_nothing(&scene.fixture.wire);
    reply(&scene, REPLY(.code = COAX_CREATED));
    expect_done(&scene, COAX_CREATED, 0);
    end(&scene);
}

static void after_a_silence_the_last_block_asks(void **state) {
    (void)state;
    struct scene scene;
    begin_put(&scene);
    for (unsigned i = 0; i < 4; i++) {
        stack_fixture_pass_ms(&scene.fixture, (UINT64_C(2000) << i) - 1);
        wire_expect_nothing(&scene.fixture.wire);
        stack_fixture_pass_ms(&scene.fixture, 1);
        expect_block(&scene, 9, true, UNIT);
        wire_expect_nothing(&scene.fixture.wire);
    }
    stack_fixture_pass_ms(&scene.fixture, 2000 << 4);
    expect_failed(&scene, COAX_E_TIMEOUT);
    end(&scene);
}

static void a_body_that_was_forgotten_goes_again(void **state) {
    (void)state;
    struct scene scene;
    char tag[32];
    begin_put(&scene);
    (void)snprintf(tag, sizeof tag, "!%.20s", strstr(scene.line, "Request-Tag="));
    *strchrnul(tag, ' ') = '\0';
    reply(&scene, REPLY(.code = COAX_REQUEST_ENTITY_INCOMPLETE));
    expect_next(&scene, "PUT Q-Block1=0/1/64", UNIT);
    if (strlen(tag) > strlen("!Request-Tag=")) {
        assert_null(strstr(scene.line, tag + 1));
    }
    for (unsigned number = 1; number < 10; number++) {
        expect_block(&scene, number, true, UNIT);
    }
    reply(&scene, REPLY(.code = COAX_FORBIDDEN));
    expect_done(&scene, COAX_FORBIDDEN, 0);
    end(&scene);
}

static void who_takes_no_bursts_gets_it_block_by_block(void **state) {
    (void)state;
    struct scene scene;
    begin_put(&scene);
    reply(&scene, REPLY(.code = COAX_BAD_OPTION));
    expect(&scene, "CON PUT Block1=0/1/64 !Q-Block1", UNIT);
    reply(&scene, REPLY(.code = COAX_FORBIDDEN));
    expect_done(&scene, COAX_FORBIDDEN, 0);
    end(&scene);
}

static void an_echo_goes_with_each_block(void **state) {
    (void)state;
    struct scene scene;
    const struct reply echo = {.code = COAX_UNAUTHORIZED, .option = COAX_OPTION_ECHO, .value = "echo"};
    begin_put(&scene);
    reply(&scene, echo);
    for (unsigned number = 0; number < 10; number++) {
        expect_next(&scene, "PUT Echo=", UNIT);
    }
    reply(&scene, echo); /* to another block of the first set */
    wire_expect_nothing(&scene.fixture.wire);
    continue_behind(&scene, 9);
    expect_next(&scene, "Q-Block1=10/1/64", UNIT);
    expect_next(&scene, "Q-Block1=11/0/64", 5);
    reply(&scene, REPLY(.code = COAX_CHANGED));
    expect_done(&scene, COAX_CHANGED, 0);
    end(&scene);
}

static void answers_that_make_no_sense_fail(void **state) {
    (void)state;
    static const struct reply answers[] = {
        {.code = COAX_CONTINUE},
        {.code = COAX_CONTINUE, .q_block1 = BLOCK(10, 1, EXPONENT)},
        {.code = COAX_REQUEST_ENTITY_INCOMPLETE, .has_list = true, .value = "\xff", .size = 1},
    };
    for (size_t i = 0; i < sizeof answers / sizeof *answers; i++) {
        struct scene scene;
        begin_put(&scene);
        reply(&scene, answers[i]);
        expect_failed(&scene, COAX_E_FORMAT);
        end(&scene);
    }
}

static void cancelling_is_legal(void **state) {
    (void)state;
    struct scene scene;
    ask_and_get(&scene);
    give_from_to(&scene, 0, 3);
    coax_request_cancel(scene.request);
    stack_fixture_pass_ms(&scene.fixture, 10000);
    wire_expect_nothing(&scene.fixture.wire);
    end(&scene);
    begin_put(&scene);
    coax_request_cancel(scene.request);
    stack_fixture_pass_ms(&scene.fixture, 10000);
    wire_expect_nothing(&scene.fixture.wire);
    end(&scene);
}

static void small_bodies_need_none(void **state) {
    (void)state;
    struct scene scene;
    begin_burst(&scene, COAX_PUT, UNIT);
    assert_int_equal(send_it(&scene), COAX_OK);
    expect(&scene, "CON PUT !Q-Block", UNIT);
    reply(&scene, REPLY(.code = COAX_CHANGED));
    expect_done(&scene, COAX_CHANGED, 0);
    end(&scene);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_body_comes_in_sets),
        cmocka_unit_test(what_is_missing_is_asked_for),
        cmocka_unit_test(after_a_silence_it_asks_again),
        cmocka_unit_test(another_body_begins_anew),
        cmocka_unit_test(who_takes_no_bursts_is_asked_block_by_block),
        cmocka_unit_test(other_answers_are_as_ever),
        cmocka_unit_test(blocks_that_make_no_sense_fail),
        cmocka_unit_test(a_sink_takes_the_pieces_in_order),
        cmocka_unit_test(a_body_goes_in_sets),
        cmocka_unit_test(what_the_server_misses_is_sent_again),
        cmocka_unit_test(after_a_silence_the_last_block_asks),
        cmocka_unit_test(a_body_that_was_forgotten_goes_again),
        cmocka_unit_test(who_takes_no_bursts_gets_it_block_by_block),
        cmocka_unit_test(an_echo_goes_with_each_block),
        cmocka_unit_test(answers_that_make_no_sense_fail),
        cmocka_unit_test(cancelling_is_legal),
        cmocka_unit_test(small_bodies_need_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
