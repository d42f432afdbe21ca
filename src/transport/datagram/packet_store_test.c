#include "transport/datagram/packet_store.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { MAXIMUM = 2048, LIMIT = 3 };

static struct packet *keep(struct packet_store *store, size_t size) {
    uint8_t bytes[MAXIMUM + 1];
    memset(bytes, (int)(size & 0x7f), sizeof bytes);
    struct packet *packet = coax_packet_keep(store, bytes_of(bytes, size));
    if (packet != NULL) {
        assert_int_equal(packet->size, size);
        assert_memory_equal(packet->data, bytes, size);
    }
    return packet;
}

static void keeps_copies_of_every_size_up_to_the_maximum(void **state) {
    (void)state;
    static const size_t sizes[] = {1, 4, 95, 96, 97, 479, 480, 481, 2047, 2048};
    struct packet_store store;
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        coax_packet_store_init(&store, MAXIMUM, LIMIT);
        struct packet *packet = keep(&store, sizes[i]);
        assert_non_null(packet);
        coax_packet_drop(&store, packet);
        assert_null(keep(&store, MAXIMUM + 1));
        coax_packet_store_free(&store);
    }
}

static void takes_the_smallest_memory_that_fits(void **state) {
    (void)state;
    struct packet_store store;
    coax_packet_store_init(&store, MAXIMUM, LIMIT);
    struct packet *small = keep(&store, 20), *middle = keep(&store, 400), *large = keep(&store, 2000);
    assert_int_equal(small->pool, 0);
    assert_int_equal(middle->pool, 1);
    assert_int_equal(large->pool, 2);
    coax_packet_drop(&store, small);
    coax_packet_drop(&store, middle);
    coax_packet_drop(&store, large);
    for (unsigned i = 0; i < PACKET_CLASSES; i++) {
        assert_int_equal(store.pools[i].in_use, 0);
    }
    coax_packet_store_free(&store);
}

/* A full class is no reason to refuse while a larger one has room; when all are full, that is all there is. */
static void is_bounded(void **state) {
    (void)state;
    struct packet_store store;
    struct packet *packets[PACKET_CLASSES * LIMIT];
    coax_packet_store_init(&store, MAXIMUM, LIMIT);
    for (size_t i = 0; i < PACKET_CLASSES * LIMIT; i++) {
        packets[i] = keep(&store, 10);
        assert_non_null(packets[i]);
    }
    assert_null(keep(&store, 10));
    assert_null(keep(&store, 1000));
    coax_packet_drop(&store, packets[0]);
    assert_null(keep(&store, 1000));
    packets[0] = keep(&store, 10);
    assert_non_null(packets[0]);
    for (size_t i = 0; i < PACKET_CLASSES * LIMIT; i++) {
        coax_packet_drop(&store, packets[i]);
    }
    coax_packet_store_free(&store);
}

static void a_small_maximum_bounds_every_class(void **state) {
    (void)state;
    struct packet_store store;
    coax_packet_store_init(&store, 50, LIMIT);
    for (unsigned i = 0; i < PACKET_CLASSES; i++) {
        assert_int_equal(store.capacities[i], 50);
    }
    assert_null(keep(&store, 51));
    struct packet *packet = keep(&store, 50);
    assert_non_null(packet);
    coax_packet_drop(&store, packet);
    coax_packet_drop(&store, NULL);
    coax_packet_store_free(&store);
}

#ifndef COAX_POOL_PLAIN
/* What was in a packet may have been secret: its memory holds nothing of it when it is used next. */
static void wipes_what_it_drops(void **state) {
    (void)state;
    struct packet_store store;
    coax_packet_store_init(&store, MAXIMUM, 1);
    struct packet *packet = coax_packet_keep(&store, bytes_of("a secret of twenty b", 20));
    const uint8_t *memory = packet->data;
    coax_packet_drop(&store, packet);
    for (size_t i = sizeof(void *); i < 20; i++) { /* the first bytes are the pool's own by now */
        assert_int_equal(memory[i], 0);
    }
    coax_packet_store_free(&store);
}
#else
static void wipes_what_it_drops(void **state) {
    (void)state;
    skip(); /* freed memory must not be looked at */
}
#endif

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keeps_copies_of_every_size_up_to_the_maximum),
        cmocka_unit_test(takes_the_smallest_memory_that_fits),
        cmocka_unit_test(is_bounded),
        cmocka_unit_test(a_small_maximum_bounds_every_class),
        cmocka_unit_test(wipes_what_it_drops),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
