/* Own requests: how they begin, what ends them, and that it is told exactly once. */
#include "stack_fixture.h"

static void a_piggybacked_response_completes(void **state) {
    (void)state;
    struct stack_fixture fixture;
    struct asked asked;
    stack_fixture_start(&fixture, NULL);
    struct coax_remote *remote = stack_fixture_remote(&fixture, client_path(9));
    ask(&fixture, &asked, remote);
    const struct wire_datagram *sent = wire_next(&fixture.wire);
    assert_int_equal(sent->data[0], 0x48); /* confirmable, a token of 8 bytes */
    assert_int_equal(sent->data[1], COAX_GET);
    assert_memory_equal(sent->data + 12, "\xb1t", 2);
    assert_int_equal(asked.callbacks, 0);
    answer(&fixture, client_path(9), sent, COAX_ACK, 0, COAX_CONTENT, "hello");
    assert_int_equal(asked.callbacks, 1);
    assert_int_equal(asked.code, COAX_CONTENT);
    assert_string_equal(asked.payload, "hello");
    assert_ptr_equal(asked.remote, remote);
    answer(&fixture, client_path(9), sent, COAX_ACK, 0, COAX_CONTENT, "hello"); /* once more */
    stack_fixture_pass_ms(&fixture, 1000000);
    assert_int_equal(asked.callbacks, 1);
    assert_int_equal(fixture.wire.sent, 1);
    assert_int_equal(fixture.stack->requests.request_count, 0);
    stack_fixture_stop(&fixture);
}

static void an_error_code_is_a_response(void **state) {
    (void)state;
    struct stack_fixture fixture;
    struct asked asked;
    stack_fixture_start(&fixture, NULL);
    ask(&fixture, &asked, stack_fixture_remote(&fixture, client_path(9)));
    answer(&fixture, client_path(9), wire_next(&fixture.wire), COAX_ACK, 0, COAX_NOT_FOUND, "");
    assert_int_equal(asked.code, COAX_NOT_FOUND);
    stack_fixture_stop(&fixture);
}

/* RFC 7252 section 5.2.2; also if the acknowledgement was lost, or comes later than the response. */
static void a_separate_response_completes(void **state) {
    (void)state;
    enum { ACK_FIRST, ACK_LOST, ACK_LATE, CASES };
    for (int order = 0; order < CASES; order++) {
        struct stack_fixture fixture;
        struct asked asked;
        stack_fixture_start(&fixture, NULL);
        ask(&fixture, &asked, stack_fixture_remote(&fixture, client_path(9)));
        const struct wire_datagram *sent = wire_next(&fixture.wire);
        if (order == ACK_FIRST) {
            answer(&fixture, client_path(9), sent, COAX_ACK, 0, COAX_EMPTY, "");
            stack_fixture_pass_ms(&fixture, 90000);
            wire_expect_nothing(&fixture.wire); /* it is not repeated any more */
        }
        answer(&fixture, client_path(9), sent, COAX_CON, 0xad7b, COAX_CONTENT, "late");
        WIRE_EXPECT(&fixture.wire, "\x60\x00\xad\x7b");
        if (order == ACK_LATE) {
            answer(&fixture, client_path(9), sent, COAX_ACK, 0, COAX_EMPTY, "");
        }
        answer(&fixture, client_path(9), sent, COAX_CON, 0xad7b, COAX_CONTENT, "late"); /* our ACK was lost */
        WIRE_EXPECT(&fixture.wire, "\x60\x00\xad\x7b");
        stack_fixture_pass_ms(&fixture, 100000);
        wire_expect_nothing(&fixture.wire);
        assert_int_equal(asked.callbacks, 1);
        assert_string_equal(asked.payload, "late");
        stack_fixture_stop(&fixture);
    }
}

