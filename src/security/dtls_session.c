/* What client and server sessions have in common: GnuTLS fed with one datagram at a time, and what becomes of it. */
#include "security/dtls_private.h"

#include "base/error.h"
#include "base/wipe.h"
#include <errno.h>
#include <stdlib.h>

enum {
    TURNS_MAXIMUM = 64, /* of GnuTLS for one datagram: a record takes one or two */
    LAST_FLIGHT_MAXIMUM = 256,
    RECORD_MAXIMUM = 16 * 1024,
    DOUBT_MS = 2000,                   /* how long a client may correct a Finished that did not verify */
    GNUTLS_OWN_DEADLINE_MS = 60 * 1000 /* behind ours, so that ours is the one that ends a handshake */
};

/* --- output --- */

static void transmit(const struct dtls_session *session, const uint8_t *datagram, size_t size) {
    session->events.transmit(session->user, datagram, size);
}

static void flush(struct dtls_session *session) {
    struct dtls_output *output = session->output;
    if (output != NULL && output->size > 0) {
        size_t size = output->size;
        output->size = 0;
        transmit(session, output->data, size);
    }
}

/* GnuTLS sends each handshake message by itself; a flight is put together here, as many as fit into one datagram. */
static ssize_t push(gnutls_transport_ptr_t user, const void *data, size_t size) {
    struct dtls_session *session = user;
    struct dtls_output *output = session->output;
    if (output == NULL || size > output->capacity) {
        flush(session);
        transmit(session, data, size);
        return (ssize_t)size;
    }
    if (size > output->capacity - output->size) {
        flush(session);
    }
    memcpy(output->data + output->size, data, size);
    output->size += size;
    return (ssize_t)size;
}

/* --- input --- */

static ssize_t pull(gnutls_transport_ptr_t user, void *data, size_t capacity) {
    struct dtls_session *session = user;
    if (session->input == NULL) {
        session->starved = true;
        gnutls_transport_set_errno(session->secure.tls, EAGAIN);
        return -1;
    }
    size_t size = session->input_size < capacity ? session->input_size : capacity;
    memcpy(data, session->input, size);
    session->input = NULL;
    return (ssize_t)size;
}

static int pull_timeout(gnutls_transport_ptr_t user, unsigned ms) {
    (void)ms;
    struct dtls_session *session = user;
    return session->input != NULL;
}

/* --- life --- */

static void destroy(struct dtls_session *session) {
    coax_secure_session_unload(&session->secure);
    free(session->handshake);
    coax_wipe_free(session, sizeof *session);
}

/* Calls into a session are bracketed by these two, so that it can be freed inside its own callbacks. */
static void enter(struct dtls_session *session) {
    session->busy++;
}

static void leave(struct dtls_session *session) {
    if (--session->busy == 0 && session->free_wanted) {
        destroy(session);
    }
}

static enum coax_status prepare(struct dtls_session *session, unsigned flags, coax_instant now, coax_error *error) {
    const struct dtls_settings *settings = &session->context->settings;
    struct dtls_handshake *handshake = calloc(1, sizeof *handshake + settings->mtu);
    if (handshake == NULL) {
        return coax_fail_memory(error);
    }
    session->handshake = handshake;
    session->secure.handshake = &handshake->secure;
    handshake->output = (struct dtls_output){0, settings->mtu, handshake->output_data};
    session->output = &handshake->output;
    handshake->deadline = coax_instant_after_ms(now, settings->handshake_timeout_ms);
    handshake->retransmit = handshake->doubt = COAX_NEVER;
    int code = gnutls_init(&session->secure.tls, flags | GNUTLS_DATAGRAM | GNUTLS_NONBLOCK | GNUTLS_NO_TICKETS);
    if (code < 0) {
        session->secure.tls = NULL;
        return coax_secure_fail_set_up(error, session->context->secure.protocol, code);
    }
    gnutls_session_set_ptr(session->secure.tls, &session->secure);
    gnutls_transport_set_ptr(session->secure.tls, session);
    gnutls_transport_set_push_function(session->secure.tls, push);
    gnutls_transport_set_pull_function(session->secure.tls, pull);
    gnutls_transport_set_pull_timeout_function(session->secure.tls, pull_timeout);
    gnutls_dtls_set_mtu(session->secure.tls, (unsigned)settings->mtu);
    gnutls_dtls_set_timeouts(session->secure.tls, settings->retransmit_timeout_ms,
                             settings->handshake_timeout_ms + GNUTLS_OWN_DEADLINE_MS);
    gnutls_session_set_verify_function(session->secure.tls, coax_secure_verify_peer);
    return COAX_OK;
}

