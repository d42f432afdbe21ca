/* The endpoint: the protocol stack with sockets, a clock, random bytes and name resolution around it. */
#ifndef COAX_ENDPOINT_ENDPOINT_H
#define COAX_ENDPOINT_ENDPOINT_H

#include "endpoint/mailbox.h"
#include "endpoint/resolver.h"
#include "endpoint/socket.h"
#include "endpoint/stream_listen.h"
#include "endpoint/stream_socket.h"
#include "endpoint/watch.h"
#include "stack/stack.h"
#include <coax/endpoint.h>
#include <stdatomic.h>

/* Sockets that listen or carry datagrams; those of connections have bounds of their own. */
enum { ENDPOINT_SOCKETS_MAXIMUM = 64, ENDPOINT_URI_MAXIMUM = 400 };

struct listener {
    struct watch watch; /* of connections; a channel has its socket's */
    enum coax_scheme scheme;
    int fd;           /* that accepts connections; -1: datagrams come in, on the channel */
    uint32_t channel; /* if they do */
    struct address bound;
    char *host; /* the name in its URI, or "" */
};

struct coax_endpoint {
    struct stack *stack;
    int poll_fd; /* epoll: all sockets and the wake-up */
    int wake_fd; /* eventfd: stop, answers of the resolver, and letters of other threads */
    struct watch wake;
    atomic_bool is_stopped;
    bool is_processing; /* inside coax_endpoint_process: what it received is still looked at */
    bool is_closing;    /* being freed: nothing can be waited for */
    struct udp_socket sockets[ENDPOINT_SOCKETS_MAXIMUM]; /* a channel is an index */
    uint32_t socket_count;
    struct listener listeners[ENDPOINT_SOCKETS_MAXIMUM]; /* in the order of coax_endpoint_listen */
    uint32_t listener_count;
    struct datagram_batch *batch;
    size_t datagram_size;       /* the largest that is received */
    struct mailbox calls;       /* coax_endpoint_post */
    struct mailbox foreign;     /* datagrams from other shards */
    struct coax_shards *shards; /* NULL: it is alone */
    uint32_t shard;
    struct resolver *resolver; /* made when the first name is looked up */
    struct watch *buried;      /* whose owners are freed at the end of the turn */
    struct lingering_streams lingering;
    struct accept_rest accept_rest;
    uint8_t input[STREAM_INPUT_SIZE]; /* of the stream that is being read */
};

/* Reads the clock for the stack. To be called wherever the program enters the library. */
void coax_endpoint_set_time(coax_endpoint *endpoint);

/* Makes the endpoint's thread look for letters. Async-signal-safe, from any thread. */
void coax_endpoint_wake(coax_endpoint *endpoint);

/* COAX_E_LIMIT if there are as many sockets as there may be. */
enum coax_status coax_endpoint_check_sockets(const coax_endpoint *endpoint, coax_error *error);

/* Adds a bound socket; *channel gets its number. The endpoint owns the fd on success. COAX_E_LIMIT, COAX_E_IO. */
enum coax_status coax_endpoint_add_socket(coax_endpoint *endpoint, const struct udp_socket *socket, uint32_t *channel,
                                          coax_error *error);

/* As coax_resolver_ask, with the endpoint's resolver. */
enum coax_status coax_endpoint_look_up(coax_endpoint *endpoint, const char *host, uint16_t port,
                                       resolver_callback *callback, void *user, uint64_t *ticket, coax_error *error);

/* Sends what waits in the batch and in connections, and tells the stack of errors. */
void coax_endpoint_flush(coax_endpoint *endpoint);

/* One turn of the loop: waits for the next thing to do, until `deadline` at the latest, and does it. */
enum coax_status coax_endpoint_turn(coax_endpoint *endpoint, coax_instant deadline, coax_error *error);

/* COAX_E_STATE: the loop, inside a callback. */
enum coax_status coax_endpoint_fail_nested(coax_error *error);

/* Logs a line if the program wants to hear. */
void coax_endpoint_log(coax_endpoint *endpoint, enum coax_log_level level, const char *format, ...) COAX_PRINTF(3, 4);

#endif
