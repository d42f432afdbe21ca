#include "cli/output.h"

#include "cli/encoding.h"
#include "cli/printable.h"
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static json_t *owned_text(char *text) {
    json_t *json = text != NULL ? json_string(text) : NULL;
    free(text);
    return json;
}

static json_t *text_or_null(const char *text) {
    return text != NULL ? json_string(text) : json_null();
}

/* As text if it is UTF-8, else as "0x…". */
static json_t *text_or_hex(const uint8_t *data, size_t size) {
    json_t *json = json_stringn(size > 0 ? (const char *)data : "", size);
    return json != NULL ? json : owned_text(hex_write(data, size));
}

static json_t *json_of_value(const coax_option *option, const coax_option_definition *definition) {
    enum coax_option_format format = definition != NULL ? definition->format : COAX_VALUE_OPAQUE;
    if (format == COAX_VALUE_UINT && coax_option_uint(option) <= INT64_MAX) {
        return json_integer((json_int_t)coax_option_uint(option));
    }
    if (format == COAX_VALUE_STRING) {
        return text_or_hex(option->value, option->size);
    }
    if (format == COAX_VALUE_EMPTY && option->size == 0) {
        return json_string("");
    }
    return owned_text(hex_write(option->value, option->size));
}

static json_t *json_of_options(const coax_message *message) {
    json_t *array = json_array();
    coax_option option;
    size_t position = 0;
    while (array != NULL && coax_message_next_option(message, &position, &option)) {
        const coax_option_definition *definition = coax_option_by_number(option.number);
        json_t *item = json_pack("{s:i, s:o, s:o}", "number", (int)option.number, "name",
                                 text_or_null(definition != NULL ? definition->name : NULL), "value",
                                 json_of_value(&option, definition));
        if (json_array_append_new(array, item) != 0) {
            json_decref(array);
            return NULL;
        }
    }
    return array;
}

static int add_payload(json_t *object, const coax_message *message) {
    size_t size = coax_message_payload_size(message);
    const void *payload = coax_message_payload(message);
    json_t *text = json_stringn(size > 0 ? payload : "", size);
    if (text != NULL) {
        return json_object_set_new(object, "payload", text);
    }
    return json_object_set_new(object, "payload_base64", owned_text(base64_write(payload, size)));
}

json_t *json_of_response(const struct answer *answer, const char *output) {
    uint8_t code = coax_message_code(answer->message);
    int format = coax_message_content_format(answer->message);
    char text[8];
    snprintf(text, sizeof text, "%u.%02u", coax_code_class(code), coax_code_detail(code));
    json_t *object = json_pack(
        "{s:s, s:o, s:i, s:b, s:o, s:o, s:o, s:o, s:f}", "code", text, "name", text_or_null(coax_code_name(code)),
        "class", (int)coax_code_class(code), "ok", (int)(coax_code_class(code) == 2), "options",
        json_of_options(answer->message), "content_format", format >= 0 ? json_integer(format) : json_null(),
        "content_format_name", text_or_null(format >= 0 ? coax_content_format_name(format) : NULL), "remote",
        text_or_null(answer->remote[0] != '\0' ? answer->remote : NULL), "elapsed_ms", answer->elapsed_ms);
    int failed = object == NULL;
    if (!failed && output != NULL) {
        failed = json_object_set_new(object, "output", text_or_hex((const uint8_t *)output, strlen(output)));
    } else if (!failed) {
        failed = add_payload(object, answer->message);
    }
    if (failed != 0) {
        json_decref(object);
        return NULL;
    }
    return object;
}

/* A text that was cut to fit may end within a character. */
static json_t *text_with_marks(const char *text) {
    char good[sizeof((coax_error *)0)->text];
    size_t size = strnlen(text, sizeof good);
    for (size_t i = 0; i < size;) {
        size_t step = utf8_character(text + i, size - i);
        memcpy(good + i, step > 0 ? text + i : "?", step > 0 ? step : 1);
        i += step > 0 ? step : 1;
    }
    return json_stringn(good, size);
}

json_t *json_of_error(const coax_error *error) {
    json_t *alert = error->alert < 0
                        ? json_null()
                        : json_pack("{s:i, s:s}", "number", error->alert, "name", coax_alert_name(error->alert));
    return json_pack("{s:{s:s, s:o, s:o}}", "error", "status", coax_status_name(error->status), "text",
                     text_with_marks(error->text), "alert", alert);
}
