#include "server/site.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "server/request_test_data.h"

static void get(coax_exchange *exchange, const coax_message *request, void *user) {
    (void)exchange;
    (void)request;
    (void)user;
}

static void put(coax_exchange *exchange, const coax_message *request, void *user) {
    (void)request;
    get(exchange, request, user);
}

static const int senml[] = {COAX_FORMAT_SENML_JSON, COAX_FORMAT_SENML_CBOR};
static const int text[] = {COAX_FORMAT_TEXT};
static const char *const staff[] = {":admin", ":clerk", NULL};
static const char *const admin[] = {":admin", NULL};
static const char *const nobody[] = {NULL};

struct row {
    const char *path;
    const char *const *allow;
    bool subtree;
};

/* A tree whose access lists stand at different heights. Every resource has GET and PUT; "senml" has formats. */
static int set_up(void **state) {
    static const struct row rows[] = {
        {"", NULL, false},
        {"open", NULL, false},
        {"staff", staff, false},
        {"staff/desk", NULL, false},
        {"staff/safe", admin, false},
        {"staff/safe/box", NULL, true},
        {"closed", nobody, true},
        {"rooms/*", staff, false},
        {"rooms/1/key", NULL, false},
        {"rooms/hall", NULL, false},
        {"rooms/hall/door", NULL, false},
    };
    coax_site *site = coax_site_new();
    assert_non_null(site);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        coax_resource_config config = COAX_RESOURCE_CONFIG_INIT;
        config.get = get;
        config.put = put;
        config.allow = rows[i].allow;
        config.subtree = rows[i].subtree;
        assert_non_null(coax_site_add(site, rows[i].path, &config, NULL));
    }
    coax_resource_config config = COAX_RESOURCE_CONFIG_INIT;
    config.get = get;
    config.fetch = put;
    config.user = site;
    config.formats = senml;
    config.format_count = 2;
    config.accepted_formats = text;
    config.accepted_format_count = 1;
    assert_non_null(coax_site_add(site, "senml", &config, NULL));
    *state = site;
    return 0;
}

static int tear_down(void **state) {
    coax_site_free(*state);
    return 0;
}

static struct site_route routed(const coax_site *site, const struct coax_message *request, const char *claim) {
    struct site_route route;
    memset(&route, 0xee, sizeof route);
    coax_site_route(site, request, claim, NULL, &route);
    /* either a handler, or the core, or a refusal */
    assert_int_equal((route.handler != NULL) + route.well_known_core + (route.code != 0), 1);
    assert_true(route.code == 0 || route.diagnostic[0] != '\0');
    return route;
}

static void gives_handler_and_user(void **state) {
    struct test_request request;
    struct site_route route = routed(*state, request_for(&request, COAX_FETCH, "senml"), NULL);
    assert_true(route.handler == put);
    assert_ptr_equal(route.user, *state);
    assert_string_equal(route.rest, "");
    assert_string_equal(route.diagnostic, "");
    route = routed(*state, request_for(&request, COAX_GET, ""), NULL);
    assert_true(route.handler == get);
    assert_null(route.user);
}

static void refuses_methods(void **state) {
    struct test_request request;
    static const struct {
        uint8_t code;
        const char *path;
        const char *expected;
    } cases[] = {
        {COAX_POST, "open", "The resource has no POST"},      {COAX_PUT, "senml", "The resource has no PUT"},
        {COAX_IPATCH, "open", "The resource has no iPATCH"},  {COAX_CODE(0, 8), "open", "Unknown method 0.08"},
        {COAX_CODE(0, 31), "nothing", "Unknown method 0.31"}, {COAX_CODE(2, 5), "open", "Unknown method 2.05"},
        {COAX_EMPTY, "open", "Unknown method 0.00"},          {COAX_PUT, ".well-known/core", "The resource has no PUT"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct site_route route = routed(*state, request_for(&request, cases[i].code, cases[i].path), NULL);
        assert_int_equal(route.code, COAX_METHOD_NOT_ALLOWED);
        assert_string_equal(route.diagnostic, cases[i].expected);
    }
}

static void refuses_what_is_not_there(void **state) {
    struct test_request request;
    struct site_route route = routed(*state, request_for(&request, COAX_GET, "nothing"), NULL);
    assert_int_equal(route.code, COAX_NOT_FOUND);
    route = routed(*state, request_for(&request, COAX_POST, "open/below"), NULL);
    assert_int_equal(route.code, COAX_NOT_FOUND);
}

/* RFC 7252 section 5.4.1. */
static void refuses_critical_options(void **state) {
    static const struct {
        uint16_t number;
        const char *value;
        const char *named;
    } cases[] = {
        {COAX_OPTION_OSCORE, "\x09", "9 OSCORE"},
        {65001, "x", "65001 is critical"},
        {9 + 4, "", "13 is critical"},
    };
    struct test_request request;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        request_for(&request, COAX_GET, "open");
        struct site_route route =
            routed(*state, request_with(&request, cases[i].number, cases[i].value, strlen(cases[i].value)), NULL);
        assert_int_equal(route.code, COAX_BAD_OPTION);
        assert_non_null(strstr(route.diagnostic, cases[i].named));
    }
}

