/* Prints a resource's state now, and each new one, until Ctrl-C. Usage: observe URI */
#include <coax/coax.h>
#include <signal.h>
#include <stdio.h>

static coax_endpoint *endpoint;
static coax_observation *observation;

static void changed(coax_observation *which, const coax_message *state, const coax_error *error, void *user) {
    (void)which;
    (void)user;
    if (error != NULL) {
        fprintf(stderr, "%s\n", error->text);
        observation = NULL; /* it is over */
        coax_endpoint_stop(endpoint);
        return;
    }
    printf("%.*s\n", (int)coax_message_payload_size(state), (const char *)coax_message_payload(state));
    fflush(stdout);
}

static void stop(int signal_number) {
    (void)signal_number;
    coax_endpoint_stop(endpoint);
}

int main(int count, char **arguments) {
    coax_error error;
    if (count < 2 || coax_endpoint_new(&endpoint, NULL, &error) != COAX_OK) {
        fprintf(stderr, "%s\n", count < 2 ? "observe what? Usage: observe URI" : error.text);
        return 1;
    }
    signal(SIGINT, stop);
    signal(SIGTERM, stop);
    if (coax_observe(endpoint, arguments[1], NULL, changed, NULL, &observation, &error) != COAX_OK
        || coax_endpoint_run(endpoint, &error) != COAX_OK) {
        fprintf(stderr, "%s\n", error.text);
    }
    coax_observation_cancel(observation); /* the server is told */
    coax_endpoint_free(endpoint);
    return 0;
}
