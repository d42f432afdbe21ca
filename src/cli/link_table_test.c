#include "cli/link_table.h"

#include "cli/capture.h"
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static char out[16384];
static coax_error error;

static size_t table(const char *text, bool heading) {
    struct capture capture = capture_begin(stdout);
    size_t rows = link_table_print(stdout, "coap://h", text, strlen(text), heading, &error);
    capture_end(&capture, out, sizeof out);
    return rows;
}

static size_t json(const char *text) {
    struct capture capture = capture_begin(stdout);
    size_t rows = link_json_print(stdout, "coap://h", text, strlen(text), &error);
    capture_end(&capture, out, sizeof out);
    return rows;
}

static void rows_are_aligned_lines(void **state) {
    (void)state;
    assert_int_equal(table("</a>;rt=\"x y\";ct=\"0 50 60\";obs;title=\"\xc3\xa4 b\",</longer>;ct=65000;if=\"i\"", true),
                     2);
    assert_int_equal(error.status, COAX_OK);
    assert_string_equal(out, "URI              TYPE  FORMATS               OBS  TITLE\n"
                             "coap://h/a       x y   text/plain,json,cbor  obs  \xc3\xa4 b\n"
                             "coap://h/longer  -     65000                 -    -\n");
    assert_int_equal(table("</a>", false), 1);
    assert_string_equal(out, "coap://h/a  -     -        -    -\n");
}

/* RFC 7641 section 6: it has no value and stands once; what else there is means nothing. */
static void obs_is_a_flag(void **state) {
    (void)state;
    assert_int_equal(table("</a>;obs=\"no\";obs;obs=0", false), 1);
    assert_string_equal(out, "coap://h/a  -     -        obs  -\n");
}

static void targets_are_resolved(void **state) {
    (void)state;
    assert_int_equal(json("<>,<coap://other/x>,</a?b=c>,<rel>,</x?u=coap://y>"), 5);
    assert_string_equal(out, "{\"uri\":\"coap://h/\",\"attributes\":{}}\n"
                             "{\"uri\":\"coap://other/x\",\"attributes\":{}}\n"
                             "{\"uri\":\"coap://h/a?b=c\",\"attributes\":{}}\n"
                             "{\"uri\":\"coap://h/rel\",\"attributes\":{}}\n"
                             "{\"uri\":\"coap://h/x?u=coap://y\",\"attributes\":{}}\n");
}

static void json_has_all_attributes(void **state) {
    (void)state;
    assert_int_equal(json("</a>;rt=\"x\\\"y\";obs;sz=12;new=\"\""), 1);
    assert_string_equal(
        out, "{\"uri\":\"coap://h/a\",\"attributes\":{\"rt\":\"x\\\"y\",\"obs\":true,\"sz\":\"12\",\"new\":\"\"}}\n");
}

static void nothing_is_no_table(void **state) {
    (void)state;
    assert_int_equal(table("", true), 0);
    assert_string_equal(out, "");
    assert_int_equal(error.status, COAX_OK);
    assert_int_equal(json(""), 0);
}

static void what_breaks_off_is_said(void **state) {
    (void)state;
    assert_int_equal(table("</a>,</b", true), 1);
    assert_int_equal(error.status, COAX_E_SYNTAX);
    assert_non_null(strstr(out, "coap://h/a"));
}

static void terminals_are_not_driven(void **state) {
    (void)state;
    assert_int_equal(table("</a>;title=\"\x1b[2J\"", false), 0); /* no link-format at all */
    assert_int_equal(error.status, COAX_E_SYNTAX);
    assert_int_equal(table("</a>;title=\"\xc2\x9b"
                           "2J x\"",
                           false),
                     1); /* CSI of eight bits */
    assert_string_equal(out, "coap://h/a  -     -        -    \\xc2\\x9b2J x\n");
}

static void what_is_huge_is_cut(void **state) {
    (void)state;
    char text[6000];
    memset(text, 'a', sizeof text);
    memcpy(text, "</", 2);
    memcpy(text + 3000, ">;title=\"", 9);
    memcpy(text + sizeof text - 2, "\"", 2);
    assert_int_equal(table(text, false), 1);
    assert_in_range(strlen(out), 500, 1100);
    assert_int_equal(json(text), 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_are_aligned_lines),   cmocka_unit_test(obs_is_a_flag),
        cmocka_unit_test(targets_are_resolved),     cmocka_unit_test(json_has_all_attributes),
        cmocka_unit_test(nothing_is_no_table),      cmocka_unit_test(what_breaks_off_is_said),
        cmocka_unit_test(terminals_are_not_driven), cmocka_unit_test(what_is_huge_is_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
