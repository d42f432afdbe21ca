#include "endpoint/endpoint.h"
#include "endpoint_fixture.h"
#include "raw_peer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <time.h>

#include <cmocka.h>

static const char *const places[] = {"coaps://127.0.0.1:0", "coap+tcp://127.0.0.1:0", "coaps+tcp://127.0.0.1:0",
                                     "coap+ws://127.0.0.1:0", "coaps+ws://127.0.0.1:0"};
enum { PLACES = sizeof places / sizeof *places };

/* A pair whose client writes down what becomes of its connections. */
static void make_logged_pair(struct endpoint_pair *pair, const char *place, struct connection_log *log) {
    coax_endpoint_config config = COAX_ENDPOINT_CONFIG_INIT;
    static const char *const entries[] = {"coaps://*", "coaps+tcp://*", "coaps+ws://*"};
    static const char *const identities[] = {"device", "device-tcp", "device-web"};
    *log = (struct connection_log){0};
    config.connections = note_connection;
    config.user = log;
    assert_true(make_pair(pair, place));
    assert_true(replace_client(pair, &config));
    for (int i = 0; i < 3; i++) {
        assert_int_equal(coax_credentials_set_psk(coax_endpoint_credentials(pair->client), entries[i], identities[i],
                                                  strlen(identities[i]), "0123456789abcdef", 16, NULL),
                         COAX_OK);
    }
}

/* Before there is a request; the request then has nothing to wait for. */
static void a_connection_is_opened_for_its_own_sake(void **state) {
    (void)state;
    for (size_t i = 0; i < PLACES; i++) {
        struct endpoint_pair pair;
        struct connection_log log;
        struct answer answer;
        coax_remote *remote = NULL, *again = NULL;
        coax_error error = {.text = ""};
        make_logged_pair(&pair, places[i], &log);
        assert_int_equal(coax_endpoint_connect(pair.client, pair.uri, &remote, &error), COAX_OK);
        assert_int_equal(log.opened, 0);
        assert_true(drive(&pair, &log.opened));
        assert_ptr_equal(log.last_opened, remote);
        assert_int_equal(coax_endpoint_connect(pair.client, pair.uri, &again, &error), COAX_OK);
        assert_ptr_equal(again, remote);
        assert_int_equal(ask_hello(&pair, NULL, &answer), COAX_OK);
        assert_int_equal(answer.code, COAX_CONTENT);
        assert_int_equal(log.opened, 1);
        coax_remote_unref(remote);
        coax_remote_unref(again);
        free_pair(&pair);
    }
}

static void names_are_looked_up(void **state) {
    (void)state;
    for (size_t i = 0; i < PLACES; i++) {
        struct endpoint_pair pair;
        struct connection_log log;
        coax_remote *remote = NULL;
        char uri[80];
        make_logged_pair(&pair, places[i], &log);
        (void)snprintf(uri, sizeof uri, "%.*slocalhost%s", (int)(strstr(pair.uri, "127") - pair.uri), pair.uri,
                       strrchr(pair.uri, ':'));
        assert_int_equal(coax_endpoint_connect(pair.client, uri, &remote, NULL), COAX_OK);
        if (i > 0) { /* a session is begun with the first address, which need not be the server's */
            assert_true(drive(&pair, &log.opened));
        }
        coax_remote_unref(remote);
        free_pair(&pair);
    }
}

static void what_cannot_be_connected_to_is_told(void **state) {
    (void)state;
    static const struct {
        const char *uri;
        enum coax_status status;
    } cases[] = {
        {"coap://127.0.0.1", COAX_E_UNSUPPORTED},
        {"coap+tcp://127.0.0.1:0", COAX_E_URI},
        {"localhost", COAX_E_URI},
        {"coaps://127.0.0.1", COAX_E_NO_CREDENTIALS},
    };
    coax_endpoint *endpoint;
    assert_int_equal(coax_endpoint_new(&endpoint, NULL, NULL), COAX_OK);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        coax_remote *remote = NULL;
        coax_error error = {.text = ""};
        assert_int_equal(coax_endpoint_connect(endpoint, cases[i].uri, &remote, &error), cases[i].status);
        assert_int_equal(error.status, cases[i].status);
        assert_true(error.text[0] != '\0');
        assert_null(remote);
    }
    coax_endpoint_free(endpoint);
}

static void an_unknown_host_of_a_session_is_told_at_once(void **state) {
    (void)state;
    struct endpoint_pair pair;
    coax_remote *remote;
    coax_error error;
    assert_true(make_pair(&pair, "coap://127.0.0.1:0"));
    assert_int_equal(coax_endpoint_connect(pair.client, "coaps://nowhere.invalid", &remote, &error), COAX_E_RESOLVE);
    assert_non_null(strstr(error.text, "nowhere.invalid"));
    free_pair(&pair);
}

static void without_connections_there_is_nothing_to_release(void **state) {
    (void)state;
    struct endpoint_pair pair;
    struct answer answer;
    assert_true(make_pair(&pair, "coaps://127.0.0.1:0"));
    assert_int_equal(ask_hello(&pair, NULL, &answer), COAX_OK);
    assert_int_equal(coax_endpoint_release(pair.client, 60000, NULL), COAX_OK);
    free_pair(&pair);
}

struct releasing {
    coax_endpoint *endpoint;
    enum coax_status status;
    unsigned count;
};

static void release_inside(coax_exchange *exchange, const coax_message *request, void *user) {
    struct releasing *releasing = user;
    (void)request;
    releasing->status = coax_endpoint_release(releasing->endpoint, 1000, NULL);
    (void)coax_respond_text(exchange, COAX_CONTENT, "done");
}

