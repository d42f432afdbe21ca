#include "transport/stream/websocket_frame.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static void headers_take_the_shortest_form(void **state) {
    (void)state;
    static const struct {
        uint64_t length;
        size_t size;
        uint8_t bytes[10];
    } cases[] = {
        {0, 2, {0x82, 0}},
        {125, 2, {0x82, 125}},
        {126, 4, {0x82, 126, 0, 126}},
        {256, 4, {0x82, 0x7e, 0x01, 0x00}}, /* RFC 6455 section 5.7 */
        {65535, 4, {0x82, 126, 0xff, 0xff}},
        {65536, 10, {0x82, 0x7f, 0, 0, 0, 0, 0, 1, 0, 0}}, /* the same */
        {INT64_MAX, 10, {0x82, 127, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}},
    };
    static const uint8_t mask[] = {1, 2, 3, 4};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint8_t header[WEBSOCKET_HEADER_MAXIMUM];
        uint64_t length = 1;
        size_t size = cases[i].size;
        assert_int_equal(coax_websocket_header_write(header, WEBSOCKET_BINARY, cases[i].length, NULL), size);
        assert_memory_equal(header, cases[i].bytes, size);
        assert_int_equal(coax_websocket_header_to_length(header), size);
        assert_int_equal(coax_websocket_header_size(header), size);
        assert_true(coax_websocket_header_length(header, &length));
        assert_true(length == cases[i].length);
        assert_int_equal(coax_websocket_header_write(header, WEBSOCKET_BINARY, cases[i].length, mask), size + 4);
        assert_int_equal(header[1], cases[i].bytes[1] | 0x80);
        assert_memory_equal(header + size, mask, 4);
        assert_int_equal(coax_websocket_header_to_length(header), size);
        assert_int_equal(coax_websocket_header_size(header), size + 4);
    }
}

static void longer_forms_are_refused(void **state) {
    (void)state;
    static const uint8_t headers[][10] = {
        {0x82, 126, 0, 0},
        {0x82, 126, 0, 125},
        {0x82, 127, 0, 0, 0, 0, 0, 0, 0, 125},
        {0x82, 127, 0, 0, 0, 0, 0, 0, 0xff, 0xff},
        {0x82, 127, 0x80, 0, 0, 0, 0, 0, 0, 0},
        {0x82, 127, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff},
    };
    for (size_t i = 0; i < sizeof headers / sizeof headers[0]; i++) {
        uint64_t length;
        assert_false(coax_websocket_header_length(headers[i], &length));
    }
}

/* RFC 6455 section 5.7: a masked "Hello". */
static void the_example_is_unmasked(void **state) {
    (void)state;
    uint8_t mask[] = {0x37, 0xfa, 0x21, 0x3d}, bytes[] = {0x7f, 0x9f, 0x4d, 0x51, 0x58};
    coax_websocket_mask(bytes, bytes, sizeof bytes, mask);
    assert_memory_equal(bytes, "Hello", 5);
    assert_memory_equal(mask, ((uint8_t[]){0xfa, 0x21, 0x3d, 0x37}), 4);
}

/* Against one byte at a time, for every size, alignment and cut. */
static void masks_go_on_from_piece_to_piece(void **state) {
    (void)state;
    enum { SIZE = 41 };
    uint8_t in[SIZE + 8], expected[SIZE], out[SIZE + 8];
    static const uint8_t key[] = {0x11, 0x82, 0xf3, 0x04};
    for (size_t alignment = 0; alignment < 8; alignment++) {
        for (size_t i = 0; i < SIZE; i++) {
            in[alignment + i] = (uint8_t)(i * 37 + alignment);
            expected[i] = in[alignment + i] ^ key[i % 4];
        }
        for (size_t cut = 0; cut <= SIZE; cut++) {
            uint8_t mask[4];
            memcpy(mask, key, sizeof mask);
            memset(out, 0, sizeof out);
            coax_websocket_mask(out + 1, in + alignment, cut, mask);
            coax_websocket_mask(out + 1 + cut, in + alignment + cut, SIZE - cut, mask);
            assert_memory_equal(out + 1, expected, SIZE);
            assert_int_equal(out[0] | out[SIZE + 1], 0);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(headers_take_the_shortest_form),
        cmocka_unit_test(longer_forms_are_refused),
        cmocka_unit_test(the_example_is_unmasked),
        cmocka_unit_test(masks_go_on_from_piece_to_piece),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
