#include "cli/commands.h"

#include <stddef.h>

/* What is not listed is EXIT_ERROR. */
static const struct {
    enum coax_status status;
    int code;
} codes[] = {
    {COAX_OK, EXIT_OK},
    {COAX_E_INVALID, EXIT_USAGE},
    {COAX_E_TOO_LARGE, EXIT_USAGE},
    {COAX_E_URI, EXIT_USAGE},
    {COAX_E_SYNTAX, EXIT_USAGE},
    {COAX_E_NO_TRANSPORT, EXIT_USAGE},
    {COAX_E_CREDENTIALS_SIZE, EXIT_USAGE},
    {COAX_E_TIMEOUT, EXIT_TIMEOUT},
    {COAX_E_CANCELLED, EXIT_INTERRUPTED},
    {COAX_E_NO_CREDENTIALS, EXIT_SECURITY},
    {COAX_E_CREDENTIALS_KIND, EXIT_SECURITY},
    {COAX_E_CLOSE_NOTIFY, EXIT_SECURITY},
    {COAX_E_TLS_ALERT, EXIT_SECURITY},
    {COAX_E_HANDSHAKE, EXIT_SECURITY},
    {COAX_E_HANDSHAKE_TIMEOUT, EXIT_SECURITY},
    {COAX_E_CERTIFICATE, EXIT_SECURITY},
    {COAX_E_HOST_NAME, EXIT_SECURITY},
};

int exit_code_of(enum coax_status status) {
    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++) {
        if (codes[i].status == status) {
            return codes[i].code;
        }
    }
    return EXIT_ERROR;
}
