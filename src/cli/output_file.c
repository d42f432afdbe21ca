#include "cli/output.h"

#include "cli/complain.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool write_all(int fd, const void *data, size_t size) {
    const char *at = data;
    while (size > 0) {
        ssize_t count = write(fd, at, size);
        if (count < 0 && errno != EINTR) {
            return false;
        }
        size_t step = count > 0 ? (size_t)count : 0;
        at += step;
        size -= step;
    }
    return true;
}

static int fail(const char *path) {
    return complain(EXIT_ERROR, "cannot write the payload to %s: %s", path, strerror(errno));
}

/* What is no regular file. */
static int write_in_place(const char *path, const void *data, size_t size) {
    int fd = open(path, O_WRONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0) {
        return fail(path);
    }
    int code = write_all(fd, data, size) ? EXIT_OK : fail(path);
    close(fd);
    return code;
}

/* The permissions of a file that is made now, as open() would give them. */
static mode_t new_file_mode(void) {
    mode_t mask = umask(0);
    umask(mask);
    return 0666 & ~mask;
}

static int write_and_rename(const char *path, mode_t mode, const void *data, size_t size) {
    char other[PATH_MAX];
    int length = snprintf(other, sizeof other, "%s.XXXXXX", path);
    if (length < 0 || (size_t)length >= sizeof other) {
        errno = ENAMETOOLONG;
        return fail(path);
    }
    int fd = mkostemp(other, O_CLOEXEC);
    if (fd < 0) {
        return fail(path);
    }
    bool good = write_all(fd, data, size) && fchmod(fd, mode) == 0;
    good = close(fd) == 0 && good;
    if (!good || rename(other, path) != 0) {
        int reason = errno;
        unlink(other);
        errno = reason;
        return fail(path);
    }
    return EXIT_OK;
}

/* The file itself need not be there. */
static bool resolve_new(const char *path, char target[PATH_MAX]) {
    const char *slash = strrchr(path, '/');
    const char *name = slash != NULL ? slash + 1 : path;
    char *folder = slash == NULL ? strdup(".") : strndup(path, slash == path ? 1 : (size_t)(slash - path));
    char *real = folder != NULL ? realpath(folder, NULL) : NULL;
    int size = real != NULL ? snprintf(target, PATH_MAX, "%s/%s", strcmp(real, "/") == 0 ? "" : real, name) : -1;
    free(folder);
    free(real);
    if (size >= PATH_MAX) {
        errno = ENAMETOOLONG;
    }
    return size > 0 && size < PATH_MAX;
}

bool output_file_target(const char *path, char target[PATH_MAX], mode_t *mode, bool *in_place) {
    struct stat status;
    bool exists = stat(path, &status) == 0;
    *in_place = exists && !S_ISREG(status.st_mode);
    *mode = exists ? status.st_mode & 07777 : new_file_mode();
    if (*in_place) { /* as it was named: a pipe has no other path */
        return snprintf(target, PATH_MAX, "%s", path) < PATH_MAX;
    }
    return exists ? realpath(path, target) != NULL : resolve_new(path, target);
}

int output_file_write(const char *path, const void *data, size_t size) {
    char target[PATH_MAX];
    mode_t mode;
    bool in_place;
    if (!output_file_target(path, target, &mode, &in_place)) {
        return fail(path);
    }
    return in_place ? write_in_place(target, data, size) : write_and_rename(target, mode, data, size);
}
