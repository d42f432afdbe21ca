#include "message/uri_text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static struct bytes text_of(const char *text) {
    return bytes_of(text, strlen(text));
}

static void follows_the_classes_of_rfc3986(void **state) {
    (void)state;
    static const struct {
        enum uri_part part;
        const char *letters;
    } classes[] = {
        {URI_PART_UNRESERVED, "-._~"},           {URI_PART_HOST, "-._~!$&'()*+,;="},
        {URI_PART_SEGMENT, "-._~!$&'()*+,;=:@"}, {URI_PART_ARGUMENT, "-._~!$'()*+,;=:@/?"},
        {URI_PART_QUERY, "-._~!$&'()*+,;=:@/?"},
    };
    for (size_t i = 0; i < sizeof classes / sizeof *classes; i++) {
        for (unsigned byte = 0; byte < 256; byte++) {
            bool is_alphanumeric =
                (byte >= '0' && byte <= '9') || (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z');
            bool expected = is_alphanumeric || (byte != 0 && strchr(classes[i].letters, (int)byte) != NULL);
            assert_int_equal(coax_uri_allows(classes[i].part, (uint8_t)byte), expected);
        }
    }
}

static void decodes_every_escape(void **state) {
    (void)state;
    for (int byte = 0; byte < 256; byte++) {
        char text[4];
        size_t position = 0;
        snprintf(text, sizeof text, byte & 1 ? "%%%02x" : "%%%02X", (unsigned)byte);
        assert_int_equal(coax_uri_next_byte(text_of(text), &position), byte);
        assert_int_equal(position, 3);
    }
    static const char *const broken[] = {"%", "%4", "%g0", "%0g", "% 1", "%+1", "%%41"};
    for (size_t i = 0; i < sizeof broken / sizeof *broken; i++) {
        size_t position = 0;
        assert_int_equal(coax_uri_next_byte(text_of(broken[i]), &position), -1);
        assert_int_equal(position, 0);
    }
}

static void decodes_values(void **state) {
    (void)state;
    struct uri_value value;
    assert_int_equal(coax_uri_decode(text_of("a%00%c3%a4"), &value), URI_FAULT_NONE);
    assert_int_equal(value.size, 4);
    assert_memory_equal(value.bytes, "a\0\xc3\xa4", 4);
    assert_int_equal(coax_uri_decode(bytes_of(NULL, 0), &value), URI_FAULT_NONE);
    assert_int_equal(value.size, 0);
    assert_int_equal(coax_uri_decode(text_of("a%"), &value), URI_FAULT_PERCENT);
    assert_int_equal(coax_uri_decode(text_of("%ff"), &value), URI_FAULT_UTF8);
    char text[256];
    memset(text, 'a', sizeof text);
    assert_int_equal(coax_uri_decode(bytes_of(text, 255), &value), URI_FAULT_NONE);
    assert_int_equal(coax_uri_decode(bytes_of(text, 256), &value), URI_FAULT_SIZE);
}

/* The segments of a path, each behind a '/'. */
static void assert_segments(const char *path, const char *expected) {
    struct uri_segments segments = coax_uri_segments_of(text_of(path));
    struct bytes segment;
    char seen[64] = "";
    while (coax_uri_next_segment(&segments, &segment)) {
        snprintf(seen + strlen(seen), sizeof seen - strlen(seen), "/%.*s", (int)segment.size,
                 (const char *)segment.data);
    }
    assert_string_equal(seen, expected);
    assert_false(coax_uri_next_segment(&segments, &segment));
}

static void walks_segments(void **state) {
    (void)state;
    assert_segments("", "");
    assert_segments("a", "/a");
    assert_segments("a/", "/a/");
    assert_segments("/", "//");
    assert_segments("/a", "//a");
    assert_segments("a//b", "/a//b");
    assert_segments(".", "");
    assert_segments("..", "");
    assert_segments("./", "");
    assert_segments("../a", "/a");
    assert_segments("a/..", "");
    assert_segments("a/b/..", "/a/");
    assert_segments("a/b/../", "/a/");
    assert_segments("a/b/../..", "");
    assert_segments("a/../b/../c", "/c");
    assert_segments("a/b/c/../../d", "/a/d");
    assert_segments("a/./b/%2e%2E/c", "/a/c");
    assert_segments("a/../../../b", "/b");
    assert_segments("/..", "");
    assert_segments(".//", "//");
    assert_segments("...", "/...");
    assert_segments("%2e%2e%2e", "/%2e%2e%2e");
    assert_segments("a/.%", "/a/.%");
}

static void walks_parts(void **state) {
    (void)state;
    struct bytes part;
    size_t position = 0;
    assert_true(coax_uri_next_part(text_of("a&&b"), '&', &position, &part));
    assert_true(bytes_equal(part, text_of("a")));
    assert_true(coax_uri_next_part(text_of("a&&b"), '&', &position, &part));
    assert_int_equal(part.size, 0);
    assert_true(coax_uri_next_part(text_of("a&&b"), '&', &position, &part));
    assert_true(bytes_equal(part, text_of("b")));
    assert_false(coax_uri_next_part(text_of("a&&b"), '&', &position, &part));
    position = 0;
    assert_true(coax_uri_next_part(bytes_of(NULL, 0), '&', &position, &part));
    assert_int_equal(part.size, 0);
    assert_false(coax_uri_next_part(bytes_of(NULL, 0), '&', &position, &part));
}

static void writes_encoded_text(void **state) {
    (void)state;
    char out[32];
    struct uri_writer writer = {out, sizeof out, 0};
    coax_uri_put(&writer, "<");
    coax_uri_put_encoded(&writer, URI_PART_SEGMENT, text_of("a/%\xc3:"));
    coax_uri_put(&writer, ">");
    coax_uri_put_recoded(&writer, URI_PART_SEGMENT, text_of("%61%2f%zz"));
    assert_true(coax_uri_finish(&writer));
    assert_string_equal(out, "<a%2F%25%C3:>a%2F%25zz");
}

static void sets_hosts(void **state) {
    (void)state;
    coax_uri uri = {.port = 0};
    assert_true(coax_uri_set_name(&uri, text_of("\xc3\x84.EXAMPLE")));
    assert_string_equal(uri.host, "\xc3\x84.example");
    assert_false(uri.host_is_ip4 || uri.host_is_ip6);
    assert_true(coax_uri_set_name(&uri, text_of("192.0.2.1")));
    assert_true(uri.host_is_ip4);
    assert_true(coax_uri_set_ip6(&uri, text_of("0:0::1")));
    assert_string_equal(uri.host, "::1");
    assert_true(uri.host_is_ip6 && !uri.host_is_ip4);
    assert_false(coax_uri_set_ip6(&uri, text_of("192.0.2.1")));
    assert_false(coax_uri_set_ip6(&uri, bytes_of("::1\0", 4)));
    assert_false(coax_uri_set_ip6(&uri, text_of("fe80::1%1")));
    static const char *const names[] = {"", "a b", "a/b", "a:1", "a@b", "[::1]", "a%41", "a\n", "\xff", "a?", "a#"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        assert_false(coax_uri_set_name(&uri, text_of(names[i])));
    }
    assert_false(coax_uri_set_name(&uri, bytes_of("a\0b", 3)));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(follows_the_classes_of_rfc3986),
        cmocka_unit_test(decodes_every_escape),
        cmocka_unit_test(decodes_values),
        cmocka_unit_test(walks_segments),
        cmocka_unit_test(walks_parts),
        cmocka_unit_test(writes_encoded_text),
        cmocka_unit_test(sets_hosts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
