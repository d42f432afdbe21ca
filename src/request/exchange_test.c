/* Incoming requests, from the datagram to the answer, through a whole stack. */
#include "stack/stack.h"
#include "transport/datagram/peer.h"
#include "wire_fixture.h"

static struct wire wire;
static coax_instant now;
static struct stack *stack;
static unsigned handled;
static coax_exchange *kept;

/* What the handler does next. */
static struct plan {
    uint8_t code;
    int format;
    const char *payload;
    size_t payload_size;
    int no_response; /* the handler's own; -1: none */
    bool defers;
    enum coax_status status; /* what coax_respond returned */
} plan;

static void handle(coax_exchange *exchange, const coax_message *request, void *user) {
    (void)request;
    (void)user;
    handled++;
    if (plan.defers) {
        kept = coax_exchange_defer(exchange);
        return;
    }
    if (plan.no_response >= 0) {
        assert_int_equal(coax_exchange_add_option_uint(exchange, COAX_OPTION_NO_RESPONSE, (uint64_t)plan.no_response),
                         COAX_OK);
    }
    plan.status = coax_respond(exchange, plan.code, plan.format, plan.payload, plan.payload_size);
    assert_int_equal(coax_respond(exchange, plan.code, plan.format, "again", 5), COAX_E_STATE);
}

static void begin(const coax_endpoint_config *config) {
    now = COAX_SECOND;
    handled = 0;
    kept = NULL;
    plan = (struct plan){.code = COAX_CONTENT, .format = COAX_NO_FORMAT, .no_response = -1};
    wire_init(&wire, 1, &now);
    const struct datagram_output output = wire_output(&wire);
    assert_int_equal(coax_stack_new(&stack, config, &output, NULL, now, NULL), COAX_OK);
    coax_resource_config resource = COAX_RESOURCE_CONFIG_INIT;
    resource.get = resource.put = handle;
    assert_non_null(coax_site_add(stack->site, "a", &resource, NULL));
}

static void end(void) {
    coax_stack_free(stack);
    wire_free(&wire);
}

static void pass_ms(uint64_t ms) {
    now = coax_instant_after_ms(now, ms);
    coax_stack_set_time(stack, now);
    coax_stack_run(stack);
}

static uint16_t next_id;

/* GET or PUT /a, with a No-Response option unless it is -1. */
static void request(struct path path, enum coax_type type, int no_response) {
    uint8_t option_bytes[32], data[64];
    struct option_writer options = option_writer_on(option_bytes, sizeof option_bytes);
    assert_int_equal(coax_option_write(&options, COAX_OPTION_URI_PATH, "a", 1), COAX_OK);
    if (no_response >= 0) {
        assert_int_equal(coax_option_write_uint(&options, COAX_OPTION_NO_RESPONSE, (uint64_t)no_response), COAX_OK);
    }
    struct coax_message message = {.type = type,
                                   .code = COAX_PUT,
                                   .id = ++next_id,
                                   .token = bytes_of("tk", 2),
                                   .options = option_writer_bytes(&options)};
    size_t size;
    assert_int_equal(coax_datagram_encode(&message, data, sizeof data, &size), COAX_OK);
    coax_stack_receive(stack, &path, false, true, data, size);
}

static void options_format_and_payload_go_out(void **state) {
    (void)state;
    begin(NULL);
    plan.format = COAX_FORMAT_JSON;
    plan.payload = "{}";
    plan.payload_size = 2;
    request(server_path(7), COAX_CON, -1);
    struct coax_message response = wire_expect_message(&wire);
    assert_int_equal(response.type, COAX_ACK);
    assert_int_equal(response.id, next_id);
    assert_memory_equal(response.token.data, "tk", 2);
    assert_int_equal(coax_message_content_format(&response), COAX_FORMAT_JSON);
    assert_int_equal(response.payload.size, 2);
    assert_int_equal(plan.status, COAX_OK);
    end();
}

