/* Extended tokens (RFC 8974): which ones own requests have, and what becomes of those that come. */
#include "request/tokens.h"
#include "stack_fixture.h"
#include <stdio.h>

enum { LONG = 20, LONGEST = 32, HALF_AN_HOUR_MS = 1800000 };

static struct stack_fixture fixture;
static struct path there;
static struct coax_remote *remote;
static const struct wire_datagram *sent; /* what was sent last */

static void begin(uint32_t token_size, uint32_t max_token_size) {
    coax_endpoint_config config = COAX_ENDPOINT_CONFIG_INIT;
    config.token_size = token_size;
    config.max_token_size = max_token_size;
    stack_fixture_start(&fixture, &config);
    there = client_path(9);
    remote = coax_remote_ref(stack_fixture_remote(&fixture, there));
}

static void end(void) {
    coax_remote_unref(remote);
    stack_fixture_stop(&fixture);
}

/* The next message that went out has a token of this size. */
static void expect_token(size_t size) {
    struct coax_message message;
    sent = wire_next(&fixture.wire);
    assert_non_null(sent);
    assert_int_equal(coax_datagram_decode(&message, sent->data, sent->size, EXTENDED_TOKEN_MAXIMUM, NULL, NULL),
                     COAX_OK);
    assert_int_equal(message.token.size, size);
}

static void answer_it(uint8_t code) {
    answer(&fixture, there, sent, COAX_ACK, 0, code, "");
}

static void reject_it(void) {
    answer(&fixture, there, sent, COAX_RST, 0, COAX_EMPTY, "");
}

static void expect_answer(const struct asked *asked, uint8_t code) {
    assert_int_equal(asked->callbacks, 1);
    assert_int_equal(asked->code, code);
    wire_expect_nothing(&fixture.wire);
}

/* A GET whose token has this size, and is answered. */
static void exchange_with_token(size_t size) {
    struct asked asked;
    ask(&fixture, &asked, remote);
    expect_token(size);
    answer_it(COAX_CONTENT);
    expect_answer(&asked, COAX_CONTENT);
}

static void they_have_8_bytes_unless_told_otherwise(void **state) {
    (void)state;
    begin(8, 8);
    exchange_with_token(8);
    end();
    begin(8, LONGEST); /* what is accepted is another matter */
    exchange_with_token(8);
    end();
}

/* Section 2.2.2: any response shows that the server takes them. */
static void the_first_request_tries(void **state) {
    (void)state;
    struct asked asked;
    begin(LONG, LONGEST);
    coax_request_set_non_confirmable(asked_make(&fixture, &asked), true);
    assert_int_equal(asked_send(&asked, remote), COAX_OK);
    expect_token(8); /* nobody would have to reject it */
    answer(&fixture, there, sent, COAX_NON, 7, COAX_CONTENT, "");
    expect_answer(&asked, COAX_CONTENT);
    exchange_with_token(LONG);
    coax_request_set_non_confirmable(asked_make(&fixture, &asked), true);
    assert_int_equal(asked_send(&asked, remote), COAX_OK);
    expect_token(LONG);
    answer(&fixture, there, sent, COAX_NON, 8, COAX_CONTENT, "");
    expect_answer(&asked, COAX_CONTENT);
    end();
}

static void a_server_that_rejects_it_gets_a_shorter_one(void **state) {
    (void)state;
    struct asked asked;
    begin(LONG, LONGEST);
    ask(&fixture, &asked, remote);
    expect_token(LONG);
    reject_it();
    assert_int_equal(asked.callbacks, 0);
    expect_token(8);
    answer_it(COAX_CONTENT);
    expect_answer(&asked, COAX_CONTENT);
    exchange_with_token(8);
    stack_fixture_pass_ms(&fixture, HALF_AN_HOUR_MS); /* another server may have the address by now */
    exchange_with_token(LONG);
    end();
}

static void a_reset_of_a_short_one_is_final(void **state) {
    (void)state;
    struct asked asked;
    begin(LONG, LONGEST);
    ask(&fixture, &asked, remote);
    expect_token(LONG);
    reject_it();
    expect_token(8);
    reject_it();
    assert_int_equal(asked.callbacks, 1);
    assert_int_equal(asked.error.status, COAX_E_RESET);
    wire_expect_nothing(&fixture.wire);
    end();
}

