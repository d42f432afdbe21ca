#include "cli/output.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What may stand as it is in a path segment (RFC 3986: unreserved, sub-delims, ':' and '@'); in a query also '/' and
   '?', but not '&', which separates arguments (RFC 7252 section 6.5). */
static bool stands(uint8_t byte, bool in_query) {
    static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~!$'()*+,;=:@";
    return byte != '\0' && (strchr(plain, byte) != NULL || strchr(in_query ? "/?" : "&", byte) != NULL);
}

static void write_part(FILE *file, char before, const coax_option *option, bool in_query) {
    fputc(before, file);
    for (size_t i = 0; i < option->size; i++) {
        if (stands(option->value[i], in_query)) {
            fputc(option->value[i], file);
        } else {
            fprintf(file, "%%%02X", option->value[i]);
        }
    }
}

char *location_of(const coax_message *message) {
    coax_option option;
    if (!coax_message_option(message, COAX_OPTION_LOCATION_PATH, &option)) {
        return NULL;
    }
    char *text = NULL;
    size_t size = 0;
    FILE *file = open_memstream(&text, &size);
    if (file == NULL) {
        return NULL;
    }
    bool first_argument = true;
    for (size_t position = 0; coax_message_next_option(message, &position, &option);) {
        if (option.number == COAX_OPTION_LOCATION_PATH) {
            write_part(file, '/', &option, false);
        } else if (option.number == COAX_OPTION_LOCATION_QUERY) {
            write_part(file, first_argument ? '?' : '&', &option, true);
            first_argument = false;
        }
    }
    if (fclose(file) != 0) {
        free(text);
        return NULL;
    }
    return text;
}
