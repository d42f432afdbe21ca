/* Sockets on Linux; of UDP also batches in and out, and the errors that the network reports. */
#ifndef COAX_ENDPOINT_SOCKET_H
#define COAX_ENDPOINT_SOCKET_H

#include "base/address.h"
#include "endpoint/watch.h"
#include "transport/datagram/datagram.h"

/* A non-blocking socket for the address, -1 with errno. `is_ip4`: it is of AF_INET; else of AF_INET6, which carries
   IPv4, too. Where the system has no IPv6, the unspecified address becomes that of IPv4. */
int coax_socket_open(int type, const struct address *address, bool *is_ip4);

/* Binds; `protocol` is for the error's text. *bound gets the address with the port. COAX_E_IO with the reason. */
enum coax_status coax_socket_bind(int fd, const char *protocol, const struct address *address, bool is_ip4,
                                  struct address *bound, coax_error *error);

/* COAX_E_IO: why an address cannot be listened on, and what to do. */
enum coax_status coax_socket_fail_listen(const char *protocol, const struct address *address, int error_number,
                                         coax_error *error);

/* Takes a socket that somebody else bound, and makes it non-blocking. COAX_E_INVALID if it is none of that type, not
   IP, not bound, or (SOCK_STREAM) not listening. */
enum coax_status coax_socket_adopt(int fd, int type, bool *is_ip4, struct address *bound, coax_error *error);

/* Another socket on the address of one that is bound, which from then on shares what comes in with it: *twin, listening
   if that listens. COAX_E_IO. */
enum coax_status coax_socket_twin(int fd, int *twin, coax_error *error);

/* What an errno means for whoever waits for that remote, and the sentence for it. */
enum coax_status coax_network_status(int error_number);
void coax_network_error(coax_error *error, const char *protocol, const struct address *remote, int error_number);

struct udp_socket {
    struct watch watch;
    int fd;
    bool is_ip4; /* AF_INET; else AF_INET6, which carries IPv4 too where it is bound to all addresses */
    bool secure, listening;
    struct address bound; /* with the port that it got */
};

/* Opens and binds a non-blocking socket with PKTINFO and RECVERR. `address` all zero and port 0 is a client's. Where
   the system has no IPv6, the unspecified address becomes that of IPv4. COAX_E_IO with the reason. */
enum coax_status coax_udp_open(struct udp_socket *result, const struct address *address, coax_error *error);
/* The same of a socket that somebody else bound. COAX_E_INVALID if it is none of UDP. */
enum coax_status coax_udp_adopt(struct udp_socket *result, int fd, coax_error *error);
enum coax_status coax_udp_join(const struct udp_socket *socket, const struct address *group, coax_error *error);

/* Buffers for batches in and out: one for an endpoint, whatever the number of its sockets and peers. */
struct datagram_batch;
struct datagram_batch *coax_batch_new(size_t datagram_size); /* NULL if memory ran out */
void coax_batch_free(struct datagram_batch *batch);

/* Receives up to one batch and calls `receive` for each datagram; `path` lacks the channel. Returns how many came.
 * Truncated ones are dropped. */
size_t coax_batch_receive(struct datagram_batch *batch, const struct udp_socket *socket,
                          void (*receive)(void *user, struct path *path, const uint8_t *data, size_t size), void *user);

/* Takes the errors that the network reported for datagrams sent: calls `report` for each; `path` lacks the channel.
 * Bounded. Not told is what retransmission mends: that a datagram was too large for the way. */
void coax_udp_take_errors(const struct udp_socket *socket,
                          void (*report)(void *user, const struct path *path, int error_number), void *user);

/* Adds a datagram; false if the batch is full (send it first) or the datagram too large. */
bool coax_batch_add(struct datagram_batch *batch, const struct path *path, const uint8_t *data, size_t size);
bool coax_batch_is_empty(const struct datagram_batch *batch);

/* Sends all of it; calls `report` for each datagram that the system refuses or that its socket cannot send (IPv6 over
 * an IPv4 socket), after everything was sent. */
void coax_batch_send(struct datagram_batch *batch, const struct udp_socket *sockets,
                     void (*report)(void *user, const struct path *path, int error_number), void *user);

#endif
