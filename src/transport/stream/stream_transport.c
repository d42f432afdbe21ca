/* Connections as the request layer sees them: a transport. */
#include "base/error.h"
#include "base/wipe.h"
#include "message/block.h"
#include "transport/stream/connection.h"
#include <stdlib.h>
#include <string.h>

/* A message that waits: until the connection is open, for the peer's CSM if it is large, or for the peer to read. */
struct waiting {
    struct list_node link;
    struct connection *connection;
    struct delivery *delivery; /* NULL: nobody wants to know */
    struct coax_message message;
    size_t size;
    uint8_t bytes[]; /* what the message's views point to */
};

static enum frame_form form_of(const struct connection *connection) {
    bool is_websocket =
        connection->remote.scheme == COAX_SCHEME_COAP_WS || connection->remote.scheme == COAX_SCHEME_COAPS_WS;
    return is_websocket ? FRAME_WEBSOCKET : FRAME_STREAM;
}

enum coax_status coax_connection_write(struct connection *connection, const struct coax_message *message,
                                       coax_error *error) {
    struct stream_layer *layer = connection->layer;
    struct coax_message out = *message;
    out.type = COAX_NO_TYPE;
    out.id = 0;
    enum coax_status status = coax_filter_chain_send(&connection->chain, &out, error);
    if (status == COAX_OK && layer->events.trace != NULL) {
        layer->events.trace(layer->events.user, &connection->remote, &out, true);
    }
    coax_connection_mark(connection);
    return status;
}

static enum coax_status check_size(const struct connection *connection, const struct coax_message *message,
                                   coax_error *error) {
    size_t size = coax_frame_size(form_of(connection), message);
    bool is_request = coax_code_class(message->code) == 0;
    if (connection->csm_received && is_request && message->token.size > connection->peer.token_maximum) {
        return coax_fail(error, COAX_E_TOO_LARGE,
                         "The token has %zu bytes, and the peer takes %u at most (its Extended-Token-Length)",
                         message->token.size, (unsigned)connection->peer.token_maximum);
    }
    if (!connection->csm_received || size <= connection->peer.max_message_size) {
        return COAX_OK;
    }
    return coax_fail(error, COAX_E_TOO_LARGE,
                     "The message has %zu bytes, and the peer takes %u at most (its Max-Message-Size)", size,
                     (unsigned)connection->peer.max_message_size);
}

/* Before the peer's CSM only what every peer takes goes out (RFC 8323 section 5.3.1). */
static bool can_write(const struct connection *connection, const struct coax_message *message) {
    return connection->phase == CONNECTION_OPEN
           && coax_filter_chain_pending(&connection->chain) < connection->layer->settings.max_stream_output
           && (connection->csm_received
               || (coax_frame_size(form_of(connection), message) <= MAX_MESSAGE_SIZE_BASE
                   && message->token.size <= TOKEN_MAXIMUM));
}

static struct bytes copy_bytes(struct waiting *waiting, struct bytes bytes) {
    struct bytes copy = bytes_of(waiting->bytes + waiting->size, bytes.size);
    if (bytes.size > 0) {
        memcpy(waiting->bytes + waiting->size, bytes.data, bytes.size);
    }
    waiting->size += bytes.size;
    return copy;
}

static void free_waiting(struct waiting *waiting) {
    struct connection *connection = waiting->connection;
    list_remove(&waiting->link);
    connection->queued--;
    connection->queued_bytes -= waiting->size;
    if (waiting->delivery != NULL) {
        waiting->delivery->carrier = NULL;
    }
    coax_wipe_free(waiting, sizeof *waiting + waiting->size);
}

static enum coax_status enqueue(struct connection *connection, const struct coax_message *message,
                                struct delivery *delivery, coax_error *error) {
    if (connection->queued >= connection->layer->settings.max_queue_per_peer) {
        return coax_fail(error, COAX_E_LIMIT,
                         "%u messages to this peer wait already, as many as max_queue_per_peer allows",
                         (unsigned)connection->queued);
    }
    size_t size = message->token.size + message->options.size + message->payload.size;
    struct waiting *waiting = malloc(sizeof *waiting + size);
    if (waiting == NULL) {
        return coax_fail_memory(error);
    }
    *waiting = (struct waiting){.connection = connection, .delivery = delivery, .message = *message};
    waiting->message.token = copy_bytes(waiting, message->token);
    waiting->message.options = copy_bytes(waiting, message->options);
    waiting->message.payload = copy_bytes(waiting, message->payload);
    list_append(&connection->queue, &waiting->link);
    connection->queued++;
    connection->queued_bytes += waiting->size;
    if (delivery != NULL) {
        delivery->carrier = waiting;
    }
    return COAX_OK;
}

/* One that waited turned out to be too large for the peer, or could not be written. */
static void fail_waiting(struct waiting *waiting, const coax_error *error) {
    struct delivery *delivery = waiting->delivery;
    free_waiting(waiting);
    if (delivery != NULL) {
        delivery->failed(delivery, error);
    }
}

