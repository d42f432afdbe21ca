#include "cli/message_log.h"

#include "cli/capture.h"
#include "cli/message_sample.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void a_message_is_a_line(void **state) {
    (void)state;
    struct message_sample sample;
    char err[1024];
    sample_begin(&sample, COAX_CONTENT, "hi\033", 3);
    struct capture capture = capture_begin(stderr);
    message_log("now", NULL, &sample.message, true);
    message_log("then", NULL, &sample.message, false);
    capture_end(&capture, err, sizeof err);
    assert_memory_equal(err, "now -> (no remote)  ", 20);
    assert_non_null(strstr(err, "\nthen <- (no remote)  "));
    assert_non_null(strstr(err, "2.05 Content"));
    assert_null(strchr(err, '\033'));
    assert_int_equal(err[strlen(err) - 1], '\n');
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_message_is_a_line)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