enum coax_status coax_dtls_session_new(struct dtls_session **session, struct dtls_context *context, unsigned flags,
                                       const struct dtls_events *events, void *user, coax_instant now,
                                       coax_error *error) {
    struct dtls_session *created = calloc(1, sizeof *created);
    if (created == NULL) {
        return coax_fail_memory(error);
    }
    created->context = context;
    created->secure.context = &context->secure;
    created->secure.is_server = (flags & GNUTLS_SERVER) != 0;
    created->events = *events;
    created->user = user;
    enum coax_status status = prepare(created, flags, now, error);
    if (status != COAX_OK) {
        destroy(created);
        return status;
    }
    *session = created;
    return COAX_OK;
}

void coax_dtls_session_free(struct dtls_session *session) {
    if (session == NULL) {
        return;
    }
    session->secure.state = SECURE_CLOSED;
    session->free_wanted = true;
    if (session->busy == 0) {
        destroy(session);
    }
}

static void end(struct dtls_session *session, const coax_error *error) {
    flush(session);
    session->secure.state = SECURE_CLOSED;
    if (session->start_error != NULL) {
        *session->start_error = *error;
    } else {
        session->events.closed(session->user, error);
    }
}

/* --- the handshake --- */

static void send_alert(struct dtls_session *session, gnutls_alert_level_t level, int alert) {
    (void)gnutls_alert_send(session->secure.tls, level, (gnutls_alert_description_t)alert);
}

static void fail_handshake(struct dtls_session *session, int code) {
    coax_error error;
    int alert;
    coax_secure_explain_failure(&session->secure, code, &error, &alert);
    if (alert >= 0) {
        send_alert(session, GNUTLS_AL_FATAL, alert);
    } else if (error.status == COAX_E_CLOSE_NOTIFY) {
        send_alert(session, GNUTLS_AL_WARNING, GNUTLS_A_CLOSE_NOTIFY);
    }
    end(session, &error);
}

static void establish(struct dtls_session *session) {
    if (!coax_secure_is_peer_proved(&session->secure)) {
        fail_handshake(session, GNUTLS_E_CERTIFICATE_ERROR);
        return;
    }
    flush(session);
    const struct dtls_settings *settings = &session->context->settings;
    free(session->handshake);
    session->handshake = NULL;
    session->secure.handshake = NULL;
    session->output = NULL;
    session->secure.state = SECURE_ESTABLISHED;
    /* Handshake messages are cut to the path's MTU; the size of messages is their sender's choice. */
    if (settings->maximum_plaintext > settings->mtu - DTLS_SEALED_ALERT_MAXIMUM) {
        size_t mtu =
            settings->maximum_plaintext < DTLS_PLAINTEXT_MAXIMUM ? settings->maximum_plaintext : DTLS_PLAINTEXT_MAXIMUM;
        gnutls_dtls_set_mtu(session->secure.tls, (unsigned)mtu + DTLS_SEALED_ALERT_MAXIMUM);
    }
    session->events.established(session->user);
}

static void step_handshake(struct dtls_session *session) {
    int code = gnutls_handshake(session->secure.tls);
    if (code >= 0) {
        establish(session);
    } else if (gnutls_error_is_fatal(code) != 0) {
        fail_handshake(session, code);
    }
}

/* --- an established session --- */

static void end_by_peer(struct dtls_session *session, int code) {
    coax_error error;
    int alert = code == 0 ? GNUTLS_A_CLOSE_NOTIFY : (int)gnutls_alert_get(session->secure.tls);
    coax_secure_explain_alert(&session->secure, alert, &error);
    if (code == 0) {
        send_alert(session, GNUTLS_AL_WARNING, GNUTLS_A_CLOSE_NOTIFY);
    } else if (alert == GNUTLS_A_CLOSE_NOTIFY) { /* at level fatal: GnuTLS sends nothing any more */
        uint8_t record[DTLS_SEALED_ALERT_MAXIMUM];
        size_t size = coax_dtls_seal_alert(session->secure.tls, GNUTLS_AL_WARNING, GNUTLS_A_CLOSE_NOTIFY, record);
        if (size > 0) {
            transmit(session, record, size);
        }
    }
    end(session, &error);
}

