/* For tests: what is written to stdout or stderr goes to a file for a while. */
#ifndef COAX_CLI_CAPTURE_H
#define COAX_CLI_CAPTURE_H

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct capture {
    FILE *stream;
    int kept; /* the real one */
    FILE *file;
};

static inline struct capture capture_begin(FILE *stream) {
    fflush(stream);
    struct capture capture = {stream, dup(fileno(stream)), tmpfile()};
    if (capture.kept < 0 || capture.file == NULL || dup2(fileno(capture.file), fileno(stream)) < 0) {
        abort();
    }
    return capture;
}

/* Ends it; returns what was written, NUL-terminated, in `out` (what does not fit is lost). */
static inline const char *capture_end(struct capture *capture, char *out, size_t capacity) {
    fflush(capture->stream);
    if (dup2(capture->kept, fileno(capture->stream)) < 0) {
        abort();
    }
    close(capture->kept);
    rewind(capture->file);
    out[fread(out, 1, capacity - 1, capture->file)] = '\0';
    fclose(capture->file);
    return out;
}

#endif
