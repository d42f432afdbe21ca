/* coax serve */
#include "cli/commands.h"

#include "cli/complain.h"
#include "cli/interrupt.h"
#include "cli/serve_log.h"
#include "cli/serve_resources.h"
#include "cli/serve_settings.h"
#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

struct server {
    const struct serve_settings *settings;
    coax_endpoint *endpoint;
    struct store *store;
    struct files *files; /* NULL without --files */
};

/* A signal handler is handed nothing but the signal's number. */
static volatile sig_atomic_t reload_wanted;
static _Atomic(coax_endpoint *) reloading;

static void want_reload(int signal_number) {
    (void)signal_number;
    reload_wanted = 1;
    coax_endpoint *endpoint = atomic_load(&reloading);
    if (endpoint != NULL) {
        coax_endpoint_stop(endpoint);
    }
}

static void watch_reload(coax_endpoint *endpoint) {
    struct sigaction action = {.sa_handler = want_reload, .sa_flags = SA_RESTART};
    sigemptyset(&action.sa_mask);
    atomic_store(&reloading, endpoint);
    sigaction(SIGHUP, &action, NULL);
}

static int load_credentials(const struct server *server, coax_credentials *credentials, coax_error *error) {
    const struct argument_texts *files = &server->settings->credentials;
    for (size_t i = 0; i < files->count; i++) {
        coax_error warning = {.text = ""};
        if (coax_credentials_load_file(credentials, files->items[i], &warning, error) != COAX_OK) {
            return EXIT_USAGE;
        }
        if (warning.text[0] != '\0') {
            remark("%s", warning.text);
        }
    }
    return EXIT_OK;
}

/* Live sessions keep the entries that they use. */
static void reload_credentials(const struct server *server) {
    if (server->settings->credentials.count == 0) {
        remark("there are no credentials to load again: --credentials FILE was not given");
        return;
    }
    coax_error error = {.text = "not enough memory"};
    coax_credentials *fresh = coax_credentials_new();
    if (fresh == NULL || load_credentials(server, fresh, &error) != EXIT_OK) {
        complain(EXIT_USAGE, "%s; the credentials stay as they were", error.text);
    } else {
        coax_credentials_replace(coax_endpoint_credentials(server->endpoint), fresh);
        remark("credentials loaded again");
    }
    coax_credentials_free(fresh);
}

static int fail(const coax_error *error) {
    return complain(exit_code_of(error->status), "%s", error->text);
}

/* All addresses: IPv6 and IPv4 by one socket, where the kernel has IPv6. */
static const char *any_address(void) {
    int fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return "0.0.0.0";
    }
    close(fd);
    return "[::]";
}

static int listen_on_default(const struct server *server, bool secure) {
    char uri[SERVE_URI_CAPACITY];
    coax_error error;
    if (!serve_settings_uri(server->settings, secure, any_address(), uri)) {
        return complain(EXIT_USAGE, "the address to bind is too long");
    }
    enum coax_status status = coax_endpoint_listen(server->endpoint, uri, &error);
    if (secure && status == COAX_E_NO_CREDENTIALS) {
        remark("no coaps: the credentials hold nothing that a server can use");
        return EXIT_OK;
    }
    return status == COAX_OK ? EXIT_OK : fail(&error);
}

static int listen_on_defaults(const struct server *server) {
    int code = listen_on_default(server, false);
    if (code == EXIT_OK && server->settings->credentials.count > 0) {
        code = listen_on_default(server, true);
    }
    return code;
}

static int listen_on_uris(const struct server *server) {
    const struct argument_texts *uris = &server->settings->uris;
    coax_error error;
    for (size_t i = 0; i < uris->count; i++) {
        enum coax_status status = coax_endpoint_listen(server->endpoint, uris->items[i], &error);
        if (status != COAX_OK) {
            int code = fail(&error);
            if (status == COAX_E_NO_CREDENTIALS && server->settings->credentials.count == 0) {
                remark("--credentials FILE names a file with keys or certificates");
            }
            return code;
        }
    }
    return EXIT_OK;
}

