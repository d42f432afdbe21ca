#include "endpoint/socket.h"

#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

static const struct address any = {.port = 0};

static void a_socket_gets_a_port(void **state) {
    (void)state;
    struct udp_socket socket = {.listening = true};
    coax_error error;
    assert_int_equal(coax_udp_open(&socket, &any, &error), COAX_OK);
    assert_true(socket.bound.port != 0);
    close(socket.fd);
}

static void a_port_in_use_is_said_to_be(void **state) {
    (void)state;
    const struct address loopback = coax_address_ip4(127, 0, 0, 1, 0);
    struct udp_socket first = {.listening = true}, second = {.listening = true};
    coax_error error;
    assert_int_equal(coax_udp_open(&first, &loopback, &error), COAX_OK);
    assert_int_equal(coax_udp_open(&second, &first.bound, &error), COAX_E_IO);
    assert_non_null(strstr(error.text, "in use"));
    assert_non_null(strstr(error.text, "127.0.0.1:"));
    assert_non_null(strstr(error.text, "--port"));
    close(first.fd);
}

static void an_address_of_another_machine_is_refused(void **state) {
    (void)state;
    const struct address elsewhere = coax_address_ip4(192, 0, 2, 1, 0);
    struct udp_socket socket = {.listening = true};
    coax_error error;
    assert_int_equal(coax_udp_open(&socket, &elsewhere, &error), COAX_E_IO);
    assert_non_null(strstr(error.text, "192.0.2.1"));
}

static void groups_of_both_families_can_be_joined(void **state) {
    (void)state;
    struct udp_socket socket = {.listening = true};
    struct address group = coax_address_ip4(224, 0, 1, 187, 0);
    coax_error error;
    assert_int_equal(coax_udp_open(&socket, &any, &error), COAX_OK);
    group.zone = 1; /* the loopback interface */
    assert_int_equal(coax_udp_join(&socket, &group, &error), COAX_OK);
    if (!socket.is_ip4) {
        struct address group6 = {.zone = 1, .ip = {0xff, 0x02, [15] = 0xfd}};
        assert_int_equal(coax_udp_join(&socket, &group6, &error), COAX_OK);
    }
    struct address no_group = coax_address_ip4(127, 0, 0, 1, 0);
    assert_int_equal(coax_udp_join(&socket, &no_group, &error), COAX_E_IO);
    close(socket.fd);
}

static void errnos_become_statuses(void **state) {
    (void)state;
    assert_int_equal(coax_network_status(ECONNREFUSED), COAX_E_REFUSED);
    assert_int_equal(coax_network_status(EHOSTUNREACH), COAX_E_UNREACHABLE);
    assert_int_equal(coax_network_status(ENETUNREACH), COAX_E_UNREACHABLE);
    assert_int_equal(coax_network_status(EMSGSIZE), COAX_E_TOO_LARGE);
    assert_int_equal(coax_network_status(EPERM), COAX_E_IO);
    assert_int_equal(coax_network_status(ETIMEDOUT), COAX_E_TIMEOUT);
}

static void errors_are_sentences(void **state) {
    (void)state;
    const struct address remote = coax_address_ip4(192, 0, 2, 1, 5683);
    static const struct {
        int number;
        enum coax_status status;
        const char *words;
    } cases[] = {
        {ECONNREFUSED, COAX_E_REFUSED, "nothing listens on TCP 192.0.2.1:5683"},
        {ENETUNREACH, COAX_E_UNREACHABLE, "192.0.2.1:5683 cannot be reached"},
        {ETIMEDOUT, COAX_E_TIMEOUT, "No answer from TCP 192.0.2.1:5683"},
        {EPERM, COAX_E_IO, "192.0.2.1:5683 failed: "},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        coax_error error;
        coax_network_error(&error, "TCP", &remote, cases[i].number);
        assert_int_equal(error.status, cases[i].status);
        assert_non_null(strstr(error.text, cases[i].words));
    }
}

/* Options that must be set before a socket is bound cannot be set any more; the others are. */
static void a_bound_socket_is_adopted(void **state) {
    (void)state;
    struct udp_socket opened = {.listening = true}, adopted = {.secure = true, .listening = true};
    coax_error error;
    assert_int_equal(coax_udp_open(&opened, &any, &error), COAX_OK);
    assert_int_equal(coax_udp_adopt(&adopted, opened.fd, &error), COAX_OK);
    assert_int_equal(adopted.fd, opened.fd);
    assert_int_equal(adopted.is_ip4, opened.is_ip4);
    assert_int_equal(adopted.bound.port, opened.bound.port);
    assert_true(adopted.secure && adopted.listening);
    close(opened.fd);
    assert_int_equal(coax_udp_adopt(&adopted, opened.fd, &error), COAX_E_INVALID);
}

static void the_family_follows_the_address(void **state) {
    (void)state;
    const struct address loopback = coax_address_ip4(127, 0, 0, 1, 0), loopback6 = {.ip = {[15] = 1}};
    bool is_ip4 = false;
    int fd = coax_socket_open(SOCK_STREAM, &loopback, &is_ip4);
    assert_true(fd >= 0 && is_ip4);
    close(fd);
    fd = coax_socket_open(SOCK_DGRAM, &loopback6, &is_ip4);
    assert_true(fd < 0 || !is_ip4); /* a machine without IPv6 has none */
    if (fd >= 0) {
        close(fd);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_socket_gets_a_port),
        cmocka_unit_test(a_port_in_use_is_said_to_be),
        cmocka_unit_test(an_address_of_another_machine_is_refused),
        cmocka_unit_test(groups_of_both_families_can_be_joined),
        cmocka_unit_test(errnos_become_statuses),
        cmocka_unit_test(errors_are_sentences),
        cmocka_unit_test(a_bound_socket_is_adopted),
        cmocka_unit_test(the_family_follows_the_address),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
