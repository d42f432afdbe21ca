#include "security/tls_test_pair.h"

static struct test_certificate authority, stranger, good, other_host, ip, expired, foreign, client_certificate,
    foreign_client;

static int make_certificates(void **state) {
    (void)state;
    test_certificate_make(&authority, &(struct test_certificate_options){.name = "authority", .is_authority = true});
    test_certificate_make(&stranger, &(struct test_certificate_options){.name = "stranger", .is_authority = true});
    test_certificate_make(
        &good, &(struct test_certificate_options){.name = "good", .host = "server.example", .issuer = &authority});
    test_certificate_make(&other_host, &(struct test_certificate_options){
                                           .name = "other", .host = "other.example", .issuer = &authority});
    test_certificate_make(&ip,
                          &(struct test_certificate_options){.name = "ip", .ip = "192.0.2.1", .issuer = &authority});
    test_certificate_make(&expired, &(struct test_certificate_options){.name = "expired",
                                                                       .host = "server.example",
                                                                       .issuer = &authority,
                                                                       .not_before_days = -9,
                                                                       .not_after_days = -2});
    test_certificate_make(
        &foreign, &(struct test_certificate_options){.name = "foreign", .host = "server.example", .issuer = &stranger});
    test_certificate_make(&client_certificate, &(struct test_certificate_options){.name = "client",
                                                                                  .issuer = &authority,
                                                                                  .purpose = GNUTLS_KP_TLS_WWW_CLIENT});
    test_certificate_make(&foreign_client,
                          &(struct test_certificate_options){.name = "foreign client", .issuer = &stranger});
    return 0;
}

static int free_certificates(void **state) {
    (void)state;
    struct test_certificate *all[] = {&authority, &stranger,           &good,          &other_host, &ip, &expired,
                                      &foreign,   &client_certificate, &foreign_client};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        test_certificate_free(all[i]);
    }
    return 0;
}

static const char *const versions[] = {"NONE:+VERS-TLS1.2", "NONE:+VERS-TLS1.3"};
enum { VERSIONS = 2, TLS_1_2 = 0, TLS_1_3 = 1 };

/* --- kinds of credentials --- */

enum kind { PSK, RPK, X509, TRUST, KINDS };

static void set_up(struct tls_pair *pair, enum kind kind) {
    pair_start(pair);
    if (kind == PSK) {
        pair_set_psk(pair, PAIR_CLIENT, "me", "secretPSK");
        pair_set_psk(pair, PAIR_SERVER, "me", "secretPSK");
    } else if (kind == RPK) {
        pair_set_rpk(pair, PAIR_CLIENT, &client_certificate, &good);
        pair_set_rpk(pair, PAIR_SERVER, &good, &client_certificate);
    } else {
        pair_set_x509(pair, PAIR_CLIENT, ":client", kind == X509 ? &client_certificate : NULL, &authority);
        pair_set_x509(pair, PAIR_SERVER, ":server", &good, kind == X509 ? &authority : NULL);
    }
}

