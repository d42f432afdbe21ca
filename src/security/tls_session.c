/* Sessions: GnuTLS fed with what has come of a stream, and what becomes of it. */
#include "security/tls_private.h"

#include "base/error.h"
#include "base/wipe.h"
#include <errno.h>
#include <stdlib.h>

enum {
    IDLE_TURNS_MAXIMUM = 16 * 1024, /* of GnuTLS without taking input: a record holds fewer handshake messages */
    CONTENT_TYPE_FIRST = 20,
    CONTENT_TYPE_ALERT = 21,
    CONTENT_TYPE_LAST = 23
};

/* --- output --- */

/* Never inside a call of GnuTLS: whoever is called here may send. */
static void flush(struct tls_session *session) {
    struct byte_queue *output = &session->output;
    if (session->free_wanted || session->is_transmitting || byte_queue_size(output) == 0) {
        return;
    }
    session->is_transmitting = true;
    size_t pending = byte_queue_size(output);
    size_t taken = session->events.transmit(session->user, output->data + output->start, pending);
    session->is_transmitting = false;
    coax_byte_queue_consume(output, taken < pending ? taken : pending);
}

static bool has_room(const struct tls_session *session) {
    return byte_queue_size(&session->output) < session->maximum_output;
}

static bool make_room(struct tls_session *session) {
    if (!has_room(session)) {
        flush(session);
    }
    return has_room(session);
}

static ssize_t push(gnutls_transport_ptr_t user, const void *data, size_t size) {
    struct tls_session *session = user;
    if (!coax_byte_queue_append(&session->output, data, size)) {
        session->out_of_memory = true;
        gnutls_transport_set_errno(session->secure.tls, ENOMEM);
        return -1;
    }
    return (ssize_t)size;
}

/* --- input --- */

/* The last bytes of all that was read. */
static void remember(uint8_t last[TLS_CLEAR_ALERT_SIZE], const uint8_t *data, size_t size) {
    size_t fresh = size < TLS_CLEAR_ALERT_SIZE ? size : TLS_CLEAR_ALERT_SIZE;
    memmove(last, last + fresh, TLS_CLEAR_ALERT_SIZE - fresh);
    memcpy(last + TLS_CLEAR_ALERT_SIZE - fresh, data + size - fresh, fresh);
}

/* Keeps count of where records begin and end. */
static void follow_records(struct tls_session *session, struct bytes read) {
    while (read.size > 0) {
        size_t wanted = session->record_header < TLS_RECORD_HEADER_SIZE
                            ? (size_t)TLS_RECORD_HEADER_SIZE - session->record_header
                            : session->record_left;
        size_t taken = read.size < wanted ? read.size : wanted;
        if (session->record_header < TLS_RECORD_HEADER_SIZE) {
            memcpy(session->record + session->record_header, read.data, taken);
            session->record_header = (uint8_t)(session->record_header + taken);
            session->record_left = (uint16_t)(session->record[3] << 8 | session->record[4]);
        } else {
            session->record_left = (uint16_t)(session->record_left - taken);
        }
        if (session->record_header == TLS_RECORD_HEADER_SIZE && session->record_left == 0) {
            session->record_header = 0;
        }
        read = bytes_of(read.data + taken, read.size - taken);
    }
}

static ssize_t pull(gnutls_transport_ptr_t user, void *data, size_t capacity) {
    struct tls_session *session = user;
    if (session->input_size == 0) {
        session->starved = true;
        gnutls_transport_set_errno(session->secure.tls, EAGAIN);
        return -1;
    }
    size_t size = session->input_size < capacity ? session->input_size : capacity;
    memcpy(data, session->input, size);
    session->input += size;
    session->input_size -= size;
    follow_records(session, bytes_of(data, size));
    if (session->secure.state == SECURE_HANDSHAKING) {
        remember(session->handshake->last, data, size);
    }
    return (ssize_t)size;
}

static int pull_timeout(gnutls_transport_ptr_t user, unsigned ms) {
    (void)ms;
    const struct tls_session *session = user;
    return session->input_size > 0;
}

