/* The request/response layer (RFC 7252 section 5): tokens, matching, timeouts for own requests; exchanges for incoming
   ones. It knows no transport but through the table of functions, and does no I/O. */
#ifndef COAX_REQUEST_REQUEST_LAYER_H
#define COAX_REQUEST_REQUEST_LAYER_H

#include "base/clock.h"
#include "base/hash_table.h"
#include "base/pool.h"
#include "base/timer_heap.h"
#include "message/block.h"
#include "message/datagram_format.h"
#include "message/message.h"
#include "message/option.h"
#include "transport/transport.h"
#include <coax/request.h>
#include <coax/site.h>

/* The settings of coax_endpoint_config that this room obeys; the same names. */
struct request_settings {
    uint32_t response_timeout_ms, max_requests, max_exchanges;
    uint32_t block_size, max_body_size, max_body_memory, max_bodies, body_timeout_ms;
    uint32_t max_observers, max_observers_per_peer;
    uint32_t token_size, max_token_size;
    bool echo_amplified;
    bool q_block;
    uint32_t non_timeout_ms, non_max_retransmit; /* of bursts (RFC 9177 section 7.2): as of confirmable messages */
};

struct request_layer {
    struct request_settings settings;
    struct timer_heap *timers;
    coax_instant now; /* of the call under way */
    /* The program comes in by a call that has no time with it (an answer after its handler, a cancel): the owner sets
       the time. May be NULL. */
    void (*enter)(void *enter_user);
    void *enter_user;
    void (*random)(void *random_user, void *out, size_t size);
    void *random_user;
    /* Gives an incoming request to the application. */
    void (*serve)(void *user, coax_exchange *exchange, const struct coax_message *request);
    void *user;
    struct hash_table waiting; /* own requests that were sent, by token */
    struct list_node requests; /* own requests that were given to the layer */
    uint32_t request_count;
    struct list_node observations; /* also those that wait to be registered again */
    uint32_t request_tag;          /* of the next body that goes in blocks */
    struct pool exchanges;
    struct hash_table bodies; /* of requests that come, and of responses that are fetched, in blocks */
    struct list_node bodies_by_age;
    uint32_t body_count;
    size_t body_memory;
    struct timer body_timer;
    struct hash_table observers, topics; /* see observers.h */
    struct topic *notifying;             /* under way; NULL when it ended meanwhile */
    struct observer *asking;             /* the same */
    uint32_t observer_count;
    uint8_t echo_key[32]; /* of this layer alone */
    bool is_shut_down;
};

enum coax_status coax_request_layer_init(struct request_layer *layer);

/* Fails every own request with COAX_E_SHUT_DOWN. Incoming ones that are still unanswered lose their exchange. */
void coax_request_layer_shut_down(struct request_layer *layer);
void coax_request_layer_free(struct request_layer *layer);

/* The three events of a transport; `user` is the layer. */
void coax_request_layer_request(void *user, struct coax_remote *remote, const struct coax_message *message,
                                struct incoming *incoming);
bool coax_request_layer_response(void *user, struct coax_remote *remote, const struct coax_message *message);
void coax_request_layer_lost(void *user, struct coax_remote *remote, const coax_error *error);

/* Hands a piece to a sink; an empty one is at no address of its own. */
static inline enum coax_status body_sink_write(const coax_body_sink *sink, void *body, uint64_t offset,
                                               struct bytes piece) {
    return sink->write(body, offset, piece.size == 0 ? "" : (const void *)piece.data, piece.size);
}

/* To be called by what the program may call at any time. */
static inline void request_layer_enter(struct request_layer *layer) {
    if (layer->enter != NULL) {
        layer->enter(layer->enter_user);
    }
}

enum { REQUEST_OPTIONS_MAXIMUM = 2048, EXCHANGE_OPTIONS_MAXIMUM = 512 };

enum request_state {
    REQUEST_NEW,
    REQUEST_STARTED /* its time runs, it has no remote yet */,
    REQUEST_SENT,
    REQUEST_DONE
};

struct coax_request {
    struct request_layer *layer;
    enum request_state state;
    uint8_t code;
    bool non_confirmable, has_token;
    uint8_t token_size;
    uint8_t token[TOKEN_ROOM];
    uint32_t timeout_ms;
    char *uri; /* as the program wrote it, or the path for a request to a remote: for error texts */
    uint8_t *payload;
    size_t payload_size;
    struct option_writer options;
    uint8_t option_bytes[REQUEST_OPTIONS_MAXIMUM];

    coax_remote *remote; /* a reference */
    coax_response_callback *callback;
    void *callback_user;
    struct list_node of_layer, of_remote;
    struct hash_node node;
    struct timer timer;
    struct delivery delivery;
    struct transfer *transfer;  /* NULL while the request is no more than its first message */
    bool is_busy, is_cancelled; /* its source, its sink may be called; the program cancelled the request there */

