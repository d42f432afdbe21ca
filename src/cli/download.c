#include "cli/download.h"

#include "cli/complain.h"
#include "cli/encoding.h"
#include "cli/output.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { TAG_MAXIMUM = 8, TAG_TEXT_CAPACITY = 2 * TAG_MAXIMUM + 1, UNIT = 1024 /* of resuming */ };

static const char part_end[] = ".part";

static enum coax_status fail(struct download *download, int problem) {
    download->problem = problem;
    return COAX_E_IO;
}

int download_prepare(struct download *download, const char *path) {
    *download = (struct download){.path = path, .fd = -1};
    if (path == NULL) {
        download->in_place = true;
        download->fd = STDOUT_FILENO;
        return EXIT_OK;
    }
    if (!output_file_target(path, download->target, &download->mode, &download->in_place)) {
        download->problem = errno;
        return download_report(download);
    }
    return EXIT_OK;
}

/* --- what an earlier transfer left --- */

/* "0a1b2c" of "FILE.0a1b2c.part" */
static bool read_part_name(const char *name, const char *file, uint8_t tag[TAG_MAXIMUM], size_t *size) {
    char text[TAG_TEXT_CAPACITY];
    size_t file_size = strlen(file);
    size_t name_size = strlen(name);
    size_t end_size = sizeof part_end - 1;
    if (name_size < file_size + 1 + 2 + end_size || name_size - file_size - 1 - end_size >= sizeof text
        || strncmp(name, file, file_size) != 0 || name[file_size] != '.'
        || strcmp(name + name_size - end_size, part_end) != 0) {
        return false;
    }
    size_t text_size = name_size - file_size - 1 - end_size;
    memcpy(text, name + file_size + 1, text_size);
    text[text_size] = '\0';
    return hex_read(text, tag, TAG_MAXIMUM, size) && *size > 0;
}

static void write_tag(const coax_option *tag, char out[TAG_TEXT_CAPACITY]) {
    out[0] = '\0';
    for (size_t i = 0; i < tag->size; i++) {
        (void)snprintf(out + 2 * i, 3, "%02x", ((const uint8_t *)tag->value)[i]);
    }
}

