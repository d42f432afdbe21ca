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

int output_file_write(const char *path, const void *data, size_t size) {
    struct stat status;
    if (stat(path, &status) != 0) {
        return write_and_rename(path, new_file_mode(), data, size);
    }
    if (!S_ISREG(status.st_mode)) {
        return write_in_place(path, data, size);
    }
    char *real = realpath(path, NULL); /* a symlink stays, and what it leads to is replaced */
    int code = write_and_rename(real != NULL ? real : path, status.st_mode & 07777, data, size);
    free(real);
    return code;
}
