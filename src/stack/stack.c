#include "stack/stack.h"

#include "base/error.h"
#include "message/signaling.h"
#include "stack/dispatch.h"
#include <stdio.h>
#include <stdlib.h>

static enum coax_status check_range(const char *name, uint32_t value, uint32_t minimum, uint32_t maximum,
                                    coax_error *error) {
    if (value < minimum || value > maximum) {
        return coax_fail(error, COAX_E_INVALID, "The setting %s is %u; it must be from %u to %u", name, (unsigned)value,
                         (unsigned)minimum, (unsigned)maximum);
    }
    return COAX_OK;
}

static enum coax_status check_config(const coax_endpoint_config *config, coax_error *error) {
    enum { DAY_MS = 86400000, TABLE_MAXIMUM = 100000000, MEBIBYTE = 1048576 };
    const struct {
        const char *name;
        uint32_t value, minimum, maximum;
    } ranges[] = {
        {"ack_timeout_ms", config->ack_timeout_ms, 1, DAY_MS},
        {"ack_random_percent", config->ack_random_percent, 100, 1000},
        {"max_retransmit", config->max_retransmit, 0, 20},
        {"nstart", config->nstart, 1, 10000},
        {"congestion_control", (uint32_t)config->congestion_control, COAX_CONGESTION_DEFAULT, COAX_CONGESTION_COCOA},
        {"default_leisure_ms", config->default_leisure_ms, 0, DAY_MS},
        {"exchange_lifetime_ms", config->exchange_lifetime_ms, 1, DAY_MS},
        {"empty_ack_delay_ms", config->empty_ack_delay_ms, 0, DAY_MS},
        {"response_timeout_ms", config->response_timeout_ms, 1, DAY_MS},
        {"max_peers", config->max_peers, 1, TABLE_MAXIMUM},
        {"max_sessions", config->max_sessions, 1, TABLE_MAXIMUM},
        {"max_handshakes", config->max_handshakes, 1, TABLE_MAXIMUM},
        {"max_requests", config->max_requests, 1, TABLE_MAXIMUM},
        {"max_exchanges", config->max_exchanges, 1, TABLE_MAXIMUM},
        {"max_queue_per_peer", config->max_queue_per_peer, 1, 50000},
        {"max_replies", config->max_replies, 1, TABLE_MAXIMUM},
        {"max_replies_per_peer", config->max_replies_per_peer, 1, 60000},
        {"max_message_size", config->max_message_size, 128, 65535},
        {"max_token_size", config->max_token_size, TOKEN_MAXIMUM, TOKEN_ROOM},
        {"token_size", config->token_size, TOKEN_MAXIMUM, config->max_token_size},
        {"block_size", config->block_size, 16, 1024},
        {"max_body_size", config->max_body_size, 1024, UINT32_MAX},
        {"max_body_memory", config->max_body_memory, 1024, UINT32_MAX},
        {"max_bodies", config->max_bodies, 1, TABLE_MAXIMUM},
        {"body_timeout_ms", config->body_timeout_ms, 1, DAY_MS},
        {"max_observers", config->max_observers, 0, TABLE_MAXIMUM},
        {"max_observers_per_peer", config->max_observers_per_peer, 0, TABLE_MAXIMUM},
        {"handshake_timeout_ms", config->handshake_timeout_ms, 1, DAY_MS},
        {"session_idle_ms", config->session_idle_ms, 0, DAY_MS},
        {"max_connections", config->max_connections, 1, TABLE_MAXIMUM},
        {"max_connection_openings", config->max_connection_openings, 1, TABLE_MAXIMUM},
        {"max_requests_per_connection", config->max_requests_per_connection, 1, TABLE_MAXIMUM},
        {"max_stream_message_size", config->max_stream_message_size, MAX_MESSAGE_SIZE_BASE, 16 * MEBIBYTE},
        {"max_stream_output", config->max_stream_output, 1024, 1024 * MEBIBYTE},
        {"max_stream_memory", config->max_stream_memory, 65536, UINT32_MAX},
        {"message_timeout_ms", config->message_timeout_ms, 1, DAY_MS},
        {"ping_interval_ms", config->ping_interval_ms, 0, DAY_MS},
        {"ping_timeout_ms", config->ping_timeout_ms, 1, DAY_MS},
        {"release_timeout_ms", config->release_timeout_ms, 1, DAY_MS},
    };
    if (config->size != sizeof *config) {
        return coax_fail(error, COAX_E_INVALID,
                         "The configuration has a size of %zu bytes, not %zu: begin it with COAX_ENDPOINT_CONFIG_INIT",
                         config->size, sizeof *config);
    }
    for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++) {
        enum coax_status status =
            check_range(ranges[i].name, ranges[i].value, ranges[i].minimum, ranges[i].maximum, error);
        if (status != COAX_OK) {
            return status;
        }
    }
    if ((config->block_size & (config->block_size - 1)) != 0) {
        return coax_fail(error, COAX_E_INVALID, "The setting block_size is %u; it must be a power of 2",
                         (unsigned)config->block_size);
    }
    return COAX_OK;
}

