/* DTLS 1.2 sessions (RFC 6347), as state machines without sockets: datagrams in, datagrams out, the next deadline as a
   number. GnuTLS does the handshake; then its session goes, and records are sealed and opened here.

   GnuTLS reads the monotonic clock itself for its retransmissions (../docs/architecture.md says how simulations own
   that clock); everything else takes `now`. */
#ifndef COAX_SECURITY_DTLS_H
#define COAX_SECURITY_DTLS_H

#include "base/address.h"
#include "base/bytes.h"
#include "base/clock.h"
#include "base/pack.h"
#include "security/credentials.h"

/* What all sessions of an endpoint share: priorities, cookie secret, credentials. */
struct dtls_context;

struct dtls_settings {
    uint32_t handshake_timeout_ms;
    uint32_t retransmit_timeout_ms; /* of the first flight; doubles */
    size_t mtu;                     /* of a datagram, 1280 suits IPv6 */
    size_t maximum_plaintext;       /* the largest message sent in a record or taken from one; at most 16128 */
    bool without_cids;              /* Connection IDs are neither offered nor taken up */
};

/* `credentials` must outlive the context; its changes take effect for handshakes that start later. */
enum coax_status coax_dtls_context_new(struct dtls_context **context, const coax_credentials *credentials,
                                       const struct dtls_settings *settings, coax_error *error);
void coax_dtls_context_free(struct dtls_context *context);

/* A session, client or server. */
struct dtls_session;

/* The owner's callbacks. None is called inside coax_dtls_session_close/_free; `closed` comes at most once, is the last,
 * and the owner may free the session inside it (and inside `message` and `established`). */
struct dtls_events {
    /* Sends one datagram. */
    void (*transmit)(void *user, const uint8_t *datagram, size_t size);
    /* The handshake is complete, the peer authenticated. */
    void (*established)(void *user);
    /* Something authentic came that is newer than all that came before: the peer is where it came from, if that is
       elsewhere (RFC 9146 section 6). Before `message`. May be NULL. */
    void (*newer)(void *user);
    /* One record's application data. */
    void (*message)(void *user, const uint8_t *data, size_t size);
    /* The session is over: the peer's close_notify at whatever level (COAX_E_CLOSE_NOTIFY), its fatal alert
       (COAX_E_TLS_ALERT with number, name and, during a handshake, its likely cause), a failed handshake
       (COAX_E_HANDSHAKE, COAX_E_CERTIFICATE, COAX_E_HOST_NAME), its deadline (COAX_E_HANDSHAKE_TIMEOUT, which names a
       wrong key as the likely cause when the peer had answered, and silence when not). */
    void (*closed)(void *user, const coax_error *error);
};

/* --- client --- */

/* Whether a credentials entry can be used by a DTLS client: PSK, RPK, X509, TRUST. */
bool coax_dtls_credential_usable(const struct credential *credential);

/* Starts a handshake: the ClientHello goes out through `transmit` inside this call. `server_name` is the host name for
   SNI and for the check of the certificate; of an IP literal there is no SNI, and the certificate must hold that IP
   address. With NULL there is nothing to check a certificate against: X509 and TRUST entries then end with
   COAX_E_HOST_NAME. Takes a reference on `credential`. `events` outlives the session. The server is offered to send it
   Connection IDs, and sends none itself: a client's records find it by its address. COAX_E_CREDENTIALS_KIND,
   COAX_E_CREDENTIALS_SIZE, COAX_E_HANDSHAKE, COAX_E_NO_MEMORY. */
enum coax_status coax_dtls_client_new(struct dtls_session **session, struct dtls_context *context,
                                      struct credential *credential, const char *server_name,
                                      const struct dtls_events *events, void *user, coax_instant now,
                                      coax_error *error);

/* --- server --- */

enum dtls_hello {
    DTLS_NOT_HELLO,
    DTLS_HELLO_ANSWERED /* a HelloVerifyRequest went out, nothing is kept */,
    DTLS_HELLO_VERIFIED /* the cookie is right: make a session */
};

/* Looks at a datagram from an address without a session, or a ClientHello from one that has one. Keeps no state: a
   ClientHello without a right cookie is answered with a HelloVerifyRequest, of no more bytes than came in, through
   `transmit`; with DTLS_HELLO_VERIFIED hand *the same* datagram to coax_dtls_server_new at once. The cookie covers
   `remote` and the secret, which changes with time. */
