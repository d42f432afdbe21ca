/* What ends an observation, and what it outlives (RFC 7641 sections 3.2, 3.3.1 and 3.6). */
#include "observation_fixture.h"

/* Sections 3.2 and 4.2: an error ends it, at once or later. */
static void errors_end_it(void **state) {
    (void)state;
    for (int stands = 0; stands < 2; stands++) {
        struct scene scene;
        scene_start(&scene);
        scene_observe(&scene, NULL);
        scene_expect_get(&scene, 0);
        if (stands != 0) {
            scene_notify(&scene, COAX_ACK, 1, 60, "here");
        }
        scene_say(&scene, &(struct notice){COAX_CON, COAX_NOT_FOUND, stands ? 2 : -1, -1, "gone", 0, NULL});
        assert_int_equal(scene.endings, 1);
        assert_int_equal(scene.error.status, COAX_E_RESPONSE);
        assert_int_equal(scene.ending_code, COAX_NOT_FOUND);
        assert_non_null(scene.ended_at);
        assert_non_null(strstr(scene.error.text, stands ? "ended it with 4.04 Not Found" : "answered with 4.04"));
        scene_pass_ms(&scene, 1000000);
        wire_expect_nothing(&scene.fixture.wire);
        scene_stop(&scene);
    }
}

static void the_first_registration_fails_like_any_request(void **state) {
    (void)state;
    struct scene scene;
    scene_start(&scene);
    scene_observe(&scene, NULL);
    scene_pass_ms(&scene, 100000);
    assert_int_equal(scene.fixture.wire.sent, 5);
    assert_int_equal(scene.endings, 1);
    assert_int_equal(scene.error.status, COAX_E_TIMEOUT);
    assert_int_equal(scene.sends, 1);
    scene_stop(&scene);

    scene_start(&scene); /* and so does a busy server */
    scene_observe(&scene, NULL);
    scene_expect_get(&scene, 0);
    scene_say(&scene, &(struct notice){COAX_ACK, COAX_SERVICE_UNAVAILABLE, -1, 10, "", 0, NULL});
    assert_int_equal(scene.endings, 1);
    assert_int_equal(scene.error.status, COAX_E_RESPONSE);
    scene_stop(&scene);
}

static void a_lost_server_is_looked_for(void **state) {
    (void)state;
    static const uint64_t pauses_ms[] = {1000, 2000, 4000, 8000, 16000, 32000, 60000, 60000};
    struct scene scene;
    scene_stand(&scene, 9, 0);
    scene_expect_registration_at(&scene, 5000);
    for (size_t i = 0; i < sizeof pauses_ms / sizeof *pauses_ms; i++) {
        scene_say(&scene, &(struct notice){COAX_RST, COAX_EMPTY, -1, -1, "", 0, NULL});
        assert_int_equal(scene.sends, 1 + i);
        scene_expect_registration_at(&scene, pauses_ms[i]);
    }
    scene_pass_ms(&scene, 62000 + 60000); /* nobody there: time runs out, and the pause follows */
    scene.fixture.wire.seen = scene.fixture.wire.sent - 1;
    scene_expect_get(&scene, 0);
    scene_notify(&scene, COAX_ACK, 1, 0, "back"); /* with the numbers of its new life */
    scene_expect_state(&scene, 2, "back");
    scene_expect_registration_at(&scene, 5000);
    scene_say(&scene, &(struct notice){COAX_RST, COAX_EMPTY, -1, -1, "", 0, NULL});
    scene_expect_registration_at(&scene, 1000); /* the pauses begin anew */
    assert_int_equal(scene.endings, 0);
    scene_stop(&scene);
}

/* After a loss a separate response may have any number. */
static void numbers_begin_anew_after_a_loss(void **state) {
    (void)state;
    struct scene scene;
    scene_stand(&scene, 900, 0);
    scene_expect_registration_at(&scene, 5000);
    scene_say(&scene, &(struct notice){COAX_RST, COAX_EMPTY, -1, -1, "", 0, NULL});
    scene_expect_registration_at(&scene, 1000);
    scene_notify(&scene, COAX_CON, 2, 60, "rebooted");
    scene_expect_state(&scene, 2, "rebooted");
    scene_stop(&scene);
}

