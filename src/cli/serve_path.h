/* Paths below a sub-tree, as coax_exchange_rest() gives them: to link targets and to names of files. */
#ifndef COAX_CLI_SERVE_PATH_H
#define COAX_CLI_SERVE_PATH_H

#include <stdbool.h>
#include <stddef.h>

/* Writes `prefix` as it is and `rest` percent-encoded as it stands in a URI: its own '/' and escapes stay. False if it
   does not fit. */
bool serve_path_to_target(const char *prefix, const char *rest, char *out, size_t capacity);

/* Percent-encodes all of a name, as one segment. False if it does not fit. */
bool serve_path_encode_name(const char *name, char *out, size_t capacity);

/* The name of a file from `rest`: escapes undone, a '/' at the end left out. False if it cannot be one: a segment is
   empty, begins with '.' or holds '/' or NUL; or it does not fit. "" is the folder itself. */
bool serve_path_to_name(const char *rest, char *out, size_t capacity);

#endif
