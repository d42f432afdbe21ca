/* The opening handshake of CoAP over WebSockets (RFC 6455 section 4, RFC 8323 section 4.1), both roles, from heads that
   were read (http_head.h) to the bytes that answer them. No extension is offered or agreed to. */
#ifndef COAX_TRANSPORT_STREAM_UPGRADE_H
#define COAX_TRANSPORT_STREAM_UPGRADE_H

#include "transport/stream/http_head.h"
#include <coax/status.h>

/* What a request asks for, and how it is answered: the HTTP status. */
enum upgrade_status {
    UPGRADE_AGREED = 101,
    UPGRADE_BAD_REQUEST = 400,
    UPGRADE_FORBIDDEN = 403, /* the page that asks is from elsewhere */
    UPGRADE_NOT_FOUND = 404, /* another path than /.well-known/coap */
    UPGRADE_BAD_METHOD = 405,
    UPGRADE_REQUIRED = 426, /* no WebSocket handshake, or of another version */
    UPGRADE_HEAD_TOO_LARGE = 431,
    UPGRADE_BAD_VERSION = 505, /* not HTTP/1 */
};

/* Which pages may connect: browsers say in Origin whose page it is, other clients say nothing and are let in. */
struct upgrade_policy {
    const char *const *origins; /* such as "https://example.org:8443", or "*"; may be NULL */
    size_t origin_count;        /* 0: pages of the host that is asked, on any of its ports */
};

enum { UPGRADE_RESPONSE_MAXIMUM = 512 };

struct upgrade_answer {
    enum upgrade_status status;
    const char *text; /* why it is a refusal, as the response says too; "" if it is none */
    size_t size;
    char bytes[UPGRADE_RESPONSE_MAXIMUM]; /* the whole response; not terminated */
};

/* Decides about a request. After all but UPGRADE_AGREED the connection is to be closed. */
void coax_upgrade_answer(const struct http_head *head, const struct upgrade_policy *policy,
                         struct upgrade_answer *answer);

/* The answer to a head that could not be read: HTTP_HEAD_MALFORMED or HTTP_HEAD_TOO_LARGE. */
void coax_upgrade_answer_unread(enum http_head_progress progress, struct upgrade_answer *answer);

/* The host that a request is for, with its port if it says one: the target's, or the Host field's. */
bool coax_upgrade_host(const struct http_head *head, struct bytes *host);

/* A client's key, terminated. */
enum { UPGRADE_NONCE_SIZE = 16, UPGRADE_KEY_SIZE = 25 };

void coax_upgrade_make_key(const uint8_t random[UPGRADE_NONCE_SIZE], char key[UPGRADE_KEY_SIZE]);

/* Writes the client's request; `host` is what goes into Host: a name or address (IPv6 in brackets), with its port
   unless it is the scheme's. COAX_E_INVALID: not such a text; COAX_E_TOO_LARGE. */
enum coax_status coax_upgrade_write_request(const char *host, const char *key, char *out, size_t capacity,
                                            size_t *size);

/* Whether the server agreed. If not COAX_E_UPGRADE, with a text for a person: which HTTP status came instead of 101,
 * what that hints at, or what is wrong with the 101. */
enum coax_status coax_upgrade_check_response(const struct http_head *head, const char *key, coax_error *error);

/* COAX_E_UPGRADE for a response that could not be read. */
enum coax_status coax_upgrade_fail_unread(enum http_head_progress progress, coax_error *error);

#endif
