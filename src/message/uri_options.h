/* URI <-> options (RFC 7252 section 6.4, 6.5). */
#ifndef COAX_MESSAGE_URI_OPTIONS_H
#define COAX_MESSAGE_URI_OPTIONS_H

#include "message/message.h"
#include "message/option.h"
#include <coax/uri.h>

/* Percent-decodes and adds the Uri-Path and Uri-Query options. `path` is without its leading '/'; a lone "" gives no
 * option, "a/" gives "a" and "". */
enum coax_status coax_uri_write_path_options(struct option_writer *writer, const char *path, size_t size);
enum coax_status coax_uri_write_query_options(struct option_writer *writer, const char *query, size_t size);

/* All of section 6.4: Uri-Host unless the host is an IP literal, Uri-Port never (the port is that of the remote, step
 * 6), path and query. */
enum coax_status coax_uri_to_options(const coax_uri *uri, struct option_writer *writer);

/* Section 6.5: the full URI of a request that was received with `scheme` at `local_hostinfo` ("[::1]:5683"), or the
 * host named by Uri-Host and Uri-Port. COAX_E_TOO_LARGE, COAX_E_OPTION for a Uri-Host that is no host. */
enum coax_status coax_uri_from_options(const struct coax_message *message, enum coax_scheme scheme,
                                       const char *local_hostinfo, char *out, size_t capacity);

#endif
