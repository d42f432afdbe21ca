/* For tests of what `coax serve` serves: an endpoint on loopback that asks itself. */
#ifndef COAX_CLI_SERVE_ASK_H
#define COAX_CLI_SERVE_ASK_H

#include <coax/coax.h>
#include <stdio.h>
#include <string.h>

struct asked_option {
    uint16_t number;
    const char *value;
    size_t size;
};

/* What a request carries beside its path; all zero: nothing. */
struct ask {
    const struct asked_option *options;
    size_t option_count;
    const char *payload;
    size_t payload_size;
    bool has_format;
    int format;
};

struct answered {
    coax_endpoint *endpoint;
    unsigned count;
    uint8_t code; /* 0: an error */
    int format;
    uint32_t max_age;
    uint8_t etag[8];
    size_t etag_size;
    char payload[4096]; /* NUL-terminated */
    size_t size;
};

static inline void take_answer(coax_request *request, const coax_message *response, const coax_error *error,
                               void *user) {
    struct answered *answered = user;
    coax_option option;
    (void)request;
    answered->count++;
    coax_endpoint_stop(answered->endpoint);
    if (response == NULL) {
        print_message("%s\n", error->text);
        return;
    }
    answered->code = coax_message_code(response);
    answered->format = coax_message_content_format(response);
    answered->max_age = coax_message_max_age(response);
    answered->size = coax_message_payload_size(response);
    if (answered->size > 0) {
        memcpy(answered->payload, coax_message_payload(response), answered->size);
    }
    answered->payload[answered->size] = '\0';
    if (coax_message_option(response, COAX_OPTION_ETAG, &option)) {
        answered->etag_size = option.size;
        memcpy(answered->etag, option.value, option.size);
    }
}

/* An endpoint that listens on a free port of loopback. */
static inline coax_endpoint *ask_set_up(void) {
    coax_endpoint *endpoint = NULL;
    assert_int_equal(coax_endpoint_new(&endpoint, NULL, NULL), COAX_OK);
    assert_int_equal(coax_endpoint_listen(endpoint, "coap://127.0.0.1:0", NULL), COAX_OK);
    return endpoint;
}

/* Sends a request for a path and query such as "/a?b" and waits for the answer. */
static inline struct answered ask_with(coax_endpoint *endpoint, uint8_t code, const char *path, const struct ask *ask) {
    struct answered answered = {.endpoint = endpoint};
    char base[128];
    char uri[2048];
    coax_request *request = NULL;
    assert_int_equal(coax_endpoint_listening_uri(endpoint, 0, base, sizeof base), COAX_OK);
    snprintf(uri, sizeof uri, "%s%s", base, path);
    assert_int_equal(coax_request_new(&request, endpoint, code, uri, NULL), COAX_OK);
    for (size_t i = 0; i < ask->option_count; i++) {
        const struct asked_option *option = &ask->options[i];
        assert_int_equal(coax_request_add_option(request, option->number, option->value, option->size), COAX_OK);
    }
    if (ask->payload != NULL || ask->has_format) {
        int format = ask->has_format ? ask->format : COAX_NO_FORMAT;
        assert_int_equal(coax_request_set_payload(request, format, ask->payload, ask->payload_size), COAX_OK);
    }
    assert_int_equal(coax_request_send(request, take_answer, &answered, NULL), COAX_OK);
    while (answered.count == 0) {
        assert_int_equal(coax_endpoint_run(endpoint, NULL), COAX_OK);
    }
    return answered;
}

static inline struct answered ask_for(coax_endpoint *endpoint, uint8_t code, const char *path) {
    const struct ask nothing = {.options = NULL};
    return ask_with(endpoint, code, path, &nothing);
}

static inline struct answered ask_accepting(coax_endpoint *endpoint, const char *path, uint8_t format) {
    const char value = (char)format;
    const struct asked_option accept = {COAX_OPTION_ACCEPT, &value, format > 0 ? 1 : 0};
    const struct ask ask = {.options = &accept, .option_count = 1};
    return ask_with(endpoint, COAX_GET, path, &ask);
}

static inline struct answered ask_to_put(coax_endpoint *endpoint, uint8_t code, const char *path, const char *payload) {
    const struct ask ask = {.payload = payload, .payload_size = strlen(payload)};
    return ask_with(endpoint, code, path, &ask);
}

/* What is observed. */
struct watched {
    coax_endpoint *endpoint;
    coax_observation *observation; /* NULL when it has ended */
    unsigned states;
    uint8_t code;       /* of the last one, or of the end */
    char payload[4096]; /* NUL-terminated */
};

static inline void take_state(coax_observation *observation, const coax_message *state, const coax_error *error,
                              void *user) {
    struct watched *watched = user;
    (void)observation;
    coax_endpoint_stop(watched->endpoint);
    watched->states++;
    watched->code = state != NULL ? coax_message_code(state) : 0;
    size_t size = state != NULL ? coax_message_payload_size(state) : 0;
    assert_true(size < sizeof watched->payload);
    memcpy(watched->payload, size > 0 ? (const char *)coax_message_payload(state) : "", size);
    watched->payload[size] = '\0';
    watched->observation = error == NULL ? watched->observation : NULL;
}

/* Waits until so many states came, the end among them. */
static inline void await_states(struct watched *watched, unsigned states) {
    while (watched->states < states) {
        assert_int_equal(coax_endpoint_run(watched->endpoint, NULL), COAX_OK);
    }
    assert_int_equal(watched->states, states);
}

/* Observes a path and waits for its state. `watched` stays where it is until the end. */
static inline void watch_path(coax_endpoint *endpoint, const char *path, struct watched *watched) {
    char base[128];
    char uri[2048];
    *watched = (struct watched){.endpoint = endpoint};
    assert_int_equal(coax_endpoint_listening_uri(endpoint, 0, base, sizeof base), COAX_OK);
    snprintf(uri, sizeof uri, "%s%s", base, path);
    assert_int_equal(coax_observe(endpoint, uri, NULL, take_state, watched, &watched->observation, NULL), COAX_OK);
    await_states(watched, 1);
}

#endif
