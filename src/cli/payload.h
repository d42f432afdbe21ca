/* The payload of a request: from the command line, a file or standard input. */
#ifndef COAX_CLI_PAYLOAD_H
#define COAX_CLI_PAYLOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { PAYLOAD_MAXIMUM = 64 * 1024 * 1024 };

struct payload {
    uint8_t *data; /* owned: payload_free */
    size_t size;
};

/* Reads all of a file, or of standard input for "-". On a terminal it says what it waits for; so it does when nothing
   comes from a pipe for a while, because a pipe that nobody writes to looks like a program that hangs. Returns an exit
   code, after one sentence on stderr if it is not EXIT_OK; EXIT_INTERRUPTED without one, when `*interrupted` got set.
 */
int payload_read_file(struct payload *payload, const char *path, bool quiet);

/* Copies a text. */
int payload_copy(struct payload *payload, const char *text);

void payload_free(struct payload *payload);

/* True if standard input is a pipe, a socket or a file: something was put there for the command to read. */
bool payload_waits_in_stdin(void);

#endif
