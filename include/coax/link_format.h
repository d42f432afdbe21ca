/* CoRE Link Format (RFC 6690), reading and writing without allocation. */
#ifndef COAX_LINK_FORMAT_H
#define COAX_LINK_FORMAT_H

#include <coax/export.h>
#include <coax/status.h>
#include <stdbool.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/* One attribute of a link: views into the text. A value in quotes is still escaped (coax_link_unquote undoes it). */
typedef struct coax_link_attribute {
    const char *name;
    size_t name_size;
    const char *value; /* NULL when the attribute has none, as in ";obs" */
    size_t value_size;
    bool quoted;
} coax_link_attribute;

typedef struct coax_link {
    const char *target; /* between '<' and '>' */
    size_t target_size;
    const char *attributes; /* the rest of the link, from the first ';' */
    size_t attributes_size;
} coax_link;

/* Reads the link at *position (start with 0) of `text`; moves *position past it. COAX_E_NOT_FOUND at the end;
   COAX_E_SYNTAX with the character's position if the text breaks the grammar of RFC 6690 section 2. */
COAX_API enum coax_status coax_link_next(const char *text, size_t size, size_t *position, coax_link *link,
                                         coax_error *error);

/* Reads the attribute at *position (start with 0) of a link that coax_link_next accepted; false at the end. */
COAX_API bool coax_link_next_attribute(const coax_link *link, size_t *position, coax_link_attribute *attribute);

/* Writes an attribute's value without the escapes of a quoted string, NUL-terminated; COAX_E_TOO_LARGE if it does not
 * fit. */
COAX_API enum coax_status coax_link_unquote(const coax_link_attribute *attribute, char *out, size_t capacity);

/* Writes links one after the other into a caller's buffer. After an overflow, `size` goes on counting what was needed.
 */
typedef struct coax_link_writer {
    char *out;
    size_t capacity;
    size_t size; /* bytes needed so far; more than `capacity` means overflow. No NUL is added. */
} coax_link_writer;

/* Begins a link to `target` (put between '<' and '>' as it is). */
COAX_API void coax_link_write_target(coax_link_writer *writer, const char *target);
/* Adds an attribute to it: `value` NULL for a flag, quoted and escaped if `quoted`. */
COAX_API void coax_link_write_attribute(coax_link_writer *writer, const char *name, const char *value, bool quoted);

#ifdef __cplusplus
}
#endif
#endif
