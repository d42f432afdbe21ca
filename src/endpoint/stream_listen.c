#include "endpoint/stream_listen.h"

#include "base/error.h"
#include "endpoint/endpoint.h"
#include "endpoint/socket_address.h"
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

enum { ACCEPTED_AT_ONCE = 32, REST_MS = 100 };

static enum coax_status listen_on(int fd, const struct address *address, bool is_ip4, struct address *bound,
                                  coax_error *error) {
    const int on = 1, off = 0;
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on); /* connections of before may still be closing */
    if (!is_ip4 && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off) != 0) {
        return coax_fail(error, COAX_E_IO, "A TCP socket refused an option: %s", strerror(errno));
    }
    coax_stream_socket_tune(fd);
    enum coax_status status = coax_socket_bind(fd, "TCP", address, is_ip4, bound, error);
    if (status == COAX_OK && listen(fd, SOMAXCONN) != 0) {
        return coax_socket_fail_listen("TCP", bound, errno, error);
    }
    return status;
}

enum coax_status coax_stream_listen(int *result, const struct address *address, struct address *bound,
                                    coax_error *error) {
    bool is_ip4;
    int fd = coax_socket_open(SOCK_STREAM, address, &is_ip4);
    if (fd < 0) {
        return coax_fail(error, COAX_E_IO, "Cannot open a TCP socket: %s", strerror(errno));
    }
    enum coax_status status = listen_on(fd, address, is_ip4, bound, error);
    if (status != COAX_OK) {
        close(fd);
        return status;
    }
    *result = fd;
    return COAX_OK;
}

enum coax_status coax_stream_listen_adopt(int fd, struct address *bound, coax_error *error) {
    bool is_ip4;
    enum coax_status status = coax_socket_adopt(fd, SOCK_STREAM, &is_ip4, bound, error);
    if (status == COAX_OK) {
        coax_stream_socket_tune(fd);
    }
    return status;
}

/* --- resting --- */

static void watch_listeners(coax_endpoint *endpoint, uint32_t events) {
    for (uint32_t i = 0; i < endpoint->listener_count; i++) {
        struct listener *listener = &endpoint->listeners[i];
        if (listener->fd >= 0) {
            coax_watch_change(endpoint, &listener->watch, listener->fd, events);
        }
    }
}

/* The timer is always armed, so that moving it needs no memory. */
static void set_rest(coax_endpoint *endpoint, bool is_under_way, coax_instant until) {
    endpoint->accept_rest.is_under_way = is_under_way;
    (void)coax_timer_arm(&endpoint->stack->timers, &endpoint->accept_rest.timer, until);
    watch_listeners(endpoint, is_under_way ? 0 : EPOLLIN);
}

static void rest(coax_endpoint *endpoint, int reason) {
    if (!endpoint->accept_rest.was_told) {
        endpoint->accept_rest.was_told = true;
        coax_endpoint_log(endpoint, COAX_LOG_WARNING,
                          "No more connections can be accepted now: %s; raise the limit of open files, or lower "
                          "max_connections",
                          strerror(reason));
    }
    set_rest(endpoint, true, coax_instant_after_ms(endpoint->stack->now, REST_MS));
}

void coax_listeners_resume(coax_endpoint *endpoint) {
    if (endpoint->accept_rest.is_under_way && !endpoint->is_closing) {
        set_rest(endpoint, false, COAX_NEVER);
    }
}

static void rested(struct timer *timer, coax_instant now) {
    (void)now;
    coax_endpoint *endpoint = COAX_CONTAINER(timer, coax_endpoint, accept_rest.timer);
    set_rest(endpoint, false, COAX_NEVER);
}

enum coax_status coax_listeners_init(coax_endpoint *endpoint) {
    endpoint->accept_rest.timer.fire = rested;
    return coax_timer_arm(&endpoint->stack->timers, &endpoint->accept_rest.timer, COAX_NEVER);
}

/* --- accepting --- */

static void take_connection(coax_endpoint *endpoint, const struct listener *listener, int fd,
                            const struct sockaddr_storage *from) {
    struct address remote, local = listener->bound;
    struct sockaddr_storage storage;
    socklen_t size = sizeof storage;
    struct stream_socket *stream;
    coax_error error;
    coax_sockaddr_read(&remote, from);
    if (getsockname(fd, (struct sockaddr *)&storage, &size) == 0) {
        coax_sockaddr_read(&local, &storage);
    }
    enum coax_status status = coax_stream_socket_new(&stream, endpoint, fd, &remote, &error);
    if (status == COAX_OK) {
        status = coax_stream_accept(&endpoint->stack->streams, listener->scheme, stream, &remote, &local,
                                    &stream->connection, &error);
        if (status != COAX_OK) {
            coax_watch_bury(endpoint, &stream->watch);
        }
    }
    if (status != COAX_OK) {
        char text[80];
        close(fd);
        coax_address_write(&remote, 0, text, sizeof text);
        coax_endpoint_log(endpoint, COAX_LOG_WARNING, "%s: a connection was refused: %s", text, error.text);
    }
}

/* What accept4 says of a connection that is gone again, or of the network behind it, is no reason to stop. */
static bool is_shortage(int error_number) {
    return error_number == EMFILE || error_number == ENFILE || error_number == ENOBUFS || error_number == ENOMEM;
}

void coax_listener_ready(coax_endpoint *endpoint, struct watch *watch, uint32_t events) {
    (void)events;
    const struct listener *listener = COAX_CONTAINER(watch, struct listener, watch);
    for (int i = 0; i < ACCEPTED_AT_ONCE; i++) {
        struct sockaddr_storage from = {.ss_family = AF_UNSPEC};
        socklen_t size = sizeof from;
        int fd = accept4(listener->fd, (struct sockaddr *)&from, &size, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0) {
            endpoint->accept_rest.was_told = false;
            take_connection(endpoint, listener, fd, &from);
        } else if (is_shortage(errno)) {
            rest(endpoint, errno);
            break;
        } else if (errno == EAGAIN) {
            break;
        }
    }
}
