/* Representations fetched block by block, from the server's side (RFC 7959 sections 2.4 and 3.1). */
#include "request/downloads.h"

#include "serve_fixture.h"

static void get(struct served *served, int asked, int got, size_t offset, size_t size) {
    served_expect(served, ASK(.code = COAX_GET, .block2 = asked), COAX_CONTENT, 0, got, offset, size);
}

/* Figure 2, with the size of block that this end prefers */
static void a_large_one_is_cut(void **state) {
    struct served *served = *state;
    served->data_size = 2500;
    struct coax_message first = served_ask(served, ASK(.code = COAX_GET));
    coax_option etag;
    assert_true(coax_message_option(&first, COAX_OPTION_ETAG, &etag));
    assert_int_equal(coax_message_option_uint(&first, COAX_OPTION_SIZE2, 0), 2500);
    assert_int_equal(coax_message_content_format(&first), COAX_FORMAT_TEXT);
    get(served, BLOCK(1, 0, 6), BLOCK(1, 1, 6), 1024, 1024);
    struct coax_message last = served_ask(served, ASK(.code = COAX_GET, .block2 = BLOCK(2, 0, 6)));
    coax_option same;
    assert_true(coax_message_option(&last, COAX_OPTION_ETAG, &same));
    assert_int_equal(coax_message_content_format(&last), COAX_FORMAT_TEXT);
    assert_int_equal(coax_message_option_uint(&last, COAX_OPTION_BLOCK2, 0), 2 << 4 | 6);
    assert_int_equal(last.payload.size, 452);
    assert_int_equal(served->handled, 1); /* it is kept */
    assert_int_equal(served->fixture.stack->requests.body_count, 0);
}

static void sizes_around_a_block(void **state) {
    struct served *served = *state;
    static const struct {
        size_t size;
        int block2;
    } cases[] = {{0, 0}, {1, 0}, {1023, 0}, {1024, 0}, {1025, BLOCK(0, 1, 6)}, {2048, BLOCK(0, 1, 6)}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        served->data_size = cases[i].size;
        get(served, 0, cases[i].block2, 0, cases[i].size > 1024 ? 1024 : cases[i].size);
    }
    served->data_size = 2048;
    get(served, 0, BLOCK(0, 1, 6), 0, 1024);
    get(served, BLOCK(1, 0, 6), BLOCK(1, 0, 6), 1024, 1024); /* the last one is full */
}

/* Figures 3 and 4 */
static void the_client_may_want_smaller_blocks(void **state) {
    struct served *served = *state;
    served->data_size = 1500;
    get(served, BLOCK(0, 0, 2), BLOCK(0, 1, 2), 0, 64);
    get(served, BLOCK(1, 0, 2), BLOCK(1, 1, 2), 64, 64);
    get(served, BLOCK(1, 1, 2), BLOCK(1, 1, 2), 64, 64); /* M means nothing here */
    get(served, BLOCK(8, 0, 0), BLOCK(8, 1, 0), 128, 16);
    get(served, 0, BLOCK(0, 1, 6), 0, 1024);
    get(served, BLOCK(8, 0, 3), BLOCK(8, 1, 3), 1024, 128); /* smaller from now on */
    served->data_size = 64;
    get(served, BLOCK(0, 0, 2), 0, 0, 64); /* all of it */
}

static void this_end_may_want_smaller_blocks(void **state) {
    (void)state;
    struct served served;
    coax_endpoint_config config = COAX_ENDPOINT_CONFIG_INIT;
    config.block_size = 256;
    served_start(&served, &config, false);
    served.data_size = 2100;
    get(&served, 0, BLOCK(0, 1, 4), 0, 256);
    get(&served, BLOCK(1, 0, 6), BLOCK(4, 1, 4), 1024, 256);
    get(&served, BLOCK(8, 0, 4), BLOCK(8, 0, 4), 2048, 52);
    served_stop(&served);
}

