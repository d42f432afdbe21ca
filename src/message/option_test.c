#include "message/option.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { MAXIMUM_OPTIONS = 400, VALUE_LIMIT = 65804 };

static uint8_t large_value[VALUE_LIMIT + 1];

static void assert_written(const struct option_writer *writer, const char *expected, size_t size) {
    assert_int_equal(writer->size, size);
    assert_memory_equal(writer->data, expected, size);
}

/* Reads back what a writer made: count, numbers and sizes. */
static size_t read_all(const struct option_writer *writer, coax_option *options, size_t capacity) {
    size_t count = 0, offset = 0, taken = 0;
    const char *problem = NULL;
    uint16_t previous = 0;
    while (offset < writer->size) {
        struct bytes rest = bytes_of(writer->data + offset, writer->size - offset);
        assert_true(count < capacity);
        taken = coax_option_read(rest, previous, &options[count], &problem);
        assert_null(problem);
        assert_true(taken > 0);
        previous = options[count++].number;
        offset += taken;
    }
    return count;
}

static void writes_the_example_of_rfc7252(void **state) {
    (void)state;
    /* Appendix A, figure 16: delta 11, length 11. */
    uint8_t buffer[32];
    struct option_writer writer = option_writer_on(buffer, sizeof buffer);
    assert_int_equal(coax_option_write(&writer, COAX_OPTION_URI_PATH, "temperature", 11), COAX_OK);
    assert_written(&writer, "\xbbtemperature", 12);
}

static void writes_deltas_in_their_shortest_form(void **state) {
    (void)state;
    static const struct {
        uint16_t number;
        const char *bytes;
        size_t size;
    } cases[] = {
        {0, "\x00", 1},           {2, "\x20", 1},           {10, "\xa0", 1},          {12, "\xc0", 1},
        {13, "\xd0\x00", 2},      {14, "\xd0\x01", 2},      {268, "\xd0\xff", 2},     {269, "\xe0\x00\x00", 3},
        {270, "\xe0\x00\x01", 3}, {524, "\xe0\x00\xff", 3}, {525, "\xe0\x01\x00", 3}, {65535, "\xe0\xfe\xf2", 3},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint8_t buffer[8];
        struct option_writer writer = option_writer_on(buffer, sizeof buffer);
        assert_int_equal(coax_option_write(&writer, cases[i].number, NULL, 0), COAX_OK);
        assert_written(&writer, cases[i].bytes, cases[i].size);
        assert_int_equal(writer.last, cases[i].number);
    }
}

static void writes_lengths_in_their_shortest_form(void **state) {
    (void)state;
    static const struct {
        size_t length;
        const char *header;
        size_t size;
    } cases[] = {
        {0, "\x20", 1},
        {1, "\x21", 1},
        {12, "\x2c", 1},
        {13, "\x2d\x00", 2},
        {268, "\x2d\xff", 2},
        {269, "\x2e\x00\x00", 3},
        {270, "\x2e\x00\x01", 3},
        {65535, "\x2e\xfe\xf2", 3},
        {65536, "\x2e\xfe\xf3", 3},
        {65804, "\x2e\xff\xff", 3},
    };
    static uint8_t buffer[VALUE_LIMIT + 8];
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct option_writer writer = option_writer_on(buffer, sizeof buffer);
        assert_int_equal(coax_option_write(&writer, 2, large_value, cases[i].length), COAX_OK);
        assert_int_equal(writer.size, cases[i].size + cases[i].length);
        assert_memory_equal(buffer, cases[i].header, cases[i].size);
        coax_option option;
        assert_int_equal(read_all(&writer, &option, 1), 1);
        assert_int_equal(option.size, cases[i].length);
    }
}

static void refuses_a_value_that_no_length_can_tell(void **state) {
    (void)state;
    static uint8_t buffer[VALUE_LIMIT + 8];
    struct option_writer writer = option_writer_on(buffer, sizeof buffer);
    assert_int_equal(coax_option_write(&writer, 2, large_value, VALUE_LIMIT + 1), COAX_E_TOO_LARGE);
    assert_int_equal(writer.size, 0);
}

