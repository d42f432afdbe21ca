#include "transport/stream/upgrade.h"
#include "base/error.h"

#include <nettle/base64.h>
#include <nettle/sha1.h>
#include <stdio.h>

static const char path_name[] = "/.well-known/coap";
static const char protocol_name[] = "coap";

enum { ACCEPT_SIZE = BASE64_ENCODE_RAW_LENGTH(SHA1_DIGEST_SIZE) + 1, KEY_LENGTH = UPGRADE_KEY_SIZE - 1 };

/* --- what both roles need --- */

/* What a head says about an upgrade, collected in one pass. Of fields that may come once only, the count is kept. */
struct handshake {
    struct bytes host, origin, key, version, accept, content_length;
    unsigned host_count, origin_count, key_count, version_count, accept_count, content_length_count;
    unsigned protocol_count; /* elements of Sec-WebSocket-Protocol */
    unsigned extension_count, transfer_encoding_count;
    bool connection_upgrade, upgrade_websocket, has_coap;
};

struct single {
    const char *name;
    size_t value, count;
};

#define SINGLE(field, member)                                                                                          \
    { field, offsetof(struct handshake, member), offsetof(struct handshake, member##_count) }

static const struct single singles[] = {
    SINGLE("Host", host),
    SINGLE("Origin", origin),
    SINGLE("Sec-WebSocket-Key", key),
    SINGLE("Sec-WebSocket-Version", version),
    SINGLE("Sec-WebSocket-Accept", accept),
    SINGLE("Content-Length", content_length),
};

static void see_connection(struct handshake *handshake, struct bytes element) {
    handshake->connection_upgrade |= coax_http_same(element, "upgrade");
}

static void see_upgrade(struct handshake *handshake, struct bytes element) {
    handshake->upgrade_websocket |= coax_http_same(element, "websocket");
}

/* Names of subprotocols are compared as they are (RFC 6455 section 4.1). */
static void see_protocol(struct handshake *handshake, struct bytes element) {
    handshake->has_coap |= bytes_equal(element, bytes_of(protocol_name, strlen(protocol_name)));
    handshake->protocol_count++;
}

static void see_extension(struct handshake *handshake, struct bytes element) {
    (void)element;
    handshake->extension_count++;
}

static void see_transfer_encoding(struct handshake *handshake, struct bytes element) {
    (void)element;
    handshake->transfer_encoding_count++;
}

static const struct list {
    const char *name;
    void (*see)(struct handshake *handshake, struct bytes element);
} lists[] = {
    {"Connection", see_connection},
    {"Upgrade", see_upgrade},
    {"Sec-WebSocket-Protocol", see_protocol},
    {"Sec-WebSocket-Extensions", see_extension},
    {"Transfer-Encoding", see_transfer_encoding},
};

static void see_single(struct handshake *handshake, const struct single *single, struct bytes value) {
    memcpy((char *)handshake + single->value, &value, sizeof value);
    unsigned count;
    memcpy(&count, (char *)handshake + single->count, sizeof count);
    count++;
    memcpy((char *)handshake + single->count, &count, sizeof count);
}

static void see_field(struct handshake *handshake, const struct http_field *field) {
    for (size_t i = 0; i < sizeof singles / sizeof singles[0]; i++) {
        if (coax_http_same(field->name, singles[i].name)) {
            see_single(handshake, &singles[i], field->value);
            return;
        }
    }
    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++) {
        struct bytes element;
        size_t position = 0;
        while (coax_http_same(field->name, lists[i].name) && coax_http_list_next(field->value, &position, &element)) {
            lists[i].see(handshake, element);
        }
    }
}

static void collect(const struct http_head *head, struct handshake *handshake) {
    struct http_field field;
    *handshake = (struct handshake){0};
    for (size_t position = 0; coax_http_head_next(head, &position, &field);) {
        see_field(handshake, &field);
    }
}

/* Sec-WebSocket-Accept for a key (RFC 6455 section 4.2.2), terminated. */
static void make_accept(struct bytes key, char accept[ACCEPT_SIZE]) {
    static const char suffix[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
    struct sha1_ctx context;
    uint8_t digest[SHA1_DIGEST_SIZE];
    sha1_init(&context);
    sha1_update(&context, key.size, key.data);
    sha1_update(&context, sizeof suffix - 1, (const uint8_t *)suffix);
    sha1_digest(&context, sizeof digest, digest);
    base64_encode_raw(accept, sizeof digest, digest);
    accept[ACCEPT_SIZE - 1] = '\0';
}

static bool is_one_of(uint8_t byte, const char *characters) {
    return byte != '\0' && strchr(characters, byte) != NULL;
}

static bool is_digit(uint8_t byte) {
    return byte >= '0' && byte <= '9';
}

static bool is_alphanumeric(uint8_t byte) {
    return is_digit(byte) || (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z');
}

static size_t span(struct bytes text, const char *others) {
    size_t size = 0;
    while (size < text.size && (is_alphanumeric(text.data[size]) || is_one_of(text.data[size], others))) {
        size++;
    }
    return size;
}

static bool is_port(struct bytes text) {
    bool is_right = text.size <= 5;
    for (size_t i = 0; is_right && i < text.size; i++) {
        is_right = is_digit(text.data[i]);
    }
    return is_right;
}

/* Reads host [":" port] (RFC 3986 section 3.2 without user information); false if it is something else. */
static bool read_host(struct bytes authority, struct bytes *host) {
    size_t size = 0;
    if (authority.size > 0 && authority.data[0] == '[') {
        size = 1 + span(bytes_of(authority.data + 1, authority.size - 1), ":.%-_~");
        if (size < 3 || size == authority.size || authority.data[size] != ']') {
            return false;
        }
        size++;
    } else {
        size = span(authority, "-._~%!$&'()*+;=");
    }
    *host = bytes_of(authority.data, size);
    if (size == authority.size) {
        return size > 0;
    }
    return size > 0 && authority.data[size] == ':'
           && is_port(bytes_of(authority.data + size + 1, authority.size - size - 1));
}

/* --- the server --- */

static bool take_prefix(struct bytes *text, const char *prefix) {
    size_t size = strlen(prefix);
    if (text->size < size || !coax_http_same(bytes_of(text->data, size), prefix)) {
        return false;
    }
    *text = bytes_of(text->data + size, text->size - size);
    return true;
}

/* The path and query of a target in origin-form, or in absolute-form (RFC 9112 section 3.2), whose authority stands for
   the Host field then. */
static bool read_target(struct bytes target, struct bytes *authority, struct bytes *path) {
    static const char *const schemes[] = {"http://", "https://", "ws://", "wss://"};
    *authority = (struct bytes){0};
    *path = target;
    if (target.size > 0 && target.data[0] == '/') {
        return true;
    }
    for (size_t i = 0; i < sizeof schemes / sizeof schemes[0]; i++) {
        if (take_prefix(&target, schemes[i])) {
            size_t size = 0;
            while (size < target.size && !is_one_of(target.data[size], "/?")) {
                size++;
            }
            *authority = bytes_of(target.data, size);
            *path = bytes_of(target.data + size, target.size - size);
            return size > 0;
        }
    }
    return false;
}

static int hex_value(uint8_t digit) {
    static const char digits[] = "0123456789abcdef";
    const char *found = digit == '\0' ? NULL : strchr(digits, digit >= 'A' && digit <= 'F' ? digit + 32 : digit);
    return found == NULL ? -1 : (int)(found - digits);
}

/* One character of a path, percent-encoded or not. */
static size_t read_character(struct bytes text, char *character) {
    if (text.size >= 3 && text.data[0] == '%' && hex_value(text.data[1]) >= 0 && hex_value(text.data[2]) >= 0) {
        *character = (char)(hex_value(text.data[1]) * 16 + hex_value(text.data[2]));
        /* A slash that is encoded separates nothing. */
        return *character == '/' ? 0 : 3;
    }
    *character = text.size > 0 ? (char)text.data[0] : '\0';
    return text.size > 0 ? 1 : 0;
}

/* A query is let through: a page can tell a proxy something by it, and by nothing else. */
static bool is_our_path(struct bytes path) {
    for (const char *expected = path_name; *expected != '\0'; expected++) {
        char character;
        size_t size = read_character(path, &character);
        if (size == 0 || character != *expected) {
            return false;
        }
        path = bytes_of(path.data + size, path.size - size);
    }
    return path.size == 0 || path.data[0] == '?';
}

static bool is_key(struct bytes key) {
    return key.size == KEY_LENGTH && span(key, "+/") == KEY_LENGTH - 2 && key.data[KEY_LENGTH - 2] == '='
           && key.data[KEY_LENGTH - 1] == '=';
}

/* The host of a serialized origin, scheme "://" host [":" port] (RFC 6454 section 6.2); "null" has none. */
static bool read_origin(struct bytes origin, struct bytes *host) {
    size_t scheme = span(origin, "+-.");
    struct bytes rest = bytes_of(origin.data + scheme, origin.size - scheme);
    return scheme > 0 && take_prefix(&rest, "://") && read_host(rest, host);
}

static bool is_listed(struct bytes origin, const struct upgrade_policy *policy) {
    for (size_t i = 0; i < policy->origin_count; i++) {
        if (strcmp(policy->origins[i], "*") == 0 || coax_http_same(origin, policy->origins[i])) {
            return true;
        }
    }
    return false;
}

static bool is_welcome(struct bytes origin, struct bytes host, const struct upgrade_policy *policy) {
    struct bytes page_host;
    if (policy->origin_count > 0) {
        return is_listed(origin, policy);
    }
    return read_origin(origin, &page_host) && coax_http_same_bytes(page_host, host);
}

struct request {
    const struct http_head *head;
    const struct upgrade_policy *policy;
    struct handshake handshake;
    struct bytes authority, path;
    struct bytes host; /* without the port */
    bool has_target;
};

static bool version_is_wrong(const struct request *request) {
    return request->head->major != 1;
}

/* RFC 9112 section 3.2: a request of HTTP/1.1 has one Host field, also one whose target has an authority. */
static bool host_is_wrong(const struct request *request) {
    const struct handshake *handshake = &request->handshake;
    bool may_miss = request->head->minor == 0 && handshake->host_count == 0;
    struct bytes field;
    return (!may_miss && (handshake->host_count != 1 || !read_host(handshake->host, &field)))
           || (request->authority.size > 0 && request->host.size == 0);
}

static bool target_is_wrong(const struct request *request) {
    return !request->has_target;
}

static bool path_is_wrong(const struct request *request) {
    return !is_our_path(request->path);
}

static bool method_is_wrong(const struct request *request) {
    return !bytes_equal(request->head->method, bytes_of("GET", 3));
}

/* RFC 9110 section 7.8: Upgrade means nothing in HTTP/1.0, nor without the connection option. */
static bool is_no_upgrade(const struct request *request) {
    return request->head->minor == 0 || !request->handshake.connection_upgrade || !request->handshake.upgrade_websocket;
}

/* What would be a body would be taken for frames. */
static bool has_body(const struct request *request) {
    const struct handshake *handshake = &request->handshake;
    bool has_length = handshake->content_length_count > 1
                      || (handshake->content_length_count == 1 && !coax_http_same(handshake->content_length, "0"));
    return handshake->transfer_encoding_count > 0 || has_length;
}

static bool protocol_version_is_wrong(const struct request *request) {
    return request->handshake.version_count == 0
           || (request->handshake.version_count == 1 && !coax_http_same(request->handshake.version, "13"));
}

static bool protocol_version_is_double(const struct request *request) {
    return request->handshake.version_count > 1;
}

static bool key_is_wrong(const struct request *request) {
    return request->handshake.key_count != 1 || !is_key(request->handshake.key);
}

static bool protocol_is_wrong(const struct request *request) {
    return !request->handshake.has_coap;
}

static bool origin_is_double(const struct request *request) {
    return request->handshake.origin_count > 1;
}

static bool origin_is_wrong(const struct request *request) {
    return request->handshake.origin_count == 1
           && !is_welcome(request->handshake.origin, request->host, request->policy);
}

/* In the order in which they are made; the first that does not hold decides. */
static const struct check {
    bool (*is_wrong)(const struct request *request);
    enum upgrade_status status;
    const char *text;
} checks[] = {
    {version_is_wrong, UPGRADE_BAD_VERSION, "This server speaks HTTP/1.1."},
    {target_is_wrong, UPGRADE_BAD_REQUEST, "The target is neither a path nor a URI."},
    {host_is_wrong, UPGRADE_BAD_REQUEST, "There must be one valid Host field."},
    {path_is_wrong, UPGRADE_NOT_FOUND, "CoAP over WebSockets is at /.well-known/coap."},
    {method_is_wrong, UPGRADE_BAD_METHOD, "A WebSocket is opened with GET."},
    {is_no_upgrade, UPGRADE_REQUIRED,
     "Here is CoAP over WebSockets. A proxy must use HTTP/1.1 and pass on Upgrade and Connection."},
    {has_body, UPGRADE_BAD_REQUEST, "The request must not have a body."},
    {protocol_version_is_double, UPGRADE_BAD_REQUEST, "There must be one Sec-WebSocket-Version."},
    {protocol_version_is_wrong, UPGRADE_REQUIRED, "Sec-WebSocket-Version must be 13."},
    {key_is_wrong, UPGRADE_BAD_REQUEST, "There must be one Sec-WebSocket-Key of 16 bytes in base64."},
    {protocol_is_wrong, UPGRADE_BAD_REQUEST, "Sec-WebSocket-Protocol must offer coap."},
    {origin_is_double, UPGRADE_BAD_REQUEST, "There must be one Origin at most."},
    {origin_is_wrong, UPGRADE_FORBIDDEN, "Pages of this origin are not allowed to connect."},
};

static const struct line {
    enum upgrade_status status;
    const char *reason, *fields;
} refusals[] = {
    {UPGRADE_BAD_REQUEST, "Bad Request", "Connection: close\r\n"},
    {UPGRADE_FORBIDDEN, "Forbidden", "Connection: close\r\n"},
    {UPGRADE_NOT_FOUND, "Not Found", "Connection: close\r\n"},
    {UPGRADE_BAD_METHOD, "Method Not Allowed", "Allow: GET\r\nConnection: close\r\n"},
    {UPGRADE_REQUIRED, "Upgrade Required",
     "Upgrade: websocket\r\nConnection: Upgrade, close\r\nSec-WebSocket-Version: 13\r\n"},
    {UPGRADE_HEAD_TOO_LARGE, "Request Header Fields Too Large", "Connection: close\r\n"},
    {UPGRADE_BAD_VERSION, "HTTP Version Not Supported", "Connection: close\r\n"},
};

static void finish(struct upgrade_answer *answer, enum upgrade_status status, const char *text, int size) {
    answer->status = status;
    answer->text = text;
    answer->size = size > 0 && (size_t)size < sizeof answer->bytes ? (size_t)size : 0;
}

static void refuse(struct upgrade_answer *answer, enum upgrade_status status, const char *text) {
    const struct line *line = refusals;
    while (line->status != status) {
        line++;
    }
    int size = snprintf(answer->bytes, sizeof answer->bytes,
                        "HTTP/1.1 %d %s\r\n%sContent-Type: text/plain\r\nContent-Length: %zu\r\n\r\n%s\n", (int)status,
                        line->reason, line->fields, strlen(text) + 1, text);
    finish(answer, status, text, size);
}

static void agree(struct upgrade_answer *answer, struct bytes key) {
    char accept[ACCEPT_SIZE];
    make_accept(key, accept);
    int size = snprintf(answer->bytes, sizeof answer->bytes,
                        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                        "Sec-WebSocket-Accept: %s\r\nSec-WebSocket-Protocol: %s\r\n\r\n",
                        accept, protocol_name);
    finish(answer, UPGRADE_AGREED, "", size);
}

void coax_upgrade_answer(const struct http_head *head, const struct upgrade_policy *policy,
                         struct upgrade_answer *answer) {
    struct request request = {.head = head, .policy = policy};
    collect(head, &request.handshake);
    request.has_target = read_target(head->target, &request.authority, &request.path);
    struct bytes authority = request.authority.size > 0 ? request.authority : request.handshake.host;
    if (!read_host(authority, &request.host)) {
        request.host = (struct bytes){0};
    }
    for (size_t i = 0; i < sizeof checks / sizeof checks[0]; i++) {
        if (checks[i].is_wrong(&request)) {
            refuse(answer, checks[i].status, checks[i].text);
            return;
        }
    }
    agree(answer, request.handshake.key);
}

void coax_upgrade_answer_unread(enum http_head_progress progress, struct upgrade_answer *answer) {
    if (progress == HTTP_HEAD_TOO_LARGE) {
        refuse(answer, UPGRADE_HEAD_TOO_LARGE, "The request's head may have 8192 bytes.");
    } else {
        refuse(answer, UPGRADE_BAD_REQUEST, "This is not an HTTP/1.1 request.");
    }
}

bool coax_upgrade_host(const struct http_head *head, struct bytes *host) {
    struct bytes path;
    if (read_target(head->target, host, &path) && host->size > 0) {
        return true;
    }
    return coax_http_head_find(head, "Host", host);
}

/* --- the client --- */

void coax_upgrade_make_key(const uint8_t random[UPGRADE_NONCE_SIZE], char key[UPGRADE_KEY_SIZE]) {
    base64_encode_raw(key, UPGRADE_NONCE_SIZE, random);
    key[KEY_LENGTH] = '\0';
}

enum coax_status coax_upgrade_write_request(const char *host, const char *key, char *out, size_t capacity,
                                            size_t *size) {
    struct bytes name;
    if (!read_host(bytes_of(host, strlen(host)), &name) || !is_key(bytes_of(key, strlen(key)))) {
        return COAX_E_INVALID;
    }
    int written = snprintf(out, capacity,
                           "GET %s HTTP/1.1\r\nHost: %s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                           "Sec-WebSocket-Key: %s\r\nSec-WebSocket-Protocol: %s\r\nSec-WebSocket-Version: 13\r\n\r\n",
                           path_name, host, key, protocol_name);
    if (written < 0 || (size_t)written >= capacity) {
        return COAX_E_TOO_LARGE;
    }
    *size = (size_t)written;
    return COAX_OK;
}

static const struct hint {
    unsigned first, last;
    const char *text;
} hints[] = {
    {400, 400, "it may not offer CoAP over WebSockets, or a proxy in front of it does not pass on the handshake"},
    {401, 401, "it asks for a password, which CoAP over WebSockets has no place for"},
    {403, 403, "it does not let this client in"},
    {404, 404, "no CoAP over WebSockets is at that host and port; check both, and the scheme"},
    {426, 426, "a proxy in front of it may not pass on Upgrade and Connection, or it wants another WebSocket version"},
    {429, 429, "it has too many connections from here; try again later"},
    {502, 504, "the web server there does not reach the CoAP server behind it"},
    {200, 299, "a web server answered that does not offer CoAP over WebSockets at that host and port"},
    {300, 399, "it sends clients elsewhere, which is not followed; use the URI that it should lead to"},
    {100, 599, "no CoAP over WebSockets seems to be at that host and port"},
};

static enum coax_status fail_status(unsigned status, coax_error *error) {
    const struct hint *hint = hints;
    while (hint->first != 100 && (status < hint->first || status > hint->last)) {
        hint++;
    }
    return coax_fail(error, COAX_E_UPGRADE, "The server answered the WebSocket handshake with HTTP status %u: %s.",
                     status, hint->text);
}

/* What is wrong with a 101, NULL if nothing is. */
static const char *wrong_with(const struct handshake *handshake, const char *key) {
    char accept[ACCEPT_SIZE];
    make_accept(bytes_of(key, strlen(key)), accept);
    if (!handshake->upgrade_websocket || !handshake->connection_upgrade) {
        return "it does not say that it upgrades to websocket";
    }
    if (handshake->accept_count != 1 || !bytes_equal(handshake->accept, bytes_of(accept, strlen(accept)))) {
        return "its Sec-WebSocket-Accept does not belong to this handshake, a cache may have answered";
    }
    if (handshake->protocol_count != 1 || !handshake->has_coap) {
        return "it did not choose the subprotocol coap, so what is there is not CoAP";
    }
    return handshake->extension_count > 0 ? "it uses a WebSocket extension that was not offered" : NULL;
}

enum coax_status coax_upgrade_check_response(const struct http_head *head, const char *key, coax_error *error) {
    if (head->status != UPGRADE_AGREED) {
        return fail_status(head->status, error);
    }
    struct handshake handshake;
    collect(head, &handshake);
    const char *wrong = head->major == 1 && head->minor >= 1 ? wrong_with(&handshake, key) : "it is not HTTP/1.1";
    if (wrong != NULL) {
        return coax_fail(error, COAX_E_UPGRADE, "The server's answer to the WebSocket handshake is wrong: %s.", wrong);
    }
    return COAX_OK;
}

enum coax_status coax_upgrade_fail_unread(enum http_head_progress progress, coax_error *error) {
    if (progress == HTTP_HEAD_TOO_LARGE) {
        return coax_fail(error, COAX_E_UPGRADE,
                         "The head of the server's answer to the WebSocket handshake is longer "
                         "than %d bytes.",
                         (int)HTTP_HEAD_MAXIMUM);
    }
    return coax_fail(error, COAX_E_UPGRADE,
                     "What answered the WebSocket handshake is not an HTTP server; check the host, the port and the "
                     "scheme.");
}
