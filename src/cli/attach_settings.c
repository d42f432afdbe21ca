#include "cli/attach_settings.h"

#include "cli/base_uri.h"
#include "cli/complain.h"

static const struct argument table[] = {
    {"credentials", 0, "FILE", "keys and certificates; repeatable, SIGHUP loads them again", argument_texts,
     offsetof(struct attach_settings, service.credentials)},
    {"files", 0, "DIR", "serve the files of DIR at /files, but none whose name begins with '.'", argument_text,
     offsetof(struct attach_settings, service.files)},
    {"writable", 0, NULL, "clients may PUT and DELETE files there", argument_flag,
     offsetof(struct attach_settings, service.writable)},
    {"ping-interval", 0, "SECONDS", "how long a connection may be silent before a ping asks whether it is alive [60]",
     argument_seconds, offsetof(struct attach_settings, ping_interval_ms)},
    {"q-block", 0, NULL, "over DTLS, take and give blocks in bursts (RFC 9177)", argument_flag,
     offsetof(struct attach_settings, service.q_block)},
    {"verbose", 'v', NULL, "show each message on stderr; twice: what the library does, too", argument_count,
     offsetof(struct attach_settings, service.verbose)},
    {"help", 'h', NULL, "show this", argument_flag, offsetof(struct attach_settings, help)},
    {"version", 0, NULL, NULL, argument_flag, offsetof(struct attach_settings, version)},
};

enum { TABLE_SIZE = sizeof table / sizeof table[0] };

static int check(const struct attach_settings *settings, const struct argument_texts *others) {
    coax_uri uri;
    if (others->count == 0) {
        return complain(EXIT_USAGE,
                        "coax attach needs a URI, such as coaps+ws://example.org ('coax attach --help' tells more)");
    }
    if (others->count > 1) {
        return complain(EXIT_USAGE, "coax attach takes one URI, and '%s' is one word too many", others->items[1]);
    }
    int code = base_uri_read(settings->uri, "attach to", &uri);
    if (code == EXIT_OK && uri.scheme == COAX_SCHEME_COAP) {
        return complain(EXIT_USAGE, "coap has no connections over which the other end could ask; "
                                    "attach by coap+tcp, coap+ws, coaps+tcp, coaps+ws or coaps");
    }
    return code;
}

int attach_settings_read(struct attach_settings *settings, int count, char **words) {
    struct argument_texts others = {.count = 0};
    *settings = (struct attach_settings){.uri = NULL};
    if (!arguments_read(table, TABLE_SIZE, settings, &others, "coax attach", count, words)) {
        return EXIT_USAGE;
    }
    if (settings->help || settings->version) {
        return EXIT_OK;
    }
    settings->uri = others.count > 0 ? others.items[0] : NULL;
    return check(settings, &others);
}

void attach_help_print(FILE *file) {
    fputs("coax attach URI [options]\n"
          "Connects to a server and serves it, over that connection, what 'coax serve' serves: the roles are reversed, "
          "so\n"
          "that a device behind a firewall can be asked. A connection that is lost is opened again, after 1 to 60 s.\n"
          "SIGINT and SIGTERM release the connection and end it.\n\n",
          file);
    arguments_print(file, table, TABLE_SIZE);
    fputs("\nExamples\n"
          "  coax attach coap+tcp://192.0.2.1\n"
          "  coax attach coaps+ws://example.org --credentials device.json --files /srv/public\n"
          "The server, to ask what attaches:\n"
          "  coax serve --call\n\n"
          "Exit codes: 0 ended by a signal, 2 the command line or the credentials file is wrong, 7 security,\n"
          "1 the server refused the upgrade to WebSocket, or anything else that will not mend by itself.\n",
          file);
}
