/* Opening the streams of our own connections: names, addresses, one after the other until one answers. */
#ifndef COAX_ENDPOINT_STREAM_OPEN_H
#define COAX_ENDPOINT_STREAM_OPEN_H

#include <coax/status.h>

struct connection;

/* For struct stream_output; `user` is the endpoint. COAX_E_RESOLVE (no such interface), COAX_E_LIMIT, COAX_E_NO_MEMORY.
 */
enum coax_status coax_stream_open(void *user, struct connection *connection, coax_error *error);
void coax_stream_cancel_open(void *user, struct connection *connection);

#endif