static void takes_understood_and_elective_options(void **state) {
    static const struct {
        uint16_t number;
        const char *value;
    } cases[] = {
        {COAX_OPTION_IF_MATCH, "etag"},    {COAX_OPTION_URI_HOST, "example.org"},
        {COAX_OPTION_IF_NONE_MATCH, ""},   {COAX_OPTION_URI_PORT, "\x16"},
        {COAX_OPTION_URI_QUERY, "a=b"},    {COAX_OPTION_OBSERVE, ""},
        {COAX_OPTION_NO_RESPONSE, "\x02"}, {COAX_OPTION_ETAG, "etag"},
        {COAX_OPTION_ACCEPT, "\x29"},      {65000, "x"},
        {COAX_OPTION_HOP_LIMIT, "\x10"},
    };
    struct test_request request;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        request_for(&request, COAX_PUT, "open");
        struct site_route route =
            routed(*state, request_with(&request, cases[i].number, cases[i].value, strlen(cases[i].value)), NULL);
        assert_true(route.handler == put);
    }
}

/* RFC 8768 section 3: 1 to 255; before anything is looked for. As bytes, since nothing here writes wrong ones. */
static void checks_the_hop_limit(void **state) {
    static const struct {
        const char *options; /* behind the Uri-Path "nothing" */
        size_t size;
        bool good;
    } cases[] = {
        {"\x51\x01", 2, true},
        {"\x51\xff", 2, true},
        {"\x52\x00\xff", 3, true},
        {"\x51\x10\x00", 3, true}, /* not repeatable: the second one counts as absent (RFC 7252 section 5.4.5) */
        {"\x50", 1, false},
        {"\x51\x00", 2, false},
        {"\x52\x01\x00", 3, false},
        {"\x59\x10\x00\x00\x00\x00\x00\x00\x00\x01", 10, false},
    };
    struct test_request request;
    request_for(&request, COAX_GET, "nothing");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char options[32] = "\xb7nothing";
        memcpy(options + 8, cases[i].options, cases[i].size);
        request.message.options = bytes_of(options, 8 + cases[i].size);
        struct site_route route = routed(*state, &request.message, NULL);
        assert_int_equal(route.code, cases[i].good ? COAX_NOT_FOUND : COAX_BAD_REQUEST);
        assert_int_equal(strstr(route.diagnostic, "Hop-Limit") == NULL, cases[i].good);
    }
}

/* No client may send these (RFC 7252 section 5.10.1), and a handler that opens files should not meet them. */
static void refuses_dot_segments(void **state) {
    static const char *const dots[] = {".", ".."};
    struct test_request request;
    for (size_t i = 0; i < 2; i++) {
        request_for(&request, COAX_GET, "open");
        struct site_route route =
            routed(*state, request_with(&request, COAX_OPTION_URI_PATH, dots[i], strlen(dots[i])), NULL);
        assert_int_equal(route.code, COAX_BAD_OPTION);
    }
    request_for(&request, COAX_GET, "");
    assert_int_equal(routed(*state, request_with(&request, COAX_OPTION_URI_PATH, "...", 3), NULL).code, COAX_NOT_FOUND);
}

/* RFC 7252 section 5.10.2: whatever the path is. */
static void refuses_to_be_a_proxy(void **state) {
    struct test_request request;
    request_for(&request, COAX_GET, "");
    struct site_route route =
        routed(*state, request_with(&request, COAX_OPTION_PROXY_URI, "coap://example.org/", 19), NULL);
    assert_int_equal(route.code, COAX_PROXYING_NOT_SUPPORTED);
    request_for(&request, COAX_GET, "nothing/here");
    route = routed(*state, request_with(&request, COAX_OPTION_PROXY_SCHEME, "coap", 4), NULL);
    assert_int_equal(route.code, COAX_PROXYING_NOT_SUPPORTED);
}

