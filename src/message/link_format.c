#include <coax/link_format.h>

#include "base/error.h"
#include "base/utf8.h"
#include "message/uri_text.h"

#include <string.h>

/* The text that is read, and how far. */
struct reader {
    const char *text;
    size_t size;
    size_t at;
    coax_error *error;
};

static bool is_next(const struct reader *reader, char c) {
    return reader->at < reader->size && reader->text[reader->at] == c;
}

/* Positions are counted from 1, as people count. */
static enum coax_status fail_at(const struct reader *reader, size_t at, const char *problem) {
    return coax_fail(reader->error, COAX_E_SYNTAX, "Link-format: %s at character %zu", problem, at + 1);
}

/* attr-char of RFC 5987 section 3.2.1, of which RFC 6690 makes parmname. */
static bool is_name_character(char c) {
    return c != '\0' && (coax_uri_allows(URI_PART_UNRESERVED, (uint8_t)c) || strchr("!#$&+^`|", c) != NULL);
}

/* ptokenchar of RFC 6690 section 2: what is visible in ASCII, but for '"', ',', ';' and '\'. */
static bool is_token_character(char c) {
    return c > 0x20 && c < 0x7f && strchr("\",;\\", c) == NULL;
}

/* URI-Reference of RFC 3986, letter by letter; its structure is left to who resolves it. */
static enum coax_status read_target(struct reader *reader) {
    size_t start = reader->at + 1;
    if (!is_next(reader, '<')) {
        return fail_at(reader, reader->at, "\"<\" is missing");
    }
    struct bytes rest = bytes_of(reader->text, reader->size);
    reader->at = start;
    while (reader->at < reader->size && reader->text[reader->at] != '>') {
        size_t at = reader->at;
        char c = reader->text[at];
        if (c == '\0' || (c != '%' && strchr("&#[]", c) == NULL && !coax_uri_allows(URI_PART_ARGUMENT, (uint8_t)c))) {
            return fail_at(reader, at, "a character that must be percent-encoded in a URI stands");
        }
        if (coax_uri_next_byte(rest, &reader->at) < 0) {
            return fail_at(reader, at, "a \"%\" is not followed by two hexadecimal digits");
        }
    }
    if (!is_next(reader, '>')) {
        return fail_at(reader, start - 1, "\">\" is missing for the \"<\"");
    }
    reader->at++;
    return COAX_OK;
}

/* quoted-string of RFC 2616 section 2.2, in UTF-8. Folded lines are refused like all other control characters. */
static enum coax_status read_quoted(struct reader *reader) {
    size_t start = reader->at + 1;
    size_t at = start;
    while (at < reader->size && reader->text[at] != '"') {
        at += reader->text[at] == '\\' && reader->size - at > 1;
        uint8_t byte = (uint8_t)reader->text[at];
        if ((byte < 0x20 && byte != '\t') || byte == 0x7f) {
            return fail_at(reader, at, "a control character stands in a quoted string");
        }
        at++;
    }
    if (at == reader->size) {
        return fail_at(reader, start - 1, "the closing quotation mark is missing for the one");
    }
    if (!coax_utf8_is_valid((const uint8_t *)reader->text + start, at - start)) {
        return fail_at(reader, start, "a quoted string is not UTF-8");
    }
    reader->at = at + 1;
    return COAX_OK;
}

static enum coax_status read_token(struct reader *reader) {
    size_t start = reader->at;
    while (reader->at < reader->size && is_token_character(reader->text[reader->at])) {
        reader->at++;
    }
    return reader->at > start ? COAX_OK : fail_at(reader, start, "a value is missing");
}

/* ext-value of RFC 5987: charset'language'value, never in quotes. */
static enum coax_status read_extended(struct reader *reader) {
    size_t start = reader->at;
    enum coax_status status = read_token(reader);
    if (status != COAX_OK) {
        return status;
    }
    const char *first = memchr(reader->text + start, '\'', reader->at - start);
    const char *end = reader->text + reader->at;
    if (first == NULL || memchr(first + 1, '\'', (size_t)(end - first - 1)) == NULL) {
        return fail_at(reader, start, "a value of the form UTF-8'en'text is missing");
    }
    return COAX_OK;
}

