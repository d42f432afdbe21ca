#include "server/site.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "server/request_test_data.h"

static void answer(coax_exchange *exchange, const coax_message *request, void *user) {
    (void)exchange;
    (void)request;
    (void)user;
}

static coax_resource *add(coax_site *site, const char *path, const char *name, bool subtree) {
    coax_resource_config config = COAX_RESOURCE_CONFIG_INIT;
    config.get = answer;
    config.user = (void *)(uintptr_t)name;
    config.subtree = subtree;
    coax_error error = {.text = ""};
    coax_resource *resource = coax_site_add(site, path, &config, &error);
    if (resource == NULL) {
        fail_msg("\"%s\": %s", path, error.text);
    }
    return resource;
}

/* The name of the resource that answers for a path, "4.04" if none does. */
static const char *found(const coax_site *site, const char *path) {
    static struct site_route route;
    struct test_request request;
    coax_site_route(site, request_for(&request, COAX_GET, path), NULL, NULL, &route);
    if (route.handler == NULL) {
        return route.well_known_core ? "core" : route.code == COAX_NOT_FOUND ? "4.04" : route.diagnostic;
    }
    return route.user;
}

static const char *rest_of(const coax_site *site, const char *path) {
    static struct site_route route;
    struct test_request request;
    coax_site_route(site, request_for(&request, COAX_GET, path), NULL, NULL, &route);
    return route.rest;
}

static int set_up(void **state) {
    *state = coax_site_new();
    return *state == NULL;
}

static int tear_down(void **state) {
    coax_site_free(*state);
    return 0;
}

static void finds_by_path(void **state) {
    coax_site *site = *state;
    add(site, "", "root", false);
    add(site, "a", "a", false);
    add(site, "a/b", "a/b", false);
    add(site, "c/d/e", "c/d/e", false);
    add(site, "a/", "a/", false);
    static const char *const expected[][2] = {
        {"", "root"},    {"a", "a"},    {"a/b", "a/b"},      {"c/d/e", "c/d/e"}, {"a/", "a/"},
        {"b", "4.04"},   {"c", "4.04"}, {"c/d", "4.04"},     {"A", "4.04"},      {"a/b/", "4.04"},
        {"a//", "4.04"}, {"%61", "a"},  {"c/d/e/f", "4.04"},
    };
    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++) {
        assert_string_equal(found(site, expected[i][0]), expected[i][1]);
    }
}

static void compares_decoded_segments(void **state) {
    coax_site *site = *state;
    add(site, "a%2Fb", "slash", false);
    add(site, "caf%C3%A9", "cafe", false);
    add(site, "%2A", "star", false);
    assert_string_equal(found(site, "a%2fb"), "slash");
    assert_string_equal(found(site, "a/b"), "4.04");
    assert_string_equal(found(site, "caf%c3%a9"), "cafe");
    assert_string_equal(found(site, "*"), "star");
    assert_string_equal(found(site, "x"), "4.04");
}

static void one_empty_segment_is_the_root(void **state) {
    coax_site *site = *state;
    add(site, "", "root", false);
    struct test_request request;
    struct site_route route;
    request_for(&request, COAX_GET, "");
    coax_site_route(site, request_with(&request, COAX_OPTION_URI_PATH, "", 0), NULL, NULL, &route);
    assert_string_equal(route.user, "root");
    coax_site_route(site, request_with(&request, COAX_OPTION_URI_PATH, "", 0), NULL, NULL, &route);
    assert_int_equal(route.code, COAX_NOT_FOUND);
}

static void refuses_malformed_paths(void **state) {
    coax_site *site = *state;
    char long_segment[300];
    memset(long_segment, 'a', sizeof long_segment - 1);
    long_segment[256] = '\0';
    char deep[80];
    for (size_t i = 0; i < 33; i++) {
        memcpy(deep + 2 * i, "a/", 3);
    }
    const char *const paths[] = {"/a",       "a/%", "a/%4", "a/%4g",  "%ff",      "a b",        "a?b", "a#b",
                                 "\xc3\xa9", ".",   "..",   "a/../b", "a/%2e%2E", long_segment, deep};
    coax_resource_config config = COAX_RESOURCE_CONFIG_INIT;
    config.get = answer;
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        coax_error error = {.status = COAX_OK};
        assert_null(coax_site_add(site, paths[i], &config, &error));
        assert_int_equal(error.status, COAX_E_URI);
        assert_null(coax_site_add(site, paths[i], &config, NULL));
    }
    assert_string_equal(found(site, "a"), "4.04");
    long_segment[255] = '\0';
    add(site, long_segment, "long", false);
    assert_string_equal(found(site, long_segment), "long");
    deep[63] = '\0';
    add(site, deep, "deep", true);
    deep[63] = '/';
    assert_string_equal(found(site, deep), "deep");
}

