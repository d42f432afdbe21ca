#include "message/nibble.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

struct edge {
    uint64_t value;
    unsigned nibble;
    const char *extension;
    size_t size;
};

/* The first and the last number of each form. */
static const struct edge edges[] = {
    {0, 0, "", 0},
    {12, 12, "", 0},
    {13, 13, "\x00", 1},
    {268, 13, "\xff", 1},
    {269, 14, "\x00\x00", 2},
    {270, 14, "\x00\x01", 2},
    {525, 14, "\x01\x00", 2},
    {65804, 14, "\xff\xff", 2},
    {65805, 15, "\x00\x00\x00\x00", 4},
    {65806, 15, "\x00\x00\x00\x01", 4},
    {65805 + UINT64_C(0x01020304), 15, "\x01\x02\x03\x04", 4},
    {65805 + UINT64_C(0xffffffff), 15, "\xff\xff\xff\xff", 4},
};

enum { EDGE_COUNT = sizeof edges / sizeof edges[0] };

static void reads_every_form(void **state) {
    (void)state;
    for (size_t i = 0; i < EDGE_COUNT; i++) {
        assert_int_equal(nibble_extension(edges[i].nibble), edges[i].size);
        assert_int_equal(nibble_value(edges[i].nibble, (const uint8_t *)edges[i].extension), edges[i].value);
    }
}

static void writes_every_form(void **state) {
    (void)state;
    for (size_t i = 0; i < EDGE_COUNT; i++) {
        uint8_t out[8];
        assert_int_equal(nibble_of(edges[i].value), edges[i].nibble);
        assert_ptr_equal(nibble_extend(out, edges[i].value), out + edges[i].size);
        assert_memory_equal(out, edges[i].extension, edges[i].size);
    }
}

static void a_number_without_extension_reads_no_byte(void **state) {
    (void)state;
    for (unsigned nibble = 0; nibble < NIBBLE_ONE_BYTE; nibble++) {
        assert_int_equal(nibble_extension(nibble), 0);
        assert_int_equal(nibble_value(nibble, NULL), nibble);
    }
}

/* Numbers and forms are one to one: every number is read back, and a larger one never has a shorter form. */
static void reads_what_it_wrote(void **state) {
    (void)state;
    unsigned previous = 0;
    for (uint64_t value = 0; value < 140000; value++) {
        uint8_t out[8];
        unsigned nibble = nibble_of(value);
        nibble_extend(out, value);
        assert_true(nibble_value(nibble, out) == value);
        assert_true(nibble >= previous);
        previous = nibble;
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_every_form),
        cmocka_unit_test(writes_every_form),
        cmocka_unit_test(a_number_without_extension_reads_no_byte),
        cmocka_unit_test(reads_what_it_wrote),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
