/* The clients that are connected, by numbers that people can type. A number is not given twice. */
#ifndef COAX_CLI_CALL_CLIENTS_H
#define COAX_CLI_CALL_CLIENTS_H

#include <coax/remote.h>
#include <stdbool.h>
#include <stdio.h>

enum { CALL_CLIENTS_MAXIMUM = 1000 };

struct call_client {
    unsigned number;
    coax_remote *remote; /* a reference */
};

struct call_clients {
    struct call_client items[CALL_CLIENTS_MAXIMUM]; /* by number */
    size_t count;
    unsigned last_number;
};

/* Returns its number; 0 if there are too many. */
unsigned call_clients_add(struct call_clients *clients, coax_remote *remote);

/* Returns the number that it had; 0 if it has none. */
unsigned call_clients_remove(struct call_clients *clients, const coax_remote *remote);

/* NULL if there is none of that number. */
coax_remote *call_clients_find(const struct call_clients *clients, unsigned number);

void call_clients_clear(struct call_clients *clients);

/* "coap+tcp 192.0.2.1:4711, claim :me" */
enum { CALL_CLIENT_TEXT_CAPACITY = 512 };
const char *call_client_text(const coax_remote *remote, char out[CALL_CLIENT_TEXT_CAPACITY]);

#endif
