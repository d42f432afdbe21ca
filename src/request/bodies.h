/* The bodies that a server has in hand: those that come in block by block and are not whole yet, and those that are
   fetched block by block. One table for both; bounded in number and in bytes: the one that waited longest goes. Who
   works on a body takes it out meanwhile: its sink or source is the program's, which may do anything there. */
#ifndef COAX_REQUEST_BODIES_H
#define COAX_REQUEST_BODIES_H

#include "message/block.h"
#include "request/request_layer.h"

enum body_direction { BODY_UPLOAD, BODY_DOWNLOAD };

/* What tells bodies apart: who asks, for what (RFC 7959 sections 2.4 and 2.5), and the Request-Tag of an upload
   (RFC 9175 section 3.3). */
enum { BODY_KEY_MAXIMUM = 2048 };
struct body_key {
    size_t size;
    uint8_t bytes[BODY_KEY_MAXIMUM];
};

struct body {
    struct hash_node node;
    struct list_node by_age, of_remote;
    struct request_layer *layer;
    coax_remote *remote; /* a reference */
    coax_instant deadline;
    uint8_t *data; /* gathered, or kept */
    size_t size, capacity;
    const coax_body_sink *sink;     /* an upload's; NULL: it is gathered */
    const coax_body_source *source; /* a download's; NULL: it is kept */
    void *user_body;
    uint64_t total;               /* of a download, or what came of an upload */
    struct block block;           /* of an upload: the last one that came */
    struct burst_upload *burst;   /* of an upload in bursts; NULL: block by block */
    bool is_done;                 /* one in bursts that was handled, and answered with `code` */
    bool if_none_match;           /* of an upload: its first block had the option */
    uint8_t code;                 /* of a download: the response's */
    struct option_writer options; /* and its options, or an upload's with that one; in memory of their own */
    size_t key_size;
    uint8_t key[];
};

void coax_bodies_init(struct request_layer *layer, const uint8_t seed[16]);
/* Frees them all: while their remotes still are. */
void coax_bodies_drop(struct request_layer *layer);
void coax_bodies_free(struct request_layer *layer);

/* All of a remote that is gone. */
void coax_bodies_drop_remote(struct coax_remote *remote);

/* False if the options pass what a key holds. */
bool coax_body_key_make(struct body_key *key, const struct coax_remote *remote, enum body_direction direction,
                        const struct coax_message *request);

/* NULL if there is none. */
struct body *coax_body_find(struct request_layer *layer, const struct body_key *key);

/* A new one, in place of one with the same key; not in the table yet. NULL if memory ran out. */
struct body *coax_body_new(struct request_layer *layer, coax_remote *remote, const struct body_key *key);

/* Out of the table, and the caller's: it is not found, does not give way, and does not go with its remote. Legal on one
   that is out. */
void coax_body_take_out(struct body *body);

/* Into the table, as the last to give way; its time begins anew. False if that cannot be (its remote is gone, memory
   ran out): it is freed then. */
bool coax_body_put_in(struct body *body);

/* Makes room for so many bytes of data in one that is out, at the cost of others. COAX_E_TOO_LARGE over max_body_size,
   COAX_E_NO_MEMORY. */
enum coax_status coax_body_reserve(struct body *body, size_t size);

/* The others give way for so many bytes more, the longest idle first; false if that is not enough. */
bool coax_body_make_room(struct body *body, size_t more);

/* Frees it; sink and source are closed, incomplete, if they still are there. */
void coax_body_free(struct body *body);

#endif
