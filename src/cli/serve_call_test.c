#include "cli/serve_call.h"

#include "cli/capture.h"
#include <coax/coax.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "cli/connected.h"

static char out[8192], err[8192];

/* A server with --call, whose standard input is a pipe, and a client that serves /hello. */
struct calling {
    struct connected connected;
    struct call *call;
    int kept_input, typed; /* the real standard input; the writing end of the pipe */
    struct capture out, err;
};

static void greet(coax_exchange *exchange, const coax_message *request, void *user) {
    (void)user;
    if (coax_message_payload_size(request) > 0) {
        (void)coax_respond(exchange, COAX_CHANGED, COAX_NO_FORMAT, coax_message_payload(request),
                           coax_message_payload_size(request));
    } else {
        (void)coax_respond_text(exchange, COAX_CONTENT, "hello");
    }
}

static void calling_open(struct calling *calling) {
    int ends[2];
    coax_endpoint_config config = COAX_ENDPOINT_CONFIG_INIT;
    coax_resource_config resource = COAX_RESOURCE_CONFIG_INIT;
    resource.get = resource.put = greet;
    assert_int_equal(pipe(ends), 0);
    calling->kept_input = dup(STDIN_FILENO);
    dup2(ends[0], STDIN_FILENO);
    close(ends[0]);
    calling->typed = ends[1];
    calling->out = capture_begin(stdout);
    calling->err = capture_begin(stderr);
    calling->call = call_new(&config);
    assert_non_null(calling->call);
    connected_begin(&calling->connected, "coap+tcp", &config);
    assert_non_null(coax_site_add(coax_endpoint_site(calling->connected.client), "hello", &resource, NULL));
    call_start(calling->call, calling->connected.server);
}

/* Turns until `text` stands in what is captured. */
static void await(const struct calling *calling, const struct capture *capture, const char *text) {
    char seen[sizeof err];
    do {
        connected_turn(&calling->connected);
        fflush(capture->stream);
        ssize_t size = pread(fileno(capture->file), seen, sizeof seen - 1, 0);
        seen[size > 0 ? size : 0] = '\0';
    } while (strstr(seen, text) == NULL);
}

static void type(const struct calling *calling, const char *text) {
    assert_int_equal(write(calling->typed, text, strlen(text)), (ssize_t)strlen(text));
    call_read(calling->call);
}

static void calling_close(struct calling *calling) {
    call_stop(calling->call);
    connected_close(&calling->connected);
    call_free(calling->call);
    capture_end(&calling->err, err, sizeof err);
    capture_end(&calling->out, out, sizeof out);
    dup2(calling->kept_input, STDIN_FILENO);
    close(calling->kept_input);
    if (calling->typed >= 0) {
        close(calling->typed);
    }
}

static void requests_go_to_the_client_of_the_number(void **state) {
    (void)state;
    struct calling calling;
    calling_open(&calling);
    await(&calling, &calling.err, "client 1 is here");
    type(&calling, "1 get /hello\n");
    await(&calling, &calling.out, "hello");
    type(&calling, "1 put /hello a b\n");
    await(&calling, &calling.out, "a b");
    type(&calling, "1 get /nowhere\n");
    await(&calling, &calling.err, "4.04");
    calling_close(&calling);
    assert_string_equal(out, "hello\na b\n");
    assert_memory_equal(err, "coax: client 1 is here: coap+tcp 127.0.0.1:", 43);
    assert_non_null(strstr(err, "coax: client 1, get /hello: 2.05 Content\n"));
    assert_non_null(strstr(err, "coax: client 1, put /hello: 2.04 Changed\n"));
    assert_non_null(strstr(err, "coax: client 1, get /nowhere:\ncoax: 4.04 Not Found\n"));
}

static void a_client_that_leaves_is_told_and_its_requests_fail(void **state) {
    (void)state;
    struct calling calling;
    calling_open(&calling);
    await(&calling, &calling.err, "client 1 is here");
    type(&calling, "1 get /hello\n");
    assert_int_equal(coax_remote_release(calling.connected.at_client, NULL, NULL, NULL, NULL), COAX_OK);
    await(&calling, &calling.err, "client 1 is gone: ");
    type(&calling, "1 get /hello\nlist\n");
    calling_close(&calling);
    assert_non_null(strstr(err, "there is no client 1"));
    assert_non_null(strstr(out, "(nobody is connected)\n"));
}

static void lines_that_are_no_requests(void **state) {
    (void)state;
    static char longest[8192];
    struct calling calling;
    calling_open(&calling);
    await(&calling, &calling.err, "client 1 is here");
    type(&calling, "list\n\nhelp\nnonsense\n1 get %\n1 get /%zz\n2 get /\n");
    memset(longest, 'x', sizeof longest - 1);
    type(&calling, longest);
    calling_close(&calling);
    assert_memory_equal(out, "1  coap+tcp 127.0.0.1:", 22);
    assert_non_null(strstr(out, "1 put /store/a hello"));
    assert_non_null(strstr(err, "'nonsense' is no client's number"));
    assert_non_null(strstr(err, "coax: client 1, get /%zz: "));
    assert_non_null(strstr(err, "there is no client 2"));
    assert_non_null(strstr(err, "this one is dropped"));
}

static void the_end_of_the_input_ends_reading_only(void **state) {
    (void)state;
    struct calling calling;
    calling_open(&calling);
    assert_int_equal(call_fd(calling.call), STDIN_FILENO);
    close(calling.typed);
    calling.typed = -1;
    call_read(calling.call);
    assert_int_equal(call_fd(calling.call), -1);
    await(&calling, &calling.err, "client 1 is here");
    calling_close(&calling);
}

static void what_is_under_way_at_the_end_is_forgotten(void **state) {
    (void)state;
    struct calling calling;
    calling_open(&calling);
    await(&calling, &calling.err, "client 1 is here");
    type(&calling, "1 get /hello\n");
    calling_close(&calling);
    assert_string_equal(out, "");
    assert_null(strstr(err, "get /hello"));
}

static void no_call_does_nothing(void **state) {
    (void)state;
    call_start(NULL, NULL);
    assert_int_equal(call_fd(NULL), -1);
    call_stop(NULL);
    call_free(NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(requests_go_to_the_client_of_the_number),
        cmocka_unit_test(a_client_that_leaves_is_told_and_its_requests_fail),
        cmocka_unit_test(lines_that_are_no_requests),
        cmocka_unit_test(the_end_of_the_input_ends_reading_only),
        cmocka_unit_test(what_is_under_way_at_the_end_is_forgotten),
        cmocka_unit_test(no_call_does_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
