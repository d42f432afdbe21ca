#include "transport/stream/forwarded.h"

#include "transport/stream/http_head.h"
#include <string.h>

enum { NODE_MAXIMUM = 64 };

static bool is_blank(uint8_t byte) {
    return byte == ' ' || byte == '\t';
}

static bool is_separator(uint8_t byte) {
    return byte == ',' || byte == ';';
}

static void advance(struct bytes *rest, size_t size) {
    *rest = bytes_of(rest->data + size, rest->size - size);
}

static void skip_blanks(struct bytes *rest) {
    while (rest->size > 0 && is_blank(rest->data[0])) {
        advance(rest, 1);
    }
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

static bool is_word(uint8_t byte) {
    return !is_blank(byte) && !is_separator(byte) && byte != '=' && byte != '"' && byte != '\\';
}

/* What neither separates nor quotes. More than a token may hold, as proxies write addresses without the quotes too. */
static struct bytes take_word(struct bytes *rest) {
    struct bytes word = bytes_of(rest->data, 0);
    while (rest->size > 0 && is_word(rest->data[0])) {
        advance(rest, 1);
        word.size++;
    }
    return word;
}

/* The inside of a quoted string. Addresses need no escapes, so one that has any will be none. */
static bool take_quoted(struct bytes *rest, struct bytes *inside) {
    size_t size = 1;
    while (size < rest->size && rest->data[size] != '"') {
        size += rest->data[size] == '\\' ? 2 : 1;
    }
    if (size >= rest->size) {
        return false;
    }
    *inside = bytes_of(rest->data + 1, size - 1);
    advance(rest, size + 1);
    return true;
}

static bool take_value(struct bytes *rest, struct bytes *value) {
    if (rest->size > 0 && rest->data[0] == '"') {
        return take_quoted(rest, value);
    }
    *value = take_word(rest);
    return value->size > 0;
}

/* One name and its value; *node is that of `for`, which an element has once. */
static bool read_pair(struct bytes *rest, struct bytes *node) {
    struct bytes value, name = take_word(rest);
    skip_blanks(rest);
    if (name.size == 0 || rest->size == 0 || rest->data[0] != '=') {
        return false;
    }
    advance(rest, 1);
    skip_blanks(rest);
    bool is_for = coax_http_same(name, "for");
    if (!take_value(rest, &value) || (is_for && node->data != NULL)) {
        return false;
    }
    if (is_for) {
        *node = value;
    }
    skip_blanks(rest);
    return rest->size == 0 || is_separator(rest->data[0]);
}

/* All of it must be right: behind a quote that a client left open, what the proxy added would be taken for its words.
 */
bool coax_forwarded_read(struct bytes field, struct address *address) {
    static const struct bytes none = {NULL, 0};
    struct bytes node = none;
    bool is_new = true;
    for (skip_blanks(&field); field.size > 0; skip_blanks(&field)) {
        if (is_separator(field.data[0])) {
            is_new |= field.data[0] == ',';
            advance(&field, 1);
            continue;
        }
        node = is_new ? none : node;
        is_new = false;
        if (!read_pair(&field, &node)) {
            return false;
        }
    }
    return read_node(node, address);
}

/* Nothing is quoted here. */
bool coax_forwarded_for_read(struct bytes field, struct address *address) {
    size_t position = 0;
    struct bytes element, last = {NULL, 0};
    while (coax_http_list_next(field, &position, &element)) {
        last = element;
    }
    return read_node(last, address);
}
