#include "cli/serve_listen.h"

#include "cli/complain.h"
#include "cli/service.h"
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* All addresses: IPv6 and IPv4 by one socket, where the kernel has IPv6. */
static const char *any_address(void) {
    int fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return "0.0.0.0";
    }
    close(fd);
    return "[::]";
}

static int fail(const struct serve_settings *settings, const coax_error *error) {
    int code = service_fail(error);
    if (error->status == COAX_E_NO_CREDENTIALS && settings->service.credentials.count == 0) {
        remark("--credentials FILE names a file with keys or certificates");
    }
    return code;
}

/* All transports; the secure ones with credentials that a server can use. */
static int listen_on_defaults(coax_endpoint *endpoint, const struct serve_settings *settings, bool is_first) {
    const char *address = any_address();
    bool can_be_secure = settings->service.credentials.count > 0;
    for (enum coax_scheme scheme = COAX_SCHEME_COAP; scheme < COAX_SCHEMES; scheme++) {
        char uri[SERVE_URI_CAPACITY];
        coax_error error;
        bool secure = coax_scheme_is_secure(scheme);
        if (secure && !can_be_secure) {
            continue;
        }
        if (!serve_settings_uri(settings, scheme, address, uri)) {
            return complain(EXIT_USAGE, "the address to bind is too long");
        }
        enum coax_status status = coax_endpoint_listen(endpoint, uri, &error);
        if (secure && status == COAX_E_NO_CREDENTIALS) {
            if (is_first) {
                remark("no coaps, coaps+tcp and coaps+ws: the credentials hold nothing that a server can use");
            }
            can_be_secure = false;
        } else if (status != COAX_OK) {
            return fail(settings, &error);
        }
    }
    return EXIT_OK;
}

static int listen_on_uris(coax_endpoint *endpoint, const struct serve_settings *settings) {
    coax_error error;
    for (size_t i = 0; i < settings->uris.count; i++) {
        if (coax_endpoint_listen(endpoint, settings->uris.items[i], &error) != COAX_OK) {
            return fail(settings, &error);
        }
    }
    return EXIT_OK;
}

/* The host does not matter: the socket has its address. */
static int listen_on_inherited(coax_endpoint *endpoint, const struct serve_settings *settings,
                               const struct inherited *inherited) {
    coax_error error;
    for (size_t i = 0; i < inherited->count; i++) {
        const struct inherited_socket *socket = &inherited->sockets[i];
        char uri[32];
        snprintf(uri, sizeof uri, "%s://[::]", coax_scheme_name(socket->scheme));
        if (coax_endpoint_listen_fd(endpoint, uri, socket->fd, &error) != COAX_OK) {
            remark("of the sockets that were handed over (LISTEN_FDS), number %zu is taken for %s", i + 1,
                   coax_scheme_name(socket->scheme));
            return fail(settings, &error);
        }
    }
    return EXIT_OK;
}

static int listen_on_all(coax_endpoint *endpoint, const struct serve_settings *settings,
                         const struct inherited *inherited, bool is_first) {
    if (inherited->count == 0) {
        return settings->uris.count > 0 ? listen_on_uris(endpoint, settings)
                                        : listen_on_defaults(endpoint, settings, is_first);
    }
    if (settings->service.threads > 1) {
        return complain(EXIT_USAGE, "the sockets to listen on were handed over (LISTEN_FDS), for one thread; leave "
                                    "--threads out");
    }
    if (settings->bind != NULL || settings->port >= 0) {
        return complain(EXIT_USAGE, "the sockets to listen on were handed over (LISTEN_FDS), bound; leave %s out",
                        settings->bind != NULL ? "--bind" : "--port");
    }
    int code = listen_on_inherited(endpoint, settings, inherited);
    return code == EXIT_OK ? listen_on_uris(endpoint, settings) : code;
}

static int join_groups(coax_endpoint *endpoint, const struct argument_texts *groups) {
    coax_error error;
    for (size_t i = 0; i < groups->count; i++) {
        enum coax_status status = coax_endpoint_join(endpoint, groups->items[i], &error);
        if (status != COAX_OK) {
            return complain(status == COAX_E_INVALID ? EXIT_USAGE : EXIT_ERROR, "--join %s: %s", groups->items[i],
                            error.text);
        }
    }
    return EXIT_OK;
}

static int print_uris(const coax_endpoint *endpoint) {
    char uri[SERVE_URI_CAPACITY];
    bool written = true;
    for (size_t i = 0; coax_endpoint_listening_uri(endpoint, i, uri, sizeof uri) == COAX_OK; i++) {
        written = puts(uri) != EOF && written;
    }
    if (fflush(stdout) != 0 || !written) {
        return complain(EXIT_ERROR, "cannot write to standard output: %s", strerror(errno));
    }
    return EXIT_OK;
}

int serve_listen(const coax_shards *shards, const struct serve_settings *settings, const struct inherited *inherited) {
    coax_endpoint *first = coax_shards_endpoint(shards, 0), *endpoint;
    int code = EXIT_OK;
    for (unsigned i = 0; code == EXIT_OK && (endpoint = coax_shards_endpoint(shards, i)) != NULL; i++) {
        code = listen_on_all(endpoint, settings, inherited, i == 0);
    }
    if (code == EXIT_OK) {
        code = join_groups(first, &settings->groups);
    }
    return code == EXIT_OK ? print_uris(first) : code;
}