/* RFC 7967 section 2.1, every value against every class, confirmable and not. */
static void no_response_is_obeyed_and_never_leaked(void **state) {
    (void)state;
    static const uint8_t codes[] = {COAX_CONTENT, COAX_NOT_FOUND, COAX_INTERNAL_SERVER_ERROR};
    static const int bits[] = {2, 8, 16};
    for (int value = 0; value < 32; value++) {
        for (int i = 0; i < 3; i++) {
            for (int confirmable = 0; confirmable < 2; confirmable++) {
                begin(NULL);
                plan.code = codes[i];
                request(server_path(7), confirmable ? COAX_CON : COAX_NON, value);
                assert_int_equal(handled, 1);
                if ((value & bits[i]) == 0) {
                    struct coax_message response = wire_expect_message(&wire);
                    struct coax_option option;
                    assert_int_equal(response.code, codes[i]);
                    assert_false(coax_message_option(&response, COAX_OPTION_NO_RESPONSE, &option));
                } else if (confirmable) {
                    struct coax_message ack = wire_expect_message(&wire);
                    assert_int_equal(ack.type, COAX_ACK);
                    assert_int_equal(ack.code, COAX_EMPTY);
                }
                wire_expect_nothing(&wire);
                end();
            }
        }
    }
}

static void the_handler_may_have_its_own_no_response(void **state) {
    (void)state;
    begin(NULL);
    plan.no_response = 0;
    request(server_path(7), COAX_CON, 2); /* the request wants no success, the handler insists */
    struct coax_message response = wire_expect_message(&wire);
    struct coax_option option;
    assert_int_equal(response.code, COAX_CONTENT);
    assert_false(coax_message_option(&response, COAX_OPTION_NO_RESPONSE, &option));
    plan.no_response = 2;
    request(server_path(7), COAX_NON, -1);
    wire_expect_nothing(&wire);
    end();
}

static void errors_do_not_answer_a_multicast(void **state) {
    (void)state;
    begin(NULL);
    plan.code = COAX_BAD_REQUEST;
    request(multicast_path(7), COAX_NON, -1);
    pass_ms(10000);
    wire_expect_nothing(&wire);
    request(multicast_path(7), COAX_NON, 0); /* interested in all (RFC 7967 section 2.1) */
    pass_ms(10000);
    assert_int_equal(wire_expect_message(&wire).code, COAX_BAD_REQUEST);
    plan.code = COAX_CONTENT;
    request(multicast_path(7), COAX_NON, -1);
    pass_ms(10000);
    assert_int_equal(wire_expect_message(&wire).code, COAX_CONTENT);
    end();
}

static void a_deferred_answer_comes_separately(void **state) {
    (void)state;
    begin(NULL);
    plan.defers = true;
    request(server_path(7), COAX_CON, -1);
    assert_non_null(kept);
    wire_expect_nothing(&wire);
    pass_ms(100);
    struct coax_message ack = wire_expect_message(&wire);
    assert_int_equal(ack.type, COAX_ACK);
    assert_int_equal(ack.code, COAX_EMPTY);
    assert_int_equal(coax_respond(kept, COAX_CONTENT, COAX_NO_FORMAT, "late", 4), COAX_OK);
    struct coax_message response = wire_expect_message(&wire);
    assert_int_equal(response.type, COAX_CON);
    assert_memory_equal(response.token.data, "tk", 2);
    assert_memory_equal(response.payload.data, "late", 4);
    end();
}

static void a_deferred_answer_in_time_is_piggybacked(void **state) {
    (void)state;
    begin(NULL);
    plan.defers = true;
    request(server_path(7), COAX_CON, -1);
    pass_ms(50);
    assert_int_equal(coax_respond_text(kept, COAX_CONTENT, "%d", 7), COAX_OK);
    struct coax_message response = wire_expect_message(&wire);
    assert_int_equal(response.type, COAX_ACK);
    assert_int_equal(coax_message_content_format(&response), COAX_FORMAT_TEXT);
    end();
}

static void enter_late(void *user) {
    (void)user;
    now = coax_instant_after_ms(now, 60000); /* so long nothing had happened */
    coax_stack_set_time(stack, now);
}

/* The program answers when the loop has slept for long: the retransmission is due from then on. */
static void a_late_answer_has_the_time_of_its_call(void **state) {
    (void)state;
    begin(NULL);
    coax_stack_on_entry(stack, enter_late, NULL);
    plan.defers = true;
    request(server_path(7), COAX_CON, -1);
    pass_ms(100);
    (void)wire_expect_message(&wire); /* the empty acknowledgement */
    assert_int_equal(coax_respond(kept, COAX_CONTENT, COAX_NO_FORMAT, NULL, 0), COAX_OK);
    assert_true(coax_stack_deadline(stack) >= coax_instant_after_ms(now, 2000));
    end();
}

