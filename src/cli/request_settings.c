#include "cli/request_settings.h"

#include "cli/commands.h"
#include "cli/encoding.h"
#include "cli/suggest.h"
#include <string.h>

static bool read_content_format(const char *value, void *target, struct argument_problem *problem) {
    static const char *const names[] = {"text",
                                        "json",
                                        "cbor",
                                        "link",
                                        "senml+json",
                                        "senml+cbor",
                                        "xml",
                                        "octets",
                                        "text/plain",
                                        "application/json",
                                        "application/cbor",
                                        "application/link-format",
                                        "application/octet-stream"};
    int number = coax_content_format_number(value);
    if (number < 0) {
        const char *near = suggest(value, names, sizeof names / sizeof names[0], sizeof names[0]);
        return argument_refuse(problem,
                               "is no Content-Format%s%s%s; it is a number of 0 to 65535, a media type such as "
                               "application/json, or text, json, cbor, link, senml+json, senml+cbor, xml, octets",
                               near != NULL ? "; did you mean " : "", near != NULL ? near : "",
                               near != NULL ? "?" : "");
    }
    *(int *)target = number;
    return true;
}

static bool read_option(const char *value, void *target, struct argument_problem *problem) {
    struct typed_options *options = target;
    if (options->count == TYPED_OPTIONS_MAXIMUM) {
        return argument_refuse(problem, "is one too many: %d are the most", TYPED_OPTIONS_MAXIMUM);
    }
    if (!typed_option_read(value, &options->items[options->count], problem)) {
        return false;
    }
    options->count++;
    return true;
}

static bool read_token(const char *value, void *target, struct argument_problem *problem) {
    struct typed_token *token = target;
    token->given = hex_read(value, token->bytes, sizeof token->bytes, &token->size);
    return token->given || argument_refuse(problem, "is no token: 0 to 64 bytes in hexadecimal, such as 01ff");
}

static bool read_format(const char *value, void *target, struct argument_problem *problem) {
    *(bool *)target = strcmp(value, "json") == 0;
    return *(bool *)target || strcmp(value, "raw") == 0
           || argument_refuse(problem, "is no format of output: raw (the payload as it came) or json");
}

static bool read_block_size(const char *value, void *target, struct argument_problem *problem) {
    enum { SMALLEST = 16, LARGEST = 1024 };
    uint32_t size = 0;
    bool good =
        argument_number(value, &size, problem) && size >= SMALLEST && size <= LARGEST && (size & (size - 1)) == 0;
    *(uint32_t *)target = size;
    return good || argument_refuse(problem, "is no size of a block: 16, 32, 64, 128, 256, 512 or 1024");
}

static const struct argument table[] = {
    {"payload", 0, "TEXT", "send TEXT as the payload", argument_text, offsetof(struct request_settings, payload)},
    {"payload-file", 0, "FILE", "send what is in FILE; - is standard input", argument_text,
     offsetof(struct request_settings, payload_file)},
    {"content-format", 0, "FORMAT", "what the payload is: json, cbor, text, a media type or a number",
     read_content_format, offsetof(struct request_settings, content_format)},
    {"accept", 0, "FORMAT", "what the response should be", read_content_format,
     offsetof(struct request_settings, accept)},
    {"option", 0, "NAME=VALUE", "add an option, by name or number; bytes as 0x01ff; repeatable", read_option,
     offsetof(struct request_settings, options)},
    {"credentials", 0, "FILE", "keys and certificates for DTLS and TLS; repeatable, later files win", argument_texts,
     offsetof(struct request_settings, credentials)},
    {"non", 0, NULL, "send non-confirmable: no retransmission", argument_flag,
     offsetof(struct request_settings, non_confirmable)},
    {"timeout", 0, "SECONDS", "give up after so long; else as long as the protocol takes", argument_seconds,
     offsetof(struct request_settings, timeout_ms)},
    {"block-size", 0, "BYTES", "the largest block of a body: 16, 32, 64, 128, 256, 512 or 1024", read_block_size,
     offsetof(struct request_settings, block_size)},
    {"q-block", 0, NULL, "over UDP and DTLS, send and ask for blocks in bursts (RFC 9177)", argument_flag,
     offsetof(struct request_settings, q_block)},
    {"retries", 0, "N", "ask again, N times at most, when a busy server says how long to wait", argument_number,
     offsetof(struct request_settings, retries)},
    {"token", 0, "HEX", "use this token, for tests; more than 8 bytes few servers take", read_token,
     offsetof(struct request_settings, token)},
    {"output", 'o', "FILE", "write the payload of a 2.xx response to FILE", argument_text,
     offsetof(struct request_settings, output)},
    {"format", 0, "json", "show the whole response as one JSON object", read_format,
     offsetof(struct request_settings, json)},
    {"verbose", 'v', NULL, "show each message on stderr; twice: what the library does, too", argument_count,
     offsetof(struct request_settings, verbose)},
    {"quiet", 'q', NULL, "no notes and warnings on stderr, only errors", argument_flag,
     offsetof(struct request_settings, quiet)},
    {"help", 'h', NULL, "show this", argument_flag, offsetof(struct request_settings, help)},
    {"version", 0, NULL, NULL, argument_flag, offsetof(struct request_settings, version)},
    {"count", 0, "N", "end after N states", argument_number, offsetof(struct request_settings, count)},
};

/* What only some verbs have: the first rows, and the last. */
enum { TABLE_SIZE = sizeof table / sizeof table[0], PAYLOAD_ROWS = 3, OBSERVE_ROWS = 1 };

