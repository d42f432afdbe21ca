/* The server's side: a site is a tree of resources; an exchange is one request that waits for its response. */
#ifndef COAX_SITE_H
#define COAX_SITE_H

#include <coax/body.h>
#include <coax/content_format.h>
#include <coax/export.h>
#include <coax/message.h>
#include <coax/remote.h>
#include <coax/status.h>
#include <stdbool.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct coax_site coax_site;
typedef struct coax_resource coax_resource;
typedef struct coax_exchange coax_exchange;

/* Opens a sink for a request's body that is to come piece by piece (RFC 7959). `request` has the options and no
   payload. *sink outlives the transfer; *body is what it will be called with, and what coax_exchange_body() then gives
   the handler. COAX_OK (0), or the code of an error response that refuses the body. */
typedef uint8_t coax_sink_opener(coax_exchange *exchange, const coax_message *request, const coax_body_sink **sink,
                                 void **body, void *user);

/* Answers a request. `exchange` and `request` die when the handler returns, unless it calls coax_exchange_defer().
   A handler that returns without answering or deferring has answered 5.00 with an empty payload. */
typedef void coax_handler(coax_exchange *exchange, const coax_message *request, void *user);

typedef struct coax_resource_config {
    size_t size; /* sizeof(coax_resource_config), set by COAX_RESOURCE_CONFIG_INIT */
    coax_handler *get, *post, *put, *delete_, *fetch, *patch, *ipatch; /* NULL: 4.05 Method Not Allowed */
    void *user;                                                        /* handed to every handler */
    coax_sink_opener *open_sink; /* NULL: bodies are gathered, up to max_body_size, and the handler gets them whole */
    const char *title;           /* link attributes of /.well-known/core (RFC 6690), each may be NULL; copied */
    const char *resource_type;   /* rt */
    const char *interface;       /* if */
    const int *formats; /* the Content-Formats that it gives (ct), `format_count` of them; an Accept of another is
                           answered 4.06 */
    size_t format_count;
    const int *accepted_formats; /* the Content-Formats that it takes, `accepted_format_count` of them; another is
                                    answered 4.15 */
    size_t accepted_format_count;
    const char *const *allow; /* claims (see coax_remote_claim) that may use it and all below it, NULL-terminated; NULL:
                                 inherits from above */
    bool observable;          /* a GET or FETCH can observe it (RFC 7641); obs */
    uint32_t confirm_every;   /* every so many notifications one is confirmable; 0: each. A non-confirmable one is sent
                                 at most every 3 s */
    bool hidden;              /* not listed in /.well-known/core */
    bool subtree;             /* it also answers for every path below its own that has no resource */
} coax_resource_config;
#define COAX_RESOURCE_CONFIG_INIT                                                                                      \
    { .size = sizeof(coax_resource_config) }

/* Adds a resource at `path`: segments joined by '/', without a leading one, percent-encoded as in a URI; "" is the
   root. A segment "*" stands for any one segment. Returns NULL, with the reason in *error (may be NULL), if the path is
   taken (COAX_E_EXISTS), malformed (COAX_E_URI) or memory ran out. The site owns the resource. */
COAX_API coax_resource *coax_site_add(coax_site *site, const char *path, const coax_resource_config *config,
                                      coax_error *error);

/* Removes a resource and frees it. Resources below it stay. Legal inside its own handlers. */
COAX_API void coax_site_remove(coax_site *site, coax_resource *resource);

/* Who asks. Valid as long as the exchange; coax_remote_ref() keeps it longer. */
COAX_API coax_remote *coax_exchange_remote(const coax_exchange *exchange);

/* The rest of the request's path below the resource's own ("b/c" for a sub-tree at "a" asked for "/a/b/c"), decoded
   segments joined by '/' with '/', '%' and control characters in a segment percent-encoded; "" if none. Valid during
   the handler. */
COAX_API const char *coax_exchange_rest(const coax_exchange *exchange);

/* The body that the resource's `open_sink` opened for this request; NULL if it had none. */
COAX_API void *coax_exchange_body(const coax_exchange *exchange);

/* False until the client has shown that its request is fresh, which over UDP also shows that its address is not forged:
   then 4.01 with an Echo option has gone out (RFC 9175 section 2), and the handler returns. Inside the handler only:
   elsewhere it is false, and nothing goes out. */
COAX_API bool coax_exchange_is_fresh(coax_exchange *exchange);

/* Adds an option to the response to come. COAX_E_TOO_LARGE if the options pass 512 bytes or the value passes the
 * option's limit. */
COAX_API enum coax_status coax_exchange_add_option(coax_exchange *exchange, uint16_t number, const void *value,
                                                   size_t size);
COAX_API enum coax_status coax_exchange_add_option_uint(coax_exchange *exchange, uint16_t number, uint64_t value);

/* Answers, once: later calls get COAX_E_STATE. `format` is COAX_NO_FORMAT or a Content-Format. The payload is copied
   before it returns. What is too large for one message travels in blocks (RFC 7959), with an ETag made from it if it
   has none. Over max_body_size (COAX_E_TOO_LARGE), or if the options are too large, 5.00 goes out instead. The
   request's No-Response option (RFC 7967) is obeyed: what it suppresses is not sent. */
COAX_API enum coax_status coax_respond(coax_exchange *exchange, uint8_t code, int format, const void *payload,
                                       size_t size);

/* Answers with a body that is read as the client asks for it, of `size` bytes or COAX_SIZE_UNKNOWN. Without an ETag
   option of the handler's a client cannot tell when it changes under way. `source` outlives the transfer; its `close`
   is called when that is over, and also when this call fails. The errors of coax_respond(). */
COAX_API enum coax_status coax_respond_source(coax_exchange *exchange, uint8_t code, int format, uint64_t size,
                                              const coax_body_source *source, void *body);

/* Answers with text/plain (an error: with a diagnostic payload, RFC 7252 section 5.5.2), formatted as printf does; at
 * most 1024 bytes. */
COAX_API enum coax_status coax_respond_text(coax_exchange *exchange, uint8_t code, const char *format, ...)
    COAX_PRINTF(3, 4);

/* Keeps the exchange beyond the handler, to be answered later on the endpoint's thread; returns its argument. The
   library sends the empty acknowledgement (RFC 7252 section 5.2.2). The request message is still gone when the handler
   returns: copy what you need. It must be answered exactly once, also when the peer is gone or the endpoint shut down:
   coax_respond() frees it. Answer all before coax_endpoint_free(). */
COAX_API coax_exchange *coax_exchange_defer(coax_exchange *exchange);

/* The state of an observable resource has changed: each observer is sent the new one, for which the resource's own GET
   or FETCH handler is asked with that observer's request, soon after this call, and once for all changes until then. A
   handler that answers with another class than 2 ends the observation with that. Observers that are slow get the latest
   state, not each. */
COAX_API void coax_resource_changed(coax_resource *resource);

/* The same for a sub-tree's resource, for those alone who observe the path `rest` below it (see coax_exchange_rest). */
COAX_API void coax_resource_changed_below(coax_resource *resource, const char *rest);

/* The state has changed, and is the same for every observer; copied. COAX_E_NO_MEMORY, COAX_E_TOO_LARGE (over
   max_body_size). */
COAX_API enum coax_status coax_resource_publish(coax_resource *resource, int format, const void *payload, size_t size);

/* How many observe it. */
COAX_API size_t coax_resource_observer_count(const coax_resource *resource);

#ifdef __cplusplus
}
#endif
#endif
