/* One request of ours: from its making to its one callback. */
#include "base/error.h"
#include "base/wipe.h"
#include "request/burst.h"
#include "request/collection.h"
#include "request/request_layer.h"
#include "request/token_key.h"
#include "request/tokens.h"
#include "request/transfer.h"
#include <stdlib.h>

static void request_acknowledged(struct delivery *delivery);
static void request_failed(struct delivery *delivery, const coax_error *error);
static void request_timed_out(struct timer *timer, coax_instant now);

struct coax_request *coax_request_create(struct request_layer *layer, uint8_t code, const char *uri) {
    struct coax_request *request = calloc(1, sizeof *request);
    if (request == NULL) {
        return NULL;
    }
    request->uri = strdup(uri);
    if (request->uri == NULL) {
        free(request);
        return NULL;
    }
    request->layer = layer;
    request->code = code;
    request->options = option_writer_on(request->option_bytes, sizeof request->option_bytes);
    request->delivery.acknowledged = request_acknowledged;
    request->delivery.failed = request_failed;
    request->timer.fire = request_timed_out;
    list_init(&request->of_layer);
    list_init(&request->of_remote);
    return request;
}

enum coax_status coax_request_set_payload(coax_request *request, int format, const void *payload, size_t size) {
    if (request->state != REQUEST_NEW) {
        return COAX_E_STATE;
    }
    if (size > request->layer->settings.max_body_size) {
        return COAX_E_TOO_LARGE;
    }
    uint8_t *copy = malloc(size + 1);
    if (copy == NULL) {
        return COAX_E_NO_MEMORY;
    }
    if (size > 0) {
        memcpy(copy, payload, size);
    }
    coax_option_erase(&request->options, COAX_OPTION_CONTENT_FORMAT);
    enum coax_status status = COAX_OK;
    if (format != COAX_NO_FORMAT) {
        status = coax_option_write_uint(&request->options, COAX_OPTION_CONTENT_FORMAT, (uint64_t)format);
    }
    if (status != COAX_OK) {
        coax_wipe_free(copy, size);
        return status;
    }
    coax_wipe_free(request->payload, request->payload_size);
    request->payload = copy;
    request->payload_size = size;
    return COAX_OK;
}

enum coax_status coax_request_add_option(coax_request *request, uint16_t number, const void *value, size_t size) {
    if (request->state != REQUEST_NEW) {
        return COAX_E_STATE;
    }
    return coax_option_write(&request->options, number, value, size);
}

enum coax_status coax_request_add_option_uint(coax_request *request, uint16_t number, uint64_t value) {
    if (request->state != REQUEST_NEW) {
        return COAX_E_STATE;
    }
    return coax_option_write_uint(&request->options, number, value);
}

/* Once sent, timers and tables go by these settings: too late to change them. */
void coax_request_set_non_confirmable(coax_request *request, bool non_confirmable) {
    if (request->state == REQUEST_NEW) {
        request->non_confirmable = non_confirmable;
    }
}

void coax_request_set_timeout(coax_request *request, uint32_t timeout_ms) {
    if (request->state == REQUEST_NEW) {
        request->timeout_ms = timeout_ms;
    }
}

enum coax_status coax_request_set_token(coax_request *request, const void *token, size_t size) {
    if (request->state != REQUEST_NEW) {
        return COAX_E_STATE;
    }
    if (size > coax_token_maximum(request->layer)) {
        return COAX_E_TOO_LARGE;
    }
    if (size > 0) {
        memcpy(request->token, token, size);
    }
    request->token_size = (uint8_t)size;
    request->has_token = true;
    return COAX_OK;
}

coax_remote *coax_request_remote(const coax_request *request) {
    return request->remote;
}

static bool suppresses_every_response(const struct coax_request *request) {
    struct coax_message message = {.options = option_writer_bytes(&request->options)};
    uint64_t every_class = 2 | 8 | 16; /* RFC 7967 section 2.1 */
    return (coax_message_option_uint(&message, COAX_OPTION_NO_RESPONSE, 0) & every_class) == every_class;
}

