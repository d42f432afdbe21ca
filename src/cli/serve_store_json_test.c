#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cli/serve_ask.h"
#include "cli/serve_resources.h"

enum { MERGE_PATCH = 52 };

struct served {
    coax_endpoint *endpoint;
    struct store *store;
    struct store_share share;
};

static void put(const struct served *served, const char *name, int format, const char *text) {
    assert_true(store_put(served->store, name, format, text, strlen(text)) <= STORE_CHANGED);
}

static int set_up(void **state) {
    static const uint8_t seed[16] = "0123456789abcde";
    struct served *served = calloc(1, sizeof *served);
    assert_non_null(served);
    served->endpoint = ask_set_up();
    served->store = store_new(seed);
    put(served, "lamp", COAX_FORMAT_JSON, "{\"on\":false,\"colour\":{\"red\":10,\"blue\":[1,2.5]}}");
    put(served, "text", COAX_FORMAT_TEXT, "{}");
    put(served, "bare", COAX_NO_FORMAT, "{}");
    put(served, "broken", COAX_FORMAT_JSON, "{\"on\":");
    put(served, "senml", COAX_FORMAT_SENML_JSON, "[{\"n\":\"t\",\"v\":1}]");
    *state = served;
    return !serve_add_store(served->endpoint, served->store, &served->share, NULL);
}

static int tear_down(void **state) {
    struct served *served = *state;
    coax_endpoint_free(served->endpoint);
    store_share_free(&served->share);
    store_free(served->store);
    free(served);
    return 0;
}

static struct answered ask_json(void **state, uint8_t code, const char *path, int format, const char *payload) {
    const struct served *served = *state;
    const struct ask ask = {.payload = payload, .payload_size = strlen(payload), .has_format = true, .format = format};
    return ask_with(served->endpoint, code, path, &ask);
}

static struct answered fetch(void **state, const char *name, const char *pointers) {
    return ask_json(state, COAX_FETCH, name, COAX_FORMAT_JSON, pointers);
}

static struct answered patch(void **state, const char *name, const char *patch) {
    return ask_json(state, COAX_IPATCH, name, MERGE_PATCH, patch);
}

static struct answered get(void **state, const char *path) {
    return ask_for(((const struct served *)*state)->endpoint, COAX_GET, path);
}

static void fetch_gives_what_pointers_point_at(void **state) {
    struct answered got = fetch(state, "/store/lamp", "[\"/colour/red\",\"/none\",\"/colour/blue\"]");
    assert_int_equal(got.code, COAX_CONTENT);
    assert_int_equal(got.format, COAX_FORMAT_JSON);
    assert_string_equal(got.payload, "{\"/colour/red\":10,\"/colour/blue\":[1,2.5]}");
    assert_string_equal(fetch(state, "/store/lamp", "[]").payload, "{}");
    assert_string_equal(fetch(state, "/store/senml", "[\"/0/n\"]").payload, "{\"/0/n\":\"t\"}");
    assert_string_equal(fetch(state, "/store/senml", "[\"\"]").payload, "{\"\":[{\"n\":\"t\",\"v\":1}]}");
}

static void the_etag_is_of_the_result(void **state) {
    const struct served *served = *state;
    struct answered got = fetch(state, "/store/lamp", "[\"/on\"]");
    const struct asked_option etag = {COAX_OPTION_ETAG, (const char *)got.etag, got.etag_size};
    const struct ask again = {.options = &etag,
                              .option_count = 1,
                              .payload = "[\"/on\"]",
                              .payload_size = 7,
                              .has_format = true,
                              .format = COAX_FORMAT_JSON};
    assert_int_equal(patch(state, "/store/lamp", "{\"colour\":null}").code, COAX_CHANGED);
    assert_int_equal(ask_with(served->endpoint, COAX_FETCH, "/store/lamp", &again).code, COAX_VALID);
    assert_int_equal(patch(state, "/store/lamp", "{\"on\":true}").code, COAX_CHANGED);
    assert_int_equal(ask_with(served->endpoint, COAX_FETCH, "/store/lamp", &again).code, COAX_CONTENT);
}

static void a_patch_is_merged(void **state) {
    struct answered before = get(state, "/store/lamp");
    struct answered patched = patch(state, "/store/lamp", "{\"on\":true,\"colour\":{\"red\":null,\"green\":3}}");
    assert_int_equal(patched.code, COAX_CHANGED);
    struct answered after = get(state, "/store/lamp");
    assert_string_equal(after.payload, "{\"on\":true,\"colour\":{\"blue\":[1,2.5],\"green\":3}}");
    assert_int_equal(after.format, COAX_FORMAT_JSON);
    assert_memory_equal(after.etag, patched.etag, 8);
    assert_memory_not_equal(after.etag, before.etag, 8);
    /* Twice is as once, so PATCH does the same as iPATCH. */
    assert_int_equal(ask_json(state, COAX_PATCH, "/store/lamp", MERGE_PATCH, "{\"on\":true}").code, COAX_CHANGED);
    assert_memory_equal(get(state, "/store/lamp").etag, after.etag, 8);
}

