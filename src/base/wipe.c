#include "base/wipe.h"

#include <stdlib.h>
#include <string.h>

void coax_wipe(void *data, size_t size) {
    if (data != NULL) {
        explicit_bzero(data, size);
    }
}

void coax_wipe_free(void *data, size_t size) {
    coax_wipe(data, size);
    free(data);
}
