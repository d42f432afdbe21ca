/* What the command line of `coax serve` says. */
#ifndef COAX_CLI_SERVE_SETTINGS_H
#define COAX_CLI_SERVE_SETTINGS_H

#include "cli/service.h"
#include <coax/uri.h>

struct serve_settings {
    struct argument_texts uris; /* to listen on exactly; none: the default ones */
    const char *bind;           /* NULL: all addresses */
    int port;                   /* of coap and coap+tcp, see serve_settings_uri; -1: the default ports */
    struct service_settings service;
    struct argument_texts groups;  /* multicast groups to join */
    struct argument_texts origins; /* whose pages may connect by WebSocket */
    bool trust_forwarded;
    const char *state; /* a file for sessions that outlive the process; NULL: none do */
    bool call;         /* show clients, and send them requests */
    bool help;
    bool version;
};

/* Reads the words of a command line; words[0] is the verb. Returns an exit code, after one sentence on stderr if it is
   not EXIT_OK. With `help` or `version` set, nothing else is checked. */
int serve_settings_read(struct serve_settings *settings, int count, char **words);

void serve_help_print(FILE *file);

/* The URI that the settings without URIs stand for: on port P for coap and coap+tcp, P + 1 for coaps and coaps+tcp,
   P + 3000 for coap+ws and P + 3001 for coaps+ws, without P on 5683, 5684, 8683 and 8684. `any_address` is that of all
   interfaces when none is bound. False if it does not fit. */
enum { SERVE_URI_CAPACITY = 512 };
bool serve_settings_uri(const struct serve_settings *settings, enum coax_scheme scheme, const char *any_address,
                        char out[SERVE_URI_CAPACITY]);

#endif