static int join_groups(const struct server *server) {
    const struct argument_texts *groups = &server->settings->groups;
    coax_error error;
    for (size_t i = 0; i < groups->count; i++) {
        enum coax_status status = coax_endpoint_join(server->endpoint, groups->items[i], &error);
        if (status != COAX_OK) {
            return complain(status == COAX_E_INVALID ? EXIT_USAGE : EXIT_ERROR, "--join %s: %s", groups->items[i],
                            error.text);
        }
    }
    return EXIT_OK;
}

static int print_uris(const struct server *server) {
    char uri[SERVE_URI_CAPACITY];
    bool written = true;
    for (size_t i = 0; coax_endpoint_listening_uri(server->endpoint, i, uri, sizeof uri) == COAX_OK; i++) {
        written = puts(uri) != EOF && written;
    }
    if (fflush(stdout) != 0 || !written) {
        return complain(EXIT_ERROR, "cannot write to standard output: %s", strerror(errno));
    }
    return EXIT_OK;
}

static int add_resources(struct server *server) {
    uint8_t seed[16];
    coax_error error = {.status = COAX_E_NO_MEMORY, .text = "not enough memory"};
    if (getrandom(seed, sizeof seed, 0) != (ssize_t)sizeof seed) {
        return complain(EXIT_ERROR, "no random bytes: %s", strerror(errno));
    }
    const char *folder = server->settings->files;
    if (folder != NULL && (server->files = files_open(folder)) == NULL) {
        return complain(EXIT_USAGE, "--files '%s': %s", folder, strerror(errno));
    }
    coax_site *site = coax_endpoint_site(server->endpoint);
    server->store = store_new(seed);
    bool good = server->store != NULL && serve_add_basics(site, folder != NULL, &error) && serve_add_host(site, &error)
                && serve_add_store(site, server->store, &error)
                && (folder == NULL || serve_add_files(site, server->files, &error));
    return good ? EXIT_OK : fail(&error);
}

static int start(struct server *server) {
    coax_error error;
    int code = add_resources(server);
    if (code != EXIT_OK) {
        return code;
    }
    code = load_credentials(server, coax_endpoint_credentials(server->endpoint), &error);
    if (code != EXIT_OK) {
        return complain(code, "%s", error.text);
    }
    code = server->settings->uris.count > 0 ? listen_on_uris(server) : listen_on_defaults(server);
    if (code == EXIT_OK) {
        code = join_groups(server);
    }
    return code == EXIT_OK ? print_uris(server) : code;
}

/* Until a signal ends it. */
static int serve(const struct server *server) {
    coax_error error;
    while (!interrupted()) {
        if (coax_endpoint_run(server->endpoint, &error) != COAX_OK) {
            return fail(&error);
        }
        if (reload_wanted != 0) {
            reload_wanted = 0;
            reload_credentials(server);
        }
    }
    return EXIT_OK;
}

static int run(const struct serve_settings *settings) {
    struct server server = {.settings = settings};
    coax_endpoint_config config = COAX_ENDPOINT_CONFIG_INIT;
    coax_error error;
    serve_log_setup(&config, settings->verbose);
    if (coax_endpoint_new(&server.endpoint, &config, &error) != COAX_OK) {
        return fail(&error);
    }
    interrupt_watch();
    interrupt_stops(server.endpoint);
    watch_reload(server.endpoint);
    int code = start(&server);
    if (code == EXIT_OK) {
        code = serve(&server);
    }
    watch_reload(NULL);
    interrupt_stops(NULL);
    coax_endpoint_free(server.endpoint);
    files_close(server.files);
    store_free(server.store);
    return code;
}

int command_serve(int count, char **arguments) {
    struct serve_settings settings;
    int code = serve_settings_read(&settings, count, arguments);
    if (code != EXIT_OK) {
        return code;
    }
    if (settings.version) {
        puts("coax " COAX_VERSION);
        return EXIT_OK;
    }
    if (settings.help) {
        serve_help_print(stdout);
        return EXIT_OK;
    }
    return run(&settings);
}
