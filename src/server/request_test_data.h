/* For tests of this room: requests as they come in, by URI path and query. */
#ifndef COAX_SERVER_REQUEST_TEST_DATA_H
#define COAX_SERVER_REQUEST_TEST_DATA_H

#include "message/option.h"
#include "message/uri_options.h"
#include "server/site.h"

struct test_request {
    struct coax_message message;
    struct option_writer writer;
    uint8_t options[16384];
};

/* "a/b?c=d": percent-encoded, without the leading '/'. */
static inline const struct coax_message *request_for(struct test_request *request, uint8_t code, const char *uri) {
    const char *query = strchr(uri, '?');
    size_t path_size = query != NULL ? (size_t)(query - uri) : strlen(uri);
    request->writer = option_writer_on(request->options, sizeof request->options);
    assert_int_equal(coax_uri_write_path_options(&request->writer, uri, path_size), COAX_OK);
    if (query != NULL) {
        assert_int_equal(coax_uri_write_query_options(&request->writer, query + 1, strlen(query + 1)), COAX_OK);
    }
    request->message = (struct coax_message){.code = code, .options = option_writer_bytes(&request->writer)};
    return &request->message;
}

static inline const struct coax_message *request_with(struct test_request *request, uint16_t number, const void *value,
                                                      size_t size) {
    assert_int_equal(coax_option_write(&request->writer, number, value, size), COAX_OK);
    request->message.options = option_writer_bytes(&request->writer);
    return &request->message;
}

static inline const struct coax_message *request_with_uint(struct test_request *request, uint16_t number,
                                                           uint64_t value) {
    assert_int_equal(coax_option_write_uint(&request->writer, number, value), COAX_OK);
    request->message.options = option_writer_bytes(&request->writer);
    return &request->message;
}

#endif
