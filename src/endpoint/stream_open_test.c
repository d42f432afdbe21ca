#include "endpoint/endpoint.h"
#include "endpoint_fixture.h"
#include "raw_peer.h"
#include "transport/stream/connection.h"
#include "virtual_clock.h"

#include <dlfcn.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

/* The name "two.test" has two addresses. */
int getaddrinfo(const char *name, const char *service, const struct addrinfo *req, struct addrinfo **pai) {
    int (*real)(const char *, const char *, const struct addrinfo *, struct addrinfo **);
    *(void **)&real = dlsym(RTLD_NEXT, "getaddrinfo");
    if (name == NULL || strcmp(name, "two.test") != 0) {
        return real(name, service, req, pai);
    }
    int result = real("127.0.0.1", service, req, pai);
    return result != 0 ? result : real("127.0.0.2", service, req, &(*pai)->ai_next);
}

/* As the system may choose: a port for the client that is the one it connects to. */
static bool connects_to_itself;

int connect(int fd, const struct sockaddr *address, socklen_t size) {
    int (*real)(int, const struct sockaddr *, socklen_t);
    *(void **)&real = dlsym(RTLD_NEXT, "connect");
    if (connects_to_itself) {
        (void)bind(fd, address, size);
    }
    return real(fd, address, size);
}

/* A server at 127.0.0.2 whose clients have a log; `name` is its URI by "two.test". */
struct fixture {
    struct endpoint_pair pair;
    struct connection_log log;
    char name[64];
};

static int set_up(void **state) {
    static struct fixture fixture;
    coax_endpoint_config config = COAX_ENDPOINT_CONFIG_INIT;
    fixture = (struct fixture){.name = ""};
    config.connections = note_connection;
    config.user = &fixture.log;
    if (!make_pair(&fixture.pair, "coap+tcp://127.0.0.2:0") || !replace_client(&fixture.pair, &config)) {
        return -1;
    }
    (void)snprintf(fixture.name, sizeof fixture.name, "coap+tcp://two.test%s", strrchr(fixture.pair.uri, ':'));
    *state = &fixture;
    return 0;
}

static int tear_down(void **state) {
    struct fixture *fixture = *state;
    free_pair(&fixture->pair);
    coax_virtual_clock_off();
    return 0;
}

static uint64_t real_now(void) {
    struct timespec now;
    (void)syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * COAX_SECOND + (uint64_t)now.tv_nsec;
}

static void the_next_address_is_tried_when_one_refuses(void **state) {
    struct fixture *fixture = *state;
    struct answer answer;
    assert_int_equal(ask_hello(&fixture->pair, fixture->name, &answer), COAX_OK);
    assert_string_equal(answer.payload, "hello nobody");
    assert_int_equal(fixture->log.opened, 1);
}

/* A listener whose queue is full: the system answers no more. */
struct silent_listener {
    int listener, fillers[4];
};

