/* A stack as its owner sees it: settings, time, channels, remotes, the end. */
#include "stack/stack.h"
#include "wire_fixture.h"

static struct wire wire;
static coax_instant now;

static struct stack *make(const coax_endpoint_config *config) {
    struct stack *stack = NULL;
    coax_error error = {.text = ""};
    now = COAX_SECOND;
    wire_init(&wire, 1, &now);
    const struct datagram_output output = wire_output(&wire);
    assert_int_equal(coax_stack_new(&stack, config, &output, NULL, now, &error), COAX_OK);
    return stack;
}

static void end(struct stack *stack) {
    coax_stack_free(stack);
    wire_free(&wire);
}

static void every_setting_is_checked_by_name(void **state) {
    (void)state;
#define SETTING(field, value)                                                                                          \
    { #field, offsetof(coax_endpoint_config, field), value }
    static const struct {
        const char *name;
        size_t offset;
        uint32_t bad;
    } cases[] = {
        SETTING(ack_timeout_ms, 0),
        SETTING(ack_random_percent, 99),
        SETTING(max_retransmit, 21),
        SETTING(nstart, 0),
        SETTING(congestion_control, 2),
        SETTING(default_leisure_ms, UINT32_MAX),
        SETTING(exchange_lifetime_ms, 0),
        SETTING(empty_ack_delay_ms, UINT32_MAX),
        SETTING(response_timeout_ms, 0),
        SETTING(max_peers, 0),
        SETTING(max_sessions, 0),
        SETTING(max_handshakes, 0),
        SETTING(max_requests, 0),
        SETTING(max_exchanges, 0),
        SETTING(max_queue_per_peer, 0),
        SETTING(max_replies, 0),
        SETTING(max_replies_per_peer, 0),
        SETTING(max_message_size, 127),
        SETTING(max_message_size, 65536),
        SETTING(max_token_size, 7),
        SETTING(max_token_size, 65),
        SETTING(token_size, 0),
        SETTING(token_size, 9),
        SETTING(handshake_timeout_ms, 0),
        SETTING(session_idle_ms, UINT32_MAX),
    };
#undef SETTING
    const struct datagram_output output = {wire_transmit, wire_random, &wire};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        coax_endpoint_config config = COAX_ENDPOINT_CONFIG_INIT;
        struct stack *stack;
        coax_error error = {.text = ""};
        memcpy((char *)&config + cases[i].offset, &cases[i].bad, sizeof cases[i].bad);
        assert_int_equal(coax_stack_new(&stack, &config, &output, NULL, 0, &error), COAX_E_INVALID);
        assert_non_null(strstr(error.text, cases[i].name));
    }
}

static void an_idle_stack_waits_for_nothing(void **state) {
    (void)state;
    struct stack *stack = make(NULL);
    assert_true(coax_stack_deadline(stack) == COAX_NEVER);
    coax_stack_run(stack);
    assert_true(coax_stack_deadline(stack) == COAX_NEVER);
    end(stack);
}

static void one_path_is_one_remote(void **state) {
    (void)state;
    struct stack *stack = make(NULL);
    struct path path = client_path(9), other = client_path(10);
    struct coax_remote *first, *again, *second;
    char uri[64];
    assert_int_equal(coax_stack_remote(stack, &path, false, "coap://10.0.0.9/", NULL, &first, NULL), COAX_OK);
    assert_int_equal(coax_stack_remote(stack, &path, false, "coap://10.0.0.9/", NULL, &again, NULL), COAX_OK);
    assert_int_equal(coax_stack_remote(stack, &other, false, "coap://10.0.0.10/", NULL, &second, NULL), COAX_OK);
    assert_ptr_equal(first, again);
    assert_ptr_not_equal(first, second);
    assert_int_equal(coax_remote_uri(first, uri, sizeof uri), COAX_OK);
    assert_string_equal(uri, "coap://10.0.0.9");
    end(stack);
}

static void a_secure_remote_needs_credentials_of_a_kind_that_fits(void **state) {
    (void)state;
    struct stack *stack = make(NULL);
    struct path path = client_path(9);
    struct coax_remote *remote;
    coax_error error;
    static const char reference[] = "{\"coaps://*\": {\"oscore\": {\"basedir\": \"somewhere\"}}}";
    assert_int_equal(coax_stack_remote(stack, &path, true, "coaps://10.0.0.9/", "10.0.0.9", &remote, &error),
                     COAX_E_NO_CREDENTIALS);
    assert_int_equal(coax_credentials_load(stack->credentials, reference, sizeof reference - 1, "test", &error),
                     COAX_OK);
    assert_int_equal(coax_stack_remote(stack, &path, true, "coaps://10.0.0.9/", "10.0.0.9", &remote, &error),
                     COAX_E_CREDENTIALS_KIND);
    wire_expect_nothing(&wire); /* nothing goes out in the clear instead */
    assert_int_equal(stack->datagrams.peer_count, 0);
    end(stack);
}

