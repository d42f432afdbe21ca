#include "request/observers.h"

#include "message/option.h"
#include "request/token_key.h"
#include <stdlib.h>
#include <string.h>

enum {
    BATCH = 64,               /* notified at a time, then the loop has its turn */
    REST_MS = 3000,           /* after a non-confirmable notification (RFC 7641 section 4.5.1) */
    PAUSE_MS = 100,           /* where a bound is reached */
    DAY_MS = 24 * 3600 * 1000 /* so often one is confirmable at least (section 4.5) */
};

/* The state of a path below a resource. */
struct topic {
    struct hash_node node;
    struct list_node of_observed;
    struct observed *observed;
    /* Where its observers stand: have its state, wait for it, may not be sent it yet, are being asked or sent it. */
    struct list_node current, stale, resting, busy;
    size_t observer_count;
    uint32_t sequence;
    struct timer timer;
    coax_instant paused_until;
    bool is_published;
    int format;
    uint8_t *state;
    size_t state_size;
    char rest[];
};

struct topic_key {
    const struct observed *observed;
    const char *rest;
};

struct observer {
    struct hash_node node;
    struct list_node link, of_remote;
    struct topic *topic;
    coax_remote *remote; /* a reference */
    struct delivery delivery;
    coax_exchange *exchange; /* that asks for the state on its behalf */
    coax_instant due;        /* when it has rested */
    coax_instant confirmed;  /* when it last was known to be there */
    uint32_t told, asked;    /* the sequence numbers of what it was sent last, and of what is being asked for it */
    uint32_t since_confirmable;
    uint16_t options_size;
    uint8_t code, token_size;
    uint32_t payload_size;
    uint8_t request[]; /* token, options and payload */
};

static struct bytes token_of(const struct observer *observer) {
    return bytes_of(observer->request, observer->token_size);
}

static struct bytes options_of(const struct observer *observer) {
    return bytes_of(observer->request + observer->token_size, observer->options_size);
}

static struct bytes payload_of(const struct observer *observer) {
    return bytes_of(observer->request + observer->token_size + observer->options_size, observer->payload_size);
}

/* --- the tables --- */

static bool has_token(const struct hash_node *node, const void *key) {
    const struct observer *observer = COAX_CONTAINER(node, struct observer, node);
    const struct token_key *wanted = key;
    return observer->remote == wanted->remote && bytes_equal(token_of(observer), wanted->token);
}

static bool has_rest(const struct hash_node *node, const void *key) {
    const struct topic *topic = COAX_CONTAINER(node, struct topic, node);
    const struct topic_key *wanted = key;
    return topic->observed == wanted->observed && strcmp(topic->rest, wanted->rest) == 0;
}

void coax_observers_init(struct request_layer *layer, const uint8_t seed[16]) {
    coax_hash_table_init(&layer->observers, seed, has_token);
    coax_hash_table_init(&layer->topics, seed, has_rest);
}

void coax_observers_free(struct request_layer *layer) {
    coax_hash_table_free(&layer->observers);
    coax_hash_table_free(&layer->topics);
}

static struct request_layer *layer_of(const struct topic *topic) {
    return topic->observed->layer;
}

/* Remotes have tokens alike, resources paths alike: both are in the hash. */
static uint64_t hash_of(const struct hash_table *table, const void *whose, const void *bytes, size_t size) {
    uint64_t parts[] = {(uintptr_t)whose, coax_hash_table_hash(table, bytes, size)};
    return coax_hash_table_hash(table, parts, sizeof parts);
}

static struct observer *find_observer(struct request_layer *layer, const struct coax_remote *remote,
                                      struct bytes token) {
    const struct token_key key = {token, remote};
    uint64_t hash = hash_of(&layer->observers, remote, token.data, token.size);
    struct hash_node *node = coax_hash_table_find(&layer->observers, hash, &key);
    return node == NULL ? NULL : COAX_CONTAINER(node, struct observer, node);
}

static struct topic *find_topic(const struct observed *observed, const char *rest) {
    if (observed->layer == NULL) {
        return NULL;
    }
    const struct hash_table *topics = &observed->layer->topics;
    const struct topic_key key = {observed, rest};
    struct hash_node *node = coax_hash_table_find(topics, hash_of(topics, observed, rest, strlen(rest)), &key);
    return node == NULL ? NULL : COAX_CONTAINER(node, struct topic, node);
}

/* --- topics --- */

