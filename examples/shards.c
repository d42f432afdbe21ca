/* Serves on several cores: an endpoint for each thread, on the same port. Usage: shards THREADS [URI] */
#include <coax/coax.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

struct counter {
    const char *uri;
    atomic_ulong visitors; /* what handlers of several threads share, they guard */
};

static coax_endpoint *one_of_them; /* stopping one stops all */

static void stop(int signal_number) {
    (void)signal_number;
    coax_endpoint_stop(one_of_them);
}

static void count(coax_exchange *exchange, const coax_message *request, void *user) {
    struct counter *counter = user;
    (void)request;
    coax_respond_text(exchange, COAX_CONTENT, "%lu", atomic_fetch_add(&counter->visitors, 1) + 1);
}

/* Called for each endpoint, one after the other, before its thread begins. */
static enum coax_status set_up(coax_endpoint *endpoint, void *user, coax_error *error) {
    struct counter *counter = user;
    coax_resource_config config = COAX_RESOURCE_CONFIG_INIT;
    config.get = count;
    config.user = counter;
    if (coax_site_add(coax_endpoint_site(endpoint), "visitors", &config, error) == NULL) {
        return error->status;
    }
    one_of_them = endpoint;
    signal(SIGINT, stop);
    signal(SIGTERM, stop);
    return coax_endpoint_listen(endpoint, counter->uri, error);
}

int main(int argument_count, char **arguments) {
    struct counter counter = {.uri = argument_count > 2 ? arguments[2] : "coap://[::]"};
    unsigned threads = argument_count > 1 ? (unsigned)strtoul(arguments[1], NULL, 10) : 2;
    coax_error error;
    if (coax_shards_run(threads, set_up, &counter, &error) != COAX_OK) {
        fprintf(stderr, "%s\n", error.text);
        return 1;
    }
    return 0;
}
