#include "security/secure.h"

#include "base/address.h"
#include "base/error.h"
#include <stdlib.h>

static const struct client_kind {
    enum secure_client_kind kind;
    unsigned flags;
} client_kinds[] = {
    [CREDENTIAL_PSK] = {SECURE_CLIENT_PSK, 0},
    [CREDENTIAL_RPK] = {SECURE_CLIENT_RPK, GNUTLS_ENABLE_RAWPK},
    /* The certificate is shown even if the server's list of authorities does not name its issuer. */
    [CREDENTIAL_X509] = {SECURE_CLIENT_X509, GNUTLS_FORCE_CLIENT_CERT},
    [CREDENTIAL_TRUST] = {SECURE_CLIENT_X509, 0},
};

bool coax_secure_credential_usable(const struct credential *credential) {
    return (size_t)credential->kind < sizeof client_kinds / sizeof client_kinds[0];
}

static enum coax_status fail_kind(const struct secure_protocol *protocol, const struct credential *credential,
                                  const char *why, coax_error *error) {
    char entry[SECURE_ENTRY_TEXT];
    return coax_fail(error, COAX_E_CREDENTIALS_KIND, "A %s client cannot use the %s: %s", protocol->name,
                     coax_secure_entry_text(credential, entry), why);
}

static enum coax_status check_psk(const struct credential *credential, coax_error *error) {
    char entry[SECURE_ENTRY_TEXT];
    if (credential->psk.size == 0 || credential->psk.size > COAX_PSK_KEY_MAXIMUM) {
        return coax_fail(error, COAX_E_CREDENTIALS_SIZE,
                         "The pre-shared key of %s has %zu bytes; expected between 1 and %d",
                         coax_secure_entry_text(credential, entry), credential->psk.size, COAX_PSK_KEY_MAXIMUM);
    }
    if (credential->identity.size > COAX_PSK_IDENTITY_MAXIMUM) {
        return coax_fail(error, COAX_E_CREDENTIALS_SIZE, "The identity of %s has %zu bytes; expected at most %d",
                         coax_secure_entry_text(credential, entry), credential->identity.size,
                         COAX_PSK_IDENTITY_MAXIMUM);
    }
    return COAX_OK;
}

enum coax_status coax_secure_check_credential(const struct secure_protocol *protocol,
                                              const struct credential *credential, coax_error *error) {
    if (!coax_secure_credential_usable(credential)) {
        return fail_kind(protocol, credential, "it holds no pre-shared key, raw public key or certificates", error);
    }
    if (credential->kind == CREDENTIAL_PSK) {
        return check_psk(credential, error);
    }
    if (credential->kind == CREDENTIAL_RPK) {
        if (credential->private_key.size == 0) {
            return fail_kind(protocol, credential, "it has no private key of one's own", error);
        }
        if (credential->peer_public_key.size == 0) {
            return fail_kind(protocol, credential,
                             "it does not say which public key the server must have (peer_public_key)", error);
        }
        return COAX_OK;
    }
    if (credential->trust.size == 0 && !credential->is_system) {
        return fail_kind(protocol, credential, "it has no authorities to verify the server with (trust)", error);
    }
    return COAX_OK;
}

static int load_certificates(struct secure_session *session) {
    struct credential *credential = session->credential;
    int code = gnutls_certificate_allocate_credentials(&session->certificates);
    if (code < 0) {
        session->certificates = NULL;
        return code;
    }
    if (credential->kind != CREDENTIAL_TRUST && credential->private_key.size > 0) {
        code = coax_secure_add_own_key(session->certificates, credential);
    }
    if (code >= 0 && credential->kind != CREDENTIAL_RPK) {
        if (credential->is_system) {
            coax_secure_trust_share(&session->trust, session->context);
        } else {
            code = coax_secure_trust_load(&session->trust, credential);
        }
    }
    return code < 0 ? code : gnutls_credentials_set(session->tls, GNUTLS_CRD_CERTIFICATE, session->certificates);
}

/* RFC 6066 section 3: names only, no addresses and no trailing dot. */
static int set_server_name(struct secure_session *session, const char *server_name) {
    if (server_name == NULL) {
        return 0;
    }
    session->server_name = strdup(server_name);
    if (session->server_name == NULL) {
        return GNUTLS_E_MEMORY_ERROR;
    }
    size_t size = strlen(server_name);
    if (size > 0 && server_name[size - 1] == '.') {
        session->server_name[--size] = '\0';
    }
    uint8_t ip[16];
    if (strchr(session->server_name, ':') != NULL) {
        session->server_name[strcspn(session->server_name, "%")] = '\0'; /* a zone is nothing that a certificate has */
        return 0;
    }
    if (size == 0 || coax_address_parse_ip(session->server_name, ip)) {
        return 0;
    }
    return gnutls_server_name_set(session->tls, GNUTLS_NAME_DNS, session->server_name, size);
}

static int configure(struct secure_session *session, const char *server_name) {
    struct secure_context *context = session->context;
    enum credential_kind kind = session->credential->kind;
    int code = gnutls_priority_set(session->tls, context->client_priorities[client_kinds[kind].kind]);
    if (code >= 0) {
        code = kind == CREDENTIAL_PSK ? gnutls_credentials_set(session->tls, GNUTLS_CRD_PSK, context->psk_client)
                                      : load_certificates(session);
    }
    return code < 0 ? code : set_server_name(session, server_name);
}

unsigned coax_secure_client_flags(const struct credential *credential) {
    return client_kinds[credential->kind].flags;
}

enum coax_status coax_secure_configure_client(struct secure_session *session, struct credential *credential,
                                              const char *server_name, coax_error *error) {
    session->credential = coax_credential_ref(credential);
    int code = configure(session, server_name);
    if (code < 0) {
        char entry[SECURE_ENTRY_TEXT];
        return coax_secure_fail_gnutls(error, coax_secure_entry_text(credential, entry), code);
    }
    return COAX_OK;
}
