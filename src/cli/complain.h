/* What the command says to people, on stderr: in colour on a terminal, plain in a pipe, NO_COLOR obeyed. Control
   characters in what it repeats are escaped, because they may come from the network. */
#ifndef COAX_CLI_COMPLAIN_H
#define COAX_CLI_COMPLAIN_H

#include "cli/commands.h"
#include <stdbool.h>
#include <stdio.h>

/* Prints "coax: <text>" to stderr without alarm: a note or a warning. */
void remark(const char *format, ...) COAX_PRINTF(1, 2);

enum colour { COLOUR_RED, COLOUR_YELLOW, COLOUR_GREEN, COLOUR_CYAN, COLOUR_BOLD, COLOUR_PLAIN };

/* The escape sequence that switches to a colour, or "" if `file` is no terminal or the user wants none. */
const char *colour_on(FILE *file, enum colour colour);

#endif
