#include "security/dtls_test_pair.h"

static struct test_certificate authority, stranger, good, ip4, ip6, expired, early, foreign, client_only, not_authority,
    under_leaf, self_signed, client_certificate, foreign_client;

static int make_certificates(void **state) {
    (void)state;
    test_certificate_make(&authority, &(struct test_certificate_options){.name = "authority", .is_authority = true});
    test_certificate_make(&stranger, &(struct test_certificate_options){.name = "stranger", .is_authority = true});
    test_certificate_make(&good, &(struct test_certificate_options){.name = "good",
                                                                    .host = "server.example",
                                                                    .other_host = "*.wild.example",
                                                                    .issuer = &authority,
                                                                    .purpose = GNUTLS_KP_TLS_WWW_SERVER});
    test_certificate_make(&ip4,
                          &(struct test_certificate_options){.name = "ip4", .ip = "192.0.2.1", .issuer = &authority});
    test_certificate_make(&ip6,
                          &(struct test_certificate_options){.name = "ip6", .ip = "2001:db8::1", .issuer = &authority});
    test_certificate_make(&expired, &(struct test_certificate_options){.name = "expired",
                                                                       .host = "server.example",
                                                                       .issuer = &authority,
                                                                       .not_before_days = -9,
                                                                       .not_after_days = -2});
    test_certificate_make(&early, &(struct test_certificate_options){.name = "early",
                                                                     .host = "server.example",
                                                                     .issuer = &authority,
                                                                     .not_before_days = 2,
                                                                     .not_after_days = 9});
    test_certificate_make(
        &foreign, &(struct test_certificate_options){.name = "foreign", .host = "server.example", .issuer = &stranger});
    test_certificate_make(&client_only, &(struct test_certificate_options){.name = "client only",
                                                                           .host = "server.example",
                                                                           .issuer = &authority,
                                                                           .purpose = GNUTLS_KP_TLS_WWW_CLIENT});
    test_certificate_make(&not_authority,
                          &(struct test_certificate_options){.name = "no authority", .issuer = &authority});
    test_certificate_make(&under_leaf, &(struct test_certificate_options){
                                           .name = "under leaf", .host = "server.example", .issuer = &not_authority});
    test_certificate_make(&self_signed, &(struct test_certificate_options){.name = "self", .host = "server.example"});
    test_certificate_make(&client_certificate, &(struct test_certificate_options){.name = "client",
                                                                                  .issuer = &authority,
                                                                                  .purpose = GNUTLS_KP_TLS_WWW_CLIENT});
    test_certificate_make(&foreign_client,
                          &(struct test_certificate_options){.name = "foreign client", .issuer = &stranger});
    return 0;
}

static int free_certificates(void **state) {
    (void)state;
    struct test_certificate *all[] = {&authority,
                                      &stranger,
                                      &good,
                                      &ip4,
                                      &ip6,
                                      &expired,
                                      &early,
                                      &foreign,
                                      &client_only,
                                      &not_authority,
                                      &under_leaf,
                                      &self_signed,
                                      &client_certificate,
                                      &foreign_client};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        test_certificate_free(all[i]);
    }
    return 0;
}

static void set_x509(struct pair *pair, int side, const char *key, const struct test_certificate *own,
                     const struct test_certificate *trust) {
    coax_x509 x509 = COAX_X509_INIT;
    x509.certificate = own != NULL ? own->certificate_pem : NULL;
    x509.private_key = own != NULL ? own->private_pem : NULL;
    x509.trust = trust != NULL ? trust->certificate_pem : NULL;
    coax_error error = {0};
    if (coax_credentials_set_x509(pair->sides[side].credentials, key, &x509, &error) != COAX_OK) {
        fail_msg("%s", error.text);
    }
}

static void set_rpk(struct pair *pair, int side, const struct test_certificate *own,
                    const struct test_certificate *peer) {
    coax_rpk rpk = COAX_RPK_INIT;
    rpk.private_key = own->private_pem;
    rpk.peer_public_key = peer != NULL ? peer->public_pem : NULL;
    assert_int_equal(coax_credentials_set_rpk(pair->sides[side].credentials, ":rpk", &rpk, NULL), COAX_OK);
}

/* --- what a client thinks of a server's certificate --- */

