/* What the files of the DTLS sessions share among themselves. */
#ifndef COAX_SECURITY_DTLS_PRIVATE_H
#define COAX_SECURITY_DTLS_PRIVATE_H

#include "security/dtls.h"
#include "security/dtls_protection.h"
#include "security/secure.h"

#include <gnutls/dtls.h>

enum {
    DTLS_FRAGMENT_MAXIMUM = 16 * 1024 + 256, /* larger than what any peer may send */
    DTLS_FINISHED_MAXIMUM = 12 + 12,         /* a Finished message with its header (RFC 5246 section 7.4.9) */
    DTLS_HANDSHAKE_RECORD_MAXIMUM = 256      /* of a protected one, and what it becomes with a CID */
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
    bool can_read;          /* `protection` has keys and cipher to read with */
    unsigned write_ciphers; /* bits: of what its keys to write with may be */
    bool wants_cids, peer_has_cid;
    coax_instant deadline, retransmit, doubt; /* `doubt`: from when on a Finished that did not verify ends it */
    struct dtls_output output;
    uint8_t output_data[];
};

struct dtls_session {
    struct secure_session secure; /* GnuTLS's session is gone once this one is established */
    struct dtls_protection protection;
    struct dtls_context *context; /* not touched any more once the session is closed */
    bool free_wanted;             /* freed inside a callback */
    bool starved;                 /* GnuTLS asked for more than there was */
    /* A server's last flight, until a record shows that the client has it: the Finished, and the next sequence number
       of what goes out in clear. */
    uint8_t finished_size, finished[DTLS_FINISHED_MAXIMUM];
    uint64_t clear_next;
    unsigned busy; /* calls under way */
    const struct dtls_events *events;
    void *user;
    struct bytes input;               /* what is left of the datagram that came */
    struct dtls_output *output;       /* where records are collected; NULL: each is sent at once */
    struct dtls_handshake *handshake; /* NULL once established */
    coax_error *start_error;          /* where a failure goes while the session is being made; else NULL */
};

/* --- sessions (dtls_session.c) --- */

/* A session with transport and timeouts set; `flags` for gnutls_init beside the common ones. `cid` as for
   coax_dtls_server_new. */
enum coax_status coax_dtls_session_new(struct dtls_session **session, struct dtls_context *context, unsigned flags,
                                       struct bytes cid, const struct dtls_events *events, void *user, coax_instant now,
                                       coax_error *error);

/* Runs the handshake as far as it goes without input. Unlike _receive it does not call `closed`: a failure is returned.
 */
enum coax_status coax_dtls_session_start(struct dtls_session *session, const uint8_t *datagram, size_t size,
                                         coax_instant now, coax_error *error);

/* --- cookies (dtls_hello.c) --- */

void coax_dtls_cookie_wipe(struct dtls_cookie_secrets *secrets);

/* --- what GnuTLS reads and writes (dtls_translation.c) --- */

/* Has GnuTLS negotiate Connection IDs (RFC 9146 section 3). Returns GnuTLS's code. */
int coax_dtls_register_cid(struct dtls_session *session);

/* The next record for GnuTLS, of what came: in clear, or protected and authentic, then without its CID. Returns its
   size; 0 if none is left. */
size_t coax_dtls_translate_in(struct dtls_session *session, uint8_t *out, size_t capacity);

/* A record of GnuTLS's for the peer: with its CID if it has one. The result is `written`, or in `room`; empty if it
   cannot be. */
struct bytes coax_dtls_translate_out(struct dtls_session *session, struct bytes written,
                                     uint8_t room[DTLS_HANDSHAKE_RECORD_MAXIMUM]);

/* Takes keys and counters over; false if GnuTLS does not have them all. It must not read or write any more. */
bool coax_dtls_take_over(struct dtls_session *session);

#endif
