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

#endif
