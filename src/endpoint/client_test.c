#include "endpoint/endpoint.h"
#include "endpoint_fixture.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

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

static void requests_by_address_and_by_name(void **state) {
    (void)state;
    struct endpoint_pair pair;
    struct answer answer;
    char uri[64];
    assert_true(make_pair(&pair, "coap://127.0.0.1:0"));
    assert_int_equal(ask_hello(&pair, NULL, &answer), COAX_OK);
    assert_string_equal(answer.payload, "hello nobody");
    /* The server is not on ::1, which "localhost" may also mean: the next address is tried at once. */
    (void)snprintf(uri, sizeof uri, "coap://localhost%s", strrchr(pair.uri, ':'));
    assert_int_equal(ask_hello(&pair, uri, &answer), COAX_OK);
    assert_string_equal(answer.payload, "hello nobody");
    free_pair(&pair);
}

static void requests_over_dtls(void **state) {
    (void)state;
    struct endpoint_pair pair;
    struct answer answer;
    char uri[64];
    assert_true(make_pair(&pair, "coaps://127.0.0.1:0"));
    for (int i = 0; i < 3; i++) {
        assert_int_equal(ask_hello(&pair, NULL, &answer), COAX_OK);
        assert_string_equal(answer.payload, "hello coaps://*");
    }
    (void)snprintf(uri, sizeof uri, "coaps://localhost%s", strrchr(pair.uri, ':'));
    assert_int_equal(ask_hello(&pair, uri, &answer), COAX_OK);
    assert_string_equal(answer.payload, "hello coaps://*");
    free_pair(&pair);
}

static void a_closed_port_is_told_at_once(void **state) {
    (void)state;
    struct endpoint_pair pair;
    struct answer answer;
    assert_true(make_pair(&pair, "coap://127.0.0.1:0"));
    coax_endpoint_free(pair.server);
    pair.server = NULL;
    assert_int_equal(ask_hello(&pair, NULL, &answer), COAX_OK);
    assert_int_equal(answer.count, 1);
    assert_int_equal(answer.error.status, COAX_E_REFUSED);
    assert_non_null(strstr(answer.error.text, "refused"));
    free_pair(&pair);
}

static void a_closed_port_is_told_at_once_over_dtls(void **state) {
    (void)state;
    struct endpoint_pair pair;
    struct answer answer;
    assert_true(make_pair(&pair, "coaps://127.0.0.1:0"));
    coax_endpoint_free(pair.server);
    pair.server = NULL;
    assert_int_equal(ask_hello(&pair, NULL, &answer), COAX_OK);
    assert_int_equal(answer.error.status, COAX_E_REFUSED);
    free_pair(&pair);
}

static void bad_requests_are_refused_when_made_or_sent(void **state) {
    (void)state;
    static const struct {
        uint8_t code;
        const char *uri;
        enum coax_status status;
    } cases[] = {
        {COAX_GET, "localhost/x", COAX_E_URI},
        {COAX_GET, "coap://127.0.0.1:0/", COAX_E_URI},
        {COAX_GET, "coap://127.0.0.1/#part", COAX_E_URI},
        {COAX_GET, "coap+ws://127.0.0.1:0/", COAX_E_URI},
        {COAX_CONTENT, "coap://127.0.0.1/", COAX_E_INVALID},
        {COAX_EMPTY, "coap://127.0.0.1/", COAX_E_INVALID},
    };
    coax_endpoint *endpoint;
    coax_request *request;
    coax_error error;
    struct answer answer = {0};
    assert_int_equal(coax_endpoint_new(&endpoint, NULL, &error), COAX_OK);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        error.text[0] = '\0';
        assert_int_equal(coax_request_new(&request, endpoint, cases[i].code, cases[i].uri, &error), cases[i].status);
        assert_true(error.text[0] != '\0');
    }
    assert_int_equal(coax_request_new(&request, endpoint, COAX_GET, "coaps://nowhere.invalid/", &error), COAX_OK);
    assert_int_equal(coax_request_send(request, note_answer, &answer, &error), COAX_E_NO_CREDENTIALS);
    assert_non_null(strstr(error.text, "coaps://nowhere.invalid/"));
    coax_request_cancel(request);
    assert_int_equal(answer.count, 0);
    coax_endpoint_free(endpoint);
}

