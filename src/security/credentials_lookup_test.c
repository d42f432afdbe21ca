#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "security/credentials_store.h"
#include "security/credentials_test_data.h"

/* A store out of JSON in which '\'' stands for '"'. */
static coax_credentials *load(const char *json) {
    char *text = strdup(json);
    assert_non_null(text);
    for (char *c = text; *c != '\0'; c++) {
        *c = *c == '\'' ? '"' : *c;
    }
    coax_credentials *credentials = coax_credentials_new();
    assert_non_null(credentials);
    coax_error error = {.text = ""};
    if (coax_credentials_load(credentials, text, strlen(text), "test.json", &error) != COAX_OK) {
        fail_msg("%s", error.text);
    }
    free(text);
    return credentials;
}

#define PSK "{'dtls': {'psk': {'ascii': 'k'}, 'client-identity': {'ascii': 'i'}}}"

static bool is_psk(const struct credential *credential) {
    return credential->kind == CREDENTIAL_PSK;
}

static bool is_nothing(const struct credential *credential) {
    (void)credential;
    return false;
}

/* The key of the entry for a URI must be `expected`; NULL: there is none. */
static void assert_uri(const coax_credentials *credentials, const char *uri, const char *expected) {
    struct credential *credential = NULL;
    coax_error error = {.text = ""};
    enum coax_status status = coax_credentials_for_uri(credentials, uri, is_psk, &credential, &error);
    if (expected == NULL) {
        assert_int_equal(status, COAX_E_NO_CREDENTIALS);
        assert_non_null(strstr(error.text, uri));
        return;
    }
    assert_int_equal(status, COAX_OK);
    assert_string_equal(credential->key, expected);
    coax_credential_unref(credential);
}

static void the_longest_pattern_wins(void **state) {
    (void)state;
    coax_credentials *credentials =
        load("{'coaps://*': " PSK ", 'coaps://h/*': " PSK ", 'coaps://h/a*': " PSK ", 'coaps://h/a/b': " PSK
             ", 'coaps://*.lan/*': " PSK ", '*': " PSK ", 'COAPS://Upper/*': " PSK "}");
    assert_uri(credentials, "coaps://h/", "coaps://h/*");
    assert_uri(credentials, "coaps://h/a", "coaps://h/a*");
    assert_uri(credentials, "coaps://h/a/b", "coaps://h/a/b");
    assert_uri(credentials, "coaps://h/a/b?q=1", "coaps://h/a*");
    assert_uri(credentials, "coaps://x.lan:5/y", "coaps://*");
    assert_uri(credentials, "coaps://x.lan/y", "coaps://*.lan/*");
    assert_uri(credentials, "coap://zz/", "*");
    /* Where this store is kinder than the reference: the default port and upper case. */
    assert_uri(credentials, "coaps://h:5684/x", "coaps://h/*");
    assert_uri(credentials, "coaps://upper/", "COAPS://Upper/*");
    coax_credentials_free(credentials);
}

static void a_default_port_makes_no_pattern_longer(void **state) {
    (void)state;
    coax_credentials *credentials = load("{'coaps://h:5684/*': " PSK ", 'coaps://h/a*': " PSK ", 'coaps://h/*': " PSK
                                         ", 'coaps://h:6000/*': " PSK "}");
    assert_uri(credentials, "coaps://h/a", "coaps://h/a*");
    assert_uri(credentials, "coaps://h/b", "coaps://h:5684/*");
    assert_uri(credentials, "coaps://h:6000/a", "coaps://h:6000/*");
    assert_uri(credentials, "coaps://h:6001/a", NULL);
    coax_credentials_free(credentials);
}

