/* The server's side of observing (RFC 7641 section 4): who is told what, when, and who is forgotten. */
#include "request/observers.h"

#include "serve_fixture.h"

enum { REGISTER = 1, DEREGISTER = 2 };

static uint32_t observe_of(const struct coax_message *message) {
    return (uint32_t)coax_message_option_uint(message, COAX_OPTION_OBSERVE, UINT32_MAX);
}

/* The sequence number of the answer; UINT32_MAX if it says that nobody observes. */
static uint32_t observe(struct served *served, struct ask ask) {
    ask.code = ask.code == 0 ? COAX_GET : ask.code;
    ask.observe = ask.observe == 0 ? REGISTER : ask.observe;
    struct coax_message response = served_ask(served, ask);
    assert_int_equal(coax_code_class(response.code), 2);
    return observe_of(&response);
}

/* Time for what is due now, and no more. */
static void turn(struct served *served) {
    for (int i = 0; i < 4; i++) {
        stack_fixture_pass_ms(&served->fixture, 0);
    }
}

static void change(struct served *served) {
    coax_resource_changed(served->resource);
    turn(served);
}

static struct coax_message expect_notification(struct served *served, enum coax_type type) {
    struct coax_message message = wire_expect_message(&served->fixture.wire);
    assert_int_equal(message.type, type);
    assert_int_equal(message.code, COAX_CONTENT);
    assert_int_not_equal(observe_of(&message), UINT32_MAX);
    return message;
}

static void answer_to(struct served *served, const struct coax_message *message, enum coax_type type, uint8_t client) {
    const uint8_t bytes[] = {(uint8_t)(0x40 | type << 4), 0, (uint8_t)(message->id >> 8), (uint8_t)message->id};
    stack_fixture_receive(&served->fixture, server_path(client), bytes, sizeof bytes);
}

static void acknowledge(struct served *served, const struct coax_message *message) {
    answer_to(served, message, COAX_ACK, 7);
    turn(served);
}

static size_t observers(const struct served *served) {
    assert_int_equal(served->fixture.stack->requests.observer_count, coax_resource_observer_count(served->resource));
    return coax_resource_observer_count(served->resource);
}

/* Section 1.3, figure 1 */
static void an_observer_is_told_of_each_change(void **state) {
    struct served *served = *state;
    uint32_t last = observe(served, ASK(.token = "ob"));
    assert_int_equal(observers(served), 1);
    for (size_t i = 1; i < 10; i++) {
        served->data_size = i;
        change(served);
        struct coax_message message = expect_notification(served, COAX_CON);
        assert_int_equal(message.token.size, 2);
        assert_memory_equal(message.token.data, "ob", 2);
        assert_int_equal(message.payload.size, i);
        assert_int_equal(coax_message_content_format(&message), COAX_FORMAT_TEXT);
        assert_int_equal(observe_of(&message), (last + 1) & 0xffffff);
        last = observe_of(&message);
        acknowledge(served, &message);
    }
    wire_expect_nothing(&served->fixture.wire);
    assert_int_equal(served->handled, 10);
}

/* Section 4.5.2: the state of now, once, however often it changed meanwhile. */
static void a_slow_observer_gets_the_latest_state(void **state) {
    struct served *served = *state;
    (void)observe(served, ASK(.token = "ob"));
    change(served);
    struct coax_message first = expect_notification(served, COAX_CON);
    for (size_t i = 1; i < 50; i++) {
        served->data_size = i;
        change(served);
    }
    wire_expect_nothing(&served->fixture.wire);
    acknowledge(served, &first);
    struct coax_message next = expect_notification(served, COAX_CON);
    assert_int_equal(next.payload.size, 49);
    acknowledge(served, &next);
    wire_expect_nothing(&served->fixture.wire);
    assert_int_equal(served->handled, 3);
    coax_resource_changed(served->resource); /* together, they are one */
    coax_resource_changed(served->resource);
    turn(served);
    (void)expect_notification(served, COAX_CON);
    wire_expect_nothing(&served->fixture.wire);
}

