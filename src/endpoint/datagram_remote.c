#include "endpoint/datagram_remote.h"

#include "base/error.h"
#include <unistd.h>

enum { SECURE_CHANNELS_MAXIMUM = 16 };

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
static enum coax_status remote_on(coax_endpoint *endpoint, const struct destination *destination,
                                  const struct path *path, struct coax_remote **remote, coax_error *error) {
    const char *host = destination->uri.host; /* a literal too: a certificate can hold an address */
    return coax_stack_remote(endpoint->stack, path, coax_scheme_is_secure(destination->uri.scheme), destination->normal,
                             host, remote, error);
}

/* The remote on one of the client's channels: two identities at one address need two sockets. An idle session makes
   way where no channel is free: credentials that were loaded anew leave the old ones' behind. */
static enum coax_status remote_in(coax_endpoint *endpoint, const struct destination *destination, struct path *path,
                                  const uint32_t *channels, unsigned count, struct coax_remote **remote,
                                  coax_error *error) {
    for (unsigned i = 0; i < count; i++) {
        path->channel = channels[i];
        enum coax_status status = remote_on(endpoint, destination, path, remote, error);
        if (status != COAX_E_EXISTS) {
            return status;
        }
    }
    for (unsigned i = 0; i < count && count == SECURE_CHANNELS_MAXIMUM; i++) {
        path->channel = channels[i];
        if (coax_stack_drop_idle(endpoint->stack, path)) {
            return remote_on(endpoint, destination, path, remote, error);
        }
    }
    return COAX_E_EXISTS;
}

enum coax_status coax_endpoint_datagram_remote(coax_endpoint *endpoint, const struct destination *destination,
                                               const struct address *address, struct coax_remote **remote,
                                               coax_error *error) {
    bool secure = coax_scheme_is_secure(destination->uri.scheme);
    struct path path = {.remote = *address};
    uint32_t channels[SECURE_CHANNELS_MAXIMUM] = {0};
    unsigned count = 0;
    for (uint32_t i = 0; i < endpoint->socket_count && count < SECURE_CHANNELS_MAXIMUM; i++) {
        const struct udp_socket *socket = &endpoint->sockets[i];
        if (!socket->listening && socket->secure == secure) {
            channels[count++] = i;
        }
    }
    enum coax_status status = remote_in(endpoint, destination, &path, channels, count, remote, error);
    if (status != COAX_E_EXISTS) {
        return status;
    }
    if (count == SECURE_CHANNELS_MAXIMUM) {
        return coax_fail(error, COAX_E_LIMIT, "%u identities have sessions with that address already", count);
    }
    status = open_client_channel(endpoint, secure, &path.channel, error);
    return status != COAX_OK ? status : remote_on(endpoint, destination, &path, remote, error);
}

enum coax_status coax_endpoint_check_credentials(const coax_endpoint *endpoint, const struct destination *destination,
                                                 coax_error *error) {
    if (!coax_scheme_is_secure(destination->uri.scheme)) {
        return COAX_OK;
    }
    struct credential *credential;
    enum coax_status status = coax_credentials_for_uri(endpoint->stack->credentials, destination->normal,
                                                       coax_dtls_credential_usable, &credential, error);
    if (status == COAX_OK) {
        coax_credential_unref(credential);
    }
    return status;
}
