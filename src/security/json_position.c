#include "security/json_position.h"

static bool at_end(const struct json_position *position) {
    return position->offset >= position->size;
}

static char here(const struct json_position *position) {
    return at_end(position) ? '\0' : position->text[position->offset];
}

static void step(struct json_position *position) {
    if (at_end(position)) {
        return;
    }
    position->offset++;
    if (position->text[position->offset - 1] == '\n') {
        position->line++;
        position->column = 1;
        return;
    }
    /* The bytes of a UTF-8 character after its first do not count; the column moves when the character is over. */
    if (at_end(position) || ((unsigned char)position->text[position->offset] & 0xC0U) != 0x80U) {
        position->column++;
    }
}

static void skip_blanks(struct json_position *position) {
    while (here(position) == ' ' || here(position) == '\t' || here(position) == '\n' || here(position) == '\r') {
        step(position);
    }
}

static void skip_string(struct json_position *position) {
    step(position);
    while (!at_end(position) && here(position) != '"') {
        if (here(position) == '\\') {
            step(position);
        }
        step(position);
    }
    step(position);
}

void coax_json_position_start(struct json_position *position, const char *text, size_t size) {
    *position = (struct json_position){.text = text, .size = size, .line = 1, .column = 1};
    skip_blanks(position);
}

/* Behind the ',' that ends the member, or at the bracket that ends its container. */
static void skip_member(struct json_position *position) {
    size_t depth = 0;
    while (!at_end(position)) {
        char character = here(position);
        if (character == '"') {
            skip_string(position);
            continue;
        }
        if (character == '{' || character == '[') {
            depth++;
        } else if (character == '}' || character == ']') {
            if (depth == 0) {
                return;
            }
            depth--;
        } else if (character == ',' && depth == 0) {
            step(position);
            return;
        }
        step(position);
    }
}

void coax_json_position_next(struct json_position *position) {
    skip_member(position);
    skip_blanks(position);
}

void coax_json_position_enter(struct json_position *position, size_t ordinal) {
    step(position);
    skip_blanks(position);
    for (size_t i = 0; i < ordinal; i++) {
        coax_json_position_next(position);
    }
}

void coax_json_position_value(struct json_position *position) {
    skip_string(position);
    skip_blanks(position);
    step(position);
    skip_blanks(position);
}

bool coax_json_position_at_object(const struct json_position *position) {
    return here(position) == '{';
}