/* --- life --- */

static void destroy(struct tls_session *session) {
    coax_secure_session_unload(&session->secure);
    coax_byte_queue_clear(&session->output);
    free(session->handshake);
    coax_wipe_free(session, sizeof *session);
}

/* Calls into a session are bracketed by these two, so that it can be freed inside its own callbacks. */
static void enter(struct tls_session *session) {
    session->busy++;
}

static void leave(struct tls_session *session) {
    if (--session->busy == 0 && session->free_wanted) {
        destroy(session);
    }
}

static enum coax_status prepare(struct tls_session *session, unsigned flags, coax_instant now, coax_error *error) {
    struct tls_handshake *handshake = calloc(1, sizeof *handshake);
    if (handshake == NULL) {
        return coax_fail_memory(error);
    }
    const struct secure_context *context = session->secure.context;
    session->handshake = handshake;
    session->secure.handshake = &handshake->secure;
    handshake->deadline = coax_instant_after_ms(now, context->handshake_timeout_ms);
    int code = gnutls_init(&session->secure.tls, flags | GNUTLS_NONBLOCK | GNUTLS_NO_TICKETS | GNUTLS_NO_SIGNAL);
    if (code < 0) {
        session->secure.tls = NULL;
        return coax_secure_fail_set_up(error, context->protocol, code);
    }
    gnutls_session_t tls = session->secure.tls;
    gnutls_session_set_ptr(tls, &session->secure);
    gnutls_transport_set_ptr(tls, session);
    gnutls_transport_set_push_function(tls, push);
    gnutls_transport_set_pull_function(tls, pull);
    gnutls_transport_set_pull_timeout_function(tls, pull_timeout);
    gnutls_handshake_set_timeout(tls, GNUTLS_INDEFINITE_TIMEOUT); /* the deadline is ours */
    gnutls_session_set_verify_function(tls, coax_secure_verify_peer);
    return COAX_OK;
}

