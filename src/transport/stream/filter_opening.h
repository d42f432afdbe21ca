/* What a chain over WebSocket needs until it is open: the HTTP head of the other side, and what it said. */
#ifndef COAX_TRANSPORT_STREAM_FILTER_OPENING_H
#define COAX_TRANSPORT_STREAM_FILTER_OPENING_H

#include "transport/stream/filter_chain.h"

struct filter_opening {
    struct http_head_parser parser;
    struct byte_queue head;
    char key[UPGRADE_KEY_SIZE]; /* a client's */
    bool is_forwarded;
    struct address forwarded;
    char host[COAX_HOST_MAXIMUM + 16]; /* a server's: what the client called it; "" if it is too long */
};

/* NULL if memory ran out. */
struct filter_opening *coax_filter_opening_new(bool is_server);
void coax_filter_opening_free(struct filter_opening *opening); /* NULL is allowed */

/* Both take bytes of the head; *taken is how many belong to it. */
enum opening_progress { OPENING_MORE, OPENING_AGREED, OPENING_REFUSED, OPENING_NO_MEMORY };

/* A server's. Unless more are needed, `answer` is to be sent; COAX_E_UPGRADE in *error when it is a refusal. */
enum opening_progress coax_filter_opening_serve(struct filter_opening *opening, const struct filter_setup *setup,
                                                const uint8_t *data, size_t size, size_t *taken,
                                                struct upgrade_answer *answer, coax_error *error);

/* A client's. */
enum opening_progress coax_filter_opening_check(struct filter_opening *opening, const uint8_t *data, size_t size,
                                                size_t *taken, coax_error *error);

#endif
