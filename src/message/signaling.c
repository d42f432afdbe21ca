#include "message/signaling.h"
#include "base/error.h"
#include "base/utf8.h"
#include "message/body.h"

#include <stdio.h>
#include <string.h>

enum { DIAGNOSTIC_EXCERPT = 320 };

/* RFC 8613 defines OSCORE for signaling too; nothing critical is supported there. */
static bool supports_nothing(uint16_t number) {
    (void)number;
    return false;
}

bool coax_signaling_understood(const struct coax_message *message, struct option_problem *problem) {
    return coax_message_options_understood(message, supports_nothing, problem);
}

/* The first option with this number in a message of this code, if its size is one that it can have. */
static bool find(const struct coax_message *message, uint8_t code, uint16_t number, coax_option *option) {
    const coax_option_definition *definition = coax_option_in(code, number);
    return message->code == code && definition != NULL && coax_message_option(message, number, option)
           && option->size >= definition->minimum_size && option->size <= definition->maximum_size;
}

static uint32_t find_uint(const struct coax_message *message, uint8_t code, uint16_t number, uint32_t otherwise) {
    coax_option option;
    return find(message, code, number, &option) ? (uint32_t)coax_option_uint(&option) : otherwise;
}

/* RFC 8974 section 2.2.1: a smaller value than the base is ignored, a larger one than possible stands for that. */
static uint32_t token_maximum_of(uint32_t value, uint32_t otherwise) {
    if (value < TOKEN_MAXIMUM) {
        return otherwise;
    }
    return value > EXTENDED_TOKEN_MAXIMUM ? EXTENDED_TOKEN_MAXIMUM : value;
}

void coax_csm_read(const struct coax_message *csm, struct capabilities *capabilities) {
    coax_option option;
    capabilities->max_message_size =
        find_uint(csm, COAX_CSM, SIGNALING_MAX_MESSAGE_SIZE, capabilities->max_message_size);
    capabilities->token_maximum =
        token_maximum_of(find_uint(csm, COAX_CSM, SIGNALING_EXTENDED_TOKEN_LENGTH, capabilities->token_maximum),
                         capabilities->token_maximum);
    capabilities->block_wise_transfer |= find(csm, COAX_CSM, SIGNALING_BLOCK_WISE_TRANSFER, &option);
}

bool coax_signaling_has_custody(const struct coax_message *message) {
    coax_option option;
    return find(message, COAX_PING, SIGNALING_CUSTODY, &option) || find(message, COAX_PONG, SIGNALING_CUSTODY, &option);
}

bool coax_release_next_address(const struct coax_message *release, size_t *position, struct bytes *address) {
    coax_option option;
    while (coax_message_next_option(release, position, &option)) {
        bool is_address = option.number == SIGNALING_ALTERNATIVE_ADDRESS && release->code == COAX_RELEASE;
        if (is_address && option.size >= 1 && option.size <= 255 && coax_utf8_is_valid(option.value, option.size)) {
            *address = bytes_of(option.value, option.size);
            return true;
        }
    }
    return false;
}

uint32_t coax_release_hold_off(const struct coax_message *release) {
    return find_uint(release, COAX_RELEASE, SIGNALING_HOLD_OFF, 0);
}

bool coax_abort_bad_csm_option(const struct coax_message *abort, uint16_t *number) {
    coax_option option;
    if (!find(abort, COAX_ABORT, SIGNALING_BAD_CSM_OPTION, &option)) {
        return false;
    }
    *number = (uint16_t)coax_option_uint(&option);
    return true;
}

enum coax_status coax_fail_aborted(coax_error *error, enum coax_status status, const struct coax_message *abort) {
    char diagnostic[DIAGNOSTIC_EXCERPT] = "it does not say why", option[64] = "";
    uint16_t number = 0;
    const char *end = "";
    if (abort->payload.size > 0) {
        size_t length = coax_text_quote(abort->payload, diagnostic, sizeof diagnostic);
        end = length < sizeof diagnostic ? "" : "...";
    }
    if (coax_abort_bad_csm_option(abort, &number)) {
        snprintf(option, sizeof option, " because of option %u in our CSM", number);
    }
    return coax_fail(error, status, "The peer aborted the connection%s: %s%s", option, diagnostic, end);
}

