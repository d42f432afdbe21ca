/* Several endpoints on one address, over sockets: who is served by whom, and what happens to those who move. */
#include "endpoint/shards.h"

#include "endpoint_fixture.h"
#include <coax/sessions.h>
#include <netinet/in.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

enum { SHARDS = 4, CLIENTS = 16, PATIENCE_MS = 20000, MOVES = 20 };

static const char psk[] = "0123456789abcdef";
static const uint8_t seal[COAX_SESSIONS_KEY_SIZE] = "0123456789abcdef0123456789abcde";

static enum coax_status know_key(coax_endpoint *endpoint) {
    return coax_credentials_set_psk(coax_endpoint_credentials(endpoint), "coaps://*", "device", 6, psk, sizeof psk - 1,
                                    NULL);
}

/* --- threads of the library --- */

struct service {
    const char *scheme;
    unsigned shards;
    unsigned asked[SHARDS]; /* each thread's own */
    coax_endpoint *endpoints[SHARDS];
    char uri[128];
    enum coax_status outcome;
    coax_error error;
    enum coax_status refusal; /* of the third set-up */
    coax_endpoint *waiting;   /* stopped when all are set up; or NULL */
};

static void count_asked(coax_exchange *exchange, const coax_message *request, void *user) {
    (void)request;
    ++*(unsigned *)user;
    (void)coax_respond_text(exchange, COAX_CONTENT, "yes");
}

static enum coax_status set_up(coax_endpoint *endpoint, void *user, coax_error *error) {
    struct service *service = user;
    coax_resource_config config = COAX_RESOURCE_CONFIG_INIT;
    char uri[64];
    config.get = count_asked;
    config.user = &service->asked[service->shards];
    if (service->shards == 2 && service->refusal != COAX_OK) {
        return service->refusal;
    }
    (void)snprintf(uri, sizeof uri, "%s://127.0.0.1:0", service->scheme);
    if (know_key(endpoint) != COAX_OK || coax_site_add(coax_endpoint_site(endpoint), "hello", &config, error) == NULL) {
        return error->status;
    }
    enum coax_status status = coax_endpoint_listen(endpoint, uri, error);
    if (status == COAX_OK) {
        status = coax_endpoint_listening_uri(endpoint, 0, uri, sizeof uri);
    }
    /* All have the port of the first. */
    if (service->shards == 0) {
        (void)snprintf(service->uri, sizeof service->uri, "%s", uri);
    } else if (strcmp(uri, service->uri) != 0) {
        status = COAX_E_INVALID;
    }
    service->endpoints[service->shards++] = endpoint;
    if (service->shards == SHARDS && service->waiting != NULL) {
        coax_endpoint_stop(service->waiting);
    }
    return status;
}

/* Ends when all its requests are answered. */
static void ask_from_many_sockets(const char *base) {
    for (int i = 0; i < CLIENTS; i++) {
        struct endpoint_pair pair = {NULL, NULL, ""};
        struct answer answer;
        assert_int_equal(coax_endpoint_new(&pair.client, NULL, NULL), COAX_OK);
        assert_int_equal(know_key(pair.client), COAX_OK);
        assert_int_equal(ask_hello(&pair, base, &answer), COAX_OK);
        assert_string_equal(answer.payload, "yes");
        free_pair(&pair);
    }
}

static void *run_service(void *user) {
    struct service *service = user;
    service->outcome = coax_shards_run(SHARDS, set_up, service, &service->error);
    return NULL;
}

static void peers_are_shared_among_threads(void **state) {
    (void)state;
    static const char *const schemes[] = {"coap", "coaps", "coap+tcp"};
    for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++) {
        coax_shards *shards;
        struct service service = {.scheme = schemes[i]};
        assert_int_equal(coax_shards_new(&shards, SHARDS, NULL, NULL), COAX_OK);
        for (unsigned shard = 0; shard < SHARDS; shard++) {
            assert_int_equal(set_up(coax_shards_endpoint(shards, shard), &service, &service.error), COAX_OK);
        }
        assert_int_equal(coax_shards_start(shards, NULL), COAX_OK);
        ask_from_many_sockets(service.uri);
        coax_endpoint_stop(service.endpoints[2]); /* one is enough */
        assert_int_equal(coax_shards_join(shards, NULL), COAX_OK);
        coax_shards_free(shards);
        unsigned busy = 0, asked = 0;
        for (unsigned shard = 0; shard < SHARDS; shard++) {
            busy += service.asked[shard] > 0;
            asked += service.asked[shard];
        }
        assert_true(busy > 1); /* by chance not, once in 4^15 */
        assert_int_equal(asked, CLIENTS);
    }
}

