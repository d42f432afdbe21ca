/* The head of an HTTP/1.1 message (RFC 9112 sections 2 to 5), request or response, read while it comes. Nothing is
   allocated and nothing is looked at twice: the owner collects the bytes, the parser remembers how far it is, and what
   was read are views into the bytes. Strict where leniency lets requests be smuggled: no bare LF or CR, no folded
   lines, no blank before a colon. */
#ifndef COAX_TRANSPORT_STREAM_HTTP_HEAD_H
#define COAX_TRANSPORT_STREAM_HTTP_HEAD_H

#include "base/bytes.h"

enum { HTTP_HEAD_MAXIMUM = 8192 };

enum http_head_kind { HTTP_HEAD_REQUEST, HTTP_HEAD_RESPONSE };

struct http_head_parser {
    uint16_t position; /* bytes looked at; once done, the head's size */
    uint16_t start;    /* where the start line is, after empty lines */
    uint8_t kind;
    uint8_t state;
};

enum http_head_progress {
    HTTP_HEAD_MORE,      /* so far a head */
    HTTP_HEAD_DONE,      /* a whole one */
    HTTP_HEAD_MALFORMED, /* 400 */
    HTTP_HEAD_TOO_LARGE, /* over HTTP_HEAD_MAXIMUM: 431 */
};

void coax_http_head_start(struct http_head_parser *parser, enum http_head_kind kind);

/* Reads on. `data` has everything since the start, each time; it may have moved. Of a head that is done,
   parser->position is the size: what follows it belongs to the protocol that comes next. The answer, and where it
   comes, do not depend on how the bytes were cut into pieces; after one that is not HTTP_HEAD_MORE it stays the same.
 */
enum http_head_progress coax_http_head_feed(struct http_head_parser *parser, const uint8_t *data, size_t size);

struct http_head {
    uint8_t major, minor;        /* of the version */
    uint16_t status;             /* a response's */
    struct bytes method, target; /* a request's */
    struct bytes reason;         /* a response's, may be empty */
    struct bytes fields;         /* for coax_http_head_next */
};

/* What a head that is done says. */
void coax_http_head_read(const struct http_head_parser *parser, const uint8_t *data, struct http_head *head);

struct http_field {
    struct bytes name, value; /* the value without white space around it; it may be empty */
};

/* The next field line; *position is 0 at first. False after the last one. */
bool coax_http_head_next(const struct http_head *head, size_t *position, struct http_field *field);

/* The first field of a name. */
bool coax_http_head_find(const struct http_head *head, const char *name, struct bytes *value);

/* The next element of a comma-separated list (RFC 9110 section 5.6.1): without white space around it, empty ones left
 * out. */
bool coax_http_list_next(struct bytes list, size_t *position, struct bytes *element);

/* Whether two texts are the same but for the case of ASCII letters. */
bool coax_http_same(struct bytes text, const char *other);
bool coax_http_same_bytes(struct bytes a, struct bytes b);

#endif
