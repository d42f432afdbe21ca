#include "cli/serve_settings.h"

#include "cli/base_uri.h"
#include "cli/complain.h"
#include <string.h>

static bool read_origin(const char *value, void *target, struct argument_problem *problem) {
    const char *host = strstr(value, "://");
    bool good = strcmp(value, "*") == 0
                || (host != NULL && host > value && host[3] != '\0' && strpbrk(host + 3, "/?#@ ") == NULL);
    return good ? argument_texts(value, target, problem)
                : argument_refuse(problem, "is no origin of pages, such as https://example.org:8443 (without a path)");
}

static const struct argument table[] = {
    {"bind", 0, "ADDR", "listen on this address only; else on all", argument_text,
     offsetof(struct serve_settings, bind)},
    {"port", 0, "P", "listen on port P and those that go with it, see above; 0: any free ones", argument_port,
     offsetof(struct serve_settings, port)},
    {"credentials", 0, "FILE", "keys and certificates for DTLS and TLS; repeatable, SIGHUP loads them again",
     argument_texts, offsetof(struct serve_settings, service.credentials)},
    {"files", 0, "DIR", "serve the files of DIR at /files, but none whose name begins with '.'", argument_text,
     offsetof(struct serve_settings, service.files)},
    {"writable", 0, NULL, "clients may PUT and DELETE files there", argument_flag,
     offsetof(struct serve_settings, service.writable)},
    {"join", 0, "GROUP", "hear coap requests to a multicast group, such as ff02::fd%eth0; repeatable", argument_texts,
     offsetof(struct serve_settings, groups)},
    {"origin", 0, "URL", "let pages of this origin connect by WebSocket, or '*'; repeatable; else those of this host",
     read_origin, offsetof(struct serve_settings, origins)},
    {"trust-forwarded", 0, NULL, "behind a proxy: believe what it says of the client's address", argument_flag,
     offsetof(struct serve_settings, trust_forwarded)},
    {"state", 0, "FILE", "DTLS sessions outlive a restart: they are kept in FILE meanwhile, sealed with FILE.key",
     argument_text, offsetof(struct serve_settings, state)},
    {"threads", 0, "N", "serve with N threads, each with sockets of its own on the same ports; 1 to 64",
     argument_number, offsetof(struct serve_settings, service.threads)},
    {"call", 0, NULL, "show the clients that connect, and send them requests: type help", argument_flag,
     offsetof(struct serve_settings, call)},
    {"q-block", 0, NULL, "over UDP and DTLS, take and give blocks in bursts (RFC 9177)", argument_flag,
     offsetof(struct serve_settings, service.q_block)},
    {"verbose", 'v', NULL, "show each message on stderr; twice: what the library does, too", argument_count,
     offsetof(struct serve_settings, service.verbose)},
    {"help", 'h', NULL, "show this", argument_flag, offsetof(struct serve_settings, help)},
    {"version", 0, NULL, NULL, argument_flag, offsetof(struct serve_settings, version)},
};

enum { TABLE_SIZE = sizeof table / sizeof table[0], PORT_MAXIMUM = 65535 };

/* Where each scheme is without --port P, and how far from P with it. WebSocket's own ports, 80 and 443, need
 * privileges.
 */
static const struct {
    int usual, offset;
} ports[COAX_SCHEMES] = {
    [COAX_SCHEME_COAP] = {5683, 0},      [COAX_SCHEME_COAPS] = {5684, 1},      [COAX_SCHEME_COAP_TCP] = {5683, 0},
    [COAX_SCHEME_COAPS_TCP] = {5684, 1}, [COAX_SCHEME_COAP_WS] = {8683, 3000}, [COAX_SCHEME_COAPS_WS] = {8684, 3001},
};

bool serve_settings_uri(const struct serve_settings *settings, enum coax_scheme scheme, const char *any_address,
                        char out[SERVE_URI_CAPACITY]) {
    const char *address = settings->bind != NULL ? settings->bind : any_address;
    bool is_bare_ip6 = strchr(address, ':') != NULL && address[0] != '[';
    int port = settings->port < 0 ? ports[scheme].usual : settings->port + ports[scheme].offset;
    int size = snprintf(out, SERVE_URI_CAPACITY, is_bare_ip6 ? "%s://[%s]:%d" : "%s://%s:%d", coax_scheme_name(scheme),
                        address, settings->port == 0 ? 0 : port);
    return size > 0 && size < SERVE_URI_CAPACITY;
}

static int check_uris(const struct serve_settings *settings) {
    int code = EXIT_OK;
    for (size_t i = 0; i < settings->uris.count && code == EXIT_OK; i++) {
        coax_uri uri;
        code = base_uri_read(settings->uris.items[i], "listen on", &uri);
    }
    return code;
}

static int check_bind(const struct serve_settings *settings) {
    char text[SERVE_URI_CAPACITY];
    coax_uri uri;
    if (settings->bind == NULL
        || (serve_settings_uri(settings, COAX_SCHEME_COAP, "", text) && coax_uri_parse(&uri, text, NULL) == COAX_OK
            && !uri_names_resource(&uri))) {
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
    if (settings->service.threads > COAX_SHARDS_MAXIMUM) {
        return complain(EXIT_USAGE, "--threads %u is more than the %d that there can be", settings->service.threads,
                        COAX_SHARDS_MAXIMUM);
    }
    if (settings->call && settings->service.threads > 1) {
        return complain(EXIT_USAGE, "--call shows the clients of one thread; leave --threads out");
    }
    enum coax_scheme last = settings->service.credentials.count > 0 ? COAX_SCHEME_COAPS_WS : COAX_SCHEME_COAP_WS;
    if (settings->port > PORT_MAXIMUM - ports[last].offset) {
        return complain(EXIT_USAGE, "--port %d leaves none for %s, which gets %d more; %d is the highest",
                        settings->port, coax_scheme_name(last), ports[last].offset, PORT_MAXIMUM - ports[last].offset);
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
        "Prints the URIs that it serves, one a line. Without a URI it listens on all addresses, on all transports; "
        "the\n"
        "secure ones take credentials:\n\n"
        "                       default   --port P\n"
        "  coap, coap+tcp       5683      P\n"
        "  coaps, coaps+tcp     5684      P + 1\n"
        "  coap+ws              8683      P + 3000\n"
        "  coaps+ws             8684      P + 3001\n\n"
        "Sockets that systemd hands over are used in place of these. SIGINT and SIGTERM end it in order.\n\n",
        file);
    arguments_print(file, table, TABLE_SIZE);
    fputs(
        "\nExamples\n"
        "  coax serve\n"
        "  coax serve --bind 127.0.0.1 --port 6000 --credentials server.json\n"
        "  coax serve coap+ws://127.0.0.1:8683 'coaps+tcp://[::1]:6001' --credentials server.json --files /srv/public\n"
        "  coax serve --call\n\n"
        "Exit codes: 0 ended by a signal, 2 the command line or the credentials file is wrong, 7 security,\n"
        "1 anything else, such as an address in use.\n",
        file);
}