/* Larger than the endpoint keeps for a client that fetches it block by block. */
static void begin_with_small_bodies(void) {
    coax_endpoint_config config = COAX_ENDPOINT_CONFIG_INIT;
    config.max_body_size = 2048;
    begin(&config);
}

static void too_large_an_answer_becomes_5_00(void **state) {
    (void)state;
    static const char large[3000] = "";
    begin_with_small_bodies();
    plan.payload = large;
    plan.payload_size = sizeof large;
    request(server_path(7), COAX_CON, -1);
    struct coax_message response = wire_expect_message(&wire);
    assert_int_equal(response.code, COAX_INTERNAL_SERVER_ERROR);
    assert_int_equal(response.payload.size, 0);
    assert_int_equal(plan.status, COAX_E_TOO_LARGE);
    /* And when the acknowledgement is out already. */
    plan.defers = true;
    request(server_path(7), COAX_CON, -1);
    pass_ms(100);
    assert_int_equal(wire_expect_message(&wire).code, COAX_EMPTY);
    assert_int_equal(coax_respond(kept, COAX_CONTENT, COAX_NO_FORMAT, large, sizeof large), COAX_E_TOO_LARGE);
    response = wire_expect_message(&wire);
    assert_int_equal(response.type, COAX_CON);
    assert_int_equal(response.code, COAX_INTERNAL_SERVER_ERROR);
    end();
}

static void options_have_their_bound(void **state) {
    (void)state;
    static const char segment[255] = "";
    begin(NULL);
    plan.defers = true;
    request(server_path(7), COAX_CON, -1);
    assert_int_equal(coax_exchange_add_option(kept, COAX_OPTION_LOCATION_PATH, segment, 255), COAX_OK);
    assert_int_equal(coax_exchange_add_option(kept, COAX_OPTION_LOCATION_PATH, segment, 240), COAX_OK);
    assert_int_equal(coax_exchange_add_option(kept, COAX_OPTION_LOCATION_PATH, segment, 100), COAX_E_TOO_LARGE);
    assert_int_equal(coax_exchange_add_option(kept, COAX_OPTION_ETAG, segment, 9), COAX_E_TOO_LARGE);
    assert_int_equal(coax_respond(kept, COAX_CREATED, COAX_NO_FORMAT, NULL, 0), COAX_OK);
    end();
}

/* The options leave no room for the Content-Format: 5.00 goes out, the request does not stay open. */
static void options_without_room_for_the_format(void **state) {
    (void)state;
    static const char segment[255] = "";
    begin(NULL);
    plan.defers = true;
    request(server_path(7), COAX_CON, -1);
    struct path path = server_path(7);
    const struct peer *peer = coax_peer_find(&stack->datagrams, &path);
    assert_int_equal(peer->pending_incoming, 1);
    assert_int_equal(coax_exchange_add_option(kept, COAX_OPTION_LOCATION_PATH, segment, 255), COAX_OK);
    assert_int_equal(coax_exchange_add_option(kept, COAX_OPTION_LOCATION_PATH, segment, 251), COAX_OK);
    assert_int_equal(coax_respond(kept, COAX_CREATED, 10000, NULL, 0), COAX_E_TOO_LARGE);
    struct coax_message response = wire_expect_message(&wire);
    assert_int_equal(response.code, COAX_INTERNAL_SERVER_ERROR);
    assert_int_equal(response.options.size, 0);
    assert_int_equal(peer->pending_incoming, 0);
    assert_int_equal(stack->requests.exchanges.in_use, 0);
    end();
}

/* The 5.00 that stands in for a response too large is an error as any other: No-Response and multicast forbid it. */
static void what_replaces_a_response_obeys_too(void **state) {
    (void)state;
    static const char large[3000] = "";
    enum { NO_SERVER_ERRORS = 16 };
    begin_with_small_bodies();
    plan.payload = large;
    plan.payload_size = sizeof large;
    request(server_path(7), COAX_CON, NO_SERVER_ERRORS);
    struct coax_message ack = wire_expect_message(&wire);
    assert_int_equal(ack.code, COAX_EMPTY);
    assert_int_equal(plan.status, COAX_E_TOO_LARGE);
    request(multicast_path(7), COAX_NON, -1);
    pass_ms(10000);
    wire_expect_nothing(&wire);
    end();
}

