/* TCP sockets under connections: reading, writing, closing so that what was written arrives. */
#ifndef COAX_ENDPOINT_STREAM_SOCKET_H
#define COAX_ENDPOINT_STREAM_SOCKET_H

#include "base/address.h"
#include "base/list.h"
#include "base/timer_heap.h"
#include "endpoint/watch.h"

struct connection;

enum { STREAM_INPUT_SIZE = 16 * 1024 };

/* The sockets that are over, but stay until the peer has ended its half, too, or for a short while: closing one with
   input unread would have the system send a reset, which may destroy at the peer what was said to it last. */
struct lingering_streams {
    struct list_node list; /* the oldest first */
    uint32_t count;
    struct timer timer;
};

struct stream_socket {
    struct watch watch; /* first: it is freed as that */
    int fd;
    uint32_t events;               /* what is watched for */
    struct connection *connection; /* NULL: over, see above */
    struct address remote;
    bool is_deaf;     /* no input is wanted */
    bool has_ended;   /* the peer ended its half */
    bool is_blocked;  /* the system took less than there was */
    int error_number; /* that writing met; told once the input is read that came before it */
    struct list_node lingering;
    coax_instant linger_until;
    uint32_t discarded; /* bytes, while lingering */
};

/* COAX_E_NO_MEMORY. */
enum coax_status coax_streams_init(struct coax_endpoint *endpoint);
/* Closes those that linger; the others are gone with their connections. */
void coax_streams_free(struct coax_endpoint *endpoint);

/* Before connecting, or on a listening socket, whose connections inherit it. */
void coax_stream_socket_tune(int fd);

/* A connected, non-blocking socket, watched for input; its owner sets `connection`. The endpoint owns the fd on
   success. COAX_E_NO_MEMORY, COAX_E_IO. */
enum coax_status coax_stream_socket_new(struct stream_socket **result, struct coax_endpoint *endpoint, int fd,
                                        const struct address *remote, coax_error *error);

/* For struct stream_output; `link` is a stream_socket, `user` the endpoint. */
size_t coax_stream_socket_write(void *user, void *link, const uint8_t *data, size_t size);
void coax_stream_socket_want_input(void *user, void *link, bool wanted);
void coax_stream_socket_close(void *user, void *link, bool reset);

#endif
