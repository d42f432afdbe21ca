#include "endpoint/endpoint.h"
#include "endpoint/socket.h"
#include "endpoint_fixture.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

static void the_uri_names_the_port_that_it_got(void **state) {
    (void)state;
    static const char *const schemes[] = {"coap", "coaps", "coap+tcp", "coaps+tcp", "coap+ws", "coaps+ws"};
    for (size_t i = 0; i < 6; i++) {
        struct endpoint_pair pair;
        char place[64], uri[64];
        int size = snprintf(place, sizeof place, "%s://127.0.0.1:0", schemes[i]);
        assert_true(make_pair(&pair, place));
        assert_int_equal(strncmp(pair.uri, place, (size_t)size - 1), 0);
        assert_true(strtoul(pair.uri + size - 1, NULL, 10) > 0);
        assert_int_equal(coax_endpoint_listening_uri(pair.server, 1, uri, sizeof uri), COAX_E_NOT_FOUND);
        assert_int_equal(coax_endpoint_listening_uri(pair.server, 0, uri, 5), COAX_E_TOO_LARGE);
        free_pair(&pair);
    }
}

/* A port may be in use on the machine that this runs on: then the error has it. */
static void without_a_port_each_scheme_has_its_own(void **state) {
    (void)state;
    static const struct {
        const char *uri, *expected, *number;
    } cases[] = {
        {"coap+tcp://127.0.0.1", "coap+tcp://127.0.0.1", ":5683"},
        {"coaps+tcp://127.0.0.1", "coaps+tcp://127.0.0.1", ":5684"},
        {"coap+ws://127.0.0.1", "coap+ws://127.0.0.1:8683", ":8683"},
        {"coaps+ws://127.0.0.1", "coaps+ws://127.0.0.1:8684", ":8684"},
        {"coap+ws://127.0.0.1:80", "coap+ws://127.0.0.1", ":80"},
    };
    struct endpoint_pair pair;
    assert_true(make_pair(&pair, "coap://127.0.0.1:0"));
    for (size_t i = 0, listeners = 1; i < sizeof cases / sizeof *cases; i++) {
        coax_error error = {.text = ""};
        char uri[64];
        if (coax_endpoint_listen(pair.server, cases[i].uri, &error) == COAX_OK) {
            assert_int_equal(coax_endpoint_listening_uri(pair.server, listeners++, uri, sizeof uri), COAX_OK);
            assert_string_equal(uri, cases[i].expected);
        } else {
            assert_non_null(strstr(error.text, cases[i].number));
        }
    }
    free_pair(&pair);
}

/* As systemd's socket activation does it. */
static int bound_socket(int type, bool listens, char *port, size_t capacity) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    int fd = socket(AF_INET, type, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, size), 0);
    assert_true(!listens || listen(fd, 5) == 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &size), 0);
    (void)snprintf(port, capacity, "%u", ntohs(address.sin_port));
    return fd;
}

static void sockets_of_others_are_listened_on(void **state) {
    (void)state;
    static const char *const schemes[] = {"coap", "coaps", "coap+tcp", "coaps+tcp", "coap+ws", "coaps+ws"};
    for (size_t i = 0; i < 6; i++) {
        struct endpoint_pair pair;
        struct answer answer;
        char uri[64], expected[64], port[8];
        assert_true(make_pair(&pair, "coap://127.0.0.1:0"));
        int fd = bound_socket(i < 2 ? SOCK_DGRAM : SOCK_STREAM, i >= 2, port, sizeof port);
        (void)snprintf(uri, sizeof uri, "%s://localhost:1", schemes[i]); /* the name counts, the port does not */
        assert_int_equal(coax_endpoint_listen_fd(pair.server, uri, fd, &answer.error), COAX_OK);
        assert_true((fcntl(fd, F_GETFL) & O_NONBLOCK) != 0);
        (void)snprintf(expected, sizeof expected, "%s://localhost:%s", schemes[i], port);
        assert_int_equal(coax_endpoint_listening_uri(pair.server, 1, uri, sizeof uri), COAX_OK);
        assert_string_equal(uri, expected);
        (void)snprintf(uri, sizeof uri, "%s://127.0.0.1:%s", schemes[i], port);
        assert_int_equal(ask_hello(&pair, uri, &answer), COAX_OK);
        assert_int_equal(answer.code, COAX_CONTENT);
        free_pair(&pair);
        assert_int_equal(fcntl(fd, F_GETFL), -1); /* it was the endpoint's */
    }
}

