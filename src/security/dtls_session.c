/* What client and server sessions have in common: GnuTLS fed with one datagram at a time until the handshake is over,
   and records of our own from then on. */
#include "security/dtls_private.h"

#include "base/error.h"
#include "base/wipe.h"
#include <errno.h>
#include <stdlib.h>

enum {
    TURNS_MAXIMUM = 64, /* of GnuTLS for one datagram: a record takes one or two */
    HANDSHAKE_CLIENT_HELLO = 1,
    HANDSHAKE_FINISHED = 20,
    ALERT_SIZE = 2,
    DOUBT_MS = 2000,                   /* how long a client may correct a Finished that did not verify */
    GNUTLS_OWN_DEADLINE_MS = 60 * 1000 /* behind ours, so that ours is the one that ends a handshake */
};

/* --- output --- */

static void transmit(const struct dtls_session *session, const uint8_t *datagram, size_t size) {
    session->events->transmit(session->user, datagram, size);
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
static void collect(struct dtls_session *session, struct bytes record) {
    struct dtls_output *output = session->output;
    if (output == NULL || record.size > output->capacity) {
        flush(session);
        transmit(session, record.data, record.size);
        return;
    }
    if (record.size > output->capacity - output->size) {
        flush(session);
    }
    memcpy(output->data + output->size, record.data, record.size);
    output->size += record.size;
}

static ssize_t push(gnutls_transport_ptr_t user, const void *data, size_t size) {
    struct dtls_session *session = user;
    uint8_t room[DTLS_HANDSHAKE_RECORD_MAXIMUM];
    struct bytes record = coax_dtls_translate_out(session, bytes_of(data, size), room);
    if (record.size == 0) {
        gnutls_transport_set_errno(session->secure.tls, EIO);
        return -1;
    }
    collect(session, record);
    return (ssize_t)size;
}

/* --- input --- */

static ssize_t pull(gnutls_transport_ptr_t user, void *data, size_t capacity) {
    struct dtls_session *session = user;
    size_t size = coax_dtls_translate_in(session, data, capacity);
    if (size > 0) {
        return (ssize_t)size;
    }
    session->starved = true;
    gnutls_transport_set_errno(session->secure.tls, EAGAIN);
    return -1;
}

static int pull_timeout(gnutls_transport_ptr_t user, unsigned ms) {
    (void)ms;
    struct dtls_session *session = user;
    return session->input.size > 0;
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
    handshake->wants_cids =
        !settings->without_cids && (!session->secure.is_server || session->protection.read_cid_size > 0);
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
    code = handshake->wants_cids ? coax_dtls_register_cid(session) : 0;
    return code < 0 ? coax_secure_fail_set_up(error, session->context->secure.protocol, code) : COAX_OK;
}

enum coax_status coax_dtls_session_new(struct dtls_session **session, struct dtls_context *context, unsigned flags,
                                       struct bytes cid, const struct dtls_events *events, void *user, coax_instant now,
                                       coax_error *error) {
    struct dtls_session *created = calloc(1, sizeof *created);
    if (created == NULL) {
        return coax_fail_memory(error);
    }
    created->context = context;
    created->secure.context = &context->secure;
    created->secure.is_server = (flags & GNUTLS_SERVER) != 0;
    created->events = events;
    created->user = user;
    created->protection.read_cid_size = (uint8_t)cid.size;
    if (cid.size > 0) {
        memcpy(created->protection.read_cid, cid.data, cid.size);
    }
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
        session->events->closed(session->user, error);
    }
}

/* --- the handshake --- */

static void put_record(struct dtls_session *session, int content_type, const uint8_t *data, size_t size) {
    uint8_t record[DTLS_HANDSHAKE_RECORD_MAXIMUM];
    size_t sealed = coax_dtls_seal(&session->protection, content_type, bytes_of(data, size), record);
    if (sealed > 0) {
        collect(session, bytes_of(record, sealed));
    }
}