enum coax_status coax_tls_session_new(struct tls_session **session, struct tls_context *context, unsigned flags,
                                      const struct tls_application *application, const struct tls_events *events,
                                      void *user, coax_instant now, coax_error *error) {
    struct tls_session *created = calloc(1, sizeof *created);
    if (created == NULL) {
        return coax_fail_memory(error);
    }
    created->secure.context = &context->secure;
    created->secure.is_server = (flags & GNUTLS_SERVER) != 0;
    created->maximum_output = context->maximum_output;
    created->application = *application;
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

void coax_tls_session_free(struct tls_session *session) {
    if (session == NULL) {
        return;
    }
    session->secure.state = SECURE_CLOSED;
    session->free_wanted = true;
    if (session->busy == 0) {
        destroy(session);
    }
}

/* The last words go out first; whoever takes them may free the session. */
static void end(struct tls_session *session, const coax_error *error) {
    session->secure.state = SECURE_CLOSED;
    flush(session);
    if (!session->free_wanted) {
        session->events.closed(session->user, error);
    }
}

static void send_alert(struct tls_session *session, gnutls_alert_level_t level, int alert) {
    (void)gnutls_alert_send(session->secure.tls, level, (gnutls_alert_description_t)alert);
}

static void answer_close(struct tls_session *session) {
    if (!session->sent_close) {
        session->sent_close = true;
        send_alert(session, GNUTLS_AL_WARNING, GNUTLS_A_CLOSE_NOTIFY);
    }
}

/* --- the handshake --- */

/* GnuTLS takes an alert in place of a certificate for "no certificate", as in SSL 3.0. */
static bool is_hidden_alert(const struct tls_session *session, int code) {
    return code == GNUTLS_E_NO_CERTIFICATE_FOUND && gnutls_alert_get(session->secure.tls) != GNUTLS_A_CLOSE_NOTIFY;
}

/* In the middle of a handshake GnuTLS does not tell a close_notify from any other surprise. */
static bool is_close_notify(const struct tls_session *session, int code) {
    const uint8_t *last = session->handshake->last;
    bool is_clear_alert = last[0] == CONTENT_TYPE_ALERT && last[1] == 3 && last[3] == 0 && last[4] == 2;
    return code == GNUTLS_E_SESSION_EOF
           || (code == GNUTLS_E_UNEXPECTED_PACKET && is_clear_alert && last[6] == GNUTLS_A_CLOSE_NOTIFY);
}

static void explain_failure(struct tls_session *session, int code, coax_error *error) {
    int alert;
    code = is_hidden_alert(session, code) ? GNUTLS_E_FATAL_ALERT_RECEIVED : code;
    session->handshake->secure.saw_close_notify = is_close_notify(session, code);
    coax_secure_explain_failure(&session->secure, session->out_of_memory ? GNUTLS_E_MEMORY_ERROR : code, error, &alert);
    if (alert >= 0) {
        send_alert(session, GNUTLS_AL_FATAL, alert);
    } else if (error->status == COAX_E_CLOSE_NOTIFY) {
        answer_close(session);
    }
}

static void fail_handshake(struct tls_session *session, int code) {
    coax_error error;
    explain_failure(session, code, &error);
    end(session, &error);
}

static bool has_protocol(const struct tls_session *session) {
    gnutls_datum_t selected;
    return gnutls_alpn_get_selected_protocol(session->secure.tls, &selected) >= 0;
}

static void establish(struct tls_session *session) {
    if (!coax_secure_is_peer_proved(&session->secure)) {
        fail_handshake(session, GNUTLS_E_CERTIFICATE_ERROR);
        return;
    }
    if (session->application.is_required && !has_protocol(session)) {
        fail_handshake(session, GNUTLS_E_NO_APPLICATION_PROTOCOL);
        return;
    }
    free(session->handshake);
    session->handshake = NULL;
    session->secure.handshake = NULL;
    session->secure.state = SECURE_ESTABLISHED;
    /* A client of TLS 1.3 is through before the server has looked at what it shows. */
    session->secure.is_unconfirmed =
        !session->secure.is_server && gnutls_protocol_get_version(session->secure.tls) == GNUTLS_TLS1_3;
    session->events.established(session->user);
}

static void step_handshake(struct tls_session *session) {
    int code = gnutls_handshake(session->secure.tls);
    if (code >= 0) {
        establish(session);
    } else if (gnutls_error_is_fatal(code) != 0) {
        fail_handshake(session, code);
    }
}

/* Says so before GnuTLS would take the bytes of another protocol for the size of a record. */
static bool is_other_protocol(struct tls_session *session, const uint8_t *data, size_t size) {
    if (session->secure.state != SECURE_HANDSHAKING || session->handshake->secure.heard || size == 0) {
        return false;
    }
    session->handshake->secure.heard = true;
    return data[0] < CONTENT_TYPE_FIRST || data[0] > CONTENT_TYPE_LAST;
}

static void end_other_protocol(struct tls_session *session) {
    coax_error error;
    coax_fail(&error, COAX_E_HANDSHAKE,
              "The TLS handshake failed: the peer does not speak TLS, its first byte begins no record; check the port "
              "and the scheme");
    end(session, &error);
}

/* --- an established session --- */

static void end_by_peer(struct tls_session *session, int code) {
    coax_error error;
    int alert = code == 0 ? GNUTLS_A_CLOSE_NOTIFY : (int)gnutls_alert_get(session->secure.tls);
    coax_secure_explain_alert(&session->secure, alert, &error);
    if (code == 0) {
        answer_close(session);
    }
    end(session, &error);
}

static void end_broken(struct tls_session *session, int code) {
    coax_error error;
    int level;
    int alert = gnutls_error_to_alert(code, &level);
    coax_secure_fail_gnutls(&error, "The TLS session broke", session->out_of_memory ? GNUTLS_E_MEMORY_ERROR : code);
    send_alert(session, GNUTLS_AL_FATAL, alert >= 0 ? alert : GNUTLS_A_INTERNAL_ERROR);
    end(session, &error);
}

static void step_records(struct tls_session *session) {
    uint8_t data[TLS_PLAINTEXT_MAXIMUM]; /* room for the largest record: a smaller buffer would get it in pieces */
    ssize_t code = gnutls_record_recv(session->secure.tls, data, sizeof data);
    if (code > 0) {
        session->secure.is_unconfirmed = false;
        session->paused = !session->events.data(session->user, data, (size_t)code);
    } else if (code == 0 || code == GNUTLS_E_FATAL_ALERT_RECEIVED) {
        end_by_peer(session, (int)code);
    } else if (code == GNUTLS_E_REHANDSHAKE) {
        /* A client does not even have to answer a HelloRequest (RFC 5246 section 7.4.1.1). */
        if (session->secure.is_server) {
            send_alert(session, GNUTLS_AL_WARNING, GNUTLS_A_NO_RENEGOTIATION);
            session->refused_hello = true;
        }
    } else if (code == GNUTLS_E_UNEXPECTED_PACKET && session->refused_hello) {
        session->refused_hello = false; /* GnuTLS had kept that ClientHello, and dropped it now */
    } else if (gnutls_error_is_fatal((int)code) != 0) {
        end_broken(session, (int)code);
    }
}

/* --- running --- */

static bool goes_on(struct tls_session *session) {
    return !session->starved && !session->paused && session->secure.state != SECURE_CLOSED && make_room(session)
           && session->secure.state != SECURE_CLOSED;
}

/* GnuTLS is asked until it has asked for more in vain. */
static void drive(struct tls_session *session) {
    unsigned idle_turns = 0;
    session->starved = session->paused = false;
    while (goes_on(session)) {
        size_t before = session->input_size;
        if (session->secure.state == SECURE_HANDSHAKING) {
            step_handshake(session);
        } else {
            step_records(session);
        }
        idle_turns = session->input_size == before ? idle_turns + 1 : 0;
        if (idle_turns > IDLE_TURNS_MAXIMUM && session->secure.state == SECURE_ESTABLISHED) {
            end_broken(session, GNUTLS_E_INTERNAL_ERROR);
        } else if (idle_turns > IDLE_TURNS_MAXIMUM && session->secure.state == SECURE_HANDSHAKING) {
            fail_handshake(session, GNUTLS_E_INTERNAL_ERROR);
        }
    }
}

enum coax_status coax_tls_session_start(struct tls_session *session, coax_error *error) {
    enter(session);
    int code = gnutls_handshake(session->secure.tls);
    enum coax_status status = COAX_OK;
    if (code < 0 && gnutls_error_is_fatal(code) != 0) {
        coax_error failure;
        explain_failure(session, code, &failure);
        session->secure.state = SECURE_CLOSED;
        status = failure.status;
        if (error != NULL) {
            *error = failure;
        }
    } else {
        flush(session);
    }
    session->busy--; /* the owner has no session yet that it could have freed */
    return status;
}

size_t coax_tls_session_receive(struct tls_session *session, const uint8_t *data, size_t size) {
    if (session->secure.state == SECURE_CLOSED || session->is_driving || session->is_transmitting) {
        return 0;
    }
    enter(session);
    session->is_driving = true;
    session->input = data;
    session->input_size = size;
    if (is_other_protocol(session, data, size)) {
        end_other_protocol(session);
    } else {
        drive(session);
    }
    if (session->secure.state != SECURE_CLOSED) {
        flush(session);
    }
    size_t taken = size - session->input_size;
    session->input = NULL;
    session->input_size = 0;
    session->is_driving = false;
    leave(session);
    return taken;
}

static void explain_end(const struct tls_session *session, coax_error *error) {
    const struct credential *credential = session->secure.credential;
    char entry[SECURE_ENTRY_TEXT];
    if (session->secure.state == SECURE_ESTABLISHED) {
        coax_fail(error, COAX_E_LOST,
                  "The connection ended without TLS's close_notify: something may be missing at its end");
    } else if (session->secure.is_server) {
        coax_fail(error, COAX_E_LOST, "The client ended the connection during the TLS handshake");
    } else {
        coax_fail(error, COAX_E_LOST,
                  "The peer ended the connection during the TLS handshake; it does not take the credentials of %s, or "
                  "does not speak TLS there; compare both ends' keys, and check the port",
                  coax_secure_entry_text(credential, entry));
    }
}

void coax_tls_session_receive_end(struct tls_session *session) {
    if (session->secure.state != SECURE_CLOSED) {
        coax_error error;
        enter(session);
        explain_end(session, &error);
        end(session, &error);
        leave(session);
    }
}

coax_instant coax_tls_session_deadline(const struct tls_session *session) {
    return session->secure.state == SECURE_HANDSHAKING ? session->handshake->deadline : COAX_NEVER;
}

void coax_tls_session_expire(struct tls_session *session, coax_instant now) {
    if (session->secure.state == SECURE_HANDSHAKING && now >= session->handshake->deadline) {
        coax_error error;
        enter(session);
        coax_secure_explain_timeout(&session->secure, &error);
        end(session, &error);
        leave(session);
    }
}

/* --- for the owner --- */

static enum coax_status send_status(const struct tls_session *session, ssize_t code) {
    return code == GNUTLS_E_MEMORY_ERROR || session->out_of_memory ? COAX_E_NO_MEMORY : COAX_E_LIMIT;
}

/* As many records as there is room for. */
static enum coax_status seal(struct tls_session *session, struct bytes *rest) {
    while (rest->size > 0 && has_room(session)) {
        size_t size = rest->size < TLS_PLAINTEXT_MAXIMUM ? rest->size : TLS_PLAINTEXT_MAXIMUM;
        ssize_t code = gnutls_record_send(session->secure.tls, rest->data, size);
        if (code <= 0) {
            session->secure.state = SECURE_CLOSED;
            return send_status(session, code);
        }
        *rest = bytes_of(rest->data + code, rest->size - (size_t)code);
    }
    return COAX_OK;
}

enum coax_status coax_tls_session_send(struct tls_session *session, const uint8_t *data, size_t size, size_t *taken) {
    *taken = 0;
    if (session->secure.state != SECURE_ESTABLISHED || session->sent_close || session->is_transmitting) {
        return COAX_E_STATE;
    }
    struct bytes rest = bytes_of(data, size);
    enum coax_status status;
    enter(session);
    do {
        status = seal(session, &rest);
        flush(session);
    } while (status == COAX_OK && rest.size > 0 && has_room(session) && session->secure.state == SECURE_ESTABLISHED);
    *taken = size - rest.size;
    leave(session);
    return status;
}

size_t coax_tls_session_pending(const struct tls_session *session) {
    return byte_queue_size(&session->output);
}

void coax_tls_session_flush(struct tls_session *session) {
    enter(session);
    flush(session);
    leave(session);
}

bool coax_tls_session_is_within_record(const struct tls_session *session) {
    return session->record_header > 0;
}

size_t coax_tls_session_held(const struct tls_session *session) {
    size_t whole = TLS_RECORD_HEADER_SIZE + ((size_t)session->record[3] << 8 | session->record[4]);
    size_t partial =
        session->record_header < TLS_RECORD_HEADER_SIZE ? session->record_header : whole - session->record_left;
    return session->output.capacity + partial;
}

bool coax_tls_session_is_established(const struct tls_session *session) {
    return session->secure.state == SECURE_ESTABLISHED;
}

struct credential *coax_tls_session_credential(const struct tls_session *session) {
    return session->secure.is_server && session->handshake != NULL ? NULL : session->secure.credential;
}

const char *coax_tls_session_server_name(const struct tls_session *session) {
    return session->secure.server_name != NULL ? session->secure.server_name : "";
}

const char *coax_tls_session_protocol(const struct tls_session *session) {
    return has_protocol(session) ? session->application.protocol : "";
}

void coax_tls_session_close(struct tls_session *session) {
    if (session->is_transmitting) {
        return;
    }
    enter(session);
    if (session->secure.state == SECURE_ESTABLISHED) {
        answer_close(session);
        flush(session);
    } else {
        session->secure.state = SECURE_CLOSED;
    }
    leave(session);
}
