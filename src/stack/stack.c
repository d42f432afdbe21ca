#include "stack/stack.h"

#include "base/error.h"
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
    enum { DAY_MS = 86400000, TABLE_MAXIMUM = 100000000 };
    const struct {
        const char *name;
        uint32_t value, minimum, maximum;
    } ranges[] = {
        {"ack_timeout_ms", config->ack_timeout_ms, 1, DAY_MS},
        {"ack_random_percent", config->ack_random_percent, 100, 1000},
        {"max_retransmit", config->max_retransmit, 0, 20},
        {"nstart", config->nstart, 1, 10000},
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
        {"handshake_timeout_ms", config->handshake_timeout_ms, 1, DAY_MS},
        {"session_idle_ms", config->session_idle_ms, 0, DAY_MS},
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
    return COAX_OK;
}

static struct datagram_settings datagram_settings_of(const coax_endpoint_config *config) {
    return (struct datagram_settings){
        .ack_timeout_ms = config->ack_timeout_ms,
        .ack_random_percent = config->ack_random_percent,
        .max_retransmit = config->max_retransmit,
        .nstart = config->nstart,
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
        .session_idle_ms = config->session_idle_ms,
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
                                                COAX_E_CERTIFICATE, COAX_E_LIMIT,     COAX_E_NO_MEMORY};
    if (config->log == NULL || error->status == COAX_E_SHUT_DOWN) {
        return;
    }
    enum coax_log_level level = COAX_LOG_DEBUG;
    for (size_t i = 0; i < sizeof warnings / sizeof *warnings && remote->local.port != 0; i++) {
        level = error->status == warnings[i] ? COAX_LOG_WARNING : level;
    }
    char who[COAX_HOST_MAXIMUM + 100] = "";
    char text[sizeof who + sizeof error->text + 2];
    (void)coax_remote_uri(remote, who, sizeof who);
    (void)snprintf(text, sizeof text, "%s: %s", who, error->text);
    config->log(level, text, config->user);
}

static void on_lost(void *user, struct coax_remote *remote, const coax_error *error) {
    log_lost(&((struct stack *)user)->config, remote, error);
    coax_request_layer_lost(&((struct stack *)user)->requests, remote, error);
}

static enum coax_status init_rooms(struct stack *stack) {
    const coax_endpoint_config *config = &stack->config;
    stack->credentials = coax_credentials_new();
    stack->site = coax_site_new();
    stack->text = malloc(config->max_message_size);
    stack->requests = (struct request_layer){
        .settings = {config->response_timeout_ms, config->max_requests, config->max_exchanges,
                     config->max_message_size},
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
        .trace = config->observer == NULL ? NULL : trace_message,
        .user = stack,
    };
    struct datagram_settings settings = datagram_settings_of(config);
    enum coax_status status =
        coax_datagram_layer_init(&stack->datagrams, &settings, &stack->output, &events, &stack->timers);
    if (status == COAX_OK) {
        status = coax_request_layer_init(&stack->requests);
    }
    bool complete = stack->credentials != NULL && stack->site != NULL && stack->text != NULL;
    return status == COAX_OK && !complete ? COAX_E_NO_MEMORY : status;
}

enum coax_status coax_stack_new(struct stack **result, const coax_endpoint_config *config,
                                const struct datagram_output *output, coax_instant now, coax_error *error) {
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
    coax_request_layer_shut_down(&stack->requests);
    coax_datagram_layer_free(&stack->datagrams);
    coax_request_layer_free(&stack->requests);
    coax_dtls_context_free(stack->dtls);
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
    };
    enum coax_status status = coax_dtls_context_new(&stack->dtls, stack->credentials, &settings, error);
    stack->datagrams.dtls = stack->dtls;
    return status;
}

void coax_stack_set_time(struct stack *stack, coax_instant now) {
    stack->now = stack->datagrams.now = stack->requests.now = now;
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
