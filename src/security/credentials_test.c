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

static int make_store(void **state) {
    *state = coax_credentials_new();
    return *state == NULL ? -1 : 0;
}

static int free_store(void **state) {
    coax_credentials_free(*state);
    return 0;
}

static void set_psk(coax_credentials *credentials, const char *key, const char *psk) {
    assert_int_equal(coax_credentials_set_psk(credentials, key, "id", 2, psk, strlen(psk), NULL), COAX_OK);
}

static struct credential *find(const coax_credentials *credentials, const char *uri) {
    struct credential *credential = NULL;
    assert_int_equal(coax_credentials_for_uri(credentials, uri, NULL, &credential, NULL), COAX_OK);
    return credential;
}

static void assert_psk(const coax_credentials *credentials, const char *uri, const char *psk) {
    struct credential *credential = find(credentials, uri);
    assert_true(bytes_equal(credential->psk, bytes_of(psk, strlen(psk))));
    coax_credential_unref(credential);
}

static void an_empty_store_has_nothing(void **state) {
    coax_credentials *credentials = *state;
    assert_false(coax_credentials_can_serve(credentials));
    assert_null(coax_credentials_for_identity(credentials, bytes_of("id", 2)));
    assert_null(coax_credentials_for_server(credentials, CREDENTIAL_X509, "h"));
    assert_int_equal(coax_credentials_remove(credentials, ":a", NULL), COAX_E_NOT_FOUND);
    coax_credentials_free(NULL);
}

static void raw_bytes_are_kept(void **state) {
    coax_credentials *credentials = *state;
    const uint8_t identity[] = {0, 0xFF, '"', 0};
    const uint8_t psk[] = {0, 1, 0, 0xFE};
    assert_int_equal(coax_credentials_set_psk(credentials, "coaps://localhost/*", identity, 4, psk, 4, NULL), COAX_OK);
    struct credential *credential = find(credentials, "coaps://localhost/x");
    assert_true(bytes_equal(credential->identity, bytes_of(identity, 4)));
    assert_true(bytes_equal(credential->psk, bytes_of(psk, 4)));
    assert_string_equal(credential->source, "");
    coax_credential_unref(credential);
    credential = coax_credentials_for_identity(credentials, bytes_of(identity, 4));
    assert_non_null(credential);
    coax_credential_unref(credential);
    assert_true(coax_credentials_can_serve(credentials));
}

static void wrong_arguments_are_refused(void **state) {
    coax_credentials *credentials = *state;
    uint8_t bytes[200] = {0};
    coax_error error = {.text = ""};
    assert_int_equal(coax_credentials_set_psk(credentials, "h", "", 0, "k", 1, &error), COAX_E_INVALID);
    assert_int_equal(coax_credentials_set_psk(credentials, NULL, "", 0, "k", 1, &error), COAX_E_INVALID);
    assert_int_equal(coax_credentials_set_psk(credentials, ":a", "", 0, NULL, 0, &error), COAX_E_CREDENTIALS_SIZE);
    assert_int_equal(coax_credentials_set_psk(credentials, ":a", "", 0, bytes, 65, &error), COAX_E_CREDENTIALS_SIZE);
    assert_int_equal(coax_credentials_set_psk(credentials, ":a", bytes, 129, bytes, 1, &error),
                     COAX_E_CREDENTIALS_SIZE);
    coax_rpk rpk = COAX_RPK_INIT;
    assert_int_equal(coax_credentials_set_rpk(credentials, ":a", &rpk, &error), COAX_E_SYNTAX);
    rpk.private_key = "nonsense";
    assert_int_equal(coax_credentials_set_rpk(credentials, ":a", &rpk, &error), COAX_E_SYNTAX);
    rpk.size = 0;
    assert_int_equal(coax_credentials_set_rpk(credentials, ":a", &rpk, &error), COAX_E_INVALID);
    assert_non_null(strstr(error.text, "COAX_RPK_INIT"));
    coax_x509 x509 = COAX_X509_INIT;
    assert_int_equal(coax_credentials_set_x509(credentials, ":a", &x509, &error), COAX_E_SYNTAX);
    x509.certificate = TEST_CERTIFICATE;
    x509.private_key = TEST_OTHER_PRIVATE_KEY;
    assert_int_equal(coax_credentials_set_x509(credentials, ":a", &x509, &error), COAX_E_SYNTAX);
    x509.size = 1;
    assert_int_equal(coax_credentials_set_x509(credentials, ":a", &x509, &error), COAX_E_INVALID);
    assert_int_equal(credentials->count, 0);
    assert_int_equal(coax_credentials_generation(credentials), 0);
}

