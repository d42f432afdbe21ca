#include "sim/exchange.h"

#include <assert.h>
#include <string.h>

void sim_set_psk(struct network_node *node, const char *identity, const char *key) {
    coax_error error = {.text = ""};
    enum coax_status status = coax_credentials_set_psk(node->stack->credentials, "coaps://*", identity,
                                                       strlen(identity), key, strlen(key), &error);
    assert(status == COAX_OK);
    status = coax_stack_enable_dtls(node->stack, &error);
    assert(status == COAX_OK);
    (void)status;
}

static void note_outcome(coax_request *request, const coax_message *response, const coax_error *error, void *user) {
    struct outcome *outcome = user;
    (void)request;
    outcome->callbacks++;
    outcome->when = outcome->network->now;
    if (response == NULL) {
        outcome->error = *error;
        return;
    }
    size_t size = coax_message_payload_size(response);
    size = size < sizeof outcome->payload ? size : sizeof outcome->payload - 1;
    outcome->code = coax_message_code(response);
    memcpy(outcome->payload, size == 0 ? (const uint8_t *)"" : coax_message_payload(response), size);
    outcome->payload[size] = '\0';
}

enum coax_status sim_ask(struct network_node *from, struct coax_remote *remote, uint8_t code, const char *path,
                         struct outcome *outcome) {
    *outcome = (struct outcome){.network = from->network};
    coax_stack_set_time(from->stack, from->network->now);
    struct coax_request *request = coax_request_create(&from->stack->requests, code, path);
    assert(request != NULL);
    enum coax_status status = coax_request_add_option(request, COAX_OPTION_URI_PATH, path, strlen(path));
    assert(status == COAX_OK);
    status = coax_request_start(request, note_outcome, outcome, &outcome->error);
    if (status == COAX_OK) {
        status = coax_request_submit(request, remote, &outcome->error);
    }
    if (status != COAX_OK) {
        coax_request_cancel(request);
    }
    return status;
}

enum coax_status sim_ask_node(struct network_node *from, struct network_node *to, uint8_t code, const char *path,
                              struct outcome *outcome) {
    *outcome = (struct outcome){.network = from->network};
    struct coax_remote *remote = network_remote(from, to, "coaps://10.0.0.1/", &outcome->error);
    return remote == NULL ? outcome->error.status : sim_ask(from, remote, code, path, outcome);
}

static void hello(coax_exchange *exchange, const coax_message *request, void *user) {
    (void)request;
    (void)user;
    const char *claim = coax_remote_claim(coax_exchange_remote(exchange));
    (void)coax_respond_text(exchange, COAX_CONTENT, "%s", claim == NULL ? "nobody" : claim);
}

void sim_add_hello(struct network_node *node) {
    coax_resource_config config = COAX_RESOURCE_CONFIG_INIT;
    config.get = hello;
    coax_resource *resource = coax_site_add(node->stack->site, "hello", &config, NULL);
    assert(resource != NULL);
    (void)resource;
}

void sim_pass(struct network *network, uint64_t ms) {
    (void)network_run(network, coax_instant_after_ms(network->now, ms));
}
