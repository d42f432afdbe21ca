/* The client's side: requests with callbacks, and coax_fetch for one blocking request. */
#ifndef COAX_REQUEST_H
#define COAX_REQUEST_H

#include <coax/body.h>
#include <coax/content_format.h>
#include <coax/endpoint.h>
#include <coax/export.h>
#include <coax/message.h>
#include <coax/remote.h>
#include <coax/status.h>
#include <stdbool.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct coax_request coax_request;

/* Called exactly once for a request that was sent: with a response and NULL, or with NULL and an error. Never after
   coax_request_cancel(). The response is a view that dies when the callback returns; so does the request, unless the
   callback's program had it cancelled first. */
typedef void coax_response_callback(coax_request *request, const coax_message *response, const coax_error *error,
                                    void *user);

/* Makes a request for a URI. COAX_E_URI, COAX_E_NO_MEMORY, COAX_E_INVALID (code is no method),
   COAX_E_TOO_LARGE (path and query pass 2048 bytes of options). The caller owns it until coax_request_send() succeeds;
   one that is not sent is freed with coax_request_cancel() before the endpoint is. */
COAX_API enum coax_status coax_request_new(coax_request **request, coax_endpoint *endpoint, uint8_t code,
                                           const char *uri, coax_error *error);

/* Makes a request to a known remote, one of this endpoint, for a path and query such as "/a/b?c=d". It is how a server
   asks a client. COAX_E_URI, COAX_E_TOO_LARGE, COAX_E_NO_MEMORY, COAX_E_INVALID (code is no method). */
COAX_API enum coax_status coax_request_new_to(coax_request **request, coax_endpoint *endpoint, coax_remote *remote,
                                              uint8_t code, const char *path, coax_error *error);

/* Sets Content-Format and payload (copied); `format` may be COAX_NO_FORMAT. What is too large for one message travels
   in blocks (RFC 7959). COAX_E_TOO_LARGE over the endpoint's max_body_size or for a format over 65535,
   COAX_E_NO_MEMORY, COAX_E_STATE once sent. */
COAX_API enum coax_status coax_request_set_payload(coax_request *request, int format, const void *payload, size_t size);

/* The same with a body that is read as it is sent, of `size` bytes or COAX_SIZE_UNKNOWN. `source` outlives the request;
   its `close` is called when the request ends, and also when this call fails. */
COAX_API enum coax_status coax_request_set_source(coax_request *request, int format, uint64_t size,
                                                  const coax_body_source *source, void *body);

/* Gives the body of a 2.xx response to `sink`, piece by piece as it comes: the response that the callback gets has no
   payload then. Without a sink it is gathered, up to max_body_size (COAX_E_TOO_LARGE). `sink` outlives the request; its
   `close` is called before the callback, when the request is cancelled, also if it was never sent, and when this call
   fails (COAX_E_NO_MEMORY, COAX_E_STATE once sent). */
COAX_API enum coax_status coax_request_set_sink(coax_request *request, const coax_body_sink *sink, void *body);

/* With a sink that has `offset` bytes of the representation with this ETag (1 to 8 bytes) already, a multiple of 1024:
   the body is asked for from there on. If the server has another one by now, the sink is given all of it from 0 on.
   COAX_E_INVALID, COAX_E_STATE. */
COAX_API enum coax_status coax_request_resume(coax_request *request, uint64_t offset, const void *etag, size_t size);

/* The largest block, in bytes, in either direction: 16, 32, 64, 128, 256, 512 or 1024; 0 (the default): the endpoint's
   block_size. It is asked for in the first message (RFC 7959 section 2.4). COAX_E_INVALID, COAX_E_STATE. */
COAX_API enum coax_status coax_request_set_block_size(coax_request *request, uint32_t size);

/* Told of each block that went or came. COAX_E_NO_MEMORY, COAX_E_STATE once sent. */
typedef void coax_progress_callback(coax_request *request, const coax_progress *progress, void *user);
COAX_API enum coax_status coax_request_set_progress(coax_request *request, coax_progress_callback *callback,
                                                    void *user);

/* How often a request that is answered 4.29 or 5.03 with a Max-Age is sent again after it (RFC 8516 section 4, RFC 7252
   section 5.9.3.4), if the request's timeout leaves time for it [0]. COAX_E_NO_MEMORY, COAX_E_STATE once sent. */
COAX_API enum coax_status coax_request_set_retries(coax_request *request, unsigned retries);

