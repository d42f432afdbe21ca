#include "endpoint/endpoint.h"

#include "base/error.h"
#include "endpoint/shards.h"
#include "endpoint/stream_open.h"
#include <errno.h>
#include <gnutls/crypto.h>
#include <limits.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

enum { EVENTS_AT_ONCE = 64, BATCHES_AT_ONCE = 8, RECORD_OVERHEAD = 64, DATAGRAM_MINIMUM = 2048, POSTS = 256 };

static coax_instant read_clock(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (coax_instant)now.tv_sec * COAX_SECOND + (coax_instant)now.tv_nsec;
}

void coax_endpoint_set_time(coax_endpoint *endpoint) {
    coax_stack_set_time(endpoint->stack, read_clock());
}

void coax_endpoint_log(coax_endpoint *endpoint, enum coax_log_level level, const char *format, ...) {
    const coax_endpoint_config *config = &endpoint->stack->config;
    if (config->log == NULL) {
        return;
    }
    char text[512];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    config->log(level, text, config->user);
}

static void fill_random(void *user, void *out, size_t size) {
    (void)user;
    /* It fails only when the system has no randomness to give: nothing safe can be done then. */
    if (gnutls_rnd(GNUTLS_RND_NONCE, out, size) != 0) {
        abort();
    }
}

static void send_datagram(void *user, const struct path *path, const uint8_t *data, size_t size) {
    coax_endpoint *endpoint = user;
    if (!coax_batch_add(endpoint->batch, path, data, size)) {
        coax_batch_send(endpoint->batch, endpoint->sockets, NULL, NULL);
        (void)coax_batch_add(endpoint->batch, path, data, size);
    }
}

struct posted {
    coax_posted_call *call;
    void *user;
};

enum coax_status coax_endpoint_post(coax_endpoint *endpoint, coax_posted_call *call, void *user) {
    const struct posted posted = {call, user};
    if (!coax_mailbox_put(&endpoint->calls, bytes_of(&posted, sizeof posted), bytes_of(NULL, 0))) {
        return COAX_E_LIMIT;
    }
    coax_endpoint_wake(endpoint);
    return COAX_OK;
}

/* What these calls post in turn waits for the next round. */
static void take_calls(coax_endpoint *endpoint) {
    struct bytes letter;
    for (int i = 0; coax_mailbox_take(&endpoint->calls, &letter); i++) {
        if (i == POSTS) {
            coax_endpoint_wake(endpoint);
            return;
        }
        struct posted posted;
        memcpy(&posted, letter.data, sizeof posted);
        coax_mailbox_done(&endpoint->calls);
        posted.call(endpoint, posted.user);
    }
}

static void wake_ready(coax_endpoint *endpoint, struct watch *watch, uint32_t events) {
    uint64_t count;
    (void)watch;
    (void)events;
    (void)!read(endpoint->wake_fd, &count, sizeof count);
    if (endpoint->resolver != NULL) {
        coax_resolver_take_answers(endpoint->resolver);
    }
    take_calls(endpoint);
    coax_shards_take_foreign(endpoint);
}

static void enter(void *user) {
    coax_endpoint_set_time(user);
}

static enum coax_status set_up(coax_endpoint *endpoint, const coax_endpoint_config *config, coax_error *error) {
    const struct datagram_output datagrams = {send_datagram, fill_random, endpoint};
    const struct stream_output streams = {
        .open = coax_stream_open,
        .cancel_open = coax_stream_cancel_open,
        .write = coax_stream_socket_write,
        .want_input = coax_stream_socket_want_input,
        .close = coax_stream_socket_close,
        .random = fill_random,
        .user = endpoint,
    };
    enum coax_status status = coax_stack_new(&endpoint->stack, config, &datagrams, &streams, read_clock(), error);
    if (status != COAX_OK) {
        return status;
    }
    coax_stack_on_entry(endpoint->stack, enter, endpoint);
    size_t size = (size_t)endpoint->stack->config.max_message_size + RECORD_OVERHEAD;
    endpoint->datagram_size = size > DATAGRAM_MINIMUM ? size : DATAGRAM_MINIMUM;
    endpoint->batch = coax_batch_new(endpoint->datagram_size);
    if (endpoint->batch == NULL || coax_mailbox_init(&endpoint->calls, POSTS, sizeof(struct posted)) != COAX_OK
        || coax_streams_init(endpoint) != COAX_OK || coax_listeners_init(endpoint) != COAX_OK) {
        return coax_fail_memory(error);
    }
    return coax_watch_start(endpoint, &endpoint->wake, endpoint->wake_fd, EPOLLIN, error);
}

