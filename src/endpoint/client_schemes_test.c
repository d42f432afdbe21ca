/* What requests have in common over all six schemes. */
#include "endpoint/endpoint.h"
#include "endpoint_fixture.h"
#include "raw_peer.h"
#include "test_certificates.h"
#include "transport/stream/connection.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

/* Of each scheme: where, whom the server takes the client for, and the client the server. Over TLS 1.3 a client knows
   the server by the entry that it has for the URI, as over DTLS. */
static const char *const places[] = {"coap://127.0.0.1:0",      "coaps://127.0.0.1:0",   "coap+tcp://127.0.0.1:0",
                                     "coaps+tcp://127.0.0.1:0", "coap+ws://127.0.0.1:0", "coaps+ws://127.0.0.1:0"};
enum { PLACES = sizeof places / sizeof *places };
static const char *const claims[PLACES] = {"hello nobody",        "hello coaps://*", "hello nobody",
                                           "hello coaps+tcp://*", "hello nobody",    "hello coaps+ws://*"};
static const char *const reversed_claims[PLACES] = {"hello nobody",        "hello coaps://*", "hello nobody",
                                                    "hello coaps+tcp://*", "hello nobody",    "hello coaps+ws://*"};

static bool has_streams(size_t place) {
    return place >= 2;
}

static void each_scheme_carries_requests(void **state) {
    (void)state;
    for (size_t i = 0; i < PLACES; i++) {
        struct endpoint_pair pair;
        struct answer answer;
        char uri[80];
        assert_true(make_pair(&pair, places[i]));
        assert_int_equal(strncmp(pair.uri, places[i], strlen(places[i]) - 2), 0); /* but for the port */
        for (int n = 0; n < 3; n++) {
            assert_int_equal(ask_hello(&pair, NULL, &answer), COAX_OK);
            assert_string_equal(answer.payload, claims[i]);
        }
        (void)snprintf(uri, sizeof uri, "%.*slocalhost%s", (int)(strstr(pair.uri, "127") - pair.uri), pair.uri,
                       strrchr(pair.uri, ':'));
        assert_int_equal(ask_hello(&pair, uri, &answer), COAX_OK);
        assert_string_equal(answer.payload, claims[i]);
        free_pair(&pair);
    }
}

static void note_token(coax_remote *remote, const coax_message *message, bool sent, void *user) {
    (void)remote;
    if (!sent && coax_message_code(message) == COAX_GET) {
        (void)coax_message_token(message, user);
    }
}

/* RFC 8974: by trial over datagrams, by the CSM on connections, where the first request may go before it. */
static void extended_tokens_go_where_they_are_taken(void **state) {
    (void)state;
    static const uint32_t taken[] = {8, 32, 64};
    static const char *const identities[] = {"device", "device-tcp", "device-web"};
    for (size_t i = 0; i < PLACES * 3; i++) {
        const char *place = places[i / 3];
        struct endpoint_pair pair;
        struct answer answer;
        size_t size = 0;
        char entry[32];
        coax_endpoint_config server = COAX_ENDPOINT_CONFIG_INIT, client = COAX_ENDPOINT_CONFIG_INIT;
        server.max_token_size = taken[i % 3];
        server.observer = note_token;
        server.user = &size;
        client.max_token_size = client.token_size = 64;
        assert_true(make_pair_of(&pair, place, &server));
        assert_true(replace_client(&pair, &client));
        (void)snprintf(entry, sizeof entry, "%.*s://*", (int)strcspn(place, ":"), place);
        assert_int_equal(coax_credentials_set_psk(coax_endpoint_credentials(pair.client), entry, identities[i / 6],
                                                  strlen(identities[i / 6]), "0123456789abcdef", 16, NULL),
                         COAX_OK);
        for (int n = 0; n < 3; n++) {
            assert_int_equal(ask_hello(&pair, NULL, &answer), COAX_OK);
            assert_int_equal(answer.code, COAX_CONTENT);
        }
        assert_int_equal(size, has_streams(i / 3) || taken[i % 3] == 64 ? taken[i % 3] : 8);
        free_pair(&pair);
    }
}