static void takes_every_kind_in_both_versions_and_any_segments(void **state) {
    (void)state;
    static const char *const server_sees[KINDS] = {"coaps+tcp://server/*", ":rpk", ":server", NULL};
    static const size_t segments[] = {1, 2, 5, 1000, PAIR_PIPE};
    for (size_t i = 0; i < (size_t)VERSIONS * KINDS * 5; i++) {
        enum kind kind = i % KINDS;
        size_t version = i / KINDS % VERSIONS;
        struct tls_pair pair;
        set_up(&pair, kind);
        struct pair_side *sides = pair.sides;
        sides[0].segment = sides[1].segment = segments[i / KINDS / VERSIONS];
        pair_speak(&sides[i % 2], versions[version]);
        pair_shake_hands(&pair, "server.example");
        assert_true(pair_is_up(&pair));
        assert_int_equal(gnutls_protocol_get_version(sides[PAIR_CLIENT].session->secure.tls),
                         version == TLS_1_3 ? GNUTLS_TLS1_3 : GNUTLS_TLS1_2);
        for (int side = 0; side < 2; side++) {
            assert_string_equal(coax_tls_session_protocol(sides[side].session), "coap");
            assert_string_equal(coax_tls_session_server_name(sides[side].session), "server.example");
            assert_true(coax_tls_session_deadline(sides[side].session) == COAX_NEVER);
            assert_int_equal(pair_send(&pair, side, "hello", 5), 5);
        }
        const struct credential *seen = coax_tls_session_credential(sides[PAIR_SERVER].session);
        assert_true((seen == NULL) == (server_sees[kind] == NULL));
        if (seen != NULL) {
            assert_string_equal(seen->key, server_sees[kind]);
        }
        pair_run(&pair);
        assert_int_equal(sides[PAIR_CLIENT].received_size + sides[PAIR_SERVER].received_size, 10);
        assert_memory_equal(sides[PAIR_SERVER].received, "hello", 5);
        pair_end(&pair);
    }
}

static void prefers_tls_1_3_and_forward_secrecy(void **state) {
    (void)state;
    for (enum kind kind = PSK; kind < KINDS; kind++) {
        struct tls_pair pair;
        set_up(&pair, kind);
        pair_shake_hands(&pair, "server.example");
        assert_true(pair_is_up(&pair));
        gnutls_session_t tls = pair.sides[PAIR_SERVER].session->secure.tls;
        assert_int_equal(gnutls_protocol_get_version(tls), GNUTLS_TLS1_3);
        assert_int_equal(gnutls_kx_get(tls), kind == PSK ? GNUTLS_KX_ECDHE_PSK : GNUTLS_KX_ECDHE_RSA);
        pair_end(&pair);
    }
}

/* The suites of RFC 7925, for constrained peers that have no other. */
static void speaks_the_suites_of_constrained_peers(void **state) {
    (void)state;
    for (enum kind kind = PSK; kind <= X509; kind++) {
        struct tls_pair pair;
        set_up(&pair, kind);
        struct pair_side *client = &pair.sides[PAIR_CLIENT];
        struct secure_protocol small = *client->context->secure.protocol;
        small.priority = versions[TLS_1_2];
        small.psk_exchanges = ":+PSK";
        small.ciphers = ":+AES-128-CCM-8";
        small.key_ciphers = "";
        coax_secure_context_unload(&client->context->secure);
        memset(&client->context->secure, 0, sizeof client->context->secure);
        assert_int_equal(coax_secure_context_load(&client->context->secure, &small, client->credentials, 1000, NULL),
                         COAX_OK);
        pair_shake_hands(&pair, "server.example");
        assert_true(pair_is_up(&pair));
        assert_int_equal(gnutls_cipher_get(client->session->secure.tls), GNUTLS_CIPHER_AES_128_CCM_8);
        pair_end(&pair);
    }
}

static void speaks_no_older_version(void **state) {
    (void)state;
    struct tls_pair pair;
    set_up(&pair, TRUST);
    pair_speak(&pair.sides[PAIR_CLIENT], "NONE:+VERS-TLS1.1:+SHA1:+AES-128-CBC");
    pair_shake_hands(&pair, "server.example");
    pair_assert_text(&pair.sides[PAIR_CLIENT].error, COAX_E_TLS_ALERT, 70, "protocol_version (70)");
    pair_assert_text(&pair.sides[PAIR_SERVER].error, COAX_E_HANDSHAKE, -1, "does not speak TLS 1.2 or 1.3");
    pair_end(&pair);
}

/* --- what goes wrong, from both ends --- */

