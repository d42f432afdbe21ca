/* /files/…: the files of a folder. */
#include "cli/serve_path.h"
#include "cli/serve_reply.h"
#include "cli/serve_resources.h"
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

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
    char text[REPLY_MAXIMUM];
    size_t size = 0;
    if (!folder_target(coax_exchange_rest(exchange), target, sizeof target)
        || (!files_list(folder, target, text, sizeof text, &size) && size <= sizeof text)) {
        (void)coax_respond_text(exchange, COAX_NOT_IMPLEMENTED,
                                "The folder cannot be listed: over %d names, or not to be read", FILES_LISTED_MAXIMUM);
        return;
    }
    const struct representation representation = {
        .format = COAX_FORMAT_LINK, .data = text, .size = size, .what = "The folder's list"};
    reply_representation(exchange, request, &representation);
}

static void reply_file(coax_exchange *exchange, const coax_message *request, const struct file *file,
                       const char *name) {
    if (file->size > reply_maximum(exchange)) {
        reply_too_large(exchange, "The file", file->size);
        return;
    }
    char *data = malloc(file->size + 1);
    ssize_t size = data == NULL ? -1 : files_read(file, data, file->size);
    if (size < 0) {
        free(data);
        (void)coax_respond_text(exchange, COAX_INTERNAL_SERVER_ERROR, "The file cannot be read");
        return;
    }
    const struct representation representation = {
        .format = files_format(name), .data = data, .size = (size_t)size, .etag = file->etag, .what = "The file"};
    reply_representation(exchange, request, &representation);
    free(data);
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
        reply_file(exchange, request, &file, name);
    } else if (file.kind == FILE_DENIED) {
        (void)coax_respond_text(exchange, COAX_FORBIDDEN, "The server may not read this file");
    } else {
        (void)coax_respond_text(exchange, COAX_NOT_FOUND, "There is no such file");
    }
    if (file.fd >= 0) {
        close(file.fd);
    }
}

bool serve_add_files(coax_site *site, struct files *files, coax_error *error) {
    coax_resource_config config = COAX_RESOURCE_CONFIG_INIT;
    config.get = get;
    config.user = files;
    config.subtree = true;
    config.title = "Files";
    config.resource_type = "files";
    return coax_site_add(site, "files", &config, error) != NULL;
}