static void writes_uints_in_their_shortest_form(void **state) {
    (void)state;
    static const struct {
        uint64_t value;
        const char *bytes;
        size_t size;
    } cases[] = {
        {0, "\x20", 1},
        {1, "\x21\x01", 2},
        {255, "\x21\xff", 2},
        {256, "\x22\x01\x00", 3},
        {65535, "\x22\xff\xff", 3},
        {65536, "\x23\x01\x00\x00", 4},
        {UINT32_MAX, "\x24\xff\xff\xff\xff", 5},
        {UINT64_C(0x0102030405060708), "\x28\1\2\3\4\5\6\7\x08", 9},
        {UINT64_MAX, "\x28\xff\xff\xff\xff\xff\xff\xff\xff", 9},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint8_t buffer[16];
        struct option_writer writer = option_writer_on(buffer, sizeof buffer);
        assert_int_equal(coax_option_write_uint(&writer, 2, cases[i].value), COAX_OK);
        assert_written(&writer, cases[i].bytes, cases[i].size);
    }
}

static void keeps_the_limits_of_known_options(void **state) {
    (void)state;
    uint8_t buffer[2048];
    struct option_writer writer = option_writer_on(buffer, sizeof buffer);
    assert_int_equal(coax_option_write(&writer, COAX_OPTION_ETAG, "", 0), COAX_E_TOO_LARGE);
    assert_int_equal(coax_option_write(&writer, COAX_OPTION_ETAG, "123456789", 9), COAX_E_TOO_LARGE);
    assert_int_equal(coax_option_write(&writer, COAX_OPTION_IF_NONE_MATCH, "x", 1), COAX_E_TOO_LARGE);
    assert_int_equal(coax_option_write(&writer, COAX_OPTION_URI_PATH, large_value, 256), COAX_E_TOO_LARGE);
    assert_int_equal(coax_option_write(&writer, COAX_OPTION_PROXY_URI, large_value, 1035), COAX_E_TOO_LARGE);
    assert_int_equal(coax_option_write_uint(&writer, COAX_OPTION_CONTENT_FORMAT, 65536), COAX_E_TOO_LARGE);
    assert_int_equal(writer.size, 0);
    assert_int_equal(coax_option_write(&writer, COAX_OPTION_ETAG, "12345678", 8), COAX_OK);
    assert_int_equal(coax_option_write(&writer, COAX_OPTION_URI_PATH, large_value, 255), COAX_OK);
    assert_int_equal(coax_option_write_uint(&writer, COAX_OPTION_CONTENT_FORMAT, 65535), COAX_OK);
    assert_int_equal(coax_option_write(&writer, COAX_OPTION_PROXY_URI, large_value, 1034), COAX_OK);
}

static void sorts_what_is_written_in_any_order(void **state) {
    (void)state;
    uint8_t buffer[64];
    struct option_writer writer = option_writer_on(buffer, sizeof buffer);
    coax_option_write(&writer, COAX_OPTION_ACCEPT, "\x32", 1);
    coax_option_write(&writer, COAX_OPTION_URI_PATH, "b", 1);
    coax_option_write(&writer, COAX_OPTION_URI_HOST, "h", 1);
    coax_option_write(&writer, COAX_OPTION_URI_PATH, "c", 1);
    coax_option_write(&writer, COAX_OPTION_URI_QUERY, "q", 1);
    assert_written(&writer,
                   "\x31h\x81"
                   "b\x01"
                   "c\x41q\x21\x32",
                   10);
    assert_int_equal(writer.last, COAX_OPTION_ACCEPT);
}

static void a_delta_shrinks_when_an_option_comes_between(void **state) {
    (void)state;
    uint8_t buffer[64];
    struct option_writer writer = option_writer_on(buffer, sizeof buffer);
    coax_option_write(&writer, 600, "z", 1);
    assert_written(&writer, "\xe1\x01\x4bz", 4);
    coax_option_write(&writer, 340, "y", 1);
    assert_written(&writer, "\xe1\x00\x47y\xd1\xf7z", 7);
    coax_option_write(&writer, 590, "x", 1);
    assert_written(&writer,
                   "\xe1\x00\x47y\xd1\xed"
                   "x\xa1z",
                   9);
}

