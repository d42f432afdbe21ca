#include "cli/files.h"

#include "base/hash_table.h"
#include "cli/printable.h"
#include "cli/serve_path.h"
#include <coax/content_format.h>
#include <coax/link_format.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <linux/openat2.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

struct files {
    int fd;
    pthread_mutex_t lock;
};

struct files *files_open(const char *folder) {
    struct files *files = malloc(sizeof *files);
    if (files != NULL) {
        files->fd = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
    }
    if (files == NULL || files->fd < 0) {
        free(files);
        return NULL;
    }
    pthread_mutex_init(&files->lock, NULL);
    return files;
}

void files_lock(struct files *files) {
    pthread_mutex_lock(&files->lock);
}

void files_unlock(struct files *files) {
    pthread_mutex_unlock(&files->lock);
}

void files_close(struct files *files) {
    if (files != NULL) {
        pthread_mutex_destroy(&files->lock);
        close(files->fd);
        free(files);
    }
}

/* O_NONBLOCK: a named pipe without a writer would hold up the server. */
enum { READ_FLAGS = O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC };

/* Every change of a file changes one of these (as far as the file system tells). */
static void set_etag(struct file *file, const struct stat *status) {
    static const uint8_t key[16] = "file ETag";
    const uint64_t identity[] = {
        (uint64_t)status->st_ino,          (uint64_t)status->st_size,        (uint64_t)status->st_mtim.tv_sec,
        (uint64_t)status->st_mtim.tv_nsec, (uint64_t)status->st_ctim.tv_sec, (uint64_t)status->st_ctim.tv_nsec,
    };
    uint64_t hash = coax_siphash(key, identity, sizeof identity);
    memcpy(file->etag, &hash, sizeof file->etag);
}

/* Takes the descriptor that an open gave, or its error. */
static struct file file_of(int fd) {
    struct file file = {.kind = FILE_NONE, .fd = -1};
    struct stat status;
    if (fd < 0) {
        file.kind = errno == EACCES || errno == EPERM ? FILE_DENIED : FILE_NONE;
        return file;
    }
    if (fstat(fd, &status) != 0 || !(S_ISREG(status.st_mode) || S_ISDIR(status.st_mode))) {
        close(fd);
        return file;
    }
    file.kind = S_ISREG(status.st_mode) ? FILE_REGULAR : FILE_FOLDER;
    file.fd = fd;
    file.size = (uint64_t)status.st_size;
    set_etag(&file, &status);
    return file;
}

static const char *or_here(const char *name) {
    return *name == '\0' ? "." : name;
}

struct file files_find(const struct files *files, const char *name) {
    const struct open_how how = {.flags = READ_FLAGS, .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS};
    int fd = (int)syscall(SYS_openat2, files->fd, or_here(name), &how, sizeof how);
    if (fd < 0 && (errno == ENOSYS || errno == EPERM)) {
        return files_find_by_steps(files, name);
    }
    return file_of(fd);
}

/* No step may be one that leads up or stays. */
static bool is_step(const char *segment) {
    return segment[0] != '\0' && strcmp(segment, ".") != 0 && strcmp(segment, "..") != 0;
}

struct file files_find_by_steps(const struct files *files, const char *name) {
    char segment[NAME_MAX + 1];
    int folder = files->fd;
    while (true) {
        size_t size = strcspn(name, "/");
        bool last = name[size] == '\0';
        int fd = -1;
        errno = ENOENT;
        if (size < sizeof segment) {
            memcpy(segment, name, size);
            segment[size] = '\0';
            if (is_step(segment)) {
                fd = openat(folder, segment, O_NOFOLLOW | (last ? READ_FLAGS : O_PATH | O_DIRECTORY | O_CLOEXEC));
            } else if (size == 0 && last && folder == files->fd) {
                fd = openat(folder, ".", READ_FLAGS);
            }
        }
        int saved = errno;
        if (folder != files->fd) {
            close(folder);
        }
        errno = saved;
        if (fd < 0 || last) {
            return file_of(fd);
        }
        folder = fd;
        name += size + 1;
    }
}

ssize_t files_read(const struct file *file, uint64_t offset, void *out, size_t capacity) {
    size_t size = 0;
    while (size < capacity) {
        ssize_t got = pread(file->fd, (char *)out + size, capacity - size, (off_t)(offset + size));
        if (got < 0 && errno != EINTR) {
            return -1;
        }
        if (got == 0) {
            break;
        }
        size += got > 0 ? (size_t)got : 0;
    }
    return (ssize_t)size;
}

