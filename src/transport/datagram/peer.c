#include "transport/datagram/peer.h"

#include "base/error.h"
#include "message/block.h"
#include <stdlib.h>
#include <string.h>

/* A DTLS session has no Release: close_notify ends it at once. */
static enum coax_status release_session(struct coax_remote *remote, const coax_release_terms *terms,
                                        struct release_wait *wait, coax_error *error) {
    (void)terms;
    struct peer *peer = COAX_CONTAINER(remote, struct peer, remote);
    if (remote->scheme == COAX_SCHEME_COAP) {
        return coax_fail(error, COAX_E_UNSUPPORTED, "A remote over UDP has no connection that could be released");
    }
    if (remote->is_gone) {
        return coax_fail(error, COAX_E_DROPPED, "The session is over already");
    }
    if (wait != NULL && coax_timer_arm(peer->layer->timers, &wait->timer, peer->layer->now) != COAX_OK) {
        return coax_fail_memory(error);
    }
    coax_peer_end(peer, NULL);
    return COAX_OK;
}

static uint32_t block_maximum(const struct coax_remote *remote) {
    (void)remote;
    return BLOCK_SIZE_MAXIMUM;
}

const struct transport coax_datagram_transport = {
    .block_maximum = block_maximum,
    .send = coax_transmit_message,
    .cancel = coax_transmission_cancel,
    .stage = coax_transmission_stage,
    .respond = coax_respond_datagram,
    .decline = coax_decline_datagram,
    .release = release_session,
    .released = coax_peer_released,
};

struct peer *coax_peer_find(struct datagram_layer *layer, const struct path *path) {
    uint64_t hash = coax_hash_table_hash(&layer->peers, path, sizeof *path);
    struct hash_node *node = coax_hash_table_find(&layer->peers, hash, path);
    return node == NULL ? NULL : COAX_CONTAINER(node, struct peer, node);
}

static bool is_idle(const struct peer *peer) {
    return peer->remote.references == 0 && peer->is_ready && peer->pending_incoming == 0 && list_is_empty(&peer->queue)
           && list_is_empty(&peer->sent)
           && (peer_is_secure(peer) ? (peer->in_table || peer->link->has_cid) && peer->link->successor == NULL
                                    : peer->in_table);
}

/* Ends the peer that has been idle longest in `list`; false if none is idle. One that became busy since it was listed
 * leaves the list. */
static bool drop_longest_idle(struct list_node *list) {
    struct list_node *first;
    while ((first = list_first(list)) != NULL) {
        struct peer *peer = COAX_CONTAINER(first, struct peer, idle);
        if (is_idle(peer)) {
            coax_peer_end(peer, NULL);
            return true;
        }
        list_remove(first);
    }
    return false;
}

static bool make_room(struct datagram_layer *layer, bool secure) {
    if (secure && layer->session_count >= layer->settings.max_sessions && !drop_longest_idle(&layer->idle_sessions)) {
        return false;
    }
    return layer->peer_count < layer->settings.max_peers || drop_longest_idle(&layer->idle_peers)
           || drop_longest_idle(&layer->idle_sessions);
}

enum coax_status coax_peer_new(struct datagram_layer *layer, const struct path *path, bool secure, struct peer **result,
                               coax_error *error) {
    if (!make_room(layer, secure)) {
        return coax_fail(error, COAX_E_LIMIT,
                         "All %u peers (%u sessions) that the settings allow are busy; raise max_peers or max_sessions",
                         (unsigned)layer->settings.max_peers, (unsigned)layer->settings.max_sessions);
    }
    struct peer *peer = coax_pool_take(secure ? &layer->secure_peer_pool : &layer->peer_pool);
    if (peer == NULL) {
        return coax_fail_memory(error);
    }
    peer->remote.transport = &coax_datagram_transport;
    peer->remote.scheme = secure ? COAX_SCHEME_COAPS : COAX_SCHEME_COAP;
    peer->remote.address = path->remote;
    peer->remote.local = path->local;
    list_init(&peer->remote.requests);
    list_init(&peer->remote.exchanges);
    list_init(&peer->remote.bodies);
    list_init(&peer->remote.observers);
    peer->layer = layer;
    peer->channel = path->channel;
    peer->is_ready = !secure;
    peer->last_activity = layer->now;
    list_init(&peer->idle);
    list_init(&peer->queue);
    list_init(&peer->sent);
    list_init(&peer->done_replies);
    list_init(&peer->open_replies);
    if (secure) {
        list_init(&peer->link->handshake);
    }
    layer->output.random(layer->output.user, &peer->next_id, sizeof peer->next_id);
    layer->peer_count++;
    layer->session_count += secure;
    *result = peer;
    return COAX_OK;
}

