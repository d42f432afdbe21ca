/* A chain under any bytes, of a server over TCP and over WebSocket before and after its upgrade, and of a WebSocket
   client: cut anywhere, and with an owner that pauses after each message, the same is told and the same goes out as
   when all comes at once; the end is told once; memory keeps to what came and went. */
#include "transport/stream/filter_chain.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MESSAGE_MAXIMUM = 3000 };

static const char upgrade[] =
    "GET /.well-known/coap HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
    "Sec-WebSocket-Protocol: coap\r\n\r\n";

static const struct kind {
    enum coax_scheme scheme;
    bool is_client;
    const char *before; /* comes in front of the input */
} kinds[] = {
    {COAX_SCHEME_COAP_TCP, false, ""},
    {COAX_SCHEME_COAP_WS, false, ""},
    {COAX_SCHEME_COAP_WS, false, upgrade},
    {COAX_SCHEME_COAP_WS, true, ""},
};

/* What happened, as sums. */
struct owner {
    struct filter_chain chain;
    uint64_t told, sent;
    size_t received, written;
    unsigned opened, messages, ends;
    bool pauses, answers;
};

static void require(bool condition) {
    if (!condition) {
        abort();
    }
}

static void add(uint64_t *sum, unsigned kind, const void *data, size_t size) {
    const uint8_t *bytes = data;
    *sum = *sum * 1000003U + kind;
    for (size_t i = 0; i < size; i++) {
        *sum = *sum * 1000003U + bytes[i];
    }
}

static size_t on_write(void *user, const uint8_t *data, size_t size) {
    struct owner *owner = user;
    for (size_t i = 0; i < size; i++) { /* byte for byte: pieces are not told apart */
        add(&owner->sent, 1, data + i, 1);
    }
    owner->written += size;
    return size;
}

static void on_opened(void *user) {
    struct owner *owner = user;
    const char *host = coax_filter_chain_asked_host(&owner->chain);
    struct address address;
    require(owner->opened++ == 0 && owner->messages + owner->ends == 0);
    add(&owner->told, 2, host, strlen(host));
    if (coax_filter_chain_forwarded(&owner->chain, &address)) {
        add(&owner->told, 3, &address, sizeof address);
    }
}

static bool on_message(void *user, const struct coax_message *message) {
    struct owner *owner = user;
    require(owner->opened == 1 && owner->ends == 0);
    owner->messages++;
    add(&owner->told, 4U + message->code, message->token.data, message->token.size);
    add(&owner->told, 5, message->options.data, message->options.size);
    add(&owner->told, 6, message->payload.data, message->payload.size);
    if (owner->answers) {
        struct coax_message answer = {.type = COAX_NO_TYPE, .code = COAX_CONTENT, .token = message->token};
        require(coax_filter_chain_send(&owner->chain, &answer, NULL) == COAX_OK);
    }
    return !owner->pauses;
}

static void on_unreadable(void *user, const coax_error *error, enum filter_farewell farewell) {
    struct owner *owner = user;
    const struct coax_message message = {.type = COAX_NO_TYPE, .code = COAX_ABORT};
    require(owner->opened == 1 && owner->ends++ == 0);
    add(&owner->told, 7U + farewell, error->text, strlen(error->text));
    require(coax_filter_chain_send(&owner->chain, &message, NULL) == COAX_OK);
    coax_filter_chain_close(&owner->chain, farewell);
}

static void on_end(void *user, const coax_error *error) {
    struct owner *owner = user;
    require(owner->ends++ == 0);
    add(&owner->told, 8, error->text, strlen(error->text));
}

/* The same always: a client's key and its masks. */
static void on_random(void *user, void *out, size_t size) {
    (void)user;
    memset(out, 0x35, size);
}

static void look(struct owner *owner) {
    coax_filter_chain_flush(&owner->chain);
    require(coax_filter_chain_pending(&owner->chain) == 0);
    require(coax_filter_chain_held(&owner->chain) <= 4 * owner->received + 4096);
}

/* An owner goes on until nothing is left that a pause held up. */
static void go_on(struct owner *owner) {
    unsigned before;
    do {
        before = owner->messages;
        look(owner);
        coax_filter_chain_resume(&owner->chain);
    } while (owner->messages > before);
    look(owner);
}

static void feed(struct owner *owner, const void *data, size_t size, size_t piece) {
    for (size_t start = 0; start < size; start += piece) {
        size_t fed = size - start < piece ? size - start : piece;
        uint8_t *copy = malloc(fed); /* who reads past it is caught */
        require(copy != NULL);
        memcpy(copy, (const uint8_t *)data + start, fed);
        owner->received += fed;
        coax_filter_chain_receive(&owner->chain, copy, fed);
        free(copy);
        go_on(owner);
    }
}

static void run(struct owner *owner, const struct kind *kind, const struct filter_setup *setup, const uint8_t *data,
                size_t size, size_t piece) {
    static const struct filter_target target = {.scheme = COAX_SCHEME_COAP_WS, .hostinfo = "h", .server_name = "h"};
    require((kind->is_client ? coax_filter_chain_start_client(&owner->chain, setup, owner, &target, 1, NULL)
                             : coax_filter_chain_start_server(&owner->chain, setup, owner, kind->scheme, 1, NULL))
            == COAX_OK);
    feed(owner, kind->before, strlen(kind->before), piece);
    feed(owner, data, size, piece);
    coax_filter_chain_receive_end(&owner->chain);
    go_on(owner);
    require(owner->ends == 1);
    coax_filter_chain_free(&owner->chain);
}

/* The first byte chooses the kind, the size of the pieces, and what the owner does. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct filter_setup setup = {
        .limits = {MESSAGE_MAXIMUM, 8},
        .trust_forwarded = true,
        .write = on_write,
        .opened = on_opened,
        .message = on_message,
        .unreadable = on_unreadable,
        .ended = on_end,
        .random = on_random,
    };
    if (size == 0) {
        return 0;
    }
    unsigned choice = data[0];
    bool answers = (choice & 4) != 0;
    struct owner whole = {.answers = answers}, cut = {.answers = answers, .pauses = (choice & 8) != 0};
    coax_filter_setup_init(&setup);
    run(&whole, &kinds[choice & 3], &setup, data + 1, size - 1, SIZE_MAX / 2);
    run(&cut, &kinds[choice & 3], &setup, data + 1, size - 1, 1U + (choice >> 4));
    require(whole.told == cut.told && whole.sent == cut.sent);
    return 0;
}
