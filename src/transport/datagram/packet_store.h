/* Kept copies of datagrams (for retransmission, and replies to duplicates) in three sizes of pooled memory, so that the
   steady state allocates nothing and the whole is bounded. */
#ifndef COAX_TRANSPORT_DATAGRAM_PACKET_STORE_H
#define COAX_TRANSPORT_DATAGRAM_PACKET_STORE_H

#include "base/bytes.h"
#include "base/pool.h"

enum { PACKET_CLASSES = 3 };

struct packet {
    uint16_t size;
    uint8_t pool; /* index of the pool that it came from */
    uint8_t data[];
};

struct packet_store {
    struct pool pools[PACKET_CLASSES];
    size_t capacities[PACKET_CLASSES];
};

/* `maximum` is the largest packet, `limit` the number of packets in use at most (of each size). */
void coax_packet_store_init(struct packet_store *store, size_t maximum, size_t limit);
void coax_packet_store_free(struct packet_store *store);

/* A copy of the bytes; NULL at the limit, if memory ran out or if they are larger than the maximum. */
struct packet *coax_packet_keep(struct packet_store *store, struct bytes bytes);

/* NULL is allowed. The bytes are wiped: they may have been a secret's. */
void coax_packet_drop(struct packet_store *store, struct packet *packet);

#endif
