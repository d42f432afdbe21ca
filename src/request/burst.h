/* A client's bodies in bursts (RFC 9177): several blocks on the way at once, and what is lost is sent again by itself.
   A set of blocks goes out, or is asked for, after the set before has arrived: without that sign of life nothing more
   is put on the path (section 7.2). All messages of a body bear one token. */
#ifndef COAX_REQUEST_BURST_H
#define COAX_REQUEST_BURST_H

#include "request/transfer.h"
#include "request/window.h"

struct burst {
    bool is_sending;       /* our body, by Q-Block1; else the peer's, by Q-Block2 */
    bool is_begun;         /* the token stands */
    bool has_asked;        /* for what is missing of this set */
    unsigned retries;      /* without anything new */
    uint32_t from;         /* sending: the first block that the peer has not acknowledged */
    uint32_t end;          /* sending: one behind the last that went out */
    struct window *window; /* receiving: NULL before the first block */
    uint32_t listed[SET_MAXIMUM];
    size_t count; /* of the blocks to be sent now, or to be asked for; none to be asked for: all from the next one on */
};

/* The request is about to be sent to `remote`: begins a burst if that is wanted and of use. COAX_E_NO_MEMORY. */
enum coax_status coax_burst_begin(struct coax_request *request, const struct coax_remote *remote);

/* The next message, like coax_transfer_compose(). */
enum coax_status coax_burst_compose(struct coax_request *request, const struct coax_remote *remote,
                                    struct option_writer *options, struct bytes *payload, coax_error *error);

/* The message went out: so do the others of its set. */
void coax_burst_sent(struct coax_request *request);

/* Takes a response, like coax_transfer_take(). TRANSFER_NONE: it is like any other, and the burst is over. */
enum transfer_verdict coax_burst_take(struct coax_request *request, const struct coax_message *response,
                                      struct coax_message *whole, coax_error *error);

/* Whether the request's messages bear its token, and are not confirmable. */
bool coax_burst_is_under_way(const struct coax_request *request);

void coax_burst_free(struct transfer *transfer);

#endif
