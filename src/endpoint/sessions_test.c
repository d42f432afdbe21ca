/* Sessions that are handed from one endpoint to another, over sockets. */
#include "endpoint_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static const uint8_t key[COAX_SESSIONS_KEY_SIZE] = "0123456789abcdef0123456789abcde";

static unsigned handshakes;

static void count_opened(coax_remote *remote, const coax_error *error, void *user) {
    (void)remote;
    (void)user;
    handshakes += error == NULL;
}

/* Another server in the place of the one that is gone. */
static void replace_server(struct endpoint_pair *pair, const char *listen, const coax_endpoint_config *config) {
    struct endpoint_pair other;
    coax_endpoint_free(pair->server);
    assert_true(make_pair_of(&other, listen, config));
    coax_endpoint_free(other.client);
    pair->server = other.server;
}

static void another_endpoint_goes_on(void **state) {
    (void)state;
    struct endpoint_pair pair;
    struct answer answer;
    coax_endpoint_config config = COAX_ENDPOINT_CONFIG_INIT;
    config.connections = count_opened;
    handshakes = 0;
    assert_true(make_pair_of(&pair, "coaps://127.0.0.1:0", &config));
    assert_int_equal(ask_hello(&pair, NULL, &answer), COAX_OK);
    assert_string_equal(answer.payload, "hello coaps://*");
    assert_int_equal(handshakes, 2); /* both ends were told */
    uint8_t *saved;
    size_t size, count = 99;
    assert_int_equal(coax_endpoint_save_sessions(pair.server, key, &saved, &size, NULL), COAX_OK);
    replace_server(&pair, pair.uri, &config);
    assert_int_equal(coax_endpoint_restore_sessions(pair.server, key, saved, size, &count, NULL), COAX_OK);
    assert_int_equal(count, 1);
    assert_int_equal(ask_hello(&pair, NULL, &answer), COAX_OK);
    assert_string_equal(answer.payload, "hello coaps://*");
    assert_int_equal(handshakes, 2);
    free(saved);
    free_pair(&pair);
}

static void only_where_the_server_listens(void **state) {
    (void)state;
    struct endpoint_pair pair;
    struct answer answer;
    uint8_t *saved;
    size_t size, count = 99;
    coax_error error;
    assert_true(make_pair(&pair, "coaps://127.0.0.1:0"));
    assert_int_equal(ask_hello(&pair, NULL, &answer), COAX_OK);
    assert_int_equal(coax_endpoint_save_sessions(pair.server, key, &saved, &size, NULL), COAX_OK);
    replace_server(&pair, "coaps://127.0.0.1:0", NULL); /* another port */
    assert_int_equal(coax_endpoint_restore_sessions(pair.server, key, saved, size, &count, NULL), COAX_OK);
    assert_int_equal(count, 0);
    static const uint8_t other[COAX_SESSIONS_KEY_SIZE];
    assert_int_equal(coax_endpoint_restore_sessions(pair.server, other, saved, size, NULL, &error), COAX_E_FORMAT);
    assert_non_null(strstr(error.text, "another key"));
    assert_int_equal(coax_endpoint_restore_sessions(pair.server, key, "", 0, NULL, &error), COAX_E_FORMAT);
    free(saved);
    free_pair(&pair);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(another_endpoint_goes_on),
        cmocka_unit_test(only_where_the_server_listens),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
