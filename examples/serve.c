/* Serves a temperature that can be read, set and observed. Usage: serve [URI] [CREDENTIALS-FILE] */
#include <coax/coax.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct room {
    double celsius;
    coax_resource *temperature;
};

static coax_endpoint *endpoint;

static void read_temperature(coax_exchange *exchange, const coax_message *request, void *user) {
    const struct room *room = user;
    (void)request;
    coax_respond_text(exchange, COAX_CONTENT, "%.1f", room->celsius);
}

static void set_temperature(coax_exchange *exchange, const coax_message *request, void *user) {
    struct room *room = user;
    char text[16] = "";
    size_t size = coax_message_payload_size(request);
    if (size == 0 || size >= sizeof text) {
        coax_respond_text(exchange, COAX_BAD_REQUEST, "a number, please");
        return;
    }
    memcpy(text, coax_message_payload(request), size);
    room->celsius = strtod(text, NULL);
    coax_resource_changed(room->temperature);
    coax_respond(exchange, COAX_CHANGED, COAX_NO_FORMAT, NULL, 0);
}

static void stop(int signal_number) {
    (void)signal_number;
    coax_endpoint_stop(endpoint);
}

int main(int count, char **arguments) {
    const char *uri = count > 1 ? arguments[1] : "coap://[::]";
    struct room room = {21.5, NULL};
    char serving[128];
    coax_error error;
    if (coax_endpoint_new(&endpoint, NULL, &error) != COAX_OK
        || (count > 2
            && coax_credentials_load_file(coax_endpoint_credentials(endpoint), arguments[2], NULL, &error) != COAX_OK)
        || coax_endpoint_listen(endpoint, uri, &error) != COAX_OK) {
        fprintf(stderr, "%s\n", error.text);
        return 1;
    }
    coax_resource_config temperature = COAX_RESOURCE_CONFIG_INIT;
    temperature.get = read_temperature;
    temperature.put = set_temperature;
    temperature.user = &room;
    temperature.resource_type = "temperature";
    temperature.observable = true;
    room.temperature = coax_site_add(coax_endpoint_site(endpoint), "rooms/kitchen", &temperature, &error);
    if (room.temperature == NULL) {
        fprintf(stderr, "%s\n", error.text);
        return 1;
    }
    signal(SIGINT, stop);
    signal(SIGTERM, stop);
    if (coax_endpoint_listening_uri(endpoint, 0, serving, sizeof serving) == COAX_OK) {
        printf("%s/rooms/kitchen\n", serving);
        fflush(stdout);
    }
    if (coax_endpoint_run(endpoint, &error) != COAX_OK) {
        fprintf(stderr, "%s\n", error.text);
    }
    coax_endpoint_free(endpoint);
    return 0;
}