static void one_call_does_it_all(void **state) {
    (void)state;
    struct service service = {.scheme = "coap"};
    pthread_t thread;
    assert_int_equal(coax_endpoint_new(&service.waiting, NULL, NULL), COAX_OK);
    assert_int_equal(pthread_create(&thread, NULL, run_service, &service), 0);
    assert_int_equal(coax_endpoint_run(service.waiting, NULL), COAX_OK); /* until all are set up */
    ask_from_many_sockets(service.uri);
    coax_endpoint_stop(service.endpoints[0]);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(service.outcome, COAX_OK);
    coax_endpoint_free(service.waiting);
}

static void a_refused_set_up_ends_it(void **state) {
    (void)state;
    struct service service = {.scheme = "coap", .refusal = COAX_E_EXISTS};
    (void)run_service(&service);
    assert_int_equal(service.outcome, COAX_E_EXISTS);
    assert_int_equal(service.shards, 2);
}

/* --- shards that one thread drives, and a way to them that changes --- */

struct house {
    coax_shards *shards;
    unsigned shard_count;
    char uri[128];
    unsigned handshakes;
    unsigned asked[SHARDS];
    coax_endpoint *clients[CLIENTS];
    unsigned client_count;
    /* The relay of client 0, whose outer address changes; -1: it has none. */
    int inside, outside;
    struct sockaddr_in client, server;
    char relay_uri[64];
};

static void count_handshake(coax_remote *remote, const coax_error *error, void *user) {
    struct house *house = user;
    (void)remote;
    house->handshakes += error == NULL;
}

static void open_shards(struct house *house, unsigned count, const char *uri) {
    coax_endpoint_config settings = COAX_ENDPOINT_CONFIG_INIT;
    settings.connections = count_handshake;
    settings.user = house;
    assert_int_equal(coax_shards_new(&house->shards, count, &settings, NULL), COAX_OK);
    house->shard_count = count;
    for (unsigned i = 0; i < count; i++) {
        coax_endpoint *endpoint = coax_shards_endpoint(house->shards, i);
        coax_resource_config config = COAX_RESOURCE_CONFIG_INIT;
        config.get = count_asked;
        config.user = &house->asked[i];
        assert_int_equal(know_key(endpoint), COAX_OK);
        assert_non_null(coax_site_add(coax_endpoint_site(endpoint), "hello", &config, NULL));
        assert_int_equal(coax_endpoint_listen(endpoint, "coap://127.0.0.1:0", NULL), COAX_OK);
        assert_int_equal(coax_endpoint_listen(endpoint, uri, NULL), COAX_OK);
    }
    assert_null(coax_shards_endpoint(house->shards, count));
    assert_int_equal(
        coax_endpoint_listening_uri(coax_shards_endpoint(house->shards, 0), 1, house->uri, sizeof house->uri), COAX_OK);
}

static int udp_socket(struct sockaddr_in *address) {
    socklen_t size = sizeof *address;
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    *address = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (struct sockaddr *)address, size), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)address, &size), 0);
    return fd;
}

static void open_relay(struct house *house) {
    struct sockaddr_in own;
    coax_uri uri;
    assert_int_equal(coax_uri_parse(&uri, house->uri, NULL), COAX_OK);
    house->server = (struct sockaddr_in){
        .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons(uri.port)};
    house->inside = udp_socket(&own);
    (void)snprintf(house->relay_uri, sizeof house->relay_uri, "coaps://127.0.0.1:%u", ntohs(own.sin_port));
    house->outside = udp_socket(&own);
}

/* As a NAT does that has forgotten the client. */
static void move(struct house *house) {
    struct sockaddr_in unused;
    int before = house->outside;
    house->outside = udp_socket(&unused);
    close(before);
}

