#include "cli/output.h"

#include "cli/capture.h"
#include "cli/commands.h"
#include "cli/message_sample.h"
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static struct message_sample sample;
static struct request_settings settings;
static char out[4096]; /* what came on stdout and stderr */
static char err[4096];

static int setup(void **state) {
    (void)state;
    memset(&settings, 0, sizeof settings);
    return 0;
}

static int show(void) {
    struct answer answer = {.message = &sample.message, .remote = "coap://localhost", .elapsed_ms = 2};
    struct capture first = capture_begin(stdout);
    struct capture second = capture_begin(stderr);
    int code = output_response(&settings, &answer);
    capture_end(&second, err, sizeof err);
    capture_end(&first, out, sizeof out);
    return code;
}

static void a_payload_goes_to_stdout_as_it_came(void **state) {
    (void)state;
    sample_begin(&sample, COAX_CONTENT, "21.5", 4);
    assert_int_equal(show(), EXIT_OK);
    assert_string_equal(out, "21.5");
    assert_string_equal(err, "");
    sample_begin(&sample, COAX_CONTENT, "\x1b\xff\n", 3);
    assert_int_equal(show(), EXIT_OK);
    assert_string_equal(out, "\x1b\xff\n");
    sample_begin(&sample, COAX_DELETED, NULL, 0);
    assert_int_equal(show(), EXIT_OK);
    assert_string_equal(out, "");
    assert_string_equal(err, "");
}

static void a_failure_goes_to_stderr(void **state) {
    (void)state;
    sample_begin(&sample, COAX_NOT_FOUND, "no /a here", 10);
    assert_int_equal(show(), EXIT_CLIENT_ERROR);
    assert_string_equal(out, "");
    assert_string_equal(err, "coax: 4.04 Not Found\nno /a here\n");
    settings.quiet = true; /* errors are no notes */
    sample_begin(&sample, COAX_INTERNAL_SERVER_ERROR, NULL, 0);
    assert_int_equal(show(), EXIT_SERVER_ERROR);
    assert_string_equal(err, "coax: 5.00 Internal Server Error\n");
    sample_begin(&sample, COAX_HOP_LIMIT_REACHED, "a.example b.example", 19); /* RFC 8768 section 4: the proxies */
    assert_int_equal(show(), EXIT_SERVER_ERROR);
    assert_string_equal(err, "coax: 5.08 Hop Limit Reached\na.example b.example\n");
}

static void a_failure_cannot_drive_the_terminal(void **state) {
    (void)state;
    sample_begin(&sample, COAX_NOT_FOUND, "\x1b[2J", 4);
    sample_option_uint(&sample, COAX_OPTION_CONTENT_FORMAT, COAX_FORMAT_CBOR);
    assert_int_equal(show(), EXIT_CLIENT_ERROR);
    assert_string_equal(err, "coax: 4.04 Not Found\ncoax: it came with 4 bytes of application/cbor; --format json "
                             "shows them\n");
}

static void codes_without_a_class_are_errors(void **state) {
    (void)state;
    static const uint8_t odd[] = {COAX_CODE(3, 1), COAX_CODE(1, 0), COAX_CODE(6, 31), COAX_CODE(7, 30)};
    for (size_t i = 0; i < sizeof odd; i++) {
        sample_begin(&sample, odd[i], "x", 1);
        assert_int_equal(show(), EXIT_ERROR);
        assert_string_equal(out, "");
    }
    assert_non_null(strstr(err, "coax: 7.30\n"));
}

static void what_was_created_is_named(void **state) {
    (void)state;
    sample_begin(&sample, COAX_CREATED, NULL, 0);
    sample_option_text(&sample, COAX_OPTION_LOCATION_PATH, "store");
    sample_option_text(&sample, COAX_OPTION_LOCATION_PATH, "a b");
    assert_int_equal(show(), EXIT_OK);
    assert_string_equal(err, "coax: created /store/a%20b\n");
    settings.quiet = true;
    assert_int_equal(show(), EXIT_OK);
    assert_string_equal(err, "");
}