static void an_unknown_host_is_named(void **state) {
    (void)state;
    struct endpoint_pair pair;
    struct answer answer;
    assert_true(make_pair(&pair, "coap://127.0.0.1:0"));
    assert_int_equal(ask_hello(&pair, "coap://nowhere.invalid", &answer), COAX_OK);
    assert_int_equal(answer.error.status, COAX_E_RESOLVE);
    assert_non_null(strstr(answer.error.text, "nowhere.invalid"));
    free_pair(&pair);
}

static void a_timeout_names_what_was_waited_for(void **state) {
    (void)state;
    struct endpoint_pair pair;
    struct answer answer = {0};
    coax_request *request;
    char uri[64];
    struct sockaddr_in silent = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof silent;
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&silent, size), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&silent, &size), 0);
    assert_true(make_pair(&pair, "coap://127.0.0.1:0"));
    (void)snprintf(uri, sizeof uri, "coap://127.0.0.1:%u/", ntohs(silent.sin_port));
    assert_int_equal(coax_request_new(&request, pair.client, COAX_GET, uri, NULL), COAX_OK);
    coax_request_set_timeout(request, 50);
    assert_int_equal(coax_request_send(request, note_answer, &answer, NULL), COAX_OK);
    assert_true(drive(&pair, &answer.count));
    assert_int_equal(answer.error.status, COAX_E_TIMEOUT);
    assert_non_null(strstr(answer.error.text, "0.050 s"));
    assert_non_null(strstr(answer.error.text, "not acknowledged"));
    free_pair(&pair);
    close(fd);
}

/* A zone behind an address that needs none is legal, and changes nothing. */
static void a_zone_may_stand_behind_any_address(void **state) {
    (void)state;
    struct endpoint_pair pair;
    struct answer answer;
    char uri[64];
    assert_true(make_pair(&pair, "coap://[::1]:0"));
    (void)snprintf(uri, sizeof uri, "coap://[::1%%25lo]%s", strrchr(pair.uri, ':'));
    assert_int_equal(ask_hello(&pair, uri, &answer), COAX_OK);
    assert_int_equal(answer.code, COAX_CONTENT);
    free_pair(&pair);
}

enum { LARGE = 20000 };
static const uint8_t large[LARGE];

static void serve_large(coax_exchange *exchange, const coax_message *request, void *user) {
    (void)request;
    (void)user;
    (void)coax_respond(exchange, COAX_CONTENT, COAX_NO_FORMAT, large, sizeof large);
}

static void take_large(coax_exchange *exchange, const coax_message *request, void *user) {
    (void)user;
    bool is_whole = coax_message_payload_size(request) == sizeof large
                    && memcmp(coax_message_payload(request), large, sizeof large) == 0;
    (void)coax_respond(exchange, is_whole ? COAX_CHANGED : COAX_BAD_REQUEST, COAX_NO_FORMAT, large, sizeof large);
}

/* What is larger than a datagram, or a record, travels in blocks. */
static void large_bodies_go_both_ways_over_datagrams(void **state) {
    (void)state;
    static const char *const places[] = {"coap://127.0.0.1:0", "coaps://127.0.0.1:0"};
    coax_resource_config resource = COAX_RESOURCE_CONFIG_INIT;
    resource.get = serve_large;
    resource.post = take_large;
    for (int i = 0; i < 2; i++) {
        struct endpoint_pair pair;
        struct answer answer = {0};
        coax_request *request;
        assert_true(make_pair_of(&pair, places[i], NULL));
        assert_non_null(coax_site_add(coax_endpoint_site(pair.server), "", &resource, NULL));
        assert_int_equal(coax_request_new(&request, pair.client, COAX_GET, pair.uri, NULL), COAX_OK);
        assert_int_equal(coax_request_send(request, note_answer, &answer, NULL), COAX_OK);
        assert_true(drive(&pair, &answer.count));
        assert_int_equal(answer.code, COAX_CONTENT);
        answer = (struct answer){0};
        assert_int_equal(coax_request_new(&request, pair.client, COAX_POST, pair.uri, NULL), COAX_OK);
        assert_int_equal(coax_request_set_payload(request, COAX_NO_FORMAT, large, sizeof large), COAX_OK);
        assert_int_equal(coax_request_send(request, note_answer, &answer, NULL), COAX_OK);
        assert_true(drive(&pair, &answer.count));
        assert_int_equal(answer.code, COAX_CHANGED);
        free_pair(&pair);
    }
}

