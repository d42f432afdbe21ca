#include "security/secure.h"

#include "base/error.h"
#include <stdlib.h>

enum { SERVER_NAME_MAXIMUM = 255 };

static bool is_host_character(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.'
           || c == '_';
}

static bool is_host_name(const char *name, size_t size) {
    for (size_t i = 0; i < size; i++) {
        if (!is_host_character(name[i])) {
            return false;
        }
    }
    return size > 0;
}

/* A name that is none is treated as not sent. */
static int keep_server_name(struct secure_session *session) {
    char name[SERVER_NAME_MAXIMUM + 1];
    size_t size = sizeof name;
    unsigned type = GNUTLS_NAME_DNS;
    if (gnutls_server_name_get(session->tls, name, &size, &type, 0) < 0 || type != GNUTLS_NAME_DNS
        || !is_host_name(name, size)) {
        return 0;
    }
    free(session->server_name);
    session->server_name = strndup(name, size);
    return session->server_name != NULL ? 0 : GNUTLS_E_MEMORY_ERROR;
}

/* The server name is known, the rest of the extensions is not read yet: the moment to choose what is presented. */
static int read_server_name(gnutls_session_t tls) {
    struct secure_session *session = gnutls_session_get_ptr(tls);
    if (session->handshake == NULL) {
        return GNUTLS_E_UNEXPECTED_PACKET;
    }
    int code = keep_server_name(session);
    if (code < 0) {
        return code;
    }
    const struct secure_keys *keys =
        coax_secure_material_keys(session->material, session->context->credentials, session->server_name);
    if (keys == NULL) {
        return GNUTLS_E_MEMORY_ERROR;
    }
    session->handshake->keys = keys;
    return keys->certificate == NULL ? 0 : gnutls_credentials_set(tls, GNUTLS_CRD_CERTIFICATE, keys->certificate);
}

/* Who presents a raw public key wants to know its clients. Certificates are wanted if the entry that is presented has
   authorities for them, accepted if another has, else not asked for. */
static gnutls_certificate_request_t request_for(const struct secure_session *session) {
    const struct secure_keys *keys = session->handshake->keys;
    bool presents_raw_key = gnutls_certificate_type_get2(session->tls, GNUTLS_CTYPE_SERVER) == GNUTLS_CRT_RAWPK;
    bool shows_raw_key = gnutls_certificate_type_get2(session->tls, GNUTLS_CTYPE_CLIENT) == GNUTLS_CRT_RAWPK;
    bool is_mutual = keys != NULL && keys->x509 != NULL && keys->x509->trust.size > 0;
    if (presents_raw_key || shows_raw_key || is_mutual) {
        return GNUTLS_CERT_REQUIRE;
    }
    return session->material->trust_count > 0 ? GNUTLS_CERT_REQUEST : GNUTLS_CERT_IGNORE;
}

/* The ClientHello is read to its end, nothing is sent yet: the moment to decide what the client must show. */
static int finish_client_hello(gnutls_session_t tls, unsigned type, unsigned when, unsigned incoming,
                               const gnutls_datum_t *message) {
    (void)type;
    (void)when;
    (void)message;
    struct secure_session *session = gnutls_session_get_ptr(tls);
    if (incoming != 0 && session->handshake != NULL) {
        gnutls_certificate_request_t request = request_for(session);
        session->handshake->must_prove = request == GNUTLS_CERT_REQUIRE;
        gnutls_certificate_server_set_request(tls, request);
    }
    return 0;
}

static int configure(struct secure_session *session) {
    struct secure_context *context = session->context;
    const struct secure_material *material = session->material;
    int code = gnutls_priority_set(session->tls, material->priority);
    if (code >= 0) {
        code = gnutls_credentials_set(session->tls, GNUTLS_CRD_PSK, context->psk_server);
    }
    if (code >= 0 && material->presenting.certificate != NULL) {
        code = gnutls_credentials_set(session->tls, GNUTLS_CRD_CERTIFICATE, material->presenting.certificate);
        /* For now: without it GnuTLS would not negotiate the type of the client's certificate. */
        gnutls_certificate_server_set_request(session->tls, GNUTLS_CERT_REQUEST);
    }
    gnutls_handshake_set_post_client_hello_function(session->tls, read_server_name);
    gnutls_handshake_set_hook_function(session->tls, GNUTLS_HANDSHAKE_CLIENT_HELLO, GNUTLS_HOOK_POST,
                                       finish_client_hello);
    return code;
}

enum coax_status coax_secure_configure_server(struct secure_session *session, coax_error *error) {
    enum coax_status status = coax_secure_material_get(&session->material, session->context, error);
    if (status != COAX_OK) {
        return status;
    }
    int code = configure(session);
    return code < 0 ? coax_secure_fail_set_up(error, session->context->protocol, code) : COAX_OK;
}
