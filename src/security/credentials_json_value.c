#include "security/credentials_json.h"

#include "base/error.h"
#include "base/wipe.h"
#include "security/credentials_pem.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- errors with their place --- */

static struct json_position find_place(const struct json_loader *loader, enum json_place place) {
    struct json_position position = loader->member;
    if (loader->depth == 0 && place == AT_KEY) {
        return position;
    }
    coax_json_position_value(&position);
    for (size_t i = 0; i < loader->depth; i++) {
        bool object = coax_json_position_at_object(&position);
        coax_json_position_enter(&position, loader->path[i]);
        if (object && (place == AT_VALUE || i + 1 < loader->depth)) {
            coax_json_position_value(&position);
        }
    }
    return position;
}

/* A text of the file can hold anything; an error's text is one line. */
static void make_one_line(char *text) {
    for (; *text != '\0'; text++) {
        if ((unsigned char)*text < ' ' || *text == 0x7F) {
            *text = '?';
        }
    }
}

enum coax_status coax_json_fail(struct json_loader *loader, enum json_place place, enum coax_status status,
                                const char *format, ...) {
    if (loader->error == NULL) {
        return status;
    }
    struct json_position position = find_place(loader, place);
    char text[sizeof loader->error->text];
    va_list arguments;
    va_start(arguments, format);
    if (vsnprintf(text, sizeof text, format, arguments) < 0) {
        text[0] = '\0';
    }
    va_end(arguments);
    coax_fail(loader->error, status, "%s:%zu:%zu: %s", loader->name, position.line, position.column, text);
    make_one_line(loader->error->text);
    return status;
}

enum coax_status coax_json_fail_inner(struct json_loader *loader, enum json_place place, enum coax_status status,
                                      const coax_error *inner) {
    return status == COAX_E_NO_MEMORY ? coax_fail_memory(loader->error)
                                      : coax_json_fail(loader, place, status, "%s", inner->text);
}

void coax_json_down(struct json_loader *loader, size_t ordinal) {
    loader->path[loader->depth++] = ordinal;
}

void coax_json_up(struct json_loader *loader) {
    loader->depth--;
}

const char *coax_json_type_text(const json_t *value) {
    static const char *const texts[] = {
        [JSON_OBJECT] = "an object", [JSON_ARRAY] = "a list", [JSON_STRING] = "a string", [JSON_INTEGER] = "a number",
        [JSON_REAL] = "a number",    [JSON_TRUE] = "true",    [JSON_FALSE] = "false",     [JSON_NULL] = "null"};
    return texts[json_typeof(value)];
}

bool coax_json_same_name(const char *name, const char *known) {
    while (*name != '\0' && (*name == *known || (*name == '_' && *known == '-'))) {
        name++;
        known++;
    }
    return *name == '\0' && *known == '\0';
}

/* --- parsing --- */

/* Jansson's texts quote the token where it stopped, which may be a secret: only their beginnings are looked at. */
static const char *syntax_text(const char *text) {
    static const struct {
        const char *begins, *text;
    } known[] = {
        {"string or '}' expected", "a key in double quotes or '}' was expected"},
        {"':' expected", "':' was expected between a key and its value"},
        {"'}' expected", "',' or '}' was expected"},
        {"']' expected", "',' or ']' was expected"},
        {"'[' or '{' expected", "'{' was expected, which starts the map of entries"},
        {"end of file expected", "the end of the file was expected"},
        {"premature end of input", "a text does not end; '\"' was expected"},
        {"unexpected newline", "a text does not end on its line; '\"' was expected"},
        {"control character", "a control character in a text; expected it escaped, as in \\t"},
        {"invalid escape", "an invalid escape in a text; expected \\\", \\\\, \\/, \\b, \\f, \\n, \\r, \\t or \\u and "
                           "four hexadecimal digits"},
        {"invalid Unicode", "half of a surrogate pair in a text; expected \\u of a whole character"},
        {"duplicate object key", "this key was given before; expected each key once"},
        {"NUL byte", "a key with a NUL character; expected a key without"},
        {"unable to decode byte", "bytes that are not UTF-8; expected text in UTF-8"},
        {"too big", "a number that is too large; expected none here"},
        {"real number overflow", "a number that is too large; expected none here"},
        {"maximum parsing depth", "too many brackets inside brackets; expected at most five levels"},
    };
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (strncmp(text, known[i].begins, strlen(known[i].begins)) == 0) {
            return known[i].text;
        }
    }
    return "not JSON; a string, an object, a list or null was expected";
}

