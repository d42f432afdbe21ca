#include "cli/complain.h"

#include "cli/capture.h"
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void a_complaint_goes_to_stderr_and_returns_its_code(void **state) {
    (void)state;
    char out[256];
    struct capture capture = capture_begin(stderr);
    int code = complain(EXIT_TIMEOUT, "%s is %d", "it", 7);
    assert_string_equal(capture_end(&capture, out, sizeof out), "coax: it is 7\n");
    assert_int_equal(code, EXIT_TIMEOUT);
}

static void what_is_repeated_cannot_drive_the_terminal(void **state) {
    (void)state;
    char out[256];
    struct capture capture = capture_begin(stderr);
    remark("%s", "\033]0;mine\007");
    assert_string_equal(capture_end(&capture, out, sizeof out), "coax: \\x1b]0;mine\\x07\n");
}

static void long_complaints_are_cut(void **state) {
    (void)state;
    static char out[8192];
    char *text = malloc(6000);
    assert_non_null(text);
    memset(text, 'x', 5999);
    text[5999] = '\0';
    struct capture capture = capture_begin(stderr);
    complain(1, "%s", text);
    assert_int_equal(strlen(capture_end(&capture, out, sizeof out)), strlen("coax: \n") + 4095);
    free(text);
}

static void a_pipe_gets_no_colour(void **state) {
    (void)state;
    char out[8];
    setenv("TERM", "xterm", 1);
    unsetenv("NO_COLOR");
    struct capture capture = capture_begin(stderr);
    const char *sequence = colour_on(stderr, COLOUR_RED);
    capture_end(&capture, out, sizeof out);
    assert_string_equal(sequence, "");
}

/* A pseudo-terminal, opened for as long as the test runs. */
static FILE *terminal(int *master) {
    *master = posix_openpt(O_RDWR | O_NOCTTY);
    if (*master < 0 || grantpt(*master) != 0 || unlockpt(*master) != 0) {
        return NULL;
    }
    const char *name = ptsname(*master);
    int slave = name != NULL ? open(name, O_RDWR | O_NOCTTY) : -1;
    return slave >= 0 ? fdopen(slave, "w") : NULL;
}

static void a_terminal_gets_colour_unless_it_is_unwanted(void **state) {
    (void)state;
    int master = -1;
    FILE *file = terminal(&master);
    if (file == NULL) {
        skip();
    }
    setenv("TERM", "xterm", 1);
    unsetenv("NO_COLOR");
    assert_string_equal(colour_on(file, COLOUR_RED), "\033[1;31m");
    assert_string_equal(colour_on(file, COLOUR_PLAIN), "\033[0m");
    setenv("NO_COLOR", "", 1); /* empty is not set */
    assert_string_equal(colour_on(file, COLOUR_CYAN), "\033[36m");
    setenv("NO_COLOR", "1", 1);
    assert_string_equal(colour_on(file, COLOUR_RED), "");
    unsetenv("NO_COLOR");
    setenv("TERM", "dumb", 1);
    assert_string_equal(colour_on(file, COLOUR_RED), "");
    unsetenv("TERM");
    assert_string_equal(colour_on(file, COLOUR_RED), "");
    fclose(file);
    close(master);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_complaint_goes_to_stderr_and_returns_its_code),
        cmocka_unit_test(what_is_repeated_cannot_drive_the_terminal),
        cmocka_unit_test(long_complaints_are_cut),
        cmocka_unit_test(a_pipe_gets_no_colour),
        cmocka_unit_test(a_terminal_gets_colour_unless_it_is_unwanted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
