#include "cli/host.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { FILE_MAXIMUM = 4096 };

/* The start of a small file, NUL-terminated. */
static bool read_file(const char *proc, const char *name, char out[FILE_MAXIMUM]) {
    char path[PATH_MAX];
    if (snprintf(path, sizeof path, "%s/%s", proc, name) >= (int)sizeof path) {
        errno = ENAMETOOLONG;
        return false;
    }
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return false;
    }
    ssize_t size = read(fd, out, FILE_MAXIMUM - 1);
    int saved = errno;
    close(fd);
    errno = saved;
    out[size > 0 ? size : 0] = '\0';
    return size >= 0;
}

static bool is_good(bool good) {
    if (!good) {
        errno = EPROTO; /* the file is not what the kernel documents */
    }
    return good;
}

/* A number without sign, as proc(5) writes them; moves *text past it. The command never sets a locale. */
static bool take_number(const char **text, double *number) {
    char *end;
    *text += strspn(*text, " ");
    bool good = **text >= '0' && **text <= '9';
    *number = strtod(*text, &end);
    *text = end;
    return good;
}

bool host_read_load(const char *proc, struct host_load *load) {
    char text[FILE_MAXIMUM];
    const char *at = text;
    return read_file(proc, "loadavg", text)
           && is_good(take_number(&at, &load->one) && take_number(&at, &load->five)
                      && take_number(&at, &load->fifteen));
}

bool host_read_uptime(const char *proc, double *seconds) {
    char text[FILE_MAXIMUM];
    const char *at = text;
    return read_file(proc, "uptime", text) && is_good(take_number(&at, seconds));
}

/* " 16096000 kB" */
static bool take_kilobytes(const char *text, uint64_t *bytes) {
    char *end;
    text += strspn(text, " ");
    errno = 0;
    unsigned long long kilobytes = strtoull(text, &end, 10);
    *bytes = (uint64_t)kilobytes * 1024;
    return *text >= '0' && *text <= '9' && errno == 0 && kilobytes <= UINT64_MAX / 1024 && strncmp(end, " kB", 3) == 0;
}

/* A line such as "MemTotal:       16096000 kB". */
static bool find_size(const char *text, const char *name, uint64_t *bytes) {
    size_t size = strlen(name);
    for (const char *line = text; line != NULL; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (strncmp(line, name, size) == 0 && line[size] == ':') {
            return take_kilobytes(line + size + 1, bytes);
        }
    }
    return false;
}

bool host_read_memory(const char *proc, struct host_memory *memory) {
    char text[FILE_MAXIMUM];
    return read_file(proc, "meminfo", text)
           && is_good(find_size(text, "MemTotal", &memory->total) && find_size(text, "MemFree", &memory->free)
                      && find_size(text, "MemAvailable", &memory->available));
}

void host_read_name(char out[HOST_NAME_CAPACITY]) {
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    if (gethostname(out, HOST_NAME_CAPACITY) != 0) {
        out[0] = '\0';
    }
    out[HOST_NAME_CAPACITY - 1] = '\0';
    for (char *at = out; *at != '\0'; at++) {
        *at = strchr(letters, *at) != NULL || *at == '.' ? *at : '-';
    }
    if (strchr(letters, out[0]) == NULL || out[0] == '\0') {
        snprintf(out, HOST_NAME_CAPACITY, "host"); /* a name begins with a letter or digit */
    }
}
