/* A remote as people read it. */
#ifndef COAX_CLI_REMOTE_TEXT_H
#define COAX_CLI_REMOTE_TEXT_H

#include <coax/remote.h>
#include <stdbool.h>

enum { REMOTE_TEXT_CAPACITY = 512, REMOTE_ADDRESS_CAPACITY = 128 };

/* The base of its URIs; for a client's end of a connection, which no URI can express, "coap+ws client at
   192.0.2.1:4711". `remote` may be NULL. */
const char *remote_text(const coax_remote *remote, char out[REMOTE_TEXT_CAPACITY]);

/* Its IP address and port, "192.0.2.1:4711", whether a URI can express it or not; "anonymous" if it has none. */
const char *remote_address(const coax_remote *remote, char out[REMOTE_ADDRESS_CAPACITY]);

#endif