enum coax_status coax_peer_insert(struct peer *peer) {
    struct hash_table *peers = &peer->layer->peers;
    const struct path path = peer_path(peer);
    uint64_t hash = coax_hash_table_hash(peers, &path, sizeof path);
    enum coax_status status = coax_hash_table_insert(peers, &peer->node, hash);
    peer->in_table = status == COAX_OK;
    return status;
}

void coax_peer_touch(struct peer *peer) {
    struct datagram_layer *layer = peer->layer;
    list_remove(&peer->idle);
    if (is_idle(peer)) {
        list_append(peer->session != NULL ? &layer->idle_sessions : &layer->idle_peers, &peer->idle);
    }
}

void coax_peer_forget_messages(struct peer *peer) {
    struct list_node *const lists[] = {&peer->queue, &peer->sent};
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
        struct list_node *node;
        while ((node = list_first(lists[i])) != NULL) {
            coax_transmission_free(COAX_CONTAINER(node, struct transmission, link));
        }
    }
}

static void forget_replies(struct list_node *list) {
    struct list_node *node;
    while ((node = list_first(list)) != NULL) {
        coax_incoming_free(COAX_CONTAINER(node, struct incoming, of_peer));
    }
}

static void free_peer(struct peer *peer) {
    struct datagram_layer *layer = peer->layer;
    coax_credential_unref(peer->remote.credential);
    free(peer->remote.host);
    if (peer->cocoa != NULL) {
        coax_pool_give(&layer->cocoa_pool, peer->cocoa);
    }
    coax_pool_give(peer_is_secure(peer) ? &layer->secure_peer_pool : &layer->peer_pool, peer);
}

/* The handshake that was to replace the peer takes its place at once. */
static void promote_successor(struct peer *peer) {
    struct peer *successor = peer_successor(peer);
    if (successor == NULL) {
        return;
    }
    peer->link->successor = NULL;
    successor->link->predecessor = NULL;
    if (coax_peer_insert(successor) != COAX_OK) {
        coax_peer_end(successor, NULL);
    }
}

void coax_peer_end(struct peer *peer, const coax_error *error) {
    struct datagram_layer *layer = peer->layer;
    if (peer->remote.is_gone) {
        return;
    }
    peer->remote.is_gone = true;
    peer->remote.references++; /* until the end of this function */
    list_remove(&peer->idle);
    layer->peer_count--;
    layer->session_count -= peer->remote.scheme == COAX_SCHEME_COAPS;
    if (peer->in_table) {
        coax_hash_table_remove(&layer->peers, &peer->node);
        peer->in_table = false;
    }
    if (peer_is_secure(peer) && peer->link->predecessor != NULL) {
        peer->link->predecessor->link->successor = NULL;
        coax_peer_touch(peer->link->predecessor);
        peer->link->predecessor = NULL;
    }
    promote_successor(peer);
    coax_error silent = {.status = COAX_E_DROPPED, .alert = -1, .text = "The session was dropped because it was idle"};
    layer->events.lost(layer->events.user, &peer->remote, error != NULL ? error : &silent);
    coax_peer_forget_messages(peer);
    forget_replies(&peer->open_replies);
    forget_replies(&peer->done_replies);
    coax_dtls_link_end(peer, error == NULL || error->status == COAX_E_SHUT_DOWN);
    if (--peer->remote.references == 0) {
        free_peer(peer);
    }
}

void coax_peer_released(struct coax_remote *remote) {
    struct peer *peer = COAX_CONTAINER(remote, struct peer, remote);
    if (remote->is_gone) {
        free_peer(peer);
    } else {
        coax_peer_touch(peer);
    }
}
