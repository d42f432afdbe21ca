/* One request over DTLS, and one over each kind of connection, client and server, with the n-th allocation of our own
   code failing, for every n: an error each time or success, never a crash, a leak or a request without its one
   callback. */
#include "failing_allocations.h"
#include "sim/exchange.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { CLIENT, SERVER };

/* The one stream between the two, as one node sees it. */
struct stream_end {
    uint8_t bytes[16384]; /* on the way to it */
    size_t size;
    struct connection *connection; /* NULL before and after */
    bool is_closed, gets_end;
};

struct world {
    struct stack *stacks[2];
    struct address addresses[2];
    struct datagram {
        uint8_t data[2048];
        size_t size;
    } queues[2][64]; /* to the node */
    unsigned heads[2], tails[2];
    struct stream_end ends[2];
    struct connection *dialled; /* and not yet connected */
    uint64_t random;
    struct sender {
        struct world *world;
        int node;
    } senders[2];
    enum coax_scheme scheme;
    const char *uri;
    unsigned callbacks;
    uint8_t code;
    coax_error error;
};

static void transmit(void *user, const struct path *path, const uint8_t *data, size_t size) {
    struct sender *sender = user;
    struct world *world = sender->world;
    int to = 1 - sender->node;
    (void)path;
    if (world->tails[to] - world->heads[to] < 64 && size <= sizeof world->queues[to][0].data) {
        struct datagram *datagram = &world->queues[to][world->tails[to]++ % 64];
        memcpy(datagram->data, data, size);
        datagram->size = size;
    }
}

static void fill_random(void *user, void *out, size_t size) {
    struct world *world = ((struct sender *)user)->world;
    for (size_t i = 0; i < size; i++) {
        world->random = world->random * UINT64_C(6364136223846793005) + 1442695040888963407U;
        ((uint8_t *)out)[i] = (uint8_t)(world->random >> 33);
    }
}

/* --- the one stream --- */

static enum coax_status stream_open(void *user, struct connection *connection, coax_error *error) {
    (void)error;
    ((struct sender *)user)->world->dialled = connection;
    return COAX_OK;
}

static void stream_cancel_open(void *user, struct connection *connection) {
    (void)connection;
    ((struct sender *)user)->world->dialled = NULL;
}

static size_t stream_write(void *user, void *link, const uint8_t *data, size_t size) {
    struct sender *sender = user;
    struct stream_end *to = &sender->world->ends[1 - sender->node];
    (void)link;
    size_t room = sizeof to->bytes - to->size;
    size = size < room ? size : room;
    if (!to->is_closed) {
        memcpy(to->bytes + to->size, data, size);
        to->size += size;
    }
    return size;
}

static void stream_want_input(void *user, void *link, bool wanted) {
    (void)user;
    (void)link;
    (void)wanted;
}

static void stream_close(void *user, void *link, bool reset) {
    struct sender *sender = user;
    struct stream_end *own = link;
    (void)reset;
    assert_false(own->is_closed);
    own->is_closed = true;
    own->connection = NULL;
    sender->world->ends[1 - sender->node].gets_end = true;
}

static void connect_stream(struct world *world) {
    struct stream_end *client = &world->ends[CLIENT], *server = &world->ends[SERVER];
    struct connection *dialled = world->dialled;
    struct stream_target target;
    world->dialled = NULL;
    coax_connection_target(dialled, &target);
    if (coax_stream_accept(&world->stacks[SERVER]->streams, target.scheme, server, &world->addresses[CLIENT],
                           &world->addresses[SERVER], &server->connection, NULL)
        != COAX_OK) {
        server->is_closed = client->gets_end = true;
    }
    client->connection = dialled;
    coax_connection_opened(dialled, client, &world->addresses[SERVER], &world->addresses[CLIENT]);
}