static void what_a_server_can_use(void **state) {
    coax_credentials *credentials = *state;
    coax_rpk rpk = COAX_RPK_INIT;
    rpk.peer_public_key = TEST_PUBLIC_KEY;
    assert_int_equal(coax_credentials_set_rpk(credentials, ":a", &rpk, NULL), COAX_OK);
    coax_x509 x509 = COAX_X509_INIT;
    x509.trust = TEST_CERTIFICATE;
    assert_int_equal(coax_credentials_set_x509(credentials, ":b", &x509, NULL), COAX_OK);
    assert_false(coax_credentials_can_serve(credentials));
    rpk.private_key = TEST_PRIVATE_KEY;
    assert_int_equal(coax_credentials_set_rpk(credentials, ":a", &rpk, NULL), COAX_OK);
    assert_true(coax_credentials_can_serve(credentials));
    assert_int_equal(coax_credentials_remove(credentials, ":a", NULL), COAX_OK);
    x509.certificate = TEST_CERTIFICATE;
    x509.private_key = TEST_PRIVATE_KEY_SEC1;
    assert_int_equal(coax_credentials_set_x509(credentials, ":b", &x509, NULL), COAX_OK);
    assert_true(coax_credentials_can_serve(credentials));
}

static void setting_again_replaces_in_place(void **state) {
    coax_credentials *credentials = *state;
    set_psk(credentials, "coaps://a/*", "1");
    set_psk(credentials, "coaps://b/*", "2");
    uint64_t generation = coax_credentials_generation(credentials);
    struct credential *kept = find(credentials, "coaps://a/");
    set_psk(credentials, "COAPS://A:5684/*", "3");
    assert_int_equal(coax_credentials_generation(credentials), generation + 1);
    assert_int_equal(credentials->count, 2);
    assert_string_equal(credentials->entries[0]->key, "COAPS://A:5684/*");
    assert_psk(credentials, "coaps://a/", "3");
    assert_memory_equal(kept->psk.data, "1", 1);
    coax_credential_unref(kept);
    assert_int_equal(coax_credentials_remove(credentials, "coaps://a:5684/*", NULL), COAX_OK);
    assert_int_equal(credentials->count, 1);
    assert_psk(credentials, "coaps://b/", "2");
}

static void paths_are_allowed_by_program(void **state) {
    coax_credentials *credentials = *state;
    static const char *const paths[] = {"/store/*"};
    static const char *const wrong[] = {"store"};
    assert_int_equal(coax_credentials_set_allow(credentials, ":a", paths, 1, NULL), COAX_E_NOT_FOUND);
    set_psk(credentials, ":a", "1");
    set_psk(credentials, ":b", "2");
    struct credential *before = coax_credential_ref(credentials->entries[0]);
    uint64_t generation = coax_credentials_generation(credentials);
    assert_int_equal(coax_credentials_set_allow(credentials, ":a", wrong, 1, NULL), COAX_E_INVALID);
    assert_int_equal(coax_credentials_generation(credentials), generation);
    assert_int_equal(coax_credentials_set_allow(credentials, ":a", paths, 1, NULL), COAX_OK);
    assert_true(coax_credentials_generation(credentials) > generation);
    assert_true(coax_credential_allows(before, "/time"));
    assert_false(coax_credential_allows(credentials->entries[0], "/time"));
    assert_true(coax_credential_allows(credentials->entries[0], "/store/a"));
    assert_true(bytes_equal(credentials->entries[0]->psk, before->psk));
    assert_int_equal(coax_credentials_set_allow(credentials, ":a", NULL, 0, NULL), COAX_OK);
    assert_true(coax_credential_allows(credentials->entries[0], "/time"));
    coax_credential_unref(before);
    static const char reference[] = "{\":r\": \":a\"}";
    assert_int_equal(coax_credentials_load(credentials, reference, strlen(reference), "f", NULL), COAX_OK);
    assert_int_equal(coax_credentials_set_allow(credentials, ":r", paths, 1, NULL), COAX_E_INVALID);
}

