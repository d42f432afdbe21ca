/* What programs do in the functions of a body that is served (its source, its sink): remove the resource, publish
   another state. Nothing is used that is gone, and each body is closed once. */
#include "request/observers.h"

#include "serve_fixture.h"

static void remove_it(struct served *served) {
    coax_site_remove(served->fixture.stack->site, served->resource);
    served->resource = NULL;
}

static void publish_another(struct served *served) {
    assert_int_equal(coax_resource_publish(served->resource, COAX_FORMAT_TEXT, served->data + 1, 1500), COAX_OK);
}

static void start_with_one_body(struct served *served, bool has_sink) {
    coax_endpoint_config config = COAX_ENDPOINT_CONFIG_INIT;
    config.max_bodies = 1;
    served_start(served, &config, has_sink);
}

static void ask_without_care(struct served *served, struct ask ask) {
    served_send(served, &ask);
    while (wire_next(&served->fixture.wire) != NULL) {
    }
}

/* A body that comes in for a sink, one that goes out of a source, and one of another client in their place. */
static void serve_bodies(struct served *served) {
    for (int i = 0; i < 3; i++) {
        ask_without_care(served, ASK(.code = COAX_PUT, .block1 = BLOCK(i, i < 2, 6), .size = 1024));
    }
    ask_without_care(served, ASK(.code = COAX_PUT, .block1 = BLOCK(0, 1, 6), .size = 1024, .client = 8));
    for (int i = 0; i < 3; i++) {
        ask_without_care(served, ASK(.code = COAX_GET, .block2 = BLOCK(i, 0, 6)));
    }
    ask_without_care(served, ASK(.code = COAX_GET, .client = 8));
}

static void a_resource_may_be_removed_anywhere(void **state) {
    (void)state;
    for (enum served_place place = IN_NONE; place < SERVED_PLACES; place++) {
        struct served served;
        start_with_one_body(&served, true);
        served.by_source = true;
        served.data_size = 5000;
        served.place = place;
        served.then = remove_it;
        serve_bodies(&served);
        assert_int_equal(served.place, IN_NONE);
        assert_true(served.fixture.stack->requests.body_count <= 1);
        served_stop(&served);
    }
}

/* A notification in blocks takes the place of a body whose source is closed for it. */
static void a_state_may_be_published_while_it_is_sent(void **state) {
    (void)state;
    for (int removes = 0; removes < 2; removes++) {
        struct served served;
        start_with_one_body(&served, false);
        ask_without_care(&served, ASK(.code = COAX_GET, .observe = 1, .token = "ob"));
        served.by_source = true;
        served.data_size = 5000;
        ask_without_care(&served, ASK(.code = COAX_GET, .below = "other", .client = 8));
        served.place = IN_CLOSE_SOURCE;
        served.then = removes ? remove_it : publish_another;
        assert_int_equal(coax_resource_publish(served.resource, COAX_FORMAT_TEXT, served.data, 3000), COAX_OK);
        for (int i = 0; i < 4; i++) {
            stack_fixture_pass_ms(&served.fixture, 0);
        }
        assert_int_equal(served.place, IN_NONE);
        struct coax_message message = wire_expect_message(&served.fixture.wire);
        assert_int_equal(coax_message_option_uint(&message, COAX_OPTION_SIZE2, 0), 3000);
        assert_memory_equal(message.payload.data, served.data, message.payload.size);
        served_stop(&served);
    }
}

/* RFC 7959 section 2.1: Block1 says of a payload, which a GET does not have; no sink is opened. */
static void what_has_no_body_is_not_sent_in_blocks(void **state) {
    (void)state;
    struct served served;
    served_start(&served, NULL, true);
    served_expect(&served, ASK(.code = COAX_GET, .block1 = BLOCK(0, 1, 6), .size = 1024), COAX_BAD_OPTION, 0, 0, 0, 0);
    assert_int_equal(served.sink_opened + served.handled, 0);
    served_stop(&served);
}

/* RFC 8132 section 2.4 with RFC 7959: the observer asked with all of it. */
static void an_observer_is_asked_for_with_its_whole_payload(void **state) {
    (void)state;
    struct served served;
    served_start(&served, NULL, false);
    ask_without_care(&served, ASK(.code = COAX_FETCH, .observe = 1, .block1 = BLOCK(0, 1, 6), .size = 1024));
    ask_without_care(&served,
                     ASK(.code = COAX_FETCH, .observe = 1, .block1 = BLOCK(1, 0, 6), .offset = 1024, .size = 100));
    assert_int_equal(coax_resource_observer_count(served.resource), 1);
    served.got_size = 0;
    coax_resource_changed(served.resource);
    stack_fixture_pass_ms(&served.fixture, 0);
    assert_int_equal(served.handled, 2);
    assert_int_equal(served.got_size, 1124);
    assert_memory_equal(served.got, served.data, 1124);
    struct coax_message message = wire_expect_message(&served.fixture.wire);
    assert_int_equal(message.code, COAX_CONTENT);
    served_stop(&served);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_resource_may_be_removed_anywhere),
        cmocka_unit_test(a_state_may_be_published_while_it_is_sent),
        cmocka_unit_test(what_has_no_body_is_not_sent_in_blocks),
        cmocka_unit_test(an_observer_is_asked_for_with_its_whole_payload),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
