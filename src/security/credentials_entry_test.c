#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "security/credentials_store.h"
#include "security/credentials_test_data.h"

static struct bytes text(const char *string) {
    return bytes_of(string, strlen(string));
}

static struct credential *make(enum credential_kind kind, const struct credential_parts *parts) {
    struct credential *credential = NULL;
    coax_error error = {.text = ""};
    assert_int_equal(coax_credential_new(&credential, kind, ":x", parts, "file:1:2", &error), COAX_OK);
    assert_int_equal(credential->references, 1);
    assert_int_equal(credential->kind, kind);
    assert_string_equal(credential->source, "file:1:2");
    return credential;
}

static void assert_refused(enum credential_kind kind, const struct credential_parts *parts, enum coax_status status,
                           const char *expected) {
    struct credential *credential = NULL;
    coax_error error = {.text = ""};
    assert_int_equal(coax_credential_new(&credential, kind, ":x", parts, NULL, &error), status);
    assert_null(credential);
    assert_non_null(strstr(error.text, expected));
}

static void psk_entries_have_bounds(void **state) {
    (void)state;
    uint8_t bytes[COAX_PSK_IDENTITY_MAXIMUM + 1];
    memset(bytes, 'x', sizeof bytes);
    struct credential_parts parts = {.psk = bytes_of(bytes, COAX_PSK_KEY_MAXIMUM),
                                     .identity = bytes_of(bytes, COAX_PSK_IDENTITY_MAXIMUM)};
    struct credential *credential = make(CREDENTIAL_PSK, &parts);
    assert_true(bytes_equal(credential->psk, parts.psk));
    assert_true(bytes_equal(credential->identity, parts.identity));
    coax_credential_unref(credential);

    parts.psk.size++;
    assert_refused(CREDENTIAL_PSK, &parts, COAX_E_CREDENTIALS_SIZE, "at most 64");
    parts.psk.size = 0;
    assert_refused(CREDENTIAL_PSK, &parts, COAX_E_CREDENTIALS_SIZE, "empty");
    parts.psk.size = 1;
    parts.identity.size++;
    assert_refused(CREDENTIAL_PSK, &parts, COAX_E_CREDENTIALS_SIZE, "at most 128");
}

static void an_identity_has_zeros_behind_it(void **state) {
    (void)state;
    static const uint8_t zeros[COAX_PSK_IDENTITY_MAXIMUM];
    struct credential_parts parts = {.psk = text("k")};
    struct credential *credential = make(CREDENTIAL_PSK, &parts);
    assert_int_equal(credential->identity.size, 0);
    assert_memory_equal(credential->identity.data, zeros, sizeof zeros);
    coax_credential_unref(credential);
}

static void rpk_entries_derive_their_public_key(void **state) {
    (void)state;
    struct credential_parts parts = {.private_key = text(TEST_PRIVATE_KEY)};
    struct credential *own = make(CREDENTIAL_RPK, &parts);
    assert_int_equal(own->public_key.size, 91);
    assert_int_equal(own->peer_public_key.size, 0);
    assert_int_equal(own->private_key.data[own->private_key.size], '\0');
    assert_true(coax_credential_is_own_key(own));

    parts = (struct credential_parts){.peer_public_key = text(TEST_PUBLIC_KEY)};
    struct credential *peer = make(CREDENTIAL_RPK, &parts);
    assert_true(bytes_equal(peer->peer_public_key, own->public_key));
    assert_false(coax_credential_is_own_key(peer));
    coax_credential_unref(own);
    coax_credential_unref(peer);

    parts = (struct credential_parts){.private_key = text(TEST_PRIVATE_KEY), .peer_public_key = text("nonsense")};
    assert_refused(CREDENTIAL_RPK, &parts, COAX_E_SYNTAX, "BEGIN PUBLIC KEY");
    parts = (struct credential_parts){.private_key = text(TEST_PUBLIC_KEY)};
    assert_refused(CREDENTIAL_RPK, &parts, COAX_E_SYNTAX, "BEGIN PRIVATE KEY");
    parts = (struct credential_parts){.psk = text("k")};
    assert_refused(CREDENTIAL_RPK, &parts, COAX_E_SYNTAX, "without a key");
}