static void notify_observers(struct timer *timer, coax_instant now);

static void schedule(struct topic *topic) {
    struct request_layer *layer = layer_of(topic);
    struct list_node *first = list_first(&topic->resting);
    coax_instant when = first == NULL ? COAX_NEVER : COAX_CONTAINER(first, struct observer, link)->due;
    if (!list_is_empty(&topic->stale)) {
        when = topic->paused_until > layer->now ? topic->paused_until : layer->now;
    }
    /* It is always armed, so that moving it needs no memory. */
    (void)coax_timer_arm(layer->timers, &topic->timer, when);
}

/* RFC 7641 section 4.4: from a clock, so that it does not begin anew for who observed before. */
static uint32_t first_sequence(const struct request_layer *layer) {
    enum { TICKS_PER_SECOND = 1024 };
    return (uint32_t)(layer->now / (COAX_SECOND / TICKS_PER_SECOND));
}

static struct topic *new_topic(struct observed *observed, const char *rest) {
    struct request_layer *layer = observed->layer;
    size_t size = strlen(rest);
    struct topic *topic = calloc(1, sizeof *topic + size + 1);
    if (topic == NULL) {
        return NULL;
    }
    topic->observed = observed;
    topic->sequence = first_sequence(layer);
    topic->timer.fire = notify_observers;
    memcpy(topic->rest, rest, size + 1);
    list_init(&topic->current);
    list_init(&topic->stale);
    list_init(&topic->resting);
    list_init(&topic->busy);
    if (coax_timer_arm(layer->timers, &topic->timer, COAX_NEVER) != COAX_OK) {
        free(topic);
        return NULL;
    }
    uint64_t hash = hash_of(&layer->topics, observed, rest, size);
    if (coax_hash_table_insert(&layer->topics, &topic->node, hash) != COAX_OK) {
        coax_timer_disarm(layer->timers, &topic->timer);
        free(topic);
        return NULL;
    }
    list_append(&observed->topics, &topic->of_observed);
    return topic;
}

static void free_topic(struct topic *topic) {
    struct request_layer *layer = layer_of(topic);
    if (layer->notifying == topic) {
        layer->notifying = NULL;
    }
    coax_timer_disarm(layer->timers, &topic->timer);
    coax_hash_table_remove(&layer->topics, &topic->node);
    list_remove(&topic->of_observed);
    free(topic->state);
    free(topic);
}

/* --- observers --- */

static void stop_asking(struct observer *observer) {
    if (observer->exchange != NULL) {
        observer->exchange->observer = NULL;
        observer->exchange = NULL;
    }
}

static void free_observer(struct observer *observer) {
    struct topic *topic = observer->topic;
    struct request_layer *layer = layer_of(topic);
    coax_remote *remote = observer->remote;
    stop_asking(observer);
    remote->transport->cancel(&observer->delivery);
    coax_hash_table_remove(&layer->observers, &observer->node);
    list_remove(&observer->link);
    list_remove(&observer->of_remote);
    remote->observer_count--;
    layer->observer_count--;
    topic->observed->observer_count--;
    topic->observer_count--;
    if (layer->asking == observer) {
        layer->asking = NULL; /* its request is still being looked at */
    } else {
        free(observer);
    }
    if (topic->observer_count == 0) {
        free_topic(topic);
    }
    coax_remote_unref(remote);
}

/* It can be sent the next state as soon as there is one. */
static void settle(struct observer *observer) {
    struct topic *topic = observer->topic;
    list_remove(&observer->link);
    bool is_current = observer->told == topic->sequence;
    list_append(is_current ? &topic->current : &topic->stale, &observer->link);
    schedule(topic);
}

/* A bound was reached that may not last. */
static void put_off(struct observer *observer) {
    struct topic *topic = observer->topic;
    topic->paused_until = coax_instant_after_ms(layer_of(topic)->now, PAUSE_MS);
    list_remove(&observer->link);
    list_append(&topic->stale, &observer->link);
    schedule(topic);
}

static void acknowledged(struct delivery *delivery) {
    struct observer *observer = COAX_CONTAINER(delivery, struct observer, delivery);
    observer->confirmed = layer_of(observer->topic)->now;
    settle(observer);
}

/* A Reset, or nobody there (RFC 7641 section 4.5). */
static void failed(struct delivery *delivery, const coax_error *error) {
    (void)error;
    free_observer(COAX_CONTAINER(delivery, struct observer, delivery));
}