/* The first block always asks the handler; a later one is of what is kept, whatever became of the resource. */
static void what_is_kept_does_not_change(void **state) {
    struct served *served = *state;
    served->data_size = 2000;
    get(served, 0, BLOCK(0, 1, 6), 0, 1024);
    served->data_size = 1100;
    get(served, BLOCK(1, 0, 6), BLOCK(1, 0, 6), 1024, 976);
    get(served, 0, BLOCK(0, 1, 6), 0, 1024);
    assert_int_equal(served->handled, 2);
    get(served, BLOCK(1, 0, 6), BLOCK(1, 0, 6), 1024, 76);
    assert_int_equal(served->handled, 2);
}

/* A client that begins in the middle, or comes late: a GET does no harm. */
static void what_is_not_kept_is_made_again(void **state) {
    struct served *served = *state;
    served->data_size = 2000;
    get(served, BLOCK(1, 0, 6), BLOCK(1, 0, 6), 1024, 976);
    assert_int_equal(served->handled, 1);
    served->data_size = 5000;
    get(served, BLOCK(1, 0, 6), BLOCK(1, 1, 6), 1024, 1024);
    get(served, BLOCK(2, 0, 6), BLOCK(2, 1, 6), 2048, 1024);
    assert_int_equal(served->handled, 2);
    served_expect(served, ASK(.code = COAX_GET, .block2 = BLOCK(5, 0, 6)), COAX_BAD_REQUEST, 0, 0, 0, 0);
    served_expect(served, ASK(.code = COAX_POST, .block2 = BLOCK(1, 0, 6)), COAX_REQUEST_ENTITY_INCOMPLETE, 0, 0, 0, 0);
    served_expect(served, ASK(.code = COAX_GET, .block2 = BLOCK(0xfffff, 0, 6)), COAX_BAD_REQUEST, 0, 0, 0, 0);
}

static void there_is_no_such_block(void **state) {
    struct served *served = *state;
    served->data_size = 1000;
    served_expect(served, ASK(.code = COAX_GET, .block2 = BLOCK(1, 0, 6)), COAX_BAD_REQUEST, 0, 0, 0, 0);
    served_expect(served, ASK(.code = COAX_GET, .block2 = BLOCK(0, 0, 7)), COAX_BAD_REQUEST, 0, 0, 0, 0);
    assert_int_equal(served->handled, 1); /* the size 7 is refused before */
}

static void clients_and_requests_are_told_apart(void **state) {
    struct served *served = *state;
    served->answer_code = COAX_CHANGED;
    served->data_size = 1100;
    served_expect(served, ASK(.code = COAX_POST), COAX_CHANGED, 0, BLOCK(0, 1, 6), 0, 1024);
    served_expect(served, ASK(.code = COAX_POST, .block2 = BLOCK(1, 0, 6), .client = 8), COAX_REQUEST_ENTITY_INCOMPLETE,
                  0, 0, 0, 0);
    served_expect(served, ASK(.code = COAX_FETCH, .block2 = BLOCK(1, 0, 6)), COAX_REQUEST_ENTITY_INCOMPLETE, 0, 0, 0,
                  0);
    served_expect(served, ASK(.code = COAX_POST, .block2 = BLOCK(1, 0, 6)), COAX_CHANGED, 0, BLOCK(1, 0, 6), 1024, 76);
    assert_int_equal(served->handled, 1);
}

static void the_handlers_own_etag_is_used(void **state) {
    struct served *served = *state;
    served->data_size = 1100;
    served->etag = "own";
    struct coax_message first = served_ask(served, ASK(.code = COAX_GET));
    coax_option etag;
    size_t position = 0;
    unsigned count = 0;
    while (coax_message_next_option(&first, &position, &etag)) {
        count += etag.number == COAX_OPTION_ETAG && etag.size == 3;
    }
    assert_int_equal(count, 1);
}

static void a_late_answer_may_be_large(void **state) {
    struct served *served = *state;
    served->defers = true;
    served->data_size = 1100;
    const struct ask ask = {.code = COAX_POST, .size = 5};
    served_send(served, &ask);
    stack_fixture_pass_ms(&served->fixture, 1000);
    assert_int_equal(wire_expect_message(&served->fixture.wire).code, COAX_EMPTY);
    assert_int_equal(served_respond(served, served->kept), COAX_OK);
    struct coax_message response = wire_expect_message(&served->fixture.wire);
    assert_int_equal(response.type, COAX_CON);
    assert_int_equal(coax_message_option_uint(&response, COAX_OPTION_BLOCK2, 0), 8 | 6);
    const uint8_t ack[] = {0x60, 0, (uint8_t)(response.id >> 8), (uint8_t)response.id};
    stack_fixture_receive(&served->fixture, server_path(7), ack, sizeof ack);
    served_expect(served, ASK(.code = COAX_POST, .block2 = BLOCK(1, 0, 6)), COAX_CONTENT, 0, BLOCK(1, 0, 6), 1024, 76);
}