static void send_alert(struct dtls_session *session, gnutls_alert_level_t level, int alert) {
    if (session->secure.tls != NULL) {
        (void)gnutls_alert_send(session->secure.tls, level, (gnutls_alert_description_t)alert);
    } else {
        const uint8_t bytes[ALERT_SIZE] = {(uint8_t)level, (uint8_t)alert};
        put_record(session, DTLS_CONTENT_ALERT, bytes, sizeof bytes);
    }
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
    if (!coax_dtls_take_over(session)) {
        fail_handshake(session, GNUTLS_E_INTERNAL_ERROR);
        return;
    }
    flush(session);
    coax_secure_session_detach(&session->secure);
    coax_wipe_free(session->handshake, sizeof *session->handshake);
    session->handshake = NULL;
    session->secure.handshake = NULL;
    session->output = NULL;
    session->secure.state = SECURE_ESTABLISHED;
    session->events->established(session->user);
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

/* The client repeats its last flight: it did not get ours. The same message goes out in a new record (RFC 6347 section
   4.2.4). */
static void repeat_last_flight(struct dtls_session *session) {
    uint8_t flight[DTLS_RECORD_HEADER_SIZE + 1 + DTLS_FINISHED_MAXIMUM + DTLS_OVERHEAD_MAXIMUM] = {
        DTLS_CONTENT_CHANGE_CIPHER_SPEC, DTLS_VERSION_1_2 >> 8, DTLS_VERSION_1_2 & 0xff};
    for (int i = 0; i < 8; i++) {
        flight[3 + i] = (uint8_t)(session->clear_next >> (56 - 8 * i));
    }
    flight[12] = flight[13] = 1; /* the length, and all that the message says */
    session->clear_next++;
    size_t size = DTLS_RECORD_HEADER_SIZE + 1;
    size_t sealed = coax_dtls_seal(&session->protection, DTLS_CONTENT_HANDSHAKE,
                                   bytes_of(session->finished, session->finished_size), flight + size);
    if (sealed > 0) {
        transmit(session, flight, size + sealed);
    }
}

static void take_handshake(struct dtls_session *session, struct bytes message) {
    int kind = message.size > 0 ? message.data[0] : -1;
    if (kind == HANDSHAKE_FINISHED && session->finished_size > 0) {
        repeat_last_flight(session);
    } else if (kind == HANDSHAKE_CLIENT_HELLO && session->secure.is_server) {
        /* A client does not even have to answer a HelloRequest (RFC 5246 section 7.4.1.1). */
        send_alert(session, GNUTLS_AL_WARNING, GNUTLS_A_NO_RENEGOTIATION);
    }
}

/* RFC 5246 section 7.2.1: a close_notify, at whatever level, is answered with one. */
static void take_alert(struct dtls_session *session, struct bytes alert) {
    coax_error error;
    if (alert.size != ALERT_SIZE) {
        return;
    }
    bool is_end = alert.data[1] == GNUTLS_A_CLOSE_NOTIFY;
    if (is_end) {
        send_alert(session, GNUTLS_AL_WARNING, GNUTLS_A_CLOSE_NOTIFY);
    }
    if (is_end || alert.data[0] == GNUTLS_AL_FATAL) {
        coax_secure_explain_alert(&session->secure, alert.data[1], &error);
        end(session, &error);
    }
}

static void take_plaintext(struct dtls_session *session, const struct dtls_plaintext *plaintext) {
    struct bytes data = plaintext->data;
    switch (plaintext->content_type) {
    case DTLS_CONTENT_APPLICATION_DATA:
        session->finished_size = 0; /* the client has our last flight */
        if (data.size > 0 && data.size <= session->context->settings.maximum_plaintext) {
            session->events->message(session->user, data.data, data.size);
        }
        break;
    case DTLS_CONTENT_ALERT:
        take_alert(session, data);
        break;
    case DTLS_CONTENT_HANDSHAKE:
        take_handshake(session, data);
        break;
    default:
        break;
    }
}

static void take_record(struct dtls_session *session, const struct dtls_record *record) {
    uint8_t data[DTLS_FRAGMENT_MAXIMUM];
    struct dtls_plaintext plaintext;
    bool is_repeated = coax_dtls_is_repeated(&session->protection, record->sequence);
    /* Some repeat their last flight byte by byte. */
    if (record->fragment.size > sizeof data || (is_repeated && session->finished_size == 0)
        || !coax_dtls_open(&session->protection, record, data, &plaintext)) {
        return;
    }
    if (!is_repeated) {
        if (coax_dtls_note(&session->protection, record->sequence) && session->events->newer != NULL) {
            session->events->newer(session->user);
        }
        take_plaintext(session, &plaintext);
    } else if (plaintext.content_type == DTLS_CONTENT_HANDSHAKE) {
        take_handshake(session, plaintext.data);
    }
    coax_wipe(data, plaintext.data.size);
}

static void step_records(struct dtls_session *session) {
    struct dtls_record record;
    while (session->secure.state == SECURE_ESTABLISHED
           && coax_dtls_next_record(&session->input, session->protection.read_cid_size, &record)) {
        take_record(session, &record);
    }
    session->starved = true;
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
    session->input.size = 0;
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
    while (coax_dtls_next_record(&rest, 0, &record)) {
        if (record.epoch == 0 && record.content_type == DTLS_CONTENT_ALERT && record.fragment.size == 2
            && record.fragment.data[1] == GNUTLS_A_CLOSE_NOTIFY) {
            return true;
        }
    }
    return false;
}

static bool holds_protected_handshake(const struct dtls_session *session, const uint8_t *datagram, size_t size) {
    struct bytes rest = bytes_of(datagram, size);
    struct dtls_record record;
    while (coax_dtls_next_record(&rest, session->protection.read_cid_size, &record)) {
        if (record.epoch == DTLS_EPOCH_PROTECTED
            && (record.content_type == DTLS_CONTENT_HANDSHAKE || record.content_type == DTLS_CONTENT_CID)) {
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
        && session->handshake->doubt == COAX_NEVER && holds_protected_handshake(session, datagram, size)
        && coax_secure_has_keys(session->secure.tls, true)) {
        session->handshake->doubt = coax_instant_after_ms(now, DOUBT_MS);
    }
}

static void feed(struct dtls_session *session, const uint8_t *datagram, size_t size, coax_instant now) {
    enter(session);
    session->input = bytes_of(datagram, size);
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
    if (size > session->context->settings.maximum_plaintext || size > DTLS_FRAGMENT_MAXIMUM) {
        return COAX_E_TOO_LARGE;
    }
    uint8_t record[DTLS_FRAGMENT_MAXIMUM + DTLS_OVERHEAD_MAXIMUM];
    size_t sealed = coax_dtls_seal(&session->protection, DTLS_CONTENT_APPLICATION_DATA, bytes_of(data, size), record);
    if (sealed == 0) {
        return COAX_E_LIMIT;
    }
    transmit(session, record, sealed);
    return COAX_OK;
}

bool coax_dtls_session_is_established(const struct dtls_session *session) {
    return session->secure.state == SECURE_ESTABLISHED;
}

bool coax_dtls_session_is_client(const struct dtls_session *session) {
    return !session->secure.is_server;
}

struct credential *coax_dtls_session_credential(const struct dtls_session *session) {
    return session->secure.is_server && session->handshake != NULL ? NULL : session->secure.credential;
}

struct bytes coax_dtls_session_cid(const struct dtls_session *session) {
    bool is_agreed = session->handshake == NULL || session->handshake->peer_has_cid;
    return bytes_of(session->protection.read_cid, is_agreed ? session->protection.read_cid_size : 0);
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
