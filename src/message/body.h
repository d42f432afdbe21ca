/* What the two wire formats have in common: the token, the options and the payload behind a header. */
#ifndef COAX_MESSAGE_BODY_H
#define COAX_MESSAGE_BODY_H

#include "message/message.h"

/* RFC 7252 section 3; RFC 8974 section 2.1. */
enum {
    TOKEN_MAXIMUM = 8,
    EXTENDED_TOKEN_MAXIMUM = 65804,
    TOKEN_ROOM = 64, /* the longest that is kept: enough for a client's state, and no burden for who has 8 bytes */
};

/* COAX_E_FORMAT if the code, which stands at `offset`, is of one of the classes in the bit set `reserved`. */
enum coax_status coax_body_check_code(uint8_t code, size_t offset, unsigned reserved, coax_error *error);

/* COAX_E_FORMAT if no token can have this length nibble: without extended tokens every one over 8 is reserved; with
   them only 15 is (RFC 8974 section 2.1). */
enum coax_status coax_body_check_token_nibble(unsigned nibble, size_t token_maximum, coax_error *error);

/* COAX_E_FORMAT if a token of this size is longer than allowed. */
enum coax_status coax_body_check_token_size(uint64_t token_size, size_t token_maximum, coax_error *error);

/* Reads what stands behind the header of `header_size` bytes, whose first byte ends with the token's length nibble. The
   code is in the message already. COAX_E_FORMAT with the exact reason and offset: an Empty message with more than its
   header (RFC 7252 section 4.1), a token length that is reserved, over the maximum or past the end, broken options. */
enum coax_status coax_body_decode(struct coax_message *message, const uint8_t *data, size_t size, size_t header_size,
                                  size_t token_maximum, coax_error *error);

/* The room that options, marker and payload need, or SIZE_MAX if that is more than a size_t holds. */
size_t coax_body_content_size(const struct coax_message *message);

/* The room that the token needs with the bytes that extend its length. */
size_t coax_body_token_size(const struct coax_message *message);

/* Writes token, options, marker and payload; returns their end. There must be room. */
uint8_t *coax_body_encode(uint8_t *out, const struct coax_message *message);

#endif
