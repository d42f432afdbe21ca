#include "message/datagram_format.h"
#include "base/error.h"
#include "message/option.h"

#include <string.h>

enum {
    VERSION = 1,
    PAYLOAD_MARKER = 0xff,
    /* RFC 8974 section 2.1 */
    TOKEN_ONE_BYTE = 13,
    TOKEN_TWO_BYTES = 14,
    TOKEN_RESERVED = 15,
    ONE_BYTE_OFFSET = 13,
    TWO_BYTES_OFFSET = 269,
};

static enum coax_status read_header(struct coax_message *message, const uint8_t *data, size_t size, coax_error *error) {
    if (size < DATAGRAM_HEADER_SIZE) {
        return coax_fail(error, COAX_E_FORMAT, "A datagram of %zu bytes is shorter than the CoAP header of 4 bytes",
                         size);
    }
    unsigned version = data[0] >> 6;
    if (version != VERSION) {
        return coax_fail(error, COAX_E_FORMAT, "The version at offset 0 is %u, not 1", version);
    }
    message->type = (enum coax_type)(data[0] >> 4 & 3);
    message->code = data[1];
    message->id = (uint16_t)(data[2] << 8 | data[3]);
    return COAX_OK;
}

static bool is_reserved_class(uint8_t code) {
    unsigned class_ = coax_code_class(code);
    return class_ == 1 || class_ == 6 || class_ == 7;
}

static enum coax_status check_code(const struct coax_message *message, const uint8_t *data, size_t size,
                                   coax_error *error) {
    if (is_reserved_class(message->code)) {
        return coax_fail(error, COAX_E_FORMAT, "The code %u.%02u at offset 1 is of a reserved class",
                         coax_code_class(message->code), coax_code_detail(message->code));
    }
    bool has_more = size > DATAGRAM_HEADER_SIZE || (data[0] & 0xf) != 0;
    if (message->code == COAX_EMPTY && has_more) {
        return coax_fail(error, COAX_E_FORMAT, "An Empty message has more than its header (%zu bytes, token length %u)",
                         size, data[0] & 0xfU);
    }
    return COAX_OK;
}

/* The token's size and, in *offset, its place. Without extended tokens every length over 8 is reserved; with them only
 * 15 is (RFC 8974 section 2.1). */
static enum coax_status read_token_size(const uint8_t *data, size_t size, size_t token_maximum, size_t *offset,
                                        size_t *token_size, coax_error *error) {
    unsigned nibble = data[0] & 0xf;
    if (nibble == TOKEN_RESERVED || (token_maximum <= TOKEN_MAXIMUM && nibble > TOKEN_MAXIMUM)) {
        return coax_fail(error, COAX_E_FORMAT, "The token length %u at offset 0 is reserved", nibble);
    }
    size_t extended = nibble == TOKEN_ONE_BYTE ? 1 : nibble == TOKEN_TWO_BYTES ? 2 : 0;
    if (extended > size - DATAGRAM_HEADER_SIZE) {
        return coax_fail(error, COAX_E_FORMAT, "The extended token length at offset 4 runs past the end");
    }
    const uint8_t *bytes = data + DATAGRAM_HEADER_SIZE;
    *offset = DATAGRAM_HEADER_SIZE + extended;
    *token_size = extended == 0   ? nibble
                  : extended == 1 ? (size_t)bytes[0] + ONE_BYTE_OFFSET
                                  : ((size_t)bytes[0] << 8 | bytes[1]) + TWO_BYTES_OFFSET;
    if (*token_size > token_maximum) {
        return coax_fail(error, COAX_E_FORMAT, "The token of %zu bytes is longer than the %zu bytes that are allowed",
                         *token_size, token_maximum);
    }
    if (*token_size > size - *offset) {
        return coax_fail(error, COAX_E_FORMAT,
                         "The token of %zu bytes at offset %zu runs past the end of the message (%zu bytes)",
                         *token_size, *offset, size);
    }
    return COAX_OK;
}

