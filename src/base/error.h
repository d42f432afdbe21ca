/* How every room fills a coax_error. */
#ifndef COAX_BASE_ERROR_H
#define COAX_BASE_ERROR_H

#include <coax/status.h>

/* Fills *error (may be NULL) and returns `status`, so that a function can end with `return coax_fail(error, COAX_E_...,
 * "...")`. A text that is too long is cut. */
enum coax_status coax_fail(coax_error *error, enum coax_status status, const char *format, ...) COAX_PRINTF(3, 4);

/* The same for a TLS alert: sets error->alert. */
enum coax_status coax_fail_alert(coax_error *error, enum coax_status status, int alert, const char *format, ...)
    COAX_PRINTF(4, 5);

/* COAX_E_NO_MEMORY with its standard text. */
enum coax_status coax_fail_memory(coax_error *error);

#endif