/* RFC 7252 section 4.5: a PUT that comes twice is carried out once. */
static void a_duplicate_is_not_handled_again(void **state) {
    (void)state;
    begin(NULL);
    plan.code = COAX_CHANGED;
    for (int i = 0; i < 3; i++) {
        next_id = 0x4321;
        request(server_path(7), COAX_CON, -1);
        WIRE_EXPECT(&wire, "\x62\x44\x43\x22tk");
    }
    assert_int_equal(handled, 1);
    plan.defers = true;
    for (int i = 0; i < 3; i++) {
        next_id = 0x5000;
        request(server_path(7), COAX_CON, -1);
    }
    wire_expect_nothing(&wire);
    assert_int_equal(handled, 2);
    assert_int_equal(coax_respond(kept, COAX_CHANGED, COAX_NO_FORMAT, NULL, 0), COAX_OK);
    WIRE_EXPECT(&wire, "\x62\x44\x50\x01tk");
    end();
}

/* More than the settings allow: 5.03, with Max-Age (RFC 7252 section 5.9.3.4). */
static void overload_is_told(void **state) {
    (void)state;
    coax_endpoint_config config = COAX_ENDPOINT_CONFIG_INIT;
    config.max_exchanges = 1;
    begin(&config);
    plan.defers = true;
    request(server_path(7), COAX_CON, -1);
    coax_exchange *first = kept;
    request(server_path(8), COAX_CON, -1);
    struct coax_message response = wire_expect_message(&wire);
    assert_int_equal(response.code, COAX_SERVICE_UNAVAILABLE);
    assert_true(coax_message_max_age(&response) > 0);
    assert_memory_equal(response.token.data, "tk", 2);
    request(server_path(8), COAX_CON, 16); /* no server errors wanted (RFC 7967) */
    assert_int_equal(wire_expect_message(&wire).code, COAX_EMPTY);
    request(multicast_path(8), COAX_NON, -1);
    pass_ms(99); /* before the first one's empty acknowledgement */
    wire_expect_nothing(&wire);
    assert_int_equal(handled, 1);
    assert_int_equal(coax_respond(first, COAX_CONTENT, COAX_NO_FORMAT, NULL, 0), COAX_OK);
    plan.defers = false;
    request(server_path(8), COAX_CON, -1);
    assert_int_equal(handled, 2);
    end();
}

static void an_exchange_outlives_its_remote(void **state) {
    (void)state;
    begin(NULL);
    plan.defers = true;
    request(server_path(7), COAX_CON, -1);
    struct coax_remote *remote = coax_exchange_remote(kept);
    const coax_error gone = {COAX_E_DROPPED, -1, "gone"};
    coax_peer_end(COAX_CONTAINER(remote, struct peer, remote), &gone);
    assert_int_equal(stack->datagrams.peer_count, 0);
    assert_int_equal(coax_respond(kept, COAX_CONTENT, COAX_NO_FORMAT, NULL, 0), COAX_E_DROPPED);
    wire_expect_nothing(&wire);
    end();
}

static void the_deferred_are_answered_into_the_void_after_a_shutdown(void **state) {
    (void)state;
    begin(NULL);
    plan.defers = true;
    request(server_path(7), COAX_CON, -1);
    coax_request_layer_shut_down(&stack->requests);
    request(server_path(7), COAX_CON, -1); /* new ones are refused */
    assert_int_equal(handled, 1);
    assert_int_equal(wire_expect_message(&wire).code, COAX_SERVICE_UNAVAILABLE);
    assert_int_equal(coax_respond(kept, COAX_CONTENT, COAX_NO_FORMAT, NULL, 0), COAX_OK);
    end();
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(options_format_and_payload_go_out),
        cmocka_unit_test(no_response_is_obeyed_and_never_leaked),
        cmocka_unit_test(the_handler_may_have_its_own_no_response),
        cmocka_unit_test(errors_do_not_answer_a_multicast),
        cmocka_unit_test(a_deferred_answer_comes_separately),
        cmocka_unit_test(a_deferred_answer_in_time_is_piggybacked),
        cmocka_unit_test(a_late_answer_has_the_time_of_its_call),
        cmocka_unit_test(too_large_an_answer_becomes_5_00),
        cmocka_unit_test(options_have_their_bound),
        cmocka_unit_test(options_without_room_for_the_format),
        cmocka_unit_test(what_replaces_a_response_obeys_too),
        cmocka_unit_test(a_duplicate_is_not_handled_again),
        cmocka_unit_test(overload_is_told),
        cmocka_unit_test(an_exchange_outlives_its_remote),
        cmocka_unit_test(the_deferred_are_answered_into_the_void_after_a_shutdown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