static void report_syntax(struct json_loader *loader, const json_error_t *json_error) {
    if (json_error_code(json_error) == json_error_out_of_memory || json_error->text[0] == '\0') {
        coax_fail_memory(loader->error);
        return;
    }
    const char *at_end = strstr(json_error->text, "near end of file") != NULL ? ", but the file ends here" : "";
    coax_fail(loader->error, COAX_E_SYNTAX, "%s:%d:%d: %s%s", loader->name, json_error->line,
              json_error->column > 0 ? json_error->column : 1, syntax_text(json_error->text), at_end);
    if (loader->error != NULL) {
        make_one_line(loader->error->text);
    }
}

json_t *coax_json_parse(struct json_loader *loader) {
    json_error_t json_error = {.text = ""};
    json_t *root = json_loadb(loader->text, loader->size, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &json_error);
    if (root == NULL) {
        report_syntax(loader, &json_error);
    }
    coax_wipe(&json_error, sizeof json_error);
    return root;
}

static void wipe_values(json_t *value) {
    const char *key;
    json_t *member;
    size_t index;
    if (json_is_string(value)) {
        coax_wipe((void *)json_string_value(value), json_string_length(value));
    } else if (json_is_object(value)) {
        json_object_foreach(value, key, member) {
            wipe_values(member);
        }
    } else if (json_is_array(value)) {
        json_array_foreach(value, index, member) {
            wipe_values(member);
        }
    }
}

void coax_json_wipe_free(json_t *root) {
    /* Jansson's allocator is global, and so not a library's to change; what it holds at the end is wiped in place. */
    wipe_values(root);
    json_decref(root);
}

/* --- drafts --- */

void coax_json_draft_free(struct json_draft *draft) {
    for (size_t i = 0; i < PARTS; i++) {
        coax_wipe_free(draft->part[i].data, draft->part[i].size);
    }
    free(draft->references);
    free(draft->allow);
    *draft = (struct json_draft){.references = NULL};
}

/* --- byte strings --- */

static const struct encoding {
    const char *name;
    enum coax_status (*decode)(const char *text, size_t size, uint8_t *out, size_t *out_size, coax_error *error);
} encodings[] = {{"ascii", coax_credentials_decode_ascii},
                 {"hex", coax_credentials_decode_hex},
                 {"base64", coax_credentials_decode_base64}};

static const struct encoding *find_encoding(const char *name) {
    for (size_t i = 0; i < sizeof encodings / sizeof encodings[0]; i++) {
        if (coax_json_same_name(name, encodings[i].name)) {
            return &encodings[i];
        }
    }
    return NULL;
}

/* Decodes a string that is being read. */
static enum coax_status decode(struct json_loader *loader, const json_t *text, const struct encoding *encoding,
                               enum json_part part, struct json_draft *draft) {
    if (!json_is_string(text)) {
        return coax_json_fail(loader, AT_VALUE, COAX_E_SYNTAX, "%s; expected a string", coax_json_type_text(text));
    }
    size_t size = json_string_length(text);
    uint8_t *data = malloc(size + 1);
    if (data == NULL) {
        return coax_fail_memory(loader->error);
    }
    coax_error inner = {.text = ""};
    size_t decoded = 0;
    enum coax_status status = encoding->decode(json_string_value(text), size, data, &decoded, &inner);
    if (status != COAX_OK) {
        coax_wipe_free(data, size + 1);
        return coax_json_fail_inner(loader, AT_VALUE, status, &inner);
    }
    draft->part[part].data = data;
    draft->part[part].size = decoded;
    draft->part[part].present = true;
    return COAX_OK;
}