static void carry_to(struct world *world, int node) {
    struct stream_end *end = &world->ends[node];
    uint8_t bytes[sizeof end->bytes];
    size_t size = end->size;
    if (end->connection == NULL) {
        return;
    }
    end->size = 0;
    memcpy(bytes, end->bytes, size);
    if (size > 0) {
        coax_connection_receive(end->connection, bytes, size);
    } else if (end->gets_end) {
        end->gets_end = false;
        coax_connection_receive_end(end->connection);
    }
    coax_stack_flush(world->stacks[node]);
}

/* --- the nodes --- */

static void answered(coax_request *request, const coax_message *response, const coax_error *error, void *user) {
    struct world *world = user;
    (void)request;
    world->callbacks++;
    if (response != NULL) {
        world->code = coax_message_code(response);
    } else {
        world->error = *error;
    }
}

static void hello(coax_exchange *exchange, const coax_message *request, void *user) {
    (void)request;
    (void)user;
    (void)coax_respond_text(exchange, COAX_CONTENT, "hello");
}

static enum coax_status make_stack(struct world *world, int node) {
    static const char key[] = "0123456789abcdef";
    world->senders[node] = (struct sender){world, node};
    const struct datagram_output output = {transmit, fill_random, &world->senders[node]};
    const struct stream_output streams = {stream_open,  stream_cancel_open, stream_write,         stream_want_input,
                                          stream_close, fill_random,        &world->senders[node]};
    enum coax_status status = coax_stack_new(&world->stacks[node], NULL, &output, &streams, COAX_SECOND, NULL);
    if (status != COAX_OK || !coax_scheme_is_secure(world->scheme)) {
        return status;
    }
    status = coax_credentials_set_psk(world->stacks[node]->credentials, world->uri, "device", 6, key, 16, NULL);
    if (status != COAX_OK) {
        return status;
    }
    return world->scheme == COAX_SCHEME_COAPS ? coax_stack_enable_dtls(world->stacks[node], NULL)
                                              : coax_stack_enable_tls(world->stacks[node], NULL);
}

static struct path path_to(const struct world *world, int to) {
    struct path path = {.remote = world->addresses[to]};
    if (to == CLIENT) {
        path.local = world->addresses[SERVER];
    }
    return path;
}

static enum coax_status find_remote(struct world *world, struct coax_remote **remote) {
    struct stack *client = world->stacks[CLIENT];
    if (world->scheme == COAX_SCHEME_COAPS) {
        struct path path = path_to(world, SERVER);
        return coax_stack_remote(client, &path, true, world->uri, NULL, remote, NULL);
    }
    coax_uri uri;
    assert_int_equal(coax_uri_parse(&uri, world->uri, NULL), COAX_OK);
    return coax_stack_connection(client, &uri, world->uri, remote, NULL);
}

static enum coax_status ask(struct world *world) {
    struct coax_remote *remote;
    enum coax_status status = find_remote(world, &remote);
    if (status != COAX_OK) {
        return status;
    }
    struct coax_request *request = coax_request_create(&world->stacks[CLIENT]->requests, COAX_POST, world->uri);
    if (request == NULL) {
        return COAX_E_NO_MEMORY;
    }
    status = coax_request_set_payload(request, COAX_FORMAT_TEXT, "body", 4);
    if (status == COAX_OK) {
        status = coax_request_add_option(request, COAX_OPTION_URI_PATH, "hello", 5);
    }
    if (status == COAX_OK) {
        status = coax_request_start(request, answered, world, NULL);
    }
    if (status == COAX_OK) {
        status = coax_request_submit(request, remote, NULL);
    }
    if (status != COAX_OK) {
        coax_request_cancel(request);
    }
    return status;
}

