/* Requests by URI: over UDP name, address, channel, and the next address when one refuses; over streams the connection
   that does all this itself. */
#include "base/error.h"
#include "endpoint/datagram_remote.h"
#include "message/uri_options.h"
#include <coax/request.h>
#include <stdlib.h>
#include <string.h>

/* What a request by URI needs until it is answered. */
struct errand {
    coax_endpoint *endpoint;
    struct coax_request *request;
    struct destination destination;   /* its views point into the request's text */
    struct resolver_answer addresses; /* from here on for datagrams only */
    unsigned next_address;
    uint64_t ticket;
    bool is_resolving;
    coax_remote *to; /* a request to a known remote; else NULL */
};

static void stop_resolving(struct errand *errand) {
    if (errand->is_resolving) {
        coax_resolver_cancel(errand->endpoint->resolver, errand->ticket);
        errand->is_resolving = false;
    }
}

static void release_errand(struct coax_request *request) {
    struct errand *errand = request->owner;
    stop_resolving(errand);
    coax_remote_unref(errand->to);
    free(errand->destination.normal);
    free(errand);
}

static enum coax_status new_errand(struct errand **result, coax_endpoint *endpoint, uint8_t code, const char *text,
                                   coax_error *error) {
    enum { METHOD_MAXIMUM = 31 };
    if (code > METHOD_MAXIMUM) {
        return coax_fail(error, COAX_E_INVALID, "The code %u.%02u is not that of a request", coax_code_class(code),
                         coax_code_detail(code));
    }
    struct errand *errand = calloc(1, sizeof *errand);
    struct coax_request *request = errand == NULL ? NULL : coax_request_create(&endpoint->stack->requests, code, text);
    if (request == NULL) {
        free(errand);
        return coax_fail_memory(error);
    }
    errand->endpoint = endpoint;
    errand->request = request;
    request->owner = errand;
    request->release = release_errand;
    *result = errand;
    return COAX_OK;
}

static enum coax_status read_uri(struct errand *errand, coax_error *error) {
    const char *text = errand->request->uri;
    enum coax_status status = coax_destination_read(&errand->destination, text, error);
    if (status != COAX_OK) {
        return status;
    }
    status = coax_uri_to_options(&errand->destination.uri, &errand->request->options);
    return status == COAX_OK
               ? COAX_OK
               : coax_fail(error, status, "The URI is too long for the options of a request: %.200s", text);
}

/* An Empty message is no request: only a ping may be one, which has neither token nor options. */
static enum coax_status check_method(uint8_t code, coax_error *error) {
    return code != COAX_EMPTY ? COAX_OK
                              : coax_fail(error, COAX_E_INVALID,
                                          "The code 0.00 is not that of a request; "
                                          "coax_endpoint_ping sends an Empty message");
}

static enum coax_status new_request(coax_request **request, coax_endpoint *endpoint, uint8_t code, const char *uri,
                                    coax_error *error) {
    struct errand *errand = NULL;
    enum coax_status status = new_errand(&errand, endpoint, code, uri, error);
    if (status != COAX_OK) {
        return status;
    }
    status = read_uri(errand, error);
    if (status != COAX_OK) {
        coax_request_cancel(errand->request);
        return status;
    }
    *request = errand->request;
    return COAX_OK;
}

enum coax_status coax_request_new(coax_request **request, coax_endpoint *endpoint, uint8_t code, const char *uri,
                                  coax_error *error) {
    enum coax_status status = check_method(code, error);
    return status != COAX_OK ? status : new_request(request, endpoint, code, uri, error);
}

enum coax_status coax_request_new_to(coax_request **request, coax_endpoint *endpoint, coax_remote *remote, uint8_t code,
                                     const char *path, coax_error *error) {
    struct errand *errand = NULL;
    enum coax_status status = check_method(code, error);
    if (status == COAX_OK) {
        status = new_errand(&errand, endpoint, code, path, error);
    }
    if (status != COAX_OK) {
        return status;
    }
    errand->to = coax_remote_ref(remote);
    struct option_writer *options = &errand->request->options;
    path += *path == '/';
    size_t path_size = strcspn(path, "?");
    status = coax_uri_write_path_options(options, path, path_size);
    if (status == COAX_OK && path[path_size] == '?') {
        status = coax_uri_write_query_options(options, path + path_size + 1, strlen(path + path_size + 1));
    }
    if (status != COAX_OK) {
        coax_request_cancel(errand->request);
        return coax_fail(error, status, "The path %.200s cannot be put into a request", path);
    }
    *request = errand->request;
    return COAX_OK;
}

/* Submits the request to the next address that takes it. */
static enum coax_status try_addresses(struct errand *errand, coax_error *error) {
    enum coax_status status = COAX_E_UNREACHABLE;
    while (errand->next_address < errand->addresses.count) {
        struct address address = errand->addresses.addresses[errand->next_address++];
        struct coax_remote *remote;
        status = coax_endpoint_datagram_remote(errand->endpoint, &errand->destination, &address, &remote, error);
        if (status == COAX_OK) {
            status = coax_request_submit(errand->request, remote, error);
        }
        if (status != COAX_E_REFUSED && status != COAX_E_UNREACHABLE) {
            break;
        }
    }
    return status;
}

