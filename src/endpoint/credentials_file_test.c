#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "security/credentials.h"
#include "security/credentials_test_data.h"
#include <sys/stat.h>
#include <unistd.h>

#define JSON "{\"coaps://h/*\": {\"dtls\": {\"psk\": {\"ascii\": \"k\"}, \"client-identity\": {\"ascii\": \"i\"}}}}"

/* A folder with files in it, and a store. */
struct fixture {
    char folder[64];
    char path[128]; /* of the file that was written last */
    coax_credentials *credentials;
    coax_error warning, error;
};

static int set_up(void **state) {
    struct fixture *fixture = calloc(1, sizeof *fixture);
    if (fixture == NULL) {
        return -1;
    }
    strcpy(fixture->folder, "/tmp/coax-credentials-XXXXXX");
    fixture->credentials = coax_credentials_new();
    *state = fixture;
    return mkdtemp(fixture->folder) == NULL || fixture->credentials == NULL ? -1 : 0;
}

static const char *path_of(struct fixture *fixture, const char *name) {
    (void)snprintf(fixture->path, sizeof fixture->path, "%s/%s", fixture->folder, name);
    return fixture->path;
}

static int tear_down(void **state) {
    static const char *const names[] = {"a.json", "b.json", "key.pem", "keys/key.pem", "keys"};
    struct fixture *fixture = *state;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        (void)remove(path_of(fixture, names[i]));
    }
    int result = rmdir(fixture->folder);
    coax_credentials_free(fixture->credentials);
    free(fixture);
    return result;
}

