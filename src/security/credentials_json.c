#include "security/credentials_json.h"

#include "base/error.h"
#include "base/wipe.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- the kinds of entries --- */

struct field {
    const char *name;
    enum json_part part;
    bool required;
    enum coax_status (*read)(struct json_loader *loader, const json_t *value, enum json_part part,
                             struct json_draft *draft);
};

struct kind {
    const char *name;
    enum credential_kind kind;
    enum coax_status (*read)(struct json_loader *loader, const json_t *value, const struct kind *kind,
                             struct json_draft *draft);
    const char *fields_text; /* for errors */
    struct field fields[4];  /* up to the first without a name */
};

static const struct field *find_field(const struct kind *kind, const char *name) {
    for (const struct field *field = kind->fields; field->name != NULL; field++) {
        if (coax_json_same_name(name, field->name)) {
            return field;
        }
    }
    return NULL;
}

static enum coax_status read_field(struct json_loader *loader, const char *name, const json_t *value,
                                   const struct kind *kind, struct json_draft *draft) {
    const struct field *field = find_field(kind, name);
    if (field == NULL) {
        /* The name is not quoted: in a damaged file it may be a secret. */
        return coax_json_fail(loader, AT_KEY, COAX_E_SYNTAX, "an unknown field of \"%s\"; expected %s", kind->name,
                              kind->fields_text);
    }
    if (draft->part[field->part].present) {
        return coax_json_fail(loader, AT_KEY, COAX_E_SYNTAX, "\"%s\" is given twice; expected it once", field->name);
    }
    return field->read(loader, value, field->part, draft);
}

static enum coax_status check_required(struct json_loader *loader, const struct kind *kind,
                                       const struct json_draft *draft) {
    for (const struct field *field = kind->fields; field->name != NULL; field++) {
        if (field->required && !draft->part[field->part].present) {
            return coax_json_fail(loader, AT_VALUE, COAX_E_SYNTAX, "\"%s\" is missing; expected %s", field->name,
                                  kind->fields_text);
        }
    }
    return COAX_OK;
}

static enum coax_status read_fields(struct json_loader *loader, const json_t *value, const struct kind *kind,
                                    struct json_draft *draft) {
    if (!json_is_object(value)) {
        return coax_json_fail(loader, AT_VALUE, COAX_E_SYNTAX, "%s; expected an object with %s",
                              coax_json_type_text(value), kind->fields_text);
    }
    const char *name;
    json_t *member;
    size_t ordinal = 0;
    json_object_foreach((json_t *)value, name, member) {
        coax_json_down(loader, ordinal++);
        enum coax_status status = read_field(loader, name, member, kind, draft);
        coax_json_up(loader);
        if (status != COAX_OK) {
            return status;
        }
    }
    return check_required(loader, kind, draft);
}

static enum coax_status read_any_of(struct json_loader *loader, const json_t *value, const struct kind *kind,
                                    struct json_draft *draft) {
    (void)kind;
    return coax_json_read_references(loader, value, draft);
}

static enum coax_status refuse_all_of(struct json_loader *loader, const json_t *value, const struct kind *kind,
                                      struct json_draft *draft) {
    (void)value;
    (void)draft;
    return coax_json_fail(loader, AT_KEY, COAX_E_UNSUPPORTED,
                          "\"%s\" is not supported: a session proves one identity; expected \"any-of\", or one entry",
                          kind->name);
}

/* What no transport uses yet is kept by its key alone, so that a file made for others loads. */
static enum coax_status accept_other(struct json_loader *loader, const json_t *value, const struct kind *kind,
                                     struct json_draft *draft) {
    (void)draft;
    return json_is_object(value) ? COAX_OK
                                 : coax_json_fail(loader, AT_VALUE, COAX_E_SYNTAX,
                                                  "%s; expected an object with the "
                                                  "fields of \"%s\"",
                                                  coax_json_type_text(value), kind->name);
}

static const struct kind kinds[] = {
    {"dtls",
     CREDENTIAL_PSK,
     read_fields,
     "\"psk\" and \"client-identity\"",
     {{"psk", PART_PSK, true, coax_json_read_bytes}, {"client-identity", PART_IDENTITY, true, coax_json_read_bytes}}},
    {"rpk",
     CREDENTIAL_RPK,
     read_fields,
     "\"private-key\", \"peer-public-key\" or both",
     {{"private-key", PART_PRIVATE_KEY, false, coax_json_read_file},
      {"peer-public-key", PART_PEER_PUBLIC_KEY, false, coax_json_read_file}}},
    {"x509",
     CREDENTIAL_X509,
     read_fields,
     "\"certificate\" and \"private-key\", \"trust\", or all three",
     {{"certificate", PART_CERTIFICATE, false, coax_json_read_file},
      {"private-key", PART_PRIVATE_KEY, false, coax_json_read_file},
      {"trust", PART_TRUST, false, coax_json_read_file}}},
    {"tlscert", CREDENTIAL_TRUST, read_fields, "\"certfile\"", {{"certfile", PART_TRUST, true, coax_json_read_file}}},
    {"any-of", CREDENTIAL_ANY_OF, read_any_of, NULL, {{0}}},
    {"any", CREDENTIAL_ANY_OF, read_any_of, NULL, {{0}}},
    {"all-of", CREDENTIAL_ANY_OF, refuse_all_of, NULL, {{0}}},
    {"all", CREDENTIAL_ANY_OF, refuse_all_of, NULL, {{0}}},
    {"oscore", CREDENTIAL_OTHER, accept_other, NULL, {{0}}},
    {"edhoc-oscore", CREDENTIAL_OTHER, accept_other, NULL, {{0}}},
};

