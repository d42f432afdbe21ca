#include "base/utf8.h"
#include "message/message.h"
#include <coax/content_format.h>

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { PAYLOAD_EXCERPT = 64, OPAQUE_EXCERPT = 32, LONGEST_PIECE = 64 };

/* A line that is being written. What does not fit any more is counted only; whole pieces are left out, so that no
 * character is cut in two. */
struct line {
    char *out;
    size_t capacity;
    size_t size; /* of the whole line */
    bool full;
};

static void put(struct line *line, const char *piece, size_t size) {
    if (!line->full && size < line->capacity - line->size) {
        memcpy(line->out + line->size, piece, size);
        line->out[line->size + size] = '\0';
    } else {
        line->full = true;
    }
    line->size += size;
}

static void put_text(struct line *line, const char *text) {
    for (; *text != '\0'; text++) {
        put(line, text, 1);
    }
}

static void put_format(struct line *line, const char *format, ...) COAX_PRINTF(2, 3);

/* For short pieces. */
static void put_format(struct line *line, const char *format, ...) {
    char piece[LONGEST_PIECE];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(piece, sizeof piece, format, arguments);
    va_end(arguments);
    put_text(line, piece);
}

static void put_hex(struct line *line, struct bytes bytes) {
    for (size_t i = 0; i < bytes.size; i++) {
        put_format(line, "%02x", bytes.data[i]);
    }
}

/* Characters that would act on a terminal or turn the line around are shown as escapes: C0 and C1 controls, line and
 * paragraph separators, marks of direction. */
static bool is_control(uint32_t character) {
    return character < 0x20 || (character >= 0x7f && character < 0xa0) || character == 0x61c
           || (character >= 0x200e && character <= 0x200f) || (character >= 0x2028 && character <= 0x202e)
           || (character >= 0x2066 && character <= 0x2069);
}

static const char *const short_escapes[] = {
    ['"'] = "\\\"", ['\\'] = "\\\\", ['\n'] = "\\n", ['\r'] = "\\r", ['\t'] = "\\t",
};

static const char *short_escape(uint32_t character) {
    return character < sizeof short_escapes / sizeof short_escapes[0] ? short_escapes[character] : NULL;
}

static void put_character(struct line *line, uint32_t character, const uint8_t *data, size_t size) {
    const char *escape = short_escape(character);
    if (escape != NULL) {
        put_text(line, escape);
    } else if (is_control(character)) {
        put_format(line, "\\u%04" PRIx32, character);
    } else {
        put(line, (const char *)data, size);
    }
}

static void put_quoted(struct line *line, struct bytes text) {
    put_text(line, "\"");
    size_t taken = 0;
    for (size_t offset = 0; offset < text.size; offset += taken) {
        uint32_t character = 0;
        taken = coax_utf8_read(text.data + offset, text.size - offset, &character);
        if (taken == 0) {
            put_format(line, "\\x%02x", text.data[offset]);
            taken = 1;
        } else {
            put_character(line, character, text.data + offset, taken);
        }
    }
    put_text(line, "\"");
}

static void put_opaque(struct line *line, struct bytes value) {
    if (value.size == 0) {
        put_text(line, "(empty)");
    }
    put_hex(line, bytes_of(value.data, value.size < OPAQUE_EXCERPT ? value.size : OPAQUE_EXCERPT));
    if (value.size > OPAQUE_EXCERPT) {
        put_format(line, "... (%zu bytes)", value.size);
    }
}

static void put_content_format(struct line *line, uint64_t number) {
    put_format(line, "%" PRIu64, number);
    const char *name = number > UINT16_MAX ? NULL : coax_content_format_name((int)number);
    if (name != NULL) {
        put_text(line, " (");
        put_text(line, name);
        put_text(line, ")");
    }
}

/* NUM/M/SIZE, the notation of RFC 7959 section 3. */
static void put_block(struct line *line, uint64_t value) {
    enum { RESERVED_SIZE = 7 };
    unsigned exponent = (unsigned)value & 7U;
    if (exponent == RESERVED_SIZE) {
        put_format(line, "%" PRIu64, value);
    } else {
        put_format(line, "%" PRIu64 "/%" PRIu64 "/%u", value >> 4, value >> 3 & 1, 16U << exponent);
    }
}

static void put_number(struct line *line, uint64_t value) {
    put_format(line, "%" PRIu64, value);
}

