#include "endpoint/endpoint.h"
#include "endpoint/socket_address.h"
#include "endpoint_fixture.h"
#include "raw_peer.h"
#include "virtual_clock.h"

#include <netinet/tcp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <sys/resource.h>

#include <cmocka.h>

static void a_listener_takes_both_families(void **state) {
    (void)state;
    const struct address any = {.port = 0};
    struct address bound;
    coax_error error;
    int fd = -1, off = 1, on = 0;
    socklen_t size = sizeof off;
    assert_int_equal(coax_stream_listen(&fd, &any, &bound, &error), COAX_OK);
    assert_true(bound.port != 0);
    assert_int_equal(getsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, &size), 0);
    assert_int_equal(off, 0);
    assert_int_equal(getsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, &size), 0);
    assert_int_equal(on, 1);
    close(fd);
}

static void a_port_in_use_is_said_to_be(void **state) {
    (void)state;
    const struct address loopback = coax_address_ip4(127, 0, 0, 1, 0);
    struct address bound;
    coax_error error;
    int first = -1, second = -1;
    assert_int_equal(coax_stream_listen(&first, &loopback, &bound, &error), COAX_OK);
    assert_int_equal(coax_stream_listen(&second, &bound, &bound, &error), COAX_E_IO);
    assert_non_null(strstr(error.text, "TCP 127.0.0.1:"));
    assert_non_null(strstr(error.text, "in use"));
    assert_non_null(strstr(error.text, "--port"));
    assert_int_equal(second, -1);
    close(first);
}

/* Many at once, more than a turn takes, each with its own answer; none waits for the acknowledgement of another. */
static void all_who_wait_are_accepted(void **state) {
    (void)state;
    enum { MANY = 100 };
    struct endpoint_pair pair;
    int fds[MANY];
    uint8_t answer[64];
    assert_true(make_pair(&pair, "coap+tcp://[::]:0"));
    for (int i = 0; i < MANY; i++) {
        fds[i] = raw_connect(pair.uri);
        assert_true(fds[i] >= 0);
    }
    for (int i = 0; i < MANY; i++) {
        assert_true(raw_send(pair.server, fds[i], raw_csm, sizeof raw_csm));
        assert_true(raw_send(pair.server, fds[i], raw_get_hello, sizeof raw_get_hello));
        assert_true(raw_receive(pair.server, fds[i], answer, 2) == 2);
    }
    assert_int_equal(stream_connection_count(&pair.server->stack->streams), MANY);
    for (int i = 0; i < MANY; i++) {
        close(fds[i]);
    }
    free_pair(&pair);
}

static void connections_inherit_settings(void **state) {
    (void)state;
    const struct address loopback = coax_address_ip4(127, 0, 0, 1, 0);
    struct address bound;
    char uri[64];
    int listener = -1, no_delay = 0, unsent = 0;
    socklen_t size = sizeof no_delay;
    assert_int_equal(coax_stream_listen(&listener, &loopback, &bound, NULL), COAX_OK);
    (void)snprintf(uri, sizeof uri, "coap+tcp://127.0.0.1:%u", bound.port);
    int client = raw_connect(uri), fd = accept(listener, NULL, NULL);
    assert_true(fd >= 0);
    assert_int_equal(getsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &no_delay, &size), 0);
    assert_true(no_delay != 0);
    assert_int_equal(getsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &unsent, &size), 0);
    assert_in_range(unsent, 1, 256 * 1024);
    close(fd);
    close(client);
    close(listener);
}

/* As few descriptors are left as the test wants. */
struct shortage {
    struct rlimit before;
    int fillers[64];
    int count;
};

static void begin_shortage(struct shortage *shortage) {
    struct rlimit limit;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &shortage->before), 0);
    limit = shortage->before;
    limit.rlim_cur = 64;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
    shortage->count = 0;
    int fd;
    while ((fd = dup(0)) >= 0) {
        shortage->fillers[shortage->count++] = fd;
    }
    assert_int_equal(errno, EMFILE);
}

static void end_shortage(struct shortage *shortage) {
    while (shortage->count > 0) {
        close(shortage->fillers[--shortage->count]);
    }
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &shortage->before), 0);
}

static void count_warnings(enum coax_log_level level, const char *text, void *user) {
    unsigned *warnings = user;
    *warnings += level == COAX_LOG_WARNING && strstr(text, "No more connections can be accepted") != NULL;
}

/* Valgrind accepts what the limit forbids, and throws it away. */
static void skip_under_valgrind(void) {
    if (getenv("UNDER_VALGRIND") != NULL) {
        skip();
    }
}

static bool make_server(struct endpoint_pair *pair, unsigned *warnings) {
    coax_endpoint_config config = COAX_ENDPOINT_CONFIG_INIT;
    config.log = count_warnings;
    config.user = warnings;
    return make_pair_of(pair, "coap+tcp://127.0.0.1:0", &config);
}

