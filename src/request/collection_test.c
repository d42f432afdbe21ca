/* One request, many answers (RFC 7252 section 8.2). */
#include "request/collection.h"

#include "stack_fixture.h"

enum { ANSWERS = 8, TIMEOUT_MS = 5000 };

struct scene {
    struct stack_fixture fixture;
    coax_request *request; /* NULL once it has ended */
    struct wire_datagram asked;
    unsigned answers, callbacks, cancel_at;
    struct {
        uint8_t code, host; /* 0: an error */
        char payload[64];
        coax_error error;
    } heard[ANSWERS];
    coax_error error; /* status COAX_OK: none */
};

static void each(coax_request *request, const coax_message *response, const coax_error *error, void *user) {
    struct scene *scene = user;
    unsigned i = scene->answers++ % ANSWERS;
    assert_ptr_equal(request, scene->request);
    assert_int_equal(scene->callbacks, 0);
    scene->heard[i].host = coax_request_remote(request)->address.ip[15];
    if (response != NULL) {
        size_t size = coax_message_payload_size(response);
        assert_true(size < sizeof scene->heard[i].payload);
        scene->heard[i].code = coax_message_code(response);
        memcpy(scene->heard[i].payload, size == 0 ? (const uint8_t *)"" : coax_message_payload(response), size);
        scene->heard[i].payload[size] = '\0';
    } else {
        scene->heard[i].error = *error;
    }
    if (scene->answers == scene->cancel_at) {
        coax_request_cancel(request);
        scene->request = NULL;
    }
}

static void ended(coax_request *request, const coax_message *response, const coax_error *error, void *user) {
    struct scene *scene = user;
    assert_ptr_equal(request, scene->request);
    assert_null(response);
    scene->callbacks++;
    scene->request = NULL;
    if (error != NULL) {
        scene->error = *error;
    }
}

static struct path group_path(void) {
    return (struct path){.remote = coax_address_ip4(224, 0, 1, 187, 5683), .channel = 1};
}

static coax_request *make(struct scene *scene) {
    memset(scene, 0, sizeof *scene);
    stack_fixture_start(&scene->fixture, NULL);
    scene->request = coax_request_create(&scene->fixture.stack->requests, COAX_GET, "/t");
    assert_non_null(scene->request);
    coax_request_set_non_confirmable(scene->request, true);
    coax_request_set_timeout(scene->request, TIMEOUT_MS);
    coax_request_collect(scene->request, each);
    return scene->request;
}

static enum coax_status send_to(struct scene *scene, struct path path) {
    enum coax_status status = coax_request_start(scene->request, ended, scene, &scene->error);
    if (status == COAX_OK) {
        status = coax_request_submit(scene->request, stack_fixture_remote(&scene->fixture, path), &scene->error);
        if (status != COAX_OK) {
            coax_request_unstart(scene->request);
        }
    }
    return status;
}

static void begin(struct scene *scene) {
    (void)make(scene);
    assert_int_equal(send_to(scene, group_path()), COAX_OK);
    scene->asked = *wire_next(&scene->fixture.wire);
    assert_int_equal(scene->asked.data[0], 0x58); /* non-confirmable */
}

static void finish(struct scene *scene) {
    coax_request_cancel(scene->request);
    assert_int_equal(scene->fixture.stack->requests.request_count, 0);
    stack_fixture_stop(&scene->fixture);
}

/* The member at 10.0.0.`host` answers. */
static void say(struct scene *scene, uint8_t host, uint8_t code, const char *payload) {
    answer(&scene->fixture, client_path(host), &scene->asked, COAX_NON, 0x100, code, payload);
}

static void say_first_block(struct scene *scene, uint8_t host) {
    answer_with(&scene->fixture, client_path(host), &scene->asked, COAX_NON, 0x100, COAX_CONTENT,
                bytes_of("\xd1\x0a\x08", 3), "0123456789abcdef");
}

