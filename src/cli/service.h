/* What serves resources, whoever opened the connections: the endpoint of `coax serve` and of `coax attach`, with
   resources, credentials, signals and its loop. */
#ifndef COAX_CLI_SERVICE_H
#define COAX_CLI_SERVICE_H

#include "cli/arguments.h"
#include "cli/ticker.h"
#include <coax/endpoint.h>

struct service_settings {
    struct argument_texts credentials; /* files */
    const char *files;                 /* a folder; NULL: none */
    bool writable;                     /* clients may change what is in it */
    bool q_block;                      /* takes and gives bursts (RFC 9177) */
    unsigned verbose;
};

struct service {
    const struct service_settings *settings;
    coax_endpoint *endpoint;
    struct store *store;
    struct files *files; /* NULL without a folder */
    struct ticker ticker;
};

/* Makes the endpoint of `config`, whose observer and log are set here, and fills it. From now on SIGINT and SIGTERM end
   service_turn's loop, and SIGHUP loads the credentials again. Returns an exit code, after one sentence on stderr if it
   is not EXIT_OK; service_close() is due in any case. */
int service_open(struct service *service, const struct service_settings *settings, coax_endpoint_config *config);

/* Waits for the endpoint, for `fd` (-1: none) to be readable, or for `limit_ms` (-1: no limit), and does what is due.
   Returns an exit code. */
int service_turn(struct service *service, int fd, int limit_ms, bool *readable);

/* Says on stderr what went wrong; returns the exit code for it. */
int service_fail(const coax_error *error);

/* Releases connections in order, and frees all. */
void service_close(struct service *service);

#endif
