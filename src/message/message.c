#include "message/message.h"
#include "base/utf8.h"
#include "base/wipe.h"
#include "message/option.h"

#include <stdlib.h>
#include <string.h>

uint64_t coax_option_uint(const coax_option *option) {
    if (option->size > 8) {
        return UINT64_MAX;
    }
    uint64_t value = 0;
    for (size_t i = 0; i < option->size; i++) {
        value = value << 8 | option->value[i];
    }
    return value;
}

uint8_t coax_message_code(const coax_message *message) {
    return message->code;
}

enum coax_type coax_message_type(const coax_message *message) {
    return message->type;
}

uint16_t coax_message_id(const coax_message *message) {
    return message->id;
}

const uint8_t *coax_message_token(const coax_message *message, size_t *size) {
    *size = message->token.size;
    return message->token.data;
}

const uint8_t *coax_message_payload(const coax_message *message) {
    return message->payload.size == 0 ? NULL : message->payload.data;
}

size_t coax_message_payload_size(const coax_message *message) {
    return message->payload.size;
}

/* The position is the offset of the next option and, in its upper 16 bits, the number of the last one. */
enum { POSITION_SHIFT = sizeof(size_t) * 8 - 16 };

bool coax_message_next_option(const coax_message *message, size_t *position, coax_option *option) {
    size_t offset = *position & OPTIONS_MAXIMUM;
    if (offset >= message->options.size) {
        return false;
    }
    const char *problem = NULL;
    struct bytes rest = bytes_of(message->options.data + offset, message->options.size - offset);
    size_t taken = coax_option_read(rest, (uint16_t)(*position >> POSITION_SHIFT), option, &problem);
    if (taken == 0) {
        return false;
    }
    *position = (size_t)option->number << POSITION_SHIFT | (offset + taken);
    return true;
}

bool coax_message_option(const coax_message *message, uint16_t number, coax_option *option) {
    size_t position = 0;
    coax_option candidate;
    while (coax_message_next_option(message, &position, &candidate) && candidate.number <= number) {
        if (candidate.number == number) {
            *option = candidate;
            return true;
        }
    }
    return false;
}

uint64_t coax_message_option_uint(const coax_message *message, uint16_t number, uint64_t otherwise) {
    coax_option option;
    return coax_message_option(message, number, &option) ? coax_option_uint(&option) : otherwise;
}

/* An elective option of a wrong size counts as absent (RFC 7252 section 5.4.3). */
static uint64_t elective_uint(const coax_message *message, uint16_t number, size_t maximum_size, uint64_t otherwise) {
    coax_option option;
    if (!coax_message_option(message, number, &option) || option.size > maximum_size) {
        return otherwise;
    }
    return coax_option_uint(&option);
}

int coax_message_content_format(const coax_message *message) {
    uint64_t format = elective_uint(message, COAX_OPTION_CONTENT_FORMAT, 2, UINT64_MAX);
    return format > UINT16_MAX ? -1 : (int)format;
}

uint32_t coax_message_max_age(const coax_message *message) {
    return (uint32_t)elective_uint(message, COAX_OPTION_MAX_AGE, 4, 60);
}

/* On the heap: the message, and the bytes that its views point to. */
struct copy {
    struct coax_message message;
    size_t size; /* of all of it */
    uint8_t bytes[];
};

static struct bytes copy_bytes(uint8_t **place, struct bytes bytes) {
    uint8_t *start = *place;
    if (bytes.size > 0) {
        memcpy(start, bytes.data, bytes.size);
    }
    *place += bytes.size;
    return bytes_of(start, bytes.size);
}

coax_message *coax_message_copy(const coax_message *message) {
    size_t size = sizeof(struct copy) + message->token.size + message->options.size + message->payload.size;
    struct copy *copy = malloc(size);
    if (copy == NULL) {
        return NULL;
    }
    uint8_t *place = copy->bytes;
    copy->size = size;
    copy->message = *message;
    copy->message.token = copy_bytes(&place, message->token);
    copy->message.options = copy_bytes(&place, message->options);
    copy->message.payload = copy_bytes(&place, message->payload);
    return &copy->message;
}

void coax_message_free(coax_message *message) {
    struct copy *copy = (struct copy *)(void *)message;
    if (copy != NULL) {
        coax_wipe_free(copy, copy->size);
    }
}

/* Why an option of a known kind is not to be processed (RFC 7252 section 5.4.3, 5.4.5), or NULL. */
static const char *reason_against(const coax_option *option, const coax_option_definition *definition, bool repeated) {
    if (option->size < definition->minimum_size) {
        return "is too short";
    }
    if (option->size > definition->maximum_size) {
        return "is too long";
    }
    if (definition->format == COAX_VALUE_STRING && !coax_utf8_is_valid(option->value, option->size)) {
        return "is not UTF-8";
    }
    return repeated && !definition->repeatable ? "is repeated" : NULL;
}

static const char *reason_against_critical(const coax_option *option, uint8_t code, bool (*supported)(uint16_t number),
                                           bool repeated) {
    const coax_option_definition *definition = coax_option_in(code, option->number);
    if (definition == NULL) {
        return "is critical and unknown";
    }
    if (supported != NULL && !supported(option->number)) {
        return "is critical and not supported here";
    }
    return reason_against(option, definition, repeated);
}

bool coax_message_options_understood(const struct coax_message *message, bool (*supported)(uint16_t number),
                                     struct option_problem *problem) {
    size_t position = 0;
    uint32_t previous = UINT32_MAX;
    coax_option option;
    while (coax_message_next_option(message, &position, &option)) {
        const char *reason = NULL;
        if (coax_option_is_critical(option.number)) {
            reason = reason_against_critical(&option, message->code, supported, option.number == previous);
        }
        if (reason != NULL) {
            *problem = (struct option_problem){option.number, reason};
            return false;
        }
        previous = option.number;
    }
    return true;
}
