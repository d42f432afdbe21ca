/* What the program says about the bodies of a request before it is sent. */
#include "request/transfer.h"

#include <stdlib.h>
#include <string.h>

struct transfer *coax_transfer_of(struct coax_request *request) {
    if (request->transfer == NULL) {
        struct transfer *transfer = calloc(1, sizeof *transfer);
        if (transfer == NULL) {
            return NULL;
        }
        transfer->request = request;
        transfer->wish = transfer->exponent = coax_block_exponent(request->layer->settings.block_size);
        transfer->is_negotiated = transfer->wish < BLOCK_EXPONENT_MAXIMUM;
        transfer->announced = COAX_SIZE_UNKNOWN;
        request->transfer = transfer;
    }
    return request->transfer;
}

void coax_transfer_close_source(struct transfer *transfer) {
    const coax_body_source *source = transfer->source;
    transfer->source = NULL;
    if (source != NULL && source->close != NULL) {
        source->close(transfer->source_body);
    }
}

void coax_transfer_close_sink(struct transfer *transfer, bool complete) {
    const coax_body_sink *sink = transfer->sink;
    transfer->sink = NULL;
    if (sink != NULL && sink->close != NULL) {
        sink->close(transfer->sink_body, complete);
    }
}

enum coax_status coax_request_set_source(coax_request *request, int format, uint64_t size,
                                         const coax_body_source *source, void *body) {
    struct transfer *transfer = NULL;
    enum coax_status status = coax_request_set_payload(request, format, NULL, 0);
    if (status == COAX_OK && (transfer = coax_transfer_of(request)) == NULL) {
        status = COAX_E_NO_MEMORY;
    }
    if (status != COAX_OK) {
        if (source->close != NULL) {
            source->close(body);
        }
        return status;
    }
    coax_transfer_close_source(transfer);
    transfer->source = source;
    transfer->source_body = body;
    transfer->size = size;
    return COAX_OK;
}

enum coax_status coax_request_set_sink(coax_request *request, const coax_body_sink *sink, void *body) {
    enum coax_status status = request->state == REQUEST_NEW ? COAX_OK : COAX_E_STATE;
    struct transfer *transfer = NULL;
    if (status == COAX_OK && (transfer = coax_transfer_of(request)) == NULL) {
        status = COAX_E_NO_MEMORY;
    }
    if (status != COAX_OK) {
        if (sink->close != NULL) {
            sink->close(body, false);
        }
        return status;
    }
    coax_transfer_close_sink(transfer, false);
    transfer->sink = sink;
    transfer->sink_body = body;
    return COAX_OK;
}

enum coax_status coax_request_resume(coax_request *request, uint64_t offset, const void *etag, size_t size) {
    struct transfer *transfer = request->transfer;
    if (request->state != REQUEST_NEW || transfer == NULL || transfer->sink == NULL) {
        return COAX_E_STATE;
    }
    if (size < 1 || size > ETAG_MAXIMUM || offset % BLOCK_SIZE_MAXIMUM != 0
        || offset / BLOCK_SIZE_MAXIMUM > BLOCK_NUMBER_MAXIMUM) {
        return COAX_E_INVALID;
    }
    transfer->is_resuming = offset > 0;
    transfer->received = offset;
    transfer->code = COAX_CONTENT;
    transfer->etag.size = (uint8_t)size;
    memcpy(transfer->etag.bytes, etag, size);
    return COAX_OK;
}

enum coax_status coax_request_set_block_size(coax_request *request, uint32_t size) {
    if (request->state != REQUEST_NEW) {
        return COAX_E_STATE;
    }
    bool is_power = (size & (size - 1)) == 0;
    if (size != 0 && (!is_power || size < 16 || size > BLOCK_SIZE_MAXIMUM)) {
        return COAX_E_INVALID;
    }
    struct transfer *transfer = coax_transfer_of(request);
    if (transfer == NULL) {
        return COAX_E_NO_MEMORY;
    }
    transfer->wish = coax_block_exponent(size == 0 ? request->layer->settings.block_size : size);
    transfer->exponent = transfer->wish;
    transfer->is_negotiated = size != 0 || transfer->wish < BLOCK_EXPONENT_MAXIMUM;
    return COAX_OK;
}

enum coax_status coax_request_set_progress(coax_request *request, coax_progress_callback *callback, void *user) {
    struct transfer *transfer = request->state == REQUEST_NEW ? coax_transfer_of(request) : NULL;
    if (transfer == NULL) {
        return request->state == REQUEST_NEW ? COAX_E_NO_MEMORY : COAX_E_STATE;
    }
    transfer->progress = callback;
    transfer->progress_user = user;
    return COAX_OK;
}

enum coax_status coax_request_set_retries(coax_request *request, unsigned retries) {
    struct transfer *transfer = request->state == REQUEST_NEW ? coax_transfer_of(request) : NULL;
    if (transfer == NULL) {
        return request->state == REQUEST_NEW ? COAX_E_NO_MEMORY : COAX_E_STATE;
    }
    transfer->retries = retries;
    return COAX_OK;
}