static void what_cannot_be_done_changes_nothing(void **state) {
    static const struct {
        const char *path;
        uint8_t method;
        int format;
        const char *payload;
        uint8_t code;
        const char *says;
    } rows[] = {
        {"/store/none", COAX_FETCH, COAX_FORMAT_JSON, "[]", COAX_NOT_FOUND, "PUT"},
        {"/store/none", COAX_IPATCH, MERGE_PATCH, "{}", COAX_NOT_FOUND, "PUT"},
        {"/store", COAX_FETCH, COAX_FORMAT_JSON, "[]", COAX_METHOD_NOT_ALLOWED, "below"},
        {"/store", COAX_IPATCH, MERGE_PATCH, "{}", COAX_METHOD_NOT_ALLOWED, "below"},
        {"/store/text", COAX_FETCH, COAX_FORMAT_JSON, "[]", COAX_UNSUPPORTED_CONTENT_FORMAT, "not marked as JSON"},
        {"/store/bare", COAX_IPATCH, MERGE_PATCH, "{}", COAX_UNSUPPORTED_CONTENT_FORMAT, "not marked as JSON"},
        {"/store/lamp", COAX_FETCH, COAX_FORMAT_TEXT, "[]", COAX_UNSUPPORTED_CONTENT_FORMAT, "50 application/json"},
        {"/store/lamp", COAX_IPATCH, COAX_FORMAT_JSON, "{}", COAX_UNSUPPORTED_CONTENT_FORMAT, "52 application/merge"},
        {"/store/lamp", COAX_FETCH, COAX_FORMAT_JSON, "[\"/a\"", COAX_BAD_REQUEST, "line 1"},
        {"/store/lamp", COAX_IPATCH, MERGE_PATCH, "{\"on\":\n}", COAX_BAD_REQUEST, "line 2"},
        {"/store/lamp", COAX_IPATCH, MERGE_PATCH, "", COAX_BAD_REQUEST, "no JSON"},
        {"/store/lamp", COAX_FETCH, COAX_FORMAT_JSON, "{}", COAX_UNPROCESSABLE_ENTITY, "RFC 6901"},
        {"/store/lamp", COAX_FETCH, COAX_FORMAT_JSON, "[1]", COAX_UNPROCESSABLE_ENTITY, "RFC 6901"},
        {"/store/lamp", COAX_FETCH, COAX_FORMAT_JSON, "[\"on\"]", COAX_UNPROCESSABLE_ENTITY, "RFC 6901"},
        {"/store/broken", COAX_FETCH, COAX_FORMAT_JSON, "[]", COAX_CONFLICT, "What was put here is no JSON"},
        {"/store/broken", COAX_IPATCH, MERGE_PATCH, "{}", COAX_CONFLICT, "What was put here is no JSON"},
    };
    struct answered before = get(state, "/store/lamp");
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct answered got = ask_json(state, rows[i].method, rows[i].path, rows[i].format, rows[i].payload);
        if (got.code != rows[i].code || strstr(got.payload, rows[i].says) == NULL) {
            fail_msg("row %zu: %u.%02u %s", i, coax_code_class(got.code), coax_code_detail(got.code), got.payload);
        }
    }
    assert_memory_equal(get(state, "/store/lamp").etag, before.etag, 8);
    assert_string_equal(get(state, "/store/broken").payload, "{\"on\":");
}

static void conditions_are_obeyed(void **state) {
    const struct served *served = *state;
    const struct asked_option other = {COAX_OPTION_IF_MATCH, "other", 5};
    const struct ask ask = {.options = &other,
                            .option_count = 1,
                            .payload = "{}",
                            .payload_size = 2,
                            .has_format = true,
                            .format = MERGE_PATCH};
    assert_int_equal(ask_with(served->endpoint, COAX_IPATCH, "/store/lamp", &ask).code, COAX_PRECONDITION_FAILED);
}

/* Few pointers into a document that is deep would give much of it many times. */
static void results_are_bounded(void **state) {
    enum { DEPTH = 200, FILLING = 4000 };
    static char document[DEPTH * 2 + FILLING + 8];
    static char pointers[DEPTH * (DEPTH + 8) * 2];
    char *at = pointers;
    memset(document, '[', DEPTH);
    document[DEPTH] = '"';
    memset(document + DEPTH + 1, 'x', FILLING);
    document[DEPTH + 1 + FILLING] = '"';
    memset(document + DEPTH + 2 + FILLING, ']', DEPTH);
    put(*state, "deep", COAX_FORMAT_JSON, document);
    for (int i = 0; i < DEPTH; i++) {
        *at++ = i == 0 ? '[' : ',';
        *at++ = '"';
        for (int step = 0; step < i; step++) {
            memcpy(at, "/0", 2);
            at += 2;
        }
        *at++ = '"';
    }
    *at = ']';
    struct answered got = fetch(state, "/store/deep", pointers);
    assert_int_equal(got.code, COAX_UNPROCESSABLE_ENTITY);
    assert_non_null(strstr(got.payload, "over 262144 bytes"));
}

static void documents_are_bounded(void **state) {
    enum { SIZE = 256 * 1024 + 1 };
    char *large = malloc(SIZE + 1);
    assert_non_null(large);
    memset(large, ' ', SIZE);
    large[0] = '0';
    large[SIZE] = '\0';
    put(*state, "large", COAX_FORMAT_JSON, large);
    assert_int_equal(fetch(state, "/store/large", "[]").code, COAX_UNPROCESSABLE_ENTITY);
    assert_int_equal(patch(state, "/store/lamp", large).code, COAX_REQUEST_ENTITY_TOO_LARGE);
    free(large);
}

#define SERVED(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        SERVED(fetch_gives_what_pointers_point_at),
        SERVED(the_etag_is_of_the_result),
        SERVED(a_patch_is_merged),
        SERVED(what_cannot_be_done_changes_nothing),
        SERVED(conditions_are_obeyed),
        SERVED(results_are_bounded),
        SERVED(documents_are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
