/* Any text as a URI, and any bytes as the options of a request: what parses has a normal form that stays the same, and
 * makes options that make the same URI. */
#include "message/uri_options.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool condition) {
    if (!condition) {
        abort();
    }
}

enum { TEXT_MAXIMUM = 16384 };

static void check_options(const coax_uri *uri, const char *normal) {
    static uint8_t buffer[TEXT_MAXIMUM];
    static char hostinfo[1024];
    static char composed[TEXT_MAXIMUM];
    struct option_writer writer = option_writer_on(buffer, sizeof buffer);
    if (coax_uri_to_options(uri, &writer) != COAX_OK) {
        return;
    }
    struct coax_message message = {.code = COAX_GET, .options = option_writer_bytes(&writer)};
    require(coax_uri_write_hostinfo(uri, hostinfo, sizeof hostinfo) == COAX_OK);
    require(coax_uri_from_options(&message, uri->scheme, hostinfo, composed, sizeof composed) == COAX_OK);
    require(strcmp(composed, normal) == 0);
}

static void check_text(const char *text) {
    static char normal[TEXT_MAXIMUM];
    static char again[TEXT_MAXIMUM];
    coax_uri uri;
    coax_error error = {.status = COAX_OK};
    enum coax_status status = coax_uri_parse(&uri, text, &error);
    require(status == error.status);
    require(status == COAX_OK || error.text[0] != '\0');
    if (status != COAX_OK || coax_uri_write(&uri, normal, sizeof normal) != COAX_OK) {
        return;
    }
    check_options(&uri, normal);
    require(coax_uri_parse(&uri, normal, NULL) == COAX_OK);
    require(coax_uri_write(&uri, again, sizeof again) == COAX_OK);
    require(strcmp(normal, again) == 0);
}

static void check_message(const uint8_t *data, size_t size) {
    static char composed[TEXT_MAXIMUM];
    struct bytes payload;
    size_t options_size;
    if (coax_options_scan(data, size, &options_size, &payload, NULL) != COAX_OK) {
        return;
    }
    struct coax_message message = {.code = COAX_GET, .options = bytes_of(data, options_size)};
    (void)coax_message_path(&message, composed, sizeof composed);
    if (coax_uri_from_options(&message, COAX_SCHEME_COAPS, "[::1]:5684", composed, sizeof composed) == COAX_OK) {
        coax_uri uri;
        /* A value that is too long or not UTF-8 is written, but cannot be requested again. */
        (void)coax_uri_parse(&uri, composed, NULL);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char *text = malloc(size + 1);
    if (text == NULL) {
        return 0;
    }
    if (size > 0) {
        memcpy(text, data, size);
    }
    text[size] = '\0';
    check_text(text);
    free(text);
    check_message(data, size);
    return 0;
}
