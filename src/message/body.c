#include "message/body.h"
#include "base/error.h"
#include "message/nibble.h"
#include "message/option.h"

#include <inttypes.h>
#include <string.h>

enum { PAYLOAD_MARKER = 0xff };

enum coax_status coax_body_check_code(uint8_t code, size_t offset, unsigned reserved, coax_error *error) {
    if ((reserved >> coax_code_class(code) & 1U) != 0) {
        return coax_fail(error, COAX_E_FORMAT, "The code %u.%02u at offset %zu is of a reserved class",
                         coax_code_class(code), coax_code_detail(code), offset);
    }
    return COAX_OK;
}

enum coax_status coax_body_check_token_nibble(unsigned nibble, size_t token_maximum, coax_error *error) {
    if (nibble == NIBBLE_RESERVED || (token_maximum <= TOKEN_MAXIMUM && nibble > TOKEN_MAXIMUM)) {
        return coax_fail(error, COAX_E_FORMAT, "The token length %u at offset 0 is reserved", nibble);
    }
    return COAX_OK;
}

enum coax_status coax_body_check_token_size(uint64_t token_size, size_t token_maximum, coax_error *error) {
    if (token_size > token_maximum) {
        return coax_fail(error, COAX_E_FORMAT,
                         "The token of %" PRIu64 " bytes is longer than the %zu bytes that are allowed", token_size,
                         token_maximum);
    }
    return COAX_OK;
}

static enum coax_status check_empty(const struct coax_message *message, const uint8_t *data, size_t size,
                                    size_t header_size, coax_error *error) {
    bool has_more = size > header_size || (data[0] & 0xf) != 0;
    if (message->code == COAX_EMPTY && has_more) {
        return coax_fail(error, COAX_E_FORMAT, "An Empty message has more than its header (%zu bytes, token length %u)",
                         size, data[0] & 0xfU);
    }
    return COAX_OK;
}

/* Finds the token; *offset is where the header ends, and then where the token starts. */
static enum coax_status read_token(struct bytes *token, const uint8_t *data, size_t size, size_t *offset,
                                   size_t token_maximum, coax_error *error) {
    unsigned nibble = data[0] & 0xf;
    enum coax_status status = coax_body_check_token_nibble(nibble, token_maximum, error);
    if (status != COAX_OK) {
        return status;
    }
    size_t extension = nibble_extension(nibble);
    if (extension > size - *offset) {
        return coax_fail(error, COAX_E_FORMAT, "The extended token length at offset %zu runs past the end", *offset);
    }
    size_t token_size = (size_t)nibble_value(nibble, data + *offset);
    *offset += extension;
    status = coax_body_check_token_size(token_size, token_maximum, error);
    if (status != COAX_OK) {
        return status;
    }
    if (token_size > size - *offset) {
        return coax_fail(error, COAX_E_FORMAT,
                         "The token of %zu bytes at offset %zu runs past the end of the message (%zu bytes)",
                         token_size, *offset, size);
    }
    *token = bytes_of(data + *offset, token_size);
    return COAX_OK;
}

enum coax_status coax_body_decode(struct coax_message *message, const uint8_t *data, size_t size, size_t header_size,
                                  size_t token_maximum, coax_error *error) {
    enum coax_status status = check_empty(message, data, size, header_size, error);
    if (status != COAX_OK) {
        return status;
    }
    size_t offset = header_size, options_size = 0;
    struct bytes token = bytes_of(NULL, 0), payload = bytes_of(NULL, 0);
    status = read_token(&token, data, size, &offset, token_maximum, error);
    if (status != COAX_OK) {
        return status;
    }
    offset += token.size;
    status = coax_options_scan_in(data, data + offset, size - offset, &options_size, &payload, error);
    if (status != COAX_OK) {
        return status;
    }
    message->token = token;
    message->options = bytes_of(data + offset, options_size);
    message->payload = payload;
    return COAX_OK;
}

size_t coax_body_content_size(const struct coax_message *message) {
    size_t marker = message->payload.size > 0 ? 1 : 0;
    if (message->options.size > SIZE_MAX - marker
        || message->payload.size > SIZE_MAX - marker - message->options.size) {
        return SIZE_MAX;
    }
    return message->options.size + marker + message->payload.size;
}

size_t coax_body_token_size(const struct coax_message *message) {
    return nibble_extension(nibble_of(message->token.size)) + message->token.size;
}

static uint8_t *write_bytes(uint8_t *out, struct bytes bytes) {
    if (bytes.size > 0) {
        memcpy(out, bytes.data, bytes.size);
    }
    return out + bytes.size;
}

uint8_t *coax_body_encode(uint8_t *out, const struct coax_message *message) {
    out = write_bytes(nibble_extend(out, message->token.size), message->token);
    out = write_bytes(out, message->options);
    if (message->payload.size > 0) {
        *out++ = PAYLOAD_MARKER;
        out = write_bytes(out, message->payload);
    }
    return out;
}