enum dtls_hello coax_dtls_hello(struct dtls_context *context, const struct address *remote, const uint8_t *datagram,
                                size_t size, coax_instant now,
                                void (*transmit)(void *user, const uint8_t *datagram, size_t size), void *user);

/* Makes a server session from the datagram that coax_dtls_hello verified last, and answers it. A client must prove who
   it is if the server presents a raw public key or an X509 entry with authorities of its own; it may if another entry
   has authorities; it is not asked if none has. `cid` (up to 32 bytes) is the Connection ID that a client which knows
   them will send (RFC 9146); empty: it is not offered one. A failure (COAX_E_HANDSHAKE, COAX_E_NO_MEMORY) is returned,
   `closed` is not called; the alert that goes with it is sent. */
enum coax_status coax_dtls_server_new(struct dtls_session **session, struct dtls_context *context,
                                      const uint8_t *datagram, size_t size, struct bytes cid,
                                      const struct dtls_events *events, void *user, coax_instant now,
                                      coax_error *error);

/* --- both --- */

/* What kind of datagram it is, from its first record's header, for an owner that has an old and a new session with one
 * address (RFC 6347 section 4.2.8). */
enum dtls_datagram {
    DTLS_DATAGRAM_INVALID,
    DTLS_DATAGRAM_CLIENT_HELLO /* epoch 0 */,
    DTLS_DATAGRAM_HANDSHAKE /* other handshake, ChangeCipherSpec; any epoch */,
    DTLS_DATAGRAM_ALERT,
    DTLS_DATAGRAM_APPLICATION,
    DTLS_DATAGRAM_WITH_CID /* of whatever kind; the CID is at DTLS_CID_OFFSET */
};
enum { DTLS_CID_OFFSET = 11 };
enum dtls_datagram coax_dtls_classify(const uint8_t *datagram, size_t size, uint16_t *epoch);

/* Feeds one datagram (one or more records). Records that do not authenticate are dropped without a trace. */
void coax_dtls_session_receive(struct dtls_session *session, const uint8_t *datagram, size_t size, coax_instant now);

/* Sends application data as one record, larger than the MTU too, up to `maximum_plaintext`. COAX_E_STATE before
   `established` or without data, COAX_E_TOO_LARGE, COAX_E_LIMIT when the sequence numbers of the epoch (2^48) are used
   up. */
enum coax_status coax_dtls_session_send(struct dtls_session *session, const uint8_t *data, size_t size);

bool coax_dtls_session_is_established(const struct dtls_session *session);
bool coax_dtls_session_is_client(const struct dtls_session *session);

/* When coax_dtls_session_expire must be called next: a retransmission or the handshake's deadline; COAX_NEVER when
 * there is nothing to wait for. Ask again after every call. */
coax_instant coax_dtls_session_deadline(const struct dtls_session *session, coax_instant now);
void coax_dtls_session_expire(struct dtls_session *session, coax_instant now);

/* What the peer's records carry, if it was given one and understood that; else empty. */
struct bytes coax_dtls_session_cid(const struct dtls_session *session);

/* The entry that names the peer: for a client the one it used; for a server the one whose identity, key or authority
 * the peer proved, NULL for a peer that proved nothing. Not a new reference. */
struct credential *coax_dtls_session_credential(const struct dtls_session *session);

/* The server name that the client sent or asked for, "" if none. */
const char *coax_dtls_session_server_name(const struct dtls_session *session);

/* Sends close_notify if the session is established (during a handshake, the fatal alert user_canceled is not sent:
 * nothing is). Silent otherwise; then only _free is legal. */
void coax_dtls_session_close(struct dtls_session *session);

/* Appends an established session of a server to `pack`, its keys too, and says nothing to the peer: from then on the
   session must not be used, only freed. Else its sequence numbers, and so its nonces, would be used again by who
   restores it. False, and nothing is written, for another session. */
bool coax_dtls_session_save(const struct dtls_session *session, struct pack *pack);

/* Makes the session that is next in *from. COAX_E_FORMAT; COAX_E_NO_CREDENTIALS: the entry by which the peer proved
   itself is gone or was changed (what was written of the session is taken all the same); COAX_E_NO_MEMORY. */
enum coax_status coax_dtls_session_restore(struct dtls_session **session, struct dtls_context *context,
                                           struct bytes *from, const struct dtls_events *events, void *user);

/* Frees without sending. Keys are wiped. NULL is allowed. */
void coax_dtls_session_free(struct dtls_session *session);

#endif
