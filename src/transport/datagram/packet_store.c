#include "transport/datagram/packet_store.h"

#include "base/wipe.h"
#include <string.h>

/* Most CoAP messages fit the first, nearly all others the second. */
static const size_t packet_capacities[PACKET_CLASSES - 1] = {96, 480};

void coax_packet_store_init(struct packet_store *store, size_t maximum, size_t limit) {
    for (unsigned i = 0; i < PACKET_CLASSES; i++) {
        size_t capacity = i < PACKET_CLASSES - 1 && packet_capacities[i] < maximum ? packet_capacities[i] : maximum;
        store->capacities[i] = capacity;
        coax_pool_init(&store->pools[i], sizeof(struct packet) + capacity, limit);
    }
}

void coax_packet_store_free(struct packet_store *store) {
    for (unsigned i = 0; i < PACKET_CLASSES; i++) {
        coax_pool_free(&store->pools[i]);
    }
}

struct packet *coax_packet_keep(struct packet_store *store, struct bytes bytes) {
    for (unsigned i = 0; i < PACKET_CLASSES; i++) {
        if (bytes.size > store->capacities[i]) {
            continue;
        }
        struct packet *packet = coax_pool_take(&store->pools[i]);
        if (packet != NULL) {
            packet->size = (uint16_t)bytes.size;
            packet->pool = (uint8_t)i;
            memcpy(packet->data, bytes.data, bytes.size);
            return packet;
        }
    }
    return NULL;
}

void coax_packet_drop(struct packet_store *store, struct packet *packet) {
    if (packet != NULL) {
        coax_wipe(packet->data, packet->size);
        coax_pool_give(&store->pools[packet->pool], packet);
    }
}
