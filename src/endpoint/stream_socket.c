#include "endpoint/stream_socket.h"

#include "base/error.h"
#include "endpoint/endpoint.h"
#include "endpoint/stream_listen.h"
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

/* READS_AT_ONCE: the others' turn comes after it. LINGER_BYTES: as large as any setting lets a message be, so that a
   peer that is in the midst of one gets to read why it is refused; LINGER_MS ends it first for who sends slowly. */
enum { READS_AT_ONCE = 4, LINGER_MS = 2000, LINGER_BYTES = 16 * 1024 * 1024, LINGERING_MAXIMUM = 256 };

/* Small messages are not to wait for the acknowledgement of those before them. And what a peer does not read is to wait
   here, where it is bounded for all together, and not in the system, which would take megabytes for each. */
void coax_stream_socket_tune(int fd) {
    const int on = 1, unsent_maximum = 128 * 1024;
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &unsent_maximum, sizeof unsent_maximum);
}

static struct stream_socket *stream_of(struct watch *watch) {
    return COAX_CONTAINER(watch, struct stream_socket, watch);
}

static bool reads(const struct stream_socket *stream) {
    return stream->connection != NULL && !stream->is_deaf && !stream->has_ended;
}

static void update_events(coax_endpoint *endpoint, struct stream_socket *stream) {
    bool is_lingering = list_contains_node(&stream->lingering);
    bool takes_input = is_lingering || (!stream->is_deaf && !stream->has_ended);
    bool waits_for_room = stream->is_blocked && !is_lingering;
    uint32_t events = (takes_input ? EPOLLIN : 0U) | (waits_for_room ? EPOLLOUT : 0U);
    if (events != stream->events) {
        stream->events = events;
        coax_watch_change(endpoint, &stream->watch, stream->fd, events);
    }
}

static void discard(coax_endpoint *endpoint, struct stream_socket *stream) {
    if (list_contains_node(&stream->lingering)) {
        list_remove(&stream->lingering);
        endpoint->lingering.count--;
    }
    close(stream->fd);
    coax_watch_bury(endpoint, &stream->watch);
    coax_listeners_resume(endpoint); /* there is room for another one */
}

/* --- lingering --- */

static struct stream_socket *oldest_lingering(const coax_endpoint *endpoint) {
    struct list_node *node = list_first(&endpoint->lingering.list);
    return node == NULL ? NULL : COAX_CONTAINER(node, struct stream_socket, lingering);
}

static void schedule_lingering(coax_endpoint *endpoint) {
    const struct stream_socket *oldest = oldest_lingering(endpoint);
    /* It is always armed, so that moving it needs no memory. */
    (void)coax_timer_arm(&endpoint->stack->timers, &endpoint->lingering.timer,
                         oldest == NULL ? COAX_NEVER : oldest->linger_until);
}

static void lingered_long_enough(struct timer *timer, coax_instant now) {
    coax_endpoint *endpoint = COAX_CONTAINER(timer, coax_endpoint, lingering.timer);
    struct stream_socket *oldest;
    while ((oldest = oldest_lingering(endpoint)) != NULL && oldest->linger_until <= now) {
        discard(endpoint, oldest);
    }
    schedule_lingering(endpoint);
}

/* Throws away what came; false when nothing more is to come, or it is enough. */
static bool drain(coax_endpoint *endpoint, struct stream_socket *stream) {
    for (int i = 0; i < READS_AT_ONCE; i++) {
        ssize_t size = recv(stream->fd, endpoint->input, sizeof endpoint->input, MSG_DONTWAIT);
        if (size <= 0) {
            return size < 0 && (errno == EAGAIN || errno == EINTR);
        }
        stream->discarded += (uint32_t)size;
        if (stream->discarded >= LINGER_BYTES) {
            return false;
        }
    }
    return true;
}

/* Ends our half; false if the socket can be closed at once. */
static bool linger(coax_endpoint *endpoint, struct stream_socket *stream) {
    bool is_over = shutdown(stream->fd, SHUT_WR) != 0 || !drain(endpoint, stream);
    if (is_over || endpoint->is_closing) {
        return false;
    }
    if (endpoint->lingering.count == LINGERING_MAXIMUM) {
        discard(endpoint, oldest_lingering(endpoint));
    }
    stream->linger_until = coax_instant_after_ms(endpoint->stack->now, LINGER_MS);
    list_append(&endpoint->lingering.list, &stream->lingering);
    endpoint->lingering.count++;
    update_events(endpoint, stream);
    schedule_lingering(endpoint);
    return true;
}

enum coax_status coax_streams_init(coax_endpoint *endpoint) {
    endpoint->lingering.timer.fire = lingered_long_enough;
    return coax_timer_arm(&endpoint->stack->timers, &endpoint->lingering.timer, COAX_NEVER);
}

void coax_streams_free(coax_endpoint *endpoint) {
    struct stream_socket *stream;
    while ((stream = oldest_lingering(endpoint)) != NULL) {
        (void)drain(endpoint, stream);
        discard(endpoint, stream);
    }
}

