#include "request/burst_upload.h"

#include "base/wipe.h"
#include "message/missing_blocks.h"
#include "request/uploads.h"
#include "request/window.h"
#include <stdlib.h>
#include <string.h>

enum { DOUBLINGS_MAXIMUM = 10 };

struct burst_upload {
    struct body *body;
    struct window window;
    struct timer timer;
    uint8_t token[TOKEN_ROOM]; /* of the request that came last */
    uint8_t token_size;
    unsigned asked; /* how often for the same blocks */
    bool has_asked; /* for what is missing of this set */
};

void coax_burst_upload_forget(struct body *body) {
    struct burst_upload *burst = body->burst;
    body->burst = NULL;
    if (burst != NULL) {
        coax_timer_disarm(body->layer->timers, &burst->timer);
        body->layer->body_memory -= sizeof *burst;
        coax_wipe_free(burst, sizeof *burst);
    }
}

static struct body *refuse(coax_exchange *exchange, uint8_t code, const char *text) {
    (void)coax_respond_text(exchange, code, "%s", text);
    return NULL;
}

static struct body *refuse_memory(coax_exchange *exchange) {
    return refuse(exchange, COAX_SERVICE_UNAVAILABLE, "There is no memory for the body");
}

/* The message layer acknowledges a confirmable one; more is not to be said. */
static struct body *stay_silent(coax_exchange *exchange) {
    exchange->remote->transport->decline(exchange->remote, exchange->incoming);
    exchange->incoming = NULL;
    exchange->is_answered = true;
    return NULL;
}

/* --- what is missing --- */

/* The options and the payload of a 4.08; false if nothing is missing. */
static bool write_missing(const struct burst_upload *burst, uint32_t end, struct option_writer *options,
                          uint8_t list[SET_MAXIMUM * MISSING_BLOCK_SIZE], size_t *size) {
    uint32_t missing[SET_MAXIMUM];
    size_t count = coax_window_missing(&burst->window, end, missing);
    *size = coax_missing_blocks_write(list, missing, count);
    return count > 0
           && coax_option_write_uint(options, COAX_OPTION_CONTENT_FORMAT, COAX_FORMAT_MISSING_BLOCKS) == COAX_OK;
}

static void arm(struct burst_upload *burst) {
    struct request_layer *layer = burst->body->layer;
    unsigned doublings = burst->asked < DOUBLINGS_MAXIMUM ? burst->asked : DOUBLINGS_MAXIMUM;
    uint64_t timeout_ms = (uint64_t)layer->settings.non_timeout_ms * 2 << doublings; /* NON_RECEIVE_TIMEOUT */
    (void)coax_timer_arm(layer->timers, &burst->timer, coax_instant_after_ms(layer->now, timeout_ms));
}

/* Nothing came for a while. Without another attempt the body's own time ends it. */
static void fire(struct timer *timer, coax_instant now) {
    (void)now;
    struct burst_upload *burst = COAX_CONTAINER(timer, struct burst_upload, timer);
    coax_remote *remote = burst->body->remote;
    uint8_t bytes[8], list[SET_MAXIMUM * MISSING_BLOCK_SIZE];
    struct option_writer options = option_writer_on(bytes, sizeof bytes);
    size_t size;
    if (burst->asked >= burst->body->layer->settings.non_max_retransmit
        || !write_missing(burst, coax_window_set_end(&burst->window), &options, list, &size)) {
        return;
    }
    const struct coax_message message = {
        .code = COAX_REQUEST_ENTITY_INCOMPLETE,
        .token = bytes_of(burst->token, burst->token_size),
        .options = option_writer_bytes(&options),
        .payload = bytes_of(list, size),
    };
    (void)remote->transport->send(remote, &message, false, NULL, NULL);
    burst->asked++;
    arm(burst);
}

static struct body *ask_for_missing(coax_exchange *exchange, struct burst_upload *burst, uint32_t end) {
    uint8_t list[SET_MAXIMUM * MISSING_BLOCK_SIZE];
    size_t size;
    if (!write_missing(burst, end, &exchange->options, list, &size)) {
        return stay_silent(exchange);
    }
    coax_exchange_answer(exchange, coax_exchange_put(exchange, COAX_REQUEST_ENTITY_INCOMPLETE, bytes_of(list, size)));
    return NULL;
}

/* All blocks before `next` are here. */
static struct body *acknowledge(coax_exchange *exchange, const struct burst_upload *burst) {
    const struct block block = {burst->window.next - 1, true, burst->window.exponent};
    enum coax_status status = coax_block_write(&exchange->options, COAX_OPTION_Q_BLOCK1, &block);
    status = status == COAX_OK ? coax_exchange_put(exchange, COAX_CONTINUE, bytes_of(NULL, 0)) : status;
    coax_exchange_answer(exchange, status);
    return NULL;
}

/* --- what comes --- */

