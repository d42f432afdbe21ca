/* The tokens of own requests: random, and longer than 8 bytes where the settings ask for it and the peer takes them
   (RFC 8974). A connection's peer says what it takes; over datagrams the first request finds out (section 2.2.2). */
#ifndef COAX_REQUEST_TOKENS_H
#define COAX_REQUEST_TOKENS_H

#include "request/request_layer.h"

/* The longest token of a request, sent or received. */
size_t coax_token_maximum(const struct request_layer *layer);

/* Draws a token for the request's next message to this remote. */
void coax_token_draw(struct coax_request *request, const struct coax_remote *remote);

/* The remote rejected the request's message, or answered with this code; true: because of its token, as far as can be
   known, so that the request is to be sent again with another. */
bool coax_token_was_rejected(struct coax_request *request);
bool coax_token_was_refused(struct coax_request *request, uint8_t code);

#endif
