#include "sim/stream_mesh.h"

#include "base/error.h"
#include "sim/random.h"
#include <assert.h>
#include <string.h>

enum { TICK_US = 100 };

static uint64_t draw(struct stream_mesh *mesh, uint64_t bound) {
    return sim_random(&mesh->random_state) % bound;
}

/* Coarse, so that some things happen in one turn. */
static void arm_soon(struct stream_mesh *mesh, struct timer *timer) {
    uint64_t ticks = draw(mesh, mesh->delay_maximum_us / TICK_US + 1);
    enum coax_status status = coax_timer_arm(&mesh->timers, timer, mesh->now + ticks * TICK_US * 1000);
    assert(status == COAX_OK);
    (void)status;
}

static struct stream_end *other_end_of(struct stream_end *end) {
    struct stream *stream = end->stream;
    return end == &stream->ends[0] ? &stream->ends[1] : &stream->ends[0];
}

static bool has_something(const struct stream_end *end) {
    return end->is_broken || (!end->refuses && (end->size > 0 || (end->is_ending && !end->saw_end)));
}

static void expect_arrival(struct stream_end *end) {
    if (end->connection != NULL && has_something(end) && !coax_timer_is_armed(&end->arrival)) {
        arm_soon(end->stream->mesh, &end->arrival);
    }
}

static void drop_bytes(struct stream_end *end) {
    free(end->bytes);
    end->bytes = NULL;
    end->size = 0;
}

/* --- what a stack wants --- */

/* As a system does: what fits, and sometimes less than would. */
static size_t room_for(struct stream_end *to, size_t size) {
    struct stream_mesh *mesh = to->stream->mesh;
    size_t room = to->size < to->capacity ? to->capacity - to->size : 0;
    size_t taken = size < room ? size : room;
    return draw(mesh, 4) > 0 ? taken : draw(mesh, taken + 1);
}

static size_t take_output(void *user, void *link, const uint8_t *data, size_t size) {
    struct stream_end *from = link, *to = other_end_of(from);
    (void)user;
    assert(!from->has_closed);
    if (to->has_closed || to->is_ending || to->is_broken) {
        return size; /* nobody reads it */
    }
    size_t taken = room_for(to, size);
    if (taken > 0) {
        uint8_t *grown = realloc(to->bytes, to->size + taken);
        assert(grown != NULL);
        memcpy(grown + to->size, data, taken);
        to->bytes = grown;
        to->size += taken;
        expect_arrival(to);
    }
    to->was_refused = taken < size;
    if (taken < size && to->size < to->capacity) {
        arm_soon(from->stream->mesh, &from->room);
    }
    return taken;
}

static void set_input(void *user, void *link, bool wanted) {
    struct stream_end *end = link;
    (void)user;
    assert(!end->has_closed);
    end->refuses = !wanted;
    expect_arrival(end);
}

/* Nothing may be called for its connection any more. */
static void leave(struct stream_end *end) {
    struct stream_mesh *mesh = end->stream->mesh;
    end->has_closed = true;
    end->connection = NULL;
    drop_bytes(end);
    coax_timer_disarm(&mesh->timers, &end->arrival);
    coax_timer_disarm(&mesh->timers, &end->room);
}

static void close_end(void *user, void *link, bool reset) {
    struct stream_end *end = link, *other = other_end_of(end);
    (void)user;
    assert(!end->has_closed);
    leave(end);
    if (reset) {
        other->is_broken = true;
    }
    other->is_ending = true;
    expect_arrival(other);
}

static void fill_random(void *user, void *out, size_t size) {
    struct stream_node *node = user;
    sim_random_fill(&node->mesh->random_state, out, size);
}

/* --- connecting --- */

static void connect_ends(struct stream *stream) {
    struct stream_end *own = &stream->ends[0], *peer = &stream->ends[1];
    struct connection *connection = stream->dialling;
    struct address from = coax_address_ip4(192, 0, 2, 1, 40000), to = coax_address_ip4(192, 0, 2, 2, 5683);
    coax_error error = {.text = ""};
    stream->dialling = NULL;
    own->connection = connection;
    enum coax_status status =
        coax_stream_accept(&peer->node->stack->streams, stream->scheme, peer, &from, &to, &peer->connection, &error);
    if (status != COAX_OK) {
        leave(peer);
        own->is_broken = true;
    }
    coax_connection_opened(connection, own, &to, &from);
    expect_arrival(own);
    expect_arrival(peer);
}

static void finish_dial(struct timer *timer, coax_instant now) {
    struct stream *stream = COAX_CONTAINER(timer, struct stream, dial);
    struct connection *connection = stream->dialling;
    coax_error error;
    (void)now;
    if (stream->fate == STREAM_REFUSED) {
        stream->dialling = NULL;
        coax_fail(&error, COAX_E_REFUSED, "Nobody listens there");
        coax_connection_failed(connection, &error);
    } else {
        connect_ends(stream);
    }
}

