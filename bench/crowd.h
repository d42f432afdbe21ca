/* A crowd of UDP peers behind one socket: each sends with its own address of loopback. The messages are made here, so
   that what is measured has one library in it, the server's. */
#ifndef COAX_BENCH_CROWD_H
#define COAX_BENCH_CROWD_H

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

enum {
    CROWD_BATCH = 64,
    CROWD_MESSAGE = 256,
    CROWD_FIRST = 0x7f010001, /* 127.1.0.1 is the address of the first */
    CROWD_TOKEN = 4,
    COAP_CON = 0x40,
    COAP_ACK = 0x60,
    COAP_GET = 1,
    COAP_PUT = 3,
    COAP_CONTENT = 0x45,
};

struct crowd_messages {
    struct mmsghdr messages[CROWD_BATCH];
    struct iovec pieces[CROWD_BATCH];
    uint8_t data[CROWD_BATCH][CROWD_MESSAGE];
    union {
        struct cmsghdr head;
        uint8_t room[CMSG_SPACE(sizeof(struct in_pktinfo))];
    } controls[CROWD_BATCH];
    unsigned count;
};

struct crowd_socket {
    int fd;
    struct sockaddr_in server;
    struct crowd_messages out, in;
};

static inline void crowd_flush(struct crowd_socket *crowd) {
    struct crowd_messages *out = &crowd->out;
    for (unsigned sent = 0; sent < out->count;) {
        int count = sendmmsg(crowd->fd, out->messages + sent, out->count - sent, 0);
        if (count < 0 && errno != EINTR) {
            perror("sendmmsg");
            exit(1);
        }
        sent += count > 0 ? (unsigned)count : 0;
    }
    out->count = 0;
}

/* Goes out with the others of its batch. */
static inline void crowd_send(struct crowd_socket *crowd, uint32_t address, const uint8_t *data, size_t size) {
    struct crowd_messages *out = &crowd->out;
    unsigned i = out->count++;
    const struct in_pktinfo info = {.ipi_spec_dst.s_addr = htonl(address)};
    memcpy(out->data[i], data, size);
    out->pieces[i] = (struct iovec){out->data[i], size};
    out->messages[i].msg_hdr = (struct msghdr){.msg_name = &crowd->server,
                                               .msg_namelen = sizeof crowd->server,
                                               .msg_iov = &out->pieces[i],
                                               .msg_iovlen = 1,
                                               .msg_control = out->controls[i].room,
                                               .msg_controllen = sizeof out->controls[i].room};
    struct cmsghdr *head = CMSG_FIRSTHDR(&out->messages[i].msg_hdr);
    head->cmsg_level = IPPROTO_IP;
    head->cmsg_type = IP_PKTINFO;
    head->cmsg_len = CMSG_LEN(sizeof info);
    memcpy(CMSG_DATA(head), &info, sizeof info);
    if (out->count == CROWD_BATCH) {
        crowd_flush(crowd);
    }
}

/* What came, with the address that it came to; false if nothing did in time. */
static inline bool crowd_receive(struct crowd_socket *crowd, int patience_ms,
                                 void (*take)(void *user, const uint8_t *data, size_t size, uint32_t address),
                                 void *user) {
    struct crowd_messages *in = &crowd->in;
    struct pollfd wait = {crowd->fd, POLLIN, 0};
    crowd_flush(crowd);
    for (size_t i = 0; i < CROWD_BATCH; i++) {
        in->pieces[i] = (struct iovec){in->data[i], CROWD_MESSAGE};
        in->messages[i].msg_hdr = (struct msghdr){.msg_iov = &in->pieces[i],
                                                  .msg_iovlen = 1,
                                                  .msg_control = in->controls[i].room,
                                                  .msg_controllen = sizeof in->controls[i].room};
    }
    if (poll(&wait, 1, patience_ms) <= 0) {
        return false;
    }
    int count = recvmmsg(crowd->fd, in->messages, CROWD_BATCH, MSG_DONTWAIT, NULL);
    for (int i = 0; i < count; i++) {
        const struct cmsghdr *head = CMSG_FIRSTHDR(&in->messages[i].msg_hdr);
        struct in_pktinfo info;
        if (head != NULL) {
            memcpy(&info, CMSG_DATA(head), sizeof info);
            take(user, in->data[i], in->messages[i].msg_len, ntohl(info.ipi_addr.s_addr));
        }
    }
    return true;
}

static inline size_t crowd_write_head(uint8_t *out, uint8_t type, uint8_t code, uint16_t id, uint32_t token) {
    const uint8_t head[] = {(uint8_t)(type | CROWD_TOKEN),
                            code,
                            (uint8_t)(id >> 8),
                            (uint8_t)id,
                            (uint8_t)(token >> 24),
                            (uint8_t)(token >> 16),
                            (uint8_t)(token >> 8),
                            (uint8_t)token};
    memcpy(out, head, sizeof head);
    return sizeof head;
}

/* Uri-Path (of less than 13 bytes), behind an option whose number is `before`. */
static inline size_t crowd_write_path(uint8_t *out, unsigned before, const char *path) {
    size_t size = strlen(path);
    out[0] = (uint8_t)((11 - before) << 4 | size);
    memcpy(out + 1, path, size);
    return size + 1;
}

static inline double crowd_now_s(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static inline void crowd_open(struct crowd_socket *crowd, const char *port) {
    const int yes = 1, room = 64 << 20;
    const struct sockaddr_in any = {.sin_family = AF_INET};
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || bind(fd, (const struct sockaddr *)&any, sizeof any) != 0
        || setsockopt(fd, IPPROTO_IP, IP_PKTINFO, &yes, sizeof yes) != 0) {
        perror("the crowd's socket");
        exit(1);
    }
    if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof room) != 0) { /* as root */
        (void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof room);
    }
    crowd->fd = fd;
    crowd->server = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons((uint16_t)strtoul(port, NULL, 10))};
    crowd->server.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
}

#endif
