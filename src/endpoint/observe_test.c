#include "endpoint/endpoint.h"
#include "endpoint_fixture.h"

#include <dlfcn.h>
#include <netdb.h>
#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static sem_t name_server;

/* The name "slow.test" is that of 127.0.0.1, once the test lets it be. */
int getaddrinfo(const char *name, const char *service, const struct addrinfo *req, struct addrinfo **pai) {
    int (*real)(const char *, const char *, const struct addrinfo *, struct addrinfo **);
    *(void **)&real = dlsym(RTLD_NEXT, "getaddrinfo");
    if (name == NULL || strcmp(name, "slow.test") != 0) {
        return real(name, service, req, pai);
    }
    (void)sem_wait(&name_server);
    return real("127.0.0.1", service, req, pai);
}

struct told {
    coax_observation *observation;
    unsigned states, endings;
    char state[64];
    coax_error error;
};

static void tell(coax_observation *observation, const coax_message *state, const coax_error *error, void *user) {
    struct told *told = user;
    assert_ptr_equal(observation, told->observation);
    assert_non_null(coax_observation_remote(observation));
    if (error != NULL) {
        told->endings++;
        told->error = *error;
        return;
    }
    told->states++;
    size_t size = coax_message_payload_size(state);
    assert_in_range(size, 1, sizeof told->state - 1);
    memcpy(told->state, coax_message_payload(state), size);
}

static const char *const listens[] = {"coap://127.0.0.1:0", "coaps://127.0.0.1:0", "coap+tcp://127.0.0.1:0",
                                      "coap+ws://127.0.0.1:0"};

/* What the server's resource cannot, over each kind of transport. */
static void what_cannot_be_observed(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof listens / sizeof *listens; i++) {
        struct endpoint_pair pair;
        struct told told = {0};
        char uri[192];
        assert_true(make_pair(&pair, listens[i]));
        (void)snprintf(uri, sizeof uri, "%s/hello", pair.uri);
        assert_int_equal(coax_observe(pair.client, uri, NULL, tell, &told, &told.observation, NULL), COAX_OK);
        assert_true(drive(&pair, &told.endings));
        assert_int_equal(told.states, 1);
        assert_memory_equal(told.state, "hello ", 6);
        assert_int_equal(told.error.status, COAX_E_UNSUPPORTED);
        assert_non_null(strstr(told.error.text, uri));
        free_pair(&pair);
    }
}

static void serve_number(coax_exchange *exchange, const coax_message *request, void *user) {
    (void)request;
    (void)coax_respond_text(exchange, COAX_CONTENT, "%u", *(unsigned *)user);
}

/* Each state, and in the end the server knows that nobody observes any more. */
static void what_changes_is_observed(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof listens / sizeof *listens; i++) {
        struct endpoint_pair pair;
        struct told told = {0};
        char uri[192];
        unsigned number = 1;
        coax_resource_config config = COAX_RESOURCE_CONFIG_INIT;
        config.get = serve_number;
        config.user = &number;
        config.observable = true;
        assert_true(make_pair(&pair, listens[i]));
        coax_resource *resource = coax_site_add(coax_endpoint_site(pair.server), "number", &config, NULL);
        assert_non_null(resource);
        (void)snprintf(uri, sizeof uri, "%s/number", pair.uri);
        assert_int_equal(coax_observe(pair.client, uri, NULL, tell, &told, &told.observation, NULL), COAX_OK);
        for (; number < 6; number++) {
            told.states = 0;
            assert_true(drive(&pair, &told.states));
            assert_int_equal(told.state[0], '0' + (int)number);
            assert_int_equal(coax_resource_observer_count(resource), 1);
            coax_resource_changed(resource);
        }
        coax_observation_cancel(told.observation);
        struct answer answer; /* to a request that goes the same way, later */
        assert_int_equal(ask_hello(&pair, NULL, &answer), COAX_OK);
        assert_int_equal(coax_resource_observer_count(resource), 0);
        assert_int_equal(told.endings, 0);
        free_pair(&pair);
    }
}

static void what_cannot_begin(void **state) {
    (void)state;
    struct endpoint_pair pair;
    struct told told = {0};
    coax_request *request;
    coax_error error;
    assert_true(make_pair(&pair, "coap://127.0.0.1:0"));
    assert_int_equal(coax_observe(pair.client, "http://a", NULL, tell, &told, &told.observation, &error), COAX_E_URI);
    assert_int_equal(coax_observe(pair.client, "coaps+tcp://nobody.test/", NULL, tell, &told, &told.observation, NULL),
                     COAX_OK);
    coax_observation_cancel(told.observation);
    assert_int_equal(coax_observe(pair.client, "coap://[ff02::1]/", NULL, tell, &told, &told.observation, &error),
                     COAX_E_INVALID);
    assert_int_equal(coax_request_new(&request, pair.client, COAX_POST, "coap://127.0.0.1", NULL), COAX_OK);
    assert_int_equal(coax_observe_request(request, NULL, tell, &told, &told.observation, &error), COAX_E_INVALID);
    coax_request_cancel(request);
    assert_int_equal(told.states + told.endings, 0);
    free_pair(&pair);
}

