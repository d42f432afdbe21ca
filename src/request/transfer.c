/* A response of many: what it does to the bodies of its request, and whether the request goes on. */
#include "request/transfer.h"

#include "base/error.h"
#include "base/wipe.h"
#include "request/burst.h"
#include <stdlib.h>
#include <string.h>

enum { RESTARTS_MAXIMUM = 3, ECHOES_MAXIMUM = 3, BODY_CAPACITY_FIRST = 4096 };

void coax_transfer_tell_progress(struct coax_request *request) {
    struct transfer *transfer = request->transfer;
    if (transfer->progress != NULL) {
        coax_progress progress = {transfer->sent, transfer->size, transfer->received, transfer->announced};
        transfer->progress(request, &progress, transfer->progress_user);
    }
}

static enum transfer_verdict fail(coax_error *error, enum coax_status status, const char *text) {
    (void)coax_fail(error, status, "%s", text);
    return TRANSFER_FAIL;
}

static struct tag tag_of(const struct coax_message *response) {
    struct coax_option option;
    struct tag tag = {0};
    if (coax_message_option(response, COAX_OPTION_ETAG, &option) && option.size <= ETAG_MAXIMUM) {
        tag.size = (uint8_t)option.size;
        memcpy(tag.bytes, option.value, option.size);
    }
    return tag;
}

static bool tags_equal(const struct tag *one, const struct tag *other) {
    return one->size == other->size && memcmp(one->bytes, other->bytes, one->size) == 0;
}

/* Again from the first byte, but not for ever. */
bool coax_transfer_begin_anew(struct transfer *transfer) {
    transfer->received = 0;
    transfer->is_resuming = false;
    transfer->is_begun = false;
    transfer->etag.size = 0;
    return transfer->restarts++ < RESTARTS_MAXIMUM;
}

static enum coax_status gather(struct coax_request *request, struct bytes piece, coax_error *error) {
    struct transfer *transfer = request->transfer;
    uint64_t maximum = request->layer->settings.max_body_size, wanted = transfer->received + piece.size;
    bool is_too_large = transfer->announced != COAX_SIZE_UNKNOWN && transfer->announced > maximum;
    if (wanted > maximum || is_too_large) {
        return coax_fail(error, COAX_E_TOO_LARGE,
                         "the body is larger than %llu bytes (max_body_size); take it piece by piece, into a file",
                         (unsigned long long)maximum);
    }
    size_t capacity = transfer->body_capacity == 0 ? BODY_CAPACITY_FIRST : transfer->body_capacity;
    while (capacity < wanted) {
        capacity *= 2;
    }
    if (!coax_transfer_reserve(&transfer->body, &transfer->body_capacity, (size_t)transfer->received, capacity)) {
        return coax_fail_memory(error);
    }
    if (piece.size > 0) {
        memcpy(transfer->body + transfer->received, piece.data, piece.size);
    }
    return COAX_OK;
}

static enum coax_status give_to_sink(struct transfer *transfer, const struct coax_message *response) {
    const coax_body_sink *sink = transfer->sink;
    enum coax_status status = COAX_OK;
    if (sink->begin != NULL && !transfer->is_begun) {
        status = sink->begin(transfer->sink_body, response);
    }
    transfer->is_begun = true;
    return status == COAX_OK ? body_sink_write(sink, transfer->sink_body, transfer->received, response->payload)
                             : status;
}

enum coax_status coax_transfer_keep(struct coax_request *request, const struct coax_message *response,
                                    coax_error *error) {
    struct transfer *transfer = request->transfer;
    enum coax_status status = COAX_OK;
    if (transfer->sink == NULL || coax_code_class(response->code) != 2) {
        status = gather(request, response->payload, error);
    } else {
        status = give_to_sink(transfer, response);
        if (status != COAX_OK) {
            (void)coax_fail(error, status, "the body that came could not be kept");
        }
    }
    transfer->received += response->payload.size;
    return status;
}

/* The last block's message with all of the body. */
enum transfer_verdict coax_transfer_give_whole(struct coax_request *request, const struct coax_message *response,
                                               struct coax_message *whole, coax_error *error) {
    struct transfer *transfer = request->transfer;
    free(transfer->options);
    transfer->options = malloc(response->options.size + 1);
    if (transfer->options == NULL) {
        (void)coax_fail_memory(error);
        return TRANSFER_FAIL;
    }
    static const uint16_t ours[] = {COAX_OPTION_BLOCK1, COAX_OPTION_BLOCK2, COAX_OPTION_SIZE2, COAX_OPTION_Q_BLOCK1,
                                    COAX_OPTION_Q_BLOCK2};
    struct option_writer writer = option_writer_on(transfer->options, response->options.size);
    size_t position = 0;
    struct coax_option option;
    while (coax_message_next_option(response, &position, &option)) {
        (void)coax_option_write(&writer, option.number, option.value, option.size);
    }
    for (size_t i = 0; i < sizeof ours / sizeof *ours; i++) {
        coax_option_erase(&writer, ours[i]);
    }
    bool is_in_sink = transfer->sink != NULL && coax_code_class(response->code) == 2;
    *whole = *response;
    whole->options = option_writer_bytes(&writer);
    whole->payload = is_in_sink ? bytes_of(NULL, 0) : bytes_of(transfer->body, (size_t)transfer->received);
    coax_transfer_close(request, is_in_sink);
    return TRANSFER_PASS;
}

