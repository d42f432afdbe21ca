/* URIs of the six CoAP schemes, to options and back (RFC 7252 section 6.4 and 6.5, RFC 8323 section 8). */
#ifndef COAX_URI_H
#define COAX_URI_H

#include <coax/export.h>
#include <coax/status.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum coax_scheme {
    COAX_SCHEME_COAP,
    COAX_SCHEME_COAPS,
    COAX_SCHEME_COAP_TCP,
    COAX_SCHEME_COAPS_TCP,
    COAX_SCHEME_COAP_WS,
    COAX_SCHEME_COAPS_WS,
    COAX_SCHEMES, /* their number */
};

/* "coap", "coaps", "coap+tcp" …. Static storage. */
COAX_API const char *coax_scheme_name(enum coax_scheme scheme);
/* 5683, 5684, 5683, 5684, 80, 443. */
COAX_API uint16_t coax_scheme_default_port(enum coax_scheme scheme);
COAX_API bool coax_scheme_is_secure(enum coax_scheme scheme);

/* The longest host that is accepted, and the longest zone identifier (RFC 6874), in bytes. */
enum { COAX_HOST_MAXIMUM = 255, COAX_ZONE_MAXIMUM = 15 };

/* A URI taken apart. `path` and `query` are views into the text that was parsed, still percent-encoded, without the
 * leading '/' and '?'. */
typedef struct coax_uri {
    enum coax_scheme scheme;
    char host[COAX_HOST_MAXIMUM + 1]; /* decoded, lower case; an IP literal without brackets and zone */
    char zone[COAX_ZONE_MAXIMUM + 1]; /* "eth0" of [fe80::1%25eth0], or "" */
    bool host_is_ip4, host_is_ip6;    /* the host is an IP literal: no Uri-Host option (section 6.4 step 5) */
    uint16_t port;                    /* the scheme's default when the URI names none */
    bool has_port;                    /* the URI names it, be it the default */
    const char *path;
    size_t path_size;
    const char *query;
    size_t query_size;
    bool has_query;
} coax_uri;

/* Parses `text`. COAX_E_URI, with what is wrong and at which character: no scheme, unknown scheme, fragment, user info,
   empty host, port not a number of 0 to 65535 (an empty port means the default; 0 is for listening: any free one),
   broken IP literal, bad percent-encoding or what is not UTF-8 when decoded, a character that must be percent-encoded,
   a segment or query argument of over 255 bytes. A zone may also be written as people type it, "[fe80::1%eth0]". `uri`
   points into `text`, which must outlive it. */
COAX_API enum coax_status coax_uri_parse(coax_uri *uri, const char *text, coax_error *error);

/* Writes the URI in normal form, NUL-terminated: scheme and host in lower case, the default port left out, an empty
   path as "/", "." and ".." resolved, path and query percent-encoded only where needed. COAX_E_TOO_LARGE if `capacity`
   is too small. */
COAX_API enum coax_status coax_uri_write(const coax_uri *uri, char *out, size_t capacity);

/* Writes "host", "host:port" or "[v6%25zone]:port" (the default port left out), NUL-terminated. */
COAX_API enum coax_status coax_uri_write_hostinfo(const coax_uri *uri, char *out, size_t capacity);

#ifdef __cplusplus
}
#endif
#endif
