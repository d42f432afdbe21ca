/* Decodes, walks the options, describes, encodes again and expects the same message; then takes the options apart and
   writes them anew. */
#include "message/datagram_format.h"
#include "message/option.h"

#include <stdlib.h>
#include <string.h>

enum { OUT_MAXIMUM = 1 << 20 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint8_t out[OUT_MAXIMUM];

static void expect(bool condition) {
    if (!condition) {
        abort();
    }
}

static void check_accessors(const struct coax_message *message) {
    size_t token_size = 0;
    coax_message_token(message, &token_size);
    expect(token_size == message->token.size);
    expect((coax_message_payload(message) == NULL) == (coax_message_payload_size(message) == 0));
    expect(coax_message_content_format(message) >= -1 && coax_message_content_format(message) <= UINT16_MAX);
    coax_message_max_age(message);
    struct option_problem problem = {0, NULL};
    expect(coax_message_options_understood(message, NULL, &problem) == (problem.reason == NULL));
}

/* The line's length does not depend on the room for it, and what is written ends in the room. */
static void check_description(const struct coax_message *message) {
    char large[512], small[40];
    size_t length = coax_message_describe(message, large, sizeof large);
    expect(coax_message_describe(message, small, sizeof small) == length);
    expect(coax_message_describe(message, NULL, 0) == length);
    expect(strlen(large) < sizeof large && strlen(small) < sizeof small);
    expect(strncmp(large, small, strlen(small)) == 0);
    for (const char *place = large; *place != '\0'; place++) {
        expect((unsigned char)*place >= 0x20 && *place != 0x7f);
    }
}

static void check_options(const struct coax_message *message, const uint8_t *data, size_t size) {
    struct option_writer writer = option_writer_on(out, sizeof out);
    coax_option option;
    uint16_t previous = 0;
    bool all_written = true;
    for (size_t position = 0; coax_message_next_option(message, &position, &option);) {
        expect(option.number >= previous);
        expect(option.value >= data && option.size <= (size_t)(data + size - option.value));
        coax_option first;
        expect(option.number == previous
               || (coax_message_option(message, option.number, &first) && first.value == option.value
                   && first.size == option.size));
        previous = option.number;
        all_written &= coax_option_write(&writer, option.number, option.value, option.size) == COAX_OK;
    }
    expect(writer.size <= message->options.size);
    if (all_written) {
        struct coax_message written = {.options = option_writer_bytes(&writer)};
        size_t first_position = 0, second_position = 0;
        coax_option copy;
        while (coax_message_next_option(message, &first_position, &option)) {
            expect(coax_message_next_option(&written, &second_position, &copy));
            expect(option.number == copy.number
                   && bytes_equal(bytes_of(option.value, option.size), bytes_of(copy.value, copy.size)));
        }
        expect(!coax_message_next_option(&written, &second_position, &copy));
    }
    coax_option_erase(&writer, previous);
    expect(writer.size == 0 || writer.last < previous);
}

static void check_encoding(const struct coax_message *message, size_t token_maximum) {
    struct coax_message again;
    size_t size = 0;
    expect(coax_datagram_encode(message, out, sizeof out, &size) == COAX_OK);
    expect(coax_datagram_decode(&again, out, size, token_maximum, NULL, NULL) == COAX_OK);
    expect(again.type == message->type && again.code == message->code && again.id == message->id);
    expect(bytes_equal(again.token, message->token) && bytes_equal(again.options, message->options)
           && bytes_equal(again.payload, message->payload));
}

static void check(const uint8_t *data, size_t size, size_t token_maximum) {
    struct coax_message message;
    coax_error error = {.text = ""};
    bool header_read = false;
    if (coax_datagram_decode(&message, data, size, token_maximum, &header_read, &error) != COAX_OK) {
        expect(error.text[0] != '\0');
        return;
    }
    expect(header_read);
    check_accessors(&message);
    check_description(&message);
    check_options(&message, data, size);
    check_encoding(&message, token_maximum);
    coax_message *copy = coax_message_copy(&message);
    if (copy != NULL) {
        expect(bytes_equal(copy->options, message.options) && bytes_equal(copy->payload, message.payload));
        coax_message_free(copy);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < OUT_MAXIMUM) {
        check(data, size, TOKEN_MAXIMUM);
        check(data, size, EXTENDED_TOKEN_MAXIMUM);
    }
    return 0;
}