/* RFC 8516 and RFC 7252 section 5.9.3.4: Max-Age says when. */
static void a_busy_server_says_when_to_try_again(void **state) {
    (void)state;
    sample_begin(&sample, COAX_TOO_MANY_REQUESTS, NULL, 0);
    sample_option_uint(&sample, COAX_OPTION_MAX_AGE, 30);
    assert_int_equal(show(), EXIT_CLIENT_ERROR);
    assert_non_null(strstr(err, "coax: try again in 30 s\n"));
    sample_begin(&sample, COAX_SERVICE_UNAVAILABLE, NULL, 0);
    assert_int_equal(show(), EXIT_SERVER_ERROR);
    assert_null(strstr(err, "try again"));
    sample_begin(&sample, COAX_CONTENT, NULL, 0);
    sample_option_uint(&sample, COAX_OPTION_MAX_AGE, 30);
    assert_int_equal(show(), EXIT_OK);
    assert_null(strstr(err, "try again"));
}

static void json_changes_what_stdout_gets_and_nothing_else(void **state) {
    (void)state;
    settings.json = true;
    sample_begin(&sample, COAX_NOT_FOUND, "gone", 4);
    assert_int_equal(show(), EXIT_CLIENT_ERROR);
    assert_string_equal(err, "coax: 4.04 Not Found\ngone\n");
    json_t *object = json_loads(out, 0, NULL);
    assert_non_null(object);
    assert_string_equal(json_string_value(json_object_get(object, "code")), "4.04");
    assert_string_equal(json_string_value(json_object_get(object, "payload")), "gone");
    json_decref(object);
    assert_ptr_equal(strchr(out, '\n'), out + strlen(out) - 1); /* one line */
}

static void errors_are_said_and_in_json_shown_too(void **state) {
    (void)state;
    coax_error error = {.status = COAX_E_REFUSED, .alert = -1, .text = "nobody listens"};
    for (int round = 0; round < 2; round++) {
        settings.json = round == 1;
        struct capture first = capture_begin(stdout);
        struct capture second = capture_begin(stderr);
        int code = output_error(&settings, EXIT_ERROR, &error);
        capture_end(&second, err, sizeof err);
        capture_end(&first, out, sizeof out);
        assert_int_equal(code, EXIT_ERROR);
        assert_string_equal(err, "coax: nobody listens\n");
        assert_string_equal(out, round == 0 ? ""
                                            : "{\"error\": {\"status\": \"COAX_E_REFUSED\", \"text\": \"nobody "
                                              "listens\", \"alert\": null}}\n");
    }
}

static void a_file_is_written_for_success_only(void **state) {
    (void)state;
    char folder[] = "/tmp/coax-output-XXXXXX";
    assert_non_null(mkdtemp(folder));
    char path[64];
    snprintf(path, sizeof path, "%s/out", folder);
    settings.output = path;
    sample_begin(&sample, COAX_NOT_FOUND, "gone", 4);
    assert_int_equal(show(), EXIT_CLIENT_ERROR);
    assert_int_equal(access(path, F_OK), -1);
    sample_begin(&sample, COAX_CONTENT, "kept", 4);
    assert_int_equal(show(), EXIT_OK);
    assert_string_equal(out, "");
    assert_int_equal(access(path, F_OK), 0);
    settings.json = true;
    assert_int_equal(show(), EXIT_OK);
    assert_non_null(strstr(out, path));
    assert_null(strstr(out, "kept"));
    unlink(path);
    rmdir(folder);
    settings.output = "/nonexistent/out";
    assert_int_equal(show(), EXIT_ERROR);
    assert_non_null(strstr(err, "cannot write the payload to /nonexistent/out"));
    settings.json = false;
    settings.output = "-";
    assert_int_equal(show(), EXIT_OK);
    assert_string_equal(out, "kept");
}

