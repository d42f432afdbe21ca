#include "cli/serve_resources.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "cli/serve_ask.h"

static int set_up(void **state) {
    coax_endpoint *endpoint = ask_set_up();
    *state = endpoint;
    struct ticker ticker = {0};
    return !serve_add_basics(coax_endpoint_site(endpoint), &ticker, true, NULL);
}

static int tear_down(void **state) {
    coax_endpoint_free(*state);
    return 0;
}

static void root_says_what_there_is(void **state) {
    struct answered answered = ask_for(*state, COAX_GET, "/");
    assert_int_equal(answered.code, COAX_CONTENT);
    assert_int_equal(answered.format, COAX_FORMAT_TEXT);
    static const char *const paths[] = {"/time", "/host/load", "/echo", "/store/", "/files/", "/whoami"};
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        assert_non_null(strstr(answered.payload, paths[i]));
    }
    coax_endpoint *without = ask_set_up();
    struct ticker ticker = {0};
    assert_true(serve_add_basics(coax_endpoint_site(without), &ticker, false, NULL));
    assert_int_equal(ticker.count, 1);
    answered = ask_for(without, COAX_GET, "/");
    assert_null(strstr(answered.payload, "/files/"));
    coax_endpoint_free(without);
}

static void time_is_now(void **state) {
    time_t before = time(NULL);
    struct answered answered = ask_for(*state, COAX_GET, "/time");
    struct tm read = {.tm_isdst = 0};
    char *end = strptime(answered.payload, "%Y-%m-%dT%H:%M:%SZ", &read);
    assert_non_null(end);
    assert_int_equal(*end, '\0');
    assert_in_range(timegm(&read), before, time(NULL));
    assert_int_equal(answered.max_age, 1);
    answered = ask_accepting(*state, "/time", COAX_FORMAT_SENML_JSON);
    assert_int_equal(answered.format, COAX_FORMAT_SENML_JSON);
    assert_non_null(strstr(answered.payload, "\"n\":\"time\""));
    answered = ask_accepting(*state, "/time", COAX_FORMAT_SENML_CBOR);
    assert_int_equal(answered.format, COAX_FORMAT_SENML_CBOR);
    assert_int_equal(answered.payload[0] & 0xff, 0x81);
    assert_int_equal(ask_accepting(*state, "/time", COAX_FORMAT_JSON).code, COAX_NOT_ACCEPTABLE);
    assert_int_equal(ask_for(*state, COAX_POST, "/time").code, COAX_METHOD_NOT_ALLOWED);
}

static void echo_gives_back_payload_and_format(void **state) {
    static const struct {
        uint8_t method, code;
    } cases[] = {{COAX_POST, COAX_CHANGED}, {COAX_PUT, COAX_CHANGED}, {COAX_FETCH, COAX_CONTENT}};
    for (size_t i = 0; i < 3; i++) {
        const struct ask ask = {.payload = "a\0b", .payload_size = 3, .has_format = true, .format = 60};
        struct answered answered = ask_with(*state, cases[i].method, "/echo", &ask);
        assert_int_equal(answered.code, cases[i].code);
        assert_int_equal(answered.format, 60);
        assert_int_equal(answered.size, 3);
        assert_memory_equal(answered.payload, "a\0b", 3);
    }
    struct answered answered = ask_to_put(*state, COAX_POST, "/echo", "x");
    assert_int_equal(answered.format, COAX_NO_FORMAT);
    answered = ask_for(*state, COAX_POST, "/echo");
    assert_int_equal(answered.size, 0);
}

static void echo_gives_back_the_query(void **state) {
    assert_string_equal(ask_for(*state, COAX_GET, "/echo?a=1&b&c=%20%26").payload, "a=1&b&c= &");
    assert_string_equal(ask_for(*state, COAX_GET, "/echo").payload, "");
    assert_string_equal(ask_for(*state, COAX_GET, "/echo?&").payload, "&");
}

static void the_longest_query_fits(void **state) {
    char path[2000] = "/echo?";
    size_t size = 6;
    for (size_t i = 0; i < 7; i++) {
        memset(path + size, 'a', 250);
        path[size + 250] = i < 6 ? '&' : '\0';
        size += 251;
    }
    struct answered answered = ask_for(*state, COAX_GET, path);
    assert_int_equal(answered.code, COAX_CONTENT);
    assert_string_equal(answered.payload, path + 6);
}

static void whoami_tells_both_sides(void **state) {
    struct answered answered = ask_for(*state, COAX_GET, "/whoami");
    char local[128];
    char line[256];
    assert_int_equal(coax_endpoint_listening_uri(*state, 0, local, sizeof local), COAX_OK);
    snprintf(line, sizeof line, "\nlocal: %s\nclaim: (none)", local);
    assert_non_null(strstr(answered.payload, line));
    assert_ptr_equal(strstr(answered.payload, "scheme: coap\nremote: coap://127.0.0.1:"), answered.payload);
}

#define SERVED(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        SERVED(root_says_what_there_is),
        SERVED(time_is_now),
        SERVED(echo_gives_back_payload_and_format),
        SERVED(echo_gives_back_the_query),
        SERVED(the_longest_query_fits),
        SERVED(whoami_tells_both_sides),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
