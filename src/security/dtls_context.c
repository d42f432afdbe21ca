#include "security/dtls_private.h"

#include "base/error.h"
#include "base/wipe.h"
#include <stdlib.h>

/* Only suites with AEAD: TLS_PSK_WITH_AES_128_CCM_8 and TLS_ECDHE_ECDSA_WITH_AES_128_CCM_8 are the ones that RFC 7252
   section 9.1.3 makes mandatory. */
#define CIPHERS ":+AES-128-CCM-8:+AES-128-CCM:+AES-128-GCM:+CHACHA20-POLY1305:+AEAD:+COMP-NULL"
#define CURVES ":+GROUP-SECP256R1:+GROUP-X25519:+GROUP-SECP384R1"
#define SIGNATURES                                                                                                     \
    ":+SIGN-ECDSA-SHA256:+SIGN-ECDSA-SHA384:+SIGN-ECDSA-SHA512:+SIGN-EDDSA-ED25519:+SIGN-RSA-SHA256:+SIGN-RSA-SHA384"  \
    ":+SIGN-RSA-SHA512:+SIGN-RSA-PSS-RSAE-SHA256"

static const char *const client_priorities[DTLS_CLIENT_KINDS] = {
    [DTLS_CLIENT_PSK] = "NONE:+VERS-DTLS1.2:+PSK:+ECDHE-PSK" CIPHERS CURVES SIGNATURES,
    [DTLS_CLIENT_RPK] =
        "NONE:+VERS-DTLS1.2:+ECDHE-ECDSA:+ECDHE-RSA" CIPHERS CURVES SIGNATURES ":+CTYPE-CLI-RAWPK:+CTYPE-SRV-RAWPK",
    [DTLS_CLIENT_X509] = "NONE:+VERS-DTLS1.2:+ECDHE-ECDSA:+ECDHE-RSA" CIPHERS CURVES SIGNATURES ":+CTYPE-X509",
};

static int give_datum(gnutls_datum_t *out, struct bytes bytes) {
    out->data = gnutls_malloc(bytes.size + 1);
    if (out->data == NULL) {
        return GNUTLS_E_MEMORY_ERROR;
    }
    if (bytes.size > 0) {
        memcpy(out->data, bytes.data, bytes.size);
    }
    out->size = (unsigned)bytes.size;
    return 0;
}

/* GnuTLS frees what the PSK callbacks give it, and wipes the key. */
static int give_client_key(gnutls_session_t tls, gnutls_datum_t *identity, gnutls_datum_t *key) {
    const struct dtls_session *session = gnutls_session_get_ptr(tls);
    if (session->credential->kind != CREDENTIAL_PSK || give_datum(identity, session->credential->identity) < 0) {
        return -1;
    }
    if (give_datum(key, session->credential->psk) < 0) {
        gnutls_free(identity->data);
        identity->data = NULL;
        return -1;
    }
    return 0;
}

static int give_server_key(gnutls_session_t tls, const gnutls_datum_t *identity, gnutls_datum_t *key) {
    struct dtls_session *session = gnutls_session_get_ptr(tls);
    struct credential *credential =
        coax_credentials_for_identity(session->context->credentials, bytes_of(identity->data, identity->size));
    if (session->handshake != NULL) {
        session->handshake->refused_identity = credential == NULL;
    }
    coax_credential_unref(session->credential);
    session->credential = credential;
    return credential != NULL && give_datum(key, credential->psk) >= 0 ? 0 : -1;
}

static int build(struct dtls_context *context) {
    int code = 0;
    for (size_t i = 0; i < DTLS_CLIENT_KINDS && code >= 0; i++) {
        code = gnutls_priority_init(&context->client_priorities[i], client_priorities[i], NULL);
    }
    if (code >= 0) {
        code = gnutls_psk_allocate_client_credentials(&context->psk_client);
    }
    if (code >= 0) {
        code = gnutls_psk_allocate_server_credentials(&context->psk_server);
    }
    return code;
}

enum coax_status coax_dtls_context_new(struct dtls_context **context, const coax_credentials *credentials,
                                       const struct dtls_settings *settings, coax_error *error) {
    struct dtls_context *created = calloc(1, sizeof *created);
    if (created == NULL) {
        return coax_fail_memory(error);
    }
    created->credentials = credentials;
    created->settings = *settings;
    int code = build(created);
    if (code < 0) {
        coax_dtls_context_free(created);
        return coax_dtls_fail_gnutls(error, "DTLS could not be set up", code);
    }
    gnutls_psk_set_client_credentials_function2(created->psk_client, give_client_key);
    gnutls_psk_set_server_credentials_function2(created->psk_server, give_server_key);
    *context = created;
    return COAX_OK;
}

void coax_dtls_context_free(struct dtls_context *context) {
    if (context == NULL) {
        return;
    }
    for (size_t i = 0; i < DTLS_CLIENT_KINDS; i++) {
        if (context->client_priorities[i] != NULL) {
            gnutls_priority_deinit(context->client_priorities[i]);
        }
    }
    if (context->psk_client != NULL) {
        gnutls_psk_free_client_credentials(context->psk_client);
    }
    if (context->psk_server != NULL) {
        gnutls_psk_free_server_credentials(context->psk_server);
    }
    coax_dtls_cookie_wipe(&context->cookie);
    coax_dtls_material_unref(context->material);
    coax_wipe_free(context, sizeof *context);
}