static void refuses_a_taken_path(void **state) {
    coax_site *site = *state;
    add(site, "a/b", "first", false);
    coax_resource_config config = COAX_RESOURCE_CONFIG_INIT;
    coax_error error;
    assert_null(coax_site_add(site, "a/%62", &config, &error));
    assert_int_equal(error.status, COAX_E_EXISTS);
    assert_non_null(strstr(error.text, "a/%62"));
    assert_string_equal(found(site, "a/b"), "first");
}

static void refuses_impossible_configs(void **state) {
    coax_site *site = *state;
    coax_error error;
    assert_null(coax_site_add(site, "a", NULL, &error));
    assert_int_equal(error.status, COAX_E_INVALID);
    coax_resource_config config = {.get = answer};
    assert_null(coax_site_add(site, "a", &config, &error));
    assert_int_equal(error.status, COAX_E_INVALID);
    static const int bad[] = {65536};
    config = (coax_resource_config)COAX_RESOURCE_CONFIG_INIT;
    config.formats = bad;
    config.format_count = 1;
    assert_null(coax_site_add(site, "a", &config, &error));
    assert_int_equal(error.status, COAX_E_INVALID);
    config.format_count = 0;
    config.accepted_format_count = 1;
    assert_null(coax_site_add(site, "a", &config, &error));
    assert_int_equal(error.status, COAX_E_INVALID);
}

/* A program that knows fewer members than this library. */
static void takes_a_shorter_config(void **state) {
    coax_site *site = *state;
    coax_resource_config config = COAX_RESOURCE_CONFIG_INIT;
    config.size = offsetof(coax_resource_config, user);
    config.get = answer;
    memset((char *)&config + config.size, 0xaa, sizeof config - config.size);
    assert_non_null(coax_site_add(site, "a", &config, NULL));
    struct test_request request;
    struct site_route route;
    coax_site_route(site, request_for(&request, COAX_GET, "a"), NULL, NULL, &route);
    assert_true(route.handler == answer);
    assert_null(route.user);
}

static void prefers_exact_paths_to_wildcards_to_subtrees(void **state) {
    coax_site *site = *state;
    add(site, "", "/**", true);
    add(site, "a", "a/**", true);
    add(site, "a/*", "a/*", false);
    add(site, "a/b", "a/b", false);
    add(site, "a/*/c", "a/*/c", false);
    add(site, "a/b/d", "a/b/d/**", true);
    add(site, "*/x", "*/x", false);
    static const char *const expected[][2] = {
        {"", "/**"},         {"z", "/**"},          {"a", "a/**"},       {"a/b", "a/b"},
        {"a/q", "a/*"},      {"a/x", "a/*"},        {"z/x", "*/x"},      {"a/b/c", "a/*/c"},
        {"a/q/c", "a/*/c"},  {"a/b/d", "a/b/d/**"}, {"a/b/e", "a/**"},   {"a/b/d/e/f", "a/b/d/**"},
        {"a/q/c/d", "a/**"}, {"z/x/y", "/**"},      {"a/b/c/d", "a/**"}, {"a/", "a/*"},
    };
    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++) {
        assert_string_equal(found(site, expected[i][0]), expected[i][1]);
    }
}

static void gives_the_rest_of_the_path(void **state) {
    coax_site *site = *state;
    add(site, "s", "s", true);
    add(site, "w/*", "w", true);
    static const char *const expected[][2] = {
        {"s", ""},
        {"s/", ""},
        {"s/a", "a"},
        {"s/a/b", "a/b"},
        {"s/a//b/", "a//b/"},
        {"s/%2E%2E%2Fx", "..%2Fx"},
        {"s/100%25/a%2Fb", "100%25/a%2Fb"},
        {"s/%00%1F%7F%C3%A9%20", "%00%1F%7F\xc3\xa9 "},
        {"w/a/b", "b"},
    };
    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++) {
        assert_string_equal(rest_of(site, expected[i][0]), expected[i][1]);
    }
}

static void refuses_a_rest_that_is_too_long(void **state) {
    coax_site *site = *state;
    add(site, "s", "s", true);
    char path[SITE_REST_MAXIMUM + 8] = "s";
    for (size_t i = 0; i < 4; i++) {
        path[1 + 256 * i] = '/';
        memset(path + 2 + 256 * i, 'a', 255);
    }
    path[2 + SITE_REST_MAXIMUM - 1] = '\0';
    assert_string_equal(found(site, path), "s");
    assert_int_equal(strlen(rest_of(site, path)), SITE_REST_MAXIMUM - 1);
    strcat(path, "/");
    assert_string_equal(found(site, path), "4.04");
}

static void deep_requests_reach_subtrees_only(void **state) {
    coax_site *site = *state;
    add(site, "s", "s", true);
    char path[401] = "s/a";
    for (size_t i = 3; i < 400; i += 2) {
        path[i] = '/';
        path[i + 1] = 'a';
    }
    path[399] = '\0';
    assert_string_equal(found(site, path), "s");
    path[0] = 't';
    assert_string_equal(found(site, path), "4.04");
}

