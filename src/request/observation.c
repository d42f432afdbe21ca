/* An observation stands while its request waits for notifications under its token. What it waits for besides is one
   timer: the end of the state's freshness, or of the pause before it registers again. */
#include "request/observation.h"

#include "base/error.h"
#include "message/block.h"
#include "request/transfer.h"
#include <stdlib.h>

enum {
    SEQUENCE_BYTES_MAXIMUM = 3,
    SLACK_MINIMUM_MS = 5000, /* behind Max-Age, RFC 7641 section 3.3.1: not all clients at once */
    SLACK_SPREAD_MS = 10000,
    PAUSE_MAXIMUM_S = 60,
};

struct coax_observation {
    struct request_layer *layer;
    coax_request *request;
    observation_send *send;
    coax_observation_callback *callback;
    void *user;
    struct list_node of_layer;
    struct timer timer; /* always armed: moving it needs no memory */
    bool once;
    bool is_registered;  /* the server sends notifications, as far as is known */
    bool is_registering; /* and is asked to, again perhaps */
    bool has_stood;      /* a state was delivered: what fails from now on is tried again */
    bool has_sequence;
    bool is_over;
    bool is_telling, is_cancelled; /* its callback runs; the program cancelled it there */
    uint32_t sequence;             /* of the newest notification */
    coax_instant heard;
    coax_instant fresh_until;
    unsigned failures;  /* since a state was delivered */
    coax_request *rest; /* fetches the rest of the newest state; NULL */
};

bool coax_sequence_is_newer(uint32_t before, uint32_t now, coax_instant elapsed_ns) {
    const uint32_t half = UINT32_C(1) << 23;
    return (before < now && now - before < half) || (before > now && before - now > half)
           || elapsed_ns > 128 * COAX_SECOND;
}

static uint32_t random_below(struct coax_observation *observation, uint32_t bound) {
    uint32_t random;
    observation->layer->random(observation->layer->random_user, &random, sizeof random);
    return (uint32_t)((uint64_t)random * bound >> 32);
}

static void wake_at(struct coax_observation *observation, coax_instant when) {
    (void)coax_timer_arm(observation->layer->timers, &observation->timer, when);
}

static void wake_after_ms(struct coax_observation *observation, uint64_t ms) {
    wake_at(observation, coax_instant_after_ms(observation->layer->now, ms));
}

/* 1, 2, 4 ... 60 s and up to a quarter more. */
static uint32_t next_pause_ms(struct coax_observation *observation) {
    uint32_t seconds = observation->failures < 6 ? UINT32_C(1) << observation->failures : PAUSE_MAXIMUM_S;
    observation->failures++;
    return seconds * 1000 + random_below(observation, seconds * 250);
}

/* --- the end --- */

static void swallow(coax_request *request, const coax_message *response, const coax_error *error, void *user) {
    (void)request;
    (void)response;
    (void)error;
    (void)user;
}

/* Notifications that were on their way when the server was told to send no more. */
static bool swallow_notification(struct coax_request *request, struct coax_remote *remote,
                                 const struct coax_message *response) {
    struct coax_option option;
    (void)request;
    (void)remote;
    return coax_message_option(response, COAX_OPTION_OBSERVE, &option);
}

/* Sends a request again to the remote that it has. On an error it is REQUEST_NEW. */
static enum coax_status send_again(coax_request *request, coax_response_callback *callback, void *user,
                                   coax_error *error) {
    coax_remote *remote = coax_remote_ref(request->remote);
    coax_request_unstart(request);
    enum coax_status status = coax_request_start(request, callback, user, error);
    if (status == COAX_OK) {
        status = coax_request_submit(request, remote, error);
        if (status != COAX_OK) {
            coax_request_unstart(request);
        }
    }
    coax_remote_unref(remote);
    return status;
}

