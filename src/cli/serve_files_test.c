#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "cli/serve_ask.h"
#include "cli/serve_resources.h"

struct served {
    coax_endpoint *endpoint;
    struct files *files;
    char folder[32];
};

static void make_file(const struct served *served, const char *name, size_t size) {
    char path[128];
    snprintf(path, sizeof path, "%s/%s", served->folder, name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    for (size_t i = 0; i < size; i++) {
        fputc('x', file);
    }
    fclose(file);
}

static int set_up(void **state) {
    char path[128];
    struct served *served = calloc(1, sizeof *served);
    assert_non_null(served);
    strcpy(served->folder, "/tmp/serve_files.XXXXXX");
    assert_non_null(mkdtemp(served->folder));
    make_file(served, "a b.txt", 5);
    make_file(served, ".hidden", 5);
    make_file(served, "fits", 1000);
    make_file(served, "large.json", 3000);
    snprintf(path, sizeof path, "%s/sub", served->folder);
    assert_int_equal(mkdir(path, 0755), 0);
    make_file(served, "sub/c.cbor", 0);
    snprintf(path, sizeof path, "%s/sub/link", served->folder);
    assert_int_equal(symlink("/etc", path), 0);
    served->endpoint = ask_set_up();
    served->files = files_open(served->folder);
    *state = served;
    return !serve_add_files(coax_endpoint_site(served->endpoint), served->files, false, NULL);
}

static int tear_down(void **state) {
    char command[64];
    struct served *served = *state;
    coax_endpoint_free(served->endpoint);
    files_close(served->files);
    snprintf(command, sizeof command, "rm -r %s", served->folder);
    free(served);
    return system(command); /* NOLINT(cert-env33-c): the folder is this test's own */
}

static struct answered get(void **state, const char *path) {
    return ask_for(((struct served *)*state)->endpoint, COAX_GET, path);
}

static void gives_files(void **state) {
    struct answered got = get(state, "/files/a%20b.txt");
    assert_int_equal(got.code, COAX_CONTENT);
    assert_int_equal(got.format, COAX_FORMAT_TEXT);
    assert_string_equal(got.payload, "xxxxx");
    got = get(state, "/files/sub/c.cbor");
    assert_int_equal(got.code, COAX_CONTENT);
    assert_int_equal(got.format, COAX_FORMAT_CBOR);
    assert_int_equal(got.size, 0);
    assert_int_equal(get(state, "/files/fits").size, 1000);
    got = get(state, "/files/large.json");
    assert_int_equal(got.size, 3000);
    assert_int_equal(strspn(got.payload, "x"), 3000);
}

static void lists_folders(void **state) {
    struct answered got = get(state, "/files");
    assert_int_equal(got.code, COAX_CONTENT);
    assert_int_equal(got.format, COAX_FORMAT_LINK);
    assert_string_equal(got.payload, "</files/a%20b.txt>;ct=0;sz=5,</files/fits>;ct=42;sz=1000,"
                                     "</files/large.json>;ct=50;sz=3000,</files/sub/>;ct=40");
    assert_string_equal(get(state, "/files/").payload, got.payload);
    assert_string_equal(get(state, "/files/sub").payload, "</files/sub/c.cbor>;ct=60;sz=0");
    assert_string_equal(get(state, "/files/sub/").payload, "</files/sub/c.cbor>;ct=60;sz=0");
}

static void lists_many_files(void **state) {
    struct served *served = *state;
    char name[64];
    for (int i = 0; i < 60; i++) {
        snprintf(name, sizeof name, "sub/a-rather-long-name-%d.txt", i);
        make_file(served, name, 0);
    }
    struct answered got = get(state, "/files/sub/");
    assert_int_equal(got.code, COAX_CONTENT);
    assert_true(got.size > 2048);
    assert_non_null(strstr(got.payload, "</files/sub/a-rather-long-name-9.txt>;ct=0;sz=0,</files/sub/c.cbor>"));
}

static void says_when_a_file_is_too_large(void **state) {
    char path[128];
    const struct served *served = *state;
    snprintf(path, sizeof path, "%s/fits", served->folder);
    assert_int_equal(truncate(path, (INT64_C(1) << 30) + 1), 0); /* a hole: it takes no room */
    struct answered got = get(state, "/files/fits");
    assert_int_equal(got.code, COAX_NOT_IMPLEMENTED);
    assert_string_equal(got.payload, "The file has 1073741825 bytes, more than the 1073741824 that blocks can count");
}

static void nothing_else_is_there(void **state) {
    static const char *const paths[] = {
        "/files/none",     "/files/.hidden",         "/files//fits",  "/files/%2Ffits",          "/files/sub%2Fc.cbor",
        "/files/sub/link", "/files/sub/link/passwd", "/files/fits/x", "/files/%2F..%2F..%2Fetc", "/files/fits%00.txt",
    };
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        struct answered got = get(state, paths[i]);
        if (got.code != COAX_NOT_FOUND) {
            fail_msg("%s: %u", paths[i], got.code);
        }
    }
}

static void knows_what_the_client_has(void **state) {
    struct served *served = *state;
    struct answered got = get(state, "/files/fits");
    const struct asked_option etag = {COAX_OPTION_ETAG, (const char *)got.etag, got.etag_size};
    const struct ask ask = {.options = &etag, .option_count = 1};
    assert_int_equal(ask_with(served->endpoint, COAX_GET, "/files/fits", &ask).code, COAX_VALID);
    make_file(served, "fits", 7);
    assert_int_equal(ask_with(served->endpoint, COAX_GET, "/files/fits", &ask).code, COAX_CONTENT);
    assert_int_equal(ask_accepting(served->endpoint, "/files/fits", COAX_FORMAT_JSON).code, COAX_NOT_ACCEPTABLE);
}

static void files_are_only_read(void **state) {
    coax_endpoint *endpoint = ((struct served *)*state)->endpoint;
    assert_int_equal(ask_to_put(endpoint, COAX_PUT, "/files/new", "x").code, COAX_METHOD_NOT_ALLOWED);
    assert_int_equal(ask_for(endpoint, COAX_DELETE, "/files/fits").code, COAX_METHOD_NOT_ALLOWED);
}

#define SERVED(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        SERVED(gives_files),           SERVED(lists_folders),
        SERVED(lists_many_files),      SERVED(says_when_a_file_is_too_large),
        SERVED(nothing_else_is_there), SERVED(knows_what_the_client_has),
        SERVED(files_are_only_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
