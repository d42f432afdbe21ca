#include "base/error.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

static void fill(coax_error *error, enum coax_status status, int alert, const char *format, va_list arguments)
    COAX_PRINTF(4, 0);

static void fill(coax_error *error, enum coax_status status, int alert, const char *format, va_list arguments) {
    if (error == NULL) {
        return;
    }
    error->status = status;
    error->alert = alert;
    if (vsnprintf(error->text, sizeof error->text, format, arguments) < 0) {
        error->text[0] = '\0';
    }
}

enum coax_status coax_fail(coax_error *error, enum coax_status status, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    fill(error, status, -1, format, arguments);
    va_end(arguments);
    return status;
}

enum coax_status coax_fail_alert(coax_error *error, enum coax_status status, int alert, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    fill(error, status, alert, format, arguments);
    va_end(arguments);
    return status;
}

enum coax_status coax_fail_memory(coax_error *error) {
    return coax_fail(error, COAX_E_NO_MEMORY, "%s", coax_status_text(COAX_E_NO_MEMORY));
}