static void an_observer_is_forgotten(void **state) {
    struct served *served = *state;
    enum { BY_REQUEST, BY_RESET, BY_SILENCE, BY_AN_ERROR, BY_THE_NETWORK, WAYS };
    for (int way = 0; way < WAYS; way++) {
        served->answer_code = COAX_CONTENT;
        (void)observe(served, ASK(.token = "ob"));
        assert_int_equal(observers(served), 1);
        if (way == BY_REQUEST) {
            assert_int_equal(observe(served, ASK(.token = "ob", .observe = DEREGISTER)), UINT32_MAX);
        } else if (way == BY_AN_ERROR) {
            served->answer_code = COAX_NOT_FOUND;
            change(served);
            struct coax_message message = wire_expect_message(&served->fixture.wire);
            assert_int_equal(message.code, COAX_NOT_FOUND);
            assert_int_equal(message.type, COAX_CON);
            assert_int_equal(observe_of(&message), UINT32_MAX);
            assert_memory_equal(message.token.data, "ob", 2);
            answer_to(served, &message, COAX_ACK, 7);
        } else {
            change(served);
            struct coax_message message = expect_notification(served, COAX_CON);
            if (way == BY_RESET) {
                answer_to(served, &message, COAX_RST, 7);
            } else if (way == BY_SILENCE) {
                stack_fixture_pass_ms(&served->fixture, 93001);
                for (int i = 0; i < 4; i++) {
                    (void)expect_notification(served, COAX_CON);
                }
            } else {
                const struct path path = server_path(7);
                const coax_error error = {.status = COAX_E_REFUSED};
                coax_stack_unreachable(served->fixture.stack, &path, &error);
            }
        }
        assert_int_equal(observers(served), 0);
        change(served);
        wire_expect_nothing(&served->fixture.wire);
    }
}

/* Section 4.1 */
static void registering_again_replaces(void **state) {
    struct served *served = *state;
    uint32_t first = observe(served, ASK(.token = "ob"));
    assert_int_equal(observe(served, ASK(.token = "ob")), first);
    assert_int_equal(observers(served), 1);
    (void)observe(served, ASK(.token = "b2"));
    (void)observe(served, ASK(.token = "ob", .client = 8));
    assert_int_equal(observers(served), 3);
    (void)observe(served, ASK(.token = "zz", .observe = DEREGISTER)); /* nobody's */
    assert_int_equal(observers(served), 3);
}

static void plain_requests_make_no_observer(void **state) {
    struct served *served = *state;
    assert_int_equal(observe(served, ASK(.observe = 3)), UINT32_MAX); /* Observe: 2 */
    assert_int_equal(observe(served, ASK(.code = COAX_PUT)), UINT32_MAX);
    served->answer_code = COAX_NOT_FOUND;
    struct coax_message refused = served_ask(served, ASK(.code = COAX_GET, .observe = REGISTER));
    assert_int_equal(refused.code, COAX_NOT_FOUND);
    assert_int_equal(observe_of(&refused), UINT32_MAX);
    struct coax_message core = served_ask(served, ASK(.code = COAX_GET, .below = "x", .observe = REGISTER));
    assert_int_equal(core.code, COAX_NOT_FOUND);
    assert_int_equal(observers(served), 0);
}

static void a_fetch_can_observe(void **state) {
    struct served *served = *state;
    (void)observe(served, ASK(.code = COAX_FETCH, .token = "ob", .size = 7));
    memset(served->got, 0, sizeof served->got);
    served->got_size = 0;
    change(served);
    struct coax_message message = expect_notification(served, COAX_CON);
    acknowledge(served, &message);
    assert_int_equal(served->code, COAX_FETCH); /* with what it asked */
    assert_int_equal(served->got_size, 7);
    assert_memory_equal(served->got, served->data, 7);
}

