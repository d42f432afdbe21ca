/* For tests: a client's chain and a server's, with a pipe of bytes each way that is cut wherever a test wants. */
#ifndef COAX_TRANSPORT_STREAM_FILTER_TEST_PAIR_H
#define COAX_TRANSPORT_STREAM_FILTER_TEST_PAIR_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "transport/stream/filter_chain.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CHAIN_CLIENT, CHAIN_SERVER };
enum { CHAIN_LOG = 1024, CHAIN_MESSAGE_MAXIMUM = 100 * 1000, CHAIN_OUTPUT = 64 * 1024 };
#define CHAIN_NOW (1000 * COAX_SECOND)

/* A request for a WebSocket, with more fields in it, as a client sends it in front of its frames. */
#define UPGRADE_WITH(fields)                                                                                           \
    "GET /.well-known/coap HTTP/1.1\r\nHost: h.example\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" fields        \
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: coap\r\n\r\n"
#define UPGRADE UPGRADE_WITH("")
/* The answer to it. */
#define UPGRADED                                                                                                       \
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"                                \
    "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nSec-WebSocket-Protocol: coap\r\n\r\n"

/* What an end's callbacks do, beside noting that they were called. */
enum chain_deed { CHAIN_NOTHING, CHAIN_CLOSE, CHAIN_SEND };

struct chain_side {
    struct chain_pair *pair;
    struct filter_setup setup;
    coax_credentials *credentials;
    struct tls_context *tls;
    struct filter_chain *chain; /* in a block of its own; NULL: gone */
    unsigned opened, messages, unreadable, ended;
    bool pauses; /* after each message */
    enum chain_deed on_opened, on_message, on_unreadable;
    enum filter_farewell farewell;
    coax_error error;      /* of unreadable or ended */
    char asked_host[300];  /* within `opened` */
    struct address client; /* the same */
    bool is_forwarded, has_credential;
    uint32_t sum;        /* of the messages */
    char log[CHAIN_LOG]; /* a line for each message, while there is room: code, token, payload's size */
    size_t log_size;
    size_t room; /* bytes that the system takes */
    uint8_t *pipe;
    size_t pipe_size, pipe_start, pipe_end; /* what this end has written */
    uint8_t random;
};

struct chain_pair {
    struct chain_side sides[2];
    enum coax_scheme scheme;
    size_t segment; /* bytes that arrive at once */
};

/* --- messages --- */

/* Number `n`: its token says it, its payload has one of the sizes where frames change their form. */
static inline size_t chain_payload_size(unsigned n) {
    static const size_t sizes[] = {0, 1, 11, 12, 13, 123, 126, 267, 268, 269, 2100, 5000, 70000};
    return sizes[n % (sizeof sizes / sizeof sizes[0])];
}

static inline struct coax_message chain_message(unsigned n, uint8_t token[4]) {
    static uint8_t payload[70000];
    if (payload[1] == 0) {
        for (size_t i = 0; i < sizeof payload; i++) {
            payload[i] = (uint8_t)(i * 7 + i / 251);
        }
    }
    for (unsigned i = 0; i < 4; i++) {
        token[i] = (uint8_t)(n >> (8 * i));
    }
    return (struct coax_message){.type = COAX_NO_TYPE,
                                 .code = COAX_POST,
                                 .token = bytes_of(token, 4),
                                 .payload = bytes_of(payload, chain_payload_size(n))};
}

static inline uint32_t chain_add(uint32_t sum, struct bytes bytes) {
    for (size_t i = 0; i < bytes.size; i++) {
        sum = sum * 31 + bytes.data[i];
    }
    return sum * 31 + (uint32_t)bytes.size;
}

static inline uint32_t chain_add_message(uint32_t sum, const struct coax_message *message) {
    sum = sum * 31 + message->code;
    return chain_add(chain_add(chain_add(sum, message->token), message->options), message->payload);
}

/* The sum of those from number 0. */
static inline uint32_t chain_sum(unsigned count) {
    uint8_t token[4];
    uint32_t sum = 0;
    for (unsigned n = 0; n < count; n++) {
        struct coax_message message = chain_message(n, token);
        sum = chain_add_message(sum, &message);
    }
    return sum;
}

static inline enum coax_status chain_send(struct chain_side *side, unsigned n) {
    uint8_t token[4];
    struct coax_message message = chain_message(n, token);
    return coax_filter_chain_send(side->chain, &message, NULL);
}

static inline void chain_send_all(struct chain_side *side, unsigned count) {
    for (unsigned n = 0; n < count; n++) {
        assert_int_equal(chain_send(side, n), COAX_OK);
    }
}

/* --- callbacks --- */

static inline void chain_do(struct chain_side *side, enum chain_deed deed, enum filter_farewell farewell) {
    if (deed == CHAIN_CLOSE) {
        coax_filter_chain_close(side->chain, farewell);
    } else if (deed == CHAIN_SEND) {
        (void)chain_send(side, 0);
    }
}

