/* Which transport and address a URI means. */
#ifndef COAX_ENDPOINT_DESTINATION_H
#define COAX_ENDPOINT_DESTINATION_H

#include "base/address.h"
#include <coax/uri.h>

/* COAX_E_NO_TRANSPORT if nothing carries the URI's scheme. */
enum coax_status coax_endpoint_find_transport(const coax_uri *uri, coax_error *error);

/* The address of a URI whose host is an IP literal; false if it is a name. A zone that the system does not have gives
 * zone 0. */
bool coax_endpoint_literal_address(const coax_uri *uri, struct address *address);

/* Takes the zone from an address that means the same host on every link (RFC 4007 section 4): the system ignores it,
 * and answers come from the address without it. */
void coax_endpoint_settle_zone(struct address *address);

#endif
