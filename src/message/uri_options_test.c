#include "message/uri_options.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* A message made of options. */
struct request {
    uint8_t buffer[1152];
    struct option_writer writer;
    struct coax_message message;
};

static void start(struct request *request) {
    request->writer = option_writer_on(request->buffer, sizeof request->buffer);
    request->message = (struct coax_message){.code = COAX_GET};
}

static const struct coax_message *finished(struct request *request) {
    request->message.options = option_writer_bytes(&request->writer);
    return &request->message;
}

static void add(struct request *request, uint16_t number, const char *value) {
    assert_int_equal(coax_option_write(&request->writer, number, value, strlen(value)), COAX_OK);
}

static void add_uri(struct request *request, const char *text) {
    coax_uri uri;
    coax_error error = {.text = ""};
    if (coax_uri_parse(&uri, text, &error) != COAX_OK) {
        fail_msg("%s: %s", text, error.text);
    }
    assert_int_equal(coax_uri_to_options(&uri, &request->writer), COAX_OK);
}

/* The options as "number=value|". */
static void assert_options(struct request *request, const char *expected) {
    const struct coax_message *message = finished(request);
    char seen[256] = "";
    size_t position = 0;
    coax_option option;
    while (coax_message_next_option(message, &position, &option)) {
        snprintf(seen + strlen(seen), sizeof seen - strlen(seen), "%u=%.*s|", option.number, (int)option.size,
                 (const char *)option.value);
    }
    assert_string_equal(seen, expected);
}

static void assert_becomes(const char *uri, const char *expected) {
    struct request request;
    start(&request);
    add_uri(&request, uri);
    assert_options(&request, expected);
}

static void turns_uris_into_options(void **state) {
    (void)state;
    assert_becomes("coap://example.net/.well-known/core", "3=example.net|11=.well-known|11=core|");
    assert_becomes("coap://h", "3=h|");
    assert_becomes("coap://h/", "3=h|");
    assert_becomes("coap://h//", "3=h|11=|11=|");
    assert_becomes("coap://h/a/", "3=h|11=a|11=|");
    assert_becomes("coap://h:1/a%2Fb/c%26d?e%26f=g&h=/?", "3=h|11=a/b|11=c&d|15=e&f=g|15=h=/?|");
    assert_becomes("coap://h?", "3=h|15=|");
    assert_becomes("coap://h/?&a", "3=h|15=|15=a|");
    assert_becomes("coap://[2001:db8::2:1]:61616/a", "11=a|");
    assert_becomes("coap+tcp://192.0.2.1?a", "15=a|");
    assert_becomes("coaps://EXAMPLE.com:5684/%E3%81%93", "3=example.com|11=\xe3\x81\x93|");
    assert_becomes("coap://h/a/../b/./c/%2e%2e", "3=h|11=b|11=|");
    assert_becomes("coap://h/a/..", "3=h|");
}

static void makes_the_same_of_equivalent_uris(void **state) {
    (void)state;
    /* RFC 7252 section 6.3. */
    const char *expected = "3=example.com|11=~sensors|11=temp.xml|";
    assert_becomes("coap://example.com:5683/~sensors/temp.xml", expected);
    assert_becomes("coap://EXAMPLE.com/%7Esensors/temp.xml", expected);
    assert_becomes("coap://EXAMPLE.com:/%7esensors/temp.xml", expected);
}

static void refuses_bad_paths_and_queries(void **state) {
    (void)state;
    char long_text[256];
    memset(long_text, 'a', sizeof long_text);
    struct request request;
    start(&request);
    struct option_writer *writer = &request.writer;
    assert_int_equal(coax_uri_write_path_options(writer, "%f", 2), COAX_E_URI);
    assert_int_equal(coax_uri_write_path_options(writer, "%ff", 3), COAX_E_URI);
    assert_int_equal(coax_uri_write_query_options(writer, "\xc3", 1), COAX_E_URI);
    assert_int_equal(coax_uri_write_query_options(writer, "%", 1), COAX_E_URI);
    assert_int_equal(coax_uri_write_path_options(writer, long_text, 256), COAX_E_TOO_LARGE);
    assert_int_equal(coax_uri_write_query_options(writer, long_text, 256), COAX_E_TOO_LARGE);
    assert_int_equal(writer->size, 0);
    assert_int_equal(coax_uri_write_path_options(writer, long_text, 255), COAX_OK);
    assert_int_equal(coax_uri_write_query_options(writer, long_text, 255), COAX_OK);
    assert_int_equal(coax_uri_write_path_options(writer, "", 0), COAX_OK);
    assert_int_equal(coax_uri_write_query_options(writer, NULL, 0), COAX_OK);
    request.writer = option_writer_on(request.buffer, 3);
    assert_int_equal(coax_uri_write_path_options(writer, "ab/c", 4), COAX_E_TOO_LARGE);
}

