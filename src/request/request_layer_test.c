/* The layer: matching by token and remote, bounds, what a lost remote and a shut-down do to requests and exchanges. */
#include "stack_fixture.h"
#include "transport/datagram/peer.h"

static const coax_error refused = {COAX_E_REFUSED, -1, "nobody listens there"};

/* RFC 7252 section 5.3.2: token and remote must match. */
static void responses_are_matched_by_token_and_remote(void **state) {
    (void)state;
    struct stack_fixture fixture;
    struct asked asked[2];
    stack_fixture_start(&fixture, NULL);
    ask(&fixture, &asked[0], stack_fixture_remote(&fixture, client_path(8)));
    ask(&fixture, &asked[1], stack_fixture_remote(&fixture, client_path(9)));
    const struct wire_datagram *first = wire_next(&fixture.wire), *second = wire_next(&fixture.wire);
    assert_memory_not_equal(first->data + 4, second->data + 4, 8); /* tokens are random */
    struct path other_port = client_path(8);
    other_port.remote.port++;
    struct path other_channel = client_path(8);
    other_channel.channel++;
    const struct path wrong[] = {client_path(9), other_port, other_channel};
    for (size_t i = 0; i < 3; i++) {
        answer(&fixture, wrong[i], first, COAX_CON, 0x4321, COAX_CONTENT, "forged");
        WIRE_EXPECT(&fixture.wire, "\x70\x00\x43\x21");
        answer(&fixture, wrong[i], first, COAX_NON, 0x4322, COAX_CONTENT, "forged");
        answer(&fixture, wrong[i], first, COAX_ACK, 0, COAX_CONTENT, "forged");
    }
    struct wire_datagram changed = *first;
    changed.data[11] ^= 1; /* one bit of the token */
    answer(&fixture, client_path(8), &changed, COAX_CON, 0x4323, COAX_CONTENT, "forged");
    WIRE_EXPECT(&fixture.wire, "\x70\x00\x43\x23");
    wire_expect_nothing(&fixture.wire);
    assert_int_equal(asked[0].callbacks + asked[1].callbacks, 0);
    answer(&fixture, client_path(9), second, COAX_CON, 0x4321, COAX_CONTENT, "two"); /* in any order */
    answer(&fixture, client_path(8), first, COAX_CON, 0x4324, COAX_CONTENT, "one");
    assert_string_equal(asked[0].payload, "one");
    assert_string_equal(asked[1].payload, "two");
    stack_fixture_stop(&fixture);
}

/* The acknowledgement is right, the token is not: the request waits on, but not for ever. */
static void a_piggybacked_response_with_a_foreign_token_ends_by_time(void **state) {
    (void)state;
    struct stack_fixture fixture;
    struct asked asked;
    stack_fixture_start(&fixture, NULL);
    ask(&fixture, &asked, stack_fixture_remote(&fixture, client_path(9)));
    struct wire_datagram changed = *wire_next(&fixture.wire);
    changed.data[4] ^= 1;
    answer(&fixture, client_path(9), &changed, COAX_ACK, 0, COAX_CONTENT, "forged");
    assert_int_equal(asked.callbacks, 0);
    stack_fixture_pass_ms(&fixture, 93000);
    assert_int_equal(asked.callbacks, 1);
    assert_int_equal(asked.error.status, COAX_E_TIMEOUT);
    assert_int_equal(fixture.wire.sent, 1);
    stack_fixture_stop(&fixture);
}

static void tokens_of_ones_own(void **state) {
    (void)state;
    struct stack_fixture fixture;
    struct asked asked[3];
    stack_fixture_start(&fixture, NULL);
    struct coax_remote *remote = stack_fixture_remote(&fixture, client_path(9));
    for (int i = 0; i < 3; i++) {
        assert_int_equal(coax_request_set_token(asked_make(&fixture, &asked[i]), "", 0), COAX_OK);
    }
    assert_int_equal(asked_send(&asked[0], remote), COAX_OK);
    assert_int_equal(asked_send(&asked[1], remote), COAX_E_EXISTS);
    assert_int_equal(asked_send(&asked[2], stack_fixture_remote(&fixture, client_path(8))), COAX_OK);
    const struct wire_datagram *sent = wire_next(&fixture.wire);
    assert_int_equal(sent->data[0], 0x40);
    answer(&fixture, client_path(8), wire_next(&fixture.wire), COAX_ACK, 0, COAX_CONTENT, "eight");
    answer(&fixture, client_path(9), sent, COAX_ACK, 0, COAX_CONTENT, "nine");
    assert_string_equal(asked[0].payload, "nine");
    assert_string_equal(asked[2].payload, "eight");
    assert_int_equal(coax_request_set_token(asked_make(&fixture, &asked[1]), "", 0), COAX_OK);
    assert_int_equal(asked_send(&asked[1], remote), COAX_OK); /* it is free again */
    coax_request_cancel(asked[1].request);
    stack_fixture_stop(&fixture);
}

