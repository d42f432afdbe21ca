#include <coax/status.h>
#include <stddef.h>

struct status_entry {
    const char *name;
    const char *text;
};

/* Indexed by the negated status. The gap between the two ranges costs a little memory and saves a search. */
static const struct status_entry statuses[] = {
    [-COAX_OK] = {"COAX_OK", "Success"},
    [-COAX_E_INVALID] = {"COAX_E_INVALID", "An argument is outside what the function allows"},
    [-COAX_E_NO_MEMORY] = {"COAX_E_NO_MEMORY", "Memory ran out"},
    [-COAX_E_LIMIT] = {"COAX_E_LIMIT", "A configured limit is reached"},
    [-COAX_E_NOT_FOUND] = {"COAX_E_NOT_FOUND", "There is nothing of this name or number"},
    [-COAX_E_EXISTS] = {"COAX_E_EXISTS", "It exists already"},
    [-COAX_E_FORMAT] = {"COAX_E_FORMAT", "The bytes are not a well-formed CoAP message"},
    [-COAX_E_TOO_LARGE] = {"COAX_E_TOO_LARGE", "It is too large for its buffer or its limit"},
    [-COAX_E_URI] = {"COAX_E_URI", "This is not a URI that CoAP can use"},
    [-COAX_E_SYNTAX] = {"COAX_E_SYNTAX", "The text does not follow its grammar"},
    [-COAX_E_IO] = {"COAX_E_IO", "A file or a socket could not be used"},
    [-COAX_E_TIMEOUT] = {"COAX_E_TIMEOUT", "Nothing came back in time"},
    [-COAX_E_RESET] = {"COAX_E_RESET", "The peer rejected the message with a Reset"},
    [-COAX_E_CANCELLED] = {"COAX_E_CANCELLED", "It was cancelled"},
    [-COAX_E_REFUSED] = {"COAX_E_REFUSED", "Nobody listens on that port"},
    [-COAX_E_UNREACHABLE] = {"COAX_E_UNREACHABLE", "There is no route to the host"},
    [-COAX_E_RESOLVE] = {"COAX_E_RESOLVE", "The host name has no address"},
    [-COAX_E_NO_TRANSPORT] = {"COAX_E_NO_TRANSPORT", "No transport carries this scheme"},
    [-COAX_E_NO_CREDENTIALS] = {"COAX_E_NO_CREDENTIALS", "There are no credentials for this URI"},
    [-COAX_E_CREDENTIALS_KIND] = {"COAX_E_CREDENTIALS_KIND",
                                  "The credentials for this URI are of a kind that its transport cannot use"},
    [-COAX_E_CREDENTIALS_SIZE] = {"COAX_E_CREDENTIALS_SIZE", "A key or an identity is longer than DTLS can carry"},
    [-COAX_E_ANONYMOUS] = {"COAX_E_ANONYMOUS", "The remote cannot be expressed as a URI"},
    [-COAX_E_OPTION] = {"COAX_E_OPTION", "A critical option was not understood"},
    [-COAX_E_UNSUPPORTED] = {"COAX_E_UNSUPPORTED", "This is legal, but not supported"},
    [-COAX_E_STATE] = {"COAX_E_STATE", "This cannot be done now"},
    [-COAX_E_RESPONSE] = {"COAX_E_RESPONSE", "The peer answered with an error response"},
    [-COAX_E_CHANGED] = {"COAX_E_CHANGED", "The body changed while it was being transferred"},
    [-COAX_E_FATAL] = {"COAX_E_FATAL", "The connection is over"},
    [-COAX_E_CLOSE_NOTIFY] = {"COAX_E_CLOSE_NOTIFY", "The peer closed the security session"},
    [-COAX_E_TLS_ALERT] = {"COAX_E_TLS_ALERT", "The peer ended the security session with an alert"},
    [-COAX_E_HANDSHAKE] = {"COAX_E_HANDSHAKE", "The security handshake failed"},
    [-COAX_E_HANDSHAKE_TIMEOUT] = {"COAX_E_HANDSHAKE_TIMEOUT", "The security handshake did not finish in time"},
    [-COAX_E_CERTIFICATE] = {"COAX_E_CERTIFICATE", "The peer's certificate or public key is not trusted"},
    [-COAX_E_HOST_NAME] = {"COAX_E_HOST_NAME", "The peer's certificate is for another host name"},
    [-COAX_E_SHUT_DOWN] = {"COAX_E_SHUT_DOWN", "The endpoint was shut down"},
    [-COAX_E_DROPPED] = {"COAX_E_DROPPED", "The session was dropped to keep a bound, or because it was idle"},
    [-COAX_E_LOST] = {"COAX_E_LOST", "The connection ended without a goodbye"},
    [-COAX_E_UPGRADE] = {"COAX_E_UPGRADE", "The server did not agree to CoAP over WebSockets"},
    [-COAX_E_RELEASED] = {"COAX_E_RELEASED", "The peer released the connection"},
    [-COAX_E_ABORTED] = {"COAX_E_ABORTED", "The peer aborted the connection"},
};

enum { STATUS_COUNT = sizeof statuses / sizeof statuses[0] };

static const struct status_entry *find(enum coax_status status) {
    static const struct status_entry unknown = {"unknown status", "Unknown status"};
    int number = status;
    if (number > 0 || number <= -STATUS_COUNT || statuses[-number].name == NULL) {
        return &unknown;
    }
    return &statuses[-number];
}

const char *coax_status_name(enum coax_status status) {
    return find(status)->name;
}

const char *coax_status_text(enum coax_status status) {
    return find(status)->text;
}

/* The IANA registry of TLS alerts, with the names that RFC 5246 and RFC 8446 give them. */
static const char *const alerts[] = {
    [0] = "close_notify",
    [10] = "unexpected_message",
    [20] = "bad_record_mac",
    [21] = "decryption_failed",
    [22] = "record_overflow",
    [30] = "decompression_failure",
    [40] = "handshake_failure",
    [41] = "no_certificate",
    [42] = "bad_certificate",
    [43] = "unsupported_certificate",
    [44] = "certificate_revoked",
    [45] = "certificate_expired",
    [46] = "certificate_unknown",
    [47] = "illegal_parameter",
    [48] = "unknown_ca",
    [49] = "access_denied",
    [50] = "decode_error",
    [51] = "decrypt_error",
    [52] = "too_many_cids_requested",
    [60] = "export_restriction",
    [70] = "protocol_version",
    [71] = "insufficient_security",
    [80] = "internal_error",
    [86] = "inappropriate_fallback",
    [90] = "user_canceled",
    [100] = "no_renegotiation",
    [109] = "missing_extension",
    [110] = "unsupported_extension",
    [111] = "certificate_unobtainable",
    [112] = "unrecognized_name",
    [113] = "bad_certificate_status_response",
    [114] = "bad_certificate_hash_value",
    [115] = "unknown_psk_identity",
    [116] = "certificate_required",
    [120] = "no_application_protocol",
};

const char *coax_alert_name(int alert) {
    if (alert < 0 || (size_t)alert >= sizeof alerts / sizeof alerts[0] || alerts[alert] == NULL) {
        return "unknown alert";
    }
    return alerts[alert];
}
