#include <coax/uri.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static coax_uri parsed(const char *text) {
    coax_uri uri;
    coax_error error = {.text = ""};
    if (coax_uri_parse(&uri, text, &error) != COAX_OK) {
        fail_msg("%s: %s", text, error.text);
    }
    return uri;
}

static void assert_normal(const char *text, const char *normal) {
    char out[2048];
    coax_uri uri = parsed(text);
    assert_int_equal(coax_uri_write(&uri, out, sizeof out), COAX_OK);
    assert_string_equal(out, normal);
    uri = parsed(normal);
    assert_int_equal(coax_uri_write(&uri, out, sizeof out), COAX_OK);
    assert_string_equal(out, normal);
}

/* The text must be refused with an error that holds `words`. */
static void assert_refused(const char *text, const char *words) {
    coax_uri uri;
    coax_error error = {.status = COAX_OK, .text = ""};
    enum coax_status status = coax_uri_parse(&uri, text, &error);
    if (status != COAX_E_URI || error.status != COAX_E_URI || strstr(error.text, words) == NULL) {
        fail_msg("'%s': %d, \"%s\" instead of \"%s\"", text, status, error.text, words);
    }
    assert_null(strchr(error.text, '\n'));
}

static void knows_the_six_schemes(void **state) {
    (void)state;
    static const struct {
        const char *name;
        uint16_t port;
        bool is_secure;
    } expected[COAX_SCHEMES] = {{"coap", 5683, false},     {"coaps", 5684, true},  {"coap+tcp", 5683, false},
                                {"coaps+tcp", 5684, true}, {"coap+ws", 80, false}, {"coaps+ws", 443, true}};
    for (int i = 0; i < COAX_SCHEMES; i++) {
        enum coax_scheme scheme = (enum coax_scheme)i;
        assert_string_equal(coax_scheme_name(scheme), expected[i].name);
        assert_int_equal(coax_scheme_default_port(scheme), expected[i].port);
        assert_int_equal(coax_scheme_is_secure(scheme), expected[i].is_secure);
        char text[64];
        snprintf(text, sizeof text, "%s://host/a", expected[i].name);
        coax_uri uri = parsed(text);
        assert_int_equal(uri.scheme, i);
        assert_int_equal(uri.port, expected[i].port);
    }
    assert_int_equal(parsed("COAPS+Tcp://h").scheme, COAX_SCHEME_COAPS_TCP);
}

static void takes_a_uri_apart(void **state) {
    (void)state;
    coax_uri uri = parsed("coaps://Example.COM:1234/a/%20b?c=d&e");
    assert_int_equal(uri.scheme, COAX_SCHEME_COAPS);
    assert_string_equal(uri.host, "example.com");
    assert_string_equal(uri.zone, "");
    assert_false(uri.host_is_ip4 || uri.host_is_ip6);
    assert_int_equal(uri.port, 1234);
    assert_int_equal(uri.path_size, 6);
    assert_memory_equal(uri.path, "a/%20b", 6);
    assert_true(uri.has_query);
    assert_int_equal(uri.query_size, 5);
    assert_memory_equal(uri.query, "c=d&e", 5);
}

static void takes_empty_parts(void **state) {
    (void)state;
    coax_uri uri = parsed("coap://h");
    assert_int_equal(uri.path_size, 0);
    assert_false(uri.has_query);
    uri = parsed("coap://h/");
    assert_int_equal(uri.path_size, 0);
    uri = parsed("coap://h//");
    assert_int_equal(uri.path_size, 1);
    uri = parsed("coap://h?");
    assert_true(uri.has_query);
    assert_int_equal(uri.query_size, 0);
    uri = parsed("coap://h:/");
    assert_int_equal(uri.port, 5683);
    uri = parsed("coap://h?a/b?c");
    assert_int_equal(uri.path_size, 0);
    assert_int_equal(uri.query_size, 5);
    uri = parsed("coap://h:00080");
    assert_int_equal(uri.port, 80);
}

