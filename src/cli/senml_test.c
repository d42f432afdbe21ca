#include "cli/senml.h"

#include <cbor.h>
#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

/* RFC 8428 section 5.1.3, with the time of each measurement the same. */
static const struct senml_record records[] = {
    {"voltage", "V", 120.1, NULL},
    {"current", "A", -4, NULL},
    {"state", NULL, 0, "on \"line\""},
};
static const struct senml_pack pack = {"urn:dev:ow:10e2073a01080063:", 1276020076, records, 3};

static void writes_json(void **state) {
    (void)state;
    char out[512];
    size_t size = senml_write_json(&pack, out, sizeof out);
    static const char expected[] = "[{\"bn\":\"urn:dev:ow:10e2073a01080063:\",\"bt\":1276020076,\"n\":\"voltage\","
                                   "\"u\":\"V\",\"v\":120.1},{\"n\":\"current\",\"u\":\"A\",\"v\":-4},"
                                   "{\"n\":\"state\",\"vs\":\"on \\\"line\\\"\"}]";
    assert_int_equal(size, strlen(expected));
    assert_memory_equal(out, expected, size);
}

static void writes_cbor(void **state) {
    (void)state;
    uint8_t out[512];
    static const uint8_t expected[] = {
        0x83,                                                                   /* array of 3 */
        0xa5, 0x21, 0x63, 'a',  '/',  'b',                                      /* map of 5: bn */
        0x22, 0x1a, 0x4c, 0x0e, 0x85, 0x6c,                                     /* bt */
        0x00, 0x67, 'v',  'o',  'l',  't',  'a',  'g',  'e',  0x01, 0x61, 'V',  /* n, u */
        0x02, 0xfb, 0x40, 0x5e, 0x06, 0x66, 0x66, 0x66, 0x66, 0x66,             /* v 120.1 */
        0xa3, 0x00, 0x67, 'c',  'u',  'r',  'r',  'e',  'n',  't',  0x01, 0x61, /* map of 3 */
        'A',  0x02, 0x23,                                                       /* v -4 */
        0xa2, 0x00, 0x65, 's',  't',  'a',  't',  'e',  0x03, 0x69,             /* map of 2: n, vs */
        'o',  'n',  ' ',  '"',  'l',  'i',  'n',  'e',  '"',
    };
    struct senml_pack named = pack;
    named.base_name = "a/b";
    assert_int_equal(senml_write_cbor(&named, out, sizeof out), sizeof expected);
    assert_memory_equal(out, expected, sizeof expected);
}

/* What libcbor reads back is what was written. */
static void other_end_reads_cbor(void **state) {
    (void)state;
    static const double values[] = {0,   -1,   23,    24,   255,  256,  65536, 4294967296.0,      -4294967297.0,
                                    0.5, -0.1, 1e300, 1e-9, 1e15, 9e15, -9e15, 9007199254740994.0};
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        const struct senml_record record = {"x", NULL, values[i], NULL};
        const struct senml_pack one = {"b", 0, &record, 1};
        uint8_t out[64];
        size_t size = senml_write_cbor(&one, out, sizeof out);
        struct cbor_load_result result;
        cbor_item_t *array = cbor_load(out, size, &result);
        assert_non_null(array);
        assert_int_equal(result.read, size);
        cbor_item_t *map = cbor_array_get(array, 0);
        assert_int_equal(cbor_map_size(map), 3); /* no base time */
        const struct cbor_pair *pair = cbor_map_handle(map) + 2;
        double read = cbor_isa_uint(pair->value)     ? (double)cbor_get_int(pair->value)
                      : cbor_isa_negint(pair->value) ? -1 - (double)cbor_get_int(pair->value)
                                                     : cbor_float_get_float(pair->value);
        assert_true(read == values[i]);
        cbor_decref(&map);
        cbor_decref(&array);
    }
}

static void json_numbers_read_back(void **state) {
    (void)state;
    static const double values[] = {0, -1, 0.52, 1e15, 1e300, -0.1, 1763852400.25};
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        const struct senml_record record = {"x", NULL, values[i], NULL};
        const struct senml_pack one = {"b", 0, &record, 1};
        char out[128];
        size_t size = senml_write_json(&one, out, sizeof out);
        json_t *array = json_loadb(out, size, 0, NULL);
        assert_non_null(array);
        assert_true(json_number_value(json_object_get(json_array_get(array, 0), "v")) == values[i]);
        json_decref(array);
    }
}

static void says_when_it_does_not_fit(void **state) {
    (void)state;
    uint8_t out[512];
    size_t (*const writers[])(const struct senml_pack *, void *, size_t) = {senml_write_json, senml_write_cbor};
    for (size_t i = 0; i < 2; i++) {
        size_t size = writers[i](&pack, out, sizeof out);
        for (size_t capacity = 0; capacity < size; capacity++) {
            memset(out, 0xee, sizeof out);
            assert_int_equal(writers[i](&pack, out, capacity), 0);
            assert_int_equal(out[capacity], 0xee);
        }
        assert_int_equal(writers[i](&pack, out, size), size);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writes_json),
        cmocka_unit_test(writes_cbor),
        cmocka_unit_test(other_end_reads_cbor),
        cmocka_unit_test(json_numbers_read_back),
        cmocka_unit_test(says_when_it_does_not_fit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
