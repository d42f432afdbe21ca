/* TLS 1.2 and 1.3 sessions (RFC 5246, RFC 8446) over GnuTLS, as filters without sockets between a byte stream and its
   plaintext: bytes in, bytes out, the handshake's deadline as a number.

   No session is resumed, nothing is sent before the handshake is complete (no 0-RTT), a renegotiation is refused. */
#ifndef COAX_SECURITY_TLS_H
#define COAX_SECURITY_TLS_H

#include "base/bytes.h"
#include "base/clock.h"
#include "security/credentials.h"

/* What all sessions of an endpoint share: priorities, credentials. */
struct tls_context;

struct tls_settings {
    uint32_t handshake_timeout_ms;
    size_t maximum_output; /* bytes of TLS that wait in a session for the owner to take them; beyond it nothing is
                              sealed and no input is taken. One record or one flight of a handshake may go over it */
};

/* The largest piece of plaintext that `data` gets: a record's. */
enum { TLS_PLAINTEXT_MAXIMUM = 16 * 1024 };

/* `credentials` must outlive the context; its changes take effect for handshakes that start later. */
enum coax_status coax_tls_context_new(struct tls_context **context, const coax_credentials *credentials,
                                      const struct tls_settings *settings, coax_error *error);
void coax_tls_context_free(struct tls_context *context); /* NULL is allowed */

/* What is spoken inside (RFC 7301): "coap" for coaps+tcp (RFC 8323 section 8.2), "http/1.1" for coaps+ws. A client
 * offers it; a server chooses it, and refuses a client that offers others only. */
struct tls_application {
    const char *protocol; /* of at most 32 bytes, lives as long as its sessions; NULL: ALPN is not used */
    bool is_required;     /* a peer that does without ALPN is refused */
};

/* A session, client or server. */
struct tls_session;

/* The owner's callbacks. None is called inside coax_tls_session_free; `closed` comes at most once, is the last, and the
   owner may free the session inside it and inside every other. */
struct tls_events {
    /* Bytes for the stream, several records at a time. Returns how many of them it took; the rest waits for
       coax_tls_session_flush. Apart from _free and what only looks, nothing may be called inside. */
    size_t (*transmit)(void *user, const uint8_t *data, size_t size);
    /* The handshake is complete, the peer authenticated. */
    void (*established)(void *user);
    /* Plaintext, one record's at most; all of it is the owner's now. Returns false to pause: the
       coax_tls_session_receive that is under way returns. */
    bool (*data)(void *user, const uint8_t *data, size_t size);
    /* The session is over; what was said to the peer about it has gone through `transmit`. The peer's close_notify
       (COAX_E_CLOSE_NOTIFY, answered), its fatal alert (COAX_E_TLS_ALERT with number, name and, during a handshake, its
       likely cause), the stream's end without a close_notify (COAX_E_LOST), a failed handshake (COAX_E_HANDSHAKE,
       COAX_E_CERTIFICATE, COAX_E_HOST_NAME), its deadline (COAX_E_HANDSHAKE_TIMEOUT), bytes that are no TLS or were
       changed on their way (COAX_E_HANDSHAKE), COAX_E_NO_MEMORY. */
    void (*closed)(void *user, const coax_error *error);
};

/* Whether a credentials entry can be used by a TLS client: PSK, RPK, X509, TRUST. */
bool coax_tls_credential_usable(const struct credential *credential);

/* The entry for a connection to `uri` (full, as coax_uri_write gives it): a new reference. Where the store has none,
   one that stands for the system's certificate authorities, as every client of TLS uses them; COAX_E_NO_CREDENTIALS if
   it has none either. An entry that TLS cannot use stays an error: never other security than was asked for. */
enum coax_status coax_tls_credential_for_uri(const coax_credentials *credentials, struct tls_context *context,
                                             const char *uri, struct credential **credential, coax_error *error);

/* Starts a handshake: the ClientHello goes out through `transmit` inside this call. `server_name` is the host name for
   SNI and for the check of the certificate; of an IP literal there is no SNI, and the certificate must hold that IP
   address. With NULL there is nothing to check a certificate against: X509 and TRUST entries then end with
   COAX_E_HOST_NAME. Takes a reference on `credential`. COAX_E_CREDENTIALS_KIND, COAX_E_CREDENTIALS_SIZE,
   COAX_E_HANDSHAKE, COAX_E_NO_MEMORY. */
enum coax_status coax_tls_client_new(struct tls_session **session, struct tls_context *context,
                                     struct credential *credential, const char *server_name,
                                     const struct tls_application *application, const struct tls_events *events,
                                     void *user, coax_instant now, coax_error *error);

/* Waits for a ClientHello. A client must prove who it is if the server presents a raw public key or an X509 entry with
   authorities of its own; it may if another entry has authorities; it is not asked if none has. COAX_E_HANDSHAKE if the
   credentials hold nothing that a server can use, COAX_E_NO_MEMORY. */
enum coax_status coax_tls_server_new(struct tls_session **session, struct tls_context *context,
                                     const struct tls_application *application, const struct tls_events *events,
                                     void *user, coax_instant now, coax_error *error);

/* Feeds bytes of the stream, cut wherever it pleases. Returns how many were taken: all, unless `data` paused, the
   output is over its maximum, or the session ended. The rest must be given again, later; after a pause call it once
   more even without bytes. */
size_t coax_tls_session_receive(struct tls_session *session, const uint8_t *data, size_t size);

/* The stream has ended: no more bytes will come. Without a close_notify before it, this is the end of the session. */
void coax_tls_session_receive_end(struct tls_session *session);

/* Seals as much plaintext as the maximum of the output lets through; *taken is how much, 0 at worst. COAX_E_STATE
   before `established`, inside `transmit` and after _close; COAX_E_LIMIT or COAX_E_NO_MEMORY when the session can't go
   on: then only _free is legal, and `closed` is not called. */
enum coax_status coax_tls_session_send(struct tls_session *session, const uint8_t *data, size_t size, size_t *taken);

/* How many bytes wait for the owner to take them. */
size_t coax_tls_session_pending(const struct tls_session *session);

/* Whether a record has begun that is not whole: what a deadline for messages has to look at, too. */
bool coax_tls_session_is_within_record(const struct tls_session *session);

/* Bytes that are held for the owner and of the peer's unfinished record. */
size_t coax_tls_session_held(const struct tls_session *session);

/* Offers what waits to `transmit` again. Legal after `closed` too, while the session is not freed. */
void coax_tls_session_flush(struct tls_session *session);

bool coax_tls_session_is_established(const struct tls_session *session);

/* When coax_tls_session_expire must be called: the handshake's deadline, else COAX_NEVER. */
coax_instant coax_tls_session_deadline(const struct tls_session *session);
void coax_tls_session_expire(struct tls_session *session, coax_instant now);

/* The entry that names the peer: for a client the one it used; for a server the one whose identity, key or authority
 * the peer proved, NULL for a peer that proved nothing. Not a new reference. */
struct credential *coax_tls_session_credential(const struct tls_session *session);

/* The server name that the client sent or asked for, "" if none. */
const char *coax_tls_session_server_name(const struct tls_session *session);

/* The protocol that both agreed on (ALPN), "" if none. */
const char *coax_tls_session_protocol(const struct tls_session *session);

/* Sends close_notify if the session is established: nothing can be sent any more, what the peer still sends is received
   until its close_notify or its end. A session in a handshake just ends, without a word and without `closed`. */
void coax_tls_session_close(struct tls_session *session);

/* Frees without sending. Keys are wiped. NULL is allowed. */
void coax_tls_session_free(struct tls_session *session);

#endif