static struct body *begin(coax_exchange *exchange, const struct coax_message *request, const struct serving *serving,
                          const struct body_key *key) {
    struct body *body = coax_upload_begin(exchange, request, serving, key);
    if (body == NULL) {
        return NULL;
    }
    struct burst_upload *burst = coax_body_make_room(body, sizeof *burst) ? malloc(sizeof *burst) : NULL;
    if (burst == NULL) {
        coax_body_free(body);
        return refuse_memory(exchange);
    }
    *burst = (struct burst_upload){.body = body, .timer.fire = fire};
    coax_window_init(&burst->window, exchange->block1.exponent,
                     coax_message_option_uint(request, COAX_OPTION_SIZE1, COAX_SIZE_UNKNOWN));
    body->burst = burst;
    body->layer->body_memory += sizeof *burst;
    return body;
}

/* True if the body is whole, false if it is not or could not be kept, which is answered then. */
static bool deliver(coax_exchange *exchange, struct body *body) {
    struct window *window = &body->burst->window;
    struct bytes piece;
    bool is_last = false;
    while (!is_last && coax_window_piece(window, &piece, &is_last)) {
        if (!coax_upload_keep(exchange, body, piece)) {
            return false;
        }
        coax_window_step(window);
    }
    return is_last;
}

/* After a block that did not make the body whole. One that was here already asks how far it has come. */
static struct body *answer_state(coax_exchange *exchange, struct burst_upload *burst, uint32_t before, bool was_here) {
    const struct window *window = &burst->window;
    burst->asked = window->next != before ? 0 : burst->asked;
    arm(burst);
    if (window->next / SET_MAXIMUM != before / SET_MAXIMUM) {
        burst->has_asked = false;
        if (window->next % SET_MAXIMUM == 0) {
            return acknowledge(exchange, burst);
        }
    }
    bool is_gap_seen = !burst->has_asked && window->seen >= coax_window_set_end(window);
    if (is_gap_seen || (was_here && window->seen > window->next)) {
        burst->has_asked = true;
        return ask_for_missing(exchange, burst, coax_window_set_end(window));
    }
    return was_here && window->next > 0 ? acknowledge(exchange, burst) : stay_silent(exchange);
}

static bool is_here(const struct window *window, uint32_t number) {
    return number < window->next || (number - window->next < WINDOW_BLOCKS && window->is_here[number % WINDOW_BLOCKS]);
}

/* The body is out of the table. */
static struct body *take_block(coax_exchange *exchange, const struct coax_message *request, struct body *body,
                               struct coax_message *whole) {
    struct burst_upload *burst = body->burst;
    uint32_t before = burst->window.next;
    bool was_here = is_here(&burst->window, exchange->block1.number);
    if (!coax_window_take(&burst->window, &exchange->block1, request->payload)) {
        (void)coax_body_put_in(body);
        return refuse(exchange, COAX_BAD_REQUEST, "The block cannot be of this body: its size, or its place");
    }
    burst->token_size = exchange->token_size;
    memcpy(burst->token, exchange->token, sizeof burst->token);
    if (deliver(exchange, body)) {
        coax_burst_upload_forget(body);
        *whole = *request;
        coax_upload_finish(exchange, body, whole);
        return body;
    }
    if (exchange->is_answered) {
        return NULL;
    }
    return coax_body_put_in(body) ? answer_state(exchange, burst, before, was_here) : refuse_memory(exchange);
}

struct body *coax_burst_upload_take(coax_exchange *exchange, const struct coax_message *request,
                                    const struct serving *serving, struct coax_message *whole) {
    struct body_key key;
    struct coax_option option;
    if (!coax_message_option(request, COAX_OPTION_REQUEST_TAG, &option)
        || !coax_message_option(request, COAX_OPTION_SIZE1, &option)) {
        return refuse(exchange, COAX_BAD_REQUEST, "A request with Q-Block1 has to have Request-Tag and Size1");
    }
    if (!coax_body_key_make(&key, exchange->remote, BODY_UPLOAD, request)) {
        return refuse(exchange, COAX_BAD_OPTION, "The options are too many for a body in blocks");
    }
    struct body *body = coax_body_find(exchange->layer, &key);
    if (body != NULL && body->is_done) {
        if (body->code == COAX_EMPTY) {
            return stay_silent(exchange); /* the answer is still to come */
        }
        (void)coax_respond(exchange, body->code, COAX_NO_FORMAT, NULL, 0);
        return NULL;
    }
    if (body == NULL || body->burst == NULL) {
        body = begin(exchange, request, serving, &key);
    } else {
        coax_body_take_out(body);
    }
    return body != NULL ? take_block(exchange, request, body, whole) : NULL;
}

void coax_burst_upload_done(coax_exchange *exchange, const struct coax_message *request) {
    struct body_key key;
    struct body *body = coax_body_key_make(&key, exchange->remote, BODY_UPLOAD, request)
                            ? coax_body_new(exchange->layer, exchange->remote, &key)
                            : NULL;
    if (body != NULL) {
        body->is_done = true;
        body->code = exchange->answer;
        (void)coax_body_put_in(body);
    }
}
