/* For tests: a client and a server in one process, with a network of a queue between them and a clock of its own. */
#ifndef COAX_SECURITY_DTLS_TEST_PAIR_H
#define COAX_SECURITY_DTLS_TEST_PAIR_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "security/dtls_private.h"
#include "test_certificates.h"
#include "virtual_clock.h"
#include <stdio.h>
#include <stdlib.h>

enum { PAIR_CLIENT, PAIR_SERVER };
enum { PAIR_QUEUE = 512, PAIR_DATAGRAM = 2048 };

struct pair;

struct pair_side {
    struct pair *pair;
    int index;
    coax_credentials *credentials;
    struct dtls_context *context;
    struct dtls_session *session;
    unsigned established, closed, messages, newer;
    coax_error error;
    uint8_t message[PAIR_DATAGRAM];
    size_t message_size;
    bool free_when_established, free_on_message, close_on_message;
};

struct pair_packet {
    coax_instant when;
    int from;
    size_t size;
    uint8_t data[PAIR_DATAGRAM];
};

/* What happens to a datagram on its way: how often it arrives, and how much later. */
struct pair_fate {
    unsigned copies;
    coax_instant delay;
};

/* What happens to datagram number `target` of a run: cut at `position`, or the byte there changed in one of two ways.
   `is_over` when it has no such position. */
enum { PAIR_MUTATIONS = 3 };
struct pair_mutation {
    unsigned target, position, kind;
    bool is_over;
};

struct pair {
    struct pair_side sides[2];
    struct address client_address;
    coax_instant now;
    struct pair_packet *queue[PAIR_QUEUE];
    size_t queued;
    unsigned sent[2];
    struct pair_fate (*fate)(struct pair *pair, int from, const uint8_t *data, size_t size);
    uint32_t seed;
    uint8_t cid[DTLS_CID_MAXIMUM], cid_size;  /* that the server gives out */
    struct pair_packet *recorded[PAIR_QUEUE]; /* everything that was sent */
    size_t recorded_count;
    bool record;
    struct pair_mutation *mutation;
};

static inline uint32_t pair_random(struct pair *pair) {
    pair->seed = pair->seed * 1664525U + 1013904223U;
    return pair->seed >> 8;
}

/* 20 % lost, 10 % twice, up to 300 ms late. */
static inline struct pair_fate pair_bad_network(struct pair *pair, int from, const uint8_t *data, size_t size) {
    (void)from;
    (void)data;
    (void)size;
    uint32_t dice = pair_random(pair) % 100;
    return (struct pair_fate){dice < 20 ? 0 : dice < 30 ? 2 : 1, pair_random(pair) % 300 * COAX_MILLISECOND};
}

static inline struct pair_packet *pair_packet_new(int from, const uint8_t *data, size_t size, coax_instant when) {
    assert_true(size <= PAIR_DATAGRAM);
    struct pair_packet *packet = malloc(sizeof *packet);
    assert_non_null(packet);
    packet->when = when;
    packet->from = from;
    packet->size = size;
    memcpy(packet->data, data, size);
    return packet;
}

static inline void pair_post(struct pair *pair, int from, const uint8_t *data, size_t size) {
    struct pair_fate fate = {1, 0};
    pair->sent[from]++;
    if (pair->record && pair->recorded_count < PAIR_QUEUE) {
        pair->recorded[pair->recorded_count++] = pair_packet_new(from, data, size, pair->now);
    }
    if (pair->fate != NULL) {
        fate = pair->fate(pair, from, data, size);
    }
    for (unsigned i = 0; i < fate.copies && pair->queued < PAIR_QUEUE; i++) {
        pair->queue[pair->queued++] =
            pair_packet_new(from, data, size, pair->now + COAX_MILLISECOND + fate.delay * (i + 1));
    }
}

static void pair_transmit(void *user, const uint8_t *datagram, size_t size) {
    struct pair_side *side = user;
    pair_post(side->pair, side->index, datagram, size);
}

static void pair_drop(struct pair_side *side) {
    coax_dtls_session_free(side->session);
    side->session = NULL;
}