void coax_transfer_note_body(struct transfer *transfer, const struct coax_message *response) {
    transfer->received = 0;
    transfer->is_begun = false;
    transfer->code = response->code;
    transfer->etag = tag_of(response);
    transfer->announced = coax_message_option_uint(response, COAX_OPTION_SIZE2, COAX_SIZE_UNKNOWN);
}

bool coax_transfer_is_same(const struct transfer *transfer, const struct coax_message *response) {
    struct tag etag = tag_of(response);
    return response->code == transfer->code && tags_equal(&etag, &transfer->etag);
}

/* The next request asks for blocks of the size that came, or smaller ones if the program wants that (section 2.4). */
static uint8_t next_exponent(const struct transfer *transfer, const struct block *block) {
    bool is_limited = transfer->is_negotiated && transfer->wish < block->exponent;
    return is_limited ? transfer->wish : block->exponent;
}

static enum transfer_verdict take_block(struct coax_request *request, const struct coax_message *response,
                                        const struct block *block, struct coax_message *whole, coax_error *error) {
    struct transfer *transfer = request->transfer;
    if (block->number == 0 && (transfer->received == 0 || transfer->is_resuming)) {
        coax_transfer_note_body(transfer, response);
    }
    transfer->is_resuming = false;
    if (!coax_transfer_is_same(transfer, response)) {
        return coax_transfer_begin_anew(transfer)
                   ? TRANSFER_AGAIN
                   : fail(error, COAX_E_CHANGED, "the body changed again and again under way");
    }
    if (block_offset(block) != transfer->received || !coax_block_fits(block, response->payload.size)) {
        return fail(error, COAX_E_FORMAT, "the response has another block than the one that was asked for");
    }
    transfer->exponent = next_exponent(transfer, block);
    if (coax_transfer_keep(request, response, error) != COAX_OK) {
        return TRANSFER_FAIL;
    }
    transfer->echoes = 0;
    if (!block->more) {
        enum transfer_verdict verdict = coax_transfer_give_whole(request, response, whole, error);
        coax_transfer_tell_progress(request);
        return verdict;
    }
    coax_transfer_tell_progress(request);
    return TRANSFER_AGAIN;
}

/* A body in one message. */
static enum transfer_verdict take_single(struct coax_request *request, const struct coax_message *response,
                                         struct coax_message *whole, coax_error *error) {
    struct transfer *transfer = request->transfer;
    *whole = *response;
    if (transfer != NULL && coax_code_class(response->code) == 2) {
        transfer->received = 0;
        transfer->is_begun = false;
        if (transfer->sink != NULL && response->code != COAX_VALID) {
            if (coax_transfer_keep(request, response, error) != COAX_OK) {
                return TRANSFER_FAIL;
            }
            whole->payload = bytes_of(NULL, 0);
        }
        coax_transfer_close(request, response->code != COAX_VALID);
    }
    return TRANSFER_PASS;
}

static enum transfer_verdict receive(struct coax_request *request, const struct coax_message *response,
                                     struct coax_message *whole, coax_error *error) {
    struct block block;
    if (request->take != NULL) {
        *whole = *response;
        return TRANSFER_PASS;
    }
    enum block_presence presence =
        coax_block_read(response, COAX_OPTION_BLOCK2, request->remote->transport->is_reliable, &block);
    if (presence == BLOCK_MALFORMED) {
        return fail(error, COAX_E_FORMAT, "the response has a malformed Block2 option");
    }
    struct transfer *transfer = request->transfer;
    bool is_alone = presence == BLOCK_ABSENT || (block.number == 0 && !block.more);
    bool is_error = coax_code_class(response->code) != 2;
    bool is_within = transfer != NULL && transfer->stage == TRANSFER_RECEIVING && !is_error;
    if (response->code == COAX_CONTINUE || (is_within && presence == BLOCK_ABSENT)) {
        return fail(error, COAX_E_FORMAT, "the response does not say which block it has");
    }
    if (transfer != NULL && transfer->is_resuming && is_error && coax_transfer_begin_anew(transfer)) {
        return TRANSFER_AGAIN; /* perhaps what is there now ends before */
    }
    if (!is_within && (is_alone || (is_error && !block.more))) {
        return take_single(request, response, whole, error);
    }
    transfer = coax_transfer_of(request);
    if (transfer == NULL) {
        (void)coax_fail_memory(error);
        return TRANSFER_FAIL;
    }
    if (transfer->stage != TRANSFER_RECEIVING && !transfer->is_resuming && block.number != 0) {
        return fail(error, COAX_E_FORMAT, "the response has another block than the first");
    }
    transfer->stage = TRANSFER_RECEIVING;
    return take_block(request, response, &block, whole, error);
}

