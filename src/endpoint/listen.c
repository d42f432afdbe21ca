/* Listening: from a URI to bound sockets. */
#include "base/error.h"
#include "endpoint/destination.h"
#include "endpoint/shards.h"
#include <coax/uri.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

/* Where servers bind WebSocket by custom: the protocol's own ports, 80 and 443, need privileges. */
static uint16_t listening_port(const coax_uri *uri) {
    static const uint16_t usual[COAX_SCHEMES] = {[COAX_SCHEME_COAP_WS] = 8683, [COAX_SCHEME_COAPS_WS] = 8684};
    return uri->has_port || usual[uri->scheme] == 0 ? uri->port : usual[uri->scheme];
}

static enum coax_status listening_address(const coax_uri *uri, struct address *address, coax_error *error) {
    bool is_literal;
    uint16_t port = listening_port(uri);
    enum coax_status status = coax_endpoint_literal_address(uri->host, uri->zone, port, &is_literal, address, error);
    if (status != COAX_OK || is_literal) {
        return status;
    }
    struct resolver_answer answer;
    coax_resolve(uri->host, port, &answer);
    if (answer.count == 0) {
        return coax_fail(error, COAX_E_RESOLVE, "%s", answer.error.text);
    }
    *address = answer.addresses[0];
    return COAX_OK;
}

static enum coax_status prepare_security(coax_endpoint *endpoint, const coax_uri *uri, coax_error *error) {
    if (!coax_scheme_is_secure(uri->scheme)) {
        return COAX_OK;
    }
    if (!coax_credentials_can_serve(endpoint->stack->credentials)) {
        return coax_fail(error, COAX_E_NO_CREDENTIALS,
                         "A %s listener needs credentials that a server can use (a pre-shared key, a raw public key or "
                         "a certificate with its private key), and there are none; load a credentials file first",
                         coax_scheme_name(uri->scheme));
    }
    return scheme_has_streams(uri->scheme) ? coax_stack_enable_tls(endpoint->stack, error)
                                           : coax_stack_enable_dtls(endpoint->stack, error);
}

/* A listener of datagrams is one of the endpoint's sockets, too. */
static enum coax_status add_socket(coax_endpoint *endpoint, struct listener *listener, const struct udp_socket *socket,
                                   coax_error *error) {
    listener->fd = -1;
    listener->bound = socket->bound;
    return coax_endpoint_add_socket(endpoint, socket, &listener->channel, error);
}

/* `fd` is the program's, or -1: then one is opened, and closed again if it cannot be used. */
static enum coax_status add_datagrams(coax_endpoint *endpoint, const coax_uri *uri, int fd, struct listener *listener,
                                      coax_error *error) {
    struct udp_socket socket = {.secure = coax_scheme_is_secure(uri->scheme), .listening = true};
    struct address address;
    if (fd >= 0) {
        enum coax_status status = coax_udp_adopt(&socket, fd, error);
        return status != COAX_OK ? status : add_socket(endpoint, listener, &socket, error);
    }
    enum coax_status status = listening_address(uri, &address, error);
    if (status == COAX_OK) {
        status = coax_udp_open(&socket, &address, error);
    }
    if (status != COAX_OK) {
        return status;
    }
    status = add_socket(endpoint, listener, &socket, error);
    if (status != COAX_OK) {
        close(socket.fd);
    }
    return status;
}

static enum coax_status add_connections(coax_endpoint *endpoint, const coax_uri *uri, int fd, struct listener *listener,
                                        coax_error *error) {
    struct address address;
    listener->fd = fd;
    listener->watch.ready = coax_listener_ready;
    if (fd >= 0) {
        enum coax_status status = coax_stream_listen_adopt(fd, &listener->bound, error);
        return status != COAX_OK ? status : coax_watch_start(endpoint, &listener->watch, fd, EPOLLIN, error);
    }
    enum coax_status status = listening_address(uri, &address, error);
    if (status == COAX_OK) {
        status = coax_stream_listen(&listener->fd, &address, &listener->bound, error);
    }
    if (status != COAX_OK) {
        return status;
    }
    status = coax_watch_start(endpoint, &listener->watch, listener->fd, EPOLLIN, error);
    if (status != COAX_OK) {
        close(listener->fd);
    }
    return status;
}

