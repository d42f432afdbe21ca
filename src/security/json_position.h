/* Finds the line and column of a value in a JSON text. Jansson tells them for errors of syntax only; errors of meaning
   need them too. The text is known to be valid JSON: these functions walk it and judge nothing. */
#ifndef COAX_SECURITY_JSON_POSITION_H
#define COAX_SECURITY_JSON_POSITION_H

#include <stdbool.h>
#include <stddef.h>

struct json_position {
    const char *text;
    size_t size, offset;
    size_t line, column; /* from 1; columns count characters, not bytes */
};

/* Stands at the root value. */
void coax_json_position_start(struct json_position *position, const char *text, size_t size);

/* From an object or array to its member number `ordinal` (from 0): the key, or the element. */
void coax_json_position_enter(struct json_position *position, size_t ordinal);

/* From a member (its key, or an element) to the next one. */
void coax_json_position_next(struct json_position *position);

/* From an object member's key to its value. */
void coax_json_position_value(struct json_position *position);

/* Whether an object starts here: what coax_json_position_enter finds is a key. */
bool coax_json_position_at_object(const struct json_position *position);

#endif
