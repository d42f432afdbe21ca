/* What an endpoint that is one of several shards needs of the others. */
#ifndef COAX_ENDPOINT_SHARDS_H
#define COAX_ENDPOINT_SHARDS_H

#include "endpoint/endpoint.h"
#include <coax/shards.h>

struct coax_shards {
    uint32_t count;
    struct shard *threads; /* `count` of them: see shards.c */
    struct stack **stacks;
    coax_endpoint *endpoints[];
};

/* For the listener that comes next in a shard: *fd gets a socket on the address of shard 0's listener with the same
   number; -1 in shard 0. COAX_E_STATE: that has another scheme or port, or there is none. COAX_E_IO. */
enum coax_status coax_shards_listen(const coax_endpoint *endpoint, const coax_uri *uri, int *fd, coax_error *error);

/* Takes what other shards have handed over. The endpoint's thread. */
void coax_shards_take_foreign(coax_endpoint *endpoint);

#endif
