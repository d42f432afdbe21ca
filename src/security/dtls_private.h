/* What the files of the DTLS sessions share among themselves. */
#ifndef COAX_SECURITY_DTLS_PRIVATE_H
#define COAX_SECURITY_DTLS_PRIVATE_H

#include "security/dtls.h"

#include <gnutls/dtls.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>

enum {
    DTLS_RECORD_HEADER_SIZE = 13,
    DTLS_CONTENT_CHANGE_CIPHER_SPEC = 20,
    DTLS_CONTENT_ALERT = 21,
    DTLS_CONTENT_HANDSHAKE = 22,
    DTLS_CONTENT_APPLICATION_DATA = 23,
    DTLS_SEALED_ALERT_MAXIMUM = 64,
    DTLS_PLAINTEXT_MAXIMUM = 16 * 1024 - 256 /* of a record that GnuTLS sends */
};

/* The authorities of one entry, ready for verifying. */
struct dtls_trust {
    struct credential *credential;
    gnutls_x509_trust_list_t list;
};

/* What a server presents: its raw public key, its certificate, or both for the client to choose. */
struct dtls_keys {
    struct dtls_keys *next;
    struct credential *rpk, *x509;                /* either may be NULL */
    gnutls_certificate_credentials_t certificate; /* NULL without both */
};

/* All that a server builds from one generation of the store. Sessions hold on to the one that they began with. */
struct dtls_material {
    unsigned references;
    uint64_t generation;
    gnutls_priority_t priority;
    struct dtls_keys presenting; /* when no server name asks for others */
    struct dtls_keys *named;     /* those that a server name asked for */
    size_t named_count;
    struct dtls_trust *trusts;
    size_t trust_count;
};

enum dtls_client_kind { DTLS_CLIENT_PSK, DTLS_CLIENT_RPK, DTLS_CLIENT_X509, DTLS_CLIENT_KINDS };

struct dtls_cookie_secrets {
    gnutls_datum_t current, previous;
    coax_instant since; /* when `current` was made */
};

struct dtls_context {
    const coax_credentials *credentials;
    struct dtls_settings settings;
    gnutls_priority_t client_priorities[DTLS_CLIENT_KINDS];
    gnutls_psk_client_credentials_t psk_client; /* only callbacks: no secret is in them */
    gnutls_psk_server_credentials_t psk_server;
    struct dtls_cookie_secrets cookie;
    gnutls_dtls_prestate_st verified; /* of the ClientHello that was verified last */
    struct dtls_material *material;   /* built when the first server session needs it */
};

enum dtls_state { DTLS_HANDSHAKING, DTLS_ESTABLISHED, DTLS_CLOSED };

/* Records on their way into one datagram. */
struct dtls_output {
    size_t size, capacity;
    uint8_t *data;
};

/* What a session needs only until it is established. */
struct dtls_handshake {
    coax_instant deadline, retransmit, doubt; /* `doubt`: from when on a Finished that did not verify ends it */
    bool heard;                               /* something came from the peer */
    bool refused_identity;                    /* server: no entry has the identity that the client named */
    bool accepted_peer;                       /* the verify function was called and content */
    bool refused_peer;                        /* `verdict` and `verdict_alert` say why */
    bool saw_close_notify;                    /* in clear, in the datagram that is being read */
    bool must_prove;                          /* server: a client that shows nothing is refused */
    int verdict_alert;
    coax_error verdict;
    const struct dtls_keys *keys; /* server: what is presented */
    struct dtls_output output;
    uint8_t output_data[];
};

struct dtls_session {
    struct dtls_context *context; /* not touched any more once the session is closed */
    gnutls_session_t tls;
    enum dtls_state state;
    bool is_server;
    bool free_wanted; /* freed inside a callback */
    bool starved;     /* GnuTLS asked for more than there was */
    unsigned busy;    /* calls under way */
    struct dtls_events events;
    void *user;
    struct credential *credential;
    struct dtls_material *material;                /* server */
    gnutls_certificate_credentials_t certificates; /* client */
    struct dtls_trust trust;                       /* client */
    char *server_name;
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

/* --- the server's material (dtls_material.c) --- */

/* The material of the store's present generation, a new reference. */
enum coax_status coax_dtls_material_get(struct dtls_material **material, struct dtls_context *context,
                                        coax_error *error);
void coax_dtls_material_unref(struct dtls_material *material);

/* What a client that asks for `server_name` (may be NULL) gets presented; NULL if memory or the bound of such sets is
 * used up. */
const struct dtls_keys *coax_dtls_material_keys(struct dtls_material *material, const coax_credentials *credentials,
                                                const char *server_name);

/* Adds an entry's own key or certificate. Returns GnuTLS's code. */
int coax_dtls_add_own_key(gnutls_certificate_credentials_t certificates, const struct credential *credential);

/* --- certificates and public keys (dtls_verify.c) --- */

int coax_dtls_trust_load(struct dtls_trust *trust, struct credential *credential);
void coax_dtls_trust_unload(struct dtls_trust *trust);

/* GnuTLS's verify function of every session: fills the handshake's verdict. */
int coax_dtls_verify_peer(gnutls_session_t tls);

/* --- errors (dtls_errors.c) --- */

enum coax_status coax_dtls_fail_gnutls(coax_error *error, const char *what, int code);

/* Why gnutls_handshake failed with `code`; *alert is what to tell the peer, -1 for nothing. */
void coax_dtls_explain_failure(const struct dtls_session *session, int code, coax_error *error, int *alert);

/* The peer's fatal alert, or its close_notify. */
void coax_dtls_explain_alert(const struct dtls_session *session, int alert, coax_error *error);

/* The handshake's deadline has come. */
void coax_dtls_explain_timeout(const struct dtls_session *session, coax_error *error);

/* The client's Finished did not verify for too long. */
void coax_dtls_explain_doubt(const struct dtls_session *session, coax_error *error);

/* `entry "KEY" (PLACE)`, for sentences. */
enum { DTLS_ENTRY_TEXT = 220 };
const char *coax_dtls_entry_text(const struct credential *credential, char out[DTLS_ENTRY_TEXT]);

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

/* Whether the session has keys to read or write with: its ChangeCipherSpec was received or sent. */
bool coax_dtls_has_keys(gnutls_session_t tls, bool reading);

/* Seals an alert with the session's next sequence number, for after GnuTLS has declared the session unusable: nothing
   may be sent through GnuTLS afterwards. Returns the size of the record, 0 on failure. */
size_t coax_dtls_seal_alert(gnutls_session_t tls, int level, int description, uint8_t out[DTLS_SEALED_ALERT_MAXIMUM]);

#endif
