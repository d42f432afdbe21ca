#include "endpoint_fixture.h"
#include "security/credentials_test_data.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static void settings_are_checked_by_name(void **state) {
    (void)state;
    coax_endpoint *endpoint;
    coax_error error;
    coax_endpoint_config config = COAX_ENDPOINT_CONFIG_INIT;
    config.nstart = 0;
    assert_int_equal(coax_endpoint_new(&endpoint, &config, &error), COAX_E_INVALID);
    assert_non_null(strstr(error.text, "nstart"));
    config = (coax_endpoint_config)COAX_ENDPOINT_CONFIG_INIT;
    config.size = 3;
    assert_int_equal(coax_endpoint_new(&endpoint, &config, &error), COAX_E_INVALID);
}

static void nothing_to_do_means_no_deadline(void **state) {
    (void)state;
    coax_endpoint *endpoint;
    assert_int_equal(coax_endpoint_new(&endpoint, NULL, NULL), COAX_OK);
    assert_int_equal(coax_endpoint_timeout_ms(endpoint), -1);
    assert_int_equal(coax_endpoint_process(endpoint, NULL), COAX_OK);
    assert_true(coax_endpoint_fd(endpoint) >= 0);
    coax_endpoint_free(endpoint);
    coax_endpoint_free(NULL);
}

static void *stop_it(void *user) {
    coax_endpoint_stop(user);
    return NULL;
}

enum { POSTERS = 4, POSTS = 1000 };

struct poster {
    coax_endpoint *endpoint;
    unsigned called;
};

static void count_call(coax_endpoint *endpoint, void *user) {
    struct poster *poster = user;
    assert_ptr_equal(endpoint, poster->endpoint);
    poster->called++;
}

static void *post_many(void *user) {
    struct poster *poster = user;
    for (int posted = 0; posted < POSTS;) {
        posted += coax_endpoint_post(poster->endpoint, count_call, poster) == COAX_OK;
    }
    return NULL;
}

static void threads_can_post_calls(void **state) {
    (void)state;
    struct poster posters[POSTERS];
    pthread_t threads[POSTERS];
    coax_endpoint *endpoint;
    unsigned called = 0;
    assert_int_equal(coax_endpoint_new(&endpoint, NULL, NULL), COAX_OK);
    for (int i = 0; i < POSTERS; i++) {
        posters[i] = (struct poster){.endpoint = endpoint};
        assert_int_equal(pthread_create(&threads[i], NULL, post_many, &posters[i]), 0);
    }
    while (called < POSTERS * POSTS) {
        struct pollfd wait = {.fd = coax_endpoint_fd(endpoint), .events = POLLIN};
        assert_int_equal(poll(&wait, 1, 20000), 1);
        assert_int_equal(coax_endpoint_process(endpoint, NULL), COAX_OK);
        called = 0;
        for (int i = 0; i < POSTERS; i++) {
            called += posters[i].called;
        }
    }
    for (int i = 0; i < POSTERS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_int_equal(posters[i].called, POSTS);
    }
    coax_endpoint_free(endpoint);
}

static void post_again(coax_endpoint *endpoint, void *user) {
    count_call(endpoint, user);
    assert_int_equal(coax_endpoint_post(endpoint, post_again, user), COAX_OK);
}

static void posted_calls_are_bounded(void **state) {
    (void)state;
    struct poster poster = {.called = 0};
    assert_int_equal(coax_endpoint_new(&poster.endpoint, NULL, NULL), COAX_OK);
    for (int i = 0; i < 256; i++) {
        assert_int_equal(coax_endpoint_post(poster.endpoint, post_again, &poster), COAX_OK);
    }
    assert_int_equal(coax_endpoint_post(poster.endpoint, post_again, &poster), COAX_E_LIMIT);
    /* Calls that post calls do not keep the loop for themselves. */
    for (unsigned turns = 1; turns <= 3; turns++) {
        assert_int_equal(coax_endpoint_process(poster.endpoint, NULL), COAX_OK);
        assert_int_equal(poster.called, turns * 256);
    }
    coax_endpoint_free(poster.endpoint); /* with calls that are never called */
}

