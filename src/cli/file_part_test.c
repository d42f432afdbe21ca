#include "cli/file_part.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

struct scene {
    char folder[32];
    struct files *files;
};

static int set_up(void **state) {
    struct scene *scene = calloc(1, sizeof *scene);
    assert_non_null(scene);
    strcpy(scene->folder, "/tmp/coax-part-XXXXXX");
    assert_non_null(mkdtemp(scene->folder));
    assert_int_equal(chdir(scene->folder), 0);
    assert_int_equal(mkdir("sub", 0700), 0);
    scene->files = files_open(scene->folder);
    assert_non_null(scene->files);
    *state = scene;
    return 0;
}

/* Nothing but what is named here is left. */
static int tear_down(void **state) {
    struct scene *scene = *state;
    unlink("a");
    unlink("sub/a");
    unlink("link");
    int left = rmdir("sub") != 0;
    assert_int_equal(chdir("/"), 0);
    left |= rmdir(scene->folder) != 0;
    files_close(scene->files);
    free(scene);
    return left;
}

static void expect_content(const char *path, const char *text) {
    char got[64];
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    got[fread(got, 1, sizeof got - 1, file)] = '\0';
    fclose(file);
    assert_string_equal(got, text);
}

static void a_file_comes_to_be_as_a_whole(void **state) {
    struct scene *scene = *state;
    static const char *const names[] = {"a", "sub/a"};
    for (size_t i = 0; i < 2; i++) {
        for (int again = 0; again < 2; again++) {
            struct file_part *part = file_part_new(scene->files, names[i]);
            assert_non_null(part);
            assert_true(file_part_write(part, 0, "gone and forgotten", 18));
            assert_true(file_part_write(part, 0, "first ", 6));
            assert_true(file_part_write(part, 6, again != 0 ? "again" : "once", again != 0 ? 5 : 4));
            if (again == 0) {
                assert_int_equal(access(names[i], F_OK), -1);
            } else {
                expect_content(names[i], "first once");
            }
            assert_true(file_part_commit(part));
            file_part_free(part);
            expect_content(names[i], again != 0 ? "first again" : "first once");
        }
    }
}

static void what_breaks_off_is_gone(void **state) {
    struct scene *scene = *state;
    struct file_part *part = file_part_new(scene->files, "sub/a");
    assert_true(file_part_write(part, 0, "half", 4));
    file_part_free(part);
    file_part_free(NULL);
}

static void what_cannot_be_written(void **state) {
    struct scene *scene = *state;
    static const struct {
        const char *name;
        int problem;
    } rows[] = {{"", EISDIR}, {"none/a", ENOENT}, {"a/b", ENOTDIR}, {"../a", ENOENT}, {"link/a", ENOENT}};
    fclose(fopen("a", "w"));
    assert_int_equal(symlink("/tmp", "link"), 0);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        errno = 0;
        assert_null(file_part_new(scene->files, rows[i].name));
        assert_int_equal(errno, rows[i].problem);
    }
}

static void a_link_is_replaced_not_followed(void **state) {
    struct scene *scene = *state;
    struct stat status;
    assert_int_equal(symlink("/tmp/coax-elsewhere", "link"), 0);
    struct file_part *part = file_part_new(scene->files, "link");
    assert_true(file_part_write(part, 0, "x", 1));
    assert_true(file_part_commit(part));
    file_part_free(part);
    assert_int_equal(lstat("link", &status), 0);
    assert_true(S_ISREG(status.st_mode));
    assert_int_equal(access("/tmp/coax-elsewhere", F_OK), -1);
}

static void files_are_removed(void **state) {
    struct scene *scene = *state;
    fclose(fopen("sub/a", "w"));
    assert_true(files_remove(scene->files, "sub/a"));
    assert_false(files_remove(scene->files, "sub/a"));
    assert_int_equal(errno, ENOENT);
    assert_false(files_remove(scene->files, "sub"));
    assert_int_equal(errno, EISDIR);
    assert_false(files_remove(scene->files, "../etc/passwd"));
}

#define SCENE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        SCENE(a_file_comes_to_be_as_a_whole),   SCENE(what_breaks_off_is_gone), SCENE(what_cannot_be_written),
        SCENE(a_link_is_replaced_not_followed), SCENE(files_are_removed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
