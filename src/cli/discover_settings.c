#include "cli/discover_settings.h"

#include "cli/complain.h"
#include <string.h>

static bool read_format(const char *value, void *target, struct argument_problem *problem) {
    *(bool *)target = strcmp(value, "json") == 0;
    return *(bool *)target || strcmp(value, "table") == 0
           || argument_refuse(problem, "is no format of output: table or json");
}

static const struct argument table[] = {
    {"credentials", 0, "FILE", "keys and certificates for coaps, coaps+tcp and coaps+ws; repeatable", argument_texts,
     offsetof(struct discover_settings, credentials)},
    {"timeout", 0, "SECONDS", "how long to wait for answers; for those of a group 6", argument_seconds,
     offsetof(struct discover_settings, timeout_ms)},
    {"format", 0, "table|json", "a table, or one JSON object a line for each resource", read_format,
     offsetof(struct discover_settings, json)},
    {"verbose", 'v', NULL, "show each message on stderr; twice: what the library does, too", argument_count,
     offsetof(struct discover_settings, verbose)},
    {"help", 'h', NULL, "show this", argument_flag, offsetof(struct discover_settings, help)},
    {"version", 0, NULL, NULL, argument_flag, offsetof(struct discover_settings, version)},
};

enum { TABLE_SIZE = sizeof table / sizeof table[0] };

int discover_settings_read(struct discover_settings *settings, int count, char **words) {
    struct argument_texts others = {.count = 0};
    *settings = (struct discover_settings){.address = NULL};
    if (!arguments_read(table, TABLE_SIZE, settings, &others, "coax discover", count, words)) {
        return EXIT_USAGE;
    }
    if (!settings->help && !settings->version && others.count > 1) {
        return complain(EXIT_USAGE, "coax discover takes one address, and '%s' is one word too many", others.items[1]);
    }
    settings->address = others.count > 0 ? others.items[0] : NULL;
    return EXIT_OK;
}

void discover_help_print(FILE *file) {
    fputs("coax discover [ADDRESS] [options]\n"
          "Lists the resources of a server, or of all that answer in a group (/.well-known/core, RFC 6690).\n"
          "ADDRESS is a host, an IP address or a URI, whose query is a filter; without it all CoAP nodes are asked,\n"
          "by IPv4 (224.0.1.187) and on each interface by IPv6 (ff02::fd).\n\n",
          file);
    arguments_print(file, table, TABLE_SIZE);
    fputs("\nExamples\n"
          "  coax discover\n"
          "  coax discover localhost\n"
          "  coax discover 'coap+tcp://example.org?rt=temperature' --format json\n"
          "  coax discover ff02::fd%eth0\n\n"
          "Exit codes: 0 resources are listed, 4 or 5 the server refused, 6 nobody answered in time, 7 security,\n"
          "2 the command line or the credentials file is wrong, 3 Ctrl-C, 1 anything else.\n",
          file);
}
