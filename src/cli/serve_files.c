/* /files/…: the files of a folder. */
#include "cli/serve_files.h"

#include "cli/serve_path.h"
#include "cli/serve_reply.h"
#include "cli/serve_resources.h"
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { LIST_MAXIMUM = 1024 * 1024 };

/* "/files/sub/" for the folder "sub". */
static bool folder_target(const char *rest, char *out, size_t capacity) {
    if (!serve_path_to_target("/files/", rest, out, capacity)) {
        return false;
    }
    size_t size = strlen(out);
    bool fits = out[size - 1] == '/' || size + 1 < capacity;
    if (fits && out[size - 1] != '/') {
        memcpy(out + size, "/", 2);
    }
    return fits;
}

static void reply_folder(coax_exchange *exchange, const coax_message *request, const struct file *folder) {
    char target[4096];
    char *text = malloc(LIST_MAXIMUM);
    size_t size = 0;
    if (text != NULL && folder_target(coax_exchange_rest(exchange), target, sizeof target)
        && files_list(folder, target, text, LIST_MAXIMUM, &size)) {
        const struct representation representation = {
            .format = COAX_FORMAT_LINK, .data = text, .size = size, .what = "The folder's list"};
        reply_representation(exchange, request, &representation);
    } else {
        (void)coax_respond_text(exchange, COAX_NOT_IMPLEMENTED,
                                "The folder cannot be listed: over %d names, or not to be read", FILES_LISTED_MAXIMUM);
    }
    free(text);
}

/* A file on its way out. It is opened for each piece, so that slow clients hold no descriptors, and that a change under
   way is noticed. */
struct sending {
    const struct files *files;
    uint8_t etag[FILE_ETAG_SIZE];
    char name[];
};

static enum coax_status read_piece(void *body, uint64_t offset, void *out, size_t capacity, size_t *size) {
    const struct sending *sending = body;
    struct file file = files_find(sending->files, sending->name);
    bool same = file.kind == FILE_REGULAR && memcmp(file.etag, sending->etag, sizeof file.etag) == 0;
    ssize_t got = same ? files_read(&file, offset, out, capacity) : 0;
    if (file.fd >= 0) {
        close(file.fd);
    }
    *size = got > 0 ? (size_t)got : 0;
    return !same ? COAX_E_CHANGED : got < 0 ? COAX_E_IO : COAX_OK;
}

static void reply_file(coax_exchange *exchange, const coax_message *request, const struct files *files,
                       const struct file *file, const char *name) {
    static const coax_body_source source = {read_piece, free};
    const struct representation representation = {.format = files_format(name), .etag = file->etag, .what = "The file"};
    if (file->size > FILE_SIZE_MAXIMUM) {
        (void)coax_respond_text(exchange, COAX_NOT_IMPLEMENTED,
                                "The file has %" PRIu64 " bytes, more than the %" PRIu64 " that blocks can count",
                                file->size, FILE_SIZE_MAXIMUM);
        return;
    }
    struct sending *sending = malloc(sizeof *sending + strlen(name) + 1);
    if (sending == NULL || !reply_is_wanted(exchange, request, &representation)) {
        free(sending);
        return;
    }
    sending->files = files;
    memcpy(sending->etag, file->etag, sizeof sending->etag);
    memcpy(sending->name, name, strlen(name) + 1);
    (void)coax_respond_source(exchange, COAX_CONTENT, representation.format, file->size, &source, sending);
}

static void get(coax_exchange *exchange, const coax_message *request, void *user) {
    char name[PATH_MAX];
    struct file file = {.kind = FILE_NONE, .fd = -1};
    if (serve_path_to_name(coax_exchange_rest(exchange), name, sizeof name)) {
        file = files_find(user, name);
    }
    if (file.kind == FILE_FOLDER) {
        reply_folder(exchange, request, &file);
    } else if (file.kind == FILE_REGULAR) {
        reply_file(exchange, request, user, &file, name);
    } else if (file.kind == FILE_DENIED) {
        (void)coax_respond_text(exchange, COAX_FORBIDDEN, "The server may not read this file");
    } else {
        (void)coax_respond_text(exchange, COAX_NOT_FOUND, "There is no such file");
    }
    if (file.fd >= 0) {
        close(file.fd);
    }
}

bool serve_add_files(coax_site *site, struct files *files, bool writable, coax_error *error) {
    coax_resource_config config = COAX_RESOURCE_CONFIG_INIT;
    config.get = get;
    config.user = files;
    config.subtree = true;
    config.title = "Files";
    config.resource_type = "files";
    if (writable) {
        serve_files_let_write(&config);
    }
    return coax_site_add(site, "files", &config, error) != NULL;
}
