/* Observing by URI. */
#include "endpoint/endpoint.h"
#include "request/observation.h"

enum coax_status coax_observe_request(coax_request *request, const coax_observe_options *options,
                                      coax_observation_callback *callback, void *user, coax_observation **observation,
                                      coax_error *error) {
    return coax_observation_new(request, options, coax_request_send, callback, user, observation, error);
}

enum coax_status coax_observe(coax_endpoint *endpoint, const char *uri, const coax_observe_options *options,
                              coax_observation_callback *callback, void *user, coax_observation **observation,
                              coax_error *error) {
    coax_request *request;
    enum coax_status status = coax_request_new(&request, endpoint, COAX_GET, uri, error);
    if (status != COAX_OK) {
        return status;
    }
    status = coax_observe_request(request, options, callback, user, observation, error);
    if (status != COAX_OK) {
        coax_request_cancel(request);
    }
    return status;
}