static void observers_have_their_bounds(void **state) {
    (void)state;
    struct served served;
    coax_endpoint_config config = COAX_ENDPOINT_CONFIG_INIT;
    config.max_observers = 3;
    config.max_observers_per_peer = 2;
    served_start(&served, &config, false);
    assert_int_not_equal(observe(&served, ASK(.token = "a")), UINT32_MAX);
    assert_int_not_equal(observe(&served, ASK(.token = "b")), UINT32_MAX);
    assert_int_equal(observe(&served, ASK(.token = "c")), UINT32_MAX);
    assert_int_not_equal(observe(&served, ASK(.token = "c", .client = 8)), UINT32_MAX);
    assert_int_equal(observe(&served, ASK(.token = "d", .client = 9)), UINT32_MAX);
    assert_int_not_equal(observe(&served, ASK(.token = "b")), UINT32_MAX); /* again */
    assert_int_equal(observers(&served), 3);
    (void)observe(&served, ASK(.token = "a", .observe = DEREGISTER));
    assert_int_not_equal(observe(&served, ASK(.token = "d", .client = 9)), UINT32_MAX);
    served_stop(&served);
}

/* Sections 4.5 and 4.5.1 */
static void non_confirmable_ones_are_spaced_and_confirmed_at_times(void **state) {
    struct served *served = *state;
    coax_resource_config resource = COAX_RESOURCE_CONFIG_INIT;
    coax_site_remove(served->fixture.stack->site, served->resource);
    resource.get = served_handler;
    resource.user = served;
    resource.observable = true;
    resource.confirm_every = 3;
    served->resource = coax_site_add(served->fixture.stack->site, "r", &resource, NULL);
    (void)observe(served, ASK(.token = "ob"));
    static const enum coax_type types[] = {COAX_NON, COAX_NON, COAX_CON, COAX_NON};
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        change(served);
        struct coax_message message = expect_notification(served, types[i]);
        if (types[i] == COAX_CON) {
            acknowledge(served, &message);
        } else {
            change(served);
            stack_fixture_pass_ms(&served->fixture, 2999);
            wire_expect_nothing(&served->fixture.wire); /* the change waits */
            served->data_size = i + 100;
            stack_fixture_pass_ms(&served->fixture, 1);
            turn(served);
            message = expect_notification(served, i == 1 ? COAX_CON : COAX_NON);
            assert_int_equal(message.payload.size, i + 100);
            if (i == 1) {
                acknowledge(served, &message);
            }
            break;
        }
    }
    stack_fixture_pass_ms(&served->fixture, 3000);
    stack_fixture_pass_ms(&served->fixture, UINT64_C(24) * 3600 * 1000);
    change(served);
    struct coax_message daily = expect_notification(served, COAX_CON); /* although the second in a row */
    acknowledge(served, &daily);
    change(served);
    struct coax_message last = expect_notification(served, COAX_NON);
    answer_to(served, &last, COAX_RST, 7);
    assert_int_equal(observers(served), 0);
}

static void a_state_for_all_is_told_without_asking(void **state) {
    struct served *served = *state;
    (void)observe(served, ASK(.token = "ob"));
    (void)observe(served, ASK(.token = "ob", .client = 8));
    unsigned handled = served->handled;
    assert_int_equal(coax_resource_publish(served->resource, COAX_FORMAT_JSON, "{}", 2), COAX_OK);
    turn(served);
    for (int i = 0; i < 2; i++) {
        struct coax_message message = expect_notification(served, COAX_CON);
        assert_int_equal(message.payload.size, 2);
        assert_int_equal(coax_message_content_format(&message), COAX_FORMAT_JSON);
    }
    assert_int_equal(served->handled, handled);
    assert_int_equal(coax_resource_publish(served->resource, 0, served->data, 8388609), COAX_E_TOO_LARGE);
}