/* Names that a URI can hold. */
static int is_listed(const struct dirent *entry) {
    return entry->d_name[0] != '.' && is_printable(entry->d_name, strlen(entry->d_name));
}

struct listing {
    char **names;
    size_t count;
};

static bool add_name(struct listing *listing, const char *name) {
    char *copy = listing->count < FILES_LISTED_MAXIMUM ? strdup(name) : NULL;
    if (copy != NULL) {
        listing->names[listing->count++] = copy;
    }
    return copy != NULL;
}

static void free_listing(struct listing *listing) {
    for (size_t i = 0; i < listing->count; i++) {
        free(listing->names[i]);
    }
    free(listing->names);
}

static int compare_names(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static bool read_names(int fd, struct listing *listing) {
    /* A descriptor of its own, because closedir() closes it. */
    int own = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *stream = own >= 0 ? fdopendir(own) : NULL;
    if (stream == NULL) {
        if (own >= 0) {
            close(own);
        }
        return false;
    }
    bool good = true;
    const struct dirent *entry;
    while (good && (entry = readdir(stream)) != NULL) {
        good = !is_listed(entry) || add_name(listing, entry->d_name);
    }
    closedir(stream);
    qsort(listing->names, listing->count, sizeof *listing->names, compare_names);
    return good;
}

static void write_file_link(coax_link_writer *writer, const char *target, const char *name, const struct stat *status) {
    char number[24];
    coax_link_write_target(writer, target);
    snprintf(number, sizeof number, "%d", S_ISDIR(status->st_mode) ? COAX_FORMAT_LINK : files_format(name));
    coax_link_write_attribute(writer, "ct", number, false);
    if (S_ISREG(status->st_mode)) {
        snprintf(number, sizeof number, "%" PRIu64, (uint64_t)status->st_size);
        coax_link_write_attribute(writer, "sz", number, false);
    }
}

/* False if the name makes no link that fits. */
static bool write_name(coax_link_writer *writer, int fd, const char *prefix, const char *name) {
    struct stat status;
    if (fstatat(fd, name, &status, AT_SYMLINK_NOFOLLOW) != 0 || !(S_ISREG(status.st_mode) || S_ISDIR(status.st_mode))) {
        return true; /* it is gone, or is nothing that can be asked for */
    }
    char encoded[3 * NAME_MAX + 2];
    char target[4096];
    if (!serve_path_encode_name(name, encoded, sizeof encoded - 1)
        || snprintf(target, sizeof target, "%s%s%s", prefix, encoded, S_ISDIR(status.st_mode) ? "/" : "")
               >= (int)sizeof target) {
        return false;
    }
    write_file_link(writer, target, name, &status);
    return true;
}

bool files_list(const struct file *folder, const char *target, char *out, size_t capacity, size_t *size) {
    struct listing listing = {calloc(FILES_LISTED_MAXIMUM, sizeof(char *)), 0};
    coax_link_writer writer = {out, capacity, 0};
    bool good = listing.names != NULL && read_names(folder->fd, &listing);
    for (size_t i = 0; good && i < listing.count; i++) {
        good = write_name(&writer, folder->fd, target, listing.names[i]);
    }
    free_listing(&listing);
    *size = writer.size;
    return good && writer.size <= capacity;
}

int files_format(const char *name) {
    static const struct {
        const char *extension;
        const char *format;
    } known[] = {
        {"txt", "text/plain"},
        {"log", "text/plain"},
        {"md", "text/plain"},
        {"csv", "text/plain"},
        {"html", "text/plain"},
        {"json", "application/json"},
        {"cbor", "application/cbor"},
        {"xml", "application/xml"},
        {"exi", "application/exi"},
        {"css", "text/css"},
        {"js", "application/javascript"},
        {"svg", "image/svg+xml"},
        {"png", "image/png"},
        {"jpg", "image/jpeg"},
        {"jpeg", "image/jpeg"},
        {"gif", "image/gif"},
        {"wlnk", "application/link-format"},
        {"senml", "application/senml+json"},
        {"senmlc", "application/senml+cbor"},
        {"sensml", "application/sensml+json"},
        {"sensmlc", "application/sensml+cbor"},
        {"senmlx", "application/senml+xml"},
    };
    const char *dot = strrchr(name, '.');
    for (size_t i = 0; dot != NULL && i < sizeof known / sizeof *known; i++) {
        if (strcasecmp(dot + 1, known[i].extension) == 0) {
            int number = coax_content_format_number(known[i].format);
            return number >= 0 ? number : COAX_FORMAT_OCTET_STREAM;
        }
    }
    return COAX_FORMAT_OCTET_STREAM;
}
