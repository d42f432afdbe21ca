/* What DTLS and TLS sessions have in common: credentials made ready for GnuTLS, who the peer is, and why it failed. The
   two differ in a `struct secure_protocol`, and embed `struct secure_context`, `_session` and `_handshake`. */
#ifndef COAX_SECURITY_SECURE_H
#define COAX_SECURITY_SECURE_H

#include "security/credentials.h"
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>

enum secure_client_kind { SECURE_CLIENT_PSK, SECURE_CLIENT_RPK, SECURE_CLIENT_X509, SECURE_CLIENT_KINDS };

/* The words for sentences, and what differs in the priorities (of GnuTLS, each part with a leading ':'). */
struct secure_protocol {
    const char *name;          /* "DTLS" */
    const char *versions;      /* "DTLS 1.2" */
    const char *stalling;      /* what keeps a handshake from its end, beside the credentials */
    const char *priority;      /* of the versions, without a ':' */
    const char *psk_exchanges; /* with a pre-shared key */
    const char *ciphers;
    const char *key_ciphers; /* those that go with raw public keys and certificates only */
    const char *groups;      /* for key exchanges, the preferred one first */
    const char *signatures;  /* beside those that both have */
    bool has_binders;        /* a client's first message shows already that it has the pre-shared key (TLS 1.3) */
};

/* The authorities of one entry, ready for verifying. */
struct secure_trust {
    struct credential *credential;
    gnutls_x509_trust_list_t list;
    bool is_shared; /* the list is the context's */
};

/* What a server presents: its raw public key, its certificate, or both for the client to choose. */
struct secure_keys {
    struct secure_keys *next;
    struct credential *rpk, *x509;                /* either may be NULL */
    gnutls_certificate_credentials_t certificate; /* NULL without both */
};

/* All that a server builds from one generation of the store. Sessions hold on to the one that they began with. */
struct secure_material {
    unsigned references;
    uint64_t generation;
    bool has_psk;
    gnutls_priority_t priority;
    struct secure_keys presenting; /* when no server name asks for others */
    struct secure_keys *named;     /* those that a server name asked for */
    size_t named_count;
    struct secure_trust *trusts;
    size_t trust_count;
};

struct secure_context {
    const struct secure_protocol *protocol;
    const coax_credentials *credentials;
    uint32_t handshake_timeout_ms;
    gnutls_priority_t client_priorities[SECURE_CLIENT_KINDS];
    gnutls_psk_client_credentials_t psk_client; /* only callbacks: no secret is in them */
    gnutls_psk_server_credentials_t psk_server;
    struct secure_material *material; /* built when the first server session needs it */
    struct secure_trust system;       /* the system's authorities, loaded when the first client needs them */
};

enum secure_state { SECURE_HANDSHAKING, SECURE_ESTABLISHED, SECURE_CLOSED };

/* What a session needs only until it is established. */
struct secure_handshake {
    bool heard;            /* something came from the peer */
    bool refused_identity; /* server: no entry has the identity that the client named */
    bool accepted_peer;    /* the verify function was called and content */
    bool refused_peer;     /* `verdict` and `verdict_alert` say why */
    bool saw_close_notify; /* in clear, in what is being read */
    bool must_prove;       /* server: a client that shows nothing is refused */
    int verdict_alert;
    coax_error verdict;
    const struct secure_keys *keys; /* server: what is presented */
};

/* GnuTLS's session pointer is one of these. */
struct secure_session {
    struct secure_context *context; /* not touched any more once the session is closed */
    gnutls_session_t tls;
    enum secure_state state;
    bool is_server;
    bool is_unconfirmed; /* client, TLS 1.3: established, but nothing shows yet that the server took its proof */
    struct credential *credential;
    struct secure_material *material;              /* server */
    gnutls_certificate_credentials_t certificates; /* client */
    struct secure_trust trust;                     /* client */
    char *server_name;
    struct secure_handshake *handshake; /* NULL once established */
};

/* --- contexts (secure_context.c) --- */

/* Fills a context that is all zeros. COAX_E_HANDSHAKE, COAX_E_NO_MEMORY; _unload is legal in any case. */
enum coax_status coax_secure_context_load(struct secure_context *context, const struct secure_protocol *protocol,
                                          const coax_credentials *credentials, uint32_t handshake_timeout_ms,
                                          coax_error *error);
void coax_secure_context_unload(struct secure_context *context);

