#include "security/dtls_test_pair.h"

static struct test_certificate authority, first, second, client_certificate;

static int make_certificates(void **state) {
    (void)state;
    test_certificate_make(&authority, &(struct test_certificate_options){.name = "authority", .is_authority = true});
    test_certificate_make(
        &first, &(struct test_certificate_options){.name = "first", .host = "first.example", .issuer = &authority});
    test_certificate_make(
        &second, &(struct test_certificate_options){.name = "second", .host = "second.example", .issuer = &authority});
    test_certificate_make(&client_certificate,
                          &(struct test_certificate_options){.name = "client", .issuer = &authority});
    return 0;
}

static int free_certificates(void **state) {
    (void)state;
    test_certificate_free(&authority);
    test_certificate_free(&first);
    test_certificate_free(&second);
    test_certificate_free(&client_certificate);
    return 0;
}

static void set_x509(struct pair *pair, int side, const char *key, const struct test_certificate *own, bool trust) {
    coax_x509 x509 = COAX_X509_INIT;
    x509.certificate = own != NULL ? own->certificate_pem : NULL;
    x509.private_key = own != NULL ? own->private_pem : NULL;
    x509.trust = trust ? authority.certificate_pem : NULL;
    assert_int_equal(coax_credentials_set_x509(pair->sides[side].credentials, key, &x509, NULL), COAX_OK);
}

static void set_rpk(struct pair *pair, int side, const struct test_certificate *own,
                    const struct test_certificate *peer) {
    coax_rpk rpk = COAX_RPK_INIT;
    rpk.private_key = own->private_pem;
    rpk.peer_public_key = peer->public_pem;
    assert_int_equal(coax_credentials_set_rpk(pair->sides[side].credentials, "coaps://rpk/*", &rpk, NULL), COAX_OK);
}

/* The server holds all kinds; the entries differ in their keys. */
static void start_with_all_kinds(struct pair *pair) {
    pair_start(pair);
    pair_set_psk(pair, PAIR_SERVER, "me", "secretPSK");
    set_rpk(pair, PAIR_SERVER, &second, &client_certificate);
    set_x509(pair, PAIR_SERVER, "coaps://first.example/*", &first, true);
}

static void shake_hands(struct pair *pair, const char *host) {
    assert_int_equal(pair_connect(pair, host, NULL), COAX_OK);
    assert_true(pair_run(pair, 5000));
}

static const char *peer_of_server(const struct pair *pair) {
    const struct credential *credential = coax_dtls_session_credential(pair->sides[PAIR_SERVER].session);
    return credential != NULL ? credential->key : "";
}

/* --- kinds --- */

static void serves_all_kinds_from_one_store(void **state) {
    (void)state;
    for (int kind = 0; kind < 3; kind++) {
        struct pair pair;
        start_with_all_kinds(&pair);
        if (kind == CREDENTIAL_PSK) {
            pair_set_psk(&pair, PAIR_CLIENT, "me", "secretPSK");
        } else if (kind == CREDENTIAL_RPK) {
            set_rpk(&pair, PAIR_CLIENT, &client_certificate, &second);
        } else {
            set_x509(&pair, PAIR_CLIENT, "coaps://*", &client_certificate, true);
        }
        shake_hands(&pair, "first.example");
        assert_true(pair_is_up(&pair));
        static const char *const names[] = {"coaps://server/*", "coaps://rpk/*", "coaps://first.example/*"};
        assert_string_equal(peer_of_server(&pair), names[kind]);
        assert_string_equal(coax_dtls_session_server_name(pair.sides[PAIR_SERVER].session), "first.example");
        assert_int_equal(pair.sides[PAIR_SERVER].session->protection.cipher, DTLS_AES_128_CCM_8);
        pair_end(&pair);
    }
}

static void offers_no_kind_that_the_store_does_not_hold(void **state) {
    (void)state;
    struct pair pair;
    pair_start(&pair);
    pair_set_psk(&pair, PAIR_CLIENT, "me", "secretPSK");
    set_x509(&pair, PAIR_SERVER, ":server", &first, false);
    shake_hands(&pair, "first.example");
    assert_int_equal(pair.sides[PAIR_CLIENT].error.status, COAX_E_TLS_ALERT);
    assert_int_equal(pair.sides[PAIR_CLIENT].error.alert, 40);
    pair_end(&pair);
}

