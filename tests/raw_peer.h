/* A peer made of a plain TCP socket, beside an endpoint that is driven in the same thread. */
#ifndef COAX_TESTS_RAW_PEER_H
#define COAX_TESTS_RAW_PEER_H

#include <arpa/inet.h>
#include <coax/coax.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Our CSM, an empty one; GET /hello without a token; both as RFC 8323 section 3.2 has them. */
static const uint8_t raw_csm[] = {0x00, 0xe1};
static const uint8_t raw_get_hello[] = {0x60, 0x01, 0xb5, 'h', 'e', 'l', 'l', 'o'};

static inline struct sockaddr_in raw_address(const char *host, uint16_t port) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    (void)inet_pton(AF_INET, host, &address.sin_addr);
    return address;
}

static inline uint16_t raw_port_of(const char *uri) {
    return (uint16_t)strtoul(strrchr(uri, ':') + 1, NULL, 10);
}

/* A connection to 127.0.0.1 and the port of `uri`, whose bytes leave at once; -1 if it failed. */
static inline int raw_connect(const char *uri) {
    struct sockaddr_in address = raw_address("127.0.0.1", raw_port_of(uri));
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof address) != 0) {
        close(fd);
        fd = -1;
    }
    const int on = 1;
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    return fd;
}

/* Listens at the host; *port is 0 for any, and gets the one that it is. */
static inline int raw_listen(const char *host, uint16_t *port, int backlog) {
    struct sockaddr_in address = raw_address(host, *port);
    socklen_t size = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, size) != 0 || listen(fd, backlog) != 0
        || getsockname(fd, (struct sockaddr *)&address, &size) != 0) {
        return -1;
    }
    *port = ntohs(address.sin_port);
    return fd;
}

/* The next close sends a reset. */
static inline void raw_reset_at_close(int fd) {
    const struct linger at_once = {1, 0};
    (void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
}

/* Drives the endpoint until the socket is ready for `events`, or it is over; false if that takes 20 s. */
static inline bool raw_wait(coax_endpoint *endpoint, int fd, short events) {
    enum { TURNS = 4000, TURN_MS = 5 };
    for (int i = 0; i < TURNS; i++) {
        struct pollfd waits[2] = {{.fd = fd, .events = events}, {.fd = coax_endpoint_fd(endpoint), .events = POLLIN}};
        int timeout_ms = coax_endpoint_timeout_ms(endpoint);
        if (poll(waits, 2, timeout_ms < 0 || timeout_ms > TURN_MS ? TURN_MS : timeout_ms) < 0) {
            return false;
        }
        if ((waits[0].revents & (events | POLLERR | POLLHUP)) != 0) {
            return true;
        }
        if (coax_endpoint_process(endpoint, NULL) != COAX_OK) {
            return false;
        }
    }
    return false;
}

/* Sends all of it. False with errno if the connection is over. */
static inline bool raw_send(coax_endpoint *endpoint, int fd, const void *data, size_t size) {
    for (size_t sent = 0; sent < size;) {
        ssize_t count = send(fd, (const uint8_t *)data + sent, size - sent, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (count < 0 && (errno != EAGAIN || !raw_wait(endpoint, fd, POLLOUT))) {
            return false;
        }
        sent += count < 0 ? 0 : (size_t)count;
    }
    return true;
}

/* Receives what comes, up to `capacity` bytes or the end of the stream; -1 with errno (ECONNRESET). */
static inline ssize_t raw_receive(coax_endpoint *endpoint, int fd, uint8_t *out, size_t capacity) {
    size_t size = 0;
    while (size < capacity) {
        if (!raw_wait(endpoint, fd, POLLIN)) {
            errno = ETIMEDOUT;
            return -1;
        }
        ssize_t count = recv(fd, out + size, capacity - size, MSG_DONTWAIT);
        if (count <= 0) {
            return count < 0 ? -1 : (ssize_t)size;
        }
        size += (size_t)count;
    }
    return (ssize_t)size;
}

#endif
