/* What a server's DTLS clients have agreed with it, as sealed bytes: a mark with the version, a nonce, and the sessions
   under ChaCha20-Poly1305 (RFC 8439). */
#include "base/error.h"
#include "base/wipe.h"
#include "request/observers.h"
#include "stack/stack.h"
#include "transport/datagram/peer_saved.h"
#include <nettle/chacha-poly1305.h>
#include <nettle/memops.h>
#include <stdlib.h>

enum { MARK_SIZE = 8, HEAD_SIZE = MARK_SIZE + CHACHA_POLY1305_NONCE_SIZE, TAG_SIZE = CHACHA_POLY1305_DIGEST_SIZE };

_Static_assert(STACK_SAVED_KEY_SIZE == CHACHA_POLY1305_KEY_SIZE, "the cipher's");

static const uint8_t mark[MARK_SIZE] = {'c', 'o', 'a', 'x', 'd', 't', 'l', '1'};

static void begin(struct chacha_poly1305_ctx *context, const uint8_t key[STACK_SAVED_KEY_SIZE], const uint8_t *head) {
    chacha_poly1305_set_key(context, key);
    chacha_poly1305_set_nonce(context, head + MARK_SIZE);
    chacha_poly1305_update(context, HEAD_SIZE, head);
}

static enum coax_status pack_all(struct stack *const *stacks, size_t stack_count, struct pack *pack) {
    enum coax_status status = COAX_OK;
    for (size_t i = 0; i < stack_count && status == COAX_OK; i++) {
        status = coax_datagram_save(&stacks[i]->datagrams, pack, coax_observers_save);
    }
    return status;
}

enum coax_status coax_stack_save(struct stack *const *stacks, size_t stack_count,
                                 const uint8_t key[STACK_SAVED_KEY_SIZE], uint8_t **saved, size_t *size,
                                 coax_error *error) {
    struct pack pack = {.data = NULL};
    uint8_t tag[TAG_SIZE] = {0};
    coax_pack_bytes(&pack, bytes_of(mark, sizeof mark));
    coax_pack_bytes(&pack, bytes_of(tag, CHACHA_POLY1305_NONCE_SIZE));
    enum coax_status status = pack_all(stacks, stack_count, &pack);
    coax_pack_bytes(&pack, bytes_of(tag, sizeof tag));
    if (status != COAX_OK || pack.has_failed) {
        coax_pack_drop(&pack);
        return coax_fail_memory(error);
    }
    struct chacha_poly1305_ctx context;
    uint8_t *text = pack.data + HEAD_SIZE;
    size_t text_size = pack.size - HEAD_SIZE - TAG_SIZE;
    stacks[0]->output.random(stacks[0]->output.user, pack.data + MARK_SIZE, CHACHA_POLY1305_NONCE_SIZE);
    begin(&context, key, pack.data);
    chacha_poly1305_encrypt(&context, text_size, text, text);
    chacha_poly1305_digest(&context, TAG_SIZE, text + text_size);
    coax_wipe(&context, sizeof context);
    *saved = pack.data;
    *size = pack.size;
    return COAX_OK;
}

/* *opened gets what was sealed: to be freed with coax_wipe_free(), also after a failure. */
static enum coax_status open_sealed(const uint8_t key[STACK_SAVED_KEY_SIZE], struct bytes saved, uint8_t **opened,
                                    size_t *size, coax_error *error) {
    *opened = NULL;
    if (saved.size < HEAD_SIZE + TAG_SIZE || memcmp(saved.data, mark, sizeof mark) != 0) {
        return coax_fail(error, COAX_E_FORMAT, "These are no saved sessions, or those of another version");
    }
    *size = saved.size - HEAD_SIZE - TAG_SIZE;
    *opened = malloc(*size + 1);
    if (*opened == NULL) {
        return coax_fail_memory(error);
    }
    uint8_t tag[TAG_SIZE];
    struct chacha_poly1305_ctx context;
    begin(&context, key, saved.data);
    chacha_poly1305_decrypt(&context, *size, *opened, saved.data + HEAD_SIZE);
    chacha_poly1305_digest(&context, TAG_SIZE, tag);
    coax_wipe(&context, sizeof context);
    return memeql_sec(tag, saved.data + HEAD_SIZE + *size, TAG_SIZE)
               ? COAX_OK
               : coax_fail(error, COAX_E_FORMAT, "The saved sessions were changed, or sealed with another key");
}

/* Where `find_observed` looks. */
struct finder {
    const struct stack *stack;
    struct site_route route; /* too large for the call stack; `rest` is used at once */
};

static bool find_observed(void *user, struct coax_remote *remote, const struct coax_message *request,
                          struct observed **observed, const char **rest) {
    struct finder *finder = user;
    struct site_route *route = &finder->route;
    coax_site_route(finder->stack->site, request, coax_remote_claim(remote), coax_remote_credential(remote), route);
    *observed = route->observed;
    *rest = route->rest;
    return route->handler != NULL && route->observed != NULL;
}

static enum coax_status restore_one(struct stack *stack, struct bytes *from,
                                    bool (*find_channel)(void *user, const struct address *local, uint32_t *channel),
                                    struct finder *finder, size_t *count) {
    struct coax_remote *remote = NULL;
    enum coax_status status = coax_stack_enable_dtls(stack, NULL);
    if (status == COAX_OK) {
        status = coax_datagram_restore(&stack->datagrams, from, find_channel, stack->output.user, &remote);
    }
    if (status != COAX_OK && status != COAX_E_NOT_FOUND && status != COAX_E_NO_CREDENTIALS) {
        return status;
    }
    *count += remote != NULL;
    finder->stack = stack;
    return coax_observers_restore(&stack->requests, remote, from, find_observed, finder);
}

enum coax_status coax_stack_restore(struct stack *const *stacks, size_t stack_count,
                                    const uint8_t key[STACK_SAVED_KEY_SIZE], struct bytes saved,
                                    bool (*find_channel)(void *user, const struct address *local, uint32_t *channel),
                                    size_t *count, coax_error *error) {
    uint8_t *opened;
    size_t size = 0;
    uint32_t shard;
    *count = 0;
    struct finder *finder = calloc(1, sizeof *finder);
    enum coax_status status = open_sealed(key, saved, &opened, &size, error);
    if (status == COAX_OK && finder == NULL) {
        status = coax_fail_memory(error);
    }
    struct bytes from = bytes_of(opened, size);
    while (status == COAX_OK && coax_datagram_saved_shard(from, (uint32_t)stack_count, &shard)) {
        status = restore_one(stacks[shard], &from, find_channel, finder, count);
        if (status != COAX_OK) {
            (void)coax_fail(error, status, "Not all of the saved sessions could be taken up: %s",
                            coax_status_text(status));
        }
    }
    free(finder);
    coax_wipe_free(opened, size);
    return status;
}
