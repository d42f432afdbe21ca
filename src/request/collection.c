#include "request/collection.h"

#include "base/error.h"
#include "message/block.h"
#include <stdlib.h>

enum { MEMBERS_MAXIMUM = 4096, FETCHES_MAXIMUM = 64 };

struct collection {
    struct coax_request *request;
    struct hash_table members; /* that have answered */
    unsigned fetches, told;
    bool is_telling, is_over; /* `each` runs; the program cancelled the request there */
};

struct member {
    struct hash_node node;
    struct address address;
    struct collection *collection;
    struct coax_request *rest; /* of its answer; NULL */
};

static bool member_has_address(const struct hash_node *node, const void *key) {
    return coax_address_equal(&COAX_CONTAINER(node, const struct member, node)->address, key);
}

/* As the program sees it, the request is one to the member meanwhile. */
static void tell(struct collection *collection, struct coax_remote *remote, const struct coax_message *response,
                 const coax_error *error) {
    struct coax_request *request = collection->request;
    struct coax_remote *group = request->remote;
    request->remote = coax_remote_ref(remote);
    collection->told++;
    collection->is_telling = true;
    request->each(request, response, error, request->callback_user);
    collection->is_telling = false;
    if (collection->is_over) {
        coax_remote_unref(group);
        free(collection);
        return;
    }
    coax_remote_unref(request->remote);
    request->remote = group;
}

static void rest_came(coax_request *request, const coax_message *response, const coax_error *error, void *user) {
    struct member *member = user;
    member->rest = NULL;
    member->collection->fetches--;
    tell(member->collection, request->remote, response, error);
}

static void fetch_rest(struct member *member, struct coax_remote *remote, const struct coax_message *first) {
    struct collection *collection = member->collection;
    coax_error error;
    enum coax_status status = COAX_E_LIMIT;
    if (collection->fetches < FETCHES_MAXIMUM) {
        status = coax_request_fetch_rest(collection->request, remote, first, rest_came, member, &member->rest, &error);
    } else {
        coax_fail(&error, status, "%d large answers to the request are being fetched already", FETCHES_MAXIMUM);
    }
    if (status == COAX_OK) {
        collection->fetches++;
    } else {
        tell(collection, remote, NULL, &error);
    }
}

/* A second answer is a duplicate: the network's, or of a member that was asked twice. */
static struct member *note_member(struct collection *collection, const struct address *address) {
    uint64_t hash = coax_hash_table_hash(&collection->members, address, sizeof *address);
    if (collection->members.count >= MEMBERS_MAXIMUM
        || coax_hash_table_find(&collection->members, hash, address) != NULL) {
        return NULL;
    }
    struct member *member = calloc(1, sizeof *member);
    if (member == NULL || coax_hash_table_insert(&collection->members, &member->node, hash) != COAX_OK) {
        free(member);
        return NULL; /* as good as lost on the way */
    }
    member->address = *address;
    member->collection = collection;
    return member;
}

static bool take(struct coax_request *request, struct coax_remote *remote, const struct coax_message *response) {
    struct collection *collection = request->keeper;
    struct member *member = note_member(collection, &remote->address);
    if (member == NULL) {
        return true;
    }
    if (coax_block_is_part(response)) {
        fetch_rest(member, remote, response);
    } else {
        tell(collection, remote, response, NULL);
    }
    return true;
}

void coax_request_collect(coax_request *request, coax_response_callback *each) {
    if (request->state == REQUEST_NEW) {
        coax_collection_free(request);
        request->each = each;
    }
}

enum coax_status coax_collection_begin(struct coax_request *request, coax_error *error) {
    struct request_layer *layer = request->layer;
    if (request->timeout_ms == 0) {
        return coax_fail(error, COAX_E_INVALID,
                         "How long to wait for the answers of a group is to be set (coax_request_set_timeout)");
    }
    if (request->keeper != NULL) {
        return COAX_OK;
    }
    struct collection *collection = calloc(1, sizeof *collection);
    if (collection == NULL) {
        return coax_fail_memory(error);
    }
    uint8_t seed[16];
    layer->random(layer->random_user, seed, sizeof seed);
    collection->request = request;
    coax_hash_table_init(&collection->members, seed, member_has_address);
    request->keeper = collection;
    request->take = take;
    return COAX_OK;
}

bool coax_collection_has_answers(const struct coax_request *request) {
    return ((const struct collection *)request->keeper)->told > 0;
}

static void free_member(struct hash_node *node, void *user) {
    struct member *member = COAX_CONTAINER(node, struct member, node);
    (void)user;
    coax_request_cancel(member->rest);
    free(member);
}

void coax_collection_free(struct coax_request *request) {
    struct collection *collection = request->each == NULL ? NULL : request->keeper;
    if (collection == NULL) {
        return;
    }
    coax_hash_table_each(&collection->members, free_member, NULL);
    coax_hash_table_free(&collection->members);
    request->keeper = NULL;
    request->take = NULL;
    collection->is_over = true;
    if (!collection->is_telling) {
        free(collection);
    }
}
