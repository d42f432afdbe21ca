/* The bodies of a request, block by block (RFC 7959; over streams RFC 8323 section 6), and what else makes a request go
   on after a response: an Echo (RFC 9175 section 2.3), a Max-Age to wait for. One message after the other: each is the
   request itself, submitted again with another token. */
#ifndef COAX_REQUEST_TRANSFER_H
#define COAX_REQUEST_TRANSFER_H

#include "message/block.h"
#include "request/request_layer.h"

enum { ETAG_MAXIMUM = 8, TRANSFER_OPTIONS_MAXIMUM = 32 /* what a transfer adds to the request's own */ };

enum transfer_stage {
    TRANSFER_WHOLE,   /* our body goes in one message */
    TRANSFER_SENDING, /* in blocks */
    TRANSFER_RECEIVING,
};

struct tag {
    uint8_t size;
    uint8_t bytes[ETAG_MAXIMUM];
};

struct transfer {
    struct coax_request *request;
    enum transfer_stage stage;
    uint8_t wish;     /* the exponent that the program wants, or the endpoint's */
    uint8_t exponent; /* of the blocks under way: that, or a smaller one that the peer asked for; or BERT */
    uint8_t restarts;
    bool is_negotiated; /* the program chose the size: it is asked for in the first message */
    bool is_resuming;
    uint8_t echoes; /* that were sent back, with nothing new since */

    const coax_body_source *source;
    void *source_body;
    uint8_t *piece; /* what the source gave last */
    size_t piece_capacity;
    uint64_t size, sent; /* of our body; what the peer has taken */
    size_t under_way;
    bool has_more;        /* behind what is under way */
    uint32_t request_tag; /* RFC 9175 section 3 */

    const coax_body_sink *sink;
    void *sink_body;
    bool is_begun;
    uint8_t *body; /* what was gathered */
    size_t body_capacity;
    uint64_t received, announced;
    uint8_t code;     /* of what is being received, */
    struct tag etag;  /* and its tag */
    uint8_t *options; /* of the whole */

    struct burst *burst;    /* NULL: block by block */
    bool is_without_bursts; /* the peer refused them */

    unsigned retries;
    struct timer again;
    coax_progress_callback *progress;
    void *progress_user;
};

/* The bytes of one unit of a block number. */
static inline uint32_t transfer_unit(uint8_t exponent) {
    return block_unit(&(struct block){.exponent = exponent});
}

/* What becomes of a response. */
enum transfer_verdict {
    TRANSFER_PASS,  /* it is the request's */
    TRANSFER_AGAIN, /* the request has another message to send */
    TRANSFER_WAIT,  /* it has, when its timer fires */
    TRANSFER_FAIL,
    TRANSFER_HOLD, /* the request waits for more with the same token */
    TRANSFER_NONE, /* of a burst (burst.h): it is no matter of its */
};

/* --- what the program sets (transfer_settings.c) --- */

/* The transfer of a request, made if it has none; NULL if memory ran out. */
struct transfer *coax_transfer_of(struct coax_request *request);

/* The source and the sink are done with; legal without one. */
void coax_transfer_close_source(struct transfer *transfer);
void coax_transfer_close_sink(struct transfer *transfer, bool complete);

/* --- what goes out (transfer_sending.c) --- */

/* The request is about to begin, perhaps not for the first time. */
void coax_transfer_reset(struct coax_request *request);

/* Before the first message to `remote`: decides whether the body goes in blocks. COAX_E_NO_MEMORY. */
enum coax_status coax_transfer_begin(struct coax_request *request, const struct coax_remote *remote);

/* Makes options (in `options`, which has the request's own already) and payload of the next message. COAX_E_TOO_LARGE:
   more blocks than can be numbered; COAX_E_NO_MEMORY; what the program's source returned. */
enum coax_status coax_transfer_compose(struct coax_request *request, const struct coax_remote *remote,
                                       struct option_writer *options, struct bytes *payload, coax_error *error);

/* The block of our body at transfer->sent, with Block1 or Q-Block1. */
enum coax_status coax_transfer_compose_block(struct coax_request *request, const struct coax_remote *remote,
                                             uint16_t number, struct option_writer *options, struct bytes *payload,
                                             coax_error *error);

/* Our body goes in blocks, from its first byte on. */
void coax_transfer_begin_sending(struct coax_request *request);

/* Makes a buffer larger, and keeps what is used of it; false if memory ran out. */
bool coax_transfer_reserve(uint8_t **buffer, size_t *capacity, size_t used, size_t wanted);

/* A message was too large for the peer: true if the next one will be smaller. */
bool coax_transfer_shrink(struct coax_request *request);

/* --- what comes back (transfer.c) --- */

/* Takes a response. With TRANSFER_PASS *whole is what the request gets; it points into the response and the transfer.
 */
enum transfer_verdict coax_transfer_take(struct coax_request *request, const struct coax_message *response,
                                         struct coax_message *whole, coax_error *error);

/* For who takes the blocks of a response: notes which body begins; whether this is of the same; keeps the next piece of
   it; gives the whole as coax_transfer_take() does. Another body may begin some times, then it is false. */
void coax_transfer_note_body(struct transfer *transfer, const struct coax_message *response);
bool coax_transfer_is_same(const struct transfer *transfer, const struct coax_message *response);
enum coax_status coax_transfer_keep(struct coax_request *request, const struct coax_message *response,
                                    coax_error *error);
enum transfer_verdict coax_transfer_give_whole(struct coax_request *request, const struct coax_message *response,
                                               struct coax_message *whole, coax_error *error);
bool coax_transfer_begin_anew(struct transfer *transfer);
void coax_transfer_tell_progress(struct coax_request *request);

/* A message that waits for its time (TRANSFER_WAIT) is not sent. */
void coax_transfer_stop_waiting(struct coax_request *request);

/* Closes source and sink; `complete`: the sink has all of the body. What was gathered stays. */
void coax_transfer_close(struct coax_request *request, bool complete);

/* Closes and frees. */
void coax_transfer_free(struct coax_request *request);

#endif