static void pair_established(void *user) {
    struct pair_side *side = user;
    side->established++;
    if (side->free_when_established) {
        pair_drop(side);
    }
}

static void pair_message(void *user, const uint8_t *data, size_t size) {
    struct pair_side *side = user;
    side->messages++;
    assert_true(size <= sizeof side->message);
    memcpy(side->message, data, size);
    side->message_size = size;
    if (side->close_on_message) {
        coax_dtls_session_close(side->session);
    }
    if (side->free_on_message || side->close_on_message) {
        pair_drop(side);
    }
}

static void pair_closed(void *user, const coax_error *error) {
    struct pair_side *side = user;
    side->closed++;
    side->error = *error;
    pair_drop(side);
}

static void pair_newer(void *user) {
    ((struct pair_side *)user)->newer++;
}

static const struct dtls_events pair_events = {pair_transmit, pair_established, pair_newer, pair_message, pair_closed};

static const struct dtls_settings pair_settings = {30000, 1000, 1232, 1280, false};

static inline void pair_start(struct pair *pair) {
    memset(pair, 0, sizeof *pair);
    pair->now = 1000 * COAX_SECOND;
    pair->seed = 1;
    pair->client_address = coax_address_ip4(127, 0, 0, 1, 40000);
    coax_virtual_clock_set(pair->now);
    for (int i = 0; i < 2; i++) {
        struct pair_side *side = &pair->sides[i];
        side->pair = pair;
        side->index = i;
        side->credentials = coax_credentials_new();
        assert_non_null(side->credentials);
        assert_int_equal(coax_dtls_context_new(&side->context, side->credentials, &pair_settings, NULL), COAX_OK);
    }
}

static inline void pair_end(struct pair *pair) {
    for (int i = 0; i < 2; i++) {
        pair_drop(&pair->sides[i]);
        coax_dtls_context_free(pair->sides[i].context);
        coax_credentials_free(pair->sides[i].credentials);
    }
    for (size_t i = 0; i < pair->queued; i++) {
        free(pair->queue[i]);
    }
    for (size_t i = 0; i < pair->recorded_count; i++) {
        free(pair->recorded[i]);
    }
    coax_virtual_clock_off();
}

static inline void pair_set_psk(struct pair *pair, int side, const char *identity, const char *key) {
    assert_int_equal(coax_credentials_set_psk(pair->sides[side].credentials, "coaps://server/*", identity,
                                              strlen(identity), key, strlen(key), NULL),
                     COAX_OK);
}

static bool pair_take_first(struct credential *credential, void *user) {
    struct credential **first = user;
    *first = credential;
    return false;
}

/* Starts the client with the first entry of its store. */
static inline enum coax_status pair_connect(struct pair *pair, const char *host, coax_error *error) {
    struct pair_side *client = &pair->sides[PAIR_CLIENT];
    struct credential *credential = NULL;
    coax_credentials_each(client->credentials, pair_take_first, &credential);
    assert_non_null(credential);
    return coax_dtls_client_new(&client->session, client->context, credential, host, &pair_events, client, pair->now,
                                error);
}

static inline void pair_deliver(struct pair *pair, int from, const uint8_t *data, size_t size) {
    struct pair_side *to = &pair->sides[1 - from];
    if (to->session != NULL) {
        coax_dtls_session_receive(to->session, data, size, pair->now);
    } else if (to->index == PAIR_SERVER
               && coax_dtls_hello(to->context, &pair->client_address, data, size, pair->now, pair_transmit, to)
                      == DTLS_HELLO_VERIFIED) {
        (void)coax_dtls_server_new(&to->session, to->context, data, size, bytes_of(pair->cid, pair->cid_size),
                                   &pair_events, to, pair->now, &to->error);
    }
}

static inline size_t pair_earliest(const struct pair *pair) {
    size_t earliest = 0;
    for (size_t i = 1; i < pair->queued; i++) {
        earliest = pair->queue[i]->when < pair->queue[earliest]->when ? i : earliest;
    }
    return earliest;
}