/* Shows the response with stdout on a pseudo-terminal; what that got is in `out`, as the terminal shows it. */
static bool show_on_terminal(void) {
    int master = posix_openpt(O_RDWR | O_NOCTTY);
    if (master < 0 || grantpt(master) != 0 || unlockpt(master) != 0) {
        return false;
    }
    int slave = open(ptsname(master), O_RDWR | O_NOCTTY);
    struct answer answer = {.message = &sample.message, .remote = "coap://localhost", .elapsed_ms = 2};
    fflush(stdout);
    int kept = dup(STDOUT_FILENO);
    dup2(slave, STDOUT_FILENO);
    struct capture second = capture_begin(stderr);
    output_response(&settings, &answer);
    capture_end(&second, err, sizeof err);
    fflush(stdout);
    dup2(kept, STDOUT_FILENO);
    close(kept);
    assert_int_equal(write(slave, "", 1), 1); /* so that there is something to read */
    ssize_t size = read(master, out, sizeof out - 1);
    out[size > 0 ? size : 0] = '\0';
    close(slave);
    close(master);
    return true;
}

static void a_terminal_gets_a_newline_more_and_no_orders(void **state) {
    (void)state;
    sample_begin(&sample, COAX_CONTENT, "21.5", 4);
    if (!show_on_terminal()) {
        skip();
    }
    assert_string_equal(out, "21.5\r\n");
    sample_begin(&sample, COAX_CONTENT, "21.5\n", 5);
    assert_true(show_on_terminal());
    assert_string_equal(out, "21.5\r\n");
    sample_begin(&sample, COAX_CONTENT, "\x1b[2J", 4);
    assert_true(show_on_terminal());
    assert_string_equal(out, "");
    assert_non_null(strstr(err, "the payload, 4 bytes, is no text for a terminal"));
    settings.output = "-";
    assert_true(show_on_terminal());
    assert_string_equal(out, "\x1b[2J\r\n");
    settings.output = NULL;
    settings.json = true;
    sample_begin(&sample, COAX_CONTENT, "\xc2\x9b", 2);
    assert_true(show_on_terminal());
    assert_non_null(strstr(out, "\"payload\": \"\\xc2\\x9b\""));
}

static void a_full_disk_is_told(void **state) {
    (void)state;
    sample_begin(&sample, COAX_CONTENT, "21.5", 4);
    struct answer answer = {.message = &sample.message};
    struct capture second = capture_begin(stderr);
    fflush(stdout);
    int kept = dup(STDOUT_FILENO);
    int full = open("/dev/full", O_WRONLY);
    dup2(full, STDOUT_FILENO);
    close(full);
    int code = output_response(&settings, &answer);
    dup2(kept, STDOUT_FILENO);
    close(kept);
    clearerr(stdout);
    capture_end(&second, err, sizeof err);
    assert_int_equal(code, EXIT_ERROR);
    assert_string_equal(err, "coax: cannot write to standard output: No space left on device\n");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_payload_goes_to_stdout_as_it_came, setup),
        cmocka_unit_test_setup(a_failure_goes_to_stderr, setup),
        cmocka_unit_test_setup(a_failure_cannot_drive_the_terminal, setup),
        cmocka_unit_test_setup(codes_without_a_class_are_errors, setup),
        cmocka_unit_test_setup(what_was_created_is_named, setup),
        cmocka_unit_test_setup(a_busy_server_says_when_to_try_again, setup),
        cmocka_unit_test_setup(json_changes_what_stdout_gets_and_nothing_else, setup),
        cmocka_unit_test_setup(errors_are_said_and_in_json_shown_too, setup),
        cmocka_unit_test_setup(a_file_is_written_for_success_only, setup),
        cmocka_unit_test_setup(a_terminal_gets_a_newline_more_and_no_orders, setup),
        cmocka_unit_test_setup(a_full_disk_is_told, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
