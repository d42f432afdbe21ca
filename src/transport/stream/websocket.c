#include "transport/stream/websocket.h"
#include "base/utf8.h"
#include "base/wipe.h"

#include <stdlib.h>
#include <string.h>

enum {
    FIRST_CAPACITY = 64,
    SCRATCH_SIZE = 2048,
    CONTROL_FRAME_MAXIMUM = WEBSOCKET_HEADER_MAXIMUM + WEBSOCKET_CONTROL_MAXIMUM
};

/* What has come of a payload, unmasked. */
struct websocket_part {
    size_t size, capacity;
    uint8_t bytes[];
};

enum phase {
    OPEN,
    PONG_WAITS,      /* for room; the connection is open */
    CLOSE_WAITS,     /* our goodbye, for room */
    CLOSING,         /* our goodbye went, the peer's has not come */
    PONG_IN_CLOSING, /* for room */
    ENDING,          /* the last frame waits for room */
    ENDED,
};

enum fault {
    NO_FAULT,
    PEER_CLOSED,
    RESERVED_BITS,
    RESERVED_OPCODE,
    MISSING_MASK,
    UNEXPECTED_MASK,
    CONTROL_FRAGMENTED,
    CONTROL_TOO_LONG,
    NOTHING_TO_CONTINUE,
    MESSAGE_INTERRUPTED,
    TEXT,
    BAD_LENGTH,
    TOO_LARGE,
    BAD_CLOSE,
    BAD_CLOSE_CODE,
    BAD_REASON,
    OUT_OF_MEMORY,
};

static const struct verdict {
    enum coax_status status;
    enum websocket_code code;
    const char *reason;
} verdicts[] = {
    [PEER_CLOSED] = {COAX_E_CLOSE_NOTIFY, WEBSOCKET_NORMAL, ""},
    [RESERVED_BITS] = {COAX_E_FORMAT, WEBSOCKET_PROTOCOL_ERROR, "reserved bits are set, no extension was agreed on"},
    [RESERVED_OPCODE] = {COAX_E_FORMAT, WEBSOCKET_PROTOCOL_ERROR, "reserved opcode"},
    [MISSING_MASK] = {COAX_E_FORMAT, WEBSOCKET_PROTOCOL_ERROR, "frames of a client must be masked"},
    [UNEXPECTED_MASK] = {COAX_E_FORMAT, WEBSOCKET_PROTOCOL_ERROR, "frames of a server must not be masked"},
    [CONTROL_FRAGMENTED] = {COAX_E_FORMAT, WEBSOCKET_PROTOCOL_ERROR, "fragmented control frame"},
    [CONTROL_TOO_LONG] = {COAX_E_FORMAT, WEBSOCKET_PROTOCOL_ERROR, "control frame over 125 bytes"},
    [NOTHING_TO_CONTINUE] = {COAX_E_FORMAT, WEBSOCKET_PROTOCOL_ERROR, "continuation of nothing"},
    [MESSAGE_INTERRUPTED] = {COAX_E_FORMAT, WEBSOCKET_PROTOCOL_ERROR, "a message starts within another"},
    [TEXT] = {COAX_E_FORMAT, WEBSOCKET_NOT_BINARY, "CoAP messages are binary, not text"},
    [BAD_LENGTH] = {COAX_E_FORMAT, WEBSOCKET_PROTOCOL_ERROR, "length not in its shortest form, or over 63 bits"},
    [TOO_LARGE] = {COAX_E_TOO_LARGE, WEBSOCKET_TOO_LARGE, "message over the maximum size"},
    [BAD_CLOSE] = {COAX_E_FORMAT, WEBSOCKET_PROTOCOL_ERROR, "close with half a code"},
    [BAD_CLOSE_CODE] = {COAX_E_FORMAT, WEBSOCKET_PROTOCOL_ERROR, "close with a code that must not be sent"},
    [BAD_REASON] = {COAX_E_FORMAT, WEBSOCKET_BAD_DATA, "close with a reason that is not UTF-8"},
    [OUT_OF_MEMORY] = {COAX_E_NO_MEMORY, WEBSOCKET_INTERNAL, "out of memory"},
};

void coax_websocket_start(struct websocket *websocket, const struct websocket_setup *setup, void *user) {
    *websocket = (struct websocket){.setup = setup, .user = user};
}

/* --- parts --- */

static void free_part(struct websocket_part *part) {
    if (part != NULL) {
        coax_wipe_free(part, sizeof *part + part->size);
    }
}

