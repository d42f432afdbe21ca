/* A server's chain, coap+tcp or coap+ws, under any bytes, cut and paused anywhere: the same messages come as without
   cuts and pauses, it ends once at most, and what it holds keeps to what was received. */
#include "transport/stream/filter_chain.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MESSAGE_MAXIMUM = 4096, OUTPUT_MAXIMUM = 1 << 20 };

struct owner {
    struct filter_chain chain;
    uint64_t sum; /* of all that was told */
    size_t written;
    bool pauses, is_over;
};

static void require(bool condition) {
    if (!condition) {
        abort();
    }
}

static void add(struct owner *owner, uint64_t value) {
    owner->sum = owner->sum * 1000003U + value;
}

static size_t on_write(void *user, const uint8_t *data, size_t size) {
    struct owner *owner = user;
    for (size_t i = 0; i < size; i++) {
        add(owner, data[i]);
    }
    owner->written += size;
    require(owner->written < OUTPUT_MAXIMUM);
    return size;
}

static void on_opened(void *user) {
    struct owner *owner = user;
    struct address address;
    require(!owner->is_over);
    add(owner, 1 + strlen(coax_filter_chain_asked_host(&owner->chain)));
    if (coax_filter_chain_forwarded(&owner->chain, &address)) {
        add(owner, address.port);
    }
}

static bool on_message(void *user, const struct coax_message *message) {
    struct owner *owner = user;
    require(!owner->is_over);
    add(owner, message->code);
    add(owner, message->token.size);
    add(owner, message->options.size);
    add(owner, message->payload.size);
    return !owner->pauses;
}

static void on_unreadable(void *user, const coax_error *error, enum filter_farewell farewell) {
    struct owner *owner = user;
    require(!owner->is_over && error->text[0] != '\0');
    owner->is_over = true;
    add(owner, (uint64_t)farewell);
    coax_filter_chain_close(&owner->chain, farewell);
}

static void on_ended(void *user, const coax_error *error) {
    struct owner *owner = user;
    require(!owner->is_over && error->text[0] != '\0');
    owner->is_over = true;
    add(owner, (uint64_t)-error->status);
}

static void on_random(void *user, void *out, size_t size) {
    (void)user;
    memset(out, 1, size);
}

static uint64_t run(const struct filter_setup *setup, enum coax_scheme scheme, const uint8_t *data, size_t size,
                    uint32_t seed) {
    struct owner owner = {.pauses = (seed & 1) != 0};
    require(coax_filter_chain_start_server(&owner.chain, setup, &owner, scheme, 1, NULL) == COAX_OK);
    for (size_t offset = 0, piece = 0; offset < size; offset += piece) {
        seed = seed * 1664525U + 1013904223U;
        piece = seed == 0 || owner.pauses == (seed % 7 == 0) ? size - offset : 1 + (seed >> 8) % 40;
        piece = piece < size - offset ? piece : size - offset;
        uint8_t *copy = malloc(piece);
        require(copy != NULL);
        memcpy(copy, data + offset, piece);
        coax_filter_chain_receive(&owner.chain, copy, piece);
        free(copy);
        for (size_t i = 0; owner.pauses && i < size; i++) {
            coax_filter_chain_resume(&owner.chain);
        }
        require(coax_filter_chain_held(&owner.chain) <= 4 * size + 4096);
    }
    coax_filter_chain_receive_end(&owner.chain);
    require(owner.is_over);
    coax_filter_chain_flush(&owner.chain);
    coax_filter_chain_free(&owner.chain);
    return owner.sum;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct filter_setup setup = {
        .limits = {MESSAGE_MAXIMUM, TOKEN_MAXIMUM},
        .trust_forwarded = true,
        .write = on_write,
        .opened = on_opened,
        .message = on_message,
        .unreadable = on_unreadable,
        .ended = on_ended,
        .random = on_random,
    };
    if (size < 2 || size > 20000) {
        return 0;
    }
    coax_filter_setup_init(&setup);
    enum coax_scheme scheme = (data[0] & 1) != 0 ? COAX_SCHEME_COAP_WS : COAX_SCHEME_COAP_TCP;
    uint32_t seed = (uint32_t)data[0] << 8 | data[1];
    require(run(&setup, scheme, data + 2, size - 2, seed) == run(&setup, scheme, data + 2, size - 2, seed ^ 1U));
    return 0;
}
