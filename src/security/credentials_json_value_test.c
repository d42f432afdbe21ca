#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "security/credentials_json.h"
#include "security/credentials_test_data.h"

/* A loader that stands at the first entry of a text, and the value of that entry. */
struct fixture {
    struct json_loader loader;
    coax_error error;
    json_t *root, *value;
    struct json_draft draft;
};

static struct fixture *open_text(const char *text) {
    struct fixture *fixture = calloc(1, sizeof *fixture);
    assert_non_null(fixture);
    fixture->loader = (struct json_loader){.text = text, .size = strlen(text), .name = "f", .error = &fixture->error};
    fixture->root = coax_json_parse(&fixture->loader);
    if (fixture->root != NULL) {
        fixture->value = json_object_get(fixture->root, "k");
        coax_json_position_start(&fixture->loader.member, text, strlen(text));
        coax_json_position_enter(&fixture->loader.member, 0);
    }
    return fixture;
}

static void close_text(struct fixture *fixture) {
    coax_json_draft_free(&fixture->draft);
    if (fixture->root != NULL) {
        coax_json_wipe_free(fixture->root);
    }
    free(fixture);
}

static void syntax_errors_have_their_place_and_no_secret(void **state) {
    (void)state;
    static const char *const cases[][2] = {
        {"", "f:1:1: '{' was expected, which starts the map of entries, but the file ends here"},
        {"{", "f:1:1: a key in double quotes or '}' was expected, but the file ends here"},
        {"{}}", "f:1:3: the end of the file was expected"},
        {"{\"a\"\n \"SECRET\"}", "f:2:9: ':' was expected between a key and its value"},
        {"{\"a\": \"SECRET\" \"SECRET\"}", "f:1:23: ',' or '}' was expected"},
        {"{\"a\": [\"SECRET\" 1", "f:1:17: ',' or ']' was expected"},
        {"{\"a\": \"SECRET", "f:1:13: a text does not end; '\"' was expected"},
        {"{\"a\": \"SECRET\n\"}", "a text does not end on its line"},
        {"{\"a\": \"SECRET\x01\"}", "a control character"},
        {"{\"a\": \"SECRET\\q\"}", "an invalid escape"},
        {"{\"a\": \"SECRET\\ud800\"}", "half of a surrogate pair"},
        {"{\"a\": \"SECRET\xFF\"}", "not UTF-8"},
        {"{\"a\": SECRET}", "f:1:12: not JSON"},
        {"{\"a\": 99999999999999999999}", "a number that is too large"},
        {"{\"a\": 1e999}", "a number that is too large"},
        {"{\"SECRET\": 1, \"SECRET\": 2}", "this key was given before"},
        {"{\"\\u0000\": 1}", "a key with a NUL"},
        {"'SECRET'", "'{' was expected"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct fixture *fixture = open_text(cases[i][0]);
        assert_null(fixture->root);
        assert_int_equal(fixture->error.status, COAX_E_SYNTAX);
        if (strstr(fixture->error.text, cases[i][1]) == NULL) {
            fail_msg("\"%s\" is not in \"%s\"", cases[i][1], fixture->error.text);
        }
        assert_null(strstr(fixture->error.text, "SECRET"));
        close_text(fixture);
    }
}

static void brackets_have_a_depth(void **state) {
    (void)state;
    char deep[5001];
    memset(deep, '[', 5000);
    deep[5000] = '\0';
    struct fixture *fixture = open_text(deep);
    assert_null(fixture->root);
    assert_non_null(strstr(fixture->error.text, "too many brackets"));
    close_text(fixture);
}

static void errors_point_at_keys_and_values(void **state) {
    (void)state;
    struct fixture *fixture = open_text("{\"k\":\n {\"a\": 1,\n  \"b\": [2, \"x\"]}}");
    struct json_loader *loader = &fixture->loader;
    coax_json_fail(loader, AT_KEY, COAX_E_SYNTAX, "what");
    assert_string_equal(fixture->error.text, "f:1:2: what");
    coax_json_fail(loader, AT_VALUE, COAX_E_SYNTAX, "what");
    assert_string_equal(fixture->error.text, "f:2:2: what");
    coax_json_down(loader, 1);
    coax_json_fail(loader, AT_KEY, COAX_E_SYNTAX, "what");
    assert_string_equal(fixture->error.text, "f:3:3: what");
    coax_json_fail(loader, AT_VALUE, COAX_E_SYNTAX, "what");
    assert_string_equal(fixture->error.text, "f:3:8: what");
    coax_json_down(loader, 1);
    coax_json_fail(loader, AT_VALUE, COAX_E_LIMIT, "%s\n%s", "what", "next");
    assert_string_equal(fixture->error.text, "f:3:12: what?next");
    assert_int_equal(fixture->error.status, COAX_E_LIMIT);
    coax_json_up(loader);
    coax_json_up(loader);
    coax_json_fail(loader, AT_KEY, COAX_E_SYNTAX, "what");
    assert_string_equal(fixture->error.text, "f:1:2: what");
    loader->error = NULL;
    assert_int_equal(coax_json_fail(loader, AT_KEY, COAX_E_SYNTAX, "what"), COAX_E_SYNTAX);
    close_text(fixture);
}

static void names_take_dash_and_underscore(void **state) {
    (void)state;
    assert_true(coax_json_same_name("client_identity", "client-identity"));
    assert_true(coax_json_same_name("client-identity", "client-identity"));
    assert_false(coax_json_same_name("client identity", "client-identity"));
    assert_false(coax_json_same_name("client", "client-identity"));
    assert_false(coax_json_same_name("client-identity-", "client-identity"));
    assert_false(coax_json_same_name("", "a"));
}

static void assert_bytes(const char *text, const char *expected) {
    struct fixture *fixture = open_text(text);
    enum coax_status status = coax_json_read_bytes(&fixture->loader, fixture->value, PART_PSK, &fixture->draft);
    assert_int_equal(status, COAX_OK);
    assert_true(fixture->draft.part[PART_PSK].present);
    assert_int_equal(fixture->draft.part[PART_PSK].size, strlen(expected));
    assert_memory_equal(fixture->draft.part[PART_PSK].data, expected, strlen(expected));
    assert_int_equal(fixture->loader.depth, 0);
    close_text(fixture);
}

typedef enum coax_status read_part(struct json_loader *loader, const json_t *value, enum json_part part,
                                   struct json_draft *draft);

static void assert_part_fails(read_part *read, const char *text, enum coax_status status, const char *expected) {
    struct fixture *fixture = open_text(text);
    assert_int_equal(read(&fixture->loader, fixture->value, PART_PSK, &fixture->draft), status);
    if (strstr(fixture->error.text, expected) == NULL) {
        fail_msg("\"%s\" is not in \"%s\"", expected, fixture->error.text);
    }
    assert_null(strstr(fixture->error.text, "SECRET"));
    assert_int_equal(fixture->loader.depth, 0);
    close_text(fixture);
}

static void byte_strings_are_read(void **state) {
    (void)state;
    assert_bytes("{\"k\": {\"ascii\": \"abc\"}}", "abc");
    assert_bytes("{\"k\": {\"hex\": \"61-62:63 64\"}}", "abcd");
    assert_bytes("{\"k\": {\"base64\": \"Zm9vYg==\"}}", "foob");
    assert_bytes("{\"k\": {\"ascii\": \"\\u0061\\t\"}}", "a\t");
}

static void broken_byte_strings_are_refused(void **state) {
    (void)state;
    read_part *read = coax_json_read_bytes;
    assert_part_fails(read, "{\"k\": \"SECRET\"}", COAX_E_SYNTAX, "f:1:7: a string where bytes belong; expected {\"");
    assert_part_fails(read, "{\"k\": {}}", COAX_E_SYNTAX, "f:1:7: bytes with 0 encodings");
    assert_part_fails(read, "{\"k\": {\"hex\": \"00\", \"ascii\": \"0\"}}", COAX_E_SYNTAX, "bytes with 2 encodings");
    assert_part_fails(read, "{\"k\": {\"SECRET\": \"ascii\"}}", COAX_E_SYNTAX, "f:1:8: an unknown encoding");
    assert_part_fails(read, "{\"k\": {\"hex\": 12}}", COAX_E_SYNTAX, "f:1:15: a number; expected a string");
    assert_part_fails(read, "{\"k\": {\"hex\": \"SECRET\"}}", COAX_E_SYNTAX, "f:1:15: character 1 ");
    assert_part_fails(read, "{\"k\": {\"base64\": \"SECRET!\"}}", COAX_E_SYNTAX, "f:1:18: character 7 ");
    assert_part_fails(read, "{\"k\": {\"ascii\": \"SECRET\xC3\xBC\"}}", COAX_E_SYNTAX, "f:1:17: byte 7 ");
    assert_part_fails(read, "{\"k\": {\"ascii\": \"\"}}", COAX_E_CREDENTIALS_SIZE,
                      "f:1:17: the pre-shared key has 0 bytes; expected 1 to 64");
}

static void strings_with_nul_are_bytes_but_no_names(void **state) {
    (void)state;
    struct fixture *fixture = open_text("{\"k\": {\"ascii\": \"a\\u0000b\"}}");
    assert_int_equal(coax_json_read_bytes(&fixture->loader, fixture->value, PART_PSK, &fixture->draft), COAX_OK);
    assert_int_equal(fixture->draft.part[PART_PSK].size, 3);
    close_text(fixture);
    fixture = open_text("{\"k\": \":a\\u0000b\"}");
    assert_int_equal(coax_json_read_reference(&fixture->loader, fixture->value, &fixture->draft), COAX_E_SYNTAX);
    close_text(fixture);
    fixture = open_text("{\"k\": [\"/a\\u0000b\"]}");
    assert_int_equal(coax_json_read_allow(&fixture->loader, fixture->value, &fixture->draft), COAX_E_SYNTAX);
    assert_string_equal(fixture->error.text, "f:1:8: a NUL character; expected a path such as \"/store/*\"");
    close_text(fixture);
    assert_part_fails(coax_json_read_file, "{\"k\": \"a\\u0000b\"}", COAX_E_SYNTAX, "not a file's name");
}

/* A reader of files that gives the text at `user`. */
static enum coax_status give(void *user, const char *path, char **data, size_t *size, coax_error *error) {
    (void)path;
    (void)error;
    *data = strdup(user);
    *size = strlen(user);
    return *data == NULL ? COAX_E_NO_MEMORY : COAX_OK;
}

static void files_are_read_and_checked(void **state) {
    (void)state;
    char key[] = TEST_PRIVATE_KEY;
    struct file_reader reader = {give, key};
    struct fixture *fixture = open_text("{\"k\": \"key.pem\"}");
    struct json_loader *loader = &fixture->loader;
    loader->reader = &reader;
    assert_int_equal(coax_json_read_file(loader, fixture->value, PART_PRIVATE_KEY, &fixture->draft), COAX_OK);
    assert_int_equal(fixture->draft.part[PART_PRIVATE_KEY].size, strlen(key));
    assert_int_equal(loader->files_size, strlen(key));
    assert_int_equal(coax_json_read_file(loader, fixture->value, PART_TRUST, &fixture->draft), COAX_E_SYNTAX);
    assert_non_null(strstr(fixture->error.text, "f:1:7: \"key.pem\": no certificate"));
    coax_json_draft_free(&fixture->draft);
    loader->files_size = JSON_FILES_MAXIMUM - 1;
    assert_int_equal(coax_json_read_file(loader, fixture->value, PART_PRIVATE_KEY, &fixture->draft), COAX_E_LIMIT);
    close_text(fixture);
}

static void without_a_reader_there_are_no_files(void **state) {
    (void)state;
    assert_part_fails(coax_json_read_file, "{\"k\": \"key.pem\"}", COAX_E_UNSUPPORTED, "f:1:7: the name of a file");
    assert_part_fails(coax_json_read_file, "{\"k\": 5}", COAX_E_SYNTAX, "f:1:7: a number; expected the name of a PEM");
    assert_part_fails(coax_json_read_file, "{\"k\": \"\"}", COAX_E_SYNTAX, "not a file's name");
}

static void lists_are_read(void **state) {
    (void)state;
    struct fixture *fixture = open_text("{\"k\": [\":a\", \":b\"]}");
    assert_int_equal(coax_json_read_references(&fixture->loader, fixture->value, &fixture->draft), COAX_OK);
    assert_int_equal(fixture->draft.reference_count, 2);
    assert_string_equal(fixture->draft.references[1], ":b");
    close_text(fixture);

    fixture = open_text("{\"k\": []}");
    assert_int_equal(coax_json_read_allow(&fixture->loader, fixture->value, &fixture->draft), COAX_OK);
    assert_non_null(fixture->draft.allow);
    assert_int_equal(fixture->draft.allow_count, 0);
    assert_int_equal(coax_json_read_references(&fixture->loader, fixture->value, &fixture->draft), COAX_E_SYNTAX);
    assert_non_null(strstr(fixture->error.text, "f:1:7: an empty list; expected"));
    close_text(fixture);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(syntax_errors_have_their_place_and_no_secret),
        cmocka_unit_test(brackets_have_a_depth),
        cmocka_unit_test(errors_point_at_keys_and_values),
        cmocka_unit_test(names_take_dash_and_underscore),
        cmocka_unit_test(byte_strings_are_read),
        cmocka_unit_test(broken_byte_strings_are_refused),
        cmocka_unit_test(strings_with_nul_are_bytes_but_no_names),
        cmocka_unit_test(files_are_read_and_checked),
        cmocka_unit_test(without_a_reader_there_are_no_files),
        cmocka_unit_test(lists_are_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
