#include "cli/upload.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static int make_file(char path[32], const char *text) {
    strcpy(path, "/tmp/coax-upload-XXXXXX");
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    return fd;
}

static void pieces_come_from_where_they_are_asked_for(void **state) {
    (void)state;
    char path[32], out[8];
    struct upload upload;
    size_t size;
    close(make_file(path, "0123456789"));
    assert_true(upload_open(&upload, path));
    assert_int_equal(upload.size, 10);
    assert_int_equal(upload_source.read(&upload, 4, out, 4, &size), COAX_OK);
    assert_int_equal(size, 4);
    assert_memory_equal(out, "4567", 4);
    assert_int_equal(upload_source.read(&upload, 8, out, 8, &size), COAX_OK);
    assert_int_equal(size, 2);
    assert_int_equal(upload_source.read(&upload, 0, out, 1, &size), COAX_OK); /* again */
    assert_int_equal(out[0], '0');
    assert_int_equal(upload_source.read(&upload, 11, out, 8, &size), COAX_OK);
    assert_int_equal(size, 0);
    upload_source.close(&upload);
    assert_int_equal(upload.fd, -1);
    unlink(path);
}

static void a_file_that_shrinks_is_another(void **state) {
    (void)state;
    char path[32], out[8];
    struct upload upload;
    size_t size;
    int fd = make_file(path, "0123456789");
    assert_true(upload_open(&upload, path));
    assert_int_equal(ftruncate(fd, 5), 0);
    assert_int_equal(upload_source.read(&upload, 4, out, 4, &size), COAX_E_CHANGED);
    upload_source.close(&upload);
    close(fd);
    unlink(path);
}

static void what_is_no_file_is_left_alone(void **state) {
    (void)state;
    struct upload upload;
    assert_false(upload_open(&upload, "/dev/null"));
    assert_false(upload_open(&upload, "/nonexistent"));
    assert_false(upload_open(&upload, "/tmp"));
    assert_int_equal(upload.fd, -1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pieces_come_from_where_they_are_asked_for),
        cmocka_unit_test(a_file_that_shrinks_is_another),
        cmocka_unit_test(what_is_no_file_is_left_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
