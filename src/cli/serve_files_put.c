/* PUT and DELETE below /files, if the server may write there. */
#include "cli/serve_files.h"

#include "cli/file_part.h"
#include "cli/serve_path.h"
#include "cli/serve_reply.h"
#include <errno.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

/* The code for an errno. */
static uint8_t code_of(int problem) {
    static const struct {
        int problem;
        uint8_t code;
    } rows[] = {
        {ENOENT, COAX_NOT_FOUND},
        {ENOTDIR, COAX_NOT_FOUND},
        {EACCES, COAX_FORBIDDEN},
        {EPERM, COAX_FORBIDDEN},
        {EROFS, COAX_FORBIDDEN},
        {EISDIR, COAX_METHOD_NOT_ALLOWED},
        {EXDEV, COAX_FORBIDDEN},
        {ENAMETOOLONG, COAX_BAD_REQUEST},
        {ENOSPC, COAX_INTERNAL_SERVER_ERROR},
        {EMFILE, COAX_SERVICE_UNAVAILABLE},
        {ENFILE, COAX_SERVICE_UNAVAILABLE},
        {ENOMEM, COAX_SERVICE_UNAVAILABLE},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (rows[i].problem == problem) {
            return rows[i].code;
        }
    }
    return COAX_INTERNAL_SERVER_ERROR;
}

static uint8_t refuse(coax_exchange *exchange, int problem) {
    uint8_t code = code_of(problem);
    (void)coax_respond_text(exchange, code, "The server cannot write this: %s", strerror(problem));
    return code;
}

/* The name that the request is for, and its file as it is. False if there can be none, or the conditions forbid to go
   on, which is answered with *code then. */
static bool find_target(coax_exchange *exchange, const coax_message *request, const struct files *files,
                        char name[PATH_MAX], struct file *file, uint8_t *code) {
    *code = COAX_EMPTY;
    *file = (struct file){.kind = FILE_NONE, .fd = -1};
    if (!serve_path_to_name(coax_exchange_rest(exchange), name, PATH_MAX)) {
        *code = refuse(exchange, EACCES);
        return false;
    }
    *file = files_find(files, name);
    if (file->fd >= 0) {
        close(file->fd);
        file->fd = -1;
    }
    if (file->kind == FILE_FOLDER || name[0] == '\0') {
        *code = refuse(exchange, EISDIR);
    } else if (!reply_may_go_on(request, file->kind == FILE_REGULAR ? file->etag : NULL)) {
        *code = COAX_PRECONDITION_FAILED;
        (void)coax_respond(exchange, *code, COAX_NO_FORMAT, NULL, 0);
    }
    return *code == COAX_EMPTY;
}

static enum coax_status write_piece(void *body, uint64_t offset, const void *piece, size_t size) {
    if (offset + size > FILE_SIZE_MAXIMUM) {
        return COAX_E_TOO_LARGE;
    }
    return file_part_write(body, offset, piece, size) ? COAX_OK : COAX_E_IO;
}

/* What is complete is the handler's. */
static void end_body(void *body, bool complete) {
    if (!complete) {
        file_part_free(body);
    }
}

static uint8_t open_body(coax_exchange *exchange, const coax_message *request, const coax_body_sink **sink, void **body,
                         void *user) {
    static const coax_body_sink part_sink = {.write = write_piece, .close = end_body};
    char name[PATH_MAX];
    struct file file;
    uint8_t code;
    if (!find_target(exchange, request, user, name, &file, &code)) {
        return code;
    }
    if (coax_message_option_uint(request, COAX_OPTION_SIZE1, 0) > FILE_SIZE_MAXIMUM) {
        (void)coax_exchange_add_option_uint(exchange, COAX_OPTION_SIZE1, FILE_SIZE_MAXIMUM);
        return COAX_REQUEST_ENTITY_TOO_LARGE;
    }
    *sink = &part_sink;
    *body = file_part_new(user, name);
    return *body != NULL ? COAX_EMPTY : refuse(exchange, errno);
}

static void reply_written(coax_exchange *exchange, const struct files *files, const char *name, bool existed) {
    struct file file = files_find(files, name);
    if (file.kind == FILE_REGULAR) {
        (void)coax_exchange_add_option(exchange, COAX_OPTION_ETAG, file.etag, sizeof file.etag);
    }
    if (file.fd >= 0) {
        close(file.fd);
    }
    (void)coax_respond(exchange, existed ? COAX_CHANGED : COAX_CREATED, COAX_NO_FORMAT, NULL, 0);
}

/* Perhaps another one came to be while this one came. */
static void put(coax_exchange *exchange, const coax_message *request, void *user) {
    char name[PATH_MAX];
    struct file file;
    uint8_t code;
    struct file_part *part = coax_exchange_body(exchange);
    files_lock(user);
    if (find_target(exchange, request, user, name, &file, &code)) {
        bool existed = file.kind != FILE_NONE;
        if (!file_part_commit(part)) {
            (void)refuse(exchange, errno);
        } else {
            reply_written(exchange, user, name, existed);
        }
    }
    files_unlock(user);
    file_part_free(part);
}

/* Deleting what is not there has succeeded, too (RFC 7252 section 5.8.4). */
static void delete (coax_exchange *exchange, const coax_message *request, void *user) {
    char name[PATH_MAX];
    struct file file;
    uint8_t code;
    files_lock(user);
    if (find_target(exchange, request, user, name, &file, &code)) {
        if (files_remove(user, name) || errno == ENOENT) {
            (void)coax_respond(exchange, COAX_DELETED, COAX_NO_FORMAT, NULL, 0);
        } else {
            (void)refuse(exchange, errno);
        }
    }
    files_unlock(user);
}

void serve_files_let_write(coax_resource_config *config) {
    config->put = put;
    config->delete_ = delete;
    config->open_sink = open_body;
}