/* What fails before anything is sent is tried again as well, unless it cannot change. */
static void sending_that_fails(void **state) {
    (void)state;
    static const struct {
        enum coax_status status;
        bool goes_on;
    } cases[] = {
        {COAX_E_RESOLVE, true},         {COAX_E_LIMIT, true},        {COAX_E_NO_MEMORY, true}, {COAX_E_IO, true},
        {COAX_E_NO_CREDENTIALS, false}, {COAX_E_DROPPED, false},     {COAX_E_OPTION, false},   {COAX_E_LOST, true},
        {COAX_E_CERTIFICATE, true},     {COAX_E_CLOSE_NOTIFY, true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct scene scene;
        scene_stand(&scene, 9, 0);
        scene_expect_registration_at(&scene, 5000);
        scene_say(&scene, &(struct notice){COAX_RST, COAX_EMPTY, -1, -1, "", 0, NULL});
        scene.send_status = cases[i].status;
        scene_pass_ms(&scene, 1000);
        assert_int_equal(scene.sends, 2);
        assert_int_equal(scene.endings, !cases[i].goes_on);
        if (cases[i].goes_on) {
            scene.send_status = COAX_OK;
            scene_expect_registration_at(&scene, 2000);
        } else {
            assert_int_equal(scene.error.status, cases[i].status);
        }
        scene_stop(&scene);
    }
}

static void once_is_once(void **state) {
    (void)state;
    coax_observe_options options = COAX_OBSERVE_OPTIONS_INIT;
    struct scene scene;
    scene_start(&scene);
    options.once = true;
    options.accept = COAX_FORMAT_JSON;
    scene_observe(&scene, &options);
    WIRE_EXPECT(&scene.fixture.wire, "\x41\x01\x00\x01\x4a\x60\x51t\x61\x32");
    STACK_RECEIVE(&scene.fixture, client_path(9), "\x61\x45\x00\x01\x4a\x61\x09\xff{}");
    scene_expect_state(&scene, 1, "{}");
    scene_expect_registration_at(&scene, 65000); /* no loss yet; and no Max-Age is one of 60 s */
    scene_say(&scene, &(struct notice){COAX_RST, COAX_EMPTY, -1, -1, "", 0, NULL});
    assert_int_equal(scene.endings, 1);
    assert_int_equal(scene.error.status, COAX_E_RESET);
    scene_stop(&scene);
}

/* RFC 7252 section 5.9.3.4, RFC 8516 */
static void a_busy_server_is_waited_for(void **state) {
    (void)state;
    static const uint8_t codes[] = {COAX_SERVICE_UNAVAILABLE, COAX_TOO_MANY_REQUESTS};
    for (size_t i = 0; i < 2; i++) {
        struct scene scene;
        scene_stand(&scene, 9, 0);
        scene_expect_registration_at(&scene, 5000);
        scene_say(&scene, &(struct notice){COAX_ACK, codes[i], -1, 300, "", 0, NULL});
        scene_expect_registration_at(&scene, 300000);
        scene_notify(&scene, COAX_ACK, 1, 60, "back");
        scene_expect_state(&scene, 2, "back");
        scene_say(&scene, &(struct notice){COAX_NON, codes[i], -1, NO_MAX_AGE, "", 0, NULL});
        assert_int_equal(scene.endings, 1); /* it does not say when */
        assert_int_equal(scene.ending_code, codes[i]);
        scene_stop(&scene);
    }
}

/* A critical option that nobody knows: the notification is rejected, which ends the registration at the server. */
static void a_notification_that_is_not_understood(void **state) {
    (void)state;
    struct scene scene;
    scene_stand(&scene, 9, 60);
    STACK_RECEIVE(&scene.fixture, client_path(9), "\x41\x45\x77\x77\x4a\x61\x0a\x31\x01\xff!");
    WIRE_EXPECT(&scene.fixture.wire, "\x70\x00\x77\x77");
    assert_int_equal(scene.endings, 1);
    assert_int_equal(scene.error.status, COAX_E_OPTION);
    scene_stop(&scene);
}

/* --- cancelling --- */

/* Section 3.6, byte by byte: the same request with Observe 1, whose answer nobody hears; later ones are rejected. */
static void cancelling_tells_the_server(void **state) {
    (void)state;
    struct scene scene;
    scene_stand(&scene, 9, 60);
    coax_observation_cancel(scene.observation);
    scene.observation = NULL;
    WIRE_EXPECT(&scene.fixture.wire, "\x41\x01\x00\x02\x4a\x61\x01\x51t");
    STACK_RECEIVE(&scene.fixture, client_path(9),
                  "\x41\x45\x77\x77\x4a\x61\x0a\xff"
                  "crossed");
    WIRE_EXPECT(&scene.fixture.wire, "\x60\x00\x77\x77");
    STACK_RECEIVE(&scene.fixture, client_path(9),
                  "\x61\x45\x00\x02\x4a\xff"
                  "good bye");
    assert_int_equal(scene.fixture.stack->requests.request_count, 0);
    STACK_RECEIVE(&scene.fixture, client_path(9),
                  "\x41\x45\x77\x78\x4a\x61\x0b\xff"
                  "once more");
    WIRE_EXPECT(&scene.fixture.wire, "\x70\x00\x77\x78");
    scene_pass_ms(&scene, 1000000);
    scene_expect_state(&scene, 1, "first");
    assert_int_equal(scene.endings, 0);
    scene_stop(&scene);
}

static void nobody_waits_for_the_answer(void **state) {
    (void)state;
    struct scene scene;
    scene_stand(&scene, 9, 60);
    coax_observation_cancel(scene.observation);
    scene.observation = NULL;
    scene_pass_ms(&scene, 100000);
    assert_int_equal(scene.fixture.wire.sent, 6); /* it is repeated like any request, and given up */
    assert_int_equal(scene.fixture.stack->requests.request_count, 0);
    coax_observation_cancel(NULL);
    scene_stop(&scene);
}

static void cancelling_inside_the_callback(void **state) {
    (void)state;
    static const enum coax_type types[] = {COAX_ACK, COAX_NON, COAX_CON};
    for (unsigned which = 1; which < 3; which++) {
        for (size_t i = 0; i < 3; i++) {
            struct scene scene;
            scene_start(&scene);
            scene_observe(&scene, NULL);
            scene_expect_get(&scene, 0);
            scene.cancel_at = which;
            if (which == 2) {
                scene_notify(&scene, COAX_ACK, 1, 60, "first");
            }
            uint8_t room[64];
            size_t size;
            const struct notice notice = {types[i], COAX_CONTENT, 2, 60, "last", 0, NULL};
            struct coax_message message = notice_message(&notice, room);
            uint8_t data[64];
            message.id = types[i] == COAX_ACK ? 1 : 0x5000;
            message.token = bytes_of("\x4a", 1);
            assert_int_equal(coax_datagram_encode(&message, data, sizeof data, &size), COAX_OK);
            stack_fixture_receive(&scene.fixture, client_path(9), data, size);
            assert_int_equal(scene.states, which);
            assert_null(scene.observation);
            WIRE_EXPECT(&scene.fixture.wire, "\x41\x01\x00\x02\x4a\x61\x01\x51t");
            if (types[i] == COAX_CON) {
                WIRE_EXPECT(&scene.fixture.wire, "\x60\x00\x50\x00");
            }
            scene_stop(&scene);
        }
    }
}

/* Nothing is said to a server that has no registration, as far as is known. */
static void cancelling_what_does_not_stand(void **state) {
    (void)state;
    struct scene scene;
    scene_start(&scene); /* not answered yet: a notification to come is rejected */
    scene_observe(&scene, NULL);
    scene_expect_get(&scene, 0);
    coax_observation_cancel(scene.observation);
    scene.observation = NULL;
    STACK_RECEIVE(&scene.fixture, client_path(9), "\x41\x45\x77\x78\x4a\x61\x0b\xffx");
    WIRE_EXPECT(&scene.fixture.wire, "\x70\x00\x77\x78");
    scene_pass_ms(&scene, 100000);
    wire_expect_nothing(&scene.fixture.wire);
    scene_stop(&scene);

    scene_stand(&scene, 9, 0); /* lost, in the pause */
    scene_expect_registration_at(&scene, 5000);
    scene_say(&scene, &(struct notice){COAX_RST, COAX_EMPTY, -1, -1, "", 0, NULL});
    coax_observation_cancel(scene.observation);
    scene.observation = NULL;
    scene_pass_ms(&scene, 100000);
    wire_expect_nothing(&scene.fixture.wire);
    scene_stop(&scene);

    scene_stand(&scene, 9, 0); /* asked again, but it did stand */
    scene_expect_registration_at(&scene, 5000);
    coax_observation_cancel(scene.observation);
    scene.observation = NULL;
    scene_expect_get(&scene, 1);
    scene_stop(&scene);
}

static void a_shut_down_ends_each(void **state) {
    (void)state;
    enum { UNANSWERED, STANDS, PAUSES, CASES };
    for (int i = 0; i < CASES; i++) {
        struct scene scene;
        scene_start(&scene);
        scene_observe(&scene, NULL);
        scene_expect_get(&scene, 0);
        if (i != UNANSWERED) {
            scene_notify(&scene, COAX_ACK, 1, 0, "first");
        }
        if (i == PAUSES) {
            scene_expect_registration_at(&scene, 5000);
            scene_say(&scene, &(struct notice){COAX_RST, COAX_EMPTY, -1, -1, "", 0, NULL});
        }
        stack_fixture_stop(&scene.fixture);
        assert_int_equal(scene.endings, 1);
        assert_int_equal(scene.error.status, COAX_E_SHUT_DOWN);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(errors_end_it),
        cmocka_unit_test(the_first_registration_fails_like_any_request),
        cmocka_unit_test(a_lost_server_is_looked_for),
        cmocka_unit_test(numbers_begin_anew_after_a_loss),
        cmocka_unit_test(sending_that_fails),
        cmocka_unit_test(once_is_once),
        cmocka_unit_test(a_busy_server_is_waited_for),
        cmocka_unit_test(a_notification_that_is_not_understood),
        cmocka_unit_test(cancelling_tells_the_server),
        cmocka_unit_test(nobody_waits_for_the_answer),
        cmocka_unit_test(cancelling_inside_the_callback),
        cmocka_unit_test(cancelling_what_does_not_stand),
        cmocka_unit_test(a_shut_down_ends_each),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
