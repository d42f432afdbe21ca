/* Ending a connection in order (RFC 8323 section 5.5), from either end. */
#include "base/error.h"
#include "transport/stream/connection.h"
#include <stdio.h>
#include <stdlib.h>

enum { RELEASE_MAXIMUM = 1024, HOLD_OFF_MAXIMUM_S = 3600 };

static enum coax_status send_release(struct connection *connection, const coax_release_terms *terms,
                                     coax_error *error) {
    static const coax_release_terms none = COAX_RELEASE_TERMS_INIT;
    uint8_t room[RELEASE_MAXIMUM];
    struct option_writer writer = option_writer_on(room, sizeof room);
    struct coax_message release;
    terms = terms == NULL ? &none : terms;
    enum coax_status status = coax_release_make(&release, &writer, terms->alternative_addresses,
                                                terms->alternative_address_count, terms->hold_off_s);
    if (status != COAX_OK) {
        return coax_fail(error, status,
                         "The terms of the release do not fit its message: addresses of 1 to 255 bytes, "
                         "%d in all, and 16777215 s",
                         RELEASE_MAXIMUM);
    }
    return coax_connection_write(connection, &release, error);
}

static void begin_release(struct connection *connection) {
    struct stream_layer *layer = connection->layer;
    connection->phase = CONNECTION_RELEASING;
    connection->end_deadline = coax_instant_after_ms(layer->now, layer->settings.release_timeout_ms);
    coax_origin_leave(connection, NULL);
    list_remove(&connection->idle);
    coax_connection_schedule(connection);
}

/* After the Release nothing new goes out (section 5.5): what waits is told now, not when the peer has closed. */
static void fail_waiting(struct connection *connection) {
    coax_error error;
    coax_fail(&error, COAX_E_RELEASED, "The connection was released before the request could be sent");
    coax_connection_drop_queue(connection, &error);
}

/* Nobody was spoken to yet. */
static enum coax_status give_up(struct connection *connection, struct release_wait *wait, coax_error *error) {
    coax_error released;
    if (wait != NULL && coax_timer_arm(connection->layer->timers, &wait->timer, connection->layer->now) != COAX_OK) {
        return coax_fail_memory(error);
    }
    coax_fail(&released, COAX_E_RELEASED, "The connection was given up before it was open");
    coax_connection_break(connection, &released);
    return COAX_OK;
}

enum coax_status coax_connection_release(struct coax_remote *remote, const coax_release_terms *terms,
                                         struct release_wait *wait, coax_error *error) {
    struct connection *connection = connection_of(remote);
    if (connection->phase >= CONNECTION_CLOSING) {
        return coax_fail(error, COAX_E_DROPPED, "The connection is over already");
    }
    if (connection->phase > CONNECTION_OPEN) {
        return coax_fail(error, COAX_E_STATE, "The connection is being released already");
    }
    coax_connection_enter(connection);
    enum coax_status status;
    if (connection->phase < CONNECTION_OPEN) {
        status = give_up(connection, wait, error);
    } else if ((status = send_release(connection, terms, error)) == COAX_OK) {
        connection->wait = wait;
        begin_release(connection);
        fail_waiting(connection);
    }
    coax_connection_leave(connection);
    return status;
}

void coax_stream_release_all(struct stream_layer *layer) {
    struct list_node *next;
    for (struct list_node *node = layer->connections.next; node != &layer->connections; node = next) {
        next = node->next;
        (void)coax_connection_release(&COAX_CONTAINER(node, struct connection, all)->remote, NULL, NULL, NULL);
    }
}

/* Over TLS only: the new peer must prove the old one's name. In the clear anybody on the way could send us anywhere. */
static coax_uri *read_alternative(const struct connection *connection, const struct coax_message *release) {
    size_t position = 0;
    struct bytes address;
    char text[COAX_HOST_MAXIMUM + 64];
    coax_uri *uri = NULL;
    while (connection_is_secure(connection) && coax_release_next_address(release, &position, &address)) {
        int size = snprintf(text, sizeof text, "%s://%.*s", coax_scheme_name(connection->remote.scheme),
                            (int)address.size, (const char *)address.data);
        uri = uri != NULL ? uri : malloc(sizeof *uri);
        if (uri != NULL && size > 0 && (size_t)size < sizeof text && coax_uri_parse(uri, text, NULL) == COAX_OK
            && uri->port != 0 && uri->path_size == 0 && !uri->has_query) {
            uri->path = uri->query = NULL; /* they pointed into `text` */
            return uri;
        }
    }
    free(uri);
    return NULL;
}

static void describe_release(const struct coax_message *release, coax_error *error) {
    char reason[160] = "", where[160] = "", when[64] = "";
    size_t position = 0;
    struct bytes address;
    if (coax_release_next_address(release, &position, &address)) {
        char quoted[120];
        coax_text_quote(address, quoted, sizeof quoted);
        (void)snprintf(where, sizeof where, "; it names %s instead", quoted);
    }
    if (coax_release_hold_off(release) > 0) {
        (void)snprintf(when, sizeof when, "; not to be connected to again for %u s",
                       (unsigned)coax_release_hold_off(release));
    }
    if (release->payload.size > 0) {
        char quoted[140];
        coax_text_quote(release->payload, quoted, sizeof quoted);
        (void)snprintf(reason, sizeof reason, ": %s", quoted);
    }
    coax_fail(error, COAX_E_RELEASED, "The peer released the connection%s%s%s", reason, where, when);
}

/* What is under way goes on in both directions (section 5.5); what only waits would not be read any more. */
void coax_connection_take_release(struct connection *connection, const struct coax_message *message) {
    struct stream_layer *layer = connection->layer;
    uint32_t hold_off = coax_release_hold_off(message);
    hold_off = hold_off < HOLD_OFF_MAXIMUM_S ? hold_off : HOLD_OFF_MAXIMUM_S;
    const struct origin_terms terms = {
        .hold_off_until = hold_off == 0 ? 0 : layer->now + hold_off * COAX_SECOND,
        .alternative = connection->origin == NULL ? NULL : read_alternative(connection, message),
    };
    coax_origin_leave(connection, &terms);
    if (connection->phase == CONNECTION_RELEASED) {
        return;
    }
    coax_error error;
    describe_release(message, &error);
    connection->phase = CONNECTION_RELEASED;
    connection->end_deadline = coax_instant_after_ms(layer->now, layer->settings.release_timeout_ms);
    connection->release = malloc(sizeof error); /* without memory the end is told without the reasons */
    if (connection->release != NULL) {
        *connection->release = error;
    }
    coax_connection_drop_queue(connection, &error);
    coax_connection_mark(connection);
}
