/* Batches of datagrams by recvmmsg and sendmmsg, with the local address of each (PKTINFO), and the network's errors. */
#include "endpoint/socket.h"
#include "endpoint/socket_address.h"

#include <errno.h>
#include <linux/errqueue.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <netinet/ip_icmp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

enum { BATCH = 32, CONTROL_SIZE = 64, ERRORS_AT_ONCE = 64 };

struct slot {
    struct sockaddr_storage address;
    struct iovec vector;
    _Alignas(struct cmsghdr) uint8_t control[CONTROL_SIZE];
};

struct failure {
    struct path path;
    int error_number;
};

struct datagram_batch {
    size_t datagram_size;
    struct slot in[BATCH], out[BATCH];
    struct mmsghdr in_headers[BATCH], out_headers[BATCH];
    struct path out_paths[BATCH];
    unsigned out_count;
    struct failure failures[BATCH];
    unsigned failure_count;
    uint8_t bytes[]; /* BATCH datagrams in, then BATCH out */
};

struct datagram_batch *coax_batch_new(size_t datagram_size) {
    struct datagram_batch *batch = calloc(1, sizeof *batch + 2 * BATCH * datagram_size);
    if (batch == NULL) {
        return NULL;
    }
    batch->datagram_size = datagram_size;
    for (size_t i = 0; i < BATCH; i++) {
        batch->in[i].vector = (struct iovec){batch->bytes + i * datagram_size, datagram_size};
        batch->out[i].vector = (struct iovec){batch->bytes + (BATCH + i) * datagram_size, 0};
    }
    return batch;
}

void coax_batch_free(struct datagram_batch *batch) {
    free(batch);
}

static void prepare(struct msghdr *header, struct slot *slot, size_t control_size) {
    *header = (struct msghdr){
        .msg_name = &slot->address,
        .msg_namelen = sizeof slot->address,
        .msg_iov = &slot->vector,
        .msg_iovlen = 1,
        .msg_control = control_size == 0 ? NULL : slot->control,
        .msg_controllen = control_size,
    };
}

/* The address that the datagram was sent to. */
static void read_local(struct msghdr *header, const struct udp_socket *socket, struct address *local) {
    *local = socket->bound;
    for (struct cmsghdr *control = CMSG_FIRSTHDR(header); control != NULL; control = CMSG_NXTHDR(header, control)) {
        if (control->cmsg_level == IPPROTO_IPV6 && control->cmsg_type == IPV6_PKTINFO) {
            struct in6_pktinfo info;
            memcpy(&info, CMSG_DATA(control), sizeof info);
            memcpy(local->ip, &info.ipi6_addr, sizeof local->ip);
            bool is_scoped = local->ip[0] == 0xfe || (local->ip[0] == 0xff && (local->ip[1] & 0x0f) <= 2);
            local->zone = is_scoped ? (uint32_t)info.ipi6_ifindex : 0;
        } else if (control->cmsg_level == IPPROTO_IP && control->cmsg_type == IP_PKTINFO) {
            struct in_pktinfo info;
            memcpy(&info, CMSG_DATA(control), sizeof info);
            const uint8_t *ip = (const uint8_t *)&info.ipi_addr;
            *local = coax_address_ip4(ip[0], ip[1], ip[2], ip[3], socket->bound.port);
        }
    }
}

size_t coax_batch_receive(struct datagram_batch *batch, const struct udp_socket *socket,
                          void (*receive)(void *user, struct path *path, const uint8_t *data, size_t size),
                          void *user) {
    for (size_t i = 0; i < BATCH; i++) {
        prepare(&batch->in_headers[i].msg_hdr, &batch->in[i], socket->listening ? CONTROL_SIZE : 0);
    }
    int count = recvmmsg(socket->fd, batch->in_headers, BATCH, MSG_DONTWAIT, NULL);
    for (int i = 0; i < count; i++) {
        struct msghdr *header = &batch->in_headers[i].msg_hdr;
        struct path path = {.channel = 0};
        if ((header->msg_flags & MSG_TRUNC) != 0) {
            continue;
        }
        coax_sockaddr_read(&path.remote, &batch->in[i].address);
        if (socket->listening) {
            read_local(header, socket, &path.local);
        }
        receive(user, &path, batch->in[i].vector.iov_base, batch->in_headers[i].msg_len);
    }
    return count < 0 ? 0 : (size_t)count;
}

