#include "endpoint/datagram_remote.h"
#include "endpoint_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

/* Two identities at one address: each has a session of its own. */
static void identities_do_not_share_a_session(void **state) {
    (void)state;
    static const char key[] = "fedcba9876543210";
    struct endpoint_pair pair;
    struct answer answer;
    char entry[160], uri[160];
    assert_true(make_pair(&pair, "coaps://127.0.0.1:0"));
    (void)snprintf(entry, sizeof entry, "%s/hello?as=*", pair.uri);
    assert_int_equal(coax_credentials_set_psk(coax_endpoint_credentials(pair.client), entry, "other", 5, key, 16, NULL),
                     COAX_OK);
    assert_int_equal(
        coax_credentials_set_psk(coax_endpoint_credentials(pair.server), ":other", "other", 5, key, 16, NULL), COAX_OK);
    assert_int_equal(ask_hello(&pair, NULL, &answer), COAX_OK);
    assert_string_equal(answer.payload, "hello coaps://*");
    coax_request *request;
    answer = (struct answer){0};
    (void)snprintf(uri, sizeof uri, "%s/hello?as=other", pair.uri);
    assert_int_equal(coax_request_new(&request, pair.client, COAX_GET, uri, NULL), COAX_OK);
    assert_int_equal(coax_request_send(request, note_answer, &answer, NULL), COAX_OK);
    assert_true(drive(&pair, &answer.count));
    assert_string_equal(answer.payload, "hello :other");
    assert_int_equal(ask_hello(&pair, NULL, &answer), COAX_OK);
    assert_string_equal(answer.payload, "hello coaps://*");
    free_pair(&pair);
}

/* As often as a program likes, with the same credentials or others: idle sessions make way, and no error is left behind
 * by a call that succeeds. */
static void credentials_are_loaded_anew_many_times(void **state) {
    (void)state;
    enum { TIMES = 40 };
    static const char key[] = "0123456789abcdef";
    struct endpoint_pair pair;
    struct answer answer;
    assert_true(make_pair(&pair, "coaps://127.0.0.1:0"));
    for (int i = 0; i < TIMES; i++) {
        coax_credentials *fresh = coax_credentials_new();
        assert_int_equal(coax_credentials_set_psk(fresh, "coaps://*", "device", 6, key, sizeof key - 1, NULL), COAX_OK);
        coax_credentials_replace(coax_endpoint_credentials(pair.client), fresh);
        coax_credentials_free(fresh);
        assert_int_equal(ask_hello(&pair, NULL, &answer), COAX_OK);
        assert_string_equal(answer.payload, "hello coaps://*");
        assert_int_equal(answer.error.status, COAX_OK);
    }
    assert_true(pair.client->socket_count <= 16);
    free_pair(&pair);
}

static coax_remote *remote_of(struct endpoint_pair *pair, const char *uri, const struct address *address) {
    struct destination destination;
    coax_remote *remote = NULL;
    assert_int_equal(coax_destination_read(&destination, uri, NULL), COAX_OK);
    coax_endpoint_set_time(pair->client);
    assert_int_equal(coax_endpoint_datagram_remote(pair->client, &destination, address, &remote, NULL), COAX_OK);
    free(destination.normal);
    return remote;
}

/* One remote for an address, by whatever name; one socket for all in the clear, another one for sessions. */
static void remotes_share_a_channel(void **state) {
    (void)state;
    struct endpoint_pair pair;
    const struct address first = coax_address_ip4(127, 0, 0, 1, 7), second = coax_address_ip4(127, 0, 0, 2, 7);
    assert_true(make_pair(&pair, "coap://127.0.0.1:0"));
    coax_remote *remote = remote_of(&pair, "coap://a:7/x", &first);
    assert_ptr_equal(remote, remote_of(&pair, "coap://b:7", &first));
    assert_ptr_not_equal(remote, remote_of(&pair, "coap://a:7/x", &second));
    assert_int_equal(pair.client->socket_count, 1);
    assert_ptr_not_equal(remote, remote_of(&pair, "coaps://a:7", &first));
    assert_int_equal(pair.client->socket_count, 2);
    free_pair(&pair);
}

static void credentials_are_checked_without_an_address(void **state) {
    (void)state;
    static const struct {
        const char *uri;
        enum coax_status status;
    } cases[] = {{"coap://nowhere.invalid", COAX_OK},
                 {"coaps://nowhere.invalid", COAX_OK},
                 {"coaps://:7", COAX_E_URI},
                 {"coaps+tcp://nowhere.invalid", COAX_OK}};
    struct endpoint_pair pair;
    assert_true(make_pair(&pair, "coap://127.0.0.1:0"));
    coax_endpoint *bare;
    assert_int_equal(coax_endpoint_new(&bare, NULL, NULL), COAX_OK);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct destination destination;
        coax_error error;
        enum coax_status status = coax_destination_read(&destination, cases[i].uri, &error);
        assert_int_equal(status, cases[i].status);
        if (status != COAX_OK) {
            continue;
        }
        assert_int_equal(coax_endpoint_check_credentials(pair.client, &destination, &error), COAX_OK);
        bool is_secure = coax_scheme_is_secure(destination.uri.scheme);
        assert_int_equal(coax_endpoint_check_credentials(bare, &destination, &error),
                         is_secure ? COAX_E_NO_CREDENTIALS : COAX_OK);
        free(destination.normal);
    }
    coax_endpoint_free(bare);
    free_pair(&pair);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(identities_do_not_share_a_session),
        cmocka_unit_test(credentials_are_loaded_anew_many_times),
        cmocka_unit_test(remotes_share_a_channel),
        cmocka_unit_test(credentials_are_checked_without_an_address),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
