#include "message/option.h"
#include "base/error.h"
#include "message/nibble.h"

#include <string.h>

enum { VALUE_MAXIMUM = FOUR_BYTES_OFFSET - 1, PAYLOAD_MARKER = 0xff };

/* Reads what a nibble stands for; *offset moves past the bytes that extend it. False if they run past the end. */
static bool read_extended(struct bytes data, unsigned nibble, size_t *offset, uint32_t *value) {
    size_t size = nibble_extension(nibble);
    if (size > data.size - *offset) {
        return false;
    }
    *value = (uint32_t)nibble_value(nibble, data.data + *offset);
    *offset += size;
    return true;
}

size_t coax_option_read(struct bytes data, uint16_t previous, coax_option *option, const char **problem) {
    *problem = NULL;
    if (data.size == 0 || data.data[0] == PAYLOAD_MARKER) {
        return 0;
    }
    unsigned delta_nibble = data.data[0] >> 4, length_nibble = data.data[0] & 0xf;
    if (delta_nibble == NIBBLE_RESERVED || length_nibble == NIBBLE_RESERVED) {
        *problem = delta_nibble == NIBBLE_RESERVED ? "has the reserved delta 15" : "has the reserved length 15";
        return 0;
    }
    size_t offset = 1;
    uint32_t delta = 0, length = 0;
    if (!read_extended(data, delta_nibble, &offset, &delta) || !read_extended(data, length_nibble, &offset, &length)
        || length > data.size - offset) {
        *problem = "runs past the end of the message";
        return 0;
    }
    if (delta > (uint32_t)UINT16_MAX - previous) {
        *problem = "has a number over 65535";
        return 0;
    }
    *option = (coax_option){(uint16_t)(previous + delta), data.data + offset, length};
    return offset + length;
}

enum coax_status coax_options_scan_in(const uint8_t *message, const uint8_t *data, size_t size, size_t *options_size,
                                      struct bytes *payload, coax_error *error) {
    *options_size = 0;
    *payload = bytes_of(NULL, 0);
    if (size == 0) {
        return COAX_OK;
    }
    coax_option option = {0};
    const char *problem = NULL;
    size_t offset = 0, taken = 0;
    while ((taken = coax_option_read(bytes_of(data + offset, size - offset), option.number, &option, &problem)) != 0) {
        offset += taken;
    }
    size_t place = (size_t)(data - message) + offset;
    if (problem != NULL) {
        return coax_fail(error, COAX_E_FORMAT, "The option at offset %zu %s", place, problem);
    }
    if (offset > OPTIONS_MAXIMUM) {
        return coax_fail(error, COAX_E_FORMAT, "Options of %zu bytes are more than can be read", offset);
    }
    *options_size = offset;
    if (offset < size) {
        if (size - offset == 1) {
            return coax_fail(error, COAX_E_FORMAT, "The payload marker at offset %zu has no payload after it", place);
        }
        *payload = bytes_of(data + offset + 1, size - offset - 1);
    }
    return COAX_OK;
}

enum coax_status coax_options_scan(const uint8_t *data, size_t size, size_t *options_size, struct bytes *payload,
                                   coax_error *error) {
    return coax_options_scan_in(data, data, size, options_size, payload, error);
}

static size_t header_size(size_t delta, size_t length) {
    return 1 + nibble_extension(nibble_of(delta)) + nibble_extension(nibble_of(length));
}

static uint8_t *write_header(uint8_t *out, size_t delta, size_t length) {
    *out++ = (uint8_t)(nibble_of(delta) << 4 | nibble_of(length));
    return nibble_extend(nibble_extend(out, delta), length);
}

/* An option that the writer holds, and where. */
struct place {
    coax_option option;
    size_t start, end;
    uint16_t previous; /* number of the option before it */
};

