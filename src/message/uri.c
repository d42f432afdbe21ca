#include <coax/uri.h>

#include "base/error.h"
#include "message/uri_text.h"

#include <stdio.h>
#include <string.h>

/* RFC 7252 section 6.1, 6.2, RFC 8323 section 8.1 to 8.4. */
static const struct scheme {
    const char *name;
    uint16_t port;
    bool is_secure;
} schemes[COAX_SCHEMES] = {
    [COAX_SCHEME_COAP] = {"coap", 5683, false},         [COAX_SCHEME_COAPS] = {"coaps", 5684, true},
    [COAX_SCHEME_COAP_TCP] = {"coap+tcp", 5683, false}, [COAX_SCHEME_COAPS_TCP] = {"coaps+tcp", 5684, true},
    [COAX_SCHEME_COAP_WS] = {"coap+ws", 80, false},     [COAX_SCHEME_COAPS_WS] = {"coaps+ws", 443, true},
};

static const char known_schemes[] = "coap, coaps, coap+tcp, coaps+tcp, coap+ws, coaps+ws";

const char *coax_scheme_name(enum coax_scheme scheme) {
    return (unsigned)scheme < COAX_SCHEMES ? schemes[scheme].name : "unknown scheme";
}

uint16_t coax_scheme_default_port(enum coax_scheme scheme) {
    return (unsigned)scheme < COAX_SCHEMES ? schemes[scheme].port : 0;
}

bool coax_scheme_is_secure(enum coax_scheme scheme) {
    return (unsigned)scheme < COAX_SCHEMES && schemes[scheme].is_secure;
}

/* The text that is parsed, and how far. */
struct parser {
    const char *text;
    const char *at;
    coax_error *error;
    coax_uri *uri;
};

/* Positions are counted from 1, as people count. */
static size_t position_of(const struct parser *parser, const char *at) {
    return (size_t)(at - parser->text) + 1;
}

