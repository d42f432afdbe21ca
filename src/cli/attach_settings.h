/* What the command line of `coax attach` says. */
#ifndef COAX_CLI_ATTACH_SETTINGS_H
#define COAX_CLI_ATTACH_SETTINGS_H

#include "cli/service.h"

struct attach_settings {
    const char *uri;
    struct service_settings service;
    uint32_t ping_interval_ms; /* 0: the library's own */
    bool help;
    bool version;
};

/* Reads the words of a command line; words[0] is the verb. Returns an exit code, after one sentence on stderr if it is
   not EXIT_OK. With `help` or `version` set, nothing else is checked. */
int attach_settings_read(struct attach_settings *settings, int count, char **words);

void attach_help_print(FILE *file);

#endif