/* Role reversal: the server keeps the remote of who asked, and asks back. */
struct reversal {
    coax_endpoint *server;
    struct answer answer;
};

static void ask_back(coax_exchange *exchange, const coax_message *request, void *user) {
    struct reversal *reversal = user;
    coax_request *question;
    (void)request;
    assert_int_equal(coax_request_new_to(&question, reversal->server, coax_exchange_remote(exchange), COAX_GET,
                                         "/hello?from=server", &reversal->answer.error),
                     COAX_OK);
    assert_int_equal(coax_request_send(question, note_answer, &reversal->answer, &reversal->answer.error), COAX_OK);
    (void)coax_respond(exchange, COAX_CHANGED, COAX_NO_FORMAT, NULL, 0);
}

static void a_server_asks_its_client(void **state) {
    (void)state;
    for (size_t i = 0; i < PLACES; i++) {
        struct endpoint_pair pair;
        struct answer answer = {0};
        char uri[160];
        coax_request *request;
        assert_true(make_pair(&pair, places[i]));
        struct reversal reversal = {pair.server, {0}};
        coax_resource_config config = COAX_RESOURCE_CONFIG_INIT;
        config.post = ask_back;
        config.user = &reversal;
        assert_non_null(coax_site_add(coax_endpoint_site(pair.server), "register", &config, NULL));
        config = (coax_resource_config)COAX_RESOURCE_CONFIG_INIT;
        config.get = serve_hello;
        assert_non_null(coax_site_add(coax_endpoint_site(pair.client), "hello", &config, NULL));
        (void)snprintf(uri, sizeof uri, "%s/register", pair.uri);
        assert_int_equal(coax_request_new(&request, pair.client, COAX_POST, uri, NULL), COAX_OK);
        assert_int_equal(coax_request_send(request, note_answer, &answer, NULL), COAX_OK);
        assert_true(drive(&pair, &answer.count));
        assert_int_equal(answer.code, COAX_CHANGED);
        assert_true(drive(&pair, &reversal.answer.count));
        assert_int_equal(reversal.answer.code, COAX_CONTENT);
        assert_string_equal(reversal.answer.payload, reversed_claims[i]);
        free_pair(&pair);
    }
}

struct pong {
    unsigned count;
    enum coax_status status;
    coax_error error;
};

static void note_pong(enum coax_status status, const coax_error *error, void *user) {
    struct pong *pong = user;
    pong->count++;
    pong->status = status;
    if (error != NULL) {
        pong->error = *error;
    }
}

static void pings_are_answered(void **state) {
    (void)state;
    for (size_t i = 0; i < PLACES; i++) {
        struct endpoint_pair pair;
        struct pong pong = {.status = COAX_E_INVALID};
        assert_true(make_pair(&pair, places[i]));
        assert_int_equal(coax_endpoint_ping(pair.client, pair.uri, note_pong, &pong, NULL), COAX_OK);
        assert_true(drive(&pair, &pong.count));
        assert_int_equal(pong.status, COAX_OK);
        free_pair(&pair);
    }
}

struct kept {
    coax_remote *remote;
    unsigned count;
};

static void keep(coax_exchange *exchange, const coax_message *request, void *user) {
    struct kept *kept = user;
    (void)request;
    kept->count++;
    kept->remote = coax_remote_ref(coax_exchange_remote(exchange));
    (void)coax_respond(exchange, COAX_CONTENT, COAX_NO_FORMAT, NULL, 0);
}

/* Has the client introduce itself; the server keeps its remote. */
static void introduce(struct endpoint_pair *pair, struct kept *kept) {
    coax_resource_config config = COAX_RESOURCE_CONFIG_INIT;
    coax_request *request;
    struct answer answer = {0};
    char uri[160];
    *kept = (struct kept){NULL, 0};
    config.get = keep;
    config.user = kept;
    assert_non_null(coax_site_add(coax_endpoint_site(pair->server), "keep", &config, NULL));
    (void)snprintf(uri, sizeof uri, "%s/keep", pair->uri);
    assert_int_equal(coax_request_new(&request, pair->client, COAX_GET, uri, NULL), COAX_OK);
    assert_int_equal(coax_request_send(request, note_answer, &answer, NULL), COAX_OK);
    assert_true(drive(pair, &answer.count));
    assert_int_equal(kept->count, 1);
}

