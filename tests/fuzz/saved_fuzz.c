/* Any bytes as the sessions and observers that a server saved, under the right seal: whatever they say, a server takes
   them up or refuses them, serves on, and can save what it has. */
#include "stack/stack.h"

#include <nettle/chacha-poly1305.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { HEAD = 8 + CHACHA_POLY1305_NONCE_SIZE, TAG = CHACHA_POLY1305_DIGEST_SIZE };

static const uint8_t key[STACK_SAVED_KEY_SIZE];

static void require(bool condition) {
    if (!condition) {
        abort();
    }
}

static void drop_datagram(void *user, const struct path *path, const uint8_t *data, size_t size) {
    (void)user;
    (void)path;
    (void)data;
    (void)size;
}

static void fill(void *user, void *out, size_t size) {
    (void)user;
    memset(out, 7, size);
}

static void serve(coax_exchange *exchange, const coax_message *request, void *user) {
    (void)request;
    (void)user;
    (void)coax_respond_text(exchange, COAX_CONTENT, "state");
}

static bool find_channel(void *user, const struct address *local, uint32_t *channel) {
    (void)user;
    *channel = 0;
    return local->port % 2 == 0;
}

static struct stack *make(void) {
    coax_endpoint_config config = COAX_ENDPOINT_CONFIG_INIT;
    coax_resource_config resource = COAX_RESOURCE_CONFIG_INIT;
    struct stack *stack;
    config.max_peers = config.max_sessions = 4;
    config.max_observers = 4;
    const struct datagram_output output = {drop_datagram, fill, NULL};
    require(coax_stack_new(&stack, &config, &output, NULL, COAX_SECOND, NULL) == COAX_OK
            && coax_credentials_set_psk(stack->credentials, ":me", "me", 2, "0123456789abcdef", 16, NULL) == COAX_OK);
    resource.get = resource.fetch = serve;
    resource.observable = resource.subtree = true;
    require(coax_site_add(stack->site, "o", &resource, NULL) != NULL);
    return stack;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct chacha_poly1305_ctx context;
    struct stack *stack = make();
    uint8_t *saved = calloc(1, HEAD + size + TAG), *again = NULL;
    size_t count, again_size;
    coax_error error;
    require(saved != NULL);
    memcpy(saved, "coaxdtl1", 8);
    chacha_poly1305_set_key(&context, key);
    chacha_poly1305_set_nonce(&context, saved + 8);
    chacha_poly1305_update(&context, HEAD, saved);
    chacha_poly1305_encrypt(&context, size, saved + HEAD, data);
    chacha_poly1305_digest(&context, TAG, saved + HEAD + size);
    enum coax_status status =
        coax_stack_restore(&stack, 1, key, bytes_of(saved, HEAD + size + TAG), find_channel, &count, &error);
    /* Those that are idle make room for more. */
    require(stack->datagrams.session_count <= 4 && (status == COAX_OK || error.text[0] != '\0'));
    for (int i = 0; i < 20; i++) {
        coax_stack_set_time(stack, (coax_instant)(i + 2) * COAX_SECOND);
        coax_stack_run(stack);
    }
    require(coax_stack_save(&stack, 1, key, &again, &again_size, NULL) == COAX_OK);
    coax_stack_free(stack);
    free(saved);
    free(again);
    return 0;
}
