#include "cli/commands.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void each_kind_of_failure_has_its_code(void **state) {
    (void)state;
    assert_int_equal(exit_code_of(COAX_OK), EXIT_OK);
    assert_int_equal(exit_code_of(COAX_E_URI), EXIT_USAGE);
    assert_int_equal(exit_code_of(COAX_E_SYNTAX), EXIT_USAGE);
    assert_int_equal(exit_code_of(COAX_E_NO_TRANSPORT), EXIT_USAGE);
    assert_int_equal(exit_code_of(COAX_E_TIMEOUT), EXIT_TIMEOUT);
    assert_int_equal(exit_code_of(COAX_E_CANCELLED), EXIT_INTERRUPTED);
    assert_int_equal(exit_code_of(COAX_E_NO_CREDENTIALS), EXIT_SECURITY);
    assert_int_equal(exit_code_of(COAX_E_TLS_ALERT), EXIT_SECURITY);
    assert_int_equal(exit_code_of(COAX_E_CLOSE_NOTIFY), EXIT_SECURITY);
    assert_int_equal(exit_code_of(COAX_E_HANDSHAKE_TIMEOUT), EXIT_SECURITY);
    assert_int_equal(exit_code_of(COAX_E_CERTIFICATE), EXIT_SECURITY);
}

static void all_else_is_an_error(void **state) {
    (void)state;
    static const enum coax_status others[] = {COAX_E_REFUSED, COAX_E_UNREACHABLE, COAX_E_RESOLVE,  COAX_E_RESET,
                                              COAX_E_IO,      COAX_E_NO_MEMORY,   COAX_E_DROPPED,  COAX_E_FORMAT,
                                              COAX_E_LOST,    COAX_E_UPGRADE,     COAX_E_RELEASED, COAX_E_ABORTED};
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        assert_int_equal(exit_code_of(others[i]), EXIT_ERROR);
    }
    assert_int_equal(exit_code_of((enum coax_status) - 9999), EXIT_ERROR);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_kind_of_failure_has_its_code),
        cmocka_unit_test(all_else_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