/* The peer takes smaller blocks only (sections 2.5, 2.9.3). */
static bool obey_size(struct transfer *transfer, const struct block *block) {
    if (block->exponent >= transfer->exponent) {
        return false;
    }
    transfer->exponent = block->exponent;
    return true;
}

/* True if the response asks for the next block, or for another beginning. */
static bool goes_on(struct coax_request *request, const struct coax_message *response, const struct block *block,
                    bool has_block) {
    struct transfer *transfer = request->transfer;
    if (response->code == COAX_REQUEST_ENTITY_TOO_LARGE && has_block && obey_size(transfer, block)) {
        transfer->sent = 0;
        return true;
    }
    if (response->code == COAX_REQUEST_ENTITY_INCOMPLETE && transfer->sent > 0
        && transfer->restarts++ < RESTARTS_MAXIMUM) {
        coax_transfer_begin_sending(request);
        return true;
    }
    if (coax_code_class(response->code) != 2 || !transfer->has_more) {
        return false;
    }
    (void)obey_size(transfer, block);
    transfer->sent += transfer->under_way;
    transfer->echoes = 0;
    return true;
}

static enum transfer_verdict take_while_sending(struct coax_request *request, const struct coax_message *response,
                                                struct coax_message *whole, coax_error *error) {
    struct transfer *transfer = request->transfer;
    struct block block = {0};
    enum block_presence presence =
        coax_block_read(response, COAX_OPTION_BLOCK1, request->remote->transport->is_reliable, &block);
    bool has_block = presence == BLOCK_PRESENT;
    bool is_continue = response->code == COAX_CONTINUE;
    bool is_taken = coax_code_class(response->code) == 2 && transfer->has_more;
    bool is_this = has_block && block.number == transfer->sent / transfer_unit(transfer->exponent);
    if (presence == BLOCK_MALFORMED || (is_taken && !is_this) || (is_continue && !transfer->has_more)) {
        return fail(error, COAX_E_FORMAT, "the response acknowledges another block than the one that was sent");
    }
    if (goes_on(request, response, &block, has_block)) {
        coax_transfer_tell_progress(request);
        return TRANSFER_AGAIN;
    }
    transfer->sent += coax_code_class(response->code) == 2 ? transfer->under_way : 0;
    enum transfer_verdict verdict = receive(request, response, whole, error);
    if (verdict == TRANSFER_AGAIN && transfer->stage == TRANSFER_SENDING) {
        coax_transfer_begin_sending(request); /* all of it, for another answer */
    } else {
        coax_transfer_close_source(transfer);
    }
    return verdict;
}

/* RFC 9175 section 2.3: the request again, with the value. One may come too late, and another is asked for; to the
   blocks of a burst each. */
static bool takes_echo(struct coax_request *request, const struct coax_message *response) {
    struct coax_option echo;
    struct coax_option before;
    const struct coax_message sent = {.options = option_writer_bytes(&request->options)};
    if (response->code != COAX_UNAUTHORIZED || !coax_message_option(response, COAX_OPTION_ECHO, &echo)
        || coax_transfer_of(request) == NULL) {
        return false;
    }
    struct transfer *transfer = request->transfer;
    bool is_same = coax_message_option(&sent, COAX_OPTION_ECHO, &before) && before.size == echo.size
                   && memcmp(before.value, echo.value, echo.size) == 0;
    bool is_burst = transfer->burst != NULL && transfer->burst->is_sending;
    if (is_same || transfer->echoes >= (is_burst ? 1 : ECHOES_MAXIMUM)) {
        return false;
    }
    transfer->echoes++;
    coax_option_erase(&request->options, COAX_OPTION_ECHO);
    return coax_option_write(&request->options, COAX_OPTION_ECHO, echo.value, echo.size) == COAX_OK;
}

static void fire_again(struct timer *timer, coax_instant now) {
    (void)now;
    struct transfer *transfer = COAX_CONTAINER(timer, struct transfer, again);
    coax_request_go_on(transfer->request);
}