static struct request_settings request_settings_of(const coax_endpoint_config *config) {
    return (struct request_settings){
        .response_timeout_ms = config->response_timeout_ms,
        .max_requests = config->max_requests,
        .max_exchanges = config->max_exchanges,
        .block_size = config->block_size,
        .max_body_size = config->max_body_size,
        .max_body_memory = config->max_body_memory,
        .max_bodies = config->max_bodies,
        .body_timeout_ms = config->body_timeout_ms,
        .max_observers = config->max_observers,
        .max_observers_per_peer = config->max_observers_per_peer,
        .echo_amplified = config->echo_amplified,
        .q_block = config->q_block,
        .non_timeout_ms = config->ack_timeout_ms,
        .non_max_retransmit = config->max_retransmit,
        .token_size = config->token_size,
        .max_token_size = config->max_token_size,
    };
}

static struct datagram_settings datagram_settings_of(const coax_endpoint_config *config) {
    return (struct datagram_settings){
        .ack_timeout_ms = config->ack_timeout_ms,
        .ack_random_percent = config->ack_random_percent,
        .max_retransmit = config->max_retransmit,
        .nstart = config->nstart,
        .congestion_control = config->congestion_control,
        .default_leisure_ms = config->default_leisure_ms,
        .exchange_lifetime_ms = config->exchange_lifetime_ms,
        .empty_ack_delay_ms = config->empty_ack_delay_ms,
        .max_peers = config->max_peers,
        .max_sessions = config->max_sessions,
        .max_handshakes = config->max_handshakes,
        .max_requests = config->max_requests,
        .max_queue_per_peer = config->max_queue_per_peer,
        .max_replies = config->max_replies,
        .max_replies_per_peer = config->max_replies_per_peer,
        .max_message_size = config->max_message_size,
        .max_token_size = config->max_token_size,
        .session_idle_ms = config->session_idle_ms,
        .connection_ids = config->connection_ids,
    };
}

static struct stream_settings stream_settings_of(const coax_endpoint_config *config) {
    return (struct stream_settings){
        .max_connections = config->max_connections,
        .max_connection_openings = config->max_connection_openings,
        .max_queue_per_peer = config->max_queue_per_peer,
        .max_requests_per_connection = config->max_requests_per_connection,
        .max_stream_message_size = config->max_stream_message_size,
        .max_stream_output = config->max_stream_output,
        .max_stream_memory = config->max_stream_memory,
        .handshake_timeout_ms = config->handshake_timeout_ms,
        .message_timeout_ms = config->message_timeout_ms,
        .ping_interval_ms = config->ping_interval_ms,
        .ping_timeout_ms = config->ping_timeout_ms,
        .release_timeout_ms = config->release_timeout_ms,
        .session_idle_ms = config->session_idle_ms,
        .max_token_size = config->max_token_size,
        .origins = config->origins,
        .origin_count = config->origin_count,
        .trust_forwarded = config->trust_forwarded,
    };
}

static void trace_message(void *user, struct coax_remote *remote, const struct coax_message *message, bool sent) {
    const coax_endpoint_config *config = &((struct stack *)user)->config;
    config->observer(remote, message, sent, config->user);
}

/* The transport's events go to the request layer, which is inside the stack. */
static void on_request(void *user, struct coax_remote *remote, const struct coax_message *message,
                       struct incoming *incoming) {
    coax_request_layer_request(&((struct stack *)user)->requests, remote, message, incoming);
}

static bool on_response(void *user, struct coax_remote *remote, const struct coax_message *message) {
    return coax_request_layer_response(&((struct stack *)user)->requests, remote, message);
}

/* A server's operator hears of handshakes that failed and of clients that were sent away; who asks is told anyway. */
static void log_lost(const coax_endpoint_config *config, const struct coax_remote *remote, const coax_error *error) {
    static const enum coax_status warnings[] = {COAX_E_TLS_ALERT,   COAX_E_HANDSHAKE, COAX_E_HANDSHAKE_TIMEOUT,
                                                COAX_E_CERTIFICATE, COAX_E_LIMIT,     COAX_E_NO_MEMORY,
                                                COAX_E_UPGRADE,     COAX_E_FORMAT,    COAX_E_TOO_LARGE};
    if (config->log == NULL || error->status == COAX_E_SHUT_DOWN) {
        return;
    }
    enum coax_log_level level = COAX_LOG_DEBUG;
    for (size_t i = 0; i < sizeof warnings / sizeof *warnings && remote->local.port != 0; i++) {
        level = error->status == warnings[i] ? COAX_LOG_WARNING : level;
    }
    char who[COAX_HOST_MAXIMUM + 100];
    char text[sizeof who + sizeof error->text + 2];
    coax_remote_describe(remote, who, sizeof who);
    (void)snprintf(text, sizeof text, "%s: %s", who, error->text);
    config->log(level, text, config->user);
}

