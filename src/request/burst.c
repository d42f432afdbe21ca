#include "request/burst.h"

#include "base/error.h"
#include "base/wipe.h"
#include "message/missing_blocks.h"
#include <stdlib.h>
#include <string.h>

enum { RESTARTS_MAXIMUM = 3, DOUBLINGS_MAXIMUM = 10 };

static void fire(struct timer *timer, coax_instant now);

void coax_burst_free(struct transfer *transfer) {
    struct burst *burst = transfer->burst;
    transfer->burst = NULL;
    if (burst != NULL) {
        coax_timer_disarm(transfer->request->layer->timers, &transfer->again);
        if (burst->window != NULL) {
            coax_wipe_free(burst->window, sizeof *burst->window);
        }
        free(burst);
    }
}

bool coax_burst_is_under_way(const struct coax_request *request) {
    return request->transfer != NULL && request->transfer->burst != NULL
           && (request->transfer->burst->is_begun || request->transfer->burst->is_sending);
}

static uint32_t unit_of(const struct transfer *transfer) {
    return block_unit(&(const struct block){.exponent = transfer->exponent});
}

/* What goes to many, or is observed, or was there before, goes by Block. */
static bool is_wanted(const struct coax_request *request, const struct coax_remote *remote) {
    const struct transfer *transfer = request->transfer;
    bool is_alone = request->each == NULL && request->take == NULL && request->code != COAX_EMPTY;
    bool is_fresh = transfer == NULL || (!transfer->is_without_bursts && !transfer->is_resuming);
    return request->layer->settings.q_block && !remote->transport->is_reliable && is_alone && is_fresh;
}

static void list_set(struct burst *burst) {
    burst->count = 0;
    for (uint32_t number = burst->from; burst->count < SET_MAXIMUM; number++) {
        burst->listed[burst->count++] = number;
    }
}

enum coax_status coax_burst_begin(struct coax_request *request, const struct coax_remote *remote) {
    struct transfer *transfer = request->transfer;
    if (!is_wanted(request, remote) || (transfer != NULL && transfer->burst != NULL)) {
        return COAX_OK;
    }
    bool is_sending = transfer != NULL && transfer->stage == TRANSFER_SENDING && transfer->size > unit_of(transfer)
                      && transfer->size <= UINT32_MAX; /* each block has a Size1 */
    bool is_asking = (transfer == NULL || transfer->stage == TRANSFER_WHOLE)
                     && (request->code == COAX_GET || request->code == COAX_FETCH);
    if (!is_sending && !is_asking) {
        return COAX_OK;
    }
    transfer = coax_transfer_of(request);
    struct burst *burst = transfer != NULL ? calloc(1, sizeof *burst) : NULL;
    if (burst == NULL) {
        return COAX_E_NO_MEMORY;
    }
    burst->is_sending = is_sending;
    if (is_sending) {
        list_set(burst);
    }
    transfer->burst = burst;
    return COAX_OK;
}

/* --- what goes out --- */

static enum coax_status compose_block(struct coax_request *request, const struct coax_remote *remote, uint32_t number,
                                      struct option_writer *options, struct bytes *payload, coax_error *error) {
    struct transfer *transfer = request->transfer;
    struct burst *burst = transfer->burst;
    uint64_t sent = transfer->sent;
    transfer->sent = (uint64_t)number * unit_of(transfer);
    enum coax_status status =
        coax_transfer_compose_block(request, remote, COAX_OPTION_Q_BLOCK1, options, payload, error);
    transfer->sent = sent;
    burst->end = number + 1 > burst->end ? number + 1 : burst->end;
    return status;
}

static enum coax_status write_wish(struct option_writer *options, uint32_t number, bool more, uint8_t exponent) {
    uint64_t value = (uint64_t)number << 4 | (more ? 8U : 0U) | exponent;
    return coax_option_write_uint(options, COAX_OPTION_Q_BLOCK2, value);
}

static enum coax_status compose_wishes(const struct coax_request *request, struct option_writer *options,
                                       struct bytes *payload, coax_error *error) {
    const struct transfer *transfer = request->transfer;
    const struct burst *burst = transfer->burst;
    *payload = burst->window == NULL ? bytes_of(request->payload, request->payload_size) : bytes_of(NULL, 0);
    uint32_t next = burst->window != NULL ? burst->window->next : 0;
    enum coax_status status = burst->count == 0 ? write_wish(options, next, true, transfer->exponent) : COAX_OK;
    for (size_t i = 0; status == COAX_OK && i < burst->count; i++) {
        status = write_wish(options, burst->listed[i], false, transfer->exponent);
    }
    return status == COAX_OK ? COAX_OK : coax_fail(error, status, "the options leave no room for a Q-Block2 option");
}