static void non_confirmable_both_ways(void **state) {
    (void)state;
    struct stack_fixture fixture;
    struct asked asked;
    stack_fixture_start(&fixture, NULL);
    coax_request_set_non_confirmable(asked_make(&fixture, &asked), true);
    assert_int_equal(asked_send(&asked, stack_fixture_remote(&fixture, client_path(9))), COAX_OK);
    const struct wire_datagram *sent = wire_next(&fixture.wire);
    assert_int_equal(sent->data[0], 0x58);
    answer(&fixture, client_path(9), sent, COAX_NON, 1, COAX_CONTENT, "non");
    assert_string_equal(asked.payload, "non");
    answer(&fixture, client_path(9), sent, COAX_NON, 1, COAX_CONTENT, "non");
    stack_fixture_pass_ms(&fixture, 100000);
    assert_int_equal(asked.callbacks, 1);
    wire_expect_nothing(&fixture.wire);
    stack_fixture_stop(&fixture);
}

/* RFC 7252 section 5.2.3: the server chooses the type of a separate response. */
static void a_separate_response_may_be_of_the_other_type(void **state) {
    (void)state;
    for (int non = 0; non < 2; non++) {
        struct stack_fixture fixture;
        struct asked asked;
        stack_fixture_start(&fixture, NULL);
        coax_request_set_non_confirmable(asked_make(&fixture, &asked), non != 0);
        assert_int_equal(asked_send(&asked, stack_fixture_remote(&fixture, client_path(9))), COAX_OK);
        const struct wire_datagram *sent = wire_next(&fixture.wire);
        answer(&fixture, client_path(9), sent, non != 0 ? COAX_CON : COAX_NON, 0x4321, COAX_CONTENT, "other");
        assert_int_equal(asked.callbacks, 1);
        assert_string_equal(asked.payload, "other");
        if (non != 0) {
            WIRE_EXPECT(&fixture.wire, "\x60\x00\x43\x21");
        }
        stack_fixture_pass_ms(&fixture, 100000);
        wire_expect_nothing(&fixture.wire);
        stack_fixture_stop(&fixture);
    }
}

/* What time runs out, when, and what the text then says was waited for. */
struct timeout_case {
    uint32_t timeout_ms;
    bool non_confirmable, is_acknowledged, is_queued;
    uint64_t minimum_ms, maximum_ms;
    const char *text;
};

static const struct timeout_case timeout_cases[] = {
    {0, false, false, false, 62000, 93000, "did not acknowledge"},
    {0, false, true, false, 93000, 93000, "it was acknowledged, but no response came"},
    {0, true, false, false, 93000, 93000, "non-confirmable"},
    {5000, false, false, false, 5000, 5000, "not acknowledged"},
    {5000, false, true, false, 5000, 5000, "it was acknowledged, but no response came"},
    {5000, true, false, false, 5000, 5000, "non-confirmable"},
    {5000, false, false, true, 5000, 5000, "NSTART"},
    {1, false, false, false, 1, 1, "0.001 s"},
    {200000, false, true, false, 200000, 200000, "200.000 s"}, /* longer than the layer's own time */
};

static void timeouts_say_what_was_waited_for(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof timeout_cases / sizeof *timeout_cases; i++) {
        const struct timeout_case *given = &timeout_cases[i];
        struct stack_fixture fixture;
        struct asked asked, before;
        stack_fixture_start(&fixture, NULL);
        struct coax_remote *remote = stack_fixture_remote(&fixture, client_path(9));
        if (given->is_queued) {
            ask(&fixture, &before, remote);
        }
        (void)asked_make(&fixture, &asked);
        coax_request_set_timeout(asked.request, given->timeout_ms);
        coax_request_set_non_confirmable(asked.request, given->non_confirmable);
        coax_instant start = fixture.now;
        assert_int_equal(asked_send(&asked, remote), COAX_OK);
        if (given->is_acknowledged) {
            answer(&fixture, client_path(9), wire_next(&fixture.wire), COAX_ACK, 0, COAX_EMPTY, "");
        }
        stack_fixture_pass_ms(&fixture, 1000000);
        assert_int_equal(asked.callbacks, 1);
        assert_int_equal(asked.error.status, COAX_E_TIMEOUT);
        assert_in_range((asked.when - start) / COAX_MILLISECOND, given->minimum_ms, given->maximum_ms);
        assert_non_null(strstr(asked.error.text, given->text));
        assert_non_null(strstr(asked.error.text, "GET /t"));
        stack_fixture_stop(&fixture);
    }
}

