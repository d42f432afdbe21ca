/* The endpoint: the protocol stack with sockets, a clock, random bytes and name resolution around it. */
#ifndef COAX_ENDPOINT_ENDPOINT_H
#define COAX_ENDPOINT_ENDPOINT_H

#include "endpoint/resolver.h"
#include "endpoint/socket.h"
#include "stack/stack.h"
#include <coax/endpoint.h>
#include <stdatomic.h>

enum { ENDPOINT_SOCKETS_MAXIMUM = 64, ENDPOINT_URI_MAXIMUM = 400 };

struct coax_endpoint {
    struct stack *stack;
    int poll_fd; /* epoll: the sockets and the wake-up */
    int wake_fd; /* eventfd: stop, and answers of the resolver */
    atomic_bool is_stopped;
    bool is_processing; /* inside coax_endpoint_process: what it received is still looked at */
    struct udp_socket sockets[ENDPOINT_SOCKETS_MAXIMUM]; /* a channel is an index */
    uint32_t socket_count;
    uint32_t listeners[ENDPOINT_SOCKETS_MAXIMUM]; /* channels in the order of coax_endpoint_listen */
    char *listener_hosts[ENDPOINT_SOCKETS_MAXIMUM];
    uint32_t listener_count;
    struct datagram_batch *batch;
    struct resolver *resolver; /* made when the first name is looked up */
};

/* Reads the clock for the stack. To be called wherever the program enters the library. */
void coax_endpoint_set_time(coax_endpoint *endpoint);

/* Adds a bound socket; *channel gets its number. The endpoint owns the fd on success. COAX_E_LIMIT, COAX_E_IO. */
enum coax_status coax_endpoint_add_socket(coax_endpoint *endpoint, const struct udp_socket *socket, uint32_t *channel,
                                          coax_error *error);

/* Sends what waits in the batch, and tells the stack of errors. */
void coax_endpoint_flush(coax_endpoint *endpoint);

/* Logs a line if the program wants to hear. */
void coax_endpoint_log(coax_endpoint *endpoint, enum coax_log_level level, const char *format, ...) COAX_PRINTF(3, 4);

#endif
