/* Statuses and errors: every function that can fail returns an `enum coax_status`, and explains it in a `coax_error`.
 */
#ifndef COAX_STATUS_H
#define COAX_STATUS_H

#include <coax/export.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* 0 is success; negative is an error. At and below COAX_E_FATAL the connection (or the endpoint) that the call used is
   over; above it, only this call failed. The numbers are part of the ABI: new ones are added, none is changed. */
enum coax_status {
    COAX_OK = 0,
    COAX_E_INVALID = -1,             /* an argument is outside what the function documents */
    COAX_E_NO_MEMORY = -2,           /* an allocation failed */
    COAX_E_LIMIT = -3,               /* a configured bound is reached (peers, sessions, requests, queue) */
    COAX_E_NOT_FOUND = -4,           /* no such option, resource, label or name */
    COAX_E_EXISTS = -5,              /* it exists already */
    COAX_E_FORMAT = -6,              /* bytes that are not a CoAP message (RFC 7252 section 3) */
    COAX_E_TOO_LARGE = -7,           /* does not fit the buffer, the option's limit or the maximum message size */
    COAX_E_URI = -8,                 /* not a URI that CoAP can use (RFC 7252 section 6) */
    COAX_E_SYNTAX = -9,              /* a text (credentials, link-format) that does not follow its grammar */
    COAX_E_IO = -10,                 /* a file or socket call failed */
    COAX_E_TIMEOUT = -11,            /* no connection, no acknowledgement or no response in time */
    COAX_E_RESET = -12,              /* the peer rejected the message with a Reset */
    COAX_E_CANCELLED = -13,          /* cancelled by the caller */
    COAX_E_REFUSED = -14,            /* nobody listens there (ICMP port unreachable) */
    COAX_E_UNREACHABLE = -15,        /* no route to the host or network */
    COAX_E_RESOLVE = -16,            /* the host name has no address */
    COAX_E_NO_TRANSPORT = -17,       /* no transport carries this scheme */
    COAX_E_NO_CREDENTIALS = -18,     /* a secure scheme, and no credentials for this URI */
    COAX_E_CREDENTIALS_KIND = -19,   /* the credentials for this URI are of a kind that its transport cannot use */
    COAX_E_CREDENTIALS_SIZE = -20,   /* a key or identity is longer than the protocol can carry */
    COAX_E_ANONYMOUS = -21,          /* the remote cannot be expressed as a URI */
    COAX_E_OPTION = -22,             /* a critical option was not understood */
    COAX_E_UNSUPPORTED = -23,        /* legal, but this library does not do it */
    COAX_E_STATE = -24,              /* the object cannot do this now (already sent, already answered) */
    COAX_E_RESPONSE = -25,           /* the peer answered with an error response, which ends what was asked for */
    COAX_E_CHANGED = -26,            /* a body changed under way, and changed again when it was asked for anew */
    COAX_E_FATAL = -100,             /* not returned: the boundary */
    COAX_E_CLOSE_NOTIFY = -101,      /* the peer closed the security session in order */
    COAX_E_TLS_ALERT = -102,         /* the peer sent a fatal alert; `coax_error.alert` holds its number */
    COAX_E_HANDSHAKE = -103,         /* the security handshake failed on this side */
    COAX_E_HANDSHAKE_TIMEOUT = -104, /* the security handshake did not finish before its deadline */
    COAX_E_CERTIFICATE = -105,       /* the peer's certificate or public key is not trusted */
    COAX_E_HOST_NAME = -106,         /* the peer's certificate is valid, but for another host name */
    COAX_E_SHUT_DOWN = -107,         /* the endpoint was shut down */
    COAX_E_DROPPED = -108,           /* the session was dropped to keep a bound, or because it was idle */
    COAX_E_LOST = -109,              /* the connection ended without a goodbye of the protocol on it */
    COAX_E_UPGRADE = -110,           /* the server did not agree to CoAP over WebSockets */
    COAX_E_RELEASED = -111,          /* the peer released the connection (RFC 8323 section 5.5) */
    COAX_E_ABORTED = -112,           /* the peer aborted the connection (RFC 8323 section 5.6) */
};

/* What went wrong, for a program (status, alert) and for a person (text: one sentence or two, without a newline: what
   failed, where, what to do next). Filled by every function that takes a `coax_error *` and fails; untouched when it
   succeeds. The pointer may be NULL. The structure owns nothing and can be copied. */
typedef struct coax_error {
    enum coax_status status;
    int alert; /* the TLS alert's number (RFC 5246 section 7.2) with COAX_E_TLS_ALERT, else -1 */
    char text[480];
} coax_error;

/* The name of a status, such as "COAX_E_TIMEOUT"; "unknown status" for a number that is none. Static storage. */
COAX_API const char *coax_status_name(enum coax_status status);

/* A short sentence for a status, for where no coax_error is at hand. Static storage. */
COAX_API const char *coax_status_text(enum coax_status status);

/* The name of a TLS alert (RFC 5246 section 7.2, RFC 4279, RFC 7301), such as "unknown_psk_identity"; "unknown alert"
 * if none. */
COAX_API const char *coax_alert_name(int alert);

#ifdef __cplusplus
}
#endif
#endif
