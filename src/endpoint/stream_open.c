#include "endpoint/stream_open.h"

#include "base/error.h"
#include "endpoint/destination.h"
#include "endpoint/endpoint.h"
#include "endpoint/socket_address.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

/* How long an address may take to answer while there are others to try. The last one has the connection's own deadline.
 */
enum { PATIENCE_MS = 2000 };

struct dial {
    struct watch watch; /* first: it is freed as that */
    coax_endpoint *endpoint;
    struct connection *connection;
    struct timer timer; /* armed all the time, so that moving it needs no memory */
    struct resolver_answer addresses;
    unsigned next_address;
    uint64_t ticket;
    bool is_resolving;
    int fd;           /* -1: none is connecting */
    coax_error error; /* what to tell when no address is left */
};

static void set_timer(struct dial *dial, coax_instant deadline) {
    (void)coax_timer_arm(&dial->endpoint->stack->timers, &dial->timer, deadline);
}

static void give_up_address(struct dial *dial) {
    if (dial->fd >= 0) {
        close(dial->fd);
        dial->fd = -1;
    }
}

static void finish(struct dial *dial) {
    if (dial->is_resolving) {
        coax_resolver_cancel(dial->endpoint->resolver, dial->ticket);
    }
    give_up_address(dial);
    coax_timer_disarm(&dial->endpoint->stack->timers, &dial->timer);
    coax_connection_set_opener(dial->connection, NULL);
    coax_watch_bury(dial->endpoint, &dial->watch);
}

static void fail(struct dial *dial) {
    struct connection *connection = dial->connection;
    coax_error error = dial->error;
    finish(dial);
    coax_connection_failed(connection, &error);
}

/* Of several failures the most telling one is kept: that somebody is there, but does not listen; else the first. */
static void note_failure(struct dial *dial, int error_number) {
    if (dial->error.status == COAX_OK || coax_network_status(error_number) == COAX_E_REFUSED) {
        coax_network_error(&dial->error, "TCP", &dial->addresses.addresses[dial->next_address - 1], error_number);
    }
}

/* Returns an errno. */
static int begin_connect(struct dial *dial, const struct address *address) {
    struct sockaddr_storage storage;
    bool is_ip4;
    dial->fd = coax_socket_open(SOCK_STREAM, address, &is_ip4);
    if (dial->fd < 0) {
        return errno;
    }
    coax_stream_socket_tune(dial->fd);
    socklen_t size = coax_sockaddr_write(&storage, address, is_ip4);
    if (connect(dial->fd, (struct sockaddr *)&storage, size) != 0 && errno != EINPROGRESS) {
        return errno;
    }
    return coax_watch_start(dial->endpoint, &dial->watch, dial->fd, EPOLLOUT, NULL) == COAX_OK ? 0 : ENOMEM;
}

/* Begins to connect to the next address; false if none is left. */
static bool connect_next(struct dial *dial) {
    while (dial->next_address < dial->addresses.count) {
        int reason = begin_connect(dial, &dial->addresses.addresses[dial->next_address++]);
        if (reason == 0) {
            bool is_last = dial->next_address == dial->addresses.count;
            set_timer(dial, is_last ? COAX_NEVER : coax_instant_after_ms(dial->endpoint->stack->now, PATIENCE_MS));
            return true;
        }
        give_up_address(dial);
        note_failure(dial, reason);
    }
    return false;
}

static void try_next(struct dial *dial, int error_number) {
    give_up_address(dial);
    note_failure(dial, error_number);
    if (!connect_next(dial)) {
        fail(dial);
    }
}

static void had_its_time(struct timer *timer, coax_instant now) {
    (void)now;
    struct dial *dial = COAX_CONTAINER(timer, struct dial, timer);
    set_timer(dial, COAX_NEVER);
    if (dial->fd < 0) {
        fail(dial); /* it failed at once, which could not be told at once */
    } else {
        try_next(dial, ETIMEDOUT);
    }
}

static void read_name(int fd, int (*ask)(int, struct sockaddr *, socklen_t *), struct address *address) {
    struct sockaddr_storage storage = {.ss_family = AF_UNSPEC};
    socklen_t size = sizeof storage;
    (void)ask(fd, (struct sockaddr *)&storage, &size);
    coax_sockaddr_read(address, &storage);
}

static void hand_over(struct dial *dial, const struct address *local) {
    struct connection *connection = dial->connection;
    const struct address remote = dial->addresses.addresses[dial->next_address - 1];
    struct stream_socket *stream;
    if (coax_stream_socket_new(&stream, dial->endpoint, dial->fd, &remote, &dial->error) != COAX_OK) {
        fail(dial);
        return;
    }
    dial->fd = -1;
    finish(dial);
    stream->connection = connection;
    coax_connection_opened(connection, stream, &remote, local);
}

static void connect_ready(coax_endpoint *endpoint, struct watch *watch, uint32_t events) {
    (void)endpoint;
    (void)events;
    struct dial *dial = COAX_CONTAINER(watch, struct dial, watch);
    struct address local, remote;
    int reason = 0;
    socklen_t size = sizeof reason;
    (void)getsockopt(dial->fd, SOL_SOCKET, SO_ERROR, &reason, &size);
    read_name(dial->fd, getsockname, &local);
    read_name(dial->fd, getpeername, &remote);
    if (reason == 0 && coax_address_equal(&local, &remote)) {
        reason = ECONNREFUSED; /* a port that nobody listens on may be given to whoever connects to it: to itself */
    }
    if (reason != 0) {
        try_next(dial, reason);
    } else {
        hand_over(dial, &local);
    }
}

static void take_addresses(void *user, const struct resolver_answer *answer) {
    struct dial *dial = user;
    dial->is_resolving = false;
    dial->addresses = *answer;
    if (answer->count == 0) {
        dial->error = answer->error;
    }
    if (!connect_next(dial)) {
        fail(dial);
    }
}

static enum coax_status begin(struct dial *dial, coax_error *error) {
    coax_endpoint *endpoint = dial->endpoint;
    struct stream_target target;
    coax_connection_target(dial->connection, &target);
    enum coax_status status =
        coax_endpoint_literal_destination(target.host, target.zone, target.port, &dial->addresses, error);
    if (status != COAX_OK) {
        return status;
    }
    if (dial->addresses.count == 0) {
        status = coax_endpoint_look_up(endpoint, target.host, target.port, take_addresses, dial, &dial->ticket, error);
        dial->is_resolving = status == COAX_OK;
    } else if (!connect_next(dial)) {
        set_timer(dial, endpoint->stack->now);
    }
    return status;
}

enum coax_status coax_stream_open(void *user, struct connection *connection, coax_error *error) {
    coax_endpoint *endpoint = user;
    struct dial *dial = calloc(1, sizeof *dial);
    if (dial == NULL) {
        return coax_fail_memory(error);
    }
    dial->watch.ready = connect_ready;
    dial->endpoint = endpoint;
    dial->connection = connection;
    dial->fd = -1;
    dial->timer.fire = had_its_time;
    enum coax_status status = COAX_OK;
    if (coax_timer_arm(&endpoint->stack->timers, &dial->timer, COAX_NEVER) != COAX_OK) {
        status = coax_fail_memory(error);
    }
    coax_connection_set_opener(connection, dial);
    if (status == COAX_OK) {
        status = begin(dial, error);
    }
    if (status != COAX_OK) {
        finish(dial);
    }
    return status;
}

void coax_stream_cancel_open(void *user, struct connection *connection) {
    (void)user;
    struct dial *dial = coax_connection_opener(connection);
    if (dial != NULL) {
        finish(dial);
    }
}