/* --- identities --- */

static void refuses_an_unknown_identity_by_its_alert(void **state) {
    (void)state;
    struct pair pair;
    pair_start(&pair);
    pair_set_psk(&pair, PAIR_CLIENT, "nobody", "secretPSK");
    pair_set_psk(&pair, PAIR_SERVER, "me", "secretPSK");
    shake_hands(&pair, "server");
    const struct pair_side *sides = pair.sides;
    assert_int_equal(sides[PAIR_SERVER].error.status, COAX_E_HANDSHAKE);
    assert_non_null(strstr(sides[PAIR_SERVER].error.text, "identity that no entry"));
    assert_int_equal(sides[PAIR_CLIENT].error.status, COAX_E_TLS_ALERT);
    assert_int_equal(sides[PAIR_CLIENT].error.alert, 115);
    assert_non_null(strstr(sides[PAIR_CLIENT].error.text, "identity that the peer does not know"));
    pair_end(&pair);
}

static void takes_identities_of_any_bytes_and_the_longest(void **state) {
    (void)state;
    static const struct {
        const char *bytes;
        size_t size;
    } identities[] = {{"", 0}, {"\0a\xff", 3}, {NULL, COAX_PSK_IDENTITY_MAXIMUM}};
    static const uint8_t key[COAX_PSK_KEY_MAXIMUM] = {0, 1, 2};
    char longest[COAX_PSK_IDENTITY_MAXIMUM];
    memset(longest, 'i', sizeof longest);
    for (size_t i = 0; i < 3; i++) {
        struct pair pair;
        pair_start(&pair);
        for (int side = 0; side < 2; side++) {
            assert_int_equal(coax_credentials_set_psk(pair.sides[side].credentials, ":psk",
                                                      identities[i].bytes != NULL ? identities[i].bytes : longest,
                                                      identities[i].size, key, sizeof key, NULL),
                             COAX_OK);
        }
        shake_hands(&pair, "server");
        assert_true(pair_is_up(&pair));
        pair_end(&pair);
    }
}

static void names_nobody_before_it_is_proved(void **state) {
    (void)state;
    struct pair pair;
    pair_start(&pair);
    pair_set_psk(&pair, PAIR_CLIENT, "me", "wrong");
    pair_set_psk(&pair, PAIR_SERVER, "me", "secretPSK");
    assert_int_equal(pair_connect(&pair, "server", NULL), COAX_OK);
    assert_true(pair_run(&pair, 500));
    assert_non_null(pair.sides[PAIR_SERVER].session);
    assert_null(coax_dtls_session_credential(pair.sides[PAIR_SERVER].session));
    pair_end(&pair);
}

/* --- who must show something --- */

