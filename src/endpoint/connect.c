/* Connections that the program wants for themselves: opening one before there is a request, releasing all. */
#include "base/error.h"
#include "endpoint/datagram_remote.h"
#include <limits.h>
#include <poll.h>
#include <stdlib.h>

/* The first address that takes a session. What becomes of its handshake is told by events. */
static enum coax_status start_session(coax_endpoint *endpoint, const struct destination *destination,
                                      coax_remote **remote, coax_error *error) {
    const coax_uri *uri = &destination->uri;
    struct resolver_answer answer;
    enum coax_status status = coax_endpoint_check_credentials(endpoint, destination, error);
    if (status == COAX_OK) {
        status = coax_endpoint_literal_destination(uri->host, uri->zone, uri->port, &answer, error);
    }
    if (status != COAX_OK) {
        return status;
    }
    if (answer.count == 0) {
        coax_resolve(uri->host, uri->port, &answer);
    }
    if (answer.count == 0) {
        return coax_fail(error, COAX_E_RESOLVE, "%s", answer.error.text);
    }
    status = COAX_E_UNREACHABLE;
    for (unsigned i = 0; i < answer.count && status != COAX_OK; i++) {
        status = coax_endpoint_datagram_remote(endpoint, destination, &answer.addresses[i], remote, error);
    }
    return status;
}

static enum coax_status start(coax_endpoint *endpoint, const struct destination *destination, const char *text,
                              coax_remote **remote, coax_error *error) {
    enum coax_scheme scheme = destination->uri.scheme;
    if (scheme == COAX_SCHEME_COAP) {
        return coax_fail(error, COAX_E_UNSUPPORTED, "There is no connection to open: coap is without (%.200s)", text);
    }
    return scheme_has_streams(scheme)
               ? coax_stack_connection(endpoint->stack, &destination->uri, destination->normal, remote, error)
               : start_session(endpoint, destination, remote, error);
}

enum coax_status coax_endpoint_connect(coax_endpoint *endpoint, const char *text, coax_remote **result,
                                       coax_error *error) {
    struct destination destination;
    coax_remote *remote;
    coax_error failure; /* of one address, although another one may do */
    coax_endpoint_set_time(endpoint);
    enum coax_status status = coax_destination_read(&destination, text, error);
    if (status != COAX_OK) {
        return status;
    }
    status = start(endpoint, &destination, text, &remote, &failure);
    free(destination.normal);
    if (status == COAX_OK) {
        *result = coax_remote_ref(remote);
    } else if (error != NULL) {
        *error = failure;
    }
    return status;
}

/* Whether something is still to be said, or to arrive. */
static bool is_releasing(const coax_endpoint *endpoint) {
    return stream_connection_count(&endpoint->stack->streams) > 0 || endpoint->lingering.count > 0;
}

enum coax_status coax_endpoint_release(coax_endpoint *endpoint, uint32_t timeout_ms, coax_error *error) {
    if (endpoint->is_processing) {
        return coax_endpoint_fail_nested(error);
    }
    coax_endpoint_set_time(endpoint);
    struct stack *stack = endpoint->stack;
    coax_instant deadline = coax_instant_after_ms(stack->now, timeout_ms);
    coax_stream_release_all(&stack->streams);
    enum coax_status status = COAX_OK;
    while (status == COAX_OK && is_releasing(endpoint) && stack->now < deadline) {
        status = coax_endpoint_turn(endpoint, deadline, error);
    }
    uint32_t count = stream_connection_count(&stack->streams);
    if (status == COAX_OK && count > 0) {
        return coax_fail(error, COAX_E_TIMEOUT, "%u connections are not closed by their peers after %u.%03u s",
                         (unsigned)count, (unsigned)(timeout_ms / 1000), (unsigned)(timeout_ms % 1000));
    }
    return status;
}
