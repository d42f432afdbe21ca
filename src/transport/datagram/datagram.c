#include "transport/datagram/datagram.h"

#include "base/error.h"
#include "base/wipe.h"
#include "message/datagram_format.h"
#include "transport/datagram/peer.h"
#include <stdlib.h>

static bool peer_has_path(const struct hash_node *node, const void *key) {
    return peer_is_on(COAX_CONTAINER(node, struct peer, node), key);
}

static bool peer_has_cid(const struct hash_node *node, const void *key) {
    return memcmp(COAX_CONTAINER(node, struct peer, link[0].cid_node)->link->cid, key, DTLS_OWN_CID_SIZE) == 0;
}

static bool transmission_has_key(const struct hash_node *node, const void *key) {
    const struct transmission *transmission = COAX_CONTAINER(node, struct transmission, node);
    const struct message_key *wanted = key;
    return transmission->peer == wanted->peer && transmission->id == wanted->id;
}

static bool incoming_has_key(const struct hash_node *node, const void *key) {
    const struct incoming *incoming = COAX_CONTAINER(node, struct incoming, node);
    const struct message_key *wanted = key;
    return incoming->peer == wanted->peer && incoming->id == wanted->id;
}

static void init_table(struct datagram_layer *layer, struct hash_table *table,
                       bool (*equal)(const struct hash_node *node, const void *key)) {
    uint8_t seed[16];
    layer->output.random(layer->output.user, seed, sizeof seed);
    coax_hash_table_init(table, seed, equal);
}

enum coax_status coax_datagram_layer_init(struct datagram_layer *layer, const struct datagram_settings *settings,
                                          const struct datagram_output *output, const struct transport_events *events,
                                          struct timer_heap *timers) {
    *layer = (struct datagram_layer){
        .settings = *settings, .output = *output, .events = *events, .timers = timers, .shard_count = 1};
    init_table(layer, &layer->peers, peer_has_path);
    init_table(layer, &layer->cids, peer_has_cid);
    init_table(layer, &layer->transmissions, transmission_has_key);
    init_table(layer, &layer->replies, incoming_has_key);
    list_init(&layer->idle_peers);
    list_init(&layer->idle_sessions);
    list_init(&layer->handshakes);
    list_init(&layer->done_replies);
    layer->reply_timer.fire = coax_replies_expire;
    /* Remotes that are gone but still referenced take places too, and a new handshake may stand beside the old session.
     */
    size_t peers = (size_t)settings->max_peers * 2 + settings->max_requests;
    coax_pool_init(&layer->peer_pool, sizeof(struct peer), peers);
    coax_pool_init(&layer->secure_peer_pool, sizeof(struct peer) + sizeof(struct dtls_link), peers);
    coax_pool_init(&layer->cocoa_pool, sizeof(struct cocoa), peers);
    size_t messages = (size_t)settings->max_requests + settings->max_replies;
    coax_pool_init(&layer->transmission_pool, sizeof(struct transmission), messages);
    coax_pool_init(&layer->reply_pool, sizeof(struct incoming), settings->max_replies);
    coax_packet_store_init(&layer->packets, settings->max_message_size, messages);
    /* RFC 8974 section 2.2.2: who knows extended tokens answers, however long one is. */
    layer->token_maximum = settings->max_token_size > TOKEN_MAXIMUM ? EXTENDED_TOKEN_MAXIMUM : TOKEN_MAXIMUM;
    layer->scratch_size = settings->max_message_size;
    layer->scratch = malloc(layer->scratch_size);
    return layer->scratch == NULL ? COAX_E_NO_MEMORY : COAX_OK;
}

static void end_peer(struct hash_node *node, void *user) {
    struct peer *peer = COAX_CONTAINER(node, struct peer, node);
    peer->in_table = false; /* the table is being torn down around it */
    struct peer *successor = peer_successor(peer);
    if (successor != NULL) {
        coax_peer_end(successor, user);
    }
    coax_peer_end(peer, user);
}

/* Its address is another peer's by now (see dtls_link.c). */
static void end_homeless(struct hash_node *node, void *user) {
    struct peer *peer = COAX_CONTAINER(node, struct peer, link[0].cid_node);
    peer->link->has_cid = false; /* as above */
    coax_peer_end(peer, user);
}

void coax_datagram_layer_free(struct datagram_layer *layer) {
    coax_error error;
    coax_fail(&error, COAX_E_SHUT_DOWN, "The endpoint was shut down");
    coax_hash_table_each(&layer->peers, end_peer, &error);
    coax_timer_disarm(layer->timers, &layer->reply_timer);
    coax_hash_table_each(&layer->cids, end_homeless, &error);
    coax_hash_table_free(&layer->peers);
    coax_hash_table_free(&layer->cids);
    coax_hash_table_free(&layer->transmissions);
    coax_hash_table_free(&layer->replies);
    coax_packet_store_free(&layer->packets);
    coax_pool_free(&layer->transmission_pool);
    coax_pool_free(&layer->reply_pool);
    coax_pool_free(&layer->peer_pool);
    coax_pool_free(&layer->secure_peer_pool);
    coax_pool_free(&layer->cocoa_pool);
    coax_wipe_free(layer->scratch, layer->scratch_size); /* the last message */
}