static void end_broken(struct dtls_session *session, int code) {
    coax_error error;
    coax_secure_fail_gnutls(&error, "The DTLS session broke", code);
    send_alert(session, GNUTLS_AL_FATAL, GNUTLS_A_INTERNAL_ERROR);
    end(session, &error);
}

/* What GnuTLS sends by itself here is the last flight once more, for a client that repeats its own. */
static ssize_t receive_record(struct dtls_session *session, uint8_t *data, size_t capacity) {
    uint8_t flight[LAST_FLIGHT_MAXIMUM];
    struct dtls_output output = {0, sizeof flight, flight};
    session->output = &output;
    ssize_t code = gnutls_record_recv(session->secure.tls, data, capacity);
    flush(session);
    session->output = NULL;
    return code;
}

static void step_records(struct dtls_session *session) {
    /* Room for the largest record: a smaller buffer would get it in pieces. gnutls_record_recv_packet would save the
       copy, but loses memory for every ClientHello of a renegotiation (GnuTLS 3.7.9). */
    uint8_t data[RECORD_MAXIMUM];
    ssize_t code = receive_record(session, data, sizeof data);
    if (code > 0) {
        if ((size_t)code <= session->context->settings.maximum_plaintext) {
            session->events.message(session->user, data, (size_t)code);
        }
        coax_wipe(data, (size_t)code);
    } else if (code == 0 || code == GNUTLS_E_FATAL_ALERT_RECEIVED) {
        end_by_peer(session, (int)code);
    } else if (code == GNUTLS_E_REHANDSHAKE) {
        /* A client does not even have to answer a HelloRequest (RFC 5246 section 7.4.1.1). */
        if (session->secure.is_server) {
            send_alert(session, GNUTLS_AL_WARNING, GNUTLS_A_NO_RENEGOTIATION);
        }
    } else if (gnutls_error_is_fatal((int)code) != 0) {
        end_broken(session, (int)code);
    }
}

/* --- running --- */

/* After every datagram that it discards GnuTLS wants to be called again: it is asked until it has asked in vain. */
static void drive(struct dtls_session *session) {
    session->starved = false;
    for (unsigned turn = 0; turn < TURNS_MAXIMUM && session->secure.state != SECURE_CLOSED && !session->starved;
         turn++) {
        if (session->secure.state == SECURE_HANDSHAKING) {
            step_handshake(session);
        } else {
            step_records(session);
        }
    }
    session->input = NULL;
    if (session->secure.state != SECURE_CLOSED) {
        flush(session);
    }
}

static void schedule(struct dtls_session *session, coax_instant now) {
    if (session->secure.state == SECURE_HANDSHAKING) {
        unsigned ms = gnutls_dtls_get_timeout(session->secure.tls);
        /* 0 just after a call means that there is no flight that would have to be repeated. */
        session->handshake->retransmit =
            coax_instant_after_ms(now, ms > 0 ? ms : session->context->settings.retransmit_timeout_ms);
    }
}

/* An alert in clear is what GnuTLS, in the middle of a handshake, does not tell apart from any other surprise. */
static bool holds_clear_close_notify(const uint8_t *datagram, size_t size) {
    struct bytes rest = bytes_of(datagram, size);
    struct dtls_record record;
    while (coax_dtls_next_record(&rest, &record)) {
        if (record.epoch == 0 && record.content_type == DTLS_CONTENT_ALERT && record.fragment.size == 2
            && record.fragment.data[1] == GNUTLS_A_CLOSE_NOTIFY) {
            return true;
        }
    }
    return false;
}

static bool holds_protected_handshake(const uint8_t *datagram, size_t size) {
    struct bytes rest = bytes_of(datagram, size);
    struct dtls_record record;
    while (coax_dtls_next_record(&rest, &record)) {
        if (record.epoch == 1 && record.content_type == DTLS_CONTENT_HANDSHAKE) {
            return true;
        }
    }
    return false;
}

/* With a wrong pre-shared key the client's Finished does not decrypt, and DTLS drops it without a word. A forged record
   looks the same, so the client gets time to send a right one. */
static void notice_unreadable_finished(struct dtls_session *session, const uint8_t *datagram, size_t size,
                                       coax_instant now) {
    if (session->secure.state == SECURE_HANDSHAKING && session->secure.is_server
        && session->handshake->doubt == COAX_NEVER && holds_protected_handshake(datagram, size)
        && coax_secure_has_keys(session->secure.tls, true)) {
        session->handshake->doubt = coax_instant_after_ms(now, DOUBT_MS);
    }
}