static const struct server_case {
    const struct test_certificate *shown;
    const char *host;
    enum coax_status status;
    int alert;
    const char *text;
} server_cases[] = {
    {&good, "server.example", COAX_OK, 0, NULL},
    {&good, "SERVER.example", COAX_OK, 0, NULL},
    {&good, "server.example.", COAX_OK, 0, NULL},
    {&good, "one.wild.example", COAX_OK, 0, NULL},
    {&good, "other.example", COAX_E_HOST_NAME, 42, "is for \"server.example\", \"*.wild.example\", not for \"other.ex"},
    {&good, "192.0.2.1", COAX_E_HOST_NAME, 42, "not for \"192.0.2.1\""},
    {&good, NULL, COAX_E_HOST_NAME, 42, "host was not named"},
    {&ip4, "192.0.2.1", COAX_OK, 0, NULL},
    {&ip4, "::ffff:192.0.2.1", COAX_OK, 0, NULL},
    {&ip4, "192.0.2.2", COAX_E_HOST_NAME, 42, "other names"},
    {&ip6, "2001:db8::1", COAX_OK, 0, NULL},
    {&ip6, "2001:db8:0:0::1%2", COAX_OK, 0, NULL},
    {&ip6, "2001:db8::2", COAX_E_HOST_NAME, 42, "not for \"2001:db8::2\""},
    {&expired, "server.example", COAX_E_CERTIFICATE, 45, "has expired"},
    {&early, "server.example", COAX_E_CERTIFICATE, 45, "not yet valid"},
    {&foreign, "server.example", COAX_E_CERTIFICATE, 48, "unknown issuer, CN=stranger"},
    {&self_signed, "server.example", COAX_E_CERTIFICATE, 48, "unknown issuer, CN=self"},
    {&under_leaf, "server.example", COAX_E_CERTIFICATE, 48, "unknown issuer, CN=no authority"},
    {&client_only, "server.example", COAX_E_CERTIFICATE, 43, "not issued for this purpose"},
};

static void a_client_says_what_is_wrong_with_a_certificate(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof server_cases / sizeof server_cases[0]; i++) {
        const struct server_case *c = &server_cases[i];
        struct pair pair;
        pair_start(&pair);
        set_x509(&pair, PAIR_SERVER, ":server", c->shown, NULL);
        set_x509(&pair, PAIR_CLIENT, "coaps://*", NULL, &authority);
        coax_error error = {0};
        assert_int_equal(pair_connect(&pair, c->host, &error), COAX_OK);
        assert_true(pair_run(&pair, 5000));
        const struct pair_side *client = &pair.sides[PAIR_CLIENT];
        assert_int_equal(client->error.status, c->status);
        assert_int_equal(pair_is_up(&pair), c->status == COAX_OK);
        if (c->text != NULL && strstr(client->error.text, c->text) == NULL) {
            fail_msg("case %zu: \"%s\" does not say \"%s\"", i, client->error.text, c->text);
        }
        if (c->status != COAX_OK) {
            assert_int_equal(pair.sides[PAIR_SERVER].error.status, COAX_E_TLS_ALERT);
            assert_int_equal(pair.sides[PAIR_SERVER].error.alert, c->alert);
        }
        pair_end(&pair);
    }
}

static void a_self_signed_certificate_can_be_trusted_itself(void **state) {
    (void)state;
    struct pair pair;
    pair_start(&pair);
    set_x509(&pair, PAIR_SERVER, ":server", &self_signed, NULL);
    set_x509(&pair, PAIR_CLIENT, "coaps://*", NULL, &self_signed);
    assert_int_equal(pair_connect(&pair, "server.example", NULL), COAX_OK);
    assert_true(pair_run(&pair, 5000));
    assert_true(pair_is_up(&pair));
    pair_end(&pair);
}

/* --- what a server thinks of a client's --- */

static void run_client(struct pair *pair) {
    assert_int_equal(pair_connect(pair, "server.example", NULL), COAX_OK);
    assert_true(pair_run(pair, 5000));
}

static void the_entry_that_trusts_a_client_names_it(void **state) {
    (void)state;
    struct pair pair;
    pair_start(&pair);
    set_x509(&pair, PAIR_SERVER, ":server", &good, NULL);
    set_x509(&pair, PAIR_SERVER, ":strangers", NULL, &stranger);
    set_x509(&pair, PAIR_SERVER, ":ours", NULL, &authority);
    set_x509(&pair, PAIR_CLIENT, "coaps://*", &client_certificate, &authority);
    run_client(&pair);
    assert_true(pair_is_up(&pair));
    assert_string_equal(coax_dtls_session_credential(pair.sides[PAIR_SERVER].session)->key, ":ours");
    pair_end(&pair);
}

