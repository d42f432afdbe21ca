#include "cli/link_table.h"

#include "cli/complain.h"
#include "cli/printable.h"
#include <coax/content_format.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

enum { COLUMNS = 5, CELL_CAPACITY = 512 };

struct row {
    char cells[COLUMNS][CELL_CAPACITY];
};

enum { URI, TYPE, FORMATS, OBSERVABLE, TITLE };

static const char *const headings[COLUMNS] = {"URI", "TYPE", "FORMATS", "OBS", "TITLE"};

/* A target that is a path belongs to who gave it (RFC 6690 section 2.1). */
static void write_uri(const char *base, const coax_link *link, char *out, size_t capacity) {
    int size = (int)(link->target_size < capacity ? link->target_size : capacity);
    bool is_path = size > 0 && link->target[0] == '/';
    bool is_whole = !is_path && memmem(link->target, link->target_size, "://", 3) != NULL;
    (void)snprintf(out, capacity, "%s%s%.*s", is_whole ? "" : base, is_whole || is_path ? "" : "/", size, link->target);
}

/* "0 50" as "text/plain,json": what tells them apart. */
static void write_formats(const char *numbers, char *out, size_t capacity) {
    static const char common[] = "application/";
    size_t size = 0;
    out[0] = '\0';
    for (const char *at = numbers + strspn(numbers, " "); *at != '\0' && size < capacity;) {
        size_t length = strcspn(at, " ");
        const char *name = length <= 5 ? coax_content_format_name((int)strtol(at, NULL, 10)) : NULL;
        const char *shown = name == NULL                                    ? at
                            : strncmp(name, common, sizeof common - 1) == 0 ? name + sizeof common - 1
                                                                            : name;
        int shown_size = (int)(name == NULL ? length : strcspn(shown, ";"));
        size += (size_t)snprintf(out + size, capacity - size, "%s%.*s", size > 0 ? "," : "", shown_size, shown);
        at += length;
        at += strspn(at, " ");
    }
}

static bool is_named(const coax_link_attribute *attribute, const char *name) {
    return attribute->name_size == strlen(name) && memcmp(attribute->name, name, attribute->name_size) == 0;
}

static void take_attribute(struct row *row, const coax_link_attribute *attribute) {
    static const struct {
        const char *name;
        int column;
    } texts[] = {{"rt", TYPE}, {"ct", FORMATS}, {"title", TITLE}};
    if (is_named(attribute, "obs")) {
        memcpy(row->cells[OBSERVABLE], "obs", sizeof "obs");
    }
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        char text[CELL_CAPACITY];
        if (!is_named(attribute, texts[i].name) || coax_link_unquote(attribute, text, sizeof text) != COAX_OK) {
            continue;
        }
        char *cell = row->cells[texts[i].column];
        if (texts[i].column == FORMATS) {
            write_formats(text, cell, CELL_CAPACITY);
        } else {
            memcpy(cell, text, strlen(text) + 1);
        }
    }
}

static void read_row(const char *base, const coax_link *link, struct row *row) {
    coax_link_attribute attribute;
    *row = (struct row){0};
    write_uri(base, link, row->cells[URI], CELL_CAPACITY);
    for (size_t position = 0; coax_link_next_attribute(link, &position, &attribute);) {
        take_attribute(row, &attribute);
    }
    for (int i = 0; i < COLUMNS; i++) {
        char *cell = row->cells[i];
        if (cell[0] == '\0') {
            memcpy(cell, "-", sizeof "-");
        }
        for (char *c = cell; *c != '\0'; c++) {
            *c = *c == '\n' || *c == '\t' ? ' ' : *c; /* a row is a line */
        }
    }
}

/* In characters, as a terminal shows them. */
static int width_of(const char *cell) {
    int width = 0;
    for (; *cell != '\0'; cell++) {
        width += (*cell & 0xc0) != 0x80;
    }
    return width;
}

