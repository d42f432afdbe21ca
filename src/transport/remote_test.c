#include "transport/remote.h"

#include "datagram_fixture.h"
#include <stdio.h>

static struct address address_of(const char *ip, uint16_t port, uint32_t zone) {
    struct address address = {.port = port, .zone = zone};
    assert_true(coax_address_parse_ip(ip, address.ip));
    return address;
}

struct uri_case {
    enum coax_scheme scheme;
    const char *host, *ip;
    uint16_t port;
    const char *uri, *hostinfo;
};

static const struct uri_case uri_cases[] = {
    {COAX_SCHEME_COAP, NULL, "192.0.2.1", 5683, "coap://192.0.2.1", "192.0.2.1"},
    {COAX_SCHEME_COAP, NULL, "192.0.2.1", 5684, "coap://192.0.2.1:5684", "192.0.2.1:5684"},
    {COAX_SCHEME_COAPS, NULL, "192.0.2.1", 5684, "coaps://192.0.2.1", "192.0.2.1"},
    {COAX_SCHEME_COAPS, NULL, "192.0.2.1", 5683, "coaps://192.0.2.1:5683", "192.0.2.1:5683"},
    {COAX_SCHEME_COAP, NULL, "2001:db8::1", 5683, "coap://[2001:db8::1]", "[2001:db8::1]"},
    {COAX_SCHEME_COAP, NULL, "2001:db8::1", 61616, "coap://[2001:db8::1]:61616", "[2001:db8::1]:61616"},
    {COAX_SCHEME_COAPS, "device.example", "192.0.2.1", 5684, "coaps://device.example", "device.example"},
    {COAX_SCHEME_COAPS, "device.example", "2001:db8::1", 1, "coaps://device.example:1", "device.example:1"},
    {COAX_SCHEME_COAPS, "2001:db8::1", "2001:db8::1", 1, "coaps://[2001:db8::1]:1", "[2001:db8::1]:1"},
};

static void writes_uris_in_normal_form(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof uri_cases / sizeof *uri_cases; i++) {
        const struct uri_case *given = &uri_cases[i];
        char host[32] = "", text[64];
        memcpy(host, given->host == NULL ? "" : given->host, given->host == NULL ? 1 : strlen(given->host) + 1);
        struct coax_remote remote = {.scheme = given->scheme,
                                     .address = address_of(given->ip, given->port, 0),
                                     .host = given->host == NULL ? NULL : host};
        assert_int_equal(coax_remote_scheme(&remote), given->scheme);
        size_t size = strlen(given->uri) + 1;
        assert_int_equal(coax_remote_uri(&remote, text, size), COAX_OK);
        assert_string_equal(text, given->uri);
        for (size_t less = 0; less < size; less++) {
            assert_int_equal(coax_remote_uri(&remote, text, less), COAX_E_TOO_LARGE);
        }
        size = strlen(given->hostinfo) + 1;
        assert_int_equal(coax_remote_hostinfo(&remote, text, size), COAX_OK);
        assert_string_equal(text, given->hostinfo);
        assert_int_equal(coax_remote_hostinfo(&remote, text, size - 1), COAX_E_TOO_LARGE);
    }
}

/* What is written is read as the same zone again, also where its number looks like an escape. */
static void writes_zones_that_can_be_read(void **state) {
    (void)state;
    static const uint32_t zones[] = {1, 2, 25, 251, 4294967295};
    for (size_t i = 0; i < sizeof zones / sizeof *zones; i++) {
        struct coax_remote remote = {.scheme = COAX_SCHEME_COAP, .address = address_of("fe80::1", 7, zones[i])};
        char text[64], expected[64];
        coax_uri uri;
        (void)snprintf(expected, sizeof expected, "coap://[fe80::1%%25%u]:7", (unsigned)zones[i]);
        assert_int_equal(coax_remote_uri(&remote, text, sizeof text), COAX_OK);
        assert_string_equal(text, expected);
        assert_int_equal(coax_uri_parse(&uri, text, NULL), COAX_OK);
        (void)snprintf(expected, sizeof expected, "%u", (unsigned)zones[i]);
        assert_string_equal(uri.zone, expected);
        assert_int_equal(uri.port, 7);
    }
}

static void writes_this_side_too(void **state) {
    (void)state;
    char text[64];
    struct coax_remote remote = {.scheme = COAX_SCHEME_COAP, .address = address_of("192.0.2.1", 40000, 0)};
    assert_int_equal(coax_remote_local_uri(&remote, text, sizeof text), COAX_E_ANONYMOUS);
    remote.local = address_of("192.0.2.2", 5683, 0);
    assert_int_equal(coax_remote_local_uri(&remote, text, sizeof text), COAX_OK);
    assert_string_equal(text, "coap://192.0.2.2");
}