    /* The owner above (name resolution): `recover` may take a failed request over and submit it again, to another
       address; `release` is called before the request is freed. Each may be NULL. */
    bool (*recover)(struct coax_request *request, const coax_error *error);
    void (*release)(struct coax_request *request);
    /* Who stands between a request and its callback (an observation, a collection), with `keeper` for its own. `take`
       gets each response first, of a body in blocks the first block (see coax_request_fetch_rest): true means that the
       request goes on waiting for more with the same token, or was cancelled. `ended` gets what the callback would:
       true means that it was taken care of, and the request is REQUEST_NEW again, not freed. Each may be NULL. */
    bool (*take)(struct coax_request *request, struct coax_remote *remote, const struct coax_message *response);
    bool (*ended)(struct coax_request *request, const struct coax_message *response, const coax_error *error);
    void *keeper;
    coax_response_callback *each; /* of a collection (collection.h); NULL: one response ends the request */
    const char *waiting_for; /* in REQUEST_STARTED: what the owner waits for, such as "the name is being resolved" */
    void *owner;
};

/* An empty request, the caller's. `uri` is copied. NULL if memory ran out. */
struct coax_request *coax_request_create(struct request_layer *layer, uint8_t code, const char *uri);

/* Its time begins: the layer owns it from now on. COAX_E_LIMIT, COAX_E_STATE, COAX_E_SHUT_DOWN, COAX_E_INVALID (no
 * callback, and no No-Response that makes up for it). */
enum coax_status coax_request_start(struct coax_request *request, coax_response_callback *callback, void *user,
                                    coax_error *error);

/* Sends a started request to a remote. On an error nothing has changed. */
enum coax_status coax_request_submit(struct coax_request *request, struct coax_remote *remote, coax_error *error);

/* Takes a started request back from the layer, as if coax_request_start had not been called. */
void coax_request_unstart(struct coax_request *request);

/* Sends a request's next message to the remote that it has, or fails it. */
void coax_request_go_on(struct coax_request *request);

/* Ends a started request with an error. */
void coax_request_fail(struct coax_request *request, const coax_error *error);

/* Fetches the rest of a body of which `first`, a response to `request` or a notification, is the first block: a request
   of its own to `remote`, with the options of `request` but for Observe. `callback` gets the whole. The caller may
   cancel *rest until then. */
enum coax_status coax_request_fetch_rest(const struct coax_request *request, struct coax_remote *remote,
                                         const struct coax_message *first, coax_response_callback *callback, void *user,
                                         struct coax_request **rest, coax_error *error);

/* Who serves a request. */
struct serving {
    coax_handler *handler;
    struct observed *observed;   /* NULL: it cannot be observed */
    coax_sink_opener *open_sink; /* may be NULL */
    void *user;
};

/* Sends what answers an exchange: a code, the options that it has, a payload. No-Response is obeyed. */
enum coax_status coax_exchange_put(coax_exchange *exchange, uint8_t code, struct bytes payload);

/* The exchange was answered by coax_exchange_put, inside the handler; if that failed, 5.00 goes out. */
void coax_exchange_answer(coax_exchange *exchange, enum coax_status status);

/* Gives the request to its handler once its body is whole, or answers it with a block (RFC 7959). */
void coax_exchange_serve(coax_exchange *exchange, const struct coax_message *request, const struct serving *serving);

/* An exchange without a request that came, for an observer of this remote; NULL if there are too many. */
coax_exchange *coax_exchange_for_observer(struct request_layer *layer, coax_remote *remote);

/* Has the observer's request handled anew, or answered with a state that is at hand. */
void coax_exchange_ask(coax_exchange *exchange, const struct coax_message *request);
void coax_exchange_tell(coax_exchange *exchange, const struct coax_message *request, int format, struct bytes state);

struct coax_exchange {
    struct request_layer *layer;
    coax_remote *remote;       /* a reference */
    struct incoming *incoming; /* NULL when the remote is gone */
    struct list_node of_remote;
    uint8_t token_size;
    uint8_t token[TOKEN_ROOM];
    uint32_t request_size; /* in bytes, as it came */
    bool is_challenged;    /* an Echo is asked for instead of what was to be the answer */
    int no_response;       /* the request's No-Response (RFC 7967), -1 without */
    const char *rest;
    char *kept_rest; /* the same for later, if it is deferred and wants to observe */
    bool is_answered, is_deferred, is_in_handler;
    bool has_block1, has_block2;
    bool has_q_block1, has_q_block2;    /* they are Q-Block1 and Q-Block2 (RFC 9177) */
    struct block block1, block2;        /* of the request */
    uint8_t answer;                     /* the code that went out */
    struct observed *observed;          /* what is asked for, if it can be observed */
    struct list_node of_observed;       /* in its list, if the request wants to observe it */
    struct observer *observer;          /* whom the answer is for; NULL: who asked */
    void *body;                         /* of its sink */
    const struct coax_message *request; /* inside the handler; */
    struct coax_message *kept_request;  /* a copy of it for later, if it is deferred */
    struct option_writer options;
    uint8_t option_bytes[EXCHANGE_OPTIONS_MAXIMUM];
};

#endif