/* It went in a circle, or its fragments did not all arrive: that passes, and retransmission mends it (RFC 7252
   section 4.2). The system has the same errno for it as for an unreachable host. */
static bool is_time_exceeded(const struct sock_extended_err *reported) {
    return (reported->ee_origin == SO_EE_ORIGIN_ICMP && reported->ee_type == ICMP_TIME_EXCEEDED)
           || (reported->ee_origin == SO_EE_ORIGIN_ICMP6 && reported->ee_type == ICMP6_TIME_EXCEEDED);
}

static int error_of(struct msghdr *header) {
    for (struct cmsghdr *control = CMSG_FIRSTHDR(header); control != NULL; control = CMSG_NXTHDR(header, control)) {
        bool is_ip4 = control->cmsg_level == IPPROTO_IP && control->cmsg_type == IP_RECVERR;
        bool is_ip6 = control->cmsg_level == IPPROTO_IPV6 && control->cmsg_type == IPV6_RECVERR;
        if (is_ip4 || is_ip6) {
            struct sock_extended_err reported;
            memcpy(&reported, CMSG_DATA(control), sizeof reported);
            return is_time_exceeded(&reported) ? 0 : (int)reported.ee_errno;
        }
    }
    return 0;
}

void coax_udp_take_errors(const struct udp_socket *socket,
                          void (*report)(void *user, const struct path *path, int error_number), void *user) {
    for (int i = 0; i < ERRORS_AT_ONCE; i++) {
        struct sockaddr_storage storage = {.ss_family = AF_UNSPEC};
        _Alignas(struct cmsghdr) uint8_t control[512];
        uint8_t data[1];
        struct iovec vector = {data, sizeof data};
        struct msghdr header = {.msg_name = &storage,
                                .msg_namelen = sizeof storage,
                                .msg_iov = &vector,
                                .msg_iovlen = 1,
                                .msg_control = control,
                                .msg_controllen = sizeof control};
        if (recvmsg(socket->fd, &header, MSG_ERRQUEUE | MSG_DONTWAIT) < 0) {
            return;
        }
        struct path path = {.channel = 0};
        coax_sockaddr_read(&path.remote, &storage);
        if (socket->listening) {
            read_local(&header, socket, &path.local);
        }
        int error_number = error_of(&header);
        /* A datagram that was too large for the path: from now on the system sends such in fragments, so that the
           retransmission arrives. */
        if (error_number != 0 && error_number != EMSGSIZE && path.remote.port != 0) {
            report(user, &path, error_number);
        }
    }
}

/* Replies leave from the address that was asked; the system chooses where that was a group. */
static size_t write_local(struct slot *slot, const struct udp_socket *socket, const struct address *local) {
    if (local->port == 0 || coax_address_is_multicast(local) || coax_address_is_unspecified(local)) {
        return 0;
    }
    struct cmsghdr *control = (struct cmsghdr *)(void *)slot->control;
    memset(slot->control, 0, sizeof slot->control);
    if (socket->is_ip4) {
        struct in_pktinfo info = {.ipi_ifindex = 0};
        memcpy(&info.ipi_spec_dst, local->ip + 12, 4);
        *control =
            (struct cmsghdr){.cmsg_len = CMSG_LEN(sizeof info), .cmsg_level = IPPROTO_IP, .cmsg_type = IP_PKTINFO};
        memcpy(CMSG_DATA(control), &info, sizeof info);
        return CMSG_SPACE(sizeof info);
    }
    struct in6_pktinfo info = {.ipi6_ifindex = local->zone};
    memcpy(&info.ipi6_addr, local->ip, sizeof local->ip);
    *control =
        (struct cmsghdr){.cmsg_len = CMSG_LEN(sizeof info), .cmsg_level = IPPROTO_IPV6, .cmsg_type = IPV6_PKTINFO};
    memcpy(CMSG_DATA(control), &info, sizeof info);
    return CMSG_SPACE(sizeof info);
}

