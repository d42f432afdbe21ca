/* The life of a connection: from being dialled or accepted, over what its filters tell, to its end. */
#include "transport/stream/connection.h"

#include "base/error.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum coax_status coax_connection_new(struct stream_layer *layer, enum coax_scheme scheme, bool is_ours,
                                     struct connection **result, coax_error *error) {
    if (!coax_stream_make_room(layer)) {
        return coax_fail(error, COAX_E_LIMIT,
                         "All %u connections that the settings allow are busy; raise max_connections",
                         (unsigned)layer->settings.max_connections);
    }
    struct connection *connection = calloc(1, sizeof *connection);
    if (connection == NULL) {
        return coax_fail_memory(error);
    }
    connection->layer = layer;
    connection->remote.transport = &coax_stream_transport;
    connection->remote.scheme = scheme;
    connection->remote.is_anonymous = !is_ours;
    list_init(&connection->remote.requests);
    list_init(&connection->remote.exchanges);
    list_init(&connection->remote.bodies);
    list_init(&connection->remote.observers);
    list_init(&connection->idle);
    list_init(&connection->opening);
    list_init(&connection->dirty);
    list_init(&connection->queue);
    connection->timer.fire = coax_connection_fire;
    connection->peer = capabilities_base;
    connection->is_ours = is_ours;
    connection->wants_input = true;
    connection->heard = connection->used = connection->written = layer->now;
    connection->opening_deadline = coax_instant_after_ms(layer->now, layer->settings.handshake_timeout_ms);
    coax_connection_enter(connection);
    /* Armed now, so that moving the timer never needs memory. */
    if (coax_timer_arm(layer->timers, &connection->timer, connection->opening_deadline) != COAX_OK) {
        free(connection);
        return coax_fail_memory(error);
    }
    list_append(&layer->connections, &connection->all);
    layer->connection_count++;
    *result = connection;
    return COAX_OK;
}

void coax_connection_enter(struct connection *connection) {
    connection->calls++;
    connection->remote.references++;
}

/* The stream is closed, nothing is left but the remote, as long as somebody holds it. */
static void finish(struct connection *connection, bool reset) {
    struct stream_layer *layer = connection->layer;
    if (connection->phase == CONNECTION_OVER) {
        return;
    }
    connection->phase = CONNECTION_OVER;
    coax_timer_disarm(layer->timers, &connection->timer);
    list_remove(&connection->dirty);
    list_remove(&connection->all);
    layer->connection_count--;
    layer->memory -= connection->memory;
    connection->memory = 0;
    if (connection->link != NULL) {
        layer->output.close(layer->output.user, connection->link, reset);
        connection->link = NULL;
    }
}

static void free_connection(struct connection *connection) {
    coax_credential_unref(connection->remote.credential);
    free(connection->remote.host);
    free(connection->remote.asked_host);
    free(connection->release);
    free(connection);
}

/* Lists it as idle if it is. */
static void touch(struct connection *connection) {
    list_remove(&connection->idle);
    if (connection_is_idle(connection)) {
        list_append(&connection->layer->idle, &connection->idle);
    }
}

static void settle_unreferenced(struct connection *connection) {
    if (connection->phase == CONNECTION_OVER) {
        free_connection(connection);
    } else {
        touch(connection);
        coax_connection_schedule(connection);
    }
}

void coax_connection_leave(struct connection *connection) {
    if (--connection->calls == 0 && connection->phase == CONNECTION_OVER) {
        coax_filter_chain_free(&connection->chain);
    }
    /* Not coax_remote_unref: one that is gone stays as long as its stream is being written to. */
    if (--connection->remote.references == 0) {
        settle_unreferenced(connection);
    }
}

void coax_connection_released(struct coax_remote *remote) {
    struct connection *connection = connection_of(remote);
    connection->used = connection->layer->now;
    settle_unreferenced(connection);
}

void coax_connection_leave_openings(struct connection *connection) {
    if (list_contains_node(&connection->opening)) {
        list_remove(&connection->opening);
        connection->layer->opening_count--;
    }
}

static void tell_release(struct connection *connection, const coax_error *error) {
    struct release_wait *wait = connection->wait;
    connection->wait = NULL;
    if (wait != NULL) {
        wait->done(wait, &connection->remote, error);
    }
}

