#include "cli/base_uri.h"

#include "cli/complain.h"

bool uri_names_resource(const coax_uri *uri) {
    return uri->path_size > 0 || uri->has_query;
}

int base_uri_read(const char *text, const char *purpose, coax_uri *uri) {
    coax_error error;
    if (coax_uri_parse(uri, text, &error) != COAX_OK) {
        return complain(EXIT_USAGE, "'%s' is no URI to %s: %s", text, purpose, error.text);
    }
    if (uri_names_resource(uri)) {
        return complain(EXIT_USAGE, "'%s' names a resource; to %s it takes scheme, address and port only", text,
                        purpose);
    }
    return EXIT_OK;
}
