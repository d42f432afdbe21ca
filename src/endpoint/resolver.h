/* Host names to addresses without blocking the loop: getaddrinfo in one worker thread, bounded, its answers by a file
 * descriptor. */
#ifndef COAX_ENDPOINT_RESOLVER_H
#define COAX_ENDPOINT_RESOLVER_H

#include "base/address.h"
#include <coax/status.h>

enum { RESOLVER_ADDRESSES = 8, RESOLVER_WAITING = 256 };

struct resolver;

/* Addresses in the order in which to try them: the system's (RFC 6724), families alternating (RFC 8305 section 4),
 * those without a route last. */
struct resolver_answer {
    struct address addresses[RESOLVER_ADDRESSES];
    unsigned count;
    coax_error error; /* when count is 0 */
};

/* Called on the endpoint's thread. */
typedef void resolver_callback(void *user, const struct resolver_answer *answer);

/* `wake_fd` is an eventfd that is written to when an answer waits. NULL if there is no memory or no thread. */
struct resolver *coax_resolver_new(int wake_fd);

/* Does not wait for a look-up under way; nobody is called any more. NULL is allowed. */
void coax_resolver_free(struct resolver *resolver);

/* A look-up: *ticket identifies it for cancelling. COAX_E_LIMIT, COAX_E_NO_MEMORY. */
enum coax_status coax_resolver_ask(struct resolver *resolver, const char *host, uint16_t port,
                                   resolver_callback *callback, void *user, uint64_t *ticket, coax_error *error);
void coax_resolver_cancel(struct resolver *resolver, uint64_t ticket);

/* Calls back for every answer that is there. */
void coax_resolver_take_answers(struct resolver *resolver);

/* The blocking look-up itself, for who may block (listening). */
void coax_resolve(const char *host, uint16_t port, struct resolver_answer *answer);

/* The interface index of a zone ("eth0", "2"); 0 if there is none. */
uint32_t coax_resolve_zone(const char *zone);

#endif
