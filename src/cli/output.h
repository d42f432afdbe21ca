/* How a response or an error is shown: the payload, or one JSON object, on stdout; all else on stderr. */
#ifndef COAX_CLI_OUTPUT_H
#define COAX_CLI_OUTPUT_H

#include "cli/request_settings.h"
#include <coax/coax.h>
#include <jansson.h>
#include <limits.h>
#include <sys/types.h>

enum { ANSWER_REMOTE_MAXIMUM = 512 };

struct answer {
    const coax_message *message;
    char remote[ANSWER_REMOTE_MAXIMUM]; /* base URI of who answered; "" if it has none */
    bool is_kept;                       /* the payload is where it belongs already */
    double elapsed_ms;
};

/* Shows a response as the settings want it; returns the exit code of its class, or EXIT_ERROR if it could not be
   written. */
int output_response(const struct request_settings *settings, const struct answer *answer);

/* Shows one of many: as a response, on lines of its own. */
int output_state(const struct request_settings *settings, const struct answer *answer);

/* Shows an error; returns `code`. */
int output_error(const struct request_settings *settings, int code, const coax_error *error);

/* output_json.c: the objects; NULL if memory ran out. With `output` the object names the file in place of the payload.
 */
json_t *json_of_response(const struct answer *answer, const char *output);
json_t *json_of_error(const coax_error *error);

/* output_file.c: writes a file as a whole or not at all: under another name first, then renamed. What is not a regular
   file (/dev/null, a pipe) is written to. Returns an exit code, after one sentence on stderr if it is not EXIT_OK. */
int output_file_write(const char *path, const void *data, size_t size);

/* What a path stands for: the absolute path behind symbolic links, the permissions that a file there has or would be
   made with, and whether it is there and no regular file, to be written in place. False, with errno, if its folder is
   not there. */
bool output_file_target(const char *path, char target[PATH_MAX], mode_t *mode, bool *in_place);

/* "/a/b?c" from Location-Path and Location-Query (RFC 7252 section 5.10.7), percent-encoded, in fresh memory; NULL if
   there is no Location-Path, or no memory. */
char *location_of(const coax_message *message);

#endif
