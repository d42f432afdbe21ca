#include "endpoint/socket.h"

#include <dlfcn.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/ip_icmp.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <linux/errqueue.h> /* wants time.h */

#include <cmocka.h>

enum { DATAGRAM = 256, CLIENT = 0, SERVER = 1 };

/* What the system's calls are made to say: the next sendmmsg fails so, errors of the network become this one,
   and have this type of ICMP. */
static int send_errno, queued_errno;
static uint8_t queued_type;

int sendmmsg(int fd, struct mmsghdr *vmessages, unsigned vlen, int flags) {
    int (*real)(int, struct mmsghdr *, unsigned, int);
    *(void **)&real = dlsym(RTLD_NEXT, "sendmmsg");
    if (send_errno != 0) {
        errno = send_errno;
        send_errno = 0;
        return -1;
    }
    return real(fd, vmessages, vlen, flags);
}

ssize_t recvmsg(int fd, struct msghdr *message, int flags) {
    ssize_t (*real)(int, struct msghdr *, int);
    *(void **)&real = dlsym(RTLD_NEXT, "recvmsg");
    ssize_t size = real(fd, message, flags);
    for (struct cmsghdr *control = size < 0 ? NULL : CMSG_FIRSTHDR(message); control != NULL && queued_errno != 0;
         control = CMSG_NXTHDR(message, control)) {
        if (control->cmsg_type == (control->cmsg_level == IPPROTO_IP ? IP_RECVERR : IPV6_RECVERR)) {
            struct sock_extended_err error;
            memcpy(&error, CMSG_DATA(control), sizeof error);
            error.ee_errno = (uint32_t)queued_errno;
            error.ee_type = queued_type != 0 ? queued_type : error.ee_type;
            memcpy(CMSG_DATA(control), &error, sizeof error);
        }
    }
    return size;
}

struct fixture {
    struct datagram_batch *batch;
    struct udp_socket sockets[2];
    struct path received[64];
    uint8_t first_bytes[64];
    size_t sizes[64];
    unsigned count;
    unsigned errors;
    int last_error;
    struct address last_remote, last_local;
};

static int set_up(void **state) {
    static struct fixture fixture;
    static const struct address any = {.port = 0};
    memset(&fixture, 0, sizeof fixture);
    send_errno = queued_errno = 0;
    queued_type = 0;
    fixture.batch = coax_batch_new(DATAGRAM);
    fixture.sockets[SERVER].listening = true;
    for (int i = 0; i < 2; i++) {
        if (coax_udp_open(&fixture.sockets[i], &any, NULL) != COAX_OK) {
            return -1;
        }
    }
    *state = &fixture;
    return fixture.batch == NULL ? -1 : 0;
}

static int tear_down(void **state) {
    struct fixture *fixture = *state;
    coax_batch_free(fixture->batch);
    close(fixture->sockets[0].fd);
    close(fixture->sockets[1].fd);
    return 0;
}

static void note_datagram(void *user, struct path *path, const uint8_t *data, size_t size) {
    struct fixture *fixture = user;
    fixture->received[fixture->count] = *path;
    fixture->first_bytes[fixture->count] = size > 0 ? data[0] : 0;
    fixture->sizes[fixture->count++] = size;
}

static void note_path_error(void *user, const struct path *path, int error_number) {
    struct fixture *fixture = user;
    fixture->errors++;
    fixture->last_error = error_number;
    fixture->last_remote = path->remote;
    fixture->last_local = path->local;
}

static struct path to_server(const struct fixture *fixture, uint8_t last_octet) {
    struct path path = {.channel = CLIENT};
    path.remote = coax_address_ip4(127, 0, 0, last_octet, fixture->sockets[SERVER].bound.port);
    return path;
}

static void wait_readable(int fd, short events) {
    struct pollfd wait = {.fd = fd, .events = events};
    assert_int_equal(poll(&wait, 1, 5000), 1);
}

static void receive_all(struct fixture *fixture, int which, unsigned expected) {
    while (fixture->count < expected) {
        wait_readable(fixture->sockets[which].fd, POLLIN);
        assert_true(coax_batch_receive(fixture->batch, &fixture->sockets[which], note_datagram, fixture) > 0);
    }
}

static void a_batch_arrives_whole_and_in_order(void **state) {
    struct fixture *fixture = *state;
    struct path path = to_server(fixture, 1);
    for (uint8_t i = 0; i < 32; i++) {
        assert_true(coax_batch_add(fixture->batch, &path, &i, 1));
    }
    uint8_t more = 99;
    assert_false(coax_batch_add(fixture->batch, &path, &more, 1)); /* full */
    coax_batch_send(fixture->batch, fixture->sockets, note_path_error, fixture);
    assert_true(coax_batch_is_empty(fixture->batch));
    receive_all(fixture, SERVER, 32);
    for (unsigned i = 0; i < 32; i++) {
        assert_int_equal(fixture->first_bytes[i], i);
    }
    assert_int_equal(fixture->errors, 0);
}

