/* Credentials files: the only part of the credentials that opens files. */
#include "base/error.h"
#include "base/wipe.h"
#include "security/credentials.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FILE_SIZE_MAXIMUM = 1024 * 1024 };

/* A folder that file names are relative to, and what is to be said about the files. */
struct folder {
    const char *path; /* of the credentials file */
    coax_error *warning;
};

/* Errors of the system in words, through the thread-safe call. */
static enum coax_status fail_errno(coax_error *error, const char *path, int number) {
    char buffer[128];
    return coax_fail(error, COAX_E_IO, "cannot read \"%.250s\": %s", path, strerror_r(number, buffer, sizeof buffer));
}

/* Reads until the end or until `capacity` is full. The number of bytes, or -1 with errno set. */
static ssize_t read_all(int fd, char *buffer, size_t capacity) {
    size_t size = 0;
    while (size < capacity) {
        ssize_t got = read(fd, buffer + size, capacity - size);
        if (got == 0) {
            break;
        }
        if (got < 0 && errno != EINTR) {
            return -1;
        }
        size += got > 0 ? (size_t)got : 0;
    }
    return (ssize_t)size;
}

/* Into memory of the right size. The room for the largest file is touched only as far as the file goes, and wiped. */
static enum coax_status read_descriptor(int fd, const char *path, char **data, size_t *size, coax_error *error) {
    size_t capacity = FILE_SIZE_MAXIMUM + 1;
    char *buffer = malloc(capacity);
    if (buffer == NULL) {
        return coax_fail_memory(error);
    }
    ssize_t got = read_all(fd, buffer, capacity);
    int number = errno;
    size_t filled = got < 0 ? capacity : (size_t)got;
    enum coax_status status = COAX_OK;
    *data = NULL;
    if (got < 0) {
        status = fail_errno(error, path, number);
    } else if (filled > FILE_SIZE_MAXIMUM) {
        status =
            coax_fail(error, COAX_E_IO, "cannot read \"%.250s\": it is larger than %d bytes", path, FILE_SIZE_MAXIMUM);
    } else if ((*data = malloc(filled + 1)) == NULL) {
        status = coax_fail_memory(error);
    } else {
        memcpy(*data, buffer, filled);
        (*data)[filled] = '\0';
        *size = filled;
    }
    coax_wipe_free(buffer, filled);
    return status;
}

static bool everyone_can_read(int fd) {
    struct stat state;
    return fstat(fd, &state) == 0 && S_ISREG(state.st_mode) && (state.st_mode & S_IROTH) != 0;
}

/* `open_to_all` says whether everyone can read it. */
static enum coax_status read_file(const char *path, char **data, size_t *size, bool *open_to_all, coax_error *error) {
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0) {
        return fail_errno(error, path, errno);
    }
    *open_to_all = everyone_can_read(fd);
    enum coax_status status = read_descriptor(fd, path, data, size, error);
    close(fd);
    return status;
}

/* Only the first file is named. */
static void warn(coax_error *warning, const char *path) {
    if (warning != NULL && warning->text[0] == '\0') {
        coax_fail(warning, COAX_OK,
                  "\"%.250s\" holds secrets and can be read by everyone on this machine; \"chmod o-r\" changes that",
                  path);
    }
}

/* `path` as seen from the folder of the credentials file; malloc'ed, or NULL. */
static char *locate(const struct folder *folder, const char *path) {
    const char *slash = strrchr(folder->path, '/');
    if (path[0] == '/' || slash == NULL) {
        return strdup(path);
    }
    char *located;
    int head = (int)(slash - folder->path) + 1;
    return asprintf(&located, "%.*s%s", head, folder->path, path) < 0 ? NULL : located;
}

static enum coax_status read_named_file(void *user, const char *path, char **data, size_t *size, coax_error *error) {
    const struct folder *folder = user;
    char *located = locate(folder, path);
    if (located == NULL) {
        return coax_fail_memory(error);
    }
    bool open_to_all = false;
    enum coax_status status = read_file(located, data, size, &open_to_all, error);
    if (status == COAX_OK && open_to_all && *data != NULL && strstr(*data, "PRIVATE KEY-----") != NULL) {
        warn(folder->warning, located);
    }
    free(located);
    return status;
}

enum coax_status coax_credentials_load_file(coax_credentials *credentials, const char *path, coax_error *warning,
                                            coax_error *error) {
    if (warning != NULL) {
        *warning = (coax_error){.status = COAX_OK, .alert = -1};
    }
    char *text = NULL;
    size_t size = 0;
    bool open_to_all = false;
    enum coax_status status = read_file(path, &text, &size, &open_to_all, error);
    if (status != COAX_OK) {
        return status;
    }
    if (open_to_all) {
        warn(warning, path);
    }
    struct folder folder = {path, warning};
    struct file_reader reader = {read_named_file, &folder};
    status = coax_credentials_parse(credentials, text, size, path, &reader, error);
    coax_wipe_free(text, size);
    return status;
}
