/* What a URI asks for: by which kind of transport, and at which address. */
#ifndef COAX_ENDPOINT_DESTINATION_H
#define COAX_ENDPOINT_DESTINATION_H

#include "endpoint/resolver.h"
#include <coax/uri.h>

/* A URI that is to be asked. */
struct destination {
    coax_uri uri; /* its views point into the text that was read */
    char *normal; /* in normal form, malloc'ed: what credentials are looked up by */
};

/* COAX_E_URI (port 0 as well: it cannot be asked), COAX_E_NO_MEMORY; then nothing needs to be freed. */
enum coax_status coax_destination_read(struct destination *destination, const char *text, coax_error *error);

/* Whether connections carry the scheme (RFC 8323); else datagrams do. */
static inline bool scheme_has_streams(enum coax_scheme scheme) {
    return scheme != COAX_SCHEME_COAP && scheme != COAX_SCHEME_COAPS;
}

/* The address of an IP literal, with the interface of its zone ("": none). COAX_E_RESOLVE if there is no such
   interface. */
enum coax_status coax_endpoint_literal_address(const char *host, const char *zone, uint16_t port, bool *is_literal,
                                               struct address *address, coax_error *error);

/* For asking: an IP literal gives one address, settled as below; a name gives none. COAX_E_RESOLVE as above. */
enum coax_status coax_endpoint_literal_destination(const char *host, const char *zone, uint16_t port,
                                                   struct resolver_answer *answer, coax_error *error);

/* Takes the zone from an address that means the same host on every link (RFC 4007 section 4): the system ignores it,
 * and answers come from the address without it. */
void coax_endpoint_settle_zone(struct address *address);

/* Asking 0.0.0.0 or [::], as a listener's URI has it, means this machine: the loopback address, from which the answer
 * comes. */
void coax_endpoint_settle_unspecified(struct address *address);

#endif
