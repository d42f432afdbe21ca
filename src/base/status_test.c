#include <coax/status.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const enum coax_status all[] = {
    COAX_OK,
    COAX_E_INVALID,
    COAX_E_NO_MEMORY,
    COAX_E_LIMIT,
    COAX_E_NOT_FOUND,
    COAX_E_EXISTS,
    COAX_E_FORMAT,
    COAX_E_TOO_LARGE,
    COAX_E_URI,
    COAX_E_SYNTAX,
    COAX_E_IO,
    COAX_E_TIMEOUT,
    COAX_E_RESET,
    COAX_E_CANCELLED,
    COAX_E_REFUSED,
    COAX_E_UNREACHABLE,
    COAX_E_RESOLVE,
    COAX_E_NO_TRANSPORT,
    COAX_E_NO_CREDENTIALS,
    COAX_E_CREDENTIALS_KIND,
    COAX_E_CREDENTIALS_SIZE,
    COAX_E_ANONYMOUS,
    COAX_E_OPTION,
    COAX_E_UNSUPPORTED,
    COAX_E_STATE,
    COAX_E_RESPONSE,
    COAX_E_CHANGED,
    COAX_E_FATAL,
    COAX_E_CLOSE_NOTIFY,
    COAX_E_TLS_ALERT,
    COAX_E_HANDSHAKE,
    COAX_E_HANDSHAKE_TIMEOUT,
    COAX_E_CERTIFICATE,
    COAX_E_HOST_NAME,
    COAX_E_SHUT_DOWN,
    COAX_E_DROPPED,
    COAX_E_LOST,
    COAX_E_UPGRADE,
    COAX_E_RELEASED,
    COAX_E_ABORTED,
};

enum { ALL_COUNT = sizeof all / sizeof all[0] };

static void names_a_status_as_its_constant(void **state) {
    (void)state;
    assert_string_equal(coax_status_name(COAX_OK), "COAX_OK");
    assert_string_equal(coax_status_name(COAX_E_TIMEOUT), "COAX_E_TIMEOUT");
    assert_string_equal(coax_status_name(COAX_E_STATE), "COAX_E_STATE");
    assert_string_equal(coax_status_name(COAX_E_CLOSE_NOTIFY), "COAX_E_CLOSE_NOTIFY");
    assert_string_equal(coax_status_name(COAX_E_DROPPED), "COAX_E_DROPPED");
}

static void names_every_status_differently(void **state) {
    (void)state;
    for (size_t i = 0; i < ALL_COUNT; i++) {
        assert_memory_equal(coax_status_name(all[i]), "COAX_", 5);
        assert_true(strlen(coax_status_text(all[i])) > 5);
        for (size_t j = 0; j < i; j++) {
            assert_string_not_equal(coax_status_name(all[i]), coax_status_name(all[j]));
            assert_string_not_equal(coax_status_text(all[i]), coax_status_text(all[j]));
        }
    }
}

static void numbers_that_are_no_status_have_no_name(void **state) {
    (void)state;
    size_t named = 0;
    for (int number = -300; number < 300; number++) {
        named += strcmp(coax_status_name((enum coax_status)number), "unknown status") != 0;
    }
    assert_int_equal(named, ALL_COUNT);
    assert_string_equal(coax_status_name((enum coax_status)1), "unknown status");
    assert_string_equal(coax_status_name((enum coax_status)INT32_MIN), "unknown status");
    assert_string_equal(coax_status_name((enum coax_status)INT32_MAX), "unknown status");
    assert_string_equal(coax_status_text((enum coax_status) - 27), "Unknown status");
    assert_string_equal(coax_status_text((enum coax_status) - 113), "Unknown status");
}

/* The texts go into error messages after which a program adds its own stop or newline. */
static void texts_are_single_lines_without_a_stop(void **state) {
    (void)state;
    for (size_t i = 0; i < ALL_COUNT; i++) {
        const char *text = coax_status_text(all[i]);
        assert_null(strchr(text, '\n'));
        assert_int_not_equal(text[strlen(text) - 1], '.');
    }
}

static void the_numbers_are_the_abi(void **state) {
    (void)state;
    assert_int_equal(COAX_E_INVALID, -1);
    assert_int_equal(COAX_E_STATE, -24);
    assert_int_equal(COAX_E_FATAL, -100);
    assert_int_equal(COAX_E_DROPPED, -108);
    assert_int_equal(COAX_E_LOST, -109);
    assert_int_equal(COAX_E_UPGRADE, -110);
    assert_int_equal(COAX_E_RELEASED, -111);
    assert_int_equal(COAX_E_ABORTED, -112);
}

static void names_alerts(void **state) {
    (void)state;
    assert_string_equal(coax_alert_name(0), "close_notify");
    assert_string_equal(coax_alert_name(20), "bad_record_mac");
    assert_string_equal(coax_alert_name(40), "handshake_failure");
    assert_string_equal(coax_alert_name(42), "bad_certificate");
    assert_string_equal(coax_alert_name(48), "unknown_ca");
    assert_string_equal(coax_alert_name(51), "decrypt_error");
    assert_string_equal(coax_alert_name(112), "unrecognized_name");
    assert_string_equal(coax_alert_name(115), "unknown_psk_identity");
    assert_string_equal(coax_alert_name(120), "no_application_protocol");
}

static void numbers_that_are_no_alert_have_no_name(void **state) {
    (void)state;
    static const int none[] = {-1, 1, 9, 39, 61, 119, 121, 255, 256, INT32_MIN, INT32_MAX};
    for (size_t i = 0; i < sizeof none / sizeof none[0]; i++) {
        assert_string_equal(coax_alert_name(none[i]), "unknown alert");
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_a_status_as_its_constant),
        cmocka_unit_test(names_every_status_differently),
        cmocka_unit_test(numbers_that_are_no_status_have_no_name),
        cmocka_unit_test(texts_are_single_lines_without_a_stop),
        cmocka_unit_test(the_numbers_are_the_abi),
        cmocka_unit_test(names_alerts),
        cmocka_unit_test(numbers_that_are_no_alert_have_no_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
