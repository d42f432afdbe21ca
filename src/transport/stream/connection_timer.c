/* One timer for each connection: it fires at the earliest of its deadlines, looks which have come, and is set anew.
   What moves a deadline back leaves it as it is. */
#include "base/error.h"
#include "transport/stream/connection.h"

static coax_instant earlier(coax_instant a, coax_instant b) {
    return a < b ? a : b;
}

static coax_instant after(coax_instant start, uint32_t ms) {
    return ms == 0 ? COAX_NEVER : coax_instant_after_ms(start, ms);
}

/* A second more for each KiB, so that a slow line may be slow, and a peer that sends a byte a second is not kept. */
static coax_instant message_deadline(const struct connection *connection) {
    if (connection->message_began == 0) {
        return COAX_NEVER;
    }
    return coax_instant_after_ms(connection->message_began, connection->layer->settings.message_timeout_ms)
           + connection->message_bytes / 1024 * COAX_SECOND;
}

static coax_instant output_deadline(const struct connection *connection) {
    return connection->unwritten == 0 ? COAX_NEVER
                                      : after(connection->written, connection->layer->settings.message_timeout_ms);
}

/* While this end does not read, it cannot hear. */
static coax_instant ping_deadline(const struct connection *connection) {
    const struct stream_settings *settings = &connection->layer->settings;
    if (!connection->wants_input || settings->ping_interval_ms == 0) {
        return COAX_NEVER;
    }
    return connection->is_pinged ? after(connection->pinged, settings->ping_timeout_ms)
                                 : after(connection->heard, settings->ping_interval_ms);
}

static bool can_idle(const struct connection *connection) {
    return connection->is_ours && connection_is_idle(connection);
}

static coax_instant idle_deadline(const struct connection *connection) {
    return can_idle(connection) ? after(connection->used, connection->layer->settings.session_idle_ms) : COAX_NEVER;
}

static bool is_opening(const struct connection *connection) {
    return connection->phase < CONNECTION_OPEN || (connection->phase == CONNECTION_OPEN && !connection->csm_received);
}

static coax_instant next_deadline(const struct connection *connection) {
    if (connection->phase >= CONNECTION_CLOSING) {
        return connection->end_deadline;
    }
    coax_instant deadline = earlier(message_deadline(connection), output_deadline(connection));
    if (is_opening(connection)) {
        return earlier(deadline, connection->opening_deadline);
    }
    deadline = earlier(deadline, ping_deadline(connection));
    deadline = earlier(deadline, idle_deadline(connection));
    return connection->phase > CONNECTION_OPEN ? earlier(deadline, connection->end_deadline) : deadline;
}

void coax_connection_schedule(struct connection *connection) {
    if (connection->phase == CONNECTION_OVER) {
        return;
    }
    coax_instant deadline = next_deadline(connection);
    bool is_armed = coax_timer_is_armed(&connection->timer);
    if (deadline != COAX_NEVER && (!is_armed || deadline < connection->timer.deadline)) {
        /* Without memory for it the connection lives until it is dropped for room, or its peer ends it. */
        (void)coax_timer_arm(connection->layer->timers, &connection->timer, deadline);
    }
}

static void end_opening(struct connection *connection, coax_instant now) {
    coax_error error;
    if (connection->phase == CONNECTION_DIALLING) {
        coax_fail(&error, COAX_E_TIMEOUT, "No connection within %u s: the host does not answer",
                  (unsigned)(connection->layer->settings.handshake_timeout_ms / 1000));
    } else if (connection->phase == CONNECTION_OPENING) {
        coax_filter_chain_explain_timeout(&connection->chain, now, &error);
    } else {
        coax_fail(&error, COAX_E_TIMEOUT,
                  "The peer sent no CSM within %u s (RFC 8323 section 5.3): it may not speak CoAP",
                  (unsigned)(connection->layer->settings.handshake_timeout_ms / 1000));
        coax_connection_abort(connection, NULL, FAREWELL_PROTOCOL_ERROR, &error);
        return;
    }
    coax_connection_end(connection, &error);
}

static void end_silent(struct connection *connection) {
    coax_error error;
    if (!connection->is_pinged) {
        coax_connection_send_ping(connection);
        return;
    }
    coax_fail(&error, COAX_E_LOST, "The peer has not answered a Ping for %u s: it or the way to it is gone",
              (unsigned)(connection->layer->settings.ping_timeout_ms / 1000));
    coax_connection_break(connection, &error);
}

static void end_deaf(struct connection *connection) {
    coax_error error;
    coax_fail(&error, COAX_E_LOST, "The peer has not read what was sent to it for %u s",
              (unsigned)(connection->layer->settings.message_timeout_ms / 1000));
    coax_connection_break(connection, &error);
}

static void end_trickle(struct connection *connection) {
    coax_error error;
    coax_fail(&error, COAX_E_TIMEOUT, "A message took longer than %u s and a second for each KiB to arrive",
              (unsigned)(connection->layer->settings.message_timeout_ms / 1000));
    coax_connection_abort(connection, NULL, FAREWELL_PROTOCOL_ERROR, &error);
}

static void end_waiting(struct connection *connection) {
    coax_error error;
    coax_fail(&error, COAX_E_TIMEOUT, "The peer did not %s within %u s",
              connection->phase == CONNECTION_RELEASING ? "close the released connection" : "let the connection end",
              (unsigned)(connection->layer->settings.release_timeout_ms / 1000));
    coax_filter_chain_close(&connection->chain, FAREWELL_NORMAL);
    coax_connection_end(connection, &error);
}

/* The first deadline that has come. */
static void do_due(struct connection *connection, coax_instant now) {
    if (connection->phase >= CONNECTION_CLOSING) {
        if (connection->end_deadline <= now) {
            coax_connection_break(connection, NULL);
        }
    } else if (is_opening(connection) && connection->opening_deadline <= now) {
        end_opening(connection, now);
    } else if (message_deadline(connection) <= now) {
        end_trickle(connection);
    } else if (output_deadline(connection) <= now) {
        end_deaf(connection);
    } else if (connection->phase > CONNECTION_OPEN && connection->end_deadline <= now) {
        end_waiting(connection);
    } else if (!is_opening(connection) && ping_deadline(connection) <= now) {
        end_silent(connection);
    } else if (!is_opening(connection) && idle_deadline(connection) <= now) {
        (void)coax_connection_release(&connection->remote, NULL, NULL, NULL);
    }
}

void coax_connection_fire(struct timer *timer, coax_instant now) {
    struct connection *connection = COAX_CONTAINER(timer, struct connection, timer);
    coax_connection_enter(connection);
    do_due(connection, now);
    coax_connection_schedule(connection);
    coax_connection_leave(connection);
}