static void removes_and_leaves_what_is_below(void **state) {
    coax_site *site = *state;
    coax_resource *a = add(site, "a", "a", true);
    coax_resource *b = add(site, "a/b/c", "c", false);
    coax_resource *w = add(site, "a/b/*/*", "w", false);
    coax_site_remove(site, a);
    assert_string_equal(found(site, "a"), "4.04");
    assert_string_equal(found(site, "a/b/c"), "c");
    coax_site_remove(site, b);
    assert_string_equal(found(site, "a/b/c"), "4.04");
    assert_string_equal(found(site, "a/b/c/d"), "w");
    coax_site_remove(site, w);
    assert_string_equal(found(site, "a/b/c/d"), "4.04");
    add(site, "a/b", "again", false);
    assert_string_equal(found(site, "a/b"), "again");
}

static void own_core_can_be_replaced(void **state) {
    coax_site *site = *state;
    assert_string_equal(found(site, ".well-known/core"), "core");
    add(site, "", "all", true);
    add(site, ".well-known/*", "any", false);
    assert_string_equal(found(site, ".well-known/core"), "core");
    assert_string_equal(found(site, ".well-known/coap"), "any");
    coax_resource *own = add(site, ".well-known/core", "own", false);
    assert_string_equal(found(site, ".well-known/core"), "own");
    coax_site_remove(site, own);
    assert_string_equal(found(site, ".well-known/core"), "core");
}

static void keeps_own_copies_of_texts(void **state) {
    coax_site *site = *state;
    char texts[][8] = {"title", "rt", "if", ":claim"};
    int formats[] = {0, 60};
    const char *allow[] = {texts[3], NULL};
    coax_resource_config config = COAX_RESOURCE_CONFIG_INIT;
    config.get = answer;
    config.title = texts[0];
    config.resource_type = texts[1];
    config.interface = texts[2];
    config.formats = formats;
    config.format_count = 2;
    config.accepted_formats = formats;
    config.accepted_format_count = 2;
    config.allow = allow;
    assert_non_null(coax_site_add(site, "a", &config, NULL));
    memset(texts, 'x', sizeof texts);
    memset(formats, 0xff, sizeof formats);
    allow[0] = NULL;
    struct test_request request;
    char core[200];
    size_t size;
    assert_int_equal(coax_site_write_core(site, request_for(&request, COAX_GET, ""), core, sizeof core, &size),
                     COAX_OK);
    static const char expected[] = "</a>;rt=\"rt\";if=\"if\";ct=\"0 60\";title=\"title\"";
    assert_int_equal(size, sizeof expected - 1);
    assert_memory_equal(core, expected, size);
    struct site_route route;
    coax_site_route(site, &request.message, ":claim", NULL, &route);
    assert_int_equal(route.code, COAX_NOT_FOUND);
    coax_site_route(site, request_for(&request, COAX_GET, "a"), ":claim", NULL, &route);
    assert_true(route.handler == answer);
}

static void holds_many(void **state) {
    coax_site *site = *state;
    enum { MANY = 20000 };
    coax_resource **resources = calloc(MANY, sizeof(coax_resource *));
    assert_non_null(resources);
    char path[40];
    for (unsigned i = 0; i < MANY; i++) {
        snprintf(path, sizeof path, "rd/%u/%u", i % 97, i);
        resources[i] = add(site, path, "one", false);
    }
    for (unsigned i = 0; i < MANY; i += 2) {
        coax_site_remove(site, resources[i]);
    }
    for (unsigned i = 0; i < MANY; i++) {
        snprintf(path, sizeof path, "rd/%u/%u", i % 97, i);
        assert_string_equal(found(site, path), i % 2 == 0 ? "4.04" : "one");
    }
    free(resources);
}

static void free_of_null_is_allowed(void **state) {
    (void)state;
    coax_site_free(NULL);
}

#define ON_SITE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        ON_SITE(finds_by_path),
        ON_SITE(compares_decoded_segments),
        ON_SITE(one_empty_segment_is_the_root),
        ON_SITE(refuses_malformed_paths),
        ON_SITE(refuses_a_taken_path),
        ON_SITE(refuses_impossible_configs),
        ON_SITE(takes_a_shorter_config),
        ON_SITE(prefers_exact_paths_to_wildcards_to_subtrees),
        ON_SITE(gives_the_rest_of_the_path),
        ON_SITE(refuses_a_rest_that_is_too_long),
        ON_SITE(deep_requests_reach_subtrees_only),
        ON_SITE(removes_and_leaves_what_is_below),
        ON_SITE(own_core_can_be_replaced),
        ON_SITE(keeps_own_copies_of_texts),
        ON_SITE(holds_many),
        cmocka_unit_test(free_of_null_is_allowed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
