#include "base/address.h"

#include <stdio.h>
#include <string.h>

enum { IP4_OFFSET = 12, GROUPS = 8 };

static const uint8_t mapped_prefix[IP4_OFFSET] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

struct address coax_address_ip4(uint8_t a, uint8_t b, uint8_t c, uint8_t d, uint16_t port) {
    struct address address = {.port = port};
    const uint8_t parts[] = {a, b, c, d};
    memcpy(address.ip, mapped_prefix, sizeof mapped_prefix);
    memcpy(address.ip + IP4_OFFSET, parts, sizeof parts);
    return address;
}

bool coax_address_is_ip4(const struct address *address) {
    return memcmp(address->ip, mapped_prefix, sizeof mapped_prefix) == 0;
}

bool coax_address_is_multicast(const struct address *address) {
    if (coax_address_is_ip4(address)) {
        return (address->ip[IP4_OFFSET] & 0xf0U) == 0xe0U;
    }
    return address->ip[0] == 0xff;
}

bool coax_address_is_unspecified(const struct address *address) {
    static const uint8_t zero[16];
    size_t start = coax_address_is_ip4(address) ? IP4_OFFSET : 0;
    return memcmp(address->ip + start, zero, sizeof zero - start) == 0;
}

bool coax_address_equal(const struct address *a, const struct address *b) {
    return a->port == b->port && a->zone == b->zone && memcmp(a->ip, b->ip, sizeof a->ip) == 0;
}

/* One part of a dotted address (dec-octet of RFC 3986): 0 to 255 without leading zeros. NULL if there is none. */
static const char *parse_octet(const char *text, uint8_t *octet) {
    unsigned value = 0;
    size_t digits = 0;
    while (text[digits] >= '0' && text[digits] <= '9') {
        if (digits == 3 || (digits > 0 && value == 0)) {
            return NULL;
        }
        value = value * 10 + (unsigned)(text[digits] - '0');
        digits++;
    }
    if (digits == 0 || value > UINT8_MAX) {
        return NULL;
    }
    *octet = (uint8_t)value;
    return text + digits;
}

static bool parse_dotted(const char *text, uint8_t out[4]) {
    for (size_t i = 0; i < 4; i++) {
        if (i > 0 && *text++ != '.') {
            return false;
        }
        text = parse_octet(text, &out[i]);
        if (text == NULL) {
            return false;
        }
    }
    return *text == '\0';
}

static int hex_value(char c) {
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* One to four hexadecimal digits (h16 of RFC 3986). NULL if there are none. A fifth one is left for the caller, who
 * wants a colon there. */
static const char *parse_group(const char *text, uint8_t out[2]) {
    unsigned value = 0;
    size_t digits = 0;
    while (digits < 4 && hex_value(text[digits]) >= 0) {
        value = value << 4 | (unsigned)hex_value(text[digits]);
        digits++;
    }
    if (digits == 0) {
        return NULL;
    }
    out[0] = (uint8_t)(value >> 8);
    out[1] = (uint8_t)(value & 0xffU);
    return text + digits;
}

/* The groups read so far, and where "::" stood among them. */
struct ip6_parser {
    uint8_t bytes[16];
    size_t size;
    size_t gap;
    bool has_gap;
};

/* Moves what followed "::" to the end. */
static bool finish_ip6(const struct ip6_parser *parser, uint8_t ip[16]) {
    if (parser->has_gap ? parser->size > 14 : parser->size != 16) {
        return false;
    }
    size_t tail = parser->size - (parser->has_gap ? parser->gap : parser->size);
    memset(ip, 0, 16);
    memcpy(ip, parser->bytes, parser->size - tail);
    memcpy(ip + 16 - tail, parser->bytes + parser->size - tail, tail);
    return true;
}

/* Takes the colon, or the two of "::", after a group. A single one at the end is an error. */
static const char *parse_colons(const char *text, struct ip6_parser *parser) {
    if (text[0] != ':') {
        return NULL;
    }
    if (text[1] != ':') {
        return text[1] == '\0' ? NULL : text + 1;
    }
    if (parser->has_gap) {
        return NULL;
    }
    parser->has_gap = true;
    parser->gap = parser->size;
    return text + 2;
}

static bool parse_ip6(const char *text, uint8_t ip[16]) {
    struct ip6_parser parser = {.size = 0};
    if (text[0] == ':') {
        text = text[1] == ':' ? parse_colons(text, &parser) : NULL;
    }
    while (text != NULL && *text != '\0') {
        if (parser.size <= IP4_OFFSET && parse_dotted(text, parser.bytes + parser.size)) {
            parser.size += 4;
            break;
        }
        if (parser.size == sizeof parser.bytes) {
            return false;
        }
        text = parse_group(text, parser.bytes + parser.size);
        parser.size += 2;
        if (text != NULL && *text != '\0') {
            text = parse_colons(text, &parser);
        }
    }
    return text != NULL && finish_ip6(&parser, ip);
}

bool coax_address_parse_ip(const char *text, uint8_t ip[16]) {
    uint8_t parts[4];
    if (parse_dotted(text, parts)) {
        memcpy(ip, mapped_prefix, sizeof mapped_prefix);
        memcpy(ip + IP4_OFFSET, parts, sizeof parts);
        return true;
    }
    return parse_ip6(text, ip);
}

/* The longest run of at least two zero groups, the first one of equals (RFC 5952 section 4.2). */
static size_t longest_zero_run(const uint8_t ip[16], size_t *length) {
    size_t start = GROUPS;
    *length = 1;
    for (size_t i = 0; i < GROUPS; i++) {
        size_t run = 0;
        while (i + run < GROUPS && ip[2 * (i + run)] == 0 && ip[2 * (i + run) + 1] == 0) {
            run++;
        }
        if (run > *length) {
            start = i;
            *length = run;
        }
    }
    return start;
}

size_t coax_address_write_ip(const struct address *address, char *out, size_t capacity) {
    const uint8_t *ip = address->ip;
    if (coax_address_is_ip4(address)) {
        return (size_t)snprintf(out, capacity, "%u.%u.%u.%u", ip[12], ip[13], ip[14], ip[15]);
    }
    char text[48] = "";
    size_t size = 0;
    size_t zeros;
    size_t zero_start = longest_zero_run(ip, &zeros);
    for (size_t i = 0; i < GROUPS; i++) {
        if (i == zero_start) {
            size += (size_t)snprintf(text + size, sizeof text - size, i == 0 ? "::" : ":");
            i += zeros - 1;
            continue;
        }
        unsigned group = (unsigned)ip[2 * i] << 8 | ip[2 * i + 1];
        size += (size_t)snprintf(text + size, sizeof text - size, "%x%s", group, i + 1 < GROUPS ? ":" : "");
    }
    return (size_t)snprintf(out, capacity, "%s", text);
}

size_t coax_address_write(const struct address *address, uint16_t default_port, char *out, size_t capacity) {
    char ip[48];
    char zone[16] = "";
    char port[8] = "";
    coax_address_write_ip(address, ip, sizeof ip);
    if (address->zone != 0) {
        snprintf(zone, sizeof zone, "%%%u", (unsigned)address->zone);
    }
    if (address->port != default_port) {
        snprintf(port, sizeof port, ":%u", address->port);
    }
    if (coax_address_is_ip4(address)) {
        return (size_t)snprintf(out, capacity, "%s%s", ip, port);
    }
    return (size_t)snprintf(out, capacity, "[%s%s]%s", ip, zone, port);
}