static void the_answer_leaves_from_the_address_that_was_asked(void **state) {
    struct fixture *fixture = *state;
    struct path path = to_server(fixture, 77); /* 127.0.0.77 */
    assert_true(coax_batch_add(fixture->batch, &path, (const uint8_t *)"?", 1));
    coax_batch_send(fixture->batch, fixture->sockets, NULL, NULL);
    receive_all(fixture, SERVER, 1);
    struct path back = fixture->received[0];
    assert_true(coax_address_equal(&back.local, &path.remote));
    back.channel = SERVER;
    assert_true(coax_batch_add(fixture->batch, &back, (const uint8_t *)"!", 1));
    coax_batch_send(fixture->batch, fixture->sockets, NULL, NULL);
    receive_all(fixture, CLIENT, 2);
    assert_true(coax_address_equal(&fixture->received[1].remote, &path.remote));
}

static void a_truncated_datagram_is_dropped(void **state) {
    struct fixture *fixture = *state;
    struct path path = to_server(fixture, 1);
    uint8_t large[DATAGRAM * 2] = {1};
    struct datagram_batch *larger = coax_batch_new(sizeof large);
    assert_non_null(larger);
    assert_false(coax_batch_add(fixture->batch, &path, large, sizeof large));
    assert_true(coax_batch_add(larger, &path, large, sizeof large));
    assert_true(coax_batch_add(larger, &path, (const uint8_t *)"x", 1));
    coax_batch_send(larger, fixture->sockets, NULL, NULL);
    coax_batch_free(larger);
    receive_all(fixture, SERVER, 1);
    assert_int_equal(fixture->first_bytes[0], 'x');
}

static void a_closed_port_is_reported(void **state) {
    struct fixture *fixture = *state;
    struct udp_socket closed = {.listening = true};
    const struct address loopback = coax_address_ip4(127, 0, 0, 1, 0);
    assert_int_equal(coax_udp_open(&closed, &loopback, NULL), COAX_OK);
    close(closed.fd);
    struct path path = {.channel = CLIENT, .remote = closed.bound};
    assert_true(coax_batch_add(fixture->batch, &path, (const uint8_t *)"?", 1));
    coax_batch_send(fixture->batch, fixture->sockets, note_path_error, fixture);
    wait_readable(fixture->sockets[CLIENT].fd, 0); /* POLLERR */
    coax_udp_take_errors(&fixture->sockets[CLIENT], note_path_error, fixture);
    assert_int_equal(fixture->errors, 1);
    assert_int_equal(fixture->last_error, ECONNREFUSED);
    assert_true(coax_address_equal(&fixture->last_remote, &closed.bound));
}

/* It is told with the address that the datagram left from: that is part of the peer's path. */
static void a_closed_port_is_reported_to_a_listener(void **state) {
    struct fixture *fixture = *state;
    struct udp_socket closed = {.listening = true};
    const struct address loopback = coax_address_ip4(127, 0, 0, 1, 0);
    assert_int_equal(coax_udp_open(&closed, &loopback, NULL), COAX_OK);
    close(closed.fd);
    struct path path = {.channel = SERVER, .remote = closed.bound};
    path.local = coax_address_ip4(127, 0, 0, 77, fixture->sockets[SERVER].bound.port);
    assert_true(coax_batch_add(fixture->batch, &path, (const uint8_t *)"?", 1));
    coax_batch_send(fixture->batch, fixture->sockets, note_path_error, fixture);
    wait_readable(fixture->sockets[SERVER].fd, 0);
    coax_udp_take_errors(&fixture->sockets[SERVER], note_path_error, fixture);
    assert_int_equal(fixture->errors, 1);
    assert_true(coax_address_equal(&fixture->last_remote, &path.remote));
    assert_true(coax_address_equal(&fixture->last_local, &path.local));
}

