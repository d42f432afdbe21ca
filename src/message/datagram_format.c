#include "message/datagram_format.h"
#include "base/error.h"
#include "message/nibble.h"

enum {
    VERSION = 1,
    RESERVED_CLASSES = 1 << 1 | 1 << 6 | 1 << 7, /* RFC 7252 section 12.1; signaling is for streams (RFC 8323) */
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

enum coax_status coax_datagram_decode(struct coax_message *message, const uint8_t *data, size_t size,
                                      size_t token_maximum, bool *header_read, coax_error *error) {
    *message = (struct coax_message){0};
    enum coax_status status = read_header(message, data, size, error);
    if (header_read != NULL) {
        *header_read = status == COAX_OK;
    }
    if (status == COAX_OK) {
        status = coax_body_check_code(message->code, 1, RESERVED_CLASSES, error);
    }
    return status != COAX_OK ? status
                             : coax_body_decode(message, data, size, DATAGRAM_HEADER_SIZE, token_maximum, error);
}

static uint8_t *write_header(uint8_t *out, const struct coax_message *message) {
    *out++ = (uint8_t)(VERSION << 6 | ((unsigned)message->type & 3) << 4 | nibble_of(message->token.size));
    *out++ = message->code;
    *out++ = (uint8_t)(message->id >> 8);
    *out++ = (uint8_t)message->id;
    return out;
}

enum coax_status coax_datagram_encode(const struct coax_message *message, uint8_t *out, size_t capacity, size_t *size) {
    if (message->token.size > EXTENDED_TOKEN_MAXIMUM) {
        return COAX_E_INVALID;
    }
    size_t start = DATAGRAM_HEADER_SIZE + coax_body_token_size(message), content = coax_body_content_size(message);
    if (content > SIZE_MAX - start || start + content > capacity) {
        return COAX_E_TOO_LARGE;
    }
    coax_body_encode(write_header(out, message), message);
    *size = start + content;
    return COAX_OK;
}
