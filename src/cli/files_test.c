#include "cli/files.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

/* A folder "served" with files and traps, beside a secret. */
static char base[32];

static void in_base(const char *name, char path[128]) {
    snprintf(path, 128, "%s/%s", base, name);
}

static void make_folder(const char *name) {
    char path[128];
    in_base(name, path);
    assert_int_equal(mkdir(path, 0755), 0);
}

static void make_file(const char *name, const char *text) {
    char path[128];
    in_base(name, path);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static void make_link(const char *name, const char *target) {
    char path[128];
    in_base(name, path);
    assert_int_equal(symlink(target, path), 0);
}

static int set_up(void **state) {
    char path[128];
    strcpy(base, "/tmp/files_test.XXXXXX");
    assert_non_null(mkdtemp(base));
    make_file("secret.txt", "secret");
    make_folder("outside");
    make_file("outside/secret.txt", "secret");
    make_folder("served");
    make_file("served/a.txt", "hello");
    make_file("served/100% \"b\".JSON", "{}");
    make_file("served/.hidden", "secret");
    make_folder("served/sub");
    make_file("served/sub/c.cbor", "");
    make_folder("served/sub/deep");
    make_link("served/link.txt", "a.txt");
    make_link("served/out.txt", "../secret.txt");
    make_link("served/out", "../outside");
    make_link("served/sub/root", "/");
    in_base("served/pipe", path);
    assert_int_equal(mkfifo(path, 0644), 0);
    in_base("served", path);
    *state = files_open(path);
    return *state == NULL;
}

static int tear_down(void **state) {
    char command[64];
    files_close(*state);
    snprintf(command, sizeof command, "rm -r %s", base);
    return system(command); /* NOLINT(cert-env33-c): the folder is this test's own */
}

typedef struct file finder(const struct files *files, const char *name);
static finder *const finders[] = {files_find, files_find_by_steps};

static enum file_kind kind_of(finder *find, const struct files *files, const char *name) {
    struct file file = find(files, name);
    if (file.fd >= 0) {
        close(file.fd);
    }
    return file.kind;
}

static void finds_files_and_folders(void **state) {
    static const struct {
        const char *name;
        enum file_kind kind;
    } cases[] = {
        {"", FILE_FOLDER},         {"a.txt", FILE_REGULAR},
        {"sub", FILE_FOLDER},      {"sub/c.cbor", FILE_REGULAR},
        {"sub/deep", FILE_FOLDER}, {"100% \"b\".JSON", FILE_REGULAR},
        {"none", FILE_NONE},       {"none/a.txt", FILE_NONE},
        {"a.txt/b", FILE_NONE},    {"pipe", FILE_NONE},
    };
    for (size_t f = 0; f < 2; f++) {
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
            if (kind_of(finders[f], *state, cases[i].name) != cases[i].kind) {
                fail_msg("finder %zu: %s", f, cases[i].name);
            }
        }
    }
}

/* Also what serve_path_to_name never lets through. */
static void nothing_leads_out(void **state) {
    static const char *const names[] = {
        "..",
        "../secret.txt",
        "sub/../../secret.txt",
        "/etc/passwd",
        "out.txt",
        "out/secret.txt",
        "sub/root/etc",
        "sub/root",
        "link.txt",
        "out",
        "sub/root/etc/passwd",
    };
    for (size_t f = 0; f < 2; f++) {
        for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
            if (kind_of(finders[f], *state, names[i]) != FILE_NONE) {
                fail_msg("finder %zu: %s was found", f, names[i]);
            }
        }
    }
}

