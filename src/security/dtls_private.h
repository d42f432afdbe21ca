/* What the files of the DTLS sessions share among themselves. */
#ifndef COAX_SECURITY_DTLS_PRIVATE_H
#define COAX_SECURITY_DTLS_PRIVATE_H

#include "security/dtls.h"
#include "security/secure.h"

#include <gnutls/dtls.h>

enum {
    DTLS_RECORD_HEADER_SIZE = 13,
    DTLS_CONTENT_CHANGE_CIPHER_SPEC = 20,
    DTLS_CONTENT_ALERT = 21,
    DTLS_CONTENT_HANDSHAKE = 22,
    DTLS_CONTENT_APPLICATION_DATA = 23,
    DTLS_SEALED_ALERT_MAXIMUM = 64,
    DTLS_PLAINTEXT_MAXIMUM = 16 * 1024 - 256 /* of a record that GnuTLS sends */
};

struct dtls_cookie_secrets {
    gnutls_datum_t current, previous;
    coax_instant since; /* when `current` was made */
};

struct dtls_context {
    struct secure_context secure;
    struct dtls_settings settings;
    struct dtls_cookie_secrets cookie;
    gnutls_dtls_prestate_st verified; /* of the ClientHello that was verified last */
};

/* Records on their way into one datagram. */
struct dtls_output {
    size_t size, capacity;
    uint8_t *data;
};

/* What a session needs only until it is established. */
struct dtls_handshake {
    struct secure_handshake secure;
    coax_instant deadline, retransmit, doubt; /* `doubt`: from when on a Finished that did not verify ends it */
    struct dtls_output output;
    uint8_t output_data[];
};

struct dtls_session {
    struct secure_session secure;
    struct dtls_context *context; /* not touched any more once the session is closed */
    bool free_wanted;             /* freed inside a callback */
    bool starved;                 /* GnuTLS asked for more than there was */
    unsigned busy;                /* calls under way */
    struct dtls_events events;
    void *user;
    const uint8_t *input; /* the datagram that GnuTLS reads next */
    size_t input_size;
    struct dtls_output *output;       /* where GnuTLS's records are collected; NULL: each is sent at once */
    struct dtls_handshake *handshake; /* NULL once established */
    coax_error *start_error;          /* where a failure goes while the session is being made; else NULL */
};

/* --- sessions (dtls_session.c) --- */

/* A session with transport and timeouts set; `flags` for gnutls_init beside the common ones. */
enum coax_status coax_dtls_session_new(struct dtls_session **session, struct dtls_context *context, unsigned flags,
                                       const struct dtls_events *events, void *user, coax_instant now,
                                       coax_error *error);

/* Runs the handshake as far as it goes without input. Unlike _receive it does not call `closed`: a failure is returned.
 */
enum coax_status coax_dtls_session_start(struct dtls_session *session, const uint8_t *datagram, size_t size,
                                         coax_instant now, coax_error *error);

/* --- cookies (dtls_hello.c) --- */

void coax_dtls_cookie_wipe(struct dtls_cookie_secrets *secrets);

/* --- records (dtls_record.c) --- */

struct dtls_record {
    int content_type;
    uint16_t epoch;
    struct bytes fragment;
};

/* Takes the next record off *datagram; false if there is no complete one. */
bool coax_dtls_next_record(struct bytes *datagram, struct dtls_record *record);

/* Seals an alert with the session's next sequence number, for after GnuTLS has declared the session unusable: nothing
   may be sent through GnuTLS afterwards. Returns the size of the record, 0 on failure. */
size_t coax_dtls_seal_alert(gnutls_session_t tls, int level, int description, uint8_t out[DTLS_SEALED_ALERT_MAXIMUM]);

#endif