/* Builds the URI of a request with these options (0 ends them). */
static enum coax_status compose(struct request *request, enum coax_scheme scheme, const char *hostinfo, char out[256]) {
    return coax_uri_from_options(finished(request), scheme, hostinfo, out, 256);
}

static void composes_the_examples_of_rfc7252(void **state) {
    (void)state;
    /* Appendix B. */
    struct request request;
    char out[256];
    start(&request);
    assert_int_equal(compose(&request, COAX_SCHEME_COAP, "[2001:db8::2:1]:5683", out), COAX_OK);
    assert_string_equal(out, "coap://[2001:db8::2:1]/");

    add(&request, COAX_OPTION_URI_HOST, "example.net");
    assert_int_equal(compose(&request, COAX_SCHEME_COAP, "[2001:db8::2:1]:5683", out), COAX_OK);
    assert_string_equal(out, "coap://example.net/");

    add(&request, COAX_OPTION_URI_PATH, ".well-known");
    add(&request, COAX_OPTION_URI_PATH, "core");
    assert_int_equal(compose(&request, COAX_SCHEME_COAP, "[2001:db8::2:1]:5683", out), COAX_OK);
    assert_string_equal(out, "coap://example.net/.well-known/core");

    start(&request);
    add(&request, COAX_OPTION_URI_HOST, "xn--18j4d.example");
    add(&request, COAX_OPTION_URI_PATH, "\xe3\x81\x93\xe3\x82\x93\xe3\x81\xab\xe3\x81\xa1\xe3\x81\xaf");
    assert_int_equal(compose(&request, COAX_SCHEME_COAP, "[2001:db8::2:1]:5683", out), COAX_OK);
    assert_string_equal(out, "coap://xn--18j4d.example/%E3%81%93%E3%82%93%E3%81%AB%E3%81%A1%E3%81%AF");

    start(&request);
    add(&request, COAX_OPTION_URI_PATH, "");
    add(&request, COAX_OPTION_URI_PATH, "/");
    add(&request, COAX_OPTION_URI_PATH, "");
    add(&request, COAX_OPTION_URI_PATH, "");
    add(&request, COAX_OPTION_URI_QUERY, "//");
    add(&request, COAX_OPTION_URI_QUERY, "?&");
    assert_int_equal(compose(&request, COAX_SCHEME_COAP, "198.51.100.1:61616", out), COAX_OK);
    /* The appendix prints "?%2F%2F&?%26"; step 8 of section 6.5 leaves '/' as it is. Both make the same options. */
    assert_string_equal(out, "coap://198.51.100.1:61616//%2F//?//&?%26");
    struct request again;
    start(&again);
    add_uri(&again, "coap://198.51.100.1:61616//%2F//?%2F%2F&?%26");
    assert_true(bytes_equal(finished(&again)->options, request.message.options));
}

