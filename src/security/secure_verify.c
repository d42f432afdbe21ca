/* Whether a peer's certificate or raw public key is accepted, and if not, why. */
#include "security/secure.h"

#include "base/address.h"
#include "base/error.h"
#include <stdio.h>

enum { CHAIN_MAXIMUM = 16, NAMES_TEXT = 120, NAME_TEXT = 64 };

/* --- verdicts --- */

static int refuse(struct secure_session *session, int alert, const coax_error *verdict) {
    struct secure_handshake *handshake = session->handshake;
    handshake->refused_peer = true;
    handshake->verdict_alert = alert;
    handshake->verdict = *verdict;
    return GNUTLS_E_CERTIFICATE_ERROR;
}

/* What GnuTLS finds, the most telling first: an unknown issuer says more than a bad signature in the same chain. */
static const struct finding {
    unsigned bit;
    int alert;
    const char *text;
} findings[] = {
    {GNUTLS_CERT_REVOKED, GNUTLS_A_CERTIFICATE_REVOKED, "has been revoked"},
    {GNUTLS_CERT_SIGNER_NOT_CA, GNUTLS_A_BAD_CERTIFICATE, "was signed with a certificate that may not sign others"},
    {GNUTLS_CERT_SIGNER_NOT_FOUND, GNUTLS_A_UNKNOWN_CA, "comes from an unknown issuer"},
    {GNUTLS_CERT_EXPIRED, GNUTLS_A_CERTIFICATE_EXPIRED,
     "has expired, or that of one of its authorities; renew it, or set this machine's clock"},
    {GNUTLS_CERT_NOT_ACTIVATED, GNUTLS_A_CERTIFICATE_EXPIRED,
     "is not yet valid, or that of one of its authorities; compare the clocks of both machines"},
    {GNUTLS_CERT_INSECURE_ALGORITHM, GNUTLS_A_BAD_CERTIFICATE, "uses an algorithm or key size that is not secure"},
    {GNUTLS_CERT_SIGNATURE_FAILURE, GNUTLS_A_BAD_CERTIFICATE, "has a wrong signature"},
    {GNUTLS_CERT_SIGNER_CONSTRAINTS_FAILURE, GNUTLS_A_BAD_CERTIFICATE, "breaks the constraints of its authority"},
    {GNUTLS_CERT_PURPOSE_MISMATCH, GNUTLS_A_UNSUPPORTED_CERTIFICATE,
     "was not issued for this purpose (its extended key usage)"},
    {GNUTLS_CERT_UNKNOWN_CRIT_EXTENSIONS, GNUTLS_A_UNSUPPORTED_CERTIFICATE, "has a critical extension that is unknown"},
    {GNUTLS_CERT_INVALID, GNUTLS_A_BAD_CERTIFICATE, "is not valid"},
};

/* Names come from the peer: only what is safe on a terminal is shown. */
static void make_printable(char *text) {
    for (; *text != '\0'; text++) {
        if (*text < ' ' || *text > '~') {
            *text = '?';
        }
    }
}

static void issuer_text(gnutls_x509_crt_t certificate, char out[NAMES_TEXT]) {
    size_t size = NAMES_TEXT;
    if (gnutls_x509_crt_get_issuer_dn(certificate, out, &size) < 0) {
        (void)snprintf(out, NAMES_TEXT, "a nameless or long-named one");
    }
    make_printable(out);
}

/* The names that a certificate is for, as far as they fit. */
static void names_text(gnutls_x509_crt_t certificate, char out[NAMES_TEXT]) {
    size_t used = 0;
    out[0] = '\0';
    for (unsigned i = 0; used + NAME_TEXT < NAMES_TEXT; i++) {
        char name[NAME_TEXT] = "";
        size_t size = sizeof name - 1;
        int type = gnutls_x509_crt_get_subject_alt_name(certificate, i, name, &size, NULL);
        if (type == GNUTLS_E_REQUESTED_DATA_NOT_AVAILABLE) {
            break;
        }
        if (type == GNUTLS_SAN_DNSNAME) {
            name[size] = '\0';
            make_printable(name);
            used += (size_t)snprintf(out + used, NAMES_TEXT - used, "%s\"%s\"", used == 0 ? "" : ", ", name);
        }
    }
    if (used == 0) {
        (void)snprintf(out, NAMES_TEXT, "other names");
    }
}

static int refuse_certificate(struct secure_session *session, gnutls_x509_crt_t leaf, unsigned status,
                              const struct secure_trust *trust) {
    const struct finding *finding = findings;
    const struct finding *last = &findings[sizeof findings / sizeof findings[0] - 1];
    while (finding < last && (status & finding->bit) == 0) {
        finding++;
    }
    coax_error verdict;
    char entry[SECURE_ENTRY_TEXT];
    char names[NAMES_TEXT];
    (void)coax_secure_entry_text(trust->credential, entry);
    if (finding->bit == GNUTLS_CERT_SIGNER_NOT_FOUND) {
        issuer_text(leaf, names);
        coax_fail(
            &verdict, COAX_E_CERTIFICATE,
            "The peer's certificate comes from an unknown issuer, %s, which is not among the authorities of %s; %s",
            names, entry,
            trust->credential->is_system
                ? "name that authority's certificate in a tlscert entry of the credentials for this URI"
                : "add that authority's certificate to its trust");
    } else {
        coax_fail(&verdict, COAX_E_CERTIFICATE, "The peer's certificate %s (verified with the authorities of %s)",
                  finding->text, entry);
    }
    return refuse(session, finding->alert, &verdict);
}