static void a_freed_endpoint_ends_it(void **state) {
    (void)state;
    struct endpoint_pair pair;
    struct told told = {0};
    coax_request *request;
    assert_true(make_pair(&pair, "coap://127.0.0.1:0"));
    assert_int_equal(coax_request_new(&request, pair.client, COAX_FETCH, pair.uri, NULL), COAX_OK);
    assert_int_equal(coax_observe_request(request, NULL, tell, &told, &told.observation, NULL), COAX_OK);
    free_pair(&pair);
    assert_int_equal(told.endings, 1);
    assert_int_equal(told.error.status, COAX_E_SHUT_DOWN);
}

/* --- one request, sent more than once --- */

struct repeated {
    unsigned count; /* how often it ended */
    uint8_t code;
    enum coax_status status;
};

static bool end_and_keep(struct coax_request *request, const struct coax_message *response, const coax_error *error) {
    struct repeated *repeated = request->keeper;
    repeated->count++;
    repeated->code = response == NULL ? 0 : coax_message_code(response);
    repeated->status = error == NULL ? COAX_OK : error->status;
    return true;
}

static void never(coax_request *request, const coax_message *response, const coax_error *error, void *user) {
    (void)request;
    (void)response;
    (void)error;
    (void)user;
    fail();
}

static coax_request *make_repeated(struct endpoint_pair *pair, const char *host, struct repeated *repeated) {
    coax_request *request;
    char uri[192];
    *repeated = (struct repeated){0};
    (void)snprintf(uri, sizeof uri, "%.*s%s%s/hello", (int)(strstr(pair->uri, "127") - pair->uri), pair->uri, host,
                   strrchr(pair->uri, ':'));
    assert_int_equal(coax_request_new(&request, pair->client, COAX_GET, uri, NULL), COAX_OK);
    request->keeper = repeated;
    request->ended = end_and_keep;
    return request;
}

static void send_and_expect(struct endpoint_pair *pair, coax_request *request, struct repeated *repeated,
                            enum coax_status status) {
    repeated->count = 0;
    assert_int_equal(coax_request_send(request, never, NULL, NULL), COAX_OK);
    assert_true(drive(pair, &repeated->count));
    assert_int_equal(repeated->count, 1);
    assert_int_equal(repeated->status, status);
}

static void a_request_can_be_sent_again(void **state) {
    (void)state;
    static const char *const hosts[] = {"127.0.0.1", "localhost"};
    for (int i = 0; i < 8; i++) {
        struct endpoint_pair pair;
        struct repeated repeated;
        assert_true(make_pair(&pair, listens[i / 2]));
        coax_request *request = make_repeated(&pair, hosts[i % 2], &repeated);
        for (int n = 0; n < 3; n++) {
            send_and_expect(&pair, request, &repeated, COAX_OK);
            assert_int_equal(repeated.code, COAX_CONTENT);
        }
        coax_request_cancel(request);
        free_pair(&pair);
    }
}

/* The name's answer comes when nobody waits for it, or while it is looked up a second time. */
static void a_request_can_be_sent_again_while_its_name_is_looked_up(void **state) {
    (void)state;
    for (int is_late = 0; is_late < 2; is_late++) {
        struct endpoint_pair pair;
        struct repeated repeated;
        assert_int_equal(sem_init(&name_server, 0, 0), 0);
        assert_true(make_pair(&pair, "coap://127.0.0.1:0"));
        coax_request *request = make_repeated(&pair, "slow.test", &repeated);
        coax_request_set_timeout(request, 1);
        send_and_expect(&pair, request, &repeated, COAX_E_TIMEOUT);
        if (is_late == 0) {
            struct answer other; /* the resolver answers in order: when this one has, the first has, too */
            char uri[64];
            assert_int_equal(sem_post(&name_server), 0);
            (void)snprintf(uri, sizeof uri, "coap://localhost%s", strrchr(pair.uri, ':'));
            assert_int_equal(ask_hello(&pair, uri, &other), COAX_OK);
        } else {
            assert_int_equal(sem_post(&name_server), 0);
        }
        assert_int_equal(repeated.count, 1);
        assert_int_equal(sem_post(&name_server), 0);
        coax_request_set_timeout(request, 0);
        send_and_expect(&pair, request, &repeated, COAX_OK);
        coax_request_cancel(request);
        free_pair(&pair);
        (void)sem_destroy(&name_server);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_cannot_be_observed),
        cmocka_unit_test(what_changes_is_observed),
        cmocka_unit_test(what_cannot_begin),
        cmocka_unit_test(a_freed_endpoint_ends_it),
        cmocka_unit_test(a_request_can_be_sent_again),
        cmocka_unit_test(a_request_can_be_sent_again_while_its_name_is_looked_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