static void the_loop_is_stopped_from_another_thread(void **state) {
    (void)state;
    coax_endpoint *endpoint;
    pthread_t thread;
    assert_int_equal(coax_endpoint_new(&endpoint, NULL, NULL), COAX_OK);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(pthread_create(&thread, NULL, stop_it, endpoint), 0);
        assert_int_equal(coax_endpoint_run(endpoint, NULL), COAX_OK);
        pthread_join(thread, NULL);
    }
    coax_endpoint_free(endpoint);
}

struct trace {
    unsigned sent, received;
};

static void count_messages(coax_remote *remote, const coax_message *message, bool sent, void *user) {
    struct trace *trace = user;
    (void)remote;
    (void)message;
    *(sent ? &trace->sent : &trace->received) += 1;
}

static void the_observer_sees_each_message(void **state) {
    (void)state;
    struct endpoint_pair pair;
    struct answer answer;
    struct trace trace = {0, 0};
    coax_endpoint_config config = COAX_ENDPOINT_CONFIG_INIT;
    config.observer = count_messages;
    config.user = &trace;
    assert_true(make_pair(&pair, "coap://127.0.0.1:0"));
    coax_endpoint_free(pair.client);
    assert_int_equal(coax_endpoint_new(&pair.client, &config, NULL), COAX_OK);
    assert_int_equal(ask_hello(&pair, NULL, &answer), COAX_OK);
    assert_int_equal(trace.sent, 1);
    assert_int_equal(trace.received, 1);
    free_pair(&pair);
}

struct nested {
    coax_endpoint *endpoint;
    enum coax_status processed, run;
};

static void run_the_loop_again(coax_exchange *exchange, const coax_message *request, void *user) {
    struct nested *nested = user;
    (void)request;
    nested->processed = coax_endpoint_process(nested->endpoint, NULL);
    nested->run = coax_endpoint_run(nested->endpoint, NULL);
    (void)coax_respond_text(exchange, COAX_CONTENT, "done");
}

/* It would receive into the buffer that the request is a view of. */
static void the_loop_does_not_run_inside_a_callback(void **state) {
    (void)state;
    struct endpoint_pair pair;
    struct answer answer = {0};
    assert_true(make_pair(&pair, "coap://127.0.0.1:0"));
    struct nested nested = {pair.server, COAX_OK, COAX_OK};
    coax_resource_config config = COAX_RESOURCE_CONFIG_INIT;
    coax_request *request;
    config.get = run_the_loop_again;
    config.user = &nested;
    assert_non_null(coax_site_add(coax_endpoint_site(pair.server), "", &config, NULL));
    assert_int_equal(coax_request_new(&request, pair.client, COAX_GET, pair.uri, NULL), COAX_OK);
    assert_int_equal(coax_request_send(request, note_answer, &answer, NULL), COAX_OK);
    assert_true(drive(&pair, &answer.count));
    assert_string_equal(answer.payload, "done");
    assert_int_equal(nested.processed, COAX_E_STATE);
    assert_int_equal(nested.run, COAX_E_STATE);
    free_pair(&pair);
}

struct lines {
    unsigned infos, warnings;
    char warning[1024];
};

static void note_line(enum coax_log_level level, const char *text, void *user) {
    struct lines *lines = user;
    lines->infos += level == COAX_LOG_INFO;
    if (level == COAX_LOG_WARNING) {
        lines->warnings++;
        (void)snprintf(lines->warning, sizeof lines->warning, "%s", text);
    }
}

