#include "cli/upload.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

bool upload_open(struct upload *upload, const char *path) {
    struct stat status;
    int fd = strcmp(path, "-") == 0 ? dup(STDIN_FILENO) : open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    *upload = (struct upload){.fd = -1};
    if (fd < 0) {
        return false;
    }
    if (fstat(fd, &status) != 0 || !S_ISREG(status.st_mode) || lseek(fd, 0, SEEK_CUR) != 0) {
        close(fd);
        return false;
    }
    upload->fd = fd;
    upload->size = (uint64_t)status.st_size;
    return true;
}

/* A file that has become shorter is another one. */
static enum coax_status read_piece(void *body, uint64_t offset, void *out, size_t capacity, size_t *size) {
    const struct upload *upload = body;
    uint64_t left = offset < upload->size ? upload->size - offset : 0;
    size_t wanted = left < capacity ? (size_t)left : capacity;
    *size = 0;
    while (*size < wanted) {
        ssize_t count = pread(upload->fd, (char *)out + *size, wanted - *size, (off_t)(offset + *size));
        if (count == 0) {
            return COAX_E_CHANGED;
        }
        if (count < 0 && errno != EINTR) {
            return COAX_E_IO;
        }
        *size += count > 0 ? (size_t)count : 0;
    }
    return COAX_OK;
}

static void close_file(void *body) {
    struct upload *upload = body;
    close(upload->fd);
    upload->fd = -1;
}

const coax_body_source upload_source = {read_piece, close_file};
