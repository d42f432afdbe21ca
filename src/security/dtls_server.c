#include "security/dtls_private.h"

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
static int keep_server_name(struct dtls_session *session) {
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

/* Presents the entry that the client's server name asks for, if that is not the one that is presented anyway. */
static int choose_keys(struct dtls_session *session, enum credential_kind kind, struct credential **presented) {
    struct dtls_material *material = session->material;
    *presented = kind == CREDENTIAL_RPK ? material->rpk : material->x509;
    if (session->server_name == NULL
        || material->generation != coax_credentials_generation(session->context->credentials)) {
        return 0;
    }
    struct credential *asked = coax_credentials_for_server(session->context->credentials, kind, session->server_name);
    if (asked == NULL || asked == *presented) {
        coax_credential_unref(asked);
        return 0;
    }
    gnutls_certificate_credentials_t keys = coax_dtls_material_keys(material, asked);
    *presented = asked;
    coax_credential_unref(asked); /* the material has a reference */
    return keys == NULL ? GNUTLS_E_MEMORY_ERROR : gnutls_credentials_set(session->tls, GNUTLS_CRD_CERTIFICATE, keys);
}

/* Who presents a raw public key wants to know its clients. Certificates are wanted if the entry that is presented has
   authorities for them, accepted if another has, else not asked for. */
static gnutls_certificate_request_t request_for(const struct dtls_session *session, enum credential_kind kind,
                                                const struct credential *presented) {
    bool shows_raw_key = gnutls_certificate_type_get2(session->tls, GNUTLS_CTYPE_CLIENT) == GNUTLS_CRT_RAWPK;
    if (kind == CREDENTIAL_RPK || shows_raw_key || (presented != NULL && presented->trust.size > 0)) {
        return GNUTLS_CERT_REQUIRE;
    }
    return session->material->trust_count > 0 ? GNUTLS_CERT_REQUEST : GNUTLS_CERT_IGNORE;
}

/* The extensions of the ClientHello are read, the cipher suite is not chosen yet. */
static int read_client_hello(gnutls_session_t tls) {
    struct dtls_session *session = gnutls_session_get_ptr(tls);
    if (session->state != DTLS_HANDSHAKING) {
        return GNUTLS_E_UNEXPECTED_PACKET;
    }
    int code = keep_server_name(session);
    if (code < 0 || session->material->presenting == NULL) {
        return code;
    }
    bool presents_raw_key = gnutls_certificate_type_get2(tls, GNUTLS_CTYPE_SERVER) == GNUTLS_CRT_RAWPK;
    enum credential_kind kind = presents_raw_key ? CREDENTIAL_RPK : CREDENTIAL_X509;
    struct credential *presented = NULL;
    code = choose_keys(session, kind, &presented);
    gnutls_certificate_server_set_request(tls, request_for(session, kind, presented));
    return code;
}

static int configure(struct dtls_session *session) {
    struct dtls_context *context = session->context;
    const struct dtls_material *material = session->material;
    int code = gnutls_priority_set(session->tls, material->priority);
    if (code >= 0) {
        code = gnutls_credentials_set(session->tls, GNUTLS_CRD_PSK, context->psk_server);
    }
    if (code >= 0 && material->presenting != NULL) {
        code = gnutls_credentials_set(session->tls, GNUTLS_CRD_CERTIFICATE, material->presenting);
        /* For now: without it GnuTLS would not negotiate the type of the client's certificate. */
        gnutls_certificate_server_set_request(session->tls, GNUTLS_CERT_REQUEST);
    }
    gnutls_handshake_set_post_client_hello_function(session->tls, read_client_hello);
    gnutls_dtls_prestate_set(session->tls, &context->verified);
    return code;
}

enum coax_status coax_dtls_server_new(struct dtls_session **session, struct dtls_context *context,
                                      const uint8_t *datagram, size_t size, const struct dtls_events *events,
                                      void *user, coax_instant now, coax_error *error) {
    struct dtls_session *created;
    unsigned flags = GNUTLS_SERVER | GNUTLS_ENABLE_RAWPK;
    enum coax_status status = coax_dtls_session_new(&created, context, flags, events, user, now, error);
    if (status != COAX_OK) {
        return status;
    }
    status = coax_dtls_material_get(&created->material, context, error);
    if (status == COAX_OK) {
        int code = configure(created);
        status = code < 0 ? coax_dtls_fail_gnutls(error, "The DTLS session could not be set up", code) : COAX_OK;
    }
    if (status == COAX_OK) {
        status = coax_dtls_session_start(created, datagram, size, now, error);
    }
    if (status != COAX_OK) {
        coax_dtls_session_free(created);
        return status;
    }
    *session = created;
    return COAX_OK;
}