/* A server's operator hears why a client does not come in, without its secrets. */
static void the_log_names_failed_handshakes(void **state) {
    (void)state;
    static const char key[] = "a wrong pre-shared key";
    struct endpoint_pair pair;
    struct answer answer;
    struct lines lines = {0, 0, ""};
    coax_endpoint_config config = COAX_ENDPOINT_CONFIG_INIT;
    config.log = note_line;
    config.user = &lines;
    assert_true(make_pair_of(&pair, "coaps://127.0.0.1:0", &config));
    assert_int_equal(lines.infos, 1); /* that it listens */
    assert_int_equal(coax_credentials_set_psk(coax_endpoint_credentials(pair.client), "coaps://*", "stranger", 8, key,
                                              sizeof key - 1, NULL),
                     COAX_OK);
    assert_int_equal(ask_hello(&pair, NULL, &answer), COAX_OK);
    assert_int_equal(answer.error.status, COAX_E_TLS_ALERT);
    assert_int_equal(lines.warnings, 1); /* the server's: who asks gets an error */
    assert_int_equal(strncmp(lines.warning, "coaps://127.0.0.1:", 18), 0);
    assert_non_null(strstr(lines.warning, "identity"));
    assert_null(strstr(lines.warning, key));
    free_pair(&pair);
}

/* The first message of a handshake may be the one that cannot be agreed on. */
static void the_log_names_handshakes_without_a_common_suite(void **state) {
    (void)state;
    struct endpoint_pair pair;
    struct answer answer;
    struct lines lines = {0, 0, ""};
    coax_endpoint_config config = COAX_ENDPOINT_CONFIG_INIT;
    coax_rpk rpk = COAX_RPK_INIT;
    config.log = note_line;
    config.user = &lines;
    rpk.private_key = TEST_PRIVATE_KEY;
    rpk.peer_public_key = TEST_OTHER_PUBLIC_KEY;
    assert_true(make_pair_of(&pair, "coaps://127.0.0.1:0", &config));
    assert_int_equal(coax_credentials_set_rpk(coax_endpoint_credentials(pair.client), "coaps://*", &rpk, NULL),
                     COAX_OK);
    assert_int_equal(ask_hello(&pair, NULL, &answer), COAX_OK);
    assert_int_equal(answer.error.status, COAX_E_TLS_ALERT);
    assert_int_equal(lines.warnings, 1);
    free_pair(&pair);
}

/* More requests at once than a batch holds. */
static void many_requests_at_once(void **state) {
    (void)state;
    enum { MANY = 200 };
    struct endpoint_pair pair;
    coax_endpoint_config config = COAX_ENDPOINT_CONFIG_INIT;
    static struct answer answers[MANY];
    config.nstart = MANY;
    memset(answers, 0, sizeof answers);
    assert_true(make_pair(&pair, "coap://127.0.0.1:0"));
    coax_endpoint_free(pair.client);
    assert_int_equal(coax_endpoint_new(&pair.client, &config, NULL), COAX_OK);
    char uri[160];
    (void)snprintf(uri, sizeof uri, "%s/hello", pair.uri);
    for (int i = 0; i < MANY; i++) {
        coax_request *request;
        assert_int_equal(coax_request_new(&request, pair.client, COAX_GET, uri, NULL), COAX_OK);
        assert_int_equal(coax_request_send(request, note_answer, &answers[i], NULL), COAX_OK);
    }
    for (int i = 0; i < MANY; i++) {
        assert_true(drive(&pair, &answers[i].count));
        assert_int_equal(answers[i].code, COAX_CONTENT);
    }
    free_pair(&pair);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(settings_are_checked_by_name),
        cmocka_unit_test(nothing_to_do_means_no_deadline),
        cmocka_unit_test(threads_can_post_calls),
        cmocka_unit_test(posted_calls_are_bounded),
        cmocka_unit_test(the_loop_is_stopped_from_another_thread),
        cmocka_unit_test(the_observer_sees_each_message),
        cmocka_unit_test(the_loop_does_not_run_inside_a_callback),
        cmocka_unit_test(the_log_names_failed_handshakes),
        cmocka_unit_test(the_log_names_handshakes_without_a_common_suite),
        cmocka_unit_test(many_requests_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