static void without_an_entry_the_error_shows_one(void **state) {
    (void)state;
    coax_credentials *credentials = load("{':coaps://h/*': " PSK "}");
    struct credential *credential = NULL;
    coax_error error = {.text = ""};
    assert_int_equal(coax_credentials_for_uri(credentials, "coaps://h/x", NULL, &credential, &error),
                     COAX_E_NO_CREDENTIALS);
    assert_non_null(strstr(error.text, "no credentials for \"coaps://h/x\""));
    assert_non_null(strstr(error.text, "\"coaps://h/*\": {\"dtls\""));
    assert_int_equal(error.status, COAX_E_NO_CREDENTIALS);
    coax_credentials_free(credentials);
}

static void references_are_followed(void **state) {
    (void)state;
    coax_credentials *credentials =
        load("{'coaps://a/*': ':one', 'coaps://b/*': {'any-of': [':other', ':two']}, 'coaps://c/*': {'any': [':list']},"
             " ':one': " PSK ", ':two': ':one', ':other': {'oscore': {'basedir': 'x'}}, ':list': {'any-of': [':other', "
             "':other', ':one']}}");
    assert_uri(credentials, "coaps://a/", ":one");
    assert_uri(credentials, "coaps://b/", ":one");
    assert_uri(credentials, "coaps://c/", ":one");
    struct credential *credential = NULL;
    assert_int_equal(coax_credentials_for_uri(credentials, "coaps://b/", NULL, &credential, NULL), COAX_OK);
    assert_string_equal(credential->key, ":other");
    coax_credential_unref(credential);
    coax_credentials_free(credentials);
}

static void assert_uri_fails(const coax_credentials *credentials, const char *uri,
                             bool (*usable)(const struct credential *credential), enum coax_status status,
                             const char *expected) {
    struct credential *credential = NULL;
    coax_error error = {.text = ""};
    assert_int_equal(coax_credentials_for_uri(credentials, uri, usable, &credential, &error), status);
    assert_null(credential);
    if (strstr(error.text, expected) == NULL) {
        fail_msg("\"%s\" is not in \"%s\"", expected, error.text);
    }
}

static void broken_references_are_errors(void **state) {
    (void)state;
    coax_credentials *credentials =
        load("{'coaps://a/*': ':missing',\n 'coaps://b/*': ':b1', ':b1': ':b2', ':b2': {'any-of': [':b1']},\n"
             " 'coaps://c/*': ':c', ':c': ':c'}");
    assert_uri_fails(credentials, "coaps://a/", NULL, COAX_E_NOT_FOUND, "\":missing\", which does not exist");
    assert_uri_fails(credentials, "coaps://a/", NULL, COAX_E_NOT_FOUND, "test.json:1:2");
    assert_uri_fails(credentials, "coaps://b/", NULL, COAX_E_INVALID, "circle");
    assert_uri_fails(credentials, "coaps://c/", NULL, COAX_E_INVALID, "circle");
    coax_credentials_free(credentials);
}

static void entries_of_another_kind_are_named(void **state) {
    (void)state;
    coax_credentials *credentials = load("{'coaps://a/*': {'oscore': {}}, 'coaps://*': " PSK ",\n"
                                         " 'coaps://b/*': {'any-of': [':o', ':o']}, ':o': {'oscore': {}}}");
    /* The entry that matches decides: no shorter pattern is tried. */
    assert_uri_fails(credentials, "coaps://a/", is_psk, COAX_E_CREDENTIALS_KIND, "\"coaps://a/*\" at test.json:1:2");
    assert_uri_fails(credentials, "coaps://a/", is_psk, COAX_E_CREDENTIALS_KIND, "OSCORE");
    assert_uri_fails(credentials, "coaps://b/", is_psk, COAX_E_CREDENTIALS_KIND, "references");
    assert_uri_fails(credentials, "coaps://x/", is_nothing, COAX_E_CREDENTIALS_KIND, "pre-shared key");
    coax_credentials_free(credentials);
}