/* RFC 8516 section 4, RFC 7252 section 5.9.3.4. */
static bool waits(struct coax_request *request, const struct coax_message *response) {
    struct transfer *transfer = request->transfer;
    struct coax_option max_age;
    bool is_busy = response->code == COAX_SERVICE_UNAVAILABLE || response->code == COAX_TOO_MANY_REQUESTS;
    if (!is_busy || transfer == NULL || transfer->retries == 0
        || !coax_message_option(response, COAX_OPTION_MAX_AGE, &max_age)) {
        return false;
    }
    struct request_layer *layer = request->layer;
    coax_instant when = coax_instant_after_ms(layer->now, UINT64_C(1000) * coax_message_max_age(response));
    bool is_too_late = request->timeout_ms != 0 && when >= request->timer.deadline;
    transfer->again.fire = fire_again;
    if (is_too_late || coax_timer_arm(layer->timers, &transfer->again, when) != COAX_OK) {
        return false;
    }
    transfer->retries--;
    return true;
}

enum transfer_verdict coax_transfer_take(struct coax_request *request, const struct coax_message *response,
                                         struct coax_message *whole, coax_error *error) {
    if (request->each != NULL) { /* what one member of a group wants is not sent to all of them */
        return receive(request, response, whole, error);
    }
    if (takes_echo(request, response)) {
        return TRANSFER_AGAIN;
    }
    if (waits(request, response)) {
        return TRANSFER_WAIT;
    }
    struct transfer *transfer = request->transfer;
    if (transfer != NULL && transfer->burst != NULL) {
        enum transfer_verdict verdict = coax_burst_take(request, response, whole, error);
        if (verdict != TRANSFER_NONE) {
            return verdict;
        }
    }
    if (transfer != NULL && transfer->stage == TRANSFER_SENDING) {
        return take_while_sending(request, response, whole, error);
    }
    struct block block;
    bool is_hint = response->code == COAX_REQUEST_ENTITY_TOO_LARGE
                   && coax_block_read(response, COAX_OPTION_BLOCK1, true, &block) == BLOCK_PRESENT
                   && request->payload_size > block_unit(&block);
    if (is_hint && (transfer = coax_transfer_of(request)) != NULL && transfer->stage == TRANSFER_WHOLE) {
        coax_transfer_begin_sending(request); /* late negotiation (section 2.9.3) */
        (void)obey_size(transfer, &block);
        return TRANSFER_AGAIN;
    }
    return receive(request, response, whole, error);
}

/* What the first block says is taken in already when the request for the second goes out. */
static enum coax_status send_rest(struct coax_request *rest, struct coax_remote *remote,
                                  const struct coax_message *first, coax_response_callback *callback, void *user,
                                  coax_error *error) {
    struct coax_message whole;
    enum coax_status status = coax_request_start(rest, callback, user, error);
    if (status != COAX_OK) {
        return status;
    }
    rest->remote = coax_remote_ref(remote);
    coax_error problem;
    enum transfer_verdict verdict = receive(rest, first, &whole, &problem);
    if (verdict == TRANSFER_AGAIN) {
        status = coax_request_submit(rest, remote, error);
    } else {
        status = verdict == TRANSFER_FAIL ? coax_fail(error, problem.status, "%s", problem.text)
                                          : coax_fail(error, COAX_E_INVALID, "the body has one block only");
    }
    if (status != COAX_OK) {
        coax_request_unstart(rest);
    }
    return status;
}

enum coax_status coax_request_fetch_rest(const struct coax_request *request, struct coax_remote *remote,
                                         const struct coax_message *first, coax_response_callback *callback, void *user,
                                         struct coax_request **rest, coax_error *error) {
    struct coax_request *made = coax_request_create(request->layer, request->code, request->uri);
    if (made == NULL) {
        return coax_fail_memory(error);
    }
    option_writer_copy(&made->options, &request->options);
    coax_option_erase(&made->options, COAX_OPTION_OBSERVE);
    made->non_confirmable = request->non_confirmable && !coax_address_is_multicast(&request->remote->address);
    enum coax_status status = send_rest(made, remote, first, callback, user, error);
    if (status != COAX_OK) {
        coax_request_cancel(made);
        return status;
    }
    *rest = made;
    return COAX_OK;
}

void coax_transfer_stop_waiting(struct coax_request *request) {
    if (request->transfer != NULL) {
        coax_timer_disarm(request->layer->timers, &request->transfer->again);
    }
}

void coax_transfer_close(struct coax_request *request, bool complete) {
    if (request->transfer != NULL) {
        coax_transfer_close_source(request->transfer);
        coax_transfer_close_sink(request->transfer, complete);
    }
}

void coax_transfer_free(struct coax_request *request) {
    struct transfer *transfer = request->transfer;
    if (transfer != NULL) {
        coax_burst_free(transfer);
        coax_transfer_close(request, false);
        coax_wipe_free(transfer->piece, transfer->piece_capacity);
        coax_wipe_free(transfer->body, transfer->body_capacity);
        free(transfer->options);
        free(transfer);
        request->transfer = NULL;
    }
}