/* It knows extended tokens, and not such long ones; or the request is bad, which the second try shows. */
static void a_server_that_answers_4_00_gets_a_shorter_one(void **state) {
    (void)state;
    struct asked asked;
    begin(LONG, LONGEST);
    ask(&fixture, &asked, remote);
    expect_token(LONG);
    answer_it(COAX_BAD_REQUEST);
    expect_token(8);
    answer_it(COAX_BAD_REQUEST);
    expect_answer(&asked, COAX_BAD_REQUEST);
    end();
    begin(LONG, LONGEST);
    exchange_with_token(LONG);
    ask(&fixture, &asked, remote);
    expect_token(LONG);
    answer_it(COAX_BAD_REQUEST); /* it is not the token */
    expect_answer(&asked, COAX_BAD_REQUEST);
    end();
}

/* Each peer is tried by itself. */
static void what_one_takes_says_nothing_of_others(void **state) {
    (void)state;
    struct asked asked;
    begin(LONG, LONGEST);
    exchange_with_token(LONG);
    there = client_path(10);
    struct coax_remote *other = stack_fixture_remote(&fixture, there);
    ask(&fixture, &asked, other);
    expect_token(LONG);
    reject_it();
    expect_token(8);
    answer_it(COAX_CONTENT);
    there = client_path(9);
    exchange_with_token(LONG);
    end();
}

static void a_chosen_one_stays(void **state) {
    (void)state;
    struct asked asked;
    static const uint8_t token[LONGEST + 1] = {0x71};
    begin(8, LONGEST);
    assert_int_equal(coax_request_set_token(asked_make(&fixture, &asked), token, LONGEST + 1), COAX_E_TOO_LARGE);
    assert_int_equal(coax_request_set_token(asked.request, token, LONGEST), COAX_OK);
    assert_int_equal(asked_send(&asked, remote), COAX_OK);
    expect_token(LONGEST);
    reject_it();
    assert_int_equal(asked.callbacks, 1);
    assert_int_equal(asked.error.status, COAX_E_RESET);
    assert_int_equal(coax_request_set_token(asked_make(&fixture, &asked), token, LONGEST), COAX_OK);
    assert_int_equal(asked_send(&asked, remote), COAX_OK);
    expect_token(LONGEST);
    answer_it(COAX_BAD_REQUEST);
    expect_answer(&asked, COAX_BAD_REQUEST);
    end();
}

static uint32_t announced;

static uint32_t announced_maximum(const struct coax_remote *connection) {
    (void)connection;
    return announced;
}

/* A connection's peer has said it, so nothing is tried. */
static void a_connection_says_what_it_takes(void **state) {
    (void)state;
    static const uint32_t cases[][2] = {{8, 8}, {12, 12}, {LONG, LONG}, {65804, LONG}};
    begin(LONG, LONGEST);
    struct transport transport = *remote->transport;
    const struct transport *before = remote->transport;
    transport.token_maximum = announced_maximum;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct asked asked;
        announced = cases[i][0];
        remote->transport = &transport;
        ask(&fixture, &asked, remote);
        expect_token(cases[i][1]);
        answer_it(COAX_BAD_REQUEST);
        expect_answer(&asked, COAX_BAD_REQUEST);
        assert_int_equal(remote->token_maximum, 0);
    }
    remote->transport = before;
    end();
}

/* --- the server --- */

static void hello(coax_exchange *exchange, const coax_message *request, void *user) {
    (void)user;
    size_t size;
    (void)coax_message_token(request, &size);
    (void)coax_respond_text(exchange, COAX_CONTENT, "%zu", size);
}

static coax_resource *serve(uint32_t max_token_size) {
    coax_resource_config config = COAX_RESOURCE_CONFIG_INIT;
    config.get = hello;
    config.observable = true;
    begin(8, max_token_size);
    coax_resource *resource = coax_site_add(fixture.stack->site, "t", &config, NULL);
    assert_non_null(resource);
    return resource;
}

static uint8_t token[2100];

