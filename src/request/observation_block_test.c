/* Observing what is larger than a message (RFC 7959 sections 2.6 and 3.4). */
#include "observation_fixture.h"

enum { FIRST_OF_16 = 0 << 4 | 8 | 0, SECOND_OF_16 = 1 << 4 | 0 };

static void say_first_block(struct scene *scene, enum coax_type type, int sequence) {
    scene_say(scene, &(struct notice){type, COAX_CONTENT, sequence, 10, "0123456789abcdef", FIRST_OF_16 + 1, NULL});
}

/* The next GET asks for the second block, without Observe; a copy of the registration is kept. */
static struct wire_datagram expect_rest(struct scene *scene) {
    struct wire_datagram registration = scene->asked;
    scene_expect_get(scene, -1);
    struct wire_datagram rest = scene->asked;
    scene->asked = registration;
    struct coax_message message;
    assert_int_equal(coax_datagram_decode(&message, rest.data, rest.size, TOKEN_MAXIMUM, NULL, NULL), COAX_OK);
    assert_true(coax_message_option_uint(&message, COAX_OPTION_BLOCK2, 99) == 1 << 4);
    return rest;
}

static void say_rest(struct scene *scene, const struct wire_datagram *rest, uint8_t code, int block2,
                     const char *payload) {
    struct wire_datagram registration = scene->asked;
    scene->asked = *rest;
    scene_say(scene, &(struct notice){COAX_ACK, code, -1, -1, payload, block2, NULL});
    scene->asked = registration;
}

static void the_rest_of_a_state_is_fetched(void **state) {
    (void)state;
    struct scene scene;
    scene_start(&scene);
    scene_observe(&scene, NULL);
    scene_expect_get(&scene, 0);
    say_first_block(&scene, COAX_ACK, 1);
    struct wire_datagram rest = expect_rest(&scene);
    assert_int_equal(scene.states, 0);
    scene.fixture.wire.random_byte = 1; /* the next token is another one */
    say_rest(&scene, &rest, COAX_CONTENT, SECOND_OF_16 + 1, "gh");
    scene_expect_state(&scene, 1, "0123456789abcdefgh");
    say_first_block(&scene, COAX_CON, 2);
    rest = expect_rest(&scene);
    scene_notify(&scene, COAX_NON, 3, 10, "small"); /* a newer state: the old one is void */
    scene_expect_state(&scene, 2, "small");
    scene.fixture.wire.random_byte = 2;
    say_first_block(&scene, COAX_NON, 5);
    rest = expect_rest(&scene);
    scene.fixture.wire.random_byte = 3;
    scene_notify(&scene, COAX_NON, 4, 10, "late");
    say_first_block(&scene, COAX_NON, 6);
    rest = expect_rest(&scene);
    scene.fixture.wire.random_byte = 0;
    say_rest(&scene, &rest, COAX_CONTENT, SECOND_OF_16 + 1, "ij");
    scene_expect_state(&scene, 3, "0123456789abcdefij");
    scene_expect_registration_at(&scene, 15000);
    scene_stop(&scene);
}

/* It takes longer than Max-Age: it is not begun again for that. */
static void a_slow_fetch_is_let_finish(void **state) {
    (void)state;
    struct scene scene;
    scene_start(&scene);
    scene_observe(&scene, NULL);
    scene_expect_get(&scene, 0);
    say_first_block(&scene, COAX_ACK, 1);
    struct wire_datagram rest = expect_rest(&scene);
    scene.asked = rest;
    scene_say(&scene, &(struct notice){COAX_ACK, COAX_EMPTY, -1, -1, "", 0, NULL});
    scene_pass_ms(&scene, 60000);
    wire_expect_nothing(&scene.fixture.wire);
    say_rest(&scene, &rest, COAX_CONTENT, SECOND_OF_16 + 1, "gh");
    scene_expect_state(&scene, 1, "0123456789abcdefgh");
    scene_expect_registration_at(&scene, 5000);
    scene_stop(&scene);
}