static void listen_silently(struct silent_listener *silent, const char *host, uint16_t *port) {
    silent->listener = raw_listen(host, port, 0);
    assert_true(silent->listener >= 0);
    struct sockaddr_in address = raw_address(host, *port);
    for (int i = 0; i < 4; i++) {
        silent->fillers[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
        (void)connect(silent->fillers[i], (struct sockaddr *)&address, sizeof address);
    }
}

static void close_silent(struct silent_listener *silent) {
    for (int i = 0; i < 4; i++) {
        close(silent->fillers[i]);
    }
    close(silent->listener);
}

static void process_for_a_while(coax_endpoint *endpoint) {
    for (int i = 0; i < 20; i++) {
        struct pollfd wait = {.fd = coax_endpoint_fd(endpoint), .events = POLLIN};
        (void)poll(&wait, 1, 2);
        assert_int_equal(coax_endpoint_process(endpoint, NULL), COAX_OK);
    }
}

/* It has two seconds; then another one is asked. */
static void the_next_address_is_tried_when_one_is_silent(void **state) {
    struct fixture *fixture = *state;
    struct silent_listener silent;
    struct answer answer;
    uint16_t port = raw_port_of(fixture->pair.uri);
    listen_silently(&silent, "127.0.0.1", &port);
    assert_int_equal(begin_hello(&fixture->pair, fixture->name, &answer), COAX_OK);
    process_for_a_while(fixture->pair.client);
    assert_int_equal(answer.count, 0);
    assert_int_equal(fixture->log.opened, 0);
    coax_virtual_clock_set(real_now() + 2 * COAX_SECOND);
    assert_int_equal(coax_endpoint_timeout_ms(fixture->pair.client), 0);
    assert_true(drive(&fixture->pair, &answer.count));
    assert_string_equal(answer.payload, "hello nobody");
    close_silent(&silent);
}

/* The last address has as long as the opening of a connection may take in all. */
static void silence_ends_at_the_deadline(void **state) {
    struct fixture *fixture = *state;
    struct silent_listener silent;
    struct answer answer;
    char uri[64];
    uint16_t port = 0;
    listen_silently(&silent, "127.0.0.1", &port);
    (void)snprintf(uri, sizeof uri, "coap+tcp://127.0.0.1:%u", port);
    assert_int_equal(begin_hello(&fixture->pair, uri, &answer), COAX_OK);
    process_for_a_while(fixture->pair.client);
    coax_virtual_clock_set(real_now() + 3 * COAX_SECOND);
    assert_int_equal(coax_endpoint_process(fixture->pair.client, NULL), COAX_OK);
    assert_int_equal(answer.count, 0);
    coax_virtual_clock_advance(30 * COAX_SECOND);
    assert_true(drive(&fixture->pair, &answer.count));
    assert_int_equal(answer.error.status, COAX_E_TIMEOUT);
    assert_int_equal(stream_connection_count(&fixture->pair.client->stack->streams), 0);
    close_silent(&silent);
}

static void a_refusal_is_told_to_all_who_wait(void **state) {
    struct fixture *fixture = *state;
    struct answer answers[3];
    coax_endpoint_free(fixture->pair.server);
    fixture->pair.server = NULL;
    for (int i = 0; i < 3; i++) {
        assert_int_equal(begin_hello(&fixture->pair, NULL, &answers[i]), COAX_OK);
    }
    for (int i = 0; i < 3; i++) {
        assert_true(drive(&fixture->pair, &answers[i].count));
        assert_int_equal(answers[i].error.status, COAX_E_REFUSED);
        assert_non_null(strstr(answers[i].error.text, "Connection refused: nothing listens on TCP 127.0.0.2:"));
        assert_non_null(strstr(answers[i].error.text, "start the server"));
    }
}

static void a_socket_connected_to_itself_is_no_server(void **state) {
    struct fixture *fixture = *state;
    struct answer answer;
    coax_endpoint_free(fixture->pair.server);
    fixture->pair.server = NULL;
    connects_to_itself = true;
    assert_int_equal(ask_hello(&fixture->pair, NULL, &answer), COAX_OK);
    connects_to_itself = false;
    assert_int_equal(answer.error.status, COAX_E_REFUSED);
    assert_int_equal(fixture->log.opened, 0);
}

static void small_messages_do_not_wait(void **state) {
    struct fixture *fixture = *state;
    struct answer answer;
    int no_delay = 0;
    socklen_t size = sizeof no_delay;
    assert_int_equal(ask_hello(&fixture->pair, NULL, &answer), COAX_OK);
    struct list_node *node = list_first(&fixture->pair.client->stack->streams.connections);
    const struct stream_socket *stream = coax_connection_link(COAX_CONTAINER(node, struct connection, all));
    assert_int_equal(getsockopt(stream->fd, IPPROTO_TCP, TCP_NODELAY, &no_delay, &size), 0);
    assert_true(no_delay != 0);
}

static void an_unknown_host_is_named(void **state) {
    struct fixture *fixture = *state;
    struct answer answer;
    assert_int_equal(ask_hello(&fixture->pair, "coap+ws://nowhere.invalid", &answer), COAX_OK);
    assert_int_equal(answer.error.status, COAX_E_RESOLVE);
    assert_non_null(strstr(answer.error.text, "nowhere.invalid"));
    assert_int_equal(begin_hello(&fixture->pair, "coap+tcp://[fe80::1%25nosuchif]", &answer), COAX_E_RESOLVE);
    assert_non_null(strstr(answer.error.text, "nosuchif"));
}

/* Not inside the call that asks, however soon it is known. */
static void what_fails_at_once_is_told_later(void **state) {
    struct fixture *fixture = *state;
    struct answer answer;
    assert_int_equal(begin_hello(&fixture->pair, "coap+tcp://255.255.255.255:5683", &answer), COAX_OK);
    assert_int_equal(answer.count, 0);
    assert_true(drive(&fixture->pair, &answer.count));
    assert_int_equal(answer.error.status, COAX_E_UNREACHABLE);
    assert_non_null(strstr(answer.error.text, "255.255.255.255"));
}

static void requests_at_once_share_a_connection(void **state) {
    struct fixture *fixture = *state;
    enum { MANY = 20 };
    struct answer answers[MANY];
    for (int i = 0; i < MANY; i++) {
        assert_int_equal(begin_hello(&fixture->pair, fixture->name, &answers[i]), COAX_OK);
    }
    for (int i = 0; i < MANY; i++) {
        assert_true(drive(&fixture->pair, &answers[i].count));
        assert_int_equal(answers[i].code, COAX_CONTENT);
    }
    assert_int_equal(fixture->log.opened, 1);
    assert_int_equal(stream_connection_count(&fixture->pair.server->stack->streams), 1);
}

/* A server that was started again: nobody has to care. */
static void the_next_request_opens_another_connection(void **state) {
    struct fixture *fixture = *state;
    struct answer answer;
    coax_resource_config config = COAX_RESOURCE_CONFIG_INIT;
    assert_int_equal(ask_hello(&fixture->pair, NULL, &answer), COAX_OK);
    coax_endpoint_free(fixture->pair.server);
    fixture->pair.server = NULL;
    assert_true(drive(&fixture->pair, &fixture->log.ended));
    assert_int_equal(fixture->log.error.status, COAX_E_RELEASED);
    assert_int_equal(coax_endpoint_new(&fixture->pair.server, NULL, NULL), COAX_OK);
    config.get = serve_hello;
    assert_non_null(coax_site_add(coax_endpoint_site(fixture->pair.server), "hello", &config, NULL));
    assert_int_equal(coax_endpoint_listen(fixture->pair.server, fixture->pair.uri, NULL), COAX_OK);
    assert_int_equal(ask_hello(&fixture->pair, NULL, &answer), COAX_OK);
    assert_string_equal(answer.payload, "hello nobody");
    assert_int_equal(fixture->log.opened, 2);
}

/* A name is being looked up, an address is silent, another one has just answered: all of it can be left. */
static void the_endpoint_can_go_while_it_opens(void **state) {
    struct fixture *fixture = *state;
    struct silent_listener silent;
    struct answer answers[3];
    char uri[64];
    uint16_t port = 0;
    listen_silently(&silent, "127.0.0.1", &port);
    (void)snprintf(uri, sizeof uri, "coap+tcp://127.0.0.1:%u", port);
    const char *const uris[3] = {"coap+tcp://nowhere.invalid", uri, NULL};
    for (int i = 0; i < 3; i++) {
        assert_int_equal(begin_hello(&fixture->pair, uris[i], &answers[i]), COAX_OK);
    }
    coax_endpoint_free(fixture->pair.client);
    fixture->pair.client = NULL;
    for (int i = 0; i < 3; i++) {
        assert_int_equal(answers[i].count, 1);
        assert_int_equal(answers[i].error.status, COAX_E_SHUT_DOWN);
    }
    close_silent(&silent);
}

/* A connection that is given up before it is open: its stream is not opened any further. */
static void a_connection_can_be_given_up_while_it_opens(void **state) {
    struct fixture *fixture = *state;
    static const char *const uris[] = {"coap+tcp://nowhere.invalid", NULL};
    for (int i = 0; i < 2; i++) {
        coax_remote *remote;
        const char *uri = uris[i] != NULL ? uris[i] : fixture->pair.uri;
        assert_int_equal(coax_endpoint_connect(fixture->pair.client, uri, &remote, NULL), COAX_OK);
        assert_int_equal(coax_remote_release(remote, NULL, NULL, NULL, NULL), COAX_OK);
        coax_remote_unref(remote);
        process_for_a_while(fixture->pair.client);
        assert_int_equal(stream_connection_count(&fixture->pair.client->stack->streams), 0);
    }
    assert_int_equal(fixture->log.opened, 0);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(the_next_address_is_tried_when_one_refuses),
        TEST(the_next_address_is_tried_when_one_is_silent),
        TEST(silence_ends_at_the_deadline),
        TEST(a_refusal_is_told_to_all_who_wait),
        TEST(a_socket_connected_to_itself_is_no_server),
        TEST(small_messages_do_not_wait),
        TEST(an_unknown_host_is_named),
        TEST(what_fails_at_once_is_told_later),
        TEST(requests_at_once_share_a_connection),
        TEST(the_next_request_opens_another_connection),
        TEST(the_endpoint_can_go_while_it_opens),
        TEST(a_connection_can_be_given_up_while_it_opens),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
