#include "transport/datagram/peer.h"

#include "message/datagram_format.h"

static uint64_t reply_hash(const struct peer *peer, uint16_t id) {
    struct message_key key = {peer, id};
    return coax_hash_table_hash(&peer->layer->replies, &key, sizeof key);
}

struct incoming *coax_incoming_find(struct peer *peer, uint16_t id) {
    struct message_key key = {peer, id};
    struct hash_node *node = coax_hash_table_find(&peer->layer->replies, reply_hash(peer, id), &key);
    return node == NULL ? NULL : COAX_CONTAINER(node, struct incoming, node);
}

void coax_incoming_free(struct incoming *incoming) {
    struct peer *peer = incoming->peer;
    struct datagram_layer *layer = peer->layer;
    if (!incoming->is_done) {
        peer->pending_incoming--;
    }
    peer->reply_count--;
    coax_hash_table_remove(&layer->replies, &incoming->node);
    list_remove(&incoming->of_peer);
    list_remove(&incoming->by_age);
    coax_timer_disarm(layer->timers, &incoming->timer);
    coax_packet_drop(&layer->packets, incoming->reply);
    coax_pool_give(&layer->reply_pool, incoming);
}

/* When as many replies are kept as may be, each request makes the oldest go, which nobody has touched for 100,000
   others: it is on its way into the cache two requests before. */
static void foresee(const struct datagram_layer *layer) {
    const struct list_node *next = list_first(&layer->done_replies);
    if (next == NULL || next->next == &layer->done_replies) {
        return;
    }
    const struct incoming *first = COAX_CONTAINER(next, struct incoming, by_age);
    const struct incoming *second = COAX_CONTAINER(next->next, struct incoming, by_age);
    coax_hash_table_prefetch(&layer->replies, &first->node);
    __builtin_prefetch(first->reply);
    __builtin_prefetch(second);
    __builtin_prefetch(&second->reply);
}

static void free_oldest_of_all(struct datagram_layer *layer) {
    struct list_node *oldest = list_first(&layer->done_replies);
    if (oldest != NULL) {
        coax_incoming_free(COAX_CONTAINER(oldest, struct incoming, by_age));
        foresee(layer);
    }
}

/* A place to remember a message in: the oldest answered one of the peer, or of all, makes room. NULL if all are
 * unanswered. */
static struct incoming *take_place(struct peer *peer) {
    struct datagram_layer *layer = peer->layer;
    struct list_node *oldest = list_first(&peer->done_replies);
    if (peer->reply_count >= layer->settings.max_replies_per_peer) {
        if (oldest == NULL) {
            return NULL;
        }
        coax_incoming_free(COAX_CONTAINER(oldest, struct incoming, of_peer));
    }
    struct incoming *incoming = coax_pool_take(&layer->reply_pool);
    if (incoming == NULL) {
        free_oldest_of_all(layer);
        incoming = coax_pool_take(&layer->reply_pool);
    }
    return incoming;
}

static void put_reply(struct incoming *incoming) {
    coax_peer_put(incoming->peer, incoming->reply->data, incoming->reply->size);
}

static void fire_incoming(struct timer *timer, coax_instant now) {
    (void)now;
    struct incoming *incoming = COAX_CONTAINER(timer, struct incoming, timer);
    if (incoming->reply != NULL) { /* a multicast answer whose leisure is over */
        struct peer *peer = incoming->peer;
        put_reply(incoming);
        coax_packet_drop(&peer->layer->packets, incoming->reply);
        incoming->reply = NULL;
        coax_incoming_finish(incoming);
    } else {
        coax_incoming_acknowledge(incoming);
    }
}

struct incoming *coax_incoming_new(struct peer *peer, const struct coax_message *message) {
    struct datagram_layer *layer = peer->layer;
    struct incoming *incoming = take_place(peer);
    if (incoming == NULL) {
        return NULL;
    }
    incoming->peer = peer;
    incoming->id = message->id;
    incoming->confirmable = message->type == COAX_CON;
    incoming->is_multicast = coax_address_is_multicast(&peer->remote.local);
    incoming->timer.fire = fire_incoming;
    list_init(&incoming->of_peer);
    list_init(&incoming->by_age);
    coax_instant deadline = coax_instant_after_ms(layer->now, layer->settings.empty_ack_delay_ms);
    if (coax_hash_table_insert(&layer->replies, &incoming->node, reply_hash(peer, message->id)) != COAX_OK) {
        coax_pool_give(&layer->reply_pool, incoming);
        return NULL;
    }
    peer->reply_count++;
    peer->pending_incoming++;
    list_append(&peer->open_replies, &incoming->of_peer);
    if (incoming->confirmable && coax_timer_arm(layer->timers, &incoming->timer, deadline) != COAX_OK) {
        coax_incoming_free(incoming);
        return NULL;
    }
    list_remove(&peer->idle);
    return incoming;
}

