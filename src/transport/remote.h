/* The remote as the transports and the request layer share it. A transport embeds it in its own peer. */
#ifndef COAX_TRANSPORT_REMOTE_H
#define COAX_TRANSPORT_REMOTE_H

#include "base/address.h"
#include "base/clock.h"
#include "base/list.h"
#include "security/credentials.h"
#include <coax/remote.h>

struct transport;

struct coax_remote {
    const struct transport *transport;
    unsigned references; /* held by requests, exchanges and the program; the transport's own table does not count */
    enum coax_scheme scheme;
    struct address address;
    struct address local;          /* all zero where the system chooses it */
    char *host;                    /* the name or IP literal that a secure session was made for; NULL: none was given */
    struct credential *credential; /* what the remote proved (a client: what was used for it); NULL if nothing */
    bool proved;                   /* the credential is the remote's own claim, not this side's choice */
    char *asked_host;              /* the name (and port) by which a client asked for this side; NULL: by its address */
    bool is_anonymous;             /* a client's end of a connection: nothing can be connected to there */
    bool was_opened;               /* told as `opened` */
    bool is_verified;              /* over UDP: it has shown that it receives at its address (request layer) */
    bool is_gone;                  /* the connection is over: nothing can be sent any more */
    uint8_t token_maximum;         /* of requests to it, as trial has shown; 0: not tried (request layer) */
    coax_instant token_maximum_until;
    struct list_node requests;  /* own requests that wait for this remote (request layer) */
    struct list_node exchanges; /* its requests that wait for an answer (request layer) */
    struct list_node observers; /* of resources on this side (request layer) */
    uint32_t observer_count;
    struct list_node bodies; /* of its requests, or for it, in blocks (request layer) */
};

/* The entry by which the remote proved itself, NULL if it proved nothing. */
struct credential *coax_remote_credential(const struct coax_remote *remote);

/* Who it is, for logs: the URI's base, or for who has none the scheme and the address. */
void coax_remote_describe(const struct coax_remote *remote, char *out, size_t capacity);

/* Writes "scheme://host:port" of an address. */
enum coax_status coax_remote_write_base(enum coax_scheme scheme, const char *host, const struct address *address,
                                        char *out, size_t capacity);

#endif