static void each_member_is_heard_once(void **state) {
    (void)state;
    struct scene scene;
    begin(&scene);
    coax_remote *group = coax_request_remote(scene.request);
    unsigned references = group->references;
    say(&scene, 7, COAX_CONTENT, "seven");
    say(&scene, 8, COAX_NOT_FOUND, "");
    say(&scene, 7, COAX_CONTENT, "seven again");
    answer(&scene.fixture, client_path(9), &scene.asked, COAX_CON, 0x101, COAX_CONTENT, "nine");
    WIRE_EXPECT(&scene.fixture.wire, "\x60\x00\x01\x01");
    assert_int_equal(scene.answers, 3);
    assert_int_equal(scene.heard[0].host, 7);
    assert_string_equal(scene.heard[0].payload, "seven");
    assert_int_equal(scene.heard[1].host, 8);
    assert_int_equal(scene.heard[1].code, COAX_NOT_FOUND);
    assert_int_equal(scene.heard[2].host, 9);
    assert_ptr_equal(coax_request_remote(scene.request), group);
    assert_int_equal(group->references, references);
    stack_fixture_pass_ms(&scene.fixture, TIMEOUT_MS - 1);
    assert_int_equal(scene.callbacks, 0);
    stack_fixture_pass_ms(&scene.fixture, 1);
    assert_int_equal(scene.callbacks, 1);
    assert_int_equal(scene.error.status, COAX_OK);
    say(&scene, 6, COAX_CONTENT, "late");
    assert_int_equal(scene.answers, 3);
    finish(&scene);
}

static void silence_is_a_timeout(void **state) {
    (void)state;
    struct scene scene;
    begin(&scene);
    stack_fixture_pass_ms(&scene.fixture, TIMEOUT_MS);
    assert_int_equal(scene.callbacks, 1);
    assert_int_equal(scene.error.status, COAX_E_TIMEOUT);
    finish(&scene);
}

static void large_answers_are_fetched(void **state) {
    (void)state;
    struct scene scene;
    struct wire_datagram fetches[3];
    begin(&scene);
    for (uint8_t i = 0; i < 3; i++) {
        say_first_block(&scene, (uint8_t)(7 + i));
        say_first_block(&scene, (uint8_t)(7 + i)); /* a duplicate */
        fetches[i] = *wire_next(&scene.fixture.wire);
        wire_expect_nothing(&scene.fixture.wire);
        assert_int_equal(fetches[i].path.remote.ip[15], 7 + i);
        assert_int_equal(fetches[i].data[0], 0x48);
        assert_memory_equal(fetches[i].data + 12, "\xd1\x0a\x10", 3);
    }
    assert_int_equal(scene.answers, 0);
    answer_with(&scene.fixture, client_path(8), &fetches[1], COAX_ACK, 0, COAX_CONTENT, bytes_of("\xd1\x0a\x10", 3),
                "gh");
    assert_int_equal(scene.answers, 1);
    assert_int_equal(scene.heard[0].host, 8);
    assert_string_equal(scene.heard[0].payload, "0123456789abcdefgh");
    answer(&scene.fixture, client_path(7), &fetches[0], COAX_RST, 0, COAX_EMPTY, "");
    assert_int_equal(scene.answers, 2);
    assert_int_equal(scene.heard[1].host, 7);
    assert_int_equal(scene.heard[1].error.status, COAX_E_RESET);
    stack_fixture_pass_ms(&scene.fixture, TIMEOUT_MS); /* the third has not said the rest by then */
    assert_int_equal(scene.answers, 2);
    assert_int_equal(scene.callbacks, 1);
    assert_int_equal(scene.error.status, COAX_OK);
    assert_int_equal(scene.fixture.stack->requests.request_count, 0);
    finish(&scene);
}

/* Only what `each` was told of is an answer. */
static void an_answer_that_never_became_whole(void **state) {
    (void)state;
    struct scene scene;
    begin(&scene);
    say_first_block(&scene, 7);
    stack_fixture_pass_ms(&scene.fixture, TIMEOUT_MS);
    assert_int_equal(scene.answers, 0);
    assert_int_equal(scene.error.status, COAX_E_TIMEOUT);
    finish(&scene);
}

static void fetches_have_a_bound(void **state) {
    (void)state;
    struct scene scene;
    begin(&scene);
    for (uint8_t i = 0; i < 66; i++) {
        say_first_block(&scene, (uint8_t)(1 + i));
    }
    assert_int_equal(scene.fixture.stack->requests.request_count, 65);
    assert_int_equal(scene.answers, 2);
    assert_int_equal(scene.heard[0].host, 65);
    assert_int_equal(scene.heard[0].error.status, COAX_E_LIMIT);
    say(&scene, 100, COAX_CONTENT, "small");
    assert_int_equal(scene.answers, 3);
    finish(&scene);
}