/* The client goes without a word. */
static void pings_of_a_remote_tell_that_it_is_gone(void **state) {
    (void)state;
    coax_endpoint_config config = COAX_ENDPOINT_CONFIG_INIT;
    config.ping_timeout_ms = 150;
    for (size_t i = 0; i < PLACES; i++) {
        struct endpoint_pair pair;
        struct kept kept;
        struct pong pong = {.status = COAX_E_INVALID};
        assert_true(make_pair_of(&pair, places[i], &config));
        introduce(&pair, &kept);
        assert_int_equal(coax_endpoint_ping_remote(pair.server, kept.remote, note_pong, &pong, NULL), COAX_OK);
        assert_true(drive(&pair, &pong.count));
        assert_int_equal(pong.status, COAX_OK);
        struct endpoint_pair alone = {pair.server, NULL, ""}; /* nobody drives the client any more */
        pong.count = 0;
        assert_int_equal(coax_endpoint_ping_remote(pair.server, kept.remote, note_pong, &pong, NULL), COAX_OK);
        assert_true(drive(&alone, &pong.count));
        assert_int_equal(pong.status, COAX_E_TIMEOUT);
        assert_non_null(strstr(pong.error.text, "no response within 0.150 s"));
        assert_int_equal(strncmp(pong.error.text, "Ping coap", 9), 0);
        coax_remote_unref(kept.remote);
        free_pair(&pair);
    }
}

/* What the client's end of a connection is, no URI says; the server's own end has one. */
static void a_client_on_a_connection_has_no_uri(void **state) {
    (void)state;
    for (size_t i = 0; i < PLACES; i++) {
        struct endpoint_pair pair;
        struct kept kept;
        char uri[160];
        assert_true(make_pair(&pair, places[i]));
        introduce(&pair, &kept);
        bool is_anonymous = coax_remote_uri(kept.remote, uri, sizeof uri) == COAX_E_ANONYMOUS;
        assert_int_equal(is_anonymous, has_streams(i));
        assert_int_equal(coax_remote_local_uri(kept.remote, uri, sizeof uri), COAX_OK);
        assert_string_equal(uri, pair.uri);
        coax_remote_unref(kept.remote);
        free_pair(&pair);
    }
}

static void never_answer(coax_exchange *exchange, const coax_message *request, void *user) {
    coax_exchange **deferred = user;
    (void)request;
    *deferred = coax_exchange_defer(exchange);
}

/* The endpoint's one stream is reset, as by a machine that was started again. */
static void lose_stream(coax_endpoint *endpoint) {
    struct list_node *node = list_first(&endpoint->stack->streams.connections);
    assert_non_null(node);
    const struct stream_socket *stream = coax_connection_link(COAX_CONTAINER(node, struct connection, all));
    int nothing = open("/dev/null", O_RDWR | O_CLOEXEC);
    raw_reset_at_close(stream->fd);
    assert_true(dup2(nothing, stream->fd) >= 0);
    close(nothing);
}