/* --- sources --- */

static void a_source_is_read_as_it_goes(void **state) {
    struct served *served = *state;
    for (int is_unknown = 0; is_unknown < 2; is_unknown++) {
        served->by_source = true;
        served->size_unknown = is_unknown;
        served->data_size = 2048;
        struct coax_message first = served_ask(served, ASK(.code = COAX_GET));
        assert_int_equal(coax_message_option_uint(&first, COAX_OPTION_SIZE2, 0), is_unknown ? 0 : 2048);
        assert_int_equal(coax_message_option_uint(&first, COAX_OPTION_BLOCK2, 0), 8 | 6);
        get(served, BLOCK(1, 0, 6), BLOCK(1, 0, 6), 1024, 1024);
        assert_int_equal(served->handled, (unsigned)is_unknown + 1);
        assert_int_equal(served->source_closed, (unsigned)is_unknown + 1);
        served->data_size = 1024;
        get(served, 0, 0, 0, 1024); /* in one message */
        served->handled = (unsigned)is_unknown + 1;
        served->source_opened = served->source_closed = (unsigned)is_unknown + 1;
        served_expect(served, ASK(.code = COAX_GET, .block2 = BLOCK(1, 0, 6)), COAX_BAD_REQUEST, 0, 0, 0, 0);
        served->handled = 1;
        served->source_opened = served->source_closed = 1;
    }
}

static void a_source_that_fails_is_5_00(void **state) {
    struct served *served = *state;
    served->by_source = true;
    served->data_size = 3000;
    served->source_status = COAX_E_IO;
    assert_int_equal(served_ask(served, ASK(.code = COAX_GET)).code, COAX_INTERNAL_SERVER_ERROR);
    assert_int_equal(served->status, COAX_E_IO);
    served->source_status = COAX_OK;
    get(served, 0, BLOCK(0, 1, 6), 0, 1024);
    served->source_status = COAX_E_IO;
    assert_int_equal(served_ask(served, ASK(.code = COAX_GET, .block2 = BLOCK(1, 0, 6))).code,
                     COAX_INTERNAL_SERVER_ERROR);
    assert_int_equal(served->source_closed, 2);
}

/* --- bounds --- */

static void what_is_not_fetched_is_forgotten(void **state) {
    struct served *served = *state;
    struct request_layer *layer = &served->fixture.stack->requests;
    served->by_source = true;
    served->data_size = 3000;
    get(served, 0, BLOCK(0, 1, 6), 0, 1024);
    stack_fixture_pass_ms(&served->fixture, 200000);
    get(served, BLOCK(1, 0, 6), BLOCK(1, 1, 6), 1024, 1024);
    stack_fixture_pass_ms(&served->fixture, 246999);
    assert_int_equal(layer->body_count, 1);
    stack_fixture_pass_ms(&served->fixture, 1);
    assert_int_equal(layer->body_count, 0);
    assert_int_equal(served->source_closed, 1);
}

static void the_longest_idle_gives_way(void **state) {
    (void)state;
    struct served served;
    coax_endpoint_config config = COAX_ENDPOINT_CONFIG_INIT;
    config.max_bodies = 2;
    served_start(&served, &config, false);
    served.answer_code = COAX_CHANGED;
    served.data_size = 3000;
    for (uint8_t client = 7; client < 10; client++) {
        served_expect(&served, ASK(.code = COAX_POST, .client = client), COAX_CHANGED, 0, BLOCK(0, 1, 6), 0, 1024);
    }
    served_expect(&served, ASK(.code = COAX_POST, .block2 = BLOCK(1, 0, 6), .client = 7),
                  COAX_REQUEST_ENTITY_INCOMPLETE, 0, 0, 0, 0);
    for (uint8_t client = 8; client < 10; client++) {
        served_expect(&served, ASK(.code = COAX_POST, .block2 = BLOCK(1, 0, 6), .client = client), COAX_CHANGED, 0,
                      BLOCK(1, 1, 6), 1024, 1024);
    }
    served_stop(&served);
}