/* The loop sleeps instead of trying again and again, and the client is served as soon as there is room. */
static void a_lack_of_descriptors_does_not_keep_the_loop_busy(void **state) {
    (void)state;
    skip_under_valgrind();
    struct endpoint_pair pair;
    struct shortage shortage;
    unsigned warnings = 0;
    uint8_t answer[2];
    coax_virtual_clock_set(COAX_SECOND);
    assert_true(make_server(&pair, &warnings));
    int fd = raw_connect(pair.uri);
    begin_shortage(&shortage);
    assert_int_equal(coax_endpoint_process(pair.server, NULL), COAX_OK);
    struct pollfd wait = {.fd = coax_endpoint_fd(pair.server), .events = POLLIN};
    for (int i = 0; i < 3; i++) { /* it tries again after each rest, and says so once */
        assert_true(pair.server->accept_rest.is_under_way);
        assert_int_equal(warnings, 1);
        assert_int_equal(poll(&wait, 1, 0), 0);
        assert_int_equal(coax_endpoint_timeout_ms(pair.server), 100);
        coax_virtual_clock_advance(100 * COAX_MILLISECOND);
        assert_int_equal(coax_endpoint_process(pair.server, NULL), COAX_OK); /* the rest ends */
        assert_false(pair.server->accept_rest.is_under_way);
        assert_int_equal(coax_endpoint_process(pair.server, NULL), COAX_OK); /* and begins */
    }
    coax_virtual_clock_advance(100 * COAX_MILLISECOND);
    assert_int_equal(warnings, 1);
    end_shortage(&shortage);
    assert_true(raw_send(pair.server, fd, raw_csm, sizeof raw_csm));
    assert_int_equal(raw_receive(pair.server, fd, answer, sizeof answer), 2);
    assert_false(pair.server->accept_rest.is_under_way);
    coax_virtual_clock_off();
    close(fd);
    free_pair(&pair);
}

/* A connection that goes makes room: the rest ends at once. */
static void a_stream_that_closes_ends_the_rest(void **state) {
    (void)state;
    skip_under_valgrind();
    struct endpoint_pair pair;
    struct shortage shortage;
    unsigned warnings = 0;
    uint8_t csm[2];
    assert_true(make_server(&pair, &warnings));
    int first = raw_connect(pair.uri);
    assert_int_equal(raw_receive(pair.server, first, csm, sizeof csm), 2);
    int second = raw_connect(pair.uri);
    begin_shortage(&shortage);
    assert_int_equal(coax_endpoint_process(pair.server, NULL), COAX_OK);
    assert_true(pair.server->accept_rest.is_under_way);
    raw_reset_at_close(first);
    close(first);
    assert_int_equal(dup2(shortage.fillers[0], first), first); /* nobody else gets that one */
    shortage.fillers[shortage.count++] = first;
    for (int i = 0; i < 100 && stream_connection_count(&pair.server->stack->streams) != 0; i++) {
        assert_int_equal(coax_endpoint_process(pair.server, NULL), COAX_OK);
    }
    assert_false(pair.server->accept_rest.is_under_way); /* the turn that closed it ended the rest */
    assert_int_equal(raw_receive(pair.server, second, csm, sizeof csm), 2);
    end_shortage(&shortage);
    close(second);
    free_pair(&pair);
}

/* Busy ones stay; who comes then is sent away, and the others are served on. */
static void one_too_many_is_closed(void **state) {
    (void)state;
    struct endpoint_pair pair;
    coax_endpoint_config config = COAX_ENDPOINT_CONFIG_INIT;
    uint8_t bytes[256];
    config.max_connections = 1;
    assert_true(make_pair_of(&pair, "coap+tcp://127.0.0.1:0", &config));
    int first = raw_connect(pair.uri); /* it never sends its CSM: it is being opened, not idle */
    assert_true(raw_receive(pair.server, first, bytes, 2) == 2);
    int second = raw_connect(pair.uri);
    assert_true(raw_receive(pair.server, second, bytes, sizeof bytes) <= 0);
    assert_int_equal(stream_connection_count(&pair.server->stack->streams), 1);
    assert_true(raw_send(pair.server, first, raw_csm, sizeof raw_csm));
    assert_true(raw_send(pair.server, first, raw_get_hello, sizeof raw_get_hello));
    assert_true(raw_receive(pair.server, first, bytes, 2) == 2);
    close(first);
    close(second);
    free_pair(&pair);
}

static void only_sockets_that_listen_are_adopted(void **state) {
    (void)state;
    const struct address loopback = coax_address_ip4(127, 0, 0, 1, 0);
    struct address bound, adopted;
    coax_error error;
    int listener = -1, plain = socket(AF_INET, SOCK_STREAM, 0), datagrams = socket(AF_INET, SOCK_DGRAM, 0);
    assert_int_equal(coax_stream_listen(&listener, &loopback, &bound, NULL), COAX_OK);
    assert_int_equal(coax_stream_listen_adopt(listener, &adopted, &error), COAX_OK);
    assert_true(coax_address_equal(&adopted, &bound));
    assert_int_equal(coax_stream_listen_adopt(plain, &adopted, &error), COAX_E_INVALID);
    assert_non_null(strstr(error.text, "listening"));
    assert_int_equal(coax_stream_listen_adopt(datagrams, &adopted, &error), COAX_E_INVALID);
    assert_non_null(strstr(error.text, "TCP"));
    close(listener);
    close(plain);
    close(datagrams);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_listener_takes_both_families),
        cmocka_unit_test(a_port_in_use_is_said_to_be),
        cmocka_unit_test(all_who_wait_are_accepted),
        cmocka_unit_test(connections_inherit_settings),
        cmocka_unit_test(a_lack_of_descriptors_does_not_keep_the_loop_busy),
        cmocka_unit_test(a_stream_that_closes_ends_the_rest),
        cmocka_unit_test(one_too_many_is_closed),
        cmocka_unit_test(only_sockets_that_listen_are_adopted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
