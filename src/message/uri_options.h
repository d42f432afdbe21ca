/* URI <-> options (RFC 7252 section 6.4, 6.5). */
#ifndef COAX_MESSAGE_URI_OPTIONS_H
#define COAX_MESSAGE_URI_OPTIONS_H

#include "message/message.h"
#include "message/option.h"
#include <coax/uri.h>

/* Percent-decodes and adds the Uri-Path and Uri-Query options. `path` is without its leading '/'; a lone "" gives no
   option, "a/" gives "a" and "". Dot segments are resolved first (section 6.4 step 2: "a/../b" and "a/%2E%2E/b" give
   "b"). An empty query gives no option. COAX_E_URI for a bad escape or what is not UTF-8, COAX_E_TOO_LARGE for a value
   of over 255 bytes or no room; what was added before stays then. */
enum coax_status coax_uri_write_path_options(struct option_writer *writer, const char *path, size_t size);
enum coax_status coax_uri_write_query_options(struct option_writer *writer, const char *query, size_t size);

/* All of section 6.4: Uri-Host unless the host is an IP literal, Uri-Port never (the port is that of the remote, step
 * 6), path and query ("?" alone is one empty Uri-Query). */
enum coax_status coax_uri_to_options(const coax_uri *uri, struct option_writer *writer);

/* Section 6.5: the full URI of a request that was received with `scheme` at `local_hostinfo` ("[::1]:5683"), or the
 * host named by Uri-Host and Uri-Port; `local_hostinfo` may be NULL then. COAX_E_TOO_LARGE, COAX_E_URI for a
 * `local_hostinfo` that is none (a peer may have chosen it), COAX_E_OPTION for a Uri-Host that is no host or a Uri-Port
 * that is no port. "." and ".." in Uri-Path are written as "%2E" and "%2E%2E", so that nobody resolves them. */
enum coax_status coax_uri_from_options(const struct coax_message *message, enum coax_scheme scheme,
                                       const char *local_hostinfo, char *out, size_t capacity);

#endif