/* RFC 7959 section 2.6, figure 12: the rest is fetched by a plain request. */
static void a_large_state_is_fetched(void **state) {
    struct served *served = *state;
    served->data_size = 1100;
    struct coax_message first = served_ask(served, ASK(.code = COAX_GET, .token = "ob", .observe = REGISTER));
    assert_int_equal(coax_message_option_uint(&first, COAX_OPTION_BLOCK2, 0), 8 | 6);
    assert_int_not_equal(observe_of(&first), UINT32_MAX);
    served->data_size = 1200;
    change(served);
    struct coax_message message = expect_notification(served, COAX_CON);
    assert_int_equal(coax_message_option_uint(&message, COAX_OPTION_BLOCK2, 0), 8 | 6);
    assert_int_equal(message.payload.size, 1024);
    struct coax_option etag;
    assert_true(coax_message_option(&message, COAX_OPTION_ETAG, &etag));
    acknowledge(served, &message);
    unsigned handled = served->handled;
    served_expect(served, ASK(.code = COAX_GET, .block2 = BLOCK(1, 0, 6)), COAX_CONTENT, 0, BLOCK(1, 0, 6), 1024, 176);
    assert_int_equal(served->handled, handled);
    assert_int_equal(observers(served), 1);
}

/* RFC 7959 section 2.6, figure 13: the size of the registration's Block2 holds for the notifications, too. */
static void notifications_have_the_size_of_block_that_was_asked_for(void **state) {
    struct served *served = *state;
    served->data_size = 1100;
    (void)observe(served, ASK(.token = "ob", .block2 = BLOCK(0, 0, 2)));
    for (int i = 0; i < 2; i++) {
        change(served);
        struct coax_message message = expect_notification(served, COAX_CON);
        assert_int_equal(coax_message_option_uint(&message, COAX_OPTION_BLOCK2, 0), 8 | 2);
        assert_int_equal(message.payload.size, 64);
        acknowledge(served, &message);
    }
}

static void paths_below_are_apart(void **state) {
    struct served *served = *state;
    (void)observe(served, ASK(.token = "a", .below = "a"));
    (void)observe(served, ASK(.token = "b", .below = "b"));
    coax_resource_changed_below(served->resource, "b");
    coax_resource_changed_below(served->resource, "c");
    turn(served);
    struct coax_message message = expect_notification(served, COAX_CON);
    assert_memory_equal(message.token.data, "b", 1);
    acknowledge(served, &message);
    wire_expect_nothing(&served->fixture.wire);
    change(served);
    for (int i = 0; i < 2; i++) {
        message = expect_notification(served, COAX_CON);
        acknowledge(served, &message);
    }
    assert_int_equal(observers(served), 2);
}

static void a_resource_that_goes_says_so(void **state) {
    struct served *served = *state;
    (void)observe(served, ASK(.token = "ob"));
    (void)observe(served, ASK(.token = "ob", .client = 8));
    change(served);
    (void)expect_notification(served, COAX_CON);
    (void)expect_notification(served, COAX_CON);
    coax_site_remove(served->fixture.stack->site, served->resource);
    for (int i = 0; i < 2; i++) {
        struct coax_message message = wire_expect_message(&served->fixture.wire);
        assert_int_equal(message.code, COAX_NOT_FOUND);
        assert_int_equal(observe_of(&message), UINT32_MAX);
    }
    assert_int_equal(served->fixture.stack->requests.observer_count, 0);
    turn(served);
    wire_expect_nothing(&served->fixture.wire);
}

/* --- what handlers may do --- */