/* Gone for everybody but for what is still to be written. */
static void retire(struct connection *connection, const coax_error *error) {
    struct stream_layer *layer = connection->layer;
    bool was_dialling = connection->phase == CONNECTION_DIALLING;
    connection->phase = CONNECTION_CLOSING;
    connection->end_deadline = coax_instant_after_ms(layer->now, layer->settings.release_timeout_ms);
    connection->remote.is_gone = true;
    coax_origin_leave(connection, NULL);
    coax_connection_leave_openings(connection);
    list_remove(&connection->idle);
    if (was_dialling) {
        layer->output.cancel_open(layer->output.user, connection);
    }
    layer->events.lost(layer->events.user, &connection->remote, error);
    coax_connection_drop_queue(connection, NULL);
    bool in_order = connection->has_ended || error->status == COAX_E_RELEASED;
    tell_release(connection, in_order ? NULL : error);
}

void coax_connection_end(struct connection *connection, const coax_error *error) {
    if (connection->phase >= CONNECTION_CLOSING) {
        return;
    }
    coax_connection_enter(connection);
    retire(connection, error);
    if (connection->link == NULL || coax_filter_chain_pending(&connection->chain) == 0) {
        finish(connection, false);
    } else {
        coax_connection_mark(connection);
        coax_connection_schedule(connection);
    }
    coax_connection_leave(connection);
}

void coax_connection_break(struct connection *connection, const coax_error *error) {
    coax_connection_enter(connection);
    if (connection->phase < CONNECTION_CLOSING) {
        retire(connection, error);
    }
    finish(connection, true);
    coax_connection_leave(connection);
}

void coax_connection_discard(struct connection *connection) {
    connection->link = NULL;
    connection->remote.is_gone = true;
    coax_origin_leave(connection, NULL);
    coax_connection_leave_openings(connection);
    finish(connection, true);
}

void coax_connection_mark(struct connection *connection) {
    if (!list_contains_node(&connection->dirty) && connection->phase != CONNECTION_OVER) {
        list_append(&connection->layer->dirty, &connection->dirty);
    }
}

/* How much output may wait before more of the peer's requests are not read. An end that itself waits for answers reads
   on for longer: two that answer each other at length would else both wait for the other to read first. */
static size_t output_allowed(const struct connection *connection) {
    enum { CONNECTIONS_AT_LENGTH = 16 };
    const struct stream_settings *settings = &connection->layer->settings;
    size_t more = settings->max_stream_memory / CONNECTIONS_AT_LENGTH;
    bool is_waiting = !list_is_empty(&connection->remote.requests);
    return is_waiting && more > settings->max_stream_output ? more : settings->max_stream_output;
}

static bool is_congested(const struct connection *connection) {
    return coax_filter_chain_pending(&connection->chain) >= output_allowed(connection)
           || connection_open_requests(connection) >= connection->layer->settings.max_requests_per_connection;
}

static void want_input(struct connection *connection, bool wanted) {
    struct stream_layer *layer = connection->layer;
    if (connection->wants_input != wanted && connection->link != NULL) {
        connection->wants_input = wanted;
        connection->heard = layer->now; /* the silence from now on is ours */
        layer->output.want_input(layer->output.user, connection->link, wanted);
    }
}

static void flush_output(struct connection *connection) {
    size_t before = coax_filter_chain_pending(&connection->chain);
    coax_filter_chain_flush(&connection->chain);
    size_t after = coax_filter_chain_pending(&connection->chain);
    if (after < before || connection->unwritten == 0) {
        connection->written = connection->layer->now;
    }
    connection->unwritten = after;
}

void coax_connection_weigh(struct connection *connection) {
    struct stream_layer *layer = connection->layer;
    if (connection->phase >= CONNECTION_CLOSING) {
        return; /* what it holds goes soon, at a deadline of its own */
    }
    size_t held = coax_filter_chain_held(&connection->chain) + connection->queued_bytes;
    bool has_grown = held > connection->memory;
    layer->memory += held - connection->memory;
    connection->memory = held;
    if (has_grown) {
        coax_stream_make_memory(layer);
    }
}

/* The peer asked for the end, and nothing is under way any more. */
static void close_released(struct connection *connection) {
    coax_error error;
    coax_fail(&error, COAX_E_RELEASED, "The peer released the connection");
    coax_filter_chain_close(&connection->chain, FAREWELL_NORMAL);
    coax_connection_end(connection, connection->release != NULL ? connection->release : &error);
}