static void names_a_wrong_key_and_an_unknown_identity(void **state) {
    (void)state;
    for (size_t version = 0; version < VERSIONS; version++) {
        struct tls_pair pair;
        pair_start(&pair);
        pair_set_psk(&pair, PAIR_CLIENT, "me", "wrong");
        pair_set_psk(&pair, PAIR_SERVER, "me", "secretPSK");
        pair_speak(&pair.sides[PAIR_SERVER], versions[version]);
        pair_shake_hands(&pair, "server");
        pair_assert_text(&pair.sides[PAIR_SERVER].error, COAX_E_HANDSHAKE, -1, "The client has a wrong key");
        pair_assert_text(&pair.sides[PAIR_CLIENT].error, COAX_E_TLS_ALERT, 51,
                         "decrypt_error (51): the pre-shared key of entry \"coaps+tcp://server/*\" is likely wrong");
        pair_end(&pair);
        pair_start(&pair);
        pair_set_psk(&pair, PAIR_CLIENT, "nobody", "secretPSK");
        pair_set_psk(&pair, PAIR_SERVER, "me", "secretPSK");
        pair_speak(&pair.sides[PAIR_SERVER], versions[version]);
        pair_shake_hands(&pair, "server");
        pair_assert_text(&pair.sides[PAIR_SERVER].error, COAX_E_HANDSHAKE, -1, "identity that no entry");
        pair_assert_text(&pair.sides[PAIR_CLIENT].error, COAX_E_TLS_ALERT, 115, "identity that the peer does not know");
        assert_int_equal(pair.sides[0].established + pair.sides[1].established, 0);
        pair_end(&pair);
    }
}

static const struct server_case {
    const struct test_certificate *shown;
    const char *host;
    enum coax_status status;
    int alert;
    const char *text;
} server_cases[] = {
    {&good, "server.example", COAX_OK, 0, ""},
    {&ip, "192.0.2.1", COAX_OK, 0, ""},
    {&other_host, "server.example", COAX_E_HOST_NAME, 42, "is for \"other.example\", not for \"server.example\""},
    {&good, "192.0.2.1", COAX_E_HOST_NAME, 42, "not for \"192.0.2.1\""},
    {&ip, "192.0.2.2", COAX_E_HOST_NAME, 42, "not for \"192.0.2.2\""},
    {&good, NULL, COAX_E_HOST_NAME, 42, "host was not named"},
    {&expired, "server.example", COAX_E_CERTIFICATE, 45, "has expired"},
    {&foreign, "server.example", COAX_E_CERTIFICATE, 48, "unknown issuer, CN=stranger"},
    {&client_certificate, "server.example", COAX_E_CERTIFICATE, 43, "not issued for this purpose"},
};

static void a_client_says_what_is_wrong_with_a_certificate(void **state) {
    (void)state;
    for (size_t i = 0; i < VERSIONS * sizeof server_cases / sizeof server_cases[0]; i++) {
        const struct server_case *c = &server_cases[i / VERSIONS];
        struct tls_pair pair;
        pair_start(&pair);
        pair_set_x509(&pair, PAIR_SERVER, ":server", c->shown, NULL);
        pair_set_x509(&pair, PAIR_CLIENT, ":client", NULL, &authority);
        pair_speak(&pair.sides[PAIR_CLIENT], versions[i % VERSIONS]);
        pair_shake_hands(&pair, c->host);
        assert_int_equal(pair_is_up(&pair), c->status == COAX_OK);
        if (c->status != COAX_OK) {
            pair_assert_text(&pair.sides[PAIR_CLIENT].error, c->status, -1, c->text);
            pair_assert_text(&pair.sides[PAIR_SERVER].error, COAX_E_TLS_ALERT, c->alert, "TLS handshake");
            assert_int_equal(pair.sides[PAIR_CLIENT].established, 0);
        }
        pair_end(&pair);
    }
}