static void replacing_takes_all_and_empties_the_source(void **state) {
    coax_credentials *credentials = *state;
    coax_credentials *source = coax_credentials_new();
    set_psk(credentials, "coaps://a/*", "1");
    set_psk(source, "coaps://b/*", "2");
    struct credential *in_use = find(credentials, "coaps://a/");
    uint64_t generation = coax_credentials_generation(credentials);
    coax_credentials_replace(credentials, source);
    assert_true(coax_credentials_generation(credentials) > generation);
    assert_int_equal(source->count, 0);
    assert_int_equal(credentials->count, 1);
    assert_psk(credentials, "coaps://b/", "2");
    assert_int_equal(in_use->references, 1);
    coax_credential_unref(in_use);
    coax_credentials_replace(credentials, credentials);
    assert_int_equal(credentials->count, 1);
    set_psk(source, ":again", "3");
    coax_credentials_free(source);
}

static bool visit_two(struct credential *credential, void *user) {
    char *keys = user;
    memcpy(keys + strlen(keys), credential->key, strlen(credential->key) + 1);
    return strlen(keys) < 4;
}

static void entries_are_visited_in_order(void **state) {
    coax_credentials *credentials = *state;
    set_psk(credentials, ":c", "1");
    set_psk(credentials, ":a", "1");
    set_psk(credentials, ":b", "1");
    char keys[10] = "";
    coax_credentials_each(credentials, visit_two, keys);
    assert_string_equal(keys, ":c:a");
}

static void the_store_has_a_bound(void **state) {
    coax_credentials *credentials = *state;
    char key[32];
    for (int i = 0; i < CREDENTIAL_ENTRIES_MAXIMUM / 10; i++) {
        (void)snprintf(key, sizeof key, ":%d", i);
        set_psk(credentials, key, "k");
    }
    struct credential_change *changes = calloc(CREDENTIAL_ENTRIES_MAXIMUM, sizeof *changes);
    assert_non_null(changes);
    struct credential_parts parts = {.psk = bytes_of("k", 1)};
    size_t room = CREDENTIAL_ENTRIES_MAXIMUM - credentials->count;
    for (size_t i = 0; i < room; i++) {
        (void)snprintf(key, sizeof key, ":x%zu", i);
        assert_int_equal(coax_credential_new(&changes[i].credential, CREDENTIAL_PSK, key, &parts, NULL, NULL), COAX_OK);
    }
    assert_int_equal(coax_credentials_apply(credentials, changes, room, NULL), COAX_OK);
    assert_int_equal(credentials->count, CREDENTIAL_ENTRIES_MAXIMUM);
    coax_error error = {.text = ""};
    assert_int_equal(coax_credentials_set_psk(credentials, ":more", "", 0, "k", 1, &error), COAX_E_LIMIT);
    assert_non_null(strstr(error.text, "10000"));
    assert_int_equal(credentials->count, CREDENTIAL_ENTRIES_MAXIMUM);
    assert_int_equal(coax_credentials_set_psk(credentials, ":x5", "", 0, "n", 1, &error), COAX_OK);
    for (size_t i = 0; i < room; i++) {
        coax_credential_unref(changes[i].credential);
    }
    free(changes);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(an_empty_store_has_nothing, make_store, free_store),
        cmocka_unit_test_setup_teardown(raw_bytes_are_kept, make_store, free_store),
        cmocka_unit_test_setup_teardown(wrong_arguments_are_refused, make_store, free_store),
        cmocka_unit_test_setup_teardown(what_a_server_can_use, make_store, free_store),
        cmocka_unit_test_setup_teardown(setting_again_replaces_in_place, make_store, free_store),
        cmocka_unit_test_setup_teardown(paths_are_allowed_by_program, make_store, free_store),
        cmocka_unit_test_setup_teardown(replacing_takes_all_and_empties_the_source, make_store, free_store),
        cmocka_unit_test_setup_teardown(entries_are_visited_in_order, make_store, free_store),
        cmocka_unit_test_setup_teardown(the_store_has_a_bound, make_store, free_store),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
