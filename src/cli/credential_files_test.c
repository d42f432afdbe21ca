#include "cli/credential_files.h"

#include "cli/capture.h"
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

static char first[64], second[64], err[4096];

static void write_file(const char *path, const char *text, mode_t mode) {
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    assert_int_equal(fchmod(fd, mode), 0);
    close(fd);
}

static int set_up(void **state) {
    snprintf(first, sizeof first, "/tmp/credential_files_test.%d.1", (int)getpid());
    snprintf(second, sizeof second, "/tmp/credential_files_test.%d.2", (int)getpid());
    *state = coax_credentials_new();
    return *state == NULL;
}

static int tear_down(void **state) {
    coax_credentials_free(*state);
    unlink(first);
    unlink(second);
    return 0;
}

static bool load(coax_credentials *credentials, bool quiet, coax_error *error) {
    const struct argument_texts files = {.items = {first, second}, .count = 2};
    struct capture capture = capture_begin(stderr);
    bool loaded = credential_files_load(credentials, &files, quiet, error);
    capture_end(&capture, err, sizeof err);
    return loaded;
}

#define PSK "{\"dtls\": {\"psk\": {\"ascii\": \"k\"}, \"client-identity\": {\"ascii\": \"i\"}}}"

static void later_files_add_to_earlier_ones(void **state) {
    write_file(first, "{\":a\": " PSK ", \":b\": " PSK "}", 0600);
    write_file(second, "{\":a\": null}", 0600);
    assert_true(load(*state, false, NULL));
    assert_string_equal(err, "");
    assert_int_equal(coax_credentials_remove(*state, ":b", NULL), COAX_OK);
    assert_int_equal(coax_credentials_remove(*state, ":a", NULL), COAX_E_NOT_FOUND);
}

static void a_warning_is_shown_unless_quiet(void **state) {
    write_file(first, "{\":a\": " PSK "}", 0644);
    write_file(second, "{}", 0600);
    assert_true(load(*state, false, NULL));
    assert_non_null(strstr(err, first));
    assert_true(load(*state, true, NULL));
    assert_string_equal(err, "");
}

static void the_first_that_cannot_be_used_is_told(void **state) {
    coax_error error = {.text = ""};
    write_file(first, "{\":a\": " PSK "}", 0600);
    assert_false(load(*state, false, &error));
    assert_int_equal(error.status, COAX_E_IO);
    assert_non_null(strstr(error.text, second));
    write_file(second, "{", 0600);
    assert_false(load(*state, false, &error));
    assert_int_equal(error.status, COAX_E_SYNTAX);
}

#define WITH_STORE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        WITH_STORE(later_files_add_to_earlier_ones),
        WITH_STORE(a_warning_is_shown_unless_quiet),
        WITH_STORE(the_first_that_cannot_be_used_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