static void on_opened(void *user, struct coax_remote *remote) {
    const coax_endpoint_config *config = &((struct stack *)user)->config;
    if (config->connections != NULL) {
        config->connections(remote, NULL, config->user);
    }
}

/* The program hears of the end of what it was told of, and of what it wanted opened and was not. */
static bool is_worth_telling(const struct coax_remote *remote) {
    bool is_ours = remote->local.port == 0 && remote->scheme != COAX_SCHEME_COAP;
    return remote->is_gone && (remote->was_opened || is_ours);
}

static void on_lost(void *user, struct coax_remote *remote, const coax_error *error) {
    const coax_endpoint_config *config = &((struct stack *)user)->config;
    log_lost(config, remote, error);
    coax_request_layer_lost(&((struct stack *)user)->requests, remote, error);
    if (config->connections != NULL && is_worth_telling(remote)) {
        config->connections(remote, error, config->user);
    }
}

/* Where there are none: a request for a connection is told so. */
static enum coax_status open_nothing(void *user, struct connection *connection, coax_error *error) {
    (void)user;
    (void)connection;
    return coax_fail(error, COAX_E_NO_TRANSPORT, "There are no connections here, only datagrams");
}

static enum coax_status init_streams(struct stack *stack, const struct transport_events *events) {
    const struct stream_settings settings = stream_settings_of(&stack->config);
    if (stack->stream_output.open == NULL) {
        stack->stream_output =
            (struct stream_output){.open = open_nothing, .random = stack->output.random, .user = stack->output.user};
    }
    return coax_stream_layer_init(&stack->streams, &settings, &stack->stream_output, events, &stack->timers);
}

static enum coax_status init_rooms(struct stack *stack) {
    const coax_endpoint_config *config = &stack->config;
    stack->credentials = coax_credentials_new();
    stack->site = coax_site_new();
    stack->text_capacity = config->max_message_size;
    stack->text = malloc(stack->text_capacity);
    stack->requests = (struct request_layer){
        .settings = request_settings_of(config),
        .timers = &stack->timers,
        .random = stack->output.random,
        .random_user = stack->output.user,
        .serve = coax_stack_serve,
        .user = stack,
    };
    struct transport_events events = {
        .request = on_request,
        .response = on_response,
        .lost = on_lost,
        .opened = on_opened,
        .trace = config->observer == NULL ? NULL : trace_message,
        .user = stack,
    };
    struct datagram_settings settings = datagram_settings_of(config);
    enum coax_status status =
        coax_datagram_layer_init(&stack->datagrams, &settings, &stack->output, &events, &stack->timers);
    if (status == COAX_OK) {
        status = init_streams(stack, &events);
    }
    if (status == COAX_OK) {
        status = coax_request_layer_init(&stack->requests);
    }
    bool complete = stack->credentials != NULL && stack->site != NULL && stack->text != NULL;
    return status == COAX_OK && !complete ? COAX_E_NO_MEMORY : status;
}

enum coax_status coax_stack_new(struct stack **result, const coax_endpoint_config *config,
                                const struct datagram_output *output, const struct stream_output *streams,
                                coax_instant now, coax_error *error) {
    static const coax_endpoint_config defaults = COAX_ENDPOINT_CONFIG_INIT;
    config = config == NULL ? &defaults : config;
    enum coax_status status = check_config(config, error);
    if (status != COAX_OK) {
        return status;
    }
    struct stack *stack = calloc(1, sizeof *stack);
    if (stack == NULL) {
        return coax_fail_memory(error);
    }
    stack->config = *config;
    stack->output = *output;
    stack->now = now;
    if (streams != NULL) {
        stack->stream_output = *streams;
    }
    if (init_rooms(stack) != COAX_OK) {
        coax_stack_free(stack);
        return coax_fail_memory(error);
    }
    coax_stack_set_time(stack, now);
    *result = stack;
    return COAX_OK;
}

