/* For tests: a client and a server in one process, with a pipe of bytes each way that is cut wherever a test wants. */
#ifndef COAX_SECURITY_TLS_TEST_PAIR_H
#define COAX_SECURITY_TLS_TEST_PAIR_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "security/tls_private.h"
#include "test_certificates.h"
#include <stdio.h>
#include <stdlib.h>

enum { PAIR_CLIENT, PAIR_SERVER };
enum { PAIR_PIPE = 1024 * 1024, PAIR_OUTPUT = 32 * 1024, PAIR_TIMEOUT_MS = 30000 };
#define PAIR_NOW (1000 * COAX_SECOND)

/* What an end's callbacks do, beside noting that they were called. */
enum pair_deed { PAIR_NOTHING, PAIR_FREE, PAIR_CLOSE, PAIR_SEND };

struct pair_side {
    struct tls_pair *pair;
    int index;
    coax_credentials *credentials;
    struct tls_context *context;
    struct tls_session *session;
    struct tls_application application;
    unsigned established, closed, pieces, transmits;
    coax_error error;
    uint8_t *received; /* plaintext, PAIR_PIPE */
    size_t received_size;
    uint8_t *pipe; /* what this end has sent, PAIR_PIPE */
    size_t pipe_start, pipe_end;
    size_t sent;    /* since the start */
    bool is_cut;    /* what is sent does not arrive any more */
    size_t window;  /* bytes that the pipe holds at most */
    size_t segment; /* bytes that the other end gets at once */
    bool pauses;    /* after each piece of plaintext */
    enum pair_deed on_established, on_data, on_transmit, on_closed;
};

/* What happens to the byte at `position` of what one end sends: the stream ends before it, or it is changed. */
struct pair_mutation {
    int from;
    size_t position;
    uint8_t change; /* XORed; 0: the end */
    bool is_over;   /* there was no such byte */
};

struct tls_pair {
    struct pair_side sides[2];
    struct pair_mutation *mutation;
};

static inline void pair_drop(struct pair_side *side) {
    coax_tls_session_free(side->session);
    side->session = NULL;
}

static inline void pair_do(struct pair_side *side, enum pair_deed deed) {
    size_t taken;
    if (deed == PAIR_FREE || deed == PAIR_CLOSE) {
        if (deed == PAIR_CLOSE) {
            coax_tls_session_close(side->session);
        }
        pair_drop(side);
    } else if (deed == PAIR_SEND) {
        (void)coax_tls_session_send(side->session, (const uint8_t *)"answer", 6, &taken);
    }
}

static inline void pair_mutate(struct pair_side *side, uint8_t *data, size_t size) {
    struct pair_mutation *mutation = side->pair->mutation;
    if (mutation == NULL || mutation->from != side->index) {
        return;
    }
    if (mutation->position >= side->sent && mutation->position < side->sent + size) {
        mutation->is_over = false;
        data[mutation->position - side->sent] ^= mutation->change;
        if (mutation->change == 0) {
            side->pipe_end -= side->sent + size - mutation->position;
            side->window = 0;
            side->is_cut = true;
        }
    }
}

static size_t pair_transmit(void *user, const uint8_t *data, size_t size) {
    struct pair_side *side = user;
    side->transmits++;
    size_t held = side->pipe_end - side->pipe_start;
    size_t room = side->window > held ? side->window - held : 0;
    if (side->pipe_end + size > PAIR_PIPE) {
        memmove(side->pipe, side->pipe + side->pipe_start, side->pipe_end - side->pipe_start);
        side->pipe_end -= side->pipe_start;
        side->pipe_start = 0;
    }
    size = size < room ? size : room;
    memcpy(side->pipe + side->pipe_end, data, size);
    side->pipe_end += size;
    pair_mutate(side, side->pipe + side->pipe_end - size, size);
    side->sent += size;
    if (side->session != NULL) {
        pair_do(side, side->on_transmit);
    }
    return size;
}

static void pair_established(void *user) {
    struct pair_side *side = user;
    side->established++;
    pair_do(side, side->on_established);
}

static bool pair_data(void *user, const uint8_t *data, size_t size) {
    struct pair_side *side = user;
    side->pieces++;
    assert_in_range(size, 1, TLS_PLAINTEXT_MAXIMUM);
    assert_true(side->received_size + size <= PAIR_PIPE);
    memcpy(side->received + side->received_size, data, size);
    side->received_size += size;
    pair_do(side, side->on_data);
    return !side->pauses;
}

static void pair_closed(void *user, const coax_error *error) {
    struct pair_side *side = user;
    side->closed++;
    side->error = *error;
    if (side->on_closed == PAIR_NOTHING) {
        pair_drop(side);
    }
}

static const struct tls_events pair_events = {pair_transmit, pair_established, pair_data, pair_closed};
static const struct tls_settings pair_settings = {PAIR_TIMEOUT_MS, PAIR_OUTPUT};

static inline void pair_start(struct tls_pair *pair) {
    memset(pair, 0, sizeof *pair);
    for (int i = 0; i < 2; i++) {
        struct pair_side *side = &pair->sides[i];
        side->pair = pair;
        side->index = i;
        side->window = side->segment = PAIR_PIPE;
        side->application.protocol = "coap";
        side->received = malloc(PAIR_PIPE);
        side->pipe = malloc(PAIR_PIPE);
        side->credentials = coax_credentials_new();
        assert_true(side->received != NULL && side->pipe != NULL && side->credentials != NULL);
        assert_int_equal(coax_tls_context_new(&side->context, side->credentials, &pair_settings, NULL), COAX_OK);
    }
}

static inline void pair_end(struct tls_pair *pair) {
    for (int i = 0; i < 2; i++) {
        struct pair_side *side = &pair->sides[i];
        pair_drop(side);
        coax_tls_context_free(side->context);
        coax_credentials_free(side->credentials);
        free(side->received);
        free(side->pipe);
    }
}

