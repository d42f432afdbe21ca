#include "security/secure.h"

#include "base/error.h"
#include <stdio.h>
#include <stdlib.h>

#define SIGNATURES                                                                                                     \
    ":+SIGN-ECDSA-SHA256:+SIGN-ECDSA-SHA384:+SIGN-ECDSA-SHA512:+SIGN-EDDSA-ED25519:+SIGN-RSA-SHA256:+SIGN-RSA-SHA384"  \
    ":+SIGN-RSA-SHA512:+SIGN-RSA-PSS-RSAE-SHA256"

/* What a client or server of each kind needs, and nothing else. */
static const unsigned client_purposes[SECURE_CLIENT_KINDS] = {
    [SECURE_CLIENT_PSK] = SECURE_FOR_PSK, [SECURE_CLIENT_RPK] = SECURE_FOR_RPK, [SECURE_CLIENT_X509] = SECURE_FOR_X509};

int coax_secure_priority(gnutls_priority_t *priority, const struct secure_protocol *protocol, unsigned purposes) {
    enum { KEYS = SECURE_FOR_RPK | SECURE_FOR_X509 };
    /* A server that shows only a raw public key still lets clients show certificates. */
    bool takes_certificates = (purposes & ((purposes & SECURE_FOR_SERVER) != 0 ? KEYS : SECURE_FOR_X509)) != 0;
    const struct {
        bool is_needed;
        const char *text;
    } parts[] = {
        {true, protocol->priority},
        {(purposes & SECURE_FOR_PSK) != 0, protocol->psk_exchanges},
        {(purposes & KEYS) != 0, ":+ECDHE-ECDSA:+ECDHE-RSA"},
        {true, protocol->ciphers},
        {(purposes & KEYS) != 0, protocol->key_ciphers},
        {true, ":+AEAD:+COMP-NULL" SIGNATURES},
        {true, protocol->groups},
        {true, protocol->signatures},
        {(purposes & SECURE_FOR_RPK) != 0, ":+CTYPE-CLI-RAWPK:+CTYPE-SRV-RAWPK"},
        {takes_certificates, ":+CTYPE-CLI-X509"},
        {(purposes & SECURE_FOR_X509) != 0, ":+CTYPE-SRV-X509"},
        {(purposes & SECURE_FOR_SERVER) != 0, ":%SERVER_PRECEDENCE"},
    };
    char text[768] = "";
    size_t size = 0;
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        if (parts[i].is_needed) {
            size += (size_t)snprintf(text + size, sizeof text - size, "%s", parts[i].text);
        }
    }
    return gnutls_priority_init(priority, text, NULL);
}

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
    const struct secure_session *session = gnutls_session_get_ptr(tls);
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
    struct secure_session *session = gnutls_session_get_ptr(tls);
    struct credential *credential =
        coax_credentials_for_identity(session->context->credentials, bytes_of(identity->data, identity->size));
    if (session->handshake != NULL) {
        session->handshake->refused_identity = credential == NULL;
    }
    coax_credential_unref(session->credential);
    session->credential = credential;
    return credential != NULL && give_datum(key, credential->psk) >= 0 ? 0 : -1;
}

/* --- the system's authorities --- */

static struct credential *new_system_credential(void) {
    struct credential *credential = calloc(1, sizeof *credential);
    if (credential != NULL) {
        *credential = (struct credential){.references = 1, .kind = CREDENTIAL_TRUST, .is_system = true};
        credential->key = strdup("");
        if (credential->key == NULL) {
            coax_credential_unref(credential);
            return NULL;
        }
    }
    return credential;
}

enum coax_status coax_secure_system_trust(struct secure_context *context, struct credential **credential,
                                          coax_error *error) {
    struct secure_trust *system = &context->system;
    if (system->list == NULL) {
        gnutls_x509_trust_list_t list;
        if (gnutls_x509_trust_list_init(&list, 0) < 0) {
            return coax_fail_memory(error);
        }
        if (gnutls_x509_trust_list_add_system_trust(list, 0, 0) <= 0) {
            gnutls_x509_trust_list_deinit(list, 1);
            return coax_fail(
                error, COAX_E_NO_CREDENTIALS,
                "There are no credentials for this URI, and the system has no certificate authorities that "
                "could vouch for the server; a tlscert entry names one, or ca-certificates brings them");
        }
        system->credential = new_system_credential();
        if (system->credential == NULL) {
            gnutls_x509_trust_list_deinit(list, 1);
            return coax_fail_memory(error);
        }
        system->list = list;
    }
    *credential = system->credential;
    return COAX_OK;
}

static int build(struct secure_context *context) {
    int code = 0;
    for (size_t i = 0; i < SECURE_CLIENT_KINDS && code >= 0; i++) {
        code = coax_secure_priority(&context->client_priorities[i], context->protocol, client_purposes[i]);
    }
    if (code >= 0) {
        code = gnutls_psk_allocate_client_credentials(&context->psk_client);
    }
    if (code >= 0) {
        code = gnutls_psk_allocate_server_credentials(&context->psk_server);
    }
    return code;
}

enum coax_status coax_secure_context_load(struct secure_context *context, const struct secure_protocol *protocol,
                                          const coax_credentials *credentials, uint32_t handshake_timeout_ms,
                                          coax_error *error) {
    context->protocol = protocol;
    context->credentials = credentials;
    context->handshake_timeout_ms = handshake_timeout_ms;
    int code = build(context);
    if (code < 0) {
        return coax_secure_fail_set_up(error, protocol, code);
    }
    gnutls_psk_set_client_credentials_function2(context->psk_client, give_client_key);
    gnutls_psk_set_server_credentials_function2(context->psk_server, give_server_key);
    return COAX_OK;
}

void coax_secure_context_unload(struct secure_context *context) {
    for (size_t i = 0; i < SECURE_CLIENT_KINDS; i++) {
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
    coax_secure_material_unref(context->material);
    coax_secure_trust_unload(&context->system);
}
