/* What `coax serve` shows of its work on stderr. */
#ifndef COAX_CLI_SERVE_LOG_H
#define COAX_CLI_SERVE_LOG_H

#include <coax/endpoint.h>

/* Sets observer and log of the config: errors always, every message and what is odd with one -v, all with two. */
void serve_log_setup(coax_endpoint_config *config, unsigned verbose);

#endif
