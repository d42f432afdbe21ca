#include "cli/download.h"

#include "cli/capture.h"
#include "cli/commands.h"
#include "message/message.h"
#include "message/option.h"
#include <coax/coax.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

enum { UNIT = 1024 };

static const char part_name[] = "file.0102.part";
static uint8_t bytes[3 * UNIT];

static int set_up(void **state) {
    char *folder = strdup("/tmp/coax-download-XXXXXX");
    assert_non_null(folder);
    assert_non_null(mkdtemp(folder));
    assert_int_equal(chdir(folder), 0);
    for (size_t i = 0; i < sizeof bytes; i++) {
        bytes[i] = (uint8_t)(i % 251);
    }
    *state = folder;
    return 0;
}

/* Nothing but what is named here is left. */
static int tear_down(void **state) {
    unlink("file");
    unlink("link");
    unlink(part_name);
    assert_int_equal(chdir("/"), 0);
    int left = rmdir(*state) != 0;
    free(*state);
    return left;
}

/* The response that begins a body, with this ETag or none. */
static enum coax_status begin(struct download *download, const char *tag, size_t size) {
    uint8_t room[32];
    struct option_writer writer = option_writer_on(room, sizeof room);
    if (tag != NULL) {
        assert_int_equal(coax_option_write(&writer, COAX_OPTION_ETAG, tag, size), COAX_OK);
    }
    const struct coax_message response = {.code = COAX_CONTENT, .options = option_writer_bytes(&writer)};
    return download_sink.begin(download, &response);
}

static void expect_file(const char *path, size_t size) {
    uint8_t got[sizeof bytes + 1];
    int fd = open(path, O_RDONLY);
    assert_true(fd >= 0);
    assert_int_equal(read(fd, got, sizeof got), size);
    assert_memory_equal(got, bytes, size);
    close(fd);
}

static bool is_there(const char *path) {
    return access(path, F_OK) == 0;
}

static void prepare(struct download *download, const char *path) {
    assert_int_equal(download_prepare(download, path), EXIT_OK);
}

/* Lets one break off after so many bytes of what has the ETag 0102. */
static void break_off(size_t size) {
    struct download download;
    prepare(&download, "file");
    assert_int_equal(begin(&download, "\1\2", 2), COAX_OK);
    assert_int_equal(download_sink.write(&download, 0, bytes, size), COAX_OK);
    download_sink.close(&download, false);
    assert_int_equal(download.is_left, size >= UNIT);
    assert_int_equal(download_report(&download), EXIT_OK);
}

/* Prepares the next one; the request is only asked to resume. */
static void resume(struct download *download, bool expected) {
    coax_endpoint *endpoint = NULL;
    coax_request *request = NULL;
    assert_int_equal(coax_endpoint_new(&endpoint, NULL, NULL), COAX_OK);
    assert_int_equal(coax_request_new(&request, endpoint, COAX_GET, "coap://127.0.0.1/", NULL), COAX_OK);
    assert_int_equal(coax_request_set_sink(request, &(const coax_body_sink){.write = download_sink.write}, download),
                     COAX_OK);
    prepare(download, "file");
    assert_int_equal(download_resume(download, request), COAX_OK);
    assert_int_equal(download->skipped > 0, expected);
    coax_request_cancel(request);
    coax_endpoint_free(endpoint);
}

static void a_whole_file_comes_to_be(void **state) {
    (void)state;
    static const char *const tags[] = {"\1\2", NULL};
    for (size_t i = 0; i < 2; i++) {
        struct download download;
        struct stat status;
        prepare(&download, "file");
        assert_int_equal(begin(&download, tags[i], 2), COAX_OK);
        assert_int_equal(download_sink.write(&download, 0, bytes, UNIT), COAX_OK);
        assert_int_equal(is_there("file"), i > 0);
        assert_int_equal(download_sink.write(&download, UNIT, bytes + UNIT, 100), COAX_OK);
        download_sink.close(&download, true);
        assert_int_equal(download_report(&download), EXIT_OK);
        expect_file("file", UNIT + 100);
        assert_int_equal(stat("file", &status), 0);
        assert_int_equal(status.st_mode & 0777, i == 0 ? 0644 : 0604); /* as new, as it was */
        assert_int_equal(chmod("file", 0604), 0);
        assert_false(is_there(part_name));
    }
}

static void what_broke_off_goes_on(void **state) {
    (void)state;
    struct download download;
    break_off(2 * UNIT + 500);
    assert_true(is_there(part_name));
    assert_false(is_there("file"));
    resume(&download, true);
    assert_int_equal(download.skipped, 2 * UNIT);
    assert_int_equal(begin(&download, "\1\2", 2), COAX_OK);
    assert_int_equal(download_sink.write(&download, 2 * UNIT, bytes + 2 * UNIT, 10), COAX_OK);
    download_sink.close(&download, true);
    expect_file("file", 2 * UNIT + 10);
    assert_false(is_there(part_name));
}

