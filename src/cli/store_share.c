#include "cli/store_share.h"

#include <stdlib.h>
#include <string.h>

struct store *store_share_enter(struct store_share *share) {
    store_lock(share->store);
    share->depth++;
    return share->store;
}

void store_share_leave(struct store_share *share) {
    share->depth--;
    store_unlock(share->store);
}

/* The list is another one, too. */
static void tell_observers(coax_resource *resource, const char *name) {
    coax_resource_changed_below(resource, name);
    coax_resource_changed_below(resource, "");
}

/* --- changes that another thread made --- */

static void tell_noted(coax_endpoint *endpoint, void *user) {
    struct store_share *share = user;
    char *names[STORE_SHARE_NAMES];
    (void)endpoint;
    store_lock(share->store);
    unsigned count = share->name_count;
    bool is_all = share->is_all;
    memcpy(names, share->names, sizeof names);
    share->name_count = 0;
    share->is_all = share->is_posted = false;
    store_unlock(share->store);
    if (is_all) {
        coax_resource_changed(share->resource);
    }
    for (unsigned i = 0; i < count; i++) {
        if (!is_all) {
            tell_observers(share->resource, names[i]);
        }
        free(names[i]);
    }
}

static void note(struct store_share *share, const char *name) {
    for (unsigned i = 0; i < share->name_count; i++) {
        if (strcmp(share->names[i], name) == 0) {
            return;
        }
    }
    char *copy = share->name_count < STORE_SHARE_NAMES ? strdup(name) : NULL;
    if (copy == NULL) {
        share->is_all = true;
    } else {
        share->names[share->name_count++] = copy;
    }
}

static void changed(const char *name, struct store_watcher *watcher) {
    struct store_share *share = COAX_CONTAINER(watcher, struct store_share, watcher);
    if (share->depth > 0) {
        tell_observers(share->resource, name);
        return;
    }
    note(share, name);
    if (!share->is_posted) {
        share->is_posted = coax_endpoint_post(share->endpoint, tell_noted, share) == COAX_OK;
    }
}

void store_share_init(struct store_share *share, struct store *store, coax_endpoint *endpoint,
                      coax_resource *resource) {
    *share =
        (struct store_share){.watcher.changed = changed, .store = store, .endpoint = endpoint, .resource = resource};
    store_watch(store, &share->watcher);
}

void store_share_free(struct store_share *share) {
    for (unsigned i = 0; i < share->name_count; i++) {
        free(share->names[i]);
    }
    share->name_count = 0;
}
