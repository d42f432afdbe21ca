#include "security/dtls_test_pair.h"

static const struct secure_protocol protocol = {.name = "DTLS", .versions = "DTLS 1.2"};
static struct secure_context context = {.protocol = &protocol};

static struct credential entry_of(enum credential_kind kind) {
    static const uint8_t secret[40] = "a secret that nobody may ever read";
    struct credential credential = {.references = 1, .kind = kind, .source = "my.json:7:2"};
    credential.key = (char *)(uintptr_t) "coaps://h/*";
    credential.psk = bytes_of(secret, 34);
    return credential;
}

/* What a client in a handshake says about an alert. */
static void says_what_an_alert_likely_means(void **state) {
    (void)state;
    static const struct {
        enum credential_kind kind;
        int alert;
        const char *text;
    } cases[] = {
        {CREDENTIAL_PSK, 51,
         "decrypt_error (51): the pre-shared key of entry \"coaps://h/*\" (my.json:7:2) is likely w"},
        {CREDENTIAL_PSK, 20, "bad_record_mac (20): the pre-shared key of entry"},
        {CREDENTIAL_PSK, 40, "handshake_failure (40): the pre-shared key"},
        {CREDENTIAL_PSK, 115, "identity that the peer does not know"},
        {CREDENTIAL_PSK, 80, "may be too long for it; some peers take only 16 and 32 bytes"},
        {CREDENTIAL_PSK, 71, "cipher suites"},
        {CREDENTIAL_RPK, 42, "raw public key of entry \"coaps://h/*\" (my.json:7:2) was not accepted"},
        {CREDENTIAL_RPK, 51, "signature"},
        {CREDENTIAL_X509, 48, "certificate of entry \"coaps://h/*\" (my.json:7:2) comes from an authority"},
        {CREDENTIAL_X509, 45, "expired"},
        {CREDENTIAL_X509, 80, "internal_error (80); its log may say why"},
        {CREDENTIAL_TRUST, 116, "wants a client certificate"},
        {CREDENTIAL_TRUST, 40, "or a client certificate"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct credential credential = entry_of(cases[i].kind);
        struct secure_session session = {.context = &context, .state = SECURE_HANDSHAKING, .credential = &credential};
        coax_error error;
        coax_secure_explain_alert(&session, cases[i].alert, &error);
        assert_int_equal(error.status, COAX_E_TLS_ALERT);
        assert_int_equal(error.alert, cases[i].alert);
        if (strstr(error.text, cases[i].text) == NULL) {
            fail_msg("\"%s\" does not say \"%s\"", error.text, cases[i].text);
        }
        assert_null(strstr(error.text, "secret that"));
    }
}

static void blames_no_key_once_established(void **state) {
    (void)state;
    struct credential credential = entry_of(CREDENTIAL_PSK);
    struct secure_session session = {.context = &context, .state = SECURE_ESTABLISHED, .credential = &credential};
    coax_error error;
    coax_secure_explain_alert(&session, 20, &error);
    assert_string_equal(error.text, "The peer ended the DTLS session with the alert bad_record_mac (20)");
    coax_secure_explain_alert(&session, 0, &error);
    assert_int_equal(error.status, COAX_E_CLOSE_NOTIFY);
    assert_int_equal(error.alert, -1);
}

static void names_entries_with_and_without_a_place(void **state) {
    (void)state;
    char text[SECURE_ENTRY_TEXT];
    struct credential credential = entry_of(CREDENTIAL_PSK);
    assert_string_equal(coax_secure_entry_text(&credential, text), "entry \"coaps://h/*\" (my.json:7:2)");
    credential.source = "";
    assert_string_equal(coax_secure_entry_text(&credential, text), "entry \"coaps://h/*\"");
    char long_key[600];
    memset(long_key, 'k', sizeof long_key - 1);
    long_key[sizeof long_key - 1] = '\0';
    credential.key = long_key;
    credential.source = long_key;
    assert_in_range(strlen(coax_secure_entry_text(&credential, text)), 100, SECURE_ENTRY_TEXT - 1);
}

static void tells_failures_apart(void **state) {
    (void)state;
    static const struct {
        int code, alert;
        enum coax_status status;
        const char *text;
    } cases[] = {
        {GNUTLS_E_MEMORY_ERROR, 80, COAX_E_NO_MEMORY, ""},
        {GNUTLS_E_NO_CIPHER_SUITES, 40, COAX_E_HANDSHAKE, "no cipher suite that both sides take"},
        {GNUTLS_E_NO_CERTIFICATE_FOUND, 40, COAX_E_HANDSHAKE, "showed no certificate"},
        {GNUTLS_E_UNSUPPORTED_VERSION_PACKET, 70, COAX_E_HANDSHAKE, "does not speak DTLS 1.2"},
        {GNUTLS_E_ILLEGAL_SRP_USERNAME, 115, COAX_E_HANDSHAKE, "longer than 128 bytes"},
        {GNUTLS_E_UNEXPECTED_PACKET, 10, COAX_E_HANDSHAKE, "The DTLS handshake failed"},
        {GNUTLS_E_INTERNAL_ERROR, 80, COAX_E_HANDSHAKE, "The DTLS handshake failed"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct secure_handshake handshake = {.heard = true};
        struct secure_session session = {
            .context = &context, .state = SECURE_HANDSHAKING, .is_server = true, .handshake = &handshake};
        coax_error error;
        int alert;
        coax_secure_explain_failure(&session, cases[i].code, &error, &alert);
        assert_int_equal(error.status, cases[i].status);
        assert_int_equal(alert, cases[i].alert);
        assert_non_null(strstr(error.text, cases[i].text));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(says_what_an_alert_likely_means),
        cmocka_unit_test(blames_no_key_once_established),
        cmocka_unit_test(names_entries_with_and_without_a_place),
        cmocka_unit_test(tells_failures_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