static void unfit_sockets_are_refused_and_stay_the_programs(void **state) {
    (void)state;
    char port[8];
    int pipes[2];
    assert_int_equal(pipe(pipes), 0);
    const struct {
        const char *uri;
        int fd;
        enum coax_status status;
    } cases[] = {
        {"coap://a", bound_socket(SOCK_STREAM, true, port, sizeof port), COAX_E_INVALID},
        {"coap+tcp://a", bound_socket(SOCK_DGRAM, false, port, sizeof port), COAX_E_INVALID},
        {"coap+tcp://a", bound_socket(SOCK_STREAM, false, port, sizeof port), COAX_E_INVALID},
        {"coap://a", socket(AF_INET, SOCK_DGRAM, 0), COAX_E_INVALID}, /* not bound */
        {"coap://a", socket(AF_UNIX, SOCK_DGRAM, 0), COAX_E_INVALID},
        {"coap+ws://a", pipes[0], COAX_E_INVALID},
        {"http://a", pipes[1], COAX_E_URI},
        {"coaps+tcp://a", bound_socket(SOCK_STREAM, true, port, sizeof port), COAX_E_NO_CREDENTIALS},
    };
    coax_endpoint *endpoint;
    coax_error error;
    assert_int_equal(coax_endpoint_new(&endpoint, NULL, NULL), COAX_OK);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        error.text[0] = '\0';
        assert_int_equal(coax_endpoint_listen_fd(endpoint, cases[i].uri, cases[i].fd, &error), cases[i].status);
        assert_true(error.text[0] != '\0');
    }
    assert_int_equal(coax_endpoint_listen_fd(endpoint, "coap://a", -1, &error), COAX_E_INVALID);
    assert_int_equal(coax_endpoint_listen_fd(endpoint, "coap+tcp://a", 9999, &error), COAX_E_INVALID);
    assert_int_equal(endpoint->listener_count, 0);
    coax_endpoint_free(endpoint);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(close(cases[i].fd), 0);
    }
}

/* Listeners of both kinds count, and so do a client's sockets for datagrams. */
static void there_is_a_bound_on_listeners(void **state) {
    (void)state;
    struct endpoint_pair pair;
    struct answer answer;
    coax_error error;
    char port[8];
    assert_true(make_pair(&pair, "coap+tcp://127.0.0.1:0"));
    for (int i = 1; i < ENDPOINT_SOCKETS_MAXIMUM; i++) {
        const char *uri = i % 2 == 0 ? "coap+ws://127.0.0.1:0" : "coap://127.0.0.1:0";
        assert_int_equal(coax_endpoint_listen(pair.server, uri, &error), COAX_OK);
    }
    assert_int_equal(coax_endpoint_listen(pair.server, "coap://127.0.0.1:0", &error), COAX_E_LIMIT);
    assert_int_equal(coax_endpoint_listen(pair.server, "coap+tcp://127.0.0.1:0", &error), COAX_E_LIMIT);
    assert_non_null(strstr(error.text, "64"));
    int fd = bound_socket(SOCK_STREAM, true, port, sizeof port);
    assert_int_equal(coax_endpoint_listen_fd(pair.server, "coap+tcp://a", fd, &error), COAX_E_LIMIT);
    assert_int_equal(close(fd), 0);
    assert_int_equal(ask_hello(&pair, NULL, &answer), COAX_OK); /* connections have a bound of their own */
    assert_int_equal(answer.code, COAX_CONTENT);
    free_pair(&pair);
}

static void security_needs_credentials(void **state) {
    (void)state;
    static const char *const uris[] = {"coaps://127.0.0.1:0", "coaps+tcp://127.0.0.1:0", "coaps+ws://127.0.0.1:0"};
    coax_endpoint *endpoint;
    coax_error error;
    assert_int_equal(coax_endpoint_new(&endpoint, NULL, &error), COAX_OK);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(coax_endpoint_listen(endpoint, uris[i], &error), COAX_E_NO_CREDENTIALS);
        assert_non_null(strstr(error.text, "credentials"));
    }
    coax_endpoint_free(endpoint);
}

static void impossible_places_are_refused(void **state) {
    (void)state;
    static const struct {
        const char *uri;
        enum coax_status status;
    } cases[] = {
        {"127.0.0.1:5683", COAX_E_URI},
        {"coap://192.0.2.1:0", COAX_E_IO},
        {"coap+tcp://192.0.2.1:0", COAX_E_IO},
        {"coap+ws://host.invalid:0", COAX_E_RESOLVE},
        {"coap://host.invalid:0", COAX_E_RESOLVE},
        {"coap://[fe80::1%25nosuchif]:0", COAX_E_RESOLVE},
    };
    coax_endpoint *endpoint;
    coax_error error;
    assert_int_equal(coax_endpoint_new(&endpoint, NULL, &error), COAX_OK);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        error.text[0] = '\0';
        assert_int_equal(coax_endpoint_listen(endpoint, cases[i].uri, &error), cases[i].status);
        assert_true(error.text[0] != '\0');
    }
    coax_endpoint_free(endpoint);
}