static void relay(struct house *house) {
    uint8_t data[2048];
    ssize_t size;
    socklen_t address_size = sizeof house->client;
    while (house->inside >= 0
           && (size = recvfrom(house->inside, data, sizeof data, 0, (struct sockaddr *)&house->client, &address_size))
                  > 0) {
        (void)sendto(house->outside, data, (size_t)size, 0, (struct sockaddr *)&house->server, sizeof house->server);
    }
    while (house->inside >= 0 && (size = recv(house->outside, data, sizeof data, 0)) > 0) {
        (void)sendto(house->inside, data, (size_t)size, 0, (struct sockaddr *)&house->client, sizeof house->client);
    }
}

static void add_clients(struct house *house, unsigned count) {
    for (house->client_count = 0; house->client_count < count; house->client_count++) {
        assert_int_equal(coax_endpoint_new(&house->clients[house->client_count], NULL, NULL), COAX_OK);
        assert_int_equal(know_key(house->clients[house->client_count]), COAX_OK);
    }
}

static void turn(struct house *house) {
    struct pollfd waits[SHARDS + CLIENTS + 2];
    coax_endpoint *endpoints[SHARDS + CLIENTS];
    int timeout_ms = PATIENCE_MS;
    nfds_t count = 0;
    for (unsigned i = 0; i < house->shard_count; i++) {
        endpoints[count++] = coax_shards_endpoint(house->shards, i);
    }
    for (unsigned i = 0; i < house->client_count; i++) {
        endpoints[count++] = house->clients[i];
    }
    for (nfds_t i = 0; i < count; i++) {
        waits[i] = (struct pollfd){coax_endpoint_fd(endpoints[i]), POLLIN, 0};
        timeout_ms = sooner(timeout_ms, coax_endpoint_timeout_ms(endpoints[i]));
    }
    waits[count] = (struct pollfd){house->inside, POLLIN, 0};
    waits[count + 1] = (struct pollfd){house->outside, POLLIN, 0};
    assert_true(poll(waits, count + 2, timeout_ms) > 0 || timeout_ms < PATIENCE_MS);
    relay(house);
    for (nfds_t i = 0; i < count; i++) {
        assert_int_equal(coax_endpoint_process(endpoints[i], NULL), COAX_OK);
    }
}

static void ask(struct house *house, unsigned client, const char *uri) {
    struct endpoint_pair pair = {NULL, house->clients[client], ""};
    struct answer answer;
    assert_int_equal(begin_hello(&pair, uri, &answer), COAX_OK);
    while (answer.count == 0) {
        turn(house);
    }
    assert_string_equal(answer.error.text, "");
    assert_string_equal(answer.payload, "yes");
}

static void close_house(struct house *house) {
    for (unsigned i = 0; i < house->client_count; i++) {
        coax_endpoint_free(house->clients[i]);
    }
    coax_shards_free(house->shards);
    if (house->inside >= 0) {
        close(house->inside);
        close(house->outside);
    }
}

static size_t handed_over(const struct house *house) {
    size_t count = 0;
    for (unsigned i = 0; i < house->shard_count; i++) {
        count += house->shards->endpoints[i]->foreign.taken;
    }
    return count;
}

static void who_moves_keeps_its_shard(void **state) {
    (void)state;
    struct house house = {.inside = -1, .outside = -1};
    open_shards(&house, SHARDS, "coaps://127.0.0.1:0");
    open_relay(&house);
    add_clients(&house, 1);
    ask(&house, 0, house.relay_uri);
    unsigned shard = 0;
    while (house.asked[shard] == 0) {
        shard++;
    }
    for (unsigned i = 0; i < MOVES; i++) {
        move(&house);
        ask(&house, 0, house.relay_uri);
    }
    assert_int_equal(house.asked[shard], MOVES + 1);
    assert_int_equal(house.handshakes, 1);
    assert_true(handed_over(&house) > 0); /* by chance not, once in 4^20 */
    close_house(&house);
}

/* What nobody has a session for goes nowhere, and no further than to the shard that it names. */
static void forgeries_are_handed_over_once(void **state) {
    (void)state;
    struct house house = {.inside = -1, .outside = -1};
    open_shards(&house, SHARDS, "coaps://127.0.0.1:0");
    open_relay(&house);
    uint8_t record[64] = {25, 254, 253, 0, 1};
    enum { CID_OFFSET = 11, FORGERIES = 1000 };
    for (unsigned i = 0; i < FORGERIES; i++) {
        record[CID_OFFSET] = (uint8_t)i;
        assert_int_equal(
            sendto(house.outside, record, sizeof record, 0, (struct sockaddr *)&house.server, sizeof house.server),
            sizeof record);
        if (i % 10 == 0) {
            turn(&house);
        }
    }
    add_clients(&house, 1);
    ask(&house, 0, house.uri);
    assert_true(handed_over(&house) > 0);
    assert_true(handed_over(&house) < FORGERIES);
    close_house(&house);
}

