#include "endpoint/watch.h"

#include "base/error.h"
#include "endpoint/endpoint.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

enum coax_status coax_watch_start(coax_endpoint *endpoint, struct watch *watch, int fd, uint32_t events,
                                  coax_error *error) {
    struct epoll_event event = {.events = events, .data.ptr = watch};
    int result = epoll_ctl(endpoint->poll_fd, EPOLL_CTL_ADD, fd, &event);
    if (result != 0 && errno == EEXIST) {
        result = epoll_ctl(endpoint->poll_fd, EPOLL_CTL_MOD, fd, &event);
    }
    return result == 0 ? COAX_OK : coax_fail(error, COAX_E_IO, "epoll_ctl: %s", strerror(errno));
}

void coax_watch_change(coax_endpoint *endpoint, struct watch *watch, int fd, uint32_t events) {
    struct epoll_event event = {.events = events, .data.ptr = watch};
    (void)epoll_ctl(endpoint->poll_fd, EPOLL_CTL_MOD, fd, &event); /* it needs no memory: it cannot fail */
}

void coax_watch_bury(coax_endpoint *endpoint, struct watch *watch) {
    watch->ready = NULL;
    watch->next = endpoint->buried;
    endpoint->buried = watch;
}

void coax_watch_free_buried(coax_endpoint *endpoint) {
    while (endpoint->buried != NULL) {
        struct watch *watch = endpoint->buried;
        endpoint->buried = watch->next;
        free(watch);
    }
}