/* The list of the resource itself, else of the nearest one above. */
static void checks_access_lists(void **state) {
    static const struct {
        const char *path;
        uint8_t unknown, guest, clerk, administrator; /* 0: may */
    } cases[] = {
        {"open", 0, 0, 0, 0},
        {"staff", COAX_UNAUTHORIZED, COAX_FORBIDDEN, 0, 0},
        {"staff/desk", COAX_UNAUTHORIZED, COAX_FORBIDDEN, 0, 0},
        {"staff/safe", COAX_UNAUTHORIZED, COAX_FORBIDDEN, COAX_FORBIDDEN, 0},
        {"staff/safe/box", COAX_UNAUTHORIZED, COAX_FORBIDDEN, COAX_FORBIDDEN, 0},
        {"staff/safe/box/a/b", COAX_UNAUTHORIZED, COAX_FORBIDDEN, COAX_FORBIDDEN, 0},
        {"closed", COAX_UNAUTHORIZED, COAX_FORBIDDEN, COAX_FORBIDDEN, COAX_FORBIDDEN},
        {"closed/a", COAX_UNAUTHORIZED, COAX_FORBIDDEN, COAX_FORBIDDEN, COAX_FORBIDDEN},
        {"rooms/1", COAX_UNAUTHORIZED, COAX_FORBIDDEN, 0, 0},
        {"rooms/1/key", COAX_UNAUTHORIZED, COAX_FORBIDDEN, 0, 0},
        {"rooms/hall", 0, 0, 0, 0},
        {"rooms/hall/door", 0, 0, 0, 0},
    };
    static const char *const claims[] = {NULL, ":guest", ":clerk", ":admin"};
    struct test_request request;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const uint8_t expected[] = {cases[i].unknown, cases[i].guest, cases[i].clerk, cases[i].administrator};
        for (size_t k = 0; k < 4; k++) {
            struct site_route route = routed(*state, request_for(&request, COAX_GET, cases[i].path), claims[k]);
            if (route.code != expected[k]) {
                fail_msg("%s as %s: %u", cases[i].path, claims[k] != NULL ? claims[k] : "unknown", route.code);
            }
        }
    }
}

/* Who may not use a resource does not learn what it can do. */
static void access_comes_before_the_method(void **state) {
    struct test_request request;
    assert_int_equal(routed(*state, request_for(&request, COAX_POST, "staff"), NULL).code, COAX_UNAUTHORIZED);
    assert_int_equal(routed(*state, request_for(&request, COAX_POST, "staff"), ":clerk").code, COAX_METHOD_NOT_ALLOWED);
}

static void root_list_holds_for_all(void **state) {
    (void)state;
    coax_site *site = coax_site_new();
    coax_resource_config config = COAX_RESOURCE_CONFIG_INIT;
    config.get = get;
    assert_non_null(coax_site_add(site, "a/b", &config, NULL));
    config.allow = staff;
    assert_non_null(coax_site_add(site, "", &config, NULL));
    struct test_request request;
    assert_int_equal(routed(site, request_for(&request, COAX_GET, "a/b"), NULL).code, COAX_UNAUTHORIZED);
    assert_int_equal(routed(site, request_for(&request, COAX_GET, ".well-known/core"), NULL).code, COAX_UNAUTHORIZED);
    assert_true(routed(site, &request.message, ":clerk").well_known_core);
    coax_site_free(site);
}

static void checks_the_credentials_own_list(void **state) {
    static const char *const paths[] = {"/", "/open", "/staff/*", "/caf%C3%A9"};
    struct credential credential = {.allow = paths, .allow_count = 4};
    static const struct {
        const char *path;
        uint8_t code;
    } cases[] = {
        {"", 0},
        {"open", 0},
        {"senml", COAX_FORBIDDEN},
        {"staff", COAX_FORBIDDEN},
        {"staff/desk", 0},
        {".well-known/core", COAX_FORBIDDEN},
        {"caf%C3%A9", COAX_NOT_FOUND},
    };
    struct test_request request;
    struct site_route route;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        coax_site_route(*state, request_for(&request, COAX_GET, cases[i].path), ":clerk", &credential, &route);
        assert_int_equal(route.code, cases[i].code);
    }
    /* a query is no part of the path */
    coax_site_route(*state, request_for(&request, COAX_GET, "open?a=b"), ":clerk", &credential, &route);
    assert_int_equal(route.code, 0);
    credential.allow = NULL;
    coax_site_route(*state, request_for(&request, COAX_GET, "senml"), ":clerk", &credential, &route);
    assert_int_equal(route.code, 0);
}