void coax_observers_drop_remote(struct coax_remote *remote) {
    struct list_node *node;
    while ((node = list_first(&remote->observers)) != NULL) {
        free_observer(COAX_CONTAINER(node, struct observer, of_remote));
    }
}

static void visit_observer(struct hash_node *node, void *user) {
    (void)user;
    free_observer(COAX_CONTAINER(node, struct observer, node));
}

void coax_observers_drop(struct request_layer *layer) {
    coax_hash_table_each(&layer->observers, visit_observer, NULL);
}

/* --- registering --- */

static void begin_observed(struct observed *observed, struct request_layer *layer) {
    if (observed->layer == NULL) {
        observed->layer = layer;
        list_init(&observed->topics);
        list_init(&observed->exchanges);
    }
}

/* The resource may go before the exchange is answered: it must know of it. */
static void want_to_observe(coax_exchange *exchange) {
    struct observed *observed = exchange->observed;
    begin_observed(observed, exchange->layer);
    list_append(&observed->exchanges, &exchange->of_observed);
}

static bool wants_to_observe(const coax_exchange *exchange) {
    return list_contains_node(&exchange->of_observed);
}

void coax_observer_read(coax_exchange *exchange, const struct coax_message *request) {
    enum { REGISTER = 0, DEREGISTER = 1 };
    bool can_observe = exchange->observed != NULL && exchange->observer == NULL
                       && (request->code == COAX_GET || request->code == COAX_FETCH)
                       && !coax_address_is_multicast(&exchange->remote->local);
    uint64_t observe = coax_message_option_uint(request, COAX_OPTION_OBSERVE, UINT64_MAX);
    bool is_first = !exchange->has_block2 || exchange->block2.number == 0;
    if (can_observe && observe == REGISTER && is_first) {
        want_to_observe(exchange);
    }
    if (can_observe && observe == DEREGISTER) {
        struct observer *observer = find_observer(exchange->layer, exchange->remote, request->token);
        if (observer != NULL) {
            free_observer(observer);
        }
    }
}

static void put(uint8_t **out, struct bytes bytes) {
    if (bytes.size > 0) {
        memcpy(*out, bytes.data, bytes.size);
        *out += bytes.size;
    }
}

/* All but those of a payload that came in blocks: it is here as a whole. */
static uint16_t put_options(uint8_t *out, const struct coax_message *request) {
    struct option_writer writer = option_writer_on(out, request->options.size);
    struct coax_option option;
    for (size_t position = 0; coax_message_next_option(request, &position, &option);) {
        if (option.number != COAX_OPTION_BLOCK1 && option.number != COAX_OPTION_Q_BLOCK1) {
            (void)coax_option_write(&writer, option.number, option.value, option.size);
        }
    }
    return (uint16_t)writer.size;
}

static struct observer *make_observer(const coax_exchange *exchange, const struct coax_message *request) {
    struct bytes token = bytes_of(exchange->token, exchange->token_size);
    bool fits = request->options.size <= UINT16_MAX && request->payload.size <= UINT16_MAX;
    struct observer *observer =
        fits ? calloc(1, sizeof *observer + token.size + request->options.size + request->payload.size) : NULL;
    if (observer == NULL) {
        return NULL;
    }
    observer->delivery.acknowledged = acknowledged;
    observer->delivery.failed = failed;
    observer->code = request->code;
    observer->token_size = exchange->token_size;
    observer->payload_size = (uint32_t)request->payload.size;
    uint8_t *out = observer->request;
    put(&out, token);
    observer->options_size = put_options(out, request);
    out += observer->options_size;
    put(&out, request->payload);
    return observer;
}

static struct topic *topic_for(const coax_exchange *exchange) {
    struct topic *topic = find_topic(exchange->observed, exchange->rest);
    return topic != NULL ? topic : new_topic(exchange->observed, exchange->rest);
}