static enum coax_status add_listener(coax_endpoint *endpoint, const coax_uri *uri, int fd, coax_error *error) {
    enum coax_status status = coax_endpoint_check_sockets(endpoint, error);
    if (status != COAX_OK) {
        return status;
    }
    char *host = strdup(uri->host_is_ip4 || uri->host_is_ip6 ? "" : uri->host);
    if (host == NULL) {
        return coax_fail_memory(error);
    }
    struct listener *listener = &endpoint->listeners[endpoint->listener_count]; /* in place: it is watched there */
    *listener = (struct listener){.scheme = uri->scheme, .host = host};
    status = scheme_has_streams(uri->scheme) ? add_connections(endpoint, uri, fd, listener, error)
                                             : add_datagrams(endpoint, uri, fd, listener, error);
    if (status != COAX_OK) {
        free(host);
        return status;
    }
    endpoint->listener_count++;
    char where[COAX_HOST_MAXIMUM + 100];
    if (coax_endpoint_listening_uri(endpoint, endpoint->listener_count - 1, where, sizeof where) == COAX_OK) {
        coax_endpoint_log(endpoint, COAX_LOG_INFO, "Listening on %s", where);
    }
    return COAX_OK;
}

static enum coax_status prepare(coax_endpoint *endpoint, const char *text, coax_uri *uri, coax_error *error) {
    enum coax_status status = coax_uri_parse(uri, text, error);
    return status != COAX_OK ? status : prepare_security(endpoint, uri, error);
}

enum coax_status coax_endpoint_listen(coax_endpoint *endpoint, const char *text, coax_error *error) {
    coax_uri uri;
    int fd = -1;
    enum coax_status status = prepare(endpoint, text, &uri, error);
    if (status == COAX_OK && endpoint->shards != NULL) {
        status = coax_shards_listen(endpoint, &uri, &fd, error);
    }
    if (status != COAX_OK) {
        return status;
    }
    status = add_listener(endpoint, &uri, fd, error);
    if (status != COAX_OK && fd >= 0) {
        close(fd);
    }
    return status;
}

enum coax_status coax_endpoint_listen_fd(coax_endpoint *endpoint, const char *text, int fd, coax_error *error) {
    coax_uri uri;
    if (fd < 0) {
        return coax_fail(error, COAX_E_INVALID, "%d is no file descriptor", fd);
    }
    enum coax_status status = prepare(endpoint, text, &uri, error);
    return status != COAX_OK ? status : add_listener(endpoint, &uri, fd, error);
}

enum coax_status coax_endpoint_listening_uri(const coax_endpoint *endpoint, size_t index, char *out, size_t capacity) {
    if (index >= endpoint->listener_count) {
        return COAX_E_NOT_FOUND;
    }
    const struct listener *listener = &endpoint->listeners[index];
    const char *host = *listener->host == '\0' ? NULL : listener->host;
    return coax_remote_write_base(listener->scheme, host, &listener->bound, out, capacity);
}

/* A socket that is bound to one address gets nothing that is sent to a group; one for IPv6 carries IPv4, too. */
static bool hears_group(const struct udp_socket *socket, const struct address *group) {
    struct address bound = socket->bound;
    bound.port = group->port;
    bool is_of_family = socket->is_ip4 == coax_address_is_ip4(group) || !socket->is_ip4;
    return is_of_family && (coax_address_is_unspecified(&bound) || coax_address_equal(&bound, group));
}

enum coax_status coax_endpoint_join(coax_endpoint *endpoint, const char *group, coax_error *error) {
    struct address address = {.port = 0};
    char text[COAX_HOST_MAXIMUM + 1];
    (void)snprintf(text, sizeof text, "%s", group);
    char *zone = strchr(text, '%');
    if (zone != NULL) {
        *zone++ = '\0';
        address.zone = coax_resolve_zone(zone);
    }
    if (!coax_address_parse_ip(text, address.ip) || !coax_address_is_multicast(&address)) {
        return coax_fail(error, COAX_E_INVALID, "%.80s is not a multicast address", group);
    }
    if (zone != NULL && address.zone == 0) {
        return coax_fail(error, COAX_E_INVALID, "There is no network interface %.40s", zone);
    }
    bool joined = false;
    for (uint32_t i = 0; i < endpoint->listener_count; i++) {
        const struct listener *listener = &endpoint->listeners[i];
        const struct udp_socket *socket = &endpoint->sockets[listener->channel];
        if (listener->scheme == COAX_SCHEME_COAP && hears_group(socket, &address)) {
            enum coax_status status = coax_udp_join(socket, &address, error);
            if (status != COAX_OK) {
                return status;
            }
            joined = true;
        }
    }
    return joined
               ? COAX_OK
               : coax_fail(error, COAX_E_STATE, "No coap listener can join %.80s: listen on coap://[::] first", group);
}
