#include "security/dtls_test_pair.h"

static struct test_certificate own, other;

static int make_keys(void **state) {
    (void)state;
    test_certificate_make(&own, &(struct test_certificate_options){.name = "own"});
    test_certificate_make(&other, &(struct test_certificate_options){.name = "other", .host = "server"});
    return 0;
}

static int free_keys(void **state) {
    (void)state;
    test_certificate_free(&own);
    test_certificate_free(&other);
    return 0;
}

static void uses_every_kind_but_references(void **state) {
    (void)state;
    struct credential credential = {.kind = CREDENTIAL_PSK};
    assert_true(coax_dtls_credential_usable(&credential));
    credential.kind = CREDENTIAL_RPK;
    assert_true(coax_dtls_credential_usable(&credential));
    credential.kind = CREDENTIAL_X509;
    assert_true(coax_dtls_credential_usable(&credential));
    credential.kind = CREDENTIAL_TRUST;
    assert_true(coax_dtls_credential_usable(&credential));
    credential.kind = CREDENTIAL_ANY_OF;
    assert_false(coax_dtls_credential_usable(&credential));
    credential.kind = CREDENTIAL_OTHER;
    assert_false(coax_dtls_credential_usable(&credential));
}

/* Entries as no store would give them, so made by hand. */
static void says_why_an_entry_does_not_do(void **state) {
    (void)state;
    static const uint8_t bytes[256] = {1};
    static const struct {
        struct credential credential;
        enum coax_status status;
        const char *text;
    } cases[] = {
        {{.kind = CREDENTIAL_ANY_OF}, COAX_E_CREDENTIALS_KIND, "entry \"KEY\" (file:3:4)"},
        {{.kind = CREDENTIAL_PSK}, COAX_E_CREDENTIALS_SIZE, "has 0 bytes; expected between 1 and 64"},
        {{.kind = CREDENTIAL_PSK, .psk = {bytes, 65}}, COAX_E_CREDENTIALS_SIZE, "has 65 bytes"},
        {{.kind = CREDENTIAL_PSK, .psk = {bytes, 16}, .identity = {bytes, 129}},
         COAX_E_CREDENTIALS_SIZE,
         "identity of entry \"KEY\" (file:3:4) has 129 bytes; expected at most 128"},
        {{.kind = CREDENTIAL_RPK}, COAX_E_CREDENTIALS_KIND, "no private key"},
        {{.kind = CREDENTIAL_RPK, .private_key = {bytes, 9}}, COAX_E_CREDENTIALS_KIND, "peer_public_key"},
        {{.kind = CREDENTIAL_X509, .private_key = {bytes, 9}, .certificate = {bytes, 9}},
         COAX_E_CREDENTIALS_KIND,
         "no authorities"},
        {{.kind = CREDENTIAL_TRUST}, COAX_E_CREDENTIALS_KIND, "no authorities"},
        {{.kind = CREDENTIAL_TRUST, .trust = {bytes, 1}}, COAX_E_HANDSHAKE, "entry \"KEY\" (file:3:4): "},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct pair pair;
        pair_start(&pair);
        struct credential credential = cases[i].credential;
        credential.references = 1;
        credential.key = (char *)(uintptr_t) "KEY";
        credential.source = "file:3:4";
        coax_error error = {0};
        struct pair_side *client = &pair.sides[PAIR_CLIENT];
        assert_int_equal(coax_dtls_client_new(&client->session, client->context, &credential, "server", &pair_events,
                                              client, pair.now, &error),
                         cases[i].status);
        assert_int_equal(error.status, cases[i].status);
        if (strstr(error.text, cases[i].text) == NULL) {
            fail_msg("\"%s\" does not say \"%s\"", error.text, cases[i].text);
        }
        assert_null(client->session);
        assert_int_equal(credential.references, 1);
        assert_int_equal(pair.sent[PAIR_CLIENT], 0);
        pair_end(&pair);
    }
}

static bool hello_has(const struct pair *pair, const void *part, size_t size) {
    return memmem(pair->recorded[0]->data, pair->recorded[0]->size, part, size) != NULL;
}

