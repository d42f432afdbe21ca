/* A whole server, UDP and DTLS, under a stream of datagrams that the fuzzer makes up. Whatever comes: no crash, no
   leak, bounds kept, and a well-behaved client is still answered.

   Input: records of [flags][size, 2 bytes][bytes]. flags: bit 0 DTLS, bits 1-2 the source, bits 3-5 the time that
   passes before. */
#include "stack/stack.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct capture {
    uint64_t random;
    uint8_t last[256];
    size_t last_size;
};

static void capture_datagram(void *user, const struct path *path, const uint8_t *data, size_t size) {
    struct capture *capture = user;
    (void)path;
    capture->last_size = size < sizeof capture->last ? size : sizeof capture->last;
    memcpy(capture->last, data, capture->last_size);
}

static void next_random(void *user, void *out, size_t size) {
    struct capture *capture = user;
    for (size_t i = 0; i < size; i++) {
        capture->random = capture->random * UINT64_C(6364136223846793005) + 1442695040888963407U;
        ((uint8_t *)out)[i] = (uint8_t)(capture->random >> 33);
    }
}

static void echo(coax_exchange *exchange, const coax_message *request, void *user) {
    (void)user;
    int format = coax_message_content_format(request);
    (void)coax_respond(exchange, COAX_CONTENT, format, coax_message_payload(request),
                       coax_message_payload_size(request));
}

static struct stack *make_server(struct capture *capture) {
    coax_endpoint_config config = COAX_ENDPOINT_CONFIG_INIT;
    config.max_peers = 8;
    config.max_sessions = 4;
    config.max_handshakes = 2;
    config.max_replies = 16;
    config.max_replies_per_peer = 4;
    const struct datagram_output output = {capture_datagram, next_random, capture};
    struct stack *stack;
    if (coax_stack_new(&stack, &config, &output, NULL, COAX_SECOND, NULL) != COAX_OK
        || coax_credentials_set_psk(stack->credentials, ":fuzz", "fuzz", 4, "0123456789abcdef", 16, NULL) != COAX_OK
        || coax_stack_enable_dtls(stack, NULL) != COAX_OK) {
        abort();
    }
    coax_resource_config resource = COAX_RESOURCE_CONFIG_INIT;
    resource.get = resource.post = resource.put = echo;
    resource.subtree = true;
    if (coax_site_add(stack->site, "echo", &resource, NULL) == NULL) {
        abort();
    }
    return stack;
}

static struct path path_from(unsigned source, bool secure) {
    struct path path = {.channel = secure};
    path.remote = coax_address_ip4(10, 0, 0, (uint8_t)source, 40000);
    path.local = coax_address_ip4(10, 0, 0, 200, secure ? 5684 : 5683);
    return path;
}

/* The client that behaves: GET /echo, message ID and token of its own. */
static void expect_service(struct stack *stack, struct capture *capture) {
    static const uint8_t get[] = {0x41, 0x01, 0x12, 0x34, 0x77, 0xb4, 'e', 'c', 'h', 'o'};
    static const uint8_t answer[] = {0x61, COAX_CONTENT, 0x12, 0x34, 0x77};
    struct path path = path_from(99, false);
    capture->last_size = 0;
    coax_stack_receive(stack, &path, false, true, get, sizeof get);
    if (capture->last_size < sizeof answer || memcmp(capture->last, answer, sizeof answer) != 0) {
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct capture capture = {.random = 1};
    struct stack *stack = make_server(&capture);
    coax_instant now = COAX_SECOND;
    while (size >= 3) {
        unsigned flags = data[0];
        size_t length = (size_t)data[1] << 8 | data[2];
        data += 3;
        size -= 3;
        length = length < size ? length : size;
        now = coax_instant_after_ms(now, (flags >> 3 & 7U) * (flags >> 3 & 7U) * 500U);
        coax_stack_set_time(stack, now);
        coax_stack_run(stack);
        bool secure = (flags & 1U) != 0;
        struct path path = path_from(flags >> 1 & 3U, secure);
        coax_stack_receive(stack, &path, secure, true, data, length);
        data += length;
        size -= length;
        if (stack->datagrams.peer_count > 8 || stack->datagrams.session_count > 4) {
            abort();
        }
    }
    expect_service(stack, &capture);
    coax_stack_free(stack);
    return 0;
}