bool coax_batch_is_empty(const struct datagram_batch *batch) {
    return batch->out_count == 0 && batch->failure_count == 0;
}

bool coax_batch_add(struct datagram_batch *batch, const struct path *path, const uint8_t *data, size_t size) {
    if (batch->out_count == BATCH || size > batch->datagram_size) {
        return false;
    }
    struct slot *slot = &batch->out[batch->out_count];
    memcpy(slot->vector.iov_base, data, size);
    slot->vector.iov_len = size;
    batch->out_paths[batch->out_count++] = *path;
    return true;
}

static void note_failure(struct datagram_batch *batch, const struct path *path, int error_number) {
    if (batch->failure_count < BATCH) {
        batch->failures[batch->failure_count++] = (struct failure){*path, error_number};
    }
}

/* Sends the datagrams from `first` to before `end`, all of one socket. */
static void send_run(struct datagram_batch *batch, const struct udp_socket *socket, unsigned first, unsigned end) {
    bool retried = false;
    while (first < end) {
        int sent = sendmmsg(socket->fd, batch->out_headers + first, end - first, MSG_DONTWAIT);
        if (sent > 0) {
            first += (unsigned)sent;
            retried = false;
            continue;
        }
        bool is_full = errno == EAGAIN || errno == ENOBUFS; /* loses the datagram, as the network may */
        /* Any other error may be that of an earlier datagram, to whomever, reported late: once, try again. */
        if (!is_full && !retried) {
            retried = true;
            continue;
        }
        if (!is_full) {
            note_failure(batch, &batch->out_paths[first], errno);
        }
        first++;
        retried = false;
    }
}

/* Addresses the datagrams. Those that their socket cannot send fail and leave the row: an IPv6 address would become
   that of this very machine on an IPv4 socket. */
static void prepare_out(struct datagram_batch *batch, const struct udp_socket *sockets) {
    unsigned count = 0;
    for (unsigned i = 0; i < batch->out_count; i++) {
        const struct path path = batch->out_paths[i];
        const struct udp_socket *socket = &sockets[path.channel];
        if (!coax_address_fits(&path.remote, socket->is_ip4)) {
            note_failure(batch, &path, EAFNOSUPPORT);
            continue;
        }
        struct slot *slot = &batch->out[i];
        struct msghdr *header = &batch->out_headers[count].msg_hdr;
        prepare(header, slot, socket->listening ? write_local(slot, socket, &path.local) : 0);
        header->msg_namelen = coax_sockaddr_write(&slot->address, &path.remote, socket->is_ip4);
        batch->out_paths[count++] = path;
    }
    batch->out_count = count;
}

void coax_batch_send(struct datagram_batch *batch, const struct udp_socket *sockets,
                     void (*report)(void *user, const struct path *path, int error_number), void *user) {
    prepare_out(batch, sockets);
    for (unsigned first = 0, end; first < batch->out_count; first = end) {
        uint32_t channel = batch->out_paths[first].channel;
        end = first + 1;
        while (end < batch->out_count && batch->out_paths[end].channel == channel) {
            end++;
        }
        send_run(batch, &sockets[channel], first, end);
    }
    batch->out_count = 0;
    if (report == NULL) {
        return;
    }
    unsigned failure_count = batch->failure_count;
    struct failure failures[BATCH];
    memcpy(failures, batch->failures, failure_count * sizeof *failures);
    batch->failure_count = 0;
    for (unsigned i = 0; i < failure_count; i++) {
        report(user, &failures[i].path, failures[i].error_number);
    }
}
