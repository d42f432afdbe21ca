#include "cli/call_clients.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "cli/connected.h"

static coax_endpoint *endpoint;

static int set_up(void **state) {
    (void)state;
    return coax_endpoint_new(&endpoint, NULL, NULL) != COAX_OK;
}

static int tear_down(void **state) {
    (void)state;
    coax_endpoint_free(endpoint);
    return 0;
}

/* A remote that is never connected: nothing is sent, because the loop does not run. */
static coax_remote *remote_number(unsigned number) {
    char uri[64];
    coax_remote *remote;
    snprintf(uri, sizeof uri, "coap+tcp://127.0.0.1:%u", 1000 + number);
    assert_int_equal(coax_endpoint_connect(endpoint, uri, &remote, NULL), COAX_OK);
    return remote;
}

static void numbers_are_given_once(void **state) {
    (void)state;
    static struct call_clients clients;
    coax_remote *remotes[4];
    for (unsigned i = 0; i < 3; i++) {
        remotes[i] = remote_number(i);
        assert_int_equal(call_clients_add(&clients, remotes[i]), i + 1);
    }
    assert_int_equal(call_clients_remove(&clients, remotes[1]), 2);
    assert_int_equal(call_clients_remove(&clients, remotes[1]), 0);
    assert_null(call_clients_find(&clients, 2));
    assert_ptr_equal(call_clients_find(&clients, 1), remotes[0]);
    assert_ptr_equal(call_clients_find(&clients, 3), remotes[2]);
    assert_int_equal(call_clients_remove(&clients, remotes[2]), 3);
    assert_int_equal(call_clients_add(&clients, remotes[2]), 4);
    assert_int_equal(clients.count, 2);
    assert_int_equal(clients.items[1].number, 4);
    call_clients_clear(&clients);
    assert_null(call_clients_find(&clients, 1));
    for (unsigned i = 0; i < 3; i++) {
        coax_remote_unref(remotes[i]);
    }
}

static void there_is_an_end_to_them(void **state) {
    (void)state;
    static struct call_clients clients;
    coax_remote *remote = remote_number(0);
    for (unsigned i = 0; i < CALL_CLIENTS_MAXIMUM; i++) {
        assert_int_equal(call_clients_add(&clients, remote), i + 1);
    }
    assert_int_equal(call_clients_add(&clients, remote), 0);
    assert_int_equal(call_clients_remove(&clients, remote), 1);
    assert_int_equal(call_clients_add(&clients, remote), CALL_CLIENTS_MAXIMUM + 1);
    call_clients_clear(&clients);
    coax_remote_unref(remote);
}

static void a_client_is_told_by_scheme_address_and_claim(void **state) {
    (void)state;
    char text[CALL_CLIENT_TEXT_CAPACITY];
    coax_remote *remote = remote_number(7);
    call_client_text(remote, text);
    assert_memory_equal(text, "coap+tcp ", 9);
    assert_non_null(strstr(text, ", no claim"));
    coax_remote_unref(remote);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_are_given_once),
        cmocka_unit_test(there_is_an_end_to_them),
        cmocka_unit_test(a_client_is_told_by_scheme_address_and_claim),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