/* One link-param behind its ';'. */
static enum coax_status read_attribute(struct reader *reader) {
    size_t start = ++reader->at;
    while (reader->at < reader->size && is_name_character(reader->text[reader->at])) {
        reader->at++;
    }
    if (reader->at == start) {
        return fail_at(reader, start, "the name of an attribute is missing");
    }
    bool is_extended = is_next(reader, '*');
    reader->at += is_extended;
    if (!is_next(reader, '=')) {
        return is_extended ? fail_at(reader, reader->at, "\"=\" is missing") : COAX_OK;
    }
    reader->at++;
    if (is_extended) {
        return read_extended(reader);
    }
    return is_next(reader, '"') ? read_quoted(reader) : read_token(reader);
}

enum coax_status coax_link_next(const char *text, size_t size, size_t *position, coax_link *link, coax_error *error) {
    struct reader reader = {text, size, *position, error};
    if (reader.at >= size) {
        return COAX_E_NOT_FOUND;
    }
    if (reader.at > 0 && !is_next(&reader, ',')) {
        return fail_at(&reader, reader.at, "\",\" or \";\" is missing");
    }
    reader.at += reader.at > 0;
    size_t start = reader.at + 1;
    enum coax_status status = read_target(&reader);
    size_t attributes = reader.at;
    while (status == COAX_OK && is_next(&reader, ';')) {
        status = read_attribute(&reader);
    }
    if (status != COAX_OK) {
        return status;
    }
    *link = (coax_link){text + start, attributes - start - 1, text + attributes, reader.at - attributes};
    *position = reader.at;
    return COAX_OK;
}

bool coax_link_next_attribute(const coax_link *link, size_t *position, coax_link_attribute *attribute) {
    struct reader reader = {link->attributes, link->attributes_size, *position, NULL};
    size_t start = reader.at + 1;
    if (!is_next(&reader, ';') || read_attribute(&reader) != COAX_OK) {
        return false;
    }
    const char *name = link->attributes + start;
    size_t size = reader.at - start;
    const char *equals = memchr(name, '=', size);
    *position = reader.at;
    *attribute = (coax_link_attribute){.name = name, .name_size = size};
    if (equals == NULL) {
        return true;
    }
    attribute->name_size = (size_t)(equals - name);
    attribute->value = equals + 1;
    attribute->value_size = size - attribute->name_size - 1;
    attribute->quoted = attribute->value[0] == '"';
    if (attribute->quoted) {
        attribute->value++;
        attribute->value_size -= 2;
    }
    return true;
}

enum coax_status coax_link_unquote(const coax_link_attribute *attribute, char *out, size_t capacity) {
    struct uri_writer writer = {out, capacity, 0};
    size_t size = attribute->value != NULL ? attribute->value_size : 0;
    for (size_t i = 0; i < size; i++) {
        i += attribute->quoted && attribute->value[i] == '\\' && i + 1 < size;
        coax_uri_put(&writer, (char[]){attribute->value[i], '\0'});
    }
    return coax_uri_finish(&writer) ? COAX_OK : COAX_E_TOO_LARGE;
}

static void write_byte(coax_link_writer *writer, char byte) {
    if (writer->size < writer->capacity) {
        writer->out[writer->size] = byte;
    }
    writer->size++;
}

static void write_text(coax_link_writer *writer, const char *text) {
    while (*text != '\0') {
        write_byte(writer, *text++);
    }
}

void coax_link_write_target(coax_link_writer *writer, const char *target) {
    write_text(writer, writer->size > 0 ? ",<" : "<");
    write_text(writer, target);
    write_byte(writer, '>');
}

static void write_quoted(coax_link_writer *writer, const char *value) {
    write_byte(writer, '"');
    for (; *value != '\0'; value++) {
        if (*value == '"' || *value == '\\') {
            write_byte(writer, '\\');
        }
        write_byte(writer, *value);
    }
    write_byte(writer, '"');
}

void coax_link_write_attribute(coax_link_writer *writer, const char *name, const char *value, bool quoted) {
    write_byte(writer, ';');
    write_text(writer, name);
    if (value == NULL) {
        return;
    }
    write_byte(writer, '=');
    if (quoted) {
        write_quoted(writer, value);
    } else {
        write_text(writer, value);
    }
}
