#include "cli/serve_settings.h"

#include "cli/complain.h"
#include <coax/uri.h>
#include <string.h>

static const struct argument table[] = {
    {"bind", 0, "ADDR", "listen on this address only; else on all", argument_text,
     offsetof(struct serve_settings, bind)},
    {"port", 0, "P", "UDP port P for coap and P+1 for coaps; 0: any free ones", argument_port,
     offsetof(struct serve_settings, port)},
    {"credentials", 0, "FILE", "keys and certificates for coaps; repeatable, SIGHUP loads them again", argument_texts,
     offsetof(struct serve_settings, credentials)},
    {"files", 0, "DIR", "serve the files of DIR at /files, but none whose name begins with '.'", argument_text,
     offsetof(struct serve_settings, files)},
    {"join", 0, "GROUP", "hear coap requests to a multicast group, such as ff02::fd%eth0; repeatable", argument_texts,
     offsetof(struct serve_settings, groups)},
    {"verbose", 'v', NULL, "show each message on stderr; twice: what the library does, too", argument_count,
     offsetof(struct serve_settings, verbose)},
    {"help", 'h', NULL, "show this", argument_flag, offsetof(struct serve_settings, help)},
    {"version", 0, NULL, NULL, argument_flag, offsetof(struct serve_settings, version)},
};

enum { TABLE_SIZE = sizeof table / sizeof table[0], PORT_MAXIMUM = 65535 };

bool serve_settings_uri(const struct serve_settings *settings, bool secure, const char *any_address,
                        char out[SERVE_URI_CAPACITY]) {
    enum coax_scheme scheme = secure ? COAX_SCHEME_COAPS : COAX_SCHEME_COAP;
    const char *address = settings->bind != NULL ? settings->bind : any_address;
    bool is_bare_ip6 = strchr(address, ':') != NULL && address[0] != '[';
    int port = settings->port < 0               ? coax_scheme_default_port(scheme)
               : settings->port == 0 || !secure ? settings->port
                                                : settings->port + 1;
    int size = snprintf(out, SERVE_URI_CAPACITY, is_bare_ip6 ? "%s://[%s]:%d" : "%s://%s:%d", coax_scheme_name(scheme),
                        address, port);
    return size > 0 && size < SERVE_URI_CAPACITY;
}

/* The parts that a URI to listen on has not. */
static bool has_path(const coax_uri *uri) {
    return uri->path_size > 0 || uri->has_query;
}

static int check_uris(const struct serve_settings *settings) {
    for (size_t i = 0; i < settings->uris.count; i++) {
        coax_uri uri;
        coax_error error;
        const char *text = settings->uris.items[i];
        if (coax_uri_parse(&uri, text, &error) != COAX_OK) {
            return complain(EXIT_USAGE, "'%s' is no URI to listen on: %s", text, error.text);
        }
        if (has_path(&uri)) {
            return complain(EXIT_USAGE, "'%s' names a resource; to listen on it takes scheme, address and port only",
                            text);
        }
    }
    return EXIT_OK;
}

static int check_bind(const struct serve_settings *settings) {
    char text[SERVE_URI_CAPACITY];
    coax_uri uri;
    if (settings->bind == NULL
        || (serve_settings_uri(settings, false, "", text) && coax_uri_parse(&uri, text, NULL) == COAX_OK
            && !has_path(&uri))) {
        return EXIT_OK;
    }
    return complain(EXIT_USAGE, "--bind '%s' is no address such as 127.0.0.1, ::1 or localhost (--port names the port)",
                    settings->bind);
}

static int check(const struct serve_settings *settings) {
    if (settings->uris.count > 0 && (settings->bind != NULL || settings->port >= 0)) {
        return complain(EXIT_USAGE, "the URIs name exactly what to listen on; leave %s out, or the URIs",
                        settings->bind != NULL ? "--bind" : "--port");
    }
    if (settings->port == PORT_MAXIMUM && settings->credentials.count > 0) {
        return complain(EXIT_USAGE, "--port %d leaves none for coaps, which gets the next one; %d is the highest",
                        PORT_MAXIMUM, PORT_MAXIMUM - 1);
    }
    int code = check_bind(settings);
    return code == EXIT_OK ? check_uris(settings) : code;
}

int serve_settings_read(struct serve_settings *settings, int count, char **words) {
    *settings = (struct serve_settings){.port = -1};
    if (!arguments_read(table, TABLE_SIZE, settings, &settings->uris, "coax serve", count, words)) {
        return EXIT_USAGE;
    }
    return settings->help || settings->version ? EXIT_OK : check(settings);
}

void serve_help_print(FILE *file) {
    fputs(
        "coax serve [URI…] [options]\n"
        "Serves /time, /host/load, /host/memory, /host/uptime, /echo, /store/…, /whoami and, with --files, /files/….\n"
        "Prints the URIs that it serves, one a line. Without a URI: coap on UDP port 5683 and, with credentials,\n"
        "coaps on 5684, on all addresses. SIGINT and SIGTERM end it in order.\n\n",
        file);
    arguments_print(file, table, TABLE_SIZE);
    fputs("\nExamples\n"
          "  coax serve\n"
          "  coax serve --bind 127.0.0.1 --port 6000 --credentials server.json\n"
          "  coax serve coap://127.0.0.1:0 'coaps://[::1]:6001' --credentials server.json --files /srv/public\n\n"
          "Exit codes: 0 ended by a signal, 2 the command line or the credentials file is wrong, 7 security,\n"
          "1 anything else, such as an address in use.\n",
          file);
}
