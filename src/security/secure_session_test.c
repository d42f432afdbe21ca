#include "security/tls_test_pair.h"

static void start(struct tls_pair *pair) {
    pair_start(pair);
    pair_set_psk(pair, PAIR_CLIENT, "me", "key");
    pair_set_psk(pair, PAIR_SERVER, "me", "key");
    pair_speak(&pair->sides[PAIR_CLIENT], "NONE:+VERS-TLS1.2");
    assert_int_equal(pair_listen(pair, NULL), COAX_OK);
    assert_int_equal(pair_connect(pair, "server", NULL), COAX_OK);
}

static void has_keys_only_after_change_cipher_spec(void **state) {
    (void)state;
    struct tls_pair pair;
    start(&pair);
    gnutls_session_t tls = pair.sides[PAIR_CLIENT].session->secure.tls;
    assert_false(coax_secure_has_keys(tls, true));
    assert_false(coax_secure_has_keys(tls, false));
    pair_run(&pair);
    assert_true(coax_secure_has_keys(tls, true));
    assert_true(coax_secure_has_keys(tls, false));
    pair_end(&pair);
}

/* A server whose handshake came to an end by itself still asks who the client is. */
static void proves_nobody_who_was_refused_or_not_seen(void **state) {
    (void)state;
    struct tls_pair pair;
    start(&pair);
    pair_run(&pair);
    struct secure_session *session = &pair.sides[PAIR_SERVER].session->secure;
    struct secure_handshake handshake = {.must_prove = false};
    session->handshake = &handshake;
    assert_true(coax_secure_is_peer_proved(session));
    handshake.refused_identity = true;
    assert_false(coax_secure_is_peer_proved(session));
    handshake = (struct secure_handshake){.refused_peer = true};
    assert_false(coax_secure_is_peer_proved(session));
    handshake.refused_peer = false;
    struct credential *credential = session->credential;
    session->credential = NULL;
    assert_false(coax_secure_is_peer_proved(session));
    struct credential other = {.references = 1, .kind = CREDENTIAL_RPK};
    session->credential = &other;
    assert_false(coax_secure_is_peer_proved(session));
    session->credential = credential;
    session->handshake = NULL;
    pair_end(&pair);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(has_keys_only_after_change_cipher_spec),
        cmocka_unit_test(proves_nobody_who_was_refused_or_not_seen),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
