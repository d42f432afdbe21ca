/* The files of --credentials. */
#ifndef COAX_CLI_CREDENTIAL_FILES_H
#define COAX_CLI_CREDENTIAL_FILES_H

#include "cli/arguments.h"
#include <coax/credentials.h>

/* Loads them in order. Warnings go to stderr unless `quiet`. False, with *error, at the first that cannot be used. */
bool credential_files_load(coax_credentials *credentials, const struct argument_texts *files, bool quiet,
                           coax_error *error);

#endif