static const struct kind *find_kind(const char *name) {
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        if (coax_json_same_name(name, kinds[i].name)) {
            return &kinds[i];
        }
    }
    return NULL;
}

/* --- an entry --- */

/* What an entry's object was found to hold. */
struct outline {
    const struct kind *kind;
    const json_t *value, *allow;
    size_t ordinal, allow_ordinal; /* of the kind and of `allow` */
};

static enum coax_status outline_member(struct json_loader *loader, const char *name, const json_t *value,
                                       size_t ordinal, struct outline *outline) {
    static const char expected[] = "dtls, rpk, x509, tlscert, any-of, oscore or edhoc-oscore";
    if (coax_json_same_name(name, "allow")) {
        outline->allow = value;
        outline->allow_ordinal = ordinal;
        return COAX_OK;
    }
    const struct kind *kind = find_kind(name);
    if (kind == NULL) {
        return coax_json_fail(loader, AT_KEY, COAX_E_SYNTAX, "an unknown kind of credentials; expected %s", expected);
    }
    if (outline->kind != NULL) {
        return coax_json_fail(loader, AT_KEY, COAX_E_SYNTAX,
                              "\"%s\" and \"%s\" in one entry; expected one kind, with \"allow\" or without",
                              outline->kind->name, kind->name);
    }
    outline->kind = kind;
    outline->value = value;
    outline->ordinal = ordinal;
    return COAX_OK;
}

static enum coax_status read_outline(struct json_loader *loader, const json_t *value, struct outline *outline) {
    const char *name;
    json_t *member;
    size_t ordinal = 0;
    json_object_foreach((json_t *)value, name, member) {
        coax_json_down(loader, ordinal);
        enum coax_status status = outline_member(loader, name, member, ordinal++, outline);
        coax_json_up(loader);
        if (status != COAX_OK) {
            return status;
        }
    }
    if (outline->kind == NULL) {
        return coax_json_fail(loader, AT_VALUE, COAX_E_SYNTAX,
                              "an entry without credentials; expected a kind, such as {\"dtls\": {...}}");
    }
    return COAX_OK;
}

static enum coax_status read_allow(struct json_loader *loader, const struct outline *outline,
                                   struct json_draft *draft) {
    if (outline->allow == NULL) {
        return COAX_OK;
    }
    coax_json_down(loader, outline->allow_ordinal);
    enum coax_status status = COAX_OK;
    if (outline->kind->kind == CREDENTIAL_ANY_OF) {
        status = coax_json_fail(loader, AT_KEY, COAX_E_SYNTAX,
                                "\"allow\" beside references; expected it at the entries that they lead to, which "
                                "prove an identity");
    } else {
        status = coax_json_read_allow(loader, outline->allow, draft);
    }
    coax_json_up(loader);
    return status;
}

static struct bytes part_of(const struct json_draft *draft, enum json_part part) {
    return bytes_of(draft->part[part].data, draft->part[part].size);
}

/* Makes the entry; what is wrong with all of it together is reported at `place` of what is being read. */
static enum coax_status make(struct json_loader *loader, const char *key, enum credential_kind kind,
                             const struct json_draft *draft, struct credential **credential) {
    struct credential_parts parts = {part_of(draft, PART_PSK),         part_of(draft, PART_IDENTITY),
                                     part_of(draft, PART_PRIVATE_KEY), part_of(draft, PART_PEER_PUBLIC_KEY),
                                     part_of(draft, PART_CERTIFICATE), part_of(draft, PART_TRUST)};
    char source[160];
    (void)snprintf(source, sizeof source, "%.120s:%zu:%zu", loader->name, loader->member.line, loader->member.column);
    struct credential *made = NULL;
    coax_error inner = {.text = ""};
    enum coax_status status = coax_credential_new(&made, kind, key, &parts, source, &inner);
    if (status == COAX_OK && draft->references != NULL) {
        status = coax_credential_set_references(made, draft->references, draft->reference_count, &inner);
    }
    if (status == COAX_OK && draft->allow != NULL) {
        status = coax_credential_set_allow(made, draft->allow, draft->allow_count, &inner);
    }
    if (status != COAX_OK) {
        coax_credential_unref(made);
        return coax_json_fail_inner(loader, AT_VALUE, status, &inner);
    }
    *credential = made;
    return COAX_OK;
}

