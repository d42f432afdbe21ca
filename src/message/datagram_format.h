/* The wire format of messages over datagrams (RFC 7252 section 3, extended tokens of RFC 8974 section 2.1). */
#ifndef COAX_MESSAGE_DATAGRAM_FORMAT_H
#define COAX_MESSAGE_DATAGRAM_FORMAT_H

#include "message/body.h"

enum { DATAGRAM_HEADER_SIZE = 4 };

/* Reads a message; its views point into `data`. `token_maximum` is 8, or more for a peer that negotiated extended
   tokens (then token lengths 13 and 14 are read as RFC 8974 says). COAX_E_FORMAT with the exact reason and offset:
   shorter than 4 bytes, version not 1, token length reserved or over the maximum or past the end, an Empty message with
   more than its header (section 4.1), a reserved code class (1, 6, 7), broken options. When the header could be read (4
   bytes, version 1), type, code and id are set even on an error, so that a CON can be rejected (section 4.2);
   *header_read (may be NULL) says so. */
enum coax_status coax_datagram_decode(struct coax_message *message, const uint8_t *data, size_t size,
                                      size_t token_maximum, bool *header_read, coax_error *error);

/* Writes a message; *size gets its size. COAX_E_TOO_LARGE if `capacity` is too small, COAX_E_INVALID for an impossible
 * token size. */
enum coax_status coax_datagram_encode(const struct coax_message *message, uint8_t *out, size_t capacity, size_t *size);

#endif
