/* What a request costs at the least: sockets, and the fewest steps that answer. It knows no peers, no duplicates, no
   resources; every request gets the same 2.05.

   responder udp|tcp

   Says on which port of 127.0.0.1 it listens. Over UDP 64 datagrams are taken and answered at a time; over TCP (RFC
   8323) all that one read brings is answered in one write. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { BATCH = 64, DATAGRAM = 1280, CONTENT = 0x45, CSM = 0xe1, EVENTS = 64, INPUT = 1 << 16, CONNECTIONS = 4096 };

static const char payload[] = "\xff"
                              "2022-11-23T12:00:00Z";
enum { PAYLOAD_SIZE = sizeof payload - 1 };

static void fail(const char *what) {
    perror(what);
    exit(1);
}

static int listen_on(int kind) {
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t size = sizeof address;
    const int yes = 1;
    int fd = socket(AF_INET, kind | SOCK_CLOEXEC, 0);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (fd < 0 || bind(fd, (const struct sockaddr *)&address, sizeof address) != 0
        || getsockname(fd, (struct sockaddr *)&address, &size) != 0) {
        fail("bind");
    }
    /* As a server needs it that listens on all addresses, to answer from the one that was asked. */
    if (kind == SOCK_DGRAM && setsockopt(fd, IPPROTO_IP, IP_PKTINFO, &yes, sizeof yes) != 0) {
        fail("IP_PKTINFO");
    }
    printf("%u\n", ntohs(address.sin_port));
    fflush(stdout);
    return fd;
}

/* In place: an acknowledgement with the request's ID and token. */
static size_t answer_datagram(uint8_t *data, size_t size) {
    size_t token_size = size >= 4 ? data[0] & 15U : 16;
    if (token_size > 8 || size < 4 + token_size) {
        return 0;
    }
    data[0] = (uint8_t)(0x60 | token_size);
    data[1] = CONTENT;
    memcpy(data + 4 + token_size, payload, PAYLOAD_SIZE);
    return 4 + token_size + PAYLOAD_SIZE;
}

static void serve_datagrams(int fd) {
    static struct mmsghdr messages[BATCH];
    static struct iovec pieces[BATCH];
    static struct sockaddr_in peers[BATCH];
    static uint8_t data[BATCH][DATAGRAM], controls[BATCH][CMSG_SPACE(sizeof(struct in_pktinfo))];
    for (;;) {
        for (int i = 0; i < BATCH; i++) {
            pieces[i] = (struct iovec){data[i], DATAGRAM};
            messages[i].msg_hdr = (struct msghdr){.msg_name = &peers[i],
                                                  .msg_namelen = sizeof peers[i],
                                                  .msg_iov = &pieces[i],
                                                  .msg_iovlen = 1,
                                                  .msg_control = controls[i],
                                                  .msg_controllen = sizeof controls[i]};
        }
        int count = recvmmsg(fd, messages, BATCH, MSG_WAITFORONE, NULL);
        for (int i = 0; i < count; i++) {
            pieces[i].iov_len = answer_datagram(data[i], messages[i].msg_len);
        }
        for (int sent = 0; sent < count;) {
            int more = sendmmsg(fd, messages + sent, (unsigned)(count - sent), 0);
            sent += more > 0 ? more : 1;
        }
    }
}

struct connection {
    size_t size;
    uint8_t input[INPUT];
};

/* A frame of RFC 8323 section 3.2 with less than 65,805 bytes; 0 if it is not whole. */
static size_t frame_size(const uint8_t *data, size_t size, size_t *head_size) {
    static const size_t extra[] = {[13] = 1, [14] = 2};
    size_t length = size > 0 ? data[0] >> 4 : 0;
    size_t more = length == 13 || length == 14 ? extra[length] : 0;
    if (size < 2 + more || length == 15) {
        return 0;
    }
    length = more == 1 ? 13U + data[1] : more == 2 ? 269U + (size_t)(data[1] << 8 | data[2]) : length;
    *head_size = 2 + more;
    size_t whole = *head_size + (data[0] & 15U) + length;
    return whole <= size ? whole : 0;
}

static size_t answer_frame(uint8_t *out, const uint8_t *frame, size_t head_size) {
    size_t token_size = frame[0] & 15U;
    if (frame[head_size - 1] >> 5 != 0) {
        return 0; /* signaling */
    }
    out[0] = (uint8_t)(13 << 4 | token_size);
    out[1] = PAYLOAD_SIZE - 13;
    out[2] = CONTENT;
    memcpy(out + 3, frame + head_size, token_size);
    memcpy(out + 3 + token_size, payload, PAYLOAD_SIZE);
    return 3 + token_size + PAYLOAD_SIZE;
}

static void answer_stream(int fd, struct connection *connection) {
    static uint8_t output[2 * INPUT];
    ssize_t count = read(fd, connection->input + connection->size, INPUT - connection->size);
    if (count <= 0) {
        close(fd);
        return;
    }
    connection->size += (size_t)count;
    size_t at = 0, out = 0, whole, head_size;
    while ((whole = frame_size(connection->input + at, connection->size - at, &head_size)) > 0
           && out < sizeof output - 64) {
        out += answer_frame(output + out, connection->input + at, head_size);
        at += whole;
    }
    connection->size -= at;
    memmove(connection->input, connection->input + at, connection->size);
    if (out > 0 && write(fd, output, out) < 0) {
        perror("write");
    }
}

static void serve_streams(int listener) {
    static struct connection *connections[CONNECTIONS];
    struct epoll_event events[EVENTS], wanted = {.events = EPOLLIN, .data.fd = listener};
    int poll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (listen(listener, SOMAXCONN) != 0 || epoll_ctl(poll_fd, EPOLL_CTL_ADD, listener, &wanted) != 0) {
        fail("epoll");
    }
    for (;;) {
        int count = epoll_wait(poll_fd, events, EVENTS, -1);
        for (int i = 0; i < count; i++) {
            int fd = events[i].data.fd;
            if (fd != listener) {
                answer_stream(fd, connections[fd]);
                continue;
            }
            static const uint8_t hello[] = {0, CSM};
            const int yes = 1;
            fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
            if (fd >= CONNECTIONS || fd < 0) {
                fail("accept");
            }
            (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
            connections[fd] = connections[fd] != NULL ? connections[fd] : malloc(sizeof **connections);
            connections[fd]->size = 0;
            wanted = (struct epoll_event){.events = EPOLLIN, .data.fd = fd};
            if (write(fd, hello, sizeof hello) < 0 || epoll_ctl(poll_fd, EPOLL_CTL_ADD, fd, &wanted) != 0) {
                fail("a connection");
            }
        }
    }
}

int main(int count, char **arguments) {
    if (count == 2 && strcmp(arguments[1], "udp") == 0) {
        serve_datagrams(listen_on(SOCK_DGRAM));
    } else if (count == 2 && strcmp(arguments[1], "tcp") == 0) {
        serve_streams(listen_on(SOCK_STREAM));
    }
    fprintf(stderr, "responder udp|tcp\n");
    return 2;
}
