/* Own requests, from their making to their one callback, through a whole stack. */
#include "stack/stack.h"
#include "wire_fixture.h"
#include <stdio.h>

struct seen {
    unsigned count;
    uint8_t code;
    char payload[32];
    coax_error error;
    coax_instant when;
};

static struct wire wire;
static coax_instant now;
static struct stack *stack;
static struct seen seen;

static int set_up(void **state) {
    (void)state;
    now = COAX_SECOND;
    memset(&seen, 0, sizeof seen);
    wire_init(&wire, 1, &now);
    const struct datagram_output output = wire_output(&wire);
    return coax_stack_new(&stack, NULL, &output, now, NULL) == COAX_OK ? 0 : -1;
}

static int tear_down(void **state) {
    (void)state;
    coax_stack_free(stack);
    wire_free(&wire);
    return 0;
}

static void note(coax_request *request, const coax_message *response, const coax_error *error, void *user) {
    struct seen *out = user;
    (void)request;
    assert_true((response == NULL) != (error == NULL)); /* never both, never neither */
    out->count++;
    out->when = now;
    if (response != NULL) {
        size_t size = coax_message_payload_size(response);
        out->code = coax_message_code(response);
        assert_true(size < sizeof out->payload);
        memcpy(out->payload, size > 0 ? coax_message_payload(response) : (const uint8_t *)"", size);
        out->payload[size] = '\0';
    } else {
        out->error = *error;
    }
}

static struct coax_remote *remote_at(uint8_t host) {
    struct path path = client_path(host);
    struct coax_remote *remote;
    assert_int_equal(coax_stack_remote(stack, &path, false, "", NULL, &remote, NULL), COAX_OK);
    return remote;
}

static struct coax_request *make(uint8_t code) {
    struct coax_request *request = coax_request_create(&stack->requests, code, "coap://10.0.0.9/a");
    assert_non_null(request);
    assert_int_equal(coax_request_add_option(request, COAX_OPTION_URI_PATH, "a", 1), COAX_OK);
    return request;
}

static struct coax_request *ask(uint8_t host, struct seen *out) {
    struct coax_request *request = make(COAX_GET);
    assert_int_equal(coax_request_start(request, note, out, NULL), COAX_OK);
    assert_int_equal(coax_request_submit(request, remote_at(host), NULL), COAX_OK);
    return request;
}

static void pass_ms(uint64_t ms) {
    coax_instant until = coax_instant_after_ms(now, ms);
    while (coax_stack_deadline(stack) <= until) {
        now = coax_stack_deadline(stack) > now ? coax_stack_deadline(stack) : now;
        coax_stack_set_time(stack, now);
        coax_stack_run(stack);
    }
    now = until;
    coax_stack_set_time(stack, now);
}

/* A message from a host, with the token of another. */
static void answer(uint8_t host, enum coax_type type, uint8_t code, uint16_t id, struct bytes token,
                   const struct option_writer *options, const char *payload) {
    struct path path = client_path(host);
    struct coax_message message = {.type = type, .code = code, .id = id, .token = token};
    uint8_t data[256];
    size_t size;
    message.payload = bytes_of(payload, strlen(payload));
    message.options = options == NULL ? bytes_of(NULL, 0) : option_writer_bytes(options);
    assert_int_equal(coax_datagram_encode(&message, data, sizeof data, &size), COAX_OK);
    coax_stack_receive(stack, &path, false, false, data, size);
}

static void a_piggybacked_response_is_delivered_once(void **state) {
    (void)state;
    (void)ask(9, &seen);
    struct coax_message sent = wire_expect_message(&wire);
    assert_int_equal(sent.type, COAX_CON);
    assert_int_equal(sent.code, COAX_GET);
    assert_int_equal(sent.token.size, 8);
    answer(9, COAX_ACK, COAX_CONTENT, sent.id, sent.token, NULL, "hi");
    answer(9, COAX_ACK, COAX_CONTENT, sent.id, sent.token, NULL, "hi");
    assert_int_equal(seen.count, 1);
    assert_int_equal(seen.code, COAX_CONTENT);
    assert_string_equal(seen.payload, "hi");
    assert_true(coax_stack_deadline(stack) == COAX_NEVER);
    pass_ms(200000);
    wire_expect_nothing(&wire);
}

