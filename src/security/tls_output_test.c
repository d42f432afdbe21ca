#include "security/tls_test_pair.h"

static void keeps_bytes_in_order(void **state) {
    (void)state;
    struct tls_output output = {0};
    uint8_t next_in = 0;
    uint8_t next_out = 0;
    for (unsigned round = 0; round < 2000; round++) {
        uint8_t bytes[97];
        size_t size = round * 31 % sizeof bytes;
        for (size_t i = 0; i < size; i++) {
            bytes[i] = next_in++;
        }
        assert_true(coax_tls_output_append(&output, bytes, size));
        size_t pending = coax_tls_output_pending(&output);
        size_t taken = round % 50 == 49 ? pending : pending * (round % 3) / 3;
        for (size_t i = 0; i < taken; i++) {
            assert_int_equal(output.data[output.start + i], next_out++);
        }
        coax_tls_output_consume(&output, taken);
        assert_int_equal(coax_tls_output_pending(&output), pending - taken);
        /* What was taken is not kept. */
        assert_in_range(output.capacity, 0, 16 * 1024);
    }
    coax_tls_output_clear(&output);
}

static void holds_nothing_when_nothing_waits(void **state) {
    (void)state;
    struct tls_output output = {0};
    assert_true(coax_tls_output_append(&output, NULL, 0));
    assert_true(coax_tls_output_append(&output, (const uint8_t *)"abc", 3));
    assert_non_null(output.data);
    coax_tls_output_consume(&output, 2);
    assert_int_equal(output.data[output.start], 'c');
    coax_tls_output_consume(&output, 1);
    assert_null(output.data);
    assert_int_equal(output.capacity, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keeps_bytes_in_order),
        cmocka_unit_test(holds_nothing_when_nothing_waits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
