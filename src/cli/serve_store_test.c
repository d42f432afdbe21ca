#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cli/serve_ask.h"
#include "cli/serve_resources.h"

struct served {
    coax_endpoint *endpoint;
    struct store *store;
    struct store_share share;
};

static int set_up(void **state) {
    static const uint8_t seed[16] = "0123456789abcde";
    struct served *served = calloc(1, sizeof *served);
    assert_non_null(served);
    served->endpoint = ask_set_up();
    served->store = store_new(seed);
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

static coax_endpoint *endpoint_of(void **state) {
    return ((struct served *)*state)->endpoint;
}

static void put_get_delete(void **state) {
    coax_endpoint *endpoint = endpoint_of(state);
    assert_int_equal(ask_for(endpoint, COAX_GET, "/store/a/b").code, COAX_NOT_FOUND);
    struct answered put = ask_to_put(endpoint, COAX_PUT, "/store/a/b", "one");
    assert_int_equal(put.code, COAX_CREATED);
    struct answered got = ask_for(endpoint, COAX_GET, "/store/a/b");
    assert_int_equal(got.code, COAX_CONTENT);
    assert_int_equal(got.format, COAX_NO_FORMAT);
    assert_string_equal(got.payload, "one");
    assert_int_equal(got.etag_size, 8);
    assert_memory_equal(got.etag, put.etag, 8);
    put = ask_to_put(endpoint, COAX_PUT, "/store/a/b", "two");
    assert_int_equal(put.code, COAX_CHANGED);
    assert_memory_not_equal(got.etag, put.etag, 8);
    assert_int_equal(ask_for(endpoint, COAX_DELETE, "/store/a/b").code, COAX_DELETED);
    assert_int_equal(ask_for(endpoint, COAX_GET, "/store/a/b").code, COAX_NOT_FOUND);
    assert_int_equal(ask_for(endpoint, COAX_DELETE, "/store/a/b").code, COAX_DELETED);
}

static void keeps_the_format(void **state) {
    coax_endpoint *endpoint = endpoint_of(state);
    const struct ask json = {.payload = "{}", .payload_size = 2, .has_format = true, .format = COAX_FORMAT_JSON};
    assert_int_equal(ask_with(endpoint, COAX_PUT, "/store/j", &json).code, COAX_CREATED);
    assert_int_equal(ask_for(endpoint, COAX_GET, "/store/j").format, COAX_FORMAT_JSON);
    assert_int_equal(ask_accepting(endpoint, "/store/j", COAX_FORMAT_JSON).code, COAX_CONTENT);
    struct answered refused = ask_accepting(endpoint, "/store/j", COAX_FORMAT_CBOR);
    assert_int_equal(refused.code, COAX_NOT_ACCEPTABLE);
    assert_string_equal(refused.payload, "What was put here is 50 application/json");
}

static void an_etag_that_matches_saves_the_payload(void **state) {
    coax_endpoint *endpoint = endpoint_of(state);
    struct answered put = ask_to_put(endpoint, COAX_PUT, "/store/e", "text");
    const struct asked_option etags[] = {{COAX_OPTION_ETAG, "other", 5},
                                         {COAX_OPTION_ETAG, (const char *)put.etag, put.etag_size}};
    const struct ask ask = {.options = etags, .option_count = 2};
    struct answered got = ask_with(endpoint, COAX_GET, "/store/e", &ask);
    assert_int_equal(got.code, COAX_VALID);
    assert_int_equal(got.size, 0);
    assert_memory_equal(got.etag, put.etag, 8);
    const struct ask other = {.options = etags, .option_count = 1};
    assert_int_equal(ask_with(endpoint, COAX_GET, "/store/e", &other).code, COAX_CONTENT);
}

static void conditions_are_obeyed(void **state) {
    coax_endpoint *endpoint = endpoint_of(state);
    const struct asked_option none = {COAX_OPTION_IF_NONE_MATCH, "", 0};
    const struct asked_option other = {COAX_OPTION_IF_MATCH, "other", 5};
    const struct asked_option any = {COAX_OPTION_IF_MATCH, "", 0};
    const struct ask if_none = {.options = &none, .option_count = 1, .payload = "x", .payload_size = 1};
    const struct ask if_other = {.options = &other, .option_count = 1, .payload = "x", .payload_size = 1};
    const struct ask if_any = {.options = &any, .option_count = 1, .payload = "x", .payload_size = 1};
    assert_int_equal(ask_with(endpoint, COAX_PUT, "/store/c", &if_any).code, COAX_PRECONDITION_FAILED);
    assert_int_equal(ask_with(endpoint, COAX_PUT, "/store/c", &if_none).code, COAX_CREATED);
    assert_int_equal(ask_with(endpoint, COAX_PUT, "/store/c", &if_none).code, COAX_PRECONDITION_FAILED);
    assert_int_equal(ask_with(endpoint, COAX_PUT, "/store/c", &if_other).code, COAX_PRECONDITION_FAILED);
    assert_int_equal(ask_with(endpoint, COAX_PUT, "/store/c", &if_any).code, COAX_CHANGED);
    const struct ask delete_other = {.options = &other, .option_count = 1};
    assert_int_equal(ask_with(endpoint, COAX_DELETE, "/store/c", &delete_other).code, COAX_PRECONDITION_FAILED);
    assert_int_equal(ask_for(endpoint, COAX_GET, "/store/c").code, COAX_CONTENT);
}

static void lists_what_was_put(void **state) {
    coax_endpoint *endpoint = endpoint_of(state);
    struct answered list = ask_for(endpoint, COAX_GET, "/store");
    assert_int_equal(list.code, COAX_CONTENT);
    assert_int_equal(list.format, COAX_FORMAT_LINK);
    assert_string_equal(list.payload, "");
    const struct ask json = {.payload = "{}", .payload_size = 2, .has_format = true, .format = COAX_FORMAT_JSON};
    ask_with(endpoint, COAX_PUT, "/store/b%20c/d%2Fe", &json);
    ask_to_put(endpoint, COAX_PUT, "/store/a", "one");
    static const char expected[] = "</store/b%20c/d%2Fe>;ct=50;sz=2,</store/a>;sz=3";
    assert_string_equal(ask_for(endpoint, COAX_GET, "/store").payload, expected);
    assert_string_equal(ask_for(endpoint, COAX_GET, "/store/").payload, expected);
    assert_int_equal(ask_accepting(endpoint, "/store", COAX_FORMAT_JSON).code, COAX_NOT_ACCEPTABLE);
}

static void entries_and_the_list_can_be_observed(void **state) {
    coax_endpoint *endpoint = endpoint_of(state);
    struct watched entry;
    struct watched list;
    ask_to_put(endpoint, COAX_PUT, "/store/a/b", "one");
    watch_path(endpoint, "/store/a/b", &entry);
    watch_path(endpoint, "/store", &list);
    assert_string_equal(entry.payload, "one");
    ask_to_put(endpoint, COAX_PUT, "/store/a/b", "two!");
    await_states(&entry, 2);
    await_states(&list, 2);
    assert_string_equal(entry.payload, "two!");
    assert_string_equal(list.payload, "</store/a/b>;sz=4");
    ask_to_put(endpoint, COAX_PUT, "/store/c", "x");
    await_states(&list, 3);
    assert_int_equal(entry.states, 2);
    ask_for(endpoint, COAX_DELETE, "/store/a/b"); /* which is the end */
    await_states(&entry, 3);
    assert_int_equal(entry.code, COAX_NOT_FOUND);
    assert_null(entry.observation);
    await_states(&list, 4);
    assert_string_equal(list.payload, "</store/c>;sz=1");
    coax_observation_cancel(list.observation);
}

static void the_store_itself_stays(void **state) {
    coax_endpoint *endpoint = endpoint_of(state);
    assert_int_equal(ask_for(endpoint, COAX_DELETE, "/store").code, COAX_METHOD_NOT_ALLOWED);
    assert_int_equal(ask_to_put(endpoint, COAX_PUT, "/store/", "x").code, COAX_METHOD_NOT_ALLOWED);
    assert_int_equal(ask_to_put(endpoint, COAX_POST, "/store/a", "x").code, COAX_METHOD_NOT_ALLOWED);
}

static void says_when_it_is_full(void **state) {
    struct served *served = *state;
    char name[16];
    for (int i = 0; i < STORE_ENTRIES_MAXIMUM; i++) {
        snprintf(name, sizeof name, "%d", i);
        assert_int_equal(store_put(served->store, name, 0, "x", 1), STORE_CREATED);
    }
    struct answered full = ask_to_put(served->endpoint, COAX_PUT, "/store/more", "x");
    assert_int_equal(full.code, COAX_INTERNAL_SERVER_ERROR);
    assert_string_equal(full.payload, "The store is full: it holds 1000 entries and 32 MiB at most");
}

static void gives_what_is_larger_than_a_message(void **state) {
    coax_endpoint *endpoint = endpoint_of(state);
    char data[4000];
    for (size_t i = 0; i < sizeof data; i++) {
        data[i] = (char)('a' + i % 26);
    }
    const struct ask ask = {.payload = data, .payload_size = sizeof data};
    assert_int_equal(ask_with(endpoint, COAX_PUT, "/store/large", &ask).code, COAX_CREATED);
    struct answered got = ask_for(endpoint, COAX_GET, "/store/large");
    assert_int_equal(got.code, COAX_CONTENT);
    assert_int_equal(got.size, sizeof data);
    assert_memory_equal(got.payload, data, sizeof data);
}

static void long_lists_go_out_whole(void **state) {
    struct served *served = *state;
    char name[16];
    for (int i = 0; i < 100; i++) {
        snprintf(name, sizeof name, "%03d", i);
        assert_int_equal(store_put(served->store, name, 0, "x", 1), STORE_CREATED);
    }
    struct answered list = ask_for(served->endpoint, COAX_GET, "/store");
    assert_int_equal(list.code, COAX_CONTENT);
    assert_int_equal(list.size, 100 * strlen("</store/000>;ct=0;sz=1,") - 1);
}

#define SERVED(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        SERVED(put_get_delete),          SERVED(keeps_the_format),     SERVED(an_etag_that_matches_saves_the_payload),
        SERVED(conditions_are_obeyed),   SERVED(lists_what_was_put),   SERVED(entries_and_the_list_can_be_observed),
        SERVED(the_store_itself_stays),  SERVED(says_when_it_is_full), SERVED(gives_what_is_larger_than_a_message),
        SERVED(long_lists_go_out_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
