#include "message/uri_text.h"

#include "base/address.h"
#include "base/utf8.h"

#include <stdio.h>
#include <string.h>

/* The letters beside alphanumeric ones, and where they stand for themselves. */
static unsigned mark_parts(uint8_t byte) {
    static const struct {
        const char *letters;
        unsigned parts;
    } marks[] = {
        {"-._~", URI_PART_UNRESERVED | URI_PART_HOST | URI_PART_SEGMENT | URI_PART_ARGUMENT | URI_PART_QUERY},
        {"!$'()*+,;=", URI_PART_HOST | URI_PART_SEGMENT | URI_PART_ARGUMENT | URI_PART_QUERY},
        {"&", URI_PART_HOST | URI_PART_SEGMENT | URI_PART_QUERY},
        {":@", URI_PART_SEGMENT | URI_PART_ARGUMENT | URI_PART_QUERY},
        {"/?", URI_PART_ARGUMENT | URI_PART_QUERY},
    };
    for (size_t i = 0; byte != 0 && i < sizeof marks / sizeof *marks; i++) {
        if (strchr(marks[i].letters, byte) != NULL) {
            return marks[i].parts;
        }
    }
    return 0;
}

static bool is_alphanumeric(uint8_t byte) {
    uint8_t lower = byte | 0x20U;
    return (byte >= '0' && byte <= '9') || (lower >= 'a' && lower <= 'z');
}

bool coax_uri_allows(enum uri_part part, uint8_t byte) {
    return is_alphanumeric(byte) || (mark_parts(byte) & (unsigned)part) != 0;
}

static int hex_value(uint8_t byte) {
    if (byte >= '0' && byte <= '9') {
        return byte - '0';
    }
    byte |= 0x20U;
    return byte >= 'a' && byte <= 'f' ? byte - 'a' + 10 : -1;
}

int coax_uri_next_byte(struct bytes text, size_t *position) {
    uint8_t byte = text.data[*position];
    if (byte != '%') {
        ++*position;
        return byte;
    }
    if (text.size - *position < 3) {
        return -1;
    }
    int high = hex_value(text.data[*position + 1]);
    int low = hex_value(text.data[*position + 2]);
    if (high < 0 || low < 0) {
        return -1;
    }
    *position += 3;
    return high * 16 + low;
}

enum uri_fault coax_uri_decode(struct bytes text, struct uri_value *value) {
    size_t position = 0;
    value->size = 0;
    while (position < text.size) {
        int byte = coax_uri_next_byte(text, &position);
        if (byte < 0) {
            return URI_FAULT_PERCENT;
        }
        if (value->size == sizeof value->bytes) {
            return URI_FAULT_SIZE;
        }
        value->bytes[value->size++] = (uint8_t)byte;
    }
    return coax_utf8_is_valid(value->bytes, value->size) ? URI_FAULT_NONE : URI_FAULT_UTF8;
}

bool coax_uri_next_part(struct bytes text, char separator, size_t *position, struct bytes *part) {
    if (*position > text.size) {
        return false;
    }
    size_t start = *position;
    size_t end = start;
    while (end < text.size && text.data[end] != (uint8_t)separator) {
        end++;
    }
    *part = bytes_of(start == end ? (const uint8_t *)"" : text.data + start, end - start);
    *position = end + 1;
    return true;
}

/* 1 for ".", 2 for "..", 0 for every other segment. Percent-encoded dots count: "." is unreserved, so that both
 * spellings are the same URI (RFC 3986 section 6.2.2.2), and neither may become a Uri-Path (RFC 7252 section 5.10.1).
 */
static unsigned dots_of(struct bytes segment) {
    unsigned dots = 0;
    size_t position = 0;
    while (position < segment.size) {
        if (dots == 2 || coax_uri_next_byte(segment, &position) != '.') {
            return 0;
        }
        dots++;
    }
    return dots;
}

struct uri_segments coax_uri_segments_of(struct bytes path) {
    struct uri_segments segments = {.path = path};
    struct bytes segment;
    size_t position = 0;
    while (coax_uri_next_part(path, '/', &position, &segment)) {
        if (dots_of(segment) == 2) {
            segments.dot_dots_end = position;
        }
    }
    return segments;
}

/* Whether a ".." further on takes out the segment that ends before `position`; then moves *position past that "..",
 * because what is between was taken out too. */
