/* Sockets that listen for connections. */
#ifndef COAX_ENDPOINT_STREAM_LISTEN_H
#define COAX_ENDPOINT_STREAM_LISTEN_H

#include "base/address.h"
#include "base/timer_heap.h"
#include "endpoint/watch.h"

/* While the system has no descriptor or memory for another connection, the listeners rest: those who want to connect
   wait in their queues, instead of having the loop turn for nothing. */
struct accept_rest {
    struct timer timer;
    bool is_under_way;
    bool was_told; /* once, until a connection was accepted again */
};

/* *result gets a non-blocking listening socket, *bound its address with the port. Where the system has no IPv6, the
   unspecified address becomes that of IPv4. COAX_E_IO with the reason. */
enum coax_status coax_stream_listen(int *result, const struct address *address, struct address *bound,
                                    coax_error *error);

/* The same of a socket that somebody else bound. COAX_E_INVALID if it is none that listens for TCP. */
enum coax_status coax_stream_listen_adopt(int fd, struct address *bound, coax_error *error);

/* A listener's `ready`: accepts connections. */
void coax_listener_ready(struct coax_endpoint *endpoint, struct watch *watch, uint32_t events);

/* COAX_E_NO_MEMORY. */
enum coax_status coax_listeners_init(struct coax_endpoint *endpoint);

/* Ends the listeners' rest, if they rest. */
void coax_listeners_resume(struct coax_endpoint *endpoint);

#endif
