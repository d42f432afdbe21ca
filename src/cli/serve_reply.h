/* Answers that the resources of `coax serve` share. */
#ifndef COAX_CLI_SERVE_REPLY_H
#define COAX_CLI_SERVE_REPLY_H

#include <coax/site.h>

enum { REPLY_ETAG_SIZE = 8 };

struct representation {
    int format; /* COAX_NO_FORMAT: unknown */
    const void *data;
    size_t size;
    const uint8_t *etag; /* REPLY_ETAG_SIZE bytes; NULL: none */
    const char *what;    /* "The file": begins the sentence when the client wants another format */
};

/* False if the representation itself does not go out, which is answered then: 2.03 if the client has it already (RFC
   7252 section 5.10.6.2), 4.06 if it wants another format. True: the ETag is among the options of the answer to come.
 */
bool reply_is_wanted(coax_exchange *exchange, const coax_message *request, const struct representation *representation);

/* Answers a GET or FETCH: 2.05, or as reply_is_wanted() says. */
void reply_representation(coax_exchange *exchange, const coax_message *request,
                          const struct representation *representation);

/* False if If-Match or If-None-Match forbid to go on (RFC 7252 section 5.10.8). `etag` is that of what is there, NULL
   if nothing is. */
bool reply_may_go_on(const coax_message *request, const uint8_t *etag);

#endif
