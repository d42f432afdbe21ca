#include "endpoint/destination.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static void a_literal_has_an_address(void **state) {
    (void)state;
    coax_uri uri;
    struct address address;
    assert_int_equal(coax_uri_parse(&uri, "coap://192.0.2.9:7", NULL), COAX_OK);
    assert_true(coax_endpoint_literal_address(&uri, &address));
    const struct address expected = coax_address_ip4(192, 0, 2, 9, 7);
    assert_true(coax_address_equal(&address, &expected));
    assert_int_equal(coax_uri_parse(&uri, "coaps://[fe80::1%25lo]", NULL), COAX_OK);
    assert_true(coax_endpoint_literal_address(&uri, &address));
    assert_int_equal(address.zone, 1);
    assert_int_equal(address.port, 5684);
    assert_int_equal(address.ip[15], 1);
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

static void a_name_has_none(void **state) {
    (void)state;
    coax_uri uri;
    struct address address;
    assert_int_equal(coax_uri_parse(&uri, "coap://example.org", NULL), COAX_OK);
    assert_false(coax_endpoint_literal_address(&uri, &address));
}

static void transports_are_found_by_scheme(void **state) {
    (void)state;
    static const struct {
        const char *uri;
        enum coax_status status;
    } cases[] = {{"coap://a", COAX_OK},
                 {"coaps://a", COAX_OK},
                 {"coap+tcp://a", COAX_E_NO_TRANSPORT},
                 {"coaps+ws://a", COAX_E_NO_TRANSPORT}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        coax_uri uri;
        coax_error error = {.text = ""};
        assert_int_equal(coax_uri_parse(&uri, cases[i].uri, NULL), COAX_OK);
        assert_int_equal(coax_endpoint_find_transport(&uri, &error), cases[i].status);
        if (cases[i].status != COAX_OK) {
            assert_non_null(strstr(error.text, coax_scheme_name(uri.scheme)));
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_literal_has_an_address),
        cmocka_unit_test(only_scoped_addresses_keep_a_zone),
        cmocka_unit_test(a_name_has_none),
        cmocka_unit_test(transports_are_found_by_scheme),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
