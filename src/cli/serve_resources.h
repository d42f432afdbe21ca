/* The resources of `coax serve`. Each call adds some to a site; false, with *error, if that fails. */
#ifndef COAX_CLI_SERVE_RESOURCES_H
#define COAX_CLI_SERVE_RESOURCES_H

#include "cli/files.h"
#include "cli/store_share.h"
#include "cli/ticker.h"
#include <coax/site.h>

/* serve_resources.c: "/", "/time", "/echo", "/whoami". `with_files` says that there is "/files", for the text of "/".
   The ticker gets what can be observed. */
bool serve_add_basics(coax_site *site, struct ticker *ticker, bool with_files, coax_error *error);

/* serve_host.c: "/host/load", "/host/memory", "/host/uptime", all of which can be observed. */
bool serve_add_host(coax_site *site, struct ticker *ticker, coax_error *error);

/* serve_store.c: "/store" and all below; the store outlives the endpoint. `share` is made here, for store_share_free()
   in any case. */
bool serve_add_store(coax_endpoint *endpoint, struct store *store, struct store_share *share, coax_error *error);

/* serve_files.c: "/files" and all below, perhaps for PUT and DELETE, too; the files outlive the site. */
bool serve_add_files(coax_site *site, struct files *files, bool writable, coax_error *error);

#endif