static void sessions_outlive_another_number_of_shards(void **state) {
    (void)state;
    struct house house = {.inside = -1, .outside = -1};
    open_shards(&house, SHARDS, "coaps://127.0.0.1:0");
    add_clients(&house, CLIENTS);
    char uri[128];
    (void)snprintf(uri, sizeof uri, "%s", house.uri);
    static const unsigned counts[] = {3, 1, 2, SHARDS};
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        uint8_t *saved;
        size_t size, restored;
        for (unsigned client = 0; client < CLIENTS; client++) {
            ask(&house, client, uri);
        }
        assert_int_equal(coax_shards_save_sessions(house.shards, seal, &saved, &size, NULL), COAX_OK);
        coax_shards_free(house.shards);
        open_shards(&house, counts[i], uri);
        assert_int_equal(coax_shards_restore_sessions(house.shards, seal, saved, size, &restored, NULL), COAX_OK);
        assert_int_equal(restored, CLIENTS);
        free(saved);
        for (unsigned client = 0; client < CLIENTS; client++) {
            ask(&house, client, uri);
        }
    }
    assert_int_equal(house.handshakes, CLIENTS);
    close_house(&house);
}

static void mistakes_are_told(void **state) {
    (void)state;
    coax_shards *shards, *others;
    coax_endpoint_config config = COAX_ENDPOINT_CONFIG_INIT;
    coax_error error;
    char uri[128];
    assert_int_equal(coax_shards_new(&shards, 0, NULL, &error), COAX_E_INVALID);
    assert_int_equal(coax_shards_new(&shards, COAX_SHARDS_MAXIMUM + 1, NULL, &error), COAX_E_INVALID);
    assert_non_null(strstr(error.text, "1 to 64"));
    config.nstart = 0;
    assert_int_equal(coax_shards_new(&shards, 2, &config, &error), COAX_E_INVALID);
    assert_non_null(strstr(error.text, "nstart"));
    assert_int_equal(coax_shards_new(&shards, 2, NULL, NULL), COAX_OK);
    assert_int_equal(coax_endpoint_listen(coax_shards_endpoint(shards, 1), "coap://127.0.0.1:0", &error), COAX_E_STATE);
    assert_non_null(strstr(error.text, "shard 0"));
    assert_int_equal(coax_endpoint_listen(coax_shards_endpoint(shards, 0), "coap://127.0.0.1:0", NULL), COAX_OK);
    assert_int_equal(coax_endpoint_listen(coax_shards_endpoint(shards, 1), "coap+tcp://127.0.0.1:0", NULL),
                     COAX_E_STATE);
    assert_int_equal(coax_endpoint_listen(coax_shards_endpoint(shards, 1), "coap://127.0.0.1:1", NULL), COAX_E_STATE);
    assert_int_equal(coax_endpoint_listen(coax_shards_endpoint(shards, 1), "coap://127.0.0.1:0", NULL), COAX_OK);
    /* What others listen on is taken, also for shards. */
    assert_int_equal(coax_endpoint_listening_uri(coax_shards_endpoint(shards, 1), 0, uri, sizeof uri), COAX_OK);
    assert_int_equal(coax_shards_new(&others, 2, NULL, NULL), COAX_OK);
    assert_int_equal(coax_endpoint_listen(coax_shards_endpoint(others, 0), uri, &error), COAX_E_IO);
    assert_non_null(strstr(error.text, "another program has that port"));
    coax_shards_free(others);
    coax_shards_free(shards);
    coax_shards_free(NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(peers_are_shared_among_threads),
        cmocka_unit_test(one_call_does_it_all),
        cmocka_unit_test(a_refused_set_up_ends_it),
        cmocka_unit_test(who_moves_keeps_its_shard),
        cmocka_unit_test(forgeries_are_handed_over_once),
        cmocka_unit_test(sessions_outlive_another_number_of_shards),
        cmocka_unit_test(mistakes_are_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
