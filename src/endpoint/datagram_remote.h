/* From a URI of UDP and an address to the remote for it. */
#ifndef COAX_ENDPOINT_DATAGRAM_REMOTE_H
#define COAX_ENDPOINT_DATAGRAM_REMOTE_H

#include "endpoint/destination.h"
#include "endpoint/endpoint.h"

/* The remote for a coap or coaps URI at one of its host's addresses, on a client's channel; for coaps, its handshake
   begins if there is no session yet. No new reference. COAX_E_LIMIT, COAX_E_IO, the errors of coax_stack_remote. */
enum coax_status coax_endpoint_datagram_remote(coax_endpoint *endpoint, const struct destination *destination,
                                               const struct address *address, struct coax_remote **remote,
                                               coax_error *error);

/* A secure URI without usable credentials fails at once, not after the look-up of its host. */
enum coax_status coax_endpoint_check_credentials(const coax_endpoint *endpoint, const struct destination *destination,
                                                 coax_error *error);

#endif
