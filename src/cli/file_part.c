#include "cli/file_part.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

struct file_part {
    const struct files *files;
    bool is_there;
    char hidden[32]; /* its name meanwhile: one with a dot is not served */
    char *folder, *name;
    char path[]; /* both, taken apart */
};

/* The folder of "sub/file", and "file". */
static void take_apart(char *path, char **folder, char **name) {
    char *slash = strrchr(path, '/');
    static char here[] = "";
    *folder = slash != NULL ? path : here;
    *name = slash != NULL ? slash + 1 : path;
    if (slash != NULL) {
        *slash = '\0';
    }
}

/* -1, with errno, if there is none. */
static int open_folder(const struct files *files, const char *folder) {
    struct file found = files_find(files, folder);
    if (found.kind == FILE_FOLDER) {
        return found.fd;
    }
    if (found.fd >= 0) {
        close(found.fd);
    }
    errno = found.kind == FILE_DENIED ? EACCES : found.kind == FILE_REGULAR ? ENOTDIR : ENOENT;
    return -1;
}

static bool close_with(int fd, bool good) {
    int saved = errno;
    close(fd);
    errno = saved;
    return good;
}

static bool make(struct file_part *part) {
    uint64_t number;
    int folder = open_folder(part->files, part->folder);
    if (folder < 0 || getrandom(&number, sizeof number, 0) != (ssize_t)sizeof number) {
        return folder >= 0 && close_with(folder, false);
    }
    (void)snprintf(part->hidden, sizeof part->hidden, ".coax-%016" PRIx64, number);
    int fd = openat(folder, part->hidden, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666);
    part->is_there = fd >= 0;
    return close_with(folder, fd >= 0) && close_with(fd, true);
}

struct file_part *file_part_new(const struct files *files, const char *name) {
    size_t size = strlen(name) + 1;
    struct file_part *part = size == 1 ? NULL : calloc(1, sizeof *part + size);
    if (part == NULL) {
        errno = size == 1 ? EISDIR : ENOMEM;
        return NULL;
    }
    part->files = files;
    memcpy(part->path, name, size);
    take_apart(part->path, &part->folder, &part->name);
    if (!make(part)) {
        free(part);
        return NULL;
    }
    return part;
}

static bool write_all(int fd, uint64_t offset, const void *piece, size_t size) {
    for (size_t done = 0; done < size;) {
        ssize_t count = pwrite(fd, (const char *)piece + done, size - done, (off_t)(offset + done));
        if (count < 0 && errno != EINTR) {
            return false;
        }
        done += count > 0 ? (size_t)count : 0;
    }
    return true;
}

bool file_part_write(struct file_part *part, uint64_t offset, const void *piece, size_t size) {
    int folder = open_folder(part->files, part->folder);
    if (folder < 0) {
        return false;
    }
    int fd = openat(folder, part->hidden, O_WRONLY | O_NOFOLLOW | O_CLOEXEC | (offset == 0 ? O_TRUNC : 0));
    return close_with(folder, fd >= 0) && close_with(fd, write_all(fd, offset, piece, size));
}

bool file_part_commit(struct file_part *part) {
    int folder = open_folder(part->files, part->folder);
    bool good = folder >= 0 && renameat(folder, part->hidden, folder, part->name) == 0;
    part->is_there = part->is_there && !good;
    return folder >= 0 && close_with(folder, good);
}

void file_part_free(struct file_part *part) {
    int folder = part != NULL && part->is_there ? open_folder(part->files, part->folder) : -1;
    if (folder >= 0) {
        (void)unlinkat(folder, part->hidden, 0);
        close(folder);
    }
    free(part);
}

bool files_remove(const struct files *files, const char *name) {
    char *path = strdup(name);
    char *folder_name, *last;
    if (path == NULL) {
        return false;
    }
    take_apart(path, &folder_name, &last);
    int folder = open_folder(files, folder_name);
    bool good = folder >= 0 && unlinkat(folder, last, 0) == 0;
    good = folder >= 0 && close_with(folder, good);
    int saved = errno;
    free(path);
    errno = saved;
    return good;
}