enum coax_status coax_request_start(struct coax_request *request, coax_response_callback *callback, void *user,
                                    coax_error *error) {
    struct request_layer *layer = request->layer;
    if (request->state != REQUEST_NEW) {
        return coax_fail(error, COAX_E_STATE, "The request was sent already; make a new one");
    }
    if (layer->is_shut_down) {
        return coax_fail(error, COAX_E_SHUT_DOWN, "The endpoint is being shut down");
    }
    if (callback == NULL && !suppresses_every_response(request)) {
        return coax_fail(error, COAX_E_INVALID,
                         "A request without a callback must carry a No-Response option that suppresses every response");
    }
    if (layer->request_count >= layer->settings.max_requests) {
        return coax_fail(error, COAX_E_LIMIT, "%u requests are under way already, as many as max_requests allows",
                         (unsigned)layer->request_count);
    }
    if (request->each != NULL) {
        enum coax_status status = coax_collection_begin(request, error);
        if (status != COAX_OK) {
            return status;
        }
    }
    /* Armed in any case: so it can be moved later without needing memory. */
    coax_instant deadline =
        request->timeout_ms == 0 ? COAX_NEVER : coax_instant_after_ms(layer->now, request->timeout_ms);
    if (coax_timer_arm(layer->timers, &request->timer, deadline) != COAX_OK) {
        return coax_fail_memory(error);
    }
    coax_transfer_reset(request);
    request->callback = callback;
    request->callback_user = user;
    request->state = REQUEST_STARTED;
    layer->request_count++;
    list_append(&layer->requests, &request->of_layer);
    return COAX_OK;
}

/* The remote is not the request's any more: nothing of it is on the way. */
static void detach(struct coax_request *request) {
    if (request->state != REQUEST_SENT) {
        return;
    }
    request->remote->transport->cancel(&request->delivery);
    coax_hash_table_remove(&request->layer->waiting, &request->node);
    list_remove(&request->of_remote);
    request->state = REQUEST_STARTED;
}

static void drop_remote(struct coax_request *request) {
    coax_remote *remote = request->remote;
    request->remote = NULL;
    coax_remote_unref(remote);
}

static void leave_layer(struct coax_request *request, enum request_state state) {
    detach(request);
    list_remove(&request->of_layer);
    coax_timer_disarm(request->layer->timers, &request->timer);
    coax_transfer_stop_waiting(request);
    request->layer->request_count--;
    request->state = state;
}

void coax_request_unstart(struct coax_request *request) {
    leave_layer(request, REQUEST_NEW);
    drop_remote(request);
}

static void free_request(struct coax_request *request) {
    request->state = REQUEST_DONE;
    if (request->release != NULL) {
        request->release(request);
    }
    coax_collection_free(request);
    coax_transfer_free(request);
    drop_remote(request);
    coax_wipe_free(request->payload, request->payload_size);
    coax_wipe(request->option_bytes, sizeof request->option_bytes);
    free(request->uri);
    free(request);
}

/* The one callback, and the end. */
static void complete(struct coax_request *request, const struct coax_message *response, const coax_error *error) {
    leave_layer(request, REQUEST_NEW);
    request->is_busy = true;
    coax_transfer_close(request, false);
    request->is_busy = false;
    if (request->is_cancelled) {
        free_request(request);
        return;
    }
    if (request->ended != NULL && request->ended(request, response, error)) {
        return;
    }
    request->state = REQUEST_DONE;
    if (request->callback != NULL) {
        request->callback(request, response, error, request->callback_user);
    }
    free_request(request);
}

void coax_request_fail(struct coax_request *request, const coax_error *error) {
    coax_error full;
    const char *method = request->code == COAX_EMPTY ? "Ping" : coax_code_name(request->code);
    coax_fail_alert(&full, error->status, error->alert, "%s %.200s: %s", method == NULL ? "Request" : method,
                    request->uri, error->text);
    detach(request);
    if (request->recover == NULL || !request->recover(request, error)) {
        complete(request, NULL, &full);
    }
}

void coax_request_cancel(coax_request *request) {
    if (request == NULL || request->state == REQUEST_DONE) {
        return; /* inside its callback it is about to be freed anyway */
    }
    if (request->is_busy) {
        request->is_cancelled = true;
        return;
    }
    if (request->state != REQUEST_NEW) {
        request_layer_enter(request->layer);
        coax_request_unstart(request);
    }
    free_request(request);
}

static uint64_t token_hash(const struct coax_request *request) {
    return coax_hash_table_hash(&request->layer->waiting, request->token, request->token_size);
}

/* A ping is an Empty message, without a token (RFC 7252 section 4.1): here it has one that no response can bear. */
static enum coax_status choose_token(struct coax_request *request, struct coax_remote *remote, coax_error *error) {
    struct request_layer *layer = request->layer;
    struct token_key key = {bytes_of(request->token, request->token_size), remote};
    if (coax_burst_is_under_way(request) && request->transfer->burst->is_begun) {
        return COAX_OK;
    }
    if (!request->has_token || request->code == COAX_EMPTY) {
        coax_token_draw(request, remote);
    } else if (coax_hash_table_find(&layer->waiting, token_hash(request), &key) != NULL) {
        return coax_fail(error, COAX_E_EXISTS, "Another request to this remote waits with the same token");
    }
    return COAX_OK;
}

/* Nothing is repeated any more: from now on the layer's own time runs, unless the program set one. */
static void wait_for_response(struct coax_request *request) {
    struct request_layer *layer = request->layer;
    if (request->timeout_ms == 0) {
        (void)coax_timer_arm(layer->timers, &request->timer,
                             coax_instant_after_ms(layer->now, layer->settings.response_timeout_ms));
    }
}