/* Its sockets vanish without a word, as in a crash. */
static void lose_sockets(coax_endpoint *endpoint) {
    int nothing = open("/dev/null", O_RDWR | O_CLOEXEC);
    for (uint32_t i = 0; i < endpoint->socket_count; i++) {
        assert_true(dup2(nothing, endpoint->sockets[i].fd) >= 0);
    }
    close(nothing);
}

/* A server that acknowledges at once and never answers by itself. */
struct slow_server {
    coax_endpoint *endpoint;
    coax_exchange *exchange;
    unsigned asked;
};

static void take_long(coax_exchange *exchange, const coax_message *request, void *user) {
    struct slow_server *server = user;
    (void)request;
    server->asked++;
    server->exchange = coax_exchange_defer(exchange);
}

static void start_slow_server(struct slow_server *server, const char *host, unsigned port, char *uri, size_t capacity) {
    coax_endpoint_config endpoint_config = COAX_ENDPOINT_CONFIG_INIT;
    coax_resource_config config = COAX_RESOURCE_CONFIG_INIT;
    endpoint_config.empty_ack_delay_ms = 0;
    *server = (struct slow_server){NULL, NULL, 0};
    config.get = take_long;
    config.user = server;
    assert_int_equal(coax_endpoint_new(&server->endpoint, &endpoint_config, NULL), COAX_OK);
    assert_non_null(coax_site_add(coax_endpoint_site(server->endpoint), "hello", &config, NULL));
    (void)snprintf(uri, capacity, "coap://%s:%u", host, port);
    assert_int_equal(coax_endpoint_listen(server->endpoint, uri, NULL), COAX_OK);
    assert_int_equal(coax_endpoint_listening_uri(server->endpoint, 0, uri, capacity), COAX_OK);
}

static void stop_slow_server(struct slow_server *server) {
    if (server->exchange != NULL) {
        (void)coax_respond(server->exchange, COAX_CONTENT, COAX_NO_FORMAT, NULL, 0);
    }
    coax_endpoint_free(server->endpoint);
}

static void acknowledge(coax_remote *remote, const coax_message *message, bool sent, void *user) {
    unsigned *acknowledged = user;
    (void)remote;
    *acknowledged += !sent && coax_message_type(message) == COAX_ACK;
}

/* The host's other address may be the same server: what it has taken is not asked for again. */
static void what_was_acknowledged_is_not_sent_elsewhere(void **state) {
    (void)state;
    struct slow_server first, second;
    struct answer answer = {0}, ignored = {0};
    char uri[80], other_uri[80], name[80];
    unsigned acknowledged = 0;
    coax_request *request;
    start_slow_server(&first, "127.0.0.1", 0, uri, sizeof uri);
    start_slow_server(&second, "127.0.0.2", first.endpoint->sockets[0].bound.port, other_uri, sizeof other_uri);
    struct endpoint_pair pair = {first.endpoint, NULL, ""};
    coax_endpoint_config config = COAX_ENDPOINT_CONFIG_INIT;
    config.observer = acknowledge;
    config.user = &acknowledged;
    assert_int_equal(coax_endpoint_new(&pair.client, &config, NULL), COAX_OK);
    (void)snprintf(name, sizeof name, "coap://two.test%s/hello", strrchr(uri, ':'));
    assert_int_equal(coax_request_new(&request, pair.client, COAX_GET, name, NULL), COAX_OK);
    assert_int_equal(coax_request_send(request, note_answer, &answer, NULL), COAX_OK);
    assert_true(drive(&pair, &acknowledged));
    lose_sockets(first.endpoint);
    assert_int_equal(coax_request_new(&request, pair.client, COAX_GET, uri, NULL), COAX_OK);
    assert_int_equal(coax_request_send(request, note_answer, &ignored, NULL), COAX_OK);
    assert_true(drive(&pair, &ignored.count));
    pair.server = second.endpoint;
    assert_true(drive(&pair, &answer.count));
    assert_int_equal(answer.error.status, COAX_E_REFUSED);
    assert_int_equal(first.asked, 1);
    assert_int_equal(second.asked, 0);
    coax_endpoint_free(pair.client);
    stop_slow_server(&first);
    stop_slow_server(&second);
}

