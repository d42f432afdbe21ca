#include "endpoint/shards.h"

#include "base/error.h"
#include "endpoint/thread.h"
#include <coax/sessions.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { FOREIGN_DATAGRAMS = 128, RELEASE_MS = 2000 };

struct shard {
    pthread_t thread;
    bool is_running;
    coax_shards *shards;
    coax_endpoint *endpoint;
    enum coax_status status;
    coax_error error;
};

/* --- datagrams of another shard's sessions --- */

/* Shards have the same listeners, but number their sockets on their own. */
struct foreign {
    struct path path; /* the channel is that of whom it is for */
    uint32_t listener;
};

static void hand_over(void *user, uint32_t shard, const struct path *path, const uint8_t *data, size_t size) {
    const coax_endpoint *endpoint = user;
    coax_endpoint *owner = endpoint->shards->endpoints[shard];
    struct foreign foreign = {.path = *path};
    while (foreign.listener < endpoint->listener_count
           && (endpoint->listeners[foreign.listener].fd >= 0
               || endpoint->listeners[foreign.listener].channel != path->channel)) {
        foreign.listener++;
    }
    /* What finds no room is lost, as datagrams are. */
    if (foreign.listener < endpoint->listener_count
        && coax_mailbox_put(&owner->foreign, bytes_of(&foreign, sizeof foreign), bytes_of(data, size))) {
        coax_endpoint_wake(owner);
    }
}

static void receive_foreign(coax_endpoint *endpoint, struct bytes letter) {
    struct foreign foreign;
    memcpy(&foreign, letter.data, sizeof foreign);
    if (foreign.listener >= endpoint->listener_count || endpoint->listeners[foreign.listener].fd >= 0) {
        return;
    }
    foreign.path.channel = endpoint->listeners[foreign.listener].channel;
    coax_stack_receive(endpoint->stack, &foreign.path, true, true, letter.data + sizeof foreign,
                       letter.size - sizeof foreign);
}

void coax_shards_take_foreign(coax_endpoint *endpoint) {
    struct bytes letter;
    for (int i = 0; endpoint->shards != NULL && coax_mailbox_take(&endpoint->foreign, &letter); i++) {
        if (i == FOREIGN_DATAGRAMS) { /* own peers have their turn, too */
            coax_endpoint_wake(endpoint);
            return;
        }
        receive_foreign(endpoint, letter);
        coax_mailbox_done(&endpoint->foreign);
    }
}

/* --- listening --- */

enum coax_status coax_shards_listen(const coax_endpoint *endpoint, const coax_uri *uri, int *fd, coax_error *error) {
    *fd = -1;
    if (endpoint->shard == 0) {
        return COAX_OK;
    }
    const coax_endpoint *first = endpoint->shards->endpoints[0];
    const struct listener *listener = &first->listeners[endpoint->listener_count];
    if (endpoint->listener_count >= first->listener_count || listener->scheme != uri->scheme
        || (uri->has_port && uri->port != 0 && uri->port != listener->bound.port)) {
        return coax_fail(error, COAX_E_STATE,
                         "Shard %u can listen only on what shard 0 listens on, in the same order: %s comes too early",
                         (unsigned)endpoint->shard, coax_scheme_name(uri->scheme));
    }
    return coax_socket_twin(listener->fd >= 0 ? listener->fd : first->sockets[listener->channel].fd, fd, error);
}

/* --- life --- */

static enum coax_status join_shards(coax_endpoint *endpoint, coax_shards *shards, uint32_t index, coax_error *error) {
    shards->endpoints[index] = endpoint;
    shards->stacks[index] = endpoint->stack;
    shards->threads[index] = (struct shard){.shards = shards, .endpoint = endpoint};
    if (shards->count == 1) {
        return COAX_OK;
    }
    if (coax_mailbox_init(&endpoint->foreign, FOREIGN_DATAGRAMS, sizeof(struct foreign) + endpoint->datagram_size)
        != COAX_OK) {
        return coax_fail_memory(error);
    }
    endpoint->shards = shards;
    endpoint->shard = index;
    coax_stack_set_shard(endpoint->stack, index, shards->count, hand_over);
    return COAX_OK;
}