static void write_file(struct fixture *fixture, const char *name, const void *data, size_t size, mode_t mode) {
    FILE *file = fopen(path_of(fixture, name), "w");
    assert_non_null(file);
    assert_int_equal(fwrite(data, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(chmod(fixture->path, mode), 0);
}

static void write_text(struct fixture *fixture, const char *name, const char *text, mode_t mode) {
    write_file(fixture, name, text, strlen(text), mode);
}

static enum coax_status load(struct fixture *fixture, const char *name) {
    return coax_credentials_load_file(fixture->credentials, path_of(fixture, name), &fixture->warning, &fixture->error);
}

static void a_private_file_is_read_silently(void **state) {
    struct fixture *fixture = *state;
    write_text(fixture, "a.json", JSON, 0640);
    strcpy(fixture->warning.text, "left over");
    assert_int_equal(load(fixture, "a.json"), COAX_OK);
    assert_string_equal(fixture->warning.text, "");
    assert_true(coax_credentials_can_serve(fixture->credentials));
    assert_int_equal(coax_credentials_load_file(fixture->credentials, fixture->path, NULL, NULL), COAX_OK);
}

static void a_file_that_all_can_read_earns_a_warning(void **state) {
    struct fixture *fixture = *state;
    write_text(fixture, "a.json", JSON, 0644);
    assert_int_equal(load(fixture, "a.json"), COAX_OK);
    assert_non_null(strstr(fixture->warning.text, "/a.json\" holds secrets and can be read by everyone"));
    assert_int_equal(coax_credentials_load_file(fixture->credentials, fixture->path, NULL, NULL), COAX_OK);
}

static void mistakes_have_file_line_and_column(void **state) {
    struct fixture *fixture = *state;
    write_text(fixture, "a.json", "{\":a\":\n  5}", 0600);
    assert_int_equal(load(fixture, "a.json"), COAX_E_SYNTAX);
    char expected[160];
    (void)snprintf(expected, sizeof expected, "%s:2:3: a number; expected", fixture->path);
    assert_memory_equal(fixture->error.text, expected, strlen(expected));
}

static void files_that_cannot_be_read_are_named(void **state) {
    struct fixture *fixture = *state;
    assert_int_equal(load(fixture, "none.json"), COAX_E_IO);
    assert_non_null(strstr(fixture->error.text, "/none.json\": No such file"));
    assert_int_equal(load(fixture, ""), COAX_E_IO);
    assert_non_null(strstr(fixture->error.text, "directory"));
    assert_int_equal(coax_credentials_load_file(fixture->credentials, "", NULL, NULL), COAX_E_IO);
}

#define RPK(file) "{\":a\": {\"rpk\": {\"private-key\": \"" file "\"}}}"

static void files_are_found_beside_the_json(void **state) {
    struct fixture *fixture = *state;
    assert_int_equal(mkdir(path_of(fixture, "keys"), 0700), 0);
    write_text(fixture, "keys/key.pem", TEST_PRIVATE_KEY, 0600);
    write_text(fixture, "a.json", RPK("keys/key.pem"), 0600);
    assert_int_equal(load(fixture, "a.json"), COAX_OK);
    assert_string_equal(fixture->warning.text, "");
    struct credential *credential = coax_credentials_for_server(fixture->credentials, CREDENTIAL_RPK, NULL);
    assert_non_null(credential);
    assert_int_equal(credential->private_key.size, strlen(TEST_PRIVATE_KEY));
    coax_credential_unref(credential);
    write_text(fixture, "b.json", RPK("key.pem"), 0600);
    assert_int_equal(load(fixture, "b.json"), COAX_E_IO);
    assert_non_null(strstr(fixture->error.text, "/b.json:1:32: cannot read \""));
    assert_non_null(strstr(fixture->error.text, "/key.pem\": No such file"));
}

static void absolute_names_are_taken_as_they_are(void **state) {
    struct fixture *fixture = *state;
    write_text(fixture, "key.pem", TEST_PRIVATE_KEY, 0600);
    char json[256];
    (void)snprintf(json, sizeof json, "{\":a\": {\"rpk\": {\"private-key\": \"%s\"}}}", fixture->path);
    write_text(fixture, "a.json", json, 0600);
    assert_int_equal(load(fixture, "a.json"), COAX_OK);
}

static void a_private_key_that_all_can_read_earns_a_warning(void **state) {
    struct fixture *fixture = *state;
    write_text(fixture, "key.pem", TEST_PRIVATE_KEY, 0644);
    write_text(fixture, "a.json", RPK("key.pem"), 0600);
    assert_int_equal(load(fixture, "a.json"), COAX_OK);
    assert_non_null(strstr(fixture->warning.text, "/key.pem\" holds secrets"));
    write_text(fixture, "key.pem", TEST_PUBLIC_KEY, 0644);
    write_text(fixture, "b.json", "{\":a\": {\"rpk\": {\"peer-public-key\": \"key.pem\"}}}", 0600);
    assert_int_equal(load(fixture, "b.json"), COAX_OK);
    assert_string_equal(fixture->warning.text, "");
}

static void files_have_a_bound(void **state) {
    struct fixture *fixture = *state;
    size_t size = (size_t)1024 * 1024;
    char *text = malloc(size + 1);
    assert_non_null(text);
    memset(text, ' ', size + 1);
    memcpy(text, JSON, sizeof JSON - 1);
    write_file(fixture, "a.json", text, size, 0600);
    assert_int_equal(load(fixture, "a.json"), COAX_OK);
    write_file(fixture, "a.json", text, size + 1, 0600);
    assert_int_equal(load(fixture, "a.json"), COAX_E_IO);
    assert_non_null(strstr(fixture->error.text, "larger than 1048576 bytes"));
    free(text);
}

/* As a shell's <(...) gives. */
static void a_pipe_is_a_file_too(void **state) {
    struct fixture *fixture = *state;
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(write(ends[1], JSON, strlen(JSON)), (ssize_t)strlen(JSON));
    close(ends[1]);
    char path[32];
    (void)snprintf(path, sizeof path, "/dev/fd/%d", ends[0]);
    assert_int_equal(coax_credentials_load_file(fixture->credentials, path, &fixture->warning, &fixture->error),
                     COAX_OK);
    assert_string_equal(fixture->warning.text, "");
    close(ends[0]);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_private_file_is_read_silently, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_file_that_all_can_read_earns_a_warning, set_up, tear_down),
        cmocka_unit_test_setup_teardown(mistakes_have_file_line_and_column, set_up, tear_down),
        cmocka_unit_test_setup_teardown(files_that_cannot_be_read_are_named, set_up, tear_down),
        cmocka_unit_test_setup_teardown(files_are_found_beside_the_json, set_up, tear_down),
        cmocka_unit_test_setup_teardown(absolute_names_are_taken_as_they_are, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_private_key_that_all_can_read_earns_a_warning, set_up, tear_down),
        cmocka_unit_test_setup_teardown(files_have_a_bound, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_pipe_is_a_file_too, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
