#include "cli/option_text.h"

#include "cli/encoding.h"
#include "cli/suggest.h"
#include <coax/content_format.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static bool is_number(const char *text) {
    return *text != '\0' && text[strspn(text, "0123456789")] == '\0';
}

/* The registered name that is nearest to what was typed. */
static const char *near_name(const char *typed) {
    const char *names[64];
    size_t count = 0;
    for (unsigned number = 0; number <= 2048 && count < sizeof names / sizeof names[0]; number++) {
        const coax_option_definition *definition = coax_option_by_number((uint16_t)number);
        if (definition != NULL) {
            names[count++] = definition->name;
        }
    }
    return suggest(typed, names, count, sizeof names[0]);
}

static bool read_name(const char *name, struct typed_option *option, struct argument_problem *problem) {
    const coax_option_definition *definition = coax_option_by_name(name);
    if (definition != NULL) {
        option->number = definition->number;
        return true;
    }
    if (is_number(name)) {
        unsigned long number = strlen(name) <= 5 ? strtoul(name, NULL, 10) : UINT32_MAX;
        if (number > UINT16_MAX) {
            return argument_refuse(problem, "names no option: numbers end at %d", UINT16_MAX);
        }
        option->number = (uint16_t)number;
        return true;
    }
    const char *near = near_name(name);
    return argument_refuse(problem, "names no option that is known%s%s%s; a number of 0 to %d is possible too",
                           near != NULL ? "; did you mean " : "", near != NULL ? near : "", near != NULL ? "?" : "",
                           UINT16_MAX);
}

static bool read_uint(const char *value, struct typed_option *option, struct argument_problem *problem) {
    bool names_format = option->number == COAX_OPTION_ACCEPT || option->number == COAX_OPTION_CONTENT_FORMAT;
    char *end = NULL;
    errno = 0;
    bool hex = value[0] == '0' && (value[1] == 'x' || value[1] == 'X');
    unsigned long long number = strtoull(value, &end, hex ? 16 : 10);
    bool good = errno == 0 && *value >= '0' && *value <= '9' && *end == '\0';
    if (!good && names_format && coax_content_format_number(value) >= 0) {
        number = (unsigned long long)coax_content_format_number(value);
        good = true;
    }
    if (!good) {
        return argument_refuse(problem, "has no number as its value: decimal or 0x…%s",
                               names_format ? ", or a Content-Format's name" : "");
    }
    option->size = 0; /* RFC 7252 section 3.2: no leading zeros, and 0 is empty */
    for (int shift = 56; shift >= 0; shift -= 8) {
        uint8_t byte = (uint8_t)(number >> shift);
        if (byte != 0 || option->size > 0) {
            option->value[option->size++] = byte;
        }
    }
    return true;
}

static bool read_text(const char *value, struct typed_option *option, struct argument_problem *problem) {
    size_t size = strlen(value);
    if (size > sizeof option->value) {
        return argument_refuse(problem, "has a value of %zu bytes, and %d are the most", size, OPTION_VALUE_MAXIMUM);
    }
    memcpy(option->value, value, size);
    option->size = size;
    return true;
}

static bool read_bytes(const char *value, struct typed_option *option, struct argument_problem *problem) {
    if (value[0] != '0' || (value[1] != 'x' && value[1] != 'X')) {
        return read_text(value, option, problem);
    }
    if (!hex_read(value, option->value, sizeof option->value, &option->size)) {
        return argument_refuse(problem, "has no bytes as its value: after 0x, pairs of hexadecimal digits, %d at most",
                               OPTION_VALUE_MAXIMUM);
    }
    return true;
}

static bool read_nothing(const char *value, struct typed_option *option, struct argument_problem *problem) {
    option->size = 0;
    return *value == '\0'
           || argument_refuse(problem, "has a value, and this option takes none: leave out '=%s'", value);
}

typedef bool value_reader(const char *value, struct typed_option *option, struct argument_problem *problem);

static value_reader *const readers[] = {
    [COAX_VALUE_EMPTY] = read_nothing,
    [COAX_VALUE_OPAQUE] = read_bytes,
    [COAX_VALUE_UINT] = read_uint,
    [COAX_VALUE_STRING] = read_text,
};

bool typed_option_read(const char *text, struct typed_option *option, struct argument_problem *problem) {
    char name[64];
    size_t size = strcspn(text, "=");
    if (size == 0 || size >= sizeof name) {
        return argument_refuse(problem, "is not of the form NAME=VALUE, such as Uri-Query=a=1 or ETag=0x01ff");
    }
    memcpy(name, text, size);
    name[size] = '\0';
    if (!read_name(name, option, problem)) {
        return false;
    }
    const char *value = text[size] == '=' ? text + size + 1 : "";
    const coax_option_definition *definition = coax_option_by_number(option->number);
    if (definition == NULL) {
        return read_bytes(value, option, problem);
    }
    if (!readers[definition->format](value, option, problem)) {
        return false;
    }
    if (option->size < definition->minimum_size || option->size > definition->maximum_size) {
        return argument_refuse(problem, "has a value of %zu bytes, and %s takes %d to %d", option->size,
                               definition->name, definition->minimum_size, definition->maximum_size);
    }
    return true;
}
