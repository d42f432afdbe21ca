/* Representations that are fetched block by block (RFC 7959 section 2.4). */
#ifndef COAX_REQUEST_DOWNLOADS_H
#define COAX_REQUEST_DOWNLOADS_H

#include "request/bodies.h"

/* Answers from a body that is kept; false if there is none for this request. */
bool coax_download_answer(coax_exchange *exchange, const struct coax_message *request);

/* Whether this response does not go out whole: the request asks for another block than the first, or for smaller ones;
   or datagrams are the transport, and it is larger than a block. */
bool coax_download_is_needed(const coax_exchange *exchange, size_t size);

/* Answers with the block that the request asks for, or the first, and keeps the whole if there is more. */
enum coax_status coax_download_begin(coax_exchange *exchange, uint8_t code, struct bytes payload);

/* The same from a source, which is closed when it is done with. */
enum coax_status coax_download_source(coax_exchange *exchange, uint8_t code, uint64_t size,
                                      const coax_body_source *source, void *user_body);

#endif