static enum coax_status read_body(struct coax_message *message, const uint8_t *data, size_t size, size_t token_maximum,
                                  coax_error *error) {
    enum coax_status status = check_code(message, data, size, error);
    if (status != COAX_OK) {
        return status;
    }
    size_t offset = 0, token_size = 0, options_size = 0;
    status = read_token_size(data, size, token_maximum, &offset, &token_size, error);
    if (status != COAX_OK) {
        return status;
    }
    struct bytes payload;
    const uint8_t *options = data + offset + token_size;
    status = coax_options_scan_in(data, options, size - offset - token_size, &options_size, &payload, error);
    if (status != COAX_OK) {
        return status;
    }
    message->token = bytes_of(data + offset, token_size);
    message->options = bytes_of(options, options_size);
    message->payload = payload;
    return COAX_OK;
}

enum coax_status coax_datagram_decode(struct coax_message *message, const uint8_t *data, size_t size,
                                      size_t token_maximum, bool *header_read, coax_error *error) {
    *message = (struct coax_message){0};
    enum coax_status status = read_header(message, data, size, error);
    if (header_read != NULL) {
        *header_read = status == COAX_OK;
    }
    return status != COAX_OK ? status : read_body(message, data, size, token_maximum, error);
}

static uint8_t *write_bytes(uint8_t *out, struct bytes bytes) {
    if (bytes.size > 0) {
        memcpy(out, bytes.data, bytes.size);
    }
    return out + bytes.size;
}

static unsigned token_nibble(size_t size) {
    return size < ONE_BYTE_OFFSET ? (unsigned)size : size < TWO_BYTES_OFFSET ? TOKEN_ONE_BYTE : TOKEN_TWO_BYTES;
}

static uint8_t *write_header(uint8_t *out, const struct coax_message *message) {
    size_t token_size = message->token.size;
    unsigned nibble = token_nibble(token_size);
    *out++ = (uint8_t)(VERSION << 6 | ((unsigned)message->type & 3) << 4 | nibble);
    *out++ = message->code;
    *out++ = (uint8_t)(message->id >> 8);
    *out++ = (uint8_t)message->id;
    if (nibble == TOKEN_ONE_BYTE) {
        *out++ = (uint8_t)(token_size - ONE_BYTE_OFFSET);
    } else if (nibble == TOKEN_TWO_BYTES) {
        *out++ = (uint8_t)((token_size - TWO_BYTES_OFFSET) >> 8);
        *out++ = (uint8_t)(token_size - TWO_BYTES_OFFSET);
    }
    return out;
}

/* The room that the message needs, or SIZE_MAX if that is more than a size_t holds. */
static size_t encoded_size(const struct coax_message *message) {
    unsigned nibble = token_nibble(message->token.size);
    size_t extended = nibble == TOKEN_ONE_BYTE ? 1 : nibble == TOKEN_TWO_BYTES ? 2 : 0;
    size_t size = DATAGRAM_HEADER_SIZE + extended + message->token.size + (message->payload.size > 0 ? 1 : 0);
    if (message->options.size > SIZE_MAX - size || message->payload.size > SIZE_MAX - size - message->options.size) {
        return SIZE_MAX;
    }
    return size + message->options.size + message->payload.size;
}

enum coax_status coax_datagram_encode(const struct coax_message *message, uint8_t *out, size_t capacity, size_t *size) {
    if (message->token.size > EXTENDED_TOKEN_MAXIMUM) {
        return COAX_E_INVALID;
    }
    size_t needed = encoded_size(message);
    if (needed > capacity) {
        return COAX_E_TOO_LARGE;
    }
    out = write_bytes(write_header(out, message), message->token);
    out = write_bytes(out, message->options);
    if (message->payload.size > 0) {
        *out++ = PAYLOAD_MARKER;
        write_bytes(out, message->payload);
    }
    *size = needed;
    return COAX_OK;
}
