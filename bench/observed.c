/* A server for bench/run: one resource, /value, which anybody may PUT and observe, with room for many peers.

   observed PEERS [CREDENTIALS-FILE]

   It prints its URI, that of coap or, with credentials, of coaps on all addresses, and serves until it is ended. */
#include <coax/coax.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { VALUE_MAXIMUM = 64 };

struct value {
    coax_resource *resource;
    char text[VALUE_MAXIMUM];
    size_t size;
};

static void get(coax_exchange *exchange, const coax_message *request, void *user) {
    const struct value *value = user;
    (void)request;
    (void)coax_respond(exchange, COAX_CONTENT, COAX_FORMAT_TEXT, value->text, value->size);
}

static void put(coax_exchange *exchange, const coax_message *request, void *user) {
    struct value *value = user;
    size_t size = coax_message_payload_size(request);
    value->size = size < VALUE_MAXIMUM ? size : VALUE_MAXIMUM;
    memcpy(value->text, size > 0 ? (const char *)coax_message_payload(request) : "", value->size);
    (void)coax_respond(exchange, COAX_CHANGED, COAX_NO_FORMAT, NULL, 0);
    coax_resource_changed(value->resource);
}

int main(int count, char **arguments) {
    struct value value = {.text = "0", .size = 1};
    coax_endpoint *endpoint;
    coax_error error;
    char uri[128];
    coax_endpoint_config settings = COAX_ENDPOINT_CONFIG_INIT;
    coax_resource_config resource = COAX_RESOURCE_CONFIG_INIT;
    settings.max_observers = count > 1 ? (uint32_t)strtoul(arguments[1], NULL, 10) : settings.max_observers;
    settings.max_peers = settings.max_sessions = settings.max_observers + 1000;
    settings.max_replies = settings.max_observers + 1000;
    resource.get = get;
    resource.put = put;
    resource.user = &value;
    resource.observable = true;
    if (coax_endpoint_new(&endpoint, &settings, &error) != COAX_OK
        || (value.resource = coax_site_add(coax_endpoint_site(endpoint), "value", &resource, &error)) == NULL
        || (count > 2
            && coax_credentials_load_file(coax_endpoint_credentials(endpoint), arguments[2], NULL, &error) != COAX_OK)
        || coax_endpoint_listen(endpoint, count > 2 ? "coaps://0.0.0.0:0" : "coap://127.0.0.1:0", &error) != COAX_OK
        || coax_endpoint_listening_uri(endpoint, 0, uri, sizeof uri) != COAX_OK) {
        fprintf(stderr, "observed: %s\n", error.text);
        return 1;
    }
    printf("%s\n", uri);
    fflush(stdout);
    return coax_endpoint_run(endpoint, NULL) == COAX_OK ? 0 : 1;
}
