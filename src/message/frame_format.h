/* The wire formats of messages over reliable transports (RFC 8323 sections 3.2 and 4.2, extended tokens of RFC 8974
   section 2.1): on a byte stream a frame says its length; over WebSocket the WebSocket message does. Frames have
   neither type nor message ID: a message that was read has the type COAX_NO_TYPE and the ID 0. */
#ifndef COAX_MESSAGE_FRAME_FORMAT_H
#define COAX_MESSAGE_FRAME_FORMAT_H

#include "message/body.h"

enum frame_form { FRAME_STREAM, FRAME_WEBSOCKET };

/* So many bytes of a stream always tell how long the frame is, some frames need fewer: the two nibbles, the extended
   length, the code, the extended token length. */
enum { FRAME_PEEK_MAXIMUM = 8 };

/* What this end accepts, and told the peer in its CSM. */
struct frame_limits {
    size_t message_maximum; /* Max-Message-Size: bytes of a whole frame */
    size_t token_maximum;   /* 8, or the Extended-Token-Length (RFC 8974 section 2.2) */
};

/* How long the frame is that starts a stream of which `size` bytes are here: *frame_size, or 0 if more bytes are needed
   to tell, one of them at least. What it answers does not depend on how many bytes more than needed there are.
   COAX_E_TOO_LARGE: longer than allowed; COAX_E_FORMAT: a token length that is reserved or too long. */
enum coax_status coax_frame_peek(const uint8_t *data, size_t size, const struct frame_limits *limits,
                                 size_t *frame_size, coax_error *error);

/* Reads a message from a whole frame; its views point into `data`. COAX_E_FORMAT with the exact reason and offset: a
   frame that is shorter or longer than it says (over WebSocket: that says a length), a token length reserved or over
   the maximum or past the end, an Empty message with more than its header (RFC 7252 section 4.1), a reserved code class
   (1, 6), broken options. Codes of class 7 are signaling (message/signaling.h). */
enum coax_status coax_frame_decode(enum frame_form form, struct coax_message *message, const uint8_t *data, size_t size,
                                   size_t token_maximum, coax_error *error);

/* The size of a message as a frame, to be held against the peer's Max-Message-Size; SIZE_MAX if no frame can hold it.
 */
size_t coax_frame_size(enum frame_form form, const struct coax_message *message);

/* Writes a frame; *size gets its size. COAX_E_TOO_LARGE if `capacity` is too small, COAX_E_INVALID for an impossible
 * token size. */
enum coax_status coax_frame_encode(enum frame_form form, const struct coax_message *message, uint8_t *out,
                                   size_t capacity, size_t *size);

#endif