enum coax_status coax_endpoint_new(coax_endpoint **result, const coax_endpoint_config *config, coax_error *error) {
    coax_endpoint *endpoint = calloc(1, sizeof *endpoint);
    if (endpoint == NULL) {
        return coax_fail_memory(error);
    }
    endpoint->poll_fd = epoll_create1(EPOLL_CLOEXEC);
    endpoint->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    endpoint->wake.ready = wake_ready;
    list_init(&endpoint->lingering.list);
    enum coax_status status = COAX_OK;
    if (endpoint->poll_fd < 0 || endpoint->wake_fd < 0) {
        status = coax_fail(error, COAX_E_IO, "Cannot open an event file descriptor: %s", strerror(errno));
    }
    if (status == COAX_OK) {
        status = set_up(endpoint, config, error);
    }
    if (status != COAX_OK) {
        coax_endpoint_free(endpoint);
        return status;
    }
    *result = endpoint;
    return COAX_OK;
}

static void close_fd(int fd) {
    if (fd >= 0) {
        close(fd);
    }
}

static void close_sockets(coax_endpoint *endpoint) {
    for (uint32_t i = 0; i < endpoint->socket_count; i++) {
        close(endpoint->sockets[i].fd);
    }
    for (uint32_t i = 0; i < endpoint->listener_count; i++) {
        close_fd(endpoint->listeners[i].fd);
        free(endpoint->listeners[i].host);
    }
}

void coax_endpoint_free(coax_endpoint *endpoint) {
    if (endpoint == NULL) {
        return;
    }
    endpoint->is_closing = true;
    if (endpoint->stack != NULL) {
        coax_endpoint_set_time(endpoint);
        coax_stack_free(endpoint->stack); /* its requests and connections cancel their look-ups */
    }
    coax_streams_free(endpoint);
    coax_resolver_free(endpoint->resolver);
    if (endpoint->batch != NULL) {
        coax_batch_send(endpoint->batch, endpoint->sockets, NULL, NULL);
    }
    close_sockets(endpoint);
    coax_watch_free_buried(endpoint);
    coax_batch_free(endpoint->batch);
    coax_mailbox_free(&endpoint->calls);
    coax_mailbox_free(&endpoint->foreign);
    close_fd(endpoint->wake_fd);
    close_fd(endpoint->poll_fd);
    free(endpoint);
}

coax_credentials *coax_endpoint_credentials(coax_endpoint *endpoint) {
    return endpoint->stack->credentials;
}

coax_site *coax_endpoint_site(coax_endpoint *endpoint) {
    return endpoint->stack->site;
}

enum coax_status coax_endpoint_check_sockets(const coax_endpoint *endpoint, coax_error *error) {
    uint32_t count = endpoint->socket_count;
    for (uint32_t i = 0; i < endpoint->listener_count; i++) {
        count += endpoint->listeners[i].fd >= 0;
    }
    return count < ENDPOINT_SOCKETS_MAXIMUM
               ? COAX_OK
               : coax_fail(error, COAX_E_LIMIT, "The endpoint has %d sockets already, as many as it can",
                           ENDPOINT_SOCKETS_MAXIMUM);
}

enum coax_status coax_endpoint_look_up(coax_endpoint *endpoint, const char *host, uint16_t port,
                                       resolver_callback *callback, void *user, uint64_t *ticket, coax_error *error) {
    if (endpoint->resolver == NULL) {
        endpoint->resolver = coax_resolver_new(endpoint->wake_fd);
        if (endpoint->resolver == NULL) {
            return coax_fail_memory(error);
        }
    }
    return coax_resolver_ask(endpoint->resolver, host, port, callback, user, ticket, error);
}

static void report_path_error(void *user, const struct path *path, int error_number) {
    coax_endpoint *endpoint = user;
    coax_error error;
    coax_network_error(&error, "UDP", &path->remote, error_number);
    coax_stack_unreachable(endpoint->stack, path, &error);
}

struct error_target {
    coax_endpoint *endpoint;
    uint32_t channel;
};

static void report_network_error(void *user, const struct path *path, int error_number) {
    const struct error_target *target = user;
    struct path full = *path;
    full.channel = target->channel;
    report_path_error(target->endpoint, &full, error_number);
}

static void flush_datagrams(coax_endpoint *endpoint) {
    /* An error's report may send again, to the next address; the bound is against a loop of the two. */
    for (int i = 0; i < BATCHES_AT_ONCE && !coax_batch_is_empty(endpoint->batch); i++) {
        coax_batch_send(endpoint->batch, endpoint->sockets, report_path_error, endpoint);
    }
}

void coax_endpoint_flush(coax_endpoint *endpoint) {
    if (stream_wants_flush(&endpoint->stack->streams)) {
        coax_stream_flush(&endpoint->stack->streams);
    }
    flush_datagrams(endpoint);
}

static void receive_datagram(void *user, struct path *path, const uint8_t *data, size_t size) {
    const struct error_target *target = user;
    const struct udp_socket *socket = &target->endpoint->sockets[target->channel];
    path->channel = target->channel;
    coax_stack_receive(target->endpoint->stack, path, socket->secure, socket->listening, data, size);
}

static void process_socket(coax_endpoint *endpoint, uint32_t channel) {
    struct error_target target = {endpoint, channel};
    for (int i = 0; i < BATCHES_AT_ONCE; i++) {
        if (coax_batch_receive(endpoint->batch, &endpoint->sockets[channel], receive_datagram, &target) == 0) {
            break;
        }
        flush_datagrams(endpoint);
    }
}