static void x509_entries_are_checked(void **state) {
    (void)state;
    struct credential_parts parts = {.certificate = text(TEST_CERTIFICATE), .private_key = text(TEST_PRIVATE_KEY)};
    struct credential *credential = make(CREDENTIAL_X509, &parts);
    assert_true(coax_credential_is_own_key(credential));
    assert_int_equal(credential->certificate.data[credential->certificate.size], '\0');
    coax_credential_unref(credential);

    parts.trust = text("nonsense");
    assert_refused(CREDENTIAL_X509, &parts, COAX_E_SYNTAX, "BEGIN CERTIFICATE");
    parts =
        (struct credential_parts){.certificate = text(TEST_OTHER_CERTIFICATE), .private_key = text(TEST_PRIVATE_KEY)};
    assert_refused(CREDENTIAL_X509, &parts, COAX_E_SYNTAX, "does not belong");
    parts.private_key.size = 0;
    assert_refused(CREDENTIAL_X509, &parts, COAX_E_SYNTAX, "certificate without its private key");
    parts = (struct credential_parts){.private_key = text(TEST_PRIVATE_KEY)};
    assert_refused(CREDENTIAL_X509, &parts, COAX_E_SYNTAX, "private key without its certificate");
    parts = (struct credential_parts){.psk = text("k")};
    assert_refused(CREDENTIAL_X509, &parts, COAX_E_SYNTAX, "without any");

    parts = (struct credential_parts){.trust = text(TEST_OTHER_CERTIFICATE)};
    credential = make(CREDENTIAL_X509, &parts);
    assert_false(coax_credential_is_own_key(credential));
    coax_credential_unref(credential);
    credential = make(CREDENTIAL_TRUST, &parts);
    assert_false(coax_credential_is_own_key(credential));
    coax_credential_unref(credential);
    parts = (struct credential_parts){.trust = text("")};
    assert_refused(CREDENTIAL_TRUST, &parts, COAX_E_SYNTAX, "BEGIN CERTIFICATE");
}

static struct credential *make_psk(void) {
    struct credential_parts parts = {.psk = text("k"), .identity = text("i")};
    return make(CREDENTIAL_PSK, &parts);
}

static void without_a_list_all_is_allowed(void **state) {
    (void)state;
    struct credential *credential = make_psk();
    assert_true(coax_credential_allows(credential, "/"));
    assert_true(coax_credential_allows(credential, "/a/b"));
    assert_int_equal(coax_credential_set_allow(credential, NULL, 0, NULL), COAX_OK);
    assert_false(coax_credential_allows(credential, "/"));
    coax_credential_unref(credential);
}

static void a_list_allows_what_it_names(void **state) {
    (void)state;
    static const char *const paths[] = {"/time", "/store/*", "/caf\xC3\xA9%41%2a", "/a%2fb"};
    struct credential *credential = make_psk();
    assert_int_equal(coax_credential_set_allow(credential, paths, 4, NULL), COAX_OK);
    static const char *const allowed[] = {"/time", "/store/", "/store/a", "/store/a/b", "/a%2Fb"};
    static const char *const refused[] = {"/", "", "/times", "/time/", "/store", "/stores/a", "/a/b", "/*"};
    for (size_t i = 0; i < sizeof allowed / sizeof allowed[0]; i++) {
        assert_true(coax_credential_allows(credential, allowed[i]));
    }
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        assert_false(coax_credential_allows(credential, refused[i]));
    }
    assert_string_equal(credential->allow[2], "/caf%C3%A9A%2A");

    static const char *const root[] = {"/"};
    assert_int_equal(coax_credential_set_allow(credential, root, 1, NULL), COAX_OK);
    assert_true(coax_credential_allows(credential, ""));
    assert_false(coax_credential_allows(credential, "/time"));
    static const char *const everything[] = {"/*"};
    assert_int_equal(coax_credential_set_allow(credential, everything, 1, NULL), COAX_OK);
    assert_true(coax_credential_allows(credential, ""));
    assert_true(coax_credential_allows(credential, "/a/b"));
    coax_credential_unref(credential);
}

