/* Observing a resource (RFC 7641): its state now, and each new one. The server's side is in site.h
   (coax_resource_changed). */
#ifndef COAX_OBSERVE_H
#define COAX_OBSERVE_H

#include <coax/endpoint.h>
#include <coax/export.h>
#include <coax/message.h>
#include <coax/remote.h>
#include <coax/request.h>
#include <coax/status.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct coax_observation coax_observation;

/* Called with each state of the resource, the newest last: states that the network brought late are left out (RFC 7641
   section 3.4), states that followed each other quickly may be. `error` is NULL then. At the end, once, with an error,
   and with the response that ended it, if one did; the observation is freed after it. The message is a view with the
   whole body. Cancelling inside is legal. */
typedef void coax_observation_callback(coax_observation *observation, const coax_message *state,
                                       const coax_error *error, void *user);

typedef struct coax_observe_options {
    size_t size; /* sizeof(coax_observe_options), set by COAX_OBSERVE_OPTIONS_INIT */
    int accept;  /* COAX_NO_FORMAT: not sent */
    bool once;   /* ends with an error when the server or the connection is lost, instead of registering again */
} coax_observe_options;
#define COAX_OBSERVE_OPTIONS_INIT                                                                                      \
    { sizeof(coax_observe_options), COAX_NO_FORMAT, false }

/* Registers for a URI; `options` may be NULL. The first registration fails like any request. Once it stood, the
   observation lasts until it is cancelled or the server ends it: when nothing came by the Max-Age of the last state, or
   the connection was lost, it registers again, after pauses that grow from 1 to 60 s while that fails.
   A resource that cannot be observed gives its state once and ends with COAX_E_UNSUPPORTED; a response of another class
   than 2 ends it with COAX_E_RESPONSE. The errors of coax_request_new() and coax_request_send(); later those of a
   request. */
COAX_API enum coax_status coax_observe(coax_endpoint *endpoint, const char *uri, const coax_observe_options *options,
                                       coax_observation_callback *callback, void *user, coax_observation **observation,
                                       coax_error *error);

/* The same with a prepared GET or FETCH that was not sent: its options and payload go into every registration. On
   success the observation owns the request. COAX_E_INVALID (another method; a source or a sink, which have one use
   only), COAX_E_STATE (sent), COAX_E_TOO_LARGE (no room for the options), the errors of coax_request_send(). */
COAX_API enum coax_status coax_observe_request(coax_request *request, const coax_observe_options *options,
                                               coax_observation_callback *callback, void *user,
                                               coax_observation **observation, coax_error *error);

/* Ends and frees it; the callback is not called again. The server is told (RFC 7641 section 3.6), without waiting for
   its answer. NULL is allowed. */
COAX_API void coax_observation_cancel(coax_observation *observation);

/* Who is observed, as far as it is known; NULL before. */
COAX_API coax_remote *coax_observation_remote(const coax_observation *observation);

#ifdef __cplusplus
}
#endif
#endif