static void a_secure_remote_begins_a_handshake_once(void **state) {
    (void)state;
    struct stack *stack = make(NULL);
    struct path path = client_path(9);
    struct coax_remote *first, *again;
    coax_error error;
    assert_int_equal(coax_credentials_set_psk(stack->credentials, "coaps://*", "me", 2, "0123456789abcdef", 16, &error),
                     COAX_OK);
    assert_int_equal(coax_stack_remote(stack, &path, true, "coaps://10.0.0.9/", "10.0.0.9", &first, &error), COAX_OK);
    const struct wire_datagram *hello = wire_next(&wire);
    assert_non_null(hello);
    assert_int_equal(hello->data[0], 22); /* a handshake record */
    assert_int_equal(coax_stack_remote(stack, &path, true, "coaps://10.0.0.9/", "10.0.0.9", &again, &error), COAX_OK);
    assert_ptr_equal(first, again);
    wire_expect_nothing(&wire);
    assert_true(coax_stack_deadline(stack) != COAX_NEVER);
    end(stack);
}

static void secure_datagrams_need_dtls_to_be_enabled(void **state) {
    (void)state;
    struct stack *stack = make(NULL);
    struct path path = server_path(9);
    static const uint8_t hello[] = {22, 0xfe, 0xff, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1};
    coax_stack_receive(stack, &path, true, true, hello, sizeof hello);
    wire_expect_nothing(&wire);
    assert_int_equal(coax_stack_enable_dtls(stack, NULL), COAX_OK);
    assert_int_equal(coax_stack_enable_dtls(stack, NULL), COAX_OK);
    end(stack);
}

struct seen {
    unsigned count;
    coax_error error;
};

static void note(coax_request *request, const coax_message *response, const coax_error *error, void *user) {
    struct seen *seen = user;
    (void)request;
    assert_null(response);
    seen->count++;
    seen->error = *error;
}

static void send_one(struct stack *stack, struct seen *seen) {
    struct path path = client_path(9);
    struct coax_remote *remote;
    struct coax_request *request = coax_request_create(&stack->requests, COAX_GET, "coap://10.0.0.9/");
    assert_non_null(request);
    assert_int_equal(coax_stack_remote(stack, &path, false, "coap://10.0.0.9/", NULL, &remote, NULL), COAX_OK);
    assert_int_equal(coax_request_start(request, note, seen, NULL), COAX_OK);
    assert_int_equal(coax_request_submit(request, remote, NULL), COAX_OK);
}

static void the_network_s_errors_reach_the_request(void **state) {
    (void)state;
    struct stack *stack = make(NULL);
    struct seen seen = {0};
    struct path path = client_path(9);
    coax_error error = {COAX_E_REFUSED, -1, "nobody listens"};
    send_one(stack, &seen);
    coax_stack_unreachable(stack, &path, &error);
    assert_int_equal(seen.count, 1);
    assert_int_equal(seen.error.status, COAX_E_REFUSED);
    assert_true(coax_stack_deadline(stack) == COAX_NEVER);
    coax_stack_unreachable(stack, &path, &error);
    assert_int_equal(seen.count, 1);
    end(stack);
}

static void freeing_fails_what_is_under_way(void **state) {
    (void)state;
    struct stack *stack = make(NULL);
    struct seen seen = {0};
    send_one(stack, &seen);
    end(stack);
    assert_int_equal(seen.count, 1);
    assert_int_equal(seen.error.status, COAX_E_SHUT_DOWN);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_setting_is_checked_by_name),
        cmocka_unit_test(an_idle_stack_waits_for_nothing),
        cmocka_unit_test(one_path_is_one_remote),
        cmocka_unit_test(a_secure_remote_needs_credentials_of_a_kind_that_fits),
        cmocka_unit_test(a_secure_remote_begins_a_handshake_once),
        cmocka_unit_test(secure_datagrams_need_dtls_to_be_enabled),
        cmocka_unit_test(the_network_s_errors_reach_the_request),
        cmocka_unit_test(freeing_fails_what_is_under_way),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