static void malformed_paths_are_refused(void **state) {
    (void)state;
    static const char *const bad[] = {"", "store", "*", "/st*", "/*/a", "/a?b", "/a#b", "/a%", "/a%4", "/a%zz", "/**"};
    struct credential *credential = make_psk();
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        coax_error error = {.text = ""};
        assert_int_equal(coax_credential_set_allow(credential, &bad[i], 1, &error), COAX_E_INVALID);
        assert_true(error.text[0] != '\0');
    }
    const char *many[CREDENTIAL_ALLOW_MAXIMUM + 1];
    for (size_t i = 0; i <= CREDENTIAL_ALLOW_MAXIMUM; i++) {
        many[i] = "/a";
    }
    assert_int_equal(coax_credential_set_allow(credential, many, CREDENTIAL_ALLOW_MAXIMUM + 1, NULL), COAX_E_LIMIT);
    assert_null(credential->allow);
    assert_int_equal(coax_credential_set_allow(credential, many, CREDENTIAL_ALLOW_MAXIMUM, NULL), COAX_OK);
    coax_credential_unref(credential);
}

static void copies_are_whole_and_apart(void **state) {
    (void)state;
    static const char *const paths[] = {"/a", "/b/*"};
    struct credential_parts parts = {.private_key = text(TEST_PRIVATE_KEY),
                                     .peer_public_key = text(TEST_OTHER_PUBLIC_KEY)};
    struct credential *credential = make(CREDENTIAL_RPK, &parts);
    assert_int_equal(coax_credential_set_allow(credential, paths, 2, NULL), COAX_OK);
    struct credential *copy = coax_credential_copy(credential);
    assert_non_null(copy);
    assert_ptr_not_equal(copy->private_key.data, credential->private_key.data);
    assert_true(bytes_equal(copy->private_key, credential->private_key));
    assert_true(bytes_equal(copy->public_key, credential->public_key));
    assert_true(bytes_equal(copy->peer_public_key, credential->peer_public_key));
    coax_credential_unref(credential);
    assert_int_equal(copy->allow_count, 2);
    assert_string_equal(copy->allow[1], "/b/*");
    assert_string_equal(copy->source, "file:1:2");
    coax_credential_unref(copy);
}

static void references_are_copied(void **state) {
    (void)state;
    static const struct credential_parts none;
    char label[] = ":a";
    const char *labels[] = {label, ":b"};
    struct credential *credential = make(CREDENTIAL_ANY_OF, &none);
    assert_int_equal(coax_credential_set_references(credential, labels, 2, NULL), COAX_OK);
    label[1] = 'z';
    struct credential *copy = coax_credential_copy(credential);
    coax_credential_unref(credential);
    assert_int_equal(copy->reference_count, 2);
    assert_string_equal(copy->references_to[0], ":a");
    coax_credential_unref(copy);
}

static void references_are_counted(void **state) {
    (void)state;
    struct credential *credential = make_psk();
    assert_ptr_equal(coax_credential_ref(credential), credential);
    coax_credential_unref(credential);
    assert_memory_equal(credential->psk.data, "k", 1);
    coax_credential_unref(credential);
    coax_credential_unref(NULL);
}

static void every_kind_has_words(void **state) {
    (void)state;
    for (int kind = CREDENTIAL_PSK; kind <= CREDENTIAL_OTHER; kind++) {
        assert_true(strlen(coax_credential_kind_text((enum credential_kind)kind)) > 5);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(psk_entries_have_bounds),
        cmocka_unit_test(an_identity_has_zeros_behind_it),
        cmocka_unit_test(rpk_entries_derive_their_public_key),
        cmocka_unit_test(x509_entries_are_checked),
        cmocka_unit_test(without_a_list_all_is_allowed),
        cmocka_unit_test(a_list_allows_what_it_names),
        cmocka_unit_test(malformed_paths_are_refused),
        cmocka_unit_test(copies_are_whole_and_apart),
        cmocka_unit_test(references_are_copied),
        cmocka_unit_test(references_are_counted),
        cmocka_unit_test(every_kind_has_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