/* --- what happens to a stream --- */

static void tell_broken(struct stream_socket *stream, int error_number) {
    coax_error error;
    char text[80];
    coax_address_write(&stream->remote, 0, text, sizeof text);
    if (coax_network_status(error_number) == COAX_E_UNREACHABLE) {
        coax_network_error(&error, "TCP", &stream->remote, error_number);
    } else if (error_number == ECONNRESET || error_number == EPIPE) {
        coax_fail(&error, COAX_E_LOST, "The connection to %s was reset by the peer", text);
    } else if (error_number == ETIMEDOUT) {
        coax_fail(&error, COAX_E_LOST, "The connection to %s was given up: nothing arrives there any more", text);
    } else {
        coax_fail(&error, COAX_E_LOST, "The connection to %s broke: %s", text, strerror(error_number));
    }
    coax_connection_broken(stream->connection, &error);
}

static int take_error(const struct stream_socket *stream) {
    int error_number = 0;
    socklen_t size = sizeof error_number;
    if (stream->error_number != 0) {
        return stream->error_number;
    }
    (void)getsockopt(stream->fd, SOL_SOCKET, SO_ERROR, &error_number, &size);
    return error_number != 0 ? error_number : ECONNRESET;
}

static void take_end(struct stream_socket *stream) {
    stream->has_ended = true;
    if (stream->error_number != 0) { /* the system tells an error once: writing had it */
        tell_broken(stream, stream->error_number);
    } else {
        coax_connection_receive_end(stream->connection);
    }
}

static void take_input(coax_endpoint *endpoint, struct stream_socket *stream) {
    for (int i = 0; i < READS_AT_ONCE && reads(stream); i++) {
        ssize_t size = recv(stream->fd, endpoint->input, sizeof endpoint->input, MSG_DONTWAIT);
        if (size > 0) {
            coax_connection_receive(stream->connection, endpoint->input, (size_t)size);
        } else if (size == 0) {
            take_end(stream);
        } else if (errno != EAGAIN && errno != EINTR) {
            tell_broken(stream, errno);
        }
        if (size < (ssize_t)sizeof endpoint->input) {
            break; /* it was all, or epoll says it again */
        }
    }
}

static void stream_ready(coax_endpoint *endpoint, struct watch *watch, uint32_t events) {
    struct stream_socket *stream = stream_of(watch);
    const uint32_t failures = EPOLLERR | EPOLLHUP;
    if (stream->connection == NULL) {
        if (!drain(endpoint, stream)) {
            discard(endpoint, stream);
        }
        return;
    }
    if ((events & EPOLLOUT) != 0 && stream->error_number == 0) {
        stream->is_blocked = false;
        coax_connection_writable(stream->connection);
    }
    bool has_failed = (events & failures) != 0 || stream->error_number != 0;
    if ((events & EPOLLIN) != 0 && reads(stream)) {
        take_input(endpoint, stream); /* it meets the failure, behind what came before it */
    } else if (has_failed && stream->connection != NULL) {
        tell_broken(stream, take_error(stream));
    }
    if (stream->connection != NULL) {
        update_events(endpoint, stream);
    }
}

enum coax_status coax_stream_socket_new(struct stream_socket **result, coax_endpoint *endpoint, int fd,
                                        const struct address *remote, coax_error *error) {
    struct stream_socket *stream = calloc(1, sizeof *stream);
    if (stream == NULL) {
        return coax_fail_memory(error);
    }
    *stream = (struct stream_socket){
        .watch = {.ready = stream_ready},
        .fd = fd,
        .events = EPOLLIN,
        .remote = *remote,
    };
    enum coax_status status = coax_watch_start(endpoint, &stream->watch, fd, stream->events, error);
    if (status != COAX_OK) {
        free(stream);
        return status;
    }
    *result = stream;
    return COAX_OK;
}

/* --- what the connection wants --- */

size_t coax_stream_socket_write(void *user, void *link, const uint8_t *data, size_t size) {
    struct stream_socket *stream = link;
    if (stream->is_blocked || stream->error_number != 0) {
        return 0;
    }
    ssize_t sent = send(stream->fd, data, size, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent < 0 && errno != EAGAIN && errno != EINTR) {
        stream->error_number = errno; /* told by the next event, not within this call */
    }
    size_t taken = sent < 0 ? 0 : (size_t)sent;
    if (taken < size) {
        stream->is_blocked = true;
        update_events(user, stream);
    }
    return taken;
}

void coax_stream_socket_want_input(void *user, void *link, bool wanted) {
    struct stream_socket *stream = link;
    stream->is_deaf = !wanted;
    update_events(user, stream);
}

void coax_stream_socket_close(void *user, void *link, bool reset) {
    coax_endpoint *endpoint = user;
    struct stream_socket *stream = link;
    stream->connection = NULL;
    if (reset) {
        const struct linger at_once = {.l_onoff = 1, .l_linger = 0};
        (void)setsockopt(stream->fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    } else if (!stream->has_ended && linger(endpoint, stream)) {
        return;
    }
    discard(endpoint, stream);
}
