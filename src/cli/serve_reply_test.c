#include "cli/serve_reply.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "cli/serve_ask.h"

static const uint8_t etag[] = {1, 2, 3, 4, 5, 6, 7, 8};
static const char large[3000];

static const struct representation representations[] = {
    {COAX_FORMAT_JSON, "{}", 2, etag, "It"},
    {COAX_NO_FORMAT, "?", 1, NULL, "It"},
    {60000, "?", 1, NULL, "It"},
    {COAX_FORMAT_TEXT, large, sizeof large, etag, "It"},
};

static void get(coax_exchange *exchange, const coax_message *request, void *user) {
    reply_representation(exchange, request, user);
}

static const struct representation present = {COAX_NO_FORMAT, NULL, 0, etag, NULL};
static const struct representation absent = {COAX_NO_FORMAT, NULL, 0, NULL, NULL};

static void put(coax_exchange *exchange, const coax_message *request, void *user) {
    const struct representation *representation = user;
    uint8_t code = reply_may_go_on(request, representation->etag) ? COAX_CHANGED : COAX_PRECONDITION_FAILED;
    (void)coax_respond(exchange, code, COAX_NO_FORMAT, NULL, 0);
}

static int set_up(void **state) {
    static const char *const paths[] = {"0", "1", "2", "3"};
    coax_endpoint *endpoint = ask_set_up();
    coax_site *site = coax_endpoint_site(endpoint);
    coax_resource_config config = COAX_RESOURCE_CONFIG_INIT;
    config.get = get;
    for (size_t i = 0; i < 4; i++) {
        config.user = (void *)(uintptr_t)&representations[i];
        assert_non_null(coax_site_add(site, paths[i], &config, NULL));
    }
    config.put = put;
    config.user = (void *)(uintptr_t)&present;
    assert_non_null(coax_site_add(site, "present", &config, NULL));
    config.user = (void *)(uintptr_t)&absent;
    assert_non_null(coax_site_add(site, "absent", &config, NULL));
    *state = endpoint;
    return 0;
}

static int tear_down(void **state) {
    coax_endpoint_free(*state);
    return 0;
}

static void gives_what_is_accepted(void **state) {
    struct answered answered = ask_for(*state, COAX_GET, "/0");
    assert_int_equal(answered.code, COAX_CONTENT);
    assert_int_equal(answered.format, COAX_FORMAT_JSON);
    assert_int_equal(answered.etag_size, 8);
    assert_int_equal(ask_accepting(*state, "/0", COAX_FORMAT_JSON).code, COAX_CONTENT);
    assert_int_equal(ask_accepting(*state, "/0", COAX_FORMAT_TEXT).code, COAX_NOT_ACCEPTABLE);
    answered = ask_accepting(*state, "/2", COAX_FORMAT_TEXT);
    assert_int_equal(answered.code, COAX_NOT_ACCEPTABLE);
    assert_string_equal(answered.payload, "It is 60000 (no registered format)");
}

/* What it is, is not known; perhaps the client likes it. */
static void an_unknown_format_is_accepted(void **state) {
    struct answered answered = ask_accepting(*state, "/1", COAX_FORMAT_TEXT);
    assert_int_equal(answered.code, COAX_CONTENT);
    assert_int_equal(answered.format, COAX_NO_FORMAT);
    assert_int_equal(answered.etag_size, 0);
}

static void no_size_is_too_large(void **state) {
    struct answered answered = ask_for(*state, COAX_GET, "/3");
    assert_int_equal(answered.size, sizeof large);
    assert_memory_equal(answered.payload, large, sizeof large);
}

static void etags_are_compared_whole(void **state) {
    static const struct {
        const char *value;
        size_t size;
        uint8_t code;
    } cases[] = {{"\1\2\3\4\5\6\7\10", 8, COAX_VALID},
                 {"\1\2\3\4\5\6\7", 7, COAX_CONTENT},
                 {"\1\2\3\4\5\6\7\11", 8, COAX_CONTENT}};
    for (size_t i = 0; i < 3; i++) {
        const struct asked_option option = {COAX_OPTION_ETAG, cases[i].value, cases[i].size};
        const struct ask ask = {.options = &option, .option_count = 1};
        assert_int_equal(ask_with(*state, COAX_GET, "/0", &ask).code, cases[i].code);
    }
}

static void conditions_are_those_of_the_rfc(void **state) {
    static const struct asked_option none = {COAX_OPTION_IF_NONE_MATCH, "", 0};
    static const struct asked_option any[] = {{COAX_OPTION_IF_MATCH, "other", 5}, {COAX_OPTION_IF_MATCH, "", 0}};
    static const struct asked_option match[] = {{COAX_OPTION_IF_MATCH, "other", 5},
                                                {COAX_OPTION_IF_MATCH, "\1\2\3\4\5\6\7\10", 8}};
    const struct {
        struct ask ask;
        uint8_t if_present, if_absent;
    } cases[] = {
        {{.options = NULL}, COAX_CHANGED, COAX_CHANGED},
        {{.options = &none, .option_count = 1}, COAX_PRECONDITION_FAILED, COAX_CHANGED},
        {{.options = any, .option_count = 1}, COAX_PRECONDITION_FAILED, COAX_PRECONDITION_FAILED},
        {{.options = any, .option_count = 2}, COAX_CHANGED, COAX_PRECONDITION_FAILED},
        {{.options = match, .option_count = 2}, COAX_CHANGED, COAX_PRECONDITION_FAILED},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(ask_with(*state, COAX_PUT, "/present", &cases[i].ask).code, cases[i].if_present);
        assert_int_equal(ask_with(*state, COAX_PUT, "/absent", &cases[i].ask).code, cases[i].if_absent);
    }
}

#define SERVED(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        SERVED(gives_what_is_accepted),   SERVED(an_unknown_format_is_accepted),   SERVED(no_size_is_too_large),
        SERVED(etags_are_compared_whole), SERVED(conditions_are_those_of_the_rfc),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
