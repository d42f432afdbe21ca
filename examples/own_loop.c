/* The library inside somebody else's loop: one fd, one deadline, one call. Usage: own_loop URI */
#include <coax/coax.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>

static void answered(coax_request *request, const coax_message *response, const coax_error *error, void *user) {
    bool *is_done = user;
    (void)request;
    if (response != NULL) {
        printf("%.*s\n", (int)coax_message_payload_size(response), (const char *)coax_message_payload(response));
    } else {
        fprintf(stderr, "%s\n", error->text);
    }
    *is_done = true;
}

int main(int count, char **arguments) {
    coax_endpoint *endpoint;
    coax_request *request;
    coax_error error;
    bool is_done = false;
    if (coax_endpoint_new(&endpoint, NULL, &error) != COAX_OK
        || coax_request_new(&request, endpoint, COAX_GET, count > 1 ? arguments[1] : "coap://localhost/time", &error)
               != COAX_OK
        || coax_request_send(request, answered, &is_done, &error) != COAX_OK) {
        fprintf(stderr, "%s\n", error.text);
        return 1;
    }
    while (!is_done) {
        struct pollfd wait = {.fd = coax_endpoint_fd(endpoint), .events = POLLIN};
        poll(&wait, 1, coax_endpoint_timeout_ms(endpoint));
        coax_endpoint_process(endpoint, NULL);
    }
    coax_endpoint_free(endpoint);
    return 0;
}