/* A server may have defaults of its own: then "no port" and "the default, by name" are two things. */
static void tells_a_port_that_is_named(void **state) {
    (void)state;
    static const struct {
        const char *uri;
        bool is_named;
    } cases[] = {
        {"coap+ws://h", false},       {"coap+ws://h:", false},       {"coap+ws://h:/a?b", false},
        {"coap+ws://h/80:80", false}, {"coap+ws://h:80", true},      {"coap+ws://h:0", true},
        {"coap+ws://[::1]", false},   {"coap+ws://[::1]:80/", true}, {"coaps+ws://h:443?a", true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(parsed(cases[i].uri).has_port, cases[i].is_named);
    }
    assert_normal("coap+ws://h:80", "coap+ws://h/"); /* the normal form is that of the protocol */
}

static void takes_ip_literals(void **state) {
    (void)state;
    coax_uri uri = parsed("coap://192.0.2.1:61616/");
    assert_true(uri.host_is_ip4);
    assert_string_equal(uri.host, "192.0.2.1");
    assert_int_equal(uri.port, 61616);

    uri = parsed("coap://[2001:DB8:0::1]:61616/");
    assert_true(uri.host_is_ip6);
    assert_false(uri.host_is_ip4);
    assert_string_equal(uri.host, "2001:db8::1");
    assert_int_equal(uri.port, 61616);

    uri = parsed("coap://[::FFFF:192.0.2.1]");
    assert_true(uri.host_is_ip6);
    assert_string_equal(uri.host, "::ffff:192.0.2.1");

    /* An escaped digit is the same URI. */
    assert_true(parsed("coap://%31.2.3.4/").host_is_ip4);
    /* What is no IPv4address is a name (RFC 3986 section 3.2.2). */
    assert_false(parsed("coap://1.2.3.256/").host_is_ip4);
}

static void takes_zones(void **state) {
    (void)state;
    coax_uri uri = parsed("coap://[fe80::1%25eth0]:5683/a");
    assert_string_equal(uri.host, "fe80::1");
    assert_string_equal(uri.zone, "eth0");
    assert_string_equal(parsed("coap://[fe80::1%eth0]/").zone, "eth0");
    assert_string_equal(parsed("coap://[fe80::1%2]/").zone, "2");
    assert_string_equal(parsed("coap://[fe80::1%25]/").zone, "25");
    assert_string_equal(parsed("coap://[fe80::1%25wlan%2d0]/").zone, "wlan-0");
    assert_string_equal(parsed("coap://[fe80::1%25123456789012345]/").zone, "123456789012345");
    assert_normal("coap://[FE80::1%eth0]:5683", "coap://[fe80::1%25eth0]/");
    assert_normal("coap://[fe80::1%25a%40b]", "coap://[fe80::1%25a%40b]/");
    /* Interface 253 as people type it reads as "3" of RFC 6874: the RFC wins. */
    assert_string_equal(parsed("coap://[fe80::1%253]/").zone, "3");
}

static void names_the_equivalent_uris_of_rfc7252(void **state) {
    (void)state;
    /* Section 6.3. */
    const char *normal = "coap://example.com/~sensors/temp.xml";
    assert_normal("coap://example.com:5683/~sensors/temp.xml", normal);
    assert_normal("coap://EXAMPLE.com/%7Esensors/temp.xml", normal);
    assert_normal("coap://EXAMPLE.com:/%7esensors/temp.xml", normal);
}

static void writes_normal_forms(void **state) {
    (void)state;
    assert_normal("coap://h", "coap://h/");
    assert_normal("COAP+WS://H:80", "coap+ws://h/");
    assert_normal("coaps+ws://h:443/", "coaps+ws://h/");
    assert_normal("coaps+ws://h:80/", "coaps+ws://h:80/");
    assert_normal("coap://h/a%2fb%3F%23%25/%e2%82%ac", "coap://h/a%2Fb%3F%23%25/%E2%82%AC");
    assert_normal("coap://h/%41%3a%40%21%24%26%27%28%29%2a%2b%2c%3b%3d", "coap://h/A:@!$&'()*+,;=");
    assert_normal("coap://h/?a%26b&c=%2f%3f%3D", "coap://h/?a%26b&c=/?=");
    assert_normal("coap://h?", "coap://h/?");
    assert_normal("coap://h/?&&", "coap://h/?&&");
    assert_normal("coap://h//a//", "coap://h//a//");
    assert_normal("coap://h//", "coap://h//");
    assert_normal("coap://stra%C3%9Fe.Example", "coap://stra%C3%9Fe.example/");
    assert_normal("coap://a%21b", "coap://a!b/");
}

static void removes_dot_segments(void **state) {
    (void)state;
    /* RFC 3986 section 5.2.4. */
    assert_normal("coap://h/a/b/c/./../../g", "coap://h/a/g");
    assert_normal("coap://h/mid/content=5/../6", "coap://h/mid/6");
    assert_normal("coap://h/.", "coap://h/");
    assert_normal("coap://h/..", "coap://h/");
    assert_normal("coap://h/../../a", "coap://h/a");
    assert_normal("coap://h/a/..", "coap://h/");
    assert_normal("coap://h/a/b/..", "coap://h/a/");
    assert_normal("coap://h/a/b/.", "coap://h/a/b/");
    assert_normal("coap://h/a//..", "coap://h/a/");
    assert_normal("coap://h/a/%2E%2e/b", "coap://h/b");
    assert_normal("coap://h/a/.%2e/./b", "coap://h/b");
    assert_normal("coap://h/.../.a/a./..a", "coap://h/.../.a/a./..a");
    assert_normal("coap://h/a/b/../../c/d/../e", "coap://h/c/e");
    assert_normal("coap://h/?../a", "coap://h/?../a");
}

static void writes_hostinfo(void **state) {
    (void)state;
    char out[32];
    coax_uri uri = parsed("coap://[FE80::1%25e]:1/a?b");
    assert_int_equal(coax_uri_write_hostinfo(&uri, out, sizeof out), COAX_OK);
    assert_string_equal(out, "[fe80::1%25e]:1");
    assert_int_equal(coax_uri_write_hostinfo(&uri, out, 16), COAX_OK);
    assert_int_equal(coax_uri_write_hostinfo(&uri, out, 15), COAX_E_TOO_LARGE);
    assert_string_equal(out, "");
    uri = parsed("coaps://h:5684");
    assert_int_equal(coax_uri_write_hostinfo(&uri, out, sizeof out), COAX_OK);
    assert_string_equal(out, "h");
}

static void says_when_a_buffer_is_too_small(void **state) {
    (void)state;
    char out[16] = "################";
    coax_uri uri = parsed("coap://h:1/a?b");
    assert_int_equal(coax_uri_write(&uri, out, 15), COAX_OK);
    assert_string_equal(out, "coap://h:1/a?b");
    assert_int_equal(out[15], '#');
    assert_int_equal(coax_uri_write(&uri, out, 14), COAX_E_TOO_LARGE);
    assert_int_equal(coax_uri_write(&uri, NULL, 0), COAX_E_TOO_LARGE);
}

static void hints_at_the_scheme(void **state) {
    (void)state;
    assert_refused("", "no scheme at character 1; try coap://HOST/PATH");
    assert_refused("localhost", "no scheme at character 1; try coap://localhost");
    assert_refused("localhost:5683/time", "try coap://localhost:5683/time");
    assert_refused("192.0.2.1/a?b=c", "try coap://192.0.2.1/a");
    assert_refused("//host/a", "try coap://host/a");
    assert_refused("[::1]/a", "try coap://[::1]/a");
    assert_refused("http://host/", "\"http\" at character 1 is not a scheme of CoAP; there are coap, coaps, coap+tcp");
    assert_refused("urn:a", "\"urn\" at character 1");
    assert_refused("coap+udp://h", "\"coap+udp\" at character 1");
    assert_refused("coa://h", "\"coa\" at character 1");
    assert_refused("coap:h", "\"//\" is missing at character 6, after \"coap:\"");
    assert_refused("coaps:/h", "\"//\" is missing at character 7");
    /* Neither passwords nor control characters get into an error. */
    assert_refused("user:5secret@host", "try coap://HOST/PATH");
    assert_refused("host\n\033[2J", "try coap://HOST/PATH");
}

static void refuses_user_info_and_fragments(void **state) {
    (void)state;
    assert_refused("coap://user:secret@host/", "from character 8 to the \"@\" at 19");
    assert_refused("coap://@host/", "the \"@\" at 8");
    assert_refused("coap://host/a#b", "starts at character 14");
    assert_refused("coap://host#", "starts at character 12");
    assert_refused("coap://host/?a#b", "starts at character 15");
    coax_uri uri;
    coax_error error;
    coax_uri_parse(&uri, "coap://user:secret@host/", &error);
    assert_null(strstr(error.text, "secret"));
}

static void refuses_broken_hosts(void **state) {
    (void)state;
    assert_refused("coap://", "host at character 8 is empty");
    assert_refused("coap:///a", "host at character 8 is empty");
    assert_refused("coap://:5683/", "host at character 8 is empty");
    assert_refused("coap://?a", "host at character 8 is empty");
    assert_refused("coap://::1/", "write an IPv6 address in brackets: coap://[");
    assert_refused("coap://[::1/", "\"]\" for the \"[\" at character 8 is missing");
    assert_refused("coap://[]/", "at character 9 is no IPv6 address");
    assert_refused("coap://[192.0.2.1]/", "at character 9 is no IPv6 address");
    assert_refused("coap://[v1.x]/", "at character 9 is no IPv6 address");
    assert_refused("coap://[::1::]/", "at character 9 is no IPv6 address");
    assert_refused("coap://[0000:0000:0000:0000:0000:0000:255.255.255.2555]/", "is no IPv6 address");
    assert_refused("coap://[::1]x/", "may follow the host, at character 13");
    assert_refused("coap://[fe80::1%]/", "zone at character 17 is empty");
    assert_refused("coap://[fe80::1%25 ]/", "Character 19 must not stand in a zone");
    assert_refused("coap://[fe80::1%25%2f]/", "Character 19 cannot be part of an interface's name");
    assert_refused("coap://[fe80::1%25%00]/", "Character 19 cannot be part of an interface's name");
    assert_refused("coap://[fe80::1%251234567890123456]/", "longer than 15 bytes");
    assert_refused("coap://a b/", "Character 9 must not stand in a host as it is; write \"%20\"");
    assert_refused("coap://a\"/", "write \"%22\"");
    assert_refused("coap://a\\b/", "write \"%5C\"");
    assert_refused("coap://a%2/", "\"%\" at character 9 is not followed by two hexadecimal digits");
    assert_refused("coap://a%2Fb/", "host at character 8 holds a character");
    assert_refused("coap://a%00b/", "host at character 8 holds a character");
    assert_refused("coap://a%3A1/", "host at character 8 holds a character");
    assert_refused("coap://a%2541/", "host at character 8 holds a character");
    assert_refused("coap://a%ff/", "host at character 8 is not UTF-8");
    assert_refused("coap://[[::1]]/", "is no IPv6 address");
}

static void refuses_broken_ports(void **state) {
    (void)state;
    static const char *const ports[] = {"65536", "99999999999999999999", "-1", "+1", "56x", "x", " 1", "%31"};
    for (size_t i = 0; i < sizeof ports / sizeof *ports; i++) {
        char text[64];
        snprintf(text, sizeof text, "coap://h:%s/a", ports[i]);
        assert_refused(text, "port at character 10 is not a number of 0 to 65535");
    }
    assert_int_equal(parsed("coap://h:65535").port, 65535);
    assert_int_equal(parsed("coap://h:1").port, 1);
    assert_int_equal(parsed("coap://h:0").port, 0); /* to listen on any free one */
}

static void refuses_broken_paths_and_queries(void **state) {
    (void)state;
    assert_refused("coap://h/a b", "Character 11 must not stand in a path as it is; write \"%20\"");
    assert_refused("coap://h/a/[", "Character 12 must not stand in a path as it is; write \"%5B\"");
    assert_refused("coap://h/?a|b", "Character 12 must not stand in a query as it is; write \"%7C\"");
    assert_refused("coap://h/\xc3\xa4", "Character 10 must not stand in a path as it is; write \"%C3\"");
    assert_refused("coap://h/a\n", "Character 11 must not stand in a path as it is; write \"%0A\"");
    assert_refused("coap://h/%", "\"%\" at character 10");
    assert_refused("coap://h/a/%4", "\"%\" at character 12");
    assert_refused("coap://h/%4/1", "\"%\" at character 10");
    assert_refused("coap://h/%zz", "\"%\" at character 10");
    assert_refused("coap://h/?%1g", "\"%\" at character 11");
    assert_refused("coap://h/?%", "\"%\" at character 11");
}

static void refuses_what_is_not_utf8(void **state) {
    (void)state;
    static const char *const values[] = {"%ff",       "%c3",       "%c3(",         "%80",          "%c0%80",
                                         "%e0%80%80", "%ed%a0%80", "%f0%80%80%80", "%f4%90%80%80", "%f5%80%80%80",
                                         "%c3/%a4",   "%e2%82",    "%c1%bf"};
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        char text[64];
        snprintf(text, sizeof text, "coap://h/a/%s", values[i]);
        assert_refused(text, "path segment at character 12 is not UTF-8");
    }
    assert_refused("coap://h/?a&%ff", "query argument at character 13 is not UTF-8");
    assert_normal("coap://h/%c2%80%df%bf%e0%a0%80%ed%9f%bf%ee%80%80%f0%90%80%80%f4%8f%bf%bf",
                  "coap://h/%C2%80%DF%BF%E0%A0%80%ED%9F%BF%EE%80%80%F0%90%80%80%F4%8F%BF%BF");
}

