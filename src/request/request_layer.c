#include "request/request_layer.h"

#include "base/error.h"
#include "base/wipe.h"
#include "request/bodies.h"
#include "request/observation.h"
#include "request/observers.h"
#include "request/token_key.h"

static bool request_has_token(const struct hash_node *node, const void *key) {
    const struct coax_request *request = COAX_CONTAINER(node, struct coax_request, node);
    const struct token_key *wanted = key;
    return bytes_equal(bytes_of(request->token, request->token_size), wanted->token)
           && (request->remote == wanted->remote || coax_address_is_multicast(&request->remote->address));
}

enum coax_status coax_request_layer_init(struct request_layer *layer) {
    uint8_t seed[16];
    layer->random(layer->random_user, seed, sizeof seed);
    coax_hash_table_init(&layer->waiting, seed, request_has_token);
    layer->random(layer->random_user, layer->echo_key, sizeof layer->echo_key);
    list_init(&layer->requests);
    coax_bodies_init(layer, seed);
    list_init(&layer->observations);
    coax_observers_init(layer, seed);
    coax_pool_init(&layer->exchanges, sizeof(struct coax_exchange), layer->settings.max_exchanges);
    return COAX_OK;
}

void coax_request_layer_shut_down(struct request_layer *layer) {
    coax_error error;
    coax_fail(&error, COAX_E_SHUT_DOWN, "the endpoint was shut down");
    layer->is_shut_down = true;
    coax_observations_shut_down(layer, &error);
    /* The youngest first, so that none that is queued goes out because one before it has ended. */
    while (!list_is_empty(&layer->requests)) {
        struct coax_request *request = COAX_CONTAINER(layer->requests.previous, struct coax_request, of_layer);
        request->recover = NULL;
        coax_request_fail(request, &error);
    }
    coax_bodies_drop(layer); /* whose ends the program hears, and may answer what makes an observer */
    coax_observers_drop(layer);
}

void coax_request_layer_free(struct request_layer *layer) {
    coax_wipe(layer->echo_key, sizeof layer->echo_key);
    coax_observers_free(layer);
    coax_bodies_free(layer);
    coax_hash_table_free(&layer->waiting);
    coax_pool_free(&layer->exchanges);
}

/* The list goes to a head of its own first: callbacks may send new requests to a remote that lives on. */
static void fail_requests(struct coax_remote *remote, const coax_error *error) {
    struct list_node failed;
    struct list_node *node;
    list_init(&failed);
    while ((node = list_first(&remote->requests)) != NULL) {
        list_remove(node);
        list_append(&failed, node);
    }
    while ((node = list_first(&failed)) != NULL) {
        coax_request_fail(COAX_CONTAINER(node, struct coax_request, of_remote), error);
    }
}

void coax_request_layer_lost(void *user, struct coax_remote *remote, const coax_error *error) {
    (void)user;
    coax_observers_drop_remote(remote);
    if (remote->is_gone) {
        struct list_node *node;
        coax_bodies_drop_remote(remote);
        while ((node = list_first(&remote->exchanges)) != NULL) {
            COAX_CONTAINER(node, struct coax_exchange, of_remote)->incoming = NULL;
            list_remove(node);
        }
    }
    fail_requests(remote, error);
}
