/* Any text as link-format: what is read and written again reads the same. */
#include <coax/link_format.h>

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool condition) {
    if (!condition) {
        abort();
    }
}

enum { TEXT_MAXIMUM = 16384 };

/* A view as a string; `next` is the free part of a pool. */
static const char *string_of(const char *view, size_t size, char **next) {
    char *text = *next;
    memcpy(text, view, size);
    text[size] = '\0';
    *next += size + 1;
    return text;
}

static void copy_link(const coax_link *link, coax_link_writer *writer) {
    static char pool[2 * TEXT_MAXIMUM];
    char *next = pool;
    size_t position = 0;
    coax_link_attribute attribute;
    coax_link_write_target(writer, string_of(link->target, link->target_size, &next));
    while (coax_link_next_attribute(link, &position, &attribute)) {
        char value[TEXT_MAXIMUM];
        next = pool;
        const char *name = string_of(attribute.name, attribute.name_size, &next);
        require(coax_link_unquote(&attribute, value, sizeof value) == COAX_OK);
        coax_link_write_attribute(writer, name, attribute.value != NULL ? value : NULL, attribute.quoted);
    }
    require(position == link->attributes_size);
}

/* Writes all links of a text; false if it breaks the grammar. */
static bool copy(const char *text, size_t size, coax_link_writer *writer) {
    size_t position = 0;
    coax_link link;
    enum coax_status status;
    while ((status = coax_link_next(text, size, &position, &link, NULL)) == COAX_OK) {
        require(position <= size);
        copy_link(&link, writer);
    }
    require(status == COAX_E_NOT_FOUND || status == COAX_E_SYNTAX);
    return status == COAX_E_NOT_FOUND;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static char once[TEXT_MAXIMUM];
    static char twice[TEXT_MAXIMUM];
    coax_link_writer first = {once, sizeof once, 0};
    coax_link_writer second = {twice, sizeof twice, 0};
    if (size >= TEXT_MAXIMUM || !copy((const char *)data, size, &first) || first.size > sizeof once) {
        return 0;
    }
    require(first.size <= size);
    require(copy(once, first.size, &second));
    require(first.size == second.size && memcmp(once, twice, first.size) == 0);
    return 0;
}