static void a_server_refuses_a_client_that_nobody_trusts(void **state) {
    (void)state;
    struct pair pair;
    pair_start(&pair);
    set_x509(&pair, PAIR_SERVER, ":server", &good, &authority);
    set_x509(&pair, PAIR_CLIENT, "coaps://*", &foreign_client, &authority);
    run_client(&pair);
    assert_int_equal(pair.sides[PAIR_SERVER].error.status, COAX_E_CERTIFICATE);
    assert_non_null(strstr(pair.sides[PAIR_SERVER].error.text, "unknown issuer, CN=stranger"));
    assert_int_equal(pair.sides[PAIR_CLIENT].error.status, COAX_E_TLS_ALERT);
    assert_int_equal(pair.sides[PAIR_CLIENT].error.alert, 48);
    assert_non_null(strstr(pair.sides[PAIR_CLIENT].error.text, "authority that the peer does not trust"));
    pair_end(&pair);
}

static void a_server_refuses_a_certificate_for_servers(void **state) {
    (void)state;
    struct pair pair;
    pair_start(&pair);
    set_x509(&pair, PAIR_SERVER, ":server", &good, &authority);
    set_x509(&pair, PAIR_CLIENT, "coaps://*", &good, &authority);
    run_client(&pair);
    assert_int_equal(pair.sides[PAIR_SERVER].error.status, COAX_E_CERTIFICATE);
    assert_int_equal(pair.sides[PAIR_CLIENT].error.alert, 43);
    pair_end(&pair);
}

/* --- raw public keys --- */

static void raw_public_keys_are_compared(void **state) {
    (void)state;
    static const struct {
        const struct test_certificate *client_expects, *server_expects;
        enum coax_status client_status, server_status;
    } cases[] = {
        {&good, &client_certificate, COAX_OK, COAX_OK},
        {&foreign, &client_certificate, COAX_E_CERTIFICATE, COAX_E_TLS_ALERT},
        {&good, &foreign, COAX_E_TLS_ALERT, COAX_E_CERTIFICATE},
        {&good, NULL, COAX_E_TLS_ALERT, COAX_E_CERTIFICATE},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct pair pair;
        pair_start(&pair);
        set_rpk(&pair, PAIR_CLIENT, &client_certificate, cases[i].client_expects);
        set_rpk(&pair, PAIR_SERVER, &good, cases[i].server_expects);
        run_client(&pair);
        const struct pair_side *sides = pair.sides;
        assert_int_equal(sides[PAIR_CLIENT].error.status, cases[i].client_status);
        assert_int_equal(sides[PAIR_SERVER].error.status, cases[i].server_status);
        assert_int_equal(pair_is_up(&pair), cases[i].client_status == COAX_OK);
        if (cases[i].client_status == COAX_OK) {
            assert_string_equal(coax_dtls_session_credential(sides[PAIR_SERVER].session)->key, ":rpk");
        } else {
            const struct pair_side *alerted =
                &sides[cases[i].client_status == COAX_E_TLS_ALERT ? PAIR_CLIENT : PAIR_SERVER];
            assert_int_equal(alerted->error.alert, GNUTLS_A_BAD_CERTIFICATE);
        }
        pair_end(&pair);
    }
}

/* --- hostile bytes --- */

static void no_changed_datagram_breaks_a_handshake_badly(void **state) {
    (void)state;
    enum { STRIDE = 5 }; /* a certificate's bytes are many, and the next ones are much alike */
    struct pair_mutation mutation;
    for (unsigned target = 2; target < 6; target++) {
        for (unsigned kind = 0; kind < PAIR_MUTATIONS; kind++) {
            mutation = (struct pair_mutation){.target = target, .kind = kind};
            for (; !mutation.is_over; mutation.position += STRIDE) {
                struct pair pair;
                pair_start(&pair);
                set_x509(&pair, PAIR_SERVER, ":server", &good, &authority);
                set_x509(&pair, PAIR_CLIENT, "coaps://*", &client_certificate, &authority);
                pair_run_mutated(&pair, &mutation, "server.example");
                /* What was changed never passes for the authentic thing. */
                assert_true(pair.sides[PAIR_SERVER].established == 0
                            || coax_dtls_session_credential(pair.sides[PAIR_SERVER].session) != NULL);
                pair_end(&pair);
            }
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_client_says_what_is_wrong_with_a_certificate),
        cmocka_unit_test(a_self_signed_certificate_can_be_trusted_itself),
        cmocka_unit_test(the_entry_that_trusts_a_client_names_it),
        cmocka_unit_test(a_server_refuses_a_client_that_nobody_trusts),
        cmocka_unit_test(a_server_refuses_a_certificate_for_servers),
        cmocka_unit_test(raw_public_keys_are_compared),
        cmocka_unit_test(no_changed_datagram_breaks_a_handshake_badly),
    };
    return cmocka_run_group_tests(tests, make_certificates, free_certificates);
}
