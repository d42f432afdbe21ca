/* URIs that name a host and how to speak to it, but no resource. */
#ifndef COAX_CLI_BASE_URI_H
#define COAX_CLI_BASE_URI_H

#include <coax/uri.h>

/* Reads one, whose `purpose` is such as "listen on". Returns an exit code, after one sentence on stderr if it is not
   EXIT_OK. */
int base_uri_read(const char *text, const char *purpose, coax_uri *uri);

/* The parts that it has not. */
bool uri_names_resource(const coax_uri *uri);

#endif