static void deliver_all(struct world *world) {
    for (int node = CLIENT; node <= SERVER; node++) {
        while (world->heads[node] != world->tails[node]) {
            struct datagram datagram = world->queues[node][world->heads[node]++ % 64];
            struct path path = path_to(world, node == SERVER ? CLIENT : SERVER);
            coax_stack_receive(world->stacks[node], &path, true, node == SERVER, datagram.data, datagram.size);
        }
    }
    if (world->dialled != NULL) {
        connect_stream(world);
    }
    for (int node = CLIENT; node <= SERVER; node++) {
        coax_stack_flush(world->stacks[node]);
        carry_to(world, node);
    }
}

static void pass_time(struct world *world) {
    for (coax_instant now = COAX_SECOND; now < 400 * COAX_SECOND; now += COAX_SECOND / 4) {
        for (int node = CLIENT; node <= SERVER; node++) {
            coax_stack_set_time(world->stacks[node], now);
            coax_stack_run(world->stacks[node]);
        }
        deliver_all(world);
    }
}

/* The whole scenario. Returns whether everything that could fail at once succeeded; then there is a callback. */
static bool run_scenario(struct world *world, const char *uri) {
    coax_uri parsed;
    memset(world, 0, sizeof *world);
    assert_int_equal(coax_uri_parse(&parsed, uri, NULL), COAX_OK);
    world->uri = uri;
    world->scheme = parsed.scheme;
    world->addresses[CLIENT] = coax_address_ip4(10, 0, 0, 1, 40000);
    world->addresses[SERVER] = coax_address_ip4(10, 0, 0, 2, 5684);
    coax_resource_config config = COAX_RESOURCE_CONFIG_INIT;
    config.post = hello;
    bool is_sent = make_stack(world, SERVER) == COAX_OK && make_stack(world, CLIENT) == COAX_OK
                   && coax_site_add(world->stacks[SERVER]->site, "hello", &config, NULL) != NULL
                   && ask(world) == COAX_OK;
    if (is_sent) {
        pass_time(world);
    }
    coax_stack_free(world->stacks[CLIENT]);
    coax_stack_free(world->stacks[SERVER]);
    return is_sent;
}

static void every_allocation_may_fail(const char *uri) {
    static struct world world;
    fail_allocation(0);
    assert_true(run_scenario(&world, uri));
    assert_int_equal(world.callbacks, 1);
    assert_int_equal(world.code, COAX_CONTENT);
    uint64_t total = allocation_count;
    unsigned refused = 0, failed = 0, survived = 0;
    assert_true(total > 20);
    for (uint64_t n = 1; n <= total; n++) {
        fail_allocation(n);
        bool is_sent = run_scenario(&world, uri);
        assert_int_equal(world.callbacks, is_sent ? 1 : 0);
        if (!is_sent) {
            refused++;
        } else if (world.code == COAX_CONTENT) {
            survived++;
        } else {
            /* The callback's error, or the server's own 5.03. */
            assert_true(world.code == COAX_SERVICE_UNAVAILABLE || world.error.text[0] != '\0');
            failed++;
        }
    }
    is_counting = false;
    printf("%s: %llu allocations: %u failed at once, %u by an error or 5.03, %u were made up for\n", uri,
           (unsigned long long)total, refused, failed, survived);
}

static void of_dtls(void **state) {
    (void)state;
    every_allocation_may_fail("coaps://10.0.0.2/");
}

static void of_tcp(void **state) {
    (void)state;
    every_allocation_may_fail("coap+tcp://10.0.0.2/");
}

static void of_tls(void **state) {
    (void)state;
    every_allocation_may_fail("coaps+tcp://10.0.0.2/");
}

static void of_websocket(void **state) {
    (void)state;
    every_allocation_may_fail("coap+ws://10.0.0.2/");
}

static void of_websocket_over_tls(void **state) {
    (void)state;
    every_allocation_may_fail("coaps+ws://10.0.0.2/");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(of_dtls),
        cmocka_unit_test(of_tcp),
        cmocka_unit_test(of_tls),
        cmocka_unit_test(of_websocket),
        cmocka_unit_test(of_websocket_over_tls),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