static void requests_are_bounded(void **state) {
    (void)state;
    enum { MAXIMUM = 5 };
    coax_endpoint_config config = COAX_ENDPOINT_CONFIG_INIT;
    config.max_requests = MAXIMUM;
    struct stack_fixture fixture;
    struct asked asked[MAXIMUM], refused_one;
    stack_fixture_start(&fixture, &config);
    for (int i = 0; i < MAXIMUM; i++) {
        ask(&fixture, &asked[i], stack_fixture_remote(&fixture, client_path((uint8_t)(i + 1))));
    }
    (void)asked_make(&fixture, &refused_one); /* making is not sending */
    assert_int_equal(asked_send(&refused_one, stack_fixture_remote(&fixture, client_path(9))), COAX_E_LIMIT);
    assert_non_null(strstr(refused_one.error.text, "max_requests"));
    assert_int_equal(refused_one.callbacks, 0);
    coax_request_cancel(asked[2].request);
    ask(&fixture, &asked[2], stack_fixture_remote(&fixture, client_path(9)));
    stack_fixture_stop(&fixture);
    for (int i = 0; i < MAXIMUM; i++) {
        assert_int_equal(asked[i].callbacks, 1);
    }
}

static void a_refused_queue_leaves_nothing_behind(void **state) {
    (void)state;
    coax_endpoint_config config = COAX_ENDPOINT_CONFIG_INIT;
    config.max_queue_per_peer = 1;
    struct stack_fixture fixture;
    struct asked asked[3];
    stack_fixture_start(&fixture, &config);
    struct coax_remote *remote = stack_fixture_remote(&fixture, client_path(9));
    ask(&fixture, &asked[0], remote);
    ask(&fixture, &asked[1], remote);
    for (int i = 0; i < 3; i++) {
        (void)asked_make(&fixture, &asked[2]);
        assert_int_equal(asked_send(&asked[2], remote), COAX_E_LIMIT);
        assert_int_equal(asked[2].callbacks, 0);
    }
    assert_int_equal(fixture.stack->requests.waiting.count, 2);
    assert_int_equal(remote->references, 2);
    stack_fixture_stop(&fixture);
}

/* What an ICMP error does: all requests to that remote fail once, no others do. */
static void an_unreachable_remote_fails_all_its_requests(void **state) {
    (void)state;
    enum { COUNT = 6 };
    struct stack_fixture fixture;
    struct asked asked[COUNT], other;
    stack_fixture_start(&fixture, NULL);
    struct coax_remote *remote = stack_fixture_remote(&fixture, client_path(9));
    for (int i = 0; i < COUNT; i++) {
        coax_request_set_non_confirmable(asked_make(&fixture, &asked[i]), i % 3 == 2);
        assert_int_equal(asked_send(&asked[i], remote), COAX_OK);
    }
    answer(&fixture, client_path(9), &fixture.wire.datagrams[0], COAX_ACK, 0, COAX_EMPTY, ""); /* one is acknowledged */
    ask(&fixture, &other, stack_fixture_remote(&fixture, client_path(8)));
    struct path path = client_path(9);
    coax_stack_unreachable(fixture.stack, &path, &refused);
    coax_stack_unreachable(fixture.stack, &path, &refused);
    for (int i = 0; i < COUNT; i++) {
        assert_int_equal(asked[i].callbacks, 1);
        assert_int_equal(asked[i].error.status, COAX_E_REFUSED);
        assert_non_null(strstr(asked[i].error.text, "GET /t: nobody listens there"));
    }
    assert_int_equal(other.callbacks, 0);
    unsigned sent = fixture.wire.sent;
    coax_request_cancel(other.request);
    stack_fixture_pass_ms(&fixture, 1000000);
    assert_int_equal(fixture.wire.sent, sent);
    stack_fixture_stop(&fixture);
}

static void cancel_others(struct asked *asked) {
    struct asked *all = asked->then_user;
    for (int i = 0; i < 4; i++) {
        if (&all[i] != asked && all[i].callbacks == 0) {
            coax_request_cancel(all[i].request);
            all[i].request = NULL;
        }
    }
}

static void ask_anew(struct asked *asked) {
    struct asked *again = asked->then_user;
    ask(asked->fixture, again, coax_request_remote(asked->request));
}

