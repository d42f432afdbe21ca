/* Whose event it is: what epoll hands back for a file descriptor. */
#ifndef COAX_ENDPOINT_WATCH_H
#define COAX_ENDPOINT_WATCH_H

#include <coax/status.h>
#include <stdint.h>

struct coax_endpoint;

/* Embedded in what owns the fd; at its start where the owner is ever buried. */
struct watch {
    void (*ready)(struct coax_endpoint *endpoint, struct watch *watch, uint32_t events); /* NULL: buried */
    struct watch *next;                                                                  /* of the buried */
};

/* Watches an fd from now on; one that is watched already gets this owner. COAX_E_IO. */
enum coax_status coax_watch_start(struct coax_endpoint *endpoint, struct watch *watch, int fd, uint32_t events,
                                  coax_error *error);

/* Waits for other events. Errors are always told. */
void coax_watch_change(struct coax_endpoint *endpoint, struct watch *watch, int fd, uint32_t events);

/* Frees the owner when no event of the turn under way can refer to it any more. Its fd is closed already. */
void coax_watch_bury(struct coax_endpoint *endpoint, struct watch *watch);

/* At the end of a turn. */
void coax_watch_free_buried(struct coax_endpoint *endpoint);

#endif