void coax_websocket_free(struct websocket *websocket) {
    free_part(websocket->message);
    free_part(websocket->control);
    websocket->message = websocket->control = NULL;
}

/* Doubled while bytes come, so that what is held follows what was received, not what was announced. */
static struct websocket_part *grow(struct websocket_part *part, size_t added, size_t maximum) {
    size_t size = part == NULL ? 0 : part->size;
    size_t capacity = part == NULL ? FIRST_CAPACITY : part->capacity;
    if (part != NULL && part->capacity - size >= added) {
        return part;
    }
    while (capacity < size + added) {
        capacity *= 2;
    }
    capacity = capacity > maximum ? maximum : capacity;
    struct websocket_part *larger = malloc(sizeof *larger + capacity);
    if (larger == NULL) {
        return NULL;
    }
    larger->size = size;
    larger->capacity = capacity;
    if (size > 0) {
        memcpy(larger->bytes, part->bytes, size);
    }
    free_part(part);
    return larger;
}

static bool is_masked(const struct websocket *websocket) {
    return (websocket->header[1] & WEBSOCKET_MASKED_BIT) != 0;
}

/* Copies payload out of the stream; the mask in the header goes along. */
static void take_payload(struct websocket *websocket, uint8_t *out, struct bytes payload) {
    if (is_masked(websocket)) {
        uint8_t *mask = websocket->header + websocket->header_size - WEBSOCKET_MASK_SIZE;
        coax_websocket_mask(out, payload.data, payload.size, mask);
    } else if (payload.size > 0) {
        memcpy(out, payload.data, payload.size);
    }
    websocket->left -= (uint32_t)payload.size;
}

/* `maximum`: how large the part can become. */
static bool keep(struct websocket *websocket, struct websocket_part **part, struct bytes payload, size_t maximum) {
    struct websocket_part *grown = grow(*part, payload.size, maximum);
    if (grown == NULL) {
        return false;
    }
    *part = grown;
    take_payload(websocket, grown->bytes + grown->size, payload);
    grown->size += payload.size;
    return true;
}

/* --- what we send --- */

static bool transmit(struct websocket *websocket, enum websocket_opcode opcode, struct bytes payload) {
    uint8_t frame[CONTROL_FRAME_MAXIMUM], mask[WEBSOCKET_MASK_SIZE];
    const struct websocket_setup *setup = websocket->setup;
    if (setup->is_client) {
        setup->random(websocket->user, mask, sizeof mask);
    }
    size_t size = coax_websocket_header_write(frame, opcode, payload.size, setup->is_client ? mask : NULL);
    if (payload.size > 0) {
        memcpy(frame + size, payload.data, payload.size);
    }
    if (setup->is_client) {
        coax_websocket_mask(frame + size, frame + size, payload.size, mask);
    }
    return setup->transmit(websocket->user, frame, size + payload.size);
}

static struct bytes reason_of(unsigned fault) {
    const char *reason = verdicts[fault].reason;
    return bytes_of(reason, strlen(reason));
}

static bool transmit_close(struct websocket *websocket) {
    uint8_t payload[WEBSOCKET_CONTROL_MAXIMUM];
    if (websocket->close == WEBSOCKET_NO_CODE) {
        return transmit(websocket, WEBSOCKET_CLOSE, (struct bytes){0});
    }
    struct bytes reason = websocket->fault == NO_FAULT ? bytes_of(NULL, 0) : reason_of(websocket->fault);
    payload[0] = (uint8_t)(websocket->close >> 8);
    payload[1] = (uint8_t)websocket->close;
    if (reason.size > 0) {
        memcpy(payload + 2, reason.data, reason.size);
    }
    return transmit(websocket, WEBSOCKET_CLOSE, bytes_of(payload, reason.size + 2));
}

/* The kept payload of a control frame, or nothing. */
static struct bytes control_payload(const struct websocket *websocket) {
    const struct websocket_part *part = websocket->control;
    return part == NULL ? bytes_of(NULL, 0) : bytes_of(part->bytes, part->size);
}

