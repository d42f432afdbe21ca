/* /.well-known/core (RFC 6690 section 4). */
#include "server/core.h"
#include "server/tree.h"
#include <coax/link_format.h>
#include <string.h>

void coax_core_handler(coax_exchange *exchange, const coax_message *request, void *user) {
    (void)exchange;
    (void)request;
    (void)user;
}

void coax_core_config(coax_resource_config *config) {
    static const int format = COAX_FORMAT_LINK;
    *config = (coax_resource_config)COAX_RESOURCE_CONFIG_INIT;
    config->get = coax_core_handler;
    config->formats = &format;
    config->format_count = 1;
    config->hidden = true;
}

/* What a link says about a resource, and how filters look at it. */
struct attribute {
    const char *name;
    const char *value; /* NULL: a flag */
    bool present;
    bool quoted;
    bool is_words; /* a filter is for one of the words (section 4.1) */
};

enum { ATTRIBUTES = 5 };

static void attributes_of(const coax_resource *resource, struct attribute out[ATTRIBUTES]) {
    const struct attribute all[ATTRIBUTES] = {
        {"rt", resource->resource_type, resource->resource_type != NULL, true, true},
        {"if", resource->interface, resource->interface != NULL, true, true},
        /* one number may stand without quotation marks (RFC 7252 section 7.2.1) */
        {"ct", resource->ct, resource->ct != NULL, resource->format_count > 1, true},
        {"title", resource->title, resource->title != NULL, true, false},
        {"obs", NULL, resource->observable, false, false},
    };
    memcpy(out, all, sizeof all);
}

/* "name=value", "name=value*". */
struct filter {
    struct bytes name;
    struct bytes value;
    bool has_value; /* without, the attribute has to be there */
    bool is_prefix;
};

static struct filter filter_of(struct bytes query) {
    const uint8_t *equals = query.size > 0 ? memchr(query.data, '=', query.size) : NULL;
    if (equals == NULL) {
        return (struct filter){.name = query};
    }
    size_t name_size = (size_t)(equals - query.data);
    struct filter filter = {bytes_of(query.data, name_size), bytes_of(equals + 1, query.size - name_size - 1), true,
                            false};
    if (filter.value.size > 0 && filter.value.data[filter.value.size - 1] == '*') {
        filter.is_prefix = true;
        filter.value.size--;
    }
    return filter;
}

static bool matches_text(const struct filter *filter, struct bytes text) {
    if (!filter->has_value) {
        return true;
    }
    if (filter->is_prefix && text.size > filter->value.size) {
        text.size = filter->value.size;
    }
    return bytes_equal(text, filter->value);
}

static bool matches_word(const struct filter *filter, const char *words) {
    while (*words != '\0') {
        size_t size = strcspn(words, " ");
        if (size > 0 && matches_text(filter, bytes_of(words, size))) {
            return true;
        }
        words += size + strspn(words + size, " ");
    }
    return false;
}

static bool is_named(const struct filter *filter, const char *name) {
    return bytes_equal(filter->name, bytes_of(name, strlen(name)));
}

static bool matches(const struct filter *filter, const coax_resource *resource) {
    if (is_named(filter, "href")) {
        return matches_text(filter, bytes_of(resource->target, strlen(resource->target)));
    }
    struct attribute attributes[ATTRIBUTES];
    attributes_of(resource, attributes);
    for (size_t i = 0; i < ATTRIBUTES; i++) {
        const struct attribute *attribute = &attributes[i];
        const char *value = attribute->value != NULL ? attribute->value : "";
        if (attribute->present && is_named(filter, attribute->name)) {
            return attribute->is_words ? matches_word(filter, value)
                                       : matches_text(filter, bytes_of(value, strlen(value)));
        }
    }
    return false;
}

static bool matches_all(const struct coax_message *request, const coax_resource *resource) {
    coax_option option;
    size_t position = 0;
    while (coax_message_next_option(request, &position, &option)) {
        if (option.number != COAX_OPTION_URI_QUERY) {
            continue;
        }
        struct filter filter = filter_of(bytes_of(option.value, option.size));
        if (!matches(&filter, resource)) {
            return false;
        }
    }
    return true;
}

/* A path with a wildcard is many resources, of which no one is known to be there. */
static bool is_listed(const coax_resource *resource) {
    bool listed = !resource->hidden;
    for (const struct node *node = resource->node; node != NULL; node = node->parent) {
        listed = listed && !node->is_wildcard;
    }
    return listed;
}

static void write_link(coax_link_writer *writer, const coax_resource *resource) {
    struct attribute attributes[ATTRIBUTES];
    attributes_of(resource, attributes);
    coax_link_write_target(writer, resource->target);
    for (size_t i = 0; i < ATTRIBUTES; i++) {
        if (attributes[i].present) {
            coax_link_write_attribute(writer, attributes[i].name, attributes[i].value, attributes[i].quoted);
        }
    }
}

enum coax_status coax_site_write_core(const coax_site *site, const struct coax_message *request, char *out,
                                      size_t capacity, size_t *size) {
    coax_link_writer writer = {out, capacity, 0};
    for (const struct list_node *at = site->resources.next; at != &site->resources; at = at->next) {
        const coax_resource *resource = COAX_CONTAINER(at, coax_resource, of_site);
        if (is_listed(resource) && matches_all(request, resource)) {
            write_link(&writer, resource);
        }
    }
    *size = writer.size;
    return writer.size <= capacity ? COAX_OK : COAX_E_TOO_LARGE;
}
