#include "cli/remote_text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "cli/connected.h"

static void what_we_connected_to_has_a_uri(void **state) {
    (void)state;
    struct connected connected;
    char text[REMOTE_TEXT_CAPACITY], uri[128];
    connected_open(&connected, "coap+tcp");
    assert_int_equal(coax_endpoint_listening_uri(connected.server, 0, uri, sizeof uri), COAX_OK);
    assert_string_equal(remote_text(connected.at_client, text), uri);
    connected_close(&connected);
}

static void a_client_of_ours_is_told_by_its_address(void **state) {
    (void)state;
    struct connected connected;
    char text[REMOTE_TEXT_CAPACITY], address[REMOTE_ADDRESS_CAPACITY];
    connected_open(&connected, "coap+ws");
    assert_ptr_equal(remote_text(connected.at_server, text), text);
    assert_memory_equal(text, "coap+ws client at 127.0.0.1:", 28);
    assert_string_equal(remote_address(connected.at_server, address), text + strlen("coap+ws client at "));
    assert_null(strchr(address, ' '));
    connected_close(&connected);
}

static void nobody_is_told_as_nobody(void **state) {
    (void)state;
    char text[REMOTE_TEXT_CAPACITY];
    assert_string_equal(remote_text(NULL, text), "(no remote)");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_we_connected_to_has_a_uri),
        cmocka_unit_test(a_client_of_ours_is_told_by_its_address),
        cmocka_unit_test(nobody_is_told_as_nobody),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