/* Tells the owner; the websocket may be gone afterwards. */
static void tell_end(struct websocket *websocket) {
    const struct verdict *verdict = &verdicts[websocket->fault];
    struct websocket_end end = {.status = verdict->status, .code = (uint16_t)verdict->code};
    end.reason = reason_of(websocket->fault);
    uint8_t words[WEBSOCKET_CONTROL_MAXIMUM];
    struct bytes payload = control_payload(websocket);
    if (websocket->fault == PEER_CLOSED) {
        end.code = websocket->close;
        if (payload.size > 2) {
            memcpy(words, payload.data + 2, payload.size - 2);
            end.reason = bytes_of(words, payload.size - 2);
        }
    }
    coax_websocket_free(websocket);
    websocket->phase = ENDED;
    websocket->setup->ended(websocket->user, &end);
}

/* The step that waits for room, made when there is some; false if there is none, or the connection ended by it. */
static bool flush_pong(struct websocket *websocket) {
    if (!transmit(websocket, WEBSOCKET_PONG, control_payload(websocket))) {
        return false;
    }
    free_part(websocket->control);
    websocket->control = NULL;
    websocket->phase = websocket->phase == PONG_WAITS ? OPEN : CLOSING;
    return true;
}

static bool flush_close(struct websocket *websocket) {
    if (!transmit_close(websocket)) {
        return false;
    }
    websocket->phase = CLOSING;
    return true;
}

static bool flush_end(struct websocket *websocket) {
    if (transmit_close(websocket)) {
        tell_end(websocket);
    }
    return false;
}

bool coax_websocket_flush(struct websocket *websocket) {
    static bool (*const flushes[])(struct websocket *) = {
        [PONG_WAITS] = flush_pong,
        [CLOSE_WAITS] = flush_close,
        [PONG_IN_CLOSING] = flush_pong,
        [ENDING] = flush_end,
        [ENDED] = NULL,
    };
    if (websocket->phase == ENDED) {
        return false;
    }
    return flushes[websocket->phase] == NULL || flushes[websocket->phase](websocket);
}

/* Ends the connection; a close frame goes out first unless ours has gone already. False, as all that may end it. */
static bool end(struct websocket *websocket, enum fault fault, uint16_t code) {
    bool was_closing = websocket->phase == CLOSING;
    websocket->fault = (uint8_t)fault;
    websocket->close = code;
    if (was_closing) {
        tell_end(websocket);
        return false;
    }
    websocket->phase = ENDING;
    return flush_end(websocket);
}

static bool fail(struct websocket *websocket, enum fault fault) {
    return end(websocket, fault, (uint16_t)verdicts[fault].code);
}

void coax_websocket_close(struct websocket *websocket, enum websocket_code code) {
    if (websocket->phase == PONG_WAITS) { /* the pong is not owed any more */
        free_part(websocket->control);
        websocket->control = NULL;
        websocket->phase = OPEN;
    }
    if (websocket->phase == OPEN) {
        websocket->close = (uint16_t)code;
        websocket->phase = CLOSE_WAITS;
        flush_close(websocket);
    }
}

bool coax_websocket_is_open(const struct websocket *websocket) {
    return websocket->phase == OPEN || websocket->phase == PONG_WAITS;
}

/* --- headers --- */

static enum fault wrong_with_control(unsigned first, unsigned length) {
    unsigned opcode = first & WEBSOCKET_OPCODE_BITS;
    if (opcode > WEBSOCKET_PONG) {
        return RESERVED_OPCODE;
    }
    if ((first & WEBSOCKET_FINAL_BIT) == 0) {
        return CONTROL_FRAGMENTED;
    }
    return length > WEBSOCKET_CONTROL_MAXIMUM ? CONTROL_TOO_LONG : NO_FAULT;
}

static enum fault wrong_with_data(unsigned opcode, bool is_fragmented) {
    if (opcode > WEBSOCKET_BINARY) {
        return RESERVED_OPCODE;
    }
    if (is_fragmented != (opcode == WEBSOCKET_CONTINUATION)) {
        return is_fragmented ? MESSAGE_INTERRUPTED : NOTHING_TO_CONTINUE;
    }
    return opcode == WEBSOCKET_TEXT ? TEXT : NO_FAULT;
}

/* What is wrong with a header's first two bytes. */
static enum fault wrong_with_start(const struct websocket *websocket) {
    unsigned first = websocket->header[0];
    if ((first & WEBSOCKET_RESERVED_BITS) != 0) {
        return RESERVED_BITS;
    }
    if (is_masked(websocket) == websocket->setup->is_client) {
        return websocket->setup->is_client ? UNEXPECTED_MASK : MISSING_MASK;
    }
    if ((first & WEBSOCKET_CONTROL_BIT) != 0) {
        return wrong_with_control(first, websocket->header[1] & WEBSOCKET_LENGTH_BITS);
    }
    return wrong_with_data(first & WEBSOCKET_OPCODE_BITS, websocket->is_fragmented);
}

