/* What the two halves of the JSON loader share: credentials_json.c knows entries, credentials_json_value.c the values
 * in them. */
#ifndef COAX_SECURITY_CREDENTIALS_JSON_H
#define COAX_SECURITY_CREDENTIALS_JSON_H

#include "security/credentials_store.h"
#include "security/json_position.h"
#include <jansson.h>

enum {
    JSON_PATH_MAXIMUM = 4,                /* steps from an entry down: kind, field, encoding */
    JSON_FILES_MAXIMUM = 16 * 1024 * 1024 /* bytes of all files that one JSON text names */
};

struct json_loader {
    const char *text;
    size_t size;
    const char *name;
    const struct file_reader *reader;
    coax_error *error;
    struct json_position member;    /* the key of the entry that is being read */
    size_t path[JSON_PATH_MAXIMUM]; /* ordinals from that entry's value down to what is being read */
    size_t depth;
    size_t files_size; /* of the files that were read */
};

enum json_place { AT_VALUE, AT_KEY };

/* Fails with "file:line:column: " of what is being read before the text. */
enum coax_status coax_json_fail(struct json_loader *loader, enum json_place place, enum coax_status status,
                                const char *format, ...) COAX_PRINTF(4, 5);

/* The same for an error that another function filled. */
enum coax_status coax_json_fail_inner(struct json_loader *loader, enum json_place place, enum coax_status status,
                                      const coax_error *inner);

/* Steps down to the member number `ordinal` of the value that is being read, and up again. */
void coax_json_down(struct json_loader *loader, size_t ordinal);
void coax_json_up(struct json_loader *loader);

/* "an object", "a number" …. */
const char *coax_json_type_text(const json_t *value);

/* Whether the names are the same, '-' and '_' being one. */
bool coax_json_same_name(const char *name, const char *known);

/* The parts that an entry can have. */
enum json_part { PART_PSK, PART_IDENTITY, PART_PRIVATE_KEY, PART_PEER_PUBLIC_KEY, PART_CERTIFICATE, PART_TRUST, PARTS };

/* What was read of one entry. */
struct json_draft {
    struct {
        uint8_t *data;
        size_t size;
        bool present;
    } part[PARTS];
    const char **references; /* these and `allow` point into the JSON values */
    size_t reference_count;
    const char **allow; /* NULL: none given */
    size_t allow_count;
};

/* Wipes and frees what it holds. */
void coax_json_draft_free(struct json_draft *draft);

/* Reads the value that is being read into a part: a byte string; a file's name, whose PEM is checked. */
enum coax_status coax_json_read_bytes(struct json_loader *loader, const json_t *value, enum json_part part,
                                      struct json_draft *draft);
enum coax_status coax_json_read_file(struct json_loader *loader, const json_t *value, enum json_part part,
                                     struct json_draft *draft);

/* A reference, a list of references, the paths of `allow`. */
enum coax_status coax_json_read_reference(struct json_loader *loader, const json_t *value, struct json_draft *draft);
enum coax_status coax_json_read_references(struct json_loader *loader, const json_t *value, struct json_draft *draft);
enum coax_status coax_json_read_allow(struct json_loader *loader, const json_t *value, struct json_draft *draft);

/* Parses the text; NULL after an error of syntax, which is reported. */
json_t *coax_json_parse(struct json_loader *loader);

/* Wipes the texts in it, which may be secrets, and frees it. */
void coax_json_wipe_free(json_t *root);

#endif
