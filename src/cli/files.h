/* A folder whose files are served: nothing outside of it can be reached, whatever a name says and whatever symbolic
   links lie in it. Names that begin with '.' are hidden. */
#ifndef COAX_CLI_FILES_H
#define COAX_CLI_FILES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct files;

/* NULL, with errno set, if `folder` cannot be opened. */
struct files *files_open(const char *folder);
void files_close(struct files *files); /* NULL is allowed */

/* Around a look at a file and the change that follows from it: threads share the folder. */
void files_lock(struct files *files);
void files_unlock(struct files *files);

enum file_kind { FILE_NONE, FILE_DENIED, FILE_REGULAR, FILE_FOLDER };

enum { FILE_ETAG_SIZE = 8 };

struct file {
    enum file_kind kind;
    int fd; /* of FILE_REGULAR and FILE_FOLDER: for the caller to close */
    uint64_t size;
    uint8_t etag[FILE_ETAG_SIZE]; /* another one after a change of the file */
};

/* Finds what `name` ("sub/file", "" for the folder itself, see serve_path_to_name) stands for. Symbolic links and what
   is neither file nor folder are as if they were not there. */
struct file files_find(const struct files *files, const char *name);

/* The same by opening folder after folder, for kernels and sandboxes without openat2(2). */
struct file files_find_by_steps(const struct files *files, const char *name);

/* Reads a regular file from `offset` on: `capacity` bytes, fewer only at its end. -1 if it cannot be read. */
ssize_t files_read(const struct file *file, uint64_t offset, void *out, size_t capacity);

/* Writes what is in a folder in link-format, sorted by name, with `target` ("/files/sub/") before each name. *size is
   the size that it has; false if it does not fit, or the folder holds over FILES_LISTED_MAXIMUM names or cannot be
   read. */
enum { FILES_LISTED_MAXIMUM = 1000 };
bool files_list(const struct file *folder, const char *target, char *out, size_t capacity, size_t *size);

/* The Content-Format for a file's name, by its extension; octet-stream for an unknown one. */
int files_format(const char *name);

#endif
