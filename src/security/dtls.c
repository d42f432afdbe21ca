/* Contexts and the making of sessions: what DTLS adds to what it shares with TLS. */
#include "security/dtls_private.h"

#include "base/error.h"
#include "base/wipe.h"
#include <stdlib.h>

/* Only suites with AEAD: TLS_PSK_WITH_AES_128_CCM_8 and TLS_ECDHE_ECDSA_WITH_AES_128_CCM_8 are the ones that RFC 7252
   section 9.1.3 makes mandatory. */
static const struct secure_protocol dtls_protocol = {
    .name = "DTLS",
    .versions = "DTLS 1.2",
    .stalling = "datagrams are lost",
    .priority = "NONE:+VERS-DTLS1.2",
    .psk_exchanges = ":+PSK:+ECDHE-PSK",
    .ciphers = ":+AES-128-CCM-8:+AES-128-CCM:+AES-128-GCM:+CHACHA20-POLY1305",
    .key_ciphers = "",
    .groups = ":+GROUP-SECP256R1:+GROUP-X25519:+GROUP-SECP384R1", /* RFC 7252 section 9.1.3.2 wants P-256 */
    .signatures = "",
};

enum coax_status coax_dtls_context_new(struct dtls_context **context, const coax_credentials *credentials,
                                       const struct dtls_settings *settings, coax_error *error) {
    struct dtls_context *created = calloc(1, sizeof *created);
    if (created == NULL) {
        return coax_fail_memory(error);
    }
    created->settings = *settings;
    enum coax_status status =
        coax_secure_context_load(&created->secure, &dtls_protocol, credentials, settings->handshake_timeout_ms, error);
    if (status != COAX_OK) {
        coax_dtls_context_free(created);
        return status;
    }
    *context = created;
    return COAX_OK;
}

void coax_dtls_context_free(struct dtls_context *context) {
    if (context == NULL) {
        return;
    }
    coax_dtls_cookie_wipe(&context->cookie);
    coax_secure_context_unload(&context->secure);
    coax_wipe_free(context, sizeof *context);
}

bool coax_dtls_credential_usable(const struct credential *credential) {
    return coax_secure_credential_usable(credential);
}

enum coax_status coax_dtls_client_new(struct dtls_session **session, struct dtls_context *context,
                                      struct credential *credential, const char *server_name,
                                      const struct dtls_events *events, void *user, coax_instant now,
                                      coax_error *error) {
    enum coax_status status = coax_secure_check_credential(context->secure.protocol, credential, error);
    if (status != COAX_OK) {
        return status;
    }
    struct dtls_session *created;
    unsigned flags = GNUTLS_CLIENT | coax_secure_client_flags(credential);
    status = coax_dtls_session_new(&created, context, flags, bytes_of(NULL, 0), events, user, now, error);
    if (status != COAX_OK) {
        return status;
    }
    status = coax_secure_configure_client(&created->secure, credential, server_name, error);
    if (status == COAX_OK) {
        status = coax_dtls_session_start(created, NULL, 0, now, error);
    }
    if (status != COAX_OK) {
        coax_dtls_session_free(created);
        return status;
    }
    *session = created;
    return COAX_OK;
}

enum coax_status coax_dtls_server_new(struct dtls_session **session, struct dtls_context *context,
                                      const uint8_t *datagram, size_t size, struct bytes cid,
                                      const struct dtls_events *events, void *user, coax_instant now,
                                      coax_error *error) {
    struct dtls_session *created;
    unsigned flags = GNUTLS_SERVER | GNUTLS_ENABLE_RAWPK;
    enum coax_status status = coax_dtls_session_new(&created, context, flags, cid, events, user, now, error);
    if (status != COAX_OK) {
        return status;
    }
    status = coax_secure_configure_server(&created->secure, error);
    if (status == COAX_OK) {
        gnutls_dtls_prestate_set(created->secure.tls, &context->verified);
        status = coax_dtls_session_start(created, datagram, size, now, error);
    }
    if (status != COAX_OK) {
        coax_dtls_session_free(created);
        return status;
    }
    *session = created;
    return COAX_OK;
}
