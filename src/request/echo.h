/* Freshness (RFC 9175 section 2): a client that sends back an Echo value has got it at its address, and lately. Nothing
   is kept for a value: it is a time with a message authentication code. */
#ifndef COAX_REQUEST_ECHO_H
#define COAX_REQUEST_ECHO_H

#include "request/request_layer.h"

enum { ECHO_SIZE = 16, ECHO_LIFETIME_S = 60 };

/* The value for a remote, now. */
void coax_echo_make(const struct request_layer *layer, const struct coax_remote *remote, uint8_t value[ECHO_SIZE]);

/* Whether the request has a value that was made for its remote, and is not older than ECHO_LIFETIME_S. */
bool coax_echo_is_valid(const struct request_layer *layer, const struct coax_remote *remote,
                        const struct coax_message *request);

/* Whether a response of so many bytes is more than an address that may be forged should get for its request
   (coax_endpoint_config.echo_amplified; RFC 9175 section 2.3). */
bool coax_echo_is_needed(const coax_exchange *exchange, size_t response_size);

#endif
