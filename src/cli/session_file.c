#include "cli/session_file.h"

#include "cli/complain.h"
#include <coax/sessions.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SAVED_MAXIMUM = 1 << 28 };

static int fail(const char *path, const char *what) {
    return complain(EXIT_ERROR, "--state: %s '%s': %s", what, path, strerror(errno));
}

static bool beside(char out[PATH_MAX], const char *path, const char *ending) {
    int size = snprintf(out, PATH_MAX, "%s%s", path, ending);
    errno = ENAMETOOLONG;
    return size > 0 && size < PATH_MAX;
}

static bool write_all(int fd, const uint8_t *data, size_t size) {
    for (size_t done = 0; done < size;) {
        ssize_t count = write(fd, data + done, size - done);
        if (count < 0 && errno != EINTR) {
            return false;
        }
        done += count > 0 ? (size_t)count : 0;
    }
    return true;
}

static bool read_all(int fd, uint8_t *data, size_t size) {
    for (size_t done = 0; done < size;) {
        ssize_t count = read(fd, data + done, size - done);
        if (count == 0 || (count < 0 && errno != EINTR)) {
            errno = count == 0 ? EIO : errno;
            return false;
        }
        done += count > 0 ? (size_t)count : 0;
    }
    return true;
}

/* Names that were made and removed last only once their folder is written. */
static bool sync_folder(const char *path) {
    char copy[PATH_MAX];
    if (!beside(copy, path, "")) {
        return false;
    }
    int fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool good = fd >= 0 && fsync(fd) == 0;
    if (fd >= 0) {
        close(fd);
    }
    return good;
}

/* A new file for its owner alone, on the disk as a whole or not at all. */
static bool write_file(const char *path, const uint8_t *data, size_t size) {
    char draft[PATH_MAX];
    if (!beside(draft, path, ".new") || (unlink(draft) != 0 && errno != ENOENT)) {
        return false;
    }
    int fd = open(draft, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    bool good = fd >= 0 && write_all(fd, data, size) && fsync(fd) == 0;
    good = fd >= 0 && close(fd) == 0 && good;
    good = good && rename(draft, path) == 0 && sync_folder(path);
    if (!good) {
        int why = errno;
        (void)unlink(draft);
        errno = why;
    }
    return good;
}

/* *data is malloc'ed; NULL where there is no file. False, with errno. */
static bool read_file(const char *path, uint8_t **data, size_t *size) {
    struct stat about;
    *data = NULL;
    int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0) {
        return errno == ENOENT;
    }
    bool good = fstat(fd, &about) == 0;
    if (good && (!S_ISREG(about.st_mode) || about.st_size > SAVED_MAXIMUM)) {
        errno = EFBIG;
        good = false;
    }
    *size = good ? (size_t)about.st_size : 0;
    good = good && (*data = malloc(*size + 1)) != NULL && read_all(fd, *data, *size);
    close(fd);
    if (!good) {
        free(*data);
        *data = NULL;
    }
    return good;
}

/* The key, made if there is none yet. */
static int load_key(const char *path, uint8_t key[COAX_SESSIONS_KEY_SIZE]) {
    char name[PATH_MAX];
    uint8_t *data;
    size_t size;
    if (!beside(name, path, ".key") || !read_file(name, &data, &size)) {
        return fail(name, "cannot read the key");
    }
    if (data == NULL) {
        bool good = getrandom(key, COAX_SESSIONS_KEY_SIZE, 0) == COAX_SESSIONS_KEY_SIZE
                    && write_file(name, key, COAX_SESSIONS_KEY_SIZE);
        return good ? EXIT_OK : fail(name, "cannot write the key");
    }
    bool fits = size == COAX_SESSIONS_KEY_SIZE;
    if (fits) {
        memcpy(key, data, size);
    }
    explicit_bzero(data, size);
    free(data);
    return fits ? EXIT_OK
                : complain(EXIT_ERROR, "--state: '%s' is no key of %d bytes; remove it, and a new one is made", name,
                           COAX_SESSIONS_KEY_SIZE);
}

int session_file_restore(coax_shards *shards, const char *path) {
    uint8_t key[COAX_SESSIONS_KEY_SIZE], *saved;
    size_t size, count;
    coax_error error;
    int code = load_key(path, key);
    if (code != EXIT_OK) {
        return code;
    }
    saved = NULL;
    if (!read_file(path, &saved, &size)) {
        code = fail(path, "cannot read");
    } else if (saved != NULL && (unlink(path) != 0 || !sync_folder(path))) {
        code = fail(path, "cannot remove what is to be used once,");
    } else if (saved != NULL) {
        enum coax_status status = coax_shards_restore_sessions(shards, key, saved, size, &count, &error);
        if (status != COAX_OK) {
            remark("--state '%s': %s; clients shake hands anew", path, error.text);
        }
        if (count > 0) {
            remark("%zu sessions taken up from '%s'", count, path);
        }
    }
    free(saved);
    explicit_bzero(key, sizeof key);
    return code;
}

int session_file_save(coax_shards *shards, const char *path) {
    uint8_t key[COAX_SESSIONS_KEY_SIZE], *saved = NULL;
    size_t size = 0;
    coax_error error;
    int code = load_key(path, key);
    if (code == EXIT_OK && coax_shards_save_sessions(shards, key, &saved, &size, &error) != COAX_OK) {
        code = complain(EXIT_ERROR, "--state: %s", error.text);
    } else if (code == EXIT_OK && !write_file(path, saved, size)) {
        code = fail(path, "cannot write");
    }
    free(saved);
    explicit_bzero(key, sizeof key);
    return code;
}
