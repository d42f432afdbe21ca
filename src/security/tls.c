/* Contexts and the making of sessions: what TLS adds to what it shares with DTLS. */
#include "security/tls_private.h"

#include "base/error.h"
#include "base/wipe.h"
#include <stdlib.h>

/* Only suites with AEAD; a key exchange with forward secrecy is preferred. The mandatory ones of RFC 7925 are there for
   constrained peers. A pre-shared key of TLS 1.3 belongs to SHA-256 (RFC 8446 section 4.2.11), so AES-256 is offered
   with the other credentials only. */
static const struct secure_protocol tls_protocol = {
    .name = "TLS",
    .versions = "TLS 1.2 or 1.3",
    .stalling = "the network is slow",
    .priority = "NONE:+VERS-TLS1.3:+VERS-TLS1.2",
    .psk_exchanges = ":+ECDHE-PSK:+PSK",
    .ciphers = ":+AES-128-GCM:+CHACHA20-POLY1305:+AES-128-CCM:+AES-128-CCM-8",
    .key_ciphers = ":+AES-256-GCM",
    .groups = ":+GROUP-X25519:+GROUP-SECP256R1:+GROUP-SECP384R1", /* what most offer at once comes first */
    .signatures = ":+SIGN-ECDSA-SECP256R1-SHA256:+SIGN-ECDSA-SECP384R1-SHA384:+SIGN-RSA-PSS-RSAE-SHA384"
                  ":+SIGN-RSA-PSS-RSAE-SHA512",
    .has_binders = true,
};

enum coax_status coax_tls_context_new(struct tls_context **context, const coax_credentials *credentials,
                                      const struct tls_settings *settings, coax_error *error) {
    struct tls_context *created = calloc(1, sizeof *created);
    if (created == NULL) {
        return coax_fail_memory(error);
    }
    created->maximum_output = settings->maximum_output;
    enum coax_status status =
        coax_secure_context_load(&created->secure, &tls_protocol, credentials, settings->handshake_timeout_ms, error);
    if (status != COAX_OK) {
        coax_tls_context_free(created);
        return status;
    }
    *context = created;
    return COAX_OK;
}

void coax_tls_context_free(struct tls_context *context) {
    if (context != NULL) {
        coax_secure_context_unload(&context->secure);
        coax_wipe_free(context, sizeof *context);
    }
}

bool coax_tls_credential_usable(const struct credential *credential) {
    return coax_secure_credential_usable(credential);
}

static enum coax_status set_application(struct tls_session *session, coax_error *error) {
    const char *protocol = session->application.protocol;
    if (protocol == NULL) {
        return COAX_OK;
    }
    gnutls_datum_t datum = {(unsigned char *)(uintptr_t)protocol, (unsigned)strlen(protocol)};
    /* Mandatory: a server that is offered other protocols only says so, instead of going on without any. */
    int code = gnutls_alpn_set_protocols(session->secure.tls, &datum, 1, GNUTLS_ALPN_MANDATORY);
    return code < 0 ? coax_secure_fail_set_up(error, session->secure.context->protocol, code) : COAX_OK;
}

enum coax_status coax_tls_credential_for_uri(const coax_credentials *credentials, struct tls_context *context,
                                             const char *uri, struct credential **credential, coax_error *error) {
    enum coax_status status = coax_credentials_for_uri(credentials, uri, coax_tls_credential_usable, credential, error);
    if (status == COAX_E_NO_CREDENTIALS && coax_secure_system_trust(&context->secure, credential, error) == COAX_OK) {
        coax_credential_ref(*credential);
        return COAX_OK;
    }
    return status;
}

enum coax_status coax_tls_client_new(struct tls_session **session, struct tls_context *context,
                                     struct credential *credential, const char *server_name,
                                     const struct tls_application *application, const struct tls_events *events,
                                     void *user, coax_instant now, coax_error *error) {
    enum coax_status status = coax_secure_check_credential(context->secure.protocol, credential, error);
    if (status != COAX_OK) {
        return status;
    }
    struct tls_session *created;
    unsigned flags = GNUTLS_CLIENT | coax_secure_client_flags(credential);
    status = coax_tls_session_new(&created, context, flags, application, events, user, now, error);
    if (status != COAX_OK) {
        return status;
    }
    status = coax_secure_configure_client(&created->secure, credential, server_name, error);
    if (status == COAX_OK) {
        status = set_application(created, error);
    }
    if (status == COAX_OK) {
        status = coax_tls_session_start(created, error);
    }
    if (status != COAX_OK) {
        coax_tls_session_free(created);
        return status;
    }
    *session = created;
    return COAX_OK;
}

enum coax_status coax_tls_server_new(struct tls_session **session, struct tls_context *context,
                                     const struct tls_application *application, const struct tls_events *events,
                                     void *user, coax_instant now, coax_error *error) {
    struct tls_session *created;
    unsigned flags = GNUTLS_SERVER | GNUTLS_ENABLE_RAWPK;
    enum coax_status status = coax_tls_session_new(&created, context, flags, application, events, user, now, error);
    if (status != COAX_OK) {
        return status;
    }
    status = coax_secure_configure_server(&created->secure, error);
    if (status == COAX_OK) {
        status = set_application(created, error);
    }
    if (status != COAX_OK) {
        coax_tls_session_free(created);
        return status;
    }
    *session = created;
    return COAX_OK;
}