/* Callbacks while a remote is lost may cancel the requests that are about to fail, and send new ones. */
static void callbacks_of_a_lost_remote_may_do_anything(void **state) {
    (void)state;
    struct stack_fixture fixture;
    struct asked asked[4], again;
    stack_fixture_start(&fixture, NULL);
    struct path path = client_path(9);
    struct coax_remote *remote = stack_fixture_remote(&fixture, path);
    for (int i = 0; i < 4; i++) {
        ask(&fixture, &asked[i], remote);
        asked[i].then = cancel_others;
        asked[i].then_user = asked;
    }
    coax_stack_unreachable(fixture.stack, &path, &refused);
    assert_int_equal(asked[0].callbacks, 1);
    assert_int_equal(asked[1].callbacks + asked[2].callbacks + asked[3].callbacks, 0);
    assert_int_equal(fixture.stack->requests.request_count, 0);
    for (int i = 0; i < 2; i++) {
        ask(&fixture, &asked[i], remote);
    }
    asked[0].then = ask_anew;
    asked[0].then_user = &again;
    coax_stack_unreachable(fixture.stack, &path, &refused);
    assert_int_equal(asked[0].callbacks + asked[1].callbacks, 2);
    assert_int_equal(again.callbacks, 0); /* it is not of those that failed */
    stack_fixture_pass_ms(&fixture, 100000);
    assert_int_equal(again.callbacks, 1); /* and is repeated and given up as any other */
    assert_int_equal(again.error.status, COAX_E_TIMEOUT);
    assert_int_equal(fixture.wire.sent, 1 + 1 + 5);
    stack_fixture_stop(&fixture);
}

static unsigned rounds;

/* Asks again and again, as a program that does not give up. */
static void ask_for_ever(coax_request *request, const coax_message *response, const coax_error *error, void *user) {
    struct stack_fixture *fixture = user;
    (void)response;
    rounds++;
    if (error->status == COAX_E_REFUSED) { /* not when the endpoint ends */
        struct coax_request *again = coax_request_create(&fixture->stack->requests, COAX_GET, "/t");
        assert_int_equal(coax_request_start(again, ask_for_ever, user, NULL), COAX_OK);
        assert_int_equal(coax_request_submit(again, coax_request_remote(request), NULL), COAX_OK);
    }
}

static void asking_again_inside_the_error_is_no_endless_loop(void **state) {
    (void)state;
    struct stack_fixture fixture;
    struct path path = client_path(9);
    stack_fixture_start(&fixture, NULL);
    rounds = 0;
    for (int i = 0; i < 2; i++) {
        struct coax_request *request = coax_request_create(&fixture.stack->requests, COAX_GET, "/t");
        assert_int_equal(coax_request_start(request, ask_for_ever, &fixture, NULL), COAX_OK);
        assert_int_equal(coax_request_submit(request, stack_fixture_remote(&fixture, path), NULL), COAX_OK);
    }
    for (unsigned round = 1; round <= 3; round++) {
        coax_stack_unreachable(fixture.stack, &path, &refused);
        assert_int_equal(rounds, 2 * round);
        assert_int_equal(fixture.stack->requests.request_count, 2);
    }
    stack_fixture_stop(&fixture);
    assert_int_equal(rounds, 8);
}

static void try_again_while_shutting_down(struct asked *asked) {
    struct asked *again = asked->then_user;
    (void)asked_make(asked->fixture, again);
    again->callbacks = 100;
    assert_int_equal(asked_send(again, coax_request_remote(asked->request)), COAX_E_SHUT_DOWN);
}

static void shutting_down_fails_everything(void **state) {
    (void)state;
    struct stack_fixture fixture;
    struct asked sent, queued, unsent, again = {.callbacks = 0};
    stack_fixture_start(&fixture, NULL);
    struct coax_remote *remote = stack_fixture_remote(&fixture, client_path(9));
    ask(&fixture, &sent, remote);
    ask(&fixture, &queued, remote);
    (void)asked_make(&fixture, &unsent);
    assert_int_equal(coax_request_start(unsent.request, asked_ended, &unsent, NULL), COAX_OK);
    sent.then = try_again_while_shutting_down;
    sent.then_user = &again;
    stack_fixture_stop(&fixture);
    struct asked *const all[] = {&sent, &queued, &unsent};
    for (int i = 0; i < 3; i++) {
        assert_int_equal(all[i]->callbacks, 1);
        assert_int_equal(all[i]->error.status, COAX_E_SHUT_DOWN);
    }
    assert_int_equal(again.callbacks, 100);
    assert_int_equal(fixture.wire.sent, 1);
}

