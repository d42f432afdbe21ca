/* What serves resources, whoever opened the connections: the endpoints of `coax serve` and the one of `coax attach`,
   with resources, credentials, signals and their loops. */
#ifndef COAX_CLI_SERVICE_H
#define COAX_CLI_SERVICE_H

#include "cli/arguments.h"
#include "cli/store_share.h"
#include "cli/ticker.h"
#include <coax/shards.h>
#include <pthread.h>
#include <stdatomic.h>

struct service_settings {
    struct argument_texts credentials; /* files */
    const char *files;                 /* a folder; NULL: none */
    bool writable;                     /* clients may change what is in it */
    bool q_block;                      /* takes and gives bursts (RFC 9177) */
    uint32_t threads;                  /* each with an endpoint of its own; 0 is 1 */
    unsigned verbose;
};

/* One endpoint, and its thread. */
struct worker {
    struct service *service;
    coax_endpoint *endpoint;
    struct ticker ticker;
    struct store_share share;
    pthread_t thread;
    bool is_running; /* has a thread of its own */
};

struct service {
    const struct service_settings *settings;
    coax_shards *shards;
    coax_endpoint *endpoint; /* the first one, whose thread is the caller's */
    struct worker *workers;
    unsigned worker_count;
    struct store *store; /* all have these two */
    struct files *files; /* NULL without a folder */
    atomic_bool is_ending;
    atomic_int code; /* of a worker that failed */
};

/* Makes the endpoints of `config`, whose observer and log are set here, and fills them. From now on SIGINT and SIGTERM
   end service_turn's loop, and SIGHUP loads the credentials again. Returns an exit code, after one sentence on stderr
   if it is not EXIT_OK; service_close() is due in any case. */
int service_open(struct service *service, const struct service_settings *settings, coax_endpoint_config *config);

/* Starts the threads of all endpoints but the first, and ends them, in order. Between the two an endpoint is its
   thread's alone. Returns an exit code, after one sentence on stderr if it is not EXIT_OK. */
int service_start(struct service *service);
void service_stop(struct service *service);

/* Waits for the first endpoint, for `fd` (-1: none) to be readable, or for `limit_ms` (-1: no limit), and does what is
   due. Returns an exit code. */
int service_turn(struct service *service, int fd, int limit_ms, bool *readable);

/* Says on stderr what went wrong; returns the exit code for it. */
int service_fail(const coax_error *error);

/* service_stop(), releases connections in order, and frees all. */
void service_close(struct service *service);

#endif