/* The bounds of a part that is a byte string. */
static enum coax_status check_bytes(struct json_loader *loader, enum json_part part, size_t size) {
    static const struct {
        const char *text;
        size_t minimum, maximum;
    } bounds[PARTS] = {[PART_PSK] = {"pre-shared key", 1, COAX_PSK_KEY_MAXIMUM},
                       [PART_IDENTITY] = {"client identity", 0, COAX_PSK_IDENTITY_MAXIMUM}};
    if (size < bounds[part].minimum || size > bounds[part].maximum) {
        return coax_json_fail(loader, AT_VALUE, COAX_E_CREDENTIALS_SIZE,
                              "the %s has %zu bytes; expected %zu to %zu bytes", bounds[part].text, size,
                              bounds[part].minimum, bounds[part].maximum);
    }
    return COAX_OK;
}

enum coax_status coax_json_read_bytes(struct json_loader *loader, const json_t *value, enum json_part part,
                                      struct json_draft *draft) {
    static const char forms[] = "{\"ascii\": \"...\"}, {\"hex\": \"...\"} or {\"base64\": \"...\"}";
    if (!json_is_object(value)) {
        return coax_json_fail(loader, AT_VALUE, COAX_E_SYNTAX, "%s where bytes belong; expected %s",
                              coax_json_type_text(value), forms);
    }
    if (json_object_size(value) != 1) {
        return coax_json_fail(loader, AT_VALUE, COAX_E_SYNTAX, "bytes with %zu encodings; expected one: %s",
                              json_object_size(value), forms);
    }
    void *member = json_object_iter((json_t *)value);
    const struct encoding *encoding = find_encoding(json_object_iter_key(member));
    coax_json_down(loader, 0);
    enum coax_status status;
    if (encoding == NULL) {
        /* The key is not quoted: it may be the secret, in the wrong place. */
        status = coax_json_fail(loader, AT_KEY, COAX_E_SYNTAX, "an unknown encoding of bytes; expected %s", forms);
    } else {
        status = decode(loader, json_object_iter_value(member), encoding, part, draft);
    }
    if (status == COAX_OK) {
        status = check_bytes(loader, part, draft->part[part].size);
    }
    coax_json_up(loader);
    return status;
}

/* --- files --- */

static enum coax_status (*const pem_checks[PARTS])(struct bytes pem, coax_error *error) = {
    [PART_PRIVATE_KEY] = coax_pem_check_private_key,
    [PART_PEER_PUBLIC_KEY] = coax_pem_check_public_key,
    [PART_CERTIFICATE] = coax_pem_check_certificates,
    [PART_TRUST] = coax_pem_check_certificates};

/* Whether a string is one that C can hold. */
static bool is_plain_text(const json_t *value) {
    return json_is_string(value) && strlen(json_string_value(value)) == json_string_length(value);
}

static enum coax_status check_file(struct json_loader *loader, const char *path, enum json_part part,
                                   const struct json_draft *draft) {
    size_t size = draft->part[part].size;
    if (size > JSON_FILES_MAXIMUM - loader->files_size) {
        return coax_json_fail(loader, AT_VALUE, COAX_E_LIMIT,
                              "the files that are named up to here are too large; expected at most %d bytes in all",
                              JSON_FILES_MAXIMUM);
    }
    loader->files_size += size;
    coax_error inner = {.text = ""};
    enum coax_status status = pem_checks[part](bytes_of(draft->part[part].data, size), &inner);
    if (status == COAX_OK || status == COAX_E_NO_MEMORY) {
        return status == COAX_OK ? COAX_OK : coax_fail_memory(loader->error);
    }
    return coax_json_fail(loader, AT_VALUE, status, "\"%.100s\": %s", path, inner.text);
}

enum coax_status coax_json_read_file(struct json_loader *loader, const json_t *value, enum json_part part,
                                     struct json_draft *draft) {
    if (!is_plain_text(value) || json_string_length(value) == 0) {
        return coax_json_fail(loader, AT_VALUE, COAX_E_SYNTAX, "%s; expected the name of a PEM file",
                              json_is_string(value) ? "not a file's name" : coax_json_type_text(value));
    }
    if (loader->reader == NULL) {
        return coax_json_fail(loader, AT_VALUE, COAX_E_UNSUPPORTED,
                              "the name of a file, in credentials that are not a file; expected them to be loaded from "
                              "one, or the entry to be set by program");
    }
    const char *path = json_string_value(value);
    coax_error inner = {.text = ""};
    char *data = NULL;
    size_t size = 0;
    enum coax_status status = loader->reader->read(loader->reader->user, path, &data, &size, &inner);
    if (status != COAX_OK) {
        return coax_json_fail_inner(loader, AT_VALUE, status, &inner);
    }
    draft->part[part].data = (uint8_t *)data;
    draft->part[part].size = size;
    draft->part[part].present = true;
    return check_file(loader, path, part, draft);
}

