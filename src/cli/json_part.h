/* Parts of JSON documents: what a JSON Pointer (RFC 6901) points at, and what a JSON Merge Patch (RFC 7396) makes. */
#ifndef COAX_CLI_JSON_PART_H
#define COAX_CLI_JSON_PART_H

#include <jansson.h>
#include <stdbool.h>

/* True if it begins with '/' or is empty, and each '~' in it is an escape (RFC 6901 section 3). */
bool json_is_pointer(const char *pointer);

/* The value that a pointer, which json_is_pointer() accepted, points at: borrowed; NULL if there is none. */
json_t *json_pointed(json_t *document, const char *pointer);

/* What the patch makes of the target (NULL: nothing), which stays as it was: a new reference; NULL if memory ran out.
 */
json_t *json_merged(json_t *target, json_t *patch);

#endif