static void keep_remote(coax_exchange *exchange, const coax_message *request, void *user) {
    coax_remote **kept = user;
    (void)request;
    *kept = coax_remote_ref(coax_exchange_remote(exchange));
    (void)coax_respond(exchange, COAX_CONTENT, COAX_NO_FORMAT, NULL, 0);
}

/* That its client is gone is told at once to a server that asks it. What the network says is not authenticated: it does
   not end a session that the client may still have. */
static void a_server_is_told_that_its_datagram_client_is_gone(void **state) {
    (void)state;
    static const char *const places[] = {"coap://127.0.0.1:0", "coap://[::]:0", "coaps://127.0.0.1:0"};
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        struct endpoint_pair pair;
        struct answer answer = {0};
        coax_remote *remote = NULL;
        coax_request *request;
        char uri[64];
        assert_true(make_pair(&pair, places[i]));
        coax_resource_config config = COAX_RESOURCE_CONFIG_INIT;
        config.get = keep_remote;
        config.user = &remote;
        assert_non_null(coax_site_add(coax_endpoint_site(pair.server), "keep", &config, NULL));
        (void)snprintf(uri, sizeof uri, "coap%s://127.0.0.1%s/keep", i == 2 ? "s" : "", strrchr(pair.uri, ':'));
        assert_int_equal(coax_request_new(&request, pair.client, COAX_GET, uri, NULL), COAX_OK);
        assert_int_equal(coax_request_send(request, note_answer, &answer, NULL), COAX_OK);
        assert_true(drive(&pair, &answer.count));
        lose_sockets(pair.client);
        answer = (struct answer){0};
        assert_int_equal(coax_request_new_to(&request, pair.server, remote, COAX_GET, "/", NULL), COAX_OK);
        assert_int_equal(coax_request_send(request, note_answer, &answer, NULL), COAX_OK);
        assert_true(drive(&pair, &answer.count));
        assert_int_equal(answer.error.status, COAX_E_REFUSED);
        assert_false(remote->is_gone);
        coax_remote_unref(remote);
        free_pair(&pair);
    }
}

static void what_is_pending_fails_when_the_endpoint_is_freed(void **state) {
    (void)state;
    struct endpoint_pair pair;
    struct answer answers[2] = {{0}, {0}};
    static const char *const uris[] = {"coap://127.0.0.1:9/", "coap://localhost:9/"};
    assert_true(make_pair(&pair, "coap://127.0.0.1:0"));
    for (int i = 0; i < 2; i++) {
        coax_request *request;
        assert_int_equal(coax_request_new(&request, pair.client, COAX_GET, uris[i], NULL), COAX_OK);
        assert_int_equal(coax_request_send(request, note_answer, &answers[i], NULL), COAX_OK);
    }
    free_pair(&pair);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(answers[i].count, 1);
        assert_int_equal(answers[i].error.status, COAX_E_SHUT_DOWN);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(requests_by_address_and_by_name),
        cmocka_unit_test(requests_over_dtls),
        cmocka_unit_test(a_closed_port_is_told_at_once),
        cmocka_unit_test(a_closed_port_is_told_at_once_over_dtls),
        cmocka_unit_test(bad_requests_are_refused_when_made_or_sent),
        cmocka_unit_test(an_unknown_host_is_named),
        cmocka_unit_test(a_timeout_names_what_was_waited_for),
        cmocka_unit_test(a_zone_may_stand_behind_any_address),
        cmocka_unit_test(large_bodies_go_both_ways_over_datagrams),
        cmocka_unit_test(what_was_acknowledged_is_not_sent_elsewhere),
        cmocka_unit_test(a_server_is_told_that_its_datagram_client_is_gone),
        cmocka_unit_test(what_is_pending_fails_when_the_endpoint_is_freed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
