/* What is typed into `coax serve --call`: "list", "help", or a request to a client, "2 put /store/a hello". */
#ifndef COAX_CLI_CALL_LINE_H
#define COAX_CLI_CALL_LINE_H

#include "cli/arguments.h"

enum call_verb { CALL_NOTHING, CALL_LIST, CALL_HELP, CALL_REQUEST };

struct call_line {
    enum call_verb verb;
    unsigned number;     /* of the client */
    const char *method;  /* "put" */
    uint8_t code;        /* COAX_PUT */
    const char *path;    /* "/store/a", with the query */
    const char *payload; /* all after it; NULL: none */
};

/* Reads a line, which is cut into its words; the texts are views into it. False, with *problem (a whole sentence), if
   it cannot be used. */
bool call_line_read(char *text, struct call_line *line, struct argument_problem *problem);

#endif