/* For a request to a group (RFC 7252 section 8): `each` is called with the first response of every member, who is the
   coax_request_remote() meanwhile, until the timeout that must be set (COAX_E_INVALID on sending) has passed. Then the
   request's callback is called as always: with COAX_E_TIMEOUT if nobody answered, else with neither a response nor an
   error. A large body is fetched from its sender before `each` is called; if that fails, `each` gets the error in its
   place. Up to 4096 members are heard, and 64 large bodies fetched at once. Without effect once sent. */
COAX_API void coax_request_collect(coax_request *request, coax_response_callback *each);

/* Adds an option. COAX_E_TOO_LARGE if the value's size is outside the option's limits, or the options pass 2048 bytes;
 * COAX_E_STATE once sent. */
COAX_API enum coax_status coax_request_add_option(coax_request *request, uint16_t number, const void *value,
                                                  size_t size);
COAX_API enum coax_status coax_request_add_option_uint(coax_request *request, uint16_t number, uint64_t value);

/* Sends it as non-confirmable (RFC 7252 section 4.3) instead of confirmable. Without effect once sent. */
COAX_API void coax_request_set_non_confirmable(coax_request *request, bool non_confirmable);

/* How long to wait for the response in all, name resolution and handshake included. 0 (the default): as long as the
   protocol's own timers (a confirmable request that nobody acknowledges fails after 62 to 93 s; an acknowledged or
   non-confirmable one after the endpoint's response_timeout_ms). Without effect once sent. */
COAX_API void coax_request_set_timeout(coax_request *request, uint32_t timeout_ms);

/* Uses this token (0 to 8 bytes, or to max_token_size) instead of a random one: for tests, and for who keeps state in
   it (RFC 8974). If the peer does not take one of more than 8 bytes, the request fails: COAX_E_TOO_LARGE on a
   connection, COAX_E_RESET over UDP, or it is answered 4.00. COAX_E_TOO_LARGE, COAX_E_STATE. */
COAX_API enum coax_status coax_request_set_token(coax_request *request, const void *token, size_t size);

/* Sends. On success the endpoint owns the request and `callback` will be called exactly once (never inside this call);
   on an error it is still the caller's. `callback` may be NULL with a No-Response option that suppresses every response
   (RFC 7967 section 2.1). COAX_E_INVALID (no callback and no such option, or confirmable to a multicast address),
   COAX_E_STATE (sent already), COAX_E_SHUT_DOWN, COAX_E_LIMIT, COAX_E_EXISTS (its own token waits at this remote
   already), COAX_E_TOO_LARGE, COAX_E_RESOLVE (no such interface), COAX_E_NO_CREDENTIALS, COAX_E_CREDENTIALS_KIND,
   COAX_E_CREDENTIALS_SIZE, COAX_E_NOT_FOUND (credentials that refer to a missing label), COAX_E_HANDSHAKE,
   COAX_E_DROPPED (a remote that is gone), COAX_E_IO, COAX_E_NO_MEMORY. */
COAX_API enum coax_status coax_request_send(coax_request *request, coax_response_callback *callback, void *user,
                                            coax_error *error);

/* Gives a request up and frees it, sent or not; its callback is not called. Legal at any time, also inside the
 * callback. NULL is allowed. */
COAX_API void coax_request_cancel(coax_request *request);

/* The remote that the request went to, as far as it is known (inside the callback: who answered); NULL before. */
COAX_API coax_remote *coax_request_remote(const coax_request *request);

/* One blocking request. */
typedef struct coax_fetch_options {
    size_t size;                  /* sizeof(coax_fetch_options), set by COAX_FETCH_OPTIONS_INIT */
    const char *credentials_file; /* NULL: none */
    const void *payload;
    size_t payload_size;
    int content_format;  /* of the payload */
    int accept;          /* COAX_NO_FORMAT: not sent */
    uint32_t timeout_ms; /* as coax_request_set_timeout */
    bool non_confirmable;
} coax_fetch_options;
#define COAX_FETCH_OPTIONS_INIT                                                                                        \
    { sizeof(coax_fetch_options), NULL, NULL, 0, COAX_NO_FORMAT, COAX_NO_FORMAT, 0, false }

/* Makes an endpoint, sends one request, waits, and closes in order. `options` may be NULL. The response, of whatever
   code, is the caller's: coax_message_free(). Every error of coax_request_new, coax_request_send,
   coax_credentials_load_file and of the request itself. */
COAX_API enum coax_status coax_fetch(uint8_t code, const char *uri, const coax_fetch_options *options,
                                     coax_message **response, coax_error *error);

#ifdef __cplusplus
}
#endif
#endif
