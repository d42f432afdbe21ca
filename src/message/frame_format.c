#include "message/frame_format.h"
#include "base/error.h"
#include "message/nibble.h"

#include <inttypes.h>

enum {
    RESERVED_CLASSES = 1 << 1 | 1 << 6, /* RFC 7252 section 12.1; 7 is signaling */
    WEBSOCKET_HEADER_SIZE = 2,
};

#define CONTENT_MAXIMUM (FOUR_BYTES_OFFSET + UINT32_MAX)

/* Where the code stands, behind the nibbles and the extended length. */
static size_t code_offset(const uint8_t *data) {
    return 1 + nibble_extension(data[0] >> 4);
}

enum coax_status coax_frame_peek(const uint8_t *data, size_t size, const struct frame_limits *limits,
                                 size_t *frame_size, coax_error *error) {
    *frame_size = 0;
    if (size == 0) {
        return COAX_OK;
    }
    unsigned token_nibble = data[0] & 0xf;
    enum coax_status status = coax_body_check_token_nibble(token_nibble, limits->token_maximum, error);
    if (status != COAX_OK) {
        return status;
    }
    /* Without an extended token length, the bytes of the length alone tell. */
    size_t code = code_offset(data), token_extension = nibble_extension(token_nibble);
    size_t needed = token_extension == 0 ? code : code + 1 + token_extension;
    if (size < needed) {
        return COAX_OK;
    }
    uint64_t token_size = nibble_value(token_nibble, data + needed - token_extension);
    status = coax_body_check_token_size(token_size, limits->token_maximum, error);
    if (status != COAX_OK) {
        return status;
    }
    uint64_t whole = code + 1 + token_extension + token_size + nibble_value(data[0] >> 4, data + 1);
    if (whole > limits->message_maximum) {
        return coax_fail(error, COAX_E_TOO_LARGE,
                         "A message of %" PRIu64 " bytes is larger than the %zu bytes of our Max-Message-Size", whole,
                         limits->message_maximum);
    }
    *frame_size = (size_t)whole;
    return COAX_OK;
}

static enum coax_status check_stream_size(const uint8_t *data, size_t size, size_t token_maximum, coax_error *error) {
    const struct frame_limits limits = {SIZE_MAX, token_maximum};
    size_t frame_size = 0;
    enum coax_status status = coax_frame_peek(data, size, &limits, &frame_size, error);
    if (status != COAX_OK) {
        return status;
    }
    if (frame_size == 0) {
        return coax_fail(error, COAX_E_FORMAT, "A frame of %zu bytes ends in its header", size);
    }
    if (frame_size != size) {
        return coax_fail(error, COAX_E_FORMAT, "A frame of %zu bytes says that it has %zu bytes", size, frame_size);
    }
    return COAX_OK;
}

static enum coax_status check_websocket_size(const uint8_t *data, size_t size, size_t token_maximum,
                                             coax_error *error) {
    (void)token_maximum;
    if (size < WEBSOCKET_HEADER_SIZE) {
        return coax_fail(error, COAX_E_FORMAT, "A frame of %zu bytes is shorter than its header of 2 bytes", size);
    }
    if (data[0] >> 4 != 0) {
        return coax_fail(error, COAX_E_FORMAT, "The length at offset 0 is %u, not 0 as it is over WebSocket",
                         (unsigned)data[0] >> 4);
    }
    return COAX_OK;
}

static enum coax_status (*const check_size[])(const uint8_t *, size_t, size_t, coax_error *) = {
    [FRAME_STREAM] = check_stream_size,
    [FRAME_WEBSOCKET] = check_websocket_size,
};

enum coax_status coax_frame_decode(enum frame_form form, struct coax_message *message, const uint8_t *data, size_t size,
                                   size_t token_maximum, coax_error *error) {
    *message = (struct coax_message){.type = COAX_NO_TYPE};
    enum coax_status status = check_size[form](data, size, token_maximum, error);
    if (status != COAX_OK) {
        return status;
    }
    size_t code = code_offset(data);
    message->code = data[code];
    status = coax_body_check_code(message->code, code, RESERVED_CLASSES, error);
    return status != COAX_OK ? status : coax_body_decode(message, data, size, code + 1, token_maximum, error);
}

/* The number that the first nibble starts; RFC 8323 section 3.2: the size from the first option to the end. */
static uint64_t length_field(enum frame_form form, const struct coax_message *message) {
    return form == FRAME_STREAM ? coax_body_content_size(message) : 0;
}

size_t coax_frame_size(enum frame_form form, const struct coax_message *message) {
    uint64_t length = length_field(form, message);
    size_t content = coax_body_content_size(message);
    if (message->token.size > EXTENDED_TOKEN_MAXIMUM || length > CONTENT_MAXIMUM) {
        return SIZE_MAX;
    }
    size_t start = 1 + nibble_extension(nibble_of(length)) + 1 + coax_body_token_size(message);
    return content > SIZE_MAX - start ? SIZE_MAX : start + content;
}

enum coax_status coax_frame_encode(enum frame_form form, const struct coax_message *message, uint8_t *out,
                                   size_t capacity, size_t *size) {
    if (message->token.size > EXTENDED_TOKEN_MAXIMUM) {
        return COAX_E_INVALID;
    }
    size_t needed = coax_frame_size(form, message);
    if (needed == SIZE_MAX || needed > capacity) {
        return COAX_E_TOO_LARGE;
    }
    uint64_t length = length_field(form, message);
    *out++ = (uint8_t)(nibble_of(length) << 4 | nibble_of(message->token.size));
    out = nibble_extend(out, length);
    *out++ = message->code;
    coax_body_encode(out, message);
    *size = needed;
    return COAX_OK;
}
