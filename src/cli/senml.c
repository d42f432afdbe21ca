#include "cli/senml.h"

#include <cbor.h>
#include <jansson.h>
#include <stdbool.h>
#include <string.h>

/* Above, not every whole number is a double. */
#define WHOLE_MAXIMUM 9007199254740992.0

static bool is_whole(double value) {
    return value >= -WHOLE_MAXIMUM && value <= WHOLE_MAXIMUM && (double)(int64_t)value == value;
}

/* A field of a record, with its name in JSON and its label in CBOR (section 5 and 6). */
struct field {
    const char *name;
    int label;
    double number;
    const char *text; /* NULL: the number */
};

enum { FIELDS_MAXIMUM = 5 };

/* The fields of record number `index`; the first one carries what holds for all. */
static size_t fields_of(const struct senml_pack *pack, size_t index, struct field out[FIELDS_MAXIMUM]) {
    const struct senml_record *record = &pack->records[index];
    size_t count = 0;
    if (index == 0) {
        out[count++] = (struct field){"bn", -2, 0, pack->base_name};
    }
    if (index == 0 && pack->base_time > 0) {
        out[count++] = (struct field){"bt", -3, pack->base_time, NULL};
    }
    out[count++] = (struct field){"n", 0, 0, record->name};
    if (record->unit != NULL) {
        out[count++] = (struct field){"u", 1, 0, record->unit};
    }
    out[count++] =
        record->text != NULL ? (struct field){"vs", 3, 0, record->text} : (struct field){"v", 2, record->value, NULL};
    return count;
}

static json_t *json_of(const struct field *field) {
    if (field->text != NULL) {
        return json_string(field->text);
    }
    return is_whole(field->number) ? json_integer((json_int_t)field->number) : json_real(field->number);
}

static bool add_record(json_t *array, const struct senml_pack *pack, size_t index) {
    struct field fields[FIELDS_MAXIMUM];
    size_t count = fields_of(pack, index, fields);
    json_t *object = json_object();
    bool good = object != NULL;
    for (size_t i = 0; good && i < count; i++) {
        good = json_object_set_new(object, fields[i].name, json_of(&fields[i])) == 0;
    }
    if (!good) {
        json_decref(object);
        return false;
    }
    return json_array_append_new(array, object) == 0;
}

size_t senml_write_json(const struct senml_pack *pack, void *out, size_t capacity) {
    json_t *array = json_array();
    bool good = array != NULL;
    for (size_t i = 0; good && i < pack->count; i++) {
        good = add_record(array, pack, i);
    }
    size_t size = good ? json_dumpb(array, out, capacity, JSON_COMPACT | JSON_REAL_PRECISION(15)) : 0;
    json_decref(array);
    return size <= capacity ? size : 0;
}

struct cbor_writer {
    unsigned char *out;
    size_t capacity;
    size_t size;
    bool fits;
};

/* An encoder returns the size that it wrote, 0 if there was no room. */
static void wrote(struct cbor_writer *writer, size_t size) {
    writer->fits = writer->fits && size > 0;
    writer->size += size;
}

static unsigned char *place(const struct cbor_writer *writer) {
    return writer->out + writer->size;
}

static size_t room(const struct cbor_writer *writer) {
    return writer->capacity - writer->size;
}

static void put_text(struct cbor_writer *writer, const char *text) {
    size_t size = strlen(text);
    wrote(writer, cbor_encode_string_start(size, place(writer), room(writer)));
    if (size > room(writer)) {
        writer->fits = false;
    } else if (writer->fits) {
        memcpy(place(writer), text, size);
        writer->size += size;
    }
}

static void put_number(struct cbor_writer *writer, double value) {
    if (!is_whole(value)) {
        wrote(writer, cbor_encode_double(value, place(writer), room(writer)));
    } else if (value < 0) {
        wrote(writer, cbor_encode_negint((uint64_t)(-1 - value), place(writer), room(writer)));
    } else {
        wrote(writer, cbor_encode_uint((uint64_t)value, place(writer), room(writer)));
    }
}

size_t senml_write_cbor(const struct senml_pack *pack, void *out, size_t capacity) {
    struct cbor_writer writer = {out, capacity, 0, true};
    wrote(&writer, cbor_encode_array_start(pack->count, place(&writer), room(&writer)));
    for (size_t i = 0; i < pack->count; i++) {
        struct field fields[FIELDS_MAXIMUM];
        size_t count = fields_of(pack, i, fields);
        wrote(&writer, cbor_encode_map_start(count, place(&writer), room(&writer)));
        for (size_t k = 0; k < count; k++) {
            put_number(&writer, fields[k].label);
            if (fields[k].text != NULL) {
                put_text(&writer, fields[k].text);
            } else {
                put_number(&writer, fields[k].number);
            }
        }
    }
    return writer.fits ? writer.size : 0;
}
