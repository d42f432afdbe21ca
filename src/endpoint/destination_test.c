#include "endpoint/destination.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void a_literal_has_an_address(void **state) {
    (void)state;
    bool is_literal;
    struct address address;
    assert_int_equal(coax_endpoint_literal_address("192.0.2.9", "", 7, &is_literal, &address, NULL), COAX_OK);
    assert_true(is_literal);
    const struct address expected = coax_address_ip4(192, 0, 2, 9, 7);
    assert_true(coax_address_equal(&address, &expected));
    assert_int_equal(coax_endpoint_literal_address("fe80::1", "lo", 5684, &is_literal, &address, NULL), COAX_OK);
    assert_true(is_literal);
    assert_int_equal(address.zone, 1);
    assert_int_equal(address.port, 5684);
    assert_int_equal(address.ip[15], 1);
}

static void a_zone_that_does_not_exist_is_told(void **state) {
    (void)state;
    bool is_literal;
    struct address address;
    coax_error error;
    assert_int_equal(coax_endpoint_literal_address("fe80::1", "nosuchif", 1, &is_literal, &address, &error),
                     COAX_E_RESOLVE);
    assert_non_null(strstr(error.text, "nosuchif"));
}

/* What is asked is what answers: loopback for the unspecified address, no zone where none belongs. */
static void destinations_are_settled(void **state) {
    (void)state;
    struct resolver_answer answer;
    const struct address loopback = coax_address_ip4(127, 0, 0, 1, 9);
    assert_int_equal(coax_endpoint_literal_destination("0.0.0.0", "", 9, &answer, NULL), COAX_OK);
    assert_int_equal(answer.count, 1);
    assert_true(coax_address_equal(&answer.addresses[0], &loopback));
    assert_int_equal(coax_endpoint_literal_destination("::1", "lo", 9, &answer, NULL), COAX_OK);
    assert_int_equal(answer.addresses[0].zone, 0);
    assert_int_equal(coax_endpoint_literal_destination("::1", "nosuchif", 9, &answer, NULL), COAX_E_RESOLVE);
    assert_int_equal(coax_endpoint_literal_destination("example.org", "", 9, &answer, NULL), COAX_OK);
    assert_int_equal(answer.count, 0);
}

static void a_uri_is_read_for_asking(void **state) {
    (void)state;
    struct destination destination;
    coax_error error;
    assert_int_equal(coax_destination_read(&destination, "COAP+ws://Host:80/%7ea?b", &error), COAX_OK);
    assert_string_equal(destination.normal, "coap+ws://host/~a?b");
    assert_int_equal(destination.uri.port, 80);
    free(destination.normal);
    assert_int_equal(coax_destination_read(&destination, "coap+tcp://host:0/", &error), COAX_E_URI);
    assert_non_null(strstr(error.text, "Port 0"));
    assert_int_equal(coax_destination_read(&destination, "http://host/", &error), COAX_E_URI);
}

/* Every byte escaped, which it was not. */
static void the_normal_form_of_any_uri_has_room(void **state) {
    (void)state;
    enum { SIZE = 200 };
    char text[SIZE + 32] = "coap://[fe80::1%abcdefghijklmno]/";
    size_t start = strlen(text);
    struct destination destination;
    memset(text + start, '\'', SIZE - start);
    text[SIZE] = '\0';
    assert_int_equal(coax_destination_read(&destination, text, NULL), COAX_OK);
    coax_uri again;
    assert_int_equal(coax_uri_parse(&again, destination.normal, NULL), COAX_OK);
    assert_string_equal(again.zone, "abcdefghijklmno");
    free(destination.normal);
}

static void four_schemes_have_streams(void **state) {
    (void)state;
    static const bool expected[COAX_SCHEMES] = {false, false, true, true, true, true};
    for (int i = 0; i < COAX_SCHEMES; i++) {
        assert_int_equal(scheme_has_streams((enum coax_scheme)i), expected[i]);
    }
}

static void only_scoped_addresses_keep_a_zone(void **state) {
    (void)state;
    static const struct {
        const char *ip;
        uint32_t zone;
    } cases[] = {
        {"fe80::1", 7}, {"febf::1", 7}, {"ff02::fd", 7}, {"ff11::1", 7},     {"fec0::1", 0},
        {"::1", 0},     {"fd00::1", 0}, {"ff05::fd", 0}, {"2001:db8::1", 0}, {"192.0.2.1", 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct address address = {.zone = 7};
        assert_true(coax_address_parse_ip(cases[i].ip, address.ip));
        coax_endpoint_settle_zone(&address);
        assert_int_equal(address.zone, cases[i].zone);
    }
}

static void asking_the_unspecified_address_asks_this_machine(void **state) {
    (void)state;
    struct address address = coax_address_ip4(0, 0, 0, 0, 7);
    const struct address loopback = coax_address_ip4(127, 0, 0, 1, 7), other = coax_address_ip4(192, 0, 2, 1, 7);
    coax_endpoint_settle_unspecified(&address);
    assert_true(coax_address_equal(&address, &loopback));
    address = (struct address){.port = 7};
    coax_endpoint_settle_unspecified(&address);
    assert_int_equal(address.ip[15], 1);
    assert_int_equal(address.ip[12], 0);
    address = other;
    coax_endpoint_settle_unspecified(&address);
    assert_true(coax_address_equal(&address, &other));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_literal_has_an_address),
        cmocka_unit_test(only_scoped_addresses_keep_a_zone),
        cmocka_unit_test(a_zone_that_does_not_exist_is_told),
        cmocka_unit_test(destinations_are_settled),
        cmocka_unit_test(a_uri_is_read_for_asking),
        cmocka_unit_test(the_normal_form_of_any_uri_has_room),
        cmocka_unit_test(four_schemes_have_streams),
        cmocka_unit_test(asking_the_unspecified_address_asks_this_machine),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
