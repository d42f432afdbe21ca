#include "server/site.h"

#include "base/error.h"
#include "message/uri_text.h"
#include "server/core.h"
#include "server/resource.h"
#include "server/tree.h"
#include <stdlib.h>
#include <string.h>

/* Paths are put into the tree by the program, not by peers, and a peer that asks for what is not there cannot make a
   chain longer: the key need not be secret. */
static const uint8_t hash_key[16] = "a tree of paths";

/* What identifies a child. */
struct child_key {
    const struct node *parent;
    struct bytes segment;
};

static bool is_child(const struct hash_node *hash_node, const void *key) {
    const struct node *node = COAX_CONTAINER(hash_node, struct node, by_segment);
    const struct child_key *wanted = key;
    return node->parent == wanted->parent && !node->is_wildcard
           && bytes_equal(bytes_of(node->segment, node->segment_size), wanted->segment);
}

static uint64_t hash_of(const coax_site *site, const struct node *parent, struct bytes segment) {
    uint8_t key[sizeof parent->number + URI_VALUE_MAXIMUM];
    memcpy(key, &parent->number, sizeof parent->number);
    memcpy(key + sizeof parent->number, segment.data, segment.size);
    return coax_hash_table_hash(&site->nodes, key, sizeof parent->number + segment.size);
}

struct node *coax_site_child(const coax_site *site, const struct node *parent, struct bytes segment) {
    if (segment.size > URI_VALUE_MAXIMUM) {
        return NULL;
    }
    struct bytes bytes = segment.size > 0 ? segment : bytes_of("", 0);
    struct child_key key = {parent, bytes};
    struct hash_node *found = coax_hash_table_find(&site->nodes, hash_of(site, parent, bytes), &key);
    return found != NULL ? COAX_CONTAINER(found, struct node, by_segment) : NULL;
}

static struct node *new_node(coax_site *site, struct node *parent, struct bytes segment) {
    struct node *node = calloc(1, sizeof *node + segment.size);
    if (node != NULL) {
        node->parent = parent;
        node->number = site->next_number++;
        node->segment_size = (uint8_t)segment.size;
        memcpy(node->segment, segment.data, segment.size);
    }
    return node;
}

/* A segment of a path that is added. */
struct step {
    struct uri_value segment;
    bool is_wildcard;
};

static struct node *add_child(coax_site *site, struct node *parent, const struct step *step) {
    struct bytes segment = bytes_of(step->segment.bytes, step->segment.size);
    struct node *node = new_node(site, parent, segment);
    if (node == NULL) {
        return NULL;
    }
    if (coax_hash_table_insert(&site->nodes, &node->by_segment, hash_of(site, parent, segment)) != COAX_OK) {
        free(node);
        return NULL;
    }
    if (step->is_wildcard) {
        node->is_wildcard = true;
        parent->wildcard = node;
    }
    parent->child_count++;
    return node;
}

static struct node *child_for(coax_site *site, struct node *parent, const struct step *step) {
    struct node *child = step->is_wildcard
                             ? parent->wildcard
                             : coax_site_child(site, parent, bytes_of(step->segment.bytes, step->segment.size));
    return child != NULL ? child : add_child(site, parent, step);
}

/* Frees a node that leads to nothing, and those above it that then do. */
static void prune(coax_site *site, struct node *node) {
    while (node->parent != NULL && node->child_count == 0 && node_resource(node) == NULL) {
        struct node *parent = node->parent;
        if (node->is_wildcard) {
            parent->wildcard = NULL;
        }
        coax_hash_table_remove(&site->nodes, &node->by_segment);
        parent->child_count--;
        free(node);
        node = parent;
    }
}

/* The next step of a path; false at its end, and when the path is malformed: then *fault says why. */
static bool next_step(struct bytes path, size_t *position, struct step *step, const char **fault) {
    struct bytes part;
    *fault = NULL;
    if (!coax_uri_next_part(path, '/', position, &part)) {
        return false;
    }
    static const char *const faults[] = {
        [URI_FAULT_PERCENT] = "has a '%' without two hexadecimal digits",
        [URI_FAULT_SIZE] = "has a segment of over 255 bytes",
        [URI_FAULT_UTF8] = "is not UTF-8",
    };
    *fault = faults[coax_uri_decode(part, &step->segment)];
    for (size_t i = 0; *fault == NULL && i < part.size; i++) {
        if (part.data[i] != '%' && !coax_uri_allows(URI_PART_SEGMENT, part.data[i])) {
            *fault = "has a character that must be percent-encoded";
        }
    }
    bool is_dots =
        step->segment.size > 0 && step->segment.size <= 2 && memcmp(step->segment.bytes, "..", step->segment.size) == 0;
    if (*fault == NULL && is_dots) {
        *fault = "has a segment \".\" or \"..\"";
    }
    step->is_wildcard = part.size == 1 && part.data[0] == '*';
    return *fault == NULL;
}

