#include "cli/session_file.h"

#include "cli/capture.h"
#include "cli/commands.h"
#include "endpoint_fixture.h"
#include <coax/sessions.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char folder[64], file[80], key_file[96], err[2048];

static int set_up(void **state) {
    (void)state;
    (void)snprintf(folder, sizeof folder, "/tmp/session_file_test.XXXXXX");
    bool is_made = mkdtemp(folder) != NULL;
    (void)snprintf(file, sizeof file, "%s/state", folder);
    (void)snprintf(key_file, sizeof key_file, "%s.key", file);
    return is_made ? 0 : -1;
}

static int tear_down(void **state) {
    (void)state;
    (void)unlink(file);
    (void)unlink(key_file);
    return rmdir(folder); /* nothing else was left in it */
}

static int restore(coax_shards *shards) {
    struct capture capture = capture_begin(stderr);
    int code = session_file_restore(shards, file);
    capture_end(&capture, err, sizeof err);
    return code;
}

static int save(coax_shards *shards) {
    struct capture capture = capture_begin(stderr);
    int code = session_file_save(shards, file);
    capture_end(&capture, err, sizeof err);
    return code;
}

static mode_t mode_of(const char *path) {
    struct stat about;
    return stat(path, &about) == 0 ? about.st_mode & 0777 : 0;
}

static void write_file(const char *path, const char *text) {
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
}

static coax_shards *one_shard(void) {
    coax_shards *shards = NULL;
    assert_int_equal(coax_shards_new(&shards, 1, NULL, NULL), COAX_OK);
    return shards;
}

static void the_file_is_there_while_nobody_serves(void **state) {
    (void)state;
    struct endpoint_pair pair = {.uri = ""};
    struct answer answer;
    coax_shards *shards = one_shard();
    pair.server = coax_shards_endpoint(shards, 0);
    assert_int_equal(coax_endpoint_new(&pair.client, NULL, NULL), COAX_OK);
    assert_true(fill_pair(&pair, "coaps://127.0.0.1:0"));
    assert_int_equal(restore(shards), EXIT_OK); /* the first time */
    assert_string_equal(err, "");
    assert_int_equal(mode_of(key_file), 0600);
    assert_int_equal(mode_of(file), 0);
    assert_int_equal(ask_hello(&pair, NULL, &answer), COAX_OK);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(save(shards), EXIT_OK);
        assert_int_equal(mode_of(file), 0600);
        assert_int_equal(restore(shards), EXIT_OK);
        assert_non_null(strstr(err, "1 sessions taken up"));
        assert_int_equal(mode_of(file), 0);
        assert_int_equal(ask_hello(&pair, NULL, &answer), COAX_OK);
    }
    coax_endpoint_free(pair.client);
    coax_shards_free(shards);
}

static void what_is_no_such_file_is_remarked_and_gone(void **state) {
    (void)state;
    coax_shards *shards = one_shard();
    write_file(file, "these are no sessions, but something else that is long enough");
    assert_int_equal(restore(shards), EXIT_OK);
    assert_non_null(strstr(err, "shake hands anew"));
    assert_int_equal(mode_of(file), 0);
    coax_shards_free(shards);
}

static void what_cannot_be_used_is_an_error(void **state) {
    (void)state;
    coax_shards *shards = one_shard();
    write_file(key_file, "short");
    assert_int_equal(restore(shards), EXIT_ERROR);
    assert_non_null(strstr(err, "is no key of 32 bytes"));
    assert_int_equal(save(shards), EXIT_ERROR);
    assert_int_equal(unlink(key_file), 0);
    struct capture capture = capture_begin(stderr);
    assert_int_equal(session_file_restore(shards, "/nowhere/at/all"), EXIT_ERROR);
    capture_end(&capture, err, sizeof err);
    assert_non_null(strstr(err, "No such file or directory"));
    coax_shards_free(shards);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_file_is_there_while_nobody_serves, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_no_such_file_is_remarked_and_gone, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_cannot_be_used_is_an_error, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