static void memory_has_its_bound(void **state) {
    (void)state;
    struct served served;
    coax_endpoint_config config = COAX_ENDPOINT_CONFIG_INIT;
    config.max_body_size = 4000;
    config.max_body_memory = 7000;
    served_start(&served, &config, false);
    served.answer_code = COAX_CHANGED;
    served.data_size = 4000;
    for (uint8_t client = 7; client < 10; client++) {
        served_expect(&served, ASK(.code = COAX_POST, .client = client), COAX_CHANGED, 0, BLOCK(0, 1, 6), 0, 1024);
        assert_int_equal(served.fixture.stack->requests.body_memory, 4000);
        assert_int_equal(served.fixture.stack->requests.body_count, 1);
    }
    served.data_size = 4001;
    assert_int_equal(served_ask(&served, ASK(.code = COAX_GET)).code, COAX_INTERNAL_SERVER_ERROR);
    assert_int_equal(served.status, COAX_E_TOO_LARGE);
    served_stop(&served);
}

static int set_up(void **state) {
    struct served *served = malloc(sizeof *served);
    assert_non_null(served);
    served_start(served, NULL, false);
    *state = served;
    return 0;
}

static int tear_down(void **state) {
    served_stop(*state);
    free(*state);
    return 0;
}

/* --- bursts --- */

static void begin_bursts(struct served *served, bool verified) {
    coax_endpoint_config config = COAX_ENDPOINT_CONFIG_INIT;
    config.q_block = true;
    served_start(served, &config, false);
    stack_fixture_remote(&served->fixture, server_path(7))->is_verified = verified;
}

/* The block, in a message that is confirmable never. */
static void expect_burst(struct served *served, unsigned number, bool more, size_t size) {
    struct coax_message message = wire_expect_message(&served->fixture.wire);
    struct block block;
    assert_int_equal(message.code, COAX_CONTENT);
    assert_true(message.type != COAX_CON);
    assert_true(bytes_equal(message.token, bytes_of("tk", 2)));
    assert_int_equal(coax_block_read(&message, COAX_OPTION_Q_BLOCK2, false, &block), BLOCK_PRESENT);
    assert_int_equal(block.number, number);
    assert_int_equal(block.more, more);
    assert_int_equal(message.payload.size, size);
    assert_memory_equal(message.payload.data, served->data + number * 64, size);
    struct coax_option etag;
    assert_true(coax_message_option(&message, COAX_OPTION_ETAG, &etag));
    assert_int_equal(coax_message_option_uint(&message, COAX_OPTION_SIZE2, 0), served->data_size);
    assert_int_equal(coax_message_content_format(&message), COAX_FORMAT_TEXT);
}

static void a_burst_is_a_set(void **state) {
    (void)state;
    static struct served one;
    struct served *served = &one;
    for (int by_source = 0; by_source < 2; by_source++) {
        begin_bursts(served, true);
        served->by_source = by_source;
        served->etag = "e";
        served->data_size = 12 * 64 + 5;
        served_send(served, &ASK(.code = COAX_GET, .q_block2 = BLOCK(0, 1, 2)));
        for (unsigned number = 0; number < 10; number++) {
            expect_burst(served, number, true, 64);
        }
        wire_expect_nothing(&served->fixture.wire);
        served_send(served, &ASK(.code = COAX_GET, .q_block2 = BLOCK(10, 1, 2), .non_confirmable = true));
        expect_burst(served, 10, true, 64);
        expect_burst(served, 11, true, 64);
        expect_burst(served, 12, false, 5);
        wire_expect_nothing(&served->fixture.wire);
        assert_int_equal(served->handled, 1);
        served_stop(served);
    }
}

