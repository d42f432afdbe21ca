#include "base/wipe.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void wipes_exactly_the_bytes_it_is_given(void **state) {
    (void)state;
    char text[] = "keep secret keep";
    coax_wipe(text + 5, 6);
    assert_memory_equal(text, "keep \0\0\0\0\0\0 keep", sizeof text);
}

static void wipes_nothing_for_size_zero(void **state) {
    (void)state;
    char text[] = "kept";
    coax_wipe(text, 0);
    assert_string_equal(text, "kept");
}

static void accepts_null(void **state) {
    (void)state;
    coax_wipe(NULL, 0);
    coax_wipe(NULL, 16);
    coax_wipe_free(NULL, 0);
    coax_wipe_free(NULL, 16);
}

/* That it frees is for the leak checker to see. */
static void frees_what_it_wiped(void **state) {
    (void)state;
    char *secret = malloc(32);
    assert_non_null(secret);
    memset(secret, 's', 32);
    coax_wipe_free(secret, 32);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wipes_exactly_the_bytes_it_is_given),
        cmocka_unit_test(wipes_nothing_for_size_zero),
        cmocka_unit_test(accepts_null),
        cmocka_unit_test(frees_what_it_wiped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
