#include "message/missing_blocks.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void numbers_are_written_as_short_as_they_are(void **state) {
    (void)state;
    static const uint32_t numbers[] = {0, 23, 24, 255, 256, 65535, 65536, 0xfffff};
    static const uint8_t expected[] = {0x00, 0x17, 0x18, 0x18, 0x18, 0xff, 0x19, 0x01, 0x00, 0x19, 0xff,
                                       0xff, 0x1a, 0x00, 0x01, 0x00, 0x00, 0x1a, 0x00, 0x0f, 0xff, 0xff};
    uint8_t out[8 * MISSING_BLOCK_SIZE];
    size_t size = coax_missing_blocks_write(out, numbers, 8);
    assert_int_equal(size, sizeof expected);
    assert_memory_equal(out, expected, sizeof expected);
    size_t position = 0;
    uint32_t number;
    for (size_t i = 0; i < 8; i++) {
        assert_true(coax_missing_blocks_next(bytes_of(out, size), &position, &number));
        assert_int_equal(number, numbers[i]);
    }
    assert_false(coax_missing_blocks_next(bytes_of(out, size), &position, &number));
    assert_int_equal(position, size);
}

static void what_is_no_number_is_told_from_the_end(void **state) {
    (void)state;
    static const struct {
        uint8_t bytes[6];
        size_t size;
    } bad[] = {{{0x18}, 1}, {{0x19, 0}, 2}, {{0x1a, 0, 0, 0}, 4}, {{0x1b, 0, 0, 0, 0, 0}, 6},
               {{0x20}, 1}, {{0x1c}, 1},    {{0x9f}, 1},          {{0xff}, 1}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        size_t position = 0;
        uint32_t number;
        assert_false(coax_missing_blocks_next(bytes_of(bad[i].bytes, bad[i].size), &position, &number));
        assert_true(position == SIZE_MAX);
        assert_false(coax_missing_blocks_next(bytes_of(bad[i].bytes, bad[i].size), &position, &number));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_are_written_as_short_as_they_are),
        cmocka_unit_test(what_is_no_number_is_told_from_the_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
