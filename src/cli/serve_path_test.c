#include "cli/serve_path.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void writes_targets(void **state) {
    (void)state;
    static const char *const cases[][2] = {
        {"a", "/s/a"},
        {"", "/s/"},
        {"a/b//c/", "/s/a/b//c/"},
        {"a%2Fb%25", "/s/a%2Fb%25"},
        {"a b\"<>?#", "/s/a%20b%22%3C%3E%3F%23"},
        {"caf\xc3\xa9", "/s/caf%C3%A9"},
        {"-._~!$&'()*+,;=:@", "/s/-._~!$&'()*+,;=:@"},
    };
    char out[64];
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_true(serve_path_to_target("/s/", cases[i][0], out, sizeof out));
        assert_string_equal(out, cases[i][1]);
        size_t size = strlen(cases[i][1]);
        assert_true(serve_path_to_target("/s/", cases[i][0], out, size + 1));
        assert_false(serve_path_to_target("/s/", cases[i][0], out, size));
    }
    assert_false(serve_path_to_target("", "", out, 0));
}

static void encodes_names_as_one_segment(void **state) {
    (void)state;
    char out[16];
    assert_true(serve_path_encode_name("100% a/b", out, sizeof out));
    assert_string_equal(out, "100%25%20a%2Fb");
    assert_true(serve_path_encode_name("", out, 1));
    assert_string_equal(out, "");
    assert_false(serve_path_encode_name("", out, 0));
    assert_false(serve_path_encode_name(" ", out, 3));
    assert_true(serve_path_encode_name(" ", out, 4));
}

static void makes_names_of_files(void **state) {
    (void)state;
    static const char *const cases[][2] = {
        {"", ""},           {"a", "a"},           {"a/b.txt", "a/b.txt"},         {"a/", "a"},
        {"100%25", "100%"}, {"a%0Ab", "a\nb"},    {"caf\xc3\xa9", "caf\xc3\xa9"}, {"a/b/", "a/b"},
        {"%7F", "\x7f"},    {"a..b/c", "a..b/c"},
    };
    char out[64];
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_true(serve_path_to_name(cases[i][0], out, sizeof out));
        assert_string_equal(out, cases[i][1]);
        assert_true(serve_path_to_name(cases[i][0], out, strlen(cases[i][1]) + 1));
        assert_false(serve_path_to_name(cases[i][0], out, strlen(cases[i][1])));
    }
}

static void refuses_what_leads_elsewhere(void **state) {
    (void)state;
    static const char *const cases[] = {
        "/",  "/etc/passwd", "a//b", "a//",       "..",     "../a",   "a/..",     "a/../b",
        ".",  "a/./b",       ".git", "a/.hidden", "a%2Fb",  "%2Fetc", "%00",      "a%00.c",
        "%2", "%",           "%zz",  "a/%2F..",   "..%2Fa", "%2E",    "%2E%2E/a",
    };
    char out[64];
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        if (serve_path_to_name(cases[i], out, sizeof out)) {
            fail_msg("%s became %s", cases[i], out);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writes_targets),
        cmocka_unit_test(encodes_names_as_one_segment),
        cmocka_unit_test(makes_names_of_files),
        cmocka_unit_test(refuses_what_leads_elsewhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