/* Before it has a remote its owner says what is going on. */
static void a_timeout_before_sending_names_the_owners_reason(void **state) {
    (void)state;
    for (int named = 0; named < 2; named++) {
        struct stack_fixture fixture;
        struct asked asked;
        stack_fixture_start(&fixture, NULL);
        coax_request_set_timeout(asked_make(&fixture, &asked), 3000);
        asked.request->waiting_for = named != 0 ? "the name was being looked up" : NULL;
        assert_int_equal(coax_request_start(asked.request, asked_ended, &asked, NULL), COAX_OK);
        stack_fixture_pass_ms(&fixture, 3000);
        assert_int_equal(asked.callbacks, 1);
        assert_non_null(strstr(asked.error.text, named != 0 ? "looked up" : "not sent yet"));
        stack_fixture_stop(&fixture);
    }
}

static void a_reset_fails_the_request(void **state) {
    (void)state;
    for (int non = 0; non < 2; non++) {
        struct stack_fixture fixture;
        struct asked asked;
        stack_fixture_start(&fixture, NULL);
        coax_request_set_non_confirmable(asked_make(&fixture, &asked), non != 0);
        assert_int_equal(asked_send(&asked, stack_fixture_remote(&fixture, client_path(9))), COAX_OK);
        answer(&fixture, client_path(9), wire_next(&fixture.wire), COAX_RST, 0, COAX_EMPTY, "");
        assert_int_equal(asked.callbacks, 1);
        assert_int_equal(asked.error.status, COAX_E_RESET);
        stack_fixture_stop(&fixture);
    }
}

