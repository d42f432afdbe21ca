#include "cli/message_log.h"

#include "cli/complain.h"
#include "cli/printable.h"
#include "cli/remote_text.h"
#include <string.h>

void message_log(const char *when, const coax_remote *remote, const coax_message *message, bool sent) {
    char where[REMOTE_TEXT_CAPACITY];
    char line[8192];
    size_t length = coax_message_describe(message, line, sizeof line);
    flockfile(stderr); /* the line of one thread */
    fprintf(stderr, "%s%s %s %s%s  ", colour_on(stderr, sent ? COLOUR_CYAN : COLOUR_GREEN), when, sent ? "->" : "<-",
            remote_text(remote, where), colour_on(stderr, COLOUR_PLAIN));
    print_printable(stderr, line, strlen(line));
    fputs(length >= sizeof line ? " …\n" : "\n", stderr);
    funlockfile(stderr);
}