/* Each of 60 lists refers 64 times to the next: without a memory of where it was, a search would never end. */
static void branching_references_end(void **state) {
    (void)state;
    for (size_t length = 15; length <= 17; length++) {
        coax_credentials *credentials = load("{'coaps://h/*': ':00', ':last': {'oscore': {}}}");
        for (size_t i = 0; i < length; i++) {
            char label[8];
            char next[8];
            (void)snprintf(label, sizeof label, ":%02zu", i);
            (void)snprintf(next, sizeof next, i + 1 == length ? ":last" : ":%02zu", i + 1);
            const char *labels[CREDENTIAL_REFERENCES_MAXIMUM];
            for (size_t j = 0; j < CREDENTIAL_REFERENCES_MAXIMUM; j++) {
                labels[j] = next;
            }
            static const struct credential_parts none;
            struct credential_change change = {NULL, NULL};
            assert_int_equal(coax_credential_new(&change.credential, CREDENTIAL_ANY_OF, label, &none, NULL, NULL), 0);
            assert_int_equal(coax_credential_set_references(change.credential, labels, 64, NULL), COAX_OK);
            assert_int_equal(coax_credentials_apply(credentials, &change, 1, NULL), COAX_OK);
            coax_credential_unref(change.credential);
        }
        if (length < CREDENTIAL_REFERENCE_DEPTH_MAXIMUM) {
            assert_uri_fails(credentials, "coaps://h/", is_psk, COAX_E_CREDENTIALS_KIND, "references");
        } else {
            assert_uri_fails(credentials, "coaps://h/", is_psk, COAX_E_INVALID, "too many");
        }
        coax_credentials_free(credentials);
    }
}

static const char *key_of_identity(const coax_credentials *credentials, const void *identity, size_t size) {
    struct credential *credential = coax_credentials_for_identity(credentials, bytes_of(identity, size));
    if (credential == NULL) {
        return NULL;
    }
    const char *key = credential->key;
    coax_credential_unref(credential);
    return key;
}

static void identities_are_found(void **state) {
    (void)state;
    coax_credentials *credentials = coax_credentials_new();
    uint8_t longest[COAX_PSK_IDENTITY_MAXIMUM + 1];
    memset(longest, 'x', sizeof longest);
    assert_int_equal(coax_credentials_set_psk(credentials, ":a", "alice", 5, "k", 1, NULL), COAX_OK);
    assert_int_equal(coax_credentials_set_psk(credentials, ":a2", "alice", 5, "k", 1, NULL), COAX_OK);
    assert_int_equal(coax_credentials_set_psk(credentials, ":z", "alice\0", 6, "k", 1, NULL), COAX_OK);
    assert_int_equal(coax_credentials_set_psk(credentials, ":l", longest, 128, "k", 1, NULL), COAX_OK);
    assert_string_equal(key_of_identity(credentials, "alice", 5), ":a");
    assert_string_equal(key_of_identity(credentials, "alice\0", 6), ":z");
    assert_string_equal(key_of_identity(credentials, longest, 128), ":l");
    assert_null(key_of_identity(credentials, "alice\0\0", 7));
    assert_null(key_of_identity(credentials, "alic", 4));
    assert_null(key_of_identity(credentials, "", 0));
    assert_null(key_of_identity(credentials, NULL, 0));
    assert_null(key_of_identity(credentials, longest, 127));
    assert_null(key_of_identity(credentials, longest, 129));
    assert_int_equal(coax_credentials_set_psk(credentials, ":e", NULL, 0, "k", 1, NULL), COAX_OK);
    assert_string_equal(key_of_identity(credentials, NULL, 0), ":e");
    coax_credentials_free(credentials);
}

