#include "endpoint_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static void the_uri_names_the_port_that_it_got(void **state) {
    (void)state;
    struct endpoint_pair pair;
    assert_true(make_pair(&pair, "coap://127.0.0.1:0"));
    assert_int_equal(strncmp(pair.uri, "coap://127.0.0.1:", 17), 0);
    assert_true(strtoul(pair.uri + 17, NULL, 10) > 0);
    char uri[64];
    assert_int_equal(coax_endpoint_listening_uri(pair.server, 1, uri, sizeof uri), COAX_E_NOT_FOUND);
    assert_int_equal(coax_endpoint_listening_uri(pair.server, 0, uri, 5), COAX_E_TOO_LARGE);
    free_pair(&pair);
}

static void dtls_needs_credentials(void **state) {
    (void)state;
    coax_endpoint *endpoint;
    coax_error error;
    assert_int_equal(coax_endpoint_new(&endpoint, NULL, &error), COAX_OK);
    assert_int_equal(coax_endpoint_listen(endpoint, "coaps://127.0.0.1:0", &error), COAX_E_NO_CREDENTIALS);
    assert_non_null(strstr(error.text, "credentials"));
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

/* "[::]" is both families. */
static void the_wildcard_serves_ip4_and_ip6(void **state) {
    (void)state;
    struct endpoint_pair pair;
    struct answer answer;
    char uri[64];
    assert_true(make_pair(&pair, "coap://[::]:0"));
    const char *port = strrchr(pair.uri, ':');
    static const char *const hosts[] = {"127.0.0.1", "127.0.0.9", "[::1]", "localhost", "[::]", "0.0.0.0"};
    for (size_t i = 0; i < sizeof hosts / sizeof *hosts; i++) {
        (void)snprintf(uri, sizeof uri, "coap://%s%s", hosts[i], port);
        assert_int_equal(ask_hello(&pair, uri, &answer), COAX_OK);
        assert_int_equal(answer.code, COAX_CONTENT);
    }
    free_pair(&pair);
}

static void groups_need_a_listener(void **state) {
    (void)state;
    coax_endpoint *endpoint;
    coax_error error;
    assert_int_equal(coax_endpoint_new(&endpoint, NULL, &error), COAX_OK);
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
        cmocka_unit_test(dtls_needs_credentials),
        cmocka_unit_test(impossible_places_are_refused),
        cmocka_unit_test(the_wildcard_serves_ip4_and_ip6),
        cmocka_unit_test(groups_need_a_listener),
        cmocka_unit_test(groups_go_to_those_who_can_hear_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