/* Moves to the option after `place`; false at the end. Starts from a zeroed one. */
static bool next_place(const struct option_writer *writer, struct place *place) {
    place->previous = place->option.number;
    place->start = place->end;
    if (place->start == writer->size) {
        return false;
    }
    const char *problem = NULL;
    struct bytes rest = bytes_of(writer->data + place->start, writer->size - place->start);
    place->end += coax_option_read(rest, place->previous, &place->option, &problem);
    return true;
}

static bool is_allowed(const struct option_writer *writer, uint16_t number, size_t size) {
    const coax_option_definition *definition = coax_option_in(writer->code, number);
    return size <= VALUE_MAXIMUM
           && (definition == NULL || (size >= definition->minimum_size && size <= definition->maximum_size));
}

/* Makes the room from `start` to the value of the option that stands there into `room` bytes. */
static void resize(struct option_writer *writer, size_t start, size_t end, size_t room) {
    memmove(writer->data + start + room, writer->data + end, writer->size - end);
    writer->size = writer->size - (end - start) + room;
}

static void put(uint8_t *out, size_t delta, const void *value, size_t size) {
    out = write_header(out, delta, size);
    if (size > 0) {
        memcpy(out, value, size);
    }
}

static enum coax_status append(struct option_writer *writer, uint16_t number, const void *value, size_t size) {
    size_t delta = (size_t)(number - writer->last);
    size_t needed = header_size(delta, size) + size;
    if (needed > writer->capacity - writer->size) {
        return COAX_E_TOO_LARGE;
    }
    put(writer->data + writer->size, delta, value, size);
    writer->size += needed;
    writer->last = number;
    return COAX_OK;
}

/* Before `next`, whose delta becomes smaller. */
static enum coax_status insert(struct option_writer *writer, const struct place *next, uint16_t number,
                               const void *value, size_t size) {
    size_t delta = (size_t)(number - next->previous), next_delta = (size_t)(next->option.number - number);
    size_t next_value = next->end - next->option.size;
    size_t needed = header_size(delta, size) + size;
    size_t room = needed + header_size(next_delta, next->option.size);
    if (room - (next_value - next->start) > writer->capacity - writer->size) {
        return COAX_E_TOO_LARGE;
    }
    resize(writer, next->start, next_value, room);
    put(writer->data + next->start, delta, value, size);
    write_header(writer->data + next->start + needed, next_delta, next->option.size);
    return COAX_OK;
}

enum coax_status coax_option_write(struct option_writer *writer, uint16_t number, const void *value, size_t size) {
    if (!is_allowed(writer, number, size)) {
        return COAX_E_TOO_LARGE;
    }
    if (number >= writer->last) {
        return append(writer, number, value, size);
    }
    struct place place = {0};
    while (next_place(writer, &place) && place.option.number <= number) {
    }
    return insert(writer, &place, number, value, size);
}

enum coax_status coax_option_write_uint(struct option_writer *writer, uint16_t number, uint64_t value) {
    uint8_t bytes[8];
    size_t size = 0;
    for (uint64_t rest = value; rest != 0; rest >>= 8) {
        size++;
    }
    for (size_t i = 0; i < size; i++) {
        bytes[i] = (uint8_t)(value >> 8 * (size - 1 - i));
    }
    return coax_option_write(writer, number, bytes, size);
}

void coax_option_erase(struct option_writer *writer, uint16_t number) {
    struct place place = {0};
    while (next_place(writer, &place) && place.option.number < number) {
    }
    if (place.end == place.start || place.option.number != number) {
        return;
    }
    size_t start = place.start;
    uint16_t previous = place.previous;
    while (next_place(writer, &place) && place.option.number == number) {
    }
    if (place.end == place.start) {
        writer->size = start;
        writer->last = previous;
        return;
    }
    /* The next option's delta grows. Its longer header fits where the erased options stood: each is at least as long as
       what their delta can add. */
    size_t delta = (size_t)(place.option.number - previous), length = place.option.size;
    resize(writer, start, place.end - length, header_size(delta, length));
    write_header(writer->data + start, delta, length);
}