/* The request becomes the one that ends what it began, with the same token (RFC 7641 section 3.6), and is nobody's. */
static void deregister(coax_request *request) {
    enum { DEREGISTER = 1 };
    request->take = swallow_notification;
    request->ended = NULL;
    if (request->transfer != NULL) {
        request->transfer->progress = NULL;
    }
    coax_option_erase(&request->options, COAX_OPTION_OBSERVE);
    enum coax_status status = coax_option_write_uint(&request->options, COAX_OPTION_OBSERVE, DEREGISTER);
    if (status == COAX_OK) {
        status = send_again(request, swallow, NULL, NULL);
    }
    if (status != COAX_OK) {
        coax_request_cancel(request);
    }
}

/* A datagram that registers may be lost, and a notification is rejected when nobody waits for it. On a stream neither
   is so (RFC 8323 appendix A.4). */
static bool server_must_know(const struct coax_observation *observation) {
    const struct coax_request *request = observation->request;
    if (observation->is_registered || request->state != REQUEST_SENT) {
        return observation->is_registered;
    }
    const struct transport *transport = request->remote->transport;
    return transport->is_reliable && transport->stage(&request->delivery) == DELIVERY_SENT;
}

static void forget_rest(struct coax_observation *observation) {
    coax_request_cancel(observation->rest);
    observation->rest = NULL;
}

static void let_go(struct coax_observation *observation) {
    coax_timer_disarm(observation->layer->timers, &observation->timer);
    list_remove(&observation->of_layer);
    forget_rest(observation);
    if (server_must_know(observation)) {
        deregister(observation->request);
    } else {
        coax_request_cancel(observation->request);
    }
}

static void end(struct coax_observation *observation, const struct coax_message *response, const coax_error *error) {
    observation->is_over = true;
    observation->callback(observation, response, error, observation->user);
    let_go(observation);
    free(observation);
}

void coax_observation_cancel(coax_observation *observation) {
    if (observation == NULL || observation->is_over) {
        return; /* inside its last callback it is about to be freed anyway */
    }
    request_layer_enter(observation->layer);
    let_go(observation);
    observation->is_over = observation->is_cancelled = true;
    if (!observation->is_telling) {
        free(observation);
    }
}

void coax_observations_shut_down(struct request_layer *layer, const coax_error *error) {
    struct list_node *node;
    while ((node = list_first(&layer->observations)) != NULL) {
        struct coax_observation *observation = COAX_CONTAINER(node, struct coax_observation, of_layer);
        coax_error full;
        coax_fail(&full, error->status, "Observing %.200s: %s", observation->request->uri, error->text);
        end(observation, NULL, &full);
    }
}

/* --- failures --- */

/* What may be otherwise a little later. Of the ends of connections that is each but our own. */
static bool may_pass(enum coax_status status) {
    static const enum coax_status passing[] = {
        COAX_E_TIMEOUT, COAX_E_RESET, COAX_E_REFUSED,   COAX_E_UNREACHABLE, COAX_E_RESOLVE,
        COAX_E_IO,      COAX_E_LIMIT, COAX_E_NO_MEMORY, COAX_E_CHANGED,     COAX_E_FORMAT,
    };
    bool passes = status < COAX_E_FATAL && status != COAX_E_SHUT_DOWN;
    for (size_t i = 0; i < sizeof passing / sizeof *passing && !passes; i++) {
        passes = status == passing[i];
    }
    return passes;
}

static bool may_begin_again(const struct coax_observation *observation) {
    return observation->has_stood && !observation->once;
}

static bool goes_on(const struct coax_observation *observation, enum coax_status status) {
    return may_begin_again(observation) && may_pass(status);
}

/* Nothing comes any more under the token. A server that begins anew may number anew. */
static void note_lost(struct coax_observation *observation) {
    observation->is_registered = observation->is_registering = observation->has_sequence = false;
    forget_rest(observation);
}

/* --- states --- */

