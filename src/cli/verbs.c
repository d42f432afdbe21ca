#include "cli/verbs.h"

#include "cli/complain.h"
#include "cli/suggest.h"
#include <stdlib.h>
#include <string.h>

static int command_help(int count, char **words);
static int command_version(int count, char **words);

struct verb {
    const char *name;
    int (*run)(int count, char **words);
    const char *use; /* NULL: not listed */
    const char *help;
};

static const struct verb verbs[] = {
    {"get", command_request, "get URI", "ask for a resource; the verb itself may be left out"},
    {"put", command_request, "put URI", "make or replace a resource"},
    {"post", command_request, "post URI", "hand a payload to a resource"},
    {"delete", command_request, "delete URI", "remove a resource"},
    {"fetch", command_request, "fetch URI", "ask for the part of a resource that a payload describes"},
    {"patch", command_request, "patch URI", "change a part of a resource"},
    {"ipatch", command_request, "ipatch URI", "the same, harmless when repeated"},
    {"observe", command_request, "observe URI", "show a resource's state, and each new one"},
    {"discover", command_discover, "discover [ADDR]", "list the resources of a server, or of all around"},
    {"serve", command_serve, "serve [URI…]", "serve time, host figures, a store and files"},
    {"attach", command_attach, "attach URI", "serve the same to a server, over a connection to it"},
    {"help", command_help, NULL, NULL},
    {"--help", command_help, NULL, NULL},
    {"-h", command_help, NULL, NULL},
    {"version", command_version, NULL, NULL},
    {"--version", command_version, NULL, NULL},
};

enum { VERB_COUNT = sizeof verbs / sizeof verbs[0] };

static const struct verb *find(const char *name) {
    for (size_t i = 0; i < VERB_COUNT; i++) {
        if (strcmp(verbs[i].name, name) == 0) {
            return &verbs[i];
        }
    }
    return NULL;
}

static int command_version(int count, char **words) {
    (void)count;
    (void)words;
    puts("coax " COAX_VERSION);
    return EXIT_OK;
}

static void print_help(FILE *file) {
    fputs("coax: CoAP as client and server, over UDP, DTLS, TCP, TLS and WebSocket\n\n", file);
    for (size_t i = 0; i < VERB_COUNT; i++) {
        if (verbs[i].use != NULL) {
            fprintf(file, "  coax %-15s  %s\n", verbs[i].use, verbs[i].help);
        }
    }
    fputs("\nExamples\n"
          "  coax coap://localhost/time\n"
          "  coax coaps://localhost/ --credentials client.json\n"
          "  coax put coap://localhost/store/a --payload hello\n"
          "  coax observe coap://localhost/time\n"
          "  coax discover\n"
          "  coax serve --credentials server.json\n"
          "  coax attach coaps+ws://example.org --credentials device.json\n"
          "\nExit codes\n"
          "  0  a 2.xx response                  4  a 4.xx response\n"
          "  1  refused, unreachable, no such    5  a 5.xx response\n"
          "     name, input or output            6  nobody answered in time\n"
          "  2  the command line, a URI or the   7  security: handshake, certificate,\n"
          "     credentials file is wrong           alert, no credentials\n"
          "  3  Ctrl-C\n"
          "\n'coax get --help' shows the options of requests, 'coax serve --help' those of the server.\n",
          file);
}

/* "coax help put" is "coax put --help". */
static int command_help(int count, char **words) {
    const struct verb *verb = count > 1 ? find(words[1]) : NULL;
    if (verb != NULL && verb->use != NULL) {
        char option[] = "--help";
        char *help[] = {words[1], option, NULL};
        return verb->run(2, help);
    }
    print_help(stdout);
    return EXIT_OK;
}

static int refuse(const char *word) {
    const char *near = suggest(word, verbs, VERB_COUNT, sizeof verbs[0]);
    if (near != NULL) {
        return complain(EXIT_USAGE, "there is no command '%s'; did you mean %s? ('coax --help' lists them)", word,
                        near);
    }
    if (strpbrk(word, "/.:") != NULL) {
        return complain(EXIT_USAGE, "'%s' is no URI: it has to begin with a scheme, as in coap://%s%s", word,
                        word[0] == '/' ? "localhost" : "", word);
    }
    return complain(EXIT_USAGE, "there is no command '%s' ('coax --help' lists them)", word);
}

/* A URI, or an option before it: the verb is get. */
static int run_get(int count, char **words) {
    char get[] = "get";
    char **longer = calloc((size_t)count + 2, sizeof *longer);
    if (longer == NULL) {
        return complain(EXIT_ERROR, "%s", coax_status_text(COAX_E_NO_MEMORY));
    }
    longer[0] = get;
    memcpy(longer + 1, words, (size_t)count * sizeof *words);
    int code = command_request(count + 1, longer);
    free(longer);
    return code;
}

int verbs_run(int count, char **words) {
    if (count == 0) {
        print_help(stderr);
        return EXIT_USAGE;
    }
    const struct verb *verb = find(words[0]);
    if (verb != NULL) {
        return verb->run(count, words);
    }
    if (strstr(words[0], "://") != NULL || words[0][0] == '-') {
        return run_get(count, words);
    }
    return refuse(words[0]);
}
