/* The one representation of a message, read or written: header fields, and views of token, options (in their wire form,
   RFC 7252 section 3.1) and payload. It owns nothing. */
#ifndef COAX_MESSAGE_MESSAGE_H
#define COAX_MESSAGE_MESSAGE_H

#include "base/bytes.h"
#include <coax/message.h>

struct coax_message {
    enum coax_type type;
    uint8_t code;
    uint16_t id;
    struct bytes token;
    struct bytes options; /* well-formed: checked by the decoder or made by an option_writer */
    struct bytes payload;
};

/* What a message may be made of beside the registry: whether its critical options are understood (RFC 7252
 * section 5.4). */
struct option_problem {
    uint16_t number;    /* the first offending option */
    const char *reason; /* "is critical and unknown", "is repeated", "is too long" … static */
};

/* Checks the options of a request, response or signaling message by RFC 7252 section 5.4: a critical option that is
   unknown, that `supported` (may be NULL) refuses, whose size is outside its limits, whose text is not UTF-8, or that
   is repeated though not repeatable makes it false and fills *problem. Elective ones of these kinds are ignored:
   coax_message_option() still shows them, so readers of elective options check sizes. */
bool coax_message_options_understood(const struct coax_message *message, bool (*supported)(uint16_t number),
                                     struct option_problem *problem);

/* Writes a text that a peer sent in quotes, with escapes for what would act on a terminal, as a description shows it.
   Always NUL-terminates; returns the length that the whole has. */
size_t coax_text_quote(struct bytes text, char *out, size_t capacity);

#endif
