#include "transport/stream/forwarded.h"

#include "transport/stream/http_head.h"
#include <string.h>

enum { NODE_MAXIMUM = 64 };

static bool is_blank(uint8_t byte) {
    return byte == ' ' || byte == '\t';
}

static struct bytes trim(struct bytes text) {
    while (text.size > 0 && is_blank(text.data[0])) {
        text = bytes_of(text.data + 1, text.size - 1);
    }
    while (text.size > 0 && is_blank(text.data[text.size - 1])) {
        text.size--;
    }
    return text;
}

/* Up to the next `separator` outside of quotes; *rest is what follows it. */
static struct bytes split(struct bytes *rest, uint8_t separator) {
    bool is_quoted = false;
    size_t size = 0;
    const uint8_t *start = rest->data;
    for (; size < rest->size && (is_quoted || start[size] != separator); size++) {
        is_quoted ^= start[size] == '"';
        size += is_quoted && start[size] == '\\' && size + 1 < rest->size;
    }
    size_t used = size < rest->size ? size + 1 : size;
    *rest = bytes_of(start + used, rest->size - used);
    return trim(bytes_of(start, size));
}

/* The value of a quoted string or token; addresses need no escapes, so one with a backslash is none. */
static struct bytes unquote(struct bytes value) {
    bool is_quoted = value.size >= 2 && value.data[0] == '"' && value.data[value.size - 1] == '"';
    return is_quoted ? bytes_of(value.data + 1, value.size - 2) : value;
}

static bool read_port(const char *text, uint16_t *port) {
    unsigned value = 0;
    size_t size = strlen(text);
    for (size_t i = 0; i < size; i++) {
        if (text[i] < '0' || text[i] > '9' || size > 5) {
            return false;
        }
        value = value * 10 + (unsigned)(text[i] - '0');
    }
    *port = (uint16_t)value;
    return size > 0 && value <= UINT16_MAX;
}

/* "192.0.2.1", "192.0.2.1:4711", "[2001:db8::1]", "[2001:db8::1]:4711"; and as proxies write it, "2001:db8::1". */
static bool read_node(struct bytes node, struct address *address) {
    char text[NODE_MAXIMUM];
    struct address read = {.port = 0};
    if (node.size == 0 || node.size >= sizeof text || memchr(node.data, '\0', node.size) != NULL) {
        return false;
    }
    memcpy(text, node.data, node.size);
    text[node.size] = '\0';
    char *ip = text, *port = NULL;
    char *first = strchr(text, ':'), *last = strrchr(text, ':');
    if (text[0] == '[') {
        char *end = strchr(text, ']');
        if (end == NULL || (end[1] != '\0' && end[1] != ':')) {
            return false;
        }
        port = end[1] == ':' ? end + 2 : NULL;
        *end = '\0';
        ip = text + 1;
        if (strchr(ip, ':') == NULL) {
            return false;
        }
    } else if (first != NULL && first == last) {
        *first = '\0';
        port = first + 1;
    }
    if (!coax_address_parse_ip(ip, read.ip) || (port != NULL && !read_port(port, &read.port))) {
        return false;
    }
    *address = read;
    return true;
}

static struct bytes last_element(struct bytes field) {
    struct bytes last = {NULL, 0};
    while (field.size > 0) {
        struct bytes element = split(&field, ',');
        last = element.size > 0 ? element : last;
    }
    return last;
}

bool coax_forwarded_read(struct bytes field, struct address *address) {
    struct bytes element = last_element(field);
    while (element.size > 0) {
        struct bytes pair = split(&element, ';');
        struct bytes name = split(&pair, '=');
        if (coax_http_same(name, "for")) {
            return read_node(unquote(trim(pair)), address);
        }
    }
    return false;
}

bool coax_forwarded_for_read(struct bytes field, struct address *address) {
    return read_node(last_element(field), address);
}