static struct stream_node *node_called(struct stream_mesh *mesh, const char *host) {
    unsigned number = (unsigned)strtoul(host + 1, NULL, 10);
    assert(host[0] == 'n' && number < mesh->node_count);
    return &mesh->nodes[number];
}

static void draw_conditions(struct stream *stream) {
    static const enum stream_fate fates[] = {STREAM_REFUSED, STREAM_ENDED, STREAM_RESET, STREAM_ENDED, STREAM_RESET};
    static const size_t pieces[] = {1, 4, 60, 1500, 65536}, capacities[] = {1, 100, 1000, 5000, 65536};
    struct stream_mesh *mesh = stream->mesh;
    for (size_t i = 0; i < 2; i++) {
        stream->ends[i].piece_maximum = pieces[draw(mesh, sizeof pieces / sizeof *pieces)];
        stream->ends[i].capacity = capacities[draw(mesh, sizeof capacities / sizeof *capacities)];
    }
    if (draw(mesh, 100) < mesh->fate_percent) {
        stream->fate = fates[draw(mesh, sizeof fates / sizeof *fates)];
        stream->left = draw(mesh, mesh->fate_bytes);
    }
}

static void arrive(struct timer *timer, coax_instant now);
static void make_room(struct timer *timer, coax_instant now);

static enum coax_status open_stream(void *user, struct connection *connection, coax_error *error) {
    struct stream_node *node = user;
    struct stream_mesh *mesh = node->mesh;
    struct stream *stream = calloc(1, sizeof *stream);
    struct stream_target target;
    (void)error;
    assert(stream != NULL);
    coax_connection_target(connection, &target);
    *stream = (struct stream){.next = mesh->streams, .mesh = mesh, .dialling = connection, .scheme = target.scheme};
    stream->dial.fire = finish_dial;
    stream->ends[0].node = node;
    stream->ends[1].node = node_called(mesh, target.host);
    for (size_t i = 0; i < 2; i++) {
        stream->ends[i].stream = stream;
        stream->ends[i].arrival.fire = arrive;
        stream->ends[i].room.fire = make_room;
    }
    draw_conditions(stream);
    mesh->streams = stream;
    mesh->stream_count++;
    coax_connection_set_opener(connection, stream);
    arm_soon(mesh, &stream->dial);
    return COAX_OK;
}

static void cancel_open(void *user, struct connection *connection) {
    struct stream_node *node = user;
    struct stream *stream = coax_connection_opener(connection);
    assert(stream->dialling == connection);
    stream->dialling = NULL;
    coax_timer_disarm(&node->mesh->timers, &stream->dial);
}

struct stream *stream_mesh_stream(const struct connection *connection) {
    struct stream_end *end = coax_connection_link(connection);
    return end != NULL ? end->stream : coax_connection_opener(connection);
}

/* --- what happens to a stream --- */

static void strike_end(struct stream_end *end, enum stream_fate fate) {
    if (!end->has_closed) {
        drop_bytes(end);
        end->is_broken = fate == STREAM_RESET;
        end->is_ending = true;
        expect_arrival(end);
    }
}

static void strike(struct stream *stream, enum stream_fate fate) {
    stream->fate = fate;
    stream->left = 0;
    strike_end(&stream->ends[0], fate);
    strike_end(&stream->ends[1], fate);
}

static size_t next_piece(struct stream_end *end) {
    size_t most = end->size < end->piece_maximum ? end->size : end->piece_maximum;
    return 1 + draw(end->stream->mesh, most);
}

/* A piece arrives, in memory of exactly its size. */
static void deliver_piece(struct stream_end *end, size_t size) {
    uint8_t *piece = malloc(size);
    assert(piece != NULL);
    memcpy(piece, end->bytes, size);
    end->size -= size;
    memmove(end->bytes, end->bytes + size, end->size);
    if (end->was_refused) {
        struct stream_end *other = other_end_of(end);
        end->was_refused = false;
        if (other->connection != NULL) {
            arm_soon(end->stream->mesh, &other->room);
        }
    }
    coax_connection_receive(end->connection, piece, size);
    free(piece);
}

/* Whether the stream is lost before a piece of this size. */
static bool is_fated(struct stream *stream, size_t size) {
    if (stream->fate == STREAM_LIVES || stream->ends[0].is_ending || stream->ends[1].is_ending) {
        return false;
    }
    bool comes = stream->left < size;
    stream->left -= comes ? stream->left : size;
    return comes;
}

static void arrive(struct timer *timer, coax_instant now) {
    struct stream_end *end = COAX_CONTAINER(timer, struct stream_end, arrival);
    coax_error error;
    (void)now;
    if (end->connection == NULL || !has_something(end)) {
        return;
    }
    if (end->is_broken) {
        coax_fail(&error, COAX_E_LOST, "The peer reset the connection");
        coax_connection_broken(end->connection, &error);
        return;
    }
    if (end->size > 0) {
        size_t size = next_piece(end);
        if (is_fated(end->stream, size)) {
            strike(end->stream, end->stream->fate);
        } else {
            deliver_piece(end, size);
        }
    } else {
        end->saw_end = true;
        coax_connection_receive_end(end->connection);
    }
    expect_arrival(end);
}

