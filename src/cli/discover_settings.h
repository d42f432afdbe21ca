/* What the command line of `coax discover` says. */
#ifndef COAX_CLI_DISCOVER_SETTINGS_H
#define COAX_CLI_DISCOVER_SETTINGS_H

#include "cli/arguments.h"

struct discover_settings {
    const char *address; /* NULL: all CoAP nodes around */
    struct argument_texts credentials;
    uint32_t timeout_ms; /* 0: not given */
    bool json;
    unsigned verbose;
    bool help;
    bool version;
};

/* Reads the words of a command line; words[0] is the verb. Returns an exit code, after one sentence on stderr if it is
   not EXIT_OK. With `help` or `version` set, nothing else is checked. */
int discover_settings_read(struct discover_settings *settings, int count, char **words);

void discover_help_print(FILE *file);

#endif
