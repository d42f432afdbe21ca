/* The next message of a request: our body block by block, or the wish for the next block of the peer's. */
#include "base/error.h"
#include "base/wipe.h"
#include "request/burst.h"
#include "request/transfer.h"
#include <stdlib.h>
#include <string.h>

void coax_transfer_reset(struct coax_request *request) {
    struct transfer *transfer = request->transfer;
    if (transfer != NULL) {
        transfer->stage = TRANSFER_WHOLE;
        transfer->exponent = transfer->wish;
        transfer->sent = 0;
        transfer->restarts = 0;
        transfer->echoes = 0;
        coax_burst_free(transfer);
    }
}

void coax_transfer_begin_sending(struct coax_request *request) {
    struct transfer *transfer = request->transfer;
    transfer->stage = TRANSFER_SENDING;
    transfer->sent = 0;
    transfer->request_tag = request->layer->request_tag++;
    if (transfer->source == NULL) {
        transfer->size = request->payload_size;
    }
}

/* On a connection a payload that is at hand is tried in one message first: most peers take a megabyte. */
enum coax_status coax_transfer_begin(struct coax_request *request, const struct coax_remote *remote) {
    bool is_large = !remote->transport->is_reliable
                    && request->payload_size > (request->transfer != NULL ? transfer_unit(request->transfer->wish)
                                                                          : request->layer->settings.block_size);
    if (is_large && coax_transfer_of(request) == NULL) {
        return COAX_E_NO_MEMORY;
    }
    struct transfer *transfer = request->transfer;
    if (transfer != NULL && transfer->stage == TRANSFER_WHOLE && (is_large || transfer->source != NULL)) {
        coax_transfer_begin_sending(request);
    }
    return coax_burst_begin(request, remote);
}

bool coax_transfer_shrink(struct coax_request *request) {
    struct transfer *transfer = request->payload_size > 0 ? coax_transfer_of(request) : request->transfer;
    bool has_body = transfer != NULL && (request->payload_size > 0 || transfer->source != NULL);
    if (!has_body || transfer->stage == TRANSFER_RECEIVING || transfer->burst != NULL) {
        return false;
    }
    if (transfer->stage == TRANSFER_WHOLE) {
        coax_transfer_begin_sending(request);
        return transfer->size > transfer_unit(0);
    }
    if (transfer->exponent == 0 || transfer->under_way <= transfer_unit(0)) {
        return false;
    }
    transfer->exponent--; /* from BERT to blocks of 1024 bytes, too */
    return true;
}

/* Large blocks only to who said that it can take them, which is known once its CSM came. */
static size_t piece_size(struct transfer *transfer, const struct coax_remote *remote) {
    uint32_t maximum = remote->transport->block_maximum(remote);
    if (transfer->exponent == BLOCK_EXPONENT_MAXIMUM && transfer->wish == BLOCK_EXPONENT_MAXIMUM
        && !transfer->is_negotiated && maximum > BLOCK_SIZE_MAXIMUM) {
        transfer->exponent = BLOCK_EXPONENT_BERT;
    }
    return transfer->exponent == BLOCK_EXPONENT_BERT ? maximum : transfer_unit(transfer->exponent);
}

bool coax_transfer_reserve(uint8_t **buffer, size_t *capacity, size_t used, size_t wanted) {
    if (wanted <= *capacity) {
        return true;
    }
    uint8_t *larger = malloc(wanted);
    if (larger == NULL) {
        return false;
    }
    if (used > 0) {
        memcpy(larger, *buffer, used);
    }
    coax_wipe_free(*buffer, *capacity);
    *buffer = larger;
    *capacity = wanted;
    return true;
}

/* One byte more than goes out tells whether there is more. */
static enum coax_status read_source(struct transfer *transfer, size_t size, struct bytes *piece, coax_error *error) {
    if (!coax_transfer_reserve(&transfer->piece, &transfer->piece_capacity, 0, size + 1)) {
        return coax_fail_memory(error);
    }
    size_t got = 0;
    enum coax_status status =
        transfer->source->read(transfer->source_body, transfer->sent, transfer->piece, size + 1, &got);
    if (status != COAX_OK) {
        return coax_fail(error, status, "the body to be sent could not be read");
    }
    transfer->has_more = got > size;
    *piece = bytes_of(transfer->piece, transfer->has_more ? size : got);
    uint64_t end = transfer->sent + piece->size;
    if (transfer->size != COAX_SIZE_UNKNOWN && (transfer->has_more ? end >= transfer->size : end != transfer->size)) {
        return coax_fail(error, COAX_E_INVALID, "the body to be sent is not of the %llu bytes that were announced",
                         (unsigned long long)transfer->size);
    }
    return COAX_OK;
}

