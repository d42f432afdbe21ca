/* What a proxy in front says of the client's address: Forwarded (RFC 7239) and X-Forwarded-For. Each proxy appends, so
   the last element is what the nearest one saw; those before it are anybody's words. */
#ifndef COAX_TRANSPORT_STREAM_FORWARDED_H
#define COAX_TRANSPORT_STREAM_FORWARDED_H

#include "base/address.h"
#include "base/bytes.h"

/* The `for` of the last element of a Forwarded field; false if it has none, or one that is no IP address ("unknown",
   "_hidden"). The port is 0 if it says none. */
bool coax_forwarded_read(struct bytes field, struct address *address);

/* The last element of an X-Forwarded-For field, in the same forms of address. */
bool coax_forwarded_for_read(struct bytes field, struct address *address);

#endif