/* "coap://h/" or another start, then `count` times `unit`. */
static char *repeated(const char *start, const char *unit, size_t count) {
    char *text = calloc(1, strlen(start) + strlen(unit) * count + 1);
    strcat(text, start);
    for (size_t i = 0; i < count; i++) {
        strcat(text, unit);
    }
    return text;
}

static void limits_what_must_fit_an_option(void **state) {
    (void)state;
    static const struct {
        const char *start, *unit, *words;
    } parts[] = {
        {"coap://h/a/", "%61", "path segment at character 12 is longer than 255 bytes"},
        {"coap://h/?a&", "b", "query argument at character 13 is longer than 255 bytes"},
        {"coap://", "h", "host at character 8 is longer than 255 bytes"},
    };
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        char *text = repeated(parts[i].start, parts[i].unit, 255);
        parsed(text);
        free(text);
        text = repeated(parts[i].start, parts[i].unit, 256);
        assert_refused(text, parts[i].words);
        free(text);
    }
}

static void refuses_no_text(void **state) {
    (void)state;
    coax_uri uri;
    assert_int_equal(coax_uri_parse(&uri, NULL, NULL), COAX_E_INVALID);
    assert_int_equal(coax_uri_parse(&uri, "x", NULL), COAX_E_URI);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(knows_the_six_schemes),
        cmocka_unit_test(takes_a_uri_apart),
        cmocka_unit_test(takes_empty_parts),
        cmocka_unit_test(tells_a_port_that_is_named),
        cmocka_unit_test(takes_ip_literals),
        cmocka_unit_test(takes_zones),
        cmocka_unit_test(names_the_equivalent_uris_of_rfc7252),
        cmocka_unit_test(writes_normal_forms),
        cmocka_unit_test(removes_dot_segments),
        cmocka_unit_test(writes_hostinfo),
        cmocka_unit_test(says_when_a_buffer_is_too_small),
        cmocka_unit_test(hints_at_the_scheme),
        cmocka_unit_test(refuses_user_info_and_fragments),
        cmocka_unit_test(refuses_broken_hosts),
        cmocka_unit_test(refuses_broken_ports),
        cmocka_unit_test(refuses_broken_paths_and_queries),
        cmocka_unit_test(refuses_what_is_not_utf8),
        cmocka_unit_test(limits_what_must_fit_an_option),
        cmocka_unit_test(refuses_no_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
