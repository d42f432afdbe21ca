#include "cli/payload.h"

#include "cli/complain.h"
#include "cli/interrupt.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FIRST_CHUNK = 16 * 1024, PATIENCE_MS = 1500 };

bool payload_waits_in_stdin(void) {
    struct stat status;
    return fstat(STDIN_FILENO, &status) == 0
           && (S_ISFIFO(status.st_mode) || S_ISREG(status.st_mode) || S_ISSOCK(status.st_mode));
}

void payload_free(struct payload *payload) {
    free(payload->data);
    *payload = (struct payload){NULL, 0};
}

int payload_copy(struct payload *payload, const char *text) {
    payload->size = strlen(text);
    payload->data = malloc(payload->size + 1);
    if (payload->data == NULL) {
        return complain(EXIT_ERROR, "%s", coax_status_text(COAX_E_NO_MEMORY));
    }
    memcpy(payload->data, text, payload->size + 1);
    return EXIT_OK;
}

static void announce(int fd, bool quiet) {
    if (quiet) {
        return;
    }
    if (isatty(fd) != 0) {
        remark("reading the payload from the terminal; end with Ctrl-D");
        return;
    }
    struct pollfd wait = {fd, POLLIN, 0};
    if (poll(&wait, 1, PATIENCE_MS) == 0) {
        remark("waiting for the payload on standard input (--payload '' sends none)");
    }
}

/* Makes room for at least one more byte. */
static bool grow(struct payload *payload, size_t *capacity) {
    if (payload->size < *capacity) {
        return true;
    }
    size_t larger = *capacity == 0 ? FIRST_CHUNK : *capacity * 2;
    uint8_t *data = realloc(payload->data, larger);
    if (data == NULL) {
        return false;
    }
    payload->data = data;
    *capacity = larger;
    return true;
}

static int read_all(struct payload *payload, int fd, const char *name) {
    size_t capacity = 0;
    for (;;) {
        if (!interrupt_wait_for_input(fd) && interrupted()) {
            return EXIT_INTERRUPTED;
        }
        if (payload->size > PAYLOAD_MAXIMUM) {
            return complain(EXIT_USAGE, "%s is larger than %d MiB; no request carries that", name,
                            PAYLOAD_MAXIMUM / 1024 / 1024);
        }
        if (!grow(payload, &capacity)) {
            return complain(EXIT_ERROR, "%s", coax_status_text(COAX_E_NO_MEMORY));
        }
        ssize_t count = read(fd, payload->data + payload->size, capacity - payload->size);
        if (count == 0) {
            return EXIT_OK;
        }
        if (count > 0) {
            payload->size += (size_t)count;
        } else if (errno != EINTR) {
            return complain(EXIT_USAGE, "cannot read the payload from %s: %s", name, strerror(errno));
        }
    }
}

int payload_read_file(struct payload *payload, const char *path, bool quiet) {
    bool is_stdin = strcmp(path, "-") == 0;
    const char *name = is_stdin ? "standard input" : path;
    int fd = is_stdin ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return complain(EXIT_USAGE, "cannot read the payload from %s: %s", name, strerror(errno));
    }
    if (is_stdin) {
        announce(fd, quiet);
    }
    *payload = (struct payload){NULL, 0};
    int code = read_all(payload, fd, name);
    if (code != EXIT_OK) {
        payload_free(payload);
    }
    if (!is_stdin) {
        close(fd);
    }
    return code;
}