static void a_separate_response_is_acknowledged_and_its_copies_too(void **state) {
    (void)state;
    (void)ask(9, &seen);
    struct coax_message sent = wire_expect_message(&wire);
    uint8_t token_bytes[8];
    memcpy(token_bytes, sent.token.data, 8);
    struct bytes token = bytes_of(token_bytes, 8);
    answer(9, COAX_ACK, COAX_EMPTY, sent.id, bytes_of(NULL, 0), NULL, "");
    assert_int_equal(seen.count, 0);
    pass_ms(10000);
    wire_expect_nothing(&wire); /* acknowledged: not sent again */
    answer(9, COAX_CON, COAX_CONTENT, 0x4242, token, NULL, "late");
    assert_int_equal(seen.count, 1);
    WIRE_EXPECT(&wire, "\x60\x00\x42\x42");
    answer(9, COAX_CON, COAX_CONTENT, 0x4242, token, NULL, "late");
    assert_int_equal(seen.count, 1);
    WIRE_EXPECT(&wire, "\x60\x00\x42\x42");
}

static void the_response_may_come_before_its_lost_acknowledgement(void **state) {
    (void)state;
    (void)ask(9, &seen);
    struct coax_message sent = wire_expect_message(&wire);
    answer(9, COAX_NON, COAX_CONTENT, 0x4242, sent.token, NULL, "early");
    assert_int_equal(seen.count, 1);
    pass_ms(100000);
    wire_expect_nothing(&wire); /* no retransmission */
}

static void a_response_from_elsewhere_is_rejected(void **state) {
    (void)state;
    (void)ask(9, &seen);
    struct coax_message sent = wire_expect_message(&wire);
    answer(10, COAX_CON, COAX_CONTENT, 0x4242, sent.token, NULL, "forged");
    assert_int_equal(seen.count, 0);
    WIRE_EXPECT(&wire, "\x70\x00\x42\x42"); /* Reset */
    answer(9, COAX_ACK, COAX_CONTENT, sent.id, sent.token, NULL, "true");
    assert_string_equal(seen.payload, "true");
}

static void tokens_differ(void **state) {
    (void)state;
    static struct seen others[3]; /* they outlive this function, as the requests do */
    memset(others, 0, sizeof others);
    uint8_t tokens[3][8];
    for (uint8_t i = 0; i < 3; i++) {
        (void)ask((uint8_t)(20 + i), &others[i]);
        struct coax_message sent = wire_expect_message(&wire);
        memcpy(tokens[i], sent.token.data, 8);
    }
    assert_memory_not_equal(tokens[0], tokens[1], 8);
    assert_memory_not_equal(tokens[1], tokens[2], 8);
    answer(21, COAX_NON, COAX_CONTENT, 1, bytes_of(tokens[1], 8), NULL, "second");
    assert_int_equal(others[0].count + others[2].count, 0);
    assert_string_equal(others[1].payload, "second");
}

static void a_chosen_token_is_used_and_is_unique(void **state) {
    (void)state;
    struct coax_request *first = make(COAX_GET), *second = make(COAX_GET);
    struct seen other = {0};
    coax_error error;
    assert_int_equal(coax_request_set_token(first, "123456789", 9), COAX_E_TOO_LARGE);
    assert_int_equal(coax_request_set_token(first, "tok", 3), COAX_OK);
    assert_int_equal(coax_request_set_token(second, "tok", 3), COAX_OK);
    assert_int_equal(coax_request_start(first, note, &seen, NULL), COAX_OK);
    assert_int_equal(coax_request_submit(first, remote_at(9), NULL), COAX_OK);
    struct coax_message sent = wire_expect_message(&wire);
    assert_int_equal(sent.token.size, 3);
    assert_memory_equal(sent.token.data, "tok", 3);
    assert_int_equal(coax_request_start(second, note, &other, NULL), COAX_OK);
    assert_int_equal(coax_request_submit(second, remote_at(9), &error), COAX_E_EXISTS);
    coax_request_cancel(second);
    assert_int_equal(other.count, 0);
}

static void nobody_acknowledges(void **state) {
    (void)state;
    (void)ask(9, &seen);
    coax_instant start = now;
    pass_ms(100000);
    assert_int_equal(seen.count, 1);
    assert_int_equal(seen.error.status, COAX_E_TIMEOUT);
    assert_non_null(strstr(seen.error.text, "GET coap://10.0.0.9/a"));
    assert_true(seen.when - start >= 62 * COAX_SECOND && seen.when - start <= 93 * COAX_SECOND);
    assert_int_equal(wire.sent, 5);
}