static size_t chain_write(void *user, const uint8_t *data, size_t size) {
    struct chain_side *side = user;
    size = size < side->room ? size : side->room;
    side->room -= size;
    if (side->pipe_size - side->pipe_end < size) {
        side->pipe_size = 2 * (side->pipe_end + size);
        side->pipe = realloc(side->pipe, side->pipe_size);
        assert_non_null(side->pipe);
    }
    if (size > 0) {
        memcpy(side->pipe + side->pipe_end, data, size);
    }
    side->pipe_end += size;
    return size;
}

static void chain_opened(void *user) {
    struct chain_side *side = user;
    assert_int_equal(side->messages + side->unreadable + side->ended, 0);
    side->opened++;
    side->has_credential = coax_filter_chain_credential(side->chain) != NULL;
    (void)snprintf(side->asked_host, sizeof side->asked_host, "%s", coax_filter_chain_asked_host(side->chain));
    side->is_forwarded = coax_filter_chain_forwarded(side->chain, &side->client);
    chain_do(side, side->on_opened, FAREWELL_NORMAL);
}

static bool chain_message_came(void *user, const struct coax_message *message) {
    struct chain_side *side = user;
    assert_int_equal(side->opened, 1);
    assert_int_equal(side->unreadable + side->ended, 0);
    side->messages++;
    side->sum = chain_add_message(side->sum, message);
    int added = snprintf(side->log + side->log_size, sizeof side->log - side->log_size, "%u.%02u %zu %zu\n",
                         (unsigned)message->code >> 5, message->code & 31U, message->token.size, message->payload.size);
    side->log_size += (size_t)added < sizeof side->log - side->log_size ? (size_t)added : 0;
    chain_do(side, side->on_message, FAREWELL_NORMAL);
    return !side->pauses;
}

static void chain_unreadable(void *user, const coax_error *error, enum filter_farewell farewell) {
    struct chain_side *side = user;
    assert_int_equal(side->opened, 1);
    assert_int_equal(side->ended, 0);
    side->unreadable++;
    side->error = *error;
    side->farewell = farewell;
    if (side->on_unreadable == CHAIN_SEND) {
        const struct coax_message abort = {.code = COAX_ABORT, .payload = bytes_of("why", 3)};
        assert_int_equal(coax_filter_chain_send(side->chain, &abort, NULL), COAX_OK);
        coax_filter_chain_close(side->chain, farewell);
    }
    chain_do(side, side->on_unreadable, farewell);
}

static void chain_ended(void *user, const coax_error *error) {
    struct chain_side *side = user;
    assert_int_equal(side->ended, 0);
    side->ended++;
    side->error = *error;
}

static void chain_random(void *user, void *out, size_t size) {
    struct chain_side *side = user;
    for (size_t i = 0; i < size; i++) {
        ((uint8_t *)out)[i] = side->random = (uint8_t)(side->random * 5 + 77);
    }
}

/* --- the pair --- */

static inline void chain_pair_init(struct chain_pair *pair, enum coax_scheme scheme) {
    static const struct tls_settings settings = {30000, CHAIN_OUTPUT};
    memset(pair, 0, sizeof *pair);
    pair->scheme = scheme;
    pair->segment = SIZE_MAX;
    for (int i = 0; i < 2; i++) {
        struct chain_side *side = &pair->sides[i];
        side->pair = pair;
        side->room = SIZE_MAX;
        side->setup = (struct filter_setup){
            .limits = {CHAIN_MESSAGE_MAXIMUM, 8},
            .write = chain_write,
            .opened = chain_opened,
            .message = chain_message_came,
            .unreadable = chain_unreadable,
            .ended = chain_ended,
            .random = chain_random,
        };
        coax_filter_setup_init(&side->setup);
        side->chain = calloc(1, sizeof *side->chain);
        assert_non_null(side->chain);
        if (coax_scheme_is_secure(scheme)) {
            side->credentials = coax_credentials_new();
            assert_non_null(side->credentials);
            assert_int_equal(coax_tls_context_new(&side->tls, side->credentials, &settings, NULL), COAX_OK);
            side->setup.tls = side->tls;
        }
    }
}

static inline void chain_drop(struct chain_side *side) {
    if (side->chain != NULL) {
        coax_filter_chain_free(side->chain);
        free(side->chain);
        side->chain = NULL;
    }
}

static inline void chain_pair_free(struct chain_pair *pair) {
    for (int i = 0; i < 2; i++) {
        struct chain_side *side = &pair->sides[i];
        chain_drop(side);
        coax_tls_context_free(side->tls);
        coax_credentials_free(side->credentials);
        free(side->pipe);
    }
}

static inline void chain_set_psk(struct chain_side *side, const char *key) {
    if (side->credentials != NULL) {
        assert_int_equal(
            coax_credentials_set_psk(side->credentials, "*://server.example/*", "me", 2, key, strlen(key), NULL),
            COAX_OK);
    }
}

