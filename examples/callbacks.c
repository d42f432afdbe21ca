/* Two requests at once, with callbacks on the built-in loop. Usage: callbacks URI URI */
#include <coax/coax.h>
#include <stdio.h>

static int waiting;

static void answered(coax_request *request, const coax_message *response, const coax_error *error, void *user) {
    coax_endpoint *endpoint = user;
    (void)request;
    if (response != NULL) {
        printf("%.*s\n", (int)coax_message_payload_size(response), (const char *)coax_message_payload(response));
    } else {
        fprintf(stderr, "%s\n", error->text);
    }
    if (--waiting == 0) {
        coax_endpoint_stop(endpoint);
    }
}

int main(int count, char **arguments) {
    coax_endpoint *endpoint;
    coax_error error;
    if (coax_endpoint_new(&endpoint, NULL, &error) != COAX_OK) {
        fprintf(stderr, "%s\n", error.text);
        return 1;
    }
    for (int i = 1; i < count; i++) {
        coax_request *request;
        if (coax_request_new(&request, endpoint, COAX_GET, arguments[i], &error) != COAX_OK) {
            fprintf(stderr, "%s\n", error.text);
            continue;
        }
        if (coax_request_send(request, answered, endpoint, &error) != COAX_OK) {
            fprintf(stderr, "%s\n", error.text);
            coax_request_cancel(request);
            continue;
        }
        waiting++;
    }
    if (waiting > 0 && coax_endpoint_run(endpoint, &error) != COAX_OK) {
        fprintf(stderr, "%s\n", error.text);
    }
    coax_endpoint_free(endpoint);
    return 0;
}