/* Only this version is spoken. */
static inline void pair_speak(struct pair_side *side, const char *versions) {
    static struct secure_protocol protocol;
    protocol = *side->context->secure.protocol;
    protocol.priority = versions;
    coax_tls_context_free(side->context);
    side->context = calloc(1, sizeof *side->context);
    assert_non_null(side->context);
    side->context->maximum_output = PAIR_OUTPUT;
    assert_int_equal(
        coax_secure_context_load(&side->context->secure, &protocol, side->credentials, PAIR_TIMEOUT_MS, NULL), COAX_OK);
}

static inline void pair_set_psk(struct tls_pair *pair, int side, const char *identity, const char *key) {
    assert_int_equal(coax_credentials_set_psk(pair->sides[side].credentials, "coaps+tcp://server/*", identity,
                                              strlen(identity), key, strlen(key), NULL),
                     COAX_OK);
}

static inline void pair_set_x509(struct tls_pair *pair, int side, const char *key, const struct test_certificate *own,
                                 const struct test_certificate *trust) {
    coax_x509 x509 = COAX_X509_INIT;
    x509.certificate = own != NULL ? own->certificate_pem : NULL;
    x509.private_key = own != NULL ? own->private_pem : NULL;
    x509.trust = trust != NULL ? trust->certificate_pem : NULL;
    assert_int_equal(coax_credentials_set_x509(pair->sides[side].credentials, key, &x509, NULL), COAX_OK);
}

static inline void pair_set_rpk(struct tls_pair *pair, int side, const struct test_certificate *own,
                                const struct test_certificate *peer) {
    coax_rpk rpk = COAX_RPK_INIT;
    rpk.private_key = own->private_pem;
    rpk.peer_public_key = peer->public_pem;
    assert_int_equal(coax_credentials_set_rpk(pair->sides[side].credentials, ":rpk", &rpk, NULL), COAX_OK);
}

static bool pair_take_first(struct credential *credential, void *user) {
    struct credential **first = user;
    *first = credential;
    return false;
}

static inline enum coax_status pair_listen(struct tls_pair *pair, coax_error *error) {
    struct pair_side *server = &pair->sides[PAIR_SERVER];
    return coax_tls_server_new(&server->session, server->context, &server->application, &pair_events, server, PAIR_NOW,
                               error);
}

/* Starts the client with the first entry of its store. */
static inline enum coax_status pair_connect(struct tls_pair *pair, const char *host, coax_error *error) {
    struct pair_side *client = &pair->sides[PAIR_CLIENT];
    struct credential *credential = NULL;
    coax_credentials_each(client->credentials, pair_take_first, &credential);
    assert_non_null(credential);
    return coax_tls_client_new(&client->session, client->context, credential, host, &client->application, &pair_events,
                               client, PAIR_NOW, error);
}

/* Brings one segment from one end to the other. Returns whether anything moved. */
static inline bool pair_move(struct tls_pair *pair, int from) {
    struct pair_side *side = &pair->sides[from];
    struct pair_side *to = &pair->sides[1 - from];
    size_t size = side->pipe_end - side->pipe_start;
    size = size < side->segment ? size : side->segment;
    if (to->session == NULL || (size == 0 && !to->pauses)) {
        side->pipe_start = side->pipe_end;
        return false;
    }
    /* What arrives lies in a block of just its size, so that a reader who goes too far is caught. */
    uint8_t *segment = malloc(size > 0 ? size : 1);
    assert_non_null(segment);
    memcpy(segment, side->pipe + side->pipe_start, size);
    unsigned pieces = to->pieces;
    size_t taken = coax_tls_session_receive(to->session, segment, size);
    free(segment);
    assert_true(taken <= size);
    side->pipe_start += taken;
    return taken > 0 || to->pieces > pieces;
}

static inline bool pair_flush(struct pair_side *side) {
    size_t before = side->pipe_end - side->pipe_start;
    if (side->session != NULL) {
        coax_tls_session_flush(side->session);
    }
    return side->pipe_end - side->pipe_start != before;
}

/* Until nothing moves any more. */
static inline void pair_run(struct tls_pair *pair) {
    bool moved = true;
    for (unsigned turns = 0; moved; turns++) {
        assert_true(turns < 4 * PAIR_PIPE);
        moved = false;
        for (int i = 0; i < 2; i++) {
            bool came = pair_move(pair, i);
            bool went = pair_flush(&pair->sides[i]);
            moved = moved || came || went;
        }
    }
}

static inline void pair_shake_hands(struct tls_pair *pair, const char *host) {
    assert_int_equal(pair_listen(pair, NULL), COAX_OK);
    assert_int_equal(pair_connect(pair, host, NULL), COAX_OK);
    pair_run(pair);
}

/* Both are established, nobody has gone. */
static inline bool pair_is_up(const struct tls_pair *pair) {
    const struct pair_side *sides = pair->sides;
    return sides[0].established == 1 && sides[1].established == 1 && sides[0].closed + sides[1].closed == 0;
}

static inline size_t pair_send(struct tls_pair *pair, int side, const void *data, size_t size) {
    size_t taken = 0;
    assert_int_equal(coax_tls_session_send(pair->sides[side].session, data, size, &taken), COAX_OK);
    return taken;
}

static inline void pair_assert_text(const coax_error *error, enum coax_status status, int alert, const char *text) {
    if (error->status != status || error->alert != alert || strstr(error->text, text) == NULL) {
        fail_msg("\"%s\" (%s, alert %d) is not %s, %d, \"%s\"", error->text, coax_status_name(error->status),
                 error->alert, coax_status_name(status), alert, text);
    }
}

#endif
