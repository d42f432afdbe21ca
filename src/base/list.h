/* An intrusive doubly linked list with a head node. */
#ifndef COAX_BASE_LIST_H
#define COAX_BASE_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct list_node {
    struct list_node *previous, *next; /* a node that is in no list points at itself, or is all zero */
};

/* The structure that holds `member`. */
#define COAX_CONTAINER(pointer, type, member) ((type *)(void *)((char *)(pointer)-offsetof(type, member)))

static inline void list_init(struct list_node *head) {
    head->previous = head->next = head;
}

static inline bool list_is_empty(const struct list_node *head) {
    return head->next == head || head->next == NULL;
}

static inline bool list_contains_node(const struct list_node *node) {
    return node->next != NULL && node->next != node;
}

static inline void list_append(struct list_node *head, struct list_node *node) {
    node->previous = head->previous;
    node->next = head;
    head->previous->next = node;
    head->previous = node;
}

/* All nodes of a list to the end of another. */
static inline void list_splice(struct list_node *head, struct list_node *from) {
    if (!list_is_empty(from)) {
        from->next->previous = head->previous;
        from->previous->next = head;
        head->previous->next = from->next;
        head->previous = from->previous;
        list_init(from);
    }
}

/* Legal on a node that is in no list. */
static inline void list_remove(struct list_node *node) {
    if (node->next != NULL) {
        node->previous->next = node->next;
        node->next->previous = node->previous;
        node->previous = node->next = node;
    }
}

static inline struct list_node *list_first(const struct list_node *head) {
    return list_is_empty(head) ? NULL : head->next;
}

#endif
