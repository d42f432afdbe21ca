/* The letters of URIs (RFC 3986): percent-encoding, the segments of a path, the arguments of a query. */
#ifndef COAX_MESSAGE_URI_TEXT_H
#define COAX_MESSAGE_URI_TEXT_H

#include "base/bytes.h"
#include <coax/uri.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The largest Uri-Path, Uri-Query and Uri-Host (RFC 7252 section 5.10). */
enum { URI_VALUE_MAXIMUM = 255 };

/* Which characters stand for themselves in a part of a URI. */
enum uri_part {
    URI_PART_UNRESERVED = 1, /* letters, digits, "-._~" */
    URI_PART_HOST = 2,       /* and sub-delims: reg-name */
    URI_PART_SEGMENT = 4,    /* and ':', '@': pchar */
    URI_PART_ARGUMENT = 8,   /* and '/', '?', without '&', which separates arguments */
    URI_PART_QUERY = 16,     /* and '&' */
};

bool coax_uri_allows(enum uri_part part, uint8_t byte);

/* The next byte of percent-encoded text, decoded; moves *position past it. -1, without moving, for a '%' without two
 * hexadecimal digits. */
int coax_uri_next_byte(struct bytes text, size_t *position);

/* A decoded value of an option. */
struct uri_value {
    uint8_t bytes[URI_VALUE_MAXIMUM];
    size_t size;
};

/* What can be wrong with percent-encoded text that is to be the value of an option. */
enum uri_fault { URI_FAULT_NONE, URI_FAULT_PERCENT, URI_FAULT_SIZE, URI_FAULT_UTF8 };

enum uri_fault coax_uri_decode(struct bytes text, struct uri_value *value);

/* Walks the segments that are left of a path (without its leading '/') after "." and ".." were taken out (RFC 3986
 * section 5.2.4), written plainly or as "%2E". A path of one empty segment has none. */
struct uri_segments {
    struct bytes path;
    size_t next;         /* where the next segment starts; more than the path's size at the end */
    size_t dot_dots_end; /* behind the last "..": from here on no segment is taken out */
    bool any;            /* a segment was given out */
};

struct uri_segments coax_uri_segments_of(struct bytes path);
bool coax_uri_next_segment(struct uri_segments *segments, struct bytes *segment);

/* The next part of `text` up to `separator`; *position is 0 at first. False after the last one. An empty text has one
 * empty part. */
bool coax_uri_next_part(struct bytes text, char separator, size_t *position, struct bytes *part);

/* Makes decoded `name` the host: in lower case, and marked if it is an IPv4 address. False if it is none: empty, over
 * 255 bytes, not UTF-8, or with an ASCII character that no reg-name has unescaped (RFC 3986 section 3.2.2), as '/', ':'
 * or '%'. */
bool coax_uri_set_name(coax_uri *uri, struct bytes name);
/* Makes the IPv6 address the host, in the form of RFC 5952. False if it is none. */
bool coax_uri_set_ip6(coax_uri *uri, struct bytes literal);

/* Text that is written into a caller's buffer; `size` goes on counting what was needed. */
struct uri_writer {
    char *out;
    size_t capacity;
    size_t size;
};

void coax_uri_put(struct uri_writer *writer, const char *text);
/* Percent-encodes what does not stand for itself in `part`. */
void coax_uri_put_encoded(struct uri_writer *writer, enum uri_part part, struct bytes plain);
/* The same for text that is percent-encoded already: into the shortest form. */
void coax_uri_put_recoded(struct uri_writer *writer, enum uri_part part, struct bytes encoded);
/* Ends with a NUL; false, with an empty text, if it did not fit. */
bool coax_uri_finish(struct uri_writer *writer);

#endif
