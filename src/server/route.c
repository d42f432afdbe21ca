/* From a request to its handler: a table of checks, in the order in which they are made. */
#include "message/uri_text.h"
#include "server/core.h"
#include "server/tree.h"
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { HOP_LIMIT_MAXIMUM = 255 };

/* What the checks read. */
struct query {
    const coax_site *site;
    const struct coax_message *request;
    const char *claim;
    const struct credential *credential;
    /* the path: segments up to one more than any resource has */
    struct bytes segments[SITE_DEPTH_MAXIMUM + 1];
    size_t segment_count; /* of the whole path */
    /* by depth, the resource that stands there and leads to the path */
    coax_resource *at[SITE_DEPTH_MAXIMUM + 1];
    coax_resource *resource; /* that answers */
    size_t resource_depth;
};

static bool refuse(struct site_route *route, uint8_t code, const char *format, ...) COAX_PRINTF(3, 4);

/* Returns false, so that a check can end with it. */
static bool refuse(struct site_route *route, uint8_t code, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(route->diagnostic, sizeof route->diagnostic, format, arguments);
    va_end(arguments);
    route->code = code;
    return false;
}

/* Critical options that this room acts on or hands to handlers. OSCORE is not among them. */
static bool is_supported(uint16_t number) {
    static const uint16_t supported[] = {
        COAX_OPTION_IF_MATCH,     COAX_OPTION_URI_HOST,  COAX_OPTION_IF_NONE_MATCH, COAX_OPTION_URI_PORT,
        COAX_OPTION_URI_PATH,     COAX_OPTION_URI_QUERY, COAX_OPTION_ACCEPT,        COAX_OPTION_PROXY_URI,
        COAX_OPTION_PROXY_SCHEME, COAX_OPTION_BLOCK1,    COAX_OPTION_BLOCK2,        COAX_OPTION_Q_BLOCK1,
        COAX_OPTION_Q_BLOCK2,
    };
    for (size_t i = 0; i < sizeof supported / sizeof *supported; i++) {
        if (supported[i] == number) {
            return true;
        }
    }
    return !coax_option_is_critical(number);
}

static bool check_options(struct query *query, struct site_route *route) {
    struct option_problem problem;
    if (coax_message_options_understood(query->request, is_supported, &problem)) {
        return true;
    }
    const coax_option_definition *definition = coax_option_by_number(problem.number);
    return refuse(route, COAX_BAD_OPTION, "Option %u%s%s %s", problem.number, definition != NULL ? " " : "",
                  definition != NULL ? definition->name : "", problem.reason);
}

/* RFC 8768 section 3: it is for proxies, but whoever gets it checks it. */
static bool check_hop_limit(struct query *query, struct site_route *route) {
    uint64_t limit = coax_message_option_uint(query->request, COAX_OPTION_HOP_LIMIT, HOP_LIMIT_MAXIMUM);
    return (limit >= 1 && limit <= HOP_LIMIT_MAXIMUM)
           || refuse(route, COAX_BAD_REQUEST, "Option 16 Hop-Limit is not from 1 to 255");
}

static bool check_proxy(struct query *query, struct site_route *route) {
    coax_option option;
    if (coax_message_option(query->request, COAX_OPTION_PROXY_URI, &option)
        || coax_message_option(query->request, COAX_OPTION_PROXY_SCHEME, &option)) {
        return refuse(route, COAX_PROXYING_NOT_SUPPORTED, "This server is no proxy");
    }
    return true;
}

static bool check_method(struct query *query, struct site_route *route) {
    if (query->request->code == COAX_EMPTY || query->request->code >= SITE_METHODS) {
        return refuse(route, COAX_METHOD_NOT_ALLOWED, "Unknown method %u.%02u", coax_code_class(query->request->code),
                      coax_code_detail(query->request->code));
    }
    return true;
}

static bool is_dots(struct bytes segment) {
    return segment.size > 0 && segment.size <= 2 && memcmp(segment.data, "..", segment.size) == 0;
}

