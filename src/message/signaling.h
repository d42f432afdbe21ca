/* Signaling messages (RFC 8323 section 5): the capabilities that both ends tell each other, Ping and Pong, and the two
   ways to end a connection. Their options are numbered for each code anew; coax_option_in() knows them. Elective
   options of a wrong size, and repeated ones, are ignored, as everywhere (RFC 7252 section 5.4). A message of another
   code than a function is about says nothing to it. */
#ifndef COAX_MESSAGE_SIGNALING_H
#define COAX_MESSAGE_SIGNALING_H

#include "message/message.h"
#include "message/option.h"

enum signaling_option_number {
    SIGNALING_MAX_MESSAGE_SIZE = 2,      /* CSM */
    SIGNALING_BLOCK_WISE_TRANSFER = 4,   /* CSM */
    SIGNALING_EXTENDED_TOKEN_LENGTH = 6, /* CSM (RFC 8974 section 2.2.1) */
    SIGNALING_CUSTODY = 2,               /* Ping, Pong */
    SIGNALING_ALTERNATIVE_ADDRESS = 2,   /* Release */
    SIGNALING_HOLD_OFF = 4,              /* Release */
    SIGNALING_BAD_CSM_OPTION = 2,        /* Abort */
};

/* What one end of a connection can receive. */
struct capabilities {
    uint32_t max_message_size; /* bytes of a whole frame */
    uint32_t token_maximum;    /* 8 to 65804 */
    bool block_wise_transfer;
};

/* What holds until a CSM says more (RFC 8323 section 5.3, RFC 8974 section 2.2.1). */
enum { MAX_MESSAGE_SIZE_BASE = 1152 };
static const struct capabilities capabilities_base = {MAX_MESSAGE_SIZE_BASE, 8, false};

/* Blocks of more than 1024 bytes (BERT, RFC 8323 section 6) may be sent to this end. */
static inline bool capabilities_allow_bert(const struct capabilities *capabilities) {
    return capabilities->block_wise_transfer && capabilities->max_message_size > MAX_MESSAGE_SIZE_BASE;
}

/* False, with *problem filled, if a signaling message has a critical option that is unknown, which all are so far: the
   answer is an Abort, for a CSM with Bad-CSM-Option (RFC 8323 sections 5.2, 5.6). */
bool coax_signaling_understood(const struct coax_message *message, struct option_problem *problem);

/* Takes over what a CSM says; what it leaves out stays as it was. */
void coax_csm_read(const struct coax_message *csm, struct capabilities *capabilities);

/* Ping: the sender wants to know when what it sent before was processed. Pong: it was. */
bool coax_signaling_has_custody(const struct coax_message *message);

/* Walks the alternative addresses of a Release, in the sender's order: start with *position = 0; false at the end. They
   are UTF-8 of 1 to 255 bytes, and not checked further. */
bool coax_release_next_address(const struct coax_message *release, size_t *position, struct bytes *address);

/* The seconds that the sender of a Release asks to wait before the next connection; 0 if it does not say. */
uint32_t coax_release_hold_off(const struct coax_message *release);

/* The option of our CSM that the sender of an Abort did not understand; false if it does not say. */
bool coax_abort_bad_csm_option(const struct coax_message *abort, uint16_t *number);

/* Fills *error with why the peer aborted the connection, and returns `status`. */
enum coax_status coax_fail_aborted(coax_error *error, enum coax_status status, const struct coax_message *abort);

/* Each of these makes a signaling message. Its options go into `room`, which the message then points to and which holds
   them all, but for those of a Release. */
enum { SIGNALING_ROOM = 16 };

/* For the first CSM: what is as the base says is left out, so it can be empty. */
struct coax_message coax_csm_make(uint8_t room[SIGNALING_ROOM], const struct capabilities *capabilities);
struct coax_message coax_ping_make(uint8_t room[SIGNALING_ROOM], struct bytes token, bool custody);

/* The answer to `ping`: the Pong has its token. */
struct coax_message coax_pong_make(uint8_t room[SIGNALING_ROOM], struct bytes token, bool custody);

/* `bad_csm_option` (may be NULL) is the option in the peer's CSM that was not understood. The diagnostic (may be NULL)
   is UTF-8 and stays the caller's. */
struct coax_message coax_abort_make(uint8_t room[SIGNALING_ROOM], const uint16_t *bad_csm_option,
                                    const char *diagnostic);

/* `writer` takes the options. COAX_E_TOO_LARGE: no room, an address that is empty or longer than 255 bytes, a hold-off
   of more than 16777215 seconds. A hold-off of 0 is left out. */
enum coax_status coax_release_make(struct coax_message *release, struct option_writer *writer,
                                   const char *const *addresses, size_t address_count, uint32_t hold_off);

#endif