static void answers_may_be_late(void **state) {
    struct served *served = *state;
    const struct ask ask = {.code = COAX_GET, .token = "ob", .observe = REGISTER, .below = "a"};
    served->defers = true;
    served_send(served, &ask);
    stack_fixture_pass_ms(&served->fixture, 1000);
    struct coax_message ack = wire_expect_message(&served->fixture.wire);
    assert_int_equal(ack.code, COAX_EMPTY);
    assert_int_equal(observers(served), 0);
    assert_int_equal(served_respond(served, served->kept), COAX_OK);
    struct coax_message message = expect_notification(served, COAX_CON);
    acknowledge(served, &message);
    assert_int_equal(observers(served), 1);
    coax_resource_changed_below(served->resource, "a");
    turn(served);
    wire_expect_nothing(&served->fixture.wire); /* it is being made */
    coax_resource_changed_below(served->resource, "a");
    turn(served);
    assert_int_equal(served->handled, 2);
    assert_int_equal(served_respond(served, served->kept), COAX_OK);
    message = expect_notification(served, COAX_CON);
    acknowledge(served, &message);
    assert_int_equal(served->handled, 3); /* it had changed meanwhile */
    assert_int_equal(served_respond(served, served->kept), COAX_OK);
    message = expect_notification(served, COAX_CON);
    acknowledge(served, &message);
    wire_expect_nothing(&served->fixture.wire);
}

static void remove_it(coax_exchange *exchange, const coax_message *request, void *user) {
    struct served *served = user;
    (void)request;
    if (++served->handled > 1) {
        coax_site_remove(served->fixture.stack->site, served->resource);
    }
    served->status = coax_respond(exchange, COAX_CONTENT, COAX_NO_FORMAT, NULL, 0);
}

static void a_handler_may_remove_its_resource(void **state) {
    struct served *served = *state;
    coax_resource_config resource = COAX_RESOURCE_CONFIG_INIT;
    coax_site_remove(served->fixture.stack->site, served->resource);
    resource.get = remove_it;
    resource.user = served;
    resource.observable = true;
    served->resource = coax_site_add(served->fixture.stack->site, "r", &resource, NULL);
    (void)observe(served, ASK(.token = "ob"));
    coax_resource_changed(served->resource);
    turn(served);
    assert_int_equal(wire_expect_message(&served->fixture.wire).code, COAX_NOT_FOUND);
    wire_expect_nothing(&served->fixture.wire);
    assert_int_equal(served->status, COAX_E_DROPPED);
    assert_int_equal(served->fixture.stack->requests.observer_count, 0);
    assert_int_equal(served->handled, 2);
}

static void the_end_takes_all_observers(void **state) {
    struct served *served = *state;
    for (uint8_t client = 7; client < 200; client++) {
        (void)observe(served, ASK(.token = "ob", .client = client));
    }
    coax_resource_changed(served->resource);
    assert_int_equal(observers(served), 193);
}

/* Many at once are told in turns. */
static void a_crowd_is_told_in_batches(void **state) {
    struct served *served = *state;
    enum { CROWD = 200, FIRST = 7 };
    for (unsigned i = 0; i < CROWD; i++) {
        (void)observe(served, ASK(.token = "ob", .client = (uint8_t)(FIRST + i)));
    }
    coax_resource_changed(served->resource);
    unsigned before = served->fixture.wire.sent;
    coax_stack_run(served->fixture.stack);
    assert_int_equal(served->fixture.wire.sent - before, 64);
    stack_fixture_pass_ms(&served->fixture, 0);
    turn(served);
    assert_int_equal(served->fixture.wire.sent - before, CROWD);
    served->fixture.wire.seen = served->fixture.wire.sent;
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

#define SERVED(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        SERVED(an_observer_is_told_of_each_change),
        SERVED(a_slow_observer_gets_the_latest_state),
        SERVED(an_observer_is_forgotten),
        SERVED(registering_again_replaces),
        SERVED(plain_requests_make_no_observer),
        SERVED(a_fetch_can_observe),
        cmocka_unit_test(observers_have_their_bounds),
        SERVED(non_confirmable_ones_are_spaced_and_confirmed_at_times),
        SERVED(a_state_for_all_is_told_without_asking),
        SERVED(a_large_state_is_fetched),
        SERVED(notifications_have_the_size_of_block_that_was_asked_for),
        SERVED(paths_below_are_apart),
        SERVED(a_resource_that_goes_says_so),
        SERVED(answers_may_be_late),
        SERVED(a_handler_may_remove_its_resource),
        SERVED(the_end_takes_all_observers),
        SERVED(a_crowd_is_told_in_batches),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
