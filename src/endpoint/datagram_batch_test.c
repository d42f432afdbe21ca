#include "endpoint/socket.h"

#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

enum { DATAGRAM = 256, CLIENT = 0, SERVER = 1 };

struct fixture {
    struct datagram_batch *batch;
    struct udp_socket sockets[2];
    struct path received[64];
    uint8_t first_bytes[64];
    size_t sizes[64];
    unsigned count;
    unsigned errors;
    int last_error;
    struct address last_remote;
};

static int set_up(void **state) {
    static struct fixture fixture;
    static const struct address any = {.port = 0};
    memset(&fixture, 0, sizeof fixture);
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
}

static void note_error(void *user, const struct address *remote, int error_number) {
    struct path path = {.remote = *remote};
    note_path_error(user, &path, error_number);
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
    coax_udp_take_errors(&fixture->sockets[CLIENT], note_error, fixture);
    assert_int_equal(fixture->errors, 1);
    assert_int_equal(fixture->last_error, ECONNREFUSED);
    assert_true(coax_address_equal(&fixture->last_remote, &closed.bound));
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
        cmocka_unit_test_setup_teardown(a_refused_datagram_is_reported_alone, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