static bool is_control(const struct websocket *websocket) {
    return (websocket->header[0] & WEBSOCKET_CONTROL_BIT) != 0;
}

static bool is_final(const struct websocket *websocket) {
    return (websocket->header[0] & WEBSOCKET_FINAL_BIT) != 0;
}

static enum fault take_length(struct websocket *websocket) {
    uint64_t length;
    if (!coax_websocket_header_length(websocket->header, &length)) {
        return BAD_LENGTH;
    }
    size_t kept = websocket->message == NULL || is_control(websocket) ? 0 : websocket->message->size;
    size_t maximum = is_control(websocket) ? WEBSOCKET_CONTROL_MAXIMUM : websocket->setup->message_maximum;
    if (length > maximum - kept) {
        return TOO_LARGE;
    }
    websocket->left = (uint32_t)length;
    return NO_FAULT;
}

/* Where the next look at a header is due: at its first two bytes, at its length, at its end. */
static size_t next_stop(const struct websocket *websocket) {
    size_t here = websocket->header_size;
    if (here < 2) {
        return 2;
    }
    size_t to_length = coax_websocket_header_to_length(websocket->header);
    return here < to_length ? to_length : coax_websocket_header_size(websocket->header);
}

static enum fault wrong_at_stop(struct websocket *websocket) {
    enum fault fault = websocket->header_size == 2 ? wrong_with_start(websocket) : NO_FAULT;
    bool has_length = websocket->header_size == coax_websocket_header_to_length(websocket->header);
    return fault == NO_FAULT && has_length ? take_length(websocket) : fault;
}

/* Takes bytes of the header; true when it is whole. */
static bool take_header(struct websocket *websocket, struct bytes *input) {
    size_t stop = next_stop(websocket);
    while (websocket->header_size < stop) {
        size_t wanted = stop - websocket->header_size;
        size_t taken = input->size < wanted ? input->size : wanted;
        if (taken == 0) {
            return false;
        }
        memcpy(websocket->header + websocket->header_size, input->data, taken);
        *input = bytes_of(input->data + taken, input->size - taken);
        websocket->header_size = (uint8_t)(websocket->header_size + taken);
        enum fault fault = taken == wanted ? wrong_at_stop(websocket) : NO_FAULT;
        if (fault != NO_FAULT) {
            return fail(websocket, fault);
        }
        stop = next_stop(websocket);
    }
    return true;
}

/* --- control frames --- */

/* RFC 6455 section 7.4, and the codes that were registered since. */
static bool is_close_code(unsigned code) {
    return (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014) || (code >= 3000 && code <= 4999);
}

static bool on_close(struct websocket *websocket) {
    struct bytes payload = control_payload(websocket);
    if (payload.size == 0) {
        return end(websocket, PEER_CLOSED, WEBSOCKET_NO_CODE);
    }
    if (payload.size == 1) {
        return fail(websocket, BAD_CLOSE);
    }
    unsigned code = (unsigned)payload.data[0] << 8 | payload.data[1];
    if (!is_close_code(code)) {
        return fail(websocket, BAD_CLOSE_CODE);
    }
    if (!coax_utf8_is_valid(payload.data + 2, payload.size - 2)) {
        return fail(websocket, BAD_REASON);
    }
    return end(websocket, PEER_CLOSED, (uint16_t)code);
}

/* After our close no pong is owed (RFC 6455 section 5.5.2), but the peer may wait for it. */
static bool on_ping(struct websocket *websocket) {
    websocket->phase = websocket->phase == CLOSING ? PONG_IN_CLOSING : PONG_WAITS;
    return flush_pong(websocket);
}

static bool finish_control(struct websocket *websocket) {
    websocket->header_size = 0;
    switch (websocket->header[0] & WEBSOCKET_OPCODE_BITS) {
    case WEBSOCKET_CLOSE:
        return on_close(websocket);
    case WEBSOCKET_PING:
        return on_ping(websocket);
    default:
        free_part(websocket->control);
        websocket->control = NULL;
        return true;
    }
}

static bool take_control(struct websocket *websocket, struct bytes payload) {
    if (payload.size > 0 && !keep(websocket, &websocket->control, payload, WEBSOCKET_CONTROL_MAXIMUM)) {
        return fail(websocket, OUT_OF_MEMORY);
    }
    return websocket->left > 0 || finish_control(websocket);
}