static void what_was_lost_is_given_again(void **state) {
    (void)state;
    static struct served one;
    struct served *served = &one;
    begin_bursts(served, true);
    served->data_size = 3 * 64;
    served_send(served, &ASK(.code = COAX_GET, .q_block2 = BLOCK(0, 1, 2)));
    for (unsigned number = 0; number < 3; number++) {
        expect_burst(served, number, number < 2, 64);
    }
    served_send(served, &ASK(.code = COAX_GET, .q_block2 = BLOCK(0, 0, 2), .also_q_block2 = BLOCK(2, 0, 2)));
    expect_burst(served, 0, true, 64);
    expect_burst(served, 2, false, 64);
    served_send(served, &ASK(.code = COAX_GET, .q_block2 = BLOCK(2, 0, 2), .also_q_block2 = BLOCK(3, 0, 2)));
    expect_burst(served, 2, false, 64); /* there is no block 3 */
    wire_expect_nothing(&served->fixture.wire);
    assert_int_equal(served->handled, 1);
    served_stop(served);
}

static void what_is_not_kept_any_more_is_made_again(void **state) {
    (void)state;
    static struct served served;
    begin_bursts(&served, true);
    for (int by_source = 0; by_source < 2; by_source++) {
        served.by_source = by_source;
        served.etag = "e";
        served.data_size = 4 * 64;
        served_send(&served, &ASK(.code = COAX_GET, .q_block2 = BLOCK(1, 0, 2), .also_q_block2 = BLOCK(3, 0, 2)));
        expect_burst(&served, 1, true, 64);
        expect_burst(&served, 3, false, 64);
        wire_expect_nothing(&served.fixture.wire);
        stack_fixture_pass_ms(&served.fixture, 300000);
    }
    assert_int_equal(served.handled, 2);
    served_stop(&served);
}

static void small_bodies_are_no_bursts(void **state) {
    (void)state;
    static struct served one;
    struct served *served = &one;
    begin_bursts(served, true);
    served->data_size = 64;
    struct coax_message answer = served_ask(served, ASK(.code = COAX_GET, .q_block2 = BLOCK(0, 1, 2)));
    struct coax_option option;
    assert_int_equal(answer.payload.size, 64);
    assert_false(coax_message_option(&answer, COAX_OPTION_Q_BLOCK2, &option));
    served_stop(served);
}

static void bursts_are_not_for_forged_addresses(void **state) {
    (void)state;
    static struct served one;
    struct served *served = &one;
    begin_bursts(served, false);
    served->data_size = 3 * 64;
    struct coax_message answer = served_ask(served, ASK(.code = COAX_GET, .q_block2 = BLOCK(0, 1, 2)));
    struct coax_option echo;
    uint8_t value[16];
    assert_int_equal(answer.code, COAX_UNAUTHORIZED);
    assert_true(coax_message_option(&answer, COAX_OPTION_ECHO, &echo));
    assert_int_equal(echo.size, sizeof value);
    memcpy(value, echo.value, sizeof value);
    assert_int_equal(served->handled, 0);
    served_send(served, &ASK(.code = COAX_GET, .q_block2 = BLOCK(0, 1, 2), .echo = value));
    expect_burst(served, 0, true, 64);
    expect_burst(served, 1, true, 64);
    expect_burst(served, 2, false, 64);
    served_stop(served);
}

#define SERVED(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        SERVED(a_large_one_is_cut),
        SERVED(sizes_around_a_block),
        SERVED(the_client_may_want_smaller_blocks),
        cmocka_unit_test(this_end_may_want_smaller_blocks),
        SERVED(what_is_kept_does_not_change),
        SERVED(what_is_not_kept_is_made_again),
        SERVED(there_is_no_such_block),
        SERVED(clients_and_requests_are_told_apart),
        SERVED(the_handlers_own_etag_is_used),
        SERVED(a_late_answer_may_be_large),
        SERVED(a_source_is_read_as_it_goes),
        SERVED(a_source_that_fails_is_5_00),
        SERVED(what_is_not_fetched_is_forgotten),
        cmocka_unit_test(the_longest_idle_gives_way),
        cmocka_unit_test(memory_has_its_bound),
        cmocka_unit_test(a_burst_is_a_set),
        cmocka_unit_test(what_was_lost_is_given_again),
        cmocka_unit_test(what_is_not_kept_any_more_is_made_again),
        cmocka_unit_test(small_bodies_are_no_bursts),
        cmocka_unit_test(bursts_are_not_for_forged_addresses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
