/* What other threads leave for an endpoint's own: a bounded queue without locks. Any thread puts, the owner takes. */
#ifndef COAX_ENDPOINT_MAILBOX_H
#define COAX_ENDPOINT_MAILBOX_H

#include "base/bytes.h"
#include <coax/status.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

struct mailbox {
    unsigned char *slots;
    size_t count, slot_size, capacity;
    atomic_size_t put; /* how many letters there have been */
    size_t taken;      /* how many of them the owner is done with */
};

/* For `count` letters, a power of two, of up to `capacity` bytes each. COAX_E_NO_MEMORY. */
enum coax_status coax_mailbox_init(struct mailbox *mailbox, size_t count, size_t capacity);
void coax_mailbox_free(struct mailbox *mailbox);

/* Copies a letter, which is two parts in a row. False if the mailbox is full, or the letter too large. Any thread's. */
bool coax_mailbox_put(struct mailbox *mailbox, struct bytes head, struct bytes tail);

/* The oldest letter, aligned for any type and valid until coax_mailbox_done(), which is due then. False: there is none.
   The owner's. */
bool coax_mailbox_take(struct mailbox *mailbox, struct bytes *letter);
void coax_mailbox_done(struct mailbox *mailbox);

#endif