/* "." and ".." are no segments (RFC 7252 section 5.10.1); handlers that join segments to names rely on that. */
static bool check_path(struct query *query, struct site_route *route) {
    coax_option option;
    size_t position = 0;
    while (coax_message_next_option(query->request, &position, &option)) {
        if (option.number != COAX_OPTION_URI_PATH) {
            continue;
        }
        struct bytes segment = bytes_of(option.value, option.size);
        if (is_dots(segment)) {
            return refuse(route, COAX_BAD_OPTION, "Option 11 Uri-Path is \".\" or \"..\"");
        }
        if (query->segment_count <= SITE_DEPTH_MAXIMUM) {
            query->segments[query->segment_count] = segment;
        }
        query->segment_count++;
    }
    if (query->segment_count == 1 && query->segments[0].size == 0) {
        query->segment_count = 0; /* both are the URI's path "/" (RFC 7252 section 6.5 step 7) */
    }
    return true;
}

/* Walks every way that leads to the path, literal segments before wildcards, so that what is found first at a depth is
   what answers there. The ways are few: only a '*' in a resource's path makes a second one. */
static void walk(struct query *query, const struct node *node, size_t depth) {
    coax_resource *resource = node_resource(node);
    if (resource != NULL && query->at[depth] == NULL) {
        query->at[depth] = resource;
    }
    bool answers = resource != NULL && (depth == query->segment_count || resource->subtree);
    if (answers && (query->resource == NULL || depth > query->resource_depth)) {
        query->resource = resource;
        query->resource_depth = depth;
    }
    if (depth == query->segment_count || depth == SITE_DEPTH_MAXIMUM) {
        return;
    }
    struct node *child = coax_site_child(query->site, node, query->segments[depth]);
    if (child != NULL) {
        walk(query, child, depth + 1);
    }
    if (node->wildcard != NULL) {
        walk(query, node->wildcard, depth + 1);
    }
}

static bool check_resource(struct query *query, struct site_route *route) {
    walk(query, query->site->root, 0);
    return query->resource != NULL || refuse(route, COAX_NOT_FOUND, "There is no such resource");
}

static const char *const *allow_of(const struct query *query) {
    const char *const *allow = query->resource->allow;
    for (size_t depth = query->resource_depth + 1; allow == NULL && depth-- > 0;) {
        allow = query->at[depth] != NULL ? query->at[depth]->allow : NULL;
    }
    return allow;
}

static bool is_listed(const char *const *allow, const char *claim) {
    for (; claim != NULL && *allow != NULL; allow++) {
        if (strcmp(*allow, claim) == 0) {
            return true;
        }
    }
    return false;
}

/* Whether the credential lets its owner use the path. One that is too long to be compared is not allowed. */
static bool credential_allows(const struct query *query) {
    if (query->credential == NULL || query->credential->allow == NULL) {
        return true;
    }
    char path[SITE_DEPTH_MAXIMUM * (URI_VALUE_MAXIMUM + 1)];
    struct uri_writer writer = {path, sizeof path, 0};
    coax_option option;
    size_t position = 0;
    while (query->segment_count > 0 && coax_message_next_option(query->request, &position, &option)) {
        if (option.number == COAX_OPTION_URI_PATH) {
            coax_uri_put(&writer, "/");
            coax_uri_put_encoded(&writer, URI_PART_SEGMENT, bytes_of(option.value, option.size));
        }
    }
    coax_uri_put(&writer, query->segment_count == 0 ? "/" : "");
    return coax_uri_finish(&writer) && coax_credential_allows(query->credential, path);
}

static bool check_access(struct query *query, struct site_route *route) {
    const char *const *allow = allow_of(query);
    if ((allow == NULL || is_listed(allow, query->claim)) && credential_allows(query)) {
        return true;
    }
    return query->claim == NULL ? refuse(route, COAX_UNAUTHORIZED, "Only for those who prove who they are, over coaps")
                                : refuse(route, COAX_FORBIDDEN, "Not for these credentials");
}

static bool check_method_of_resource(struct query *query, struct site_route *route) {
    if (query->resource->handlers[query->request->code] == NULL) {
        return refuse(route, COAX_METHOD_NOT_ALLOWED, "The resource has no %s", coax_code_name(query->request->code));
    }
    return true;
}

static bool is_format(const int *formats, size_t count, uint64_t format) {
    for (size_t i = 0; i < count; i++) {
        if ((uint64_t)formats[i] == format) {
            return true;
        }
    }
    return false;
}

