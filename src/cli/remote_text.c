#include "cli/remote_text.h"

#include <stdio.h>
#include <string.h>

/* "SCHEME ADDRESS IDENTITY" is the text that names an anonymous remote, too. */
const char *remote_address(const coax_remote *remote, char out[REMOTE_ADDRESS_CAPACITY]) {
    char key[REMOTE_TEXT_CAPACITY];
    if (coax_remote_blockwise_key(remote, key, sizeof key) == COAX_OK) {
        const char *address = key + strcspn(key, " ");
        address += *address == ' ';
        size_t size = strcspn(address, " ");
        if (size > 0 && size < REMOTE_ADDRESS_CAPACITY) {
            memcpy(out, address, size);
            out[size] = '\0';
            return out;
        }
    }
    (void)snprintf(out, REMOTE_ADDRESS_CAPACITY, "anonymous");
    return out;
}

const char *remote_text(const coax_remote *remote, char out[REMOTE_TEXT_CAPACITY]) {
    char address[REMOTE_ADDRESS_CAPACITY];
    if (remote == NULL) {
        (void)snprintf(out, REMOTE_TEXT_CAPACITY, "(no remote)");
    } else if (coax_remote_uri(remote, out, REMOTE_TEXT_CAPACITY) != COAX_OK) {
        (void)snprintf(out, REMOTE_TEXT_CAPACITY, "%s client at %s", coax_scheme_name(coax_remote_scheme(remote)),
                       remote_address(remote, address));
    }
    return out;
}
