#include "cli/serve_store.h"

#include "base/hash_table.h"
#include "cli/json_part.h"
#include "cli/serve_reply.h"
#include <stdlib.h>
#include <string.h>

/* A document takes many times the memory of its text. */
enum { JSON_MAXIMUM = 256 * 1024, FORMAT_MERGE_PATCH = 52 };

/* "application/senml+json" is JSON, too. */
static bool is_json(int format) {
    const char *name = format >= 0 ? coax_content_format_name(format) : NULL;
    size_t size = name != NULL ? strlen(name) : 0;
    return size > 4 && strcmp(name + size - 4, "json") == 0;
}

/* The entry that the request is for; false if there is none that can be taken apart, which is answered then. */
static bool find_json(coax_exchange *exchange, const struct store *store, struct stored *stored) {
    if (!store_find(store, coax_exchange_rest(exchange), stored)) {
        (void)coax_respond_text(exchange, COAX_NOT_FOUND, "Nothing was put here; PUT does");
    } else if (!is_json(stored->format)) {
        (void)coax_respond_text(exchange, COAX_UNSUPPORTED_CONTENT_FORMAT,
                                "What was put here is not marked as JSON (Content-Format 50), and only that is taken "
                                "apart");
    } else if (stored->size > JSON_MAXIMUM) {
        (void)coax_respond_text(exchange, COAX_UNPROCESSABLE_ENTITY,
                                "What was put here has %zu bytes; it is taken apart up to %d", stored->size,
                                JSON_MAXIMUM);
    } else {
        return true;
    }
    return false;
}

/* What the payload of `format` says; NULL if it cannot be read, which is answered then. */
static json_t *read_payload(coax_exchange *exchange, const coax_message *request, int format) {
    const char *payload = (const char *)coax_message_payload(request);
    size_t size = coax_message_payload_size(request);
    json_error_t error;
    if (coax_message_content_format(request) != format) {
        (void)coax_respond_text(exchange, COAX_UNSUPPORTED_CONTENT_FORMAT, "The payload has to be %d %s", format,
                                coax_content_format_name(format));
        return NULL;
    }
    if (size > JSON_MAXIMUM) {
        (void)coax_exchange_add_option_uint(exchange, COAX_OPTION_SIZE1, JSON_MAXIMUM);
        (void)coax_respond_text(exchange, COAX_REQUEST_ENTITY_TOO_LARGE, "At most %d bytes", JSON_MAXIMUM);
        return NULL;
    }
    json_t *json = json_loadb(size > 0 ? payload : "", size, JSON_DECODE_ANY, &error);
    if (json == NULL) {
        (void)coax_respond_text(exchange, COAX_BAD_REQUEST, "The payload is no JSON, in line %d column %d: %s",
                                error.line, error.column, error.text);
    }
    return json;
}

/* What is stored; NULL if it is no JSON after all, which is answered then. */
static json_t *read_stored(coax_exchange *exchange, const struct stored *stored) {
    json_error_t error;
    json_t *json = json_loadb((const char *)stored->data, stored->size, JSON_DECODE_ANY, &error);
    if (json == NULL) {
        (void)coax_respond_text(exchange, COAX_CONFLICT, "What was put here is no JSON, in line %d column %d: %s",
                                error.line, error.column, error.text);
    }
    return json;
}

/* The text of a document, bounded: pointers to the same value may repeat it many times. */
struct text {
    char *bytes;
    size_t size;
};

static int append(const char *bytes, size_t size, void *user) {
    struct text *text = user;
    if (size > JSON_MAXIMUM - text->size) {
        return -1;
    }
    memcpy(text->bytes + text->size, bytes, size);
    text->size += size;
    return 0;
}

/* False if it is too long, which is answered then. `text->bytes` is to be freed in any case. */
static bool write_text(coax_exchange *exchange, json_t *json, struct text *text) {
    *text = (struct text){malloc(JSON_MAXIMUM), 0};
    if (json != NULL && text->bytes != NULL
        && json_dump_callback(json, append, text, JSON_COMPACT | JSON_ENCODE_ANY) == 0) {
        return true;
    }
    (void)coax_respond_text(exchange, COAX_UNPROCESSABLE_ENTITY, "The result would have over %d bytes", JSON_MAXIMUM);
    return false;
}

/* --- FETCH --- */

/* NULL, and answered, if the pointers are none. */
static json_t *select_parts(coax_exchange *exchange, json_t *document, const json_t *pointers) {
    json_t *selected = json_object();
    size_t index;
    const json_t *pointer;
    bool good = json_is_array(pointers);
    json_array_foreach(pointers, index, pointer) {
        const char *text = json_string_value(pointer);
        good = good && text != NULL && json_is_pointer(text);
        json_t *value = good ? json_pointed(document, text) : NULL;
        if (value != NULL) {
            (void)json_object_set(selected, text, value);
        }
    }
    if (!good) {
        (void)coax_respond_text(exchange, COAX_UNPROCESSABLE_ENTITY,
                                "The payload has to be an array of JSON Pointers (RFC 6901), such as [\"/a/0\"]");
        json_decref(selected);
        selected = NULL;
    }
    return selected;
}

static void reply_parts(coax_exchange *exchange, const coax_message *request, json_t *parts) {
    static const uint8_t key[16] = "FETCH ETag";
    struct text text;
    if (write_text(exchange, parts, &text)) {
        uint64_t hash = coax_siphash(key, (const uint8_t *)text.bytes, text.size);
        uint8_t etag[REPLY_ETAG_SIZE];
        memcpy(etag, &hash, sizeof etag);
        const struct representation representation = {COAX_FORMAT_JSON, text.bytes, text.size, etag, "The result"};
        reply_representation(exchange, request, &representation);
    }
    free(text.bytes);
}

void store_fetch(coax_exchange *exchange, const coax_message *request, struct store *store) {
    struct stored stored;
    if (!store_may_change(exchange, request, store) || !find_json(exchange, store, &stored)) {
        return;
    }
    json_t *pointers = read_payload(exchange, request, COAX_FORMAT_JSON);
    json_t *document = pointers != NULL ? read_stored(exchange, &stored) : NULL;
    json_t *parts = document != NULL ? select_parts(exchange, document, pointers) : NULL;
    if (parts != NULL) {
        reply_parts(exchange, request, parts);
    }
    json_decref(parts);
    json_decref(document);
    json_decref(pointers);
}

/* --- PATCH --- */

static void put_merged(coax_exchange *exchange, struct store *store, int format, json_t *merged) {
    struct text text;
    if (write_text(exchange, merged, &text)) {
        store_put_and_reply(exchange, store, format, text.bytes, text.size);
    }
    free(text.bytes);
}

void store_patch(coax_exchange *exchange, const coax_message *request, struct store *store) {
    struct stored stored;
    if (!store_may_change(exchange, request, store) || !find_json(exchange, store, &stored)) {
        return;
    }
    json_t *patch = read_payload(exchange, request, FORMAT_MERGE_PATCH);
    json_t *document = patch != NULL ? read_stored(exchange, &stored) : NULL;
    if (document != NULL) {
        json_t *merged = json_merged(document, patch);
        put_merged(exchange, store, stored.format, merged);
        json_decref(merged);
    }
    json_decref(document);
    json_decref(patch);
}