/* In TLS 1.3 the client is established when the alert comes; its sentence is the same. */
static void a_client_learns_that_it_was_refused(void **state) {
    (void)state;
    static const struct {
        const struct test_certificate *shown;
        int alert;
        const char *server_text, *client_text;
    } cases[] = {
        {&foreign_client, 48, "unknown issuer, CN=stranger", "comes from an authority that the peer does not trust"},
        {NULL, 40, "showed no certificate", "or a client certificate"},
    };
    for (size_t i = 0; i < VERSIONS * sizeof cases / sizeof cases[0]; i++) {
        struct tls_pair pair;
        pair_start(&pair);
        pair_set_x509(&pair, PAIR_SERVER, ":server", &good, &authority);
        pair_set_x509(&pair, PAIR_CLIENT, ":client", cases[i / VERSIONS].shown, &authority);
        pair_speak(&pair.sides[PAIR_CLIENT], versions[i % VERSIONS]);
        pair_shake_hands(&pair, "server.example");
        assert_int_equal(pair.sides[PAIR_SERVER].established, 0);
        assert_int_equal(pair.sides[PAIR_CLIENT].established, i % VERSIONS == TLS_1_3);
        pair_assert_text(&pair.sides[PAIR_CLIENT].error, COAX_E_TLS_ALERT, cases[i / VERSIONS].alert,
                         cases[i / VERSIONS].client_text);
        assert_non_null(strstr(pair.sides[PAIR_SERVER].error.text, cases[i / VERSIONS].server_text));
        pair_end(&pair);
    }
}

static void raw_public_keys_are_compared(void **state) {
    (void)state;
    for (size_t i = 0; i < (size_t)2 * VERSIONS; i++) {
        bool client_doubts = i / VERSIONS == 0;
        struct tls_pair pair;
        pair_start(&pair);
        pair_set_rpk(&pair, PAIR_CLIENT, &client_certificate, client_doubts ? &foreign : &good);
        pair_set_rpk(&pair, PAIR_SERVER, &good, client_doubts ? &client_certificate : &foreign);
        pair_speak(&pair.sides[PAIR_SERVER], versions[i % VERSIONS]);
        pair_shake_hands(&pair, "server.example");
        pair_assert_text(&pair.sides[client_doubts ? PAIR_CLIENT : PAIR_SERVER].error, COAX_E_CERTIFICATE, -1,
                         client_doubts ? "is not the one of entry" : "is not in the credentials");
        pair_assert_text(&pair.sides[client_doubts ? PAIR_SERVER : PAIR_CLIENT].error, COAX_E_TLS_ALERT, 42,
                         "bad_certificate (42)");
        assert_int_equal(pair.sides[PAIR_SERVER].established, 0);
        pair_end(&pair);
    }
}

static void says_that_the_kinds_do_not_fit(void **state) {
    (void)state;
    for (size_t i = 0; i < (size_t)2 * VERSIONS; i++) {
        struct tls_pair pair;
        set_up(&pair, i / VERSIONS == 0 ? PSK : TRUST);
        coax_credentials_free(pair.sides[PAIR_SERVER].credentials);
        pair.sides[PAIR_SERVER].credentials = coax_credentials_new();
        if (i / VERSIONS == 0) {
            pair_set_x509(&pair, PAIR_SERVER, ":server", &good, NULL);
        } else {
            pair_set_psk(&pair, PAIR_SERVER, "me", "secretPSK");
        }
        pair_speak(&pair.sides[PAIR_SERVER], versions[i % VERSIONS]);
        pair_shake_hands(&pair, "server.example");
        assert_int_equal(pair.sides[0].established + pair.sides[1].established, 0);
        /* A client of TLS 1.3 finds out first, when a server ignores its pre-shared key and shows a certificate. */
        int finding = i == TLS_1_3 ? PAIR_CLIENT : PAIR_SERVER;
        pair_assert_text(&pair.sides[finding].error, COAX_E_HANDSHAKE, -1, "kind of credentials");
        pair_assert_text(&pair.sides[1 - finding].error, COAX_E_TLS_ALERT, 40, "handshake_failure (40)");
        pair_end(&pair);
    }
}

