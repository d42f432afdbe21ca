/* The peers with DTLS sessions of a server, as bytes, and back. */
#include "transport/datagram/peer_saved.h"

#include "base/error.h"
#include "transport/datagram/peer.h"
#include <stdlib.h>

struct list {
    struct peer **peers;
    size_t count;
};

static bool is_saved(const struct peer *peer) {
    return peer->session != NULL && peer->is_ready && !peer->remote.is_gone && peer->remote.local.port != 0;
}

static void note(struct hash_node *node, void *user) {
    struct peer *peer = COAX_CONTAINER(node, struct peer, node);
    struct list *list = user;
    if (is_saved(peer)) {
        list->peers[list->count++] = peer;
    }
}

/* Those that are found by nothing but their Connection ID. */
static void note_homeless(struct hash_node *node, void *user) {
    struct peer *peer = COAX_CONTAINER(node, struct peer, link[0].cid_node);
    struct list *list = user;
    if (is_saved(peer) && !peer->in_table) {
        list->peers[list->count++] = peer;
    }
}

static void save_address(const struct address *address, struct pack *pack) {
    coax_pack_bytes(pack, bytes_of(address->ip, sizeof address->ip));
    coax_pack_uint(pack, address->zone, 4);
    coax_pack_uint(pack, address->port, 2);
}

static bool take_address(struct bytes *from, struct address *address) {
    struct bytes ip;
    uint64_t zone, port;
    if (!coax_unpack_bytes(from, sizeof address->ip, &ip) || !coax_unpack_uint(from, 4, &zone)
        || !coax_unpack_uint(from, 2, &port)) {
        return false;
    }
    *address = (struct address){.zone = (uint32_t)zone, .port = (uint16_t)port};
    memcpy(address->ip, ip.data, sizeof address->ip);
    return true;
}

static void save_peer(struct peer *peer, struct pack *pack,
                      void (*more)(struct coax_remote *remote, struct pack *pack)) {
    coax_pack_uint(pack, peer->link->has_cid ? peer->link->cid[0] : peer->layer->shard, 1);
    save_address(&peer->remote.address, pack);
    save_address(&peer->remote.local, pack);
    coax_pack_uint(pack, peer->next_id, 2);
    (void)coax_dtls_session_save(peer->session, pack);
    more(&peer->remote, pack);
    coax_dtls_session_free(peer->session); /* without a word to the client */
    peer->session = NULL;
    coax_error error;
    coax_fail(&error, COAX_E_DROPPED, "The session was saved for another endpoint");
    coax_peer_end(peer, &error);
}

enum coax_status coax_datagram_save(struct datagram_layer *layer, struct pack *pack,
                                    void (*more)(struct coax_remote *remote, struct pack *pack)) {
    struct list list = {calloc(layer->peers.count + layer->cids.count + 1, sizeof(struct peer *)), 0};
    if (list.peers == NULL) {
        return COAX_E_NO_MEMORY;
    }
    coax_hash_table_each(&layer->peers, note, &list);
    coax_hash_table_each(&layer->cids, note_homeless, &list);
    for (size_t i = 0; i < list.count; i++) {
        coax_remote_ref(&list.peers[i]->remote); /* the end of one may be the end of another */
    }
    for (size_t i = 0; i < list.count; i++) {
        if (is_saved(list.peers[i])) {
            save_peer(list.peers[i], pack, more);
        }
        coax_remote_unref(&list.peers[i]->remote);
    }
    free(list.peers);
    return pack->has_failed ? COAX_E_NO_MEMORY : COAX_OK;
}

/* The handshake is over: what link_established does with a new one. */
static enum coax_status adopt(struct peer *peer) {
    struct credential *credential = coax_dtls_session_credential(peer->session);
    struct bytes cid = coax_dtls_session_cid(peer->session);
    if (credential != NULL) {
        peer->remote.credential = coax_credential_ref(credential);
        peer->remote.proved = true;
    }
    peer->is_ready = true;
    if (cid.size != 0 && !coax_peer_keep_cid(peer, cid)) {
        return COAX_E_FORMAT;
    }
    enum coax_status status = coax_peer_insert(peer);
    coax_peer_touch(peer);
    coax_dtls_link_schedule(peer);
    return status;
}

bool coax_datagram_saved_shard(struct bytes from, uint32_t shard_count, uint32_t *shard) {
    uint64_t number;
    bool good = coax_unpack_uint(&from, 1, &number);
    *shard = good ? (uint32_t)number % shard_count : 0;
    return good;
}

enum coax_status coax_datagram_restore(struct datagram_layer *layer, struct bytes *from,
                                       bool (*find_channel)(void *user, const struct address *local, uint32_t *channel),
                                       void *user, struct coax_remote **remote) {
    struct path path = {.channel = 0};
    struct peer *peer = NULL;
    uint64_t shard, next_id;
    if (!coax_unpack_uint(from, 1, &shard) || !take_address(from, &path.remote) || !take_address(from, &path.local)
        || !coax_unpack_uint(from, 2, &next_id)) {
        return COAX_E_FORMAT;
    }
    bool is_served = find_channel(user, &path.local, &path.channel) && coax_peer_find(layer, &path) == NULL;
    enum coax_status status = coax_peer_new(layer, &path, true, &peer, NULL);
    if (status != COAX_OK) {
        return status == COAX_E_LIMIT ? COAX_E_LIMIT : COAX_E_NO_MEMORY;
    }
    peer->next_id = (uint16_t)next_id;
    status = coax_dtls_session_restore(&peer->session, layer->dtls, from, coax_dtls_link_events(), peer);
    if (status == COAX_OK) {
        status = is_served ? adopt(peer) : COAX_E_NOT_FOUND;
    }
    if (status != COAX_OK) {
        coax_dtls_session_free(peer->session);
        peer->session = NULL;
        coax_peer_end(peer, NULL);
        return status;
    }
    *remote = &peer->remote;
    return COAX_OK;
}
