#include "cli/inherited.h"

#include "cli/complain.h"
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static const struct {
    bool is_stream;
    uint16_t port;
    enum coax_scheme scheme;
} usual[] = {
    {false, 5684, COAX_SCHEME_COAPS},   {true, 5684, COAX_SCHEME_COAPS_TCP}, {true, 8683, COAX_SCHEME_COAP_WS},
    {true, 8684, COAX_SCHEME_COAPS_WS}, {true, 80, COAX_SCHEME_COAP_WS},     {true, 443, COAX_SCHEME_COAPS_WS},
};

enum coax_scheme inherited_scheme(bool is_stream, uint16_t port) {
    for (size_t i = 0; i < sizeof usual / sizeof *usual; i++) {
        if (usual[i].is_stream == is_stream && usual[i].port == port) {
            return usual[i].scheme;
        }
    }
    return is_stream ? COAX_SCHEME_COAP_TCP : COAX_SCHEME_COAP;
}

/* COAX_SCHEMES if it is none. */
static enum coax_scheme scheme_named(const char *name, size_t size) {
    enum coax_scheme scheme = COAX_SCHEME_COAP;
    while (scheme < COAX_SCHEMES
           && (strlen(coax_scheme_name(scheme)) != size || memcmp(coax_scheme_name(scheme), name, size) != 0)) {
        scheme++;
    }
    return scheme;
}

static bool is_stream(int fd, bool *result) {
    int type = 0;
    socklen_t size = sizeof type;
    bool good = getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) == 0;
    *result = type == SOCK_STREAM;
    return good;
}

/* 0 for a socket of another family, which the library will refuse. */
static uint16_t port_of(int fd) {
    struct sockaddr_storage storage = {.ss_family = AF_UNSPEC};
    struct sockaddr_in ip4;
    struct sockaddr_in6 ip6;
    socklen_t size = sizeof storage;
    if (getsockname(fd, (struct sockaddr *)&storage, &size) != 0) {
        return 0;
    }
    memcpy(&ip4, &storage, sizeof ip4);
    memcpy(&ip6, &storage, sizeof ip6);
    return ntohs(storage.ss_family == AF_INET ? ip4.sin_port : storage.ss_family == AF_INET6 ? ip6.sin6_port : 0);
}

/* Takes the descriptor with the first of the names in `*names`, and moves that to the next one. */
static int take(struct inherited *inherited, int fd, const char **names) {
    bool stream;
    if (!is_stream(fd, &stream)) {
        return complain(EXIT_ERROR, "LISTEN_FDS: descriptor %d is no socket: %s", fd, strerror(errno));
    }
    (void)fcntl(fd, F_SETFD, FD_CLOEXEC);
    size_t size = strcspn(*names, ":");
    enum coax_scheme scheme = scheme_named(*names, size);
    *names += size + ((*names)[size] == ':');
    inherited->sockets[inherited->count++] = (struct inherited_socket){
        .fd = fd, .scheme = scheme != COAX_SCHEMES ? scheme : inherited_scheme(stream, port_of(fd))};
    return EXIT_OK;
}

/* -1 if it is no number, or unset. */
static long read_number(const char *name) {
    const char *text = getenv(name);
    char *end = NULL;
    errno = 0;
    long number = text != NULL ? strtol(text, &end, 10) : -1;
    return text == NULL || end == text || *end != '\0' || errno != 0 || number < 0 ? -1 : number;
}

static int take_all(struct inherited *inherited) {
    const char *names = getenv("LISTEN_FDNAMES");
    if (read_number("LISTEN_PID") != getpid()) {
        return EXIT_OK;
    }
    long count = read_number("LISTEN_FDS");
    if (count < 0 || count > INHERITED_MAXIMUM) {
        return complain(EXIT_ERROR, "LISTEN_FDS is '%s', and should be a number of 0 to %d",
                        getenv("LISTEN_FDS") != NULL ? getenv("LISTEN_FDS") : "", INHERITED_MAXIMUM);
    }
    names = names != NULL ? names : "";
    int code = EXIT_OK;
    for (int i = 0; i < count && code == EXIT_OK; i++) {
        code = take(inherited, INHERITED_FIRST + i, &names);
    }
    return code;
}

int inherited_read(struct inherited *inherited) {
    inherited->count = 0;
    int code = take_all(inherited);
    unsetenv("LISTEN_PID");
    unsetenv("LISTEN_FDS");
    unsetenv("LISTEN_FDNAMES");
    return code;
}