static void members_have_a_bound(void **state) {
    (void)state;
    struct scene scene;
    begin(&scene);
    for (unsigned i = 0; i < 4100; i++) {
        answer(&scene.fixture, numbered_path(client_path(0), i + 1), &scene.asked, COAX_NON, 1, COAX_CONTENT, "");
    }
    assert_int_equal(scene.answers, 4096);
    finish(&scene);
}

/* Inside `each`, called for a small answer or a large one. */
static void cancelling_inside(void **state) {
    (void)state;
    for (int is_large = 0; is_large < 2; is_large++) {
        struct scene scene;
        begin(&scene);
        coax_remote *group = coax_remote_ref(coax_request_remote(scene.request));
        scene.cancel_at = 1;
        say_first_block(&scene, 8);
        struct wire_datagram fetch = *wire_next(&scene.fixture.wire);
        if (is_large) {
            answer_with(&scene.fixture, client_path(8), &fetch, COAX_ACK, 0, COAX_CONTENT, bytes_of("\xd1\x0a\x10", 3),
                        "gh");
        } else {
            say(&scene, 7, COAX_CONTENT, "seven");
        }
        assert_int_equal(scene.answers, 1);
        assert_int_equal(scene.fixture.stack->requests.request_count, 0);
        assert_int_equal(group->references, 1);
        coax_remote_unref(group);
        stack_fixture_pass_ms(&scene.fixture, 100000);
        assert_int_equal(scene.callbacks, 0);
        finish(&scene);
    }
}

static void a_shut_down_is_an_error(void **state) {
    (void)state;
    struct scene scene;
    begin(&scene);
    say(&scene, 7, COAX_CONTENT, "seven");
    say_first_block(&scene, 8);
    stack_fixture_stop(&scene.fixture);
    assert_int_equal(scene.callbacks, 1);
    assert_int_equal(scene.error.status, COAX_E_SHUT_DOWN);
}

/* What one member wants is not sent to the group. */
static void an_echo_is_an_answer(void **state) {
    (void)state;
    struct scene scene;
    begin(&scene);
    answer_with(&scene.fixture, client_path(7), &scene.asked, COAX_NON, 1, COAX_UNAUTHORIZED,
                bytes_of("\xd2\xef\x01\x02", 4), "");
    assert_int_equal(scene.answers, 1);
    assert_int_equal(scene.heard[0].code, COAX_UNAUTHORIZED);
    wire_expect_nothing(&scene.fixture.wire);
    finish(&scene);
}

static void what_must_be_set(void **state) {
    (void)state;
    struct scene scene;
    coax_request *request = make(&scene);
    coax_request_set_timeout(request, 0);
    assert_int_equal(send_to(&scene, group_path()), COAX_E_INVALID);
    coax_request_set_timeout(request, 1000);
    coax_request_set_non_confirmable(request, false);
    assert_int_equal(send_to(&scene, group_path()), COAX_E_INVALID); /* RFC 7252 section 8.1 */
    coax_request_set_non_confirmable(request, true);
    assert_int_equal(send_to(&scene, group_path()), COAX_OK);
    coax_request_collect(request, ended); /* too late */
    scene.asked = *wire_next(&scene.fixture.wire);
    say(&scene, 7, COAX_CONTENT, "seven");
    assert_int_equal(scene.answers, 1);
    finish(&scene);

    request = make(&scene); /* not sent; and not collected in the end */
    assert_int_equal(send_to(&scene, (struct path){.remote = coax_address_ip4(224, 0, 1, 187, 5683)}), COAX_OK);
    coax_request_unstart(request);
    coax_request_collect(request, NULL);
    assert_int_equal(send_to(&scene, client_path(7)), COAX_OK);
    assert_null(request->take);
    finish(&scene);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_member_is_heard_once), cmocka_unit_test(silence_is_a_timeout),
        cmocka_unit_test(large_answers_are_fetched), cmocka_unit_test(an_answer_that_never_became_whole),
        cmocka_unit_test(fetches_have_a_bound),      cmocka_unit_test(members_have_a_bound),
        cmocka_unit_test(cancelling_inside),         cmocka_unit_test(a_shut_down_is_an_error),
        cmocka_unit_test(an_echo_is_an_answer),      cmocka_unit_test(what_must_be_set),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