void coax_connection_settle(struct connection *connection) {
    coax_connection_enter(connection);
    if (connection->link != NULL) {
        flush_output(connection);
    }
    if (connection->phase == CONNECTION_CLOSING && coax_filter_chain_pending(&connection->chain) == 0) {
        finish(connection, false);
    }
    if (connection->phase >= CONNECTION_OPEN && connection->phase < CONNECTION_CLOSING) {
        coax_connection_send_queued(connection);
        if (!connection->wants_input && !is_congested(connection)) {
            want_input(connection, true);
            coax_filter_chain_resume(&connection->chain);
            coax_connection_mark(connection);
        }
    }
    if (connection->phase == CONNECTION_RELEASED && connection_is_unused(connection)) {
        close_released(connection);
    }
    coax_connection_weigh(connection);
    coax_connection_schedule(connection);
    coax_connection_leave(connection);
}

/* --- what the filters tell --- */

static size_t chain_write(void *user, const uint8_t *data, size_t size) {
    struct connection *connection = user;
    struct stream_layer *layer = connection->layer;
    return connection->link == NULL ? 0 : layer->output.write(layer->output.user, connection->link, data, size);
}

static void chain_random(void *user, void *out, size_t size) {
    struct connection *connection = user;
    connection->layer->output.random(connection->layer->output.user, out, size);
}

/* The name by which the client asked, if it can stand in a URI. */
static void take_asked_host(struct connection *connection) {
    struct coax_remote *remote = &connection->remote;
    const char *asked = coax_filter_chain_asked_host(&connection->chain);
    char text[COAX_HOST_MAXIMUM + 64], hostinfo[COAX_HOST_MAXIMUM + 64];
    coax_uri uri;
    int size = snprintf(text, sizeof text, "%s://%s", coax_scheme_name(remote->scheme), asked);
    if (*asked == '\0' || size < 0 || (size_t)size >= sizeof text || coax_uri_parse(&uri, text, NULL) != COAX_OK
        || uri.path_size > 0 || uri.has_query) {
        return;
    }
    if (remote->scheme == COAX_SCHEME_COAPS_TCP) {
        uri.port = remote->local.port; /* a server name has none */
    }
    if (coax_uri_write_hostinfo(&uri, hostinfo, sizeof hostinfo) == COAX_OK) {
        remote->asked_host = strdup(hostinfo); /* without memory it is asked by its address */
    }
}

static void take_identity(struct connection *connection) {
    struct coax_remote *remote = &connection->remote;
    struct credential *credential = coax_filter_chain_credential(&connection->chain);
    if (credential != NULL && remote->credential != credential) {
        coax_credential_unref(remote->credential);
        remote->credential = coax_credential_ref(credential);
    }
    remote->proved = credential != NULL;
    if (!connection->is_ours) {
        take_asked_host(connection);
        (void)coax_filter_chain_forwarded(&connection->chain, &remote->address);
    }
}

static void chain_opened(void *user) {
    struct connection *connection = user;
    if (connection->phase != CONNECTION_OPENING) {
        return;
    }
    take_identity(connection);
    connection->phase = CONNECTION_OPEN;
    coax_connection_send_csm(connection);
    if (connection->phase == CONNECTION_OPEN) {
        coax_connection_send_queued(connection);
    }
}

/* The end of the turn looks whether it can go on. */
static bool pause_if_congested(struct connection *connection) {
    bool pauses = is_congested(connection);
    if (pauses) {
        want_input(connection, false);
        coax_connection_mark(connection);
    }
    return pauses;
}

static bool chain_message(void *user, const struct coax_message *message) {
    struct connection *connection = user;
    connection->message_began = 0;
    if (connection->phase >= CONNECTION_CLOSING) {
        return false;
    }
    coax_connection_take_message(connection, message);
    if (connection->phase >= CONNECTION_CLOSING) {
        return false;
    }
    return !pause_if_congested(connection);
}

static void chain_unreadable(void *user, const coax_error *error, enum filter_farewell farewell) {
    struct connection *connection = user;
    if (connection->phase < CONNECTION_CLOSING) {
        coax_connection_abort(connection, NULL, farewell, error);
    }
}

static void chain_ended(void *user, const coax_error *error) {
    struct connection *connection = user;
    connection->has_ended = true;
    /* After a Release the end was announced, and with its reasons. */
    bool was_announced =
        connection->release != NULL && (error->status == COAX_E_LOST || error->status == COAX_E_CLOSE_NOTIFY);
    coax_connection_end(connection, was_announced ? connection->release : error);
}

