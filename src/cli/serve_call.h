/* `coax serve --call`: the clients that are connected are shown as they come and go, and lines from standard input
   become requests to them. A NULL call does nothing. */
#ifndef COAX_CLI_SERVE_CALL_H
#define COAX_CLI_SERVE_CALL_H

#include <coax/endpoint.h>

struct call;

/* Sets the observer of connections. NULL if memory ran out. */
struct call *call_new(coax_endpoint_config *config);
void call_start(struct call *call, coax_endpoint *endpoint);

/* What to wait for; -1 when standard input has ended. */
int call_fd(const struct call *call);
void call_read(struct call *call);

/* Before the endpoint is freed, and after it. */
void call_stop(struct call *call);
void call_free(struct call *call);

#endif