/* Its connection is lost: whoever waits for it hears so at once, and who asks later at once, too. */
static void a_client_that_goes_fails_what_waits_for_it(void **state) {
    (void)state;
    for (size_t i = 2; i < PLACES; i++) {
        struct endpoint_pair pair;
        struct kept kept;
        struct answer answer = {0};
        coax_request *request;
        coax_exchange *deferred = NULL;
        coax_resource_config config = COAX_RESOURCE_CONFIG_INIT;
        config.get = never_answer;
        config.user = &deferred;
        assert_true(make_pair(&pair, places[i]));
        introduce(&pair, &kept);
        assert_non_null(coax_site_add(coax_endpoint_site(pair.client), "slow", &config, NULL));
        assert_int_equal(coax_request_new_to(&request, pair.server, kept.remote, COAX_GET, "/slow", NULL), COAX_OK);
        assert_int_equal(coax_request_send(request, note_answer, &answer, NULL), COAX_OK);
        for (int n = 0; n < 1000 && deferred == NULL; n++) {
            struct pollfd wait = {.fd = coax_endpoint_fd(pair.client), .events = POLLIN};
            (void)poll(&wait, 1, 2);
            assert_int_equal(coax_endpoint_process(pair.server, NULL), COAX_OK);
            assert_int_equal(coax_endpoint_process(pair.client, NULL), COAX_OK);
        }
        assert_non_null(deferred);
        lose_stream(pair.client);
        struct endpoint_pair server = {pair.server, NULL, ""};
        assert_true(drive(&server, &answer.count));
        assert_int_equal(answer.count, 1);
        assert_int_equal(answer.error.status, COAX_E_LOST);
        (void)coax_respond(deferred, COAX_CONTENT, COAX_NO_FORMAT, NULL, 0); /* it does not get there any more */
        answer = (struct answer){0};
        assert_int_equal(coax_request_new_to(&request, pair.server, kept.remote, COAX_GET, "/slow", NULL), COAX_OK);
        enum coax_status status = coax_request_send(request, note_answer, &answer, NULL);
        assert_int_equal(status, COAX_E_DROPPED);
        coax_request_cancel(request);
        coax_remote_unref(kept.remote);
        free_pair(&pair);
    }
}

static void what_waits_fails_when_the_endpoint_is_freed(void **state) {
    (void)state;
    for (size_t i = 0; i < PLACES; i++) {
        struct endpoint_pair pair;
        struct answer answer;
        assert_true(make_pair(&pair, places[i]));
        assert_int_equal(begin_hello(&pair, NULL, &answer), COAX_OK);
        for (size_t turns = 0; turns < i; turns++) { /* somewhere on the way */
            assert_int_equal(coax_endpoint_process(pair.client, NULL), COAX_OK);
            assert_int_equal(coax_endpoint_process(pair.server, NULL), COAX_OK);
        }
        free_pair(&pair);
        assert_int_equal(answer.count, 1);
    }
}

/* Both ends with certificates of one authority. */
struct identities {
    struct test_certificate authority, server, client;
};

static void make_identities(struct identities *made) {
    struct test_certificate_options options = {.name = "authority", .is_authority = true};
    test_certificate_make(&made->authority, &options);
    options = (struct test_certificate_options){
        .name = "server", .host = "localhost", .ip = "127.0.0.1", .issuer = &made->authority};
    test_certificate_make(&made->server, &options);
    options = (struct test_certificate_options){.name = "client", .issuer = &made->authority};
    test_certificate_make(&made->client, &options);
}

static void free_identities(struct identities *made) {
    test_certificate_free(&made->authority);
    test_certificate_free(&made->server);
    test_certificate_free(&made->client);
}

static void give_certificates(coax_endpoint *endpoint, const char *key, const struct identities *made,
                              const struct test_certificate *own) {
    coax_credentials *fresh = coax_credentials_new();
    coax_x509 x509 = COAX_X509_INIT;
    x509.certificate = own->certificate_pem;
    x509.private_key = own->private_pem;
    x509.trust = made->authority.certificate_pem;
    assert_non_null(fresh);
    assert_int_equal(coax_credentials_set_x509(fresh, key, &x509, NULL), COAX_OK);
    coax_credentials_replace(coax_endpoint_credentials(endpoint), fresh);
    coax_credentials_free(fresh);
}