static bool is_letter(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

static char to_lower(char c) {
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

enum { EXCERPT = 64 };

/* What follows "coap://" in a hint: the start of the text, or a placeholder when it may hold a password or what no
 * terminal should get. */
static const char *excerpt_of(const char *text, char out[EXCERPT]) {
    size_t size = strcspn(text, "?#");
    for (size_t i = 0; i < size; i++) {
        if (text[i] <= 0x20 || text[i] >= 0x7f || text[i] == '@') {
            return "HOST/PATH";
        }
    }
    if (size == 0) {
        return "HOST/PATH";
    }
    snprintf(out, EXCERPT, "%.*s", (int)(size < EXCERPT ? size : EXCERPT), text);
    return out;
}

static enum coax_status fail_without_scheme(const struct parser *parser) {
    char excerpt[EXCERPT];
    const char *host = parser->text + strspn(parser->text, "/");
    return coax_fail(parser->error, COAX_E_URI, "The URI has no scheme at character 1; try coap://%s",
                     excerpt_of(host, excerpt));
}

/* The size of what looks like a scheme (RFC 3986 section 3.1) before the first ':', 0 if there is none. */
static size_t scheme_size(const char *text) {
    size_t size = 0;
    if (!is_letter(text[0])) {
        return 0;
    }
    while (is_letter(text[size]) || is_digit(text[size]) || (text[size] != '\0' && strchr("+-.", text[size]) != NULL)) {
        size++;
    }
    return text[size] == ':' ? size : 0;
}

static enum coax_scheme find_scheme(const char *text, size_t size) {
    enum coax_scheme scheme = COAX_SCHEME_COAP;
    while (scheme < COAX_SCHEMES) {
        const char *name = schemes[scheme].name;
        size_t same = 0;
        while (same < size && to_lower(text[same]) == name[same]) {
            same++;
        }
        if (same == size && name[size] == '\0') {
            break;
        }
        scheme++;
    }
    return scheme;
}

static enum coax_status parse_scheme(struct parser *parser) {
    size_t size = scheme_size(parser->text);
    const char *rest = parser->text + size + 1;
    if (size == 0) {
        return fail_without_scheme(parser);
    }
    bool has_authority = strncmp(rest, "//", 2) == 0;
    enum coax_scheme scheme = find_scheme(parser->text, size);
    if (scheme == COAX_SCHEMES && (has_authority || !is_digit(*rest))) {
        return coax_fail(parser->error, COAX_E_URI, "\"%.*s\" at character 1 is not a scheme of CoAP; there are %s",
                         (int)(size < EXCERPT ? size : EXCERPT), parser->text, known_schemes);
    }
    if (scheme == COAX_SCHEMES) {
        return fail_without_scheme(parser); /* "host:5683" */
    }
    if (!has_authority) {
        return coax_fail(parser->error, COAX_E_URI, "\"//\" is missing at character %zu, after \"%s:\"",
                         position_of(parser, rest), coax_scheme_name(scheme));
    }
    parser->uri->scheme = scheme;
    parser->uri->port = coax_scheme_default_port(scheme);
    parser->at = rest + 2;
    return COAX_OK;
}

/* The rest of a character's error: how to write it. */
static enum coax_status fail_character(const struct parser *parser, const char *at, const char *part) {
    return coax_fail(parser->error, COAX_E_URI,
                     "Character %zu must not stand in a %s as it is; write \"%%%02X\" for it", position_of(parser, at),
                     part, (unsigned)(unsigned char)*at);
}

static enum coax_status fail_percent(const struct parser *parser, const char *at) {
    return coax_fail(
        parser->error, COAX_E_URI,
        "The \"%%\" at character %zu is not followed by two hexadecimal digits; a \"%%\" itself is \"%%25\"",
        position_of(parser, at));
}

/* Checks that [start, end) holds what may stand in a part of a URI, and whole escapes. */
static enum coax_status check_characters(const struct parser *parser, const char *start, const char *end,
                                         enum uri_part part, const char *name) {
    struct bytes text = bytes_of(start, (size_t)(end - start));
    size_t position = 0;
    while (position < text.size) {
        const char *at = start + position;
        if (*at != '%' && !coax_uri_allows(part, (uint8_t)*at)) {
            return fail_character(parser, at, name);
        }
        if (coax_uri_next_byte(text, &position) < 0) {
            return fail_percent(parser, at);
        }
    }
    return COAX_OK;
}

/* The value of one component, decoded; errors name the component's first character. */
static enum coax_status decode_component(const struct parser *parser, struct bytes text, const char *name,
                                         struct uri_value *value) {
    size_t position = position_of(parser, (const char *)text.data);
    switch (coax_uri_decode(text, value)) {
    case URI_FAULT_NONE:
        return COAX_OK;
    case URI_FAULT_SIZE:
        return coax_fail(parser->error, COAX_E_URI, "The %s at character %zu is longer than %d bytes", name, position,
                         URI_VALUE_MAXIMUM);
    case URI_FAULT_UTF8:
        return coax_fail(parser->error, COAX_E_URI, "The %s at character %zu is not UTF-8 after decoding", name,
                         position);
    case URI_FAULT_PERCENT:
        break;
    }
    return fail_percent(parser, (const char *)text.data);
}

/* A decoded zone is the name or number of an interface: what Linux allows in one, and no more. */
static bool is_zone_byte(int byte) {
    return byte > 0x20 && byte < 0x7f && strchr("/:%[]", byte) == NULL;
}

/* The zone behind the '%' at `percent`: "%25eth0" (RFC 6874), or "%eth0" as people type it. */
static enum coax_status parse_zone(struct parser *parser, const char *percent, const char *end) {
    const char *start = percent + 1;
    if (end - start > 2 && strncmp(start, "25", 2) == 0) {
        start += 2;
    }
    struct bytes text = bytes_of(start, (size_t)(end - start));
    size_t position = 0;
    size_t size = 0;
    if (text.size == 0) {
        return coax_fail(parser->error, COAX_E_URI,
                         "The zone at character %zu is empty; write \"%%25\" and an interface",
                         position_of(parser, start));
    }
    enum coax_status status = check_characters(parser, start, end, URI_PART_UNRESERVED, "zone");
    while (status == COAX_OK && position < text.size) {
        const char *at = start + position;
        int byte = coax_uri_next_byte(text, &position);
        if (!is_zone_byte(byte)) {
            return coax_fail(parser->error, COAX_E_URI, "Character %zu cannot be part of an interface's name",
                             position_of(parser, at));
        }
        if (size == COAX_ZONE_MAXIMUM) {
            return coax_fail(parser->error, COAX_E_URI, "The zone at character %zu is longer than %d bytes",
                             position_of(parser, start), COAX_ZONE_MAXIMUM);
        }
        parser->uri->zone[size++] = (char)byte;
    }
    return status;
}

/* "[...]": an IPv6 address with or without a zone. parser->at is behind the '['. */
static enum coax_status parse_ip6_literal(struct parser *parser, const char *end) {
    const char *start = parser->at;
    const char *close = memchr(start, ']', (size_t)(end - start));
    if (close == NULL) {
        return coax_fail(parser->error, COAX_E_URI, "The \"]\" for the \"[\" at character %zu is missing",
                         position_of(parser, start - 1));
    }
    const char *percent = memchr(start, '%', (size_t)(close - start));
    size_t size = (size_t)((percent != NULL ? percent : close) - start);
    if (!coax_uri_set_ip6(parser->uri, bytes_of(start, size))) {
        return coax_fail(parser->error, COAX_E_URI,
                         "What stands in brackets at character %zu is no IPv6 address, such as [2001:db8::1]",
                         position_of(parser, start));
    }
    parser->at = close + 1;
    return percent != NULL ? parse_zone(parser, percent, close) : COAX_OK;
}

/* A name or an IPv4 address, up to the port. */
static enum coax_status parse_name(struct parser *parser, const char *end) {
    const char *start = parser->at;
    const char *colon = memchr(start, ':', (size_t)(end - start));
    const char *stop = colon != NULL ? colon : end;
    struct uri_value host;
    if (colon != NULL && memchr(colon + 1, ':', (size_t)(end - colon - 1)) != NULL) {
        return coax_fail(
            parser->error, COAX_E_URI,
            "More than one \":\" in the host at character %zu; write an IPv6 address in brackets: %s://[...]",
            position_of(parser, start), coax_scheme_name(parser->uri->scheme));
    }
    if (start == stop) {
        return coax_fail(parser->error, COAX_E_URI, "The host at character %zu is empty", position_of(parser, start));
    }
    enum coax_status status = check_characters(parser, start, stop, URI_PART_HOST, "host");
    if (status == COAX_OK) {
        status = decode_component(parser, bytes_of(start, (size_t)(stop - start)), "host", &host);
    }
    if (status != COAX_OK) {
        return status;
    }
    if (!coax_uri_set_name(parser->uri, bytes_of(host.bytes, host.size))) {
        return coax_fail(parser->error, COAX_E_URI, "The host at character %zu holds a character that no host has",
                         position_of(parser, start));
    }
    parser->at = stop;
    return COAX_OK;
}

static enum coax_status parse_port(struct parser *parser, const char *end) {
    if (parser->at == end) {
        return COAX_OK;
    }
    if (*parser->at != ':') {
        return coax_fail(parser->error, COAX_E_URI, "Only \":\" and a port may follow the host, at character %zu",
                         position_of(parser, parser->at));
    }
    const char *start = ++parser->at;
    unsigned long port = 0;
    while (parser->at < end && is_digit(*parser->at) && port <= UINT16_MAX) {
        port = port * 10 + (unsigned long)(*parser->at++ - '0');
    }
    if (start == end) {
        return COAX_OK;
    }
    if (parser->at < end || port > UINT16_MAX) {
        return coax_fail(parser->error, COAX_E_URI, "The port at character %zu is not a number of 0 to 65535",
                         position_of(parser, start));
    }
    parser->uri->port = (uint16_t)port;
    parser->uri->has_port = true;
    return COAX_OK;
}

static enum coax_status parse_authority(struct parser *parser) {
    const char *end = parser->at + strcspn(parser->at, "/?#");
    const char *at_sign = memchr(parser->at, '@', (size_t)(end - parser->at));
    if (at_sign != NULL) {
        return coax_fail(
            parser->error, COAX_E_URI,
            "CoAP URIs have no user name or password: leave out all from character %zu to the \"@\" at %zu",
            position_of(parser, parser->at), position_of(parser, at_sign));
    }
    bool is_literal = *parser->at == '[';
    parser->at += is_literal;
    enum coax_status status = is_literal ? parse_ip6_literal(parser, end) : parse_name(parser, end);
    if (status == COAX_OK) {
        status = parse_port(parser, end);
    }
    parser->at = end;
    return status;
}

/* Checks every segment or argument: it must fit an option. */
static enum coax_status check_parts(const struct parser *parser, struct bytes text, char separator, const char *name) {
    struct bytes part;
    size_t position = 0;
    enum coax_status status = COAX_OK;
    while (status == COAX_OK && coax_uri_next_part(text, separator, &position, &part)) {
        struct uri_value value;
        if (part.size > 0) {
            status = decode_component(parser, part, name, &value);
        }
    }
    return status;
}

static enum coax_status parse_path(struct parser *parser) {
    coax_uri *uri = parser->uri;
    parser->at += *parser->at == '/';
    uri->path = parser->at;
    uri->path_size = strcspn(uri->path, "?#");
    parser->at += uri->path_size;
    const char *segment = uri->path;
    enum coax_status status = COAX_OK;
    while (status == COAX_OK && segment <= parser->at) {
        const char *end = segment + strcspn(segment, "/?#");
        status = check_characters(parser, segment, end, URI_PART_SEGMENT, "path");
        segment = end + 1;
    }
    return status == COAX_OK ? check_parts(parser, bytes_of(uri->path, uri->path_size), '/', "path segment") : status;
}

static enum coax_status parse_query(struct parser *parser) {
    coax_uri *uri = parser->uri;
    uri->query = parser->at;
    if (*parser->at != '?') {
        return COAX_OK;
    }
    uri->has_query = true;
    uri->query = ++parser->at;
    uri->query_size = strcspn(uri->query, "#");
    parser->at += uri->query_size;
    enum coax_status status = check_characters(parser, uri->query, parser->at, URI_PART_QUERY, "query");
    if (status == COAX_OK) {
        status = check_parts(parser, bytes_of(uri->query, uri->query_size), '&', "query argument");
    }
    return status;
}

/* RFC 7252 section 6.4 step 4: a URI with a fragment cannot be requested. */
static enum coax_status parse_end(struct parser *parser) {
    if (*parser->at == '\0') {
        return COAX_OK;
    }
    return coax_fail(parser->error, COAX_E_URI,
                     "CoAP URIs have no fragment, but one starts at character %zu; a \"#\" itself is \"%%23\"",
                     position_of(parser, parser->at));
}

enum coax_status coax_uri_parse(coax_uri *uri, const char *text, coax_error *error) {
    static enum coax_status (*const steps[])(struct parser *) = {
        parse_scheme, parse_authority, parse_path, parse_query, parse_end,
    };
    memset(uri, 0, sizeof *uri);
    if (text == NULL) {
        return coax_fail(error, COAX_E_INVALID, "There is no URI");
    }
    struct parser parser = {.text = text, .at = text, .error = error, .uri = uri};
    enum coax_status status = COAX_OK;
    for (size_t i = 0; status == COAX_OK && i < sizeof steps / sizeof *steps; i++) {
        status = steps[i](&parser);
    }
    return status;
}

static void put_hostinfo(struct uri_writer *writer, const coax_uri *uri) {
    if (uri->host_is_ip6) {
        coax_uri_put(writer, "[");
        coax_uri_put(writer, uri->host);
        coax_uri_put(writer, uri->zone[0] != '\0' ? "%25" : "");
        coax_uri_put_encoded(writer, URI_PART_UNRESERVED, bytes_of(uri->zone, strlen(uri->zone)));
        coax_uri_put(writer, "]");
    } else {
        coax_uri_put_encoded(writer, URI_PART_HOST, bytes_of(uri->host, strlen(uri->host)));
    }
    if (uri->port != coax_scheme_default_port(uri->scheme)) {
        char port[8];
        snprintf(port, sizeof port, ":%u", uri->port);
        coax_uri_put(writer, port);
    }
}

static void put_path(struct uri_writer *writer, const coax_uri *uri) {
    struct uri_segments segments = coax_uri_segments_of(bytes_of(uri->path, uri->path_size));
    struct bytes segment;
    while (coax_uri_next_segment(&segments, &segment)) {
        coax_uri_put(writer, "/");
        coax_uri_put_recoded(writer, URI_PART_SEGMENT, segment);
    }
    coax_uri_put(writer, segments.any ? "" : "/");
}

/* An '&' between arguments stays, an escaped one stays escaped. */
static void put_query(struct uri_writer *writer, const coax_uri *uri) {
    struct bytes argument;
    size_t position = 0;
    const char *separator = "?";
    while (uri->has_query && coax_uri_next_part(bytes_of(uri->query, uri->query_size), '&', &position, &argument)) {
        coax_uri_put(writer, separator);
        coax_uri_put_recoded(writer, URI_PART_ARGUMENT, argument);
        separator = "&";
    }
}

enum coax_status coax_uri_write(const coax_uri *uri, char *out, size_t capacity) {
    struct uri_writer writer = {out, capacity, 0};
    coax_uri_put(&writer, coax_scheme_name(uri->scheme));
    coax_uri_put(&writer, "://");
    put_hostinfo(&writer, uri);
    put_path(&writer, uri);
    put_query(&writer, uri);
    return coax_uri_finish(&writer) ? COAX_OK : COAX_E_TOO_LARGE;
}

enum coax_status coax_uri_write_hostinfo(const coax_uri *uri, char *out, size_t capacity) {
    struct uri_writer writer = {out, capacity, 0};
    put_hostinfo(&writer, uri);
    return coax_uri_finish(&writer) ? COAX_OK : COAX_E_TOO_LARGE;
}