/* Before anything stood a fetch that fails is the end; later the server is asked again, ever more rarely. */
static void a_fetch_that_fails(void **state) {
    (void)state;
    static const struct {
        uint8_t code;
        int block2;
        const char *payload;
        enum coax_status status;
        bool goes_on;
    } cases[] = {
        {COAX_CONTENT, SECOND_OF_16 + 1 + 16, "gh", COAX_E_FORMAT, true},
        {COAX_NOT_FOUND, 0, "", COAX_E_RESPONSE, true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct scene scene;
        scene_start(&scene);
        scene_observe(&scene, NULL);
        scene_expect_get(&scene, 0);
        say_first_block(&scene, COAX_ACK, 1);
        struct wire_datagram rest = expect_rest(&scene);
        say_rest(&scene, &rest, cases[i].code, cases[i].block2, cases[i].payload);
        assert_int_equal(scene.endings, 1);
        assert_int_equal(scene.error.status, cases[i].status);
        scene_expect_get(&scene, 1); /* who gives up says so */
        scene_stop(&scene);

        scene_stand(&scene, 1, 60);
        for (unsigned pause_s = 1; pause_s < 8; pause_s *= 2) {
            say_first_block(&scene, pause_s == 1 ? COAX_NON : COAX_ACK, 2);
            scene.fixture.wire.random_byte = (int)pause_s;
            rest = expect_rest(&scene);
            scene.fixture.wire.random_byte = 0;
            say_rest(&scene, &rest, cases[i].code, cases[i].block2, cases[i].payload);
            scene_expect_registration_at(&scene, pause_s * 1000);
        }
        assert_int_equal(scene.endings, 0);
        scene_stop(&scene);
    }
}

static void too_large_is_too_large(void **state) {
    (void)state;
    static const int blocks[] = {1 << 4 | 8, 8 | 1, 7}; /* not the first, too short, BERT */
    for (size_t i = 0; i < 3; i++) {
        struct scene scene;
        scene_start(&scene);
        scene_observe(&scene, NULL);
        scene_expect_get(&scene, 0);
        scene_say(&scene, &(struct notice){COAX_ACK, COAX_CONTENT, 1, 10, "0123456789abcdef", blocks[i] + 1, NULL});
        if (blocks[i] == 7) {
            assert_int_equal(scene.states, 1); /* a block that is the whole, whatever its size */
        } else {
            assert_int_equal(scene.endings, 1);
            assert_int_equal(scene.error.status, COAX_E_FORMAT);
            scene_expect_get(&scene, 1);
        }
        scene_stop(&scene);
    }
}

/* A server that has always more gets no further than max_body_size. */
static void for_ever_more(void **state) {
    (void)state;
    struct scene scene;
    scene_stand(&scene, 1, 60);
    scene.fixture.stack->requests.settings.max_body_size = 100;
    say_first_block(&scene, COAX_NON, 2);
    for (int number = 1; scene.endings == 0; number++) {
        const struct wire_datagram *sent = wire_next(&scene.fixture.wire);
        assert_non_null(sent);
        struct wire_datagram rest = *sent;
        assert_in_range(number, 1, 7);
        say_rest(&scene, &rest, COAX_CONTENT, (number << 4 | 8) + 1, "0123456789abcdef");
    }
    assert_int_equal(scene.error.status, COAX_E_TOO_LARGE);
    scene_expect_get(&scene, 1);
    scene_stop(&scene);
}

static void a_large_state_of_what_cannot_be_observed(void **state) {
    (void)state;
    for (int fails = 0; fails < 2; fails++) {
        struct scene scene;
        scene_start(&scene);
        scene_observe(&scene, NULL);
        scene_expect_get(&scene, 0);
        say_first_block(&scene, COAX_ACK, NO_SEQUENCE);
        struct wire_datagram rest = expect_rest(&scene);
        say_rest(&scene, &rest, fails ? COAX_NOT_FOUND : COAX_CONTENT, fails ? 0 : SECOND_OF_16 + 1, "gh");
        assert_int_equal(scene.states, 1 - fails);
        assert_int_equal(scene.endings, 1);
        assert_int_equal(scene.error.status, fails ? COAX_E_RESPONSE : COAX_E_UNSUPPORTED);
        wire_expect_nothing(&scene.fixture.wire);
        assert_int_equal(scene.fixture.stack->requests.request_count, 0);
        scene_stop(&scene);
    }
}

static void cancelling_while_the_rest_is_fetched(void **state) {
    (void)state;
    for (unsigned inside = 0; inside < 2; inside++) {
        struct scene scene;
        scene_start(&scene);
        scene.cancel_at = inside;
        scene_observe(&scene, NULL);
        scene_expect_get(&scene, 0);
        say_first_block(&scene, COAX_ACK, 1);
        struct wire_datagram rest = expect_rest(&scene);
        if (inside != 0) {
            say_rest(&scene, &rest, COAX_CONTENT, SECOND_OF_16 + 1, "gh");
        } else {
            coax_observation_cancel(scene.observation);
            scene.observation = NULL;
        }
        assert_int_equal(scene.states, inside);
        scene_expect_get(&scene, 1);
        scene_stop(&scene);
    }
}

/* What is lost while a body is fetched is lost once. */
static void a_loss_while_the_rest_is_fetched(void **state) {
    (void)state;
    struct scene scene;
    scene_stand(&scene, 1, 60);
    say_first_block(&scene, COAX_NON, 2);
    (void)expect_rest(&scene);
    coax_error error;
    coax_fail(&error, COAX_E_REFUSED, "nobody listens");
    struct path path = client_path(9);
    coax_stack_unreachable(scene.fixture.stack, &path, &error);
    assert_int_equal(scene.fixture.stack->requests.request_count, 0);
    scene_expect_registration_at(&scene, 1000);
    scene_stop(&scene);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_rest_of_a_state_is_fetched),
        cmocka_unit_test(a_slow_fetch_is_let_finish),
        cmocka_unit_test(a_fetch_that_fails),
        cmocka_unit_test(too_large_is_too_large),
        cmocka_unit_test(for_ever_more),
        cmocka_unit_test(a_large_state_of_what_cannot_be_observed),
        cmocka_unit_test(cancelling_while_the_rest_is_fetched),
        cmocka_unit_test(a_loss_while_the_rest_is_fetched),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