static void takes_host_and_port_from_options(void **state) {
    (void)state;
    struct request request;
    char out[256];
    start(&request);
    add(&request, COAX_OPTION_URI_HOST, "Example.NET");
    assert_int_equal(coax_option_write_uint(&request.writer, COAX_OPTION_URI_PORT, 1234), COAX_OK);
    assert_int_equal(compose(&request, COAX_SCHEME_COAPS_TCP, "192.0.2.1:99", out), COAX_OK);
    assert_string_equal(out, "coaps+tcp://example.net:1234/");
    assert_int_equal(compose(&request, COAX_SCHEME_COAPS_TCP, NULL, out), COAX_OK);
    assert_string_equal(out, "coaps+tcp://example.net:1234/");

    start(&request);
    add(&request, COAX_OPTION_URI_HOST, "[2001:DB8::1]");
    assert_int_equal(compose(&request, COAX_SCHEME_COAP, "[fe80::1%2]:99", out), COAX_OK);
    assert_string_equal(out, "coap://[2001:db8::1]:99/");

    start(&request);
    add(&request, COAX_OPTION_URI_HOST, "\xc3\xa4");
    assert_int_equal(compose(&request, COAX_SCHEME_COAP, "", out), COAX_OK);
    assert_string_equal(out, "coap://%C3%A4/");

    start(&request);
    assert_int_equal(compose(&request, COAX_SCHEME_COAP_WS, "[fe80::1%2]:8683", out), COAX_OK);
    assert_string_equal(out, "coap+ws://[fe80::1%252]:8683/");
    assert_int_equal(coax_option_write_uint(&request.writer, COAX_OPTION_URI_PORT, 80), COAX_OK);
    assert_int_equal(compose(&request, COAX_SCHEME_COAP_WS, "[fe80::1%2]:8683", out), COAX_OK);
    assert_string_equal(out, "coap+ws://[fe80::1%252]/");
}

static void refuses_hostile_hosts(void **state) {
    (void)state;
    static const char *const hosts[] = {"a/b",  "a:1",       "u@h",         "a?b",  "a#b",  "a b",
                                        "a%41", "%",         "a\n",         "\xff", "[::1", "[::1]:5",
                                        "[]",   "[1.2.3.4]", "[fe80::1%1]", "::1",  "\\"};
    char out[256];
    for (size_t i = 0; i < sizeof hosts / sizeof *hosts; i++) {
        struct request request;
        start(&request);
        add(&request, COAX_OPTION_URI_HOST, hosts[i]);
        assert_int_equal(compose(&request, COAX_SCHEME_COAP, "h", out), COAX_E_OPTION);
    }
    struct request request;
    start(&request);
    assert_int_equal(coax_option_write(&request.writer, COAX_OPTION_URI_HOST, "a\0b", 3), COAX_OK);
    assert_int_equal(compose(&request, COAX_SCHEME_COAP, "h", out), COAX_E_OPTION);
}

static void refuses_hostile_ports_and_hostinfo(void **state) {
    (void)state;
    char out[256];
    struct request request;
    start(&request);
    add(&request, COAX_OPTION_URI_PORT, "");
    assert_int_equal(compose(&request, COAX_SCHEME_COAP, "h", out), COAX_E_OPTION);

    start(&request);
    assert_int_equal(compose(&request, COAX_SCHEME_COAP, NULL, out), COAX_E_INVALID);
    static const char *const hostinfos[] = {"h/a", "h?a", "h#", "u@h", "h:99999", ":1", "[::1", "a b"};
    for (size_t i = 0; i < sizeof hostinfos / sizeof *hostinfos; i++) {
        assert_int_equal(compose(&request, COAX_SCHEME_COAP, hostinfos[i], out), COAX_E_URI);
    }
    char long_hostinfo[2000];
    memset(long_hostinfo, 'h', sizeof long_hostinfo);
    long_hostinfo[sizeof long_hostinfo - 1] = '\0';
    assert_int_equal(compose(&request, COAX_SCHEME_COAP, long_hostinfo, out), COAX_E_TOO_LARGE);
}

static void writes_the_path_of_a_message(void **state) {
    (void)state;
    struct request request;
    char out[64];
    start(&request);
    assert_int_equal(coax_message_path(finished(&request), out, sizeof out), COAX_OK);
    assert_string_equal(out, "/");
    add(&request, COAX_OPTION_URI_QUERY, "x=1");
    assert_int_equal(coax_message_path(finished(&request), out, sizeof out), COAX_OK);
    assert_string_equal(out, "/?x=1");

    start(&request);
    add(&request, COAX_OPTION_URI_HOST, "h");
    add(&request, COAX_OPTION_URI_PATH, "a b");
    add(&request, COAX_OPTION_URI_PATH, "..");
    add(&request, COAX_OPTION_URI_PATH, ".");
    add(&request, COAX_OPTION_URI_PATH, "..\xff");
    add(&request, COAX_OPTION_URI_QUERY, "c=d");
    add(&request, COAX_OPTION_URI_QUERY, "");
    assert_int_equal(coax_message_path(finished(&request), out, sizeof out), COAX_OK);
    const char *expected = "/a%20b/%2E%2E/%2E/..%FF?c=d&";
    assert_string_equal(out, expected);
    assert_int_equal(coax_message_path(&request.message, out, strlen(expected) + 1), COAX_OK);
    assert_int_equal(coax_message_path(&request.message, out, strlen(expected)), COAX_E_TOO_LARGE);
    assert_string_equal(out, "");
    assert_int_equal(coax_message_path(&request.message, NULL, 0), COAX_E_TOO_LARGE);
}