/* False if the program cancelled the observation. */
static bool deliver(struct coax_observation *observation, const struct coax_message *state) {
    coax_instant now = observation->layer->now;
    coax_instant end_of_freshness = observation->fresh_until > now ? observation->fresh_until : now;
    observation->has_stood = true;
    observation->failures = 0;
    wake_at(observation,
            coax_instant_after_ms(end_of_freshness, SLACK_MINIMUM_MS + random_below(observation, SLACK_SPREAD_MS)));
    observation->is_telling = true;
    observation->callback(observation, state, NULL, observation->user);
    observation->is_telling = false;
    if (observation->is_cancelled) {
        free(observation);
        return false;
    }
    return true;
}

/* The state of a resource that cannot be observed. */
static void deliver_only(struct coax_observation *observation, const struct coax_message *state) {
    if (deliver(observation, state)) {
        coax_error error;
        coax_fail(&error, COAX_E_UNSUPPORTED,
                  "Observing %.200s: the server gave the state, but does not tell of changes; ask again for it when "
                  "its Max-Age has passed",
                  observation->request->uri);
        end(observation, NULL, &error);
    }
}

static void end_by_response(struct coax_observation *observation, const struct coax_message *response) {
    coax_error error;
    const char *name = coax_code_name(response->code);
    coax_fail(&error, COAX_E_RESPONSE, "Observing %.200s: the server %s %u.%02u%s%s", observation->request->uri,
              observation->has_stood ? "ended it with" : "answered with", coax_code_class(response->code),
              coax_code_detail(response->code), name == NULL ? "" : " ", name == NULL ? "" : name);
    end(observation, response, &error);
}

static void ask_later(struct coax_observation *observation) {
    wake_after_ms(observation, next_pause_ms(observation));
}

/* The state is not to be had. The server goes on telling of newer ones; one is asked for in any case. */
static void rest_failed(struct coax_observation *observation, const coax_error *error) {
    if (observation->is_registered && goes_on(observation, error->status)) {
        ask_later(observation);
    } else {
        end(observation, NULL, error);
    }
}

/* An error in place of the rest: what the registration is worth shows when it is made again. */
static void rest_refused(struct coax_observation *observation, const struct coax_message *response) {
    if (observation->is_registered && may_begin_again(observation)) {
        ask_later(observation);
    } else {
        end_by_response(observation, response);
    }
}

static void rest_came(coax_request *request, const coax_message *response, const coax_error *error, void *user) {
    struct coax_observation *observation = user;
    (void)request;
    observation->rest = NULL;
    if (error != NULL) {
        rest_failed(observation, error);
    } else if (coax_code_class(response->code) != 2) {
        rest_refused(observation, response);
    } else if (observation->is_registered) {
        (void)deliver(observation, response);
    } else {
        deliver_only(observation, response);
    }
}

/* The state stays unfresh meanwhile: asking for it again would begin all of it anew. */
static void fetch_rest(struct coax_observation *observation, struct coax_remote *remote,
                       const struct coax_message *first) {
    coax_error error;
    wake_at(observation, COAX_NEVER);
    if (coax_request_fetch_rest(observation->request, remote, first, rest_came, observation, &observation->rest, &error)
        != COAX_OK) {
        rest_failed(observation, &error);
    }
}

/* --- what the request is told --- */

static bool read_sequence(const struct coax_message *response, uint32_t *sequence) {
    struct coax_option option;
    if (!coax_message_option(response, COAX_OPTION_OBSERVE, &option) || option.size > SEQUENCE_BYTES_MAXIMUM) {
        return false; /* an elective option of another size is none (RFC 7252 section 5.4.3) */
    }
    *sequence = (uint32_t)coax_option_uint(&option);
    return true;
}

/* On a stream the order is that of sending (RFC 8323 appendix A.1). The answer to a registration comes from after it:
   in its acknowledgement certainly; else what is not newer may be what was on its way before, unless nothing has
   changed since. */
