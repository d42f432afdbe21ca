#include "sim/stream_peer.h"

#include "base/error.h"
#include "sim/random.h"
#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { HELD_BACK = 10, PIECE = 4096 };

static const char psk[] = "0123456789abcdef";

static void must(bool is_so) {
    assert(is_so);
    if (!is_so) {
        abort();
    }
}

/* --- what the stack wants of its streams --- */

static struct stream_peer *new_peer(struct peer_world *world) {
    must(world->peer_count < STREAM_PEERS);
    struct stream_peer *peer = &world->peers[world->peer_count++];
    *peer = (struct stream_peer){.world = world, .wants_input = true};
    return peer;
}

static enum coax_status stack_open(void *user, struct connection *connection, coax_error *error) {
    struct stream_peer *peer = new_peer(user);
    (void)error;
    peer->connection = connection;
    peer->is_dialled = true;
    coax_connection_set_opener(connection, peer);
    return COAX_OK;
}

static void stack_cancel_open(void *user, struct connection *connection) {
    struct stream_peer *peer = coax_connection_opener(connection);
    (void)user;
    if (peer != NULL) {
        peer->connection = NULL;
        peer->is_closed = true;
    }
}

static size_t stack_write(void *user, void *link, const uint8_t *data, size_t size) {
    struct stream_peer *peer = link;
    (void)user;
    must(!peer->is_closed);
    if (peer->is_blocked) {
        return 0;
    }
    must(coax_byte_queue_append(&peer->to_peer, data, size));
    return size;
}

static void stack_want_input(void *user, void *link, bool wanted) {
    (void)user;
    ((struct stream_peer *)link)->wants_input = wanted;
}

static void stack_close(void *user, void *link, bool reset) {
    struct stream_peer *peer = link;
    (void)user;
    (void)reset;
    must(!peer->is_closed); /* once */
    peer->is_closed = true;
    peer->connection = NULL;
}

static void stack_random(void *user, void *out, size_t size) {
    sim_random_fill(&((struct peer_world *)user)->random_state, out, size);
}

static void no_datagrams(void *user, const struct path *path, const uint8_t *data, size_t size) {
    (void)user;
    (void)path;
    (void)data;
    (void)size;
}

/* --- what the program on the stack does --- */

static void observe(coax_remote *remote, const coax_error *error, void *user) {
    struct peer_world *world = user;
    if (error != NULL) {
        world->lost_count++;
        world->lost = *error;
        return;
    }
    coax_remote_unref(world->opened);
    world->opened = coax_remote_ref(remote);
}

static void serve_hello(coax_exchange *exchange, const coax_message *request, void *user) {
    (void)request;
    (void)user;
    (void)coax_respond_text(exchange, COAX_CONTENT, "hello");
}

static void serve_large(coax_exchange *exchange, const coax_message *request, void *user) {
    static const uint8_t payload[PEER_LARGE];
    (void)request;
    (void)user;
    (void)coax_respond(exchange, COAX_CONTENT, COAX_NO_FORMAT, payload, sizeof payload);
}

static void serve_slow(coax_exchange *exchange, const coax_message *request, void *user) {
    struct peer_world *world = user;
    (void)request;
    must(world->deferred == NULL);
    world->deferred = coax_exchange_defer(exchange);
}

static void note_answer(coax_request *request, const coax_message *response, const coax_error *error, void *user) {
    struct peer_answer *answer = user;
    (void)request;
    answer->callbacks++;
    if (response != NULL) {
        answer->code = coax_message_code(response);
    } else {
        answer->error = *error;
    }
    if (answer->then != NULL) {
        answer->then(answer);
    }
}

/* --- the peer's filters --- */

static size_t peer_write(void *user, const uint8_t *data, size_t size) {
    struct stream_peer *peer = user;
    must(coax_byte_queue_append(&peer->to_stack, data, size));
    return size;
}

static void peer_opened(void *user) {
    struct stream_peer *peer = user;
    if (!peer->has_no_csm) {
        peer_send(peer, COAX_CSM, NULL);
    }
}

static bool peer_message(void *user, const struct coax_message *message) {
    struct stream_peer *peer = user;
    peer->received[message->code]++;
    bool is_request = coax_code_class(message->code) == 0 && message->code != COAX_EMPTY;
    if (!peer->is_mute && (is_request || message->code == COAX_PING)) {
        const struct coax_message answer = {.code = is_request ? COAX_CHANGED : COAX_PONG, .token = message->token};
        (void)coax_filter_chain_send(&peer->chain, &answer, NULL);
    }
    return true;
}

static void peer_unreadable(void *user, const coax_error *error, enum filter_farewell farewell) {
    (void)error;
    coax_filter_chain_close(&((struct stream_peer *)user)->chain, farewell);
}

