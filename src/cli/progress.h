/* The progress of long transfers, as a line on a terminal that is written over. */
#ifndef COAX_CLI_PROGRESS_H
#define COAX_CLI_PROGRESS_H

#include <coax/body.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct progress {
    bool wanted;      /* stderr is a terminal, and nothing else is said there */
    bool drawn;       /* there is a line to be wiped */
    uint64_t last_ms; /* when it was drawn */
    uint64_t skipped; /* bytes that were there before: they say nothing about the rate */
};

enum { PROGRESS_LINE_CAPACITY = 192 };

/* The line for what has come `elapsed_ms` after the start: the share if the whole is known, amounts and rate. */
const char *progress_line(const struct progress *progress, const coax_progress *now, uint64_t elapsed_ms,
                          char out[PROGRESS_LINE_CAPACITY]);

/* Draws it, not in the first second and not too often. */
void progress_show(struct progress *progress, const coax_progress *now, uint64_t elapsed_ms);

/* Wipes the line: something else is about to be said. */
void progress_clear(struct progress *progress);

#endif
