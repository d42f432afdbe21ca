/* Bodies that are given or taken in pieces, so that one of a gigabyte needs no gigabyte of memory. A body travels in
   blocks (RFC 7959) where it is larger than a message; a program that hands over or takes a whole payload sees none of
   it. */
#ifndef COAX_BODY_H
#define COAX_BODY_H

#include <coax/export.h>
#include <coax/message.h>
#include <coax/status.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The size of a body that is known only at its end. */
#define COAX_SIZE_UNKNOWN UINT64_MAX

/* Where a body comes from; `body` is the program's own. */
typedef struct coax_body_source {
    /* Fills `out` with the bytes from `offset` on: `capacity` of them, fewer only at the end of the body, 0 past it.
       What was asked for once may be asked for again. Any other status than COAX_OK ends the transfer with it. */
    enum coax_status (*read)(void *body, uint64_t offset, void *out, size_t capacity, size_t *size);
    /* Called once, after the last read. May be NULL. */
    void (*close)(void *body);
} coax_body_source;

/* Where a body goes to; `body` is the program's own. */
typedef struct coax_body_sink {
    /* Takes the piece that follows the one before. An offset of 0 begins anew: what came before is void, the other end
       has changed the body under way, or begun again. Any other status than COAX_OK ends the transfer with it. */
    enum coax_status (*write)(void *body, uint64_t offset, const void *piece, size_t size);
    /* Called once, after the last write; `complete`: all of it came. May be NULL. */
    void (*close)(void *body, bool complete);
    /* For the body of a response: called with the message that brings a body's first piece, before that is written, and
       again if another body takes its place; its options (ETag, Content-Format) are the body's. Any other status than
       COAX_OK ends the transfer with it. May be NULL. */
    enum coax_status (*begin)(void *body, const coax_message *response);
} coax_body_sink;

/* How far a request's bodies have come, in bytes; COAX_SIZE_UNKNOWN for a whole that is not known. */
typedef struct coax_progress {
    uint64_t sent, to_send, received, to_receive;
} coax_progress;

#ifdef __cplusplus
}
#endif
#endif
