/* Listening: from a URI to bound sockets. */
#include "base/error.h"
#include "endpoint/destination.h"
#include "endpoint/endpoint.h"
#include <coax/uri.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static enum coax_status listening_address(const coax_uri *uri, struct address *address, coax_error *error) {
    if (coax_endpoint_literal_address(uri, address)) {
        if (uri->zone[0] != '\0' && address->zone == 0) {
            return coax_fail(error, COAX_E_RESOLVE, "There is no network interface %s", uri->zone);
        }
        return COAX_OK;
    }
    struct resolver_answer answer;
    coax_resolve(uri->host, uri->port, &answer);
    if (answer.count == 0) {
        if (error != NULL) {
            *error = answer.error;
        }
        return COAX_E_RESOLVE;
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
    return coax_stack_enable_dtls(endpoint->stack, error);
}

enum coax_status coax_endpoint_listen(coax_endpoint *endpoint, const char *text, coax_error *error) {
    coax_uri uri;
    struct address address;
    enum coax_status status = coax_uri_parse(&uri, text, error);
    if (status == COAX_OK) {
        status = coax_endpoint_find_transport(&uri, error);
    }
    if (status == COAX_OK) {
        status = prepare_security(endpoint, &uri, error);
    }
    if (status == COAX_OK) {
        status = listening_address(&uri, &address, error);
    }
    if (status != COAX_OK) {
        return status;
    }
    struct udp_socket socket = {.secure = coax_scheme_is_secure(uri.scheme), .listening = true};
    char *host = strdup(uri.host_is_ip4 || uri.host_is_ip6 ? "" : uri.host);
    if (host == NULL) {
        return coax_fail_memory(error);
    }
    status = coax_udp_open(&socket, &address, error);
    if (status != COAX_OK) {
        free(host);
        return status;
    }
    uint32_t channel;
    status = coax_endpoint_add_socket(endpoint, &socket, &channel, error);
    if (status != COAX_OK) {
        close(socket.fd);
        free(host);
        return status;
    }
    endpoint->listeners[endpoint->listener_count] = channel;
    endpoint->listener_hosts[endpoint->listener_count++] = host;
    char where[COAX_HOST_MAXIMUM + 100];
    if (coax_endpoint_listening_uri(endpoint, endpoint->listener_count - 1, where, sizeof where) == COAX_OK) {
        coax_endpoint_log(endpoint, COAX_LOG_INFO, "Listening on %s", where);
    }
    return COAX_OK;
}

enum coax_status coax_endpoint_listening_uri(const coax_endpoint *endpoint, size_t index, char *out, size_t capacity) {
    if (index >= endpoint->listener_count) {
        return COAX_E_NOT_FOUND;
    }
    const struct udp_socket *socket = &endpoint->sockets[endpoint->listeners[index]];
    const char *host = endpoint->listener_hosts[index];
    enum coax_scheme scheme = socket->secure ? COAX_SCHEME_COAPS : COAX_SCHEME_COAP;
    return coax_remote_write_base(scheme, *host == '\0' ? NULL : host, &socket->bound, out, capacity);
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
        const struct udp_socket *socket = &endpoint->sockets[endpoint->listeners[i]];
        if (!socket->secure && hears_group(socket, &address)) {
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
