#include "cli/output.h"

#include "cli/capture.h"
#include "cli/commands.h"
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

static char folder[] = "/tmp/coax-output-XXXXXX";
static char said[512];

static const char *in_folder(const char *name) {
    static char paths[2][PATH_MAX];
    static unsigned turn;
    char *path = paths[turn++ % 2];
    snprintf(path, PATH_MAX, "%s/%s", folder, name);
    return path;
}

static int write_file(const char *path, const char *text) {
    struct capture capture = capture_begin(stderr);
    int code = output_file_write(path, text, strlen(text));
    capture_end(&capture, said, sizeof said);
    return code;
}

static void assert_holds(const char *path, const char *text) {
    char content[256] = "";
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    content[fread(content, 1, sizeof content - 1, file)] = '\0';
    fclose(file);
    assert_string_equal(content, text);
}

/* Removes what the folder holds; returns how many files that were. */
static unsigned clear_folder(void) {
    unsigned count = 0;
    DIR *entries = opendir(folder);
    assert_non_null(entries);
    for (struct dirent *entry; (entry = readdir(entries)) != NULL;) {
        if (entry->d_name[0] != '.' || strlen(entry->d_name) > 2) {
            count += unlinkat(dirfd(entries), entry->d_name, 0) == 0;
        }
    }
    closedir(entries);
    return count;
}

static int setup(void **state) {
    (void)state;
    strcpy(folder + strlen(folder) - 6, "XXXXXX");
    umask(022);
    return mkdtemp(folder) != NULL ? 0 : -1;
}

static int teardown(void **state) {
    (void)state;
    clear_folder();
    return rmdir(folder);
}

static void a_new_file_has_the_usual_permissions(void **state) {
    (void)state;
    assert_int_equal(write_file(in_folder("new"), "hello"), EXIT_OK);
    assert_holds(in_folder("new"), "hello");
    struct stat status;
    assert_int_equal(stat(in_folder("new"), &status), 0);
    assert_int_equal(status.st_mode & 07777, 0644);
    assert_int_equal(clear_folder(), 1); /* no temporary file is left */
}

static void an_old_file_is_replaced_and_keeps_its_permissions(void **state) {
    (void)state;
    assert_int_equal(write_file(in_folder("old"), "a long content"), EXIT_OK);
    assert_int_equal(chmod(in_folder("old"), 0600), 0);
    FILE *reader = fopen(in_folder("old"), "r");
    assert_int_equal(write_file(in_folder("old"), "new"), EXIT_OK);
    assert_holds(in_folder("old"), "new");
    char content[32] = "";
    assert_int_equal(fread(content, 1, sizeof content - 1, reader), 14); /* who has it open sees the old one whole */
    assert_string_equal(content, "a long content");
    fclose(reader);
    struct stat status;
    assert_int_equal(stat(in_folder("old"), &status), 0);
    assert_int_equal(status.st_mode & 07777, 0600);
}

static void a_symlink_stays_one(void **state) {
    (void)state;
    assert_int_equal(write_file(in_folder("target"), "before"), EXIT_OK);
    assert_int_equal(symlink("target", in_folder("link")), 0);
    assert_int_equal(write_file(in_folder("link"), "after"), EXIT_OK);
    assert_holds(in_folder("target"), "after");
    struct stat status;
    assert_int_equal(lstat(in_folder("link"), &status), 0);
    assert_true(S_ISLNK(status.st_mode));
}

static void a_device_is_written_to(void **state) {
    (void)state;
    assert_int_equal(write_file("/dev/null", "gone"), EXIT_OK);
    struct stat status;
    assert_int_equal(stat("/dev/null", &status), 0);
    assert_true(S_ISCHR(status.st_mode));
}

static void a_failure_says_where_and_leaves_nothing(void **state) {
    (void)state;
    assert_int_equal(write_file("/nonexistent/out", "x"), EXIT_ERROR);
    assert_string_equal(said, "coax: cannot write the payload to /nonexistent/out: No such file or directory\n");
    assert_int_equal(write_file(folder, "x"), EXIT_ERROR);
    assert_non_null(strstr(said, "Is a directory"));
    static char name[PATH_MAX + 10];
    memset(name, 'x', sizeof name - 1);
    assert_int_equal(write_file(name, "x"), EXIT_ERROR);
    assert_int_equal(write_file("/dev/full", "x"), EXIT_ERROR);
    assert_non_null(strstr(said, "No space left"));
    assert_int_equal(clear_folder(), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_new_file_has_the_usual_permissions, setup, teardown),
        cmocka_unit_test_setup_teardown(an_old_file_is_replaced_and_keeps_its_permissions, setup, teardown),
        cmocka_unit_test_setup_teardown(a_symlink_stays_one, setup, teardown),
        cmocka_unit_test_setup_teardown(a_device_is_written_to, setup, teardown),
        cmocka_unit_test_setup_teardown(a_failure_says_where_and_leaves_nothing, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