static void names_are_bounded(void **state) {
    char name[600];
    memset(name, 'a', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    assert_int_equal(kind_of(files_find, *state, name), FILE_NONE);
    assert_int_equal(kind_of(files_find_by_steps, *state, name), FILE_NONE);
}

static void reads_files(void **state) {
    char out[16];
    struct file file = files_find(*state, "a.txt");
    assert_int_equal(file.size, 5);
    assert_int_equal(files_read(&file, 0, out, sizeof out), 5);
    assert_memory_equal(out, "hello", 5);
    assert_int_equal(files_read(&file, 1, out, 3), 3);
    assert_memory_equal(out, "ell", 3);
    assert_int_equal(files_read(&file, 3, out, 5), 2);
    assert_int_equal(files_read(&file, 5, out, 5), 0);
    close(file.fd);
    assert_int_equal(files_read(&file, 0, out, 5), -1);
    file = files_find(*state, "sub/c.cbor");
    assert_int_equal(files_read(&file, 0, out, sizeof out), 0);
    close(file.fd);
}

static void etags_follow_changes(void **state) {
    struct file first = files_find(*state, "a.txt");
    struct file again = files_find_by_steps(*state, "a.txt");
    assert_memory_equal(first.etag, again.etag, FILE_ETAG_SIZE);
    close(again.fd);
    make_file("served/a.txt", "hello, hello");
    again = files_find(*state, "a.txt");
    assert_memory_not_equal(first.etag, again.etag, FILE_ETAG_SIZE);
    close(first.fd);
    close(again.fd);
}

static void lists_folders(void **state) {
    static const char expected[] = "</f/100%25%20%22b%22.JSON>;ct=50;sz=2,</f/a.txt>;ct=0;sz=5,</f/sub/>;ct=40";
    char out[256];
    size_t size;
    struct file folder = files_find(*state, "");
    assert_true(files_list(&folder, "/f/", out, sizeof out, &size));
    assert_int_equal(size, strlen(expected));
    assert_memory_equal(out, expected, size);
    assert_true(files_list(&folder, "/f/", out, size, &size));
    assert_false(files_list(&folder, "/f/", out, size - 1, &size));
    assert_int_equal(size, strlen(expected));
    close(folder.fd);
    folder = files_find(*state, "sub/deep");
    assert_true(files_list(&folder, "/f/", out, sizeof out, &size));
    assert_int_equal(size, 0);
    close(folder.fd);
}

static void listings_are_bounded(void **state) {
    char name[64];
    char out[65536];
    size_t size;
    for (int i = 0; i < FILES_LISTED_MAXIMUM; i++) {
        snprintf(name, sizeof name, "served/sub/deep/%d", i);
        make_file(name, "");
    }
    struct file folder = files_find(*state, "sub/deep");
    assert_true(files_list(&folder, "/", out, sizeof out, &size));
    make_file("served/sub/deep/more", "");
    assert_false(files_list(&folder, "/", out, sizeof out, &size));
    close(folder.fd);
}

static void denied_is_not_missing(void **state) {
    char path[128];
    in_base("served/a.txt", path);
    assert_int_equal(chmod(path, 0), 0);
    /* root may read everything */
    enum file_kind expected = geteuid() == 0 ? FILE_REGULAR : FILE_DENIED;
    assert_int_equal(kind_of(files_find, *state, "a.txt"), expected);
    assert_int_equal(kind_of(files_find_by_steps, *state, "a.txt"), expected);
}

static void formats_go_by_extension(void **state) {
    (void)state;
    static const struct {
        const char *name;
        int format;
    } cases[] = {
        {"a.txt", 0},      {"a.JSON", 50},   {"a.b.cbor", 60}, {"a.xml", 41}, {"a.senml", 110},
        {"a.senmlc", 112}, {"a.svg", 30000}, {"a.css", 20000}, {"a.png", 23}, {"a.gif", 21},
        {"a.jpeg", 22},    {"a", 42},        {"json", 42},     {"a.", 42},    {"a.exe", 42},
        {"a.txt.gz", 42},  {"", 42},         {"a.wlnk", 40},   {"a.exi", 47},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        if (files_format(cases[i].name) != cases[i].format) {
            fail_msg("%s: %d", cases[i].name, files_format(cases[i].name));
        }
    }
    assert_int_not_equal(files_format("a.js"), 42);
}

static void says_why_a_folder_cannot_be_served(void **state) {
    (void)state;
    assert_null(files_open("/nonexistent"));
    assert_int_equal(errno, ENOENT);
    assert_null(files_open("/dev/null"));
    assert_int_equal(errno, ENOTDIR);
    files_close(NULL);
}

#define IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        IN_FOLDER(finds_files_and_folders),
        IN_FOLDER(nothing_leads_out),
        IN_FOLDER(names_are_bounded),
        IN_FOLDER(reads_files),
        IN_FOLDER(etags_follow_changes),
        IN_FOLDER(lists_folders),
        IN_FOLDER(listings_are_bounded),
        IN_FOLDER(denied_is_not_missing),
        cmocka_unit_test(formats_go_by_extension),
        cmocka_unit_test(says_why_a_folder_cannot_be_served),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
