/* The answers to a request to a group (RFC 7252 section 8.2), collected until its time is over: one from each member.
 */
#ifndef COAX_REQUEST_COLLECTION_H
#define COAX_REQUEST_COLLECTION_H

#include "request/request_layer.h"

/* For a request with `each`, when it is sent; legal again when sending failed. COAX_E_INVALID: without a timeout;
   COAX_E_NO_MEMORY. */
enum coax_status coax_collection_begin(struct coax_request *request, coax_error *error);

/* Whether `each` was called. */
bool coax_collection_has_answers(const struct coax_request *request);

/* With its request. Legal when it has not begun. */
void coax_collection_free(struct coax_request *request);

#endif