static void peer_ended(void *user, const coax_error *error) {
    (void)user;
    (void)error;
}

static void peer_random(void *user, void *out, size_t size) {
    sim_random_fill(&((struct stream_peer *)user)->world->random_state, out, size);
}

void peer_send(struct stream_peer *peer, uint8_t code, const char *path) {
    uint8_t room[64];
    struct option_writer writer = option_writer_on(room, sizeof room);
    if (path != NULL) {
        must(coax_option_write(&writer, COAX_OPTION_URI_PATH, path, strlen(path)) == COAX_OK);
    }
    const struct coax_message message = {
        .code = code, .token = bytes_of("t", 1), .options = option_writer_bytes(&writer)};
    must(coax_filter_chain_send(&peer->chain, &message, NULL) == COAX_OK);
}

/* --- the world --- */

static void add_credentials(coax_credentials *credentials) {
    static const char *const keys[] = {"coaps+tcp://*", "coaps+ws://*"};
    must(credentials != NULL);
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        must(coax_credentials_set_psk(credentials, keys[i], "device", 6, psk, sizeof psk - 1, NULL) == COAX_OK);
    }
}

static void add_resource(struct peer_world *world, const char *path, coax_handler *handler) {
    coax_resource_config config = COAX_RESOURCE_CONFIG_INIT;
    config.post = handler;
    config.user = world;
    must(coax_site_add(world->stack->site, path, &config, NULL) != NULL);
}

static void init_peers(struct peer_world *world, const coax_endpoint_config *config) {
    const struct tls_settings tls = {config->handshake_timeout_ms, 65536};
    world->credentials = coax_credentials_new();
    add_credentials(world->credentials);
    must(coax_tls_context_new(&world->tls, world->credentials, &tls, NULL) == COAX_OK);
    world->setup = (struct filter_setup){
        .limits = {config->max_stream_message_size, TOKEN_MAXIMUM},
        .tls = world->tls,
        .write = peer_write,
        .opened = peer_opened,
        .message = peer_message,
        .unreadable = peer_unreadable,
        .ended = peer_ended,
        .random = peer_random,
    };
    coax_filter_setup_init(&world->setup);
}

void peer_world_init(struct peer_world *world, const coax_endpoint_config *config) {
    memset(world, 0, sizeof *world);
    world->now = 1000 * COAX_SECOND;
    coax_endpoint_config own = *config;
    own.connections = observe;
    own.user = world;
    const struct datagram_output datagrams = {no_datagrams, stack_random, world};
    const struct stream_output streams = {stack_open,  stack_cancel_open, stack_write, stack_want_input,
                                          stack_close, stack_random,      world};
    must(coax_stack_new(&world->stack, &own, &datagrams, &streams, world->now, NULL) == COAX_OK);
    add_credentials(world->stack->credentials);
    must(coax_stack_enable_tls(world->stack, NULL) == COAX_OK);
    add_resource(world, "hello", serve_hello);
    add_resource(world, "large", serve_large);
    add_resource(world, "slow", serve_slow);
    init_peers(world, config);
}

void peer_world_free(struct peer_world *world) {
    coax_remote_unref(world->opened);
    world->opened = NULL;
    coax_stack_free(world->stack);
    for (unsigned i = 0; i < world->peer_count; i++) {
        struct stream_peer *peer = &world->peers[i];
        must(peer->is_closed);
        coax_filter_chain_free(&peer->chain);
        coax_byte_queue_clear(&peer->to_peer);
        coax_byte_queue_clear(&peer->to_stack);
    }
    coax_tls_context_free(world->tls);
    coax_credentials_free(world->credentials);
}

enum coax_status peer_world_ask_remote(struct peer_world *world, struct coax_remote *remote,
                                       struct peer_answer *answer) {
    *answer = (struct peer_answer){.callbacks = 0};
    struct coax_request *request = coax_request_create(&world->stack->requests, COAX_POST, "/");
    must(request != NULL);
    must(coax_request_start(request, note_answer, answer, NULL) == COAX_OK);
    enum coax_status status = coax_request_submit(request, remote, &answer->error);
    if (status != COAX_OK) {
        coax_request_cancel(request);
    }
    return status;
}

static const char *const names[] = {
    [COAX_SCHEME_COAP_TCP] = "coap+tcp://server.example/",
    [COAX_SCHEME_COAPS_TCP] = "coaps+tcp://server.example/",
    [COAX_SCHEME_COAP_WS] = "coap+ws://server.example/",
    [COAX_SCHEME_COAPS_WS] = "coaps+ws://server.example/",
};