static bool chain_take_first(struct credential *credential, void *user) {
    struct credential **first = user;
    *first = credential;
    return false;
}

static inline enum coax_status chain_listen(struct chain_pair *pair, coax_error *error) {
    struct chain_side *server = &pair->sides[CHAIN_SERVER];
    return coax_filter_chain_start_server(server->chain, &server->setup, server, pair->scheme, CHAIN_NOW, error);
}

static inline enum coax_status chain_connect(struct chain_pair *pair, const char *hostinfo, coax_error *error) {
    struct chain_side *client = &pair->sides[CHAIN_CLIENT];
    struct filter_target target = {.scheme = pair->scheme, .hostinfo = hostinfo, .server_name = "server.example"};
    if (client->credentials != NULL) {
        coax_credentials_each(client->credentials, chain_take_first, &target.credential);
        assert_non_null(target.credential);
    }
    return coax_filter_chain_start_client(client->chain, &client->setup, client, &target, CHAIN_NOW, error);
}

/* Both ends of a fresh pair, the same key for both, nothing moved yet. */
static inline void chain_pair_start(struct chain_pair *pair, enum coax_scheme scheme) {
    chain_pair_init(pair, scheme);
    chain_set_psk(&pair->sides[CHAIN_CLIENT], "secretPSK");
    chain_set_psk(&pair->sides[CHAIN_SERVER], "secretPSK");
    assert_int_equal(chain_listen(pair, NULL), COAX_OK);
    assert_int_equal(chain_connect(pair, "server.example:1234", NULL), COAX_OK);
}

/* Bytes arrive, in a block of just their size, so that a reader who goes too far is caught. */
static inline void chain_feed(struct chain_side *side, const void *data, size_t size) {
    uint8_t *piece = malloc(size > 0 ? size : 1);
    assert_non_null(piece);
    if (size > 0) {
        memcpy(piece, data, size);
    }
    coax_filter_chain_receive(side->chain, piece, size);
    free(piece);
}

/* As much as one segment from one end to the other. Returns whether anything moved. */
static inline bool chain_move(struct chain_pair *pair, int from) {
    struct chain_side *side = &pair->sides[from], *to = &pair->sides[1 - from];
    if (side->chain != NULL) {
        coax_filter_chain_flush(side->chain);
    }
    size_t size = side->pipe_end - side->pipe_start;
    size = size < pair->segment ? size : pair->segment;
    side->pipe_start += size;
    if (size > 0 && to->chain != NULL) {
        chain_feed(to, side->pipe + side->pipe_start - size, size);
    }
    return size > 0;
}

/* Until nothing moves any more. */
static inline void chain_run(struct chain_pair *pair) {
    bool moved = true;
    while (moved) {
        bool went = chain_move(pair, CHAIN_CLIENT);
        bool came = chain_move(pair, CHAIN_SERVER);
        moved = went || came;
    }
}

/* Started and open on both ends. */
static inline void chain_pair_open(struct chain_pair *pair, enum coax_scheme scheme) {
    chain_pair_start(pair, scheme);
    chain_run(pair);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(pair->sides[i].opened, 1);
        assert_int_equal(pair->sides[i].ended, 0);
    }
}

/* Only a server, which a test speaks to in bytes of its own. */
static inline struct chain_side *chain_pair_serve(struct chain_pair *pair, enum coax_scheme scheme) {
    chain_pair_init(pair, scheme);
    assert_int_equal(chain_listen(pair, NULL), COAX_OK);
    return &pair->sides[CHAIN_SERVER];
}

static inline void chain_assert_end(const struct chain_side *side, enum coax_status status, const char *text) {
    if (side->ended + side->unreadable != 1 || side->error.status != status || strstr(side->error.text, text) == NULL) {
        fail_msg("ended %u, unreadable %u: \"%s\" (%s) is not %s, \"%s\"", side->ended, side->unreadable,
                 side->error.text, coax_status_name(side->error.status), coax_status_name(status), text);
    }
}

/* What an end has written since it was last asked, as a text. */
static inline const char *chain_written(struct chain_side *side) {
    static char text[4096];
    coax_filter_chain_flush(side->chain);
    size_t size = side->pipe_end - side->pipe_start;
    size = size < sizeof text ? size : sizeof text - 1;
    if (size > 0) {
        memcpy(text, side->pipe + side->pipe_start, size);
    }
    text[size] = '\0';
    side->pipe_start = side->pipe_end;
    return text;
}

static inline void chain_assert_holds_nothing(const struct chain_side *side) {
    assert_int_equal(coax_filter_chain_pending(side->chain), 0);
    assert_int_equal(coax_filter_chain_held(side->chain), 0);
    assert_false(coax_filter_chain_is_within_message(side->chain));
}

#endif