static void make_room(struct timer *timer, coax_instant now) {
    struct stream_end *end = COAX_CONTAINER(timer, struct stream_end, room);
    (void)now;
    if (end->connection != NULL) {
        coax_connection_writable(end->connection);
    }
}

/* --- the mesh --- */

void stream_mesh_init(struct stream_mesh *mesh, uint64_t seed) {
    *mesh = (struct stream_mesh){.random_state = seed, .now = 1000 * COAX_SECOND};
}

void stream_mesh_free(struct stream_mesh *mesh) {
    for (unsigned i = 0; i < mesh->node_count; i++) {
        coax_stack_free(mesh->nodes[i].stack);
    }
    struct stream *next;
    for (struct stream *stream = mesh->streams; stream != NULL; stream = next) {
        next = stream->next;
        assert(stream->dialling == NULL && stream->ends[0].connection == NULL && stream->ends[1].connection == NULL);
        drop_bytes(&stream->ends[0]);
        drop_bytes(&stream->ends[1]);
        free(stream);
    }
    coax_timer_heap_free(&mesh->timers);
}

static void transmit_nothing(void *user, const struct path *path, const uint8_t *data, size_t size) {
    (void)user;
    (void)path;
    (void)data;
    (void)size;
}

struct stream_node *stream_mesh_add(struct stream_mesh *mesh, const coax_endpoint_config *config) {
    assert(mesh->node_count < STREAM_NODES);
    struct stream_node *node = &mesh->nodes[mesh->node_count++];
    *node = (struct stream_node){.mesh = mesh};
    const struct datagram_output datagrams = {transmit_nothing, fill_random, node};
    const struct stream_output streams = {open_stream, cancel_open, take_output, set_input,
                                          close_end,   fill_random, node};
    coax_error error = {.text = ""};
    enum coax_status status = coax_stack_new(&node->stack, config, &datagrams, &streams, mesh->now, &error);
    assert(status == COAX_OK);
    static const char *const secure[] = {"coaps+tcp://*", "coaps+ws://*"};
    for (size_t i = 0; i < 2; i++) {
        status =
            coax_credentials_set_psk(node->stack->credentials, secure[i], "sim", 3, "0123456789abcdef", 16, &error);
        assert(status == COAX_OK);
    }
    status = coax_stack_enable_tls(node->stack, &error);
    assert(status == COAX_OK);
    (void)status;
    return node;
}

enum coax_status stream_mesh_connect(struct stream_node *from, const char *uri, struct coax_remote **remote,
                                     coax_error *error) {
    char normal[COAX_HOST_MAXIMUM + 64];
    coax_uri parsed;
    enum coax_status status = coax_uri_parse(&parsed, uri, error);
    if (status == COAX_OK) {
        status = coax_uri_write(&parsed, normal, sizeof normal);
    }
    return status == COAX_OK ? coax_stack_connection(from->stack, &parsed, normal, remote, error) : status;
}

struct coax_request *stream_mesh_request(struct stream_node *from, const char *path) {
    struct coax_request *request = coax_request_create(&from->stack->requests, COAX_POST, path);
    assert(request != NULL);
    enum coax_status status = coax_request_add_option(request, COAX_OPTION_URI_PATH, path, strlen(path));
    assert(status == COAX_OK);
    (void)status;
    return request;
}

static void pass_to(struct stream_mesh *mesh, coax_instant moment) {
    mesh->now = moment > mesh->now ? moment : mesh->now;
    for (unsigned i = 0; i < mesh->node_count; i++) {
        coax_stack_set_time(mesh->nodes[i].stack, mesh->now);
    }
}

static coax_instant next_moment(const struct stream_mesh *mesh) {
    coax_instant next = coax_timer_heap_next(&mesh->timers);
    for (unsigned i = 0; i < mesh->node_count; i++) {
        struct stack *stack = mesh->nodes[i].stack;
        coax_instant own = stream_wants_flush(&stack->streams) ? mesh->now : coax_stack_deadline(stack);
        next = own < next ? own : next;
    }
    return next;
}

/* One turn: what is due at the earliest moment. False if that is after `until`. */
static bool turn(struct stream_mesh *mesh, coax_instant until) {
    coax_instant next = next_moment(mesh);
    if (next > until || next == COAX_NEVER) {
        pass_to(mesh, until == COAX_NEVER ? mesh->now : until);
        return false;
    }
    pass_to(mesh, next);
    coax_timer_heap_run(&mesh->timers, mesh->now);
    for (unsigned i = 0; i < mesh->node_count; i++) {
        coax_stack_run(mesh->nodes[i].stack);
        coax_stack_flush(mesh->nodes[i].stack);
    }
    return true;
}

void stream_mesh_run(struct stream_mesh *mesh, coax_instant until) {
    while (turn(mesh, until)) {
    }
}

void stream_mesh_pass_ms(struct stream_mesh *mesh, uint64_t ms) {
    stream_mesh_run(mesh, coax_instant_after_ms(mesh->now, ms));
}