static void refuses_entries_that_do_not_do(void **state) {
    (void)state;
    struct tls_pair pair;
    pair_start(&pair);
    coax_error error = {0};
    struct pair_side *client = &pair.sides[PAIR_CLIENT];
    struct credential credential = {
        .references = 1, .kind = CREDENTIAL_TRUST, .key = (char *)(uintptr_t) "KEY", .source = ""};
    assert_int_equal(coax_tls_client_new(&client->session, client->context, &credential, "h", &client->application,
                                         &pair_events, client, PAIR_NOW, &error),
                     COAX_E_CREDENTIALS_KIND);
    pair_assert_text(&error, COAX_E_CREDENTIALS_KIND, -1, "A TLS client cannot use the entry \"KEY\"");
    assert_true(coax_tls_credential_usable(&credential));
    credential.kind = CREDENTIAL_OTHER;
    assert_false(coax_tls_credential_usable(&credential));
    assert_int_equal(pair_listen(&pair, &error), COAX_E_HANDSHAKE);
    assert_non_null(strstr(error.text, "cannot be used by a TLS server"));
    assert_int_equal(credential.references, 1);
    assert_int_equal(client->transmits, 0);
    pair_end(&pair);
}

/* --- names --- */

static void presents_what_the_server_name_asks_for(void **state) {
    (void)state;
    static const char *const hosts[] = {"server.example", "other.example", "server.example."};
    for (size_t i = 0; i < 3; i++) {
        struct tls_pair pair;
        pair_start(&pair);
        pair_set_x509(&pair, PAIR_SERVER, "coaps+tcp://server.example/*", &good, NULL);
        pair_set_x509(&pair, PAIR_SERVER, "coaps+tcp://other.example/*", &other_host, NULL);
        pair_set_x509(&pair, PAIR_CLIENT, ":client", NULL, &authority);
        pair_shake_hands(&pair, hosts[i]);
        assert_true(pair_is_up(&pair));
        assert_string_equal(coax_tls_session_server_name(pair.sides[PAIR_SERVER].session), hosts[i % 2]);
        pair_end(&pair);
    }
}

/* --- ALPN --- */

static const struct application_case {
    struct tls_application client, server;
    const char *agreed; /* NULL: refused */
    int alert;          /* that the other end gets */
    int refusing;
} application_cases[] = {
    {{"coap", false}, {"coap", false}, "coap", 0, 0},
    {{"coap", true}, {"coap", true}, "coap", 0, 0},
    {{"http/1.1", false}, {"http/1.1", true}, "http/1.1", 0, 0},
    {{NULL, false}, {"coap", false}, "", 0, 0},
    {{"coap", false}, {NULL, false}, "", 0, 0},
    {{NULL, false}, {NULL, false}, "", 0, 0},
    {{"http/1.1", false}, {"coap", false}, NULL, 120, PAIR_SERVER},
    {{"coap", false}, {"http/1.1", false}, NULL, 120, PAIR_SERVER},
    {{NULL, false}, {"coap", true}, NULL, 120, PAIR_SERVER},
    {{"coap", true}, {NULL, false}, NULL, 120, PAIR_CLIENT},
};