enum coax_status coax_burst_compose(struct coax_request *request, const struct coax_remote *remote,
                                    struct option_writer *options, struct bytes *payload, coax_error *error) {
    const struct burst *burst = request->transfer->burst;
    return burst->is_sending ? compose_block(request, remote, burst->listed[0], options, payload, error)
                             : compose_wishes(request, options, payload, error);
}

/* False at the end of the body, or if that cannot be told; then the timer finds out. */
static bool send_block(struct coax_request *request, uint32_t number) {
    struct transfer *transfer = request->transfer;
    uint8_t bytes[REQUEST_OPTIONS_MAXIMUM + TRANSFER_OPTIONS_MAXIMUM];
    struct option_writer options = option_writer_on(bytes, sizeof bytes);
    struct coax_message message = {.code = request->code, .token = bytes_of(request->token, request->token_size)};
    option_writer_copy(&options, &request->options);
    if (compose_block(request, request->remote, number, &options, &message.payload, NULL) != COAX_OK) {
        return false;
    }
    message.options = option_writer_bytes(&options);
    (void)request->remote->transport->send(request->remote, &message, false, NULL, NULL);
    return transfer->has_more;
}

/* NON_TIMEOUT; and NON_RECEIVE_TIMEOUT, which is twice that. */
static void arm(struct coax_request *request) {
    struct transfer *transfer = request->transfer;
    const struct burst *burst = transfer->burst;
    uint64_t timeout_ms = (uint64_t)request->layer->settings.non_timeout_ms * (burst->is_sending ? 1 : 2);
    unsigned doublings = burst->retries < DOUBLINGS_MAXIMUM ? burst->retries : DOUBLINGS_MAXIMUM;
    transfer->again.fire = fire;
    coax_instant when = coax_instant_after_ms(request->layer->now, timeout_ms << doublings);
    (void)coax_timer_arm(request->layer->timers, &transfer->again, when); /* or the request's own time ends it */
}

void coax_burst_sent(struct coax_request *request) {
    struct transfer *transfer = request->transfer;
    struct burst *burst = transfer != NULL ? transfer->burst : NULL;
    if (burst == NULL) {
        return;
    }
    burst->is_begun = burst->is_sending || burst->window != NULL;
    if (burst->is_sending) {
        bool goes_on = transfer->has_more || burst->listed[0] + 1 < burst->end;
        for (size_t i = 1; goes_on && i < burst->count; i++) {
            goes_on = send_block(request, burst->listed[i]) || burst->listed[i] + 1 < burst->end;
        }
    }
    if (burst->is_sending || burst->window != NULL) {
        arm(request);
    }
}

/* --- what comes back while we send --- */

static enum transfer_verdict refused(struct coax_request *request) {
    struct transfer *transfer = request->transfer;
    bool was_sending = transfer->burst->is_sending;
    transfer->is_without_bursts = true;
    coax_burst_free(transfer);
    if (was_sending) {
        coax_transfer_begin_sending(request);
    }
    return TRANSFER_AGAIN;
}

/* Of what went out: the server may not know where the body ends. False if the list makes no sense. */
static bool read_missing(struct burst *burst, const struct coax_message *response) {
    size_t position = 0;
    uint32_t number;
    burst->count = 0;
    while (burst->count < SET_MAXIMUM && coax_missing_blocks_next(response->payload, &position, &number)) {
        if (number < burst->end) {
            burst->listed[burst->count++] = number;
        }
    }
    return position != SIZE_MAX;
}

static enum transfer_verdict fail_format(coax_error *error, const char *text) {
    (void)coax_fail(error, COAX_E_FORMAT, "%s", text);
    return TRANSFER_FAIL;
}

