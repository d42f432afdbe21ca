/* Every way in which a session can end, as a sentence: what happened, where, what to do. */
#include "security/secure.h"

#include "base/error.h"
#include <stdio.h>

/* What tinydtls, which many constrained peers use, can take. */
enum { SMALL_PEER_KEY = 16, SMALL_PEER_IDENTITY = 32 };

enum coax_status coax_secure_fail_gnutls(coax_error *error, const char *what, int code) {
    if (code == GNUTLS_E_MEMORY_ERROR) {
        return coax_fail_memory(error);
    }
    return coax_fail(error, COAX_E_HANDSHAKE, "%s: %s", what, gnutls_strerror(code));
}

enum coax_status coax_secure_fail_set_up(coax_error *error, const struct secure_protocol *protocol, int code) {
    char what[80];
    (void)snprintf(what, sizeof what, "%s could not be set up", protocol->name);
    return coax_secure_fail_gnutls(error, what, code);
}

const char *coax_secure_entry_text(const struct credential *credential, char out[SECURE_ENTRY_TEXT]) {
    if (credential->is_system) {
        (void)snprintf(out, SECURE_ENTRY_TEXT, "the system");
        return out;
    }
    bool has_place = credential->source != NULL && credential->source[0] != '\0';
    (void)snprintf(out, SECURE_ENTRY_TEXT, "entry \"%.90s\"%s%.100s%s", credential->key, has_place ? " (" : "",
                   has_place ? credential->source : "", has_place ? ")" : "");
    return out;
}

static const char *kind_text(enum credential_kind kind) {
    static const char *const texts[] = {[CREDENTIAL_PSK] = "pre-shared key",
                                        [CREDENTIAL_RPK] = "raw public key",
                                        [CREDENTIAL_X509] = "certificate",
                                        [CREDENTIAL_TRUST] = "list of authorities"};
    return kind <= CREDENTIAL_TRUST ? texts[kind] : "credential";
}

/* Neither a ServerHello has come, nor another try's HelloRetryRequest been answered. */
static bool awaits_server_hello(gnutls_session_t tls) {
    int last = (int)gnutls_handshake_get_last_in(tls);
    return last == -1 || last == GNUTLS_HANDSHAKE_HELLO_RETRY_REQUEST;
}

/* A client that has shown what it knows and got no answer to it: in TLS 1.2 by its Finished; in TLS 1.3 by its
   ClientHello, and the ServerHello that answers says that the pre-shared key is right. */
static bool is_key_in_doubt(const struct secure_session *session) {
    if (session->is_server || session->credential->kind != CREDENTIAL_PSK) {
        return false;
    }
    if (awaits_server_hello(session->tls)) {
        return session->context->protocol->has_binders;
    }
    return coax_secure_has_keys(session->tls, false) && gnutls_protocol_get_version(session->tls) != GNUTLS_TLS1_3;
}

static const char *protocol_name(const struct secure_session *session) {
    return session->context->protocol->name;
}

/* --- alerts --- */

enum { KINDS_PSK = 1 << CREDENTIAL_PSK, KINDS_KEYS = 1 << CREDENTIAL_RPK | 1 << CREDENTIAL_X509, KINDS_ALL = ~0 };

/* What an alert during a client's handshake likely means, by the kind of its credentials; the first that fits. The
   sentence goes on after "the " KIND " of " ENTRY. */
