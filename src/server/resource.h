/* A resource: its own copy of what the program said about it. */
#ifndef COAX_SERVER_RESOURCE_H
#define COAX_SERVER_RESOURCE_H

#include "server/tree.h"

/* Copies `config` and the target ("/a/b") into one block of memory; free() it. COAX_E_INVALID for a config that is not
   made with COAX_RESOURCE_CONFIG_INIT, a list without elements, or a Content-Format that is none. */
enum coax_status coax_resource_new(coax_resource **resource, const char *target, const coax_resource_config *config,
                                   coax_error *error);

#endif
