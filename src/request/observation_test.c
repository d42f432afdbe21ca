/* The client's side of observing, by the examples of RFC 7641 appendix A and its sections 3.1 to 3.4; over streams
   by RFC 8323 appendix A. */
#include "observation_fixture.h"

/* Appendix A.1: the current state, and each new one, byte by byte. */
static void registering(void **state) {
    (void)state;
    struct scene scene;
    scene_start(&scene);
    scene_observe(&scene, NULL);
    assert_null(scene.ended_at);
    WIRE_EXPECT(&scene.fixture.wire, "\x41\x01\x00\x01\x4a\x60\x51t");
    STACK_RECEIVE(&scene.fixture, client_path(9),
                  "\x61\x45\x00\x01\x4a\x61\x09\x81\x0f\xff"
                  "18.5 Cel");
    scene_expect_state(&scene, 1, "18.5 Cel");
    STACK_RECEIVE(&scene.fixture, client_path(9),
                  "\x51\x45\x55\x01\x4a\x61\x10\x81\x0f\xff"
                  "19.2 Cel");
    scene_expect_state(&scene, 2, "19.2 Cel");
    assert_int_equal(scene.code, COAX_CONTENT);
    assert_ptr_equal(coax_observation_remote(scene.observation), stack_fixture_remote(&scene.fixture, client_path(9)));
    STACK_RECEIVE(&scene.fixture, client_path(9),
                  "\x41\x45\x55\x02\x4a\x61\x11\x81\x0f\xff"
                  "19.3 Cel");
    WIRE_EXPECT(&scene.fixture.wire, "\x60\x00\x55\x02");
    STACK_RECEIVE(&scene.fixture, client_path(9),
                  "\x41\x45\x55\x02\x4a\x61\x11\x81\x0f\xff"
                  "19.3 Cel"); /* our ACK was lost */
    WIRE_EXPECT(&scene.fixture.wire, "\x60\x00\x55\x02");
    scene_expect_state(&scene, 3, "19.3 Cel");
    scene_stop(&scene);
}

/* Appendix A.1: the server has forgotten; Max-Age and 5 s later the client asks with the same token. */
static void registering_again_after_max_age(void **state) {
    (void)state;
    struct scene scene;
    scene_stand(&scene, 9, 15);
    scene_expect_registration_at(&scene, 20000);
    wire_expect_nothing(&scene.fixture.wire);
    scene_notify(&scene, COAX_ACK, 3, 15, "anew"); /* the server counts from the beginning */
    scene_expect_state(&scene, 2, "anew");
    scene_pass_ms(&scene, 19000);
    scene_notify(&scene, COAX_NON, 4, 30, "later"); /* what comes makes it fresh again */
    scene_expect_state(&scene, 3, "later");
    scene_expect_registration_at(&scene, 35000);
    assert_int_equal(scene.sends, 1); /* the server was known each time */
    scene_stop(&scene);
}

/* Not all clients at the same moment (section 3.3.1). */
static void the_slack_is_random(void **state) {
    (void)state;
    struct scene scene;
    scene_start(&scene);
    scene.fixture.wire.random_byte = 0xff;
    scene_observe(&scene, NULL);
    scene_expect_get(&scene, 0);
    scene_notify(&scene, COAX_ACK, 1, 0, "now");
    scene_expect_registration_at(&scene, 14999);
    scene_stop(&scene);
}

/* What the server says while the registration waits; its own time does not end what stands. */
static void a_standing_observation_has_no_deadline(void **state) {
    (void)state;
    static const enum coax_type types[] = {COAX_ACK, COAX_NON, COAX_CON};
    for (size_t i = 0; i < 3; i++) {
        for (int is_acknowledged = 0; is_acknowledged < 2; is_acknowledged++) {
            struct scene scene;
            scene_start(&scene);
            scene_observe(&scene, NULL);
            scene_expect_get(&scene, 0);
            if (is_acknowledged != 0) {
                scene_say(&scene, &(struct notice){COAX_ACK, COAX_EMPTY, -1, -1, "", 0, NULL});
            }
            scene_notify(&scene, types[i], 1, 1000000, "first");
            scene_say(&scene, &(struct notice){COAX_ACK, COAX_EMPTY, -1, -1, "", 0, NULL}); /* late */
            scene_pass_ms(&scene, 999999000);
            scene_expect_state(&scene, 1, "first");
            assert_int_equal(scene.endings, 0);
            scene_stop(&scene);
        }
    }
}