static const struct alert_meaning {
    int alert;
    int kinds;
    const char *text;
} alert_meanings[] = {
    {GNUTLS_A_UNKNOWN_PSK_IDENTITY, KINDS_PSK, "has an identity that the peer does not know; compare client-identity"},
    {GNUTLS_A_DECRYPT_ERROR, KINDS_PSK, "is likely wrong; compare it with the peer's"},
    {GNUTLS_A_BAD_RECORD_MAC, KINDS_PSK, "is likely wrong; compare it with the peer's"},
    {GNUTLS_A_DECRYPTION_FAILED, KINDS_PSK, "is likely wrong; compare it with the peer's"},
    {GNUTLS_A_HANDSHAKE_FAILURE, KINDS_PSK,
     "is likely wrong, or unknown to the peer, or the peer takes no pre-shared keys; compare key and identity"},
    {GNUTLS_A_ILLEGAL_PARAMETER, KINDS_PSK, "or its identity is likely wrong; compare both with the peer's"},
    {GNUTLS_A_BAD_CERTIFICATE, KINDS_ALL, "was not accepted; is it known to the peer?"},
    {GNUTLS_A_UNSUPPORTED_CERTIFICATE, KINDS_ALL, "is of a kind that the peer does not take"},
    {GNUTLS_A_CERTIFICATE_REVOKED, KINDS_ALL, "is revoked, the peer says"},
    {GNUTLS_A_CERTIFICATE_EXPIRED, KINDS_ALL, "has expired or is not valid yet, the peer says; look at both clocks"},
    {GNUTLS_A_CERTIFICATE_UNKNOWN, KINDS_ALL, "was not accepted; is it known to the peer?"},
    {GNUTLS_A_UNKNOWN_CA, KINDS_ALL, "comes from an authority that the peer does not trust"},
    {GNUTLS_A_ACCESS_DENIED, KINDS_ALL, "is known to the peer, but not allowed there"},
    {GNUTLS_A_CERTIFICATE_REQUIRED, KINDS_ALL, "does not do: the peer wants a client certificate"},
    {GNUTLS_A_HANDSHAKE_FAILURE, KINDS_ALL,
     "does not fit what the peer takes: another kind of credentials, other cipher suites, or a client certificate"},
    {GNUTLS_A_INSUFFICIENT_SECURITY, KINDS_ALL, "fits none of the cipher suites that the peer takes"},
    {GNUTLS_A_DECRYPT_ERROR, KINDS_KEYS, "has a signature that the peer could not verify"},
};

static const char *find_meaning(int alert, enum credential_kind kind) {
    for (size_t i = 0; i < sizeof alert_meanings / sizeof alert_meanings[0]; i++) {
        const struct alert_meaning *meaning = &alert_meanings[i];
        if (meaning->alert == alert && (meaning->kinds & 1 << kind) != 0) {
            return meaning->text;
        }
    }
    return NULL;
}

static bool is_too_large_for_small_peers(const struct credential *credential) {
    return credential->kind == CREDENTIAL_PSK
           && (credential->identity.size > SMALL_PEER_IDENTITY || credential->psk.size > SMALL_PEER_KEY);
}

static void explain_refusal(const struct credential *credential, int alert, coax_error *error) {
    char entry[SECURE_ENTRY_TEXT];
    const char *meaning = find_meaning(alert, credential->kind);
    if (alert == GNUTLS_A_NO_APPLICATION_PROTOCOL) {
        coax_fail_alert(error, COAX_E_TLS_ALERT, alert,
                        "The peer refused the handshake with the alert %s (%d): it does not speak the protocol that "
                        "was asked for (ALPN); check the port and the scheme",
                        coax_alert_name(alert), alert);
    } else if (meaning != NULL) {
        coax_fail_alert(error, COAX_E_TLS_ALERT, alert,
                        "The peer refused the handshake with the alert %s (%d): the %s of %s %s",
                        coax_alert_name(alert), alert, kind_text(credential->kind),
                        coax_secure_entry_text(credential, entry), meaning);
    } else if (alert == GNUTLS_A_INTERNAL_ERROR && is_too_large_for_small_peers(credential)) {
        coax_fail_alert(error, COAX_E_TLS_ALERT, alert,
                        "The peer refused the handshake with the alert %s (%d): key or identity of %s may be too long "
                        "for it; some peers take only %d and %d bytes",
                        coax_alert_name(alert), alert, coax_secure_entry_text(credential, entry), SMALL_PEER_KEY,
                        SMALL_PEER_IDENTITY);
    } else {
        coax_fail_alert(error, COAX_E_TLS_ALERT, alert,
                        "The peer refused the handshake (with %s) with the alert %s (%d); its log may say why",
                        coax_secure_entry_text(credential, entry), coax_alert_name(alert), alert);
    }
}