static bool is_current(const struct coax_observation *observation, const struct coax_message *response,
                       uint32_t sequence) {
    const struct coax_observation *o = observation;
    bool is_answer = o->is_registering && (response->type == COAX_ACK || sequence == o->sequence);
    return !o->has_sequence || is_answer || o->request->remote->transport->is_reliable
           || coax_sequence_is_newer(o->sequence, sequence, o->layer->now - o->heard);
}

/* The request has its answer, and may wait for ever for more. */
static void stop_asking(struct coax_observation *observation) {
    struct coax_request *request = observation->request;
    request->remote->transport->cancel(&request->delivery);
    request->recover = NULL;
    (void)coax_timer_arm(observation->layer->timers, &request->timer, COAX_NEVER);
    observation->is_registering = false;
}

static bool take(struct coax_request *request, struct coax_remote *remote, const struct coax_message *response) {
    struct coax_observation *observation = request->keeper;
    uint32_t sequence = 0;
    bool is_notification = read_sequence(response, &sequence);
    bool is_part = coax_block_is_part(response);
    if (coax_code_class(response->code) != 2 || remote != request->remote || !(is_notification || is_part)) {
        return false;
    }
    if (is_notification && !is_current(observation, response, sequence)) {
        return true;
    }
    stop_asking(observation);
    forget_rest(observation);
    observation->is_registered = observation->has_sequence = is_notification;
    observation->sequence = sequence;
    observation->heard = observation->layer->now;
    observation->fresh_until =
        coax_instant_after_ms(observation->layer->now, UINT64_C(1000) * coax_message_max_age(response));
    if (is_part) {
        fetch_rest(observation, remote, response);
    } else {
        (void)deliver(observation, response);
    }
    return true;
}

/* A server that is busy says when it will not be (RFC 7252 section 5.9.3.4, RFC 8516 section 4). */
static bool asks_to_wait(const struct coax_message *response) {
    struct coax_option max_age;
    return (response->code == COAX_SERVICE_UNAVAILABLE || response->code == COAX_TOO_MANY_REQUESTS)
           && coax_message_option(response, COAX_OPTION_MAX_AGE, &max_age);
}

static bool ended(struct coax_request *request, const struct coax_message *response, const coax_error *error) {
    struct coax_observation *observation = request->keeper;
    note_lost(observation);
    bool is_passing =
        response == NULL ? goes_on(observation, error->status) : may_begin_again(observation) && asks_to_wait(response);
    if (is_passing) {
        ask_later(observation);
        if (response != NULL) {
            wake_after_ms(observation, UINT64_C(1000) * coax_message_max_age(response));
        }
    }
    return is_passing;
}

/* The request's callback. */
static void over(coax_request *request, const coax_message *response, const coax_error *error, void *user) {
    struct coax_observation *observation = user;
    (void)request;
    if (response == NULL) {
        end(observation, NULL, error);
    } else if (coax_code_class(response->code) == 2) {
        deliver_only(observation, response);
    } else {
        end_by_response(observation, response);
    }
}

/* --- registering --- */

/* The state is not fresh any more, or the pause is over. With the same token, so that the server has one registration
   (section 3.3.1); a server that is believed to have it is asked where it is, without looking up its name. */
static void register_again(struct timer *timer, coax_instant now) {
    (void)now;
    struct coax_observation *observation = COAX_CONTAINER(timer, struct coax_observation, timer);
    coax_request *request = observation->request;
    bool is_known = observation->is_registered;
    coax_error error;
    wake_at(observation, COAX_NEVER);
    observation->is_registering = true;
    enum coax_status status = is_known ? send_again(request, over, observation, &error)
                                       : observation->send(request, over, observation, &error);
    if (status == COAX_OK) {
        return;
    }
    note_lost(observation);
    bool has_nowhere = !is_known && status == COAX_E_DROPPED; /* it goes to one remote only, and that is gone */
    if (goes_on(observation, status) && !has_nowhere) {
        ask_later(observation);
    } else {
        end(observation, NULL, &error);
    }
}

