/* Bodies that come in block by block (RFC 7959 section 2.5). */
#ifndef COAX_REQUEST_UPLOADS_H
#define COAX_REQUEST_UPLOADS_H

#include "request/bodies.h"

/* Takes a block of a request's body. NULL: the exchange is answered. Else the body is whole, out of the table and the
   caller's: *whole is the request with all of it. */
struct body *coax_upload_take(coax_exchange *exchange, const struct coax_message *request,
                              const struct serving *serving, struct coax_message *whole);

/* The parts of it, with a body that is out of the table. Begins one; NULL if the exchange is answered. Keeps its next
   piece; false if that cannot be, the body is gone and the exchange answered. Makes the request with all of it. */
struct body *coax_upload_begin(coax_exchange *exchange, const struct coax_message *request,
                               const struct serving *serving, const struct body_key *key);
bool coax_upload_keep(coax_exchange *exchange, struct body *body, struct bytes piece);
void coax_upload_finish(coax_exchange *exchange, struct body *body, struct coax_message *whole);

/* The same for a body that is whole in its one message and goes to a sink: false if the exchange is answered. */
bool coax_upload_single(coax_exchange *exchange, const struct coax_message *request, const struct serving *serving,
                        struct coax_message *whole);

#endif