static inline coax_instant pair_deadline(const struct pair *pair) {
    coax_instant next = COAX_NEVER;
    for (int i = 0; i < 2; i++) {
        const struct dtls_session *session = pair->sides[i].session;
        coax_instant deadline = session == NULL ? COAX_NEVER : coax_dtls_session_deadline(session, pair->now);
        next = deadline < next ? deadline : next;
    }
    return next;
}

static inline void pair_set_time(struct pair *pair, coax_instant now) {
    if (now > pair->now) {
        pair->now = now;
        coax_virtual_clock_set(now);
    }
}

static inline void pair_expire(struct pair *pair) {
    for (int i = 0; i < 2; i++) {
        struct dtls_session *session = pair->sides[i].session;
        if (session != NULL) {
            coax_dtls_session_expire(session, pair->now);
        }
    }
}

/* Lets everything happen that happens within `ms`. Returns false if the two do not come to rest (they hang). */
static inline bool pair_run(struct pair *pair, uint64_t ms) {
    coax_instant until = coax_instant_after_ms(pair->now, ms);
    for (unsigned steps = 0; steps < 20000; steps++) {
        size_t earliest = pair_earliest(pair);
        coax_instant arrival = pair->queued > 0 ? pair->queue[earliest]->when : COAX_NEVER;
        coax_instant deadline = pair_deadline(pair);
        if ((arrival < deadline ? arrival : deadline) > until) {
            pair_set_time(pair, until);
            return true;
        }
        if (arrival <= deadline) {
            struct pair_packet *packet = pair->queue[earliest];
            pair->queue[earliest] = pair->queue[--pair->queued];
            pair_set_time(pair, packet->when);
            pair_deliver(pair, packet->from, packet->data, packet->size);
            free(packet);
        } else {
            pair_set_time(pair, deadline);
            pair_expire(pair);
        }
    }
    return false;
}

/* The next record of an established session, whatever it says, on its way. */
static inline void pair_post_record(struct pair *pair, int from, int content_type, const void *data, size_t size) {
    uint8_t record[PAIR_DATAGRAM];
    size_t sealed = coax_dtls_seal(&pair->sides[from].session->protection, content_type, bytes_of(data, size), record);
    assert_true(sealed > 0);
    pair_post(pair, from, record, sealed);
}

static inline void pair_post_alert(struct pair *pair, int from, int level, int alert) {
    const uint8_t bytes[] = {(uint8_t)level, (uint8_t)alert};
    pair_post_record(pair, from, DTLS_CONTENT_ALERT, bytes, sizeof bytes);
}

static inline bool pair_is_up(const struct pair *pair) {
    return pair->sides[PAIR_CLIENT].established == 1 && pair->sides[PAIR_SERVER].established == 1;
}

static inline struct pair_fate pair_mutate(struct pair *pair, int from, const uint8_t *data, size_t size) {
    struct pair_mutation *mutation = pair->mutation;
    if (pair->sent[PAIR_CLIENT] + pair->sent[PAIR_SERVER] - 1 != mutation->target) {
        return (struct pair_fate){1, 0};
    }
    uint8_t changed[PAIR_DATAGRAM];
    memcpy(changed, data, size);
    mutation->is_over = mutation->position >= size;
    if (mutation->kind == 0 && !mutation->is_over) {
        size = mutation->position;
    } else if (!mutation->is_over) {
        changed[mutation->position] ^= mutation->kind == 1 ? 0xff : 0x01;
    }
    pair->queue[pair->queued++] = pair_packet_new(from, changed, size, pair->now + COAX_MILLISECOND);
    return (struct pair_fate){0, 0};
}

/* Whatever is changed, the client comes to an end: up, or closed with a sentence. */
static inline void pair_run_mutated(struct pair *pair, struct pair_mutation *mutation, const char *host) {
    pair->fate = pair_mutate;
    pair->mutation = mutation;
    assert_int_equal(pair_connect(pair, host, NULL), COAX_OK);
    assert_true(pair_run(pair, 31000));
    const struct pair_side *client = &pair->sides[PAIR_CLIENT];
    assert_true(client->established + client->closed >= 1);
    assert_true(client->closed == 0 || client->error.text[0] != '\0');
}

#endif
