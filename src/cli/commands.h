/* The verbs of the `coax` command and what they share. */
#ifndef COAX_CLI_COMMANDS_H
#define COAX_CLI_COMMANDS_H

#include <coax/coax.h>

/* Exit codes, documented in README and --help. */
enum exit_code {
    EXIT_OK = 0,           /* a 2.xx response */
    EXIT_ERROR = 1,        /* any other failure: no address for the name, refused, unreachable, I/O */
    EXIT_USAGE = 2,        /* the command line, a URI or the credentials file is wrong */
    EXIT_INTERRUPTED = 3,  /* Ctrl-C */
    EXIT_CLIENT_ERROR = 4, /* a 4.xx response */
    EXIT_SERVER_ERROR = 5, /* a 5.xx response */
    EXIT_TIMEOUT = 6,      /* nobody answered in time */
    EXIT_SECURITY = 7,     /* handshake, certificate, alert, no credentials for the URI */
};

/* `arguments[0]` is the verb. Each returns an exit code. */
int command_request(int count, char **arguments); /* get, post, put, delete, fetch, patch, ipatch, observe */
int command_discover(int count, char **arguments);
int command_serve(int count, char **arguments);
int command_attach(int count, char **arguments);

/* The exit code for a status. */
int exit_code_of(enum coax_status status);

/* Prints "coax: <text>" to stderr, in colour on a terminal (NO_COLOR obeyed); returns `code`. */
int complain(int code, const char *format, ...) COAX_PRINTF(2, 3);

#endif