/* Retransmission mends it: what was too large for the way (RFC 4443 section 3.2), what was on it for too long. */
static void what_will_pass_is_not_reported(void **state) {
    static const struct {
        int error;
        uint8_t type;
        unsigned reported;
    } cases[] = {{EMSGSIZE, 0, 0}, {EHOSTUNREACH, ICMP_TIME_EXCEEDED, 0}, {EHOSTUNREACH, ICMP_DEST_UNREACH, 1}};
    struct fixture *fixture = *state;
    struct udp_socket closed = {.listening = true};
    const struct address loopback = coax_address_ip4(127, 0, 0, 1, 0);
    assert_int_equal(coax_udp_open(&closed, &loopback, NULL), COAX_OK);
    close(closed.fd);
    struct path path = {.channel = CLIENT, .remote = closed.bound};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        queued_errno = cases[i].error;
        queued_type = cases[i].type;
        assert_true(coax_batch_add(fixture->batch, &path, (const uint8_t *)"?", 1));
        coax_batch_send(fixture->batch, fixture->sockets, note_path_error, fixture);
        wait_readable(fixture->sockets[CLIENT].fd, 0);
        coax_udp_take_errors(&fixture->sockets[CLIENT], note_path_error, fixture);
        assert_int_equal(fixture->errors, cases[i].reported);
    }
}

/* The error of an earlier datagram, which the system reports late, does not cost the next one its way. */
static void a_late_error_is_not_the_next_datagrams(void **state) {
    static const int errors[] = {ECONNREFUSED, EHOSTUNREACH, ENETUNREACH, EMSGSIZE, EACCES, EPROTO, EINTR};
    struct fixture *fixture = *state;
    struct path path = to_server(fixture, 1);
    for (unsigned i = 0; i < sizeof errors / sizeof *errors; i++) {
        uint8_t number = (uint8_t)i;
        send_errno = errors[i];
        assert_true(coax_batch_add(fixture->batch, &path, &number, 1));
        coax_batch_send(fixture->batch, fixture->sockets, note_path_error, fixture);
        receive_all(fixture, SERVER, i + 1);
        assert_int_equal(fixture->first_bytes[i], i);
    }
    assert_int_equal(fixture->errors, 0);
}

/* On a machine without IPv6. The server hears on every address of this machine: nothing must come to it. */
static void an_ip6_address_does_not_become_this_machine(void **state) {
    static const struct address any_ip4 = {.ip = {[10] = 0xff, [11] = 0xff}};
    struct fixture *fixture = *state;
    struct path good = to_server(fixture, 1), bad = good;
    close(fixture->sockets[CLIENT].fd);
    assert_int_equal(coax_udp_open(&fixture->sockets[CLIENT], &any_ip4, NULL), COAX_OK);
    assert_true(fixture->sockets[CLIENT].is_ip4);
    assert_true(coax_address_parse_ip("2001:db8::1", bad.remote.ip));
    assert_true(coax_batch_add(fixture->batch, &bad, (const uint8_t *)"1", 1));
    assert_true(coax_batch_add(fixture->batch, &good, (const uint8_t *)"2", 1));
    assert_true(coax_batch_add(fixture->batch, &bad, (const uint8_t *)"3", 1));
    assert_true(coax_batch_add(fixture->batch, &good, (const uint8_t *)"4", 1));
    coax_batch_send(fixture->batch, fixture->sockets, note_path_error, fixture);
    receive_all(fixture, SERVER, 2);
    assert_int_equal(fixture->first_bytes[0], '2');
    assert_int_equal(fixture->first_bytes[1], '4');
    assert_int_equal(fixture->errors, 2);
    assert_int_equal(fixture->last_error, EAFNOSUPPORT);
    assert_true(coax_address_equal(&fixture->last_remote, &bad.remote));
}

/* One datagram that the system refuses does not keep back those behind it. */
static void a_refused_datagram_is_reported_alone(void **state) {
    struct fixture *fixture = *state;
    struct path good = to_server(fixture, 1), bad = good;
    bad.remote = coax_address_ip4(255, 255, 255, 255, 9); /* broadcast is not permitted */
    assert_true(coax_batch_add(fixture->batch, &good, (const uint8_t *)"1", 1));
    assert_true(coax_batch_add(fixture->batch, &bad, (const uint8_t *)"2", 1));
    assert_true(coax_batch_add(fixture->batch, &good, (const uint8_t *)"3", 1));
    coax_batch_send(fixture->batch, fixture->sockets, note_path_error, fixture);
    receive_all(fixture, SERVER, 2);
    assert_int_equal(fixture->first_bytes[0], '1');
    assert_int_equal(fixture->first_bytes[1], '3');
    assert_int_equal(fixture->errors, 1);
    assert_true(coax_address_equal(&fixture->last_remote, &bad.remote));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_batch_arrives_whole_and_in_order, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_answer_leaves_from_the_address_that_was_asked, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_truncated_datagram_is_dropped, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_closed_port_is_reported, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_closed_port_is_reported_to_a_listener, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_will_pass_is_not_reported, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_late_error_is_not_the_next_datagrams, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_ip6_address_does_not_become_this_machine, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_refused_datagram_is_reported_alone, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