/* --- messages --- */

/* A message that lies whole in the input. A small one is unmasked on the stack. */
static bool take_whole(struct websocket *websocket, struct bytes payload) {
    static const uint8_t nothing[1] = {0};
    uint8_t scratch[SCRATCH_SIZE];
    struct bytes message = payload.size == 0 ? bytes_of(nothing, 0) : payload;
    if (is_masked(websocket)) {
        take_payload(websocket, scratch, payload);
        message.data = scratch;
    }
    websocket->left = 0;
    websocket->header_size = 0;
    return websocket->setup->message(websocket->user, message.data, message.size);
}

/* The part leaves the websocket first, so that the owner may free that. */
static bool finish_message(struct websocket *websocket) {
    static const uint8_t nothing[1] = {0};
    struct websocket_part *part = websocket->message;
    websocket->message = NULL;
    websocket->is_fragmented = false;
    bool goes_on =
        websocket->setup->message(websocket->user, part == NULL ? nothing : part->bytes, part == NULL ? 0 : part->size);
    free_part(part);
    return goes_on;
}

static bool take_data(struct websocket *websocket, struct bytes payload) {
    bool is_last = is_final(websocket) && payload.size == websocket->left;
    bool fits = !is_masked(websocket) || payload.size <= SCRATCH_SIZE;
    if (is_last && fits && websocket->message == NULL && !websocket->is_fragmented) {
        return take_whole(websocket, payload);
    }
    size_t kept = websocket->message == NULL ? 0 : websocket->message->size;
    size_t maximum = is_final(websocket) ? kept + websocket->left : websocket->setup->message_maximum;
    if (payload.size > 0 && !keep(websocket, &websocket->message, payload, maximum)) {
        return fail(websocket, OUT_OF_MEMORY);
    }
    if (websocket->left > 0) {
        return true;
    }
    websocket->header_size = 0;
    websocket->is_fragmented = true;
    return !is_final(websocket) || finish_message(websocket);
}

/* One frame, or what there is of it; false if nothing more can be taken, and the websocket may be gone. */
static bool take_frame(struct websocket *websocket, struct bytes *input) {
    if (!take_header(websocket, input)) {
        return false;
    }
    size_t size = input->size < websocket->left ? input->size : websocket->left;
    if (size == 0 && websocket->left > 0) {
        return false;
    }
    struct bytes payload = bytes_of(input->data, size);
    *input = bytes_of(input->data + size, input->size - size);
    return is_control(websocket) ? take_control(websocket, payload) : take_data(websocket, payload);
}

/* The owner may have said goodbye within `message`. */
static bool can_take(const struct websocket *websocket) {
    return websocket->phase == OPEN || websocket->phase == CLOSING;
}

size_t coax_websocket_receive(struct websocket *websocket, const uint8_t *data, size_t size) {
    if (websocket->phase == ENDED) {
        return size;
    }
    struct bytes input = bytes_of(data, size);
    if (!coax_websocket_flush(websocket)) {
        return 0;
    }
    while (input.size > 0 && can_take(websocket) && take_frame(websocket, &input)) {
    }
    return size - input.size;
}

/* --- messages that we send --- */

size_t coax_websocket_header_room(const struct websocket *websocket, size_t size) {
    uint8_t header[WEBSOCKET_HEADER_MAXIMUM];
    static const uint8_t mask[WEBSOCKET_MASK_SIZE];
    return coax_websocket_header_write(header, WEBSOCKET_BINARY, size, websocket->setup->is_client ? mask : NULL);
}

void coax_websocket_seal(struct websocket *websocket, uint8_t *frame, size_t size) {
    bool is_client = websocket->setup->is_client;
    uint8_t mask[WEBSOCKET_MASK_SIZE];
    if (is_client) {
        websocket->setup->random(websocket->user, mask, sizeof mask);
    }
    size_t header_size = coax_websocket_header_write(frame, WEBSOCKET_BINARY, size, is_client ? mask : NULL);
    if (is_client) {
        coax_websocket_mask(frame + header_size, frame + header_size, size, mask);
    }
}

size_t coax_websocket_held(const struct websocket *websocket) {
    return (websocket->message == NULL ? 0 : websocket->message->capacity)
           + (websocket->control == NULL ? 0 : websocket->control->capacity);
}

bool coax_websocket_is_within(const struct websocket *websocket) {
    return websocket->header_size > 0 || websocket->message != NULL || websocket->is_fragmented;
}
