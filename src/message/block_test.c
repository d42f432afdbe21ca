#include "message/block.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static struct coax_message message_with(struct option_writer *writer) {
    return (struct coax_message){.code = COAX_CONTENT, .options = option_writer_bytes(writer)};
}

static void values_are_those_of_the_rfc(void **state) {
    (void)state;
    /* RFC 7959 section 2.2 and the examples of section 3: number, more, size */
    static const struct {
        struct block block;
        const char *value;
        size_t size;
        uint32_t unit;
        uint64_t offset;
    } cases[] = {
        {{0, false, 0}, "", 0, 16, 0},
        {{0, true, 3}, "\x0b", 1, 128, 0},
        {{1, true, 3}, "\x1b", 1, 128, 128},
        {{15, false, 6}, "\xf6", 1, 1024, 15360},
        {{16, true, 2}, "\x01\x0a", 2, 64, 1024},
        {{0xfffff, true, 6}, "\xff\xff\xfe", 3, 1024, UINT64_C(1073740800)},
        {{3, true, 7}, "\x3f", 1, 1024, 3072},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint8_t room[16];
        struct option_writer writer = option_writer_on(room, sizeof room);
        struct coax_option option;
        struct block read;
        assert_int_equal(coax_block_write(&writer, COAX_OPTION_BLOCK2, &cases[i].block), COAX_OK);
        struct coax_message message = message_with(&writer);
        assert_true(coax_message_option(&message, COAX_OPTION_BLOCK2, &option));
        assert_int_equal(option.size, cases[i].size);
        assert_memory_equal(option.value, cases[i].value, cases[i].size);
        assert_int_equal(coax_block_read(&message, COAX_OPTION_BLOCK2, true, &read), BLOCK_PRESENT);
        assert_int_equal(read.number, cases[i].block.number);
        assert_int_equal(read.more, cases[i].block.more);
        assert_int_equal(read.exponent, cases[i].block.exponent);
        assert_int_equal(block_unit(&read), cases[i].unit);
        assert_int_equal(block_offset(&read), cases[i].offset);
    }
}

static void a_value_is_replaced(void **state) {
    (void)state;
    uint8_t room[16];
    struct option_writer writer = option_writer_on(room, sizeof room);
    struct block first = {1, true, 6}, second = {2, false, 6}, read;
    assert_int_equal(coax_block_write(&writer, COAX_OPTION_BLOCK1, &first), COAX_OK);
    assert_int_equal(coax_block_write(&writer, COAX_OPTION_BLOCK1, &second), COAX_OK);
    struct coax_message message = message_with(&writer);
    assert_int_equal(coax_block_read(&message, COAX_OPTION_BLOCK1, false, &read), BLOCK_PRESENT);
    assert_int_equal(read.number, 2);
    assert_int_equal(writer.size, 3);
    assert_int_equal(coax_block_read(&message, COAX_OPTION_BLOCK2, false, &read), BLOCK_ABSENT);
}

static void what_is_no_block_is_malformed(void **state) {
    (void)state;
    uint8_t room[16] = {0xd4, 23 - 13, 0, 0, 0, 0x16};
    struct coax_message message = {.code = COAX_CONTENT, .options = bytes_of(room, 6)};
    struct block block;
    assert_int_equal(coax_block_read(&message, COAX_OPTION_BLOCK2, true, &block), BLOCK_MALFORMED);
    struct option_writer writer = option_writer_on(room, sizeof room);
    struct block bert = {0, false, BLOCK_EXPONENT_BERT}, beyond = {BLOCK_NUMBER_MAXIMUM + 1, false, 0};
    assert_int_equal(coax_block_write(&writer, COAX_OPTION_BLOCK2, &bert), COAX_OK);
    message = message_with(&writer);
    assert_int_equal(coax_block_read(&message, COAX_OPTION_BLOCK2, false, &block), BLOCK_MALFORMED);
    assert_int_equal(coax_block_read(&message, COAX_OPTION_BLOCK2, true, &block), BLOCK_PRESENT);
    assert_int_equal(coax_block_write(&writer, COAX_OPTION_BLOCK2, &beyond), COAX_E_TOO_LARGE);
}

static void sizes_have_exponents(void **state) {
    (void)state;
    static const struct {
        uint32_t size;
        uint8_t exponent;
    } cases[] = {{16, 0}, {31, 0}, {32, 1}, {63, 1}, {64, 2}, {512, 5}, {1023, 5}, {1024, 6}, {65536, 6}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(coax_block_exponent(cases[i].size), cases[i].exponent);
    }
}

static void payloads_fit_their_blocks(void **state) {
    (void)state;
    static const struct {
        struct block block;
        size_t size;
        bool fits;
    } cases[] = {
        {{0, true, 0}, 16, true},    {{0, true, 0}, 15, false},   {{0, true, 0}, 17, false},
        {{0, true, 0}, 0, false},    {{0, false, 0}, 16, true},   {{0, false, 0}, 1, true},
        {{0, false, 0}, 0, true},    {{0, false, 0}, 17, false},  {{0, true, 7}, 1024, true},
        {{0, true, 7}, 4096, true},  {{0, true, 7}, 0, false},    {{0, true, 7}, 1025, false},
        {{0, false, 7}, 5000, true}, {{0, true, 6}, 2048, false}, {{0, false, 7}, 0, true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(coax_block_fits(&cases[i].block, cases[i].size), cases[i].fits);
    }
}

static void parts_are_not_the_whole(void **state) {
    (void)state;
    static const struct {
        struct block block;
        bool is_part;
    } cases[] = {{{0, false, 0}, false}, {{0, true, 0}, true},   {{1, false, 0}, true},
                 {{1, true, 6}, true},   {{0, false, 7}, false}, {{0, true, 7}, true}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint8_t room[16];
        struct option_writer writer = option_writer_on(room, sizeof room);
        assert_int_equal(coax_block_write(&writer, COAX_OPTION_BLOCK2, &cases[i].block), COAX_OK);
        struct coax_message message = message_with(&writer);
        assert_int_equal(coax_block_is_part(&message), cases[i].is_part);
    }
    uint8_t malformed[6] = {0xd4, 23 - 13, 0, 0, 0, 0x16};
    struct coax_message message = {.code = COAX_CONTENT, .options = bytes_of(malformed, 6)};
    assert_true(coax_block_is_part(&message));
    message.options.size = 0;
    assert_false(coax_block_is_part(&message));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_are_those_of_the_rfc),   cmocka_unit_test(a_value_is_replaced),
        cmocka_unit_test(what_is_no_block_is_malformed), cmocka_unit_test(sizes_have_exponents),
        cmocka_unit_test(payloads_fit_their_blocks),     cmocka_unit_test(parts_are_not_the_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
