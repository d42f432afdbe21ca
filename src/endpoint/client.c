/* Requests by URI: name, address, channel, and the next address when one refuses. */
#include "base/error.h"
#include "endpoint/destination.h"
#include "endpoint/endpoint.h"
#include "message/uri_options.h"
#include <coax/request.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* What a request by URI needs until it is answered. */
struct errand {
    coax_endpoint *endpoint;
    struct coax_request *request;
    coax_uri uri; /* its views point into the request's text */
    char *normal; /* the URI in normal form: what credentials are looked up by */
    struct resolver_answer addresses;
    unsigned next_address;
    uint64_t ticket;
    bool is_resolving;
    coax_remote *to; /* a request to a known remote; else NULL */
};

enum { SECURE_CHANNELS_MAXIMUM = 16 };

static void release_errand(struct coax_request *request) {
    struct errand *errand = request->owner;
    if (errand->is_resolving) {
        coax_resolver_cancel(errand->endpoint->resolver, errand->ticket);
    }
    coax_remote_unref(errand->to);
    free(errand->normal);
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
    enum { NORMAL_MAXIMUM_FACTOR = 3, NORMAL_MARGIN = 64 };
    const char *text = errand->request->uri;
    enum coax_status status = coax_uri_parse(&errand->uri, text, error);
    if (status != COAX_OK) {
        return status;
    }
    status = coax_endpoint_find_transport(&errand->uri, error);
    if (status != COAX_OK) {
        return status;
    }
    if (errand->uri.port == 0) {
        return coax_fail(error, COAX_E_URI, "Port 0 can be listened on (any free port), but not asked: %.200s", text);
    }
    size_t capacity = strlen(text) * NORMAL_MAXIMUM_FACTOR + NORMAL_MARGIN;
    errand->normal = malloc(capacity);
    if (errand->normal == NULL) {
        return coax_fail_memory(error);
    }
    status = coax_uri_write(&errand->uri, errand->normal, capacity);
    if (status == COAX_OK) {
        status = coax_uri_to_options(&errand->uri, &errand->request->options);
    }
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
    struct errand *errand;
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
    struct errand *errand;
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

static enum coax_status open_client_channel(coax_endpoint *endpoint, bool secure, uint32_t *channel,
                                            coax_error *error) {
    const struct address any = {.port = 0};
    struct udp_socket socket = {.secure = secure, .listening = false};
    enum coax_status status = coax_udp_open(&socket, &any, error);
    if (status == COAX_OK) {
        status = coax_endpoint_add_socket(endpoint, &socket, channel, error);
        if (status != COAX_OK) {
            close(socket.fd);
        }
    }
    return status;
}

/* The remote on this channel. */
static enum coax_status remote_on(struct errand *errand, const struct path *path, struct coax_remote **remote,
                                  coax_error *error) {
    const char *host = errand->uri.host; /* a literal too: a certificate can hold an address */
    return coax_stack_remote(errand->endpoint->stack, path, coax_scheme_is_secure(errand->uri.scheme), errand->normal,
                             host, remote, error);
}

/* The remote on one of the client's channels: two identities at one address need two sockets. An idle session makes
   way where no channel is free: credentials that were loaded anew leave the old ones' behind. */
static enum coax_status remote_in(struct errand *errand, struct path *path, const uint32_t *channels, unsigned count,
                                  struct coax_remote **remote, coax_error *error) {
    for (unsigned i = 0; i < count; i++) {
        path->channel = channels[i];
        enum coax_status status = remote_on(errand, path, remote, error);
        if (status != COAX_E_EXISTS) {
            return status;
        }
    }
    for (unsigned i = 0; i < count && count == SECURE_CHANNELS_MAXIMUM; i++) {
        path->channel = channels[i];
        if (coax_stack_drop_idle(errand->endpoint->stack, path)) {
            return remote_on(errand, path, remote, error);
        }
    }
    return COAX_E_EXISTS;
}

static enum coax_status find_remote(struct errand *errand, const struct address *address, struct coax_remote **remote,
                                    coax_error *error) {
    coax_endpoint *endpoint = errand->endpoint;
    bool secure = coax_scheme_is_secure(errand->uri.scheme);
    struct path path = {.remote = *address};
    uint32_t channels[SECURE_CHANNELS_MAXIMUM];
    unsigned count = 0;
    for (uint32_t i = 0; i < endpoint->socket_count && count < SECURE_CHANNELS_MAXIMUM; i++) {
        const struct udp_socket *socket = &endpoint->sockets[i];
        if (!socket->listening && socket->secure == secure) {
            channels[count++] = i;
        }
    }
    enum coax_status status = remote_in(errand, &path, channels, count, remote, error);
    if (status != COAX_E_EXISTS) {
        return status;
    }
    if (count == SECURE_CHANNELS_MAXIMUM) {
        return coax_fail(error, COAX_E_LIMIT, "%u identities have sessions with that address already", count);
    }
    status = open_client_channel(endpoint, secure, &path.channel, error);
    return status != COAX_OK ? status : remote_on(errand, &path, remote, error);
}

/* Submits the request to the next address that takes it. */
static enum coax_status try_addresses(struct errand *errand, coax_error *error) {
    enum coax_status status = COAX_E_UNREACHABLE;
    while (errand->next_address < errand->addresses.count) {
        struct address address = errand->addresses.addresses[errand->next_address++];
        struct coax_remote *remote;
        status = find_remote(errand, &address, &remote, error);
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
    errand->addresses = *answer;
    enum coax_status status = answer->count == 0 ? COAX_E_RESOLVE : try_addresses(errand, &error);
    if (status != COAX_OK) {
        errand->request->recover = NULL;
        coax_request_fail(errand->request, &error);
    }
}

static enum coax_status resolve(struct errand *errand, coax_error *error) {
    coax_endpoint *endpoint = errand->endpoint;
    if (endpoint->resolver == NULL) {
        endpoint->resolver = coax_resolver_new(endpoint->wake_fd);
        if (endpoint->resolver == NULL) {
            return coax_fail_memory(error);
        }
    }
    enum coax_status status = coax_resolver_ask(endpoint->resolver, errand->uri.host, errand->uri.port, take_addresses,
                                                errand, &errand->ticket, error);
    errand->is_resolving = status == COAX_OK;
    errand->request->waiting_for = "its host name was still being looked up";
    return status;
}

/* A secure request without usable credentials fails at once, not after the look-up of its host. */
static enum coax_status check_credentials(struct errand *errand, coax_error *error) {
    if (!coax_scheme_is_secure(errand->uri.scheme)) {
        return COAX_OK;
    }
    struct credential *credential;
    enum coax_status status = coax_credentials_for_uri(errand->endpoint->stack->credentials, errand->normal,
                                                       coax_dtls_credential_usable, &credential, error);
    if (status == COAX_OK) {
        coax_credential_unref(credential);
    }
    return status;
}

static enum coax_status dispatch(struct errand *errand, coax_error *error) {
    if (errand->to != NULL) {
        return coax_request_submit(errand->request, errand->to, error);
    }
    enum coax_status status = check_credentials(errand, error);
    if (status != COAX_OK) {
        return status;
    }
    if (!coax_endpoint_literal_address(&errand->uri, &errand->addresses.addresses[0])) {
        errand->request->recover = recover_errand;
        return resolve(errand, error);
    }
    if (errand->uri.zone[0] != '\0' && errand->addresses.addresses[0].zone == 0) {
        return coax_fail(error, COAX_E_RESOLVE, "There is no network interface %s", errand->uri.zone);
    }
    coax_endpoint_settle_zone(&errand->addresses.addresses[0]);
    errand->addresses.count = 1;
    errand->next_address = 0;
    return try_addresses(errand, error);
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

/* A Reset is what a ping hopes for (RFC 7252 section 4.3). */
static void ping_answered(coax_request *request, const coax_message *response, const coax_error *error, void *user) {
    (void)request;
    struct ping *ping = user;
    bool is_alive = response != NULL || error->status == COAX_E_RESET;
    ping->callback(is_alive ? COAX_OK : error->status, is_alive ? NULL : error, ping->user);
    free(ping);
}

enum coax_status coax_endpoint_ping(coax_endpoint *endpoint, const char *uri, coax_ping_callback *callback, void *user,
                                    coax_error *error) {
    coax_request *request;
    enum coax_status status = new_request(&request, endpoint, COAX_EMPTY, uri, error);
    if (status != COAX_OK) {
        return status;
    }
    struct ping *ping = malloc(sizeof *ping);
    if (ping == NULL) {
        coax_request_cancel(request);
        return coax_fail_memory(error);
    }
    *ping = (struct ping){callback, user};
    request->options.size = 0; /* an Empty message has nothing but its header */
    (void)coax_request_set_token(request, NULL, 0);
    status = coax_request_send(request, ping_answered, ping, error);
    if (status != COAX_OK) {
        coax_request_cancel(request);
        free(ping);
    }
    return status;
}