/* By name and by address; under an address that is not in the certificate, its owner is somebody else. */
static void certificates_are_checked_against_the_host(void **state) {
    (void)state;
    static const char *const schemes[] = {"coaps+tcp", "coaps+ws"};
    static const char *const hosts[] = {"localhost", "127.0.0.1", "127.0.0.2"};
    struct identities made;
    make_identities(&made);
    for (size_t i = 0; i < 2; i++) {
        struct endpoint_pair pair;
        struct answer answer;
        char uri[80], pattern[32];
        (void)snprintf(uri, sizeof uri, "%s://0.0.0.0:0", schemes[i]);
        (void)snprintf(pattern, sizeof pattern, "%s://*", schemes[i]);
        assert_true(make_pair(&pair, uri));
        give_certificates(pair.server, ":server", &made, &made.server);
        give_certificates(pair.client, pattern, &made, &made.client);
        for (size_t host = 0; host < 3; host++) {
            (void)snprintf(uri, sizeof uri, "%s://%s%s", schemes[i], hosts[host], strrchr(pair.uri, ':'));
            assert_int_equal(ask_hello(&pair, uri, &answer), COAX_OK);
            if (host < 2) {
                assert_string_equal(answer.payload, "hello :server"); /* the entry whose authority vouches for it */
            } else {
                assert_int_equal(answer.error.status, COAX_E_HOST_NAME);
                assert_non_null(strstr(answer.error.text, "127.0.0.2"));
            }
        }
        free_pair(&pair);
    }
    free_identities(&made);
}

enum { LARGE = 1000000 };
static uint8_t large[LARGE];

static void take_large(coax_exchange *exchange, const coax_message *request, void *user) {
    size_t *size = user;
    *size = coax_message_payload_size(request);
    bool is_same = *size == LARGE && memcmp(coax_message_payload(request), large, LARGE) == 0;
    (void)coax_respond(exchange, is_same ? COAX_CHANGED : COAX_BAD_REQUEST, COAX_NO_FORMAT, large, LARGE / 2);
}

static void check_large(coax_request *request, const coax_message *response, const coax_error *error, void *user) {
    struct answer *answer = user;
    (void)request;
    answer->count++;
    if (response == NULL) {
        answer->error = *error;
    } else if (coax_message_payload_size(response) == LARGE / 2
               && memcmp(coax_message_payload(response), large, LARGE / 2) == 0) {
        answer->code = coax_message_code(response);
    }
}

/* More than the system takes at once, in both directions. */
static void large_messages_go_both_ways(void **state) {
    (void)state;
    for (size_t i = 0; i < LARGE; i++) {
        large[i] = (uint8_t)(i * 31 + i / 251);
    }
    for (size_t i = 2; i < PLACES; i++) {
        struct endpoint_pair pair;
        struct answer answer = {0};
        coax_request *request;
        size_t size = 0;
        coax_resource_config config = COAX_RESOURCE_CONFIG_INIT;
        config.post = take_large;
        config.user = &size;
        assert_true(make_pair(&pair, places[i]));
        assert_non_null(coax_site_add(coax_endpoint_site(pair.server), "large", &config, NULL));
        char uri[160];
        (void)snprintf(uri, sizeof uri, "%s/large", pair.uri);
        assert_int_equal(coax_request_new(&request, pair.client, COAX_POST, uri, NULL), COAX_OK);
        assert_int_equal(coax_request_set_payload(request, COAX_NO_FORMAT, large, LARGE), COAX_OK);
        assert_int_equal(coax_request_send(request, check_large, &answer, NULL), COAX_OK);
        assert_true(drive(&pair, &answer.count));
        assert_int_equal(size, LARGE);
        assert_int_equal(answer.code, COAX_CHANGED);
        free_pair(&pair);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_scheme_carries_requests),
        cmocka_unit_test(extended_tokens_go_where_they_are_taken),
        cmocka_unit_test(a_server_asks_its_client),
        cmocka_unit_test(pings_are_answered),
        cmocka_unit_test(pings_of_a_remote_tell_that_it_is_gone),
        cmocka_unit_test(a_client_on_a_connection_has_no_uri),
        cmocka_unit_test(a_client_that_goes_fails_what_waits_for_it),
        cmocka_unit_test(what_waits_fails_when_the_endpoint_is_freed),
        cmocka_unit_test(certificates_are_checked_against_the_host),
        cmocka_unit_test(large_messages_go_both_ways),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