static struct option_writer writer_for(uint8_t code, uint8_t room[SIGNALING_ROOM]) {
    struct option_writer writer = option_writer_on(room, SIGNALING_ROOM);
    writer.code = code;
    return writer;
}

/* What these functions write always fits: all options of a CSM take 5 + 1 + 4 bytes. */
static struct coax_message message_of(const struct option_writer *writer, struct bytes token, struct bytes payload) {
    return (struct coax_message){
        .type = COAX_NO_TYPE,
        .code = writer->code,
        .token = token,
        .options = option_writer_bytes(writer),
        .payload = payload,
    };
}

struct coax_message coax_csm_make(uint8_t room[SIGNALING_ROOM], const struct capabilities *capabilities) {
    struct option_writer writer = writer_for(COAX_CSM, room);
    if (capabilities->max_message_size != capabilities_base.max_message_size) {
        coax_option_write_uint(&writer, SIGNALING_MAX_MESSAGE_SIZE, capabilities->max_message_size);
    }
    if (capabilities->block_wise_transfer) {
        coax_option_write(&writer, SIGNALING_BLOCK_WISE_TRANSFER, NULL, 0);
    }
    if (capabilities->token_maximum != capabilities_base.token_maximum) {
        coax_option_write_uint(&writer, SIGNALING_EXTENDED_TOKEN_LENGTH,
                               token_maximum_of(capabilities->token_maximum, TOKEN_MAXIMUM));
    }
    return message_of(&writer, bytes_of(NULL, 0), bytes_of(NULL, 0));
}

static struct coax_message make_with_custody(uint8_t code, uint8_t room[SIGNALING_ROOM], struct bytes token,
                                             bool custody) {
    struct option_writer writer = writer_for(code, room);
    if (custody) {
        coax_option_write(&writer, SIGNALING_CUSTODY, NULL, 0);
    }
    return message_of(&writer, token, bytes_of(NULL, 0));
}

struct coax_message coax_ping_make(uint8_t room[SIGNALING_ROOM], struct bytes token, bool custody) {
    return make_with_custody(COAX_PING, room, token, custody);
}

struct coax_message coax_pong_make(uint8_t room[SIGNALING_ROOM], struct bytes token, bool custody) {
    return make_with_custody(COAX_PONG, room, token, custody);
}

struct coax_message coax_abort_make(uint8_t room[SIGNALING_ROOM], const uint16_t *bad_csm_option,
                                    const char *diagnostic) {
    struct option_writer writer = writer_for(COAX_ABORT, room);
    if (bad_csm_option != NULL) {
        coax_option_write_uint(&writer, SIGNALING_BAD_CSM_OPTION, *bad_csm_option);
    }
    return message_of(&writer, bytes_of(NULL, 0), bytes_of(diagnostic, diagnostic == NULL ? 0 : strlen(diagnostic)));
}

enum coax_status coax_release_make(struct coax_message *release, struct option_writer *writer,
                                   const char *const *addresses, size_t address_count, uint32_t hold_off) {
    writer->code = COAX_RELEASE;
    enum coax_status status = COAX_OK;
    for (size_t i = 0; i < address_count && status == COAX_OK; i++) {
        status = coax_option_write(writer, SIGNALING_ALTERNATIVE_ADDRESS, addresses[i], strlen(addresses[i]));
    }
    if (status == COAX_OK && hold_off > 0) {
        status = coax_option_write_uint(writer, SIGNALING_HOLD_OFF, hold_off);
    }
    if (status == COAX_OK) {
        *release = message_of(writer, bytes_of(NULL, 0), bytes_of(NULL, 0));
    }
    return status;
}
