#include "transport/datagram/peer.h"

#include "base/error.h"
#include "message/datagram_format.h"

static uint64_t transmission_hash(const struct peer *peer, uint16_t id) {
    struct message_key key = {peer, id};
    return coax_hash_table_hash(&peer->layer->transmissions, &key, sizeof key);
}

struct transmission *coax_transmission_find(struct peer *peer, uint16_t id) {
    struct message_key key = {peer, id};
    struct hash_node *node = coax_hash_table_find(&peer->layer->transmissions, transmission_hash(peer, id), &key);
    return node == NULL ? NULL : COAX_CONTAINER(node, struct transmission, node);
}

uint16_t coax_peer_next_id(struct peer *peer) {
    /* An ID that is still under way is passed over; check_sendable sees to it that not all are. */
    do {
        peer->next_id++;
    } while (coax_transmission_find(peer, peer->next_id) != NULL);
    return peer->next_id;
}

size_t coax_peer_capacity(const struct peer *peer) {
    enum { RECORD_MAXIMUM = 16128 }; /* see dtls_settings */
    size_t size = peer->layer->scratch_size;
    return peer->remote.scheme == COAX_SCHEME_COAPS && size > RECORD_MAXIMUM ? RECORD_MAXIMUM : size;
}

void coax_peer_trace(struct peer *peer, const struct coax_message *message, bool sent) {
    const struct transport_events *events = &peer->layer->events;
    if (events->trace != NULL) {
        events->trace(events->user, &peer->remote, message, sent);
    }
}

void coax_peer_put(struct peer *peer, const uint8_t *data, size_t size) {
    struct datagram_layer *layer = peer->layer;
    if (layer->events.trace != NULL) {
        struct coax_message message;
        if (coax_datagram_decode(&message, data, size, layer->token_maximum, NULL, NULL) == COAX_OK) {
            coax_peer_trace(peer, &message, true);
        }
    }
    if (peer->remote.scheme == COAX_SCHEME_COAP) {
        const struct path path = peer_path(peer);
        layer->output.transmit(layer->output.user, &path, data, size);
    } else if (peer->session != NULL) {
        /* A record that cannot be sent is a lost one: retransmission and timeouts take care of it. */
        (void)coax_dtls_session_send(peer->session, data, size);
        peer->last_activity = layer->now;
    }
}

void coax_peer_put_empty(struct peer *peer, enum coax_type type, uint16_t id) {
    struct coax_message message = {.type = type, .code = COAX_EMPTY, .id = id};
    uint8_t data[DATAGRAM_HEADER_SIZE];
    size_t size;
    if (coax_datagram_encode(&message, data, sizeof data, &size) == COAX_OK) {
        coax_peer_put(peer, data, size);
    }
}

void coax_transmission_free(struct transmission *transmission) {
    struct peer *peer = transmission->peer;
    struct datagram_layer *layer = peer->layer;
    if (transmission->is_queued) {
        peer->queued--;
    } else if (transmission->confirmable) {
        peer->unconfirmed--;
    }
    if (transmission->delivery != NULL) {
        transmission->delivery->carrier = NULL;
    }
    coax_hash_table_remove(&layer->transmissions, &transmission->node);
    peer->id_count--;
    list_remove(&transmission->link);
    coax_timer_disarm(layer->timers, &transmission->timer);
    coax_packet_drop(&layer->packets, transmission->packet);
    coax_pool_give(&layer->transmission_pool, transmission);
}

static bool has_cocoa(const struct datagram_layer *layer) {
    return layer->settings.congestion_control == COAX_CONGESTION_COCOA;
}

void coax_transmission_measured(const struct transmission *transmission) {
    struct peer *peer = transmission->peer;
    struct datagram_layer *layer = peer->layer;
    if (!transmission->confirmable || !has_cocoa(layer)) {
        return;
    }
    if (peer->cocoa == NULL) {
        peer->cocoa = coax_pool_take(&layer->cocoa_pool);
    }
    if (peer->cocoa != NULL) { /* without memory it stays unmeasured */
        coax_cocoa_measured(peer->cocoa, layer->now, transmission->first_sent, transmission->last_sent,
                            transmission->retransmissions, layer->settings.ack_timeout_ms);
    }
}

/* With large settings it stays at 49 days. */
static uint32_t doubled(uint32_t ms) {
    return ms > UINT32_MAX / 2 ? UINT32_MAX : ms * 2;
}

static uint32_t next_timeout_ms(const struct datagram_layer *layer, uint32_t timeout_ms) {
    return has_cocoa(layer) ? coax_cocoa_next_timeout_ms(timeout_ms) : doubled(timeout_ms);
}