static void print_row(FILE *file, const char *const cells[COLUMNS], const int widths[COLUMNS]) {
    for (int i = 0; i < COLUMNS; i++) {
        print_printable(file, cells[i], strlen(cells[i]));
        if (i < COLUMNS - 1) {
            fprintf(file, "%*s", widths[i] - width_of(cells[i]) + 2, "");
        }
    }
    fputc('\n', file);
}

static void widen(int widths[COLUMNS], const char *const cells[COLUMNS]) {
    for (int i = 0; i < COLUMNS; i++) {
        int width = width_of(cells[i]);
        widths[i] = width > widths[i] ? width : widths[i];
    }
}

static void print_heading(FILE *file, const int widths[COLUMNS]) {
    fputs(colour_on(file, COLOUR_BOLD), file);
    print_row(file, headings, widths);
    fputs(colour_on(file, COLOUR_PLAIN), file);
}

/* Calls `use` for each link; returns their number. error->status is COAX_OK if that is all. */
static size_t each_link(const char *text, size_t size, void (*use)(const coax_link *link, void *user), void *user,
                        coax_error *error) {
    coax_link link;
    size_t count = 0;
    size_t position = 0;
    enum coax_status status;
    while ((status = coax_link_next(text, size, &position, &link, error)) == COAX_OK) {
        use(&link, user);
        count++;
    }
    error->status = status == COAX_E_NOT_FOUND ? COAX_OK : status;
    return count;
}

struct table {
    FILE *file;
    const char *base;
    int widths[COLUMNS];
    bool measures; /* the first pass */
};

static void use_row(const coax_link *link, void *user) {
    struct table *table = user;
    struct row row;
    read_row(table->base, link, &row);
    const char *const cells[COLUMNS] = {row.cells[0], row.cells[1], row.cells[2], row.cells[3], row.cells[4]};
    if (table->measures) {
        widen(table->widths, cells);
    } else {
        print_row(table->file, cells, table->widths);
    }
}

size_t link_table_print(FILE *file, const char *base, const char *text, size_t size, bool heading, coax_error *error) {
    struct table table = {.file = file, .base = base, .measures = true};
    widen(table.widths, headings);
    size_t count = each_link(text, size, use_row, &table, error);
    table.measures = false;
    if (heading && count > 0) {
        print_heading(file, table.widths);
    }
    return each_link(text, size, use_row, &table, error);
}

/* Bytes that are no text are left out: JSON has no way to say them. */
static json_t *attributes_of(const coax_link *link) {
    json_t *attributes = json_object();
    coax_link_attribute attribute;
    for (size_t position = 0; coax_link_next_attribute(link, &position, &attribute);) {
        char name[CELL_CAPACITY];
        char *value = malloc(attribute.value_size + 1);
        (void)snprintf(name, sizeof name, "%.*s", (int)(attribute.name_size % CELL_CAPACITY), attribute.name);
        if (attribute.value == NULL) {
            (void)json_object_set_new(attributes, name, json_true());
        } else if (value != NULL && coax_link_unquote(&attribute, value, attribute.value_size + 1) == COAX_OK) {
            (void)json_object_set_new(attributes, name, json_string(value));
        }
        free(value);
    }
    return attributes;
}

static void use_object(const coax_link *link, void *user) {
    const struct table *table = user;
    char uri[CELL_CAPACITY];
    write_uri(table->base, link, uri, sizeof uri);
    json_t *object = json_pack("{s:s, s:o}", "uri", uri, "attributes", attributes_of(link));
    if (object != NULL && json_dumpf(object, table->file, JSON_COMPACT) == 0) {
        fputc('\n', table->file);
    }
    json_decref(object);
}

size_t link_json_print(FILE *file, const char *base, const char *text, size_t size, coax_error *error) {
    struct table table = {.file = file, .base = base};
    return each_link(text, size, use_object, &table, error);
}