static void feed(struct dtls_session *session, const uint8_t *datagram, size_t size, coax_instant now) {
    enter(session);
    session->input = datagram;
    session->input_size = size;
    if (session->handshake != NULL && datagram != NULL) {
        session->handshake->secure.heard = true;
        session->handshake->secure.saw_close_notify = holds_clear_close_notify(datagram, size);
    }
    drive(session);
    if (datagram != NULL) {
        notice_unreadable_finished(session, datagram, size, now);
    }
    schedule(session, now);
    leave(session);
}

enum coax_status coax_dtls_session_start(struct dtls_session *session, const uint8_t *datagram, size_t size,
                                         coax_instant now, coax_error *error) {
    coax_error start_error = {.status = COAX_OK};
    session->start_error = &start_error;
    feed(session, datagram, size, now);
    session->start_error = NULL;
    if (session->secure.state != SECURE_CLOSED) {
        return COAX_OK;
    }
    if (error != NULL) {
        *error = start_error;
    }
    return start_error.status;
}

void coax_dtls_session_receive(struct dtls_session *session, const uint8_t *datagram, size_t size, coax_instant now) {
    uint16_t epoch;
    if (session->secure.state != SECURE_CLOSED && coax_dtls_classify(datagram, size, &epoch) != DTLS_DATAGRAM_INVALID) {
        feed(session, datagram, size, now);
    }
}

coax_instant coax_dtls_session_deadline(const struct dtls_session *session, coax_instant now) {
    (void)now;
    if (session->secure.state != SECURE_HANDSHAKING) {
        return COAX_NEVER;
    }
    const struct dtls_handshake *handshake = session->handshake;
    coax_instant next = handshake->deadline < handshake->retransmit ? handshake->deadline : handshake->retransmit;
    return next < handshake->doubt ? next : handshake->doubt;
}

void coax_dtls_session_expire(struct dtls_session *session, coax_instant now) {
    if (session->secure.state != SECURE_HANDSHAKING || now < coax_dtls_session_deadline(session, now)) {
        return;
    }
    coax_error error;
    if (now >= session->handshake->doubt) {
        enter(session);
        coax_secure_explain_doubt(&session->secure, &error);
        send_alert(session, GNUTLS_AL_FATAL, GNUTLS_A_DECRYPT_ERROR);
        end(session, &error);
        leave(session);
    } else if (now >= session->handshake->deadline) {
        enter(session);
        coax_secure_explain_timeout(&session->secure, &error);
        end(session, &error);
        leave(session);
    } else {
        feed(session, NULL, 0, now);
    }
}

/* --- for the owner --- */

enum coax_status coax_dtls_session_send(struct dtls_session *session, const uint8_t *data, size_t size) {
    if (session->secure.state != SECURE_ESTABLISHED || size == 0) {
        return COAX_E_STATE;
    }
    if (size > session->context->settings.maximum_plaintext || size > DTLS_PLAINTEXT_MAXIMUM) {
        return COAX_E_TOO_LARGE;
    }
    ssize_t code = gnutls_record_send(session->secure.tls, data, size);
    if (code == (ssize_t)size) {
        return COAX_OK;
    }
    static const struct {
        int code;
        enum coax_status status;
    } statuses[] = {{GNUTLS_E_LARGE_PACKET, COAX_E_TOO_LARGE},
                    {GNUTLS_E_RECORD_LIMIT_REACHED, COAX_E_LIMIT},
                    {GNUTLS_E_MEMORY_ERROR, COAX_E_NO_MEMORY}};
    for (size_t i = 0; i < sizeof statuses / sizeof statuses[0]; i++) {
        if (statuses[i].code == code) {
            return statuses[i].status;
        }
    }
    return COAX_E_STATE;
}

bool coax_dtls_session_is_established(const struct dtls_session *session) {
    return session->secure.state == SECURE_ESTABLISHED;
}

struct credential *coax_dtls_session_credential(const struct dtls_session *session) {
    return session->secure.is_server && session->handshake != NULL ? NULL : session->secure.credential;
}

const char *coax_dtls_session_server_name(const struct dtls_session *session) {
    return session->secure.server_name != NULL ? session->secure.server_name : "";
}

void coax_dtls_session_close(struct dtls_session *session) {
    if (session->secure.state == SECURE_ESTABLISHED) {
        send_alert(session, GNUTLS_AL_WARNING, GNUTLS_A_CLOSE_NOTIFY);
    }
    session->secure.state = SECURE_CLOSED;
}