static void says_when_a_buffer_is_too_small(void **state) {
    (void)state;
    struct request request;
    char out[16];
    start(&request);
    add(&request, COAX_OPTION_URI_PATH, "abc");
    assert_int_equal(coax_uri_from_options(finished(&request), COAX_SCHEME_COAP, "h:1", out, 15), COAX_OK);
    assert_string_equal(out, "coap://h:1/abc");
    assert_int_equal(coax_uri_from_options(&request.message, COAX_SCHEME_COAP, "h:1", out, 14), COAX_E_TOO_LARGE);
}

/* A small generator with a fixed seed: failures are repeatable. */
static uint32_t draw(uint32_t *seed, uint32_t below) {
    *seed = *seed * 1664525U + 1013904223U;
    return (*seed >> 8) % below;
}

static void put_random(char *text, const char *const *pieces, uint32_t count, uint32_t maximum, uint32_t *seed) {
    for (uint32_t i = draw(seed, maximum); i > 0; i--) {
        strcat(text, pieces[draw(seed, count)]);
    }
}

/* For every URI: its normal form is what its options make, and makes the same options again. */
static void goes_to_options_and_back(void **state) {
    (void)state;
    static const char *const starts[] = {"coap://h",          "coaps://Ex.org:1",   "coap+tcp://[::1]:77",
                                         "coap+ws://1.2.3.4", "coaps+ws://a%C3%A4", "coaps+tcp://[fe80::1%252]"};
    static const char *const pieces[] = {"/",   "/",   "a",      "%41", "%2F", "%26", "&",   ".",   "..", "/../",
                                         "/./", "%2e", "%C3%A4", "=",   ":",   "@",   "%00", "%25", "+",  "%20"};
    uint32_t seed = 7252;
    for (int round = 0; round < 20000; round++) {
        char text[512];
        char normal[1024];
        char composed[1024];
        char hostinfo[64];
        coax_uri uri;
        snprintf(text, sizeof text, "%s/", starts[draw(&seed, 6)]);
        put_random(text, pieces, 20, 12, &seed);
        if (draw(&seed, 2) == 1) {
            strcat(text, "?");
            put_random(text, pieces, 20, 8, &seed);
        }
        assert_int_equal(coax_uri_parse(&uri, text, NULL), COAX_OK);
        assert_int_equal(coax_uri_write(&uri, normal, sizeof normal), COAX_OK);
        assert_int_equal(coax_uri_write_hostinfo(&uri, hostinfo, sizeof hostinfo), COAX_OK);

        struct request request;
        start(&request);
        assert_int_equal(coax_uri_to_options(&uri, &request.writer), COAX_OK);
        assert_int_equal(coax_uri_from_options(finished(&request), uri.scheme, hostinfo, composed, sizeof composed),
                         COAX_OK);
        assert_string_equal(composed, normal);

        struct request again;
        start(&again);
        add_uri(&again, normal);
        assert_true(bytes_equal(request.message.options, finished(&again)->options));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(turns_uris_into_options),
        cmocka_unit_test(makes_the_same_of_equivalent_uris),
        cmocka_unit_test(refuses_bad_paths_and_queries),
        cmocka_unit_test(composes_the_examples_of_rfc7252),
        cmocka_unit_test(takes_host_and_port_from_options),
        cmocka_unit_test(refuses_hostile_hosts),
        cmocka_unit_test(refuses_hostile_ports_and_hostinfo),
        cmocka_unit_test(writes_the_path_of_a_message),
        cmocka_unit_test(says_when_a_buffer_is_too_small),
        cmocka_unit_test(goes_to_options_and_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