static void changes_nothing_when_there_is_no_room(void **state) {
    (void)state;
    uint8_t buffer[16];
    memset(buffer, 0xee, sizeof buffer);
    struct option_writer writer = option_writer_on(buffer, 6);
    assert_int_equal(coax_option_write(&writer, 2, "1234567", 7), COAX_E_TOO_LARGE);
    assert_int_equal(coax_option_write(&writer, 10, "ab", 2), COAX_OK);
    assert_int_equal(coax_option_write(&writer, 10, "cde", 3), COAX_E_TOO_LARGE);
    assert_int_equal(coax_option_write(&writer, 2, "cde", 3), COAX_E_TOO_LARGE);
    assert_written(&writer,
                   "\xa2"
                   "ab",
                   3);
    assert_int_equal(coax_option_write(&writer, 2, "cd", 2), COAX_OK);
    assert_written(&writer,
                   "\x22"
                   "cd\x82"
                   "ab",
                   6);
    assert_int_equal(coax_option_write(&writer, 0, NULL, 0), COAX_E_TOO_LARGE);
    assert_int_equal(coax_option_write(&writer, 65535, NULL, 0), COAX_E_TOO_LARGE);
    assert_int_equal(buffer[6], 0xee);
}

static void an_insertion_can_use_what_a_shrinking_delta_frees(void **state) {
    (void)state;
    uint8_t buffer[4];
    struct option_writer writer = option_writer_on(buffer, sizeof buffer);
    assert_int_equal(coax_option_write(&writer, 269, NULL, 0), COAX_OK);
    assert_int_equal(coax_option_write(&writer, 10, NULL, 0), COAX_OK); /* 1 + 2 bytes instead of 3 */
    assert_written(&writer, "\xa0\xd0\xf6", 3);
    assert_int_equal(coax_option_write(&writer, 265, NULL, 0), COAX_OK); /* 1 + 2 + 1 bytes */
    assert_written(&writer, "\xa0\xd0\xf2\x40", 4);
}

static void a_writer_without_a_buffer_has_no_room(void **state) {
    (void)state;
    struct option_writer writer = option_writer_on(NULL, 0);
    assert_int_equal(coax_option_write(&writer, 2, NULL, 0), COAX_E_TOO_LARGE);
    coax_option_erase(&writer, 2);
    assert_int_equal(writer.size, 0);
}

static void erases_every_option_of_a_number(void **state) {
    (void)state;
    uint8_t buffer[64];
    struct option_writer writer = option_writer_on(buffer, sizeof buffer);
    coax_option_write(&writer, 4, "e", 1);
    coax_option_write(&writer, 11, "a", 1);
    coax_option_write(&writer, 11, "b", 1);
    coax_option_write(&writer, 17, "t", 1);
    coax_option_erase(&writer, 11);
    assert_written(&writer,
                   "\x41"
                   "e\xd1\x00t",
                   5);
    coax_option_erase(&writer, 12);
    assert_written(&writer,
                   "\x41"
                   "e\xd1\x00t",
                   5);
    coax_option_erase(&writer, 17);
    assert_written(&writer,
                   "\x41"
                   "e",
                   2);
    assert_int_equal(writer.last, 4);
    coax_option_write(&writer, 11, "c", 1);
    assert_written(&writer,
                   "\x41"
                   "e\x71"
                   "c",
                   4);
    coax_option_erase(&writer, 4);
    assert_written(&writer,
                   "\xb1"
                   "c",
                   2);
    coax_option_erase(&writer, 11);
    assert_int_equal(writer.size, 0);
    assert_int_equal(writer.last, 0);
}

/* Every pair of deltas around the edges: the erased option gives at least the room that the next one's delta needs. */
static void an_erasure_never_needs_more_room(void **state) {
    (void)state;
    static const uint16_t deltas[] = {1, 2, 12, 13, 14, 256, 257, 267, 268, 269, 270, 30000};
    enum { DELTA_COUNT = sizeof deltas / sizeof deltas[0] };
    for (size_t i = 0; i < DELTA_COUNT; i++) {
        for (size_t j = 0; j < DELTA_COUNT; j++) {
            uint8_t buffer[16];
            uint16_t first = (uint16_t)(1000 + deltas[i]), second = (uint16_t)(first + deltas[j]);
            struct option_writer writer = option_writer_on(buffer, sizeof buffer);
            coax_option options[3];
            assert_int_equal(coax_option_write(&writer, 1000, NULL, 0), COAX_OK);
            assert_int_equal(coax_option_write(&writer, first, NULL, 0), COAX_OK);
            assert_int_equal(coax_option_write(&writer, second, "x", 1), COAX_OK);
            coax_option_erase(&writer, first);
            assert_int_equal(read_all(&writer, options, 3), 2);
            assert_int_equal(options[1].number, second);
            assert_memory_equal(options[1].value, "x", 1);
        }
    }
}