/* "[::]" is both families, whatever the transport. */
static void the_wildcard_serves_ip4_and_ip6(void **state) {
    (void)state;
    static const char *const schemes[] = {"coap", "coaps", "coap+tcp", "coaps+tcp", "coap+ws", "coaps+ws"};
    static const char *const hosts[] = {"127.0.0.1", "127.0.0.9", "[::1]", "localhost", "[::]", "0.0.0.0"};
    for (size_t n = 0; n < 6; n++) {
        struct endpoint_pair pair;
        struct answer answer;
        char uri[64];
        (void)snprintf(uri, sizeof uri, "%s://[::]:0", schemes[n]);
        assert_true(make_pair(&pair, uri));
        for (size_t i = 0; i < sizeof hosts / sizeof *hosts; i++) {
            (void)snprintf(uri, sizeof uri, "%s://%s%s", schemes[n], hosts[i], strrchr(pair.uri, ':'));
            assert_int_equal(ask_hello(&pair, uri, &answer), COAX_OK);
            assert_int_equal(answer.code, COAX_CONTENT);
        }
        free_pair(&pair);
    }
}

static void groups_need_a_listener(void **state) {
    (void)state;
    coax_endpoint *endpoint;
    coax_error error;
    assert_int_equal(coax_endpoint_new(&endpoint, NULL, &error), COAX_OK);
    assert_int_equal(coax_endpoint_listen(endpoint, "coap+tcp://[::]:0", &error), COAX_OK); /* it hears no group */
    assert_int_equal(coax_endpoint_join(endpoint, "224.0.1.187%lo", &error), COAX_E_STATE);
    assert_int_equal(coax_endpoint_listen(endpoint, "coap://[::]:0", &error), COAX_OK);
    assert_int_equal(coax_endpoint_join(endpoint, "224.0.1.187%lo", &error), COAX_OK);
    assert_int_equal(coax_endpoint_join(endpoint, "ff02::fd%lo", &error), COAX_OK);
    assert_int_equal(coax_endpoint_join(endpoint, "192.0.2.1", &error), COAX_E_INVALID);
    assert_int_equal(coax_endpoint_join(endpoint, "ff02::fd%nosuchif", &error), COAX_E_INVALID);
    coax_endpoint_free(endpoint);
}

/* Listeners that cannot hear a group are passed over; if there is no other, that is an error. */
static void groups_go_to_those_who_can_hear_them(void **state) {
    (void)state;
    coax_endpoint *endpoint;
    assert_int_equal(coax_endpoint_new(&endpoint, NULL, NULL), COAX_OK);
    assert_int_equal(coax_endpoint_listen(endpoint, "coap://127.0.0.1:0", NULL), COAX_OK);
    assert_int_equal(coax_endpoint_listen(endpoint, "coap://[::1]:0", NULL), COAX_OK);
    assert_int_equal(coax_endpoint_join(endpoint, "224.0.1.187%lo", NULL), COAX_E_STATE);
    assert_int_equal(coax_endpoint_join(endpoint, "ff02::fd%lo", NULL), COAX_E_STATE);
    assert_int_equal(coax_endpoint_listen(endpoint, "coap://0.0.0.0:0", NULL), COAX_OK);
    assert_int_equal(coax_endpoint_join(endpoint, "ff02::fd%lo", NULL), COAX_E_STATE);
    assert_int_equal(coax_endpoint_join(endpoint, "224.0.1.187%lo", NULL), COAX_OK);
    assert_int_equal(coax_endpoint_listen(endpoint, "coap://[::]:0", NULL), COAX_OK);
    assert_int_equal(coax_endpoint_join(endpoint, "ff02::fd%lo", NULL), COAX_OK);
    coax_endpoint_free(endpoint);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_uri_names_the_port_that_it_got),
        cmocka_unit_test(without_a_port_each_scheme_has_its_own),
        cmocka_unit_test(sockets_of_others_are_listened_on),
        cmocka_unit_test(unfit_sockets_are_refused_and_stay_the_programs),
        cmocka_unit_test(there_is_a_bound_on_listeners),
        cmocka_unit_test(security_needs_credentials),
        cmocka_unit_test(impossible_places_are_refused),
        cmocka_unit_test(the_wildcard_serves_ip4_and_ip6),
        cmocka_unit_test(groups_need_a_listener),
        cmocka_unit_test(groups_go_to_those_who_can_hear_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
