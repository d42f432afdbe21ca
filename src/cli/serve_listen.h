/* What `coax serve` listens on: sockets that were handed over, the URIs of the command line, or the default ones. */
#ifndef COAX_CLI_SERVE_LISTEN_H
#define COAX_CLI_SERVE_LISTEN_H

#include "cli/inherited.h"
#include "cli/serve_settings.h"
#include <coax/shards.h>

/* Listens with all of them, has the first one join groups, and prints the URIs that are served. Returns an exit code,
   after one sentence on stderr if it is not EXIT_OK. Their endpoint owns the inherited sockets then. */
int serve_listen(const coax_shards *shards, const struct serve_settings *settings, const struct inherited *inherited);

#endif
