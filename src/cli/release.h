/* The end of connections in order, so that what was sent arrives and peers hear a goodbye (RFC 8323 section 5.5). */
#ifndef COAX_CLI_RELEASE_H
#define COAX_CLI_RELEASE_H

#include <coax/endpoint.h>

/* Releases all connections and waits a while until the peers have closed them. Ctrl-C ends the wait: the first one for
   who asks, the second one (which kills) for a server that the first one has ended. */
void release_connections(coax_endpoint *endpoint); /* not at all after a Ctrl-C */
void release_connections_at_the_end(coax_endpoint *endpoint);

#endif
