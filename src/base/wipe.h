/* Erasing secrets so that the compiler cannot leave it out. */
#ifndef COAX_BASE_WIPE_H
#define COAX_BASE_WIPE_H

#include <stddef.h>

void coax_wipe(void *data, size_t size);

/* Wipes and frees heap memory; NULL is allowed. */
void coax_wipe_free(void *data, size_t size);

#endif
