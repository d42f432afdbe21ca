#include "cli/payload.h"

#include "cli/capture.h"
#include "cli/commands.h"
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static char said[512];

static int read_quietly(struct payload *payload, const char *path) {
    struct capture capture = capture_begin(stderr);
    int code = payload_read_file(payload, path, false);
    capture_end(&capture, said, sizeof said);
    return code;
}

/* Makes standard input a pipe that holds `data`, already closed at its other end; returns the real one. */
static int feed_stdin(const void *data, size_t size) {
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(write(ends[1], data, size), size);
    close(ends[1]);
    int kept = dup(STDIN_FILENO);
    assert_true(dup2(ends[0], STDIN_FILENO) >= 0);
    close(ends[0]);
    return kept;
}

static void restore_stdin(int kept) {
    assert_true(dup2(kept, STDIN_FILENO) >= 0);
    close(kept);
}

static void a_text_is_copied(void **state) {
    (void)state;
    struct payload payload = {NULL, 0};
    assert_int_equal(payload_copy(&payload, "hello"), EXIT_OK);
    assert_int_equal(payload.size, 5);
    assert_memory_equal(payload.data, "hello", 5);
    payload_free(&payload);
    assert_null(payload.data);
    assert_int_equal(payload_copy(&payload, ""), EXIT_OK);
    assert_int_equal(payload.size, 0);
    payload_free(&payload);
}

static void a_file_is_read_to_its_end(void **state) {
    (void)state;
    char name[] = "/tmp/coax-payload-XXXXXX";
    int fd = mkstemp(name);
    assert_true(fd >= 0);
    enum { SIZE = 100 * 1000 }; /* more than one chunk */
    uint8_t *data = malloc(SIZE);
    assert_non_null(data);
    for (size_t i = 0; i < SIZE; i++) {
        data[i] = (uint8_t)(i * 7 + i / 256);
    }
    assert_int_equal(write(fd, data, SIZE), SIZE);
    close(fd);
    struct payload payload = {NULL, 0};
    assert_int_equal(read_quietly(&payload, name), EXIT_OK);
    assert_int_equal(payload.size, SIZE);
    assert_memory_equal(payload.data, data, SIZE);
    payload_free(&payload);
    free(data);
    unlink(name);
}

static void a_file_too_large_is_refused(void **state) {
    (void)state;
    char name[] = "/tmp/coax-payload-XXXXXX";
    int fd = mkstemp(name);
    assert_true(fd >= 0);
    assert_int_equal(ftruncate(fd, PAYLOAD_MAXIMUM + 1L), 0); /* a hole: takes no room */
    close(fd);
    struct payload payload = {NULL, 0};
    assert_int_equal(read_quietly(&payload, name), EXIT_USAGE);
    assert_non_null(strstr(said, "larger than 64 MiB"));
    assert_null(payload.data);
    unlink(name);
}

static void a_file_that_cannot_be_read_is_named(void **state) {
    (void)state;
    struct payload payload = {NULL, 0};
    assert_int_equal(read_quietly(&payload, "/nonexistent/payload"), EXIT_USAGE);
    assert_string_equal(said, "coax: cannot read the payload from /nonexistent/payload: No such file or directory\n");
    assert_int_equal(read_quietly(&payload, "/"), EXIT_USAGE);
    assert_non_null(strstr(said, "Is a directory"));
    assert_null(payload.data);
}

static void a_pipe_is_read_as_standard_input(void **state) {
    (void)state;
    int kept = feed_stdin("a\0b", 3);
    bool waits = payload_waits_in_stdin();
    struct payload payload = {NULL, 0};
    int code = read_quietly(&payload, "-");
    restore_stdin(kept);
    assert_true(waits);
    assert_int_equal(code, EXIT_OK);
    assert_int_equal(payload.size, 3);
    assert_memory_equal(payload.data, "a\0b", 3);
    assert_string_equal(said, "");
    payload_free(&payload);
}

static void devices_are_not_read_unasked(void **state) {
    (void)state;
    int kept = dup(STDIN_FILENO);
    int null = open("/dev/null", O_RDONLY);
    assert_true(dup2(null, STDIN_FILENO) >= 0);
    close(null);
    bool null_waits = payload_waits_in_stdin();
    close(STDIN_FILENO);
    bool closed_waits = payload_waits_in_stdin();
    restore_stdin(kept);
    assert_false(null_waits);
    assert_false(closed_waits);
}

static void a_terminal_is_told_what_is_waited_for(void **state) {
    (void)state;
    int master = posix_openpt(O_RDWR | O_NOCTTY);
    if (master < 0 || grantpt(master) != 0 || unlockpt(master) != 0) {
        skip();
    }
    int slave = open(ptsname(master), O_RDWR | O_NOCTTY);
    assert_true(slave >= 0);
    assert_int_equal(write(master, "on\n\004", 4), 4); /* a line, and Ctrl-D */
    int kept = dup(STDIN_FILENO);
    assert_true(dup2(slave, STDIN_FILENO) >= 0);
    bool waits = payload_waits_in_stdin();
    struct payload payload = {NULL, 0};
    int code = read_quietly(&payload, "-");
    restore_stdin(kept);
    close(slave);
    close(master);
    assert_false(waits);
    assert_int_equal(code, EXIT_OK);
    assert_int_equal(payload.size, 3);
    assert_memory_equal(payload.data, "on\n", 3);
    assert_string_equal(said, "coax: reading the payload from the terminal; end with Ctrl-D\n");
    payload_free(&payload);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_text_is_copied),
        cmocka_unit_test(a_file_is_read_to_its_end),
        cmocka_unit_test(a_file_too_large_is_refused),
        cmocka_unit_test(a_file_that_cannot_be_read_is_named),
        cmocka_unit_test(a_pipe_is_read_as_standard_input),
        cmocka_unit_test(devices_are_not_read_unasked),
        cmocka_unit_test(a_terminal_is_told_what_is_waited_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
