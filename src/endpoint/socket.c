#include "endpoint/socket.h"

#include "base/error.h"
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "endpoint/socket_address.h"

int coax_socket_open(int type, const struct address *address, bool *is_ip4) {
    type |= SOCK_NONBLOCK | SOCK_CLOEXEC;
    *is_ip4 = coax_address_is_ip4(address);
    int fd = socket(*is_ip4 ? AF_INET : AF_INET6, type, 0);
    if (fd < 0 && errno == EAFNOSUPPORT && coax_address_is_unspecified(address)) {
        *is_ip4 = true;
        fd = socket(AF_INET, type, 0);
    }
    return fd;
}

enum coax_status coax_socket_fail_listen(const char *protocol, const struct address *address, int error_number,
                                         coax_error *error) {
    char text[80];
    coax_address_write(address, 0, text, sizeof text);
    const char *hint = error_number == EADDRINUSE ? "; another program has that port: choose another one (--port)"
                       : error_number == EACCES   ? "; ports below 1024 need privileges: choose another one (--port)"
                                                  : "";
    return coax_fail(error, COAX_E_IO, "Cannot listen on %s %s: %s%s", protocol, text, strerror(error_number), hint);
}

static enum coax_status read_bound(int fd, struct address *bound, coax_error *error) {
    struct sockaddr_storage storage = {.ss_family = AF_UNSPEC};
    socklen_t size = sizeof storage;
    if (getsockname(fd, (struct sockaddr *)&storage, &size) != 0) {
        return coax_fail(error, COAX_E_IO, "Cannot read a socket's address: %s", strerror(errno));
    }
    coax_sockaddr_read(bound, &storage);
    return COAX_OK;
}

enum coax_status coax_socket_bind(int fd, const char *protocol, const struct address *address, bool is_ip4,
                                  struct address *bound, coax_error *error) {
    struct sockaddr_storage storage;
    socklen_t size = coax_sockaddr_write(&storage, address, is_ip4);
    if (bind(fd, (struct sockaddr *)&storage, size) != 0) {
        return coax_socket_fail_listen(protocol, address, errno, error);
    }
    return read_bound(fd, bound, error);
}

/* An option of the socket itself; -1 if it has none such. */
static int socket_option(int fd, int name) {
    int value;
    socklen_t size = sizeof value;
    return getsockopt(fd, SOL_SOCKET, name, &value, &size) == 0 ? value : -1;
}

enum coax_status coax_socket_adopt(int fd, int type, bool *is_ip4, struct address *bound, coax_error *error) {
    bool is_datagram = type == SOCK_DGRAM;
    int domain = socket_option(fd, SO_DOMAIN);
    *is_ip4 = domain == AF_INET;
    if (socket_option(fd, SO_TYPE) != type || (domain != AF_INET && domain != AF_INET6)) {
        return coax_fail(error, COAX_E_INVALID, "The file descriptor %d is not a %s socket", fd,
                         is_datagram ? "UDP" : "TCP");
    }
    enum coax_status status = read_bound(fd, bound, error);
    if (status != COAX_OK) {
        return status;
    }
    if (bound->port == 0 || (!is_datagram && socket_option(fd, SO_ACCEPTCONN) != 1)) {
        return coax_fail(error, COAX_E_INVALID, "The socket with the file descriptor %d is not %s", fd,
                         is_datagram ? "bound to a port" : "listening");
    }
    int flags = fcntl(fd, F_GETFL);
    if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) != 0 || fcntl(fd, F_SETFD, FD_CLOEXEC) != 0) {
        return coax_fail(error, COAX_E_IO, "The socket with the file descriptor %d cannot be set up: %s", fd,
                         strerror(errno));
    }
    return COAX_OK;
}

/* Its type, family and settings of before the bind. */
static int open_like(int fd) {
    const int on = 1;
    int twin = socket(socket_option(fd, SO_DOMAIN), socket_option(fd, SO_TYPE) | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int is_ip6_only;
    socklen_t size = sizeof is_ip6_only;
    if (twin >= 0 && getsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &is_ip6_only, &size) == 0) {
        (void)setsockopt(twin, IPPROTO_IPV6, IPV6_V6ONLY, &is_ip6_only, sizeof is_ip6_only);
    }
    if (twin >= 0 && socket_option(fd, SO_REUSEADDR) > 0) {
        (void)setsockopt(twin, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    }
    return twin;
}

/* The first one is bound without SO_REUSEPORT, so that an address that another program has is an error still. */
static bool bind_beside(int fd, int twin) {
    const int on = 1;
    struct sockaddr_storage storage;
    socklen_t size = sizeof storage;
    return setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on) == 0
           && setsockopt(twin, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on) == 0
           && getsockname(fd, (struct sockaddr *)&storage, &size) == 0
           && bind(twin, (struct sockaddr *)&storage, size) == 0
           && (socket_option(fd, SO_ACCEPTCONN) != 1 || listen(twin, SOMAXCONN) == 0);
}

