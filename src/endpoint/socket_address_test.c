#include "endpoint/socket_address.h"

#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static void an_ip4_address_survives_both_families(void **state) {
    (void)state;
    const struct address address = coax_address_ip4(192, 0, 2, 7, 5683);
    struct sockaddr_storage storage;
    struct address back;
    assert_int_equal(coax_sockaddr_write(&storage, &address, true), sizeof(struct sockaddr_in));
    assert_int_equal(storage.ss_family, AF_INET);
    coax_sockaddr_read(&back, &storage);
    assert_true(coax_address_equal(&address, &back));
    assert_int_equal(coax_sockaddr_write(&storage, &address, false), sizeof(struct sockaddr_in6));
    assert_int_equal(storage.ss_family, AF_INET6);
    coax_sockaddr_read(&back, &storage);
    assert_true(coax_address_equal(&address, &back));
}

static void an_ip6_address_keeps_its_zone(void **state) {
    (void)state;
    struct address address = {.port = 61616, .zone = 3};
    address.ip[0] = 0xfe;
    address.ip[1] = 0x80;
    address.ip[15] = 1;
    struct sockaddr_storage storage;
    struct address back;
    (void)coax_sockaddr_write(&storage, &address, false);
    assert_int_equal(((struct sockaddr_in6 *)&storage)->sin6_scope_id, 3);
    coax_sockaddr_read(&back, &storage);
    assert_memory_equal(&address, &back, sizeof address);
}

static void an_ip6_address_does_not_fit_an_ip4_socket(void **state) {
    (void)state;
    struct address ip6 = {.port = 1};
    ip6.ip[15] = 1;
    const struct address ip4 = coax_address_ip4(127, 0, 0, 1, 1);
    assert_false(coax_address_fits(&ip6, true));
    assert_true(coax_address_fits(&ip6, false));
    assert_true(coax_address_fits(&ip4, true));
    assert_true(coax_address_fits(&ip4, false));
}

static void another_family_reads_as_nothing(void **state) {
    (void)state;
    struct sockaddr_storage storage = {.ss_family = AF_UNIX};
    struct address back = coax_address_ip4(1, 2, 3, 4, 5);
    const struct address nothing = {.port = 0};
    coax_sockaddr_read(&back, &storage);
    assert_memory_equal(&nothing, &back, sizeof back);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_ip4_address_survives_both_families),
        cmocka_unit_test(an_ip6_address_keeps_its_zone),
        cmocka_unit_test(an_ip6_address_does_not_fit_an_ip4_socket),
        cmocka_unit_test(another_family_reads_as_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