/* An Empty message has none; the Ping that it becomes on a reliable transport has. */
static bool has_token(const struct coax_request *request, const struct coax_remote *remote) {
    return request->code != COAX_EMPTY || remote->transport->is_reliable;
}

/* The next message, as large as the transfer has it. */
static enum coax_status send_message(struct coax_request *request, coax_error *error) {
    struct coax_remote *remote = request->remote;
    uint8_t bytes[REQUEST_OPTIONS_MAXIMUM + TRANSFER_OPTIONS_MAXIMUM];
    struct option_writer options = option_writer_on(bytes, sizeof bytes);
    struct coax_message message = {
        .code = request->code,
        .token = bytes_of(request->token, has_token(request, remote) ? request->token_size : 0),
    };
    option_writer_copy(&options, &request->options);
    enum coax_status status = coax_transfer_compose(request, remote, &options, &message.payload, error);
    if (status != COAX_OK || request->is_cancelled) {
        return status;
    }
    message.options = option_writer_bytes(&options);
    bool confirmable = !request->non_confirmable && !coax_burst_is_under_way(request);
    return remote->transport->send(remote, &message, confirmable, &request->delivery, error);
}

/* What goes out is read from the program's source, which may cancel the request: it ends when its timer fires then. */
static enum coax_status send_next(struct coax_request *request, coax_error *error) {
    enum coax_status status;
    bool was_busy = request->is_busy;
    request->is_busy = true;
    do {
        status = send_message(request, error);
    } while (status == COAX_E_TOO_LARGE && coax_transfer_shrink(request));
    if (status == COAX_OK && !request->is_cancelled) {
        coax_burst_sent(request);
    }
    request->is_busy = was_busy;
    if (request->is_cancelled) {
        detach(request);
        coax_transfer_stop_waiting(request);
        (void)coax_timer_arm(request->layer->timers, &request->timer, request->layer->now);
        return COAX_OK;
    }
    return status;
}

enum coax_status coax_request_submit(struct coax_request *request, struct coax_remote *remote, coax_error *error) {
    struct request_layer *layer = request->layer;
    enum coax_status status = choose_token(request, remote, error);
    if (status != COAX_OK) {
        return status;
    }
    if (coax_transfer_begin(request, remote) != COAX_OK
        || coax_hash_table_insert(&layer->waiting, &request->node, token_hash(request)) != COAX_OK) {
        return coax_fail_memory(error);
    }
    coax_remote *before = request->remote;
    request->remote = coax_remote_ref(remote);
    coax_remote_unref(before);
    request->state = REQUEST_SENT;
    list_append(&remote->requests, &request->of_remote);
    status = send_next(request, error);
    if (status != COAX_OK) {
        detach(request);
    } else if (!request->is_cancelled && (request->non_confirmable || remote->transport->is_reliable)) {
        wait_for_response(request);
    }
    return status;
}

void coax_request_go_on(struct coax_request *request) {
    coax_error error;
    detach(request);
    request->recover = NULL; /* the peer has begun with it */
    if (request->timeout_ms == 0) {
        (void)coax_timer_arm(request->layer->timers, &request->timer, COAX_NEVER);
    }
    if (coax_request_submit(request, request->remote, &error) != COAX_OK) {
        coax_request_fail(request, &error);
    }
}

static void request_acknowledged(struct delivery *delivery) {
    struct coax_request *request = COAX_CONTAINER(delivery, struct coax_request, delivery);
    request->recover = NULL; /* the peer may have executed it: never a second time, elsewhere */
    if (request->callback == NULL) {
        complete(request, NULL, NULL);
    } else {
        wait_for_response(request);
    }
}

/* What was queued for a connection can turn out to be too large when the peer has said what it takes. A Reset may be
   for the token. */
static void request_failed(struct delivery *delivery, const coax_error *error) {
    struct coax_request *request = COAX_CONTAINER(delivery, struct coax_request, delivery);
    bool is_mended = (error->status == COAX_E_TOO_LARGE && coax_transfer_shrink(request))
                     || (error->status == COAX_E_RESET && coax_token_was_rejected(request));
    if (is_mended) {
        coax_request_go_on(request);
    } else {
        coax_request_fail(request, error);
    }
}

