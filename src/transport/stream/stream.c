#include "transport/stream/stream.h"

#include "base/error.h"
#include "transport/stream/connection.h"
#include <stdlib.h>
#include <string.h>

enum { FLUSH_ROUNDS = 4 };

enum coax_status coax_stream_layer_init(struct stream_layer *layer, const struct stream_settings *settings,
                                        const struct stream_output *output, const struct transport_events *events,
                                        struct timer_heap *timers) {
    *layer = (struct stream_layer){.settings = *settings, .output = *output, .events = *events, .timers = timers};
    uint8_t seed[16];
    output->random(output->user, seed, sizeof seed);
    coax_origins_init(layer, seed);
    list_init(&layer->connections);
    list_init(&layer->idle);
    list_init(&layer->openings);
    list_init(&layer->dirty);
    list_init(&layer->held_origins);
    coax_connection_set_up_filters(layer);
    return COAX_OK;
}

static void shut_down(struct connection *connection, const coax_error *error) {
    coax_connection_enter(connection);
    if (connection->phase == CONNECTION_OPEN) {
        struct coax_message release = {.code = COAX_RELEASE};
        (void)coax_connection_write(connection, &release, NULL);
    }
    if (connection->phase == CONNECTION_DIALLING || connection->phase == CONNECTION_OPENING) {
        coax_connection_break(connection, error);
    } else {
        coax_filter_chain_close(&connection->chain, FAREWELL_NORMAL);
        coax_connection_end(connection, error);
        coax_connection_settle(connection);
    }
    coax_connection_break(connection, error); /* whatever the system did not take */
    coax_connection_leave(connection);
}

void coax_stream_layer_free(struct stream_layer *layer) {
    struct list_node *node;
    coax_error error;
    coax_fail(&error, COAX_E_SHUT_DOWN, "The endpoint was shut down");
    if (layer->connections.next == NULL) {
        return; /* never initialized */
    }
    while ((node = list_first(&layer->connections)) != NULL) {
        shut_down(COAX_CONTAINER(node, struct connection, all), &error);
    }
    coax_origins_free(layer);
}

static void drop_idle(struct connection *connection) {
    coax_error error;
    coax_fail(&error, COAX_E_DROPPED, "The connection was dropped: it was idle, and its place was needed");
    struct coax_message release = {.code = COAX_RELEASE};
    coax_connection_enter(connection);
    (void)coax_connection_write(connection, &release, NULL);
    coax_filter_chain_close(&connection->chain, FAREWELL_NORMAL);
    coax_connection_end(connection, &error);
    coax_connection_settle(connection);
    coax_connection_break(connection, &error); /* its place is needed now, whatever the system did not take */
    coax_connection_leave(connection);
}

bool coax_stream_make_room(struct stream_layer *layer) {
    struct list_node *node;
    while (layer->connection_count >= layer->settings.max_connections && (node = list_first(&layer->idle)) != NULL) {
        struct connection *connection = COAX_CONTAINER(node, struct connection, idle);
        if (connection_is_idle(connection)) {
            drop_idle(connection);
        } else {
            list_remove(node); /* somebody keeps it by now; it comes back when given back */
        }
    }
    return layer->connection_count < layer->settings.max_connections;
}

static struct connection *heaviest(const struct stream_layer *layer) {
    struct connection *result = NULL;
    for (struct list_node *node = layer->connections.next; node != &layer->connections; node = node->next) {
        struct connection *connection = COAX_CONTAINER(node, struct connection, all);
        if (result == NULL || connection->memory > result->memory) {
            result = connection;
        }
    }
    return result;
}

static void drop_heaviest(struct connection *connection) {
    coax_error error;
    coax_fail(&error, COAX_E_LIMIT,
              "All connections together hold more than the settings allow (max_stream_memory), and this one the most");
    coax_connection_enter(connection);
    if (connection->phase < CONNECTION_CLOSING) {
        coax_connection_abort(connection, NULL, FAREWELL_TOO_LARGE, &error);
    }
    coax_connection_settle(connection);
    coax_connection_break(connection, &error); /* its memory is needed now, whatever the system did not take */
    coax_connection_leave(connection);
}

/* Not whoever asks for more: a few peers that do not read could else have everybody else's connections ended. What is
   closing counts, too: its peer might never read the rest. */
