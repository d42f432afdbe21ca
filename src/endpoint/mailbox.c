/* After D. Vyukov's bounded queue: each slot has a number that says whose turn it is. With n slots, slot i is free for
   the letters i, i + n, i + 2n and so on while its number is the letter's, and holds it when the number is one more. */
#include "endpoint/mailbox.h"

#include <stdalign.h>
#include <stdlib.h>
#include <string.h>

struct slot {
    atomic_size_t turn;
    size_t size;
    alignas(max_align_t) unsigned char letter[];
};

static struct slot *slot_of(const struct mailbox *mailbox, size_t number) {
    return (struct slot *)(void *)(mailbox->slots + (number & (mailbox->count - 1)) * mailbox->slot_size);
}

enum coax_status coax_mailbox_init(struct mailbox *mailbox, size_t count, size_t capacity) {
    size_t alignment = alignof(struct slot);
    *mailbox = (struct mailbox){.count = count, .capacity = capacity};
    mailbox->slot_size = (sizeof(struct slot) + capacity + alignment - 1) / alignment * alignment;
    mailbox->slots = calloc(count, mailbox->slot_size);
    if (mailbox->slots == NULL) {
        return COAX_E_NO_MEMORY;
    }
    for (size_t i = 0; i < count; i++) {
        atomic_init(&slot_of(mailbox, i)->turn, i);
    }
    return COAX_OK;
}

void coax_mailbox_free(struct mailbox *mailbox) {
    free(mailbox->slots);
    mailbox->slots = NULL;
}

/* The number of a letter whose slot is free, and now the caller's. */
static bool claim(struct mailbox *mailbox, size_t *number) {
    *number = atomic_load_explicit(&mailbox->put, memory_order_relaxed);
    for (;;) {
        size_t turn = atomic_load_explicit(&slot_of(mailbox, *number)->turn, memory_order_acquire);
        if (turn == *number) {
            if (atomic_compare_exchange_weak_explicit(&mailbox->put, number, *number + 1, memory_order_relaxed,
                                                      memory_order_relaxed)) {
                return true;
            }
        } else if (turn - *number > SIZE_MAX / 2) {
            return false; /* it still holds the letter of one round before */
        } else {
            *number = atomic_load_explicit(&mailbox->put, memory_order_relaxed); /* another thread was faster */
        }
    }
}

bool coax_mailbox_put(struct mailbox *mailbox, struct bytes head, struct bytes tail) {
    size_t number;
    if (head.size > mailbox->capacity || tail.size > mailbox->capacity - head.size || !claim(mailbox, &number)) {
        return false;
    }
    struct slot *slot = slot_of(mailbox, number);
    slot->size = head.size + tail.size;
    memcpy(slot->letter, head.data, head.size);
    if (tail.size > 0) {
        memcpy(slot->letter + head.size, tail.data, tail.size);
    }
    atomic_store_explicit(&slot->turn, number + 1, memory_order_release);
    return true;
}

bool coax_mailbox_take(struct mailbox *mailbox, struct bytes *letter) {
    const struct slot *slot = slot_of(mailbox, mailbox->taken);
    if (atomic_load_explicit(&slot->turn, memory_order_acquire) != mailbox->taken + 1) {
        return false;
    }
    *letter = bytes_of(slot->letter, slot->size);
    return true;
}

void coax_mailbox_done(struct mailbox *mailbox) {
    size_t number = mailbox->taken++;
    atomic_store_explicit(&slot_of(mailbox, number)->turn, number + mailbox->count, memory_order_release);
}
