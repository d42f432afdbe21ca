/* `--state FILE`: DTLS sessions that outlive the process. The file is there only while nobody serves: it is removed
   before its sessions are taken up, so that they are never taken up twice, not even after a crash. Beside it, in
   FILE.key, is the key that seals it. */
#ifndef COAX_CLI_SESSION_FILE_H
#define COAX_CLI_SESSION_FILE_H

#include <coax/shards.h>

/* Takes up what the file has, if there is one. What cannot be read is no error, but remarked: clients begin anew.
   Returns an exit code, after one sentence on stderr if it is not EXIT_OK: the files cannot be used at all. */
int session_file_restore(coax_shards *shards, const char *path);

/* Writes the sessions of all clients into it, and ends them. Returns an exit code, as above. */
int session_file_save(coax_shards *shards, const char *path);

#endif