static void what_changed_begins_anew(void **state) {
    (void)state;
    struct download download;
    break_off(2 * UNIT);
    resume(&download, true);
    assert_int_equal(begin(&download, "\3", 1), COAX_OK);
    assert_false(is_there(part_name));
    assert_int_equal(download_sink.write(&download, 0, bytes, 10), COAX_OK);
    download_sink.close(&download, true);
    expect_file("file", 10);
}

static void what_did_not_come_again_stays(void **state) {
    (void)state;
    struct download download;
    break_off(2 * UNIT + 1);
    resume(&download, true);
    download_sink.close(&download, false); /* nobody answered */
    assert_true(download.is_left);
    expect_file(part_name, 2 * UNIT);
}

static void little_or_nameless_leaves_nothing(void **state) {
    (void)state;
    struct download download;
    break_off(UNIT - 1);
    assert_false(is_there(part_name));
    prepare(&download, "file");
    assert_int_equal(begin(&download, NULL, 0), COAX_OK);
    assert_int_equal(download_sink.write(&download, 0, bytes, sizeof bytes), COAX_OK);
    download_sink.close(&download, false);
    assert_false(download.is_left);
}

static void what_others_put_there_is_not_used(void **state) {
    (void)state;
    struct download download;
    assert_int_equal(symlink("/etc/passwd", part_name), 0);
    resume(&download, false);
    assert_int_equal(begin(&download, "\1\2", 2), COAX_E_IO);
    download_sink.close(&download, false);
    assert_int_equal(download.problem, ELOOP);
    resume(&download, false);
    assert_int_equal(unlink(part_name), 0);
    assert_int_equal(mkfifo(part_name, 0600), 0);
    resume(&download, false);
}

static void a_link_stays_and_what_it_leads_to_is_replaced(void **state) {
    (void)state;
    struct download download;
    struct stat status;
    fclose(fopen("file", "w"));
    assert_int_equal(symlink("file", "link"), 0);
    prepare(&download, "link");
    assert_int_equal(begin(&download, NULL, 0), COAX_OK);
    assert_int_equal(download_sink.write(&download, 0, bytes, 5), COAX_OK);
    download_sink.close(&download, true);
    assert_int_equal(lstat("link", &status), 0);
    assert_true(S_ISLNK(status.st_mode));
    expect_file("file", 5);
}

static void what_is_no_file_is_written_as_it_comes(void **state) {
    (void)state;
    struct download download;
    prepare(&download, "/dev/null");
    assert_int_equal(begin(&download, NULL, 0), COAX_OK);
    assert_int_equal(download_sink.write(&download, 0, bytes, 5), COAX_OK);
    assert_int_equal(download_sink.write(&download, 5, bytes, 5), COAX_OK);
    assert_int_equal(download_sink.write(&download, 0, bytes, 5), COAX_E_CHANGED);
    download_sink.close(&download, false);
    assert_int_equal(download_report(&download), EXIT_OK);
}

static void standard_output_is_one_of_these(void **state) {
    (void)state;
    struct download download;
    char text[32];
    struct capture capture = capture_begin(stdout);
    prepare(&download, NULL);
    assert_int_equal(begin(&download, "\1", 1), COAX_OK);
    assert_int_equal(download_sink.write(&download, 0, "some", 4), COAX_OK);
    assert_int_equal(download_sink.write(&download, 4, "thing", 5), COAX_OK);
    download_sink.close(&download, true);
    capture_end(&capture, text, sizeof text);
    assert_string_equal(text, "something");
}

static void a_folder_that_is_not_there_is_named(void **state) {
    (void)state;
    struct download download;
    char text[256];
    struct capture capture = capture_begin(stderr);
    int code = download_prepare(&download, "/nonexistent/out");
    capture_end(&capture, text, sizeof text);
    assert_int_equal(code, EXIT_ERROR);
    assert_non_null(strstr(text, "/nonexistent/out: No such file"));
}

#define SCENE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        SCENE(a_whole_file_comes_to_be),
        SCENE(what_broke_off_goes_on),
        SCENE(what_changed_begins_anew),
        SCENE(what_did_not_come_again_stays),
        SCENE(little_or_nameless_leaves_nothing),
        SCENE(what_others_put_there_is_not_used),
        SCENE(a_link_stays_and_what_it_leads_to_is_replaced),
        SCENE(what_is_no_file_is_written_as_it_comes),
        SCENE(standard_output_is_one_of_these),
        SCENE(a_folder_that_is_not_there_is_named),
    };
    umask(022);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
