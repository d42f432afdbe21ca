/* What the files of serve_files*.c share. */
#ifndef COAX_CLI_SERVE_FILES_H
#define COAX_CLI_SERVE_FILES_H

#include "cli/files.h"
#include <coax/site.h>

/* A block's number has 20 bits, and its size is 1024 at most (RFC 7959 section 2.2). */
#define FILE_SIZE_MAXIMUM (UINT64_C(1024) << 20)

/* serve_files_put.c: adds PUT and DELETE. */
void serve_files_let_write(coax_resource_config *config);

#endif