void coax_connection_send_queued(struct connection *connection) {
    coax_connection_enter(connection);
    struct list_node *node;
    while ((node = list_first(&connection->queue)) != NULL) {
        struct waiting *waiting = COAX_CONTAINER(node, struct waiting, link);
        if (!can_write(connection, &waiting->message)) {
            break;
        }
        coax_error error;
        enum coax_status status = check_size(connection, &waiting->message, &error);
        if (status == COAX_OK) {
            status = coax_connection_write(connection, &waiting->message, &error);
        }
        if (status == COAX_OK) {
            struct delivery *delivery = waiting->delivery;
            free_waiting(waiting);
            if (delivery != NULL) {
                delivery->acknowledged(delivery);
            }
        } else {
            fail_waiting(waiting, &error);
        }
    }
    coax_connection_leave(connection);
}

void coax_connection_drop_queue(struct connection *connection, const coax_error *error) {
    struct list_node *node;
    while ((node = list_first(&connection->queue)) != NULL) {
        struct waiting *waiting = COAX_CONTAINER(node, struct waiting, link);
        if (error == NULL) {
            free_waiting(waiting);
        } else {
            fail_waiting(waiting, error);
        }
    }
}

static enum coax_status check_phase(const struct connection *connection, coax_error *error) {
    if (connection->phase >= CONNECTION_CLOSING) {
        return coax_fail(error, COAX_E_DROPPED, "The connection to this remote is over");
    }
    if (connection->phase > CONNECTION_OPEN) {
        return coax_fail(error, COAX_E_RELEASED,
                         "The connection to this remote is being released: nothing new is sent on it");
    }
    return COAX_OK;
}

static enum coax_status send_or_queue(struct connection *connection, const struct coax_message *message,
                                      struct delivery *delivery, coax_error *error) {
    enum coax_status status = check_phase(connection, error);
    if (status == COAX_OK) {
        status = check_size(connection, message, error);
    }
    if (status != COAX_OK) {
        return status;
    }
    connection->used = connection->layer->now;
    if (list_is_empty(&connection->queue) && can_write(connection, message)) {
        return coax_connection_write(connection, message, error);
    }
    status = enqueue(connection, message, delivery, error);
    coax_connection_mark(connection);
    return status;
}

static enum coax_status send_message(struct coax_remote *remote, const struct coax_message *message, bool confirmable,
                                     struct delivery *delivery, coax_error *error) {
    (void)confirmable; /* there are no such types (RFC 8323 section 3.2) */
    struct connection *connection = connection_of(remote);
    if (delivery != NULL) {
        delivery->carrier = NULL;
    }
    if (message->code != COAX_EMPTY) {
        return send_or_queue(connection, message, delivery, error);
    }
    uint8_t room[SIGNALING_ROOM];
    struct coax_message ping = coax_ping_make(room, message->token, false);
    return send_or_queue(connection, &ping, delivery, error);
}

static void cancel(struct delivery *delivery) {
    struct waiting *waiting = delivery->carrier;
    if (waiting != NULL) {
        coax_connection_mark(waiting->connection);
        free_waiting(waiting);
    }
}

static enum delivery_stage stage(const struct delivery *delivery) {
    const struct waiting *waiting = delivery->carrier;
    if (waiting == NULL) {
        return DELIVERY_SENT;
    }
    return waiting->connection->phase < CONNECTION_OPEN ? DELIVERY_CONNECTING : DELIVERY_QUEUED;
}

static enum coax_status respond(struct coax_remote *remote, struct incoming *incoming,
                                const struct coax_message *response) {
    struct connection *connection = connection_of(remote);
    if (connection->phase >= CONNECTION_CLOSING) {
        return COAX_E_DROPPED;
    }
    enum coax_status status = check_size(connection, response, NULL);
    if (status == COAX_E_TOO_LARGE) {
        return status;
    }
    coax_connection_enter(connection);
    connection->used = connection->layer->now;
    status = coax_connection_write(connection, response, NULL);
    if (status != COAX_E_TOO_LARGE) {
        coax_connection_request_done(connection, incoming);
    }
    coax_connection_leave(connection);
    return status;
}

static void decline(struct coax_remote *remote, struct incoming *incoming) {
    struct connection *connection = connection_of(remote);
    coax_connection_enter(connection);
    coax_connection_request_done(connection, incoming);
    coax_connection_mark(connection);
    coax_connection_leave(connection);
}

/* More than 64 KiB at a time would gain nothing but memory that waits. */
static uint32_t block_maximum(const struct coax_remote *remote) {
    enum { HEAD_MAXIMUM = 4096, BLOCKS_MAXIMUM = 64 }; /* all that is not payload */
    const struct connection *connection = COAX_CONTAINER(remote, const struct connection, remote);
    uint32_t size = connection->peer.max_message_size;
    if (!capabilities_allow_bert(&connection->peer) || size < HEAD_MAXIMUM + 2 * BLOCK_SIZE_MAXIMUM) {
        return BLOCK_SIZE_MAXIMUM;
    }
    uint32_t blocks = (size - HEAD_MAXIMUM) / BLOCK_SIZE_MAXIMUM;
    return (blocks > BLOCKS_MAXIMUM ? BLOCKS_MAXIMUM : blocks) * BLOCK_SIZE_MAXIMUM;
}

/* 8 until its CSM is here. */
static uint32_t token_maximum(const struct coax_remote *remote) {
    return COAX_CONTAINER(remote, const struct connection, remote)->peer.token_maximum;
}

const struct transport coax_stream_transport = {
    .is_reliable = true,
    .block_maximum = block_maximum,
    .token_maximum = token_maximum,
    .send = send_message,
    .cancel = cancel,
    .stage = stage,
    .respond = respond,
    .decline = decline,
    .release = coax_connection_release,
    .released = coax_connection_released,
};