/* Some peers end a handshake that came to nothing without saying why. */
static void explain_close(const struct secure_session *session, coax_error *error) {
    char entry[SECURE_ENTRY_TEXT];
    if (session->state != SECURE_HANDSHAKING) {
        coax_fail(error, COAX_E_CLOSE_NOTIFY, "The peer closed the %s session; the next request makes a new one",
                  protocol_name(session));
    } else if (is_key_in_doubt(session)) {
        coax_fail(error, COAX_E_CLOSE_NOTIFY,
                  "The peer closed the %s session during the handshake: the pre-shared key of %s is likely wrong; "
                  "compare it with the peer's",
                  protocol_name(session), coax_secure_entry_text(session->credential, entry));
    } else {
        coax_fail(error, COAX_E_CLOSE_NOTIFY, "The peer closed the %s session during the handshake",
                  protocol_name(session));
    }
}

void coax_secure_explain_alert(const struct secure_session *session, int alert, coax_error *error) {
    if (alert == GNUTLS_A_CLOSE_NOTIFY) {
        explain_close(session, error);
    } else if ((session->state == SECURE_HANDSHAKING || session->is_unconfirmed) && !session->is_server) {
        explain_refusal(session->credential, alert, error);
    } else {
        coax_fail_alert(error, COAX_E_TLS_ALERT, alert, "The peer ended the %s %s with the alert %s (%d)",
                        protocol_name(session), session->state == SECURE_HANDSHAKING ? "handshake" : "session",
                        coax_alert_name(alert), alert);
    }
}

/* --- failures on this side --- */

/* Failures that deserve more than GnuTLS's own words and alerts. */
static const struct failure {
    int code;
    int alert;
    const char *text;
} failures[] = {
    {GNUTLS_E_NO_CIPHER_SUITES, GNUTLS_A_HANDSHAKE_FAILURE,
     "there is no cipher suite that both sides take; do both hold the same kind of credentials (pre-shared key, raw "
     "public key, certificate)?"},
    {GNUTLS_E_UNKNOWN_CIPHER_SUITE, GNUTLS_A_HANDSHAKE_FAILURE,
     "there is no cipher suite that both sides take; do both hold the same kind of credentials (pre-shared key, raw "
     "public key, certificate)?"},
    {GNUTLS_E_INSUFFICIENT_CREDENTIALS, GNUTLS_A_HANDSHAKE_FAILURE,
     "both sides hold no common kind of credentials (pre-shared key, raw public key, certificate)"},
    {GNUTLS_E_NO_CERTIFICATE_FOUND, GNUTLS_A_HANDSHAKE_FAILURE,
     "the client showed no certificate or public key, and this server asks for one"},
    {GNUTLS_E_CERTIFICATE_REQUIRED, GNUTLS_A_HANDSHAKE_FAILURE,
     "the client showed no certificate or public key, and this server asks for one"},
    {GNUTLS_E_CERTIFICATE_ERROR, GNUTLS_A_BAD_CERTIFICATE, "the peer did not prove who it is"},
    {GNUTLS_E_NO_APPLICATION_PROTOCOL, GNUTLS_A_NO_APPLICATION_PROTOCOL,
     "the peer does not speak the protocol that is spoken here (ALPN); check the port and the scheme"},
    {GNUTLS_E_ILLEGAL_SRP_USERNAME, GNUTLS_A_UNKNOWN_PSK_IDENTITY, "the client's identity is longer than 128 bytes"},
};

static void explain_code(const struct secure_session *session, int code, coax_error *error, int *alert) {
    int level;
    const char *text = gnutls_strerror(code);
    *alert = gnutls_error_to_alert(code, &level);
    for (size_t i = 0; i < sizeof failures / sizeof failures[0]; i++) {
        if (failures[i].code == code) {
            text = failures[i].text;
            *alert = failures[i].alert;
        }
    }
    if (*alert < 0) {
        *alert = GNUTLS_A_INTERNAL_ERROR;
    }
    if (code == GNUTLS_E_UNSUPPORTED_VERSION_PACKET) {
        *alert = GNUTLS_A_PROTOCOL_VERSION;
        coax_fail(error, COAX_E_HANDSHAKE, "The %s handshake failed: the peer does not speak %s",
                  protocol_name(session), session->context->protocol->versions);
    } else {
        coax_fail(error, COAX_E_HANDSHAKE, "The %s handshake failed: %s", protocol_name(session), text);
    }
}

/* Over a stream nothing is lost, so what does not verify is told at once: in TLS 1.2 the Finished, in TLS 1.3 the
   binder of the ClientHello. */
