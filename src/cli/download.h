/* The body of a response on its way into a file, or down a pipe, piece by piece.

   A file comes to be as a whole or not at all. What comes goes into a file beside it, whose name has the ETag of what
   is in it, "FILE.0a1b2c.part": if the transfer breaks off it stays, and the next one goes on from there. Without an
   ETag nobody could tell whether what is there now is the same, and nothing stays. */
#ifndef COAX_CLI_DOWNLOAD_H
#define COAX_CLI_DOWNLOAD_H

#include <coax/request.h>
#include <limits.h>
#include <stdbool.h>
#include <sys/types.h>

struct download {
    const char *path;          /* as the user named it; NULL: standard output */
    char target[PATH_MAX];     /* the file that it stands for, behind symbolic links */
    char part[PATH_MAX];       /* what is written; "": nothing, or in place */
    mode_t mode;               /* of the file in the end */
    bool in_place;             /* no regular file: written as it comes */
    bool is_kept;              /* `part` stays if the transfer breaks off */
    bool is_complete, is_left; /* how it ended: all of it came, or something stays for the next one */
    int fd;
    uint64_t skipped; /* bytes that an earlier transfer brought */
    uint64_t size;    /* that are there */
    int problem;      /* errno of what went wrong here; 0: nothing */
};

/* `path` NULL is standard output. An exit code, after one sentence on stderr if it is not EXIT_OK. */
int download_prepare(struct download *download, const char *path);

/* Lets the request go on where an earlier one broke off, if one did. COAX_OK also if not. */
enum coax_status download_resume(struct download *download, coax_request *request);

extern const coax_body_sink download_sink; /* its body is the download */

/* Says on stderr where the next transfer will go on, if it can. */
void download_say_what_is_left(const struct download *download);

/* Says on stderr what went wrong here (nothing if a reader of standard output went away), and returns EXIT_ERROR;
   EXIT_OK if nothing did. */
int download_report(const struct download *download);

#endif
