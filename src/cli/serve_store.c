/* /store/…: what clients put here. */
#include "cli/serve_store.h"
#include "cli/serve_path.h"
#include "cli/serve_reply.h"
#include "cli/serve_resources.h"
#include <coax/link_format.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TARGET_MAXIMUM = 4096 };

static bool write_entry(const struct stored *stored, void *user) {
    coax_link_writer *writer = user;
    char target[TARGET_MAXIMUM];
    char number[24];
    if (!serve_path_to_target("/store/", stored->name, target, sizeof target)) {
        return true; /* no request could name it: its path has fewer bytes */
    }
    coax_link_write_target(writer, target);
    if (stored->format != COAX_NO_FORMAT) {
        snprintf(number, sizeof number, "%d", stored->format);
        coax_link_write_attribute(writer, "ct", number, false);
    }
    snprintf(number, sizeof number, "%zu", stored->size);
    coax_link_write_attribute(writer, "sz", number, false);
    return true;
}

static void list(coax_exchange *exchange, const coax_message *request, const struct store *store) {
    coax_link_writer counter = {NULL, 0, 0};
    store_each(store, write_entry, &counter);
    coax_link_writer writer = {malloc(counter.size + 1), counter.size, 0};
    if (writer.out != NULL) {
        store_each(store, write_entry, &writer);
        const struct representation representation = {
            .format = COAX_FORMAT_LINK, .data = writer.out, .size = writer.size, .what = "The list"};
        reply_representation(exchange, request, &representation);
    }
    free(writer.out);
}

static void get(coax_exchange *exchange, const coax_message *request, struct store *store) {
    const char *name = coax_exchange_rest(exchange);
    struct stored stored;
    if (name[0] == '\0') {
        list(exchange, request, store);
    } else if (!store_find(store, name, &stored)) {
        (void)coax_respond_text(exchange, COAX_NOT_FOUND, "Nothing was put here");
    } else if (!reply_may_go_on(request, stored.etag)) {
        (void)coax_respond(exchange, COAX_PRECONDITION_FAILED, COAX_NO_FORMAT, NULL, 0);
    } else {
        const struct representation representation = {.format = stored.format,
                                                      .data = stored.data,
                                                      .size = stored.size,
                                                      .etag = stored.etag,
                                                      .what = "What was put here"};
        reply_representation(exchange, request, &representation);
    }
}

static void reply_put(coax_exchange *exchange, const struct store *store, enum store_outcome outcome) {
    static const uint8_t codes[] = {
        [STORE_CREATED] = COAX_CREATED,
        [STORE_CHANGED] = COAX_CHANGED,
        [STORE_TOO_LARGE] = COAX_REQUEST_ENTITY_TOO_LARGE,
        [STORE_FULL] = COAX_INTERNAL_SERVER_ERROR,
        [STORE_NO_MEMORY] = COAX_INTERNAL_SERVER_ERROR,
    };
    struct stored stored;
    if (outcome == STORE_TOO_LARGE) {
        (void)coax_exchange_add_option_uint(exchange, COAX_OPTION_SIZE1, STORE_ENTRY_MAXIMUM);
        (void)coax_respond_text(exchange, codes[outcome], "At most %d bytes can be put here", STORE_ENTRY_MAXIMUM);
    } else if (outcome == STORE_FULL) {
        (void)coax_respond_text(exchange, codes[outcome], "The store is full: it holds %d entries and %d MiB at most",
                                STORE_ENTRIES_MAXIMUM, STORE_SIZE_MAXIMUM / (1024 * 1024));
    } else {
        if (store_find(store, coax_exchange_rest(exchange), &stored)) {
            (void)coax_exchange_add_option(exchange, COAX_OPTION_ETAG, stored.etag, sizeof stored.etag);
        }
        (void)coax_respond(exchange, codes[outcome], COAX_NO_FORMAT, NULL, 0);
    }
}

void store_put_and_reply(coax_exchange *exchange, struct store *store, int format, const void *data, size_t size) {
    reply_put(exchange, store, store_put(store, coax_exchange_rest(exchange), format, data, size));
}

bool store_may_change(coax_exchange *exchange, const coax_message *request, const struct store *store) {
    struct stored stored;
    if (coax_exchange_rest(exchange)[0] == '\0') {
        (void)coax_respond_text(exchange, COAX_METHOD_NOT_ALLOWED, "Only what is below /store/ can be put and deleted");
        return false;
    }
    bool exists = store_find(store, coax_exchange_rest(exchange), &stored);
    bool good = reply_may_go_on(request, exists ? stored.etag : NULL);
    if (!good) {
        (void)coax_respond(exchange, COAX_PRECONDITION_FAILED, COAX_NO_FORMAT, NULL, 0);
    }
    return good;
}

static void put(coax_exchange *exchange, const coax_message *request, struct store *store) {
    if (store_may_change(exchange, request, store)) {
        store_put_and_reply(exchange, store, coax_message_content_format(request), coax_message_payload(request),
                            coax_message_payload_size(request));
    }
}

/* Deleting what is not there has succeeded, too (RFC 7252 section 5.8.4). */
static void delete (coax_exchange *exchange, const coax_message *request, struct store *store) {
    if (store_may_change(exchange, request, store)) {
        (void)store_remove(store, coax_exchange_rest(exchange));
        (void)coax_respond(exchange, COAX_DELETED, COAX_NO_FORMAT, NULL, 0);
    }
}

static void handle(coax_exchange *exchange, const coax_message *request, void *user) {
    static void (*const handlers[])(coax_exchange * exchange, const coax_message *request, struct store *store) = {
        [COAX_GET] = get,           [COAX_PUT] = put,           [COAX_DELETE] = delete,
        [COAX_FETCH] = store_fetch, [COAX_PATCH] = store_patch, [COAX_IPATCH] = store_patch,
    };
    struct store_share *share = user;
    handlers[coax_message_code(request)](exchange, request, store_share_enter(share));
    store_share_leave(share);
}

bool serve_add_store(coax_endpoint *endpoint, struct store *store, struct store_share *share, coax_error *error) {
    coax_resource_config config = COAX_RESOURCE_CONFIG_INIT;
    config.get = config.put = config.delete_ = config.fetch = config.patch = config.ipatch = handle;
    config.user = share;
    config.subtree = true;
    config.observable = true;
    config.title = "Keeps what is put below it";
    config.resource_type = "store";
    coax_resource *resource = coax_site_add(coax_endpoint_site(endpoint), "store", &config, error);
    store_share_init(share, store, endpoint, resource);
    return resource != NULL;
}
