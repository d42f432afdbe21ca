#include "base/error.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void fills_status_and_text_and_returns_the_status(void **state) {
    (void)state;
    coax_error error = {.alert = 7};
    enum coax_status status = coax_fail(&error, COAX_E_SYNTAX, "%s:%d: expected '%c'", "a.json", 12, '}');
    assert_int_equal(status, COAX_E_SYNTAX);
    assert_int_equal(error.status, COAX_E_SYNTAX);
    assert_int_equal(error.alert, -1);
    assert_string_equal(error.text, "a.json:12: expected '}'");
}

static void works_without_an_error_to_fill(void **state) {
    (void)state;
    assert_int_equal(coax_fail(NULL, COAX_E_URI, "%s", "lost"), COAX_E_URI);
    assert_int_equal(coax_fail_alert(NULL, COAX_E_TLS_ALERT, 40, "%s", "lost"), COAX_E_TLS_ALERT);
    assert_int_equal(coax_fail_memory(NULL), COAX_E_NO_MEMORY);
}

static void keeps_the_number_of_an_alert(void **state) {
    (void)state;
    coax_error error;
    enum coax_status status =
        coax_fail_alert(&error, COAX_E_TLS_ALERT, 115, "The peer sent alert %s", coax_alert_name(115));
    assert_int_equal(status, COAX_E_TLS_ALERT);
    assert_int_equal(error.status, COAX_E_TLS_ALERT);
    assert_int_equal(error.alert, 115);
    assert_string_equal(error.text, "The peer sent alert unknown_psk_identity");
}

static void says_that_memory_ran_out(void **state) {
    (void)state;
    coax_error error;
    assert_int_equal(coax_fail_memory(&error), COAX_E_NO_MEMORY);
    assert_int_equal(error.status, COAX_E_NO_MEMORY);
    assert_int_equal(error.alert, -1);
    assert_string_equal(error.text, coax_status_text(COAX_E_NO_MEMORY));
}

static void cuts_a_text_that_is_too_long(void **state) {
    (void)state;
    char text[1000];
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    struct {
        coax_error error;
        char guard;
    } place = {.guard = 'g'};
    coax_fail(&place.error, COAX_E_FORMAT, "%s", text);
    assert_int_equal(strlen(place.error.text), sizeof place.error.text - 1);
    assert_memory_equal(place.error.text, text, sizeof place.error.text - 1);
    assert_int_equal(place.guard, 'g');
}

static void a_later_error_replaces_an_earlier_one(void **state) {
    (void)state;
    coax_error error;
    coax_fail_alert(&error, COAX_E_TLS_ALERT, 40, "a long first sentence");
    coax_fail(&error, COAX_E_IO, "short");
    assert_int_equal(error.status, COAX_E_IO);
    assert_int_equal(error.alert, -1);
    assert_string_equal(error.text, "short");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fills_status_and_text_and_returns_the_status),
        cmocka_unit_test(works_without_an_error_to_fill),
        cmocka_unit_test(keeps_the_number_of_an_alert),
        cmocka_unit_test(says_that_memory_ran_out),
        cmocka_unit_test(cuts_a_text_that_is_too_long),
        cmocka_unit_test(a_later_error_replaces_an_earlier_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
