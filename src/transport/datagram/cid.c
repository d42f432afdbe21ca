/* Peers whose sessions have a Connection ID (RFC 9146): they are found by it, and may come from another address. */
#include "transport/datagram/peer.h"

enum { AMPLIFICATION_MAXIMUM = 3, BYTE_VALUES = 256 };

static uint64_t cid_hash(const struct datagram_layer *layer, const uint8_t *cid) {
    return coax_hash_table_hash(&layer->cids, cid, DTLS_OWN_CID_SIZE);
}

static struct peer *find(const struct datagram_layer *layer, const uint8_t *cid) {
    struct hash_node *node = coax_hash_table_find(&layer->cids, cid_hash(layer, cid), cid);
    return node == NULL ? NULL : COAX_CONTAINER(node, struct peer, link[0].cid_node);
}

struct peer *coax_peer_find_by_cid(const struct datagram_layer *layer, const uint8_t *datagram, size_t size) {
    return size < DTLS_CID_OFFSET + DTLS_OWN_CID_SIZE ? NULL : find(layer, datagram + DTLS_CID_OFFSET);
}

/* The first byte says whose they are, however many shards there are: also after a restart with more or fewer. */
uint32_t coax_peer_cid_shard(const struct datagram_layer *layer, const uint8_t *datagram, size_t size) {
    return size <= DTLS_CID_OFFSET ? layer->shard : datagram[DTLS_CID_OFFSET] % layer->shard_count;
}

static void mark_shard(const struct datagram_layer *layer, uint8_t *cid) {
    uint32_t count = layer->shard_count;
    cid[0] = (uint8_t)(layer->shard + count * (cid[0] % (BYTE_VALUES / count)));
}

/* Random ones, but for the shard: nobody can tell from them which sessions are one client's. */
struct bytes coax_peer_give_cid(struct peer *peer) {
    struct datagram_layer *layer = peer->layer;
    if (layer->settings.connection_ids) {
        layer->output.random(layer->output.user, peer->link->cid, sizeof peer->link->cid);
        mark_shard(layer, peer->link->cid);
        /* One of 2^64 that is taken already is no reason to try again. */
        peer->link->has_cid =
            find(layer, peer->link->cid) == NULL
            && coax_hash_table_insert(&layer->cids, &peer->link->cid_node, cid_hash(layer, peer->link->cid)) == COAX_OK;
    }
    return bytes_of(peer->link->cid, peer->link->has_cid ? sizeof peer->link->cid : 0);
}

bool coax_peer_keep_cid(struct peer *peer, struct bytes cid) {
    struct datagram_layer *layer = peer->layer;
    if (cid.size != sizeof peer->link->cid || find(layer, cid.data) != NULL) {
        return false;
    }
    memcpy(peer->link->cid, cid.data, sizeof peer->link->cid);
    peer->link->has_cid =
        coax_hash_table_insert(&layer->cids, &peer->link->cid_node, cid_hash(layer, peer->link->cid)) == COAX_OK;
    return peer->link->has_cid;
}

void coax_peer_take_cid(struct peer *peer) {
    if (peer->link->has_cid) {
        coax_hash_table_remove(&peer->layer->cids, &peer->link->cid_node);
        peer->link->has_cid = false;
    }
}

/* --- another address --- */

bool coax_peer_comes_from(struct peer *peer, const struct path *path, size_t size) {
    uint64_t credit = (uint64_t)size * AMPLIFICATION_MAXIMUM;
    bool is_homeless = peer->is_ready && !peer->in_table;
    if (!is_homeless && peer_is_on(peer, path)) {
        peer->link->credit += credit;
        return true;
    }
    if (!peer->is_ready) {
        return false; /* a handshake stays where it began: its cookie is for that address */
    }
    peer->link->arrival = path;
    peer->link->arrival_credit = credit;
    return true;
}

static void leave_table(struct peer *peer) {
    if (peer->in_table) {
        coax_hash_table_remove(&peer->layer->peers, &peer->node);
        peer->in_table = false;
    }
}

/* One that has a Connection ID is found without its address, which is another client's by now. */
static bool free_path(struct datagram_layer *layer, const struct path *path) {
    struct peer *occupant = coax_peer_find(layer, path);
    if (occupant == NULL) {
        return true;
    }
    if (peer_is_secure(occupant) && occupant->link->has_cid && occupant->is_ready
        && occupant->link->successor == NULL) {
        leave_table(occupant);
        return true;
    }
    return coax_datagram_drop_idle(layer, path);
}

/* RFC 9146 section 6: only what is authentic and newer than all before shows that the peer is elsewhere. */
void coax_peer_arrived(struct peer *peer) {
    const struct path *path = peer->link->arrival;
    if (path == NULL || !free_path(peer->layer, path)) {
        return;
    }
    leave_table(peer);
    peer->remote.address = path->remote;
    peer->remote.local = path->local;
    peer->channel = path->channel;
    (void)coax_peer_insert(peer); /* without memory it is found by its Connection ID alone */
    peer->link->has_moved = peer->link->is_unproven = true;
    peer->link->moved_at = peer->layer->now;
    peer->link->credit = peer->link->arrival_credit;
    peer->link->arrival = NULL;
}

/* That it receives there, an answer to a ping shows (RFC 7252 section 4.3). */
void coax_peer_has_come(struct peer *peer) {
    peer->link->arrival = NULL;
    if (peer->link->has_moved && peer->link->is_unproven && !peer->remote.is_gone) {
        const struct coax_message ping = {.type = COAX_CON, .code = COAX_EMPTY};
        (void)coax_transmit_message(&peer->remote, &ping, true, NULL, NULL);
    }
    peer->link->has_moved = false;
}

bool coax_peer_may_send(struct peer *peer, size_t size) {
    if (peer->link->is_unproven && size > peer->link->credit) {
        return false; /* it counts as lost */
    }
    peer->link->credit -= peer->link->is_unproven ? size : 0;
    return true;
}

void coax_peer_proven(struct peer *peer, coax_instant sent) {
    if (peer_is_secure(peer) && sent >= peer->link->moved_at) {
        peer->link->is_unproven = false;
    }
}