bool method_has_payload(uint8_t code) {
    return code != COAX_GET && code != COAX_DELETE;
}

/* What does not fit together, or is missing. */
static int check(const struct request_settings *settings, const struct argument_texts *others) {
    const char *method = settings->method;
    if (others->count == 0) {
        return complain(EXIT_USAGE, "coax %s needs a URI, such as coap://localhost/time ('coax %s --help' tells more)",
                        method, method);
    }
    if (others->count > 1) {
        return complain(EXIT_USAGE, "coax %s takes one URI, and '%s' is one word too many (%s)", method,
                        others->items[1],
                        coax_code_method(others->items[0]) != COAX_EMPTY ? "the method has to come first"
                                                                         : "quote what has blanks in it");
    }
    bool payload = settings->payload != NULL || settings->payload_file != NULL;
    if (payload && !method_has_payload(settings->code)) {
        return complain(EXIT_USAGE, "a %s request carries no payload; %s", coax_code_name(settings->code),
                        settings->code == COAX_GET ? "fetch, post and put do" : "leave --payload out");
    }
    if (settings->payload != NULL && settings->payload_file != NULL) {
        return complain(EXIT_USAGE, "--payload and --payload-file are both given; there is one payload: leave one out");
    }
    if (settings->count > 0 && !settings->observes) {
        return complain(EXIT_USAGE, "--count is for coax observe; a %s request has one response", method);
    }
    if (settings->quiet && settings->verbose > 0) {
        return complain(EXIT_USAGE, "--quiet and --verbose are both given; leave one out");
    }
    return EXIT_OK;
}

int request_settings_read(struct request_settings *settings, int count, char **words) {
    memset(settings, 0, sizeof *settings);
    settings->method = words[0];
    settings->observes = strcmp(words[0], "observe") == 0;
    settings->code = settings->observes ? COAX_GET : coax_code_method(words[0]);
    settings->content_format = COAX_NO_FORMAT;
    settings->accept = COAX_NO_FORMAT;
    struct argument_texts others = {.count = 0};
    char command[32];
    snprintf(command, sizeof command, "coax %.16s", words[0]);
    if (!arguments_read(table, TABLE_SIZE, settings, &others, command, count, words)) {
        return EXIT_USAGE;
    }
    if (settings->help || settings->version) {
        return EXIT_OK;
    }
    settings->uri = others.count > 0 ? others.items[0] : NULL;
    return check(settings, &others);
}

struct method_text {
    uint8_t code;
    const char *what;
    const char *examples;
};

static const struct method_text method_texts[] = {
    {COAX_GET, "Asks for a resource and writes its payload to standard output.",
     "  coax coap://localhost/time\n"
     "  coax get coaps://localhost/ --credentials client.json --accept json\n"
     "  coax get coaps+ws://example.org/time\n"
     "  coax get coap://[ff02::fd%25eth0]/.well-known/core --non --timeout 2\n"},
    {COAX_EMPTY, "Shows the state of a resource, and each new one, until Ctrl-C (RFC 7641).",
     "  coax observe coap://localhost/time\n"
     "  coax observe coaps://sensor.local/temp --credentials client.json --format json\n"
     "  coax observe coap+tcp://localhost/store/a --count 2\n"},
    {COAX_POST, "Hands a payload to a resource.",
     "  coax post coap://localhost/echo --payload hello\n"
     "  sensors | coax post coap://localhost/log --content-format senml+json\n"},
    {COAX_PUT, "Makes or replaces a resource.",
     "  coax put coap://localhost/store/a --payload 'on'\n"
     "  coax put coap://localhost/store/a --payload-file state.cbor --content-format cbor\n"
     "  coax put coap://localhost/store/a --option If-None-Match --payload first\n"},
    {COAX_DELETE, "Removes a resource.", "  coax delete coap://localhost/store/a\n"},
    {COAX_FETCH, "Asks for the part of a resource that the payload describes (RFC 8132).",
     "  coax fetch coap://localhost/config --payload-file query.cbor --content-format cbor\n"},
    {COAX_PATCH, "Changes a part of a resource (RFC 8132).",
     "  coax patch coap://localhost/config --content-format 52 --payload '{\"on\":true}'\n"},
    {COAX_IPATCH, "Changes a part of a resource so that doing it twice does no harm (RFC 8132).",
     "  coax ipatch coap://localhost/config --content-format 52 --payload '{\"on\":true}'\n"},
};

void request_help_print(FILE *file, const char *method, uint8_t code) {
    const struct method_text *text = &method_texts[0];
    bool observes = strcmp(method, "observe") == 0;
    for (size_t i = 0; i < sizeof method_texts / sizeof method_texts[0]; i++) {
        text = method_texts[i].code == (observes ? COAX_EMPTY : code) ? &method_texts[i] : text;
    }
    fprintf(file, "coax %s URI [options]\n%s%s\n\n", method, text->what,
            method_has_payload(code) ? "\nThe payload comes from --payload, --payload-file, or a pipe or file that is "
                                       "standard input."
                                     : "");
    size_t first = method_has_payload(code) ? 0 : PAYLOAD_ROWS;
    arguments_print(file, table + first, TABLE_SIZE - first - (observes ? 0 : OBSERVE_ROWS));
    fprintf(file, "\nExamples\n%s\n", text->examples);
    fputs("Exit codes: 0 for 2.xx, 4 for 4.xx, 5 for 5.xx, 6 nobody answered in time, 7 security,\n"
          "2 the command line, URI or credentials file is wrong, 3 Ctrl-C, 1 anything else.\n",
          file);
}
