/* Joins peers and DTLS sessions: who gets which datagram, when a session begins, and what its end does to the peer. */
#include "transport/datagram/peer.h"

#include "base/error.h"
#include <stdlib.h>

/* Where a ClientHello has the end of its random (RFC 6347 section 4.2.2): behind record header, handshake header,
   version, and the first 24 bytes of it, of which some clients make the time. */
enum { HELLO_RANDOM_OFFSET = 13 + 12 + 2 + 24 };

static void link_transmit(void *user, const uint8_t *datagram, size_t size) {
    struct peer *peer = user;
    if (coax_peer_may_send(peer, size)) {
        const struct path path = peer_path(peer);
        peer->layer->output.transmit(peer->layer->output.user, &path, datagram, size);
    }
}

/* The new handshake has authenticated its peer: only now the old session goes (RFC 6347 section 4.2.8). */
static void replace_predecessor(struct peer *peer) {
    struct peer *predecessor = peer->link->predecessor;
    if (predecessor != NULL) {
        coax_error error;
        coax_fail(&error, COAX_E_DROPPED, "The peer restarted and began a new session; ask again");
        coax_peer_end(predecessor, &error); /* puts this one into the table */
    }
}

static void leave_handshakes(struct peer *peer) {
    if (list_contains_node(&peer->link->handshake)) {
        list_remove(&peer->link->handshake);
        peer->layer->handshake_count--;
    }
}

static void link_established(void *user) {
    struct peer *peer = user;
    struct credential *credential = coax_dtls_session_credential(peer->session);
    if (credential != NULL && peer->remote.credential != credential) {
        coax_credential_unref(peer->remote.credential);
        peer->remote.credential = coax_credential_ref(credential);
    }
    peer->remote.proved = credential != NULL;
    if (coax_dtls_session_cid(peer->session).size == 0) {
        coax_peer_take_cid(peer); /* the client does not know them */
    }
    leave_handshakes(peer);
    replace_predecessor(peer);
    if (peer->remote.is_gone) {
        return;
    }
    peer->is_ready = true;
    peer->last_activity = peer->layer->now;
    peer->remote.was_opened = true;
    if (peer->layer->events.opened != NULL) {
        peer->layer->events.opened(peer->layer->events.user, &peer->remote);
    }
    coax_peer_send_queued(peer);
}

static void link_newer(void *user) {
    coax_peer_arrived(user);
}

static void link_message(void *user, const uint8_t *data, size_t size) {
    struct peer *peer = user;
    if (peer->is_ready) {
        coax_peer_receive(peer, data, size);
    }
}

static void link_closed(void *user, const coax_error *error) {
    coax_peer_end(user, error);
}

static const struct dtls_events link_events = {link_transmit, link_established, link_newer, link_message, link_closed};

const struct dtls_events *coax_dtls_link_events(void) {
    return &link_events;
}

void coax_dtls_link_end(struct peer *peer, bool in_order) {
    if (!peer_is_secure(peer)) {
        return;
    }
    leave_handshakes(peer);
    coax_peer_take_cid(peer);
    coax_timer_disarm(peer->layer->timers, &peer->link->session_timer);
    struct dtls_session *session = peer->session;
    peer->session = NULL;
    if (session != NULL) {
        if (in_order) {
            coax_dtls_session_close(session);
        }
        coax_dtls_session_free(session);
    }
}

static bool is_idle_too_long(const struct peer *peer, coax_instant now) {
    uint32_t idle_ms = peer->layer->settings.session_idle_ms;
    return idle_ms != 0 && peer->remote.references == 0 && list_contains_node(&peer->idle)
           && now >= coax_instant_after_ms(peer->last_activity, idle_ms);
}

static void fire_session(struct timer *timer, coax_instant now) {
    struct peer *peer = COAX_CONTAINER(timer, struct peer, link[0].session_timer);
    if (peer->is_ready && is_idle_too_long(peer, now)) {
        coax_peer_end(peer, NULL);
        return;
    }
    coax_remote_ref(&peer->remote);
    coax_dtls_session_expire(peer->session, now);
    coax_dtls_link_schedule(peer);
    coax_remote_unref(&peer->remote);
}