/* RFC 7252 section 8: a request to a group is answered by a member, whose address is another one. */
static void a_member_of_the_group_answers(void **state) {
    (void)state;
    struct stack_fixture fixture;
    struct asked asked;
    stack_fixture_start(&fixture, NULL);
    struct path group = client_path(9);
    group.remote = coax_address_ip4(224, 0, 1, 187, 5683);
    struct coax_remote *remote = stack_fixture_remote(&fixture, group);
    (void)asked_make(&fixture, &asked);
    assert_int_equal(asked_send(&asked, remote), COAX_E_INVALID);
    coax_request_set_non_confirmable(asked_make(&fixture, &asked), true);
    assert_int_equal(asked_send(&asked, remote), COAX_OK);
    const struct wire_datagram *sent = wire_next(&fixture.wire);
    struct wire_datagram changed = *sent;
    changed.data[4] ^= 1;
    answer(&fixture, client_path(7), &changed, COAX_NON, 1, COAX_CONTENT, "nobody's");
    assert_int_equal(asked.callbacks, 0);
    answer(&fixture, client_path(7), sent, COAX_NON, 2, COAX_CONTENT, "seven");
    answer(&fixture, client_path(6), sent, COAX_NON, 2, COAX_CONTENT, "six"); /* the first one counts */
    assert_int_equal(asked.callbacks, 1);
    assert_string_equal(asked.payload, "seven");
    assert_int_equal(asked.remote->address.ip[15], 7);
    wire_expect_nothing(&fixture.wire);
    assert_int_equal(remote->references, 0);
    stack_fixture_stop(&fixture);
}

static void requests_go_on_past_65536_messages(void **state) {
    (void)state;
    struct stack_fixture fixture;
    stack_fixture_start(&fixture, NULL);
    for (unsigned i = 0; i < 66000; i++) {
        struct asked asked;
        ask(&fixture, &asked, stack_fixture_remote(&fixture, client_path(9)));
        answer(&fixture, client_path(9), wire_next(&fixture.wire), COAX_ACK, 0, COAX_CONTENT, "x");
        assert_int_equal(asked.code, COAX_CONTENT);
        stack_fixture_pass_ms(&fixture, 1);
    }
    assert_int_equal(fixture.wire.sent, 66000);
    stack_fixture_stop(&fixture);
}

static coax_exchange *deferred;

static void defer(coax_exchange *exchange, const coax_message *request, void *user) {
    (void)request;
    (void)user;
    deferred = coax_exchange_defer(exchange);
}

/* The peer is gone, the exchange is still its owner's: answering it frees it, and says so. */
static void exchanges_outlive_their_remote(void **state) {
    (void)state;
    struct stack_fixture fixture;
    stack_fixture_start(&fixture, NULL);
    coax_resource_config config = COAX_RESOURCE_CONFIG_INIT;
    config.get = defer;
    assert_non_null(coax_site_add(fixture.stack->site, "t", &config, NULL));
    STACK_RECEIVE(&fixture, server_path(9), "\x41\x01\x12\x34\x7a\xb1t");
    assert_non_null(deferred);
    coax_remote *remote = coax_exchange_remote(deferred);
    coax_peer_end(COAX_CONTAINER(remote, struct peer, remote), &refused);
    assert_true(remote->is_gone);
    assert_ptr_equal(coax_exchange_remote(deferred), remote);
    assert_int_equal(coax_exchange_add_option_uint(deferred, COAX_OPTION_MAX_AGE, 1), COAX_OK);
    assert_int_equal(coax_respond(deferred, COAX_CONTENT, COAX_FORMAT_TEXT, "x", 1), COAX_E_DROPPED);
    assert_int_equal(fixture.stack->requests.exchanges.in_use, 0);
    assert_int_equal(fixture.stack->datagrams.peer_pool.in_use, 0);
    stack_fixture_pass_ms(&fixture, 1000);
    assert_int_equal(fixture.wire.sent, 0);
    stack_fixture_stop(&fixture);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(responses_are_matched_by_token_and_remote),
        cmocka_unit_test(a_piggybacked_response_with_a_foreign_token_ends_by_time),
        cmocka_unit_test(tokens_of_ones_own),
        cmocka_unit_test(requests_are_bounded),
        cmocka_unit_test(a_refused_queue_leaves_nothing_behind),
        cmocka_unit_test(an_unreachable_remote_fails_all_its_requests),
        cmocka_unit_test(callbacks_of_a_lost_remote_may_do_anything),
        cmocka_unit_test(asking_again_inside_the_error_is_no_endless_loop),
        cmocka_unit_test(shutting_down_fails_everything),
        cmocka_unit_test(a_member_of_the_group_answers),
        cmocka_unit_test(requests_go_on_past_65536_messages),
        cmocka_unit_test(exchanges_outlive_their_remote),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
