/* From datagrams to handlers and back, through a whole stack. */
#include "stack/stack.h"
#include "wire_fixture.h"
#include <stdio.h>

struct fixture {
    struct wire wire;
    struct stack *stack;
    coax_instant now;
    char rest[64];
};

static int set_up(void **state) {
    static struct fixture fixture;
    memset(&fixture, 0, sizeof fixture);
    fixture.now = COAX_SECOND;
    wire_init(&fixture.wire, 1, &fixture.now);
    const struct datagram_output output = wire_output(&fixture.wire);
    *state = &fixture;
    return coax_stack_new(&fixture.stack, NULL, &output, NULL, fixture.now, NULL) == COAX_OK ? 0 : -1;
}

static int tear_down(void **state) {
    struct fixture *fixture = *state;
    coax_stack_free(fixture->stack);
    wire_free(&fixture->wire);
    return 0;
}

static void note_rest(coax_exchange *exchange, const coax_message *request, void *user) {
    struct fixture *fixture = user;
    (void)request;
    (void)snprintf(fixture->rest, sizeof fixture->rest, "%s", coax_exchange_rest(exchange));
    (void)coax_respond_text(exchange, COAX_CONTENT, "found");
}

static void forget_to_answer(coax_exchange *exchange, const coax_message *request, void *user) {
    (void)exchange;
    (void)request;
    (void)user;
}

static void add(struct fixture *fixture, const char *path, coax_handler *get, bool subtree) {
    coax_resource_config config = COAX_RESOURCE_CONFIG_INIT;
    config.get = get;
    config.user = fixture;
    config.subtree = subtree;
    assert_non_null(coax_site_add(fixture->stack->site, path, &config, NULL));
}

static void receive(struct fixture *fixture, const struct path *path, const char *bytes, size_t size) {
    coax_stack_receive(fixture->stack, path, false, true, (const uint8_t *)bytes, size);
}

#define RECEIVE(fixture, path, literal) receive((fixture), (path), (literal), sizeof(literal) - 1)

static void a_handler_answers(void **state) {
    struct fixture *fixture = *state;
    struct path path = server_path(7);
    add(fixture, "a", note_rest, true);
    RECEIVE(fixture, &path,
            "\x41\x01\x00\x01\x33\xb1"
            "a\x01"
            "b\x01"
            "c");
    struct coax_message response = wire_expect_message(&fixture->wire);
    assert_int_equal(response.type, COAX_ACK);
    assert_int_equal(response.code, COAX_CONTENT);
    assert_memory_equal(response.payload.data, "found", 5);
    assert_string_equal(fixture->rest, "b/c");
}

static void what_has_no_handler_is_explained(void **state) {
    struct fixture *fixture = *state;
    struct path path = server_path(7);
    add(fixture, "a", note_rest, false);
    RECEIVE(fixture, &path,
            "\x40\x01\x00\x01\xb1"
            "b");
    struct coax_message response = wire_expect_message(&fixture->wire);
    assert_int_equal(response.code, COAX_NOT_FOUND);
    assert_true(response.payload.size > 0);
    assert_int_equal(coax_message_content_format(&response), -1); /* diagnostic: RFC 7252 section 5.5.2 */
    RECEIVE(fixture, &path,
            "\x40\x02\x00\x02\xb1"
            "a");
    response = wire_expect_message(&fixture->wire);
    assert_int_equal(response.code, COAX_METHOD_NOT_ALLOWED);
}

static void a_forgotten_answer_is_5_00_without_words(void **state) {
    struct fixture *fixture = *state;
    struct path path = server_path(7);
    add(fixture, "a", forget_to_answer, false);
    RECEIVE(fixture, &path,
            "\x40\x01\x00\x01\xb1"
            "a");
    struct coax_message response = wire_expect_message(&fixture->wire);
    assert_int_equal(response.code, COAX_INTERNAL_SERVER_ERROR);
    assert_int_equal(response.payload.size, 0);
}

static void the_list_of_resources_is_answered(void **state) {
    struct fixture *fixture = *state;
    struct path path = server_path(7);
    add(fixture, "a", note_rest, false);
    RECEIVE(fixture, &path,
            "\x40\x01\x00\x01\xbb.well-known\x04"
            "core");
    struct coax_message response = wire_expect_message(&fixture->wire);
    assert_int_equal(response.code, COAX_CONTENT);
    assert_int_equal(coax_message_content_format(&response), COAX_FORMAT_LINK);
    assert_int_equal(response.payload.size, 4);
    assert_memory_equal(response.payload.data, "</a>", 4);
}

/* RFC 6690 section 4.1: a filter that nothing matches gets an empty list, but by multicast no answer at all. */
static void an_empty_list_is_no_answer_to_a_multicast(void **state) {
    struct fixture *fixture = *state;
    struct path unicast = server_path(7), multicast = multicast_path(7);
    add(fixture, "a", note_rest, false);
    RECEIVE(fixture, &unicast,
            "\x50\x01\x00\x01\xbb.well-known\x04"
            "core\x44rt=x");
    struct coax_message response = wire_expect_message(&fixture->wire);
    assert_int_equal(response.code, COAX_CONTENT);
    assert_int_equal(response.payload.size, 0);
    RECEIVE(fixture, &multicast,
            "\x50\x01\x00\x02\xbb.well-known\x04"
            "core\x44rt=x");
    fixture->now += 10 * COAX_SECOND;
    coax_stack_set_time(fixture->stack, fixture->now);
    coax_stack_run(fixture->stack);
    wire_expect_nothing(&fixture->wire);
    RECEIVE(fixture, &multicast,
            "\x50\x01\x00\x03\xbb.well-known\x04"
            "core");
    wire_expect_nothing(&fixture->wire); /* leisure */
    fixture->now += 10 * COAX_SECOND;
    coax_stack_set_time(fixture->stack, fixture->now);
    coax_stack_run(fixture->stack);
    response = wire_expect_message(&fixture->wire);
    assert_int_equal(response.code, COAX_CONTENT);
}

static void a_long_list_comes_in_blocks(void **state) {
    struct fixture *fixture = *state;
    struct path path = server_path(7);
    for (unsigned i = 0; i < 400; i++) {
        char name[16];
        (void)snprintf(name, sizeof name, "resource%u", i);
        add(fixture, name, note_rest, false);
    }
    RECEIVE(fixture, &path,
            "\x40\x01\x00\x01\xbb.well-known\x04"
            "core");
    struct coax_message response = wire_expect_message(&fixture->wire);
    assert_int_equal(response.code, COAX_CONTENT);
    assert_int_equal(response.payload.size, 1024);
    assert_int_equal(coax_message_option_uint(&response, COAX_OPTION_BLOCK2, 0), 8 | 6);
    assert_true(coax_message_option_uint(&response, COAX_OPTION_SIZE2, 0) > 400 * strlen("</resource1>,"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_handler_answers, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_has_no_handler_is_explained, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_forgotten_answer_is_5_00_without_words, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_list_of_resources_is_answered, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_empty_list_is_no_answer_to_a_multicast, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_long_list_comes_in_blocks, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
