#include "endpoint/socket.h"

#include "base/error.h"
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "endpoint/socket_address.h"

static enum coax_status set_options(const struct udp_socket *socket, coax_error *error) {
    static const struct {
        int level, name, value;
        bool ip4, ip6, required;
    } options[] = {
        {IPPROTO_IPV6, IPV6_V6ONLY, 0, false, true, true},    {IPPROTO_IPV6, IPV6_RECVPKTINFO, 1, false, true, true},
        {IPPROTO_IPV6, IPV6_RECVERR, 1, false, true, false},  {IPPROTO_IPV6, IPV6_MULTICAST_ALL, 0, false, true, false},
        {IPPROTO_IP, IP_PKTINFO, 1, true, false, true},       {IPPROTO_IP, IP_RECVERR, 1, true, true, false},
        {IPPROTO_IP, IP_MULTICAST_ALL, 0, true, true, false},
    };
    for (size_t i = 0; i < sizeof options / sizeof *options; i++) {
        bool applies = socket->is_ip4 ? options[i].ip4 : options[i].ip6;
        if (applies
            && setsockopt(socket->fd, options[i].level, options[i].name, &options[i].value, sizeof options[i].value)
                   != 0
            && options[i].required) {
            return coax_fail(error, COAX_E_IO, "A UDP socket refused an option: %s", strerror(errno));
        }
    }
    return COAX_OK;
}

static enum coax_status bind_socket(struct udp_socket *sock, const struct address *address, coax_error *error) {
    struct sockaddr_storage storage;
    socklen_t size = coax_sockaddr_write(&storage, address, sock->is_ip4);
    if (bind(sock->fd, (struct sockaddr *)&storage, size) != 0) {
        char text[80];
        int reason = errno;
        coax_address_write(address, 0, text, sizeof text);
        const char *hint = reason == EADDRINUSE ? "; another program has that port: choose another one (--port)"
                           : reason == EACCES   ? "; ports below 1024 need privileges: choose another one (--port)"
                                                : "";
        return coax_fail(error, COAX_E_IO, "Cannot listen on UDP %s: %s%s", text, strerror(reason), hint);
    }
    size = sizeof storage;
    if (getsockname(sock->fd, (struct sockaddr *)&storage, &size) != 0) {
        return coax_fail(error, COAX_E_IO, "Cannot read a socket's address: %s", strerror(errno));
    }
    coax_sockaddr_read(&sock->bound, &storage);
    return COAX_OK;
}

enum coax_status coax_udp_open(struct udp_socket *result, const struct address *address, coax_error *error) {
    enum { RECEIVE_BUFFER = 1 << 20 };
    struct udp_socket sock = *result;
    sock.is_ip4 = coax_address_is_ip4(address);
    const int type = SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC;
    sock.fd = socket(sock.is_ip4 ? AF_INET : AF_INET6, type, 0);
    if (sock.fd < 0 && errno == EAFNOSUPPORT && coax_address_is_unspecified(address)) {
        sock.is_ip4 = true;
        sock.fd = socket(AF_INET, type, 0);
    }
    if (sock.fd < 0) {
        return coax_fail(error, COAX_E_IO, "Cannot open a UDP socket: %s", strerror(errno));
    }
    const int buffer = RECEIVE_BUFFER;
    (void)setsockopt(sock.fd, SOL_SOCKET, SO_RCVBUF, &buffer, sizeof buffer); /* bursts; the default serves too */
    enum coax_status status = set_options(&sock, error);
    if (status == COAX_OK) {
        status = bind_socket(&sock, address, error);
    }
    if (status != COAX_OK) {
        close(sock.fd);
        return status;
    }
    *result = sock;
    return COAX_OK;
}

enum coax_status coax_udp_join(const struct udp_socket *socket, const struct address *group, coax_error *error) {
    int result;
    if (coax_address_is_ip4(group)) {
        struct ip_mreqn request = {.imr_ifindex = (int)group->zone};
        memcpy(&request.imr_multiaddr, group->ip + 12, 4);
        result = setsockopt(socket->fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, &request, sizeof request);
    } else {
        struct ipv6_mreq request = {.ipv6mr_interface = group->zone};
        memcpy(&request.ipv6mr_multiaddr, group->ip, 16);
        result = setsockopt(socket->fd, IPPROTO_IPV6, IPV6_JOIN_GROUP, &request, sizeof request);
    }
    if (result != 0) {
        char text[80];
        coax_address_write_ip(group, text, sizeof text);
        return coax_fail(error, COAX_E_IO, "Cannot join the multicast group %s: %s", text, strerror(errno));
    }
    return COAX_OK;
}

enum coax_status coax_udp_status(int error_number) {
    switch (error_number) {
    case ECONNREFUSED:
        return COAX_E_REFUSED;
    case EHOSTUNREACH:
    case ENETUNREACH:
    case EHOSTDOWN:
    case ENETDOWN:
    case EADDRNOTAVAIL:
    case EINVAL:
    case EAFNOSUPPORT:
        return COAX_E_UNREACHABLE;
    case EMSGSIZE:
        return COAX_E_TOO_LARGE;
    default:
        return COAX_E_IO;
    }
}
