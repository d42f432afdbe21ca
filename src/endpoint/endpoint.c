#include "endpoint/endpoint.h"

#include "base/error.h"
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

enum { EVENTS_AT_ONCE = 16, BATCHES_AT_ONCE = 8, RECORD_OVERHEAD = 64, DATAGRAM_MINIMUM = 2048 };

/* Marks the wake-up among the channels. */
static const uint32_t wake_mark = UINT32_MAX;

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

static enum coax_status watch(coax_endpoint *endpoint, int fd, uint32_t mark, coax_error *error) {
    struct epoll_event event = {.events = EPOLLIN, .data.u32 = mark};
    if (epoll_ctl(endpoint->poll_fd, EPOLL_CTL_ADD, fd, &event) != 0) {
        return coax_fail(error, COAX_E_IO, "epoll_ctl: %s", strerror(errno));
    }
    return COAX_OK;
}

enum coax_status coax_endpoint_new(coax_endpoint **result, const coax_endpoint_config *config, coax_error *error) {
    coax_endpoint *endpoint = calloc(1, sizeof *endpoint);
    if (endpoint == NULL) {
        return coax_fail_memory(error);
    }
    endpoint->poll_fd = epoll_create1(EPOLL_CLOEXEC);
    endpoint->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    const struct datagram_output output = {send_datagram, fill_random, endpoint};
    enum coax_status status = COAX_OK;
    if (endpoint->poll_fd < 0 || endpoint->wake_fd < 0) {
        status = coax_fail(error, COAX_E_IO, "Cannot open an event file descriptor: %s", strerror(errno));
    }
    if (status == COAX_OK) {
        status = coax_stack_new(&endpoint->stack, config, &output, read_clock(), error);
    }
    if (status == COAX_OK) {
        size_t size = (size_t)endpoint->stack->config.max_message_size + RECORD_OVERHEAD;
        endpoint->batch = coax_batch_new(size > DATAGRAM_MINIMUM ? size : DATAGRAM_MINIMUM);
        status =
            endpoint->batch == NULL ? coax_fail_memory(error) : watch(endpoint, endpoint->wake_fd, wake_mark, error);
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

void coax_endpoint_free(coax_endpoint *endpoint) {
    if (endpoint == NULL) {
        return;
    }
    if (endpoint->stack != NULL) {
        coax_endpoint_set_time(endpoint);
        coax_stack_free(endpoint->stack); /* its requests cancel their look-ups */
    }
    coax_resolver_free(endpoint->resolver);
    if (endpoint->batch != NULL) {
        coax_batch_send(endpoint->batch, endpoint->sockets, NULL, NULL);
    }
    for (uint32_t i = 0; i < endpoint->socket_count; i++) {
        close(endpoint->sockets[i].fd);
    }
    for (uint32_t i = 0; i < endpoint->listener_count; i++) {
        free(endpoint->listener_hosts[i]);
    }
    coax_batch_free(endpoint->batch);
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

enum coax_status coax_endpoint_add_socket(coax_endpoint *endpoint, const struct udp_socket *socket, uint32_t *channel,
                                          coax_error *error) {
    if (endpoint->socket_count == ENDPOINT_SOCKETS_MAXIMUM) {
        return coax_fail(error, COAX_E_LIMIT, "The endpoint has %d sockets already, as many as it can",
                         ENDPOINT_SOCKETS_MAXIMUM);
    }
    enum coax_status status = watch(endpoint, socket->fd, endpoint->socket_count, error);
    if (status == COAX_OK) {
        *channel = endpoint->socket_count++;
        endpoint->sockets[*channel] = *socket;
    }
    return status;
}

static void report_path_error(void *user, const struct path *path, int error_number) {
    coax_endpoint *endpoint = user;
    coax_error error;
    char text[80];
    enum coax_status status = coax_udp_status(error_number);
    coax_address_write(&path->remote, 0, text, sizeof text);
    if (status == COAX_E_REFUSED) {
        coax_fail(&error, status,
                  "Connection refused: nothing listens on UDP %s; check host and port, or start the server", text);
    } else if (status == COAX_E_UNREACHABLE) {
        coax_fail(&error, status, "%s cannot be reached: %s", text, strerror(error_number));
    } else {
        coax_fail(&error, status, "Sending to %s failed: %s", text, strerror(error_number));
    }
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

void coax_endpoint_flush(coax_endpoint *endpoint) {
    /* An error's report may send again, to the next address; the bound is against a loop of the two. */
    for (int i = 0; i < BATCHES_AT_ONCE && !coax_batch_is_empty(endpoint->batch); i++) {
        coax_batch_send(endpoint->batch, endpoint->sockets, report_path_error, endpoint);
    }
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
        struct udp_socket socket = endpoint->sockets[channel];
        if (coax_batch_receive(endpoint->batch, &socket, receive_datagram, &target) == 0) {
            break;
        }
        coax_endpoint_flush(endpoint);
    }
}

static void process_wake(coax_endpoint *endpoint) {
    uint64_t count;
    (void)!read(endpoint->wake_fd, &count, sizeof count);
    if (endpoint->resolver != NULL) {
        coax_resolver_take_answers(endpoint->resolver);
    }
}

static void process_events(coax_endpoint *endpoint, const struct epoll_event *events, int count) {
    for (int i = 0; i < count; i++) {
        uint32_t mark = events[i].data.u32;
        if (mark == wake_mark) {
            process_wake(endpoint);
            continue;
        }
        if ((events[i].events & EPOLLERR) != 0) {
            struct error_target target = {endpoint, mark};
            struct udp_socket socket = endpoint->sockets[mark];
            coax_udp_take_errors(&socket, report_network_error, &target);
        }
        if ((events[i].events & EPOLLIN) != 0) {
            process_socket(endpoint, mark);
        }
    }
}

static enum coax_status fail_nested(coax_error *error) {
    return coax_fail(error, COAX_E_STATE, "The endpoint's loop cannot run inside one of its callbacks");
}

enum coax_status coax_endpoint_process(coax_endpoint *endpoint, coax_error *error) {
    struct epoll_event events[EVENTS_AT_ONCE];
    if (endpoint->is_processing) {
        return fail_nested(error);
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
    endpoint->is_processing = false;
    return status;
}

int coax_endpoint_fd(const coax_endpoint *endpoint) {
    return endpoint->poll_fd;
}

int coax_endpoint_timeout_ms(const coax_endpoint *endpoint) {
    if (!coax_batch_is_empty(endpoint->batch)) {
        return 0;
    }
    coax_instant deadline = coax_stack_deadline(endpoint->stack);
    if (deadline == COAX_NEVER) {
        return -1;
    }
    coax_instant now = read_clock();
    uint64_t wait_ms = deadline <= now ? 0 : (deadline - now + COAX_MILLISECOND - 1) / COAX_MILLISECOND;
    return wait_ms > INT_MAX ? INT_MAX : (int)wait_ms;
}

enum coax_status coax_endpoint_run(coax_endpoint *endpoint, coax_error *error) {
    if (endpoint->is_processing) {
        return fail_nested(error);
    }
    while (!atomic_exchange(&endpoint->is_stopped, false)) {
        struct pollfd wait = {.fd = endpoint->poll_fd, .events = POLLIN};
        if (poll(&wait, 1, coax_endpoint_timeout_ms(endpoint)) < 0 && errno != EINTR) {
            return coax_fail(error, COAX_E_IO, "poll: %s", strerror(errno));
        }
        enum coax_status status = coax_endpoint_process(endpoint, error);
        if (status != COAX_OK) {
            return status;
        }
    }
    return COAX_OK;
}

void coax_endpoint_stop(coax_endpoint *endpoint) {
    const uint64_t one = 1;
    int saved = errno; /* it may run in a signal handler */
    atomic_store(&endpoint->is_stopped, true);
    (void)!write(endpoint->wake_fd, &one, sizeof one);
    errno = saved;
}