/* Nobody else may have put it there. */
static int open_own(const char *path, int flags) {
    struct stat status;
    int fd = open(path, flags | O_WRONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
    if (fd >= 0
        && (fstat(fd, &status) != 0 || !S_ISREG(status.st_mode) || status.st_uid != geteuid()
            || status.st_nlink != 1)) {
        close(fd);
        errno = EEXIST;
        return -1;
    }
    return fd;
}

/* Opens what is there, if anything of use is. */
static bool take_part(struct download *download, const char *path) {
    struct stat status;
    int fd = open_own(path, 0);
    if (fd < 0 || fstat(fd, &status) != 0 || status.st_size < UNIT) {
        if (fd >= 0) {
            close(fd);
        }
        return false;
    }
    download->fd = fd;
    download->skipped = (uint64_t)status.st_size / UNIT * UNIT;
    download->size = download->skipped;
    download->is_kept = true;
    return true;
}

enum coax_status download_resume(struct download *download, coax_request *request) {
    char folder[PATH_MAX];
    char *slash;
    if (download->in_place) {
        return COAX_OK;
    }
    memcpy(folder, download->target, sizeof folder);
    slash = strrchr(folder, '/'); /* the target is absolute */
    const char *file = download->target + (slash - folder) + 1;
    slash[slash == folder ? 1 : 0] = '\0';
    DIR *listing = opendir(folder);
    enum coax_status status = COAX_OK;
    for (const struct dirent *entry; listing != NULL && download->fd < 0 && (entry = readdir(listing)) != NULL;) {
        uint8_t tag[TAG_MAXIMUM];
        size_t size;
        if (!read_part_name(entry->d_name, file, tag, &size)) {
            continue;
        }
        int length = snprintf(download->part, sizeof download->part, "%s/%s", folder, entry->d_name);
        if (length > 0 && (size_t)length < sizeof download->part && take_part(download, download->part)) {
            status = coax_request_resume(request, download->skipped, tag, size);
        }
    }
    if (listing != NULL) {
        closedir(listing);
    }
    return status;
}

/* --- what comes --- */

static void drop_part(struct download *download) {
    if (download->fd >= 0 && !download->in_place) {
        close(download->fd);
        (void)unlink(download->part);
        download->fd = -1;
    }
    download->skipped = 0;
    download->size = 0;
}

static enum coax_status open_part(struct download *download, const coax_option *tag) {
    char text[TAG_TEXT_CAPACITY];
    write_tag(tag, text);
    int length = snprintf(download->part, sizeof download->part, "%s.%s%s", download->target, text, part_end);
    if (length < 0 || (size_t)length >= sizeof download->part) {
        return fail(download, ENAMETOOLONG);
    }
    download->fd = open_own(download->part, O_CREAT | O_TRUNC);
    download->is_kept = true;
    return download->fd >= 0 ? COAX_OK : fail(download, errno);
}

static enum coax_status open_nameless(struct download *download) {
    int length = snprintf(download->part, sizeof download->part, "%s.XXXXXX", download->target);
    if (length < 0 || (size_t)length >= sizeof download->part) {
        return fail(download, ENAMETOOLONG);
    }
    download->fd = mkostemp(download->part, O_CLOEXEC);
    download->is_kept = false;
    return download->fd >= 0 ? COAX_OK : fail(download, errno);
}

static bool is_the_part(const struct download *download, const coax_option *tag) {
    char text[TAG_TEXT_CAPACITY + sizeof part_end + 1];
    char hex[TAG_TEXT_CAPACITY];
    write_tag(tag, hex);
    (void)snprintf(text, sizeof text, ".%s%s", hex, part_end);
    size_t size = strlen(download->part);
    return size >= strlen(text) && strcmp(download->part + size - strlen(text), text) == 0;
}

static enum coax_status begin(void *body, const coax_message *response) {
    struct download *download = body;
    coax_option tag;
    bool has_tag = coax_message_option(response, COAX_OPTION_ETAG, &tag) && tag.size > 0 && tag.size <= TAG_MAXIMUM;
    if (download->in_place) {
        if (download->path == NULL) {
            return COAX_OK;
        }
        if (download->fd < 0) {
            download->fd = open(download->target, O_WRONLY | O_CLOEXEC | O_NOCTTY);
        }
        return download->fd >= 0 ? COAX_OK : fail(download, errno);
    }
    if (download->fd >= 0 && has_tag && is_the_part(download, &tag)) {
        return COAX_OK; /* it goes on */
    }
    drop_part(download);
    return has_tag ? open_part(download, &tag) : open_nameless(download);
}

static enum coax_status write_in_place(struct download *download, uint64_t offset, const void *piece, size_t size) {
    if (offset != download->size) {
        return COAX_E_CHANGED; /* what is written cannot be taken back */
    }
    for (size_t done = 0; done < size;) {
        ssize_t count = write(download->fd, (const char *)piece + done, size - done);
        if (count < 0 && errno != EINTR) {
            return fail(download, errno);
        }
        done += count > 0 ? (size_t)count : 0;
    }
    download->size += size;
    return COAX_OK;
}

static enum coax_status write_piece(void *body, uint64_t offset, const void *piece, size_t size) {
    struct download *download = body;
    if (download->in_place) {
        return write_in_place(download, offset, piece, size);
    }
    for (size_t done = 0; done < size;) {
        ssize_t count = pwrite(download->fd, (const char *)piece + done, size - done, (off_t)(offset + done));
        if (count < 0 && errno != EINTR) {
            return fail(download, errno);
        }
        done += count > 0 ? (size_t)count : 0;
    }
    download->size = offset + size;
    return COAX_OK;
}

static bool put_in_place(struct download *download) {
    return ftruncate(download->fd, (off_t)download->size) == 0 && fchmod(download->fd, download->mode) == 0
           && rename(download->part, download->target) == 0;
}

static void end_part(struct download *download) {
    if (download->is_complete && !put_in_place(download)) {
        download->problem = errno;
    }
    if (!download->is_complete && download->is_kept && download->size >= UNIT) {
        (void)ftruncate(download->fd, (off_t)download->size);
        download->is_left = true;
    } else if (!download->is_complete) {
        (void)unlink(download->part);
    }
    close(download->fd);
}

static void end(void *body, bool complete) {
    struct download *download = body;
    download->is_complete = complete;
    if (download->fd >= 0 && !download->in_place) {
        end_part(download);
    } else if (download->fd >= 0 && download->path != NULL && close(download->fd) != 0) {
        download->problem = errno;
    }
    download->fd = -1;
}

const coax_body_sink download_sink = {write_piece, end, begin};

void download_say_what_is_left(const struct download *download) {
    if (download->is_left) {
        remark("%llu bytes are in %s; the same command goes on from there", (unsigned long long)download->size,
               download->part);
    }
}

int download_report(const struct download *download) {
    if (download->problem == 0) {
        return EXIT_OK;
    }
    if (download->path == NULL && download->problem == EPIPE) {
        return EXIT_ERROR;
    }
    return complain(EXIT_ERROR, "cannot write the payload to %s: %s",
                    download->path != NULL ? download->path : "standard output", strerror(download->problem));
}