/* A host with several addresses may answer on another one. Only what never reached the peer is sent again. */
static bool recover_errand(struct coax_request *request, const coax_error *error) {
    struct errand *errand = request->owner;
    bool is_elsewhere = error->status == COAX_E_REFUSED || error->status == COAX_E_UNREACHABLE;
    return is_elsewhere && errand->next_address < errand->addresses.count && try_addresses(errand, NULL) == COAX_OK;
}

static void take_addresses(void *user, const struct resolver_answer *answer) {
    struct errand *errand = user;
    coax_error error = answer->error;
    errand->is_resolving = false;
    if (errand->request->state != REQUEST_STARTED) {
        return; /* its time was over before; it may be sent again, and will ask again */
    }
    errand->addresses = *answer;
    enum coax_status status = answer->count == 0 ? COAX_E_RESOLVE : try_addresses(errand, &error);
    if (status != COAX_OK) {
        errand->request->recover = NULL;
        coax_request_fail(errand->request, &error);
    }
}

static enum coax_status resolve(struct errand *errand, coax_error *error) {
    const coax_uri *uri = &errand->destination.uri;
    stop_resolving(errand);
    enum coax_status status =
        coax_endpoint_look_up(errand->endpoint, uri->host, uri->port, take_addresses, errand, &errand->ticket, error);
    errand->is_resolving = status == COAX_OK;
    errand->request->recover = recover_errand;
    errand->request->waiting_for = "its host name was still being looked up";
    return status;
}

static enum coax_status dispatch_datagram(struct errand *errand, coax_error *error) {
    const coax_uri *uri = &errand->destination.uri;
    enum coax_status status = coax_endpoint_check_credentials(errand->endpoint, &errand->destination, error);
    if (status == COAX_OK) {
        status = coax_endpoint_literal_destination(uri->host, uri->zone, uri->port, &errand->addresses, error);
    }
    if (status != COAX_OK) {
        return status;
    }
    errand->next_address = 0;
    return errand->addresses.count == 0 ? resolve(errand, error) : try_addresses(errand, error);
}

/* Its name is looked up, and its addresses are tried, once for all requests that wait for the connection. */
static enum coax_status dispatch_stream(struct errand *errand, coax_error *error) {
    const struct destination *destination = &errand->destination;
    coax_remote *remote;
    enum coax_status status =
        coax_stack_connection(errand->endpoint->stack, &destination->uri, destination->normal, &remote, error);
    return status != COAX_OK ? status : coax_request_submit(errand->request, remote, error);
}

static enum coax_status dispatch(struct errand *errand, coax_error *error) {
    if (errand->to != NULL) {
        return coax_request_submit(errand->request, errand->to, error);
    }
    bool has_stream = scheme_has_streams(errand->destination.uri.scheme);
    return has_stream ? dispatch_stream(errand, error) : dispatch_datagram(errand, error);
}

enum coax_status coax_request_send(coax_request *request, coax_response_callback *callback, void *user,
                                   coax_error *error) {
    struct errand *errand = request->owner;
    coax_endpoint_set_time(errand->endpoint);
    enum coax_status status = coax_request_start(request, callback, user, error);
    if (status != COAX_OK) {
        return status;
    }
    coax_error failure; /* of one address or channel, although another one may do */
    status = dispatch(errand, &failure);
    if (status != COAX_OK) {
        coax_request_unstart(request);
        if (error != NULL) {
            *error = failure;
        }
    }
    return status;
}

struct ping {
    coax_ping_callback *callback;
    void *user;
};

/* A Reset is what a ping hopes for (RFC 7252 section 4.3), or a Pong (RFC 8323 section 5.4). */
static void ping_answered(coax_request *request, const coax_message *response, const coax_error *error, void *user) {
    (void)request;
    struct ping *ping = user;
    bool is_alive = response != NULL || error->status == COAX_E_RESET;
    ping->callback(is_alive ? COAX_OK : error->status, is_alive ? NULL : error, ping->user);
    free(ping);
}

/* Takes the request, whatever comes of it. */
static enum coax_status send_ping(coax_request *request, coax_ping_callback *callback, void *user, coax_error *error) {
    struct ping *ping = malloc(sizeof *ping);
    if (ping == NULL) {
        coax_request_cancel(request);
        return coax_fail_memory(error);
    }
    *ping = (struct ping){callback, user};
    request->options.size = 0; /* an Empty message has nothing but its header */
    enum coax_status status = coax_request_send(request, ping_answered, ping, error);
    if (status != COAX_OK) {
        coax_request_cancel(request);
        free(ping);
    }
    return status;
}

enum coax_status coax_endpoint_ping(coax_endpoint *endpoint, const char *uri, coax_ping_callback *callback, void *user,
                                    coax_error *error) {
    coax_request *request;
    enum coax_status status = new_request(&request, endpoint, COAX_EMPTY, uri, error);
    return status != COAX_OK ? status : send_ping(request, callback, user, error);
}

enum coax_status coax_endpoint_ping_remote(coax_endpoint *endpoint, coax_remote *remote, coax_ping_callback *callback,
                                           void *user, coax_error *error) {
    struct errand *errand = NULL;
    char who[COAX_HOST_MAXIMUM + 100];
    coax_remote_describe(remote, who, sizeof who);
    enum coax_status status = new_errand(&errand, endpoint, COAX_EMPTY, who, error);
    if (status != COAX_OK) {
        return status;
    }
    errand->to = coax_remote_ref(remote);
    coax_request_set_timeout(errand->request, endpoint->stack->config.ping_timeout_ms);
    return send_ping(errand->request, callback, user, error);
}
