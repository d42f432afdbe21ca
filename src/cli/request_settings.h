/* What the command line of a request says. */
#ifndef COAX_CLI_REQUEST_SETTINGS_H
#define COAX_CLI_REQUEST_SETTINGS_H

#include "cli/arguments.h"
#include "cli/option_text.h"
#include <coax/content_format.h>

enum { TYPED_OPTIONS_MAXIMUM = 32, TYPED_TOKEN_MAXIMUM = 64 };

struct typed_options {
    struct typed_option items[TYPED_OPTIONS_MAXIMUM];
    size_t count;
};

struct typed_token {
    bool given;
    size_t size;
    uint8_t bytes[TYPED_TOKEN_MAXIMUM];
};

struct request_settings {
    const char *method; /* the verb as it was typed */
    uint8_t code;
    const char *uri;
    const char *payload; /* NULL: not given */
    const char *payload_file;
    int content_format;
    int accept;
    struct typed_options options;
    struct argument_texts credentials; /* files */
    bool non_confirmable;
    uint32_t timeout_ms; /* 0: the protocol's own */
    struct typed_token token;
    uint32_t block_size; /* 0: the library's own */
    bool q_block;
    uint32_t retries;   /* after 4.29 and 5.03 */
    bool observes;      /* the verb is observe */
    uint32_t count;     /* of states; 0: until Ctrl-C */
    const char *output; /* NULL or "-": standard output */
    bool json;
    unsigned verbose;
    bool quiet;
    bool help;
    bool version;
};

/* Reads the words of a command line; words[0] is the verb. Returns an exit code, after one sentence on stderr if it is
   not EXIT_OK. With `help` or `version` set, nothing else is checked. */
int request_settings_read(struct request_settings *settings, int count, char **words);

/* True for the methods that come with a payload: all but GET and DELETE (RFC 7252 section 5.8, RFC 8132). */
bool method_has_payload(uint8_t code);

/* The help of a method: its use, the options, examples. On one screen. */
void request_help_print(FILE *file, const char *method, uint8_t code);

#endif