void coax_incoming_repeat(struct incoming *incoming) {
    if (!incoming->confirmable || incoming->is_multicast) {
        return; /* a duplicate NON is silently ignored (RFC 7252 section 4.5) */
    }
    if (incoming->reply != NULL) {
        put_reply(incoming);
    } else if (incoming->is_acknowledged) {
        coax_peer_put_empty(incoming->peer, COAX_ACK, incoming->id);
    }
}

void coax_incoming_finish(struct incoming *incoming) {
    struct peer *peer = incoming->peer;
    struct datagram_layer *layer = peer->layer;
    coax_timer_disarm(layer->timers, &incoming->timer);
    incoming->is_done = true;
    incoming->expires = coax_instant_after_ms(layer->now, layer->settings.exchange_lifetime_ms);
    list_remove(&incoming->of_peer);
    list_append(&peer->done_replies, &incoming->of_peer);
    list_append(&layer->done_replies, &incoming->by_age);
    peer->pending_incoming--;
    if (!coax_timer_is_armed(&layer->reply_timer)) {
        (void)coax_timer_arm(layer->timers, &layer->reply_timer, incoming->expires);
    }
    coax_peer_touch(peer);
}

void coax_replies_expire(struct timer *timer, coax_instant now) {
    struct datagram_layer *layer = COAX_CONTAINER(timer, struct datagram_layer, reply_timer);
    struct list_node *node;
    while ((node = list_first(&layer->done_replies)) != NULL) {
        struct incoming *oldest = COAX_CONTAINER(node, struct incoming, by_age);
        if (oldest->expires > now) {
            (void)coax_timer_arm(layer->timers, timer, oldest->expires);
            break;
        }
        coax_incoming_free(oldest);
    }
}

void coax_incoming_acknowledge(struct incoming *incoming) {
    coax_timer_disarm(incoming->peer->layer->timers, &incoming->timer);
    incoming->is_acknowledged = true;
    coax_peer_put_empty(incoming->peer, COAX_ACK, incoming->id);
}

/* A response to a multicast request waits for a random part of the leisure (RFC 7252 section 8.2). */
static enum coax_status respond_at_leisure(struct incoming *incoming, struct bytes bytes) {
    struct datagram_layer *layer = incoming->peer->layer;
    uint16_t random;
    layer->output.random(layer->output.user, &random, sizeof random);
    uint64_t leisure_ms = (uint64_t)layer->settings.default_leisure_ms * random / UINT16_MAX;
    incoming->reply = coax_packet_keep(&layer->packets, bytes);
    if (incoming->reply != NULL
        && coax_timer_arm(layer->timers, &incoming->timer, coax_instant_after_ms(layer->now, leisure_ms)) == COAX_OK) {
        return COAX_OK;
    }
    coax_packet_drop(&layer->packets, incoming->reply);
    incoming->reply = NULL;
    coax_incoming_finish(incoming);
    return COAX_E_NO_MEMORY;
}

/* The answer in the acknowledgement itself, kept for duplicates. If it cannot be kept, a duplicate gets silence: it is
 * never executed again. */
static void piggyback(struct incoming *incoming, struct bytes bytes) {
    struct datagram_layer *layer = incoming->peer->layer;
    incoming->reply = coax_packet_keep(&layer->packets, bytes);
    if (incoming->reply == NULL) {
        free_oldest_of_all(layer);
        incoming->reply = coax_packet_keep(&layer->packets, bytes);
    }
    coax_peer_put(incoming->peer, bytes.data, bytes.size);
    coax_incoming_finish(incoming);
}

enum coax_status coax_respond_datagram(struct coax_remote *remote, struct incoming *incoming,
                                       const struct coax_message *response) {
    struct peer *peer = COAX_CONTAINER(remote, struct peer, remote);
    struct datagram_layer *layer = peer->layer;
    if (remote->is_gone || incoming == NULL) {
        return COAX_E_DROPPED;
    }
    if (incoming->is_acknowledged) {
        enum coax_status status = coax_transmit_message(remote, response, true, NULL, NULL);
        if (status != COAX_E_TOO_LARGE) {
            coax_incoming_finish(incoming);
        }
        return status;
    }
    struct coax_message outgoing = *response;
    outgoing.type = incoming->confirmable ? COAX_ACK : COAX_NON;
    outgoing.id = incoming->confirmable ? incoming->id : coax_peer_next_id(peer);
    size_t size;
    enum coax_status status = coax_datagram_encode(&outgoing, layer->scratch, coax_peer_capacity(peer), &size);
    if (status != COAX_OK) {
        return status;
    }
    struct bytes bytes = bytes_of(layer->scratch, size);
    if (incoming->is_multicast) {
        return respond_at_leisure(incoming, bytes);
    }
    if (incoming->confirmable) {
        piggyback(incoming, bytes);
    } else {
        coax_peer_put(peer, bytes.data, bytes.size);
        coax_incoming_finish(incoming);
    }
    return COAX_OK;
}

void coax_decline_datagram(struct coax_remote *remote, struct incoming *incoming) {
    if (remote->is_gone || incoming == NULL) {
        return;
    }
    if (incoming->confirmable && !incoming->is_acknowledged) {
        coax_incoming_acknowledge(incoming);
    }
    coax_incoming_finish(incoming);
}