static void knows_multicast_from_either_end(void **state) {
    (void)state;
    static const struct {
        const char *remote, *local;
        bool is_multicast;
    } cases[] = {
        {"192.0.2.1", "192.0.2.2", false}, {"192.0.2.1", "224.0.1.187", true}, {"224.0.1.187", "192.0.2.2", true},
        {"2001:db8::1", "ff02::fd", true}, {"ff05::fd", "::", true},           {"2001:db8::1", "::", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct coax_remote remote = {.address = address_of(cases[i].remote, 5683, 0),
                                     .local = address_of(cases[i].local, 5683, 0)};
        assert_int_equal(coax_remote_is_multicast(&remote), cases[i].is_multicast);
    }
}

static bool take_any(struct credential *credential, void *user) {
    *(struct credential **)user = credential;
    return false;
}

/* Only what the remote itself proved is its claim; what this side chose is part of the block-wise key all the same. */
static void a_claim_is_what_was_proved(void **state) {
    (void)state;
    coax_credentials *credentials = coax_credentials_new();
    assert_int_equal(coax_credentials_set_psk(credentials, ":device", "id", 2, "0123456789abcdef", 16, NULL), COAX_OK);
    struct credential *credential = NULL;
    coax_credentials_each(credentials, take_any, &credential);
    assert_non_null(credential);
    struct coax_remote remote = {.scheme = COAX_SCHEME_COAPS, .address = address_of("192.0.2.1", 5684, 0)};
    assert_null(coax_remote_claim(&remote));
    assert_null(coax_remote_credential(&remote));
    remote.credential = credential;
    assert_null(coax_remote_claim(&remote));
    remote.proved = true;
    assert_string_equal(coax_remote_claim(&remote), ":device");
    assert_ptr_equal(coax_remote_credential(&remote), credential);
    coax_credentials_free(credentials);
}

static void blockwise_keys_differ_by_address_transport_and_identity(void **state) {
    (void)state;
    coax_credentials *credentials = coax_credentials_new();
    assert_int_equal(coax_credentials_set_psk(credentials, ":device", "id", 2, "0123456789abcdef", 16, NULL), COAX_OK);
    struct credential *credential = NULL;
    coax_credentials_each(credentials, take_any, &credential);
    const struct coax_remote remotes[] = {
        {.scheme = COAX_SCHEME_COAP, .address = address_of("192.0.2.1", 5684, 0)},
        {.scheme = COAX_SCHEME_COAPS, .address = address_of("192.0.2.1", 5684, 0)},
        {.scheme = COAX_SCHEME_COAPS, .address = address_of("192.0.2.1", 5683, 0)},
        {.scheme = COAX_SCHEME_COAPS, .address = address_of("192.0.2.2", 5684, 0)},
        {.scheme = COAX_SCHEME_COAPS, .address = address_of("fe80::1", 5684, 1)},
        {.scheme = COAX_SCHEME_COAPS, .address = address_of("fe80::1", 5684, 2)},
        {.scheme = COAX_SCHEME_COAPS, .address = address_of("192.0.2.1", 5684, 0), .credential = credential},
    };
    enum { COUNT = sizeof remotes / sizeof *remotes };
    char keys[COUNT][96], again[96];
    for (size_t i = 0; i < COUNT; i++) {
        assert_int_equal(coax_remote_blockwise_key(&remotes[i], keys[i], sizeof keys[i]), COAX_OK);
        for (size_t j = 0; j < i; j++) {
            assert_string_not_equal(keys[i], keys[j]);
        }
        struct coax_remote twin = remotes[i];
        assert_int_equal(coax_remote_blockwise_key(&twin, again, sizeof again), COAX_OK);
        assert_string_equal(again, keys[i]);
        assert_int_equal(coax_remote_blockwise_key(&twin, again, strlen(keys[i])), COAX_E_TOO_LARGE);
    }
    coax_credentials_free(credentials);
}

/* The last reference tells the transport, which keeps a living peer and frees one that is over. */
static void references_keep_it(void **state) {
    (void)state;
    struct datagram_fixture fixture;
    fixture_start(&fixture, NULL);
    struct coax_remote *remote = fixture_remote(&fixture, client_path(9));
    assert_ptr_equal(coax_remote_ref(remote), remote);
    coax_remote_ref(remote);
    coax_remote_unref(remote);
    coax_peer_end(COAX_CONTAINER(remote, struct peer, remote), NULL);
    assert_int_equal(fixture.layer.peer_pool.in_use, 1);
    coax_remote_unref(remote);
    assert_int_equal(fixture.layer.peer_pool.in_use, 0);
    remote = coax_remote_ref(fixture_remote(&fixture, client_path(9)));
    coax_remote_unref(remote);
    assert_int_equal(fixture.layer.peer_pool.in_use, 1);
    assert_ptr_equal(fixture_remote(&fixture, client_path(9)), remote);
    coax_remote_unref(NULL);
    fixture_stop(&fixture);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writes_uris_in_normal_form),
        cmocka_unit_test(writes_zones_that_can_be_read),
        cmocka_unit_test(writes_this_side_too),
        cmocka_unit_test(knows_multicast_from_either_end),
        cmocka_unit_test(a_claim_is_what_was_proved),
        cmocka_unit_test(blockwise_keys_differ_by_address_transport_and_identity),
        cmocka_unit_test(references_keep_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
