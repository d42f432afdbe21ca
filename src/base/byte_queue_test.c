#include "base/byte_queue.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void keeps_bytes_in_order(void **state) {
    (void)state;
    struct byte_queue queue = {0};
    uint8_t next_in = 0;
    uint8_t next_out = 0;
    for (unsigned round = 0; round < 2000; round++) {
        uint8_t bytes[97];
        size_t size = round * 31 % sizeof bytes;
        for (size_t i = 0; i < size; i++) {
            bytes[i] = next_in++;
        }
        assert_true(coax_byte_queue_append(&queue, bytes, size));
        size_t pending = byte_queue_size(&queue);
        size_t taken = round % 50 == 49 ? pending : pending * (round % 3) / 3;
        for (size_t i = 0; i < taken; i++) {
            assert_int_equal(queue.data[queue.start + i], next_out++);
        }
        coax_byte_queue_consume(&queue, taken);
        assert_int_equal(byte_queue_size(&queue), pending - taken);
        /* What was taken is not kept. */
        assert_in_range(queue.capacity, 0, 16 * 1024);
    }
    coax_byte_queue_clear(&queue);
}

static void holds_nothing_when_nothing_waits(void **state) {
    (void)state;
    struct byte_queue queue = {0};
    assert_true(coax_byte_queue_append(&queue, NULL, 0));
    assert_true(coax_byte_queue_append(&queue, (const uint8_t *)"abc", 3));
    assert_non_null(queue.data);
    coax_byte_queue_consume(&queue, 2);
    assert_int_equal(queue.data[queue.start], 'c');
    coax_byte_queue_consume(&queue, 1);
    assert_null(queue.data);
    assert_int_equal(queue.capacity, 0);
}

static void large_ones_hold_little_more_than_they_need(void **state) {
    (void)state;
    static const uint8_t bytes[1000] = {0};
    struct byte_queue queue = {0};
    for (size_t size = 0; size < 3000000; size += sizeof bytes) {
        assert_true(queue.capacity <= 64 * 1024 || queue.capacity <= size + 16 * 1024 + size / 8);
        assert_true(coax_byte_queue_append(&queue, bytes, sizeof bytes));
    }
    coax_byte_queue_clear(&queue);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keeps_bytes_in_order),
        cmocka_unit_test(holds_nothing_when_nothing_waits),
        cmocka_unit_test(large_ones_hold_little_more_than_they_need),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