/* An observer in the tables; NULL where a bound is reached, or memory ran out: the answer is a plain one then. */
static struct observer *add_observer(coax_exchange *exchange, const struct coax_message *request) {
    struct request_layer *layer = exchange->layer;
    coax_remote *remote = exchange->remote;
    if (layer->observer_count >= layer->settings.max_observers
        || remote->observer_count >= layer->settings.max_observers_per_peer) {
        return NULL;
    }
    struct observer *observer = make_observer(exchange, request);
    struct topic *topic = observer == NULL ? NULL : topic_for(exchange);
    uint64_t hash = hash_of(&layer->observers, remote, exchange->token, exchange->token_size);
    if (topic == NULL || coax_hash_table_insert(&layer->observers, &observer->node, hash) != COAX_OK) {
        free(observer);
        if (topic != NULL && topic->observer_count == 0) {
            free_topic(topic);
        }
        return NULL;
    }
    observer->topic = topic;
    observer->remote = coax_remote_ref(remote);
    observer->told = topic->sequence;
    observer->confirmed = layer->now;
    list_append(&topic->current, &observer->link);
    list_append(&remote->observers, &observer->of_remote);
    topic->observer_count++;
    topic->observed->observer_count++;
    layer->observer_count++;
    remote->observer_count++;
    return observer;
}

static enum coax_status write_observe(coax_exchange *exchange, uint32_t sequence) {
    enum { SEQUENCE_MASK = 0xffffff };
    coax_option_erase(&exchange->options, COAX_OPTION_OBSERVE);
    return coax_option_write_uint(&exchange->options, COAX_OPTION_OBSERVE, sequence & SEQUENCE_MASK);
}

enum coax_status coax_observer_register(coax_exchange *exchange) {
    const struct coax_message *request = exchange->request != NULL ? exchange->request : exchange->kept_request;
    if (!wants_to_observe(exchange) || request == NULL) {
        return COAX_OK;
    }
    /* Section 4.1: a registration takes the place of the one before. */
    struct bytes token = bytes_of(exchange->token, exchange->token_size);
    struct observer *observer = find_observer(exchange->layer, exchange->remote, token);
    if (observer != NULL) {
        free_observer(observer);
    }
    observer = add_observer(exchange, request);
    return observer == NULL ? COAX_OK : write_observe(exchange, observer->told);
}

/* --- saved, and back --- */

void coax_observers_save(struct coax_remote *remote, struct pack *pack) {
    coax_pack_uint(pack, remote->observer_count, 4);
    for (struct list_node *at = remote->observers.next; at != &remote->observers; at = at->next) {
        const struct observer *observer = COAX_CONTAINER(at, struct observer, of_remote);
        coax_pack_uint(pack, observer->code, 1);
        coax_pack_block(pack, token_of(observer));
        coax_pack_block(pack, options_of(observer));
        coax_pack_block(pack, payload_of(observer));
    }
}

/* As if it had been told some state before: it is sent the present one. */
static void restore(struct request_layer *layer, struct coax_remote *remote, const struct coax_message *request,
                    struct observed *observed, const char *rest) {
    coax_exchange exchange = {.layer = layer, .remote = remote, .observed = observed, .rest = rest};
    struct observer *observer = find_observer(layer, remote, request->token);
    exchange.token_size = (uint8_t)request->token.size;
    memcpy(exchange.token, request->token.data, request->token.size);
    begin_observed(observed, layer);
    if (observer == NULL && (observer = add_observer(&exchange, request)) != NULL) {
        observer->topic->sequence++;
        list_remove(&observer->link);
        list_append(&observer->topic->stale, &observer->link);
        schedule(observer->topic);
    }
}

static bool are_options(struct bytes bytes) {
    size_t size;
    struct bytes payload;
    return coax_options_scan(bytes.data, bytes.size, &size, &payload, NULL) == COAX_OK && size == bytes.size;
}

enum coax_status coax_observers_restore(struct request_layer *layer, struct coax_remote *remote, struct bytes *from,
                                        observed_finder *find, void *user) {
    uint64_t count;
    if (!coax_unpack_uint(from, 4, &count)) {
        return COAX_E_FORMAT;
    }
    for (; count > 0; count--) {
        struct coax_message request = {.type = COAX_NO_TYPE};
        struct observed *observed;
        const char *rest;
        uint64_t code;
        if (!coax_unpack_uint(from, 1, &code) || !coax_unpack_block(from, &request.token)
            || !coax_unpack_block(from, &request.options) || !coax_unpack_block(from, &request.payload)
            || request.token.size > TOKEN_ROOM || !are_options(request.options)) {
            return COAX_E_FORMAT;
        }
        request.code = (uint8_t)code;
        if (remote != NULL && find(user, remote, &request, &observed, &rest)) {
            restore(layer, remote, &request, observed, rest);
        }
    }
    return COAX_OK;
}

/* --- notifying --- */

static void mark_changed(struct topic *topic) {
    topic->sequence++;
    list_splice(&topic->stale, &topic->current);
    schedule(topic);
}