/* Finds or makes the node of a path; NULL on an error, and nothing is left over then. */
static struct node *node_for(coax_site *site, const char *path, coax_error *error) {
    struct bytes text = bytes_of(path, strlen(path));
    struct node *node = site->root;
    struct step step;
    size_t position = text.size == 0 ? 1 : 0; /* "" has no segment */
    size_t depth = 0;
    const char *fault = path[0] == '/' ? "begins with '/'" : NULL;
    while (fault == NULL && next_step(text, &position, &step, &fault)) {
        if (++depth > SITE_DEPTH_MAXIMUM) {
            fault = "has over 32 segments";
            break;
        }
        struct node *child = child_for(site, node, &step);
        if (child == NULL) {
            prune(site, node);
            coax_fail_memory(error);
            return NULL;
        }
        node = child;
    }
    if (fault != NULL) {
        prune(site, node);
        coax_fail(error, COAX_E_URI, "The path \"%.200s\" of a resource %s", path, fault);
        return NULL;
    }
    return node;
}

enum { TARGET_MAXIMUM = SITE_DEPTH_MAXIMUM * (3 * URI_VALUE_MAXIMUM + 1) + 2 };

/* "/a/b" of a node, percent-encoded; from the end to the start, as the nodes are linked. */
static char *write_target(const struct node *node, char out[TARGET_MAXIMUM]) {
    const struct node *chain[SITE_DEPTH_MAXIMUM];
    size_t depth = 0;
    for (; node->parent != NULL; node = node->parent) {
        chain[depth++] = node;
    }
    struct uri_writer writer = {out, TARGET_MAXIMUM, 0};
    coax_uri_put(&writer, depth == 0 ? "/" : "");
    while (depth > 0) {
        const struct node *next = chain[--depth];
        coax_uri_put(&writer, "/");
        coax_uri_put_encoded(&writer, URI_PART_SEGMENT, bytes_of(next->segment, next->segment_size));
    }
    (void)coax_uri_finish(&writer);
    return out;
}

/* A resource with a node, which does not know of it yet. */
static coax_resource *make(coax_site *site, const char *path, const coax_resource_config *config, coax_error *error) {
    struct node *node = node_for(site, path, error);
    if (node == NULL) {
        return NULL;
    }
    if (node->resource != NULL) {
        coax_fail(error, COAX_E_EXISTS, "There is a resource at \"/%.200s\" already", path);
        return NULL;
    }
    char target[TARGET_MAXIMUM];
    coax_resource *resource = NULL;
    if (coax_resource_new(&resource, write_target(node, target), config, error) != COAX_OK) {
        prune(site, node);
        return NULL;
    }
    resource->node = node;
    return resource;
}

coax_resource *coax_site_add(coax_site *site, const char *path, const coax_resource_config *config, coax_error *error) {
    coax_resource *resource = make(site, path, config, error);
    if (resource != NULL) {
        resource->node->resource = resource;
        list_append(&site->resources, &resource->of_site);
    }
    return resource;
}

void coax_site_remove(coax_site *site, coax_resource *resource) {
    struct node *node = resource->node;
    coax_observed_end(&resource->observed);
    list_remove(&resource->of_site);
    node->resource = NULL;
    free(resource);
    prune(site, node);
}

void coax_resource_changed(coax_resource *resource) {
    coax_observed_changed(&resource->observed, NULL);
}

void coax_resource_changed_below(coax_resource *resource, const char *rest) {
    coax_observed_changed(&resource->observed, rest);
}

enum coax_status coax_resource_publish(coax_resource *resource, int format, const void *payload, size_t size) {
    return coax_observed_publish(&resource->observed, format, bytes_of(payload, size));
}

size_t coax_resource_observer_count(const coax_resource *resource) {
    return resource->observed.observer_count;
}

/* The library's own resource, which a program can put one of its own over. */
static bool add_core(coax_site *site) {
    coax_resource_config config;
    coax_core_config(&config);
    site->core = make(site, COAX_CORE_PATH, &config, NULL);
    if (site->core != NULL) {
        site->core->node->builtin = site->core;
    }
    return site->core != NULL;
}

coax_site *coax_site_new(void) {
    coax_site *site = calloc(1, sizeof *site);
    if (site == NULL) {
        return NULL;
    }
    coax_hash_table_init(&site->nodes, hash_key, is_child);
    list_init(&site->resources);
    site->root = new_node(site, NULL, bytes_of("", 0));
    if (site->root == NULL || !add_core(site)) {
        coax_site_free(site);
        return NULL;
    }
    return site;
}

static void free_node(struct hash_node *hash_node, void *user) {
    (void)user;
    free(COAX_CONTAINER(hash_node, struct node, by_segment));
}

void coax_site_free(coax_site *site) {
    if (site == NULL) {
        return;
    }
    struct list_node *next;
    for (struct list_node *at = site->resources.next; at != &site->resources; at = next) {
        next = at->next;
        free(COAX_CONTAINER(at, coax_resource, of_site));
    }
    coax_hash_table_each(&site->nodes, free_node, NULL);
    coax_hash_table_free(&site->nodes);
    free(site->core);
    free(site->root);
    free(site);
}