static int refuse_host_name(struct secure_session *session, gnutls_x509_crt_t leaf) {
    coax_error verdict;
    char names[NAMES_TEXT];
    names_text(leaf, names);
    const char *wanted = session->server_name;
    if (wanted == NULL) {
        coax_fail(&verdict, COAX_E_HOST_NAME,
                  "The peer's certificate is for %s, and the host was not named, so nothing tells that it is the right "
                  "one; use a URI with its name or address",
                  names);
    } else {
        coax_fail(&verdict, COAX_E_HOST_NAME,
                  "The peer's certificate is for %s, not for \"%.100s\"; use a name that it holds, or have one issued "
                  "for this host",
                  names, wanted);
    }
    return refuse(session, GNUTLS_A_BAD_CERTIFICATE, &verdict);
}

static int refuse_with(struct secure_session *session, int alert, const char *text) {
    coax_error verdict;
    coax_fail(&verdict, COAX_E_CERTIFICATE, "%s", text);
    return refuse(session, alert, &verdict);
}

/* --- X.509 --- */

int coax_secure_trust_load(struct secure_trust *trust, struct credential *credential) {
    int code = gnutls_x509_trust_list_init(&trust->list, 0);
    if (code < 0) {
        trust->list = NULL;
        return code;
    }
    gnutls_datum_t pem = {(unsigned char *)(uintptr_t)credential->trust.data, (unsigned)credential->trust.size};
    code = gnutls_x509_trust_list_add_trust_mem(trust->list, &pem, NULL, GNUTLS_X509_FMT_PEM, 0, 0);
    if (code < 0) {
        gnutls_x509_trust_list_deinit(trust->list, 1);
        trust->list = NULL;
        return code;
    }
    trust->credential = coax_credential_ref(credential);
    return 0;
}

void coax_secure_trust_share(struct secure_trust *trust, const struct secure_context *context) {
    *trust = (struct secure_trust){coax_credential_ref(context->system.credential), context->system.list, true};
}

void coax_secure_trust_unload(struct secure_trust *trust) {
    if (trust->list != NULL && !trust->is_shared) {
        gnutls_x509_trust_list_deinit(trust->list, 1);
    }
    trust->list = NULL;
    coax_credential_unref(trust->credential);
    trust->credential = NULL;
}

/* A peer's chain, leaf first. */
struct chain {
    gnutls_x509_crt_t certificates[CHAIN_MAXIMUM];
    unsigned count;
};

static void drop_chain(struct chain *chain) {
    for (unsigned i = 0; i < chain->count; i++) {
        gnutls_x509_crt_deinit(chain->certificates[i]);
    }
}

static int load_chain(struct chain *chain, const gnutls_datum_t *certificates, unsigned count) {
    chain->count = 0;
    for (unsigned i = 0; i < count && i < CHAIN_MAXIMUM; i++) {
        int code = gnutls_x509_crt_init(&chain->certificates[i]);
        if (code < 0) {
            return code;
        }
        chain->count++;
        code = gnutls_x509_crt_import(chain->certificates[i], &certificates[i], GNUTLS_X509_FMT_DER);
        if (code < 0) {
            return code;
        }
    }
    return 0;
}

/* GnuTLS sorts the certificates in place, so each check gets a list of its own. */
static unsigned check_chain(const struct chain *chain, const struct secure_trust *trust, const char *purpose) {
    gnutls_x509_crt_t certificates[CHAIN_MAXIMUM];
    memcpy(certificates, chain->certificates, chain->count * sizeof certificates[0]);
    gnutls_typed_vdata_st data = {GNUTLS_DT_KEY_PURPOSE_OID, (unsigned char *)(uintptr_t)purpose, 0};
    unsigned status = 0;
    int code = gnutls_x509_trust_list_verify_crt2(trust->list, certificates, chain->count, &data, 1,
                                                  GNUTLS_PROFILE_TO_VFLAGS(GNUTLS_PROFILE_LOW), &status, NULL);
    return code < 0 ? GNUTLS_CERT_INVALID : status;
}

/* RFC 7252 section 9.1.3.3: an IP literal is looked for among the certificate's IP addresses only. */
static bool is_for_host(gnutls_x509_crt_t leaf, const char *host) {
    struct address address;
    memset(&address, 0, sizeof address);
    if (host == NULL) {
        return false;
    }
    if (!coax_address_parse_ip(host, address.ip)) {
        return gnutls_x509_crt_check_hostname2(leaf, host, GNUTLS_VERIFY_DO_NOT_ALLOW_IP_MATCHES) != 0;
    }
    bool is_ip4 = coax_address_is_ip4(&address);
    return gnutls_x509_crt_check_ip(leaf, is_ip4 ? address.ip + 12 : address.ip, is_ip4 ? 4 : 16, 0) != 0;
}

