/* Puts frames together from a byte stream that arrives in pieces of any size (RFC 8323 section 3.2). A frame that lies
   whole in a piece is read where it is; only what a piece leaves over is copied. */
#ifndef COAX_TRANSPORT_STREAM_FRAME_READER_H
#define COAX_TRANSPORT_STREAM_FRAME_READER_H

#include "message/frame_format.h"

struct frame_part;

/* Zeroed at the start. Between frames it holds no memory; within one about as much as has come of it, at most twice
   that and never more than the frame's size, so that announcing much costs a peer as much as sending it. */
struct frame_reader {
    struct frame_part *part;
};

/* Takes a message, which is a view that ends with the call. COAX_OK to go on; anything else ends the feeding with this
   status. The reader may be freed within, if the answer is not COAX_OK then. */
typedef enum coax_status frame_visit(void *user, const struct coax_message *message);

/* Reads on; *taken is how many bytes were. What is visited, and the error in the end, do not depend on how the stream
   was cut into pieces. The status of `visit`, with *error as it was: *taken goes to the end of that frame, and the
   stream can be read further from there. COAX_E_TOO_LARGE: a frame beyond the limits, as soon as its header is here;
   COAX_E_FORMAT: bytes that are no frame; COAX_E_NO_MEMORY: after these it cannot. */
enum coax_status coax_frame_reader_feed(struct frame_reader *reader, const struct frame_limits *limits,
                                        const uint8_t *data, size_t size, size_t *taken, frame_visit *visit, void *user,
                                        coax_error *error);

/* The memory that is held. */
size_t coax_frame_reader_held(const struct frame_reader *reader);

/* Whether the stream stands within a frame: ending there, it would be cut off. */
static inline bool frame_reader_is_within(const struct frame_reader *reader) {
    return reader->part != NULL;
}

/* Forgets what has come of a frame. */
void coax_frame_reader_free(struct frame_reader *reader);

#endif