void coax_dtls_link_schedule(struct peer *peer) {
    struct datagram_layer *layer = peer->layer;
    if (peer->session == NULL) {
        return;
    }
    coax_instant deadline = coax_dtls_session_deadline(peer->session, layer->now);
    if (peer->is_ready && layer->settings.session_idle_ms != 0) {
        coax_instant idle = coax_instant_after_ms(peer->last_activity, layer->settings.session_idle_ms);
        if (idle <= layer->now) { /* busy all that time: look again later */
            idle = coax_instant_after_ms(layer->now, layer->settings.session_idle_ms);
        }
        deadline = idle < deadline ? idle : deadline;
    }
    if (deadline == COAX_NEVER) {
        coax_timer_disarm(layer->timers, &peer->link->session_timer);
    } else if (!peer->is_ready || !coax_timer_is_armed(&peer->link->session_timer)
               || deadline < peer->link->session_timer.deadline) {
        peer->link->session_timer.fire = fire_session;
        /* Without memory for the timer the session lives until its peer is dropped for room. */
        (void)coax_timer_arm(layer->timers, &peer->link->session_timer, deadline);
    }
}

enum coax_status coax_dtls_link_connect(struct peer *peer, struct credential *credential, const char *host,
                                        coax_error *error) {
    struct datagram_layer *layer = peer->layer;
    if (host != NULL) {
        peer->remote.host = strdup(host);
        if (peer->remote.host == NULL) {
            return coax_fail_memory(error);
        }
    }
    peer->remote.credential = coax_credential_ref(credential);
    enum coax_status status =
        coax_dtls_client_new(&peer->session, layer->dtls, credential, host, &link_events, peer, layer->now, error);
    if (status != COAX_OK) {
        return status;
    }
    coax_dtls_link_schedule(peer);
    return coax_timer_is_armed(&peer->link->session_timer) ? COAX_OK : coax_fail_memory(error);
}

static void feed(struct peer *peer, const uint8_t *data, size_t size) {
    coax_remote_ref(&peer->remote);
    coax_dtls_session_receive(peer->session, data, size, peer->layer->now);
    coax_dtls_link_schedule(peer);
    coax_remote_unref(&peer->remote);
}

static void drop_oldest_handshake(struct datagram_layer *layer) {
    struct list_node *oldest = list_first(&layer->handshakes);
    if (layer->handshake_count >= layer->settings.max_handshakes && oldest != NULL) {
        coax_error error;
        coax_fail(&error, COAX_E_LIMIT, "The handshake was dropped: too many are under way (max_handshakes)");
        coax_peer_end(COAX_CONTAINER(oldest, struct peer, link[0].handshake), &error);
    }
}

static void remember_hello(struct peer *peer, const uint8_t *data, size_t size) {
    if (size >= HELLO_RANDOM_OFFSET + sizeof peer->link->hello_random) {
        memcpy(peer->link->hello_random, data + HELLO_RANDOM_OFFSET, sizeof peer->link->hello_random);
    }
}

static bool is_same_hello(const struct peer *peer, const uint8_t *data, size_t size) {
    return size >= HELLO_RANDOM_OFFSET + sizeof peer->link->hello_random
           && memcmp(peer->link->hello_random, data + HELLO_RANDOM_OFFSET, sizeof peer->link->hello_random) == 0;
}