static enum transfer_verdict take_continue(struct coax_request *request, const struct coax_message *response,
                                           coax_error *error) {
    struct transfer *transfer = request->transfer;
    struct burst *burst = transfer->burst;
    struct block block;
    if (coax_block_read(response, COAX_OPTION_Q_BLOCK1, false, &block) != BLOCK_PRESENT || block.number >= burst->end) {
        return fail_format(error, "the response acknowledges another block than those that were sent");
    }
    if (block.number < burst->from) {
        return TRANSFER_HOLD; /* again, or late */
    }
    burst->from = block.number + 1;
    burst->retries = 0;
    list_set(burst);
    transfer->sent = (uint64_t)burst->from * unit_of(transfer);
    transfer->sent = transfer->sent < transfer->size ? transfer->sent : transfer->size;
    transfer->echoes = 0;
    coax_transfer_tell_progress(request);
    return transfer->sent < transfer->size ? TRANSFER_AGAIN : TRANSFER_HOLD; /* the answer is still to come */
}

static enum transfer_verdict take_incomplete(struct coax_request *request, const struct coax_message *response,
                                             coax_error *error) {
    struct transfer *transfer = request->transfer;
    struct burst *burst = transfer->burst;
    if (coax_message_content_format(response) != COAX_FORMAT_MISSING_BLOCKS) {
        if (transfer->restarts++ >= RESTARTS_MAXIMUM) {
            return TRANSFER_NONE;
        }
        coax_transfer_begin_sending(request); /* the server has forgotten what came (section 4.3) */
        burst->from = burst->end = 0;
        list_set(burst);
        return TRANSFER_AGAIN;
    }
    if (!read_missing(burst, response)) {
        return fail_format(error, "the response has a list of missing blocks that is none");
    }
    return burst->count > 0 ? TRANSFER_AGAIN : TRANSFER_HOLD;
}

static enum transfer_verdict take_while_sending(struct coax_request *request, const struct coax_message *response,
                                                coax_error *error) {
    struct transfer *transfer = request->transfer;
    bool is_first = transfer->burst->from == 0;
    if (response->code == COAX_CONTINUE) {
        return take_continue(request, response, error);
    }
    if (response->code == COAX_REQUEST_ENTITY_INCOMPLETE) {
        return take_incomplete(request, response, error);
    }
    if (response->code == COAX_BAD_OPTION && is_first) {
        return refused(request);
    }
    return TRANSFER_NONE;
}

/* --- what comes while we receive --- */

static bool list_missing(struct burst *burst) {
    burst->count = coax_window_missing(burst->window, coax_window_set_end(burst->window), burst->listed);
    return burst->count > 0;
}

/* Gives what is in order to the request's body. */
static enum transfer_verdict deliver(struct coax_request *request, const struct coax_message *response,
                                     struct coax_message *whole, coax_error *error) {
    struct window *window = request->transfer->burst->window;
    struct coax_message part = *response;
    bool is_last = false;
    while (coax_window_piece(window, &part.payload, &is_last)) {
        if (coax_transfer_keep(request, &part, error) != COAX_OK) {
            return TRANSFER_FAIL;
        }
        coax_window_step(window);
        if (is_last) {
            enum transfer_verdict verdict = coax_transfer_give_whole(request, response, whole, error);
            coax_transfer_tell_progress(request);
            return verdict;
        }
    }
    return TRANSFER_HOLD;
}

/* All of a set is here: the next one. Its end is here, but not all of it: the rest. */
static enum transfer_verdict decide(struct coax_request *request, uint32_t before) {
    struct burst *burst = request->transfer->burst;
    const struct window *window = burst->window;
    if (window->next != before) {
        burst->retries = 0;
        request->transfer->echoes = 0;
        coax_transfer_tell_progress(request);
    }
    if (window->next / SET_MAXIMUM != before / SET_MAXIMUM) {
        burst->has_asked = false;
        burst->count = 0;
        if (window->seen == window->next) {
            return TRANSFER_AGAIN;
        }
    }
    if (!burst->has_asked && window->seen >= coax_window_set_end(window)) {
        burst->has_asked = true;
        return list_missing(burst) ? TRANSFER_AGAIN : TRANSFER_HOLD;
    }
    return TRANSFER_HOLD;
}

static enum transfer_verdict begin_anew(struct transfer *transfer, coax_error *error) {
    struct burst *burst = transfer->burst;
    coax_window_init(burst->window, burst->window->exponent, COAX_SIZE_UNKNOWN);
    burst->count = 0;
    burst->has_asked = false;
    if (!coax_transfer_begin_anew(transfer)) {
        (void)coax_fail(error, COAX_E_CHANGED, "the body changed again and again under way");
        return TRANSFER_FAIL;
    }
    return TRANSFER_AGAIN;
}