static bool is_taken_out(const struct uri_segments *segments, size_t *position) {
    struct bytes segment;
    size_t depth = 0;
    size_t ahead = *position;
    while (ahead < segments->dot_dots_end && coax_uri_next_part(segments->path, '/', &ahead, &segment)) {
        unsigned dots = dots_of(segment);
        if (dots == 2 && depth == 0) {
            *position = ahead;
            return true;
        }
        depth = dots == 2 ? depth - 1 : depth + (dots == 0);
    }
    return false;
}

bool coax_uri_next_segment(struct uri_segments *segments, struct bytes *segment) {
    bool found = false;
    while (!found && coax_uri_next_part(segments->path, '/', &segments->next, segment)) {
        bool is_plain = dots_of(*segment) == 0;
        if (is_plain && !is_taken_out(segments, &segments->next)) {
            found = true;
        } else if (segments->next > segments->path.size) {
            /* The path ends in dots: "a/b/.." is "a/". */
            *segment = bytes_of("", 0);
            found = true;
        }
    }
    if (found && segment->size == 0 && !segments->any && segments->next > segments->path.size) {
        return false;
    }
    segments->any = segments->any || found;
    return found;
}

bool coax_uri_set_name(coax_uri *uri, struct bytes name) {
    if (name.size == 0 || name.size > COAX_HOST_MAXIMUM || !coax_utf8_is_valid(name.data, name.size)) {
        return false;
    }
    for (size_t i = 0; i < name.size; i++) {
        uint8_t byte = name.data[i];
        if (byte < 0x80 && !coax_uri_allows(URI_PART_HOST, byte)) {
            return false;
        }
        uri->host[i] = (char)(byte >= 'A' && byte <= 'Z' ? byte - 'A' + 'a' : byte);
    }
    uint8_t ip[16];
    uri->host[name.size] = '\0';
    uri->host_is_ip4 = coax_address_parse_ip(uri->host, ip);
    uri->host_is_ip6 = false;
    return true;
}

bool coax_uri_set_ip6(coax_uri *uri, struct bytes literal) {
    char text[46];
    struct address address = {.port = 0};
    if (literal.size >= sizeof text || memchr(literal.data, ':', literal.size) == NULL
        || memchr(literal.data, '\0', literal.size) != NULL) {
        return false;
    }
    memcpy(text, literal.data, literal.size);
    text[literal.size] = '\0';
    if (!coax_address_parse_ip(text, address.ip)) {
        return false;
    }
    /* An IPv4-mapped address keeps its prefix: in a URI it is another host than the IPv4 address. */
    size_t prefix = coax_address_is_ip4(&address) ? (size_t)snprintf(uri->host, sizeof uri->host, "::ffff:") : 0;
    coax_address_write_ip(&address, uri->host + prefix, sizeof uri->host - prefix);
    uri->host_is_ip4 = false;
    uri->host_is_ip6 = true;
    return true;
}

static void put_byte(struct uri_writer *writer, char byte) {
    if (writer->size < writer->capacity) {
        writer->out[writer->size] = byte;
    }
    writer->size++;
}

void coax_uri_put(struct uri_writer *writer, const char *text) {
    while (*text != '\0') {
        put_byte(writer, *text++);
    }
}

static void put_encoded_byte(struct uri_writer *writer, enum uri_part part, uint8_t byte) {
    static const char digits[] = "0123456789ABCDEF";
    if (coax_uri_allows(part, byte)) {
        put_byte(writer, (char)byte);
        return;
    }
    put_byte(writer, '%');
    put_byte(writer, digits[byte >> 4]);
    put_byte(writer, digits[byte & 0xfU]);
}

void coax_uri_put_encoded(struct uri_writer *writer, enum uri_part part, struct bytes plain) {
    for (size_t i = 0; i < plain.size; i++) {
        put_encoded_byte(writer, part, plain.data[i]);
    }
}

void coax_uri_put_recoded(struct uri_writer *writer, enum uri_part part, struct bytes encoded) {
    size_t position = 0;
    while (position < encoded.size) {
        int byte = coax_uri_next_byte(encoded, &position);
        if (byte < 0) {
            byte = encoded.data[position++];
        }
        put_encoded_byte(writer, part, (uint8_t)byte);
    }
}

bool coax_uri_finish(struct uri_writer *writer) {
    bool fits = writer->size < writer->capacity;
    if (writer->capacity > 0) {
        writer->out[fits ? writer->size : 0] = '\0';
    }
    return fits;
}
