#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "security/credentials_store.h"

static bool match(const char *pattern, const char *uri) {
    struct uri_spellings spellings;
    assert_true(coax_credentials_spell_uri(&spellings, uri));
    bool matched = coax_credentials_pattern_matches(pattern, &spellings);
    coax_credentials_free_spellings(&spellings);
    return matched;
}

static void stars_stand_for_any_run(void **state) {
    (void)state;
    assert_true(match("*", "coap://zz/"));
    assert_true(match("coaps://h/*", "coaps://h/"));
    assert_true(match("coaps://h/*", "coaps://h/a/b?q=1"));
    assert_true(match("coaps://h/a*", "coaps://h/a"));
    assert_true(match("coaps://*.lan/*", "coaps://x.y.lan/z"));
    assert_true(match("coaps://*/x**z", "coaps://h/a/xyz"));
    assert_true(match("*://*/c", "coap+tcp://h/a/b/c"));
    assert_false(match("coaps://h/a*", "coaps://h/b"));
    assert_false(match("coaps://h/a", "coaps://h/a/b"));
    assert_false(match("coaps://h/?", "coaps://h/x"));
    assert_false(match("coaps://*.lan/*", "coaps://lan/z"));
    assert_false(match("coap://h/*", "coaps://h/"));
    assert_true(match("*a*a*a*b", "coap://aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab"));
}

static void case_matters_in_the_path_alone(void **state) {
    (void)state;
    assert_true(match("COAPS://Host.EXAMPLE/*", "coaps://host.example/"));
    assert_true(match("coaps://host/*", "CoapS://HOST/"));
    assert_false(match("coaps://h/Path", "coaps://h/path"));
    assert_true(match("coaps://*Foo", "coaps://h/Foo"));
    assert_false(match("coaps://*Foo", "coaps://h/foo"));
    assert_true(match("coaps://*Foo/", "coaps://foo/"));
    assert_false(match("coap://h/?A", "coap://h/?a"));
}

static void the_default_port_can_be_left_out(void **state) {
    (void)state;
    assert_true(match("coaps://h/*", "coaps://h:5684/x"));
    assert_true(match("coaps://h:5684/*", "coaps://h/x"));
    assert_true(match("coaps://[::1]:5684/*", "coaps://[::1]/x"));
    assert_true(match("coaps://[::1]/*", "coaps://[::1]:5684/x"));
    assert_true(match("coaps+ws://h:443/*", "coaps+ws://h/x"));
    assert_true(match("coap://h:5683", "coap://h/"));
    assert_true(match("coaps://*:5684/*", "coaps://h/x"));
    assert_false(match("coaps://*:5684/*", "coaps://h:5685/x"));
    assert_false(match("coaps://h:5683/*", "coaps://h/x"));
    assert_false(match("coap://h:5684/*", "coap://h/x"));
    assert_false(match("coaps://h/*", "coaps://h:56840/x"));
    assert_false(match("coaps://h/*", "coaps://h:99999999999999999999/x"));
    assert_true(match("coaps://h:6000/*", "coaps://h:6000/x"));
    assert_true(match("http://h:80/*", "http://h:80/x"));
    assert_false(match("http://h/*", "http://h:80/x"));
}

static void an_empty_path_is_a_slash(void **state) {
    (void)state;
    assert_true(match("coaps://h", "coaps://h/"));
    assert_true(match("coaps://h:5684", "coaps://h/"));
    assert_false(match("coaps://h", "coaps://h/a"));
    assert_false(match("coaps://h", "coaps://h/?q"));
    assert_true(match("coaps://*", "coaps://h/"));
}

static void assert_normal(const char *key, const char *expected) {
    char *normal = coax_credentials_normal_key(key);
    assert_string_equal(normal, expected);
    free(normal);
}

static void keys_that_mean_the_same_have_one_normal_form(void **state) {
    (void)state;
    assert_normal("COAPS://Host:5684/Path", "coaps://host/Path");
    assert_normal("coaps://host", "coaps://host/");
    assert_normal("coaps://host:", "coaps://host/");
    assert_normal("coaps://host:05684/", "coaps://host/");
    assert_normal("coaps://host:5685", "coaps://host:5685/");
    assert_normal("coaps://*", "coaps://*");
    assert_normal("coaps://*:5684/*", "coaps://*:5684/*");
    assert_normal("coaps://*.LAN:5684/*", "coaps://*.lan/*");
    assert_normal("coap+tcp://[FE80::1]:5683/", "coap+tcp://[fe80::1]/");
    assert_normal("coaps://[::5684]/", "coaps://[::5684]/");
    assert_normal("*", "*");
    assert_normal(":Label", ":Label");
    assert_normal("://X", "://X");
}

static void keys_are_checked(void **state) {
    (void)state;
    static const char *const good[] = {"*",         "coap*", "*://h/*",   "coaps://h",
                                       "coaps://*", ":a",    ":my phone", "*localhost*"};
    static const char *const bad[] = {
        "", ":", "localhost", "localhost/*", "h:5684/*", "coaps://h /*", "coaps://h\n", ":a\n", "/x://h/*"};
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        assert_int_equal(coax_credentials_check_key(good[i], NULL), COAX_OK);
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        coax_error error = {.text = ""};
        assert_int_equal(coax_credentials_check_key(bad[i], &error), COAX_E_INVALID);
        assert_true(error.text[0] != '\0');
        assert_null(strchr(error.text, '\n'));
    }
    char longest[CREDENTIAL_KEY_SIZE_MAXIMUM + 2];
    memset(longest, 'x', sizeof longest);
    longest[0] = ':';
    longest[CREDENTIAL_KEY_SIZE_MAXIMUM] = '\0';
    assert_int_equal(coax_credentials_check_key(longest, NULL), COAX_OK);
    longest[CREDENTIAL_KEY_SIZE_MAXIMUM] = 'x';
    longest[CREDENTIAL_KEY_SIZE_MAXIMUM + 1] = '\0';
    assert_int_equal(coax_credentials_check_key(longest, NULL), COAX_E_INVALID);
}

static void patterns_name_hosts(void **state) {
    (void)state;
    assert_true(coax_credentials_pattern_names_host("coaps://Example.org:6000/*", "example.ORG"));
    assert_true(coax_credentials_pattern_names_host("coaps://*.lan/*", "a.lan"));
    assert_false(coax_credentials_pattern_names_host("coaps://*/*", "a.lan"));
    assert_false(coax_credentials_pattern_names_host("coaps://**", "a.lan"));
    assert_false(coax_credentials_pattern_names_host("*", "a.lan"));
    assert_false(coax_credentials_pattern_names_host("coaps://b.lan/*", "a.lan"));
    assert_false(coax_credentials_pattern_names_host(":a.lan", "a.lan"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stars_stand_for_any_run),
        cmocka_unit_test(case_matters_in_the_path_alone),
        cmocka_unit_test(the_default_port_can_be_left_out),
        cmocka_unit_test(an_empty_path_is_a_slash),
        cmocka_unit_test(keys_that_mean_the_same_have_one_normal_form),
        cmocka_unit_test(keys_are_checked),
        cmocka_unit_test(patterns_name_hosts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