enum coax_status peer_world_ask(struct peer_world *world, enum coax_scheme scheme, struct peer_answer *answer) {
    coax_uri uri;
    struct coax_remote *remote;
    coax_error error;
    must(coax_uri_parse(&uri, names[scheme], NULL) == COAX_OK);
    must(coax_stack_connection(world->stack, &uri, names[scheme], &remote, &error) == COAX_OK);
    return peer_world_ask_remote(world, remote, answer);
}

struct stream_peer *peer_world_dialled(struct peer_world *world) {
    must(world->peer_count > 0);
    struct stream_peer *peer = &world->peers[world->peer_count - 1];
    must(peer->is_dialled);
    return peer;
}

void peer_accept(struct stream_peer *peer) {
    struct peer_world *world = peer->world;
    const struct address remote = coax_address_ip4(10, 0, 0, 2, 5683), local = coax_address_ip4(10, 0, 0, 1, 40000);
    struct stream_target target;
    coax_connection_target(peer->connection, &target);
    must(coax_filter_chain_start_server(&peer->chain, &world->setup, peer, target.scheme, world->now, NULL) == COAX_OK);
    coax_connection_opened(peer->connection, peer, &remote, &local);
    peer_world_settle(world);
}

struct stream_peer *peer_world_dial(struct peer_world *world, enum coax_scheme scheme,
                                    const struct stream_peer *settings) {
    const struct address remote = coax_address_ip4(10, 0, 0, 2, 40000), local = coax_address_ip4(10, 0, 0, 1, 5683);
    struct stream_peer *peer = new_peer(world);
    if (settings != NULL) {
        *peer = *settings;
        peer->world = world;
        peer->wants_input = true;
    }
    struct credential *credential = NULL;
    if (coax_scheme_is_secure(scheme)) {
        must(coax_tls_credential_for_uri(world->credentials, world->tls, names[scheme], &credential, NULL) == COAX_OK);
    }
    must(coax_stream_accept(&world->stack->streams, scheme, peer, &remote, &local, &peer->connection, NULL) == COAX_OK);
    const struct filter_target target = {scheme, "server.example", "server.example", credential};
    must(coax_filter_chain_start_client(&peer->chain, &world->setup, peer, &target, world->now, NULL) == COAX_OK);
    coax_credential_unref(credential);
    peer_world_settle(world);
    return peer;
}

/* --- what moves --- */

static size_t piece_of(struct byte_queue *queue, size_t kept, uint8_t piece[PIECE]) {
    size_t size = byte_queue_size(queue);
    size = size > kept ? size - kept : 0;
    size = size < PIECE ? size : PIECE;
    if (size > 0) {
        memcpy(piece, queue->data + queue->start, size);
        coax_byte_queue_consume(queue, size);
    }
    return size;
}

static bool carry_to_peer(struct stream_peer *peer) {
    uint8_t piece[PIECE];
    size_t size = peer->is_deaf ? 0 : piece_of(&peer->to_peer, 0, piece);
    if (size > 0) {
        coax_filter_chain_receive(&peer->chain, piece, size);
    }
    if (peer->chain.setup != NULL) {
        coax_filter_chain_flush(&peer->chain);
    }
    return size > 0;
}

static size_t held_back(const struct stream_peer *peer) {
    bool is_secured = peer->chain.tls == NULL || coax_tls_session_is_established(peer->chain.tls);
    bool holds = peer->hold == HOLD_ALL || (peer->hold == HOLD_UPGRADE && is_secured);
    return peer->is_silent ? SIZE_MAX : holds ? HELD_BACK : 0;
}

static bool carry_to_stack(struct stream_peer *peer) {
    uint8_t piece[PIECE];
    bool can = peer->connection != NULL && peer->wants_input && coax_connection_link(peer->connection) != NULL;
    size_t size = can ? piece_of(&peer->to_stack, held_back(peer), piece) : 0;
    if (size > 0) {
        coax_connection_receive(peer->connection, piece, size);
    }
    return size > 0;
}

void peer_world_settle(struct peer_world *world) {
    bool moves = true;
    while (moves) {
        moves = false;
        coax_stack_flush(world->stack);
        for (unsigned i = 0; i < world->peer_count; i++) {
            moves |= carry_to_peer(&world->peers[i]);
            moves |= carry_to_stack(&world->peers[i]);
        }
    }
}

void peer_world_pass_ms(struct peer_world *world, uint64_t ms) {
    coax_instant until = coax_instant_after_ms(world->now, ms), next;
    while ((next = coax_stack_deadline(world->stack)) <= until) {
        world->now = next > world->now ? next : world->now;
        coax_stack_set_time(world->stack, world->now);
        coax_stack_run(world->stack);
        peer_world_settle(world);
    }
    world->now = until;
    coax_stack_set_time(world->stack, until);
}
