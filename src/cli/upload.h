/* A file on its way out, read as it is sent. */
#ifndef COAX_CLI_UPLOAD_H
#define COAX_CLI_UPLOAD_H

#include <coax/body.h>
#include <stdbool.h>

struct upload {
    int fd; /* -1: none */
    uint64_t size;
};

/* Opens a file, or standard input for "-", if it is a regular one: anything else is to be read whole first, because
   what was sent once may have to be sent again. Returns whether it is; what cannot be opened is left to who reads it.
 */
bool upload_open(struct upload *upload, const char *path);

extern const coax_body_source upload_source; /* its body is the upload; its end closes the file */

#endif