static void fire_transmission(struct timer *timer, coax_instant now) {
    struct transmission *transmission = COAX_CONTAINER(timer, struct transmission, timer);
    struct peer *peer = transmission->peer;
    struct datagram_layer *layer = peer->layer;
    if (transmission->retransmissions < layer->settings.max_retransmit) {
        transmission->retransmissions++;
        transmission->last_sent = now;
        transmission->timeout_ms = next_timeout_ms(layer, transmission->timeout_ms);
        coax_instant deadline = coax_instant_after_ms(now, transmission->timeout_ms);
        if (coax_timer_arm(layer->timers, timer, deadline) == COAX_OK) {
            coax_peer_put(peer, transmission->packet->data, transmission->packet->size);
            return;
        }
    }
    coax_error error;
    char who[128] = "the peer";
    (void)coax_remote_uri(&peer->remote, who, sizeof who);
    coax_fail(&error, COAX_E_TIMEOUT, "%s did not acknowledge the message, which was sent %u times", who,
              transmission->retransmissions + 1U);
    struct delivery *delivery = transmission->delivery;
    bool is_silent = peer->last_heard < transmission->first_sent;
    coax_remote_ref(&peer->remote);
    coax_transmission_free(transmission);
    /* A server that began anew does not know the session, and says nothing to it: what is asked next begins another. */
    bool is_over = is_silent && peer->session != NULL && coax_dtls_session_is_client(peer->session);
    if (!is_over) {
        coax_peer_send_queued(peer);
    }
    if (delivery != NULL) {
        delivery->failed(delivery, &error);
    }
    if (is_over) {
        coax_peer_end(peer, &error);
    }
    coax_remote_unref(&peer->remote);
}

/* ACK_TIMEOUT, or what was measured instead, times a random factor of 1 to ACK_RANDOM_FACTOR (RFC 7252 section 4.2). */
static uint32_t first_timeout_ms(struct peer *peer) {
    struct datagram_layer *layer = peer->layer;
    uint16_t random;
    layer->output.random(layer->output.user, &random, sizeof random);
    uint64_t base = layer->settings.ack_timeout_ms;
    if (has_cocoa(layer)) {
        base = coax_cocoa_timeout_ms(peer->cocoa, layer->now, layer->settings.ack_timeout_ms, peer->unconfirmed);
    }
    uint64_t spread = base * (layer->settings.ack_random_percent - 100) / 100;
    return (uint32_t)(base + spread * random / UINT16_MAX);
}

/* The message goes out for the first time. */
static enum coax_status start(struct transmission *transmission) {
    struct peer *peer = transmission->peer;
    struct datagram_layer *layer = peer->layer;
    list_append(&peer->sent, &transmission->link);
    if (transmission->confirmable) {
        transmission->timeout_ms = first_timeout_ms(peer);
        transmission->first_sent = transmission->last_sent = layer->now;
        peer->unconfirmed++;
        coax_instant deadline = coax_instant_after_ms(layer->now, transmission->timeout_ms);
        enum coax_status status = coax_timer_arm(layer->timers, &transmission->timer, deadline);
        if (status != COAX_OK) {
            return status;
        }
    }
    coax_peer_put(peer, transmission->packet->data, transmission->packet->size);
    return COAX_OK;
}

static bool must_wait(const struct peer *peer, bool confirmable) {
    return !peer->is_ready || (confirmable && peer->unconfirmed >= peer->layer->settings.nstart);
}

void coax_peer_send_queued(struct peer *peer) {
    struct list_node *node;
    while (!peer->remote.is_gone && (node = list_first(&peer->queue)) != NULL) {
        struct transmission *transmission = COAX_CONTAINER(node, struct transmission, link);
        if (must_wait(peer, transmission->confirmable)) {
            break;
        }
        list_remove(&transmission->link);
        transmission->is_queued = false;
        peer->queued--;
        if (start(transmission) != COAX_OK || (!transmission->confirmable && transmission->delivery == NULL)) {
            coax_transmission_free(transmission);
        }
    }
    coax_peer_touch(peer);
}

/* A queued message holds its timer's place, so that its start cannot fail. */
static enum coax_status start_or_queue(struct transmission *transmission) {
    struct peer *peer = transmission->peer;
    if (!must_wait(peer, transmission->confirmable)) {
        return start(transmission);
    }
    transmission->is_queued = true;
    peer->queued++;
    list_append(&peer->queue, &transmission->link);
    return transmission->confirmable ? coax_timer_arm(peer->layer->timers, &transmission->timer, COAX_NEVER) : COAX_OK;
}

