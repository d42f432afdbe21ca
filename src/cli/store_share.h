/* One endpoint's part in a store that several threads use: its handlers enter and leave, and those who observe its
   resource are told of changes, whichever thread made them. */
#ifndef COAX_CLI_STORE_SHARE_H
#define COAX_CLI_STORE_SHARE_H

#include "cli/store.h"
#include <coax/endpoint.h>

enum { STORE_SHARE_NAMES = 32 }; /* of changes that wait to be told; for more all are told */

struct store_share {
    struct store_watcher watcher;
    struct store *store;
    coax_endpoint *endpoint;
    coax_resource *resource;
    unsigned
        depth; /* how often the endpoint's own handlers have entered. This and what follows: under the store's lock */
    char *names[STORE_SHARE_NAMES];
    unsigned name_count;
    bool is_all;    /* too many names, or no memory for one */
    bool is_posted; /* the endpoint is on its way to tell them */
};

/* `resource` is a sub-tree of the endpoint's site, whose entries are named by what is below it. The share outlives the
   endpoint and the last change of the store. */
void store_share_init(struct store_share *share, struct store *store, coax_endpoint *endpoint, coax_resource *resource);
void store_share_free(struct store_share *share);

/* Around each handler. */
struct store *store_share_enter(struct store_share *share);
void store_share_leave(struct store_share *share);

#endif
