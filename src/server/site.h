/* The tree of resources: from a request to its handler, without touching the network (RFC 7252 section 5.8, RFC 6690).
 */
#ifndef COAX_SERVER_SITE_H
#define COAX_SERVER_SITE_H

#include "message/message.h"
#include "security/credentials.h"
#include <coax/site.h>

coax_site *coax_site_new(void);
void coax_site_free(coax_site *site); /* NULL is allowed */

enum { SITE_REST_MAXIMUM = 1024, SITE_DIAGNOSTIC_MAXIMUM = 128 };

/* Where a request goes. */
struct site_route {
    coax_handler *handler;       /* NULL: answer `code` with `diagnostic` (text/plain, may be "") instead */
    coax_sink_opener *open_sink; /* may be NULL */
    struct observed *observed;   /* NULL: it cannot be observed */
    void *user;
    bool well_known_core; /* handler NULL, code 0: answer with coax_site_write_core */
    uint8_t code;
    char diagnostic[SITE_DIAGNOSTIC_MAXIMUM];
    char rest[SITE_REST_MAXIMUM]; /* see coax_exchange_rest */
};

/* Finds the handler of a request. `claim` and `credential` are those of the remote, NULL if it proved nothing. Checks
   in this order: critical options (4.02, naming the option; understood are those of RFC 7252, 7959 and what RFC 7641,
   7967 and 8132 need, so not OSCORE, Q-Block); Hop-Limit (4.00); Proxy-Uri and Proxy-Scheme (5.05); a method that is
   unknown (4.05); "." and ".." in Uri-Path (4.02); no resource (4.04); access by `allow` of resource and credential
   (4.01 for who proved nothing, 4.03 for who may not); a method that the resource lacks (4.05); Accept (4.06) and
   Content-Format (4.15) where the resource has lists. An exact path wins over a wildcard, a wildcard over a sub-tree, a
   longer sub-tree over a shorter one; `allow` is that of the resource, else of the nearest one above it. Found by hash:
   the cost does not grow with the number of resources. */
void coax_site_route(const coax_site *site, const struct coax_message *request, const char *claim,
                     const struct credential *credential, struct site_route *route);

/* Writes /.well-known/core in link-format into `out` (RFC 6690 section 4), every query filter of the request applied
   (all of them must match; `rt`, `if`, `ct` match one of their words, `href` the target, others the whole value; a
   trailing '*' is a prefix; a name without '=' asks for any value). Hidden resources and paths with wildcards are left
   out. *size gets its size; COAX_E_TOO_LARGE if it does not fit. */
enum coax_status coax_site_write_core(const coax_site *site, const struct coax_message *request, char *out,
                                      size_t capacity, size_t *size);

#endif