static enum coax_status next_piece(struct coax_request *request, const struct coax_remote *remote, struct bytes *piece,
                                   coax_error *error) {
    struct transfer *transfer = request->transfer;
    size_t size = piece_size(transfer, remote);
    enum coax_status status = COAX_OK;
    if (transfer->source != NULL) {
        status = read_source(transfer, size, piece, error);
    } else {
        size_t left = request->payload_size - (size_t)transfer->sent;
        transfer->has_more = left > size;
        *piece = bytes_of(request->payload + transfer->sent, transfer->has_more ? size : left);
    }
    transfer->under_way = piece->size;
    return status;
}

static enum coax_status write_block(struct option_writer *options, uint16_t number, uint64_t offset, bool more,
                                    uint8_t exponent) {
    uint64_t block_number = offset / transfer_unit(exponent);
    struct block block = {.number = (uint32_t)block_number, .more = more, .exponent = exponent};
    return block_number > BLOCK_NUMBER_MAXIMUM ? COAX_E_TOO_LARGE : coax_block_write(options, number, &block);
}

enum coax_status coax_transfer_compose_block(struct coax_request *request, const struct coax_remote *remote,
                                             uint16_t number, struct option_writer *options, struct bytes *payload,
                                             coax_error *error) {
    struct transfer *transfer = request->transfer;
    enum coax_status status = next_piece(request, remote, payload, error);
    if (status != COAX_OK || (transfer->sent == 0 && !transfer->has_more)) {
        return status; /* a body of one block needs no option */
    }
    status = write_block(options, number, transfer->sent, transfer->has_more, transfer->exponent);
    bool is_burst = number == COAX_OPTION_Q_BLOCK1; /* each of whose blocks may be the first that arrives */
    if (transfer->sent > 0 && !is_burst) {
        coax_option_erase(options, COAX_OPTION_IF_NONE_MATCH); /* the server has it from the first (section 2.10) */
    }
    if (status == COAX_OK) {
        coax_option_erase(options, COAX_OPTION_REQUEST_TAG);
        status = coax_option_write_uint(options, COAX_OPTION_REQUEST_TAG, transfer->request_tag);
    }
    if (status == COAX_OK && (transfer->sent == 0 || is_burst) && transfer->size <= UINT32_MAX) {
        status = coax_option_write_uint(options, COAX_OPTION_SIZE1, transfer->size);
    }
    return status == COAX_OK ? COAX_OK : coax_fail(error, status, "the body has more blocks than can be numbered");
}

/* Early negotiation (section 2.4), where the endpoint is set to blocks of less than the usual size. */
static enum coax_status ask_for_smaller(const struct coax_request *request, struct option_writer *options) {
    uint8_t exponent = coax_block_exponent(request->layer->settings.block_size);
    bool asks = exponent < BLOCK_EXPONENT_MAXIMUM && request->code != COAX_EMPTY;
    return asks ? write_block(options, COAX_OPTION_BLOCK2, 0, false, exponent) : COAX_OK;
}

enum coax_status coax_transfer_compose(struct coax_request *request, const struct coax_remote *remote,
                                       struct option_writer *options, struct bytes *payload, coax_error *error) {
    struct transfer *transfer = request->transfer;
    *payload = bytes_of(request->payload, request->payload_size);
    if (transfer == NULL) {
        return ask_for_smaller(request, options);
    }
    if (transfer->burst != NULL) {
        return coax_burst_compose(request, remote, options, payload, error);
    }
    enum coax_status status = COAX_OK;
    if (transfer->stage == TRANSFER_SENDING) {
        status = coax_transfer_compose_block(request, remote, COAX_OPTION_BLOCK1, options, payload, error);
    } else if (transfer->stage == TRANSFER_RECEIVING) {
        *payload = bytes_of(NULL, 0);
        coax_option_erase(options, COAX_OPTION_OBSERVE);
        status = write_block(options, COAX_OPTION_BLOCK2, transfer->received, false, transfer->exponent);
    }
    /* With the last of what is sent. */
    bool asks = transfer->stage == TRANSFER_WHOLE || (transfer->stage == TRANSFER_SENDING && !transfer->has_more);
    if (status == COAX_OK && asks && (transfer->is_negotiated || transfer->is_resuming)) {
        status = write_block(options, COAX_OPTION_BLOCK2, transfer->received, false, transfer->wish);
    }
    return status == COAX_E_TOO_LARGE
               ? coax_fail(error, status, "the body has more blocks than can be numbered, or the options leave no room")
               : status;
}