static enum coax_status read_object(struct json_loader *loader, const char *key, const json_t *value,
                                    struct json_draft *draft, struct credential **credential) {
    struct outline outline = {.kind = NULL};
    enum coax_status status = read_outline(loader, value, &outline);
    if (status != COAX_OK) {
        return status;
    }
    coax_json_down(loader, outline.ordinal);
    status = outline.kind->read(loader, outline.value, outline.kind, draft);
    coax_json_up(loader);
    if (status == COAX_OK) {
        status = read_allow(loader, &outline, draft);
    }
    if (status != COAX_OK) {
        return status;
    }
    coax_json_down(loader, outline.ordinal);
    status = make(loader, key, outline.kind->kind, draft, credential);
    coax_json_up(loader);
    return status;
}

static enum coax_status read_reference(struct json_loader *loader, const char *key, const json_t *value,
                                       struct json_draft *draft, struct credential **credential) {
    enum coax_status status = coax_json_read_reference(loader, value, draft);
    return status == COAX_OK ? make(loader, key, CREDENTIAL_ANY_OF, draft, credential) : status;
}

static enum coax_status read_deletion(const struct json_loader *loader, const char *key,
                                      struct credential_change *change) {
    change->normal_key = coax_credentials_normal_key(key);
    return change->normal_key == NULL ? coax_fail_memory(loader->error) : COAX_OK;
}

static enum coax_status read_entry(struct json_loader *loader, const char *key, const json_t *value,
                                   struct credential_change *change) {
    coax_error inner = {.text = ""};
    if (coax_credentials_check_key(key, &inner) != COAX_OK) {
        return coax_json_fail_inner(loader, AT_KEY, COAX_E_SYNTAX, &inner);
    }
    if (json_is_null(value)) {
        return read_deletion(loader, key, change);
    }
    if (!json_is_object(value) && !json_is_string(value)) {
        return coax_json_fail(loader, AT_VALUE, COAX_E_SYNTAX,
                              "%s; expected an entry such as {\"dtls\": {...}}, a reference such as \":name\", or null",
                              coax_json_type_text(value));
    }
    struct json_draft draft = {.references = NULL};
    enum coax_status status = json_is_string(value) ? read_reference(loader, key, value, &draft, &change->credential)
                                                    : read_object(loader, key, value, &draft, &change->credential);
    coax_json_draft_free(&draft);
    return status;
}

/* --- the whole text --- */

static void free_changes(struct credential_change *changes, size_t count) {
    for (size_t i = 0; i < count; i++) {
        coax_credential_unref(changes[i].credential);
        free(changes[i].normal_key);
    }
    free(changes);
}

/* One change for each member. The position moves along with them, so that the text is walked once. */
static enum coax_status read_entries(struct json_loader *loader, json_t *root, struct credential_change *changes) {
    struct json_position *member = &loader->member;
    coax_json_position_start(member, loader->text, loader->size);
    coax_json_position_enter(member, 0);
    const char *key;
    json_t *value;
    size_t ordinal = 0;
    json_object_foreach(root, key, value) {
        enum coax_status status = read_entry(loader, key, value, &changes[ordinal]);
        if (status != COAX_OK) {
            return status;
        }
        coax_json_position_next(member);
        ordinal++;
    }
    return COAX_OK;
}

static enum coax_status fail_root(struct json_loader *loader, const char *what) {
    struct json_position root;
    coax_json_position_start(&root, loader->text, loader->size);
    return coax_fail(loader->error, COAX_E_SYNTAX, "%s:%zu:%zu: %s; expected an object with at most %d entries",
                     loader->name, root.line, root.column, what, CREDENTIAL_ENTRIES_MAXIMUM);
}

static enum coax_status read_root(struct json_loader *loader, json_t *root, coax_credentials *credentials) {
    if (!json_is_object(root)) {
        return fail_root(loader, coax_json_type_text(root));
    }
    size_t count = json_object_size(root);
    if (count > CREDENTIAL_ENTRIES_MAXIMUM) {
        fail_root(loader, "too many entries");
        if (loader->error != NULL) {
            loader->error->status = COAX_E_LIMIT;
        }
        return COAX_E_LIMIT;
    }
    struct credential_change *changes = calloc(count + 1, sizeof *changes);
    if (changes == NULL) {
        return coax_fail_memory(loader->error);
    }
    enum coax_status status = read_entries(loader, root, changes);
    if (status == COAX_OK) {
        status = coax_credentials_apply(credentials, changes, count, loader->error);
    }
    free_changes(changes, count);
    return status;
}

enum coax_status coax_credentials_parse(coax_credentials *credentials, const char *json, size_t size, const char *name,
                                        const struct file_reader *reader, coax_error *error) {
    coax_error ignored = {.text = ""};
    struct json_loader loader = {.text = json,
                                 .size = size,
                                 .name = name == NULL ? "credentials" : name,
                                 .reader = reader,
                                 .error = error == NULL ? &ignored : error};
    json_t *root = coax_json_parse(&loader);
    if (root == NULL) {
        return loader.error->status;
    }
    enum coax_status status = read_root(&loader, root, credentials);
    coax_json_wipe_free(root);
    return status;
}

enum coax_status coax_credentials_load(coax_credentials *credentials, const char *json, size_t size, const char *name,
                                       coax_error *error) {
    return coax_credentials_parse(credentials, json, size, name, NULL, error);
}
