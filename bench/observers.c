/* Observers by the thousand, each a peer of its own: one socket, from which each sends with its own address of
   loopback.

   observers PORT PATH COUNT

   They register at 127.0.0.1, and a line of JSON says how many are observers. For each line on standard input the
   resource is PUT, and when every observer has been told, or none is told for a while, the next line of JSON follows.
   The messages are made here, so that what is measured has one library in it, the server's. */
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
#include <unistd.h>

enum {
    OBSERVERS_MAXIMUM = 200000,
    WINDOW = 64,
    BATCH = 64,
    MESSAGE = 256,
    PATIENCE_MS = 4000, /* longer than the pause before a retransmission */
    FIRST = 0x7f010001, /* 127.1.0.1 is the address of the first */
    CON = 0x40,
    ACK = 0x60,
    GET = 1,
    PUT = 3,
    CHANGED = 0x44,
    CONTENT = 0x45,
    TOKEN = 4,
};

struct crowd {
    int socket;
    struct sockaddr_in server;
    const char *path;
    uint32_t count, asked, told;
    uint16_t id;
    uint8_t told_in[OBSERVERS_MAXIMUM]; /* the round in which each was told last */
    uint8_t round;
    bool done; /* the PUT */
};

static void send_from(const struct crowd *crowd, uint32_t address, const uint8_t *data, size_t size) {
    union {
        struct cmsghdr head;
        uint8_t room[CMSG_SPACE(sizeof(struct in_pktinfo))];
    } control = {.room = {0}};
    struct iovec piece = {(void *)(uintptr_t)data, size};
    struct msghdr message = {.msg_name = (void *)(uintptr_t)&crowd->server,
                             .msg_namelen = sizeof crowd->server,
                             .msg_iov = &piece,
                             .msg_iovlen = 1,
                             .msg_control = control.room,
                             .msg_controllen = sizeof control.room};
    const struct in_pktinfo info = {.ipi_spec_dst.s_addr = htonl(address)};
    struct cmsghdr *head = CMSG_FIRSTHDR(&message);
    head->cmsg_level = IPPROTO_IP;
    head->cmsg_type = IP_PKTINFO;
    head->cmsg_len = CMSG_LEN(sizeof info);
    memcpy(CMSG_DATA(head), &info, sizeof info);
    while (sendmsg(crowd->socket, &message, 0) < 0 && errno == EINTR) {
    }
}

static size_t write_head(uint8_t *out, uint8_t type, uint8_t code, uint16_t id, uint32_t token) {
    const uint8_t head[] = {(uint8_t)(type | TOKEN), code,
                            (uint8_t)(id >> 8),      (uint8_t)id,
                            (uint8_t)(token >> 24),  (uint8_t)(token >> 16),
                            (uint8_t)(token >> 8),   (uint8_t)token};
    memcpy(out, head, sizeof head);
    return sizeof head;
}

/* Uri-Path, behind an option whose number is `before`. */
static size_t write_path(uint8_t *out, unsigned before, const char *path) {
    size_t size = strlen(path); /* of less than 13 bytes */
    out[0] = (uint8_t)((11 - before) << 4 | size);
    memcpy(out + 1, path, size);
    return size + 1;
}

static void ask(struct crowd *crowd, uint32_t observer) {
    uint8_t message[MESSAGE];
    size_t size = write_head(message, CON, GET, ++crowd->id, observer);
    message[size++] = 6 << 4; /* Observe: 0 */
    size += write_path(message + size, 6, crowd->path);
    send_from(crowd, FIRST + observer, message, size);
}

static void put(struct crowd *crowd) {
    uint8_t message[MESSAGE];
    size_t size = write_head(message, CON, PUT, ++crowd->id, UINT32_MAX);
    size += write_path(message + size, 0, crowd->path);
    size += (size_t)snprintf((char *)message + size, MESSAGE - size, "\xffround %u", crowd->round);
    send_from(crowd, INADDR_LOOPBACK, message, size);
}

static void acknowledge(const struct crowd *crowd, uint32_t address, const uint8_t *data) {
    const uint8_t message[] = {ACK, 0, data[2], data[3]};
    send_from(crowd, address, message, sizeof message);
}