static void forget_state(struct topic *topic) {
    free(topic->state);
    topic->state = NULL;
    topic->is_published = false;
}

void coax_observed_changed(struct observed *observed, const char *rest) {
    if (observed->layer == NULL) {
        return;
    }
    request_layer_enter(observed->layer);
    struct topic *topic = rest == NULL ? NULL : find_topic(observed, rest);
    if (topic != NULL) {
        forget_state(topic);
        mark_changed(topic);
    }
    for (struct list_node *at = observed->topics.next; rest == NULL && at != &observed->topics; at = at->next) {
        forget_state(COAX_CONTAINER(at, struct topic, of_observed));
        mark_changed(COAX_CONTAINER(at, struct topic, of_observed));
    }
}

enum coax_status coax_observed_publish(struct observed *observed, int format, struct bytes payload) {
    struct topic *topic = find_topic(observed, "");
    if (topic == NULL) {
        return COAX_OK;
    }
    request_layer_enter(observed->layer);
    if (payload.size > observed->layer->settings.max_body_size) {
        return COAX_E_TOO_LARGE;
    }
    uint8_t *state = malloc(payload.size + 1);
    if (state == NULL) {
        return COAX_E_NO_MEMORY;
    }
    if (payload.size > 0) {
        memcpy(state, payload.data, payload.size);
    }
    forget_state(topic);
    topic->state = state;
    topic->state_size = payload.size;
    topic->format = format;
    topic->is_published = true;
    mark_changed(topic);
    return COAX_OK;
}

static bool must_confirm(const struct observer *observer) {
    const struct topic *topic = observer->topic;
    coax_instant day = coax_instant_after_ms(observer->confirmed, DAY_MS);
    return observer->since_confirmable + 1 >= topic->observed->confirm_every || layer_of(topic)->now >= day;
}

/* The message is with the transport. */
static void was_sent(struct observer *observer, bool confirmable) {
    struct topic *topic = observer->topic;
    observer->told = observer->asked; /* it may have changed since */
    observer->since_confirmable = confirmable ? 0 : observer->since_confirmable + 1;
    if (observer->remote->transport->is_reliable) {
        if (observer->delivery.carrier == NULL) {
            settle(observer);
        }
    } else if (!confirmable) {
        observer->due = coax_instant_after_ms(layer_of(topic)->now, REST_MS);
        list_remove(&observer->link);
        list_append(&topic->resting, &observer->link);
        schedule(topic);
    }
}

enum coax_status coax_observer_notify(coax_exchange *exchange, uint8_t code, struct bytes payload) {
    struct observer *observer = exchange->observer;
    const struct transport *transport = observer->remote->transport;
    bool is_state = coax_code_class(code) == 2;
    bool confirmable = !is_state || must_confirm(observer);
    enum coax_status status = is_state ? write_observe(exchange, observer->asked) : COAX_OK;
    const struct coax_message message = {
        .code = code,
        .token = token_of(observer),
        .options = option_writer_bytes(&exchange->options),
        .payload = payload,
    };
    if (status == COAX_OK) {
        transport->cancel(&observer->delivery); /* of a non-confirmable one, which a Reset could still have answered */
        status = transport->send(observer->remote, &message, confirmable, is_state ? &observer->delivery : NULL, NULL);
    }
    if (status == COAX_E_TOO_LARGE) {
        return status;
    }
    stop_asking(observer);
    if (status == COAX_E_LIMIT || status == COAX_E_NO_MEMORY) {
        put_off(observer);
    } else if (status != COAX_OK || !is_state) {
        free_observer(observer); /* section 4.2: an error ends it */
    } else {
        was_sent(observer, confirmable);
    }
    return status;
}

void coax_observer_forget(coax_exchange *exchange) {
    struct bytes token = bytes_of(exchange->token, exchange->token_size);
    struct observer *observer =
        wants_to_observe(exchange) ? find_observer(exchange->layer, exchange->remote, token) : NULL;
    if (observer != NULL) {
        free_observer(observer);
    }
}

void coax_observer_leave_exchange(coax_exchange *exchange) {
    struct observer *observer = exchange->observer;
    list_remove(&exchange->of_observed);
    if (observer != NULL) {
        free_observer(observer); /* its handler gave no answer that could be sent */
    }
}

/* The state is not the topic's meanwhile: a body that gives way to this one is closed, and its program may publish
   another state there, or remove the resource. */