/* --- lists --- */

static enum coax_status check_reference(struct json_loader *loader, const json_t *value) {
    if (!is_plain_text(value) || !coax_credentials_is_label(json_string_value(value))) {
        return coax_json_fail(loader, AT_VALUE, COAX_E_SYNTAX,
                              "%s; expected a reference, the label of another entry, such as \":name\"",
                              json_is_string(value) ? "not a reference" : coax_json_type_text(value));
    }
    return COAX_OK;
}

static enum coax_status check_allow_path(struct json_loader *loader, const json_t *value) {
    if (!is_plain_text(value)) {
        return coax_json_fail(loader, AT_VALUE, COAX_E_SYNTAX, "%s; expected a path such as \"/store/*\"",
                              json_is_string(value) ? "a NUL character" : coax_json_type_text(value));
    }
    coax_error inner = {.text = ""};
    return coax_credential_check_path(json_string_value(value), &inner) == COAX_OK
               ? COAX_OK
               : coax_json_fail_inner(loader, AT_VALUE, COAX_E_SYNTAX, &inner);
}

/* The strings of a list, each checked. The pointers are into the JSON values. */
static enum coax_status read_list(struct json_loader *loader, const json_t *value, size_t maximum,
                                  enum coax_status (*check)(struct json_loader *loader, const json_t *value),
                                  const char ***list, size_t *count) {
    size_t size = json_array_size(value);
    if (size > maximum) {
        return coax_json_fail(loader, AT_VALUE, COAX_E_LIMIT, "a list of %zu; expected at most %zu", size, maximum);
    }
    *list = calloc(size + 1, sizeof **list);
    if (*list == NULL) {
        return coax_fail_memory(loader->error);
    }
    *count = size;
    for (size_t i = 0; i < size; i++) {
        const json_t *item = json_array_get(value, i);
        coax_json_down(loader, i);
        enum coax_status status = check(loader, item);
        coax_json_up(loader);
        if (status != COAX_OK) {
            return status;
        }
        (*list)[i] = json_string_value(item);
    }
    return COAX_OK;
}

enum coax_status coax_json_read_reference(struct json_loader *loader, const json_t *value, struct json_draft *draft) {
    enum coax_status status = check_reference(loader, value);
    if (status != COAX_OK) {
        return status;
    }
    draft->references = calloc(1, sizeof *draft->references);
    if (draft->references == NULL) {
        return coax_fail_memory(loader->error);
    }
    draft->references[0] = json_string_value(value);
    draft->reference_count = 1;
    return COAX_OK;
}

enum coax_status coax_json_read_references(struct json_loader *loader, const json_t *value, struct json_draft *draft) {
    if (!json_is_array(value) || json_array_size(value) == 0) {
        return coax_json_fail(loader, AT_VALUE, COAX_E_SYNTAX, "%s; expected a list of references such as [\":name\"]",
                              json_is_array(value) ? "an empty list" : coax_json_type_text(value));
    }
    return read_list(loader, value, CREDENTIAL_REFERENCES_MAXIMUM, check_reference, &draft->references,
                     &draft->reference_count);
}

enum coax_status coax_json_read_allow(struct json_loader *loader, const json_t *value, struct json_draft *draft) {
    if (!json_is_array(value)) {
        return coax_json_fail(loader, AT_VALUE, COAX_E_SYNTAX, "%s; expected a list of paths such as [\"/store/*\"]",
                              coax_json_type_text(value));
    }
    return read_list(loader, value, CREDENTIAL_ALLOW_MAXIMUM, check_allow_path, &draft->allow, &draft->allow_count);
}