static void timeouts_name_what_was_waited_for(void **state) {
    (void)state;
    static const struct {
        bool non_confirmable, acknowledged;
        const char *words;
    } cases[] = {{false, false, "not acknowledged"}, {false, true, "no response came"}, {true, false, "may be lost"}};
    for (uint8_t i = 0; i < 3; i++) {
        struct seen out = {0};
        struct coax_request *request = make(COAX_GET);
        coax_request_set_timeout(request, 1500);
        coax_request_set_non_confirmable(request, cases[i].non_confirmable);
        assert_int_equal(coax_request_start(request, note, &out, NULL), COAX_OK);
        assert_int_equal(coax_request_submit(request, remote_at((uint8_t)(30 + i)), NULL), COAX_OK);
        struct coax_message sent = wire_expect_message(&wire);
        if (cases[i].acknowledged) {
            answer((uint8_t)(30 + i), COAX_ACK, COAX_EMPTY, sent.id, bytes_of(NULL, 0), NULL, "");
        }
        pass_ms(1499);
        assert_int_equal(out.count, 0);
        pass_ms(1);
        assert_int_equal(out.count, 1);
        assert_int_equal(out.error.status, COAX_E_TIMEOUT);
        assert_non_null(strstr(out.error.text, "1.500 s"));
        assert_non_null(strstr(out.error.text, cases[i].words));
    }
}

static void an_acknowledged_request_does_not_wait_for_ever(void **state) {
    (void)state;
    (void)ask(9, &seen);
    struct coax_message sent = wire_expect_message(&wire);
    answer(9, COAX_ACK, COAX_EMPTY, sent.id, bytes_of(NULL, 0), NULL, "");
    pass_ms(92999);
    assert_int_equal(seen.count, 0);
    pass_ms(2);
    assert_int_equal(seen.error.status, COAX_E_TIMEOUT);
}

static void a_reset_fails_the_request_alone(void **state) {
    (void)state;
    static struct seen other; /* outlives this function, as its request does */
    memset(&other, 0, sizeof other);
    (void)ask(9, &seen);
    struct coax_message sent = wire_expect_message(&wire);
    (void)ask(9, &other); /* behind it: NSTART is 1 */
    wire_expect_nothing(&wire);
    answer(9, COAX_RST, COAX_EMPTY, sent.id, bytes_of(NULL, 0), NULL, "");
    assert_int_equal(seen.error.status, COAX_E_RESET);
    assert_int_equal(other.count, 0);
    assert_int_equal(wire_expect_message(&wire).code, COAX_GET); /* now the second one goes out */
}

static void cancelling_ends_it_silently(void **state) {
    (void)state;
    struct coax_request *request = ask(9, &seen);
    struct coax_message sent = wire_expect_message(&wire);
    uint8_t token[8];
    memcpy(token, sent.token.data, 8);
    coax_request_cancel(request);
    coax_request_cancel(NULL);
    pass_ms(100000);
    wire_expect_nothing(&wire);
    answer(9, COAX_CON, COAX_CONTENT, 7, bytes_of(token, 8), NULL, "late");
    WIRE_EXPECT(&wire, "\x70\x00\x00\x07"); /* nobody waits: Reset */
    assert_int_equal(seen.count, 0);
    coax_request_cancel(make(COAX_GET)); /* never sent */
}

static void cancel_and_ask_again(coax_request *request, const coax_message *response, const coax_error *error,
                                 void *user) {
    (void)response;
    (void)error;
    coax_request_cancel(request); /* legal here, and idle */
    (void)ask(9, user);
}

static void callbacks_may_cancel_and_ask(void **state) {
    (void)state;
    struct coax_request *request = make(COAX_GET);
    assert_int_equal(coax_request_start(request, cancel_and_ask_again, &seen, NULL), COAX_OK);
    assert_int_equal(coax_request_submit(request, remote_at(9), NULL), COAX_OK);
    struct coax_message sent = wire_expect_message(&wire);
    answer(9, COAX_ACK, COAX_CONTENT, sent.id, sent.token, NULL, "1");
    sent = wire_expect_message(&wire);
    answer(9, COAX_ACK, COAX_CONTENT, sent.id, sent.token, NULL, "2");
    assert_int_equal(seen.count, 1);
    assert_string_equal(seen.payload, "2");
}

static void a_critical_option_that_nobody_knows_rejects_the_response(void **state) {
    (void)state;
    uint8_t bytes[32];
    struct option_writer options = option_writer_on(bytes, sizeof bytes);
    assert_int_equal(coax_option_write(&options, 65001, "x", 1), COAX_OK);
    (void)ask(9, &seen);
    struct coax_message sent = wire_expect_message(&wire);
    answer(9, COAX_CON, COAX_CONTENT, 7, sent.token, &options, "");
    assert_int_equal(seen.error.status, COAX_E_OPTION);
    assert_non_null(strstr(seen.error.text, "65001"));
    WIRE_EXPECT(&wire, "\x70\x00\x00\x07"); /* RFC 7252 section 5.4.1 */
}