static void socket_ready(coax_endpoint *endpoint, struct watch *watch, uint32_t events) {
    const struct udp_socket *socket = COAX_CONTAINER(watch, struct udp_socket, watch);
    uint32_t channel = (uint32_t)(socket - endpoint->sockets);
    if ((events & EPOLLERR) != 0) {
        struct error_target target = {endpoint, channel};
        coax_udp_take_errors(socket, report_network_error, &target);
    }
    if ((events & EPOLLIN) != 0) {
        process_socket(endpoint, channel);
    }
}

enum coax_status coax_endpoint_add_socket(coax_endpoint *endpoint, const struct udp_socket *socket, uint32_t *channel,
                                          coax_error *error) {
    enum coax_status status = coax_endpoint_check_sockets(endpoint, error);
    if (status != COAX_OK) {
        return status;
    }
    struct udp_socket *added = &endpoint->sockets[endpoint->socket_count];
    *added = *socket;
    added->watch.ready = socket_ready;
    status = coax_watch_start(endpoint, &added->watch, added->fd, EPOLLIN, error);
    if (status == COAX_OK) {
        *channel = endpoint->socket_count++;
    }
    return status;
}

static void process_events(coax_endpoint *endpoint, const struct epoll_event *events, int count) {
    for (int i = 0; i < count; i++) {
        struct watch *watch = events[i].data.ptr;
        if (watch->ready != NULL) {
            watch->ready(endpoint, watch, events[i].events);
        }
    }
}

enum coax_status coax_endpoint_fail_nested(coax_error *error) {
    return coax_fail(error, COAX_E_STATE, "The endpoint's loop cannot run inside one of its callbacks");
}

enum coax_status coax_endpoint_process(coax_endpoint *endpoint, coax_error *error) {
    struct epoll_event events[EVENTS_AT_ONCE];
    if (endpoint->is_processing) {
        return coax_endpoint_fail_nested(error);
    }
    endpoint->is_processing = true;
    coax_endpoint_set_time(endpoint);
    coax_endpoint_flush(endpoint);
    int count = epoll_wait(endpoint->poll_fd, events, EVENTS_AT_ONCE, 0);
    bool failed = count < 0 && errno != EINTR;
    enum coax_status status =
        failed ? coax_fail(error, COAX_E_IO, "Waiting for sockets failed: %s", strerror(errno)) : COAX_OK;
    if (!failed) {
        process_events(endpoint, events, count);
        coax_stack_run(endpoint->stack);
        coax_endpoint_flush(endpoint);
    }
    coax_watch_free_buried(endpoint);
    endpoint->is_processing = false;
    return status;
}

int coax_endpoint_fd(const coax_endpoint *endpoint) {
    return endpoint->poll_fd;
}

static int timeout_until(const coax_endpoint *endpoint, coax_instant limit) {
    if (!coax_batch_is_empty(endpoint->batch) || stream_wants_flush(&endpoint->stack->streams)) {
        return 0;
    }
    coax_instant deadline = coax_stack_deadline(endpoint->stack);
    deadline = deadline < limit ? deadline : limit;
    if (deadline == COAX_NEVER) {
        return -1;
    }
    coax_instant now = read_clock();
    uint64_t wait_ms = deadline <= now ? 0 : (deadline - now + COAX_MILLISECOND - 1) / COAX_MILLISECOND;
    return wait_ms > INT_MAX ? INT_MAX : (int)wait_ms;
}

int coax_endpoint_timeout_ms(const coax_endpoint *endpoint) {
    return timeout_until(endpoint, COAX_NEVER);
}

enum coax_status coax_endpoint_turn(coax_endpoint *endpoint, coax_instant deadline, coax_error *error) {
    struct pollfd wait = {.fd = endpoint->poll_fd, .events = POLLIN};
    if (poll(&wait, 1, timeout_until(endpoint, deadline)) < 0 && errno != EINTR) {
        return coax_fail(error, COAX_E_IO, "poll: %s", strerror(errno));
    }
    return coax_endpoint_process(endpoint, error);
}

enum coax_status coax_endpoint_run(coax_endpoint *endpoint, coax_error *error) {
    if (endpoint->is_processing) {
        return coax_endpoint_fail_nested(error);
    }
    enum coax_status status = COAX_OK;
    while (status == COAX_OK && !atomic_exchange(&endpoint->is_stopped, false)) {
        status = coax_endpoint_turn(endpoint, COAX_NEVER, error);
    }
    return status;
}

void coax_endpoint_wake(coax_endpoint *endpoint) {
    const uint64_t one = 1;
    int saved = errno; /* it may run in a signal handler */
    (void)!write(endpoint->wake_fd, &one, sizeof one);
    errno = saved;
}

void coax_endpoint_stop(coax_endpoint *endpoint) {
    atomic_store(&endpoint->is_stopped, true);
    coax_endpoint_wake(endpoint);
}
