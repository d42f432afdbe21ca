/* Fetches one resource and prints it: the whole program. Usage: fetch URI [CREDENTIALS-FILE] */
#include <coax/coax.h>
#include <stdio.h>

int main(int count, char **arguments) {
    coax_error error;
    coax_fetch_options options = COAX_FETCH_OPTIONS_INIT;
    options.credentials_file = count > 2 ? arguments[2] : NULL;

    coax_message *response;
    if (coax_fetch(COAX_GET, count > 1 ? arguments[1] : "coap://localhost/time", &options, &response, &error)
        != COAX_OK) {
        fprintf(stderr, "%s\n", error.text);
        return 1;
    }
    fwrite(coax_message_payload(response), 1, coax_message_payload_size(response), stdout);
    coax_message_free(response);
    return 0;
}