static void tell_published(struct topic *topic, coax_exchange *exchange, const struct coax_message *request) {
    struct request_layer *layer = layer_of(topic);
    uint8_t *state = topic->state;
    topic->state = NULL;
    coax_exchange_tell(exchange, request, topic->format, bytes_of(state, topic->state_size));
    if (layer->notifying == topic && topic->is_published && topic->state == NULL) {
        topic->state = state;
    } else {
        free(state);
    }
}

/* Asks the resource on behalf of an observer, or answers with the state that is there. */
static void ask(struct observer *observer) {
    struct topic *topic = observer->topic;
    struct request_layer *layer = layer_of(topic);
    coax_exchange *exchange = coax_exchange_for_observer(layer, observer->remote);
    if (exchange == NULL) {
        put_off(observer);
        return;
    }
    const struct coax_message request = {
        .type = COAX_NO_TYPE,
        .code = observer->code,
        .token = token_of(observer),
        .options = options_of(observer),
        .payload = payload_of(observer),
    };
    list_remove(&observer->link);
    list_append(&topic->busy, &observer->link);
    observer->asked = topic->sequence;
    observer->exchange = exchange;
    exchange->observer = observer;
    exchange->token_size = observer->token_size;
    memcpy(exchange->token, observer->request, observer->token_size);
    layer->asking = observer;
    if (topic->is_published) {
        tell_published(topic, exchange, &request);
    } else {
        coax_exchange_ask(exchange, &request);
    }
    if (layer->asking != observer) {
        free(observer); /* it ended meanwhile */
    }
    layer->asking = NULL;
}

static void wake_rested(struct topic *topic, coax_instant now) {
    struct list_node *node;
    while ((node = list_first(&topic->resting)) != NULL && COAX_CONTAINER(node, struct observer, link)->due <= now) {
        struct observer *observer = COAX_CONTAINER(node, struct observer, link);
        observer->remote->transport->cancel(&observer->delivery);
        settle(observer);
    }
}

static void notify_observers(struct timer *timer, coax_instant now) {
    struct topic *topic = COAX_CONTAINER(timer, struct topic, timer);
    struct request_layer *layer = layer_of(topic);
    struct list_node *node;
    (void)coax_timer_arm(layer->timers, timer, COAX_NEVER);
    wake_rested(topic, now);
    layer->notifying = topic; /* a handler may do anything, and the last observer's end is the topic's */
    for (int i = 0; i < BATCH && layer->notifying == topic && topic->paused_until <= now; i++) {
        if ((node = list_first(&topic->stale)) == NULL) {
            break;
        }
        ask(COAX_CONTAINER(node, struct observer, link));
    }
    if (layer->notifying == topic) {
        schedule(topic);
    }
    layer->notifying = NULL;
}

/* Section 4.2: what it observed is not there any more. */
static void tell_the_end(struct observer *observer) {
    static const struct bytes nothing = {NULL, 0};
    const struct coax_message message = {
        .code = COAX_NOT_FOUND,
        .token = token_of(observer),
        .options = nothing,
        .payload = nothing,
    };
    observer->remote->transport->cancel(&observer->delivery);
    (void)observer->remote->transport->send(observer->remote, &message, true, NULL, NULL);
}

/* The ones who are busy last: what they wait for may be the call under way. */
static struct observer *any_observer(const struct observed *observed) {
    const struct list_node *first = list_first(&observed->topics);
    if (first == NULL) {
        return NULL;
    }
    const struct topic *topic = COAX_CONTAINER(first, const struct topic, of_observed);
    const struct list_node *const lists[] = {&topic->current, &topic->stale, &topic->resting, &topic->busy};
    struct list_node *node = NULL;
    for (size_t i = 0; i < sizeof lists / sizeof *lists && node == NULL; i++) {
        node = list_first(lists[i]);
    }
    return COAX_CONTAINER(node, struct observer, link);
}

void coax_observed_end(struct observed *observed) {
    struct list_node *node;
    struct observer *observer;
    if (observed->layer == NULL) {
        return;
    }
    request_layer_enter(observed->layer);
    while ((node = list_first(&observed->exchanges)) != NULL) {
        list_remove(node);
        COAX_CONTAINER(node, coax_exchange, of_observed)->observed = NULL;
    }
    while ((observer = any_observer(observed)) != NULL) {
        tell_the_end(observer);
        free_observer(observer);
    }
}