static void agrees_on_a_protocol_or_refuses(void **state) {
    (void)state;
    for (size_t i = 0; i < VERSIONS * sizeof application_cases / sizeof application_cases[0]; i++) {
        const struct application_case *c = &application_cases[i / VERSIONS];
        struct tls_pair pair;
        set_up(&pair, PSK);
        pair.sides[PAIR_CLIENT].application = c->client;
        pair.sides[PAIR_SERVER].application = c->server;
        pair_speak(&pair.sides[PAIR_SERVER], versions[i % VERSIONS]);
        pair_shake_hands(&pair, "server");
        assert_int_equal(pair_is_up(&pair), c->agreed != NULL);
        for (int side = 0; side < 2 && c->agreed != NULL; side++) {
            assert_string_equal(coax_tls_session_protocol(pair.sides[side].session), c->agreed);
        }
        if (c->agreed == NULL) {
            pair_assert_text(&pair.sides[c->refusing].error, COAX_E_HANDSHAKE, -1, "does not speak the protocol");
            pair_assert_text(&pair.sides[1 - c->refusing].error, COAX_E_TLS_ALERT, c->alert,
                             "no_application_protocol (120)");
        }
        pair_end(&pair);
    }
}

/* --- the system's authorities --- */

static void the_systems_authorities_stand_in_where_there_is_no_entry(void **state) {
    (void)state;
    struct tls_pair pair;
    struct credential *first, *second;
    coax_error error;
    pair_start(&pair);
    pair_set_x509(&pair, PAIR_SERVER, ":server", &good, NULL);
    struct pair_side *client = &pair.sides[PAIR_CLIENT];
    assert_int_equal(coax_tls_credential_for_uri(client->credentials, client->context, "coaps+tcp://server.example/",
                                                 &first, &error),
                     COAX_OK);
    assert_int_equal(
        coax_tls_credential_for_uri(client->credentials, client->context, "coaps+ws://other.example/", &second, &error),
        COAX_OK);
    assert_ptr_equal(first, second); /* loaded once, and one identity for the pool */
    assert_true(first->is_system);
    assert_int_equal(pair_listen(&pair, NULL), COAX_OK);
    assert_int_equal(coax_tls_client_new(&client->session, client->context, first, "server.example",
                                         &client->application, &pair_events, client, PAIR_NOW, &error),
                     COAX_OK);
    pair_run(&pair);
    assert_int_equal(client->established, 0);
    pair_assert_text(&client->error, COAX_E_CERTIFICATE, -1, "tlscert");
    coax_credential_unref(first);
    coax_credential_unref(second);
    pair_end(&pair);
}

static void an_entry_goes_before_the_systems_authorities(void **state) {
    (void)state;
    static const char json[] = "{\"coaps+tcp://*\": {\"oscore\": {\"basedir\": \"x\"}}}";
    struct tls_pair pair;
    struct credential *credential;
    coax_error error;
    pair_start(&pair);
    struct pair_side *client = &pair.sides[PAIR_CLIENT];
    assert_int_equal(coax_credentials_parse(client->credentials, json, sizeof json - 1, "test", NULL, NULL), COAX_OK);
    assert_int_equal(
        coax_tls_credential_for_uri(client->credentials, client->context, "coaps+tcp://a/", &credential, &error),
        COAX_E_CREDENTIALS_KIND);
    pair_end(&pair);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_every_kind_in_both_versions_and_any_segments),
        cmocka_unit_test(prefers_tls_1_3_and_forward_secrecy),
        cmocka_unit_test(speaks_the_suites_of_constrained_peers),
        cmocka_unit_test(speaks_no_older_version),
        cmocka_unit_test(names_a_wrong_key_and_an_unknown_identity),
        cmocka_unit_test(a_client_says_what_is_wrong_with_a_certificate),
        cmocka_unit_test(a_client_learns_that_it_was_refused),
        cmocka_unit_test(raw_public_keys_are_compared),
        cmocka_unit_test(says_that_the_kinds_do_not_fit),
        cmocka_unit_test(refuses_entries_that_do_not_do),
        cmocka_unit_test(presents_what_the_server_name_asks_for),
        cmocka_unit_test(agrees_on_a_protocol_or_refuses),
        cmocka_unit_test(the_systems_authorities_stand_in_where_there_is_no_entry),
        cmocka_unit_test(an_entry_goes_before_the_systems_authorities),
    };
    return cmocka_run_group_tests(tests, make_certificates, free_certificates);
}
