/* /.well-known/core, the site's own resource. */
#ifndef COAX_SERVER_CORE_H
#define COAX_SERVER_CORE_H

#include <coax/site.h>

#define COAX_CORE_PATH ".well-known/core"

/* How it is added to the tree; its handler is coax_core_handler. */
void coax_core_config(coax_resource_config *config);

/* Never called: it marks a route that coax_site_write_core answers. */
void coax_core_handler(coax_exchange *exchange, const coax_message *request, void *user);

#endif
