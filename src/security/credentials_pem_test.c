#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "security/credentials_pem.h"
#include "security/credentials_store.h"
#include "security/credentials_test_data.h"

static struct bytes text(const char *pem) {
    return bytes_of(pem, strlen(pem));
}

static void release(struct bytes *bytes) {
    free((void *)bytes->data);
}

static void keys_of_both_forms_have_the_same_public_key(void **state) {
    (void)state;
    struct bytes pkcs8;
    struct bytes sec1;
    struct bytes peer;
    assert_int_equal(coax_pem_public_key_of(text(TEST_PRIVATE_KEY), &pkcs8, NULL), COAX_OK);
    assert_int_equal(coax_pem_public_key_of(text(TEST_PRIVATE_KEY_SEC1), &sec1, NULL), COAX_OK);
    assert_int_equal(coax_pem_public_key(text(TEST_PUBLIC_KEY), &peer, NULL), COAX_OK);
    assert_true(bytes_equal(pkcs8, sec1));
    assert_true(bytes_equal(pkcs8, peer));
    /* RFC 5480: a P-256 SubjectPublicKeyInfo is 91 bytes, with an uncompressed point at its end. */
    assert_int_equal(pkcs8.size, 91);
    assert_int_equal(pkcs8.data[26], 4);
    release(&pkcs8);
    release(&sec1);
    release(&peer);
}

/* openssl ecparam writes the parameters before the key. */
static void what_stands_before_the_key_is_skipped(void **state) {
    (void)state;
    static const char parameters[] =
        "-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n" TEST_PRIVATE_KEY_SEC1;
    assert_int_equal(coax_pem_check_private_key(text(parameters), NULL), COAX_OK);
    assert_int_equal(coax_pem_check_private_key(text("a comment\n" TEST_PRIVATE_KEY), NULL), COAX_OK);
}

static void chains_are_read(void **state) {
    (void)state;
    assert_int_equal(coax_pem_check_certificates(text(TEST_CERTIFICATE), NULL), COAX_OK);
    assert_int_equal(coax_pem_check_certificates(text(TEST_CERTIFICATE TEST_OTHER_CERTIFICATE), NULL), COAX_OK);
}

static void a_key_must_fit_the_first_certificate(void **state) {
    (void)state;
    coax_error error = {.text = ""};
    assert_int_equal(coax_pem_check_pair(text(TEST_CERTIFICATE TEST_OTHER_CERTIFICATE), text(TEST_PRIVATE_KEY), &error),
                     COAX_OK);
    assert_int_equal(coax_pem_check_pair(text(TEST_OTHER_CERTIFICATE TEST_CERTIFICATE), text(TEST_PRIVATE_KEY), &error),
                     COAX_E_SYNTAX);
    assert_non_null(strstr(error.text, "does not belong"));
}

typedef enum coax_status check(struct bytes pem, coax_error *error);

static void assert_refuses(check *refuse, const char *pem, const char *expected) {
    coax_error error = {.text = ""};
    assert_int_equal(refuse(text(pem), &error), COAX_E_SYNTAX);
    assert_non_null(strstr(error.text, expected));
}

static void what_is_something_else_is_refused(void **state) {
    (void)state;
    assert_refuses(coax_pem_check_private_key, "", "BEGIN PRIVATE KEY");
    assert_refuses(coax_pem_check_private_key, TEST_CERTIFICATE, "BEGIN PRIVATE KEY");
    assert_refuses(coax_pem_check_private_key, TEST_PUBLIC_KEY, "BEGIN PRIVATE KEY");
    assert_refuses(coax_pem_check_private_key, TEST_PRIVATE_KEY_ENCRYPTED, "encrypted");
    assert_refuses(coax_pem_check_public_key, "", "BEGIN PUBLIC KEY");
    assert_refuses(coax_pem_check_public_key, TEST_PRIVATE_KEY, "BEGIN PUBLIC KEY");
    assert_refuses(coax_pem_check_certificates, "", "BEGIN CERTIFICATE");
    assert_refuses(coax_pem_check_certificates, TEST_PRIVATE_KEY, "BEGIN CERTIFICATE");
}

static void a_text_that_is_too_large_is_refused(void **state) {
    (void)state;
    char *large = calloc(1, CREDENTIAL_PEM_SIZE_MAXIMUM + 1);
    assert_non_null(large);
    struct bytes bytes = bytes_of(large, CREDENTIAL_PEM_SIZE_MAXIMUM + 1);
    assert_int_equal(coax_pem_check_private_key(bytes, NULL), COAX_E_TOO_LARGE);
    assert_int_equal(coax_pem_check_public_key(bytes, NULL), COAX_E_TOO_LARGE);
    assert_int_equal(coax_pem_check_certificates(bytes, NULL), COAX_E_TOO_LARGE);
    free(large);
}

/* Either it still reads, or there is a text that says why not. */
static void assert_survives(check *read, const char *pem, size_t size) {
    coax_error error = {.text = ""};
    enum coax_status status = read(bytes_of(pem, size), &error);
    assert_true(status == COAX_OK || (status == COAX_E_SYNTAX && error.text[0] != '\0'));
}

static void damage_all(check *read, const char *pem) {
    size_t size = strlen(pem);
    for (size_t i = 0; i < size; i++) {
        char *cut = malloc(i + 1);
        assert_non_null(cut);
        memcpy(cut, pem, i);
        assert_survives(read, cut, i);
        free(cut);
        char *damaged = strdup(pem);
        assert_non_null(damaged);
        damaged[i] ^= 0x15;
        assert_survives(read, damaged, size);
        free(damaged);
    }
}

static void damaged_texts_are_survived(void **state) {
    (void)state;
    damage_all(coax_pem_check_private_key, TEST_PRIVATE_KEY);
    damage_all(coax_pem_check_private_key, TEST_PRIVATE_KEY_SEC1);
    damage_all(coax_pem_check_public_key, TEST_PUBLIC_KEY);
    damage_all(coax_pem_check_certificates, TEST_CERTIFICATE);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_of_both_forms_have_the_same_public_key),
        cmocka_unit_test(what_stands_before_the_key_is_skipped),
        cmocka_unit_test(chains_are_read),
        cmocka_unit_test(a_key_must_fit_the_first_certificate),
        cmocka_unit_test(what_is_something_else_is_refused),
        cmocka_unit_test(a_text_that_is_too_large_is_refused),
        cmocka_unit_test(damaged_texts_are_survived),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
