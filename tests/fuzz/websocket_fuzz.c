/* A WebSocket under any bytes: cut anywhere, and with an owner that pauses or has no room, the same happens as when
   they come at once; memory keeps to what was received; messages keep to their maximum. */
#include "transport/stream/websocket.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MESSAGE_MAXIMUM = 3000 };

/* What happened, as a sum. */
struct owner {
    uint64_t sum;
    unsigned refusals; /* so many times there is no room between two frames */
    unsigned refused;
    bool pauses, ended;
};

static void require(bool condition) {
    if (!condition) {
        abort();
    }
}

static void add(struct owner *owner, unsigned kind, const uint8_t *data, size_t size) {
    owner->sum = owner->sum * 1000003U + kind;
    for (size_t i = 0; i < size; i++) {
        owner->sum = owner->sum * 1000003U + data[i];
    }
}

static bool on_message(void *user, const uint8_t *data, size_t size) {
    struct owner *owner = user;
    require(!owner->ended && size <= MESSAGE_MAXIMUM);
    add(owner, 1, data, size);
    return !owner->pauses;
}

static bool on_transmit(void *user, const uint8_t *frame, size_t size) {
    struct owner *owner = user;
    require(!owner->ended && size >= 2 && size <= 2 + WEBSOCKET_MASK_SIZE + WEBSOCKET_CONTROL_MAXIMUM);
    if (owner->refused < owner->refusals) {
        owner->refused++;
        return false;
    }
    owner->refused = 0;
    add(owner, 2, frame, size);
    return true;
}

static void on_end(void *user, const struct websocket_end *end) {
    struct owner *owner = user;
    require(!owner->ended && end->reason.size < WEBSOCKET_CONTROL_MAXIMUM);
    owner->ended = true;
    add(owner, 3U + end->code, end->reason.data, end->reason.size);
}

/* The same mask always: what is sent must not depend on how often it was tried. */
static void on_random(void *user, void *out, size_t size) {
    (void)user;
    memset(out, 0x35, size);
}

static const struct websocket_setup setups[] = {
    {.message_maximum = MESSAGE_MAXIMUM, .message = on_message, .transmit = on_transmit, .ended = on_end},
    {.is_client = true,
     .message_maximum = MESSAGE_MAXIMUM,
     .message = on_message,
     .transmit = on_transmit,
     .ended = on_end,
     .random = on_random},
};

static void run(struct owner *owner, const struct websocket_setup *setup, const uint8_t *data, size_t size,
                size_t piece) {
    struct websocket websocket;
    coax_websocket_start(&websocket, setup, owner);
    for (size_t start = 0, idle = 0; start < size && !owner->ended;) {
        size_t offered = size - start < piece ? size - start : piece;
        size_t taken = coax_websocket_receive(&websocket, data + start, offered);
        require(taken <= offered);
        idle = taken > 0 ? 0 : idle + 1;
        require(idle <= owner->refusals + 2U || owner->ended);
        start += taken;
    }
    for (unsigned i = 0; i <= owner->refusals; i++) {
        (void)coax_websocket_flush(&websocket);
    }
    require(!owner->ended || !coax_websocket_is_open(&websocket));
    coax_websocket_free(&websocket);
}

/* The first byte chooses the role, the size of the pieces, and how patient the owner must be. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size == 0) {
        return 0;
    }
    unsigned choice = data[0];
    struct owner whole = {.sum = 1}, cut = {.sum = 1, .refusals = choice >> 6, .pauses = (choice & 2) != 0};
    run(&whole, &setups[choice & 1], data + 1, size - 1, SIZE_MAX / 2);
    run(&cut, &setups[choice & 1], data + 1, size - 1, 1U + (choice >> 2 & 15U));
    require(whole.sum == cut.sum && whole.ended == cut.ended);
    return 0;
}
