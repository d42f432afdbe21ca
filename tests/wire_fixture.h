/* What a layer or stack under test sends, kept; and its randomness, seeded or chosen. */
#ifndef COAX_TESTS_WIRE_FIXTURE_H
#define COAX_TESTS_WIRE_FIXTURE_H

#include "message/datagram_format.h"
#include "transport/datagram/datagram.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { WIRE_DATAGRAMS = 1024, WIRE_DATAGRAM = 2100 };

struct wire_datagram {
    coax_instant when;
    struct path path;
    size_t size;
    uint8_t data[WIRE_DATAGRAM];
};

struct wire {
    struct wire_datagram *datagrams; /* the latest WIRE_DATAGRAMS */
    unsigned sent, seen;             /* seen: by wire_next */
    uint64_t random_state;
    int random_byte; /* every byte that comes out of the randomness; -1: seeded ones */
    const coax_instant *now;
};

static inline void wire_init(struct wire *wire, uint64_t seed, const coax_instant *now) {
    *wire = (struct wire){.random_state = seed, .random_byte = -1, .now = now};
    wire->datagrams = calloc(WIRE_DATAGRAMS, sizeof *wire->datagrams);
    assert_non_null(wire->datagrams);
}

static inline void wire_free(struct wire *wire) {
    free(wire->datagrams);
}

static inline void wire_transmit(void *user, const struct path *path, const uint8_t *data, size_t size) {
    struct wire *wire = user;
    struct wire_datagram *datagram = &wire->datagrams[wire->sent++ % WIRE_DATAGRAMS];
    assert_in_range(size, 1, WIRE_DATAGRAM);
    datagram->when = *wire->now;
    datagram->path = *path;
    datagram->size = size;
    memcpy(datagram->data, data, size);
}

/* splitmix64 */
static inline void wire_random(void *user, void *out, size_t size) {
    struct wire *wire = user;
    uint8_t *bytes = out;
    for (size_t i = 0; i < size; i++) {
        uint64_t z = wire->random_state += UINT64_C(0x9e3779b97f4a7c15);
        z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
        z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
        bytes[i] = wire->random_byte >= 0 ? (uint8_t)wire->random_byte : (uint8_t)(z >> 32);
    }
}

static inline struct datagram_output wire_output(struct wire *wire) {
    return (struct datagram_output){wire_transmit, wire_random, wire};
}

/* The next datagram that was sent and not yet looked at; NULL if there is none. */
static inline const struct wire_datagram *wire_next(struct wire *wire) {
    assert_true(wire->sent - wire->seen <= WIRE_DATAGRAMS);
    return wire->seen == wire->sent ? NULL : &wire->datagrams[wire->seen++ % WIRE_DATAGRAMS];
}

static inline void wire_expect_nothing(const struct wire *wire) {
    assert_int_equal(wire->sent - wire->seen, 0);
}

static inline void wire_expect_bytes(struct wire *wire, const void *bytes, size_t size) {
    const struct wire_datagram *datagram = wire_next(wire);
    assert_non_null(datagram);
    assert_int_equal(datagram->size, size);
    assert_memory_equal(datagram->data, bytes, size);
}

/* The next datagram is this one, a string literal. */
#define WIRE_EXPECT(wire, literal) wire_expect_bytes((wire), (literal), sizeof(literal) - 1)

/* The next datagram, read; its views live as long as the wire keeps it. */
static inline struct coax_message wire_expect_message(struct wire *wire) {
    struct coax_message message;
    const struct wire_datagram *datagram = wire_next(wire);
    assert_non_null(datagram);
    assert_int_equal(coax_datagram_decode(&message, datagram->data, datagram->size, EXTENDED_TOKEN_MAXIMUM, NULL, NULL),
                     COAX_OK);
    return message;
}

/* A remote at 10.0.0.`host` as a client's channel sees it, and as a server's that was asked at 10.0.0.1 or by
   multicast. */
static inline struct path client_path(uint8_t host) {
    return (struct path){.remote = coax_address_ip4(10, 0, 0, host, 5683), .channel = 1};
}

static inline struct path server_path(uint8_t host) {
    return (struct path){
        .remote = coax_address_ip4(10, 0, 0, host, 40000), .local = coax_address_ip4(10, 0, 0, 1, 5683), .channel = 2};
}

static inline struct path multicast_path(uint8_t host) {
    return (struct path){.remote = coax_address_ip4(10, 0, 0, host, 40000),
                         .local = coax_address_ip4(224, 0, 1, 187, 5683),
                         .channel = 2};
}

/* The path of number `n`, for many peers. */
static inline struct path numbered_path(struct path path, unsigned n) {
    path.remote.ip[13] = (uint8_t)(n >> 16);
    path.remote.ip[14] = (uint8_t)(n >> 8);
    path.remote.ip[15] = (uint8_t)n;
    return path;
}

#endif