static void asks_for_certificates_as_its_entries_say(void **state) {
    (void)state;
    static const struct {
        bool own_trust, other_trust, client_shows, is_up;
        const char *peer;
    } cases[] = {
        {false, false, false, true, ""},      {false, false, true, true, ""},
        {false, true, false, true, ""},       {false, true, true, true, ":authorities"},
        {true, false, true, true, ":server"}, {true, false, false, false, ""},
        {true, true, false, false, ""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct pair pair;
        pair_start(&pair);
        set_x509(&pair, PAIR_SERVER, ":server", &first, cases[i].own_trust);
        if (cases[i].other_trust) {
            set_x509(&pair, PAIR_SERVER, ":authorities", NULL, true);
        }
        set_x509(&pair, PAIR_CLIENT, "coaps://*", cases[i].client_shows ? &client_certificate : NULL, true);
        shake_hands(&pair, "first.example");
        assert_int_equal(pair_is_up(&pair), cases[i].is_up);
        if (cases[i].is_up) {
            assert_string_equal(peer_of_server(&pair), cases[i].peer);
        } else {
            assert_int_equal(pair.sides[PAIR_CLIENT].error.alert, 40);
            assert_non_null(strstr(pair.sides[PAIR_SERVER].error.text, "showed no certificate"));
        }
        pair_end(&pair);
    }
}

/* A client that would take the server's raw key but shows nothing itself. */
static void lets_nobody_stay_anonymous_behind_a_raw_public_key(void **state) {
    (void)state;
    struct pair pair;
    pair_start(&pair);
    set_rpk(&pair, PAIR_CLIENT, &client_certificate, &second);
    set_rpk(&pair, PAIR_SERVER, &second, &client_certificate);
    gnutls_priority_t *of_rpk = &pair.sides[PAIR_CLIENT].context->secure.client_priorities[SECURE_CLIENT_RPK];
    gnutls_priority_deinit(*of_rpk);
    assert_int_equal(gnutls_priority_init(of_rpk,
                                          "NONE:+VERS-DTLS1.2:+ECDHE-ECDSA:+AES-128-CCM-8:+AEAD:+COMP-NULL"
                                          ":+GROUP-SECP256R1:+SIGN-ECDSA-SHA256:+CTYPE-CLI-X509:+CTYPE-SRV-RAWPK",
                                          NULL),
                     0);
    shake_hands(&pair, "server");
    assert_int_equal(pair.sides[PAIR_SERVER].established, 0);
    assert_int_equal(pair.sides[PAIR_SERVER].error.status, COAX_E_HANDSHAKE);
    pair_end(&pair);
}

/* --- names --- */

static void presents_what_the_server_name_asks_for(void **state) {
    (void)state;
    static const char *const hosts[] = {"first.example", "second.example"};
    struct pair pair;
    pair_start(&pair);
    set_x509(&pair, PAIR_SERVER, "coaps://first.example/*", &first, false);
    set_x509(&pair, PAIR_SERVER, "coaps://second.example/*", &second, false);
    set_x509(&pair, PAIR_CLIENT, "coaps://*", NULL, true);
    for (unsigned i = 0; i < 6; i++) {
        shake_hands(&pair, hosts[i % 2]);
        assert_int_equal(pair.sides[PAIR_CLIENT].established, i + 1);
        assert_string_equal(coax_dtls_session_server_name(pair.sides[PAIR_SERVER].session), hosts[i % 2]);
        pair_drop(&pair.sides[PAIR_CLIENT]);
        pair_drop(&pair.sides[PAIR_SERVER]);
    }
    /* A name that nobody has gets the first entry, and the client does not like it. */
    shake_hands(&pair, "third.example");
    assert_int_equal(pair.sides[PAIR_CLIENT].error.status, COAX_E_HOST_NAME);
    pair_end(&pair);
}

static void uses_changed_credentials_for_the_next_handshake(void **state) {
    (void)state;
    struct pair pair;
    pair_start(&pair);
    pair_set_psk(&pair, PAIR_CLIENT, "me", "secretPSK");
    pair_set_psk(&pair, PAIR_SERVER, "me", "secretPSK");
    shake_hands(&pair, "server");
    assert_true(pair_is_up(&pair));
    assert_int_equal(coax_credentials_remove(pair.sides[PAIR_SERVER].credentials, "coaps://server/*", NULL), COAX_OK);
    set_x509(&pair, PAIR_SERVER, ":server", &first, false);
    assert_string_equal(peer_of_server(&pair), "coaps://server/*");
    assert_int_equal(coax_dtls_session_send(pair.sides[PAIR_CLIENT].session, (const uint8_t *)"a", 1), COAX_OK);
    assert_true(pair_run(&pair, 100));
    assert_int_equal(pair.sides[PAIR_SERVER].messages, 1);
    pair_drop(&pair.sides[PAIR_CLIENT]);
    pair_drop(&pair.sides[PAIR_SERVER]);
    shake_hands(&pair, "server");
    assert_int_equal(pair.sides[PAIR_CLIENT].error.alert, 40);
    pair_end(&pair);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(serves_all_kinds_from_one_store),
        cmocka_unit_test(offers_no_kind_that_the_store_does_not_hold),
        cmocka_unit_test(refuses_an_unknown_identity_by_its_alert),
        cmocka_unit_test(takes_identities_of_any_bytes_and_the_longest),
        cmocka_unit_test(names_nobody_before_it_is_proved),
        cmocka_unit_test(asks_for_certificates_as_its_entries_say),
        cmocka_unit_test(lets_nobody_stay_anonymous_behind_a_raw_public_key),
        cmocka_unit_test(presents_what_the_server_name_asks_for),
        cmocka_unit_test(uses_changed_credentials_for_the_next_handshake),
    };
    return cmocka_run_group_tests(tests, make_certificates, free_certificates);
}
