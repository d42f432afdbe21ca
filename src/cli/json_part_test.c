#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cli/json_part.h"

static json_t *read_json(const char *text) {
    json_t *json = json_loads(text, JSON_DECODE_ANY, NULL);
    assert_non_null(json);
    return json;
}

static void tells_pointers_from_other_texts(void **state) {
    (void)state;
    assert_true(json_is_pointer(""));
    assert_true(json_is_pointer("/"));
    assert_true(json_is_pointer("/a/0/~0~1"));
    assert_false(json_is_pointer("a"));
    assert_false(json_is_pointer("#/a"));
    assert_false(json_is_pointer("/a~"));
    assert_false(json_is_pointer("/a~2"));
}

/* The example of RFC 6901 section 5. */
static void points_as_the_rfc_does(void **state) {
    static const char document[] = "{\"foo\":[\"bar\",\"baz\"],\"\":0,\"a/b\":1,\"c%d\":2,\"e^f\":3,\"g|h\":4,"
                                   "\"i\\\\j\":5,\"k\\\"l\":6,\" \":7,\"m~n\":8}";
    static const struct {
        const char *pointer, *value;
    } rows[] = {
        {"", document},        {"/foo", "[\"bar\",\"baz\"]"},
        {"/foo/0", "\"bar\""}, {"/", "0"},
        {"/a~1b", "1"},        {"/c%d", "2"},
        {"/e^f", "3"},         {"/g|h", "4"},
        {"/i\\j", "5"},        {"/k\"l", "6"},
        {"/ ", "7"},           {"/m~0n", "8"},
    };
    json_t *json = read_json(document);
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        json_t *expected = read_json(rows[i].value);
        json_t *value = json_pointed(json, rows[i].pointer);
        assert_true(json_equal(value, expected));
        json_decref(expected);
    }
    json_decref(json);
}

static void points_at_nothing(void **state) {
    static const char *const pointers[] = {"/x",   "/list/2",  "/list/-", "/list/01", "/list/",
                                           "/a/b", "/list/1x", "/a/",     "/list/x",  "/list/18446744073709551616"};
    json_t *json = read_json("{\"a\":1,\"list\":[1,2]}");
    (void)state;
    for (size_t i = 0; i < sizeof pointers / sizeof *pointers; i++) {
        assert_null(json_pointed(json, pointers[i]));
    }
    json_decref(json);
}

static void unescapes_once(void **state) {
    json_t *json = read_json("{\"~1\":{\"\":[[7]]}}");
    (void)state;
    assert_int_equal(json_integer_value(json_pointed(json, "/~01//0/0")), 7);
    json_decref(json);
}

/* The test cases of RFC 7396 appendix A. */
static void merges_as_the_rfc_does(void **state) {
    static const struct {
        const char *target, *patch, *result;
    } rows[] = {
        {"{\"a\":\"b\"}", "{\"a\":\"c\"}", "{\"a\":\"c\"}"},
        {"{\"a\":\"b\"}", "{\"b\":\"c\"}", "{\"a\":\"b\",\"b\":\"c\"}"},
        {"{\"a\":\"b\"}", "{\"a\":null}", "{}"},
        {"{\"a\":\"b\",\"b\":\"c\"}", "{\"a\":null}", "{\"b\":\"c\"}"},
        {"{\"a\":[\"b\"]}", "{\"a\":\"c\"}", "{\"a\":\"c\"}"},
        {"{\"a\":\"c\"}", "{\"a\":[\"b\"]}", "{\"a\":[\"b\"]}"},
        {"{\"a\":{\"b\":\"c\"}}", "{\"a\":{\"b\":\"d\",\"c\":null}}", "{\"a\":{\"b\":\"d\"}}"},
        {"{\"a\":[{\"b\":\"c\"}]}", "{\"a\":[1]}", "{\"a\":[1]}"},
        {"[\"a\",\"b\"]", "[\"c\",\"d\"]", "[\"c\",\"d\"]"},
        {"{\"a\":\"b\"}", "[\"c\"]", "[\"c\"]"},
        {"{\"a\":\"foo\"}", "null", "null"},
        {"{\"a\":\"foo\"}", "\"bar\"", "\"bar\""},
        {"{\"e\":null}", "{\"a\":1}", "{\"e\":null,\"a\":1}"},
        {"[1,2]", "{\"a\":\"b\",\"c\":null}", "{\"a\":\"b\"}"},
        {"{}", "{\"a\":{\"bb\":{\"ccc\":null}}}", "{\"a\":{\"bb\":{}}}"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        json_t *target = read_json(rows[i].target);
        json_t *before = json_deep_copy(target);
        json_t *patch = read_json(rows[i].patch);
        json_t *expected = read_json(rows[i].result);
        json_t *merged = json_merged(target, patch);
        assert_true(json_equal(merged, expected));
        assert_true(json_equal(target, before));
        json_decref(merged);
        json_decref(expected);
        json_decref(patch);
        json_decref(before);
        json_decref(target);
    }
}

static void merges_into_nothing(void **state) {
    json_t *patch = read_json("{\"a\":{\"b\":1,\"c\":null}}");
    json_t *expected = read_json("{\"a\":{\"b\":1}}");
    json_t *merged = json_merged(NULL, patch);
    (void)state;
    assert_true(json_equal(merged, expected));
    json_decref(merged);
    json_decref(expected);
    json_decref(patch);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tells_pointers_from_other_texts),
        cmocka_unit_test(points_as_the_rfc_does),
        cmocka_unit_test(points_at_nothing),
        cmocka_unit_test(unescapes_once),
        cmocka_unit_test(merges_as_the_rfc_does),
        cmocka_unit_test(merges_into_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
