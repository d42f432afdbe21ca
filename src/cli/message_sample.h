/* For tests: a response put together from its parts. */
#ifndef COAX_CLI_MESSAGE_SAMPLE_H
#define COAX_CLI_MESSAGE_SAMPLE_H

#include "message/message.h"
#include "message/option.h"
#include <stdlib.h>
#include <string.h>

struct message_sample {
    struct coax_message message;
    uint8_t options[512];
    struct option_writer writer;
};

static inline void sample_begin(struct message_sample *sample, uint8_t code, const void *payload, size_t size) {
    memset(sample, 0, sizeof *sample);
    sample->writer = option_writer_on(sample->options, sizeof sample->options);
    sample->message.type = COAX_ACK;
    sample->message.code = code;
    sample->message.options = option_writer_bytes(&sample->writer);
    sample->message.payload = bytes_of(payload, size);
}

static inline void sample_option(struct message_sample *sample, uint16_t number, const void *value, size_t size) {
    if (coax_option_write(&sample->writer, number, value, size) != COAX_OK) {
        abort();
    }
    sample->message.options = option_writer_bytes(&sample->writer);
}

static inline void sample_option_text(struct message_sample *sample, uint16_t number, const char *text) {
    sample_option(sample, number, text, strlen(text));
}

static inline void sample_option_uint(struct message_sample *sample, uint16_t number, uint64_t value) {
    if (coax_option_write_uint(&sample->writer, number, value) != COAX_OK) {
        abort();
    }
    sample->message.options = option_writer_bytes(&sample->writer);
}

#endif