static bool is_wrong_key(const struct secure_session *session, int code) {
    if (!session->is_server || session->credential == NULL || session->credential->kind != CREDENTIAL_PSK) {
        return false;
    }
    gnutls_protocol_t version = gnutls_protocol_get_version(session->tls);
    return (version == GNUTLS_TLS1_2 && code == GNUTLS_E_DECRYPTION_FAILED)
           || (version == GNUTLS_TLS1_3 && code == GNUTLS_E_RECEIVED_ILLEGAL_PARAMETER);
}

void coax_secure_explain_failure(const struct secure_session *session, int code, coax_error *error, int *alert) {
    const struct secure_handshake *handshake = session->handshake;
    *alert = -1;
    if (code == GNUTLS_E_FATAL_ALERT_RECEIVED) {
        coax_secure_explain_alert(session, (int)gnutls_alert_get(session->tls), error);
    } else if (handshake->saw_close_notify) {
        coax_secure_explain_alert(session, GNUTLS_A_CLOSE_NOTIFY, error);
    } else if (code == GNUTLS_E_TIMEDOUT) {
        coax_secure_explain_timeout(session, error);
    } else if (code == GNUTLS_E_MEMORY_ERROR) {
        coax_fail_memory(error);
        *alert = GNUTLS_A_INTERNAL_ERROR;
    } else if (handshake->refused_peer) {
        *error = handshake->verdict;
        *alert = handshake->verdict_alert;
    } else if (handshake->refused_identity) {
        coax_fail(error, COAX_E_HANDSHAKE,
                  "The client names an identity that no entry of the credentials has; add an entry with that "
                  "client-identity");
        *alert = GNUTLS_A_UNKNOWN_PSK_IDENTITY;
    } else if (is_wrong_key(session, code)) {
        coax_secure_explain_doubt(session, error);
        *alert = GNUTLS_A_DECRYPT_ERROR;
    } else {
        explain_code(session, code, error, alert);
    }
}

static double seconds(const struct secure_session *session) {
    return session->context->handshake_timeout_ms / 1000.0;
}

void coax_secure_explain_timeout(const struct secure_session *session, coax_error *error) {
    char entry[SECURE_ENTRY_TEXT];
    if (session->is_server) {
        coax_fail(error, COAX_E_HANDSHAKE_TIMEOUT, "The client did not finish the %s handshake within %g seconds",
                  protocol_name(session), seconds(session));
    } else if (!session->handshake->heard) {
        bool is_in_doubt = is_key_in_doubt(session);
        coax_fail(error, COAX_E_HANDSHAKE_TIMEOUT,
                  "Nobody answered the %s handshake within %g seconds; check host and port, and whether a %s server "
                  "runs there%s%s%s",
                  protocol_name(session), seconds(session), protocol_name(session),
                  is_in_doubt ? ", and the pre-shared key of " : "",
                  is_in_doubt ? coax_secure_entry_text(session->credential, entry) : "",
                  is_in_doubt ? ": some servers fall silent when it is wrong" : "");
    } else if (is_key_in_doubt(session)) {
        coax_fail(error, COAX_E_HANDSHAKE_TIMEOUT,
                  "The peer began the %s handshake and then fell silent for the rest of %g seconds: the pre-shared "
                  "key of %s is likely wrong; compare it with the peer's",
                  protocol_name(session), seconds(session), coax_secure_entry_text(session->credential, entry));
    } else {
        coax_fail(error, COAX_E_HANDSHAKE_TIMEOUT,
                  "The peer began the %s handshake (with %s), but did not finish it within %g seconds; %s, or it does "
                  "not take these credentials",
                  protocol_name(session), coax_secure_entry_text(session->credential, entry), seconds(session),
                  session->context->protocol->stalling);
    }
}

void coax_secure_explain_doubt(const struct secure_session *session, coax_error *error) {
    char entry[SECURE_ENTRY_TEXT];
    if (session->credential != NULL && session->credential->kind == CREDENTIAL_PSK) {
        coax_fail(error, COAX_E_HANDSHAKE,
                  "The client has a wrong key: its handshake cannot be verified with the pre-shared key of %s; "
                  "compare it with the client's",
                  coax_secure_entry_text(session->credential, entry));
    } else {
        coax_fail(error, COAX_E_HANDSHAKE, "The client's Finished cannot be read: a wrong key, or a forger");
    }
}