/* A path that is too long to be compared is refused, not let through. */
static void endless_paths_are_not_allowed(void **state) {
    static const char *const paths[] = {"/closed/*"};
    struct credential credential = {.allow = paths, .allow_count = 1};
    coax_site *site = coax_site_new();
    coax_resource_config config = COAX_RESOURCE_CONFIG_INIT;
    config.get = get;
    config.subtree = true;
    assert_non_null(coax_site_add(site, "closed", &config, NULL));
    struct test_request request;
    request_for(&request, COAX_GET, "closed");
    char segment[255];
    memset(segment, ' ', sizeof segment); /* "%20" each */
    for (size_t i = 0; i < 40; i++) {
        request_with(&request, COAX_OPTION_URI_PATH, segment, sizeof segment);
    }
    struct site_route route;
    coax_site_route(site, &request.message, ":clerk", &credential, &route);
    assert_int_equal(route.code, COAX_FORBIDDEN);
    coax_site_free(site);
    (void)state;
}

static void checks_accept(void **state) {
    struct test_request request;
    request_for(&request, COAX_GET, "senml");
    assert_true(routed(*state, request_with_uint(&request, COAX_OPTION_ACCEPT, 112), NULL).handler == get);
    request_for(&request, COAX_GET, "senml");
    struct site_route route = routed(*state, request_with_uint(&request, COAX_OPTION_ACCEPT, 0), NULL);
    assert_int_equal(route.code, COAX_NOT_ACCEPTABLE);
    assert_string_equal(route.diagnostic, "The resource gives 110 application/senml+json, 112 application/senml+cbor");
    request_for(&request, COAX_GET, "open");
    assert_true(routed(*state, request_with_uint(&request, COAX_OPTION_ACCEPT, 99), NULL).handler == get);
    request_for(&request, COAX_GET, ".well-known/core");
    assert_true(routed(*state, request_with_uint(&request, COAX_OPTION_ACCEPT, 40), NULL).well_known_core);
    request_for(&request, COAX_GET, ".well-known/core");
    assert_int_equal(routed(*state, request_with_uint(&request, COAX_OPTION_ACCEPT, 50), NULL).code,
                     COAX_NOT_ACCEPTABLE);
}

static void checks_content_format(void **state) {
    struct test_request request;
    request_for(&request, COAX_FETCH, "senml");
    assert_true(routed(*state, request_with_uint(&request, COAX_OPTION_CONTENT_FORMAT, 0), NULL).handler == put);
    request_for(&request, COAX_FETCH, "senml");
    struct site_route route = routed(*state, request_with_uint(&request, COAX_OPTION_CONTENT_FORMAT, 60), NULL);
    assert_int_equal(route.code, COAX_UNSUPPORTED_CONTENT_FORMAT);
    assert_string_equal(route.diagnostic, "The resource takes 0 text/plain; charset=utf-8");
    /* elective: of a wrong size it counts as absent (RFC 7252 section 5.4.3) */
    request_for(&request, COAX_FETCH, "senml");
    request.options[request.message.options.size] = 0x13;
    memcpy(request.options + request.message.options.size + 1, "\x01\x02\x03", 3);
    request.message.options.size += 4;
    assert_true(routed(*state, &request.message, NULL).handler == put);
}

static void lists_of_many_formats_are_cut_at_a_name(void **state) {
    int many[30];
    for (int i = 0; i < 30; i++) {
        many[i] = 40000 + i;
    }
    coax_resource_config config = COAX_RESOURCE_CONFIG_INIT;
    config.get = get;
    config.formats = many;
    config.format_count = 30;
    assert_non_null(coax_site_add(*state, "many", &config, NULL));
    struct test_request request;
    request_for(&request, COAX_GET, "many");
    struct site_route route = routed(*state, request_with_uint(&request, COAX_OPTION_ACCEPT, 0), NULL);
    assert_int_equal(strncmp(route.diagnostic, "The resource gives 40000, 40001, ", 33), 0);
    assert_int_equal((strlen(route.diagnostic) - 18) % 7, 6);
}

#define ON_SITE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        ON_SITE(gives_handler_and_user),
        ON_SITE(refuses_methods),
        ON_SITE(refuses_what_is_not_there),
        ON_SITE(refuses_critical_options),
        ON_SITE(takes_understood_and_elective_options),
        ON_SITE(checks_the_hop_limit),
        ON_SITE(refuses_dot_segments),
        ON_SITE(refuses_to_be_a_proxy),
        ON_SITE(checks_access_lists),
        ON_SITE(access_comes_before_the_method),
        cmocka_unit_test(root_list_holds_for_all),
        ON_SITE(checks_the_credentials_own_list),
        cmocka_unit_test(endless_paths_are_not_allowed),
        ON_SITE(checks_accept),
        ON_SITE(checks_content_format),
        ON_SITE(lists_of_many_formats_are_cut_at_a_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
