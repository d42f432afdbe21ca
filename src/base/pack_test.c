#include "base/pack.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void what_goes_in_comes_out(void **state) {
    (void)state;
    struct pack pack = {.data = NULL};
    coax_pack_uint(&pack, 0x0102, 2);
    coax_pack_text(&pack, "text");
    coax_pack_text(&pack, NULL);
    coax_pack_uint(&pack, UINT64_MAX - 1, 8);
    for (int i = 0; i < 1000; i++) {
        coax_pack_bytes(&pack, bytes_of("abc", 3));
    }
    assert_false(pack.has_failed);
    assert_int_equal(pack.size, 2 + 8 + 4 + 8 + 3000);
    assert_memory_equal(pack.data, "\x01\x02\0\0\0\x04text\0\0\0\0\xff\xff\xff\xff\xff\xff\xff\xfe", 22);
    struct bytes from = bytes_of(pack.data, pack.size), block;
    uint64_t value;
    assert_true(coax_unpack_uint(&from, 2, &value));
    assert_int_equal(value, 0x0102);
    assert_true(coax_unpack_block(&from, &block));
    assert_true(bytes_equal(block, bytes_of("text", 4)));
    assert_true(coax_unpack_block(&from, &block));
    assert_int_equal(block.size, 0);
    assert_true(coax_unpack_uint(&from, 8, &value));
    assert_true(value == UINT64_MAX - 1);
    assert_true(coax_unpack_bytes(&from, 3000, &block));
    assert_int_equal(from.size, 0);
    assert_false(coax_unpack_uint(&from, 1, &value));
    coax_pack_drop(&pack);
    assert_null(pack.data);
}

static void nothing_is_taken_of_what_is_cut(void **state) {
    (void)state;
    static const uint8_t block[] = {0, 0, 0, 3, 'a', 'b', 'c'};
    for (size_t size = 0; size < sizeof block; size++) {
        struct bytes from = bytes_of(block, size), taken;
        assert_false(coax_unpack_block(&from, &taken));
        assert_int_equal(from.size, size);
    }
    static const uint8_t huge[] = {0xff, 0xff, 0xff, 0xff, 1};
    struct bytes from = bytes_of(huge, sizeof huge), taken;
    assert_false(coax_unpack_block(&from, &taken));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_goes_in_comes_out),
        cmocka_unit_test(nothing_is_taken_of_what_is_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