static void the_first_block_of_more_is_not_taken_for_the_whole(void **state) {
    (void)state;
    uint8_t bytes[32];
    struct option_writer options = option_writer_on(bytes, sizeof bytes);
    assert_int_equal(coax_option_write_uint(&options, COAX_OPTION_BLOCK2, 0x0e), COAX_OK);
    (void)ask(9, &seen);
    struct coax_message sent = wire_expect_message(&wire);
    answer(9, COAX_ACK, COAX_CONTENT, sent.id, sent.token, &options, "part");
    assert_int_equal(seen.error.status, COAX_E_UNSUPPORTED);
    options = option_writer_on(bytes, sizeof bytes);
    assert_int_equal(coax_option_write_uint(&options, COAX_OPTION_BLOCK2, 0x06), COAX_OK); /* M is 0 */
    struct seen whole = {0};
    (void)ask(9, &whole);
    sent = wire_expect_message(&wire);
    answer(9, COAX_ACK, COAX_CONTENT, sent.id, sent.token, &options, "whole");
    assert_string_equal(whole.payload, "whole");
}

static void max_age_of_a_busy_server_is_there(void **state) {
    (void)state;
    uint8_t bytes[32];
    struct option_writer options = option_writer_on(bytes, sizeof bytes);
    assert_int_equal(coax_option_write_uint(&options, COAX_OPTION_MAX_AGE, 17), COAX_OK);
    (void)ask(9, &seen);
    struct coax_message sent = wire_expect_message(&wire);
    answer(9, COAX_ACK, COAX_TOO_MANY_REQUESTS, sent.id, sent.token, &options, "");
    assert_int_equal(seen.code, COAX_TOO_MANY_REQUESTS);
}

static void what_cannot_be_sent_is_refused(void **state) {
    (void)state;
    struct coax_request *request = make(COAX_PUT);
    coax_error error;
    static const uint8_t large[3000] = {0};
    assert_int_equal(coax_request_set_payload(request, COAX_NO_FORMAT, large, sizeof large), COAX_E_TOO_LARGE);
    assert_int_equal(coax_request_start(request, NULL, NULL, &error), COAX_E_INVALID);
    assert_int_equal(coax_request_start(request, note, &seen, &error), COAX_OK);
    assert_int_equal(coax_request_start(request, note, &seen, &error), COAX_E_STATE);
    assert_int_equal(coax_request_set_payload(request, COAX_NO_FORMAT, "x", 1), COAX_E_STATE);
    assert_int_equal(coax_request_add_option(request, COAX_OPTION_URI_PATH, "x", 1), COAX_E_STATE);
    coax_request_unstart(request);
    assert_int_equal(coax_request_set_payload(request, COAX_FORMAT_TEXT, large, 2048), COAX_OK);
    assert_int_equal(coax_request_start(request, note, &seen, &error), COAX_OK);
    assert_int_equal(coax_request_submit(request, remote_at(9), &error), COAX_E_TOO_LARGE);
    coax_request_cancel(request);
    assert_int_equal(seen.count, 0);
    wire_expect_nothing(&wire);
}

/* RFC 7967: a request that wants no response at all needs no callback, and is over when it is delivered. */
static void a_request_without_interest_ends_by_itself(void **state) {
    (void)state;
    for (int non_confirmable = 0; non_confirmable < 2; non_confirmable++) {
        struct coax_request *request = make(COAX_PUT);
        coax_request_set_non_confirmable(request, non_confirmable == 1);
        assert_int_equal(coax_request_add_option_uint(request, COAX_OPTION_NO_RESPONSE, 26), COAX_OK);
        assert_int_equal(coax_request_start(request, NULL, NULL, NULL), COAX_OK);
        assert_int_equal(coax_request_submit(request, remote_at(9), NULL), COAX_OK);
        struct coax_message sent = wire_expect_message(&wire);
        if (non_confirmable == 0) {
            answer(9, COAX_ACK, COAX_EMPTY, sent.id, bytes_of(NULL, 0), NULL, "");
            assert_int_equal(stack->requests.request_count, 0);
        }
    }
    pass_ms(100000);
    assert_int_equal(stack->requests.request_count, 0);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(a_piggybacked_response_is_delivered_once),
        TEST(a_separate_response_is_acknowledged_and_its_copies_too),
        TEST(the_response_may_come_before_its_lost_acknowledgement),
        TEST(a_response_from_elsewhere_is_rejected),
        TEST(tokens_differ),
        TEST(a_chosen_token_is_used_and_is_unique),
        TEST(nobody_acknowledges),
        TEST(timeouts_name_what_was_waited_for),
        TEST(an_acknowledged_request_does_not_wait_for_ever),
        TEST(a_reset_fails_the_request_alone),
        TEST(cancelling_ends_it_silently),
        TEST(callbacks_may_cancel_and_ask),
        TEST(a_critical_option_that_nobody_knows_rejects_the_response),
        TEST(the_first_block_of_more_is_not_taken_for_the_whole),
        TEST(max_age_of_a_busy_server_is_there),
        TEST(what_cannot_be_sent_is_refused),
        TEST(a_request_without_interest_ends_by_itself),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
