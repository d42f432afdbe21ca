#include "message/body.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { ALL_BUT_SIGNALING = 1 << 1 | 1 << 6 };

static void refuses_the_codes_of_reserved_classes(void **state) {
    (void)state;
    for (unsigned code = 0; code < 256; code++) {
        unsigned class_ = code >> 5;
        assert_int_equal(coax_body_check_code((uint8_t)code, 1, ALL_BUT_SIGNALING, NULL),
                         class_ == 1 || class_ == 6 ? COAX_E_FORMAT : COAX_OK);
        assert_int_equal(coax_body_check_code((uint8_t)code, 1, 0, NULL), COAX_OK);
        assert_int_equal(coax_body_check_code((uint8_t)code, 1, 0xff, NULL), COAX_E_FORMAT);
    }
    coax_error error;
    assert_int_equal(coax_body_check_code(COAX_CODE(6, 5), 3, ALL_BUT_SIGNALING, &error), COAX_E_FORMAT);
    assert_string_equal(error.text, "The code 6.05 at offset 3 is of a reserved class");
}

static void checks_the_nibble_of_a_token_length(void **state) {
    (void)state;
    for (unsigned nibble = 0; nibble < 16; nibble++) {
        assert_int_equal(coax_body_check_token_nibble(nibble, TOKEN_MAXIMUM, NULL),
                         nibble <= 8 ? COAX_OK : COAX_E_FORMAT);
        assert_int_equal(coax_body_check_token_nibble(nibble, TOKEN_MAXIMUM + 1, NULL),
                         nibble <= 14 ? COAX_OK : COAX_E_FORMAT);
    }
}

static void checks_the_size_of_a_token(void **state) {
    (void)state;
    coax_error error;
    assert_int_equal(coax_body_check_token_size(20, 20, &error), COAX_OK);
    assert_int_equal(coax_body_check_token_size(21, 20, &error), COAX_E_FORMAT);
    assert_string_equal(error.text, "The token of 21 bytes is longer than the 20 bytes that are allowed");
}

/* Any header will do whose first byte ends with the token's length; this one is of 3 bytes. */
static void reads_behind_a_header_of_any_size(void **state) {
    (void)state;
    static const uint8_t data[] = "\xf2**tk\xb1p\xffpayload";
    struct coax_message message = {.code = COAX_GET};
    assert_int_equal(coax_body_decode(&message, data, sizeof data - 1, 3, TOKEN_MAXIMUM, NULL), COAX_OK);
    assert_ptr_equal(message.token.data, data + 3);
    assert_int_equal(message.token.size, 2);
    assert_ptr_equal(message.options.data, data + 5);
    assert_int_equal(message.options.size, 2);
    assert_ptr_equal(message.payload.data, data + 8);
    assert_int_equal(message.payload.size, 7);
    uint8_t out[32];
    assert_int_equal(coax_body_token_size(&message), 2);
    assert_int_equal(coax_body_content_size(&message), 10);
    assert_ptr_equal(coax_body_encode(out, &message), out + 12);
    assert_memory_equal(out, data + 3, 12);
}

static void an_empty_message_has_nothing_behind_its_header(void **state) {
    (void)state;
    struct coax_message message = {.code = COAX_EMPTY};
    coax_error error;
    static const uint8_t data[] = {0, 0, 0};
    assert_int_equal(coax_body_decode(&message, data, 2, 2, TOKEN_MAXIMUM, &error), COAX_OK);
    assert_int_equal(coax_body_decode(&message, data, 3, 2, TOKEN_MAXIMUM, &error), COAX_E_FORMAT);
    assert_string_equal(error.text, "An Empty message has more than its header (3 bytes, token length 0)");
}

static void what_is_refused_leaves_no_views(void **state) {
    (void)state;
    struct coax_message message = {.code = COAX_GET};
    assert_int_equal(coax_body_decode(&message, (const uint8_t *)"\x01*t\xff", 4, 2, TOKEN_MAXIMUM, NULL),
                     COAX_E_FORMAT);
    assert_int_equal(message.token.size, 0);
    assert_int_equal(message.options.size, 0);
    assert_int_equal(message.payload.size, 0);
}

static void sizes_do_not_wrap_around(void **state) {
    (void)state;
    struct coax_message message = {.code = COAX_GET, .payload = bytes_of("", SIZE_MAX)};
    assert_int_equal(coax_body_content_size(&message), SIZE_MAX);
    message.payload.size = 1;
    message.options.size = SIZE_MAX - 1;
    assert_int_equal(coax_body_content_size(&message), SIZE_MAX);
    message.options.size = SIZE_MAX - 3;
    assert_int_equal(coax_body_content_size(&message), SIZE_MAX - 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refuses_the_codes_of_reserved_classes),
        cmocka_unit_test(checks_the_nibble_of_a_token_length),
        cmocka_unit_test(checks_the_size_of_a_token),
        cmocka_unit_test(reads_behind_a_header_of_any_size),
        cmocka_unit_test(an_empty_message_has_nothing_behind_its_header),
        cmocka_unit_test(what_is_refused_leaves_no_views),
        cmocka_unit_test(sizes_do_not_wrap_around),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
