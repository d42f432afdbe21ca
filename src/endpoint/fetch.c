/* One blocking request. */
#include "base/error.h"
#include <coax/request.h>

struct fetch {
    coax_endpoint *endpoint;
    coax_message *response;
    coax_error error;
    enum coax_status status;
};

static void fetched(coax_request *request, const coax_message *response, const coax_error *error, void *user) {
    struct fetch *fetch = user;
    (void)request;
    if (response != NULL) {
        fetch->response = coax_message_copy(response);
        fetch->status = fetch->response != NULL ? COAX_OK : coax_fail_memory(&fetch->error);
    } else {
        fetch->error = *error;
        fetch->status = error->status;
    }
    coax_endpoint_stop(fetch->endpoint);
}

static enum coax_status fill(coax_request *request, const coax_fetch_options *options, coax_error *error) {
    enum coax_status status = COAX_OK;
    if (options->payload_size > 0 || options->content_format != COAX_NO_FORMAT) {
        status = coax_request_set_payload(request, options->content_format, options->payload, options->payload_size);
    }
    if (status == COAX_OK && options->accept != COAX_NO_FORMAT) {
        status = coax_request_add_option_uint(request, COAX_OPTION_ACCEPT, (uint64_t)options->accept);
    }
    coax_request_set_non_confirmable(request, options->non_confirmable);
    coax_request_set_timeout(request, options->timeout_ms);
    return status == COAX_OK ? COAX_OK
                             : coax_fail(error, status, "The request cannot be made: %s", coax_status_text(status));
}

static enum coax_status send_and_wait(struct fetch *fetch, uint8_t code, const char *uri,
                                      const coax_fetch_options *options, coax_error *error) {
    coax_request *request;
    enum coax_status status = coax_request_new(&request, fetch->endpoint, code, uri, error);
    if (status != COAX_OK) {
        return status;
    }
    status = fill(request, options, error);
    if (status == COAX_OK) {
        status = coax_request_send(request, fetched, fetch, error);
    }
    if (status != COAX_OK) {
        coax_request_cancel(request);
        return status;
    }
    status = coax_endpoint_run(fetch->endpoint, error);
    if (status == COAX_OK && fetch->status != COAX_OK) {
        status = fetch->status;
        if (error != NULL) {
            *error = fetch->error;
        }
    }
    return status;
}

enum coax_status coax_fetch(uint8_t code, const char *uri, const coax_fetch_options *options, coax_message **response,
                            coax_error *error) {
    enum { RELEASE_TIMEOUT_MS = 2000 };
    static const coax_fetch_options defaults = COAX_FETCH_OPTIONS_INIT;
    struct fetch fetch = {.status = COAX_E_CANCELLED};
    options = options == NULL ? &defaults : options;
    if (options->size != sizeof *options) {
        return coax_fail(error, COAX_E_INVALID, "Begin the options with COAX_FETCH_OPTIONS_INIT");
    }
    enum coax_status status = coax_endpoint_new(&fetch.endpoint, NULL, error);
    if (status != COAX_OK) {
        return status;
    }
    if (options->credentials_file != NULL) {
        status = coax_credentials_load_file(coax_endpoint_credentials(fetch.endpoint), options->credentials_file, NULL,
                                            error);
    }
    if (status == COAX_OK) {
        status = send_and_wait(&fetch, code, uri, options, error);
    }
    if (status == COAX_OK) {
        (void)coax_endpoint_release(fetch.endpoint, RELEASE_TIMEOUT_MS, NULL); /* the answer is here in any case */
    }
    coax_endpoint_free(fetch.endpoint);
    if (status == COAX_OK) {
        *response = fetch.response;
    } else {
        coax_message_free(fetch.response);
    }
    return status;
}