static enum transfer_verdict take_block(struct coax_request *request, const struct coax_message *response,
                                        const struct block *block, struct coax_message *whole, coax_error *error) {
    struct transfer *transfer = request->transfer;
    struct burst *burst = transfer->burst;
    if (burst->window == NULL) {
        burst->window = malloc(sizeof *burst->window);
        if (burst->window == NULL) {
            (void)coax_fail_memory(error);
            return TRANSFER_FAIL;
        }
        burst->is_begun = true;
        transfer->exponent = block->exponent;
        coax_window_init(burst->window, block->exponent, COAX_SIZE_UNKNOWN);
    }
    if (burst->window->next == 0 && burst->window->seen == 0) {
        coax_transfer_note_body(transfer, response);
        coax_window_init(burst->window, burst->window->exponent, transfer->announced);
    } else if (!coax_transfer_is_same(transfer, response)) {
        return begin_anew(transfer, error);
    }
    if (!coax_window_take(burst->window, block, response->payload)) {
        return fail_format(error, "the response has a block that cannot be of this body");
    }
    uint32_t before = burst->window->next;
    enum transfer_verdict verdict = deliver(request, response, whole, error);
    return verdict == TRANSFER_HOLD ? decide(request, before) : verdict;
}

static enum transfer_verdict take_while_receiving(struct coax_request *request, const struct coax_message *response,
                                                  struct coax_message *whole, coax_error *error) {
    struct block block;
    const struct burst *burst = request->transfer->burst;
    switch (coax_block_read(response, COAX_OPTION_Q_BLOCK2, false, &block)) {
    case BLOCK_PRESENT:
        return coax_code_class(response->code) == 2 ? take_block(request, response, &block, whole, error)
                                                    : TRANSFER_NONE;
    case BLOCK_MALFORMED:
        return fail_format(error, "the response has a malformed Q-Block2 option");
    case BLOCK_ABSENT:
        break;
    }
    return response->code == COAX_BAD_OPTION && burst->window == NULL ? refused(request) : TRANSFER_NONE;
}

enum transfer_verdict coax_burst_take(struct coax_request *request, const struct coax_message *response,
                                      struct coax_message *whole, coax_error *error) {
    struct transfer *transfer = request->transfer;
    bool is_sending = transfer->burst->is_sending;
    struct coax_option echo;
    bool is_echo_again = is_sending && response->code == COAX_UNAUTHORIZED && transfer->echoes > 0
                         && coax_message_option(response, COAX_OPTION_ECHO, &echo);
    enum transfer_verdict verdict = is_echo_again ? TRANSFER_HOLD /* for another block of the same set */
                                    : is_sending  ? take_while_sending(request, response, error)
                                                  : take_while_receiving(request, response, whole, error);
    if (verdict == TRANSFER_HOLD) {
        arm(request);
    } else if (verdict == TRANSFER_NONE) {
        coax_burst_free(transfer);
        transfer->stage = TRANSFER_WHOLE;
        transfer->received = 0;
        if (is_sending) {
            transfer->sent = coax_code_class(response->code) == 2 ? transfer->size : transfer->sent;
            coax_transfer_close_source(transfer);
        }
    }
    return verdict;
}

/* Nothing came for a while: the last block again, to which the server says what it has; or what is missing is asked
   for again. */
static void fire(struct timer *timer, coax_instant now) {
    (void)now;
    struct transfer *transfer = COAX_CONTAINER(timer, struct transfer, again);
    struct coax_request *request = transfer->request;
    struct burst *burst = transfer->burst;
    if (burst->retries >= request->layer->settings.non_max_retransmit) {
        coax_error error;
        coax_fail(&error, COAX_E_TIMEOUT, "the blocks of the body were not %s: no answer in %u attempts",
                  burst->is_sending ? "acknowledged" : "sent", burst->retries + 1);
        request->recover = NULL;
        coax_request_fail(request, &error);
        return;
    }
    burst->retries++;
    transfer->echoes = 0;
    if (burst->is_sending) {
        burst->listed[0] = burst->end - 1;
        burst->count = 1;
    } else if (burst->window->seen == burst->window->next && burst->window->next % SET_MAXIMUM == 0) {
        burst->count = 0;
    } else {
        (void)list_missing(burst);
    }
    coax_request_go_on(request);
}
