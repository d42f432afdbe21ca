#include "transport/datagram/peer.h"

#include "message/datagram_format.h"

static bool came_by_multicast(const struct peer *peer) {
    return coax_address_is_multicast(&peer->remote.local);
}

static void reject(struct peer *peer, const struct coax_message *message) {
    if (message->type == COAX_CON && !came_by_multicast(peer) && !peer->remote.is_gone) {
        coax_peer_put_empty(peer, COAX_RST, message->id);
    }
}

/* An acknowledgement or Reset ends a transmission; returns its delivery, which the transport has then forgotten. What
   waited goes first: what the callbacks to come send stands behind it. */
static struct delivery *end_transmission(struct peer *peer, uint16_t id, bool confirmable_only) {
    struct transmission *transmission = coax_transmission_find(peer, id);
    if (transmission == NULL || transmission->is_queued || (confirmable_only && !transmission->confirmable)) {
        return NULL;
    }
    struct delivery *delivery = transmission->delivery;
    coax_transmission_measured(transmission);
    coax_peer_proven(peer, transmission->last_sent);
    coax_transmission_free(transmission);
    coax_peer_send_queued(peer);
    return delivery;
}

/* A response in the acknowledgement may be nobody's, by its token: the message is acknowledged all the same, and its
   sender must not wait for that any longer. */
static void receive_ack(struct peer *peer, const struct coax_message *message) {
    struct delivery *delivery = end_transmission(peer, message->id, true);
    if (delivery != NULL) {
        delivery->acknowledged(delivery);
    }
    if (message->code != COAX_EMPTY) {
        const struct transport_events *events = &peer->layer->events;
        (void)events->response(events->user, &peer->remote, message);
    }
}

static void receive_reset(struct peer *peer, const struct coax_message *message) {
    struct delivery *delivery = end_transmission(peer, message->id, false);
    if (delivery != NULL) {
        static const coax_error error = {
            COAX_E_RESET, -1, "The peer rejected the message with a Reset: it lacks the context to process it"};
        delivery->failed(delivery, &error);
    }
}

static void receive_request(struct peer *peer, const struct coax_message *message) {
    struct incoming *incoming = coax_incoming_find(peer, message->id);
    if (incoming != NULL) {
        coax_incoming_repeat(incoming);
        return;
    }
    incoming = coax_incoming_new(peer, message);
    if (incoming != NULL) {
        const struct transport_events *events = &peer->layer->events;
        events->request(events->user, &peer->remote, message, incoming);
    }
}

static void receive_response(struct peer *peer, const struct coax_message *message) {
    const struct transport_events *events = &peer->layer->events;
    if (message->type == COAX_NON) {
        (void)events->response(events->user, &peer->remote, message);
        return;
    }
    struct incoming *known = coax_incoming_find(peer, message->id);
    if (known != NULL) {
        coax_incoming_repeat(known);
        return;
    }
    if (!events->response(events->user, &peer->remote, message)) {
        reject(peer, message);
        return;
    }
    if (peer->remote.is_gone) {
        return;
    }
    /* Remembered, so that its duplicates are acknowledged too although nobody waits for them any more. */
    struct incoming *incoming = coax_incoming_new(peer, message);
    if (incoming != NULL) {
        coax_incoming_acknowledge(incoming);
        coax_incoming_finish(incoming);
    } else {
        coax_peer_put_empty(peer, COAX_ACK, message->id);
    }
}

static void receive_message(struct peer *peer, const struct coax_message *message) {
    bool is_request = coax_code_class(message->code) == 0 && message->code != COAX_EMPTY;
    coax_peer_trace(peer, message, false);
    if (came_by_multicast(peer) && !(is_request && message->type == COAX_NON)) {
        return; /* RFC 7252 section 8.1: nothing but non-confirmable requests goes to a group */
    }
    if (message->type == COAX_RST) {
        if (message->code == COAX_EMPTY) {
            receive_reset(peer, message);
        }
    } else if (message->type == COAX_ACK) {
        if (!is_request) {
            receive_ack(peer, message);
        }
    } else if (message->code == COAX_EMPTY) {
        reject(peer, message); /* a ping (RFC 7252 section 4.3) */
    } else if (is_request) {
        receive_request(peer, message);
    } else {
        receive_response(peer, message);
    }
}

void coax_peer_receive(struct peer *peer, const uint8_t *data, size_t size) {
    struct coax_message message;
    bool header_read;
    coax_remote_ref(&peer->remote);
    peer->last_activity = peer->last_heard = peer->layer->now;
    if (coax_datagram_decode(&message, data, size, peer->layer->token_maximum, &header_read, NULL) == COAX_OK) {
        receive_message(peer, &message);
    } else if (header_read) {
        reject(peer, &message); /* RFC 7252 section 4.2: a message format error */
    }
    coax_remote_unref(&peer->remote);
}