enum coax_status coax_shards_new(coax_shards **result, unsigned count, const coax_endpoint_config *config,
                                 coax_error *error) {
    if (count < 1 || count > COAX_SHARDS_MAXIMUM) {
        return coax_fail(error, COAX_E_INVALID, "There can be 1 to %d shards, not %u", COAX_SHARDS_MAXIMUM, count);
    }
    coax_shards *shards = calloc(1, sizeof *shards + count * sizeof *shards->endpoints);
    if (shards == NULL) {
        return coax_fail_memory(error);
    }
    shards->threads = calloc(count, sizeof *shards->threads);
    shards->stacks = calloc(count, sizeof(struct stack *));
    enum coax_status status = shards->threads == NULL || shards->stacks == NULL ? coax_fail_memory(error) : COAX_OK;
    for (shards->count = count; count > 0 && status == COAX_OK; count--) {
        coax_endpoint *endpoint;
        status = coax_endpoint_new(&endpoint, config, error);
        if (status == COAX_OK) {
            status = join_shards(endpoint, shards, count - 1, error);
        }
    }
    if (status != COAX_OK) {
        coax_shards_free(shards);
        return status;
    }
    *result = shards;
    return COAX_OK;
}

void coax_shards_free(coax_shards *shards) {
    if (shards == NULL) {
        return;
    }
    for (uint32_t i = 0; i < shards->count; i++) {
        coax_endpoint_free(shards->endpoints[i]);
    }
    free(shards->threads);
    free(shards->stacks);
    free(shards);
}

coax_endpoint *coax_shards_endpoint(const coax_shards *shards, unsigned index) {
    return index < shards->count ? shards->endpoints[index] : NULL;
}

/* --- threads --- */

static void *run_shard(void *user) {
    struct shard *shard = user;
    shard->status = coax_endpoint_run(shard->endpoint, &shard->error);
    coax_shards_stop(shard->shards);
    (void)coax_endpoint_release(shard->endpoint, RELEASE_MS, NULL);
    return NULL;
}

enum coax_status coax_shards_start(coax_shards *shards, coax_error *error) {
    for (uint32_t i = 0; i < shards->count; i++) {
        struct shard *shard = &shards->threads[i];
        shard->is_running = coax_thread_start(&shard->thread, run_shard, shard);
        if (!shard->is_running) {
            enum coax_status status = coax_fail(error, COAX_E_IO, "There can be no more threads: %s", strerror(errno));
            coax_shards_stop(shards);
            (void)coax_shards_join(shards, NULL);
            return status;
        }
    }
    return COAX_OK;
}

void coax_shards_stop(coax_shards *shards) {
    for (uint32_t i = 0; i < shards->count; i++) {
        coax_endpoint_stop(shards->endpoints[i]);
    }
}

enum coax_status coax_shards_join(coax_shards *shards, coax_error *error) {
    const struct shard *failed = NULL;
    for (uint32_t i = 0; i < shards->count; i++) {
        struct shard *shard = &shards->threads[i];
        if (shard->is_running) {
            pthread_join(shard->thread, NULL);
            shard->is_running = false;
            failed = failed == NULL && shard->status != COAX_OK ? shard : failed;
        }
    }
    return failed == NULL ? COAX_OK : coax_fail(error, failed->status, "%s", failed->error.text);
}

static enum coax_status set_up_all(coax_shards *shards, coax_shard_setup *setup, void *user, coax_error *error) {
    enum coax_status status = COAX_OK;
    for (uint32_t i = 0; i < shards->count && status == COAX_OK; i++) {
        status = setup(shards->endpoints[i], user, error);
    }
    return status;
}

enum coax_status coax_shards_run(unsigned count, coax_shard_setup *setup, void *user, coax_error *error) {
    coax_shards *shards;
    enum coax_status status = coax_shards_new(&shards, count, NULL, error);
    if (status != COAX_OK) {
        return status;
    }
    status = set_up_all(shards, setup, user, error);
    if (status == COAX_OK) {
        status = coax_shards_start(shards, error);
    }
    if (status == COAX_OK) {
        status = coax_shards_join(shards, error);
    }
    coax_shards_free(shards);
    return status;
}
