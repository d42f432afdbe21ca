/* WebSocket connections after their opening handshake (RFC 6455 sections 5 to 7), both roles, as a filter without I/O
   between a byte stream and whole binary messages: for CoAP each is one frame (RFC 8323 section 4.2). */
#ifndef COAX_TRANSPORT_STREAM_WEBSOCKET_H
#define COAX_TRANSPORT_STREAM_WEBSOCKET_H

#include "base/bytes.h"
#include "transport/stream/websocket_frame.h"
#include <coax/status.h>

/* Codes of closing (RFC 6455 section 7.4.1). */
enum websocket_code {
    WEBSOCKET_NORMAL = 1000,
    WEBSOCKET_GOING_AWAY = 1001,
    WEBSOCKET_PROTOCOL_ERROR = 1002,
    WEBSOCKET_NOT_BINARY = 1003,
    WEBSOCKET_NO_CODE = 1005, /* never sent: the peer's close said none */
    WEBSOCKET_BAD_DATA = 1007,
    WEBSOCKET_POLICY = 1008,
    WEBSOCKET_TOO_LARGE = 1009,
    WEBSOCKET_INTERNAL = 1011,
};

/* How a connection ended. */
struct websocket_end {
    enum coax_status status; /* COAX_E_CLOSE_NOTIFY: closed by both; COAX_E_FORMAT, COAX_E_TOO_LARGE, COAX_E_NO_MEMORY:
                                we failed it */
    uint16_t code;           /* the peer's if it closed, else ours */
    struct bytes reason;     /* UTF-8, may be empty, ends with the call; the peer's words if it closed */
};

/* What the connections of an endpoint that have the same role share. Within `transmit` and `random` nothing may be
   called. */
struct websocket_setup {
    bool is_client;
    uint32_t message_maximum; /* longer ones are refused when their header is here (1009) */

    /* A message. Returns false to pause: the coax_websocket_receive that is under way returns; the websocket may be
       freed within then. */
    bool (*message)(void *user, const uint8_t *data, size_t size);
    /* A pong or close frame for the stream, all of it or nothing: false if there is no room. It is then offered again
       by coax_websocket_flush, and until it went no input is taken. */
    bool (*transmit)(void *user, const uint8_t *frame, size_t size);
    /* The connection is over, what there was to say about it is sent. The last call; the websocket may be freed within.
     */
    void (*ended)(void *user, const struct websocket_end *end);
    /* Unpredictable bytes for masks; a server needs none. */
    void (*random)(void *user, void *out, size_t size);
};

struct websocket_part;

struct websocket {
    const struct websocket_setup *setup;
    void *user;
    struct websocket_part *message; /* what has come of one, while it is incomplete */
    struct websocket_part *control; /* the same of a control frame; and while it waits, what a pong answers */
    uint32_t left;                  /* bytes of the frame that are still to come */
    uint8_t header[WEBSOCKET_HEADER_MAXIMUM];
    uint8_t header_size; /* how many bytes of the header are here */
    bool is_fragmented;  /* a message goes on in the next data frame */
    uint8_t phase;
    uint8_t fault;  /* what was wrong */
    uint16_t close; /* the code that is said in closing */
};

_Static_assert(sizeof(struct websocket) < 64, "an idle connection is to be small");

void coax_websocket_start(struct websocket *websocket, const struct websocket_setup *setup, void *user);

/* Frees what is kept of messages. */
void coax_websocket_free(struct websocket *websocket);

/* Feeds bytes of the stream, cut wherever it pleases. Returns how many were taken: all, unless `message` paused,
   `transmit` had no room, or the connection ended; the rest is given again, later. After the end everything is taken,
   and ignored. */
size_t coax_websocket_receive(struct websocket *websocket, const uint8_t *data, size_t size);

/* Offers what waits to `transmit` again: true if nothing waits any more and the connection goes on. */
bool coax_websocket_flush(struct websocket *websocket);

/* Whether messages can be sent: no close was sent or received. */
bool coax_websocket_is_open(const struct websocket *websocket);

/* Says goodbye. What the peer still sends is received until its close, which ends the connection; how long to wait for
   that is the owner's decision. Does nothing if the connection is being closed. */
void coax_websocket_close(struct websocket *websocket, enum websocket_code code);

/* The size of the header that a message needs in front of it. */
size_t coax_websocket_header_room(const struct websocket *websocket, size_t size);

/* Makes a frame of a message of `size` bytes that lies behind the room for its header: writes that, masks this. */
void coax_websocket_seal(struct websocket *websocket, uint8_t *frame, size_t size);

/* The memory that is held of what has come. */
size_t coax_websocket_held(const struct websocket *websocket);

/* Whether a frame or a message has begun and is not whole. */
bool coax_websocket_is_within(const struct websocket *websocket);

#endif