void coax_connection_set_up_filters(struct stream_layer *layer) {
    const struct stream_settings *settings = &layer->settings;
    layer->filters = (struct filter_setup){
        .limits = {settings->max_stream_message_size, settings->max_token_size},
        .origins = {settings->origins, settings->origin_count},
        .trust_forwarded = settings->trust_forwarded,
        .write = chain_write,
        .opened = chain_opened,
        .message = chain_message,
        .unreadable = chain_unreadable,
        .ended = chain_ended,
        .random = chain_random,
    };
    coax_filter_setup_init(&layer->filters);
}

/* --- what the owner tells --- */

static void connect_filters(struct connection *connection) {
    struct coax_remote *remote = &connection->remote;
    char base[COAX_HOST_MAXIMUM + 128];
    coax_error error;
    enum coax_status status = COAX_E_TOO_LARGE;
    if (coax_remote_hostinfo(remote, base, sizeof base) == COAX_OK) {
        const struct filter_target target = {remote->scheme, base, remote->host, remote->credential};
        status = coax_filter_chain_start_client(&connection->chain, &connection->layer->filters, connection, &target,
                                                connection->layer->now, &error);
    } else {
        coax_fail(&error, status, "The host is too long");
    }
    if (status != COAX_OK) {
        coax_connection_end(connection, &error);
    }
}

void coax_connection_opened(struct connection *connection, void *link, const struct address *remote,
                            const struct address *local) {
    (void)local; /* a client's end has no address that means anything to others */
    coax_connection_enter(connection);
    connection->opener = NULL;
    connection->link = link;
    connection->phase = CONNECTION_OPENING;
    uint16_t port = connection->remote.address.port; /* of the URI, though another may have been dialled */
    connection->remote.address = *remote;
    connection->remote.address.port = port;
    connection->heard = connection->layer->now;
    connect_filters(connection);
    coax_connection_mark(connection);
    coax_connection_schedule(connection);
    coax_connection_leave(connection);
}

void coax_connection_failed(struct connection *connection, const coax_error *error) {
    coax_connection_enter(connection);
    connection->opener = NULL;
    connection->phase = CONNECTION_OPENING; /* nothing is being opened that could be cancelled */
    coax_connection_end(connection, error);
    coax_connection_leave(connection);
}

/* How far a message has come that is not whole: one that takes too long is a peer that only wants to hold on to us. */
static void watch_message(struct connection *connection, size_t size) {
    bool is_within = connection->phase < CONNECTION_CLOSING && coax_filter_chain_is_within_message(&connection->chain);
    if (!is_within) {
        connection->message_began = 0;
        connection->message_bytes = 0;
    } else if (connection->message_began == 0) {
        connection->message_began = connection->layer->now;
        connection->message_bytes = 0;
    } else {
        connection->message_bytes += size;
    }
}

static void after_input(struct connection *connection, size_t size) {
    watch_message(connection, size);
    if (coax_filter_chain_pending(&connection->chain) > 0 || connection->phase >= CONNECTION_RELEASED) {
        coax_connection_mark(connection);
    }
    coax_connection_weigh(connection);
    coax_connection_schedule(connection);
}

/* WebSocket's pings are no messages, and are answered all the same. */
static void read_input(struct connection *connection, const uint8_t *data, size_t size) {
    size_t before = coax_filter_chain_pending(&connection->chain);
    coax_filter_chain_receive(&connection->chain, data, size);
    bool is_open = connection->phase >= CONNECTION_OPEN && connection->phase < CONNECTION_CLOSING;
    if (is_open && coax_filter_chain_pending(&connection->chain) > before) {
        (void)pause_if_congested(connection);
    }
}

void coax_connection_receive(struct connection *connection, const uint8_t *data, size_t size) {
    coax_connection_enter(connection);
    connection->heard = connection->layer->now;
    connection->is_pinged = false;
    if (!connection->has_ended) {
        read_input(connection, data, size);
    }
    after_input(connection, size);
    coax_connection_leave(connection);
}

void coax_connection_receive_end(struct connection *connection) {
    coax_connection_enter(connection);
    if (!connection->has_ended) {
        coax_filter_chain_receive_end(&connection->chain);
    }
    after_input(connection, 0);
    coax_connection_leave(connection);
}

void coax_connection_broken(struct connection *connection, const coax_error *error) {
    coax_connection_break(connection, error);
}

void coax_connection_writable(struct connection *connection) {
    coax_connection_settle(connection);
}

void *coax_connection_link(const struct connection *connection) {
    return connection->link;
}

void coax_connection_set_opener(struct connection *connection, void *opener) {
    connection->opener = opener;
}

void *coax_connection_opener(const struct connection *connection) {
    return connection->opener;
}
