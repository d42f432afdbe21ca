#include "cli/commands.h"

#include <coax/coax.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "cli/verb_process.h"

/* A server in this process, to which `coax attach` of another one connects. */
struct server {
    coax_endpoint *endpoint;
    char uri[128];
    coax_remote *client; /* a reference; NULL: none is connected */
    uint8_t code;        /* of the last answer */
    char payload[256];
    enum coax_status ended; /* how the last connection did */
};

static void on_connection(coax_remote *remote, const coax_error *error, void *user) {
    struct server *server = user;
    if (error == NULL) {
        assert_null(server->client);
        server->client = coax_remote_ref(remote);
    } else if (server->client == remote) {
        server->ended = error->status;
        server->client = NULL;
        coax_remote_unref(remote);
    }
}

static void server_open(struct server *server, const char *uri) {
    coax_endpoint_config config = COAX_ENDPOINT_CONFIG_INIT;
    memset(server, 0, sizeof *server);
    config.connections = on_connection;
    config.user = server;
    assert_int_equal(coax_endpoint_new(&server->endpoint, &config, NULL), COAX_OK);
    assert_int_equal(coax_endpoint_listen(server->endpoint, uri, NULL), COAX_OK);
    assert_int_equal(coax_endpoint_listening_uri(server->endpoint, 0, server->uri, sizeof server->uri), COAX_OK);
}

static void server_close(struct server *server) {
    if (server->client != NULL) {
        coax_remote_unref(server->client);
        server->client = NULL;
    }
    coax_endpoint_free(server->endpoint);
}

static void server_turn(struct server *server) {
    struct pollfd wait = {coax_endpoint_fd(server->endpoint), POLLIN, 0};
    assert_true(poll(&wait, 1, coax_endpoint_timeout_ms(server->endpoint)) >= 0);
    assert_int_equal(coax_endpoint_process(server->endpoint, NULL), COAX_OK);
}

static void server_await_client(struct server *server, bool is_here) {
    while ((server->client != NULL) != is_here) {
        server_turn(server);
    }
}

static void on_answer(coax_request *request, const coax_message *response, const coax_error *error, void *user) {
    struct server *server = user;
    (void)request;
    if (response == NULL) {
        fail_msg("%s", error->text);
        return;
    }
    server->code = coax_message_code(response);
    snprintf(server->payload, sizeof server->payload, "%.*s", (int)coax_message_payload_size(response),
             (const char *)coax_message_payload(response));
}

static uint8_t server_ask(struct server *server, const char *path) {
    coax_request *request;
    server->code = COAX_EMPTY;
    assert_int_equal(coax_request_new_to(&request, server->endpoint, server->client, COAX_GET, path, NULL), COAX_OK);
    assert_int_equal(coax_request_send(request, on_answer, server, NULL), COAX_OK);
    while (server->code == COAX_EMPTY) {
        server_turn(server);
    }
    return server->code;
}

#define attach(verb, ...) verb_start(verb, command_attach, (const char *const[]){"attach", __VA_ARGS__, NULL})

static void serves_over_its_connection_until_a_signal(void **state) {
    (void)state;
    static const char *const uris[] = {"coap+tcp://127.0.0.1:0", "coap+ws://127.0.0.1:0"};
    for (size_t i = 0; i < 2; i++) {
        struct server server;
        struct verb_process verb;
        char rest[1024];
        server_open(&server, uris[i]);
        attach(&verb, server.uri);
        server_await_client(&server, true);
        assert_non_null(strstr(verb_line(&verb, verb.out), server.uri));
        assert_memory_equal(verb.text, "attached to ", 12);
        assert_int_equal(server_ask(&server, "/time"), COAX_CONTENT);
        assert_int_equal(server_ask(&server, "/host/load"), COAX_CONTENT);
        assert_int_equal(server_ask(&server, "/files/"), COAX_NOT_FOUND);
        assert_int_equal(kill(verb.process, SIGTERM), 0);
        server_await_client(&server, false);
        assert_int_equal(server.ended, COAX_E_RELEASED);
        assert_int_equal(verb_end(&verb, rest, sizeof rest), EXIT_OK);
        assert_string_equal(rest, "");
        server_close(&server);
    }
}

/* A URI where nobody listens. The process that is started then has no copy of a server's sockets. */
static void find_uri(char uri[128]) {
    struct server server;
    server_open(&server, "coap+tcp://127.0.0.1:0");
    memcpy(uri, server.uri, sizeof server.uri);
    server_close(&server);
}

static void waits_for_a_server_and_comes_back_to_it(void **state) {
    (void)state;
    struct server server;
    struct verb_process verb;
    char rest[1024], uri[128];
    find_uri(uri);
    attach(&verb, uri);
    for (int i = 0; i < 2; i++) {
        assert_non_null(strstr(verb_line(&verb, verb.err), "; connecting again in "));
        server_open(&server, uri);
        server_await_client(&server, true);
        assert_non_null(strstr(verb_line(&verb, verb.out), uri));
        assert_int_equal(server_ask(&server, "/time"), COAX_CONTENT);
        if (i == 0) {
            server_close(&server);
        }
    }
    kill(verb.process, SIGINT);
    server_await_client(&server, false);
    assert_int_equal(verb_end(&verb, rest, sizeof rest), EXIT_OK);
    assert_string_equal(rest, "");
    server_close(&server);
}

static void a_signal_ends_the_wait_for_a_server(void **state) {
    (void)state;
    struct verb_process verb;
    char rest[1024], uri[128];
    find_uri(uri);
    attach(&verb, uri);
    assert_non_null(strstr(verb_line(&verb, verb.err), "connecting again in 1."));
    kill(verb.process, SIGINT);
    assert_int_equal(verb_end(&verb, rest, sizeof rest), EXIT_OK);
    assert_string_equal(rest, "");
}

static void what_will_not_mend_ends_it(void **state) {
    (void)state;
    static const struct {
        const char *words[5];
        int code;
        const char *expected;
    } cases[] = {
        {{"attach", "coaps+tcp://127.0.0.1:1", "--credentials", "/dev/null"}, EXIT_USAGE, "/dev/null"},
        {{"attach", "coaps://127.0.0.1:1"}, EXIT_SECURITY, "credentials"},
        {{"attach", "coap://127.0.0.1:1"}, EXIT_USAGE, "coap has no connections"},
        {{"attach", "coap+tcp://127.0.0.1:1", "--files", "/nonexistent"}, EXIT_USAGE, "--files '/nonexistent'"},
        {{"attach", "coap+tcp://127.0.0.1:1", "--ping-interval", "100000"}, EXIT_USAGE, "ping_interval_ms"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct verb_process verb;
        char rest[1024];
        verb_start(&verb, command_attach, cases[i].words);
        int code = verb_end(&verb, rest, sizeof rest);
        if (code != cases[i].code || strstr(rest, cases[i].expected) == NULL) {
            fail_msg("%s: %d, %s", cases[i].words[1], code, rest);
        }
    }
}

static void help_and_version(void **state) {
    (void)state;
    struct verb_process verb;
    char rest[1024];
    attach(&verb, "--version");
    assert_memory_equal(verb_line(&verb, verb.out), "coax ", 5);
    assert_int_equal(verb_end(&verb, rest, sizeof rest), EXIT_OK);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(serves_over_its_connection_until_a_signal),
        cmocka_unit_test(waits_for_a_server_and_comes_back_to_it),
        cmocka_unit_test(a_signal_ends_the_wait_for_a_server),
        cmocka_unit_test(what_will_not_mend_ends_it),
        cmocka_unit_test(help_and_version),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
