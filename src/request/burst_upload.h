/* Bodies that come in bursts of blocks, by Q-Block1 (RFC 9177 section 4.3): kept apart by their Request-Tags, put in
   order, acknowledged by sets, and what is missing is asked for. */
#ifndef COAX_REQUEST_BURST_UPLOAD_H
#define COAX_REQUEST_BURST_UPLOAD_H

#include "request/bodies.h"

/* Like coax_upload_take(): NULL if the exchange is answered, or needs no answer. */
struct body *coax_burst_upload_take(coax_exchange *exchange, const struct coax_message *request,
                                    const struct serving *serving, struct coax_message *whole);

/* The body was handled: a block of it that comes again is answered with the same code. */
void coax_burst_upload_done(coax_exchange *exchange, const struct coax_message *request);

/* A body is about to be freed. */
void coax_burst_upload_forget(struct body *body);

#endif
