/* A file that comes piece by piece, under a name that nobody sees until it is whole. It holds no descriptor meanwhile,
   so that slow clients hold none. */
#ifndef COAX_CLI_FILE_PART_H
#define COAX_CLI_FILE_PART_H

#include "cli/files.h"

struct file_part;

/* Begins what is to be `name` (see files_find), in a folder that is there. NULL, with errno, if it cannot. */
struct file_part *file_part_new(const struct files *files, const char *name);

/* The piece that follows; an offset of 0 begins anew. False, with errno. */
bool file_part_write(struct file_part *part, uint64_t offset, const void *piece, size_t size);

/* Puts it in the place of what is there. False, with errno. */
bool file_part_commit(struct file_part *part);

/* What was not committed is gone. NULL is allowed. */
void file_part_free(struct file_part *part);

/* Removes a file. False, with errno. */
bool files_remove(const struct files *files, const char *name);

#endif