static int verify_server_chain(struct secure_session *session, const struct chain *chain) {
    unsigned status = check_chain(chain, &session->trust, GNUTLS_KP_TLS_WWW_SERVER);
    if (status != 0) {
        return refuse_certificate(session, chain->certificates[0], status, &session->trust);
    }
    if (!is_for_host(chain->certificates[0], session->server_name)) {
        return refuse_host_name(session, chain->certificates[0]);
    }
    return 0;
}

static int verify_client_chain(struct secure_session *session, const struct chain *chain) {
    const struct secure_material *material = session->material;
    const struct secure_trust *closest = NULL;
    unsigned closest_status = 0;
    for (size_t i = 0; i < material->trust_count; i++) {
        const struct secure_trust *trust = &material->trusts[i];
        unsigned status = check_chain(chain, trust, GNUTLS_KP_TLS_WWW_CLIENT);
        if (status == 0) {
            coax_credential_unref(session->credential);
            session->credential = coax_credential_ref(trust->credential);
            return 0;
        }
        /* The entry that knows the issuer has the better reason. */
        if (closest == NULL || (closest_status & GNUTLS_CERT_SIGNER_NOT_FOUND) != 0) {
            closest = trust;
            closest_status = status;
        }
    }
    if (closest == NULL) {
        return refuse_with(session, GNUTLS_A_UNKNOWN_CA,
                           "The client's certificate cannot be verified: no entry of the credentials has trust");
    }
    return refuse_certificate(session, chain->certificates[0], closest_status, closest);
}

static int verify_x509(struct secure_session *session, const gnutls_datum_t *certificates, unsigned count) {
    struct chain chain;
    int code = load_chain(&chain, certificates, count);
    if (code == GNUTLS_E_MEMORY_ERROR) {
        drop_chain(&chain);
        return code;
    }
    if (code < 0 || chain.count == 0) {
        drop_chain(&chain);
        return refuse_with(session, GNUTLS_A_BAD_CERTIFICATE, "The peer's certificate cannot be read");
    }
    code = session->is_server ? verify_client_chain(session, &chain) : verify_server_chain(session, &chain);
    drop_chain(&chain);
    return code;
}

/* --- raw public keys --- */

static int verify_key(struct secure_session *session, struct bytes spki) {
    if (session->is_server) {
        struct credential *credential = coax_credentials_for_public_key(session->context->credentials, spki);
        if (credential == NULL) {
            return refuse_with(session, GNUTLS_A_BAD_CERTIFICATE,
                               "The client's raw public key is not in the credentials; add an entry with it as "
                               "peer_public_key");
        }
        coax_credential_unref(session->credential);
        session->credential = credential;
        return 0;
    }
    if (bytes_equal(spki, session->credential->peer_public_key)) {
        return 0;
    }
    coax_error verdict;
    char entry[SECURE_ENTRY_TEXT];
    coax_fail(&verdict, COAX_E_CERTIFICATE,
              "The peer's raw public key is not the one of %s: another host, or its key was changed; compare its "
              "peer_public_key",
              coax_secure_entry_text(session->credential, entry));
    return refuse(session, GNUTLS_A_BAD_CERTIFICATE, &verdict);
}

static bool expects_raw_key(const struct secure_session *session) {
    return session->is_server || session->credential->kind == CREDENTIAL_RPK;
}

static bool expects_certificate(const struct secure_session *session) {
    return session->is_server || session->trust.list != NULL;
}

static int verify_any(struct secure_session *session, const gnutls_datum_t *certificates, unsigned count) {
    gnutls_certificate_type_t type = gnutls_certificate_type_get2(session->tls, GNUTLS_CTYPE_PEERS);
    if (type == GNUTLS_CRT_RAWPK && expects_raw_key(session)) {
        return verify_key(session, bytes_of(certificates[0].data, certificates[0].size));
    }
    if (type == GNUTLS_CRT_X509 && expects_certificate(session)) {
        return verify_x509(session, certificates, count);
    }
    return refuse_with(session, GNUTLS_A_UNSUPPORTED_CERTIFICATE,
                       "The peer showed a certificate of a kind that was not asked for");
}

int coax_secure_verify_peer(gnutls_session_t tls) {
    struct secure_session *session = gnutls_session_get_ptr(tls);
    if (session->handshake == NULL || session->state != SECURE_HANDSHAKING) {
        return GNUTLS_E_CERTIFICATE_ERROR;
    }
    unsigned count = 0;
    const gnutls_datum_t *certificates = gnutls_certificate_get_peers(tls, &count);
    if (certificates == NULL || count == 0) {
        /* A client may stay anonymous where it was not required to show something. */
        return session->is_server
                   ? 0
                   : refuse_with(session, GNUTLS_A_BAD_CERTIFICATE, "The peer showed no certificate or public key");
    }
    int code = verify_any(session, certificates, count);
    session->handshake->accepted_peer = code == 0;
    return code;
}
