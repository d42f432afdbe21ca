/* Sockets that a supervisor opened and handed over, as systemd does (sd_listen_fds(3)): from descriptor 3 on, counted
   in LISTEN_FDS, for the process LISTEN_PID, named in LISTEN_FDNAMES. */
#ifndef COAX_CLI_INHERITED_H
#define COAX_CLI_INHERITED_H

#include <coax/uri.h>

enum { INHERITED_MAXIMUM = 64, INHERITED_FIRST = 3 };

struct inherited_socket {
    int fd;
    enum coax_scheme scheme; /* by its name, else by its kind and port */
};

struct inherited {
    struct inherited_socket sockets[INHERITED_MAXIMUM];
    size_t count;
};

/* Finds them, none if they are for another process, and takes the variables out of the environment, so that they are
   not for our children. Returns an exit code, after one sentence on stderr if it is not EXIT_OK. */
int inherited_read(struct inherited *inherited);

/* What a socket without a scheme's name is for: the secure schemes have port 5684, WebSockets their own ports. */
enum coax_scheme inherited_scheme(bool is_stream, uint16_t port);

#endif