enum coax_status coax_socket_twin(int fd, int *twin, coax_error *error) {
    *twin = open_like(fd);
    if (*twin >= 0 && bind_beside(fd, *twin)) {
        return COAX_OK;
    }
    enum coax_status status =
        coax_fail(error, COAX_E_IO, "A second socket cannot share an address: %s", strerror(errno));
    if (*twin >= 0) {
        close(*twin);
    }
    return status;
}

static enum coax_status set_option(int fd, int level, int name, int value, bool is_required, coax_error *error) {
    if (setsockopt(fd, level, name, &value, sizeof value) != 0 && is_required) {
        return coax_fail(error, COAX_E_IO, "A UDP socket refused an option: %s", strerror(errno));
    }
    return COAX_OK;
}

static enum coax_status set_options(const struct udp_socket *socket, coax_error *error) {
    static const struct {
        int level, name, value;
        bool ip4, ip6, required;
    } options[] = {
        {IPPROTO_IPV6, IPV6_RECVPKTINFO, 1, false, true, true},
        {IPPROTO_IPV6, IPV6_RECVERR, 1, false, true, false},
        {IPPROTO_IPV6, IPV6_MULTICAST_ALL, 0, false, true, false},
        {IPPROTO_IP, IP_PKTINFO, 1, true, false, true},
        {IPPROTO_IP, IP_RECVERR, 1, true, true, false},
        {IPPROTO_IP, IP_MULTICAST_ALL, 0, true, true, false},
    };
    enum coax_status status = COAX_OK;
    for (size_t i = 0; i < sizeof options / sizeof *options && status == COAX_OK; i++) {
        if (socket->is_ip4 ? options[i].ip4 : options[i].ip6) {
            status =
                set_option(socket->fd, options[i].level, options[i].name, options[i].value, options[i].required, error);
        }
    }
    return status;
}

static enum coax_status set_up(struct udp_socket *socket, coax_error *error) {
    enum { RECEIVE_BUFFER = 1 << 20 };
    const int buffer = RECEIVE_BUFFER;
    (void)setsockopt(socket->fd, SOL_SOCKET, SO_RCVBUF, &buffer, sizeof buffer); /* bursts; the default serves too */
    return set_options(socket, error);
}

enum coax_status coax_udp_open(struct udp_socket *result, const struct address *address, coax_error *error) {
    struct udp_socket sock = *result;
    sock.fd = coax_socket_open(SOCK_DGRAM, address, &sock.is_ip4);
    if (sock.fd < 0) {
        return coax_fail(error, COAX_E_IO, "Cannot open a UDP socket: %s", strerror(errno));
    }
    enum coax_status status = COAX_OK;
    if (!sock.is_ip4) { /* before it is bound, when it could not be changed any more */
        status = set_option(sock.fd, IPPROTO_IPV6, IPV6_V6ONLY, 0, true, error);
    }
    if (status == COAX_OK) {
        status = set_up(&sock, error);
    }
    if (status == COAX_OK) {
        status = coax_socket_bind(sock.fd, "UDP", address, sock.is_ip4, &sock.bound, error);
    }
    if (status != COAX_OK) {
        close(sock.fd);
        return status;
    }
    *result = sock;
    return COAX_OK;
}

enum coax_status coax_udp_adopt(struct udp_socket *result, int fd, coax_error *error) {
    struct udp_socket sock = *result;
    sock.fd = fd;
    enum coax_status status = coax_socket_adopt(fd, SOCK_DGRAM, &sock.is_ip4, &sock.bound, error);
    if (status == COAX_OK) {
        status = set_up(&sock, error);
    }
    if (status == COAX_OK) {
        *result = sock;
    }
    return status;
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

enum coax_status coax_network_status(int error_number) {
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
    case ETIMEDOUT:
        return COAX_E_TIMEOUT;
    case EMSGSIZE:
        return COAX_E_TOO_LARGE;
    default:
        return COAX_E_IO;
    }
}

void coax_network_error(coax_error *error, const char *protocol, const struct address *remote, int error_number) {
    char text[80];
    enum coax_status status = coax_network_status(error_number);
    coax_address_write(remote, 0, text, sizeof text);
    if (status == COAX_E_REFUSED) {
        coax_fail(error, status,
                  "Connection refused: nothing listens on %s %s; check host and port, or start the server", protocol,
                  text);
    } else if (status == COAX_E_UNREACHABLE) {
        coax_fail(error, status, "%s cannot be reached: %s", text, strerror(error_number));
    } else if (status == COAX_E_TIMEOUT) {
        coax_fail(error, status, "No answer from %s %s: check host and port, and whether a firewall is in between",
                  protocol, text);
    } else {
        coax_fail(error, status, "Sending to %s %s failed: %s", protocol, text, strerror(error_number));
    }
}
