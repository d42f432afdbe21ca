/* Inside the site: one node for each segment of a path, all nodes in one hash table. */
#ifndef COAX_SERVER_TREE_H
#define COAX_SERVER_TREE_H

#include "base/hash_table.h"
#include "base/list.h"
#include "request/observers.h"
#include "server/site.h"

enum {
    SITE_DEPTH_MAXIMUM = 32, /* segments of a resource's path */
    SITE_FORMATS_MAXIMUM = 32,
    SITE_METHODS = COAX_IPATCH + 1, /* handlers are found by the method's code */
};

struct coax_resource {
    struct list_node of_site;
    struct node *node;
    coax_handler *handlers[SITE_METHODS];
    coax_sink_opener *open_sink;
    struct observed observed;
    void *user;
    const char *target; /* "/a/b", percent-encoded: its link */
    const char *title, *resource_type, *interface;
    const char *ct; /* "40" or "110 112"; NULL without formats */
    const int *formats, *accepted_formats;
    size_t format_count, accepted_format_count;
    const char *const *allow;
    bool observable, hidden, subtree;
    /* the texts and lists follow in the same block */
};

/* A place in the tree, with a resource or on the way to one. */
struct node {
    struct hash_node by_segment; /* found by `parent` and `segment`; the root is in no table */
    struct node *parent;
    struct node *wildcard; /* the child "*", NULL if none */
    uint64_t number;       /* stands for the node in its children's hash key */
    size_t child_count;    /* with the wildcard */
    coax_resource *resource;
    coax_resource *builtin; /* answers as long as the program has no resource here */
    bool is_wildcard;
    uint8_t segment_size;
    uint8_t segment[];
};

struct coax_site {
    struct hash_table nodes;
    struct node *root;
    uint64_t next_number;
    struct list_node resources; /* in the order in which they were added */
    coax_resource *core;        /* /.well-known/core */
};

/* The child for a decoded segment, without regard to wildcards; NULL if none. */
struct node *coax_site_child(const coax_site *site, const struct node *parent, struct bytes segment);

/* What answers at a node, NULL if nothing does. */
static inline coax_resource *node_resource(const struct node *node) {
    return node->resource != NULL ? node->resource : node->builtin;
}

#endif