/* Section 3.4 */
static void the_newer_one_is_known(void **state) {
    (void)state;
    static const struct {
        uint32_t before, now;
        uint64_t elapsed_s;
        bool is_newer;
    } cases[] = {
        {1, 2, 0, true},
        {2, 1, 0, false},
        {1, 1, 0, false},
        {1, 1, 128, false},
        {1, 1, 129, true},
        {2, 1, 129, true},
        {0, 0x7fffff, 0, true},
        {0, 0x800000, 0, false},
        {0, 0xffffff, 0, false},
        {0xffffff, 0, 0, true},
        {0xffffff, 0x7ffffe, 0, true},
        {0xffffff, 0x7fffff, 0, false},
        {0x800001, 0, 0, true},
        {0x800000, 0, 0, false},
        {0xfffffe, 0xffffff, 0, true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(coax_sequence_is_newer(cases[i].before, cases[i].now, cases[i].elapsed_s * COAX_SECOND),
                         cases[i].is_newer);
    }
    assert_false(coax_sequence_is_newer(2, 1, 128 * COAX_SECOND));
    assert_true(coax_sequence_is_newer(2, 1, 128 * COAX_SECOND + 1));
}

static void late_notifications_are_left_out(void **state) {
    (void)state;
    struct scene scene;
    scene_stand(&scene, 0xfffffe, 1000);
    scene_notify(&scene, COAX_NON, 1, 1000, "third"); /* the number wraps around */
    scene_notify(&scene, COAX_NON, 0xffffff, 1000, "second");
    scene_notify(&scene, COAX_CON, 0, 1000, "second and a half"); /* acknowledged all the same */
    scene_expect_state(&scene, 2, "third");
    scene_pass_ms(&scene, 128001);
    scene_notify(&scene, COAX_NON, 0, 1000, "long after");
    scene_expect_state(&scene, 3, "long after");
    scene_stop(&scene);
}

/* While a registration waits for its answer, what is late is late; the answer itself is not. */
static void late_ones_are_no_answer_to_a_registration(void **state) {
    (void)state;
    struct scene scene;
    scene_stand(&scene, 9, 0);
    scene_expect_registration_at(&scene, 5000);
    scene_notify(&scene, COAX_NON, 8, 0, "late");
    scene_expect_state(&scene, 1, "first");
    scene_pass_ms(&scene, 2000); /* the registration goes on being repeated */
    scene_expect_get(&scene, 0);
    scene_say(&scene, &(struct notice){COAX_ACK, COAX_EMPTY, -1, -1, "", 0, NULL});
    scene_notify(&scene, COAX_CON, 9, 0, "nothing has changed");
    scene_expect_state(&scene, 2, "nothing has changed");
    scene_notify(&scene, COAX_CON, 9, 0, "twice");
    scene_expect_state(&scene, 2, "nothing has changed");
    scene_expect_registration_at(&scene, 5000);
    scene_stop(&scene);
}

/* Section 3.2: without the option it is a plain response. One of more than 3 bytes is none (RFC 7252
   section 5.4.3). */
static void what_cannot_be_observed(void **state) {
    (void)state;
    static const char *const values[] = {NULL, "\x01\x02\x03\x04", "\x01\x02\x03\x04\x05\x06\x07\x08"};
    for (size_t i = 0; i < 3; i++) {
        for (unsigned cancel = 0; cancel < 2; cancel++) {
            struct scene scene;
            scene_start(&scene);
            scene_observe(&scene, NULL);
            scene_expect_get(&scene, 0);
            scene.cancel_at = cancel;
            scene_say(&scene, &(struct notice){COAX_ACK, COAX_CONTENT, -1, -1, "once", 0, values[i]});
            scene_expect_state(&scene, 1, "once");
            assert_int_equal(scene.endings, 1 - cancel);
            if (cancel == 0) {
                assert_int_equal(scene.error.status, COAX_E_UNSUPPORTED);
                assert_int_equal(scene.ending_code, 0);
            }
            scene_pass_ms(&scene, 1000000);
            wire_expect_nothing(&scene.fixture.wire);
            assert_int_equal(scene.fixture.stack->requests.request_count, 0);
            scene_stop(&scene);
        }
    }
}

static void what_cannot_begin_stays_the_callers(void **state) {
    (void)state;
    enum { SIZE, METHOD, SENT, SINK, COLLECTION, SENDING, FULL, CASES };
    static const coax_body_sink sink = {0};
    static const enum coax_status statuses[CASES] = {COAX_E_INVALID, COAX_E_INVALID, COAX_E_STATE,    COAX_E_INVALID,
                                                     COAX_E_INVALID, COAX_E_RESOLVE, COAX_E_TOO_LARGE};
    for (int i = 0; i < CASES; i++) {
        struct scene scene;
        coax_observe_options options = COAX_OBSERVE_OPTIONS_INIT;
        scene_start(&scene);
        coax_request *request = scene_request(&scene);
        options.size -= i == SIZE;
        request->code = i == METHOD ? COAX_PUT : COAX_GET;
        scene.send_status = i == SENDING ? COAX_E_RESOLVE : COAX_OK;
        if (i == SENT) {
            assert_int_equal(scene_send(request, asked_ended, NULL, NULL), COAX_OK);
        } else if (i == SINK) {
            assert_int_equal(coax_request_set_sink(request, &sink, NULL), COAX_OK);
        } else if (i == COLLECTION) {
            coax_request_collect(request, asked_ended);
        }
        while (i == FULL && coax_request_add_option(request, 65000, "x", 1) == COAX_OK) {
        }
        size_t size = request->options.size;
        assert_int_equal(
            coax_observation_new(request, &options, scene_send, scene_told, &scene, &scene.observation, &scene.error),
            statuses[i]);
        assert_int_equal(scene.error.status, statuses[i]);
        assert_null(scene.observation);
        assert_int_equal(request->options.size, size);
        assert_true(i == COLLECTION || request->keeper == NULL);
        assert_int_equal(coax_stack_deadline(scene.fixture.stack) == COAX_NEVER, i != SENT);
        coax_request_cancel(request);
        scene_stop(&scene);
    }
}

/* A FETCH is one with its body, each time; the token is one for all, and nobody's guess. */
static void a_fetch_is_observed(void **state) {
    (void)state;
    struct scene scene;
    scene_start(&scene);
    scene.fixture.wire.random_byte = 0x33;
    coax_request *request = coax_request_create(&scene.fixture.stack->requests, COAX_FETCH, "/t");
    request->owner = &scene;
    assert_int_equal(coax_request_set_payload(request, 0, "q", 1), COAX_OK);
    assert_int_equal(
        coax_observation_new(request, NULL, scene_send, scene_told, &scene, &scene.observation, &scene.error), COAX_OK);
    WIRE_EXPECT(&scene.fixture.wire, "\x48\x05\x33\x34\x33\x33\x33\x33\x33\x33\x33\x33\x60\x60\xffq");
    STACK_RECEIVE(&scene.fixture, client_path(9), "\x68\x45\x33\x34\x33\x33\x33\x33\x33\x33\x33\x33\x61\x09\xff!");
    scene_expect_state(&scene, 1, "!");
    scene.fixture.wire.random_byte = 0x44;
    scene_pass_ms(&scene, 67500);
    WIRE_EXPECT(&scene.fixture.wire, "\x48\x05\x33\x35\x33\x33\x33\x33\x33\x33\x33\x33\x60\x60\xffq");
    coax_observation_cancel(scene.observation);
    scene.observation = NULL;
    WIRE_EXPECT(&scene.fixture.wire, "\x48\x05\x33\x36\x33\x33\x33\x33\x33\x33\x33\x33\x61\x01\x60\xffq");
    scene_stop(&scene);
}

/* --- streams (RFC 8323 appendix A) --- */

static void stream_stand(struct scene *scene) {
    scene_start(scene);
    scene->remote = &scene->stream.remote;
    scene_observe(scene, NULL);
    assert_int_equal(scene->stream.written[0].observe, 0);
    assert_true(scene_stream_say(scene, &(struct notice){.code = COAX_CONTENT, 9, 60, "first", 0, NULL}));
    assert_int_equal(scene->states, 1);
}

/* A.1: the order is that of sending, whatever the numbers say, which may be none. */
static void streams_keep_the_order(void **state) {
    (void)state;
    struct scene scene;
    stream_stand(&scene);
    assert_true(scene_stream_say(&scene, &(struct notice){.code = COAX_CONTENT, 5, 60, "second", 0, NULL}));
    assert_true(scene_stream_say(&scene, &(struct notice){.code = COAX_CONTENT, 5, 60, "third", 0, NULL}));
    assert_true(scene_stream_say(&scene, &(struct notice){.code = COAX_CONTENT, -1, 60, "fourth", 0, ""}));
    scene_expect_state(&scene, 4, "fourth");
    scene_stop(&scene);
}

/* A.4: the deregistration is a must here, also for what was not answered yet. */
static void streams_are_told_of_the_end(void **state) {
    (void)state;
    for (int stage = DELIVERY_CONNECTING; stage <= DELIVERY_SENT; stage++) {
        struct scene scene;
        scene_start(&scene);
        scene.remote = &scene.stream.remote;
        scene.stream.stage = (enum delivery_stage)stage;
        scene_observe(&scene, NULL);
        coax_observation_cancel(scene.observation);
        scene.observation = NULL;
        assert_int_equal(scene.stream.count, stage == DELIVERY_SENT ? 2 : 1);
        if (stage == DELIVERY_SENT) {
            assert_int_equal(scene.stream.written[1].observe, 1);
            assert_memory_equal(scene.stream.written[1].token, "\x4a", 1);
            assert_true(scene_stream_say(&scene, &(struct notice){.code = COAX_CONTENT, 9, 60, "first", 0, NULL}));
            assert_true(scene_stream_say(&scene, &(struct notice){.code = COAX_CONTENT, -1, 60, "bye", 0, NULL}));
            assert_false(scene_stream_say(&scene, &(struct notice){.code = COAX_CONTENT, -1, 60, "bye", 0, NULL}));
        }
        assert_int_equal(scene.states, 0);
        scene_stop(&scene);
    }
}

static void a_lost_connection_is_made_again(void **state) {
    (void)state;
    static const enum coax_status statuses[] = {COAX_E_LOST, COAX_E_RELEASED, COAX_E_CLOSE_NOTIFY, COAX_E_DROPPED};
    struct scene scene;
    stream_stand(&scene);
    for (unsigned i = 0; i < 4; i++) {
        scene_stream_lose(&scene, statuses[i]);
        assert_int_equal(scene.stream.count, 1 + i);
        scene_pass_ms(&scene, 999);
        assert_int_equal(scene.stream.count, 1 + i);
        scene_pass_ms(&scene, 1);
        assert_int_equal(scene.stream.count, 2 + i);
        assert_int_equal(scene.sends, 2 + i);
        assert_int_equal(scene.stream.written[1 + i].observe, 0);
        assert_true(scene_stream_say(&scene, &(struct notice){.code = COAX_CONTENT, 1, 60, "again", 0, NULL}));
        assert_int_equal(scene.states, 2 + i);
    }
    assert_int_equal(scene.endings, 0);
    scene_stop(&scene);
}

/* One that goes to a remote, not to a URI, ends with that. */
static void a_remote_that_is_gone_ends_it(void **state) {
    (void)state;
    struct scene scene;
    stream_stand(&scene);
    scene_stream_lose(&scene, COAX_E_LOST);
    scene.stream.remote.is_gone = true;
    scene_pass_ms(&scene, 1000);
    assert_int_equal(scene.endings, 1);
    assert_int_equal(scene.error.status, COAX_E_DROPPED);
    scene_stop(&scene);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(registering),
        cmocka_unit_test(registering_again_after_max_age),
        cmocka_unit_test(the_slack_is_random),
        cmocka_unit_test(a_standing_observation_has_no_deadline),
        cmocka_unit_test(the_newer_one_is_known),
        cmocka_unit_test(late_notifications_are_left_out),
        cmocka_unit_test(late_ones_are_no_answer_to_a_registration),
        cmocka_unit_test(what_cannot_be_observed),
        cmocka_unit_test(what_cannot_begin_stays_the_callers),
        cmocka_unit_test(a_fetch_is_observed),
        cmocka_unit_test(streams_keep_the_order),
        cmocka_unit_test(streams_are_told_of_the_end),
        cmocka_unit_test(a_lost_connection_is_made_again),
        cmocka_unit_test(a_remote_that_is_gone_ends_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
