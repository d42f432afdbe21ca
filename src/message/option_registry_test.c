#include <coax/message.h>

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

/* As the RFCs' tables say: the columns C, U, N, R, the number, the name, the format, the length. */
struct row {
    const char *properties;
    uint16_t number;
    const char *name;
    enum coax_option_format format;
    unsigned minimum, maximum;
};

static const struct row rows[] = {
    /* RFC 7252 section 5.10 */
    {"C  R", 1, "If-Match", COAX_VALUE_OPAQUE, 0, 8},
    {"CU  ", 3, "Uri-Host", COAX_VALUE_STRING, 1, 255},
    {"   R", 4, "ETag", COAX_VALUE_OPAQUE, 1, 8},
    {"C   ", 5, "If-None-Match", COAX_VALUE_EMPTY, 0, 0},
    {"CU  ", 7, "Uri-Port", COAX_VALUE_UINT, 0, 2},
    {"   R", 8, "Location-Path", COAX_VALUE_STRING, 0, 255},
    {"CU R", 11, "Uri-Path", COAX_VALUE_STRING, 0, 255},
    {"    ", 12, "Content-Format", COAX_VALUE_UINT, 0, 2},
    {" U  ", 14, "Max-Age", COAX_VALUE_UINT, 0, 4},
    {"CU R", 15, "Uri-Query", COAX_VALUE_STRING, 0, 255},
    {"C   ", 17, "Accept", COAX_VALUE_UINT, 0, 2},
    {"   R", 20, "Location-Query", COAX_VALUE_STRING, 0, 255},
    {"CU  ", 35, "Proxy-Uri", COAX_VALUE_STRING, 1, 1034},
    {"CU  ", 39, "Proxy-Scheme", COAX_VALUE_STRING, 1, 255},
    {"  N ", 60, "Size1", COAX_VALUE_UINT, 0, 4},
    /* RFC 7641 section 2 */
    {" U  ", 6, "Observe", COAX_VALUE_UINT, 0, 3},
    /* RFC 7959 sections 2.1 and 4 */
    {"CU  ", 23, "Block2", COAX_VALUE_UINT, 0, 3},
    {"CU  ", 27, "Block1", COAX_VALUE_UINT, 0, 3},
    {"  N ", 28, "Size2", COAX_VALUE_UINT, 0, 4},
    /* RFC 7967 section 2 */
    {" U  ", 258, "No-Response", COAX_VALUE_UINT, 0, 1},
    /* RFC 8613 section 2 */
    {"C   ", 9, "OSCORE", COAX_VALUE_OPAQUE, 0, 255},
    /* RFC 8768 section 3 */
    {"    ", 16, "Hop-Limit", COAX_VALUE_UINT, 1, 1},
    /* RFC 9175 sections 2.2.1 and 3.2.1 */
    {"  N ", 252, "Echo", COAX_VALUE_OPAQUE, 1, 40},
    {"   R", 292, "Request-Tag", COAX_VALUE_OPAQUE, 0, 8},
    /* RFC 9177 section 4.1 */
    {"CU  ", 19, "Q-Block1", COAX_VALUE_UINT, 0, 3},
    {"CU R", 31, "Q-Block2", COAX_VALUE_UINT, 0, 3},
};

enum { ROW_COUNT = sizeof rows / sizeof rows[0] };

static void knows_every_option_of_the_tables(void **state) {
    (void)state;
    for (size_t i = 0; i < ROW_COUNT; i++) {
        const coax_option_definition *definition = coax_option_by_number(rows[i].number);
        assert_non_null(definition);
        assert_int_equal(definition->number, rows[i].number);
        assert_string_equal(definition->name, rows[i].name);
        assert_int_equal(definition->format, rows[i].format);
        assert_int_equal(definition->minimum_size, rows[i].minimum);
        assert_int_equal(definition->maximum_size, rows[i].maximum);
        assert_int_equal(definition->repeatable, rows[i].properties[3] == 'R');
    }
}

static void the_number_tells_the_properties(void **state) {
    (void)state;
    for (size_t i = 0; i < ROW_COUNT; i++) {
        assert_int_equal(coax_option_is_critical(rows[i].number), rows[i].properties[0] == 'C');
        assert_int_equal(coax_option_is_unsafe(rows[i].number), rows[i].properties[1] == 'U');
        assert_int_equal(coax_option_is_no_cache_key(rows[i].number), rows[i].properties[2] == 'N');
    }
}