/* What a writer should hold, kept in the simplest way. */
struct model {
    uint16_t numbers[MAXIMUM_OPTIONS];
    uint8_t values[MAXIMUM_OPTIONS];
    size_t count;
};

static void model_write(struct model *model, uint16_t number, uint8_t value) {
    size_t place = model->count++;
    for (; place > 0 && model->numbers[place - 1] > number; place--) {
        model->numbers[place] = model->numbers[place - 1];
        model->values[place] = model->values[place - 1];
    }
    model->numbers[place] = number;
    model->values[place] = value;
}

static void model_erase(struct model *model, uint16_t number) {
    size_t kept = 0;
    for (size_t i = 0; i < model->count; i++) {
        if (model->numbers[i] != number) {
            model->numbers[kept] = model->numbers[i];
            model->values[kept++] = model->values[i];
        }
    }
    model->count = kept;
}

static uint32_t next_random(uint32_t *seed) {
    *seed = *seed * 1664525 + 1013904223;
    return *seed >> 8;
}

static void agrees_with_a_sorted_list(void **state) {
    (void)state;
    /* Unknown numbers whose distances fall on every side of 12, 13, 268 and 269. */
    static const uint16_t numbers[] = {2, 10, 22, 24, 37, 293, 294, 562, 563, 1000, 1300, 40000, 65535};
    static uint8_t buffer[4096];
    static coax_option options[MAXIMUM_OPTIONS];
    uint32_t seed = 5;
    for (int round = 0; round < 100; round++) {
        struct option_writer writer = option_writer_on(buffer, sizeof buffer);
        struct model model = {.count = 0};
        for (int step = 0; step < 100; step++) {
            uint16_t number = numbers[next_random(&seed) % (sizeof numbers / sizeof numbers[0])];
            uint8_t value[20] = {(uint8_t)next_random(&seed)};
            if (next_random(&seed) % 6 == 0) {
                coax_option_erase(&writer, number);
                model_erase(&model, number);
            } else {
                size_t size = 1 + next_random(&seed) % 20;
                assert_int_equal(coax_option_write(&writer, number, value, size), COAX_OK);
                model_write(&model, number, value[0]);
            }
        }
        assert_int_equal(read_all(&writer, options, MAXIMUM_OPTIONS), model.count);
        for (size_t i = 0; i < model.count; i++) {
            assert_int_equal(options[i].number, model.numbers[i]);
            assert_int_equal(options[i].value[0], model.values[i]);
        }
        assert_int_equal(writer.last, model.count == 0 ? 0 : model.numbers[model.count - 1]);
    }
}

static void assert_scan_fails(const char *bytes, size_t size, const char *text) {
    /* In memory of exactly this size, so that a sanitizer sees a read past it. */
    uint8_t *data = malloc(size);
    assert_non_null(data);
    memcpy(data, bytes, size);
    coax_error error;
    size_t options_size = 0;
    struct bytes payload;
    assert_int_equal(coax_options_scan(data, size, &options_size, &payload, &error), COAX_E_FORMAT);
    assert_string_equal(error.text, text);
    free(data);
}

static void scan_finds_the_end_of_the_options(void **state) {
    (void)state;
    static const struct {
        const char *bytes;
        size_t size, options_size, payload_size;
    } cases[] = {
        {"", 0, 0, 0},
        {"\xff"
         "p",
         2, 0, 1},
        {"\x10", 1, 1, 0},
        {"\xb1"
         "a\x01"
         "b",
         4, 4, 0},
        {"\xb1"
         "a\xff\xff\xff",
         5, 2, 2},
        {"\xd1\x00\xff\xff.", 5, 3, 1}, /* 0xff within a value is no marker */
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        size_t options_size = 99;
        struct bytes payload;
        const uint8_t *data = (const uint8_t *)cases[i].bytes;
        assert_int_equal(coax_options_scan(data, cases[i].size, &options_size, &payload, NULL), COAX_OK);
        assert_int_equal(options_size, cases[i].options_size);
        assert_int_equal(payload.size, cases[i].payload_size);
        assert_true(payload.size == 0 || payload.data == data + cases[i].options_size + 1);
    }
    size_t options_size = 99;
    struct bytes payload;
    assert_int_equal(coax_options_scan(NULL, 0, &options_size, &payload, NULL), COAX_OK);
    assert_int_equal(options_size, 0);
}

