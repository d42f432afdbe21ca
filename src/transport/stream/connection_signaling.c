/* What both ends of a connection say about it (RFC 8323 section 5), and how other messages are told from that. */
#include "base/error.h"
#include "transport/stream/connection.h"
#include <string.h>

void coax_connection_send_csm(struct connection *connection) {
    const struct capabilities own = {
        .max_message_size = connection->layer->settings.max_stream_message_size,
        .token_maximum = connection->layer->settings.max_token_size,
        .block_wise_transfer = true,
    };
    uint8_t room[SIGNALING_ROOM];
    struct coax_message csm = coax_csm_make(room, &own);
    (void)coax_connection_write(connection, &csm, NULL);
}

/* Its token is empty: those of the program's pings never are. */
void coax_connection_send_ping(struct connection *connection) {
    uint8_t room[SIGNALING_ROOM];
    struct coax_message ping = coax_ping_make(room, bytes_of(NULL, 0), false);
    connection->is_pinged = true;
    connection->pinged = connection->layer->now;
    (void)coax_connection_write(connection, &ping, NULL);
}

void coax_connection_abort(struct connection *connection, const uint16_t *bad_csm_option, enum filter_farewell farewell,
                           const coax_error *error) {
    uint8_t room[SIGNALING_ROOM];
    struct coax_message abort = coax_abort_make(room, bad_csm_option, error->text);
    coax_error copy = *error;
    if (connection->phase >= CONNECTION_OPEN) {
        (void)coax_connection_write(connection, &abort, NULL);
    }
    coax_filter_chain_close(&connection->chain, farewell);
    coax_connection_end(connection, &copy);
}

/* Anything else before the CSM is a breach (section 5.3). */
static void refuse_before_csm(struct connection *connection, const struct coax_message *message) {
    coax_error error;
    coax_fail(&error, COAX_E_FORMAT,
              "The first message of a connection must be a CSM, not one of code %u.%02u (RFC 8323 section 5.3)",
              coax_code_class(message->code), coax_code_detail(message->code));
    coax_connection_abort(connection, NULL, FAREWELL_PROTOCOL_ERROR, &error);
}

static void refuse_option(struct connection *connection, const struct coax_message *message,
                          const struct option_problem *problem) {
    coax_error error;
    coax_fail(&error, COAX_E_OPTION, "Option %u of a signaling message of code %u.%02u %s", (unsigned)problem->number,
              coax_code_class(message->code), coax_code_detail(message->code), problem->reason);
    coax_connection_abort(connection, message->code == COAX_CSM ? &problem->number : NULL, FAREWELL_PROTOCOL_ERROR,
                          &error);
}

static void take_csm(struct connection *connection, const struct coax_message *message) {
    struct stream_layer *layer = connection->layer;
    coax_csm_read(message, &connection->peer);
    if (!connection->csm_received) {
        connection->csm_received = true;
        connection->remote.was_opened = true;
        coax_connection_leave_openings(connection);
        if (layer->events.opened != NULL) {
            layer->events.opened(layer->events.user, &connection->remote);
        }
    }
    if (connection->phase == CONNECTION_OPEN) {
        coax_connection_send_queued(connection);
    }
}

static void send_pong(struct connection *connection, struct bytes token, bool custody) {
    uint8_t room[SIGNALING_ROOM];
    struct coax_message pong = coax_pong_make(room, token, custody);
    (void)coax_connection_write(connection, &pong, NULL);
}

/* With Custody the Pong waits until what came before was answered (section 5.4.1); one such Ping at a time, another
   gets its Pong at once and without, and so does one with an extended token, which would have to be kept. */
static void take_ping(struct connection *connection, const struct coax_message *message) {
    bool custody = coax_signaling_has_custody(message);
    if (!custody || connection_open_requests(connection) == 0) {
        send_pong(connection, message->token, custody);
    } else if (connection->owes_pong || message->token.size > sizeof connection->owed_pong) {
        send_pong(connection, message->token, false);
    } else {
        connection->owes_pong = true;
        connection->owed_pong_size = (uint8_t)message->token.size;
        if (message->token.size > 0) {
            memcpy(connection->owed_pong, message->token.data, message->token.size);
        }
        connection->epoch ^= 1;
    }
}

void coax_connection_request_done(struct connection *connection, struct incoming *incoming) {
    struct request_epoch *epoch = (struct request_epoch *)(void *)incoming;
    epoch->open--;
    if (connection->owes_pong && connection->epochs[connection->epoch ^ 1].open == 0) {
        connection->owes_pong = false;
        if (connection->phase < CONNECTION_CLOSING) {
            send_pong(connection, bytes_of(connection->owed_pong, connection->owed_pong_size), true);
        }
    }
}

/* The program's own pings have tokens; the answer to ours has none. */
static void take_pong(struct connection *connection, const struct coax_message *message) {
    struct stream_layer *layer = connection->layer;
    if (message->token.size > 0) {
        (void)layer->events.response(layer->events.user, &connection->remote, message);
    }
}

static void take_abort(struct connection *connection, const struct coax_message *message) {
    coax_error error;
    coax_fail_aborted(&error, COAX_E_ABORTED, message);
    coax_filter_chain_close(&connection->chain, FAREWELL_NORMAL);
    coax_connection_end(connection, &error);
}

static const struct {
    uint8_t code;
    void (*take)(struct connection *connection, const struct coax_message *message);
} signals[] = {
    {COAX_CSM, take_csm},     {COAX_PING, take_ping},
    {COAX_PONG, take_pong},   {COAX_RELEASE, coax_connection_take_release},
    {COAX_ABORT, take_abort},
};

/* A code of class 7 that is none of these is no message that this end knows: it is ignored, as an unknown elective
   thing is. */
static void take_signal(struct connection *connection, const struct coax_message *message) {
    struct option_problem problem;
    if (message->code != COAX_ABORT && !coax_signaling_understood(message, &problem)) {
        refuse_option(connection, message, &problem);
        return;
    }
    for (size_t i = 0; i < sizeof signals / sizeof signals[0]; i++) {
        if (signals[i].code == message->code) {
            signals[i].take(connection, message);
            return;
        }
    }
}

static void take_request(struct connection *connection, const struct coax_message *message) {
    struct stream_layer *layer = connection->layer;
    struct request_epoch *epoch = &connection->epochs[connection->epoch];
    epoch->open++;
    connection->used = layer->now;
    layer->events.request(layer->events.user, &connection->remote, message, (struct incoming *)(void *)epoch);
}

void coax_connection_take_message(struct connection *connection, const struct coax_message *message) {
    struct stream_layer *layer = connection->layer;
    if (layer->events.trace != NULL) {
        layer->events.trace(layer->events.user, &connection->remote, message, false);
    }
    if (message->code == COAX_EMPTY) {
        return; /* a keep-alive, which can always be sent (section 5.4) */
    }
    if (!connection->csm_received && message->code != COAX_CSM && message->code != COAX_ABORT) {
        refuse_before_csm(connection, message);
    } else if (coax_code_is_signaling(message->code)) {
        take_signal(connection, message);
    } else if (coax_code_class(message->code) == 0) {
        take_request(connection, message);
    } else {
        connection->used = layer->now;
        (void)layer->events.response(layer->events.user, &connection->remote, message);
    }
}