/* RFC 7252 section 5.4.1: a critical option that is not understood makes the response worthless. */
static void unknown_critical_options_reject_the_response(void **state) {
    (void)state;
    static const struct {
        const char *options;
        size_t size;
        const char *named;
    } cases[] = {
        {"\xe1\x00\x20\x01", 4, "301"}, /* 269 + 32: odd and unknown */
        {"\x91\x01", 2, "OSCORE"},      /* known, and not done */
        {"\xd1\x12\x08", 3, "Q-Block2"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        for (unsigned type = COAX_CON; type <= COAX_ACK; type++) {
            struct stack_fixture fixture;
            struct asked asked;
            stack_fixture_start(&fixture, NULL);
            ask(&fixture, &asked, stack_fixture_remote(&fixture, client_path(9)));
            answer_with(&fixture, client_path(9), wire_next(&fixture.wire), (enum coax_type)type, 0x4321, COAX_CONTENT,
                        bytes_of(cases[i].options, cases[i].size), "x");
            assert_int_equal(asked.callbacks, 1);
            assert_int_equal(asked.error.status, COAX_E_OPTION);
            assert_non_null(strstr(asked.error.text, cases[i].named));
            if (type == COAX_CON) {
                WIRE_EXPECT(&fixture.wire, "\x70\x00\x43\x21");
            }
            stack_fixture_pass_ms(&fixture, 100000);
            wire_expect_nothing(&fixture.wire);
            stack_fixture_stop(&fixture);
        }
    }
}

static void elective_options_do_no_harm(void **state) {
    (void)state;
    struct stack_fixture fixture;
    struct asked asked;
    stack_fixture_start(&fixture, NULL);
    ask(&fixture, &asked, stack_fixture_remote(&fixture, client_path(9)));
    answer_with(&fixture, client_path(9), wire_next(&fixture.wire), COAX_ACK, 0, COAX_CONTENT,
                bytes_of("\xe1\x00\x21\x01", 4), "x"); /* 302 */
    assert_int_equal(asked.code, COAX_CONTENT);
    stack_fixture_stop(&fixture);
}

static void settings_end_with_sending(void **state) {
    (void)state;
    struct stack_fixture fixture;
    struct asked asked;
    coax_error error;
    stack_fixture_start(&fixture, NULL);
    (void)asked_make(&fixture, &asked);
    assert_int_equal(coax_request_set_token(asked.request, "123456789", 9), COAX_E_TOO_LARGE);
    assert_int_equal(coax_request_set_token(asked.request, "abc", 3), COAX_OK);
    assert_int_equal(coax_request_set_payload(asked.request, COAX_FORMAT_JSON, "{}", 2), COAX_OK);
    assert_int_equal(coax_request_set_payload(asked.request, COAX_FORMAT_TEXT, "text", 4), COAX_OK); /* instead */
    assert_int_equal(coax_request_set_payload(asked.request, COAX_NO_FORMAT, NULL, 8388609), COAX_E_TOO_LARGE);
    assert_int_equal(coax_request_add_option_uint(asked.request, COAX_OPTION_ACCEPT, 60), COAX_OK);
    assert_int_equal(asked_send(&asked, stack_fixture_remote(&fixture, client_path(9))), COAX_OK);
    const struct wire_datagram *sent = wire_next(&fixture.wire);
    static const uint8_t expected[] = {'a', 'b', 'c', 0xb1, 't', 0x10, 0x51, 60, 0xff, 't', 'e', 'x', 't'};
    assert_int_equal(sent->size, 4 + sizeof expected);
    assert_int_equal(sent->data[0], 0x43);
    assert_memory_equal(sent->data + 4, expected, sizeof expected);
    assert_int_equal(coax_request_set_token(asked.request, "x", 1), COAX_E_STATE);
    assert_int_equal(coax_request_set_payload(asked.request, COAX_NO_FORMAT, "x", 1), COAX_E_STATE);
    assert_int_equal(coax_request_add_option(asked.request, COAX_OPTION_URI_PATH, "x", 1), COAX_E_STATE);
    assert_int_equal(coax_request_add_option_uint(asked.request, COAX_OPTION_ACCEPT, 0), COAX_E_STATE);
    assert_int_equal(coax_request_start(asked.request, asked_ended, &asked, &error), COAX_E_STATE);
    coax_request_set_timeout(asked.request, 1);
    coax_request_set_non_confirmable(asked.request, true);
    stack_fixture_pass_ms(&fixture, 1000);
    assert_int_equal(asked.callbacks, 0);
    answer(&fixture, client_path(9), sent, COAX_ACK, 0, COAX_CONTENT, "");
    assert_int_equal(asked.code, COAX_CONTENT);
    stack_fixture_stop(&fixture);
}

static void options_have_a_bound(void **state) {
    (void)state;
    struct stack_fixture fixture;
    struct asked asked;
    char value[256];
    memset(value, 'x', sizeof value);
    stack_fixture_start(&fixture, NULL);
    struct coax_request *request = asked_make(&fixture, &asked);
    size_t before = request->options.size;
    assert_int_equal(coax_request_add_option(request, COAX_OPTION_URI_PATH, value, 256), COAX_E_TOO_LARGE);
    assert_int_equal(request->options.size, before);
    int added = 0;
    while (coax_request_add_option(request, COAX_OPTION_URI_QUERY, value, 255) == COAX_OK) {
        added++;
    }
    assert_int_equal(added, 7); /* of 258 bytes or so each, in 2048 */
    assert_true(request->options.size <= REQUEST_OPTIONS_MAXIMUM);
    coax_request_cancel(request);
    stack_fixture_stop(&fixture);
}

/* A request whose options alone are larger than a message is refused when sent, and still the caller's. */
static void too_large_a_request_is_still_the_callers(void **state) {
    (void)state;
    char segment[200];
    struct stack_fixture fixture;
    struct asked asked;
    coax_error error;
    coax_endpoint_config config = COAX_ENDPOINT_CONFIG_INIT;
    config.max_message_size = 128;
    memset(segment, 's', sizeof segment);
    stack_fixture_start(&fixture, &config);
    struct coax_remote *remote = stack_fixture_remote(&fixture, client_path(9));
    struct coax_request *request = asked_make(&fixture, &asked);
    assert_int_equal(coax_request_add_option(request, COAX_OPTION_URI_QUERY, segment, sizeof segment), COAX_OK);
    assert_int_equal(coax_request_set_payload(request, COAX_NO_FORMAT, segment, sizeof segment), COAX_OK);
    assert_int_equal(coax_request_start(request, asked_ended, &asked, NULL), COAX_OK);
    assert_int_equal(coax_request_submit(request, remote, &error), COAX_E_TOO_LARGE);
    assert_true(list_is_empty(&remote->requests));
    coax_request_unstart(request);
    assert_int_equal(fixture.stack->requests.request_count, 0);
    coax_option_erase(&request->options, COAX_OPTION_URI_QUERY);
    assert_int_equal(coax_request_set_payload(request, COAX_NO_FORMAT, segment, 10), COAX_OK); /* try again, smaller */
    assert_int_equal(asked_send(&asked, remote), COAX_OK);
    answer(&fixture, client_path(9), wire_next(&fixture.wire), COAX_ACK, 0, COAX_CHANGED, "");
    assert_int_equal(asked.callbacks, 1);
    stack_fixture_stop(&fixture);
}

static void cancelled_requests_say_nothing_more(void **state) {
    (void)state;
    enum { NEW, STARTED, SENT, QUEUED, ACKNOWLEDGED, CASES };
    for (int stage = 0; stage < CASES; stage++) {
        struct stack_fixture fixture;
        struct asked asked, first;
        stack_fixture_start(&fixture, NULL);
        struct coax_remote *remote = stack_fixture_remote(&fixture, client_path(9));
        if (stage == QUEUED) {
            ask(&fixture, &first, remote);
        }
        (void)asked_make(&fixture, &asked);
        if (stage >= STARTED) {
            assert_int_equal(coax_request_start(asked.request, asked_ended, &asked, NULL), COAX_OK);
        }
        if (stage >= SENT) {
            assert_int_equal(coax_request_submit(asked.request, remote, NULL), COAX_OK);
        }
        const struct wire_datagram *sent = stage >= SENT ? &fixture.wire.datagrams[0] : NULL;
        if (stage == ACKNOWLEDGED) {
            answer(&fixture, client_path(9), sent, COAX_ACK, 0, COAX_EMPTY, "");
        }
        coax_request_cancel(asked.request);
        unsigned before = fixture.wire.sent;
        if (stage == SENT || stage == ACKNOWLEDGED) { /* nobody waits any more */
            answer(&fixture, client_path(9), sent, COAX_CON, 0x4321, COAX_CONTENT, "");
            assert_memory_equal(fixture.wire.datagrams[before].data, "\x70\x00\x43\x21", 4);
            before++;
        }
        stack_fixture_pass_ms(&fixture, 1900);
        assert_int_equal(fixture.wire.sent, before);
        assert_int_equal(asked.callbacks, 0);
        assert_int_equal(fixture.stack->requests.request_count, stage == QUEUED ? 1 : 0);
        stack_fixture_stop(&fixture);
        assert_int_equal(asked.callbacks, 0);
    }
    coax_request_cancel(NULL);
}

static void cancel_itself(struct asked *asked) {
    coax_request_cancel(asked->request);
}

static void cancel_the_other(struct asked *asked) {
    struct asked *other = asked->then_user;
    coax_request_cancel(other->request);
    other->request = NULL;
}

static void ask_again(struct asked *asked) {
    ask(asked->fixture, asked->then_user, coax_request_remote(asked->request));
}

static void inside_its_callback_a_request_may_be_cancelled(void **state) {
    (void)state;
    for (int failing = 0; failing < 2; failing++) {
        struct stack_fixture fixture;
        struct asked asked, other;
        stack_fixture_start(&fixture, NULL);
        struct coax_remote *remote = stack_fixture_remote(&fixture, client_path(9));
        ask(&fixture, &asked, remote);
        ask(&fixture, &other, remote);
        asked.then = failing != 0 ? cancel_the_other : cancel_itself;
        asked.then_user = &other;
        answer(&fixture, client_path(9), wire_next(&fixture.wire), COAX_ACK, 0, COAX_CONTENT, "");
        assert_int_equal(asked.callbacks, 1);
        stack_fixture_pass_ms(&fixture, 1000000);
        assert_int_equal(other.callbacks, failing != 0 ? 0 : 1);
        assert_int_equal(fixture.stack->requests.request_count, 0);
        stack_fixture_stop(&fixture);
    }
}

static void requests_may_be_sent_inside_callbacks(void **state) {
    (void)state;
    enum { CHAIN = 20 };
    struct stack_fixture fixture;
    struct asked chain[CHAIN + 1];
    stack_fixture_start(&fixture, NULL);
    ask(&fixture, &chain[0], stack_fixture_remote(&fixture, client_path(9)));
    for (int i = 0; i < CHAIN; i++) {
        chain[i].then = ask_again;
        chain[i].then_user = &chain[i + 1];
        enum coax_type type = i % 3 == 0 ? COAX_RST : COAX_ACK;
        answer(&fixture, client_path(9), wire_next(&fixture.wire), type, 0,
               type == COAX_RST ? COAX_EMPTY : COAX_CONTENT, "");
        assert_int_equal(chain[i].callbacks, 1);
    }
    coax_request_cancel(chain[CHAIN].request);
    assert_int_equal(fixture.stack->requests.request_count, 0);
    stack_fixture_stop(&fixture);
}

/* RFC 7967: who wants no response need not listen for one. */
static void requests_without_a_callback(void **state) {
    (void)state;
    for (int non = 0; non < 2; non++) {
        struct stack_fixture fixture;
        struct asked asked;
        coax_error error;
        stack_fixture_start(&fixture, NULL);
        struct coax_request *request = asked_make(&fixture, &asked);
        coax_request_set_non_confirmable(request, non != 0);
        assert_int_equal(coax_request_start(request, NULL, NULL, &error), COAX_E_INVALID);
        assert_int_equal(coax_request_add_option_uint(request, COAX_OPTION_NO_RESPONSE, 26), COAX_OK);
        assert_int_equal(coax_request_start(request, NULL, NULL, NULL), COAX_OK);
        assert_int_equal(coax_request_submit(request, stack_fixture_remote(&fixture, client_path(9)), NULL), COAX_OK);
        if (non == 0) {
            answer(&fixture, client_path(9), wire_next(&fixture.wire), COAX_ACK, 0, COAX_EMPTY, "");
        } else {
            stack_fixture_pass_ms(&fixture, 93000);
        }
        assert_int_equal(fixture.stack->requests.request_count, 0);
        stack_fixture_stop(&fixture);
    }
}

/* An Empty message, without a token; several at once are told apart by their IDs. */
static void pings_end_by_their_resets(void **state) {
    (void)state;
    struct stack_fixture fixture;
    struct asked asked[3];
    stack_fixture_start(&fixture, NULL);
    for (unsigned i = 0; i < 3; i++) {
        asked[i] = (struct asked){.fixture = &fixture};
        asked[i].request = coax_request_create(&fixture.stack->requests, COAX_EMPTY, "coap://10.0.0.9");
        assert_int_equal(coax_request_set_token(asked[i].request, NULL, 0), COAX_OK);
        assert_int_equal(asked_send(&asked[i], stack_fixture_remote(&fixture, client_path(i == 2 ? 8 : 9))), COAX_OK);
    }
    const struct wire_datagram *sent[3] = {wire_next(&fixture.wire), wire_next(&fixture.wire), NULL};
    assert_non_null(sent[0]);
    assert_int_equal(sent[0]->size, 4);
    STACK_RECEIVE(&fixture, client_path(9), "\x50\x45\x00\x01"); /* a response with an empty token is no answer */
    assert_int_equal(asked[0].callbacks + asked[1].callbacks, 0);
    answer(&fixture, client_path(9), sent[0], COAX_RST, 0, COAX_EMPTY, "");
    assert_int_equal(asked[0].error.status, COAX_E_RESET);
    assert_int_equal(asked[1].callbacks + asked[2].callbacks, 0);
    sent[2] = wire_next(&fixture.wire);
    answer(&fixture, client_path(9), sent[2], COAX_RST, 0, COAX_EMPTY, "");
    answer(&fixture, client_path(8), sent[1], COAX_RST, 0, COAX_EMPTY, "");
    assert_int_equal(asked[1].error.status, COAX_E_RESET);
    assert_int_equal(asked[2].error.status, COAX_E_RESET);
    stack_fixture_stop(&fixture);
}

struct owner {
    struct coax_remote *next;
    unsigned recovered, released;
};

static bool recover(struct coax_request *request, const coax_error *error) {
    struct owner *owner = request->owner;
    assert_int_equal(error->status, COAX_E_REFUSED);
    struct coax_remote *next = owner->next;
    owner->next = NULL;
    owner->recovered++;
    return next != NULL && coax_request_submit(request, next, NULL) == COAX_OK;
}

static void count_release(struct coax_request *request) {
    ((struct owner *)request->owner)->released++;
}

static void an_owner_may_try_another_address(void **state) {
    (void)state;
    static const coax_error refused = {COAX_E_REFUSED, -1, "nobody listens there"};
    for (int answers = 0; answers < 2; answers++) {
        struct stack_fixture fixture;
        struct asked asked;
        stack_fixture_start(&fixture, NULL);
        struct owner owner = {.next = stack_fixture_remote(&fixture, client_path(8))};
        (void)asked_make(&fixture, &asked);
        asked.request->owner = &owner;
        asked.request->recover = recover;
        asked.request->release = count_release;
        assert_int_equal(asked_send(&asked, stack_fixture_remote(&fixture, client_path(9))), COAX_OK);
        struct path path = client_path(9);
        coax_stack_unreachable(fixture.stack, &path, &refused);
        assert_int_equal(asked.callbacks, 0);
        (void)wire_next(&fixture.wire);
        const struct wire_datagram *sent = wire_next(&fixture.wire);
        assert_int_equal(sent->path.remote.ip[15], 8);
        path = client_path(8);
        if (answers != 0) {
            answer(&fixture, path, sent, COAX_ACK, 0, COAX_CONTENT, "from another address");
        } else {
            coax_stack_unreachable(fixture.stack, &path, &refused);
        }
        assert_int_equal(owner.recovered, 2 - answers);
        assert_int_equal(owner.released, 1);
        assert_int_equal(asked.callbacks, 1);
        assert_int_equal(asked.code, answers != 0 ? COAX_CONTENT : 0);
        stack_fixture_stop(&fixture);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_piggybacked_response_completes),
        cmocka_unit_test(an_error_code_is_a_response),
        cmocka_unit_test(a_separate_response_completes),
        cmocka_unit_test(non_confirmable_both_ways),
        cmocka_unit_test(a_separate_response_may_be_of_the_other_type),
        cmocka_unit_test(timeouts_say_what_was_waited_for),
        cmocka_unit_test(a_timeout_before_sending_names_the_owners_reason),
        cmocka_unit_test(a_reset_fails_the_request),
        cmocka_unit_test(unknown_critical_options_reject_the_response),
        cmocka_unit_test(elective_options_do_no_harm),
        cmocka_unit_test(settings_end_with_sending),
        cmocka_unit_test(options_have_a_bound),
        cmocka_unit_test(too_large_a_request_is_still_the_callers),
        cmocka_unit_test(cancelled_requests_say_nothing_more),
        cmocka_unit_test(inside_its_callback_a_request_may_be_cancelled),
        cmocka_unit_test(requests_may_be_sent_inside_callbacks),
        cmocka_unit_test(requests_without_a_callback),
        cmocka_unit_test(pings_end_by_their_resets),
        cmocka_unit_test(an_owner_may_try_another_address),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
