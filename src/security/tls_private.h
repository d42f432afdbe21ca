/* What the files of the TLS sessions share among themselves. */
#ifndef COAX_SECURITY_TLS_PRIVATE_H
#define COAX_SECURITY_TLS_PRIVATE_H

#include "base/byte_queue.h"
#include "security/secure.h"
#include "security/tls.h"

struct tls_context {
    struct secure_context secure;
    size_t maximum_output;
};

/* A record's header and an alert. */
enum { TLS_CLEAR_ALERT_SIZE = 7 };

/* Content type, version, length (RFC 8446 section 5.1). */
enum { TLS_RECORD_HEADER_SIZE = 5 };

/* What a session needs only until it is established. */
struct tls_handshake {
    struct secure_handshake secure;
    coax_instant deadline;
    uint8_t last[TLS_CLEAR_ALERT_SIZE]; /* what GnuTLS has read last */
};

struct tls_session {
    struct secure_session secure;
    struct tls_events events;
    void *user;
    struct tls_handshake *handshake; /* NULL once established */
    struct tls_application application;
    const uint8_t *input; /* what GnuTLS reads next */
    size_t input_size;
    uint8_t record[TLS_RECORD_HEADER_SIZE]; /* the header of the record that is being read */
    uint8_t record_header;                  /* how many bytes of it are here; 0: between records */
    uint16_t record_left;                   /* bytes that are still to come of what follows it */
    size_t maximum_output;
    struct byte_queue output; /* TLS bytes that wait for the owner */
    unsigned busy;            /* calls under way */
    bool free_wanted;         /* freed inside a callback */
    bool starved;             /* GnuTLS asked for more than there was */
    bool paused;              /* `data` said so */
    bool is_driving;          /* inside coax_tls_session_receive */
    bool is_transmitting;     /* inside `transmit` */
    bool sent_close;          /* our close_notify */
    bool refused_hello;       /* a renegotiation's */
    bool out_of_memory;       /* what was to be sent could not be kept */
};

/* A session with its transport set; `flags` for gnutls_init beside the common ones. */
enum coax_status coax_tls_session_new(struct tls_session **session, struct tls_context *context, unsigned flags,
                                      const struct tls_application *application, const struct tls_events *events,
                                      void *user, coax_instant now, coax_error *error);

/* Sends the client's first flight. A failure is returned, `closed` is not called. */
enum coax_status coax_tls_session_start(struct tls_session *session, coax_error *error);

#endif