static void public_keys_are_found(void **state) {
    (void)state;
    coax_credentials *credentials = coax_credentials_new();
    coax_rpk own = COAX_RPK_INIT;
    own.private_key = TEST_PRIVATE_KEY;
    coax_rpk peer = COAX_RPK_INIT;
    peer.peer_public_key = TEST_PUBLIC_KEY;
    assert_int_equal(coax_credentials_set_rpk(credentials, ":own", &own, NULL), COAX_OK);
    struct credential *credential = coax_credentials_for_server(credentials, CREDENTIAL_RPK, NULL);
    assert_non_null(credential);
    assert_null(coax_credentials_for_public_key(credentials, credential->public_key));
    assert_int_equal(coax_credentials_set_rpk(credentials, ":peer", &peer, NULL), COAX_OK);
    struct credential *found = coax_credentials_for_public_key(credentials, credential->public_key);
    assert_non_null(found);
    assert_string_equal(found->key, ":peer");
    assert_null(coax_credentials_for_public_key(credentials, bytes_of("x", 1)));
    /* An entry without a peer's key is not that of a peer with an empty one. */
    assert_null(coax_credentials_for_public_key(credentials, bytes_of(NULL, 0)));
    coax_credential_unref(found);
    coax_credential_unref(credential);
    coax_credentials_free(credentials);
}

static void set_certificate(coax_credentials *credentials, const char *key, bool other) {
    coax_x509 x509 = COAX_X509_INIT;
    x509.certificate = other ? TEST_OTHER_CERTIFICATE : TEST_CERTIFICATE;
    x509.private_key = other ? TEST_OTHER_PRIVATE_KEY : TEST_PRIVATE_KEY;
    assert_int_equal(coax_credentials_set_x509(credentials, key, &x509, NULL), COAX_OK);
}

static void assert_server(const coax_credentials *credentials, enum credential_kind kind, const char *name,
                          const char *expected) {
    struct credential *credential = coax_credentials_for_server(credentials, kind, name);
    if (expected == NULL) {
        assert_null(credential);
        return;
    }
    assert_non_null(credential);
    assert_string_equal(credential->key, expected);
    coax_credential_unref(credential);
}

static void servers_show_what_is_named(void **state) {
    (void)state;
    coax_credentials *credentials = load("{'coaps://ref.org/*': ':label', 'coaps://lost.org/*': ':lost',"
                                         " 'coaps://psk.org/*': " PSK "}");
    assert_server(credentials, CREDENTIAL_X509, "a.org", NULL);
    assert_server(credentials, CREDENTIAL_PSK, "psk.org", NULL);
    coax_x509 trust = COAX_X509_INIT;
    trust.trust = TEST_OTHER_CERTIFICATE;
    assert_int_equal(coax_credentials_set_x509(credentials, "coaps://a.org/x*", &trust, NULL), COAX_OK);
    set_certificate(credentials, "coaps://*", false);
    set_certificate(credentials, "coaps://*.org/*", false);
    set_certificate(credentials, "coaps://A.org:5684/*", true);
    set_certificate(credentials, ":label", true);
    assert_server(credentials, CREDENTIAL_X509, NULL, "coaps://*");
    assert_server(credentials, CREDENTIAL_X509, "", "coaps://*");
    assert_server(credentials, CREDENTIAL_X509, "elsewhere.net", "coaps://*");
    assert_server(credentials, CREDENTIAL_X509, "b.org", "coaps://*.org/*");
    assert_server(credentials, CREDENTIAL_X509, "a.ORG", "coaps://*.org/*");
    assert_int_equal(coax_credentials_remove(credentials, "coaps://*.org/*", NULL), COAX_OK);
    assert_server(credentials, CREDENTIAL_X509, "a.ORG", "coaps://A.org:5684/*");
    assert_server(credentials, CREDENTIAL_X509, "ref.org", ":label");
    assert_server(credentials, CREDENTIAL_X509, "lost.org", "coaps://*");
    assert_server(credentials, CREDENTIAL_RPK, "a.org", NULL);
    coax_credentials_free(credentials);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_longest_pattern_wins),
        cmocka_unit_test(a_default_port_makes_no_pattern_longer),
        cmocka_unit_test(without_an_entry_the_error_shows_one),
        cmocka_unit_test(references_are_followed),
        cmocka_unit_test(broken_references_are_errors),
        cmocka_unit_test(entries_of_another_kind_are_named),
        cmocka_unit_test(branching_references_end),
        cmocka_unit_test(identities_are_found),
        cmocka_unit_test(public_keys_are_found),
        cmocka_unit_test(servers_show_what_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