void coax_stream_make_memory(struct stream_layer *layer) {
    while (layer->memory > layer->settings.max_stream_memory && !list_is_empty(&layer->connections)) {
        drop_heaviest(heaviest(layer));
    }
}

static enum coax_status copy_target(struct connection *connection, const struct stream_target *target,
                                    coax_error *error) {
    struct coax_remote *remote = &connection->remote;
    remote->host = strdup(target->host);
    if (remote->host == NULL) {
        return coax_fail_memory(error);
    }
    remote->address.port = target->port;
    if (coax_address_parse_ip(target->host, remote->address.ip)) {
        remote->address.port = target->port;
    }
    if (target->credential != NULL) {
        remote->credential = coax_credential_ref(target->credential);
    }
    return COAX_OK;
}

static enum coax_status dial(struct stream_layer *layer, struct origin *origin, const struct stream_target *target,
                             struct connection **result, coax_error *error) {
    struct connection *connection;
    enum coax_status status = coax_connection_new(layer, target->scheme, true, &connection, error);
    if (status != COAX_OK) {
        return status;
    }
    status = copy_target(connection, target, error);
    if (status == COAX_OK) {
        coax_origin_join(origin, connection);
        status = layer->output.open(layer->output.user, connection, error);
    }
    if (status != COAX_OK) {
        coax_connection_discard(connection);
    } else {
        *result = connection;
    }
    coax_connection_leave(connection);
    return status;
}

enum coax_status coax_stream_remote(struct stream_layer *layer, const struct stream_target *target,
                                    struct coax_remote **remote, coax_error *error) {
    struct origin *origin = coax_origin_get(layer, target);
    if (origin == NULL) {
        return coax_fail_memory(error);
    }
    struct connection *connection = coax_origin_connection(origin);
    if (connection == NULL) {
        enum coax_status status = coax_origin_check(origin, layer->now, error);
        if (status == COAX_OK) {
            status = dial(layer, origin, target, &connection, error);
        }
        if (status != COAX_OK) {
            coax_origin_forget_unused(layer, target);
            return status;
        }
    }
    *remote = &connection->remote;
    return COAX_OK;
}

static void drop_oldest_opening(struct stream_layer *layer) {
    struct list_node *oldest = list_first(&layer->openings);
    if (layer->opening_count >= layer->settings.max_connection_openings && oldest != NULL) {
        coax_error error;
        coax_fail(&error, COAX_E_LIMIT,
                  "The connection was dropped: too many are being opened (max_connection_openings)");
        coax_connection_break(COAX_CONTAINER(oldest, struct connection, opening), &error);
    }
}

enum coax_status coax_stream_accept(struct stream_layer *layer, enum coax_scheme scheme, void *link,
                                    const struct address *remote, const struct address *local,
                                    struct connection **accepted, coax_error *error) {
    struct connection *connection;
    drop_oldest_opening(layer);
    enum coax_status status = coax_connection_new(layer, scheme, false, &connection, error);
    if (status != COAX_OK) {
        return status;
    }
    connection->link = link;
    connection->phase = CONNECTION_OPENING;
    connection->remote.address = *remote;
    connection->remote.local = *local;
    list_append(&layer->openings, &connection->opening);
    layer->opening_count++;
    status = coax_filter_chain_start_server(&connection->chain, &layer->filters, connection, scheme, layer->now, error);
    if (status != COAX_OK) {
        coax_connection_discard(connection);
    } else {
        *accepted = connection;
        coax_connection_mark(connection);
        coax_connection_schedule(connection);
    }
    coax_connection_leave(connection);
    return status;
}

/* A connection that answers at once may want to be looked at again, so there are rounds; the bound is against two that
   keep each other busy, whom the next turn serves. */
void coax_stream_flush(struct stream_layer *layer) {
    for (int i = 0; i < FLUSH_ROUNDS && !list_is_empty(&layer->dirty); i++) {
        struct list_node round = layer->dirty;
        round.next->previous = round.previous->next = &round;
        list_init(&layer->dirty);
        struct list_node *node;
        while ((node = list_first(&round)) != NULL) {
            list_remove(node);
            coax_connection_settle(COAX_CONTAINER(node, struct connection, dirty));
        }
    }
}
