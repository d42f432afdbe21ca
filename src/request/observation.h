/* Observing a resource, the client's side (RFC 7641 section 3; over streams RFC 8323 appendix A): a request that is
   answered again and again, and sent again when nothing comes any more. */
#ifndef COAX_REQUEST_OBSERVATION_H
#define COAX_REQUEST_OBSERVATION_H

#include "request/request_layer.h"
#include <coax/observe.h>

/* Sends a request, as coax_request_send does: the request's URI and the way to it are known above. */
typedef enum coax_status observation_send(coax_request *request, coax_response_callback *callback, void *user,
                                          coax_error *error);

/* coax_observe_request, with the function that sends. */
enum coax_status coax_observation_new(coax_request *request, const coax_observe_options *options,
                                      observation_send *send, coax_observation_callback *callback, void *user,
                                      coax_observation **observation, coax_error *error);

/* Ends each observation with an error, also those that wait to be registered again. */
void coax_observations_shut_down(struct request_layer *layer, const coax_error *error);

/* Whether a notification with the sequence number `now`, which came `elapsed_ns` after one with `before`, is the newer
   one (RFC 7641 section 3.4). */
bool coax_sequence_is_newer(uint32_t before, uint32_t now, coax_instant elapsed_ns);

#endif