/* "What it has: 110 application/senml+json, 112 …"; the numbers alone when the names do not fit. */
static bool refuse_format(struct site_route *route, uint8_t code, const char *what, const int *formats, size_t count) {
    (void)refuse(route, code, "%s", what);
    size_t size = strlen(route->diagnostic);
    for (size_t i = 0; i < count && size < sizeof route->diagnostic; i++) {
        const char *name = coax_content_format_name(formats[i]);
        int added = snprintf(route->diagnostic + size, sizeof route->diagnostic - size, "%s%d%s%s", i > 0 ? ", " : " ",
                             formats[i], name != NULL ? " " : "", name != NULL ? name : "");
        if (added < 0 || size + (size_t)added >= sizeof route->diagnostic) {
            route->diagnostic[size] = '\0'; /* not half a name */
            break;
        }
        size += (size_t)added;
    }
    return false;
}

static bool check_accept(struct query *query, struct site_route *route) {
    const coax_resource *resource = query->resource;
    uint64_t accept = coax_message_option_uint(query->request, COAX_OPTION_ACCEPT, UINT64_MAX);
    if (resource->format_count == 0 || accept == UINT64_MAX
        || is_format(resource->formats, resource->format_count, accept)) {
        return true;
    }
    return refuse_format(route, COAX_NOT_ACCEPTABLE, "The resource gives", resource->formats, resource->format_count);
}

static bool check_content_format(struct query *query, struct site_route *route) {
    const coax_resource *resource = query->resource;
    int format = coax_message_content_format(query->request);
    if (resource->accepted_format_count == 0 || format < 0
        || is_format(resource->accepted_formats, resource->accepted_format_count, (uint64_t)format)) {
        return true;
    }
    return refuse_format(route, COAX_UNSUPPORTED_CONTENT_FORMAT, "The resource takes", resource->accepted_formats,
                         resource->accepted_format_count);
}

/* What would end or split a segment where segments are joined by '/', and what no name should hold. */
static bool is_plain(uint8_t byte) {
    return byte > 0x1f && byte != 0x7f && byte != '/' && byte != '%';
}

/* Adds a separator and a decoded segment; false if there is no room. */
static bool put_segment(struct site_route *route, size_t *size, const char *separator, struct bytes segment) {
    struct uri_writer writer = {route->rest, sizeof route->rest, *size};
    coax_uri_put(&writer, separator);
    for (size_t i = 0; i < segment.size; i++) {
        char text[4] = {(char)segment.data[i], '\0'};
        if (!is_plain(segment.data[i])) {
            (void)snprintf(text, sizeof text, "%%%02X", segment.data[i]);
        }
        coax_uri_put(&writer, text);
    }
    *size = writer.size;
    return coax_uri_finish(&writer);
}

static bool check_rest(struct query *query, struct site_route *route) {
    coax_option option;
    size_t position = 0;
    size_t index = 0;
    size_t size = 0;
    while (query->segment_count > query->resource_depth
           && coax_message_next_option(query->request, &position, &option)) {
        if (option.number != COAX_OPTION_URI_PATH || index++ < query->resource_depth) {
            continue;
        }
        const char *separator = index == query->resource_depth + 1 ? "" : "/";
        if (!put_segment(route, &size, separator, bytes_of(option.value, option.size))) {
            return refuse(route, COAX_NOT_FOUND, "The path is too long");
        }
    }
    return true;
}

void coax_site_route(const coax_site *site, const struct coax_message *request, const char *claim,
                     const struct credential *credential, struct site_route *route) {
    static bool (*const checks[])(struct query * query, struct site_route * route) = {
        check_options, check_hop_limit,          check_proxy,  check_method,         check_path, check_resource,
        check_access,  check_method_of_resource, check_accept, check_content_format, check_rest,
    };
    struct query query = {.site = site, .request = request, .claim = claim, .credential = credential};
    route->handler = NULL;
    route->open_sink = NULL;
    route->observed = NULL;
    route->user = NULL;
    route->well_known_core = false;
    route->code = COAX_EMPTY;
    route->diagnostic[0] = '\0';
    route->rest[0] = '\0';
    for (size_t i = 0; i < sizeof checks / sizeof *checks; i++) {
        if (!checks[i](&query, route)) {
            return;
        }
    }
    coax_handler *handler = query.resource->handlers[request->code];
    route->well_known_core = handler == coax_core_handler;
    route->handler = route->well_known_core ? NULL : handler;
    route->user = query.resource->user;
    route->open_sink = query.resource->open_sink;
    route->observed = query.resource->observable ? &query.resource->observed : NULL;
}
