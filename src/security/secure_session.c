#include "security/secure.h"

#include <stdlib.h>

void coax_secure_session_detach(struct secure_session *session) {
    if (session->tls != NULL) {
        gnutls_deinit(session->tls);
        session->tls = NULL;
    }
    if (session->certificates != NULL) {
        gnutls_certificate_free_credentials(session->certificates);
        session->certificates = NULL;
    }
    coax_secure_trust_unload(&session->trust);
    session->trust = (struct secure_trust){.credential = NULL};
    coax_secure_material_unref(session->material);
    session->material = NULL;
}

void coax_secure_session_unload(struct secure_session *session) {
    coax_secure_session_detach(session);
    coax_credential_unref(session->credential);
    free(session->server_name);
}

bool coax_secure_is_peer_proved(struct secure_session *session) {
    const struct secure_handshake *handshake = session->handshake;
    gnutls_kx_algorithm_t exchange = gnutls_kx_get(session->tls);
    if (handshake->refused_peer || handshake->refused_identity) {
        return false;
    }
    bool is_of_psk = session->credential != NULL && session->credential->kind == CREDENTIAL_PSK;
    if (exchange == GNUTLS_KX_PSK || exchange == GNUTLS_KX_ECDHE_PSK) {
        return is_of_psk;
    }
    if (!session->is_server) {
        return handshake->accepted_peer && !is_of_psk;
    }
    /* TLS 1.3: a client may offer a pre-shared key and the server take to certificates all the same. */
    if (is_of_psk) {
        coax_credential_unref(session->credential);
        session->credential = NULL;
    }
    return session->credential != NULL || !handshake->must_prove;
}

bool coax_secure_has_keys(gnutls_session_t tls, bool reading) {
    gnutls_datum_t mac;
    gnutls_datum_t iv;
    gnutls_datum_t key;
    unsigned char sequence[8];
    /* In epoch 0 the call succeeds, with an empty key. */
    return gnutls_record_get_state(tls, reading, &mac, &iv, &key, sequence) >= 0 && key.size > 0;
}
