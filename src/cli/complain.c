#include "cli/complain.h"

#include "cli/printable.h"
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *const sequences[] = {
    [COLOUR_RED] = "\033[1;31m", [COLOUR_YELLOW] = "\033[33m", [COLOUR_GREEN] = "\033[32m",
    [COLOUR_CYAN] = "\033[36m",  [COLOUR_BOLD] = "\033[1m",    [COLOUR_PLAIN] = "\033[0m",
};

const char *colour_on(FILE *file, enum colour colour) {
    const char *unwanted = getenv("NO_COLOR");
    const char *terminal = getenv("TERM");
    if ((unwanted != NULL && unwanted[0] != '\0') || terminal == NULL || strcmp(terminal, "dumb") == 0
        || isatty(fileno(file)) == 0) {
        return "";
    }
    return sequences[colour];
}

static void say(enum colour colour, const char *format, va_list arguments) COAX_PRINTF(2, 0);

static void say(enum colour colour, const char *format, va_list arguments) {
    char text[4096];
    if (vsnprintf(text, sizeof text, format, arguments) < 0) {
        text[0] = '\0';
    }
    fflush(stdout);    /* what is seen should have the order in which it happened */
    flockfile(stderr); /* the line of one thread */
    fprintf(stderr, "%scoax:%s ", colour_on(stderr, colour), colour_on(stderr, COLOUR_PLAIN));
    print_printable(stderr, text, strlen(text));
    fputc('\n', stderr);
    funlockfile(stderr);
}

int complain(int code, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    say(COLOUR_RED, format, arguments);
    va_end(arguments);
    return code;
}

void remark(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    say(COLOUR_BOLD, format, arguments);
    va_end(arguments);
}