static void take(struct crowd *crowd, const uint8_t *data, size_t size, uint32_t address) {
    if (size < 4 || ((data[0] & 0x30) == 0 && size < 4 + TOKEN)) {
        return;
    }
    if ((data[0] & 0x30) == 0) {
        acknowledge(crowd, address, data);
    }
    if ((data[0] & 15) != TOKEN || size < 4 + TOKEN) {
        return;
    }
    uint32_t token = (uint32_t)data[4] << 24 | (uint32_t)data[5] << 16 | (uint32_t)data[6] << 8 | data[7];
    crowd->done = crowd->done || (token == UINT32_MAX && data[1] >> 5 == 2);
    if (token < crowd->count && data[1] == CONTENT && crowd->told_in[token] != crowd->round) {
        crowd->told_in[token] = crowd->round;
        crowd->told++;
    }
}

/* False if nothing came in time. */
static bool receive(struct crowd *crowd, int patience_ms) {
    static uint8_t data[BATCH][MESSAGE];
    static uint8_t controls[BATCH][CMSG_SPACE(sizeof(struct in_pktinfo))];
    struct mmsghdr messages[BATCH];
    struct iovec pieces[BATCH];
    struct pollfd wait = {crowd->socket, POLLIN, 0};
    for (size_t i = 0; i < BATCH; i++) {
        pieces[i] = (struct iovec){data[i], MESSAGE};
        messages[i] = (struct mmsghdr){.msg_hdr = {.msg_iov = &pieces[i],
                                                   .msg_iovlen = 1,
                                                   .msg_control = controls[i],
                                                   .msg_controllen = sizeof controls[i]}};
    }
    if (poll(&wait, 1, patience_ms) <= 0) {
        return false;
    }
    int count = recvmmsg(crowd->socket, messages, BATCH, MSG_DONTWAIT, NULL);
    for (int i = 0; i < count; i++) {
        const struct cmsghdr *head = CMSG_FIRSTHDR(&messages[i].msg_hdr);
        struct in_pktinfo info;
        if (head != NULL) {
            memcpy(&info, CMSG_DATA(head), sizeof info);
            take(crowd, data[i], messages[i].msg_len, ntohl(info.ipi_addr.s_addr));
        }
    }
    return true;
}

static double now_s(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void report(const struct crowd *crowd, double begun) {
    printf("{\"told\": %u, \"seconds\": %.6f}\n", crowd->told, now_s() - begun);
    fflush(stdout);
}

static void register_all(struct crowd *crowd) {
    double begun = now_s();
    for (bool goes_on = true; goes_on && crowd->told < crowd->count;) {
        while (crowd->asked < crowd->count && crowd->asked - crowd->told < WINDOW) {
            ask(crowd, crowd->asked++);
        }
        goes_on = receive(crowd, PATIENCE_MS);
    }
    report(crowd, begun);
}

static void change(struct crowd *crowd) {
    double begun = now_s();
    crowd->round++;
    crowd->told = 0;
    crowd->done = false;
    put(crowd);
    while ((crowd->told < crowd->count || !crowd->done) && receive(crowd, PATIENCE_MS)) {
    }
    report(crowd, begun);
}

static int open_socket(void) {
    const int yes = 1, room = 64 << 20;
    const struct sockaddr_in any = {.sin_family = AF_INET};
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || bind(fd, (const struct sockaddr *)&any, sizeof any) != 0
        || setsockopt(fd, IPPROTO_IP, IP_PKTINFO, &yes, sizeof yes) != 0) {
        perror("observers");
        exit(1);
    }
    if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof room) != 0) { /* as root */
        (void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof room);
    }
    return fd;
}

int main(int count, char **arguments) {
    static struct crowd crowd = {.round = 1, .server = {.sin_family = AF_INET}};
    char line[16];
    if (count != 4 || strlen(arguments[2]) > 12 || strtoul(arguments[3], NULL, 10) > OBSERVERS_MAXIMUM) {
        fprintf(stderr, "observers PORT PATH COUNT\n");
        return 2;
    }
    crowd.server.sin_port = htons((uint16_t)strtoul(arguments[1], NULL, 10));
    crowd.server.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    crowd.path = arguments[2];
    crowd.count = (uint32_t)strtoul(arguments[3], NULL, 10);
    crowd.socket = open_socket();
    register_all(&crowd);
    while (fgets(line, sizeof line, stdin) != NULL) {
        change(&crowd);
    }
    return 0;
}