static void scan_says_what_is_wrong_and_where(void **state) {
    (void)state;
    assert_scan_fails("\xf0", 1, "The option at offset 0 has the reserved delta 15");
    assert_scan_fails("\xb1"
                      "a\xf1",
                      3, "The option at offset 2 has the reserved delta 15");
    assert_scan_fails("\x1f", 1, "The option at offset 0 has the reserved length 15");
    assert_scan_fails("\x11", 1, "The option at offset 0 runs past the end of the message");
    assert_scan_fails("\xd0", 1, "The option at offset 0 runs past the end of the message");
    assert_scan_fails("\xe0\x00", 2, "The option at offset 0 runs past the end of the message");
    assert_scan_fails("\x1d", 1, "The option at offset 0 runs past the end of the message");
    assert_scan_fails("\x1e\x00", 2, "The option at offset 0 runs past the end of the message");
    assert_scan_fails("\xdd\x00", 2, "The option at offset 0 runs past the end of the message");
    assert_scan_fails("\x1e\xff\xff"
                      "abc",
                      6, "The option at offset 0 runs past the end of the message");
    assert_scan_fails("\xe0\xfe\xf3", 3, "The option at offset 0 has a number over 65535");
    assert_scan_fails("\xe0\xff\xff", 3, "The option at offset 0 has a number over 65535");
    assert_scan_fails("\xe0\xfe\xf2\x10", 4, "The option at offset 3 has a number over 65535");
    assert_scan_fails("\xff", 1, "The payload marker at offset 0 has no payload after it");
    assert_scan_fails("\xb1"
                      "a\xff",
                      3, "The payload marker at offset 2 has no payload after it");
}

static void scan_counts_from_the_start_of_the_message(void **state) {
    (void)state;
    static const uint8_t message[] = {0x40, 1, 0, 0, 0x11, 'a', 0xf0};
    coax_error error;
    size_t options_size = 0;
    struct bytes payload;
    assert_int_equal(coax_options_scan_in(message, message + 4, 3, &options_size, &payload, &error), COAX_E_FORMAT);
    assert_string_equal(error.text, "The option at offset 6 has the reserved delta 15");
}

/* All inputs of three bytes: either refused, or options and payload make up all of it. */
static void scan_of_all_short_inputs(void **state) {
    (void)state;
    for (uint32_t bits = 0; bits < 1U << 24; bits += 1 + (bits >> 8) % 3) {
        const uint8_t data[3] = {(uint8_t)(bits >> 16), (uint8_t)(bits >> 8), (uint8_t)bits};
        size_t options_size = 0;
        struct bytes payload;
        if (coax_options_scan(data, sizeof data, &options_size, &payload, NULL) == COAX_OK) {
            size_t marker = payload.size > 0 ? 1 : 0;
            if (options_size + marker + payload.size != sizeof data) {
                fail_msg("%06x", (unsigned)bits);
            }
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writes_the_example_of_rfc7252),
        cmocka_unit_test(writes_deltas_in_their_shortest_form),
        cmocka_unit_test(writes_lengths_in_their_shortest_form),
        cmocka_unit_test(refuses_a_value_that_no_length_can_tell),
        cmocka_unit_test(writes_uints_in_their_shortest_form),
        cmocka_unit_test(keeps_the_limits_of_known_options),
        cmocka_unit_test(sorts_what_is_written_in_any_order),
        cmocka_unit_test(a_delta_shrinks_when_an_option_comes_between),
        cmocka_unit_test(changes_nothing_when_there_is_no_room),
        cmocka_unit_test(an_insertion_can_use_what_a_shrinking_delta_frees),
        cmocka_unit_test(a_writer_without_a_buffer_has_no_room),
        cmocka_unit_test(erases_every_option_of_a_number),
        cmocka_unit_test(an_erasure_never_needs_more_room),
        cmocka_unit_test(agrees_with_a_sorted_list),
        cmocka_unit_test(scan_finds_the_end_of_the_options),
        cmocka_unit_test(scan_says_what_is_wrong_and_where),
        cmocka_unit_test(scan_counts_from_the_start_of_the_message),
        cmocka_unit_test(scan_of_all_short_inputs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
