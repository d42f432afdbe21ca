#include "cli/release.h"

#include "cli/interrupt.h"

enum { RELEASE_MS = 2000, SLICE_MS = 50 };

/* A signal does not end coax_endpoint_release(), so it is asked for short times. */
void release_connections(coax_endpoint *endpoint) {
    for (int waited_ms = 0; waited_ms < RELEASE_MS && !interrupted(); waited_ms += SLICE_MS) {
        if (coax_endpoint_release(endpoint, SLICE_MS, NULL) != COAX_E_TIMEOUT) {
            return;
        }
    }
}

void release_connections_at_the_end(coax_endpoint *endpoint) {
    (void)coax_endpoint_release(endpoint, RELEASE_MS, NULL);
}
