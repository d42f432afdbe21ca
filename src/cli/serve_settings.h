/* What the command line of `coax serve` says. */
#ifndef COAX_CLI_SERVE_SETTINGS_H
#define COAX_CLI_SERVE_SETTINGS_H

#include "cli/arguments.h"

struct serve_settings {
    struct argument_texts uris; /* to listen on exactly; none: the default ones */
    const char *bind;           /* NULL: all addresses */
    int port;                   /* of coap, one more for coaps; -1: their default ports */
    struct argument_texts credentials;
    const char *files;            /* a folder; NULL: none */
    struct argument_texts groups; /* multicast groups to join */
    unsigned verbose;
    bool help;
    bool version;
};

/* Reads the words of a command line; words[0] is the verb. Returns an exit code, after one sentence on stderr if it is
   not EXIT_OK. With `help` or `version` set, nothing else is checked. */
int serve_settings_read(struct serve_settings *settings, int count, char **words);

void serve_help_print(FILE *file);

/* The URI that the settings without URIs stand for; `address` is that of all interfaces when none is bound. False if it
   does not fit. */
enum { SERVE_URI_CAPACITY = 512 };
bool serve_settings_uri(const struct serve_settings *settings, bool secure, const char *any_address,
                        char out[SERVE_URI_CAPACITY]);

#endif