static enum coax_status new_transmission(struct peer *peer, uint16_t id, struct bytes bytes, bool confirmable,
                                         struct transmission **result) {
    struct datagram_layer *layer = peer->layer;
    struct transmission *transmission = coax_pool_take(&layer->transmission_pool);
    if (transmission == NULL) {
        return COAX_E_NO_MEMORY;
    }
    transmission->packet = coax_packet_keep(&layer->packets, bytes);
    transmission->peer = peer;
    transmission->id = id;
    transmission->confirmable = confirmable;
    transmission->timer.fire = fire_transmission;
    list_init(&transmission->link);
    if (transmission->packet == NULL
        || coax_hash_table_insert(&layer->transmissions, &transmission->node, transmission_hash(peer, id)) != COAX_OK) {
        coax_packet_drop(&layer->packets, transmission->packet);
        coax_pool_give(&layer->transmission_pool, transmission);
        return COAX_E_NO_MEMORY;
    }
    peer->id_count++;
    *result = transmission;
    return COAX_OK;
}

static enum coax_status check_sendable(const struct peer *peer, bool confirmable, coax_error *error) {
    const struct coax_remote *remote = &peer->remote;
    if (remote->is_gone) {
        return coax_fail(error, COAX_E_DROPPED,
                         "The session with this remote is over; ask by its URI to begin another");
    }
    if (confirmable && coax_address_is_multicast(&remote->address)) {
        return coax_fail(error, COAX_E_INVALID,
                         "A confirmable message cannot go to a multicast address (RFC 7252 section 8.1); send it "
                         "non-confirmable (--non)");
    }
    if (peer->id_count >= PEER_IDS_MAXIMUM) {
        return coax_fail(error, COAX_E_LIMIT, "%u messages to this peer are under way, more would have no message ID",
                         (unsigned)peer->id_count);
    }
    if (must_wait(peer, confirmable) && peer->queued >= peer->layer->settings.max_queue_per_peer) {
        return coax_fail(error, COAX_E_LIMIT,
                         "%u messages wait for this peer already, as many as max_queue_per_peer allows",
                         (unsigned)peer->queued);
    }
    return COAX_OK;
}

enum coax_status coax_transmit_message(struct coax_remote *remote, const struct coax_message *message, bool confirmable,
                                       struct delivery *delivery, coax_error *error) {
    struct peer *peer = COAX_CONTAINER(remote, struct peer, remote);
    struct datagram_layer *layer = peer->layer;
    enum coax_status status = check_sendable(peer, confirmable, error);
    if (status != COAX_OK) {
        return status;
    }
    struct coax_message outgoing = *message;
    outgoing.type = confirmable ? COAX_CON : COAX_NON;
    outgoing.id = coax_peer_next_id(peer);
    size_t size;
    size_t capacity = coax_peer_capacity(peer);
    status = coax_datagram_encode(&outgoing, layer->scratch, capacity, &size);
    if (status != COAX_OK) {
        return coax_fail(error, status, "The message is larger than %zu bytes, which is %s", capacity,
                         capacity < layer->scratch_size ? "all that fits a DTLS record" : "max_message_size");
    }
    if (!confirmable && delivery == NULL && !must_wait(peer, false)) {
        coax_peer_put(peer, layer->scratch, size);
        return COAX_OK;
    }
    struct transmission *transmission;
    status = new_transmission(peer, outgoing.id, bytes_of(layer->scratch, size), confirmable, &transmission);
    if (status != COAX_OK) {
        return coax_fail_memory(error);
    }
    if (start_or_queue(transmission) != COAX_OK) {
        coax_transmission_free(transmission);
        return coax_fail_memory(error);
    }
    transmission->delivery = delivery;
    if (delivery != NULL) {
        delivery->carrier = transmission;
    }
    coax_peer_touch(peer);
    return COAX_OK;
}

void coax_transmission_cancel(struct delivery *delivery) {
    struct transmission *transmission = delivery->carrier;
    if (transmission != NULL) {
        struct peer *peer = transmission->peer;
        coax_transmission_free(transmission);
        coax_peer_send_queued(peer);
    }
}

enum delivery_stage coax_transmission_stage(const struct delivery *delivery) {
    const struct transmission *transmission = delivery->carrier;
    if (transmission == NULL) {
        return DELIVERY_ACKNOWLEDGED;
    }
    if (!transmission->peer->is_ready) {
        return DELIVERY_CONNECTING;
    }
    if (transmission->is_queued) {
        return DELIVERY_QUEUED;
    }
    return transmission->confirmable ? DELIVERY_UNCONFIRMED : DELIVERY_ACKNOWLEDGED;
}
