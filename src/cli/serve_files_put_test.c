#include "cli/serve_files.h"

#include <fcntl.h>
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

static int set_up(void **state) {
    struct served *served = calloc(1, sizeof *served);
    assert_non_null(served);
    strcpy(served->folder, "/tmp/coax-put-XXXXXX");
    assert_non_null(mkdtemp(served->folder));
    assert_int_equal(chdir(served->folder), 0);
    assert_int_equal(mkdir("sub", 0700), 0);
    served->files = files_open(served->folder);
    served->endpoint = ask_set_up();
    *state = served;
    return !serve_add_files(coax_endpoint_site(served->endpoint), served->files, true, NULL);
}

static int tear_down(void **state) {
    struct served *served = *state;
    coax_endpoint_free(served->endpoint);
    files_close(served->files);
    unlink("a");
    int left = rmdir("sub") != 0;
    assert_int_equal(chdir("/"), 0);
    left |= rmdir(served->folder) != 0;
    free(served);
    return left;
}

static coax_endpoint *endpoint_of(void **state) {
    return ((struct served *)*state)->endpoint;
}

static void put_get_delete(void **state) {
    coax_endpoint *endpoint = endpoint_of(state);
    struct answered put = ask_to_put(endpoint, COAX_PUT, "/files/a", "one");
    assert_int_equal(put.code, COAX_CREATED);
    struct answered got = ask_for(endpoint, COAX_GET, "/files/a");
    assert_string_equal(got.payload, "one");
    assert_int_equal(got.etag_size, 8);
    assert_memory_equal(got.etag, put.etag, 8);
    assert_int_equal(ask_to_put(endpoint, COAX_PUT, "/files/a", "another").code, COAX_CHANGED);
    assert_string_equal(ask_for(endpoint, COAX_GET, "/files/a").payload, "another");
    assert_int_equal(ask_for(endpoint, COAX_DELETE, "/files/a").code, COAX_DELETED);
    assert_int_equal(ask_for(endpoint, COAX_GET, "/files/a").code, COAX_NOT_FOUND);
    assert_int_equal(ask_for(endpoint, COAX_DELETE, "/files/a").code, COAX_DELETED);
}

static unsigned count_open(void) {
    unsigned count = 0;
    for (int fd = 0; fd < 256; fd++) {
        count += fcntl(fd, F_GETFD) >= 0;
    }
    return count;
}

static void nothing_stays_open(void **state) {
    coax_endpoint *endpoint = endpoint_of(state);
    assert_int_equal(ask_to_put(endpoint, COAX_PUT, "/files/a", "x").code, COAX_CREATED);
    unsigned before = count_open();
    for (int i = 0; i < 5; i++) {
        assert_int_equal(ask_to_put(endpoint, COAX_PUT, "/files/a", "x").code, COAX_CHANGED);
        assert_int_equal(ask_for(endpoint, COAX_GET, "/files/a").code, COAX_CONTENT);
        assert_int_equal(ask_for(endpoint, COAX_DELETE, "/files/a").code, COAX_DELETED);
        assert_int_equal(ask_to_put(endpoint, COAX_PUT, "/files/a", "x").code, COAX_CREATED);
        assert_int_equal(ask_to_put(endpoint, COAX_PUT, "/files/nowhere/a", "x").code, COAX_NOT_FOUND);
    }
    assert_int_equal(count_open(), before);
}

static void large_ones_come_in_blocks(void **state) {
    coax_endpoint *endpoint = endpoint_of(state);
    static char large[70000];
    memset(large, 'x', sizeof large);
    const struct ask ask = {.payload = large, .payload_size = sizeof large};
    struct stat status;
    assert_int_equal(ask_with(endpoint, COAX_PUT, "/files/a", &ask).code, COAX_CREATED);
    assert_int_equal(stat("a", &status), 0);
    assert_int_equal(status.st_size, sizeof large);
}

static void conditions_are_obeyed(void **state) {
    coax_endpoint *endpoint = endpoint_of(state);
    const struct asked_option none = {COAX_OPTION_IF_NONE_MATCH, "", 0};
    const struct asked_option other = {COAX_OPTION_IF_MATCH, "other", 5};
    const struct ask if_none = {.options = &none, .option_count = 1, .payload = "x", .payload_size = 1};
    const struct ask if_other = {.options = &other, .option_count = 1, .payload = "y", .payload_size = 1};
    assert_int_equal(ask_with(endpoint, COAX_PUT, "/files/a", &if_other).code, COAX_PRECONDITION_FAILED);
    assert_int_equal(ask_with(endpoint, COAX_PUT, "/files/a", &if_none).code, COAX_CREATED);
    assert_int_equal(ask_with(endpoint, COAX_PUT, "/files/a", &if_none).code, COAX_PRECONDITION_FAILED);
    assert_int_equal(ask_with(endpoint, COAX_DELETE, "/files/a", &if_other).code, COAX_PRECONDITION_FAILED);
    assert_string_equal(ask_for(endpoint, COAX_GET, "/files/a").payload, "x");
}

static void what_cannot_be_written_is_refused(void **state) {
    coax_endpoint *endpoint = endpoint_of(state);
    static const struct {
        const char *path;
        uint8_t code;
    } rows[] = {
        {"/files", COAX_METHOD_NOT_ALLOWED}, {"/files/sub", COAX_METHOD_NOT_ALLOWED}, {"/files/none/a", COAX_NOT_FOUND},
        {"/files/.hidden", COAX_FORBIDDEN},  {"/files/sub%2Fa", COAX_FORBIDDEN},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct answered put = ask_to_put(endpoint, COAX_PUT, rows[i].path, "x");
        assert_int_equal(put.code, rows[i].code);
    }
    assert_int_equal(ask_for(endpoint, COAX_DELETE, "/files/sub").code, COAX_METHOD_NOT_ALLOWED);
    const struct asked_option size = {COAX_OPTION_SIZE1, "\x7f\xff\xff\xff", 4};
    const struct ask huge = {.options = &size, .option_count = 1, .payload = "x", .payload_size = 1};
    assert_int_equal(ask_with(endpoint, COAX_PUT, "/files/a", &huge).code, COAX_REQUEST_ENTITY_TOO_LARGE);
}

#define SERVED(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        SERVED(put_get_delete),
        SERVED(nothing_stays_open),
        SERVED(large_ones_come_in_blocks),
        SERVED(conditions_are_obeyed),
        SERVED(what_cannot_be_written_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