/* What a request that ran out of time was waiting for. */
static const char *waited_for(const struct coax_request *request) {
    static const char *const stages[] = {
        [DELIVERY_QUEUED] = "it waited behind other messages to the same peer (NSTART, or a peer that does not read)",
        [DELIVERY_CONNECTING] = "the connection or its security handshake was not finished",
        [DELIVERY_UNCONFIRMED] = "it was not acknowledged: nobody may be listening there",
        [DELIVERY_ACKNOWLEDGED] = "it was acknowledged, but no response came",
        [DELIVERY_SENT] = "it was sent, but no response came",
    };
    if (request->state != REQUEST_SENT) {
        return request->waiting_for != NULL ? request->waiting_for : "it was not sent yet";
    }
    enum delivery_stage stage = request->remote->transport->stage(&request->delivery);
    if (stage == DELIVERY_ACKNOWLEDGED && request->non_confirmable) {
        return "it was sent as non-confirmable: it or the response may be lost";
    }
    return stages[stage];
}

static void request_timed_out(struct timer *timer, coax_instant now) {
    (void)now;
    struct coax_request *request = COAX_CONTAINER(timer, struct coax_request, timer);
    bool is_enough = request->each != NULL && coax_collection_has_answers(request);
    if (request->callback == NULL || is_enough) {
        complete(request, NULL, NULL);
        return;
    }
    uint32_t timeout_ms = request->timeout_ms != 0 ? request->timeout_ms : request->layer->settings.response_timeout_ms;
    coax_error error;
    coax_fail(&error, COAX_E_TIMEOUT, "no response within %u.%03u s; %s", (unsigned)(timeout_ms / 1000),
              (unsigned)(timeout_ms % 1000), waited_for(request));
    request->recover = NULL;
    coax_request_fail(request, &error);
}

/* Options of a response that are critical and yet no obstacle: a block that is the whole. */
static bool response_supports(uint16_t number) {
    return number != COAX_OPTION_OSCORE && number != COAX_OPTION_Q_BLOCK1 && number != COAX_OPTION_Q_BLOCK2;
}

static bool burst_supports(uint16_t number) {
    return number != COAX_OPTION_OSCORE;
}

static enum coax_status check_response(const struct coax_request *request, const struct coax_message *message,
                                       coax_error *error) {
    struct option_problem problem;
    bool has_burst = request->transfer != NULL && request->transfer->burst != NULL;
    if (!coax_message_options_understood(message, has_burst ? burst_supports : response_supports, &problem)) {
        const coax_option_definition *definition = coax_option_by_number(problem.number);
        return coax_fail(error, COAX_E_OPTION, "the response was rejected: its option %u%s%s%s %s",
                         (unsigned)problem.number, definition != NULL ? " (" : "",
                         definition != NULL ? definition->name : "", definition != NULL ? ")" : "", problem.reason);
    }
    return COAX_OK;
}

/* The request's next message waits for its time. */
static void rest(struct coax_request *request) {
    detach(request);
    request->recover = NULL;
    request->waiting_for = "the server was busy, and has asked to wait";
    if (request->timeout_ms == 0) {
        (void)coax_timer_arm(request->layer->timers, &request->timer, COAX_NEVER);
    }
}

static void take_response(struct coax_request *request, struct coax_remote *remote,
                          const struct coax_message *message) {
    struct coax_message whole;
    coax_error error;
    request->is_busy = true;
    enum transfer_verdict verdict = coax_transfer_take(request, message, &whole, &error);
    request->is_busy = false;
    if (request->is_cancelled) {
        coax_request_cancel(request);
    } else if (verdict == TRANSFER_AGAIN) {
        coax_request_go_on(request);
    } else if (verdict == TRANSFER_HOLD) {
        request->recover = NULL;
        remote->transport->cancel(&request->delivery); /* it has arrived */
    } else if (verdict == TRANSFER_WAIT) {
        rest(request);
    } else if (verdict == TRANSFER_FAIL) {
        request->recover = NULL;
        coax_request_fail(request, &error);
    } else if (request->take == NULL || !request->take(request, remote, &whole)) {
        complete(request, &whole, NULL);
    }
}

bool coax_request_layer_response(void *user, struct coax_remote *remote, const struct coax_message *message) {
    struct request_layer *layer = user;
    struct token_key key = {message->token, remote};
    uint64_t hash = coax_hash_table_hash(&layer->waiting, message->token.data, message->token.size);
    struct hash_node *node = coax_hash_table_find(&layer->waiting, hash, &key);
    if (node == NULL) {
        return false;
    }
    struct coax_request *request = COAX_CONTAINER(node, struct coax_request, node);
    coax_error error;
    if (check_response(request, message, &error) != COAX_OK) {
        request->recover = NULL;
        coax_request_fail(request, &error);
        return error.status != COAX_E_OPTION; /* RFC 7252 section 5.4.1: a confirmable one is rejected */
    }
    if (request->remote != remote && request->take == NULL) { /* an answer to a multicast request */
        detach(request);
        coax_remote *group = request->remote;
        request->remote = coax_remote_ref(remote);
        coax_remote_unref(group);
    }
    if (coax_token_was_refused(request, message->code)) {
        coax_request_go_on(request);
    } else {
        take_response(request, remote, message);
    }
    return true;
}
