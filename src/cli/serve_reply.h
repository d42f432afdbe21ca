/* Answers that the resources of `coax serve` share. */
#ifndef COAX_CLI_SERVE_REPLY_H
#define COAX_CLI_SERVE_REPLY_H

#include <coax/site.h>

/* What fits in one message of the default size beside header, token, options and the record layer: as a datagram
   (coax_endpoint_config.max_message_size), and on a connection (max_stream_message_size), where the peer may take less.
 */
enum { REPLY_MAXIMUM = 1920, REPLY_CONNECTION_MAXIMUM = 1000000, REPLY_ETAG_SIZE = 8 };

struct representation {
    int format; /* COAX_NO_FORMAT: unknown */
    const void *data;
    size_t size;
    const uint8_t *etag; /* REPLY_ETAG_SIZE bytes; NULL: none */
    const char *what;    /* "The file": begins the sentence when it is too large */
};

/* Answers a GET: 2.05; 2.03 if the client has it already (RFC 7252 section 5.10.6.2); 4.06 if it wants another format;
   5.01 if it needs more than one message, with a sentence that says so. */
void reply_representation(coax_exchange *exchange, const coax_message *request,
                          const struct representation *representation);

/* How large the representation may be that answers this request. */
size_t reply_maximum(const coax_exchange *exchange);

/* The same as an answer for something that was not even read: 5.01. */
void reply_too_large(coax_exchange *exchange, const char *what, unsigned long long size);

/* False if If-Match or If-None-Match forbid to go on (RFC 7252 section 5.10.8). `etag` is that of what is there, NULL
   if nothing is. */
bool reply_may_go_on(const coax_message *request, const uint8_t *etag);

#endif
