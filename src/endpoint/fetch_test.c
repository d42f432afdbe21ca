#include "endpoint_fixture.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

struct fixture {
    struct endpoint_pair pair;
    pthread_t thread;
};

static void *serve(void *user) {
    (void)coax_endpoint_run(user, NULL);
    return NULL;
}

static void begin(struct fixture *fixture, const char *listen) {
    assert_true(make_pair(&fixture->pair, listen));
    assert_int_equal(pthread_create(&fixture->thread, NULL, serve, fixture->pair.server), 0);
}

static void end(struct fixture *fixture) {
    coax_endpoint_stop(fixture->pair.server);
    pthread_join(fixture->thread, NULL);
    free_pair(&fixture->pair);
}

static void one_call_fetches(void **state) {
    (void)state;
    struct fixture fixture;
    char uri[160];
    coax_message *response = NULL;
    coax_error error = {.text = ""};
    begin(&fixture, "coap://127.0.0.1:0");
    (void)snprintf(uri, sizeof uri, "%s/hello", fixture.pair.uri);
    assert_int_equal(coax_fetch(COAX_GET, uri, NULL, &response, &error), COAX_OK);
    assert_int_equal(coax_message_code(response), COAX_CONTENT);
    assert_memory_equal(coax_message_payload(response), "hello nobody", 12);
    coax_message_free(response);
    end(&fixture);
}

static void one_call_fetches_over_dtls(void **state) {
    (void)state;
    static const char json[] = "{\"coaps://127.0.0.1:*\": {\"dtls\": {\"psk\": {\"ascii\": \"0123456789abcdef\"}, "
                               "\"client-identity\": {\"ascii\": \"device\"}}}}";
    struct fixture fixture;
    char uri[160], file[] = "/tmp/coax-fetch-XXXXXX";
    coax_message *response = NULL;
    coax_error error = {.text = ""};
    coax_fetch_options options = COAX_FETCH_OPTIONS_INIT;
    int fd = mkstemp(file);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, json, sizeof json - 1), sizeof json - 1);
    close(fd);
    begin(&fixture, "coaps://127.0.0.1:0");
    (void)snprintf(uri, sizeof uri, "%s/hello", fixture.pair.uri);
    options.credentials_file = file;
    assert_int_equal(coax_fetch(COAX_GET, uri, &options, &response, &error), COAX_OK);
    assert_memory_equal(coax_message_payload(response), "hello coaps://*", 15);
    coax_message_free(response);
    options.credentials_file = "/nonexistent.json";
    assert_int_equal(coax_fetch(COAX_GET, uri, &options, &response, &error), COAX_E_IO);
    end(&fixture);
    unlink(file);
}

/* The connection is released before the call returns: a server hears no reset. */
static void one_call_fetches_over_a_connection(void **state) {
    (void)state;
    static const char *const places[] = {"coap+tcp://127.0.0.1:0", "coap+ws://127.0.0.1:0"};
    for (size_t i = 0; i < 2; i++) {
        struct fixture fixture;
        struct connection_log log = {0};
        coax_endpoint_config config = COAX_ENDPOINT_CONFIG_INIT;
        char uri[160];
        coax_message *response = NULL;
        config.connections = note_connection;
        config.user = &log;
        assert_true(make_pair_of(&fixture.pair, places[i], &config));
        assert_int_equal(pthread_create(&fixture.thread, NULL, serve, fixture.pair.server), 0);
        (void)snprintf(uri, sizeof uri, "%s/hello", fixture.pair.uri);
        assert_int_equal(coax_fetch(COAX_GET, uri, NULL, &response, NULL), COAX_OK);
        assert_memory_equal(coax_message_payload(response), "hello nobody", 12);
        coax_message_free(response);
        end(&fixture);
        assert_int_equal(log.opened, 1);
        assert_int_equal(log.ended, 1);
        assert_int_equal(log.error.status, COAX_E_RELEASED);
    }
}

static void errors_come_back(void **state) {
    (void)state;
    coax_message *response = NULL;
    coax_error error;
    coax_fetch_options options = COAX_FETCH_OPTIONS_INIT;
    assert_int_equal(coax_fetch(COAX_GET, "no uri", &options, &response, &error), COAX_E_URI);
    assert_int_equal(coax_fetch(COAX_GET, "coaps://127.0.0.1/", &options, &response, &error), COAX_E_NO_CREDENTIALS);
    options.size = 1;
    assert_int_equal(coax_fetch(COAX_GET, "coap://127.0.0.1/", &options, &response, &error), COAX_E_INVALID);
    assert_null(response);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_call_fetches),
        cmocka_unit_test(one_call_fetches_over_dtls),
        cmocka_unit_test(one_call_fetches_over_a_connection),
        cmocka_unit_test(errors_come_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