static void come(struct path path, enum coax_type type, uint16_t id, size_t token_size, bool observes) {
    uint8_t data[2100];
    size_t size;
    for (size_t i = 0; i < sizeof token; i++) {
        token[i] = (uint8_t)(i * 7 + 1);
    }
    const struct bytes options = observes ? bytes_of("\x60\x51t", 3) : bytes_of("\xb1t", 2);
    const struct coax_message message = {
        .type = type, .code = COAX_GET, .id = id, .token = bytes_of(token, token_size), .options = options};
    assert_int_equal(coax_datagram_encode(&message, data, sizeof data, &size), COAX_OK);
    stack_fixture_receive(&fixture, path, data, size);
}

static struct coax_message expect_echoed(uint8_t code, size_t token_size) {
    struct coax_message message = wire_expect_message(&fixture.wire);
    assert_int_equal(message.code, code);
    assert_int_equal(message.token.size, token_size);
    assert_memory_equal(message.token.data, token, token_size);
    return message;
}

static void what_is_accepted_is_echoed(void **state) {
    (void)state;
    static const size_t sizes[] = {1, 8, 9, 12, 13, LONGEST - 1, LONGEST};
    serve(LONGEST);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        char text[8];
        come(server_path(7), COAX_CON, (uint16_t)(100 + i), sizes[i], false);
        struct coax_message response = expect_echoed(COAX_CONTENT, sizes[i]);
        int size = snprintf(text, sizeof text, "%zu", sizes[i]);
        assert_int_equal(response.payload.size, (size_t)size);
        assert_memory_equal(response.payload.data, text, (size_t)size);
    }
    end();
}

/* Section 2.2.2: rejecting it would say that no extended token is taken. */
static void one_that_is_too_long_is_answered(void **state) {
    (void)state;
    static const size_t sizes[] = {LONGEST + 1, 268, 269, 2000};
    serve(LONGEST);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        come(server_path(7), COAX_CON, (uint16_t)(100 + i), sizes[i], false);
        assert_true(expect_echoed(COAX_BAD_REQUEST, sizes[i]).payload.size > 0);
    }
    come(server_path(7), COAX_NON, 200, 2000, false);
    assert_int_equal(expect_echoed(COAX_BAD_REQUEST, 2000).type, COAX_NON);
    come(server_path(7), COAX_CON, 201, 2048 - 8, false); /* no room for a text */
    assert_int_equal(expect_echoed(COAX_BAD_REQUEST, 2048 - 8).payload.size, 0);
    come(multicast_path(7), COAX_NON, 202, 40, false);
    stack_fixture_pass_ms(&fixture, 10000);
    wire_expect_nothing(&fixture.wire);
    end();
}

/* RFC 7252 section 3. */
static void without_the_setting_it_is_rejected(void **state) {
    (void)state;
    serve(8);
    come(server_path(7), COAX_CON, 0x1234, 9, false);
    WIRE_EXPECT(&fixture.wire, "\x70\x00\x12\x34");
    end();
}

static void notifications_have_it(void **state) {
    (void)state;
    coax_resource *resource = serve(LONGEST);
    come(server_path(7), COAX_CON, 1, LONGEST, true);
    (void)expect_echoed(COAX_CONTENT, LONGEST);
    assert_int_equal(fixture.stack->requests.observer_count, 1);
    coax_resource_changed(resource);
    stack_fixture_pass_ms(&fixture, 1);
    (void)expect_echoed(COAX_CONTENT, LONGEST);
    come(server_path(7), COAX_CON, 2, LONGEST, true); /* the same observer once more */
    (void)expect_echoed(COAX_CONTENT, LONGEST);
    assert_int_equal(fixture.stack->requests.observer_count, 1);
    end();
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(they_have_8_bytes_unless_told_otherwise),
        cmocka_unit_test(the_first_request_tries),
        cmocka_unit_test(a_server_that_rejects_it_gets_a_shorter_one),
        cmocka_unit_test(a_reset_of_a_short_one_is_final),
        cmocka_unit_test(a_server_that_answers_4_00_gets_a_shorter_one),
        cmocka_unit_test(what_one_takes_says_nothing_of_others),
        cmocka_unit_test(a_chosen_one_stays),
        cmocka_unit_test(a_connection_says_what_it_takes),
        cmocka_unit_test(what_is_accepted_is_echoed),
        cmocka_unit_test(one_that_is_too_long_is_answered),
        cmocka_unit_test(without_the_setting_it_is_rejected),
        cmocka_unit_test(notifications_have_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