/* What a datagram of an unknown peer deserves: only what can start something makes a peer. */
static bool deserves_peer(const struct coax_message *message, bool listening) {
    bool is_request = message->code != COAX_EMPTY && coax_code_class(message->code) == 0;
    if (listening || is_request) {
        return is_request && (message->type == COAX_CON || message->type == COAX_NON);
    }
    return message->code != COAX_EMPTY && message->type != COAX_ACK && message->type != COAX_RST;
}

static void put_reset(struct datagram_layer *layer, const struct path *path, uint16_t id) {
    struct coax_message message = {.type = COAX_RST, .code = COAX_EMPTY, .id = id};
    uint8_t data[DATAGRAM_HEADER_SIZE];
    size_t size;
    if (coax_datagram_encode(&message, data, sizeof data, &size) == COAX_OK) {
        layer->output.transmit(layer->output.user, path, data, size);
    }
}

static void receive_from_stranger(struct datagram_layer *layer, const struct path *path, bool listening,
                                  const uint8_t *data, size_t size) {
    struct coax_message message;
    bool header_read;
    enum coax_status status = coax_datagram_decode(&message, data, size, layer->token_maximum, &header_read, NULL);
    if (status == COAX_OK && deserves_peer(&message, listening)) {
        coax_remote *remote = NULL;
        if (coax_datagram_remote(layer, path, &remote, NULL) == COAX_OK) {
            coax_peer_receive(COAX_CONTAINER(remote, struct peer, remote), data, size);
        }
    } else if (header_read && message.type == COAX_CON && !coax_address_is_multicast(&path->local)) {
        put_reset(layer, path, message.id); /* malformed, a ping, or a response that nobody waits for */
    }
}

void coax_datagram_receive(struct datagram_layer *layer, const struct path *path, bool secure, bool listening,
                           const uint8_t *data, size_t size) {
    if (secure) {
        coax_dtls_link_receive(layer, path, listening, data, size);
        return;
    }
    struct peer *peer = coax_peer_find(layer, path);
    if (peer != NULL) {
        coax_peer_receive(peer, data, size);
    } else {
        receive_from_stranger(layer, path, listening, data, size);
    }
}

void coax_datagram_unreachable(struct datagram_layer *layer, const struct path *path, const coax_error *error) {
    struct peer *peer = coax_peer_find(layer, path);
    if (peer == NULL) {
        return;
    }
    /* Nobody authenticates what the network says: a server's session stays, as its client may have it still. A client
       makes another one when it asks again. */
    if (peer->session != NULL && peer->remote.local.port == 0) {
        coax_peer_end(peer, error);
        return;
    }
    coax_remote_ref(&peer->remote);
    coax_peer_forget_messages(peer); /* first: what the callbacks send anew stays */
    layer->events.lost(layer->events.user, &peer->remote, error);
    coax_remote_unref(&peer->remote);
}

enum coax_status coax_datagram_remote(struct datagram_layer *layer, const struct path *path,
                                      struct coax_remote **remote, coax_error *error) {
    struct peer *peer = coax_peer_find(layer, path);
    if (peer == NULL) {
        enum coax_status status = coax_peer_new(layer, path, false, &peer, error);
        if (status != COAX_OK) {
            return status;
        }
        if (coax_peer_insert(peer) != COAX_OK) {
            coax_peer_end(peer, NULL);
            return coax_fail_memory(error);
        }
        coax_peer_touch(peer);
    }
    *remote = &peer->remote;
    return COAX_OK;
}

static bool same_text(const char *a, const char *b) {
    return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

enum coax_status coax_datagram_secure_remote(struct datagram_layer *layer, const struct path *path,
                                             struct credential *credential, const char *host,
                                             struct coax_remote **remote, coax_error *error) {
    struct peer *peer = coax_peer_find(layer, path);
    if (peer != NULL) {
        if (peer->remote.credential != credential || !same_text(peer->remote.host, host)) {
            return coax_fail(error, COAX_E_EXISTS, "Another identity has a session on this path");
        }
        *remote = &peer->remote;
        return COAX_OK;
    }
    enum coax_status status = coax_peer_new(layer, path, true, &peer, error);
    if (status != COAX_OK) {
        return status;
    }
    coax_remote_ref(&peer->remote);
    status = coax_peer_insert(peer) == COAX_OK ? coax_dtls_link_connect(peer, credential, host, error)
                                               : coax_fail_memory(error);
    if (status != COAX_OK) {
        coax_peer_end(peer, NULL);
    } else {
        *remote = &peer->remote;
    }
    coax_remote_unref(&peer->remote);
    return status;
}

bool coax_datagram_drop_idle(struct datagram_layer *layer, const struct path *path) {
    struct peer *peer = coax_peer_find(layer, path);
    if (peer == NULL) {
        return false;
    }
    coax_peer_touch(peer); /* lists it if it is idle */
    bool is_idle = list_contains_node(&peer->idle);
    if (is_idle) {
        coax_peer_end(peer, NULL);
    }
    return is_idle;
}