/* Begins a server session from a verified ClientHello; beside the one that the address has, if it is established. */
static void accept_hello(struct datagram_layer *layer, const struct path *path, const uint8_t *data, size_t size) {
    drop_oldest_handshake(layer);
    struct peer *peer;
    if (coax_peer_new(layer, path, true, &peer, NULL) != COAX_OK) {
        return;
    }
    struct peer *predecessor = coax_peer_find(layer, path); /* only now: it may have been dropped to make room */
    remember_hello(peer, data, size);
    list_append(&layer->handshakes, &peer->link->handshake);
    layer->handshake_count++;
    coax_remote_ref(&peer->remote);
    enum coax_status status = COAX_OK;
    coax_error error;
    coax_fail_memory(&error);
    if (predecessor != NULL) {
        peer->link->predecessor = predecessor;
        predecessor->link->successor = peer;
    } else {
        status = coax_peer_insert(peer);
    }
    if (status == COAX_OK) {
        status = coax_dtls_server_new(&peer->session, layer->dtls, data, size, coax_peer_give_cid(peer), &link_events,
                                      peer, layer->now, &error);
    }
    if (status != COAX_OK) {
        coax_peer_end(peer, &error);
    } else {
        coax_dtls_link_schedule(peer);
    }
    coax_remote_unref(&peer->remote);
}

/* Where an answer to a hello goes that has no peer. */
struct link_target {
    struct datagram_layer *layer;
    const struct path *path;
};

static void transmit_on_path(void *user, const uint8_t *datagram, size_t size) {
    const struct link_target *target = user;
    target->layer->output.transmit(target->layer->output.user, target->path, datagram, size);
}

static void receive_hello(struct datagram_layer *layer, const struct path *path, struct peer *peer, const uint8_t *data,
                          size_t size) {
    struct link_target target = {layer, path};
    enum dtls_hello hello =
        coax_dtls_hello(layer->dtls, &path->remote, data, size, layer->now, transmit_on_path, &target);
    if (hello != DTLS_HELLO_VERIFIED) {
        return;
    }
    if (peer != NULL && peer->is_ready && is_same_hello(peer, data, size)) {
        return; /* a late copy of the one that began this very session */
    }
    struct peer *handshaking = peer != NULL && peer->is_ready ? peer->link->successor : peer;
    if (handshaking != NULL) {
        if (is_same_hello(handshaking, data, size)) {
            feed(handshaking, data, size);
            return;
        }
        /* The address is the client's (the cookie says so) and it has begun anew. */
        coax_error error;
        coax_fail(&error, COAX_E_HANDSHAKE, "The peer began another handshake");
        coax_peer_end(handshaking, &error);
    }
    accept_hello(layer, path, data, size);
}

/* Of a client's sessions none is found: servers send them none. */
static void receive_by_cid(struct datagram_layer *layer, const struct path *path, const uint8_t *data, size_t size) {
    uint32_t shard = coax_peer_cid_shard(layer, data, size);
    if (shard != layer->shard) {
        layer->hand_over(layer->output.user, shard, path, data, size);
        return;
    }
    struct peer *peer = coax_peer_find_by_cid(layer, data, size);
    if (peer == NULL || peer->session == NULL) {
        return;
    }
    coax_remote_ref(&peer->remote);
    if (coax_peer_comes_from(peer, path, size)) {
        feed(peer, data, size);
        coax_peer_has_come(peer);
    }
    coax_remote_unref(&peer->remote);
}

void coax_dtls_link_receive(struct datagram_layer *layer, const struct path *path, bool listening, const uint8_t *data,
                            size_t size) {
    if (layer->dtls == NULL) {
        return;
    }
    uint16_t epoch;
    enum dtls_datagram kind = coax_dtls_classify(data, size, &epoch);
    if (kind == DTLS_DATAGRAM_WITH_CID) {
        receive_by_cid(layer, path, data, size);
        return;
    }
    struct peer *peer = coax_peer_find(layer, path);
    if (peer != NULL && !peer_is_secure(peer)) {
        return; /* a channel carries one or the other */
    }
    if (kind == DTLS_DATAGRAM_CLIENT_HELLO && listening) {
        receive_hello(layer, path, peer, data, size);
        return;
    }
    if (peer == NULL || kind == DTLS_DATAGRAM_INVALID) {
        return;
    }
    bool of_handshake = kind == DTLS_DATAGRAM_HANDSHAKE || (kind == DTLS_DATAGRAM_ALERT && epoch == 0);
    feed(peer->link->successor != NULL && of_handshake ? peer->link->successor : peer, data, size);
}