static enum coax_status check(const coax_request *request, const coax_observe_options *options, coax_error *error) {
    const struct transfer *transfer = request->transfer;
    if (options->size != sizeof *options) {
        return coax_fail(error, COAX_E_INVALID, "Begin the options with COAX_OBSERVE_OPTIONS_INIT");
    }
    if (request->state != REQUEST_NEW) {
        return coax_fail(error, COAX_E_STATE, "The request was sent already; make a new one");
    }
    if (request->code != COAX_GET && request->code != COAX_FETCH) {
        return coax_fail(error, COAX_E_INVALID, "A resource is observed by GET or FETCH");
    }
    if (request->each != NULL || (transfer != NULL && (transfer->source != NULL || transfer->sink != NULL))) {
        return coax_fail(error, COAX_E_INVALID,
                         "A request with a source or a sink, or for a collection, has one use only");
    }
    return COAX_OK;
}

static enum coax_status write_options(coax_request *request, const coax_observe_options *options) {
    enum coax_status status = coax_option_write_uint(&request->options, COAX_OPTION_OBSERVE, 0);
    return status != COAX_OK || options->accept == COAX_NO_FORMAT
               ? status
               : coax_option_write_uint(&request->options, COAX_OPTION_ACCEPT, (uint64_t)options->accept);
}

/* One token for the whole observation. */
static void choose_token(coax_request *request) {
    if (!request->has_token) {
        request->token_size = TOKEN_MAXIMUM;
        request->layer->random(request->layer->random_user, request->token, request->token_size);
        request->has_token = true;
    }
}

static void give_back(coax_request *request) {
    coax_option_erase(&request->options, COAX_OPTION_OBSERVE);
    request->take = NULL;
    request->ended = NULL;
    request->keeper = NULL;
}

static enum coax_status begin(struct coax_observation *observation, const coax_observe_options *options,
                              coax_error *error) {
    struct request_layer *layer = observation->layer;
    coax_request *request = observation->request;
    coax_option_erase(&request->options, COAX_OPTION_OBSERVE);
    if (write_options(request, options) != COAX_OK) {
        return coax_fail(error, COAX_E_TOO_LARGE, "The request has no room for the options of an observation");
    }
    choose_token(request);
    request->take = take;
    request->ended = ended;
    request->keeper = observation;
    if (coax_timer_arm(layer->timers, &observation->timer, COAX_NEVER) != COAX_OK) {
        return coax_fail_memory(error);
    }
    return observation->send(request, over, observation, error);
}

enum coax_status coax_observation_new(coax_request *request, const coax_observe_options *options,
                                      observation_send *send, coax_observation_callback *callback, void *user,
                                      coax_observation **observation, coax_error *error) {
    static const coax_observe_options defaults = COAX_OBSERVE_OPTIONS_INIT;
    options = options == NULL ? &defaults : options;
    enum coax_status status = check(request, options, error);
    if (status != COAX_OK) {
        return status;
    }
    struct coax_observation *made = calloc(1, sizeof *made);
    if (made == NULL) {
        return coax_fail_memory(error);
    }
    *made = (struct coax_observation){
        .layer = request->layer,
        .request = request,
        .send = send,
        .callback = callback,
        .user = user,
        .timer.fire = register_again,
        .once = options->once,
        .is_registering = true,
    };
    status = begin(made, options, error);
    if (status != COAX_OK) {
        coax_timer_disarm(made->layer->timers, &made->timer);
        give_back(request);
        free(made);
        return status;
    }
    list_append(&made->layer->observations, &made->of_layer);
    *observation = made;
    return COAX_OK;
}

coax_remote *coax_observation_remote(const coax_observation *observation) {
    return observation->request->remote;
}