/* Numbers that say more in another form. */
static const struct uint_form {
    uint16_t number;
    void (*put)(struct line *line, uint64_t value);
} uint_forms[] = {
    {COAX_OPTION_CONTENT_FORMAT, put_content_format},
    {COAX_OPTION_ACCEPT, put_content_format},
    {COAX_OPTION_BLOCK1, put_block},
    {COAX_OPTION_BLOCK2, put_block},
    {COAX_OPTION_Q_BLOCK1, put_block},
    {COAX_OPTION_Q_BLOCK2, put_block},
};

static void put_uint(struct line *line, const coax_option *option) {
    void (*put_form)(struct line *, uint64_t) = put_number;
    for (size_t i = 0; i < sizeof uint_forms / sizeof uint_forms[0]; i++) {
        if (uint_forms[i].number == option->number) {
            put_form = uint_forms[i].put;
        }
    }
    put_form(line, coax_option_uint(option));
}

static void put_value(struct line *line, const coax_option *option, enum coax_option_format format) {
    struct bytes value = bytes_of(option->value, option->size);
    if (format == COAX_VALUE_STRING) {
        put_quoted(line, value);
    } else if (format == COAX_VALUE_UINT && option->size <= 8) {
        put_uint(line, option);
    } else {
        put_opaque(line, value);
    }
}

static void put_option(struct line *line, uint8_t code, const coax_option *option) {
    const coax_option_definition *definition = coax_option_in(code, option->number);
    put_text(line, " ");
    if (definition == NULL) {
        put_format(line, "Option-%u", option->number);
    } else {
        put_text(line, definition->name);
    }
    if (definition == NULL || definition->format != COAX_VALUE_EMPTY || option->size > 0) {
        put_text(line, "=");
        put_value(line, option, definition == NULL ? COAX_VALUE_OPAQUE : definition->format);
    }
}

/* The size of the part that is shown as text: whole characters up to the length of an excerpt; 0 if the payload is no
 * text. */
static size_t text_excerpt(struct bytes payload) {
    size_t offset = 0;
    while (offset < payload.size) {
        uint32_t character = 0;
        size_t taken = coax_utf8_read(payload.data + offset, payload.size - offset, &character);
        bool is_layout = character == '\n' || character == '\r' || character == '\t';
        if (taken == 0 || (is_control(character) && !is_layout)) {
            return 0;
        }
        if (offset + taken > PAYLOAD_EXCERPT) {
            break;
        }
        offset += taken;
    }
    return offset;
}

static void put_payload(struct line *line, struct bytes payload) {
    if (payload.size == 0) {
        return;
    }
    put_format(line, " payload %zu %s ", payload.size, payload.size == 1 ? "byte" : "bytes");
    size_t shown = text_excerpt(payload);
    if (shown > 0) {
        put_quoted(line, bytes_of(payload.data, shown));
    } else {
        shown = payload.size < OPAQUE_EXCERPT ? payload.size : OPAQUE_EXCERPT;
        put_hex(line, bytes_of(payload.data, shown));
    }
    if (shown < payload.size) {
        put_text(line, "...");
    }
}

/* Between this piece and the one before it, if there is one. */
static void put_space(struct line *line) {
    put_text(line, line->size == 0 ? "" : " ");
}

static void put_header(struct line *line, const struct coax_message *message) {
    static const char *const types[] = {"CON", "NON", "ACK", "RST"};
    if (message->type < sizeof types / sizeof types[0] && !coax_code_is_signaling(message->code)) {
        put_format(line, "%s %04x", types[message->type], message->id);
    }
    if (message->token.size > 0) {
        put_space(line);
        put_text(line, "token ");
        put_opaque(line, message->token);
    }
}

static void put_code(struct line *line, uint8_t code) {
    const char *name = coax_code_name(code);
    if (name == NULL || coax_code_class(code) != 0) {
        put_space(line);
        put_format(line, "%u.%02u", coax_code_class(code), coax_code_detail(code));
    }
    if (name != NULL) {
        put_space(line);
        put_text(line, name);
    }
}

size_t coax_text_quote(struct bytes text, char *out, size_t capacity) {
    struct line line = {out, capacity, 0, capacity == 0};
    if (capacity > 0) {
        out[0] = '\0';
    }
    put_quoted(&line, text);
    return line.size;
}

size_t coax_message_describe(const coax_message *message, char *out, size_t capacity) {
    struct line line = {out, capacity, 0, capacity == 0};
    if (capacity > 0) {
        out[0] = '\0';
    }
    put_header(&line, message);
    put_code(&line, message->code);
    coax_option option;
    for (size_t position = 0; coax_message_next_option(message, &position, &option);) {
        put_option(&line, message->code, &option);
    }
    put_payload(&line, message->payload);
    return line.size;
}
