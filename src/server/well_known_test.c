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

static const int formats[] = {COAX_FORMAT_TEXT, COAX_FORMAT_SENML_JSON};

static int set_up(void **state) {
    coax_site *site = coax_site_new();
    assert_non_null(site);
    const coax_resource_config light = {.size = sizeof light,
                                        .get = get,
                                        .resource_type = "light lux",
                                        .interface = "sensor core.s",
                                        .title = "A \"good\" light",
                                        .observable = true};
    const coax_resource_config temp = {.size = sizeof temp,
                                       .get = get,
                                       .resource_type = "temperature-c",
                                       .interface = "sensor",
                                       .formats = formats,
                                       .format_count = 2};
    const coax_resource_config link = {.size = sizeof link, .get = get, .formats = formats, .format_count = 1};
    const coax_resource_config hidden = {.size = sizeof hidden, .get = get, .resource_type = "light", .hidden = true};
    const coax_resource_config wild = {.size = sizeof wild, .get = get, .resource_type = "light"};
    assert_non_null(coax_site_add(site, "sensors/light", &light, NULL));
    assert_non_null(coax_site_add(site, "sensors/temp", &temp, NULL));
    assert_non_null(coax_site_add(site, "t%20%2F", &link, NULL));
    assert_non_null(coax_site_add(site, "hidden", &hidden, NULL));
    assert_non_null(coax_site_add(site, "lamps/*", &wild, NULL));
    assert_non_null(coax_site_add(site, "lamps/*/colour", &wild, NULL));
    *state = site;
    return 0;
}

static int tear_down(void **state) {
    coax_site_free(*state);
    return 0;
}

#define LIGHT "</sensors/light>;rt=\"light lux\";if=\"sensor core.s\";title=\"A \\\"good\\\" light\";obs"
#define TEMP "</sensors/temp>;rt=\"temperature-c\";if=\"sensor\";ct=\"0 110\""
#define LINK "</t%20%2F>;ct=0"

static void assert_core(const coax_site *site, const char *query, const char *expected) {
    struct test_request request;
    char uri[200];
    snprintf(uri, sizeof uri, ".well-known/core%s", query);
    char core[1024];
    size_t size = 0;
    assert_int_equal(coax_site_write_core(site, request_for(&request, COAX_GET, uri), core, sizeof core - 1, &size),
                     COAX_OK);
    core[size] = '\0';
    if (strcmp(core, expected) != 0) {
        fail_msg("%s gave %s instead of %s", query, core, expected);
    }
}

static void lists_resources_in_order(void **state) {
    assert_core(*state, "", LIGHT "," TEMP "," LINK);
}

static void an_empty_site_lists_nothing(void **state) {
    (void)state;
    coax_site *site = coax_site_new();
    assert_core(site, "", "");
    coax_resource_config config = COAX_RESOURCE_CONFIG_INIT;
    coax_resource *root = coax_site_add(site, "", &config, NULL);
    assert_core(site, "", "</>");
    coax_site_remove(site, root);
    assert_core(site, "", "");
    coax_site_free(site);
}

/* RFC 6690 section 4.1. */
static void applies_filters(void **state) {
    static const char *const cases[][2] = {
        {"?rt=light", LIGHT},
        {"?rt=lux", LIGHT},
        {"?rt=light%20lux", ""},
        {"?rt=ligh", ""},
        {"?rt=l*", LIGHT},
        {"?rt=*", LIGHT "," TEMP},
        {"?rt=temperature-c", TEMP},
        {"?rt=Light", ""},
        {"?rt=", ""},
        {"?if=sensor", LIGHT "," TEMP},
        {"?if=core*", LIGHT},
        {"?if=core.", ""},
        {"?ct=0", TEMP "," LINK},
        {"?ct=110", TEMP},
        {"?ct=11", ""},
        {"?ct=1*", TEMP},
        {"?title=A%20%22good%22%20light", LIGHT},
        {"?title=A*", LIGHT},
        {"?title=A", ""},
        {"?title=good*", ""},
        {"?href=/sensors/temp", TEMP},
        {"?href=/sensors*", LIGHT "," TEMP},
        {"?href=/sensors", ""},
        {"?href=*", LIGHT "," TEMP "," LINK},
        {"?obs", LIGHT},
        {"?obs=*", LIGHT},
        {"?obs=1", ""},
        {"?ct", TEMP "," LINK},
        {"?rel=x", ""},
        {"?anchor=*", ""},
        {"?=x", ""},
        {"?*", ""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_core(*state, cases[i][0], cases[i][1]);
    }
}

static void applies_all_filters(void **state) {
    assert_core(*state, "?if=sensor&ct=0", TEMP);
    assert_core(*state, "?ct=0&if=sensor", TEMP);
    assert_core(*state, "?rt=light&rt=lux", LIGHT);
    assert_core(*state, "?rt=light&ct=0", "");
    assert_core(*state, "?rt=light&rt=temperature-c", "");
    assert_core(*state, "?href=/sensors*&if=core.s&obs", LIGHT);
}

static void says_when_it_does_not_fit(void **state) {
    struct test_request request;
    request_for(&request, COAX_GET, "");
    static const char expected[] = LIGHT "," TEMP "," LINK;
    char core[sizeof expected];
    size_t size;
    core[sizeof expected - 1] = '!';
    assert_int_equal(coax_site_write_core(*state, &request.message, core, sizeof expected - 1, &size), COAX_OK);
    assert_int_equal(size, sizeof expected - 1);
    core[sizeof expected - 2] = '!';
    assert_int_equal(coax_site_write_core(*state, &request.message, core, sizeof expected - 2, &size),
                     COAX_E_TOO_LARGE);
    assert_int_equal(core[sizeof expected - 2], '!');
    assert_int_equal(coax_site_write_core(*state, &request.message, core, 0, &size), COAX_E_TOO_LARGE);
}

#define ON_SITE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        ON_SITE(lists_resources_in_order),  cmocka_unit_test(an_empty_site_lists_nothing),
        ON_SITE(applies_filters),           ON_SITE(applies_all_filters),
        ON_SITE(says_when_it_does_not_fit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