static void knows_no_other_number(void **state) {
    (void)state;
    size_t known = 0;
    for (unsigned number = 0; number <= UINT16_MAX; number++) {
        const coax_option_definition *definition = coax_option_by_number((uint16_t)number);
        assert_true(definition == NULL || definition->number == number);
        known += definition != NULL;
    }
    assert_int_equal(known, ROW_COUNT);
}

struct signaling_row {
    unsigned detail;
    struct row row;
};

/* RFC 8323 sections 5.3 to 5.6, RFC 8974 section 2.2.1 */
static const struct signaling_row signaling_rows[] = {
    {1, {"    ", 2, "Max-Message-Size", COAX_VALUE_UINT, 0, 4}},
    {1, {"    ", 4, "Block-Wise-Transfer", COAX_VALUE_EMPTY, 0, 0}},
    {1, {"    ", 6, "Extended-Token-Length", COAX_VALUE_UINT, 0, 3}},
    {2, {"    ", 2, "Custody", COAX_VALUE_EMPTY, 0, 0}},
    {3, {"    ", 2, "Custody", COAX_VALUE_EMPTY, 0, 0}},
    {4, {"   R", 2, "Alternative-Address", COAX_VALUE_STRING, 1, 255}},
    {4, {"    ", 4, "Hold-Off", COAX_VALUE_UINT, 0, 3}},
    {5, {"    ", 2, "Bad-CSM-Option", COAX_VALUE_UINT, 0, 2}},
};

enum { SIGNALING_ROW_COUNT = sizeof signaling_rows / sizeof signaling_rows[0] };

static void each_signaling_code_has_options_of_its_own(void **state) {
    (void)state;
    for (size_t i = 0; i < SIGNALING_ROW_COUNT; i++) {
        const struct row *row = &signaling_rows[i].row;
        const coax_option_definition *definition = coax_option_in(COAX_CODE(7, signaling_rows[i].detail), row->number);
        assert_non_null(definition);
        assert_int_equal(definition->number, row->number);
        assert_string_equal(definition->name, row->name);
        assert_int_equal(definition->format, row->format);
        assert_int_equal(definition->minimum_size, row->minimum);
        assert_int_equal(definition->maximum_size, row->maximum);
        assert_int_equal(definition->repeatable, row->properties[3] == 'R');
    }
}

static void all_other_codes_share_the_options(void **state) {
    (void)state;
    size_t known = 0;
    for (unsigned code = 0; code < 256; code++) {
        for (uint16_t number = 0; number < 300; number++) {
            const coax_option_definition *definition = coax_option_in((uint8_t)code, number);
            if (code < COAX_CODE(7, 0)) {
                assert_ptr_equal(definition, coax_option_by_number(number));
            } else {
                known += definition != NULL;
            }
        }
    }
    assert_int_equal(known, SIGNALING_ROW_COUNT);
}

static void finds_by_name_in_any_letter_case(void **state) {
    (void)state;
    for (size_t i = 0; i < ROW_COUNT; i++) {
        assert_ptr_equal(coax_option_by_name(rows[i].name), coax_option_by_number(rows[i].number));
    }
    assert_ptr_equal(coax_option_by_name("uri-path"), coax_option_by_number(COAX_OPTION_URI_PATH));
    assert_ptr_equal(coax_option_by_name("ETAG"), coax_option_by_number(COAX_OPTION_ETAG));
}

static void finds_no_other_name(void **state) {
    (void)state;
    static const char *const names[] = {"", "Uri", "Uri-Path ", "UriPath", "Uri-Pathx", "11"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        assert_null(coax_option_by_name(names[i]));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(knows_every_option_of_the_tables),
        cmocka_unit_test(the_number_tells_the_properties),
        cmocka_unit_test(knows_no_other_number),
        cmocka_unit_test(each_signaling_code_has_options_of_its_own),
        cmocka_unit_test(all_other_codes_share_the_options),
        cmocka_unit_test(finds_by_name_in_any_letter_case),
        cmocka_unit_test(finds_no_other_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