/* What priorities are for. */
enum { SECURE_FOR_PSK = 1, SECURE_FOR_RPK = 2, SECURE_FOR_X509 = 4, SECURE_FOR_SERVER = 8 };

/* Returns GnuTLS's code. */
int coax_secure_priority(gnutls_priority_t *priority, const struct secure_protocol *protocol, unsigned purposes);

/* --- sessions (secure_session.c) --- */

/* Frees what the session holds, GnuTLS's session too; not the structure, nor its handshake. */
void coax_secure_session_unload(struct secure_session *session);

/* The same but for what tells who the peer is: entry and server name. */
void coax_secure_session_detach(struct secure_session *session);

/* A handshake ends well only with a peer that was verified: GnuTLS calls the verify function and the key callback, this
   makes sure that it did, and drops an entry that the client named but did not use. */
bool coax_secure_is_peer_proved(struct secure_session *session);

/* Whether the session has keys to read or write with: its ChangeCipherSpec was received or sent. */
bool coax_secure_has_keys(gnutls_session_t tls, bool reading);

/* --- clients (secure_client.c) --- */

bool coax_secure_credential_usable(const struct credential *credential);

/* COAX_E_CREDENTIALS_KIND, COAX_E_CREDENTIALS_SIZE. */
enum coax_status coax_secure_check_credential(const struct secure_protocol *protocol,
                                              const struct credential *credential, coax_error *error);

/* For gnutls_init, of an entry that was checked. */
unsigned coax_secure_client_flags(const struct credential *credential);

/* Sets priorities, credentials and server name (may be NULL) of a session; takes a reference on `credential`. */
enum coax_status coax_secure_configure_client(struct secure_session *session, struct credential *credential,
                                              const char *server_name, coax_error *error);

/* --- servers (secure_server.c) --- */

/* Sets priorities and credentials, and how they follow from the ClientHello. */
enum coax_status coax_secure_configure_server(struct secure_session *session, coax_error *error);

/* --- the server's material (secure_material.c) --- */

/* The material of the store's present generation, a new reference. */
enum coax_status coax_secure_material_get(struct secure_material **material, struct secure_context *context,
                                          coax_error *error);
void coax_secure_material_unref(struct secure_material *material);

/* What a client that asks for `server_name` (may be NULL) gets presented; NULL if memory or the bound of such sets is
 * used up. */
const struct secure_keys *coax_secure_material_keys(struct secure_material *material,
                                                    const coax_credentials *credentials, const char *server_name);

/* Adds an entry's own key or certificate. Returns GnuTLS's code. */
int coax_secure_add_own_key(gnutls_certificate_credentials_t certificates, const struct credential *credential);

/* --- certificates and public keys (secure_verify.c) --- */

int coax_secure_trust_load(struct secure_trust *trust, struct credential *credential);

/* The same from the context's list of the system's authorities. */
void coax_secure_trust_share(struct secure_trust *trust, const struct secure_context *context);

/* The entry of the system's authorities, for clients that have none of their own: not a new reference. They are loaded
   once. COAX_E_NO_CREDENTIALS: the system has none; COAX_E_NO_MEMORY. */
enum coax_status coax_secure_system_trust(struct secure_context *context, struct credential **credential,
                                          coax_error *error);
void coax_secure_trust_unload(struct secure_trust *trust);

/* GnuTLS's verify function of every session: fills the handshake's verdict. */
int coax_secure_verify_peer(gnutls_session_t tls);

/* --- errors (secure_errors.c) --- */

enum coax_status coax_secure_fail_gnutls(coax_error *error, const char *what, int code);

/* The same for a session that cannot be set up. */
enum coax_status coax_secure_fail_set_up(coax_error *error, const struct secure_protocol *protocol, int code);

/* Why gnutls_handshake failed with `code`; *alert is what to tell the peer, -1 for nothing. */
void coax_secure_explain_failure(const struct secure_session *session, int code, coax_error *error, int *alert);

/* The peer's fatal alert, or its close_notify. */
void coax_secure_explain_alert(const struct secure_session *session, int alert, coax_error *error);

/* The handshake's deadline has come. */
void coax_secure_explain_timeout(const struct secure_session *session, coax_error *error);

/* The client's Finished did not verify. */
void coax_secure_explain_doubt(const struct secure_session *session, coax_error *error);

/* `entry "KEY" (PLACE)`, for sentences. */
enum { SECURE_ENTRY_TEXT = 220 };
const char *coax_secure_entry_text(const struct credential *credential, char out[SECURE_ENTRY_TEXT]);

#endif
