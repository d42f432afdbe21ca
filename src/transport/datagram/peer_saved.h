/* The peers with DTLS sessions of a server, as bytes, and back: for a server that is started again. */
#ifndef COAX_TRANSPORT_DATAGRAM_PEER_SAVED_H
#define COAX_TRANSPORT_DATAGRAM_PEER_SAVED_H

#include "base/pack.h"
#include "transport/datagram/datagram.h"

/* Appends all established sessions of clients, and ends them here without a word to the client; `more` appends what
   other rooms know of the remote, before. COAX_E_NO_MEMORY: the sessions are lost. */
enum coax_status coax_datagram_save(struct datagram_layer *layer, struct pack *pack,
                                    void (*more)(struct coax_remote *remote, struct pack *pack));

/* Which of so many shards has to take the peer that is next. False: there is no next one. */
bool coax_datagram_saved_shard(struct bytes from, uint32_t shard_count, uint32_t *shard);

/* Makes the peer that is next in *from; what `more` wrote is next then. `find_channel` says which channel has a local
   address. Not an error in what was saved, and passed over: COAX_E_NOT_FOUND (no channel, or somebody is there),
   COAX_E_NO_CREDENTIALS (see coax_dtls_session_restore). Else COAX_E_FORMAT, COAX_E_LIMIT, COAX_E_NO_MEMORY. */
enum coax_status coax_datagram_restore(struct datagram_layer *layer, struct bytes *from,
                                       bool (*find_channel)(void *user, const struct address *local, uint32_t *channel),
                                       void *user, struct coax_remote **remote);

#endif