static void the_loop_cannot_be_run_inside_a_callback(void **state) {
    (void)state;
    struct endpoint_pair pair;
    struct answer answer = {0};
    coax_request *request;
    coax_resource_config config = COAX_RESOURCE_CONFIG_INIT;
    assert_true(make_pair(&pair, "coap+tcp://127.0.0.1:0"));
    struct releasing releasing = {.endpoint = pair.server};
    config.get = release_inside;
    config.user = &releasing;
    assert_non_null(coax_site_add(coax_endpoint_site(pair.server), "", &config, NULL));
    assert_int_equal(coax_request_new(&request, pair.client, COAX_GET, pair.uri, NULL), COAX_OK);
    assert_int_equal(coax_request_send(request, note_answer, &answer, NULL), COAX_OK);
    assert_true(drive(&pair, &answer.count));
    assert_int_equal(releasing.status, COAX_E_STATE);
    free_pair(&pair);
}

/* The peer closes only after it has answered: the release is told to it, and waits. */
static void a_release_waits_for_the_peer(void **state) {
    (void)state;
    coax_endpoint *endpoint;
    coax_remote *remote;
    coax_error error;
    char uri[64];
    uint8_t bytes[64];
    uint16_t port = 0;
    int listener = raw_listen("127.0.0.1", &port, 8);
    (void)snprintf(uri, sizeof uri, "coap+tcp://127.0.0.1:%u", port);
    assert_int_equal(coax_endpoint_new(&endpoint, NULL, NULL), COAX_OK);
    assert_int_equal(coax_endpoint_connect(endpoint, uri, &remote, NULL), COAX_OK);
    assert_true(raw_wait(endpoint, listener, POLLIN));
    int fd = accept(listener, NULL, NULL);
    assert_true(raw_send(endpoint, fd, raw_csm, sizeof raw_csm));
    assert_int_equal(raw_receive(endpoint, fd, bytes, 2), 2);
    assert_int_equal(coax_endpoint_release(endpoint, 50, &error), COAX_E_TIMEOUT);
    assert_non_null(strstr(error.text, "0.050 s"));
    ssize_t size = recv(fd, bytes, sizeof bytes, MSG_DONTWAIT); /* the rest of its CSM, and its Release */
    assert_true(size >= 2);
    assert_int_equal(bytes[size - 1], COAX_RELEASE);
    close(fd);
    assert_int_equal(coax_endpoint_release(endpoint, 20000, &error), COAX_OK);
    coax_remote_unref(remote);
    coax_endpoint_free(endpoint);
    close(listener);
}

/* What was said last is on its way to somebody who has not closed yet: that is waited for, too, but is no failure. */
static void a_release_waits_for_the_last_words(void **state) {
    (void)state;
    static const uint8_t reserved_length[] = {0x0f, 0x01};
    struct endpoint_pair pair;
    struct timespec before, after;
    assert_true(make_pair(&pair, "coap+tcp://127.0.0.1:0"));
    int fd = raw_connect(pair.uri);
    assert_true(raw_send(pair.server, fd, reserved_length, sizeof reserved_length));
    for (int i = 0; i < 1000 && pair.server->lingering.count == 0; i++) {
        (void)poll(NULL, 0, 1);
        assert_int_equal(coax_endpoint_process(pair.server, NULL), COAX_OK);
    }
    (void)clock_gettime(CLOCK_MONOTONIC, &before);
    assert_int_equal(coax_endpoint_release(pair.server, 60, NULL), COAX_OK);
    (void)clock_gettime(CLOCK_MONOTONIC, &after);
    assert_true((after.tv_sec - before.tv_sec) * 1000 + (after.tv_nsec - before.tv_nsec) / 1000000 >= 59);
    close(fd);
    assert_int_equal(coax_endpoint_release(pair.server, 20000, NULL), COAX_OK);
    assert_int_equal(pair.server->lingering.count, 0);
    free_pair(&pair);
}

static void note_release(coax_remote *remote, enum coax_status status, const coax_error *error, void *user) {
    struct releasing *releasing = user;
    (void)remote;
    assert_int_equal(error == NULL, status == COAX_OK);
    releasing->status = status;
    releasing->count++;
}

static void a_connection_is_released_in_order(void **state) {
    (void)state;
    for (size_t i = 1; i < PLACES; i++) {
        struct endpoint_pair pair;
        struct connection_log log;
        struct releasing releasing = {.status = COAX_E_INVALID};
        coax_remote *remote;
        make_logged_pair(&pair, places[i], &log);
        assert_int_equal(coax_endpoint_connect(pair.client, pair.uri, &remote, NULL), COAX_OK);
        assert_true(drive(&pair, &log.opened));
        assert_int_equal(coax_remote_release(remote, NULL, note_release, &releasing, NULL), COAX_OK);
        assert_true(drive(&pair, &releasing.count));
        assert_int_equal(releasing.status, COAX_OK);
        assert_int_equal(releasing.count, 1);
        assert_int_equal(coax_remote_release(remote, NULL, note_release, &releasing, NULL), COAX_E_DROPPED);
        coax_remote_unref(remote);
        assert_int_equal(coax_endpoint_release(pair.client, 1000, NULL), COAX_OK);
        free_pair(&pair);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_connection_is_opened_for_its_own_sake),
        cmocka_unit_test(names_are_looked_up),
        cmocka_unit_test(what_cannot_be_connected_to_is_told),
        cmocka_unit_test(an_unknown_host_of_a_session_is_told_at_once),
        cmocka_unit_test(without_connections_there_is_nothing_to_release),
        cmocka_unit_test(the_loop_cannot_be_run_inside_a_callback),
        cmocka_unit_test(a_release_waits_for_the_peer),
        cmocka_unit_test(a_release_waits_for_the_last_words),
        cmocka_unit_test(a_connection_is_released_in_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