static void sends_its_hello_at_once_and_holds_the_entry(void **state) {
    (void)state;
    struct pair pair;
    pair_start(&pair);
    pair.record = true;
    pair_set_psk(&pair, PAIR_CLIENT, "me", "key");
    assert_int_equal(pair_connect(&pair, "server.example.", NULL), COAX_OK);
    assert_int_equal(pair.recorded_count, 1);
    uint16_t epoch;
    assert_int_equal(coax_dtls_classify(pair.recorded[0]->data, pair.recorded[0]->size, &epoch),
                     DTLS_DATAGRAM_CLIENT_HELLO);
    assert_true(hello_has(&pair, "\xc0\xa8\xc0\xa4\x00\xa8", 6)); /* CCM_8 before CCM before GCM */
    assert_true(hello_has(&pair, "\x00\x17\x00\x00", 4));         /* extended master secret */
    assert_true(hello_has(&pair, "server.example", 14));
    assert_false(hello_has(&pair, "example.", 8));
    struct dtls_session *session = pair.sides[PAIR_CLIENT].session;
    assert_string_equal(coax_dtls_session_server_name(session), "server.example");
    struct credential *credential = coax_dtls_session_credential(session);
    assert_int_equal(credential->references, 2);
    assert_int_equal(coax_credentials_remove(pair.sides[PAIR_CLIENT].credentials, "coaps://server/*", NULL), COAX_OK);
    assert_int_equal(credential->references, 1);
    assert_string_equal(credential->key, "coaps://server/*");
    pair_end(&pair);
}

/* RFC 7252 section 9.1.3.2, figure 14 */
static void a_raw_public_key_comes_with_the_mandatory_suite_and_curve(void **state) {
    (void)state;
    struct pair pair;
    coax_rpk rpk = COAX_RPK_INIT;
    rpk.private_key = own.private_pem;
    rpk.peer_public_key = other.public_pem;
    pair_start(&pair);
    pair.record = true;
    assert_int_equal(coax_credentials_set_rpk(pair.sides[PAIR_CLIENT].credentials, "coaps://server/*", &rpk, NULL),
                     COAX_OK);
    assert_int_equal(pair_connect(&pair, "server", NULL), COAX_OK);
    assert_true(hello_has(&pair, "\xc0\xae", 2));                         /* TLS_ECDHE_ECDSA_WITH_AES_128_CCM_8 */
    assert_true(hello_has(&pair, "\x00\x0a\x00\x08\x00\x06\x00\x17", 8)); /* secp256r1, before two others */
    assert_true(hello_has(&pair, "\x00\x0b\x00\x02\x01\x00", 6));         /* points are uncompressed */
    pair_end(&pair);
}

static void names_no_server_that_is_an_address(void **state) {
    (void)state;
    static const char *const hosts[] = {NULL, "192.0.2.1", "2001:db8::1", "fe80::1%eth0"};
    for (size_t i = 0; i < sizeof hosts / sizeof hosts[0]; i++) {
        struct pair pair;
        pair_start(&pair);
        pair.record = true;
        pair_set_psk(&pair, PAIR_CLIENT, "me", "key");
        assert_int_equal(pair_connect(&pair, hosts[i], NULL), COAX_OK);
        assert_false(hosts[i] != NULL && hello_has(&pair, hosts[i], strlen(hosts[i])));
        pair_end(&pair);
    }
}

/* The server takes pre-shared keys only, the client shows a public key. */
static void says_that_the_kinds_do_not_fit(void **state) {
    (void)state;
    struct pair pair;
    pair_start(&pair);
    coax_rpk rpk = COAX_RPK_INIT;
    rpk.private_key = own.private_pem;
    rpk.peer_public_key = other.public_pem;
    assert_int_equal(coax_credentials_set_rpk(pair.sides[PAIR_CLIENT].credentials, "coaps://server/*", &rpk, NULL),
                     COAX_OK);
    pair_set_psk(&pair, PAIR_SERVER, "me", "key");
    assert_int_equal(pair_connect(&pair, "server", NULL), COAX_OK);
    assert_true(pair_run(&pair, 5000));
    const coax_error *error = &pair.sides[PAIR_CLIENT].error;
    assert_int_equal(error->status, COAX_E_TLS_ALERT);
    assert_int_equal(error->alert, 40);
    assert_non_null(strstr(error->text, "another kind of credentials"));
    /* The server's failure came while its session was being made. */
    assert_null(pair.sides[PAIR_SERVER].session);
    assert_int_equal(pair.sides[PAIR_SERVER].error.status, COAX_E_HANDSHAKE);
    assert_non_null(strstr(pair.sides[PAIR_SERVER].error.text, "no cipher suite"));
    pair_end(&pair);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(uses_every_kind_but_references),
        cmocka_unit_test(says_why_an_entry_does_not_do),
        cmocka_unit_test(sends_its_hello_at_once_and_holds_the_entry),
        cmocka_unit_test(a_raw_public_key_comes_with_the_mandatory_suite_and_curve),
        cmocka_unit_test(names_no_server_that_is_an_address),
        cmocka_unit_test(says_that_the_kinds_do_not_fit),
    };
    return cmocka_run_group_tests(tests, make_keys, free_keys);
}