void coax_stack_free(struct stack *stack) {
    if (stack == NULL) {
        return;
    }
    coax_stack_run(stack); /* who waits for what is over already is told */
    coax_request_layer_shut_down(&stack->requests);
    coax_stream_layer_free(&stack->streams);
    coax_datagram_layer_free(&stack->datagrams);
    coax_request_layer_free(&stack->requests);
    coax_dtls_context_free(stack->dtls);
    coax_tls_context_free(stack->tls);
    coax_site_free(stack->site);
    coax_credentials_free(stack->credentials);
    coax_timer_heap_free(&stack->timers);
    free(stack->text);
    free(stack);
}

enum coax_status coax_stack_enable_dtls(struct stack *stack, coax_error *error) {
    enum { FIRST_FLIGHT_MS = 1000, MTU = 1280, IPV6_UDP_HEADERS = 48 };
    if (stack->dtls != NULL) {
        return COAX_OK;
    }
    struct dtls_settings settings = {
        .handshake_timeout_ms = stack->config.handshake_timeout_ms,
        .retransmit_timeout_ms = FIRST_FLIGHT_MS, /* RFC 6347 section 4.2.4.1 */
        .mtu = MTU - IPV6_UDP_HEADERS,
        .maximum_plaintext = stack->config.max_message_size,
        .without_cids = !stack->config.connection_ids,
    };
    enum coax_status status = coax_dtls_context_new(&stack->dtls, stack->credentials, &settings, error);
    stack->datagrams.dtls = stack->dtls;
    return status;
}

enum coax_status coax_stack_enable_tls(struct stack *stack, coax_error *error) {
    if (stack->tls != NULL) {
        return COAX_OK;
    }
    const struct tls_settings settings = {
        .handshake_timeout_ms = stack->config.handshake_timeout_ms,
        .maximum_output = stack->config.max_stream_output,
    };
    enum coax_status status = coax_tls_context_new(&stack->tls, stack->credentials, &settings, error);
    stack->streams.filters.tls = stack->tls;
    return status;
}

void coax_stack_set_shard(struct stack *stack, uint32_t shard, uint32_t count, hand_over_callback *hand_over) {
    stack->datagrams.shard = shard;
    stack->datagrams.shard_count = count;
    stack->datagrams.hand_over = hand_over;
}

void coax_stack_set_time(struct stack *stack, coax_instant now) {
    stack->now = stack->datagrams.now = stack->streams.now = stack->requests.now = now;
}

void coax_stack_on_entry(struct stack *stack, void (*enter)(void *user), void *user) {
    stack->requests.enter = enter;
    stack->requests.enter_user = user;
}

void coax_stack_receive(struct stack *stack, const struct path *path, bool secure, bool listening, const uint8_t *data,
                        size_t size) {
    coax_datagram_receive(&stack->datagrams, path, secure, listening, data, size);
}

void coax_stack_unreachable(struct stack *stack, const struct path *path, const coax_error *error) {
    coax_datagram_unreachable(&stack->datagrams, path, error);
}

coax_instant coax_stack_deadline(const struct stack *stack) {
    return coax_timer_heap_next(&stack->timers);
}

void coax_stack_run(struct stack *stack) {
    coax_timer_heap_run(&stack->timers, stack->now);
}

enum coax_status coax_stack_remote(struct stack *stack, const struct path *path, bool secure, const char *uri,
                                   const char *host, struct coax_remote **remote, coax_error *error) {
    if (!secure) {
        return coax_datagram_remote(&stack->datagrams, path, remote, error);
    }
    struct credential *credential;
    enum coax_status status =
        coax_credentials_for_uri(stack->credentials, uri, coax_dtls_credential_usable, &credential, error);
    if (status != COAX_OK) {
        return status;
    }
    status = coax_stack_enable_dtls(stack, error);
    if (status == COAX_OK) {
        status = coax_datagram_secure_remote(&stack->datagrams, path, credential, host, remote, error);
    }
    coax_credential_unref(credential);
    return status;
}

bool coax_stack_drop_idle(struct stack *stack, const struct path *path) {
    return coax_datagram_drop_idle(&stack->datagrams, path);
}

enum coax_status coax_stack_connection(struct stack *stack, const coax_uri *uri, const char *normal_uri,
                                       struct coax_remote **remote, coax_error *error) {
    struct stream_target target = {.scheme = uri->scheme, .host = uri->host, .zone = uri->zone, .port = uri->port};
    if (coax_scheme_is_secure(uri->scheme)) {
        enum coax_status status = coax_stack_enable_tls(stack, error);
        if (status == COAX_OK) {
            status = coax_tls_credential_for_uri(stack->credentials, stack->tls, normal_uri, &target.credential, error);
        }
        if (status != COAX_OK) {
            return status;
        }
    }
    enum coax_status status = coax_stream_remote(&stack->streams, &target, remote, error);
    coax_credential_unref(target.credential);
    return status;
}

void coax_stack_flush(struct stack *stack) {
    coax_stream_flush(&stack->streams);
}
